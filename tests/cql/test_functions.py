"""CQL's functions: what Cassandra's documentation says of each, and their edges."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as s

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.functions.aggregates import COUNT_ROWS, Aggregate, aggregate
from hyperdb.frontends.cql.functions.arithmetic import BITS
from hyperdb.frontends.cql.functions.casts import cast
from hyperdb.frontends.cql.functions.moments import timeuuid
from hyperdb.frontends.cql.functions.registry import AGGREGATES, SIGNATURES, resolve
from hyperdb.frontends.cql.types import codec, model
from hyperdb.frontends.cql.types.durations import Duration

NOW = 1_700_000_000_123
TIME_UUID = UUID("d2177dd0-eaa2-11de-a572-001b779c76e3")
VECTOR = model.Vector(model.FLOAT, 2)
INTS = model.List(model.INT)


class Fixed:
    """An environment that stands still."""

    def millis(self) -> int:
        return NOW

    def timeuuid(self) -> UUID:
        return TIME_UUID

    def uuid(self) -> UUID:
        return UUID(int=4)


def call(name: str, types: Sequence[model.Type | None], *values: object) -> object:
    function = resolve(name, types)
    result = function(Fixed(), values)
    assert codec.decode(function.returns, codec.encode(function.returns, result)) == result or result != result
    return result


DAY = 86_400_000
CALLS = [
    ("now", (), (), TIME_UUID),
    ("uuid", (), (), UUID(int=4)),
    ("current_timestamp", (), (), NOW),
    ("currentdate", (), (), NOW // DAY),
    ("current_time", (), (), NOW % DAY * 1_000_000),
    ("to_date", (model.TIMESTAMP,), (-1,), -1),
    ("todate", (model.TIMEUUID,), (TIME_UUID,), 14595),
    ("to_timestamp", (model.TIMEUUID,), (TIME_UUID,), 1261009589805),
    ("totimestamp", (model.DATE,), (-1,), -DAY),
    ("to_unix_timestamp", (model.DATE,), (2,), 2 * DAY),
    ("tounixtimestamp", (model.TIMESTAMP,), (None,), None),
    ("floor", (model.TIMESTAMP, model.DURATION), (NOW, Duration(0, 0, 3_600_000_000_000)), NOW - NOW % 3_600_000),
    ("floor", (model.TIMESTAMP, model.DURATION), (NOW, Duration(0, 1, 0)), NOW - NOW % DAY),
    ("floor", (model.TIMESTAMP, model.DURATION, model.TIMESTAMP), (NOW, Duration(0, 1, 0), 5), NOW - (NOW - 5) % DAY),
    ("floor", (model.TIMESTAMP, model.DURATION), (NOW, Duration(1, 0, 0)), 1_698_796_800_000),
    ("floor", (model.TIMEUUID, model.DURATION), (TIME_UUID, Duration(12, 0, 0)), 1_230_768_000_000),
    ("floor", (model.DATE, model.DURATION), (59, Duration(1, 0, 0)), 59),
    ("floor", (model.DATE, model.DURATION, None), (58, Duration(1, 0, 0), 30), 58),
    ("floor", (model.TIME, model.DURATION), (3_700_000_000_000, Duration(0, 0, 3_600_000_000_000)), 3_600_000_000_000),
    ("bigint_as_blob", (model.BIGINT,), (3,), bytes([0] * 7 + [3])),
    ("blobasbigint", (model.BLOB,), (bytes([0] * 7 + [3]),), 3),
    ("varchar_as_blob", (model.TEXT,), ("é",), "é".encode()),
    ("blob_as_inet", (model.BLOB,), (None,), None),
    ("abs", (model.INT,), (-5,), 5),
    ("abs", (model.TINYINT,), (-128,), -128),
    ("abs", (model.DECIMAL,), (Decimal("-1.50"),), Decimal("1.50")),
    ("round", (model.DOUBLE,), (2.5,), 3.0),
    ("round", (model.DOUBLE,), (-2.5,), -2.0),
    ("round", (model.DECIMAL,), (Decimal("-2.5"),), Decimal("-3")),
    ("round", (model.DECIMAL,), (Decimal("1E+3"),), Decimal("1E+3")),
    ("exp", (model.INT,), (1,), 2),
    ("exp", (model.INT,), (100,), 2**31 - 1),
    ("exp", (model.DOUBLE,), (0.0,), 1.0),
    ("exp", (model.DOUBLE,), (1e9,), math.inf),
    ("log", (model.DOUBLE,), (0.0,), -math.inf),
    ("log", (model.INT,), (-1,), 0),
    ("log10", (model.BIGINT,), (1000,), 3),
    ("log10", (model.VARINT,), (10**50,), 50),
    ("map_keys", (model.Map(model.INT, model.TEXT),), (((1, "a"), (2, "b")),), (1, 2)),
    ("map_values", (model.Map(model.INT, model.TEXT),), (((1, "a"), (2, "a")),), ("a", "a")),
    ("collection_count", (model.Set(model.INT),), ((1, 2, 3),), 3),
    ("collection_min", (INTS,), ((3, -1, 2),), -1),
    ("collection_max", (INTS,), ((3, -1, 2),), 3),
    ("collection_max", (INTS,), ((),), None),
    ("collection_sum", (model.List(model.TINYINT),), ((100, 100),), -56),
    ("collection_avg", (INTS,), ((1, 2),), 1),
    ("collection_avg", (INTS,), ((-1, -2),), -1),
    ("similarity_cosine", (VECTOR, VECTOR), ((1.0, 0.0), (0.0, 2.0)), 0.5),
    ("similarity_euclidean", (VECTOR, None), ((1.0, 1.0), (1.0, 2.0)), 0.5),
    ("similarity_dot_product", (None, VECTOR), ((1.0, 1.0), (1.0, 2.0)), 2.0),
    ("mask_null", (model.TEXT,), ("Alice",), None),
    ("mask_default", (model.TEXT,), (None,), "****"),
    ("mask_default", (model.INT,), (123,), 0),
    ("mask_default", (model.Set(model.INT),), ((1,),), ()),
    ("mask_replace", (model.TEXT, model.TEXT), ("Alice", "REDACTED"), "REDACTED"),
    ("mask_inner", (model.TEXT, model.INT, model.INT), ("Alice", 1, 2), "A**ce"),
    ("mask_inner", (model.TEXT, model.INT, None), ("Alice", 1, None), "A****"),
    ("mask_inner", (model.TEXT, None, model.INT), ("Alice", None, 2), "***ce"),
    ("mask_inner", (model.TEXT, model.INT, model.INT, model.TEXT), ("Alice", 2, 1, "#"), "Al##e"),
    ("mask_outer", (model.TEXT, model.INT, model.INT), ("Alice", 1, 2), "*li**"),
    ("mask_outer", (model.ASCII, model.INT, None), ("Alice", 1, None), "*lice"),
    ("mask_outer", (model.TEXT, None, model.INT), ("Alice", None, 2), "Ali**"),
    ("mask_outer", (model.TEXT, model.INT, model.INT, model.TEXT), ("Alice", 2, 1, "#"), "##ic#"),
    ("mask_hash", (model.TEXT,), ("Alice",), hashlib.sha256(b"Alice").digest()),
    ("mask_hash", (model.TEXT, model.TEXT), ("Alice", "SHA-512"), hashlib.sha512(b"Alice").digest()),
]


@pytest.mark.parametrize(("name", "types", "values", "expected"), CALLS)
def test_calls(name: str, types: tuple[model.Type | None, ...], values: tuple[object, ...], expected: object) -> None:
    assert call(name, types, *values) == expected


REFUSED = [
    ("nothing", (), (), "Unknown function 'nothing'"),
    ("abs", (model.TEXT,), ("x",), "none of its type signatures match (text)"),
    ("abs", (), (), "none of its type signatures match ()"),
    ("to_date", (None,), (1,), "Ambiguous call to function to_date"),
    ("collection_sum", (model.Set(model.TEXT),), (("a",),), "none of its type signatures match"),
    ("blob_as_int", (model.BLOB,), (b"\1",), "blob_as_int, value 0x01 is not a valid binary representation for type int"),
    ("similarity_cosine", (VECTOR, VECTOR), ((0.0, 0.0), (0.0, 1.0)), "all-zero"),
    ("similarity_cosine", (VECTOR, model.Vector(model.FLOAT, 3)), ((), ()), "none of its type signatures match"),
    ("mask_hash", (model.TEXT, model.TEXT), ("a", "CRC"), "Hash algorithm not found: CRC"),
    ("mask_inner", (model.INT, model.INT, model.INT), (1, 1, 1), "none of its type signatures match"),
    ("mask_inner", (model.TEXT, model.INT, model.INT, model.TEXT), ("a", 1, 1, "##"), "single-character"),
    ("min_timeuuid", (model.TIMESTAMP,), (-(10**15),), "does not fit"),
    ("floor", (model.TIMESTAMP, model.DURATION), (5, Duration(0, -1, 0)), "Negative durations"),
    ("floor", (model.TIMESTAMP, model.DURATION), (5, Duration(0, 0, 1)), "below 1 millisecond"),
    ("floor", (model.TIMESTAMP, model.DURATION), (-5, Duration(0, 1, 0)), "greater than the provided time"),
    ("floor", (model.DATE, model.DURATION), (5, Duration(0, 0, 1_000_000)), "below 1 day"),
    ("floor", (model.TIME, model.DURATION), (5, Duration(0, 1, 0)), "smaller that a day"),
    ("exp", (model.VARINT,), (10**9,), "digits"),
    ("log", (model.DECIMAL,), (Decimal(-1),), "no number"),
    ("log", (model.DECIMAL,), (Decimal(0),), "no number"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "types", "values", "message"), REFUSED)
def test_refused(name: str, types: tuple[model.Type | None, ...], values: tuple[object, ...], message: str) -> None:
    with pytest.raises(CqlError) as caught:
        call(name, types, *values)
    assert message in caught.value.message


def test_every_name_has_both_spellings() -> None:
    for name in SIGNATURES:
        if "_as_" in name or name.startswith(("to_", "min_", "max_", "current_", "blob_as_")):
            assert name.replace("_", "") in SIGNATURES
    assert not AGGREGATES & set(SIGNATURES)


@given(millis=s.integers(-(10**13), 10**14))
def test_times_of_timeuuids(millis: int) -> None:
    least, greatest = call("min_timeuuid", (model.TIMESTAMP,), millis), call("maxtimeuuid", (model.TIMESTAMP,), millis)
    for found in (least, greatest):
        assert call("to_timestamp", (model.TIMEUUID,), found) == millis
        assert call("to_date", (model.TIMEUUID,), found) == millis // DAY
    assert isinstance(least, UUID)
    assert timeuuid(least.time, least.int & ((1 << 64) - 1)) == least
    assert str(call("min_timeuuid", (model.TIMESTAMP,), 0)) == "13814000-1dd2-11b2-8080-808080808080"
    assert str(call("max_timeuuid", (model.TIMESTAMP,), 0)) == "1381670f-1dd2-11b2-7f7f-7f7f7f7f7f7f"


@given(
    time=s.integers(0, 10**13),
    duration=s.builds(Duration, s.integers(0, 30), s.integers(0, 100), s.integers(0, 10**6).map(lambda millis: millis * 10**6)),
    start=s.integers(-(10**12), 0),
)
def test_floors_begin_intervals(time: int, duration: Duration, start: int) -> None:
    if duration == Duration(0, 0, 0):
        return
    types = (model.TIMESTAMP, model.DURATION, model.TIMESTAMP)
    found = call("floor", types, time, duration, start)
    assert isinstance(found, int)
    assert start <= found <= time
    assert call("floor", types, found, duration, start) == found
    longest = (duration.months * 31 + duration.days) * DAY + duration.nanoseconds // 10**6
    assert time - found < longest or duration.months


CASTS = [
    (model.INT, model.TINYINT, 300, 44),
    (model.BIGINT, model.INT, 2**31, -(2**31)),
    (model.DOUBLE, model.INT, 1e20, 2**31 - 1),
    (model.DOUBLE, model.TINYINT, 300.9, 44),
    (model.DOUBLE, model.BIGINT, -1.9, -1),
    (model.DOUBLE, model.INT, math.nan, 0),
    (model.DECIMAL, model.INT, Decimal("4294967297.9"), 1),
    (model.DECIMAL, model.BIGINT, Decimal("1E+999999"), 0),
    (model.DECIMAL, model.VARINT, Decimal("-1.9"), -1),
    (model.VARINT, model.DOUBLE, 10**400, math.inf),
    (model.INT, model.DECIMAL, 5, Decimal(5)),
    (model.FLOAT, model.DECIMAL, 0.10000000149011612, Decimal("0.1")),
    (model.DOUBLE, model.VARINT, 1e20, 10**20),
    (model.DOUBLE, model.FLOAT, 0.1, 0.10000000149011612),
    (model.DOUBLE, model.TEXT, 1.0, "1.0"),
    (model.INT, model.TEXT, -7, "-7"),
    (model.BOOLEAN, model.TEXT, True, "true"),
    (model.COUNTER, model.BIGINT, 5, 5),
    (model.ASCII, model.TEXT, "a", "a"),
    (model.UUID, model.TEXT, UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (model.TIMESTAMP, model.DATE, -1, -1),
    (model.DATE, model.TIMESTAMP, 1, DAY),
    (model.DATE, model.TEXT, 0, "1970-01-01"),
    (model.TIMEUUID, model.TIMESTAMP, TIME_UUID, 1261009589805),
    (model.TIMEUUID, model.DATE, TIME_UUID, 14595),
    (INTS, INTS, (1,), (1,)),
]


@pytest.mark.parametrize(("source", "target", "value", "expected"), CASTS)
def test_casts(source: model.Type, target: model.Type, value: object, expected: object) -> None:
    found = cast(source, target)(value)
    assert found == expected
    assert type(found) is type(expected)
    codec.encode(target, found)


@pytest.mark.parametrize(
    ("source", "target"),
    [(model.TEXT, model.INT), (model.BLOB, model.TEXT), (model.INT, model.COUNTER), (INTS, model.TEXT), (model.TIME, model.DATE)],
)
def test_casts_that_are_none(source: model.Type, target: model.Type) -> None:
    with pytest.raises(CqlError, match="cannot be cast to"):
        cast(source, target)


def test_a_cast_of_what_is_too_long() -> None:
    with pytest.raises(CqlError, match="digits"):
        cast(model.DECIMAL, model.VARINT)(Decimal("1E+999999"))
    with pytest.raises(CqlError, match="no decimal form"):
        cast(model.DOUBLE, model.DECIMAL)(math.nan)


def reduced(name: str, kind: model.Type, *values: object) -> object:
    found = aggregate(name, kind)
    assert isinstance(found, Aggregate)
    accumulator = found.new()
    for value in values:
        accumulator.add(value)
    result = accumulator.result()
    codec.encode(found.returns, result)
    return result


REDUCED = [
    ("count", model.TEXT, ("a", None, "b"), 2),
    ("count", model.TEXT, (), 0),
    ("min", model.TEXT, ("b", None, "a"), "a"),
    ("max", model.INT, (-1, -2), -1),
    ("max", model.INT, (None,), None),
    ("max", INTS, ((1,), (1, 0)), (1, 0)),
    ("sum", model.INT, (2**31 - 1, 1), -(2**31)),
    ("sum", model.INT, (), 0),
    ("sum", model.VARINT, (10**30, None, 1), 10**30 + 1),
    ("sum", model.DOUBLE, (1e100, 1.0, -1e100), 1.0),
    ("sum", model.DOUBLE, (math.inf, 1.0), math.inf),
    ("sum", model.DECIMAL, (Decimal("0.1"), Decimal("0.20")), Decimal("0.30")),
    ("avg", model.INT, (1, 2), 1),
    ("avg", model.INT, (-1, -2), -1),
    ("avg", model.BIGINT, (2**62, 2**62, 2**62), 2**62),
    ("avg", model.DOUBLE, (1.0, 2.0, None), 1.5),
    ("avg", model.DOUBLE, (), 0.0),
    ("avg", model.DECIMAL, (Decimal("1.0"), Decimal("1.1")), Decimal("1.0")),
    ("avg", model.DECIMAL, (), Decimal(0)),
]


@pytest.mark.parametrize(("name", "kind", "values", "expected"), REDUCED)
def test_aggregates(name: str, kind: model.Type, values: tuple[object, ...], expected: object) -> None:
    assert reduced(name, kind, *values) == expected


def test_rows_are_counted_whatever_they_hold() -> None:
    accumulator = COUNT_ROWS.new()
    accumulator.add(None)
    accumulator.add(1)
    assert accumulator.result() == 2


def test_aggregates_that_are_none() -> None:
    assert aggregate("median", model.INT) is None
    with pytest.raises(CqlError, match="Invalid call to function sum"):
        aggregate("sum", model.TEXT)


@given(values=s.lists(s.integers(-(2**31), 2**31 - 1), max_size=20))
def test_sums_of_ints(values: list[int]) -> None:
    expected = 0
    for value in values:
        expected = (expected + value + 2**31) % 2**32 - 2**31
    assert reduced("sum", model.INT, *values) == expected


@given(
    kind=s.sampled_from(sorted(BITS, key=lambda kind: kind.name)),
    number=s.integers(-(2**63), 2**63 - 1),
    name=s.sampled_from(["abs", "exp", "log", "log10", "round"]),
)
def test_integers_stay_within_their_type(kind: model.Native, number: int, name: str) -> None:
    bits = BITS[kind]
    call(name, (kind,), (number + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1))
