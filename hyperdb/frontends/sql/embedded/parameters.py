"""Python's values as parameters: which type each one says it has, and the engine's value of the type that it is given.

Theory: as in psycopg, a class of Python says a type of PostgreSQL; str, None, and what holds only these, say none, so that the
statement decides (`uuid`, `date`, an enum ...) and their text is read as a literal of that type would be. Invariant: a value
that is taken means what it meant in Python; others are refused (22P02, 22021, 42804).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import Any
from uuid import UUID

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.types import Style, Type

_EPOCH = date(1970, 1, 1).toordinal()
_START, _START_UTC = datetime(1970, 1, 1), datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_INT4, _INT8 = 1 << 31, 1 << 63
_JSON = (kinds.JSON, kinds.JSONB)

Said = tuple[int, Callable[[Any], Any]]
"""A type's oid and the engine's value."""


def _clock(value: time) -> int:
    return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond


def _west(value: time) -> int:
    away = value.utcoffset()
    assert away is not None
    return -int(away.total_seconds())


def _span(value: timedelta) -> tuple[int, int, int]:
    return 0, value.days, value.seconds * 1_000_000 + value.microseconds


def _integer(value: int) -> Said:
    if -_INT4 <= value < _INT4:
        return kinds.INT4, int
    return (kinds.INT8, int) if -_INT8 <= value < _INT8 else (kinds.NUMERIC, Decimal)


def _moment(value: datetime) -> Said:
    if value.tzinfo is None:
        return kinds.TIMESTAMP, lambda at: (at - _START) // _MICROSECOND
    return kinds.TIMESTAMPTZ, lambda at: (at - _START_UTC) // _MICROSECOND


def _time(value: time) -> Said:
    if value.utcoffset() is None:
        return kinds.TIME, _clock
    return kinds.TIMETZ, lambda at: (_clock(at), _west(at))


def _always(oid: int, read: Callable[[Any], Any]) -> Callable[[Any], Said]:
    said = (oid, read)
    return lambda _value: said


_CLASSES: dict[type, Callable[[Any], Said]] = {
    bool: _always(kinds.BOOL, bool),
    int: _integer,
    float: _always(kinds.FLOAT8, float),
    Decimal: _always(kinds.NUMERIC, lambda value: value),
    bytes: _always(kinds.BYTEA, bytes),
    bytearray: _always(kinds.BYTEA, bytes),
    memoryview: _always(kinds.BYTEA, bytes),
    UUID: _always(kinds.UUID, lambda value: value),
    datetime: _moment,
    date: _always(kinds.DATE, lambda value: value.toordinal() - _EPOCH),
    time: _time,
    timedelta: _always(kinds.INTERVAL, _span),
}
_TEXTS = (str, IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network)
_WIDER = (kinds.INT4, kinds.INT8, kinds.NUMERIC)


def _said(value: Any) -> Said | None:
    """What a value says; None: nothing, the statement decides.

    Raises:
        SqlError: 42804, for a class of Python that no type goes with.
    """
    if value is None or isinstance(value, (*_TEXTS, dict, list)):
        return None
    for kind in type(value).__mro__:
        found = _CLASSES.get(kind)
        if found is not None:
            said: Said = found(value)
            return said
    raise SqlError("42804", f"a parameter is of class {type(value).__name__}, which no type of SQL goes with")


def _leaves(value: list[Any]) -> list[Any]:
    found: list[Any] = []
    for each in value:
        found += _leaves(each) if isinstance(each, list) else [each]
    return found


def type_of(value: Any) -> int:
    """The oid that a value says; 0: none."""
    if isinstance(value, list):
        inner = {said[0] for each in _leaves(value) if (said := _said(each)) is not None}
        if inner and inner <= set(_WIDER):
            inner = {max(inner, key=_WIDER.index)}
        if len(inner) > 1:
            raise SqlError("42804", "the values of a list are of several types")
        return kinds.array_of(inner.pop()) or 0 if inner else 0
    said = _said(value)
    return 0 if said is None else said[0]


def _from_text(kind: Type, text: str, style: Style) -> Any:
    if "\0" in text:
        raise SqlError("22021", "a text holds a zero character")
    return kind.read_text(text, style)


def engine_value(value: Any, kind: Type, style: Style) -> Any:
    """The value of a parameter that has become one of type `kind`."""
    if value is None:
        return None
    if isinstance(value, list):
        if kind.element is None:
            raise SqlError("42804", f"a list is given for a parameter of type {kind.name}")
        inner = kind.element
        return [each if each is None else engine_value(each, kind if isinstance(each, list) else inner, style) for each in value]
    if isinstance(value, dict):
        if kind.oid not in _JSON:
            raise SqlError("42804", f"a dict is given for a parameter of type {kind.name}")
        return _from_text(kind, json.dumps(value, ensure_ascii=False), style)
    if isinstance(value, _TEXTS):
        return _from_text(kind, str(value), style)
    said = _said(value)
    assert said is not None
    return Decimal(value) if kind.oid == kinds.NUMERIC and said[0] in _WIDER else said[1](value)


def types_of(values: Sequence[Any]) -> tuple[int, ...]:
    """The oids that parameters say."""
    return tuple(map(type_of, values))
