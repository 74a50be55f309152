"""When values are equal, and which comes first.

Theory: for each type a key: a Python object that is equal, hashes and sorts as PostgreSQL says of the value (NaN is equal to
itself and the largest, intervals count months as 30 days, texts go by code points, bpchar ignores blanks at its end).
Comparison, ORDER BY, GROUP BY, DISTINCT and hash joins all use it. Invariant: two values of one type are equal if and only if
their keys are.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from functools import total_ordering
from typing import Any

from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.types.arrays import flat, lengths, lowers

Key = Callable[[Any], Any]
_DAY = 86_400_000_000


@total_ordering
class _Largest:
    """Above everything, equal to itself: NaN, and null inside arrays and rows."""

    def __eq__(self, other: object) -> bool:
        return other is self

    def __lt__(self, _other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return 0x7FF8


LARGEST = _Largest()


def _number(value: Any) -> Any:
    return value if value == value else LARGEST


def _interval(value: tuple[int, int, int]) -> int:
    return (value[0] * 30 + value[1]) * _DAY + value[2]


def _timetz(value: tuple[int, int]) -> tuple[int, int]:
    return value[0] + value[1] * 1_000_000, value[1]


def _bpchar(value: str) -> str:
    return value.rstrip(" ")


def _jsonb(value: str) -> Any:
    return _json_key(json.loads(value, parse_float=Decimal))


_JSON_RANK = {"NoneType": 0, "str": 1, "int": 2, "Decimal": 2, "bool": 3, "list": 4, "dict": 5}


def _json_key(value: Any) -> tuple[Any, ...]:
    rank = _JSON_RANK[type(value).__name__]
    if isinstance(value, list):
        return rank, len(value), tuple(map(_json_key, value))
    if isinstance(value, dict):
        pairs = sorted(value.items(), key=lambda pair: (len(pair[0]), pair[0]))
        return rank, len(value), tuple((name, _json_key(item)) for name, item in pairs)
    return rank, value if value is not None else 0


_KEYS: dict[int, Key] = {
    kinds.FLOAT4: _number,
    kinds.FLOAT8: _number,
    kinds.NUMERIC: _number,
    kinds.INTERVAL: _interval,
    kinds.TIMETZ: _timetz,
    kinds.BPCHAR: _bpchar,
    kinds.JSONB: _jsonb,
}


def _list_key(inner: Key | None) -> Key:
    """Elements one after the other, then dimensions and where they begin (arrayfuncs.c, array_cmp and array_eq)."""

    def key(value: list[Any]) -> tuple[Any, ...]:
        found = value if not value or not isinstance(value[0], list) else flat(value)
        items = tuple(LARGEST if item is None else inner(item) if inner else item for item in found)
        sizes = lengths(value)
        return items, len(sizes), sizes, lowers(value, len(sizes))

    return key


def key_of(oid: int, labels: Callable[[int], dict[str, float] | None] = lambda _oid: None) -> Key | None:
    """The key of a type's values; None: the value itself. `labels` tells the places of an enum's labels."""
    inner = kinds.element(oid)
    if inner is not None:
        return _list_key(key_of(inner, labels))
    if oid >= kinds.FIRST_USER:
        places = labels(oid)
        return places.__getitem__ if places else None
    if oid == kinds.RECORD:
        return row_key
    return _KEYS.get(oid)


def row_key(value: tuple[Any, ...]) -> tuple[Any, ...]:
    """The key of a row of plain values."""
    return tuple(LARGEST if item is None else row_key(item) if isinstance(item, tuple) else _number(item) for item in value)


def compare(left: Any, right: Any) -> int:
    """-1, 0 or 1, of two keys."""
    return 0 if left == right else -1 if left < right else 1
