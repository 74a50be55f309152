"""Transactions that note, or answer from, the ranges of rows that a query reads.

Theory: row operators ask a transaction for pages of rows between two ends of a table's key. A `Recording` passes this on to a
frame and keeps the ranges; a `Proved` one has nothing but ranges that a bundle has shown to be complete, and answers from them.
Invariant: `Proved` answers a range only if one that was proved holds all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hyperdb.commitment.verify import Row, VerificationError
from hyperdb.errors import SqlError

Span = tuple[bytes, bytes]
"""From this key on, and below that one; empty is open."""
End = tuple[tuple[Any, ...], bool] | None
Page = tuple[list[tuple[Any, ...]], bytes | None]


def span_of(layout: Any, low: End, high: End) -> Span | None:
    """The member keys between two ends of a table's key; None: there are none."""
    if layout.is_by_token():
        raise SqlError("0A000", "rows of a table made in CQL are not proved in SQL")
    start, stop = layout.span(None, low, high)
    if stop == b"" or (start is not None and stop is not None and start >= stop):
        return None
    return start or b"", stop or b""


def holds(outer: Span, inner: Span) -> bool:
    """Whether one range holds all of another."""
    return outer[0] <= inner[0] and (not outer[1] or (bool(inner[1]) and inner[1] <= outer[1]))


class Recording:
    """A transaction at a frame; the ranges that were read of it, by number of the table."""

    def __init__(self, inner: Any, number_of: Callable[[Any], int]) -> None:
        self._inner = inner
        self._number_of = number_of
        self.spans: dict[int, list[Span]] = {}

    def page(
        self,
        layout: Any,
        index: int | None,
        low: End,
        high: End,
        reverse: bool,
        settled: bool,
        after: bytes | None,
        limit: int,
        before: bool = False,
    ) -> Page:
        """See the native `SqlTransaction`."""
        if index is not None:
            raise SqlError("XX000", "a proved query reads by the key alone")
        if after is None:
            span = span_of(layout, low, high)
            noted = self.spans.setdefault(self._number_of(layout), [])
            if span is not None and not any(holds(each, span) for each in noted):
                noted[:] = [each for each in noted if not holds(span, each)] + [span]
        found: Page = self._inner.page(layout, index, low, high, reverse, settled, after, limit, before)
        return found

    def keyspace(self, _number: int, _reading: object = None) -> Any:
        """Redis's data are proved by HYPER.PROVE and its like."""
        raise SqlError("0A000", "proofs of queries on schema redis are not supported", hint="HYPER.PROVEROWS proves a key.")


@dataclass(frozen=True)
class Range:
    """Rows between two keys, all of them."""

    span: Span
    rows: Sequence[Row]


class Proved:
    """Nothing but proved ranges, by number of the table."""

    def __init__(self, ranges: dict[int, list[Range]], number_of: Callable[[Any], int]) -> None:
        self._ranges = ranges
        self._number_of = number_of

    def page(self, layout: Any, index: int | None, low: End, high: End, reverse: bool, *_rest: Any) -> Page:
        """See the native `SqlTransaction`. All rows come in one page."""
        span = span_of(layout, low, high)
        if index is not None:
            raise VerificationError("claim", "the query reads by an index, which no proof shows")
        if span is None:
            return [], None
        number = self._number_of(layout)
        known = next((each for each in self._ranges.get(number, ()) if holds(each.span, span)), None)
        if known is None:
            raise VerificationError(
                "claim", f"the query reads rows of table {number} that the proof does not show to be complete"
            )
        rows = sorted((row for row in known.rows if holds(span, (row.name, row.name + b"\0"))), key=lambda row: row.name)
        packed = [row.stored for row in (reversed(rows) if reverse else rows)]
        if None in packed:
            raise VerificationError("claim", "rows are shown without all of their columns")
        return layout.tuples(packed), None

    def keyspace(self, _number: int, _reading: object = None) -> Any:
        """Not proved."""
        raise VerificationError("claim", "queries on schema redis are not proved")
