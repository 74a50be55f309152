"""Arrays, json, series: functions over values of any type.

Invariant: arrays are lists, nested where they have more dimensions; a function never changes the list that it is given.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
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
    JSON,
    JSONB,
    NUMERIC,
    TEXT,
    TIMESTAMP,
    TIMESTAMPTZ,
    array_of,
)
from hyperdb.frontends.sql.functions import times
from hyperdb.frontends.sql.functions.model import Function

_TEXTS = array_of(TEXT) or 0
_MOST_ROWS = 50_000_000


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


def _position(values: list[Any] | None, wanted: Any, start: int = 1) -> int | None:
    if values is None:
        return None
    for at in range(max(start, 1) - 1, len(values)):
        if values[at] == wanted:
            return at + 1
    return None


def _to_string(values: list[Any], by: str, null: str | None = None) -> str:
    return by.join(text if text is not None else null for text in _flat(values) if text is not None or null is not None)  # type: ignore[misc]


def _cat(left: list[Any] | None, right: list[Any] | None) -> list[Any] | None:
    return right if left is None else left if right is None else left + right


def _series(start: Any, stop: Any, step: Any = 1) -> list[Any]:
    if step == 0:
        raise SqlError("22023", "step size cannot equal zero")
    count = int((stop - start) // step) + 1
    if count > _MOST_ROWS:
        raise SqlError("54000", "generate_series of too many rows")
    return [start + place * step for place in range(max(count, 0))]


def _moments(start: int, stop: int, step: tuple[int, int, int]) -> list[int]:
    forward = (step[0] * 30 + step[1]) * times.DAY + step[2]
    if forward == 0:
        raise SqlError("22023", "step size cannot equal zero")
    found, at = [], start
    while (at <= stop) if forward > 0 else (at >= stop):
        found.append(at)
        at = times.add(at, step)
        if len(found) > _MOST_ROWS:
            raise SqlError("54000", "generate_series of too many rows")
    return found


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_number)


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _load(text: str) -> Any:
    return json.loads(text)


def _step(value: Any, key: Any) -> Any:
    if isinstance(value, dict):
        return value.get(key, _MISSING) if isinstance(key, str) else _MISSING
    if isinstance(value, list):
        try:
            place = int(key)
        except ValueError:
            return _MISSING
        return value[place] if -len(value) <= place < len(value) else _MISSING
    return _MISSING


_MISSING: Any = object()


def _as_json(value: Any) -> str | None:
    return None if value is _MISSING else _dump(value)


def _as_text(value: Any) -> str | None:
    if value is _MISSING or value is None:
        return None
    return value if isinstance(value, str) else _dump(value)


def _path(text: str, keys: list[Any]) -> Any:
    value = _load(text)
    for key in keys:
        value = _step(value, key)
        if value is _MISSING:
            break
    return value


def _contains(whole: Any, part: Any) -> bool:
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(name in whole and _contains(whole[name], item) for name, item in part.items())
    if isinstance(part, list):
        return isinstance(whole, list) and all(any(_contains(each, item) for each in whole) for item in part)
    if isinstance(whole, list):
        return any(item == part for item in whole)
    return bool(whole == part) and isinstance(whole, bool) == isinstance(part, bool)


def _typeof(text: str) -> str:
    names = {bool: "boolean", dict: "object", list: "array", str: "string", type(None): "null"}
    return names.get(type(_load(text)), "number")


def _json_length(text: str) -> int:
    value = _load(text)
    if not isinstance(value, list):
        raise SqlError("22023", "cannot get array length of a non-array")
    return len(value)


def operators() -> Iterator[Function]:
    """Operators of arrays and json. Containment of arrays compares values as Python does."""
    yield Function("||", (ANYARRAY, ANYARRAY), ANYARRAY, _cat, strict=False)
    yield Function("||", (ANYARRAY, ANYELEMENT), ANYARRAY, lambda values, item: [*(values or []), item], strict=False)
    yield Function("||", (ANYELEMENT, ANYARRAY), ANYARRAY, lambda item, values: [item, *(values or [])], strict=False)
    yield Function("@>", (ANYARRAY, ANYARRAY), BOOL, lambda whole, part: all(item in _flat(whole) for item in _flat(part)))
    yield Function("<@", (ANYARRAY, ANYARRAY), BOOL, lambda part, whole: all(item in _flat(whole) for item in _flat(part)))
    yield Function(
        "&&",
        (ANYARRAY, ANYARRAY),
        BOOL,
        lambda left, right: any(item in _flat(right) for item in _flat(left) if item is not None),
    )
    for kind in (JSON, JSONB):
        for key in (TEXT, INT4):
            yield Function("->", (kind, key), kind, lambda text, at: _as_json(_step(_load(text), at)))
            yield Function("->>", (kind, key), TEXT, lambda text, at: _as_text(_step(_load(text), at)))
        yield Function("#>", (kind, _TEXTS), kind, lambda text, keys: _as_json(_path(text, keys)))
        yield Function("#>>", (kind, _TEXTS), TEXT, lambda text, keys: _as_text(_path(text, keys)))
    yield Function("@>", (JSONB, JSONB), BOOL, lambda whole, part: _contains(_load(whole), _load(part)))
    yield Function("<@", (JSONB, JSONB), BOOL, lambda part, whole: _contains(_load(whole), _load(part)))
    yield Function("?", (JSONB, TEXT), BOOL, lambda text, key: key in _load(text))


def functions() -> Iterator[Function]:
    """Functions of arrays, json and series."""
    yield Function("array_length", (ANYARRAY, INT4), INT4, _length)
    yield Function("array_upper", (ANYARRAY, INT4), INT4, _length)
    yield Function("array_lower", (ANYARRAY, INT4), INT4, lambda values, at: None if _length(values, at) is None else 1)
    yield Function("array_ndims", (ANYARRAY,), INT4, lambda values: len(_shape(values)) or None)
    yield Function("cardinality", (ANYARRAY,), INT4, lambda values: len(_flat(values)))
    yield Function("array_append", (ANYARRAY, ANYELEMENT), ANYARRAY, lambda values, item: [*(values or []), item], strict=False)
    yield Function("array_prepend", (ANYELEMENT, ANYARRAY), ANYARRAY, lambda item, values: [item, *(values or [])], strict=False)
    yield Function("array_cat", (ANYARRAY, ANYARRAY), ANYARRAY, _cat, strict=False)
    yield Function("array_position", (ANYARRAY, ANYELEMENT), INT4, _position, strict=False)
    yield Function("array_position", (ANYARRAY, ANYELEMENT, INT4), INT4, _position, strict=False)
    yield Function(
        "array_remove",
        (ANYARRAY, ANYELEMENT),
        ANYARRAY,
        lambda values, item: None if values is None else [each for each in values if each != item],
        strict=False,
    )
    yield Function("array_to_string", (_TEXTS, TEXT), TEXT, _to_string)
    yield Function("array_to_string", (_TEXTS, TEXT, TEXT), TEXT, _to_string)
    yield Function("unnest", (ANYARRAY,), ANYELEMENT, _flat, rows=True)
    for oid in (INT4, INT8, NUMERIC):
        yield Function("generate_series", (oid, oid), oid, _series, rows=True)
        yield Function("generate_series", (oid, oid, oid), oid, _series, rows=True)
    for oid in (TIMESTAMP, TIMESTAMPTZ):
        yield Function("generate_series", (oid, oid, INTERVAL), oid, _moments, rows=True)
    yield Function(
        "generate_subscripts",
        (ANYARRAY, INT4),
        INT4,
        lambda values, at: list(range(1, (_length(values, at) or 0) + 1)),
        rows=True,
    )
    for kind, prefix in ((JSON, "json"), (JSONB, "jsonb")):
        yield Function(f"{prefix}_typeof", (kind,), TEXT, _typeof)
        yield Function(f"{prefix}_array_length", (kind,), INT4, _json_length)
        yield Function(f"{prefix}_array_elements", (kind,), kind, lambda text: [_dump(item) for item in _load(text)], rows=True)
        yield Function(
            f"{prefix}_array_elements_text", (kind,), TEXT, lambda text: [_as_text(item) for item in _load(text)], rows=True
        )
        yield Function(f"{prefix}_object_keys", (kind,), TEXT, lambda text: list(_load(text)), rows=True)
        for name, write in ((f"{prefix}_extract_path", _as_json), (f"{prefix}_extract_path_text", _as_text)):
            result = kind if write is _as_json else TEXT
            yield Function(
                name, (kind, TEXT), result, lambda text, *keys, write=write: write(_path(text, list(keys))), variadic=True
            )
