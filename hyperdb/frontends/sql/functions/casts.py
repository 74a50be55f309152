"""Casts: from which type to which, when they happen by themselves, and how.

Theory: pg_cast as a table. A cast is implicit (anywhere), for assignment (storing in a column), or explicit (when asked for);
what is not in the table goes through text: from any type by assignment, to any type when asked for. Invariant: a cast gives a
value of the target's class, or raises 22P02, 22003, 22007 or 22008.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql import types
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.kinds import (
    BIT,
    BOOL,
    BPCHAR,
    BYTEA,
    CHAR1,
    CIDR,
    DATE,
    FLOAT4,
    FLOAT8,
    INET,
    INT2,
    INT4,
    INT8,
    INTERVAL,
    JSON,
    JSONB,
    NAME,
    NUMERIC,
    OID,
    REGCLASS,
    REGNAMESPACE,
    REGPROC,
    REGPROCEDURE,
    REGROLE,
    REGTYPE,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    TIMETZ,
    UNKNOWN,
    VARBIT,
    VARCHAR,
    Kind,
)
from hyperdb.frontends.sql.functions import numbers, times
from hyperdb.frontends.sql.types import strings
from hyperdb.frontends.sql.types.json_text import parsed

IMPLICIT, ASSIGNMENT, EXPLICIT = "implicit", "assignment", "explicit"
_RANK = {IMPLICIT: 0, ASSIGNMENT: 1, EXPLICIT: 2}
Run = Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True)
class Cast:
    """`run(value, env)`; None: the value is one of the target already."""

    context: str
    run: Run | None = field(compare=False)
    """What it does follows from the types on both sides, which expressions compare."""
    depends: bool = False
    """On settings of the session: it is not folded into a constant."""


def _to_int(oid: int) -> Run:
    def run(value: Any, _env: Any) -> int:
        if isinstance(value, float):
            if not math.isfinite(value):
                raise numbers.out_of_range(oid)
            return numbers.bounded(oid, round(value))
        if isinstance(value, Decimal):
            if not value.is_finite():
                what = "NaN" if value.is_nan() else "infinity"
                raise SqlError("0A000", f"cannot convert {what} to {numbers.NAMES[oid]}")
            return numbers.bounded(oid, int(value.to_integral_value(ROUND_HALF_UP)))
        return numbers.bounded(oid, int(value))

    return run


def _to_numeric(value: Any, _env: Any) -> Decimal:
    if isinstance(value, float):
        return Decimal(f"{value:.15g}") if math.isfinite(value) else Decimal(str(value))
    return Decimal(value)


def _float4_to_numeric(value: float, _env: Any) -> Decimal:
    return Decimal(f"{value:.6g}") if math.isfinite(value) else Decimal(str(value))


def _to_float(value: Any, _env: Any) -> float:
    try:
        found = float(value)
    except OverflowError:
        raise numbers.out_of_range(FLOAT8) from None
    if isinstance(value, Decimal) and value.is_finite() and (math.isinf(found) or (not found and value)):
        raise SqlError("22003", f'"{value:f}" is out of range for type double precision')
    return found


def _to_single(value: Any, env: Any) -> float:
    found = numbers.single(_to_float(value, env))
    if not found and value:
        raise SqlError("22003", f'"{value}" is out of range for type real')
    return found


def _time_of(value: int) -> int | None:
    """The time of a day; infinity has none."""
    return None if value in (times.LAST, times.FIRST) else value % times.DAY


def _zoned_time(value: int, env: Any) -> tuple[int, int] | None:
    """The wall clock's time at a moment, and how many seconds west it is; infinity has none."""
    local = times.to_local(value, env.style.time_zone)
    if value in (times.LAST, times.FIRST):
        return None
    return local % times.DAY, (value - local) // times.SECOND


def _zoned_time_today(value: int, env: Any) -> tuple[int, int]:
    """A time in the session's zone, as it is on the day of the transaction."""
    zone = env.style.time_zone
    today = times.to_local(env.transaction_time, zone) // times.DAY * times.DAY
    return value, (times.to_moment(today + value, zone) - today - value) // times.SECOND


def _oid(value: int, _env: Any) -> int:
    if -(1 << 31) <= value < 1 << 32:
        return value & 0xFFFFFFFF
    raise SqlError("22003", "OID out of range")


TABLE: dict[tuple[int, int], Cast] = {}


def _add(source: int, target: int, context: str, run: Run | None = None, *, depends: bool = False) -> None:
    TABLE[source, target] = Cast(context, run, depends)


_INTEGERS = (INT2, INT4, INT8)
for _source in _INTEGERS:
    for _target in _INTEGERS:
        if _source != _target:
            _wider = _INTEGERS.index(_source) < _INTEGERS.index(_target)
            _add(_source, _target, IMPLICIT if _wider else ASSIGNMENT, None if _wider else _to_int(_target))
    _add(_source, NUMERIC, IMPLICIT, _to_numeric)
    for _target in (FLOAT4, FLOAT8):
        _add(_source, _target, IMPLICIT, _to_single if _target == FLOAT4 else _to_float)
        _add(_target, _source, ASSIGNMENT, _to_int(_source))
    _add(NUMERIC, _source, ASSIGNMENT, _to_int(_source))
    for _target in (OID, REGCLASS, REGTYPE, REGPROC, REGPROCEDURE, REGNAMESPACE, REGROLE):
        _add(_source, _target, IMPLICIT, _oid)
_add(FLOAT4, NUMERIC, ASSIGNMENT, _float4_to_numeric)
_add(FLOAT8, NUMERIC, ASSIGNMENT, _to_numeric)
_add(NUMERIC, FLOAT4, IMPLICIT, _to_single)
_add(NUMERIC, FLOAT8, IMPLICIT, _to_float)
_add(FLOAT4, FLOAT8, IMPLICIT)


def _narrowed(value: float, _env: Any) -> float:
    found = numbers.single(value)
    if value and not found:
        raise SqlError("22003", "value out of range: underflow")
    return found


_add(FLOAT8, FLOAT4, ASSIGNMENT, _narrowed)
_add(INT4, BOOL, EXPLICIT, lambda value, _env: value != 0)
_add(BOOL, INT4, EXPLICIT, lambda value, _env: int(value))
for _target in (REGCLASS, REGTYPE, REGPROC, REGPROCEDURE, REGNAMESPACE, REGROLE):
    _add(OID, _target, IMPLICIT)
    _add(_target, OID, IMPLICIT)
    _add(_target, INT4, ASSIGNMENT)
    _add(_target, INT8, ASSIGNMENT)
for _source in (TEXT, VARCHAR):
    _add(_source, REGCLASS, IMPLICIT, lambda value, env: env.session.relation_oid(REGCLASS, value), depends=True)
_add(OID, INT8, ASSIGNMENT)
_add(OID, INT4, ASSIGNMENT, lambda value, _env: value - (1 << 32) if value >> 31 else value)
for _source, _target in ((TEXT, VARCHAR), (VARCHAR, TEXT), (TEXT, BPCHAR), (VARCHAR, BPCHAR), (NAME, TEXT)):
    _add(_source, _target, IMPLICIT)
_add(BPCHAR, TEXT, IMPLICIT, lambda value, _env: value.rstrip(" "))
_add(BPCHAR, VARCHAR, IMPLICIT, lambda value, _env: value.rstrip(" "))
_add(NAME, VARCHAR, ASSIGNMENT)
_add(NAME, BPCHAR, ASSIGNMENT)
_add(TEXT, NAME, IMPLICIT, lambda value, _env: value[:63])
_add(VARCHAR, NAME, IMPLICIT, lambda value, _env: value[:63])
_add(BPCHAR, NAME, IMPLICIT, lambda value, _env: value.rstrip(" ")[:63])


def _char_of(value: int) -> str:
    if not -128 <= value <= 127:
        raise SqlError("22003", '"char" out of range')
    return chr(value & 0xFF)


# No letter is NUL in "char" and nothing in text.
_add(CHAR1, TEXT, IMPLICIT, lambda value, env: strings.write_char(value, env.style))
_add(TEXT, CHAR1, ASSIGNMENT, lambda value, env: strings.read_char(value, env.style))
_add(CHAR1, INT4, EXPLICIT, lambda value, _env: (ord(value) ^ 0x80) - 0x80 if value else 0)
_add(INT4, CHAR1, EXPLICIT, lambda value, _env: _char_of(value))
_add(DATE, TIMESTAMP, IMPLICIT, lambda value, _env: times.stamp_of_date(value))
_add(
    DATE, TIMESTAMPTZ, IMPLICIT, lambda value, env: times.to_moment(times.stamp_of_date(value), env.style.time_zone), depends=True
)
_add(TIMESTAMP, TIMESTAMPTZ, IMPLICIT, lambda value, env: times.to_moment(value, env.style.time_zone), depends=True)
_add(TIMESTAMPTZ, TIMESTAMP, ASSIGNMENT, lambda value, env: times.to_local(value, env.style.time_zone), depends=True)
_add(TIMESTAMP, DATE, ASSIGNMENT, lambda value, _env: times.date_of_stamp(value))
_add(
    TIMESTAMPTZ,
    DATE,
    ASSIGNMENT,
    lambda value, env: times.date_of_stamp(times.to_local(value, env.style.time_zone)),
    depends=True,
)
_add(TIMESTAMP, TIME, ASSIGNMENT, lambda value, _env: _time_of(value))
_add(TIMESTAMPTZ, TIME, ASSIGNMENT, lambda value, env: _time_of(times.to_local(value, env.style.time_zone)), depends=True)
_add(TIME, INTERVAL, IMPLICIT, lambda value, _env: (0, 0, value))
_add(INTERVAL, TIME, ASSIGNMENT, lambda value, _env: value[2] % times.DAY)
_add(TIMESTAMPTZ, TIMETZ, ASSIGNMENT, _zoned_time, depends=True)
_add(TIME, TIMETZ, IMPLICIT, _zoned_time_today, depends=True)
_add(TIMETZ, TIME, ASSIGNMENT, lambda value, _env: value[0])
_add(JSON, JSONB, ASSIGNMENT, lambda value, env: types.read_text(JSONB, value, style=env.style))
_add(JSONB, JSON, ASSIGNMENT)


def _of_jsonb(target: int) -> Run:
    """A scalar of jsonb as a boolean or a number."""

    def run(value: str, env: Any) -> Any:
        found = parsed(value)
        is_right = isinstance(found, bool) if target == BOOL else not isinstance(found, bool | str | dict | list | None)
        if not is_right:
            kind = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}.get(type(found), "numeric")
            raise SqlError("22023", f"cannot cast jsonb {kind} to type {kinds.name_of(Kind(target))}")
        if target == BOOL:
            return found
        number = types.read_text(NUMERIC, value, -1, env.style)
        cast = TABLE.get((NUMERIC, target))
        return number if cast is None or cast.run is None else cast.run(number, env)

    return run


for _target in (BOOL, NUMERIC, FLOAT4, FLOAT8, *_INTEGERS):
    _add(JSONB, _target, EXPLICIT, _of_jsonb(_target))
_add(CIDR, INET, IMPLICIT)
_add(BYTEA, BYTEA, IMPLICIT)
_add(BIT, VARBIT, IMPLICIT)
_add(VARBIT, BIT, IMPLICIT)
_BITS_OF = {INT4: 32, INT8: 64}


def _number_of_bits(target: int) -> Run:
    size = _BITS_OF[target]

    def run(value: str, _env: Any) -> int:
        if len(value) > size:
            raise SqlError("22003", f"{'integer' if size == _BITS_OF[INT4] else 'bigint'} out of range")
        number = int(value or "0", 2)
        return number - (1 << size) if number >> (size - 1) else number

    return run


def _bits_of_number(size: int) -> Run:
    """The last bits of a number, the sign before them where there are more than it has."""
    length = max(size, 1)
    return lambda value, _env: format(value & ((1 << length) - 1), f"0{length}b")


for _target in _BITS_OF:
    _add(BIT, _target, EXPLICIT, _number_of_bits(_target))


def _from_text(target: Kind, enum: Any) -> Run:
    if enum is not None:
        return lambda value, env: enum.read_text(value, env.style)
    # What a number without a unit counts, an interval's modifier says; other modifiers are a step of their own.
    modifier = target.modifier if target.oid == INTERVAL else -1
    return lambda value, env: types.read_text(target.oid, value, modifier, env.style)


def find(source: int, target: Kind, enum: Callable[[int], Any] = lambda _oid: None) -> Cast | None:
    """The cast, without what the target's modifier asks for; None: there is none. `enum` gives the type of an enum's oid."""
    oid = target.oid
    if source == oid:
        return Cast(IMPLICIT, None)
    found = TABLE.get((source, oid))
    if found is not None:
        return found
    if oid == BIT and source in _BITS_OF:
        return Cast(EXPLICIT, _bits_of_number(target.modifier))
    if source == UNKNOWN:
        return Cast(IMPLICIT, _from_text(target, enum(oid)), depends=True)
    inner, wanted = kinds.element(source), kinds.element(oid)
    if inner is not None and wanted is not None:
        each = find(inner, Kind(wanted, target.modifier), enum)
        if each is None:
            return None
        return Cast(each.context, each.run and _map(each.run), each.depends)
    if kinds.category(source) == "S":
        return Cast(ASSIGNMENT if kinds.category(oid) == "S" else EXPLICIT, _from_text(target, enum(oid)), depends=True)
    if kinds.category(oid) == "S":
        return Cast(ASSIGNMENT, to_text(source, enum(source)), depends=True)
    return None


def to_text(oid: int, enum: Any = None) -> Run | None:
    """The output function of a type; None where values are texts already."""
    if enum is not None and kinds.is_array(oid):
        return lambda value, env: str(enum.write_text(value, env.style))
    if enum is not None or oid in (TEXT, VARCHAR, NAME, UNKNOWN, JSON, JSONB):
        return None
    if oid == BOOL:
        return lambda value, _env: "true" if value else "false"
    return lambda value, env: types.write_text(oid, value, env.style)


def _map(run: Run) -> Run:
    def each(values: list[Any], env: Any) -> list[Any]:
        made = [None if item is None else each(item, env) if isinstance(item, list) else run(item, env) for item in values]
        return types.Bounded(made, values.lowers) if isinstance(values, types.Bounded) else made

    return each


def allowed(cast: Cast, context: str) -> bool:
    """Whether the cast happens in that context."""
    return _RANK[cast.context] <= _RANK[context]
