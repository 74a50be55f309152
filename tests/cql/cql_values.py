"""Types and values of them for Hypothesis, and the stock driver's types for the same."""

from __future__ import annotations

import ipaddress
import uuid
import warnings
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from hyperdb.frontends.cql.types import java, model
from hyperdb.frontends.cql.types.durations import Duration
from hyperdb.frontends.cql.types.model import Field, List, Map, Native, Set, Tuple, Type, Udt, Vector

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the driver's imports are older than this interpreter
    import cassandra.util
    from cassandra import cqltypes


def _signed(bits: int) -> st.SearchStrategy[int]:
    return st.integers(-(1 << bits - 1), (1 << bits - 1) - 1)


def _timeuuid(number: int) -> uuid.UUID:
    return uuid.UUID(int=number & ~(0xF << 76) | 1 << 76)


_DURATIONS = st.tuples(
    st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1), st.integers(0, 2**63 - 1), st.sampled_from([1, -1])
).map(lambda it: Duration(it[0] * it[3], it[1] * it[3], it[2] * it[3]))
NATIVE_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "ascii": st.text(st.characters(max_codepoint=127), max_size=12),
    "bigint": _signed(64),
    "blob": st.binary(max_size=12),
    "boolean": st.booleans(),
    "counter": _signed(64),
    "date": _signed(32),
    "decimal": st.builds(lambda number, scale: Decimal((int(number < 0), tuple(map(int, str(abs(number)))), -scale)),
                         st.integers(-(10**40), 10**40), st.integers(-40, 40)),
    "double": st.floats(allow_nan=False),
    "duration": _DURATIONS,
    "float": st.floats(width=32, allow_nan=False),
    "inet": st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)),
    "int": _signed(32),
    "smallint": _signed(16),
    "text": st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    "time": st.integers(0, 86_399_999_999_999),
    "timestamp": st.integers(-62_135_596_800_000, 253_402_300_799_999),  # the years that the driver can read
    "timeuuid": st.integers(0, 2**128 - 1).map(_timeuuid),
    "tinyint": _signed(8),
    "uuid": st.uuids(),
    "varint": st.integers(-(2**100), 2**100),
}  # fmt: skip
_NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=6)
NATIVES = st.sampled_from([kind for kind in model.NATIVE.values() if kind != model.COUNTER])
KEYS = st.sampled_from([kind for kind in model.NATIVE.values() if kind not in (model.COUNTER, model.DURATION)])


def _nested(inner: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
    fields = st.lists(st.tuples(_NAMES, inner), min_size=1, max_size=3, unique_by=lambda field: field[0])
    return st.one_of(
        inner.map(List),
        KEYS.map(Set),
        st.builds(Map, KEYS, inner),
        st.lists(inner, min_size=1, max_size=3).map(lambda kinds: Tuple(tuple(kinds))),
        st.builds(lambda name, named: Udt("ks", name, tuple(Field(*field) for field in named)), _NAMES, fields),
        st.builds(Vector, inner, st.integers(1, 3)),
    )


TYPES = st.recursive(NATIVES, _nested, max_leaves=3).map(model.frozen)
"""Any type, frozen."""


def values(kind: Type, nulls: bool = True) -> st.SearchStrategy[Any]:
    """Values of a type as `codec` has them; fields of tuples and user types may be null."""
    match kind:
        case Native(name):
            return NATIVE_VALUES[name]
        case List(element):
            return st.lists(values(element, nulls), max_size=3).map(tuple)
        case Set(element):
            return st.lists(values(element, nulls), max_size=3, unique_by=str).map(tuple)
        case Map(key, value):
            return st.lists(
                st.tuples(values(key, nulls), values(value, nulls)), max_size=3, unique_by=lambda pair: str(pair[0])
            ).map(tuple)
        case Tuple(elements):
            return st.tuples(*[_field(each, nulls) for each in elements])
        case Udt(fields=fields):
            return st.tuples(*[_field(field.type, nulls) for field in fields])
        case Vector(element, dimension):
            return st.lists(values(element, nulls), min_size=dimension, max_size=dimension).map(tuple)
        case _:
            raise AssertionError(kind)


def _field(kind: Type, nulls: bool) -> st.SearchStrategy[Any]:
    return st.none() | values(kind, nulls) if nulls else values(kind, nulls)


TYPED_VALUES = TYPES.flatmap(lambda kind: st.tuples(st.just(kind), values(kind)))


def driver_type(kind: Type) -> Any:
    """The driver's type."""
    match kind:
        case Udt(keyspace, name, fields):
            named = [f"f{place}" for place in range(len(fields))]
            return cqltypes.UserType.make_udt_class(keyspace, name, named, [driver_type(field.type) for field in fields])
        case Tuple(elements):
            return cqltypes.TupleType.apply_parameters([driver_type(each) for each in elements])
        case List(element):
            return cqltypes.ListType.apply_parameters([driver_type(element)])
        case Set(element):
            return cqltypes.SetType.apply_parameters([driver_type(element)])
        case Map(key, value):
            return cqltypes.MapType.apply_parameters([driver_type(key), driver_type(value)])
        case Vector(element, dimension):
            return cqltypes.VectorType.apply_parameters([driver_type(element), dimension], None)
        case _:
            return cqltypes.lookup_casstype(java.write(kind))


def driver_value(kind: Type, value: Any) -> Any:
    """A value as the driver takes and gives it."""
    if value is None:
        return None
    match kind:
        case Native("date"):
            return cassandra.util.Date(value)
        case Native("time"):
            return cassandra.util.Time(value)
        case Native("duration"):
            return cassandra.util.Duration(value.months, value.days, value.nanoseconds)
        case Native("inet"):
            return str(value)
        case List(element) | Vector(element) | Set(element):
            return [driver_value(element, each) for each in value]
        case Map(key, of):
            return cassandra.util.OrderedMap([(driver_value(key, left), driver_value(of, right)) for left, right in value])
        case Tuple(elements):
            return tuple(driver_value(of, each) for of, each in zip(elements, value, strict=True))
        case Udt(fields=fields):
            return tuple(driver_value(field.type, each) for field, each in zip(fields, value, strict=True))
        case _:
            return value


def of_driver(kind: Type, value: Any) -> Any:
    """Back from what the driver gives."""
    if value is None:
        return None
    match kind:
        case Native("date"):
            return value.days_from_epoch
        case Native("time"):
            return value.nanosecond_time
        case Native("timestamp"):
            return round((value - datetime(1970, 1, 1)) / timedelta(milliseconds=1))
        case Native("duration"):
            return Duration(value.months, value.days, value.nanoseconds)
        case Native("inet"):
            return ipaddress.ip_address(value)
        case List(element) | Vector(element):
            return tuple(of_driver(element, each) for each in value)
        case Set(element):
            return tuple(of_driver(element, each) for each in value)
        case Map(key, of):
            return tuple((of_driver(key, left), of_driver(of, right)) for left, right in value.items())
        case Tuple(elements):
            return tuple(of_driver(of, each) for of, each in zip(elements, value, strict=True))
        case Udt(fields=fields):
            return tuple(of_driver(field.type, each) for field, each in zip(fields, value, strict=True))
        case _:
            return value
