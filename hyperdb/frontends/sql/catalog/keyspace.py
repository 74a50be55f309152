"""Schema `redis`: what Redis's clients keep, as relations that are made when they are read.

Theory: a key is bytes, to people it is text; so each relation has the texts, NULL where bytes are no text, and behind them the
bytes as they are. A comparison with a constant on the columns that a relation `takes` decides what is read: one key and not
all of them, a range of scores and not the whole set. The condition is asked again above, so a relation may give more than it
was asked for, never less. Invariants: rows are those of the statement's moment; keys that the session's role may not read (ACL's
rules, `Roles.reading`) are not there for it, in rows, counts and plans.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from hyperdb.graph.keyspace import DATABASES, Collection, Key, Keyspace, Within, stream_id

SCHEMA = "redis"
Given = Mapping[str, Sequence[tuple[str, Sequence[Any]]]]
"""By column: signs (`=`, `<`, `in` ...) and the values behind them, none of them null."""
Rows = Iterator[Sequence[Any]]
_ID = re.compile("(0|[1-9][0-9]{0,19})-(0|[1-9][0-9]{0,19})", re.ASCII)
_LARGEST = (1 << 64) - 1
_LATEST = 9_223_371_331_199_999
"""The last millisecond that a timestamptz can be."""


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


def _names(given: Given, column: str) -> list[bytes] | None:
    """The names that a column of texts, and the one of bytes beside it, can only have; None: any."""
    texts, raw = choices(given, column), choices(given, f"raw_{column}")
    names = None if texts is None else [each.encode() for each in texts]
    if raw is None:
        return names
    return raw if names is None else [each for each in names if each in raw]


def _databases(oid: int, env: Any, given: Given) -> Iterator[Keyspace]:
    """The databases that are asked for, with the keys that the session's role may read."""
    chosen = choices(given, "db")
    reading = env.session.roles.reading(env.session.role, oid)
    for number in range(DATABASES) if chosen is None else sorted(chosen):
        if 0 <= number < DATABASES:
            found: Keyspace = env.transaction.keyspace(number, reading)
            if found.exists():
                yield found


def _found(oid: int, env: Any, given: Given) -> Iterator[tuple[int, Key]]:
    """Keys with their databases."""
    names = _names(given, "key")
    for space in _databases(oid, env, given):
        if names is None:
            for each in space.each_key():
                env.check_cancelled()
                yield space.number, each
            continue
        for name in names:
            one = space.key(name)
            if one is not None:
                yield space.number, one


def _moment(milliseconds: int | None) -> int | None:
    return None if milliseconds is None else milliseconds * 1000


def _keys(oid: int, env: Any, given: Given) -> Rows:
    for number, (key, kind, expiry, count, size, _) in _found(oid, env, given):
        yield number, _text(key), kind, count, size, _moment(expiry), key


def _count_keys(oid: int, env: Any, given: Given) -> int | None:
    if _names(given, "key") is not None:
        return None
    counts = [space.count() for space in _databases(oid, env, given)]
    return None if None in counts else sum(count for count in counts if count is not None)


def _strings(oid: int, env: Any, given: Given) -> Rows:
    for number, (key, _, expiry, _, _, value) in _found(oid, env, given):
        if value is not None:
            yield number, _text(key), _text(value), _moment(expiry), key, value


def _members(
    kind: Collection, within: Callable[[Given], Sequence[Within]]
) -> Callable[[int, Any, Given], Iterator[tuple[int, Any]]]:
    def rows(oid: int, env: Any, given: Given) -> Iterator[tuple[int, Any]]:
        names = _names(given, "key")
        wanted = within(given)
        for space in _databases(oid, env, given):
            for name in [None] if names is None else names:
                for part in wanted:
                    for row in space.members(kind, name, part):
                        env.check_cancelled()
                        yield space.number, row

    return rows


def _named(column: str) -> Callable[[Given], Sequence[Within]]:
    def within(given: Given) -> Sequence[Within]:
        names = _names(given, column)
        return [None] if names is None else names

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
    names = _names(given, "member")
    if names is not None:
        return names
    low, high = (None if end is None else float(end) for end in _span(given, "score"))
    if (low is None and high is None) or any(end is not None and math.isnan(end) for end in (low, high)):
        return [None]
    return [(-math.inf if low is None else low, math.inf if high is None else high)]


def _id_of(text: str) -> tuple[int, int] | None:
    """An id of a stream from its text, as Redis writes it."""
    found = _ID.fullmatch(text)
    if found is None:
        return None
    both = int(found[1]), int(found[2])
    return both if max(both) <= _LARGEST else None


def _ids(given: Given) -> Sequence[Within]:
    chosen = choices(given, "id")
    if chosen is not None:
        known = sorted(each for each in map(_id_of, chosen) if each is not None)
        return [(stream_id(*each), stream_id(*each)) for each in known]
    low, high = (None if end is None else int(end) // 1000 for end in _span(given, "at"))
    if low is None and high is None:
        return [None]
    first, last = max(low or 0, 0), _LARGEST if high is None else min(high, _LARGEST)
    return [(stream_id(first, 0), stream_id(last, _LARGEST))] if first <= last else []


def _count_members(kind: str) -> Callable[[int, Any, Given], int | None]:
    def count(oid: int, env: Any, given: Given) -> int | None:
        if _names(given, "key") is None or not given.keys() <= {"db", "key", "raw_key"}:
            return None
        return sum(found[3] for _, found in _found(oid, env, given) if found[1] == kind)

    return count


_of_hashes = _members("hash", _named("field"))
_of_sets = _members("set", _named("member"))
_of_lists = _members("list", _indexes)
_of_zsets = _members("zset", _scores)
_of_streams = _members("stream", _ids)


def _hashes(oid: int, env: Any, given: Given) -> Rows:
    for number, (key, field, value) in _of_hashes(oid, env, given):
        yield number, _text(key), _text(field), _text(value), key, field, value


def _sets(oid: int, env: Any, given: Given) -> Rows:
    for number, (key, member) in _of_sets(oid, env, given):
        yield number, _text(key), _text(member), key, member


def _lists(oid: int, env: Any, given: Given) -> Rows:
    for number, (key, index, item) in _of_lists(oid, env, given):
        yield number, _text(key), index, _text(item), key, item


def _zsets(oid: int, env: Any, given: Given) -> Rows:
    for number, (key, member, score) in _of_zsets(oid, env, given):
        yield number, _text(key), _text(member), score, key, member


def _streams(oid: int, env: Any, given: Given) -> Rows:
    for number, (key, milliseconds, sequence, words) in _of_streams(oid, env, given):
        shown, at = f"{milliseconds}-{sequence}", _moment(milliseconds) if milliseconds <= _LATEST else None
        for place in range(len(words) // 2):
            field, value = words[2 * place : 2 * place + 2]
            yield number, _text(key), shown, at, place + 1, _text(field), _text(value), key, field, value


def _restricted(
    oid: int,
    columns: str,
    takes: Sequence[str],
    rows: Callable[[int, Any, Given], Rows],
    count: Callable[[int, Any, Given], int | None] | None = None,
) -> Restricted:
    """A relation that is read under its own number: what of it a role sees depends on that."""
    taken = frozenset({"db", "key", "raw_key", *takes})
    return Restricted(oid, columns, taken, partial(rows, oid), None if count is None else partial(count, oid))


RELATIONS: dict[str, Restricted] = {
    "keys": _restricted(
        12_901,
        "db int4, key text, type text, count int8, bytes int8, expires_at timestamptz, raw_key bytea",
        (),
        _keys,
        _count_keys,
    ),
    "strings": _restricted(
        12_902,
        "db int4, key text, value text, expires_at timestamptz, raw_key bytea, raw_value bytea",
        (),
        _strings,
    ),
    "hashes": _restricted(
        12_903,
        "db int4, key text, field text, value text, raw_key bytea, raw_field bytea, raw_value bytea",
        ("field", "raw_field"),
        _hashes,
        _count_members("hash"),
    ),
    "lists": _restricted(
        12_904,
        "db int4, key text, index int8, value text, raw_key bytea, raw_value bytea",
        ("index",),
        _lists,
        _count_members("list"),
    ),
    "sets": _restricted(
        12_905,
        "db int4, key text, member text, raw_key bytea, raw_member bytea",
        ("member", "raw_member"),
        _sets,
        _count_members("set"),
    ),
    "zsets": _restricted(
        12_906,
        "db int4, key text, member text, score float8, raw_key bytea, raw_member bytea",
        ("member", "raw_member", "score"),
        _zsets,
        _count_members("zset"),
    ),
    "streams": _restricted(
        12_907,
        "db int4, key text, id text, at timestamptz, position int4, field text, value text,"
        " raw_key bytea, raw_field bytea, raw_value bytea",
        ("id", "at"),
        _streams,
    ),
}
"""Their numbers stand in grants: they never change."""
NUMBERS = {made.oid: f"{SCHEMA}.{name}" for name, made in RELATIONS.items()}
"""Names by number."""
