"""Frames of window functions: which rows of its partition a row's function looks at.

Theory: ISO/IEC 9075-2, 7.15. ROWS counts rows, GROUPS counts groups of peers, RANGE takes the rows whose value lies within a
distance: as the partition is sorted by that value, the edge is found by bisection. Invariant: a frame is one stretch of the
partition, less what EXCLUDE takes out of it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.execute.compile import Compiler
from hyperdb.frontends.sql.execute.environment import Environment, Row
from hyperdb.frontends.sql.plan.expressions import Edge, Expr, Frame

Ends = Callable[[int], tuple[int, int]]


class Part:
    """A sorted partition: rows, and for each the places of its first and behind its last peer, and its group from 1."""

    def __init__(self, rows: list[Row], keys: list[Any] | None) -> None:
        self.rows = rows
        self.first = [0] * len(rows)
        self.last = [len(rows)] * len(rows)
        self.group = [1] * len(rows)
        self.starts = [0]
        """Where each group begins."""
        if keys is None:
            return
        begin, group = 0, 1
        for place in range(1, len(rows) + 1):
            if place == len(rows) or keys[place] != keys[begin]:
                for at in range(begin, place):
                    self.first[at], self.last[at], self.group[at] = begin, place, group
                begin, group = place, group + 1
                if place < len(rows):
                    self.starts.append(place)

    def places(self, low: int, high: int, at: int, excluded: str) -> Sequence[int]:
        """The places of a frame, less what EXCLUDE takes out."""
        if not excluded:
            return range(low, high)
        first, last = (at, at + 1) if excluded == "current row" else (self.first[at], self.last[at])
        kept = (at,) if excluded == "ties" and low <= at < high else ()
        return [*range(low, min(high, first)), *kept, *range(max(low, last), high)]


class FrameEdges:
    """Compiles a frame."""

    def __init__(self, compiler: Compiler, frame: Frame, order: tuple[tuple[Expr, bool, bool], ...]) -> None:
        makers = {"rows": self._rows, "groups": self._groups, "range": self._range}
        self._descending = bool(order) and order[0][1]
        self._edges = [makers[frame.kind](compiler, edge, place) for place, edge in enumerate((frame.start, frame.end))]

    def of(self, part: Part, env: Environment) -> Ends:
        """Where the frame of each row of a partition begins and ends."""
        start, end = (edge(part, env) for edge in self._edges)
        size = len(part.rows)

        def ends(at: int) -> tuple[int, int]:
            low = min(max(start(at), 0), size)
            return low, max(min(end(at), size), low)

        return ends

    def _unbounded(self, edge: Edge) -> Callable[[Part, Environment], Callable[[int], int]]:
        return lambda part, _env: lambda _at: 0 if edge.side == "preceding" else len(part.rows)

    def _rows(self, compiler: Compiler, edge: Edge, place: int) -> Callable[[Part, Environment], Callable[[int], int]]:
        if edge.side == "current":
            return lambda _part, _env: lambda at: at + place
        if edge.offset is None:
            return self._unbounded(edge)
        offset, sign = _offset(compiler, edge, place), -1 if edge.side == "preceding" else 1
        return lambda part, env: lambda at: at + place + sign * offset(part.rows[at], env)

    def _peers(self, place: int) -> Callable[[Part, Environment], Callable[[int], int]]:
        return lambda part, _env: (part.last if place else part.first).__getitem__

    def _groups(self, compiler: Compiler, edge: Edge, place: int) -> Callable[[Part, Environment], Callable[[int], int]]:
        if edge.side == "current":
            return self._peers(place)
        if edge.offset is None:
            return self._unbounded(edge)
        offset, sign = _offset(compiler, edge, place), -1 if edge.side == "preceding" else 1

        def of(part: Part, env: Environment) -> Callable[[int], int]:
            starts = [*part.starts, len(part.rows)]

            def edge_of(at: int) -> int:
                group = part.group[at] - 1 + sign * int(offset(part.rows[at], env)) + place
                return starts[min(max(group, 0), len(starts) - 1)]

            return edge_of

        return of

    def _range(self, compiler: Compiler, edge: Edge, place: int) -> Callable[[Part, Environment], Callable[[int], int]]:
        if edge.side == "current":
            return self._peers(place)
        if edge.offset is None or edge.limit is None or edge.value is None:
            return self._unbounded(edge)
        offset, limit, value = _offset(compiler, edge, place), compiler.compile(edge.limit), compiler.compile(edge.value)
        key = compiler.key(edge.by) or (lambda found: found)
        descending = self._descending

        def of(part: Part, env: Environment) -> Callable[[int], int]:
            values = [value(row, env) for row in part.rows]
            known = [at for at, found in enumerate(values) if found is not None]
            first, last = (known[0], known[-1] + 1) if known else (0, 0)
            keys = [key(found) for found in values[first:last]]
            ascending = keys[::-1] if descending else keys

            def edge_of(at: int) -> int:
                offset(part.rows[at], env)
                if values[at] is None:
                    return (part.last if place else part.first)[at]
                reached = limit(part.rows[at], env)
                if reached != reached and values[at] == values[at]:
                    # Infinity from infinity: every number is in range, NaN is not.
                    reached = type(reached)("-inf" if bool(place) == descending else "inf")
                wanted = key(reached)
                if not descending:
                    return first + int((bisect_right if place else bisect_left)(ascending, wanted))
                return last - int((bisect_left if place else bisect_right)(ascending, wanted))

            return edge_of

        return of


def _offset(compiler: Compiler, edge: Edge, place: int) -> Callable[[Row, Environment], Any]:
    """The offset, which must be there and not be negative."""
    assert edge.offset is not None
    run = compiler.compile(edge.offset)
    in_range = edge.limit is not None
    word = "ending" if place else "starting"

    def offset(row: Row, env: Environment) -> Any:
        found = run(row, env)
        if found is None:
            raise SqlError("22004", f"frame {word} offset must not be null")
        if found != found:
            raise SqlError("22013", "invalid preceding or following size in window function")
        if (sum(part * size for part, size in zip(found, _SIZES, strict=True)) if isinstance(found, tuple) else found) < 0:
            text = "invalid preceding or following size in window function"
            raise SqlError("22013", text if in_range else f"frame {word} offset must not be negative")
        return found

    return offset


_DAY = 86_400_000_000
_SIZES = (30 * _DAY, _DAY, 1)
