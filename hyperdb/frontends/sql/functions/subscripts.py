"""What brackets mean: items and slices of arrays, read and assigned; members of jsonb, assigned.

Theory: PostgreSQL's documentation, 8.15 and 8.14.5, and arrayfuncs.c, jsonfuncs.c (setPath). An array of several dimensions is a
list of lists; a subscript outside of it reads null, or an empty array where a slice was asked for. Invariant: an assignment gives
a new value, and the old one stays as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from functools import lru_cache
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.kinds import ANYARRAY, ANYELEMENT, INT4, JSONB, TEXT
from hyperdb.frontends.sql.functions.model import Function
from hyperdb.frontends.sql.types import Bounded
from hyperdb.frontends.sql.types.arrays import lengths, lowers
from hyperdb.frontends.sql.types.json_text import normal, parsed

_MOST = 1 << 24
_MOST_DIMENSIONS = 6
_OUTSIDE = "array subscript out of range"


def _bounds(array: Sequence[Any]) -> list[tuple[int, int]]:
    """The first and the last subscript of each dimension."""
    sizes = lengths(array)
    return [(low, low + size - 1) for low, size in zip(lowers(array, len(sizes)), sizes, strict=True)]


def _bounded(items: list[Any], firsts: Sequence[int]) -> list[Any]:
    return items if all(first == 1 for first in firsts) else Bounded(items, tuple(firsts))


def _fetch(array: list[Any] | None, *places: int | None) -> Any:
    if array is None or None in places:
        return None
    bounds = _bounds(array)
    if len(bounds) != len(places):
        return None
    found: Any = array
    for place, (low, high) in zip(places, bounds, strict=True):
        if place is None or not low <= place <= high:
            return None
        found = found[place - low]
    return found


def _sides(array: Sequence[Any], given: Sequence[Any]) -> list[tuple[int | None, int | None]]:
    """Pairs of ends; one that is left out is the array's own."""
    bounds = _bounds(array)
    found = []
    for at in range(0, len(given), 2):
        low, high = given[at : at + 2]
        own = bounds[at // 2] if at // 2 < len(bounds) else (1, 0)
        found.append((own[0] if low is OPEN else low, own[1] if high is OPEN else high))
    return found


OPEN = object()
"""Stands for an end of a slice that is not said."""


def _slice(array: list[Any] | None, given: Sequence[Any]) -> list[Any] | None:
    if array is None or None in given:
        return None
    bounds, sides = _bounds(array), _sides(array, given)
    if len(bounds) < len(sides):
        return []
    # Dimensions that are not named are taken whole.
    ends = [(max(low or 0, own), min(high or 0, last)) for (low, high), (own, last) in zip(sides, bounds, strict=False)]
    ends += bounds[len(sides) :]
    if any(low > high for low, high in ends):
        return []

    def part(items: Any, depth: int) -> Any:
        if depth == len(ends):
            return items
        (low, high), (own, _) = ends[depth], bounds[depth]
        return [part(item, depth + 1) for item in items[low - own : high - own + 1]]

    found: list[Any] = part(list(array), 0)
    return found


def _put(array: list[Any] | None, places: Sequence[int | None], value: Any) -> list[Any]:
    firsts: Sequence[int] = [place for place in places if place is not None]
    if len(firsts) < len(places):
        raise SqlError("22004", "array subscript in assignment must not be null")
    bounds = _bounds(array or [])
    if not bounds:
        made = value
        for _ in places:
            made = [made]
        return _bounded(made, firsts)
    assert array is not None
    if len(bounds) != len(firsts):
        raise SqlError("2202E", "wrong number of array subscripts")
    if len(firsts) == 1:
        return _stretched(array, bounds[0], firsts[0], [value])
    if not all(low <= place <= high for place, (low, high) in zip(firsts, bounds, strict=True)):
        raise SqlError("2202E", _OUTSIDE)
    made = deepcopy(array)
    inner: Any = made
    for place, (low, _) in zip(firsts[:-1], bounds, strict=False):
        inner = inner[place - low]
    inner[firsts[-1] - bounds[-1][0]] = value
    return made


def _stretched(array: list[Any], bound: tuple[int, int], at: int, values: list[Any]) -> list[Any]:
    """Values put into an array of one dimension, which grows to hold them."""
    low, high = bound
    first, last = min(low, at), max(high, at + len(values) - 1)
    if last - first >= _MOST:
        raise SqlError("54000", f"array size exceeds the maximum allowed ({_MOST})")
    made = [None] * (low - first) + list(array) + [None] * (last - high)
    made[at - first : at - first + len(values)] = values
    return _bounded(made, (first,))


def _put_slice(array: list[Any] | None, given: Sequence[Any], value: list[Any] | None) -> list[Any] | None:
    if None in given:
        raise SqlError("22004", "array subscript in assignment must not be null")
    if value is None:
        return array
    old = array or []
    bounds = _bounds(old)
    if not bounds and OPEN in given:
        detail = "When assigning to a slice of an empty array value, slice boundaries must be fully specified."
        raise SqlError("2202E", "array slice subscript must provide both boundaries", detail=detail)
    sides = [(low or 0, high or 0) for low, high in _sides(old, given)]
    if bounds and len(bounds) < len(sides):
        raise SqlError("2202E", "wrong number of array subscripts")
    if any(low > high for low, high in sides):
        raise SqlError("2202E", "upper bound cannot be less than lower bound")
    sides += bounds[len(sides) :]
    sizes = [high - low + 1 for low, high in sides]
    wanted = 1
    for size in sizes:
        wanted *= size
    if wanted > _MOST:
        raise SqlError("54000", f"array size exceeds the maximum allowed ({_MOST})")
    source = list(_flat(value))
    if len(source) < wanted:
        raise SqlError("2202E", "source array too small")
    if len(sides) == 1:
        return _stretched(old, bounds[0] if bounds else (sides[0][0], sides[0][0] - 1), sides[0][0], source[:wanted])
    if bounds and not all(own <= low and high <= last for (low, high), (own, last) in zip(sides, bounds, strict=True)):
        raise SqlError("2202E", _OUTSIDE)
    items = iter(source)

    def fill(inner: Any, depth: int) -> Any:
        low, high = sides[depth]
        own = bounds[depth][0] if bounds else low
        made = list(inner) if inner is not None else [None] * (high - low + 1)
        for place in range(low - own, high - own + 1):
            made[place] = next(items) if depth == len(sides) - 1 else fill(made[place], depth + 1)
        return made

    return _bounded(fill(old if bounds else None, 0), [own for own, _ in bounds] or [low for low, _ in sides])


def _flat(value: Any) -> Any:
    for item in value:
        if isinstance(item, list):
            yield from _flat(item)
        else:
            yield item


def _put_member(text: str | None, keys: Sequence[str | None], new: str | None) -> str:
    """A member of jsonb, made with what is around it where there is nothing yet."""
    path = [key for key in keys if key is not None]
    if len(path) < len(keys):
        raise SqlError("22004", "jsonb subscript in assignment must not be null")
    value = None if new is None else parsed(new)
    document = _empty(path[0]) if text is None else parsed(text)
    return normal(_member(document, path, 0, value))


def _number(key: str) -> int | None:
    try:
        return int(key)
    except ValueError:
        return None


def _empty(key: str) -> Any:
    return {} if _number(key) is None else []


def _member(holder: Any, path: list[str], at: int, value: Any) -> Any:
    key, is_last = path[at], at == len(path) - 1
    if isinstance(holder, dict):
        holder[key] = value if is_last else _member(holder.get(key, _empty(path[at + 1])), path, at + 1, value)
        return holder
    if not isinstance(holder, list):
        detail = "The path assumes key is a composite object, but it is a scalar value."
        raise SqlError("22023", "cannot replace existing key", detail=detail)
    place = _number(key)
    if place is None:
        raise SqlError("22P02", f'path element at position {at + 1} is not an integer: "{key}"')
    if place < -len(holder):
        raise SqlError("22023", f"path element at position {at + 1} is out of range: {place}")
    if place >= _MOST:
        raise SqlError("54000", f"array size exceeds the maximum allowed ({_MOST})")
    place += len(holder) if place < 0 else 0
    if place >= len(holder):
        holder += [None] * (place - len(holder)) + [None if is_last else _empty(path[at + 1])]
    holder[place] = value if is_last else _member(holder[place], path, at + 1, value)
    return holder


def _open_ends(given: Sequence[Any], open_places: frozenset[int]) -> list[Any]:
    return [OPEN if place in open_places else value for place, value in enumerate(given)]


def check_dimensions(count: int) -> None:
    """54000 for more subscripts than arrays have dimensions."""
    if count > _MOST_DIMENSIONS:
        message = f"number of array dimensions ({count}) exceeds the maximum allowed ({_MOST_DIMENSIONS})"
        raise SqlError("54000", message)


@lru_cache(64)
def fetching(count: int) -> Function:
    """array[a][b]."""
    return Function("array_fetch", (ANYARRAY, *[INT4] * count), ANYELEMENT, _fetch, strict=False)


@lru_cache(256)
def slicing(count: int, open_places: frozenset[int]) -> Function:
    """array[a:b][c:d]; `open_places` are ends that are not said."""
    return Function(
        "array_slice",
        (ANYARRAY, *[INT4] * count),
        ANYARRAY,
        lambda array, *given: _slice(array, _open_ends(given, open_places)),
        strict=False,
    )


@lru_cache(64)
def putting(count: int) -> Function:
    """array[a][b] = value."""
    return Function(
        "array_put",
        (ANYARRAY, ANYELEMENT, *[INT4] * count),
        ANYARRAY,
        lambda array, value, *places: _put(array, places, value),
        strict=False,
    )


@lru_cache(256)
def putting_slice(count: int, open_places: frozenset[int]) -> Function:
    """array[a:b] = value."""
    return Function(
        "array_put_slice",
        (ANYARRAY, ANYARRAY, *[INT4] * count),
        ANYARRAY,
        lambda array, value, *given: _put_slice(array, _open_ends(given, open_places), value),
        strict=False,
    )


@lru_cache(64)
def putting_member(count: int) -> Function:
    """document['a']['b'] = value."""
    return Function(
        "jsonb_put",
        (JSONB, JSONB, *[TEXT] * count),
        JSONB,
        lambda document, value, *keys: _put_member(document, keys, value),
        strict=False,
    )
