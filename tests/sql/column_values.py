"""Extreme values of every type that has a columnar form, and what has none."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import pyarrow as pa

I4, I8 = 1 << 31, 1 << 63
NAN, INFINITY = float("nan"), float("inf")


def numeric(precision: int, scale: int) -> bytes:
    """numeric(precision, scale) as records have it."""
    return b"\x32" + precision.to_bytes(2, "little") + scale.to_bytes(2, "little", signed=True)


def array(of: bytes) -> bytes:
    """An array."""
    return b"\x46" + of


@dataclass(frozen=True)
class Case:
    """A type as records have it, as Arrow has it, and values."""

    name: str
    kind: bytes
    arrow: pa.DataType
    values: tuple[object, ...]


_NINES = Decimal("9" * 36 + ".99")
_TEXTS = ("", "a", "\x01 \u00e4\u20ac\U0001f600", "x" * 70_000, "NULL", "a\tb\n")

CASES = (
    Case("boolean", b"\x01", pa.bool_(), (True, False, True)),
    Case("tinyint", b"\x02", pa.int8(), (-128, 127, 0)),
    Case("smallint", b"\x03", pa.int16(), (-(1 << 15), (1 << 15) - 1, 0)),
    Case("integer", b"\x04", pa.int32(), (-I4, I4 - 1, 0, -1)),
    Case("bigint", b"\x05", pa.int64(), (-I8, I8 - 1, 0, -1)),
    Case("oid", b"\x16", pa.uint32(), (0, (1 << 32) - 1)),
    Case("real", b"\x07", pa.float32(), (0.0, -0.0, NAN, INFINITY, -INFINITY, 1.401298464324817e-45, 3.4028234663852886e38)),
    Case("double", b"\x08", pa.float64(), (0.0, -0.0, NAN, INFINITY, -INFINITY, 5e-324, 1.7976931348623157e308)),
    Case(
        "numeric_38_2",
        numeric(38, 2),
        pa.decimal128(38, 2),
        (Decimal("0.00"), _NINES, _NINES.copy_negate(), Decimal("0.01"), Decimal("-1.10")),
    ),
    Case("numeric_5_5", numeric(5, 5), pa.decimal128(5, 5), (Decimal("0.99999"), Decimal("-0.00001"), Decimal("0.00000"))),
    Case("text", b"\x0a", pa.string(), _TEXTS),
    Case("varchar_9", b"\x28\x09", pa.string(), ("", "123456789", "\u00e4")),
    Case("char1", b"\x18", pa.string(), ("", "a", "~")),
    Case("name", b"\x17", pa.string(), ("", "n" * 63)),
    Case("json", b"\x13", pa.string(), ('{"a": [1, null]}', "null", '"\\u0000"')),
    Case("jsonb", b"\x14", pa.string(), ('{"a": 1}', "[]")),
    Case("bytea", b"\x0c", pa.binary(), (b"", b"\x00\xff" * 40_000, b"\x00")),
    Case("uuid", b"\x0d", pa.uuid(), (UUID(int=0), UUID(int=(1 << 128) - 1), UUID("00112233-4455-6677-8899-aabbccddeeff"))),
    Case("date", b"\x0f", pa.date32(), (-I4, I4 - 1, 0, -2_451_545, 2_145_031_948)),
    Case("time", b"\x2c\x06", pa.time64("us"), (0, 86_400_000_000, 1)),
    Case("timestamp", b"\x2e\x06", pa.timestamp("us"), (-I8, I8 - 1, 0, -210_866_803_200_000_000, 9_223_371_331_199_999_999)),
    Case("timestamptz", b"\x2f\x06", pa.timestamp("us", tz="UTC"), (-I8, I8 - 1, 0, -1, 1)),
    Case(
        "interval",
        b"\x30\x06",
        pa.month_day_nano_interval(),
        ((0, 0, 0), (-I4, I4 - 1, I8 // 1000 - 1), (1, -2, -I8 // 1000 + 1)),
    ),
    Case("array_of_integer", array(b"\x04"), pa.list_(pa.int32()), ([], [1, None, -I4], [None], list(range(1000)))),
    Case("array_of_text", array(b"\x0a"), pa.list_(pa.string()), (["", None, "\u00e4"], [])),
    Case("array_of_bytea", array(b"\x0c"), pa.list_(pa.binary()), ([b"\x00", None, b""],)),
    Case("array_of_date", array(b"\x0f"), pa.list_(pa.date32()), ([-I4, I4 - 1, None, 5],)),
    Case("array_of_boolean", array(b"\x01"), pa.list_(pa.bool_()), ([True, None, False] * 9, [])),
)

REFUSED_TYPES = {
    "inet": b"\x11",
    "timetz": b"\x2d\x06",
    "bit": b"\x2a\x08",
    "array_of_array": array(array(b"\x04")),
    "duration": b"\x10",
}

REFUSED_VALUES: dict[str, tuple[bytes, object]] = {
    "numeric_nan": (numeric(10, 2), Decimal("NaN")),
    "numeric_infinity": (numeric(10, 2), Decimal("-Infinity")),
    "numeric_too_fine": (numeric(10, 2), Decimal("1.001")),
    "numeric_too_large": (numeric(3, 2), Decimal("10.00")),
    "interval_of_centuries": (b"\x30\x06", (0, 0, I8 - 1)),
    "array_of_two_dimensions": (array(b"\x04"), [[1, 2], [3, 4]]),
}
