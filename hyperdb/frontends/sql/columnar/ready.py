"""Queries that are bound already, each on a connection of its own.

Theory: opening a connection, naming relations and reading the text take the engine about a millisecond. A query over copies alone
names tables that never change, so it can be run again as it is: it is kept when it has run to its end. It is planned at each run,
which is cheap but for macros. A connection runs one query at a time, so whoever asks for the same meanwhile binds another one.
Invariant: no kept query names a copy that was dropped.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeAlias

import duckdb

Key: TypeAlias = tuple[str, tuple[tuple[str, str, tuple[tuple[int, str], ...]], ...]]
"""The text, and of each relation its name in it, its copy and the columns."""

_MOST = 64
_NAME = "asked"
_FEW_ROWS = 1 << 16
"""What a prepared query gives is held in memory, where a relation's comes as it is read."""


@dataclass(eq=False, slots=True)
class Bound:
    """A query, and the connection that it is bound on. One that is `slow` to bind is prepared once it has shown few `rows`."""

    connection: duckdb.DuckDBPyConnection
    text: str
    slow: bool = False
    relation: duckdb.DuckDBPyRelation | None = None
    rows: int | None = None
    _prepared: bool = False

    def result(self) -> duckdb.DuckDBPyRelation:
        """A run of it."""
        assert self.relation is not None
        if not self.slow or self.rows is None or self.rows > _FEW_ROWS:
            return self.relation
        if not self._prepared:
            self.connection.execute(f"PREPARE {_NAME} AS {self.text}")
            self._prepared = True
        return self.connection.sql(f"EXECUTE {_NAME}")


class Ready:
    """Bound queries that nobody runs, at most a fixed number; the longest unused goes first."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._queries: OrderedDict[Key, list[Bound]] = OrderedDict()
        self._count = 0

    def take(self, key: Key) -> Bound | None:
        """The query, which is the caller's now."""
        with self._lock:
            found = self._queries.get(key)
            if not found:
                return None
            bound = found.pop()
            self._count -= 1
            if not found:
                del self._queries[key]
            return bound

    def put(self, key: Key, bound: Bound) -> None:
        """Keeps one that has run to its end."""
        with self._lock:
            self._queries.setdefault(key, []).append(bound)
            self._queries.move_to_end(key)
            self._count += 1
            gone = []
            while self._count > self._most:
                oldest = next(iter(self._queries))
                gone.append(self._queries[oldest].pop(0))
                self._count -= 1
                if not self._queries[oldest]:
                    del self._queries[oldest]
        for each in gone:
            each.connection.close()

    def forget(self, copy: str) -> None:
        """Closes those that read a copy."""
        with self._lock:
            stale = [key for key in self._queries if any(name == copy for _, name, _ in key[1])]
            gone = [bound for key in stale for bound in self._queries.pop(key)]
            self._count -= len(gone)
        for each in gone:
            each.connection.close()

    def close(self) -> None:
        """Closes all."""
        with self._lock:
            gone = [bound for found in self._queries.values() for bound in found]
            self._queries.clear()
            self._count = 0
        for each in gone:
            each.connection.close()
