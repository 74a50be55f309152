"""Typed views of the collections that Redis clients see: hash, list, set, sorted set.

Theory: a view is the collection's name with the verbs of Python's own containers. Members are bytes, as they are stored;
text is encoded as UTF-8 on the way in. Invariant: an empty collection does not exist, whoever emptied it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from hyperdb.errors import NotFoundError
from hyperdb.graph.command import Value
from hyperdb.graph.members import Text, encoded

if TYPE_CHECKING:
    from hyperdb.graph.app import App

_PAGE = 512


def _integer(value: Value) -> int:
    assert isinstance(value, int)
    return value


def _bytes(value: Value) -> bytes | None:
    assert value is None or isinstance(value, bytes)
    return value


class _View:
    """A collection by its name."""

    _count: str

    def __init__(self, app: App, name: Text) -> None:
        self._app = app
        self.name = encoded(name)

    def _run(self, verb: str, *args: bytes | str | float) -> Value:
        return self._app.execute(verb, self.name, *args)

    def __len__(self) -> int:
        return _integer(self._run(self._count))

    def clear(self) -> None:
        """Removes the collection."""
        self._app.remove(self.name)

    def _scan(self, verb: str) -> Iterator[bytes]:
        cursor = b"0"
        while True:
            answer = self._run(verb, cursor, "COUNT", _PAGE)
            assert isinstance(answer, list)
            after, page = answer
            assert isinstance(page, list)
            yield from (item for item in page if isinstance(item, bytes))
            if after == b"0":
                return
            assert isinstance(after, bytes)
            cursor = after


class HashView(_View):
    """Fields and their values."""

    _count = "HLEN"

    def __getitem__(self, field: Text) -> bytes:
        value = self.get(field)
        if value is None:
            raise NotFoundError(f"no field {field!r} in {self.name!r}")
        return value

    def get(self, field: Text) -> bytes | None:
        """The field's value, or None."""
        return _bytes(self._run("HGET", field))

    def __setitem__(self, field: Text, value: bytes | str | float) -> None:
        self._run("HSET", field, value)

    def update(self, fields: Mapping[Text, bytes | str | int | float]) -> None:
        """Sets many fields as one commit."""
        if fields:
            self._run("HSET", *(part for pair in fields.items() for part in pair))

    def __delitem__(self, field: Text) -> None:
        if self._run("HDEL", field) == 0:
            raise NotFoundError(f"no field {field!r} in {self.name!r}")

    def __contains__(self, field: Text) -> bool:
        return self._run("HEXISTS", field) == 1

    def __iter__(self) -> Iterator[bytes]:
        return (field for field, _ in self.items())

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Fields and values, lazily; with SCAN's guarantee if others write meanwhile."""
        flat = self._scan("HSCAN")
        return zip(flat, flat, strict=True)

    def to_dict(self) -> dict[bytes, bytes]:
        """All of it at one moment."""
        found = self._run("HGETALL")
        assert isinstance(found, dict)
        return found  # type: ignore[return-value]


class SetView(_View):
    """Members without order."""

    _count = "SCARD"

    def add(self, *members: Text) -> int:
        """Adds members; how many were new."""
        return _integer(self._run("SADD", *members)) if members else 0

    def discard(self, *members: Text) -> int:
        """Removes members; how many were there."""
        return _integer(self._run("SREM", *members)) if members else 0

    def __contains__(self, member: Text) -> bool:
        return self._run("SISMEMBER", member) == 1

    def __iter__(self) -> Iterator[bytes]:
        return self._scan("SSCAN")


class ListView(_View):
    """Values in order, by position."""

    _count = "LLEN"

    def append(self, *values: Text) -> int:
        """Adds at the end; the new length."""
        return _integer(self._run("RPUSH", *values)) if values else len(self)

    def append_left(self, *values: Text) -> int:
        """Adds at the front, one after another; the new length."""
        return _integer(self._run("LPUSH", *values)) if values else len(self)

    def pop(self) -> bytes | None:
        """Takes the last value, or None if there is none."""
        return _bytes(self._run("RPOP"))

    def pop_left(self) -> bytes | None:
        """Takes the first value, or None if there is none."""
        return _bytes(self._run("LPOP"))

    def __getitem__(self, index: int) -> bytes:
        value = _bytes(self._run("LINDEX", index))
        if value is None:
            raise IndexError(index)
        return value

    def __iter__(self) -> Iterator[bytes]:
        start = 0
        while page := self.range(start, start + _PAGE - 1):
            yield from page
            start += len(page)

    def range(self, first: int, last: int) -> list[bytes]:
        """Values from position `first` to `last`, both included; negative ones count from the end."""
        found = self._run("LRANGE", first, last)
        assert isinstance(found, list)
        return found  # type: ignore[return-value]


class SortedSetView(_View):
    """Members by score, then by bytes."""

    _count = "ZCARD"

    def add(self, members: Mapping[Text, float]) -> int:
        """Adds members or changes their scores, as one commit; how many were new."""
        pairs = [part for member, score in members.items() for part in (repr(float(score)), member)]
        return _integer(self._run("ZADD", *pairs)) if pairs else 0

    def score(self, member: Text) -> float | None:
        """The member's score, or None."""
        found = self._run("ZSCORE", member)
        assert found is None or isinstance(found, float)
        return found

    def rank(self, member: Text) -> int | None:
        """The member's place from the lowest score, from 0, or None."""
        found = self._run("ZRANK", member)
        return None if found is None else _integer(found)

    def discard(self, *members: Text) -> int:
        """Removes members; how many were there."""
        return _integer(self._run("ZREM", *members)) if members else 0

    def __contains__(self, member: Text) -> bool:
        return self.score(member) is not None

    def range(self, first: int = 0, last: int = -1, *, reverse: bool = False) -> list[tuple[bytes, float]]:
        """Members and scores by place, both ends included."""
        return _pairs(self._run("ZREVRANGE" if reverse else "ZRANGE", first, last, "WITHSCORES"))

    def by_score(self, lowest: float, highest: float) -> list[tuple[bytes, float]]:
        """Members whose scores lie between, both included."""
        return _pairs(self._run("ZRANGEBYSCORE", repr(float(lowest)), repr(float(highest)), "WITHSCORES"))

    def __iter__(self) -> Iterator[bytes]:
        start = 0
        while page := self.range(start, start + _PAGE - 1):
            yield from (member for member, _ in page)
            start += len(page)


def _pairs(found: Value) -> list[tuple[bytes, float]]:
    """Members with scores, as RESP3 nests them."""
    assert isinstance(found, list)
    rows: Iterable[Value] = found
    pairs: list[tuple[bytes, float]] = []
    for row in rows:
        assert isinstance(row, list)
        member, score = row
        assert isinstance(member, bytes)
        assert isinstance(score, float)
        pairs.append((member, score))
    return pairs
