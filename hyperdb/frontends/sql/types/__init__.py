"""PostgreSQL's types: numbers, names, and their values as text and as binary, both ways.

Theory: a value is a plain Python object, chosen so that all of PostgreSQL's ranges fit. bool: bool; int2, int4, int8, oid, xid,
reg...: int; float4, float8: float; numeric: decimal.Decimal; text, varchar, bpchar, name, "char", json, jsonb, enums, inet,
cidr, macaddr, bit, varbit: str; bytea: bytes; uuid: uuid.UUID; date: days since 1970-01-01 as int, time: microseconds since
midnight, timestamp and timestamptz: microseconds since 1970-01-01 (UTC) as int, the ends of their stored width being the
infinities; timetz: (microseconds, seconds west of UTC); interval: (months, days, microseconds); arrays: (nested) list, as a
`Bounded` list where a dimension does not begin at 1; records: `Record`. NULL is None. Invariant: nothing here knows SQL or
messages.
"""

from __future__ import annotations

from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.types import interval_text, oids
from hyperdb.frontends.sql.types.arrays import Bounded
from hyperdb.frontends.sql.types.interval_text import depends_on_style
from hyperdb.frontends.sql.types.lengths import coerced, interval_unit, is_short_clock
from hyperdb.frontends.sql.types.model import DEFAULT, Style, Type
from hyperdb.frontends.sql.types.records import Record
from hyperdb.frontends.sql.types.table import BUILT_IN, NAMES, array_of, domain_type, enum_type

__all__ = [
    "BUILT_IN",
    "DEFAULT",
    "Bounded",
    "Record",
    "Style",
    "Type",
    "array_of",
    "by_name",
    "coerce",
    "depends_on_style",
    "domain_type",
    "enum_type",
    "oids",
    "read_text",
    "write_text",
]


def _type(oid: int) -> Type:
    found = BUILT_IN.get(oid)
    if found is None:
        raise SqlError("42704", f"type with OID {oid} does not exist")
    return found


def by_name(name: str) -> Type:
    """A built-in type by the name that pg_type gives it.

    Raises:
        SqlError: 42704, when there is none.
    """
    found = NAMES.get(name)
    if found is None:
        raise SqlError("42704", f'type "{name}" does not exist')
    return found


def read_text(oid: int, text: str, modifier: int = -1, style: Style = DEFAULT) -> Any:
    """The value that a text is of a built-in type, under a type modifier as an assignment has it."""
    if oid == oids.INTERVAL:
        value: Any = interval_text.read(text, style.interval_style, interval_unit(modifier), is_short=is_short_clock(modifier))
    else:
        value = _type(oid).read_text(text, style)
    return value if modifier < 0 else coerce(oid, value, modifier)


def write_text(oid: int, value: Any, style: Style = DEFAULT) -> str:
    """The text of a value of a built-in type."""
    return _type(oid).write_text(value, style)


def coerce(oid: int, value: Any, modifier: int, explicit: bool = False) -> Any:
    """The value under a type modifier. An explicit cast cuts what is too long; an assignment refuses it.

    Raises:
        SqlError: 22001, 22003, 22015, 22026 for a value that does not fit.
    """
    found = BUILT_IN.get(oid)
    element = oid if found is None or found.element is None else found.element.oid
    return coerced(element, value, modifier, explicit)
