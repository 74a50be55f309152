"""`floor(time, duration [, start])`: the begin of the interval that a time lies in, for GROUP BY.

Theory: intervals follow one another from a start (1970 unless said), each as long as the duration; months are those of the
calendar, the n-th interval begins n durations after the start, on the month's last day where it is shorter. Invariant: the
result is not later than the time, and one duration later is.
"""

from __future__ import annotations

from hyperdb.frontends.cql.functions.model import Environment, Function, Run, Signature, Types, Value
from hyperdb.frontends.cql.functions.moments import millis_of
from hyperdb.frontends.cql.types.durations import Duration, to_text
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import DATE, DURATION, TIME, TIMESTAMP, TIMEUUID, Native
from hyperdb.frontends.cql.types.moments import civil, day_number

_DAY = 86_400_000
_NANOS_OF_MILLI = 1_000_000
_NANOS_OF_DAY = _DAY * _NANOS_OF_MILLI


def _later(start: int, duration: Duration, times: int) -> int:
    """Milliseconds of the begin of an interval."""
    days, rest = divmod(start, _DAY)
    year, month, day = civil(days)
    months = year * 12 + month - 1 + duration.months * times
    year, month = months // 12, months % 12 + 1
    # The month's last day, where it has no such day.
    found = next((number for last in range(day, 27, -1) if (number := day_number(year, month, last)) is not None), None)
    if found is None:
        found = day_number(year, month, day)
    if found is None:
        raise invalid("the time is out of range")
    return (found + duration.days * times) * _DAY + rest + duration.nanoseconds // _NANOS_OF_MILLI * times


def floor_millis(time: int, duration: Duration, start: int) -> int:
    """The begin of the interval that a time lies in, milliseconds since 1970.

    Raises:
        CqlError: invalid, for durations that are not positive or finer than a millisecond, and for times before the start.
    """
    if duration.months < 0 or duration.days < 0 or duration.nanoseconds < 0 or duration == Duration(0, 0, 0):
        raise invalid("Negative durations are not supported by the floor function")
    if duration.nanoseconds % _NANOS_OF_MILLI:
        raise invalid("The floor cannot be computed for the {to_text(values[1])} duration as precision is below 1 millisecond")
    if start > time:
        raise invalid("The floor function starting time is greater than the provided time")
    if not duration.months:
        length = duration.days * _DAY + duration.nanoseconds // _NANOS_OF_MILLI
        return time - (time - start) % length
    # A month has 31 days at most: so many intervals have begun at least; then one by one, some per century.
    length = (duration.months * 31 + duration.days) * _DAY + duration.nanoseconds // _NANOS_OF_MILLI
    times = (time - start) // length
    low, high = times, 2 * times + 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _later(start, duration, middle) <= time else (low, middle)
    return _later(start, duration, low)


def _of_millis(_environment: Environment, values: Value) -> int:
    return floor_millis(values[0], values[1], values[2] if len(values) > 2 else 0)


def _of_timeuuid(_environment: Environment, values: Value) -> int:
    return floor_millis(millis_of(values[0]), values[1], values[2] if len(values) > 2 else 0)


def _of_date(_environment: Environment, values: Value) -> int:
    if values[1].nanoseconds:
        raise invalid(
            f"The floor on date values cannot be computed for the {to_text(values[1])} duration as precision is below 1 day"
        )
    return floor_millis(values[0] * _DAY, values[1], values[2] * _DAY if len(values) > 2 else 0) // _DAY


def _of_time(_environment: Environment, values: Value) -> int:
    time, duration = values
    if duration.months or duration.days or not 0 < duration.nanoseconds <= _NANOS_OF_DAY:
        raise invalid("For time values, the floor can only be computed for durations smaller that a day")
    return int(time - time % duration.nanoseconds)


_ROWS: list[tuple[Native, Native, bool, Run]] = [
    (TIMESTAMP, TIMESTAMP, True, _of_millis),
    (TIMEUUID, TIMESTAMP, True, _of_timeuuid),
    (DATE, DATE, True, _of_date),
    (TIME, TIME, False, _of_time),
]


def _signature(source: Native, returns: Native, with_start: bool, run: Run) -> Signature:
    wanted = (source, DURATION, returns) if with_start else (source, DURATION)

    def make(types: Types) -> Function | None:
        fits = 2 <= len(types) <= len(wanted) and types[0] is not None
        if not fits or any(given is not None and given != kind for given, kind in zip(types, wanted, strict=False)):
            return None
        return Function("floor", wanted[: len(types)], returns, run)

    start = f", [{returns.name}]" if with_start else ""
    return Signature(f"floor : ({source.name}, duration{start}) -> {returns.name}", make)


SIGNATURES = {"floor": [_signature(*row) for row in _ROWS]}
