"""Arithmetic of decimals as Java's BigDecimal has it, scale and all.

Theory: a decimal is a whole number and a scale, and which scale a result has is part of it. Sums and products are exact (up to
10,000 digits); a quotient has at least 32 digits and 32 places behind its point, at most 1,000 places, and loses the zeros at its
end; a remainder's scale follows from the quotient's, which is brought as near to the difference of both scales as it can be.
Numbers of other types become decimals through the text of a double, so 3 is 3.0; only a varint is taken as it is.
Invariant: the result and its scale are Java's; the work is bounded, whatever the scales are.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from hyperdb.frontends.cql.parse.terms import Sign
from hyperdb.frontends.cql.types import numbers
from hyperdb.frontends.cql.types.model import DECIMAL, VARINT, Native

_DIGITS = 32
_MOST_SCALE = 1000
_MOST_POWER = 65_536
_ROUNDED = Context(prec=10_000, rounding=ROUND_HALF_UP, Emax=999_999_999, Emin=-999_999_999)


def converter(kind: Native) -> Callable[[Any], Decimal]:
    """How numbers of a type become decimals."""
    if kind in (DECIMAL, VARINT):
        return Decimal

    def of(number: Any) -> Decimal:
        found = numbers.decimal(numbers.double_text(float(number)))
        if found is None:
            what = "A NaN" if number != number else "An infinite number"
            raise ArithmeticError(f"{what} cannot be converted into a decimal")
        return found

    return of


def operation(sign: Sign, left: Native, right: Native) -> Callable[[Any, Any], Decimal]:
    """What an operator does to two numbers of which one is a decimal, or one a varint and the other a double."""
    first, second, operate = converter(left), converter(right), _OPERATIONS[sign]
    return lambda a, b: operate(first(a), second(b))


def _scaled(number: Decimal) -> tuple[int, int]:
    sign, digits, exponent = number.as_tuple()
    whole = int("".join(map(str, digits)) or "0")
    return -whole if sign else whole, -int(exponent)


def _power(of_ten: int) -> int:
    """Raises an error that the statement fails with, where a number would have more digits than anybody can want."""
    if of_ten > _MOST_POWER:
        raise ArithmeticError("Overflow")
    return int(10**of_ten)


def _made(whole: int, scale: int) -> Decimal:
    return Decimal((int(whole < 0), tuple(map(int, str(abs(whole)))), -scale))


def _stripped(whole: int, scale: int, least: int) -> tuple[int, int]:
    """Without zeros at the end, as far as the scale stays at `least` or above it."""
    while scale > least and whole and whole % 10 == 0:
        whole, scale = whole // 10 if whole > 0 else -(-whole // 10), scale - 1
    return whole, scale


def _divide(left: Decimal, right: Decimal) -> Decimal:
    (a, of_a), (b, of_b) = _scaled(left), _scaled(right)
    if not b:
        raise ArithmeticError("BigInteger divide by zero")
    first = (len(str(abs(a))) - of_a) - (len(str(abs(b))) - of_b)
    scale = min(max(_DIGITS - first, of_a, of_b, _DIGITS), _MOST_SCALE)
    shift = scale - of_a + of_b
    over, under = (abs(a) * _power(shift), abs(b)) if shift >= 0 else (abs(a), abs(b) * _power(-shift))
    quotient, rest = divmod(over, under)
    quotient += 2 * rest >= under
    if not quotient:
        return Decimal(0)
    return _made(*_stripped(quotient if (a < 0) == (b < 0) else -quotient, scale, -(10**9)))


def _remainder(left: Decimal, right: Decimal) -> Decimal:
    (a, of_a), (b, of_b) = _scaled(left), _scaled(right)
    if not b:
        raise ArithmeticError("Division by zero")
    low = max(of_a, of_b)
    x, y = abs(a) * _power(low - of_a), abs(b) * _power(low - of_b)
    wanted = of_a - of_b
    quotient, scale = x // y, 0
    if not quotient or scale < wanted:
        scale = wanted
    else:
        _, scale = _stripped(quotient, 0, wanted)
    result = max(of_a, scale + of_b)
    rest = x % y
    rest = rest * _power(result - low) if result >= low else rest // _power(low - result)
    return _made(-rest if a < 0 else rest, result)


_OPERATIONS: dict[Sign, Callable[[Decimal, Decimal], Decimal]] = {
    Sign.PLUS: _ROUNDED.add,
    Sign.MINUS: _ROUNDED.subtract,
    Sign.TIMES: _ROUNDED.multiply,
    Sign.OVER: _divide,
    Sign.MODULO: _remainder,
}
