"""A bound on what statements keep in memory: rows to be sorted, hash tables, groups, results that nobody has read yet.

Theory: rows are Python's values, which the interpreter measures by itself (sys.getsizeof). Whoever keeps rows holds them with a
`Holding`, which asks the pool of the database for more in large steps, so that small statements never touch it, and gives back
when it is freed or gone. A large value that stands in many rows is one, and counted once. Invariant: all statements together
hold no more than the pool has, give or take a step each; the one that would is 53200.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from itertools import islice
from sys import getsizeof
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.types import Bounded

Row = tuple[Any, ...]
_STEP = 1 << 20
_BATCH = 256
_LARGE = 4096
"""Bytes of a row from which its values are looked at one by one."""
_CONTAINERS = frozenset({list, tuple, Bounded})
_ENTRY = 64
"""Bytes of a place in a list or hash table."""


class Pool:
    """The memory of all statements of a database."""

    def __init__(self, limit: int) -> None:
        """`limit` in bytes."""
        self.limit = limit
        self.held = 0
        self._lock = threading.Lock()

    def take(self, size: int) -> None:
        """Asks for more.

        Raises:
            SqlError: 53200.
        """
        with self._lock:
            if self.held + size > self.limit:
                detail = f"Statements may hold {self.limit >> 20} MiB of rows together."
                raise SqlError("53200", "out of memory", detail=detail)
            self.held += size

    def give(self, size: int) -> None:
        """Gives back."""
        with self._lock:
            self.held -= size


class Holding:
    """What one operator holds."""

    __slots__ = ("_fresh", "_large", "_pool", "_taken")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._taken = 0
        self._fresh = 0
        self._large: dict[int, Any] = {}
        """Values that were counted, by identity; kept, so that no other one gets theirs."""

    def add(self, row: Iterable[Any]) -> None:
        """One more row is kept."""
        self.count(self._size(row))

    def count(self, size: int) -> None:
        """So many bytes more are kept."""
        self._fresh += size
        if self._fresh > _STEP:
            self._pool.take(self._fresh)
            self._taken += self._fresh
            self._fresh = 0

    def all(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows, each of which is kept by who takes it."""
        source = iter(rows)
        while part := list(islice(source, _BATCH)):
            self.count(sum(map(self._size, part)))
            yield from part

    def free(self) -> None:
        """Nothing is kept any more."""
        taken, self._taken, self._fresh = self._taken, 0, 0
        self._large.clear()
        if taken:
            self._pool.give(taken)

    def __del__(self) -> None:
        self.free()

    def _size(self, row: Iterable[Any]) -> int:
        size = _ENTRY + getsizeof(row) + sum(map(getsizeof, row))
        if size < _LARGE and _CONTAINERS.isdisjoint(map(type, row)):
            return size
        return _ENTRY + getsizeof(row) + sum(map(self._deep, row))

    def _deep(self, value: Any) -> int:
        size = getsizeof(value)
        if size >= _LARGE:
            if id(value) in self._large:
                return 0
            self._large[id(value)] = value
        if isinstance(value, list | tuple):
            size += sum(map(self._deep, value))
        return size
