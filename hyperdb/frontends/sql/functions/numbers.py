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
    if value.adjusted() >= _MOST_DIGITS:
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


def single(value: float) -> float:
    """Rounded to float4."""
    if math.isinf(value) or value != value:
        return value
    try:
        found: float = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        raise out_of_range(FLOAT4) from None
    return found


def _floats(oid: int, run: Callable[[float, float], float], *, divides: bool = False) -> Callable[[float, float], float]:
    def call(left: float, right: float) -> float:
        if divides and right == 0 and left == left:
            raise by_zero()
        try:
            found = run(left, right)
        except OverflowError:
            raise SqlError("22003", "value out of range: overflow") from None
        if math.isinf(found) and not (math.isinf(left) or math.isinf(right)):
            raise SqlError("22003", "value out of range: overflow")
        return single(found) if oid == FLOAT4 else found

    return call


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


def power(left: Decimal, right: Decimal) -> Decimal:
    """numeric ^ numeric."""
    if not left and right < 0:
        raise SqlError("2201F", "zero raised to a negative power is undefined")
    if left < 0 and right != right.to_integral_value():
        raise SqlError("2201F", "a negative number raised to a non-integer power yields a complex result")
    try:
        estimate = float(right) * math.log10(abs(float(left))) if left else 0.0
    except (OverflowError, ValueError):
        estimate = 0.0
    if estimate > _MOST_DIGITS:
        raise out_of_range(NUMERIC)
    digits = min(max(_LEAST_DIGITS - int(estimate), scale(left), scale(right), 0), 1000)
    context = Context(prec=max(int(estimate), 0) + digits + 20, Emax=999_999, Emin=-999_999)
    return rounded(context.power(left, right), digits)


def _dpow(left: float, right: float) -> float:
    if left == 0 and right < 0:
        raise SqlError("2201F", "zero raised to a negative power is undefined")
    if left < 0 and right != int(right):
        raise SqlError("2201F", "a negative number raised to a non-integer power yields a complex result")
    return float(left**right)


def square_root(value: Decimal) -> Decimal:
    if value < 0:
        raise SqlError("2201F", "cannot take square root of a negative number")
    digits = max(_LEAST_DIGITS - (value.adjusted() // 2 if value else 0), scale(value), 0)
    return rounded(Context(prec=max(value.adjusted(), 0) + digits + 20).sqrt(value), min(digits, 1000))


def _log(value: Decimal, what: Callable[[Context], Decimal]) -> Decimal:
    if value == 0:
        raise SqlError("2201E", "cannot take logarithm of zero")
    if value < 0:
        raise SqlError("2201E", "cannot take logarithm of a negative number")
    found = what(Context(prec=60))
    digits = max(_LEAST_DIGITS - (int(math.log10(abs(found))) if found else 0), scale(value), 0)
    return rounded(found, min(digits, 1000))


def _ln(value: Decimal) -> Decimal:
    return _log(value, lambda context: context.ln(value))


def _log10(value: Decimal) -> Decimal:
    return _log(value, lambda context: context.log10(value))


def _exp(value: Decimal) -> Decimal:
    estimate = float(value) * 0.4343
    digits = max(_LEAST_DIGITS - int(estimate), scale(value), 0)
    return rounded(Context(prec=max(int(estimate), 0) + digits + 20, Emax=999_999).exp(value), min(digits, 1000))


def _flog(run: Callable[[float], float]) -> Callable[[float], float]:
    def call(value: float) -> float:
        if value == 0:
            raise SqlError("2201E", "cannot take logarithm of zero")
        if value < 0:
            raise SqlError("2201E", "cannot take logarithm of a negative number")
        return run(value)

    return call


def _froot(value: float) -> float:
    if value < 0:
        raise SqlError("2201F", "cannot take square root of a negative number")
    return math.sqrt(value)


def round_float(value: float) -> float:
    """To the nearest integer, halves to even (rint)."""
    return math.copysign(float(round(value)), value) if math.isfinite(value) and abs(value) < 1 << 53 else value


def _whole(run: Callable[[float], int]) -> Callable[[float], float]:
    return lambda value: float(run(value)) if math.isfinite(value) else value


def _width_bucket(value: Decimal, low: Decimal, high: Decimal, count: int) -> int:
    if count <= 0:
        raise SqlError("2201G", "count must be greater than zero")
    if low == high:
        raise SqlError("2201G", "lower bound cannot equal upper bound")
    if low < high:
        return 0 if value < low else count + 1 if value >= high else int((value - low) * count / (high - low)) + 1
    return 0 if value > low else count + 1 if value <= high else int((low - value) * count / (low - high)) + 1


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
        "+": _exact(EXACT.add),
        "-": _exact(EXACT.subtract),
        "*": _exact(EXACT.multiply),
        "/": divide,
        "%": remainder,
        "^": power,
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
            yield Function(name, (left, right), result, _floats(result, real, divides=name == "/"))
    yield Function("^", (FLOAT8, FLOAT8), FLOAT8, _floats(FLOAT8, _dpow))
    for oid in (NUMERIC, FLOAT4, FLOAT8):
        yield Function("-", (oid,), oid, lambda value: -value if value else abs(value) if isinstance(value, Decimal) else -value)
        yield Function("+", (oid,), oid, lambda value: value)
        yield Function("@", (oid,), oid, abs)
        yield Function("abs", (oid,), oid, abs)


def functions() -> Iterator[Function]:
    """Functions of numbers."""
    one: list[tuple[str, Callable[[Decimal], Any], Callable[[float], Any]]] = [
        ("ceil", lambda value: rounded(value, 0, ROUND_CEILING), _whole(math.ceil)),
        ("ceiling", lambda value: rounded(value, 0, ROUND_CEILING), _whole(math.ceil)),
        ("floor", lambda value: rounded(value, 0, ROUND_FLOOR), _whole(math.floor)),
        ("round", lambda value: rounded(value, 0), round_float),
        ("trunc", lambda value: rounded(value, 0, ROUND_DOWN), _whole(math.trunc)),
        ("sign", lambda value: Decimal((value > 0) - (value < 0)), lambda value: float((value > 0) - (value < 0))),
        ("sqrt", square_root, _froot),
        ("ln", _ln, _flog(math.log)),
        ("log", _log10, _flog(math.log10)),
        ("log10", _log10, _flog(math.log10)),
        ("exp", _exp, lambda value: _floats(FLOAT8, lambda x, _y: math.exp(x))(value, 0.0)),
    ]
    for name, exact, real in one:
        yield Function(name, (NUMERIC,), NUMERIC, exact)
        yield Function(name, (FLOAT8,), FLOAT8, real)
    yield Function("round", (NUMERIC, INT4), NUMERIC, lambda value, digits: _to_digits(value, digits, ROUND_HALF_UP))
    yield Function("trunc", (NUMERIC, INT4), NUMERIC, lambda value, digits: _to_digits(value, digits, ROUND_DOWN))
    for name in ("power", "pow"):
        yield Function(name, (NUMERIC, NUMERIC), NUMERIC, power)
        yield Function(name, (FLOAT8, FLOAT8), FLOAT8, _floats(FLOAT8, _dpow))
    yield Function("log", (NUMERIC, NUMERIC), NUMERIC, lambda base, value: divide(_ln(value), _ln(base)))
    yield Function("mod", (NUMERIC, NUMERIC), NUMERIC, remainder)
    yield Function("div", (NUMERIC, NUMERIC), NUMERIC, lambda left, right: rounded(divide(left, right), 0, ROUND_DOWN))
    for oid in (INT2, INT4, INT8):
        yield Function("mod", (oid, oid), oid, int_mod)
    for oid in (INT4, INT8):
        yield Function("gcd", (oid, oid), oid, lambda left, right, oid=oid: bounded(oid, math.gcd(left, right)))
        yield Function("lcm", (oid, oid), oid, lambda left, right, oid=oid: bounded(oid, math.lcm(left, right)))
    yield Function("scale", (NUMERIC,), INT4, scale)
    yield Function("pi", (), FLOAT8, lambda: math.pi)
    yield Function("random", (), FLOAT8, random.random, volatile=True)
    yield Function("width_bucket", (NUMERIC, NUMERIC, NUMERIC, INT4), INT4, _width_bucket)
    for name in "sin cos tan asin acos atan sinh cosh tanh degrees radians cbrt".split():
        yield Function(name, (FLOAT8,), FLOAT8, _domain(getattr(math, name)))
    yield Function("atan2", (FLOAT8, FLOAT8), FLOAT8, math.atan2)


def _domain(run: Callable[[float], float]) -> Callable[[float], float]:
    def call(value: float) -> float:
        try:
            return run(value)
        except ValueError:
            raise SqlError("22003", "input is out of range") from None

    return call


def _to_digits(value: Decimal, digits: int, mode: str) -> Decimal:
    digits = max(min(digits, 2000), -_MOST_DIGITS)
    return rounded(value, digits, mode)
