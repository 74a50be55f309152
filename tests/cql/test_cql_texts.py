"""Values as CQL's text and as JSON, both ways, and the order of values: as Cassandra has them."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from cql_values import NATIVES, TYPED_VALUES, TYPES, values
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.types import codec, constants, durations, json_text, literals, model, moments, numbers, ordering
from hyperdb.frontends.cql.types.constants import Kind
from hyperdb.frontends.cql.types.durations import Duration
from hyperdb.frontends.cql.types.model import Field, List, Map, Native, Set, Tuple, Type, Udt, Vector

POINT = Udt("ks", "Point", (Field("x", model.INT), Field("Y", model.TEXT)), frozen=True)


NO_PREFIX = "String representation of blob is missing 0x prefix"
PAIR, NUMBERS = Tuple((model.INT, model.INT)), Map(model.INT, model.INT)


def of(kind: Type, text: str) -> Any:
    return codec.decode(kind, literals.from_text(kind, text))


# Constants.


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (model.INT, "-2147483648", -(2**31)),
        (model.DECIMAL, "1.50", Decimal("1.50")),
        (model.DECIMAL, "-0.0", Decimal("0.0")),
        (model.DECIMAL, "1e5", Decimal("1E+5")),
        (model.DOUBLE, "1", 1.0),
        (model.DOUBLE, "-Infinity", -math.inf),
        (model.FLOAT, "1e50", math.inf),
        (model.BOOLEAN, "TRUE", True),
        (model.BLOB, "00ff", b"\0\xff"),
        (model.BLOB, "", b""),
        (model.TEXT, "", ""),
        (model.INT, "", None),
        (model.DATE, "1970-01-02", 1),
        (model.DATE, "2147483648", 0),
        (model.DATE, "0", -(2**31)),
        (model.DATE, "-5877641-06-23", -(2**31)),
        (model.DATE, "+5881580-07-11", 2**31 - 1),
        (model.TIME, "01:02:03.000000004", 3_723_000_000_004),
        (model.TIME, "01:02:03.4", 3_723_400_000_000),
        (model.TIME, "5", 5),
        (model.TIMESTAMP, "-5", -5),
        (model.TIMESTAMP, "1970-01-01", 0),
        (model.TIMESTAMP, "1970-01-01 00:01", 60_000),
        (model.TIMESTAMP, "1970-01-01T00:00:01Z", 1_000),
        (model.TIMESTAMP, "1970-01-01 00:00:00.123+0100", -3_599_877),
        (model.TIMESTAMP, "1970-01-01 00:00:00.5-01", 3_600_500),
        (model.TIMESTAMP, "1970-01-01T00:00+01:30", -5_400_000),
        (model.TIMESTAMP, "1970-07-01 00:00 America/New_York", 15_638_400_000 + 14_400_000 - 14_400_000 + 14_400_000),
        (model.TIMESTAMP, "1970-01-01+0000", 0),
        (model.TIMESTAMP, "2024-02-29 GMT", 1_709_164_800_000),
        (model.DURATION, "1h30m", Duration(0, 0, 5_400 * 10**9)),
        (model.DURATION, "-P1Y2M3DT4H5M6S", Duration(-14, -3, -14_706 * 10**9)),
        (model.DURATION, "P2W", Duration(0, 14, 0)),
        (model.DURATION, "P0001-02-03T04:05:06", Duration(14, 3, 14_706 * 10**9)),
        (model.DURATION, "1Y2MO3us4NS", Duration(14, 0, 3_004)),
        (model.DURATION, "2µs", Duration(0, 0, 2_000)),
    ],
)  # fmt: skip
def test_texts_of_values(kind: Type, text: str, value: Any) -> None:
    found = of(kind, text)
    assert found == value
    assert str(found) == str(value)


def test_numbers_of_many_digits() -> None:
    assert of(model.VARINT, "9" * 5000) == 10**5000 - 1
    assert literals.plain(model.VARINT, numbers.varint(1 - 10**5000)) == "-" + "9" * 5000
    assert json_text.read(model.VARINT, json_text.parse("9" * 5000)) == numbers.varint(10**5000 - 1)


@pytest.mark.parametrize(
    ("kind", "text", "fault"),
    [
        (model.INT, "2147483648", "Unable to make int from '2147483648'"),
        (model.BIGINT, "1.5", "Unable to make long from '1.5'"),
        (model.SMALLINT, "40000", "Unable to make short from '40000'"),
        (model.TINYINT, "200", "Unable to make byte from '200'"),
        (model.TINYINT, "", "Expected 1 byte for a tinyint (0)"),
        (model.VARINT, "1_0", "unable to make int from '1_0'"),
        (model.INT, "１", "Unable to make int from '１'"),
        (model.DECIMAL, "1e", "unable to make BigDecimal from '1e'"),
        (model.DECIMAL, "1e9999999999", "unable to make BigDecimal"),
        (model.DECIMAL, "NaN", "unable to make BigDecimal from 'NaN'"),
        (model.DOUBLE, "x", "Unable to make double from 'x'"),
        (model.BOOLEAN, "yes", "Unable to make boolean from 'yes'"),
        (model.BLOB, "0", "cannot parse '0' as hex bytes"),
        (model.BLOB, "0 0", "cannot parse '0 0' as hex bytes"),
        (model.ASCII, "é", "Invalid ASCII character in string literal"),
        (model.TEXT, "\ud800", "String didn't validate."),
        (model.UUID, "1", "Unable to make UUID from '1'"),
        (model.TIMEUUID, "00000000-0000-4000-8000-000000000000", "TimeUUID supports only version 1 UUIDs"),
        (model.INET, "localhost", "Unable to make inet address from 'localhost'"),
        (model.INET, "1.2.3.400", "Unable to make inet address from '1.2.3.400'"),
        (model.DATE, "2023-02-29", "Unable to coerce '2023-02-29' to a formatted date (long)"),
        (model.DATE, "+5881580-07-12", "Input date +5881580-07-12 is greater than max supported date +5881580-07-11T00:00Z"),
        (model.DATE, "4294967296", "Unable to make unsigned int (for date) from: '4294967296'"),
        (model.TIME, "24:00:00", "(TimeType) Unable to coerce '24:00:00' to a formatted time (long)"),
        (model.TIME, "86400000000000", "Unable to make long (for time) from: '86400000000000'"),
        (model.TIMESTAMP, "2023-02-29", "Unable to coerce '2023-02-29' to a formatted date (long)"),
        (model.TIMESTAMP, "2023-02-28 25:00", "Unable to coerce '2023-02-28 25:00' to a formatted date (long)"),
        (model.TIMESTAMP, "2023-02-28 01:00 ../../etc/passwd", "Unable to coerce"),
        (model.TIMESTAMP, "9223372036854775808", "Unable to make long (for date) from: '9223372036854775808'"),
        (model.DURATION, "1", "Unable to convert '1' to a duration"),
        (model.DURATION, "1h1y", "Invalid duration. The hours should be after years"),
        (model.DURATION, "1h1h", "Invalid duration. The hours are specified multiple times"),
        (model.DURATION, "200000000y", "Invalid duration. The total number of months must be less or equal to 2147483647"),
        (model.DURATION, "P", None),
    ],
)  # fmt: skip
def test_texts_that_are_no_values(kind: Type, text: str, fault: str | None) -> None:
    if fault is None:
        assert of(kind, text) == Duration(0, 0, 0)
        return
    with pytest.raises(CqlError) as found:
        literals.from_text(kind, text)
    assert found.value.message.startswith(fault)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(list(model.NATIVE.values())), st.text(st.sampled_from("0123456789-+:.TPZYMDHWSeE axnN'µ\0é"), max_size=14))
def test_any_text_is_a_value_or_refused(kind: Native, text: str) -> None:
    try:
        data = literals.from_text(kind, text)
    except CqlError:
        return
    codec.validate(kind, data)


def test_which_constants_a_type_takes() -> None:
    assert constants.value(model.BLOB, Kind.HEX, "0xAB", "b") == b"\xab"
    assert constants.value(model.COUNTER, Kind.INTEGER, "3", "c") == (3).to_bytes(8, "big")
    assert constants.value(model.TIMESTAMP, Kind.INTEGER, "3", "t") == (3).to_bytes(8, "big")
    refused = [
        (model.INT, Kind.STRING, "abc", 'Invalid STRING constant (abc) for "v" of type int'),
        (model.TEXT, Kind.INTEGER, "1", 'Invalid INTEGER constant (1) for "v" of type text'),
        (model.UUID, Kind.STRING, "x", 'Invalid STRING constant (x) for "v" of type uuid'),
        (model.INT, Kind.FLOAT, "1.0", 'Invalid FLOAT constant (1.0) for "v" of type int'),
        (List(model.INT), Kind.INTEGER, "1", 'Invalid INTEGER constant (1) for "v" of type list<int>'),
        (POINT, Kind.STRING, "1", 'Invalid STRING constant (1) for "v" of type frozen<"Point">'),
    ]
    for kind, constant, text, fault in refused:
        with pytest.raises(CqlError) as found:
            constants.value(kind, constant, text, "v")
        assert found.value.message == fault


@pytest.mark.parametrize(
    ("constant", "text", "kind"),
    [
        (Kind.INTEGER, "1", "int"), (Kind.INTEGER, "2147483648", "bigint"), (Kind.INTEGER, "9223372036854775808", "varint"),
        (Kind.FLOAT, "0.1", "double"), (Kind.FLOAT, "0.1000000000000000000001", "decimal"), (Kind.FLOAT, "NaN", "double"),
        (Kind.STRING, "a", "ascii"), (Kind.STRING, "é", "text"), (Kind.BOOLEAN, "true", "boolean"),
        (Kind.DURATION, "1h", "duration"), (Kind.UUID, "00000000-0000-1000-8000-000000000000", "timeuuid"),
        (Kind.UUID, "00000000-0000-4000-8000-000000000000", "uuid"),
    ],
)  # fmt: skip
def test_the_type_of_a_constant_alone(constant: Kind, text: str, kind: str) -> None:
    assert constants.preferred(constant, text) == model.NATIVE[kind]


# Literals.


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (model.TEXT, "it's", "'it''s'"),
        (model.BLOB, b"\xab", "0xab"),
        (model.DOUBLE, 1e10, "1.0E10"),
        (model.FLOAT, 0.1, "0.1"),
        (model.DOUBLE, math.nan, "NaN"),
        (model.DECIMAL, Decimal("1E+3"), "1E+3"),
        (model.TIMESTAMP, 0, "'1970-01-01T00:00:00.000Z'"),
        (model.TIME, 1, "'00:00:00.000000001'"),
        (model.DATE, 0, "'1970-01-01'"),
        (model.DURATION, Duration(14, 3, 4_000_000), "1y2mo3d4ms"),
        (model.DURATION, Duration(-1, 0, 0), "-1mo"),
        (model.DURATION, Duration(0, 0, 0), "0s"),
        (List(model.TEXT), ("a", "b"), "['a', 'b']"),
        (Set(model.INT), (2, 1), "{1, 2}"),
        (Map(model.TEXT, model.INT), (("b", 1), ("a", 2)), "{'a': 2, 'b': 1}"),
        (Tuple((model.INT, model.TEXT)), (1, None), "(1, null)"),
        (POINT, (1, "a"), "{x: 1, \"Y\": 'a'}"),
        (Vector(model.FLOAT, 2), (1.0, 2.5), "[1.0, 2.5]"),
        (model.INT, None, "null"),
    ],
)  # fmt: skip
def test_literals(kind: Type, value: Any, text: str) -> None:
    assert literals.literal(kind, codec.encode(kind, value)) == text


@settings(max_examples=50, deadline=None)
@given(NATIVES.flatmap(lambda kind: st.tuples(st.just(kind), values(kind))))
def test_what_is_written_is_read(typed: tuple[Native, Any]) -> None:
    kind, value = typed
    data = codec.encode(kind, value)
    assert data is not None
    text = literals.plain(kind, data)
    if not text and kind == model.DURATION:
        return  # no time at all has no text, in Cassandra too
    if kind == model.INET and getattr(value, "ipv4_mapped", None) is not None:
        return  # Java takes it for the address of version 4, in Cassandra too
    back = literals.from_text(kind, text.removeprefix("0x") if kind == model.BLOB else text)
    assert back == data


@settings(max_examples=50, deadline=None)
@given(st.floats(allow_nan=False), st.floats(width=32, allow_nan=False), st.integers(-(2**31), 2**31 - 1))
def test_numbers_and_days_of_any_size(double: float, single: float, days: int) -> None:
    assert float(numbers.double_text(double)) == double
    assert numbers.float_bytes(float(numbers.float_text(single))) == numbers.float_bytes(single)
    assert moments.date(moments.date_text(days)) == days


def test_doubles_look_as_in_java() -> None:
    shown = {1e7: "1.0E7", 9999999.0: "9999999.0", 0.001: "0.001", 1e-4: "1.0E-4", 5e-324: "4.9E-324",
             1.7976931348623157e308: "1.7976931348623157E308", -0.0: "-0.0", 100.0: "100.0", 2e22: "2.0E22"}  # fmt: skip
    assert {number: numbers.double_text(number) for number in shown} == shown


# JSON.


@settings(max_examples=50, deadline=None)
@given(TYPED_VALUES)
def test_json_gives_the_value_back(typed: tuple[Type, Any]) -> None:
    kind, value = typed
    data = codec.encode(kind, value)
    assert data is not None
    text = json_text.write(kind, data)
    assume("null" not in text or _holds_null_fields_only(kind))
    back = literals.literal(kind, json_text.read(kind, json_text.parse(text)))
    # A decimal with digits behind its point comes back as the double that it is nearest to.
    assert back == literals.literal(kind, data) or "Infinity" in str(value) or "decimal" in str(kind)
    json.loads(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0.00", "0.0"),
        ("1E+3", "1000.0"),
        ("99999999999999999999.01", "1.0E+20"),
        ("99999999999999999999", "99999999999999999999"),
        ("12345678.9", "12345678.9"),
    ],
)
def test_fractions_of_json_are_doubles_first(text: str, number: str) -> None:
    assert json_text.read(model.DECIMAL, json_text.parse(text)) == codec.encode(model.DECIMAL, Decimal(number))


def _holds_null_fields_only(kind: Type) -> bool:
    return not any(_mentions_float(part) for part in (kind,))


def _mentions_float(kind: Type) -> bool:
    return kind in (model.FLOAT, model.DOUBLE, model.DURATION) or any(map(_mentions_float, model.parts(kind)))


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (model.TEXT, 'a"\n\u2028', '"a\\"\\n\u2028"'),
        (model.BLOB, b"\1", '"0x01"'),
        (model.DOUBLE, math.inf, "null"),
        (model.DOUBLE, 1.0, "1.0"),
        (model.TIMESTAMP, 0, '"1970-01-01 00:00:00.000Z"'),
        (Map(model.INT, model.TEXT), ((1, "a"),), '{"1": "a"}'),
        (Map(model.frozen(List(model.TEXT)), model.INT), ((("a",), 1),), '{"[\\"a\\"]": 1}'),
        (POINT, (1, None), '{"x": 1, "\\"Y\\"": null}'),
        (Tuple((model.INT, model.BOOLEAN)), (None, True), "[null, true]"),
        (Set(model.INT), (), "[]"),
    ],
)  # fmt: skip
def test_json_looks_as_in_cassandra(kind: Type, value: Any, text: str) -> None:
    assert json_text.write(kind, codec.encode(kind, value)) == text


@pytest.mark.parametrize(
    ("kind", "text", "fault"),
    [
        (model.INT, "1.5", "Expected an int value, but got a Double: 1.5"),
        (model.INT, "2147483648", "Expected an int value, but got a Long: 2147483648"),
        (model.INT, "true", "Expected an int value, but got a Boolean: true"),
        (model.INT, '"x"', "Unable to make int from 'x'"),
        (model.TEXT, "1", "Expected a UTF-8 string, but got a Integer: 1"),
        (model.ASCII, "[]", "Expected an ascii string, but got a ArrayList: []"),
        (model.BLOB, '"ff"', f"Value 'ff' is not a valid blob representation: {NO_PREFIX}: ff"),
        (model.UUID, "5", "Expected a string representation of a uuid, but got a Integer: 5"),
        (List(model.INT), "{}", "Expected a list, but got a LinkedHashMap: {}"),
        (List(model.INT), "[null]", "Invalid null element in list"),
        (Set(model.INT), "5", "Expected a list (representing a set), but got a Integer: 5"),
        (Map(model.TEXT, model.INT), '{"a": null}', "Invalid null value in map"),
        (Map(model.TEXT, model.INT), "[]", "Expected a map, but got a ArrayList: []"),
        (Tuple((model.INT,)), "[1, 2]", "Tuple contains extra items (expected 1): [1, 2]"),
        (Tuple((model.INT,)), "[]", "Tuple is missing items (expected 1): []"),
        (POINT, '{"z": 1}', "Unknown field 'z' in value of user defined type \"Point\""),
        (Vector(model.INT, 2), "[1]", "List had incorrect size: expected 2 but given 1; [1]"),
    ],
)  # fmt: skip
def test_json_that_is_no_value(kind: Type, text: str, fault: str) -> None:
    with pytest.raises(CqlError) as found:
        json_text.read(kind, json_text.parse(text))
    assert found.value.message == fault


@pytest.mark.parametrize(
    "text", ["", "{", "nul", "NaN", "[" * 100_000, '"' + "a" * 1000, "1" * 100_000, "1e" + "9" * 20, '{"a" 1}']
)
def test_bad_json_is_refused(text: str) -> None:
    with pytest.raises(CqlError) as found:
        json_text.read(List(model.DECIMAL), json_text.parse(text))
    assert len(found.value.message) < 1_000


def test_json_takes_strings_that_hold_values() -> None:
    assert json_text.read(List(model.INT), "[1, 2]") == json_text.read(List(model.INT), ["1", 2])
    assert json_text.read(model.BOOLEAN, "true") == b"\1"
    assert codec.decode(POINT, json_text.read(POINT, json_text.parse('{"X": 4, "\\"Y\\"": "b"}'))) == (4, "b")
    assert codec.decode(model.DECIMAL, json_text.read(model.DECIMAL, json_text.parse("1.10"))) == Decimal("1.10")


# Order.


def _uuid(text: str) -> bytes:
    return bytes.fromhex(text.replace("-", ""))


@pytest.mark.parametrize(
    ("kind", "ordered"),
    [
        (model.INT, [b"", *(codec.encode(model.INT, number) for number in (-5, -1, 0, 1))]),
        (model.VARINT, [codec.encode(model.VARINT, number) for number in (-300, -1, 0, 1, 127, 128, 10**30)]),
        (model.DOUBLE, [codec.encode(model.DOUBLE, number) for number in (-math.inf, -1.0, -0.0, 0.0, 1.0, math.inf, math.nan)]),
        (model.DECIMAL, [codec.encode(model.DECIMAL, Decimal(text)) for text in ("-1E+400", "-1", "0", "1E-400", "1.5", "1E+5")]),
        (model.BOOLEAN, [b"\0", b"\1"]),
        (model.TEXT, [b"", b"A", b"a", b"aa", "é".encode()]),
        (model.BLOB, [b"\x01", b"\x7f", b"\x80", b"\xff"]),
        (model.INET, [bytes([1, 2, 3, 4]), bytes([1, 2, 3, 4]) + bytes(12), bytes([9, 0, 0, 0])]),
        (model.DATE, [codec.encode(model.DATE, days) for days in (-(2**31), -1, 0, 5)]),
        (model.TIMESTAMP, [codec.encode(model.TIMESTAMP, millis) for millis in (-5, 0, 5)]),
        (
            model.TIMEUUID,  # by time, then by the rest with its bytes' signs
            [_uuid("ffffffff-0000-1000-0000-000000000000"), _uuid("00000000-0001-1000-8000-000000000000"),
             _uuid("00000000-0001-1000-0000-000000000000"), _uuid("00000000-0000-1fff-0000-000000000000")],
        ),
        (
            model.UUID,  # by version, those of version 1 by time
            [_uuid("ffffffff-0000-1000-0000-000000000000"), _uuid("00000000-0001-1000-0000-000000000000"),
             _uuid("00000000-0000-4000-8000-000000000001"), _uuid("10000000-0000-4000-8000-000000000000")],
        ),
        (List(model.INT), [codec.encode(List(model.INT), value) for value in ((), (-1,), (1,), (1, 0), (2,))]),
        (NUMBERS, [codec.encode(NUMBERS, value) for value in ((), ((1, 5),), ((1, 6),), ((2, 0),))]),
        (PAIR, [codec.encode(PAIR, value) for value in ((None, 5), (1, None), (1, -1), (2, 0))]),
        (Vector(model.INT, 2), [codec.encode(Vector(model.INT, 2), value) for value in ((-1, 9), (0, 0), (0, 1))]),
    ],
)  # fmt: skip
def test_values_are_in_cassandras_order(kind: Type, ordered: list[bytes]) -> None:
    for left, right in pairwise(ordered):
        assert ordering.compare(kind, left, right) < 0 < ordering.compare(kind, right, left)
    turned = ordered[::-1]
    turned.sort(key=ordering.order_key(kind))
    assert turned == ordered


@settings(max_examples=40, deadline=None)
@given(TYPES.flatmap(lambda kind: st.tuples(st.just(kind), st.lists(values(kind), min_size=2, max_size=3))))
def test_the_order_is_total(typed: tuple[Type, list[Any]]) -> None:
    kind, found = typed
    data = [codec.encode(kind, value) or b"" for value in found]
    for left in data:
        assert ordering.compare(kind, left, left) == 0
        for right in data:
            assert ordering.compare(kind, left, right) == -ordering.compare(kind, right, left)
    first, *_, last = sorted(data, key=ordering.order_key(kind))
    assert ordering.compare(kind, first, last) <= 0


def test_nulls_at_the_end_of_a_tuple_count_as_missing() -> None:
    kind = Tuple((model.INT, model.INT))
    assert ordering.compare(kind, b"\0\0\0\4\0\0\0\1", codec.encode(kind, (1, None)) or b"") == 0


def test_sets_and_maps_are_kept_in_order_and_without_doubles() -> None:
    one, two = b"\0\0\0\1", b"\0\0\0\2"
    assert ordering.sorted_set(model.INT, [two, one, two]) == [one, two]
    assert ordering.sorted_pairs(model.INT, [(two, b"a"), (one, b"b"), (two, b"c")]) == [(one, b"b"), (two, b"c")]
    assert durations.to_text(Duration(0, 0, 0)) == ""
