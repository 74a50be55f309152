"""What Redis's clients keep, as rows: keys, and members of their collections, in an open statement of a transaction.

Theory: a Redis database is an app; a walk over its elements gives keys, a walk over the members of its collections their rows,
page by page, natively. Counts come from those that the app keeps. Invariant: rows are those of the statement's moment, and at
serializable what was walked over is validated at commit, whoever writes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

from hyperdb import _native

DATABASES = 16
"""Numbered databases that Redis's clients can select."""
Collection = Literal["hash", "set", "list", "zset"]
Within: TypeAlias = bytes | tuple[int, int] | tuple[float, float] | None
"""Which members: the one of this name; of a list those between two indexes, of a sorted set between two scores, ends included."""
Key = tuple[bytes, str, int | None, int, int, bytes | None]
"""Key, the word of TYPE, expiry in Unix milliseconds, members, bytes, the value of a string."""

_FIRST_PAGE, _PAGE = 32, 1024


class Keyspace:
    """One Redis database in a statement."""

    def __init__(self, transaction: _native.SqlTransaction, number: int) -> None:
        self.number = number
        self._native = _native.Keyspace(transaction, f"redis/{number}".encode())

    def exists(self) -> bool:
        """Whether anything was ever written to it."""
        return self._native.exists()

    def key(self, id: bytes) -> Key | None:  # noqa: A002
        """One key, if it is there."""
        return self._native.key(id)

    def each_key(self) -> Iterator[Key]:
        """All keys, by their hash."""
        after, size = None, _FIRST_PAGE
        while True:
            page, after = self._native.keys(after, size)
            yield from page
            if after is None:
                return
            size = _PAGE

    def members(self, kind: Collection, id: bytes | None = None, within: Within = None) -> Iterator[tuple[Any, ...]]:  # noqa: A002
        """Members of all collections of a kind, or of the one under `id`.

        Of a hash (key, field, value), of a set (key, member), of a list (key, index, item), of a sorted set (key, member, score)
        in the order of (score, member).
        """
        after, size = None, _FIRST_PAGE
        while True:
            page, after = self._native.members(kind, id, within, after, size)
            yield from page
            if after is None:
                return
            size = _PAGE

    def count(self) -> int | None:
        """How many keys there are, in constant time; None if only looking at them tells, since some may have expired."""
        return self._native.count()
