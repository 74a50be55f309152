"""Arithmetic as PostgreSQL does it: bounded integers, exact numerics with its choice of scale, IEEE floats.

Theory: integers overflow with 22003 and divide towards zero. Numeric sums and products are exact and keep the scales that
Python's Decimal gives them, which are PostgreSQL's; a quotient gets at least 16 significant digits (numeric.c,
select_div_scale). Invariant: a function returns a value that its result type can hold, or raises.
"""

from __future__ import annotations

import math
import operator
import random
import struct
from collections.abc import Callable, Iterator
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal, InvalidOperation, Overflow
from fractions import Fraction
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.kinds import FLOAT4, FLOAT8, INT2, INT4, INT8, NUMERIC
from hyperdb.frontends.sql.functions.model import Function

EXACT = Context(prec=150_000, Emax=999_999, Emin=-999_999, traps=[InvalidOperation, Overflow])
LIMITS = {INT2: 1 << 15, INT4: 1 << 31, INT8: 1 << 63}
NAMES = {INT2: "smallint", INT4: "integer", INT8: "bigint"}
_MOST_DIGITS, _MOST_SCALE, _LEAST_DIGITS = 131_072, 16_383, 16
_GROUP = 4


def out_of_range(oid: int) -> SqlError:
    """22003 for a type."""
    names = NAMES | {FLOAT8: "double precision", FLOAT4: "real", NUMERIC: "value overflows numeric format"}
    name = names[oid]
    if oid == NUMERIC:
        return SqlError("22003", name)
    return SqlError("22003", f"{name} out of range")


def by_zero() -> SqlError:
    """22012."""
    return SqlError("22012", "division by zero")


def bounded(oid: int, value: int) -> int:
    """An integer of that type, or 22003."""
    limit = LIMITS[oid]
    if -limit <= value < limit:
        return value
    raise out_of_range(oid)


def plain(value: Decimal) -> Decimal:
    """Without a positive exponent, and within what numeric holds."""
    if not value.is_finite():
        return value
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    if value and value.adjusted() >= _MOST_DIGITS:
        raise out_of_range(NUMERIC)
    if exponent > 0:
        value = value.quantize(Decimal(1), context=EXACT)
    elif -exponent > _MOST_SCALE:
        value = value.quantize(Decimal(1).scaleb(-_MOST_SCALE), ROUND_HALF_UP, context=EXACT)
    return value.copy_abs() if not value and value.is_signed() else value


def scale(value: Decimal) -> int:
    """Digits behind the point."""
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _weight(value: Decimal) -> tuple[int, int]:
    """Place of the first group of four digits, and the group."""
    if not value:
        return 0, 0
    weight = value.adjusted() // _GROUP
    first = int(value.copy_abs().scaleb(-weight * _GROUP, context=EXACT).to_integral_value(ROUND_DOWN))
    return weight, first


def div_scale(left: Decimal, right: Decimal) -> int:
    """The scale of a quotient: numeric.c, select_div_scale."""
    (weight1, first1), (weight2, first2) = _weight(left), _weight(right)
    quotient = weight1 - weight2 - (first1 <= first2)
    wanted = max(_LEAST_DIGITS - quotient * _GROUP, scale(left), scale(right), 0)
    return min(wanted, 1000)


def rounded(value: Decimal, digits: int, mode: str = ROUND_HALF_UP) -> Decimal:
    """To so many digits behind the point."""
    if not value.is_finite():
        return value
    found = value.quantize(Decimal(1).scaleb(-digits), mode, context=EXACT)
    return found.copy_abs() if not found and found.is_signed() else plain(found)


def divide(left: Decimal, right: Decimal) -> Decimal:
    """left / right, at PostgreSQL's scale."""
    if left.is_nan() or right.is_nan():
        return Decimal("NaN")
    if not right:
        raise by_zero()
    if not (left.is_finite() and right.is_finite()):
        if right.is_finite():
            return left if (right > 0) else -left
        return Decimal("NaN") if not left.is_finite() else Decimal(0)
    digits = div_scale(left, right)
    return _quotient(left, right, digits)


def _quotient(left: Decimal, right: Decimal, digits: int) -> Decimal:
    lower = Decimal(1).scaleb(-digits)
    precision = max(left.adjusted() - right.adjusted() + digits + 5, 5)
    # Two more digits than wanted and a sticky one, so that rounding half up sees on which side the rest lies.
    raw = Context(prec=precision + 2, rounding="ROUND_05UP", Emax=999_999, Emin=-999_999).divide(left, right)
    return plain(raw.quantize(lower, ROUND_HALF_UP, context=EXACT))


def remainder(left: Decimal, right: Decimal) -> Decimal:
    """left % right; the sign is that of left."""
    if left.is_nan() or right.is_nan():
        return Decimal("NaN")
    if not right:
        raise by_zero()
    if left.is_infinite():
        return Decimal("NaN")
    if right.is_infinite():
        return left
    digits = max(scale(left), scale(right))
    found = EXACT.remainder(left, right).quantize(Decimal(1).scaleb(-digits), context=EXACT)
    return found.copy_abs() if not found and found.is_signed() else found


def _exact(run: Callable[[Decimal, Decimal], Decimal]) -> Callable[[Decimal, Decimal], Decimal]:
    def call(left: Decimal, right: Decimal) -> Decimal:
        try:
            return plain(run(left, right))
        except InvalidOperation:
            return Decimal("NaN")

    return call


add = _exact(EXACT.add)
"""numeric + numeric."""


def single(value: float) -> float:
    """Rounded to float4."""
    if math.isinf(value) or value != value:
        return value
    try:
        found: float = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        raise out_of_range(FLOAT4) from None
    return found


def _floats(oid: int, name: str, run: Callable[[float, float], float]) -> Callable[[float, float], float]:
    divides, scales = name == "/", name in "*/"

    def call(left: float, right: float) -> float:
        if divides and right == 0:
            if left != left:
                return left
            raise by_zero()
        try:
            found = run(left, right)
        except OverflowError:
            raise SqlError("22003", "value out of range: overflow") from None
        if math.isinf(found) and not (math.isinf(left) or math.isinf(right)):
            raise SqlError("22003", "value out of range: overflow")
        found = single(found) if oid == FLOAT4 else found
        if found == 0 and left != 0 and right != 0 and scales and math.isfinite(right):
            raise SqlError("22003", "value out of range: underflow")
        return found

    return call


def _numeric_minus(value: Decimal) -> Decimal:
    """There is one zero."""
    return value.copy_negate() if value else value.copy_abs()


def int_div(left: int, right: int) -> int:
    """Towards zero."""
    if right == 0:
        raise by_zero()
    found = abs(left) // abs(right)
    return found if (left < 0) == (right < 0) else -found


def int_mod(left: int, right: int) -> int:
    """The sign is that of left."""
    if right == 0:
        raise by_zero()
    return int(math.fmod(left, right)) if abs(left) < 1 << 53 and abs(right) < 1 << 53 else left - right * int_div(left, right)


def _integers(oid: int, run: Callable[[int, int], int]) -> Callable[[int, int], int]:
    limit = LIMITS[oid]

    def call(left: int, right: int) -> int:
        found = run(left, right)
        if -limit <= found < limit:
            return found
        raise out_of_range(oid)

    return call


def _shift(oid: int, *, left: bool) -> Callable[[int, int], int]:
    bits = {INT2: 32, INT4: 32, INT8: 64}[oid]
    width = {INT2: 16, INT4: 32, INT8: 64}[oid]

    def call(value: int, by: int) -> int:
        by %= bits
        found = (value << by if left else value >> by) & ((1 << width) - 1)
        return found - (1 << width) if found >> (width - 1) else found

    return call


def round_float(value: float) -> float:
    """To the nearest integer, halves to even (rint)."""
    return math.copysign(float(round(value)), value) if math.isfinite(value) and abs(value) < 1 << 53 else value


def _sign(value: Decimal) -> Decimal:
    return value if value.is_nan() else Decimal((value > 0) - (value < 0))


def _gcd(left: Decimal, right: Decimal) -> Decimal:
    """gcd() of numerics, which may have digits behind the point."""
    if not (left.is_finite() and right.is_finite()):
        return Decimal("NaN")
    digits = max(scale(left), scale(right))
    whole = math.gcd(*(int(EXACT.scaleb(each, digits)) for each in (left, right)))
    return plain(EXACT.scaleb(Decimal(whole), -digits))


def _lcm(left: Decimal, right: Decimal) -> Decimal:
    if not (left.is_finite() and right.is_finite()):
        return Decimal("NaN")
    digits = max(scale(left), scale(right))
    whole = math.lcm(*(int(EXACT.scaleb(each, digits)) for each in (left, right)))
    return plain(EXACT.scaleb(Decimal(whole), -digits))


def _whole(run: Callable[[float], int]) -> Callable[[float], float]:
    # A zero keeps the sign of what it comes from.
    return lambda value: math.copysign(float(run(value)), value) if math.isfinite(value) else value


def _width_bucket(value: Any, low: Any, high: Any, count: int) -> int:
    if count <= 0:
        raise SqlError("2201G", "count must be greater than zero")
    if any(each != each for each in (value, low, high)):
        raise SqlError("2201G", "operand, lower bound, and upper bound cannot be NaN")
    if any(abs(each) == math.inf for each in (low, high)):
        raise SqlError("2201G", "lower and upper bounds must be finite")
    if low == high:
        raise SqlError("2201G", "lower bound cannot equal upper bound")
    if (value < low) if low < high else (value > low):
        found = 0
    elif (value >= high) if low < high else (value <= high):
        found = count + 1
    else:
        # Exact for floats too: each is a fraction.
        found = int((Fraction(value) - Fraction(low)) * count / (Fraction(high) - Fraction(low))) + 1
    if found >= LIMITS[INT4]:
        raise out_of_range(INT4)
    return found


_INT_OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": int_div,
    "%": int_mod,
    "&": operator.and_,
    "|": operator.or_,
    "#": operator.xor,
}


def _wider(left: int, right: int) -> int:
    order = (INT2, INT4, INT8)
    return max(left, right, key=order.index)


def operators() -> Iterator[Function]:
    """Arithmetic operators."""
    for left in (INT2, INT4, INT8):
        for right in (INT2, INT4, INT8):
            result = _wider(left, right)
            for name, run in _INT_OPERATIONS.items():
                if name in "&|#" and left != right:
                    continue
                yield Function(name, (left, right), result, _integers(result, run))
        yield Function("<<", (left, INT4), left, _shift(left, left=True))
        yield Function(">>", (left, INT4), left, _shift(left, left=False))
        yield Function("-", (left,), left, lambda value, oid=left: bounded(oid, -value))
        yield Function("+", (left,), left, lambda value: value)
        yield Function("~", (left,), left, operator.invert)
        yield Function("@", (left,), left, lambda value, oid=left: bounded(oid, abs(value)))
        yield Function("abs", (left,), left, lambda value, oid=left: bounded(oid, abs(value)))
    numeric: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
        "+": add,
        "-": _exact(EXACT.subtract),
        "*": _exact(EXACT.multiply),
        "/": divide,
        "%": remainder,
    }
    for name, exact in numeric.items():
        yield Function(name, (NUMERIC, NUMERIC), NUMERIC, exact)
    floats: dict[str, Callable[[float, float], float]] = {
        "+": operator.add,
        "-": operator.sub,
        "*": operator.mul,
        "/": operator.truediv,
    }
    for left, right, result in (
        (FLOAT8, FLOAT8, FLOAT8),
        (FLOAT4, FLOAT4, FLOAT4),
        (FLOAT4, FLOAT8, FLOAT8),
        (FLOAT8, FLOAT4, FLOAT8),
    ):
        for name, real in floats.items():
            yield Function(name, (left, right), result, _floats(result, name, real))
    for oid in (NUMERIC, FLOAT4, FLOAT8):
        # The operators of Decimal round to its context's digits, its copies do not.
        size: Callable[[Any], Any] = Decimal.copy_abs if oid == NUMERIC else abs
        yield Function("-", (oid,), oid, _numeric_minus if oid == NUMERIC else operator.neg)
        yield Function("+", (oid,), oid, lambda value: value)
        yield Function("@", (oid,), oid, size)
        yield Function("abs", (oid,), oid, size)


def functions() -> Iterator[Function]:
    """Functions of numbers."""
    one: list[tuple[str, Callable[[Decimal], Any], Callable[[float], Any]]] = [
        ("ceil", lambda value: rounded(value, 0, ROUND_CEILING), _whole(math.ceil)),
        ("ceiling", lambda value: rounded(value, 0, ROUND_CEILING), _whole(math.ceil)),
        ("floor", lambda value: rounded(value, 0, ROUND_FLOOR), _whole(math.floor)),
        ("round", lambda value: rounded(value, 0), round_float),
        ("trunc", lambda value: rounded(value, 0, ROUND_DOWN), _whole(math.trunc)),
        ("sign", _sign, lambda value: float((value > 0) - (value < 0))),
    ]
    for name, exact, real in one:
        yield Function(name, (NUMERIC,), NUMERIC, exact)
        yield Function(name, (FLOAT8,), FLOAT8, real)
    yield Function("round", (NUMERIC, INT4), NUMERIC, lambda value, digits: _to_digits(value, digits, ROUND_HALF_UP))
    yield Function("trunc", (NUMERIC, INT4), NUMERIC, lambda value, digits: _to_digits(value, digits, ROUND_DOWN))
    yield Function("mod", (NUMERIC, NUMERIC), NUMERIC, remainder)
    for oid in (INT2, INT4, INT8):
        yield Function("mod", (oid, oid), oid, int_mod)
    for oid in (INT4, INT8):
        yield Function("gcd", (oid, oid), oid, lambda left, right, oid=oid: bounded(oid, math.gcd(left, right)))
        yield Function("lcm", (oid, oid), oid, lambda left, right, oid=oid: bounded(oid, math.lcm(left, right)))
    yield Function("gcd", (NUMERIC, NUMERIC), NUMERIC, _gcd)
    yield Function("lcm", (NUMERIC, NUMERIC), NUMERIC, _lcm)
    yield Function("scale", (NUMERIC,), INT4, lambda value: scale(value) if value.is_finite() else None)
    yield Function("pi", (), FLOAT8, lambda: math.pi)
    yield Function("random", (), FLOAT8, random.random, volatile=True)
    for oid in (NUMERIC, FLOAT8):
        yield Function("width_bucket", (oid, oid, oid, INT4), INT4, _width_bucket)
    for name in "sin cos tan asin acos atan sinh cosh tanh degrees radians cbrt".split():
        yield Function(name, (FLOAT8,), FLOAT8, _domain(getattr(math, name)))
    yield Function("atan2", (FLOAT8, FLOAT8), FLOAT8, math.atan2)


_DOMAIN = "input is out of range"


def _domain(run: Callable[[float], float]) -> Callable[[float], float]:
    def call(value: float) -> float:
        try:
            return run(value)
        except ValueError:
            raise SqlError("22003", _DOMAIN) from None

    return call


def _to_digits(value: Decimal, digits: int, mode: str) -> Decimal:
    if value.is_finite() and value.adjusted() + 1 < -digits:
        return Decimal(0)
    return rounded(value, min(digits, _MOST_SCALE), mode)
