"""Arrays and series: functions over values of any type.

Invariant: arrays are lists, nested where they have more dimensions; a function never changes the list that it is given.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.kinds import (
    ANYARRAY,
    ANYELEMENT,
    BOOL,
    INT4,
    INT8,
    INTERVAL,
    NUMERIC,
    TEXT,
    TIMESTAMP,
    TIMESTAMPTZ,
    array_of,
)
from hyperdb.frontends.sql.functions import numbers, times
from hyperdb.frontends.sql.functions.model import Function
from hyperdb.frontends.sql.functions.texts import concatenated
from hyperdb.frontends.sql.types import Bounded

_TEXTS = array_of(TEXT) or 0
_MOST_ROWS = 10_000_000


def _shape(values: list[Any]) -> list[int]:
    shape = []
    level: Any = values
    while isinstance(level, list) and level:
        shape.append(len(level))
        level = level[0]
    return shape


def _length(values: list[Any], dimension: int) -> int | None:
    shape = _shape(values)
    return shape[dimension - 1] if 1 <= dimension <= len(shape) else None


def _flat(values: list[Any]) -> list[Any]:
    if values and isinstance(values[0], list):
        return [item for inner in values for item in _flat(inner)]
    return list(values)


def _first(values: list[Any]) -> int:
    """Where the first dimension begins."""
    return values.lowers[0] if isinstance(values, Bounded) else 1


def _like(values: list[Any], made: list[Any]) -> list[Any]:
    """What was made of an array, beginning where it does."""
    return Bounded(made, values.lowers) if isinstance(values, Bounded) else made


def _one_dimension(values: list[Any], state: str, message: str) -> None:
    if values and isinstance(values[0], list):
        raise SqlError(state, message)


def positions(values: list[Any] | None, wanted: Any, start: int | None = None) -> list[int] | None:
    """Where an array has a value."""
    if values is None:
        return None
    _one_dimension(values, "0A000", "searching for elements in multidimensional arrays is not supported")
    first = _first(values)
    return [at for at, each in enumerate(values, first) if each == wanted and (start is None or at >= start)]


def _position(values: list[Any] | None, wanted: Any, start: int | None = None) -> int | None:
    found = positions(values, wanted, start)
    return found[0] if found else None


def _position_from(values: list[Any] | None, wanted: Any, start: int | None) -> int | None:
    if start is None and values is not None:
        raise SqlError("22004", "initial position must not be null")
    return _position(values, wanted, start)


def _removed(values: list[Any] | None, item: Any) -> list[Any] | None:
    if values is None:
        return None
    _one_dimension(values, "0A000", "removing elements from multidimensional arrays is not supported")
    return _like(values, [each for each in values if each != item])


_FLAT = "argument must be empty or one-dimensional array"


def _appended(values: list[Any] | None, item: Any) -> list[Any]:
    _one_dimension(values or [], "22000", _FLAT)
    return _like(values or [], [*(values or []), item])


def _prepended(item: Any, values: list[Any] | None) -> list[Any]:
    _one_dimension(values or [], "22000", _FLAT)
    return _like(values or [], [item, *(values or [])])


def _contains(whole: list[Any], part: list[Any]) -> bool:
    there = _flat(whole)
    return all(item is not None and item in there for item in _flat(part))


def _to_string(values: list[Any] | None, by: str | None, null: str | None = None) -> str | None:
    if values is None or by is None:
        return None
    texts = [null if text is None else text for text in _flat(values)]
    return concatenated([text for text in texts if text is not None], by)


def _cat(left: list[Any] | None, right: list[Any] | None) -> list[Any] | None:
    if not left or not right:
        return right if not left and right is not None else left
    one, other = _shape(left), _shape(right)
    if one[1:] == other[1:]:
        return _like(left, [*left, *right])
    if one[1:] == other:
        return _like(left, [*left, right])
    if one == other[1:]:
        return _like(right, [left, *right])
    raise SqlError("2202E", "cannot concatenate incompatible arrays")


def _series(start: int, stop: int, step: int = 1) -> range:
    """Integers, made when they are read."""
    if step == 0:
        raise SqlError("22023", "step size cannot equal zero")
    found = range(start, stop + (1 if step > 0 else -1), step)
    if (stop - start) // step > sys.maxsize - 1:
        raise SqlError("54000", "generate_series of too many rows")
    return found


def _numeric_series(start: Decimal, stop: Decimal, step: Decimal = Decimal(1)) -> list[Decimal]:
    for value, what in ((start, "start value"), (stop, "stop value"), (step, "step size")):
        if not value.is_finite():
            raise SqlError("22023", f"{what} cannot be {'NaN' if value.is_nan() else 'infinity'}")
    if step == 0:
        raise SqlError("22023", "step size cannot equal zero")
    count = int((stop - start) // step) + 1
    if count > _MOST_ROWS:
        raise SqlError("54000", "generate_series of too many rows")
    return [numbers.EXACT.add(start, numbers.EXACT.multiply(step, Decimal(place))) for place in range(max(count, 0))]


def _stamps(start: int, stop: int, step: times.Span) -> Iterator[int]:
    return _moments(start, stop, step, lambda at: times.add(at, step))


def _zoned(env: Any, start: int, stop: int, step: times.Span) -> Iterator[int]:
    """Days and months are those of the session's time zone."""
    return _moments(start, stop, step, lambda at: times.add_zoned(at, step, env.style.time_zone))


def _moments(start: int, stop: int, step: times.Span, following: Callable[[int], int]) -> Iterator[int]:
    """Made when they are read: there may be no end."""
    forward = (step[0] * 30 + step[1]) * times.DAY + step[2]
    if forward == 0:
        raise SqlError("22023", "step size cannot equal zero")
    at = start
    while (at <= stop) if forward > 0 else (at >= stop):
        yield at
        at = following(at)


def operators() -> Iterator[Function]:
    """Operators of arrays. Containment of arrays compares values as Python does."""
    yield Function("||", (ANYARRAY, ANYARRAY), ANYARRAY, _cat, strict=False)
    yield Function("||", (ANYARRAY, ANYELEMENT), ANYARRAY, _appended, strict=False)
    yield Function("||", (ANYELEMENT, ANYARRAY), ANYARRAY, _prepended, strict=False)
    yield Function("@>", (ANYARRAY, ANYARRAY), BOOL, _contains)
    yield Function("<@", (ANYARRAY, ANYARRAY), BOOL, lambda part, whole: _contains(whole, part))
    yield Function(
        "&&",
        (ANYARRAY, ANYARRAY),
        BOOL,
        lambda left, right: any(item in _flat(right) for item in _flat(left) if item is not None),
    )


def _end(values: Any, dimension: int, *, last: bool) -> int | None:
    """The first or the last subscript of a dimension."""
    count = _length(values, dimension)
    if count is None:
        return None
    first: int = values.lowers[dimension - 1] if isinstance(values, Bounded) else 1
    return first + count - 1 if last else first


def _subscripts(values: Any, dimension: int) -> list[int]:
    count = _length(values, dimension) or 0
    first = values.lowers[dimension - 1] if isinstance(values, Bounded) and count else 1
    return list(range(first, first + count))


def functions() -> Iterator[Function]:
    """Functions of arrays and series."""
    yield Function("array_length", (ANYARRAY, INT4), INT4, _length)
    yield Function("array_upper", (ANYARRAY, INT4), INT4, lambda values, at: _end(values, at, last=True))
    yield Function("array_lower", (ANYARRAY, INT4), INT4, lambda values, at: _end(values, at, last=False))
    yield Function("array_ndims", (ANYARRAY,), INT4, lambda values: len(_shape(values)) or None)
    yield Function("cardinality", (ANYARRAY,), INT4, lambda values: len(_flat(values)))
    yield Function("array_append", (ANYARRAY, ANYELEMENT), ANYARRAY, _appended, strict=False)
    yield Function("array_prepend", (ANYELEMENT, ANYARRAY), ANYARRAY, _prepended, strict=False)
    yield Function("array_cat", (ANYARRAY, ANYARRAY), ANYARRAY, _cat, strict=False)
    yield Function("array_position", (ANYARRAY, ANYELEMENT), INT4, _position, strict=False)
    yield Function("array_position", (ANYARRAY, ANYELEMENT, INT4), INT4, _position_from, strict=False)
    yield Function("array_remove", (ANYARRAY, ANYELEMENT), ANYARRAY, _removed, strict=False)
    yield Function("array_to_string", (_TEXTS, TEXT), TEXT, _to_string)
    yield Function("array_to_string", (_TEXTS, TEXT, TEXT), TEXT, _to_string, strict=False)
    yield Function("unnest", (ANYARRAY,), ANYELEMENT, _flat, rows=True)
    for oid, series in ((INT4, _series), (INT8, _series), (NUMERIC, _numeric_series)):
        yield Function("generate_series", (oid, oid), oid, series, rows=True)
        yield Function("generate_series", (oid, oid, oid), oid, series, rows=True)
    yield Function("generate_series", (TIMESTAMP, TIMESTAMP, INTERVAL), TIMESTAMP, _stamps, rows=True)
    yield Function("generate_series", (TIMESTAMPTZ, TIMESTAMPTZ, INTERVAL), TIMESTAMPTZ, _zoned, env=True, rows=True)
    yield Function(
        "generate_subscripts",
        (ANYARRAY, INT4),
        INT4,
        _subscripts,
        rows=True,
    )
