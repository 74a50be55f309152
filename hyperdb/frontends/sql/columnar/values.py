"""Values of Arrow as the classes of `hyperdb.frontends.sql.types`.

Theory: Arrow's own objects (datetime.date, datetime) do not reach PostgreSQL's ranges, so values of time are taken as the
integers that they are. Infinities lie one off the ends of the width, where DuckDB has them. Invariant: a value that came from
a row comes back as the row's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias
from uuid import UUID

import pyarrow as pa

from hyperdb.errors import NotColumnarError

Values: TypeAlias = list[Any]

_DATE_END, _TIME_END = (1 << 31) - 1, (1 << 63) - 1


def _plain(column: pa.Array) -> Values:
    return column.to_pylist()  # type: ignore[no-any-return]


def _days(column: pa.Array) -> Values:
    values = column.view(pa.int32()).to_pylist()
    return [-_DATE_END - 1 if value == -_DATE_END else value for value in values]


def _time(column: pa.Array) -> Values:
    return column.view(pa.int64()).to_pylist()  # type: ignore[no-any-return]


def _moments(column: pa.Array) -> Values:
    values = column.view(pa.int64()).to_pylist()
    return [-_TIME_END - 1 if value == -_TIME_END else value for value in values]


def _intervals(column: pa.Array) -> Values:
    values = column.to_pylist()
    return [None if value is None else (value.months, value.days, value.nanoseconds // 1000) for value in values]


def _uuids(column: pa.Array) -> Values:
    values = column.storage.to_pylist()
    return [None if value is None else UUID(bytes=value) for value in values]


def _hugeints(column: pa.Array) -> Values:
    """128-bit integers, which DuckDB gives as their bytes: sums and counts of bigints."""
    if column.type.type_name not in ("hugeint", "uhugeint"):
        raise NotColumnarError(f"values of type {column.type.type_name}")
    signed = column.type.type_name == "hugeint"
    values = column.storage.to_pylist()
    return [None if value is None else int.from_bytes(value, "little", signed=signed) for value in values]


def is_unsigned(kind: pa.DataType) -> bool:
    """Whether it is of 128 bits without a sign, which has the bytes of one with a sign."""
    return isinstance(kind, pa.OpaqueType) and kind.type_name == "uhugeint"


def _lists(column: pa.Array) -> Values:
    items = python_values(column.flatten())
    lists: Values = []
    at = 0
    for length in column.value_lengths().to_pylist():
        if length is None:
            lists.append(None)
        else:
            lists.append(items[at : at + length])
            at += length
    return lists


_READERS: dict[int, Callable[[pa.Array], Values]] = {
    pa.lib.Type_DATE32: _days,
    pa.lib.Type_TIME64: _time,
    pa.lib.Type_TIMESTAMP: _moments,
    pa.lib.Type_INTERVAL_MONTH_DAY_NANO: _intervals,
    pa.lib.Type_LIST: _lists,
}


def python_values(column: pa.Array) -> Values:
    """The values of a column.

    Raises:
        NotColumnarError: when they are of a type that is none of ours.
    """
    if isinstance(column.type, pa.UuidType):
        return _uuids(column)
    if isinstance(column.type, pa.OpaqueType):
        return _hugeints(column)
    return _READERS.get(column.type.id, _plain)(column)


def python_rows(batch: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
    """The rows of a batch."""
    if not batch.num_columns:
        return iter([()] * batch.num_rows)
    return zip(*map(python_values, batch.columns), strict=True)
