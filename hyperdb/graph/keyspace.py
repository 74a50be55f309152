"""What Redis's clients keep, as rows: keys, and members of their collections, in an open statement of a transaction.

Theory: a Redis database is an app; a walk over its elements gives keys, a walk over the members of its collections their rows,
page by page, natively. Counts come from those that the app keeps. Invariant: rows are those of the statement's moment, and at
serializable what was walked over is validated at commit, whoever writes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeAlias

from hyperdb import _native
from hyperdb.roles import RoleRecord

DATABASES = 16
"""Numbered databases that Redis's clients can select."""
Collection = Literal["hash", "set", "list", "zset", "stream"]
Within: TypeAlias = bytes | tuple[bytes, bytes] | tuple[int, int] | tuple[float, float] | None
"""Which members: the one of this name; of a list those between two indexes, of a sorted set between two scores, of a stream
between two ids (`stream_id`), ends included."""
Reading: TypeAlias = _native.KeyReading
"""Which keys some roles may read."""
Key = tuple[bytes, str, int | None, int, int, bytes | None]
"""Key, the word of TYPE, expiry in Unix milliseconds, members, bytes, the value of a string."""

_FIRST_PAGE, _PAGE = 32, 1024


def reading(roles: Sequence[tuple[str, RoleRecord]]) -> Reading:
    """What roles may read together, by their ACL rules."""
    return Reading([(name, record.encode()) for name, record in roles])


def stream_id(milliseconds: int, sequence: int) -> bytes:
    """An id of a stream as its bytes."""
    return milliseconds.to_bytes(8, "big") + sequence.to_bytes(8, "big")


class Keyspace:
    """One Redis database in a statement: all of it, or the keys that may be read, as if there were no others."""

    def __init__(self, transaction: _native.SqlTransaction, number: int, reading: Reading | None = None) -> None:
        self.number = number
        self._native = _native.Keyspace(transaction, f"redis/{number}".encode(), reading)

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
        in the order of (score, member), of a stream (key, milliseconds, sequence, fields and values in turn).
        """
        after, size = None, _FIRST_PAGE
        while True:
            page, after = self._native.members(kind, id, within, after, size)
            yield from page
            if after is None:
                return
            size = _PAGE

    def count(self) -> int | None:
        """How many keys there are, in constant time; None if only looking at them tells: some may have expired, or may not
        be read."""
        return self._native.count()
