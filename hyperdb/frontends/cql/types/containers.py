"""Collections, tuples, user types and vectors as the bytes of their elements (specification of version 5, section 5).

Theory: a list or set is a count and a [bytes] each, a map a key and a value each; a tuple is a [bytes] each without a count,
nulls at the end may be missing; a vector is its elements one after the other, each behind its length where that is not fixed.
Invariant: what is packed is unpacked to the same elements; unpacking bears any bytes, and counts are compared with what is
left.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from hyperdb.frontends.cql.types import vints
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import Map, Native, Type, Vector

_INT = struct.Struct(">i")
_NULL = _INT.pack(-1)
_LENGTH_BYTES = 4
# Types whose values Cassandra takes for of fixed length inside a vector; others of fixed length it does not.
_FIXED = {"boolean": 1, "int": 4, "float": 4, "bigint": 8, "double": 8, "timestamp": 8, "uuid": 16, "timeuuid": 16}


def pack_fields(elements: Iterable[bytes | None]) -> bytes:
    """A tuple, or a value of a user type."""
    return b"".join([_NULL if each is None else _INT.pack(len(each)) + each for each in elements])


def pack_items(elements: Sequence[bytes | None]) -> bytes:
    """A list; a set whose elements are in order."""
    return _INT.pack(len(elements)) + pack_fields(elements)


def pack_pairs(pairs: Sequence[tuple[bytes, bytes | None]]) -> bytes:
    """A map whose keys are in order."""
    return _INT.pack(len(pairs)) + pack_fields(each for pair in pairs for each in pair)


def pack_vector(kind: Vector, elements: Sequence[bytes]) -> bytes:
    """A vector."""
    if fixed_length(kind.element) is not None:
        return b"".join(elements)
    return b"".join([vints.unsigned(len(each)) + each for each in elements])


def unpack_items(data: bytes, what: str = "list") -> list[bytes | None]:
    """The elements of a list or a set.

    Raises:
        CqlError: invalid, when the bytes are none.
    """
    elements, at = _unpack(data, 1, what)
    if at != len(data):
        raise invalid(f"Unexpected extraneous bytes after {what} value")
    return elements


def unpack_pairs(data: bytes) -> list[tuple[bytes | None, bytes | None]]:
    """The keys and values of a map; raises as `unpack_items`."""
    elements, at = _unpack(data, 2, "map")
    if at != len(data):
        raise invalid("Unexpected extraneous bytes after map value")
    return list(zip(elements[::2], elements[1::2], strict=True))


def members(kind: Type, data: bytes, *, keys: bool) -> list[bytes | None]:
    """What CONTAINS looks at: a map's keys or its values, a list's or set's elements."""
    if isinstance(kind, Map):
        return [pair[0 if keys else 1] for pair in unpack_pairs(data)]
    return unpack_items(data)


def _unpack(data: bytes, each: int, what: str) -> tuple[list[bytes | None], int]:
    if len(data) < _LENGTH_BYTES:
        raise invalid(f"Not enough bytes to read a {what}")
    (count,) = _INT.unpack_from(data)
    if count < 0:
        raise invalid(f"The data cannot be deserialized as a {what}")
    count *= each
    if count * _LENGTH_BYTES > len(data) - _LENGTH_BYTES:
        raise invalid(f"Not enough bytes to read a {what}")
    elements: list[bytes | None] = []
    at = _LENGTH_BYTES
    for _ in range(count):
        element, at = _field(data, at, f"Not enough bytes to read a {what}")
        elements.append(element)
    return elements, at


def _field(data: bytes, at: int, fault: str) -> tuple[bytes | None, int]:
    if at + _LENGTH_BYTES > len(data):
        raise invalid(fault)
    (length,) = _INT.unpack_from(data, at)
    at += _LENGTH_BYTES
    if length < 0:
        return None, at
    if at + length > len(data):
        raise invalid(fault)
    return data[at : at + length], at + length


def unpack_fields(data: bytes, count: int, what: str = "tuple") -> list[bytes | None]:
    """The fields of a tuple or a user type's value, of which there are `count`; those that are missing at the end are null.

    Raises:
        CqlError: invalid, when the bytes are none.
    """
    fields: list[bytes | None] = []
    at = 0
    while at < len(data) and len(fields) < count:
        field, at = _field(data, at, f"Not enough bytes to read {len(fields)}th component of a {what}")
        fields.append(field)
    if at != len(data):
        raise invalid(f"Invalid remaining data after end of {what} value")
    return fields + [None] * (count - len(fields))


def unpack_vector(kind: Vector, data: bytes) -> list[bytes]:
    """The elements of a vector; raises as `unpack_items`."""
    length = fixed_length(kind.element)
    if length is not None:
        if len(data) < length * kind.dimension:
            raise invalid("Not enough bytes to read a vector")
        if len(data) > length * kind.dimension:
            raise invalid("Unexpected extraneous bytes after vector value")
        return [data[at : at + length] for at in range(0, len(data), length)]
    elements, at = [], 0
    for _ in range(kind.dimension):
        size, at = vints.read_unsigned(data, at)
        if at + size > len(data):
            raise invalid("Not enough bytes to read a vector")
        elements.append(data[at : at + size])
        at += size
    if at != len(data):
        raise invalid("Unexpected extraneous bytes after vector value")
    return elements


def fixed_length(kind: Type) -> int | None:
    """How long each value of a type is inside a vector; None: they differ."""
    match kind:
        case Native(name):
            return _FIXED.get(name)
        case Vector(element, dimension):
            length = fixed_length(element)
            return None if length is None else length * dimension
        case _:
            return None
