"""A matrix in two parts, one above the other: what stays from epoch to epoch, and what does not.

Theory: both parts have the same columns and the same public matrix, so one query is for both, and a hint of the whole is the
hints of the parts, one behind the other. Of the upper part a hint follows from the columns that changed; the lower part's is made
anew. Invariant: from outside it is one matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hyperdb.oblivious.pir import Change, Hint, Matrix, Place

TILE = 64
"""Rows that kernels take at a time: parts are multiples of it."""


@dataclass(frozen=True)
class _Part:
    """A matrix and its hint."""

    matrix: Matrix
    hint: Hint


@dataclass(frozen=True)
class Stack:
    """See the module."""

    parts: tuple[_Part, ...]

    @classmethod
    def of(
        cls, place: Place, columns: Sequence[bytes], stable: int, last: Stack | None, threads: int
    ) -> tuple[Stack, tuple[int, ...]]:
        """A matrix of columns whose first `stable` bytes are likely to be the last one's; also, in which columns they are not."""
        rows = len(columns[0]) if columns else 0
        upper = [column[:stable] for column in columns]
        found = None if last is None or not last.parts else last.parts[0]
        if found is None or found.matrix.rows != min(stable, rows):
            changed = tuple(range(len(columns)))
            parts = [_made(place, min(stable, rows), upper, threads)]
        else:
            part, changed = _followed(found, upper, threads)
            parts = [part]
        if stable < rows:
            parts.append(_made(place, rows - stable, [column[stable:] for column in columns], threads))
        return cls(tuple(parts)), changed

    @property
    def columns(self) -> int:
        """How many there are."""
        return self.parts[0].matrix.columns

    def column(self, number: int) -> bytes:
        """A column, for those who ask in the clear."""
        return b"".join(part.matrix.column(number) for part in self.parts)

    def answer(self, queries: Sequence[bytes]) -> list[bytes]:
        """Answers to queries, in one pass over the data."""
        answers = [part.matrix.answer(queries) for part in self.parts]
        return [b"".join(rows) for rows in zip(*answers, strict=True)]

    def hint_bytes(self) -> bytes:
        """The hint of the whole."""
        return b"".join(bytes(part.hint) for part in self.parts)


def _made(place: Place, rows: int, columns: Sequence[bytes], threads: int) -> _Part:
    matrix = Matrix(place, rows, columns, threads)
    return _Part(matrix, matrix.hint())


def _followed(last: _Part, columns: Sequence[bytes], threads: int) -> tuple[_Part, tuple[int, ...]]:
    """A part from the last one, by the columns that changed; if these are most, making it anew is less work."""
    rows, count = last.matrix.rows, last.matrix.columns
    changes: list[Change] = []
    for number, new in enumerate(columns):
        old = last.matrix.column(number) if number < count else bytes(rows)
        if old != new or number >= count:
            changes.append((number, old, new))
    changes += [(number, last.matrix.column(number), bytes(rows)) for number in range(len(columns), count)]
    changed = tuple(number for number, _, _ in changes)
    if 2 * len(changes) > len(columns) or len(columns) < count:
        return _made(last.hint.place, rows, columns, threads), changed
    return _Part(last.matrix.replaced(changes), last.hint.replaced(changes, threads)), changed
