"""Functions of time: what is now, the parts of a timeuuid, one type from another.

Theory: a timeuuid counts 100 ns since 1582-10-15 (RFC 4122); timestamps are milliseconds, dates days since 1970. Invariant:
`to_*` of a timeuuid that `min_timeuuid` or `max_timeuuid` made gives the time that it was made of.
"""

from __future__ import annotations

from uuid import UUID

from hyperdb.frontends.cql.functions.model import Run, Signature, exact
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import BIGINT, DATE, TIME, TIMESTAMP, TIMEUUID, Native
from hyperdb.frontends.cql.types.model import UUID as RANDOM

_EPOCH = 0x01B21DD213814000
_TICKS_OF_MILLI = 10_000
_MILLIS_OF_DAY = 86_400_000
# The least and the greatest clock sequence and node, compared as Cassandra does, byte by byte with signs.
_LEAST, _GREATEST = 0x8080808080808080, 0x7F7F7F7F7F7F7F7F
_MOST_TICKS = 1 << 60


def timeuuid(ticks: int, rest: int) -> UUID:
    """A version 1 UUID of 100 ns since 1582 and the clock sequence with the node.

    Raises:
        CqlError: invalid, when the ticks do not fit into 60 bits.
    """
    if not 0 <= ticks < _MOST_TICKS:
        raise invalid("the time does not fit into a timeuuid")
    high = (ticks & 0xFFFFFFFF) << 32 | (ticks >> 32 & 0xFFFF) << 16 | 0x1000 | ticks >> 48
    return UUID(int=high << 64 | rest)


def millis_of(value: UUID) -> int:
    """Milliseconds since 1970 of a timeuuid."""
    return (value.time - _EPOCH) // _TICKS_OF_MILLI


def _least(millis: int) -> UUID:
    return timeuuid(millis * _TICKS_OF_MILLI + _EPOCH, _LEAST)


def _greatest(millis: int) -> UUID:
    return timeuuid((millis + 1) * _TICKS_OF_MILLI + _EPOCH - 1, _GREATEST)


def _day(millis: int) -> int:
    return millis // _MILLIS_OF_DAY


_MILLIS: dict[Native, Run] = {
    TIMEUUID: lambda _environment, values: millis_of(values[0]),
    TIMESTAMP: lambda _environment, values: values[0],
    DATE: lambda _environment, values: values[0] * _MILLIS_OF_DAY,
}


def _day_of(run: Run) -> Run:
    return lambda environment, values: _day(run(environment, values))


def _nanos_of_day(millis: int) -> int:
    return millis % _MILLIS_OF_DAY * 1_000_000


def _both(old: str, new: str) -> tuple[str, ...]:
    return old, new


SIGNATURES: dict[str, list[Signature]] = {}


def _add(names: tuple[str, ...], arguments: tuple[Native, ...], returns: Native, run: Run, *, pure: bool = True) -> None:
    for name in names:
        SIGNATURES.setdefault(name, []).append(exact(name, arguments, returns, run, pure=pure))


_add(("uuid",), (), RANDOM, lambda environment, _values: environment.uuid(), pure=False)
_add(
    ("now", "current_timeuuid", "currenttimeuuid"), (), TIMEUUID, lambda environment, _values: environment.timeuuid(), pure=False
)
_add(_both("currenttimestamp", "current_timestamp"), (), TIMESTAMP, lambda environment, _values: environment.millis(), pure=False)
_add(_both("currentdate", "current_date"), (), DATE, lambda environment, _values: _day(environment.millis()), pure=False)
_add(_both("currenttime", "current_time"), (), TIME, lambda environment, _values: _nanos_of_day(environment.millis()), pure=False)
_add(_both("mintimeuuid", "min_timeuuid"), (TIMESTAMP,), TIMEUUID, lambda _environment, values: _least(values[0]))
_add(_both("maxtimeuuid", "max_timeuuid"), (TIMESTAMP,), TIMEUUID, lambda _environment, values: _greatest(values[0]))
for _kind, _run in _MILLIS.items():
    _add(_both("tounixtimestamp", "to_unix_timestamp"), (_kind,), BIGINT, _run)
    if _kind is not DATE:
        _add(_both("todate", "to_date"), (_kind,), DATE, _day_of(_run))
    if _kind is not TIMESTAMP:
        _add(_both("totimestamp", "to_timestamp"), (_kind,), TIMESTAMP, _run)
