"""A table of CQL as Cassandra has it, in the fewest words: every write is kept, and reading merges them all.

Theory: a cell is the greatest of its writes by time, then as Cassandra's Cells.resolveRegular decides ties; what was deleted
(a collection, a row, a range, a partition) takes all that is not later. Invariant: shares no code with what it checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

LATEST = 1 << 62


@dataclass(frozen=True)
class Cell:
    """One write of one cell; `ends` is when it ends, or when it was deleted."""

    timestamp: int
    value: Any
    ends: int = LATEST
    is_tombstone: bool = False

    def rank(self) -> tuple[Any, ...]:
        can_end = self.ends != LATEST
        return self.timestamp, can_end, self.is_tombstone, self.ends if can_end else 0, _bytes(self.value)

    def lives(self, now: int) -> bool:
        return not self.is_tombstone and now < self.ends


def _bytes(value: Any) -> bytes:
    if value is None:
        return b""
    return value.encode() if isinstance(value, str) else value.to_bytes(4, "big")


@dataclass
class Row:
    """Writes by column; of the map by column and key."""

    cells: dict[str, list[Cell]] = field(default_factory=dict)
    entries: dict[str, list[Cell]] = field(default_factory=dict)
    markers: list[Cell] = field(default_factory=list)
    emptied: int = -1
    """When the map was deleted last."""
    deleted: int = -1


@dataclass
class Partition:
    """The rows of one partition key."""

    rows: dict[int, Row] = field(default_factory=dict)
    static: Row = field(default_factory=Row)
    ranges: list[tuple[int, int, int]] = field(default_factory=list)
    deleted: int = -1

    def row(self, c: int) -> Row:
        return self.rows.setdefault(c, Row())

    def write(self, row: Row, cells: Mapping[str, Any], timestamp: int, ttl: int, now: int, *, inserts: bool = False) -> None:
        for name, value in cells.items():
            row.cells.setdefault(name, []).append(_cell(timestamp, value, ttl, now))
        if inserts:
            row.markers.append(_cell(timestamp, 0, ttl, now))

    def put(self, row: Row, entries: Mapping[str, Any], timestamp: int, ttl: int, now: int) -> None:
        for key, value in entries.items():
            row.entries.setdefault(key, []).append(_cell(timestamp, value, ttl, now))

    def shown(self, now: int) -> list[tuple[Any, ...]]:
        """c, s, v, writetime(v), ttl(v), w, the map; in order."""
        s = self._live(self.static.cells.get("s", ()), self.deleted, now)
        static = None if s is None else s.value
        found = []
        for c in sorted(self.rows):
            row = self.rows[c]
            gone = max([self.deleted, row.deleted, *(at for low, high, at in self.ranges if low <= c <= high)])
            v, w = (self._live(row.cells.get(name, ()), gone, now) for name in "vw")
            entries = {key: self._live(cells, max(gone, row.emptied), now) for key, cells in row.entries.items()}
            live = tuple(sorted((key, cell.value) for key, cell in entries.items() if cell is not None))
            if v or w or live or self._live(row.markers, gone, now):
                left = None if v is None or v.ends == LATEST else v.ends - now
                values = (v.value, v.timestamp, left) if v else (None, None, None)
                found.append((c, static, *values, w.value if w else None, live or None))
        if not found and s is not None:
            return [(None, static, None, None, None, None, None)]
        return found

    @staticmethod
    def _live(cells: Iterable[Cell], gone: int, now: int) -> Cell | None:
        later = [cell for cell in cells if cell.timestamp > gone]
        newest = max(later, key=Cell.rank, default=None)
        return newest if newest is not None and newest.lives(now) else None


def _cell(timestamp: int, value: Any, ttl: int, now: int) -> Cell:
    if value is None:
        return Cell(timestamp, None, now, is_tombstone=True)
    return Cell(timestamp, value, now + ttl if ttl else LATEST)
