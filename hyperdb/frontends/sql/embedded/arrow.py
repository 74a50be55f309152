"""A result's columns as Arrow's arrays.

Theory: the engine's dates and times are the integers that Arrow keeps, so most columns are taken as they are; the forms are
those of `columnar` (docs/sql.md, Columns), and what has none there goes out as its text. A numeric without declared scale takes
the widest scale that its values have. Invariant: a value that its form cannot hold is refused, never rounded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from hyperdb.errors import NotColumnarError
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.types import Style, Type

_DAYS, _MICROS = 1 << 31, 1 << 63
_PLAIN: dict[int, pa.DataType] = {
    kinds.BOOL: pa.bool_(),
    kinds.INT2: pa.int16(),
    kinds.INT4: pa.int32(),
    kinds.INT8: pa.int64(),
    kinds.OID: pa.uint32(),
    kinds.FLOAT4: pa.float32(),
    kinds.FLOAT8: pa.float64(),
    kinds.BYTEA: pa.binary(),
    kinds.TIME: pa.time64("us"),
    **dict.fromkeys((kinds.TEXT, kinds.VARCHAR, kinds.BPCHAR, kinds.NAME, kinds.JSON, kinds.JSONB, kinds.UNKNOWN), pa.string()),
}
_MOST_DIGITS, _MOST_DIGITS_WIDE = 38, 76
Values = Sequence[Any]


def _ends(values: Values, width: int) -> list[Any]:
    """The lower infinity lies one higher in Arrow."""
    return [1 - width if value == -width else value for value in values]


def _decimals(values: Values, modifier: int) -> pa.Array:
    limits = kinds.numeric_limits(modifier)
    known = [value for value in values if value is not None]
    if any(not value.is_finite() for value in known):
        raise NotColumnarError("a numeric is not a number or infinite, which Arrow's decimals cannot be")
    if limits is not None and 0 <= limits[1] <= limits[0] <= _MOST_DIGITS:
        return pa.array(values, pa.decimal128(*limits))
    scale = max((max(0, -_exponent(value)) for value in known), default=0)
    digits = max((value.adjusted() + 1 + scale for value in known), default=1)
    if max(digits, scale) > _MOST_DIGITS_WIDE:
        raise NotColumnarError(
            f"a column of numeric needs {max(digits, scale)} digits, Arrow's decimals have {_MOST_DIGITS_WIDE}"
        )
    wide = max(digits, scale) > _MOST_DIGITS
    return pa.array(values, pa.decimal256(_MOST_DIGITS_WIDE, scale) if wide else pa.decimal128(_MOST_DIGITS, scale))


def _exponent(value: Decimal) -> int:
    found = value.as_tuple().exponent
    assert isinstance(found, int)
    return found


def _zone(style: Style) -> str:
    return style.time_zone_name


def _uuids(values: Values) -> pa.Array:
    stored = pa.array([None if value is None else value.bytes for value in values], pa.binary(16))
    return pa.ExtensionArray.from_storage(pa.uuid(), stored)


def _intervals(values: Values) -> pa.Array:
    spans = [None if value is None else (value[0], value[1], value[2] * 1000) for value in values]
    return pa.array(spans, pa.month_day_nano_interval())


def _lists(values: Values, kind: Type, modifier: int, style: Style) -> pa.Array:
    assert kind.element is not None
    items: list[Any] = []
    ends: list[int | None] = []
    for value in values:
        ends.append(None if value is None else len(items))
        if value is not None:
            if any(isinstance(each, list) for each in value):
                raise NotColumnarError("an array of more than one dimension")
            items += value
    return pa.ListArray.from_arrays(pa.array([*ends, len(items)], pa.int32()), array(items, kind.element, modifier, style))


_MAKERS: dict[int, Callable[[Values, int, Style], pa.Array]] = {
    kinds.NUMERIC: lambda values, modifier, _style: _decimals(values, modifier),
    kinds.UUID: lambda values, _modifier, _style: _uuids(values),
    kinds.INTERVAL: lambda values, _modifier, _style: _intervals(values),
    kinds.DATE: lambda values, _modifier, _style: pa.array(_ends(values, _DAYS), pa.date32()),
    kinds.TIMESTAMP: lambda values, _modifier, _style: pa.array(_ends(values, _MICROS), pa.timestamp("us")),
    kinds.TIMESTAMPTZ: lambda values, _modifier, style: pa.array(_ends(values, _MICROS), pa.timestamp("us", _zone(style))),
}


def array(values: Values, kind: Type, modifier: int, style: Style) -> pa.Array:
    """A column of a result.

    Raises:
        NotColumnarError: a value is beyond what its form holds.
    """
    plain = _PLAIN.get(kind.oid)
    if plain is not None:
        return pa.array(values, plain)
    maker = _MAKERS.get(kind.oid)
    if maker is not None:
        return maker(values, modifier, style)
    if kind.element is not None:
        return _lists(values, kind, modifier, style)
    shown = [None if value is None else kind.write_text(value, style) for value in values]
    made = pa.array(shown, pa.string())
    return made.dictionary_encode() if kind.category == "E" else made
