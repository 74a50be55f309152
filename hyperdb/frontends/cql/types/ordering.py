"""The order of values, as Cassandra compares them: for clustering columns, sets, keys of maps, MIN and MAX.

Theory: `order_key(type)` gives a function from a value's bytes to something that Python compares in the type's order, so that
sorting takes one pass over the bytes. Empty values come first. Invariant: keys of two values are equal exactly if the type
takes the values for the same; a total order. Bytes are taken for valid (`codec` has checked them).

The store sorts uuids by their bytes in every language (docs/file-format.md, Ordered keys); `order_key` has Cassandra's order,
by version first and by time among those of version 1.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

from hyperdb.frontends.cql.types import containers
from hyperdb.frontends.cql.types.model import Custom, List, Map, Native, Set, Tuple, Type, Udt, Vector
from hyperdb.frontends.cql.types.numbers import DOUBLE, FLOAT, read_decimal, read_varint

Key: TypeAlias = Any
KeyOf: TypeAlias = Callable[[bytes], Key]

_EMPTY: Key = (0,)


def _by_bytes(data: bytes) -> Key:
    return data


def _by_number(data: bytes) -> Key:
    return (1, read_varint(data)) if data else _EMPTY


def _floating(layout: struct.Struct) -> KeyOf:
    def key(data: bytes) -> Key:
        if not data:
            return _EMPTY
        (number,) = layout.unpack(data)
        if math.isnan(number):
            return 1, 1, 0.0, 0
        return 1, 0, number, math.copysign(1.0, number)

    return key


def _decimal(data: bytes) -> Key:
    return (1, read_decimal(data)) if data else _EMPTY


def _uuid(data: bytes) -> Key:
    if not data:
        return _EMPTY
    version = data[6] >> 4
    return 1, version, (_time_of(data) if version == 1 else b""), data


def _timeuuid(data: bytes) -> Key:
    # Behind the time the bytes are compared with their signs, as Cassandra always has.
    return (1, _time_of(data), bytes(byte ^ 0x80 for byte in data[8:])) if data else _EMPTY


def _time_of(data: bytes) -> bytes:
    """The timestamp of a uuid of version 1, high bytes first."""
    return bytes((data[6] & 0x0F,)) + data[7:8] + data[4:6] + data[:4]


_NATIVE: dict[str, KeyOf] = {
    "bigint": _by_number,
    "boolean": lambda data: bytes((bool(data[0]),)) if data else b"",
    "counter": _by_number,
    "decimal": _decimal,
    "double": _floating(DOUBLE),
    "float": _floating(FLOAT),
    "int": _by_number,
    "smallint": _by_number,
    "timestamp": _by_number,
    "timeuuid": _timeuuid,
    "tinyint": _by_number,
    "uuid": _uuid,
    "varint": _by_number,
}


def _items(key: KeyOf) -> KeyOf:
    def of(data: bytes) -> Key:
        return [key(each or b"") for each in containers.unpack_items(data)] if data else []

    return of


def _pairs(key: KeyOf, value: KeyOf) -> KeyOf:
    def of(data: bytes) -> Key:
        return [(key(left or b""), value(right or b"")) for left, right in containers.unpack_pairs(data)] if data else []

    return of


def _fields(keys: list[KeyOf]) -> KeyOf:
    def of(data: bytes) -> Key:
        if not data:
            return _EMPTY
        fields = containers.unpack_fields(data, len(keys))
        # A null comes before every value; nulls at the end count as missing.
        return 1, [_EMPTY if field is None else (1, key(field)) for key, field in zip(keys, fields, strict=True)]

    return of


def _vector(kind: Vector) -> KeyOf:
    key = order_key(kind.element)

    def of(data: bytes) -> Key:
        return [key(each) for each in containers.unpack_vector(kind, data)] if data else []

    return of


@cache
def order_key(kind: Type) -> KeyOf:
    """What a type's values are sorted by."""
    match kind:
        case Native(name):
            # Texts, blobs, addresses, dates and times compare as bytes without signs; so do durations, which have no order.
            return _NATIVE.get(name, _by_bytes)
        case List(element) | Set(element):
            return _items(order_key(element))
        case Map(key, value):
            return _pairs(order_key(key), order_key(value))
        case Tuple(elements):
            return _fields([order_key(each) for each in elements])
        case Udt(fields=fields):
            return _fields([order_key(field.type) for field in fields])
        case Vector():
            return _vector(kind)
        case Custom():
            return _by_bytes


def compare(kind: Type, left: bytes, right: bytes) -> int:
    """Below 0, 0 or above 0, as `left` comes before `right`, is the same, or comes after."""
    key = order_key(kind)
    first, second = key(left), key(right)
    return int(first > second) - int(first < second)


def sorted_set(kind: Type, elements: list[bytes]) -> list[bytes]:
    """Elements of a set in their order, each once; of equal ones the first."""
    key = order_key(kind)
    found: list[bytes] = []
    last: Key = None
    for element in sorted(elements, key=key):
        this = key(element)
        if not found or this != last:
            found.append(element)
        last = this
    return found


def sorted_pairs(kind: Type, pairs: list[tuple[bytes, bytes | None]]) -> list[tuple[bytes, bytes | None]]:
    """Pairs of a map in the order of their keys, each key once; of equal ones the last."""
    key = order_key(kind)
    found: list[tuple[bytes, bytes | None]] = []
    last: Key = None
    for pair in sorted(pairs, key=lambda pair: key(pair[0])):
        this = key(pair[0])
        if found and this == last:
            found[-1] = pair
        else:
            found.append(pair)
        last = this
    return found
