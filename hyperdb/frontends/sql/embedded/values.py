"""The engine's values as Python's own: dates, times, Decimal, UUID, parsed JSON, lists.

Theory: a column's type decides once how its values are read; most need nothing. As in psycopg a month of an interval is 30 days
and a year 365, since `timedelta` knows neither. Invariant: a value that Python's class cannot hold (infinity, the year 10000) is
refused (22008), never bent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.types import Record, Style, Type

Reader = Callable[[Any], Any]
_EPOCH = date(1970, 1, 1).toordinal()
_START, _START_UTC = datetime(1970, 1, 1), datetime(1970, 1, 1, tzinfo=UTC)
# Types of the catalog that are shown as text, as psycopg does.
NAMED = frozenset(
    {
        kinds.INT2VECTOR,
        kinds.OIDVECTOR,
        kinds.REGPROC,
        kinds.REGPROCEDURE,
        kinds.REGCLASS,
        kinds.REGTYPE,
        kinds.REGNAMESPACE,
        kinds.REGROLE,
    }
)
_MONTHS, _YEAR, _MONTH = 12, 365, 30


def _beyond(what: str) -> SqlError:
    return SqlError("22008", f"a {what} is beyond what Python's {what} holds")


def _date(days: int) -> date:
    try:
        return date.fromordinal(days + _EPOCH)
    except (ValueError, OverflowError) as error:
        raise _beyond("date") from error


def _timestamp(micros: int) -> datetime:
    try:
        return _START + timedelta(microseconds=micros)
    except OverflowError as error:
        raise _beyond("datetime") from error


def _zoned(zone: tzinfo) -> Reader:
    def read(micros: int) -> datetime:
        try:
            return (_START_UTC + timedelta(microseconds=micros)).astimezone(zone)
        except OverflowError as error:
            raise _beyond("datetime") from error

    return read


def _clock(micros: int, zone: tzinfo | None = None) -> time:
    seconds, micro = divmod(micros, 1_000_000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    try:
        return time(hour, minute, second, micro, tzinfo=zone)
    except ValueError as error:  # 24:00
        raise _beyond("time") from error


def _zoned_clock(value: tuple[int, int]) -> time:
    return _clock(value[0], timezone(timedelta(seconds=-value[1])))


def _interval(value: tuple[int, int, int]) -> timedelta:
    months, days, micros = value
    years, rest = divmod(abs(months), _MONTHS)
    whole = (years * _YEAR + rest * _MONTH) * (-1 if months < 0 else 1)
    try:
        return timedelta(days=whole + days, microseconds=micros)
    except OverflowError as error:
        raise _beyond("timedelta") from error


def _address(text: str) -> Any:
    return ip_interface(text) if "/" in text else ip_address(text)


_READERS: dict[int, Reader] = {
    kinds.DATE: _date,
    kinds.TIME: _clock,
    kinds.TIMETZ: _zoned_clock,
    kinds.TIMESTAMP: _timestamp,
    kinds.INTERVAL: _interval,
    # "char" without a character is NUL within, and nothing without, as on the wire.
    kinds.CHAR1: lambda value: "" if value == "\0" else value,
    kinds.JSON: json.loads,
    kinds.JSONB: json.loads,
    kinds.INET: _address,
    kinds.CIDR: ip_network,
}


def reader(kind: Type, style: Style) -> Reader | None:
    """What makes a value of this type Python's; None: it is so already."""
    if kind.oid == kinds.TIMESTAMPTZ:
        return _zoned(style.time_zone)
    if kind.oid in NAMED:
        return lambda value: kind.write_text(value, style)
    if kind.element is not None:
        inner = reader(kind.element, style)

        def read(value: Sequence[Any]) -> list[Any]:
            return [
                each if each is None else read(each) if isinstance(each, list) else inner(each) if inner else each
                for each in value
            ]

        return read
    if kind.oid == kinds.RECORD:
        return lambda value: _record(value, style)
    return _READERS.get(kind.oid)


def _record(value: Record, style: Style) -> tuple[Any, ...]:
    return python_row([reader(kind, style) for kind in value.types], value)


def python_row(readers: Sequence[Reader | None], row: Sequence[Any]) -> tuple[Any, ...]:
    """A row as Python's values."""
    return tuple(value if read is None or value is None else read(value) for read, value in zip(readers, row, strict=True))
