"""Values as bytes: equal to the stock driver's for each type; bad bytes are refused with Cassandra's words and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cql_values import TYPED_VALUES, TYPES, cqltypes, driver_type, driver_value, of_driver
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.codes import ErrorCode
from hyperdb.frontends.cql.types import codec, java, model, ordering
from hyperdb.frontends.cql.types.model import List, Map, Set, Tuple, Type, Udt, Vector

PROTOCOL = 5


def _mentions(kind: Type, *found: type) -> bool:
    return isinstance(kind, found) or any(_mentions(part, *found) for part in model.parts(kind))


def refused(call: Callable[[], object]) -> str | None:
    """What a client is told; None: nothing, it went well. Any other exception fails the test."""
    try:
        call()
    except CqlError as error:
        return f"{ErrorCode(error.code).name}: {error.message}"
    return None


@settings(max_examples=60, deadline=None)
@given(TYPED_VALUES)
def test_what_is_written_is_read(typed: tuple[Type, Any]) -> None:
    kind, value = typed
    data = codec.encode(kind, value)
    assert data is not None
    codec.validate(kind, data)
    back = codec.decode(kind, data)
    assert codec.encode(kind, back) == data
    if not _mentions(kind, Set, Map):
        assert back == value or data == b""


@settings(max_examples=60, deadline=None)
@given(TYPED_VALUES)
def test_the_driver_writes_the_same_bytes(typed: tuple[Type, Any]) -> None:
    kind, value = typed
    mine = codec.encode(kind, value)
    decoded = codec.decode(kind, mine)
    if decoded is not None:
        assert driver_type(kind).to_binary(driver_value(kind, decoded), PROTOCOL) == mine


@settings(max_examples=60, deadline=None)
@given(TYPED_VALUES)
def test_the_driver_reads_what_is_written(typed: tuple[Type, Any]) -> None:
    kind, value = typed
    data = codec.encode(kind, value)
    found = driver_type(kind).from_binary(data, PROTOCOL)
    assert codec.encode(kind, of_driver(kind, found)) == data or not data


@settings(max_examples=60, deadline=None)
@given(TYPES, st.binary(max_size=40))
def test_any_bytes_are_a_value_or_refused(kind: Type, data: bytes) -> None:
    faults = [refused(lambda: codec.validate(kind, data)), refused(lambda: codec.decode(kind, data))]
    # An empty tuple or vector is null to those who read it, though no client may send it as a value.
    assert faults[0] == faults[1] or not data or _mentions(kind, Tuple, Udt, Vector)


@settings(max_examples=60, deadline=None)
@given(TYPED_VALUES, st.data())
def test_mutated_bytes_are_a_value_or_refused(typed: tuple[Type, Any], data: st.DataObject) -> None:
    kind, value = typed
    mutated = bytearray(codec.encode(kind, value) or b"")
    for _ in range(data.draw(st.integers(1, 3))):
        if mutated:
            mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
    if refused(lambda: codec.validate(kind, bytes(mutated))) is None:
        codec.decode(kind, bytes(mutated))
        ordering.order_key(kind)(bytes(mutated))


@pytest.mark.parametrize(
    ("kind", "data", "fault"),
    [
        (model.INT, b"123", "Expected 4 or 0 byte int (3)"),
        (model.BIGINT, b"123", "Expected 8 or 0 byte long (3)"),
        (model.COUNTER, b"1", "Expected 8 or 0 byte long (1)"),
        (model.SMALLINT, b"", "Expected 2 bytes for a smallint (0)"),
        (model.TINYINT, b"", "Expected 1 byte for a tinyint (0)"),
        (model.BOOLEAN, b"12", "Expected 1 or 0 byte value (2)"),
        (model.FLOAT, b"12", "Expected 4 or 0 byte value for a float (2)"),
        (model.DOUBLE, b"12", "Expected 8 or 0 byte value for a double (2)"),
        (model.TIMESTAMP, b"12", "Expected 8 or 0 byte long for date (2)"),
        (model.DATE, b"", "Expected 4 byte long for date (0)"),
        (model.TIME, b"", "Expected 8 byte long for time (0)"),
        (model.TIME, b"\xff" * 8, "Input long out of bounds: -1"),
        (model.UUID, b"12", "UUID should be 16 or 0 bytes (2)"),
        (model.TIMEUUID, bytes(16), "Invalid version for TimeUUID type."),
        (model.INET, b"12", "Expected 4 or 16 byte inetaddress; got 2"),
        (model.ASCII, b"a\x80", "Invalid byte for ascii: -128"),
        (model.TEXT, b"\xff", "String didn't validate."),
        (model.DECIMAL, b"1234", "Expected 0 or at least 5 bytes (4)"),
        (model.DURATION, b"\2\1\0", "The duration months, days and nanoseconds must be all of the same sign (1, -1, 0)"),
        (model.DURATION, b"\xf1\0\0\0\0\0\0", "The duration months must be a 32 bits integer but was: 2147483648"),
        (List(model.INT), b"\0\0\0\1", "Not enough bytes to read a list"),
        (List(model.INT), b"\xff\xff\xff\xff", "The data cannot be deserialized as a list"),
        (List(model.INT), b"\x7f\xff\xff\xff\0\0\0\0", "Not enough bytes to read a list"),
        (Set(model.INT), b"\0\0\0\0\0", "Unexpected extraneous bytes after set value"),
        (List(model.INT), b"\0\0\0\1\xff\xff\xff\xff", "null is not supported inside collections"),
        (Map(model.INT, model.INT), b"\0\0\0\1\0\0\0\0", "Not enough bytes to read a map"),
        (Tuple((model.INT,)), b"\0\0\0\0\0", "Invalid remaining data after end of tuple value"),
        (Vector(model.FLOAT, 2), bytes(4), "Not enough bytes to read a vector"),
        (Vector(model.FLOAT, 2), bytes(12), "Unexpected extraneous bytes after vector value"),
    ],
)  # fmt: skip
def test_wrong_bytes_are_refused_with_these_words(kind: Type, data: bytes, fault: str) -> None:
    with pytest.raises(CqlError) as found:
        codec.validate(kind, data)
    assert found.value.message == fault
    assert found.value.code == ErrorCode.INVALID


EMPTIABLE = "bigint boolean counter decimal double float inet int timestamp timeuuid uuid varint".split()


@pytest.mark.parametrize("name", EMPTIABLE)
def test_an_empty_value_is_allowed_and_reads_as_null(name: str) -> None:
    kind = model.NATIVE[name]
    codec.validate(kind, b"")
    assert codec.decode(kind, b"") is None


def test_boundaries_are_written_as_the_specification_says() -> None:
    assert codec.encode(model.DATE, 0) == b"\x80\0\0\0"
    assert codec.encode(model.DATE, -(2**31)) == bytes(4)
    assert [codec.encode(model.VARINT, number) for number in (0, 1, 127, 128, 129, -1, -128, -129)] == [
        b"\0", b"\1", b"\x7f", b"\0\x80", b"\0\x81", b"\xff", b"\x80", b"\xff\x7f"
    ]  # fmt: skip
    assert codec.encode(Vector(model.TEXT, 2), ("a", "bc")) == b"\1a\2bc"
    assert codec.encode(Set(model.INT), (3, -1, 3)) == bytes.fromhex("00000002 00000004 ffffffff 00000004 00000003")


def test_user_types_are_read_by_the_driver() -> None:
    kind = Udt("ks", "Point", (model.Field("x", model.INT), model.Field("Y y", model.TEXT)), frozen=True)
    found = cqltypes.lookup_casstype(java.write(kind))
    assert tuple(found.from_binary(codec.encode(kind, (1, None)), PROTOCOL)) == (1, None)
    assert found.to_binary((1, "a"), PROTOCOL) == codec.encode(kind, (1, "a"))


def test_numbers_of_more_digits_than_anybody_computes_with_are_refused() -> None:
    codec.validate(model.VARINT, b"\1" * 100_000)
    for kind, data in ((model.VARINT, b"\1" * 100_000), (model.DECIMAL, b"\1" * 20_000)):
        with pytest.raises(CqlError, match="is more than the"):
            codec.decode(kind, data)
    with pytest.raises(CqlError, match="is more than the"):
        codec.validate(model.DECIMAL, b"\1" * 20_000)
