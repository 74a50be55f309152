"""Arithmetic: what `+ - * / %` take and give.

Theory: the result's type follows from both operands' (Cassandra's documentation, Arithmetic operators); integers wrap as
Java's, decimals keep 34 digits; a duration moves a date or a timestamp by its months, then its days, then the rest.
Invariant: a result is a value of its type, or the statement fails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.codes import ErrorCode
from hyperdb.frontends.cql.functions import decimals
from hyperdb.frontends.cql.functions.arithmetic import BITS, NUMBERS, single, wrapped
from hyperdb.frontends.cql.parse.terms import Sign
from hyperdb.frontends.cql.types.durations import Duration, to_text
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import (
    ASCII,
    BIGINT,
    COUNTER,
    DATE,
    DECIMAL,
    DOUBLE,
    DURATION,
    FLOAT,
    INT,
    SMALLINT,
    TEXT,
    TIMESTAMP,
    TINYINT,
    VARINT,
    Native,
    Type,
)
from hyperdb.frontends.cql.types.moments import civil, day_number

Operate = Callable[[Any, Any], Any]
_WIDTHS = (TINYINT, SMALLINT, INT, BIGINT)
_DAY_MILLIS, _NANOS_OF_MILLI = 86_400_000, 1_000_000


def result(left: Native, right: Native) -> Native | None:
    """The type of two numbers' sum; None if one is no number."""
    if left not in NUMBERS or right not in NUMBERS:
        return None
    both = {BIGINT if each == COUNTER else each for each in (left, right)}
    if DECIMAL in both or (VARINT in both and both & {FLOAT, DOUBLE}):
        return DECIMAL
    if VARINT in both:
        return VARINT
    if DOUBLE in both or (FLOAT in both and BIGINT in both):
        return DOUBLE
    return FLOAT if FLOAT in both else max(both, key=_WIDTHS.index)


def operator(sign: Sign, left: Type, right: Type) -> tuple[Type, Operate] | None:
    """The result's type, and the code for decoded values that are not null; None if there is no such operation."""
    if not isinstance(left, Native) or not isinstance(right, Native):
        return None
    kind = result(left, right)
    if kind is not None:
        return kind, _numbers(sign, kind, left, right)
    if right == DURATION and left in (DATE, TIMESTAMP) and sign in (Sign.PLUS, Sign.MINUS):
        return left, _moved(left, 1 if sign is Sign.PLUS else -1)
    if sign is Sign.PLUS and {left, right} <= {ASCII, TEXT}:
        return (ASCII if left == right == ASCII else TEXT), lambda a, b: a + b
    return None


def failed(sign: Sign, left: Type, right: Type, why: str) -> CqlError:
    """An operation that failed while it ran."""
    names = [getattr(each, "name", str(each)) for each in (left, right)]
    extra = {"keyspace": "system", "function": f"_{sign.name.lower()}", "argument_types": names}
    return CqlError(ErrorCode.FUNCTION_FAILURE, f"the operation '{names[0]} {sign.value} {names[1]}' failed: {why}", extra)


def _numbers(sign: Sign, kind: Native, left: Native, right: Native) -> Operate:
    if kind in BITS:
        whole, bits = _WHOLE[sign], BITS[kind]
        return lambda a, b: wrapped(whole(a, b), bits)
    if kind == VARINT:
        return _unbounded(_WHOLE[sign])
    if kind in (FLOAT, DOUBLE):
        floating = _FLOATING[sign]
        if kind == DOUBLE:
            return lambda a, b: floating(float(a), float(b))
        return lambda a, b: single(floating(float(a), float(b)))
    return decimals.operation(sign, left, right)


def _unbounded(operate: Operate) -> Operate:
    def of(a: Any, b: Any) -> Any:
        try:
            return operate(a, b)
        except ZeroDivisionError:
            raise ArithmeticError("BigInteger divide by zero") from None

    return of


def _cut(a: int, b: int) -> int:
    if b == 0:
        raise ZeroDivisionError("/ by zero")
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def _divided(a: float, b: float) -> float:
    if b:
        return a / b
    return float("nan") if a != a or a == 0 else float("inf") * (a if abs(a) == 1 else (1 if a > 0 else -1))


def _rest(a: float, b: float) -> float:
    import math

    return math.fmod(a, b) if b and abs(a) != math.inf else math.nan


_WHOLE: dict[Sign, Operate] = {
    Sign.PLUS: lambda a, b: a + b,
    Sign.MINUS: lambda a, b: a - b,
    Sign.TIMES: lambda a, b: a * b,
    Sign.OVER: _cut,
    Sign.MODULO: lambda a, b: a - b * _cut(a, b),
}
_FLOATING: dict[Sign, Operate] = {
    Sign.PLUS: lambda a, b: a + b,
    Sign.MINUS: lambda a, b: a - b,
    Sign.TIMES: lambda a, b: a * b,
    Sign.OVER: _divided,
    Sign.MODULO: _rest,
}


def _moved(kind: Native, direction: int) -> Operate:
    unit = _DAY_MILLIS if kind == DATE else 1

    def of(moment: int, duration: Duration) -> int:
        if kind == DATE and duration.nanoseconds % (_DAY_MILLIS * _NANOS_OF_MILLI):
            raise ArithmeticError(f"The duration must have a day precision. Was: {to_text(duration)}")
        days, rest = divmod(moment * unit, _DAY_MILLIS)
        year, month, day = civil(days)
        months = year * 12 + month - 1 + direction * duration.months
        year, month = months // 12, months % 12 + 1
        # The month's last day, where it has no such day.
        found = next((number for last in range(day, 0, -1) if (number := day_number(year, month, last)) is not None), None)
        if found is None:
            raise invalid("the time is out of range")
        days = found + direction * duration.days
        return (days * _DAY_MILLIS + rest + direction * (duration.nanoseconds // _NANOS_OF_MILLI)) // unit

    return of
