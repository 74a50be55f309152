"""A matrix in two parts, one above the other: what stays from epoch to epoch, and what does not.

Theory: both parts have the same columns and the same public matrix, so one query is for both, and a hint of the whole is the
hints of the parts, one behind the other. Of the upper part a hint follows from the columns that changed; the lower part's is made
anew. Invariant: from outside it is one matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hyperdb import _native
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
        cls, place: Place, matrices: Sequence[_native.PirMatrix], last: Stack | None, threads: int
    ) -> tuple[Stack, tuple[int, ...]]:
        """Matrices, the first of which is likely to be much the last one's; also, in which columns it is not."""
        made = [Matrix.of(place, matrix, threads) for matrix in matrices]
        upper, lower = made[0], made[1:]
        if last is None or last.parts[0].matrix.rows != upper.rows:
            first, changed = _Part(upper, upper.hint()), tuple(range(upper.columns))
        else:
            first, changed = _followed(last.parts[0], upper, threads)
        return cls((first, *(_Part(matrix, matrix.hint()) for matrix in lower if matrix.rows))), changed

    @property
    def rows(self) -> int:
        """Bytes of a column."""
        return sum(part.matrix.rows for part in self.parts)

    @property
    def columns(self) -> int:
        """How many there are."""
        return self.parts[0].matrix.columns

    def column(self, number: int) -> bytes:
        """A column, for those who ask in the clear."""
        return b"".join(part.matrix.column(number) for part in self.parts)

    def digest(self, tag: str) -> bytes:
        """Of all columns in order, 32 bytes (docs/epoch-format.md, Manifest)."""
        first, *below = (part.matrix for part in self.parts)
        return first.digest(tag, below)

    def answer(self, queries: Sequence[bytes]) -> list[bytes]:
        """Answers to queries, in one pass over the data."""
        answers = [part.matrix.answer(queries) for part in self.parts]
        return [b"".join(rows) for rows in zip(*answers, strict=True)]

    def hint_bytes(self) -> bytes:
        """The hint of the whole."""
        return b"".join(bytes(part.hint) for part in self.parts)


def _followed(last: _Part, matrix: Matrix, threads: int) -> tuple[_Part, tuple[int, ...]]:
    """A part by the columns that changed since the last one; if these are most, making its hint anew is less work."""
    changed = matrix.changed_from(last.matrix)
    if 2 * len(changed) > matrix.columns or matrix.columns < last.matrix.columns:
        return _Part(matrix, matrix.hint()), changed
    changes: list[Change] = []
    for number in changed:
        old = last.matrix.column(number) if number < last.matrix.columns else bytes(matrix.rows)
        changes.append((number, old, matrix.column(number)))
    return _Part(matrix, last.hint.replaced(changes, threads)), changed
