"""Values as Python objects: reading, writing and checking the protocol's bytes (specification of version 5, section 5).

Theory: `codec(type)` is made once for each type. Values: str, int, bytes, bool, float, decimal.Decimal, uuid.UUID; date: days
since 1970, time: nanoseconds, timestamp: milliseconds since 1970, each an int; inet: an address of `ipaddress`; duration:
`Duration`; list, set, tuple, user type and vector: a tuple, a map a tuple of pairs. Null is None, and so is an empty value of a
type that has more than empty ones.
Invariant: `decode(encode(x)) == x`; bytes that are no value of the type are a `CqlError` (invalid) with Cassandra's words, and
nothing else comes out of `decode` and `validate`, whatever the bytes.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias
from uuid import UUID

from hyperdb.frontends.cql.types import containers, durations, moments, numbers, ordering
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import Custom, List, Map, Native, Set, Tuple, Type, Udt, Vector

Value: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Codec:
    """How the values of one type are read and written."""

    encode: Callable[[Value], bytes]
    """The bytes of a value of the class that the type has; null is not given."""
    decode: Callable[[bytes], Value]
    validate: Callable[[bytes], None]
    """Raises what `decode` would."""


def _checked(lengths: tuple[int, ...], fault: str) -> Callable[[bytes], None]:
    def validate(data: bytes) -> None:
        if len(data) not in lengths:
            raise invalid(fault.format(len(data)))

    return validate


def _integer(bits: int, fault: str, *, emptiable: bool) -> Codec:
    size = bits // 8
    validate = _checked((size, 0) if emptiable else (size,), fault)

    def encode(value: int) -> bytes:
        try:
            return value.to_bytes(size, "big", signed=True)
        except OverflowError:
            raise invalid(f"A number of {bits} bits cannot be {numbers.integer_text(value)}") from None

    def decode(data: bytes) -> int | None:
        validate(data)
        return int.from_bytes(data, "big", signed=True) if data else None

    return Codec(encode, decode, validate)


def _floating(layout: struct.Struct, fault: str, encode: Callable[[float], bytes]) -> Codec:
    validate = _checked((layout.size, 0), fault)

    def decode(data: bytes) -> float | None:
        validate(data)
        return float(layout.unpack(data)[0]) if data else None

    return Codec(encode, decode, validate)


def _validated(decode: Callable[[bytes], Value]) -> Callable[[bytes], None]:
    def validate(data: bytes) -> None:
        decode(data)

    return validate


def _decode_boolean(data: bytes) -> bool | None:
    _BOOLEAN_LENGTH(data)
    return data != b"\0" if data else None


_BOOLEAN_LENGTH = _checked((1, 0), "Expected 1 or 0 byte value ({})")


def _decode_text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise invalid("String didn't validate.") from None


def _encode_text(value: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise invalid("String didn't validate.") from None


def _decode_ascii(data: bytes) -> str:
    try:
        return data.decode("ascii")
    except UnicodeDecodeError as error:
        # Bytes have signs in Java.
        raise invalid(f"Invalid byte for ascii: {data[error.start] - 256}") from None


def _encode_ascii(value: str) -> bytes:
    try:
        return value.encode("ascii")
    except UnicodeEncodeError:
        raise invalid(
            "Invalid ASCII character in string literal: java.nio.charset.UnmappableCharacterException: Input length = 1"
        ) from None


_UUID_LENGTH = _checked((16, 0), "UUID should be 16 or 0 bytes ({})")
_TIME_BASED = 1


def _decode_uuid(data: bytes) -> UUID | None:
    _UUID_LENGTH(data)
    return UUID(bytes=data) if data else None


def _validate_timeuuid(data: bytes) -> None:
    _UUID_LENGTH(data)
    if data and data[6] >> 4 != _TIME_BASED:
        raise invalid("Invalid version for TimeUUID type.")


def _decode_timeuuid(data: bytes) -> UUID | None:
    _validate_timeuuid(data)
    return UUID(bytes=data) if data else None


def _encode_timeuuid(value: UUID) -> bytes:
    if value.bytes[6] >> 4 != _TIME_BASED:
        raise invalid("TimeUUID supports only version 1 UUIDs")
    return value.bytes


def _decode_inet(data: bytes) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if len(data) not in (0, 4, 16):
        raise invalid(f"Expected 4 or 16 byte inetaddress; got {len(data)}")
    return ipaddress.ip_address(data) if data else None


_DATE_LENGTH = _checked((4,), "Expected 4 byte long for date ({})")


def _decode_date(data: bytes) -> int:
    _DATE_LENGTH(data)
    return int.from_bytes(data, "big") - moments.EPOCH_DAY


def _encode_date(value: int) -> bytes:
    number = value + moments.EPOCH_DAY
    if not 0 <= number < 2 * moments.EPOCH_DAY:
        raise invalid(f"A date cannot be {value} days from 1970-01-01")
    return number.to_bytes(4, "big")


_TIME_LENGTH = _checked((8,), "Expected 8 byte long for time ({})")


def _decode_time(data: bytes) -> int:
    _TIME_LENGTH(data)
    return _time_of_day(int.from_bytes(data, "big", signed=True))


def _time_of_day(value: int) -> int:
    if not 0 <= value < moments.NANOS_OF_DAY:
        raise invalid(f"Input long out of bounds: {value}")
    return value


# The store keeps no more (native/graph/src/codec/wire/numbers.rs): turning them into digits takes time that grows by the square.
_MOST_DECIMAL_BYTES = 4 + (16 << 10)
_MOST_VARINT_BYTES = 64 << 10


def _validate_decimal(data: bytes) -> None:
    if data and len(data) < 5:
        raise invalid(f"Expected 0 or at least 5 bytes ({len(data)})")
    if len(data) > _MOST_DECIMAL_BYTES:
        raise invalid(f"A decimal of {len(data)} bytes is more than the {_MOST_DECIMAL_BYTES} that are kept")


def _decode_decimal(data: bytes) -> Value:
    _validate_decimal(data)
    return numbers.read_decimal(data) if data else None


def _decode_varint(data: bytes) -> int | None:
    # Whoever decodes a number goes on to compute with it or to write its digits.
    if len(data) > _MOST_VARINT_BYTES:
        raise invalid(f"A varint of {len(data)} bytes is more than the {_MOST_VARINT_BYTES} that are computed with")
    return numbers.read_varint(data) if data else None


def _nothing(_data: bytes) -> None:
    """Every byte is allowed."""


_NATIVE: dict[str, Codec] = {
    "ascii": Codec(_encode_ascii, _decode_ascii, _validated(_decode_ascii)),
    "bigint": _integer(64, "Expected 8 or 0 byte long ({})", emptiable=True),
    "blob": Codec(bytes, bytes, _nothing),
    "boolean": Codec(lambda value: b"\1" if value else b"\0", _decode_boolean, _BOOLEAN_LENGTH),
    "counter": _integer(64, "Expected 8 or 0 byte long ({})", emptiable=True),
    "date": Codec(_encode_date, _decode_date, _DATE_LENGTH),
    "decimal": Codec(numbers.decimal_bytes, _decode_decimal, _validate_decimal),
    "double": _floating(numbers.DOUBLE, "Expected 8 or 0 byte value for a double ({})", numbers.DOUBLE.pack),
    "duration": Codec(durations.encode, durations.decode, _validated(durations.decode)),
    "float": _floating(numbers.FLOAT, "Expected 4 or 0 byte value for a float ({})", numbers.float_bytes),
    "inet": Codec(lambda value: value.packed, _decode_inet, _validated(_decode_inet)),
    "int": _integer(32, "Expected 4 or 0 byte int ({})", emptiable=True),
    "smallint": _integer(16, "Expected 2 bytes for a smallint ({})", emptiable=False),
    "text": Codec(_encode_text, _decode_text, _validated(_decode_text)),
    "time": Codec(lambda value: _time_of_day(value).to_bytes(8, "big"), _decode_time, _validated(_decode_time)),
    "timestamp": _integer(64, "Expected 8 or 0 byte long for date ({})", emptiable=True),
    "timeuuid": Codec(_encode_timeuuid, _decode_timeuuid, _validate_timeuuid),
    "tinyint": _integer(8, "Expected 1 byte for a tinyint ({})", emptiable=False),
    "uuid": Codec(lambda value: value.bytes, _decode_uuid, _UUID_LENGTH),
    "varint": Codec(numbers.varint, _decode_varint, _nothing),
}


def _present(element: bytes | None) -> bytes:
    if element is None:
        raise invalid("null is not supported inside collections")
    return element


def _list(kind: List | Set) -> Codec:
    of = codec(kind.element)
    what = "set" if isinstance(kind, Set) else "list"

    def encode(value: Value) -> bytes:
        elements = [of.encode(each) for each in value]
        return containers.pack_items(ordering.sorted_set(kind.element, elements) if isinstance(kind, Set) else elements)

    def decode(data: bytes) -> Value:
        return tuple([of.decode(_present(each)) for each in containers.unpack_items(data, what)])

    def validate(data: bytes) -> None:
        for each in containers.unpack_items(data, what):
            of.validate(_present(each))

    return Codec(encode, decode, validate)


def _map(kind: Map) -> Codec:
    keys, values = codec(kind.key), codec(kind.value)

    def encode(value: Value) -> bytes:
        pairs = value.items() if isinstance(value, dict) else value
        encoded: list[tuple[bytes, bytes | None]] = [(keys.encode(left), values.encode(right)) for left, right in pairs]
        return containers.pack_pairs(ordering.sorted_pairs(kind.key, encoded))

    def decode(data: bytes) -> Value:
        pairs = containers.unpack_pairs(data)
        return tuple([(keys.decode(_present(left)), values.decode(_present(right))) for left, right in pairs])

    def validate(data: bytes) -> None:
        for left, right in containers.unpack_pairs(data):
            keys.validate(_present(left))
            values.validate(_present(right))

    return Codec(encode, decode, validate)


def _fields(kinds: list[Type], what: str) -> Codec:
    codecs = [codec(each) for each in kinds]

    def encode(value: Value) -> bytes:
        if len(value) > len(codecs):
            raise invalid(f"Invalid {what} literal: too many elements. It expects {len(codecs)} but got {len(value)}")
        pairs = zip(codecs, value, strict=False)
        return containers.pack_fields([None if each is None else of.encode(each) for of, each in pairs])

    def decode(data: bytes) -> Value:
        if not data:
            return None
        fields = containers.unpack_fields(data, len(codecs), what)
        return tuple([None if field is None else of.decode(field) for of, field in zip(codecs, fields, strict=True)])

    def validate(data: bytes) -> None:
        for of, field in zip(codecs, containers.unpack_fields(data, len(codecs), what), strict=True):
            if field is not None:
                of.validate(field)

    return Codec(encode, decode, validate)


def _vector(kind: Vector) -> Codec:
    of = codec(kind.element)

    def encode(value: Value) -> bytes:
        if len(value) != kind.dimension:
            raise invalid(f"Required {kind.dimension} elements, but saw {len(value)}")
        return containers.pack_vector(kind, [of.encode(each) for each in value])

    def decode(data: bytes) -> Value:
        if not data:
            return None
        return tuple([of.decode(each) for each in containers.unpack_vector(kind, data)])

    def validate(data: bytes) -> None:
        for each in containers.unpack_vector(kind, data):
            of.validate(each)

    return Codec(encode, decode, validate)


@cache
def codec(kind: Type) -> Codec:
    """The codec of a type."""
    match kind:
        case Native(name):
            return _NATIVE[name]
        case List() | Set():
            return _list(kind)
        case Map():
            return _map(kind)
        case Tuple(elements):
            return _fields(list(elements), "tuple")
        case Udt(fields=fields):
            return _fields([field.type for field in fields], "UDT")
        case Vector():
            return _vector(kind)
        case Custom():
            return _NATIVE["blob"]


def encode(kind: Type, value: Value) -> bytes | None:
    """The bytes of a value, or null.

    Raises:
        CqlError: invalid, when the type cannot hold it.
    """
    return None if value is None else codec(kind).encode(value)


def decode(kind: Type, data: bytes | None) -> Value:
    """A value from its bytes.

    Raises:
        CqlError: invalid, when they are none of the type.
    """
    return None if data is None else codec(kind).decode(data)


def validate(kind: Type, data: bytes | None) -> None:
    """Checks what a client sent for a value; raises as `decode`."""
    if data is not None:
        codec(kind).validate(data)
