"""Powers, roots and logarithms of numerics and floats.

Theory: a numeric's result has as many digits behind the point as numeric.c chooses, so that at least 16 digits are significant;
`estimate_ln` is its estimate_ln_dweight. Infinities and NaN follow POSIX's pow. Invariant: what is shown is rounded once, from
more digits than are shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from decimal import Context, Decimal

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.kinds import FLOAT8, NUMERIC
from hyperdb.frontends.sql.functions.model import Function
from hyperdb.frontends.sql.functions.numbers import divide, out_of_range, rounded, scale

_LEAST_DIGITS, _MOST_SHOWN = 16, 1000
_MOST_EXPONENT, _FUZZ = 6000, 1.005
"""exp() beyond it overflows (numeric.c, NUMERIC_MAX_RESULT_SCALE * 3)."""
_LOG_E = 0.434294481903252
_GROUP = 4
_INT = 1 << 31
_NAN, _INFINITY, _ZERO, _ONE = Decimal("NaN"), Decimal("Infinity"), Decimal(0), Decimal(1)
_NEAR = (Decimal("0.9"), Decimal("1.1"))
_BY_ZERO = "zero raised to a negative power is undefined"
_COMPLEX = "a negative number raised to a non-integer power yields a complex result"
_GUARD = 25


def _context(digits: int) -> Context:
    return Context(prec=max(digits, 1) + _GUARD, Emax=999_999_999, Emin=-999_999_999)


def _overflow() -> SqlError:
    return out_of_range(NUMERIC)


def _shown(wanted: int, *values: Decimal) -> int:
    return min(max(wanted, 0, *map(scale, values)), _MOST_SHOWN)


def estimate_ln(value: Decimal) -> int:
    """The decimal place of the first digit of ln(value)."""
    if value <= 0:
        return 0
    if _NEAR[0] <= value <= _NEAR[1]:
        rest = _context(value.adjusted() + scale(value) + 2).subtract(value, _ONE)
        return rest.adjusted() if rest else 0
    logarithm = math.log(float(value.scaleb(-value.adjusted(), _context(40)))) + value.adjusted() * math.log(10)
    return int(math.log10(abs(logarithm)))


def ln(value: Decimal) -> Decimal:
    """The natural logarithm.

    Raises:
        SqlError: 2201E of what is not above zero.
    """
    if value.is_nan():
        return value
    if value == 0:
        raise SqlError("2201E", "cannot take logarithm of zero")
    if value < 0:
        raise SqlError("2201E", "cannot take logarithm of a negative number")
    if value.is_infinite():
        return value
    digits = _shown(_LEAST_DIGITS - estimate_ln(value), value)
    return rounded(_context(digits + 8 + scale(value)).ln(value), digits)


def logarithm(base: Decimal, value: Decimal) -> Decimal:
    """log(base, value).

    Raises:
        SqlError: 2201E of what is not above zero, 22012 to the base of one.
    """
    if base.is_nan() or value.is_nan():
        return _NAN
    if base < 0 or value < 0:
        raise SqlError("2201E", "cannot take logarithm of a negative number")
    if base == 0 or value == 0:
        raise SqlError("2201E", "cannot take logarithm of zero")
    if base.is_infinite():
        return _NAN if value.is_infinite() else _ZERO
    if value.is_infinite():
        return value
    digits = _shown(_LEAST_DIGITS - (estimate_ln(value) - estimate_ln(base)), base, value)
    context = _context(digits + 16 + scale(base) + scale(value))
    below = context.ln(base)
    if not below:
        raise SqlError("22012", "division by zero")
    return rounded(context.divide(context.ln(value), below), digits)


def exponential(value: Decimal) -> Decimal:
    """e to the power of a numeric."""
    if value.is_nan():
        return value
    if value.is_infinite():
        return value if value > 0 else _ZERO
    weight = min(max(float(value) * _LOG_E, -2000.0), 2000.0)
    return _exponential(value, _shown(_LEAST_DIGITS - int(weight), value))


def _exponential(value: Decimal, digits: int) -> Decimal:
    if abs(value) >= _MOST_EXPONENT:
        if value > 0:
            raise _overflow()
        return _ZERO.scaleb(-digits)
    return rounded(_context(max(int(float(value) * _LOG_E), 0) + digits).exp(value), digits)


def square_root(value: Decimal) -> Decimal:
    """The square root.

    Raises:
        SqlError: 2201F of what is below zero.
    """
    if value.is_nan():
        return value
    if value < 0:
        raise SqlError("2201F", "cannot take square root of a negative number")
    if value.is_infinite():
        return value
    groups = value.adjusted() // _GROUP if value else 0
    weight = int((groups + 1) * _GROUP / 2) - 1
    return root(value, _shown(_LEAST_DIGITS - weight, value))


def root(value: Decimal, digits: int) -> Decimal:
    """The square root of what is not below zero, to so many digits behind the point."""
    return rounded(_context(max(value.adjusted(), 0) + digits).sqrt(value), digits)


def _is_whole(value: Decimal) -> bool:
    return value.is_infinite() or value == value.to_integral_value()


def _is_odd(value: Decimal) -> bool:
    return value.is_finite() and _is_whole(value) and int(value) % 2 == 1


def power(base: Decimal, exponent: Decimal) -> Decimal:
    """base ^ exponent.

    Raises:
        SqlError: 2201F where there is none, 22003 where it is too large.
    """
    if base.is_nan() or exponent.is_nan():
        one = (exponent.is_finite() and exponent == 0) or (base.is_finite() and base == 1)
        return _ONE if one else _NAN
    if base == 0 and exponent < 0:
        raise SqlError("2201F", _BY_ZERO)
    if base < 0 and not _is_whole(exponent):
        raise SqlError("2201F", _COMPLEX)
    if base.is_infinite() or exponent.is_infinite():
        return _infinite(base, exponent)
    if _is_whole(exponent) and -_INT <= exponent < _INT:
        return _whole(base, int(exponent))
    return _fractional(base, exponent)


def _infinite(base: Decimal, exponent: Decimal) -> Decimal:
    """pow(3) with an infinite argument."""
    if base == 1 or exponent == 0:
        return _ONE
    if base == 0:
        return _ZERO
    if exponent.is_infinite():
        if base == -1:
            return _ONE
        return _INFINITY if (abs(base) > 1) == (exponent > 0) else _ZERO
    if exponent < 0:
        return _ZERO
    return -_INFINITY if base < 0 and _is_odd(exponent) else _INFINITY


def _whole(base: Decimal, exponent: int) -> Decimal:
    """To a power that is a 32-bit integer: 16 digits behind the point, or as many as the base has."""
    digits = _shown(_LEAST_DIGITS, base)
    if exponent == 0:
        return rounded(_ONE, digits)
    if exponent == 1:
        return rounded(base, digits)
    if not base:
        return _ZERO.scaleb(-digits)
    first = base.copy_abs().scaleb(-base.adjusted(), _context(20))
    weight = exponent * (math.log10(float(first)) + base.adjusted())
    if weight > 3 * 32_767 * _GROUP:
        raise _overflow()
    if weight + 1 < -digits:
        return _ZERO.scaleb(-digits)
    found = _context(max(int(weight), 0) + digits + 12).power(base, Decimal(exponent))
    if found.adjusted() >= 131_072:
        raise _overflow()
    return rounded(found, digits)


def _fractional(base: Decimal, exponent: Decimal) -> Decimal:
    if not base:
        return _ZERO.scaleb(-_LEAST_DIGITS)
    negative = base < 0 and _is_odd(exponent)
    base = base.copy_abs()
    rough = _context(20).multiply(_context(20 + scale(base)).ln(base), exponent)
    if abs(rough) > _MOST_EXPONENT * _FUZZ:
        if rough > 0:
            raise _overflow()
        return _ZERO.scaleb(-_MOST_SHOWN)
    weight = float(rough) * _LOG_E
    digits = _shown(_LEAST_DIGITS - int(weight), base, exponent)
    context = _context(digits + int(abs(weight)) + max(exponent.adjusted(), 0) + scale(base) + 8)
    found = _exponential(context.multiply(context.ln(base), exponent), digits)
    return -found if negative else found


# Floats.


def float_power(base: float, exponent: float) -> float:
    """dpow (float.c).

    Raises:
        SqlError: 2201F where there is none, 22003 where it is too large or too small.
    """
    if base != base or exponent != exponent:
        return 1.0 if exponent == 0 or base == 1 else math.nan
    if base == 0 and exponent < 0:
        raise SqlError("2201F", _BY_ZERO)
    if base < 0 and math.isfinite(exponent) and exponent != math.floor(exponent):
        raise SqlError("2201F", _COMPLEX)
    if math.isinf(exponent):
        if abs(base) == 1:
            return 1.0
        return math.inf if (abs(base) > 1) == (exponent > 0) else 0.0
    try:
        found = math.pow(base, exponent)
    except OverflowError:
        raise SqlError("22003", "value out of range: overflow") from None
    if found == 0 and base != 0 and math.isfinite(base):
        raise SqlError("22003", "value out of range: underflow")
    return found


def _float_exponential(value: float) -> float:
    try:
        found = math.exp(value)
    except OverflowError:
        raise SqlError("22003", "value out of range: overflow") from None
    if found == 0 and math.isfinite(value):
        raise SqlError("22003", "value out of range: underflow")
    return found


def _float_logarithm(run: Callable[[float], float]) -> Callable[[float], float]:
    def call(value: float) -> float:
        if value == 0:
            raise SqlError("2201E", "cannot take logarithm of zero")
        if value < 0:
            raise SqlError("2201E", "cannot take logarithm of a negative number")
        return run(value)

    return call


def _float_root(value: float) -> float:
    if value < 0:
        raise SqlError("2201F", "cannot take square root of a negative number")
    return math.sqrt(value)


def quotient(left: Decimal, right: Decimal) -> Decimal:
    """div(): the quotient towards zero."""
    if not (left.is_finite() and right.is_finite()) or not right:
        return divide(left, right)
    shift = max(scale(left), scale(right))
    wide = _context(abs(left.adjusted()) + abs(right.adjusted()) + 2 * shift + 4)
    whole, over = (int(each.scaleb(shift, wide)) for each in (left, right))
    found = abs(whole) // abs(over)
    return Decimal(found if (whole < 0) == (over < 0) else -found)


def operators() -> Iterator[Function]:
    """The operators."""
    yield Function("^", (NUMERIC, NUMERIC), NUMERIC, power)
    yield Function("^", (FLOAT8, FLOAT8), FLOAT8, float_power)
    yield Function("|/", (FLOAT8,), FLOAT8, _float_root)
    yield Function("||/", (FLOAT8,), FLOAT8, math.cbrt)


def functions() -> Iterator[Function]:
    """The functions."""
    for name in ("power", "pow"):
        yield Function(name, (NUMERIC, NUMERIC), NUMERIC, power)
        yield Function(name, (FLOAT8, FLOAT8), FLOAT8, float_power)
    for name, exact, real in (
        ("sqrt", square_root, _float_root),
        ("exp", exponential, _float_exponential),
        ("ln", ln, _float_logarithm(math.log)),
        ("log", lambda value: logarithm(Decimal(10), value), _float_logarithm(math.log10)),
        ("log10", lambda value: logarithm(Decimal(10), value), _float_logarithm(math.log10)),
    ):
        yield Function(name, (NUMERIC,), NUMERIC, exact)
        yield Function(name, (FLOAT8,), FLOAT8, real)
    yield Function("log", (NUMERIC, NUMERIC), NUMERIC, logarithm)
    yield Function("div", (NUMERIC, NUMERIC), NUMERIC, quotient)
