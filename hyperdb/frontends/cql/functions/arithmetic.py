"""Numbers as Java computes them: narrowing, rounding, mathematics, sums and means.

Theory: an integer result is cut to its type's width (two's complement) where Java's operators do so, and is the nearest that
fits where a double becomes an integer; mathematics of decimals gives 32 digits. Invariant: every result is a value of its type.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from typing import Any

from hyperdb.frontends.cql.functions.model import Function, Signature, Types
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import BIGINT, COUNTER, DECIMAL, DOUBLE, FLOAT, INT, SMALLINT, TINYINT, VARINT, Native
from hyperdb.frontends.cql.types.numbers import FLOAT as FLOAT_LAYOUT
from hyperdb.frontends.cql.types.numbers import MOST_DIGITS, float_bytes

BITS = {TINYINT: 8, SMALLINT: 16, INT: 32, BIGINT: 64, COUNTER: 64}
NUMBERS = (*BITS, VARINT, FLOAT, DOUBLE, DECIMAL)
_EXACT = Context(prec=MOST_DIGITS, rounding=ROUND_HALF_EVEN, Emax=999_999_999, Emin=-999_999_999)
_LONG = Context(prec=32, rounding=ROUND_HALF_EVEN, Emax=999_999_999, Emin=-999_999_999)


def wrapped(number: int, bits: int) -> int:
    """The low bits of a number, as one with a sign."""
    half = 1 << bits - 1
    return (number + half) % (half << 1) - half


def saturated(number: float, bits: int) -> int:
    """What Java's cast of a double to an integer gives: cut towards 0, the nearest that fits; 0 of what is no number."""
    if math.isnan(number):
        return 0
    least, greatest = -(1 << bits - 1), (1 << bits - 1) - 1
    if math.isinf(number):
        return greatest if number > 0 else least
    return min(max(int(number), least), greatest)


def single(number: float) -> float:
    """The nearest float."""
    return float(FLOAT_LAYOUT.unpack(float_bytes(number))[0])


def whole(number: Decimal) -> int:
    """The number without what stands behind its point.

    Raises:
        CqlError: invalid, when it has so many digits that the work would hurt.
    """
    if number.adjusted() > MOST_DIGITS:
        raise invalid(f"a number of more than {MOST_DIGITS} digits is not converted")
    return int(number)


def _power(number: float) -> float:
    try:
        return math.exp(number)
    except OverflowError:
        return math.inf


def _logarithm(of: Callable[[float], float]) -> Callable[[float], float]:
    def log(number: float) -> float:
        if math.isnan(number) or number < 0:
            return math.nan
        return -math.inf if number == 0 else of(number)

    return log


def _decimal_function(name: str, of: Callable[[Decimal], Decimal]) -> Callable[[Decimal], Decimal]:
    def run(number: Decimal) -> Decimal:
        try:
            found = of(number)
        except ArithmeticError:
            raise invalid(f"{name} of {number} is no number that fits") from None
        if not found.is_finite():
            raise invalid(f"{name} of {number} is no number that fits")
        return found

    return run


_DOUBLES: dict[str, Callable[[float], float]] = {
    "exp": _power,
    "log": _logarithm(math.log),
    "log10": _logarithm(math.log10),
}
_DECIMALS: dict[str, Callable[[Decimal], Decimal]] = {
    "exp": _decimal_function("exp", lambda number: number.exp(_LONG)),
    "log": _decimal_function("log", lambda number: number.ln(_LONG)),
    "log10": _decimal_function("log10", lambda number: number.log10(_LONG)),
}


def _half_up(number: float) -> float:
    """Java's Math.round as a double: halves go up."""
    return number if math.isnan(number) or math.isinf(number) else float(math.floor(Fraction(number) + Fraction(1, 2)))


def _nearest(number: Decimal) -> Decimal:
    """The nearest number without a fraction."""
    if int(number.as_tuple().exponent) >= 0:
        return number
    # What is far below a half has no place among the context's exponents.
    return Decimal(0) if number.adjusted() < -1 else number.quantize(Decimal(1), ROUND_HALF_UP, _EXACT)


def _code(name: str, kind: Native) -> Callable[[Any], Any]:
    """What a function of mathematics does to a number of a type."""
    integral = kind in BITS or kind is VARINT
    if name == "abs":
        if kind is DECIMAL:
            # abs() would round, and fail beyond its context's exponents.
            return Decimal.copy_abs
        return (lambda number: wrapped(abs(number), BITS[kind])) if kind in BITS else abs
    if name == "round":
        if integral:
            return lambda number: number
        if kind is DECIMAL:
            return _nearest
        return _half_up if kind is DOUBLE else lambda number: single(_half_up(number))
    if kind is DECIMAL:
        return _DECIMALS[name]
    if kind is VARINT:
        return lambda number: whole(_DECIMALS[name](Decimal(number)))
    of = _DOUBLES[name]
    if kind in BITS:
        # A double becomes an int or a long, of which the low bits are kept.
        return lambda number: wrapped(saturated(of(float(number)), max(BITS[kind], 32)), BITS[kind])
    return of if kind is DOUBLE else lambda number: single(of(number))


def _signature(name: str) -> Signature:
    made = {}
    for kind in NUMBERS:
        code = _code(name, kind)
        made[kind] = Function(name, (kind,), kind, lambda _environment, values, code=code: code(values[0]))  # type: ignore[misc]

    def make(types: Types) -> Function | None:
        only = types[0] if len(types) == 1 else None
        return made.get(only) if isinstance(only, Native) else None

    return Signature(f"{name} : (number) -> number", make)


SIGNATURES = {name: [_signature(name)] for name in ("abs", "exp", "log", "log10", "round")}


def add_decimals(left: Decimal, right: Decimal) -> Decimal:
    """The exact sum.

    Raises:
        CqlError: invalid, when it has more digits than a number may have.
    """
    low = min(int(left.as_tuple().exponent), int(right.as_tuple().exponent))
    if max(left.adjusted(), right.adjusted()) - low > MOST_DIGITS:
        raise invalid("the sum has too many digits")
    return _EXACT.add(left, right)


def divided(kind: Native, total: Any, count: int) -> Any:
    """A sum by how many it is of, in the type: decimals at the sum's scale, halves to even; integers cut towards 0."""
    if kind is DECIMAL:
        return _EXACT.divide(total, Decimal(count)).quantize(total, ROUND_HALF_EVEN, _EXACT)
    quotient = abs(total) // count
    return -quotient if total < 0 else quotient
