"""Schema `redis`: what Redis's clients keep, as relations that are made when they are read.

Theory: a key is bytes, to people it is text; so each relation has the texts, NULL where bytes are no text, and behind them the
bytes as they are. A comparison with a constant on the columns that a relation `takes` decides what is read: one key and not
all of them, a range of scores and not the whole set. The condition is asked again above, so a relation may give more than it
was asked for, never less. Invariant: rows are those of the statement's moment.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hyperdb.graph.keyspace import DATABASES, Collection, Key, Keyspace, Within

SCHEMA = "redis"
Given = Mapping[str, Sequence[tuple[str, Sequence[Any]]]]
"""By column: signs (`=`, `<`, `in` ...) and the values behind them, none of them null."""
Rows = Iterator[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Restricted:
    """A relation whose rows can be restricted: its columns, those that it takes, what makes its rows, what counts them."""

    oid: int
    columns: str
    takes: frozenset[str]
    rows: Callable[[Any, Given], Rows]
    count: Callable[[Any, Given], int | None] | None = None
    """How many rows there are, where that is known without reading them; only for what `=` on taken columns says."""


def _text(data: bytes) -> str | None:
    """Bytes as a text; None where they are none that SQL can hold."""
    if 0 in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def choices(given: Given, column: str) -> list[Any] | None:
    """The values that a column can only have; None: any."""
    found: list[Any] | None = None
    for sign, values in given.get(column, ()):
        if sign in ("=", "in"):
            found = list(dict.fromkeys(values)) if found is None else [each for each in found if each in values]
    return found


def _span(given: Given, column: str) -> tuple[Any, Any]:
    """The least and the largest value that a column can have, None: no limit."""
    low, high = None, None
    for sign, values in given.get(column, ()):
        if sign in (">", ">=", "="):
            low = values[0] if low is None else max(low, values[0])
        if sign in ("<", "<=", "="):
            high = values[0] if high is None else min(high, values[0])
    return low, high


def _databases(env: Any, given: Given) -> Iterator[Keyspace]:
    chosen = choices(given, "db")
    for number in range(DATABASES) if chosen is None else sorted(chosen):
        if 0 <= number < DATABASES:
            found: Keyspace = env.transaction.keyspace(number)
            if found.exists():
                yield found


def _found(env: Any, given: Given) -> Iterator[tuple[int, Key]]:
    """Keys with their databases."""
    names = choices(given, "key")
    for space in _databases(env, given):
        if names is None:
            for each in space.each_key():
                env.check_cancelled()
                yield space.number, each
            continue
        for name in names:
            one = space.key(name.encode())
            if one is not None:
                yield space.number, one


def _moment(milliseconds: int | None) -> int | None:
    return None if milliseconds is None else milliseconds * 1000


def _keys(env: Any, given: Given) -> Rows:
    for number, (key, kind, expiry, count, size, _) in _found(env, given):
        yield number, _text(key), kind, count, size, _moment(expiry), key


def _count_keys(env: Any, given: Given) -> int | None:
    if choices(given, "key") is not None:
        return None
    counts = [space.count() for space in _databases(env, given)]
    return None if None in counts else sum(count for count in counts if count is not None)


def _strings(env: Any, given: Given) -> Rows:
    for number, (key, _, expiry, _, _, value) in _found(env, given):
        if value is not None:
            yield number, _text(key), _text(value), _moment(expiry), key, value


def _members(kind: Collection, within: Callable[[Given], Sequence[Within]]) -> Callable[[Any, Given], Iterator[tuple[int, Any]]]:
    def rows(env: Any, given: Given) -> Iterator[tuple[int, Any]]:
        names = choices(given, "key")
        wanted = within(given)
        for space in _databases(env, given):
            for name in [None] if names is None else names:
                for part in wanted:
                    for row in space.members(kind, None if name is None else name.encode(), part):
                        env.check_cancelled()
                        yield space.number, row

    return rows


def _named(column: str) -> Callable[[Given], Sequence[Within]]:
    def within(given: Given) -> Sequence[Within]:
        names = choices(given, column)
        return [None] if names is None else [name.encode() for name in names]

    return within


def _indexes(given: Given) -> Sequence[Within]:
    low, high = _span(given, "index")
    chosen = choices(given, "index")
    if chosen is not None:
        return [(index, index) for index in sorted(chosen) if 0 <= index < 1 << 62]
    if low is None and high is None:
        return [None]
    last = (1 << 62) - 1
    return [(max(low or 0, 0), last if high is None else min(high, last))] if (high is None or high >= 0) else []


def _scores(given: Given) -> Sequence[Within]:
    names = choices(given, "member")
    if names is not None:
        return [name.encode() for name in names]
    low, high = (None if end is None else float(end) for end in _span(given, "score"))
    if (low is None and high is None) or any(end is not None and math.isnan(end) for end in (low, high)):
        return [None]
    return [(-math.inf if low is None else low, math.inf if high is None else high)]


def _count_members(kind: str) -> Callable[[Any, Given], int | None]:
    def count(env: Any, given: Given) -> int | None:
        if choices(given, "key") is None or not given.keys() <= {"db", "key"}:
            return None
        return sum(found[3] for _, found in _found(env, given) if found[1] == kind)

    return count


_of_hashes = _members("hash", _named("field"))
_of_sets = _members("set", _named("member"))
_of_lists = _members("list", _indexes)
_of_zsets = _members("zset", _scores)


def _hashes(env: Any, given: Given) -> Rows:
    for number, (key, field, value) in _of_hashes(env, given):
        yield number, _text(key), _text(field), _text(value), key, field, value


def _sets(env: Any, given: Given) -> Rows:
    for number, (key, member) in _of_sets(env, given):
        yield number, _text(key), _text(member), key, member


def _lists(env: Any, given: Given) -> Rows:
    for number, (key, index, item) in _of_lists(env, given):
        yield number, _text(key), index, _text(item), key, item


def _zsets(env: Any, given: Given) -> Rows:
    for number, (key, member, score) in _of_zsets(env, given):
        yield number, _text(key), _text(member), score, key, member


def _of_keys(*more: str) -> frozenset[str]:
    return frozenset({"db", "key", *more})


RELATIONS: dict[str, Restricted] = {
    "keys": Restricted(
        12_901,
        "db int4, key text, type text, count int8, bytes int8, expires_at timestamptz, raw_key bytea",
        _of_keys(),
        _keys,
        _count_keys,
    ),
    "strings": Restricted(
        12_902,
        "db int4, key text, value text, expires_at timestamptz, raw_key bytea, raw_value bytea",
        _of_keys(),
        _strings,
    ),
    "hashes": Restricted(
        12_903,
        "db int4, key text, field text, value text, raw_key bytea, raw_field bytea, raw_value bytea",
        _of_keys("field"),
        _hashes,
        _count_members("hash"),
    ),
    "lists": Restricted(
        12_904,
        "db int4, key text, index int8, value text, raw_key bytea, raw_value bytea",
        _of_keys("index"),
        _lists,
        _count_members("list"),
    ),
    "sets": Restricted(
        12_905,
        "db int4, key text, member text, raw_key bytea, raw_member bytea",
        _of_keys("member"),
        _sets,
        _count_members("set"),
    ),
    "zsets": Restricted(
        12_906,
        "db int4, key text, member text, score float8, raw_key bytea, raw_member bytea",
        _of_keys("member", "score"),
        _zsets,
        _count_members("zset"),
    ),
}
"""Their numbers stand in grants: they never change."""
NUMBERS = {made.oid: f"{SCHEMA}.{name}" for name, made in RELATIONS.items()}
"""Names by number."""
