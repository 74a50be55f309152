"""Private retrieval of a column of bytes: who holds a matrix answers, who asks hides the column.

Theory: SimplePIR (native/pir). An app's address and a matrix's number name the public matrix, which both sides expand for
themselves. Invariant: randomness is passed in, 32 bytes a query, and a prepared query is asked once.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hyperdb import _native
from hyperdb.errors import InvalidError

DIMENSION = 1280
"""Numbers in a row of a hint (docs/pir-parameters.md)."""
NUMBER_BYTES = 4
"""Of a hint and of an answer."""
_QUERY_BITS = 28
"""Of a number of a query (docs/pir-parameters.md, Rounding)."""
SEED_BYTES = 32

Change = tuple[int, bytes, bytes]
"""A column's number, its bytes before and its bytes now."""


def query_bytes(columns: int) -> int:
    """Bytes of a query over so many columns."""
    return -(-columns * _QUERY_BITS // 8)


def kernels() -> tuple[str, ...]:
    """Names of the kernels that run on this processor, from the slowest; each gave the portable one's numbers before."""
    return tuple(_native.pir_kernels())


@dataclass(frozen=True)
class Place:
    """What a matrix is: of which app, and which of its matrices. Names the public matrix."""

    app: bytes
    """The app's address, 32 bytes."""
    number: int
    """0 pages, 1 overflow."""


class Matrix:
    """Columns of bytes, and answers to queries: the server's side. Thread-safe."""

    def __init__(self, place: Place, rows: int, columns: Sequence[bytes], threads: int = 1) -> None:
        """A matrix of columns of `rows` bytes each; work is shared by `threads`.

        Raises:
            InvalidError: it is larger than docs/pir-parameters.md allows, or a column has another length.
        """
        self.place = place
        self.threads = threads
        self._native = _native.PirMatrix(rows, len(columns))
        for number, column in enumerate(columns):
            self._native.set(number, column)

    @classmethod
    def of(cls, place: Place, native: _native.PirMatrix, threads: int = 1) -> Matrix:
        """A native matrix at its place."""
        matrix = object.__new__(cls)
        matrix.place, matrix.threads, matrix._native = place, threads, native
        return matrix

    @property
    def rows(self) -> int:
        """Bytes of a column."""
        return self._native.rows

    @property
    def columns(self) -> int:
        """How many columns there are."""
        return self._native.columns

    def column(self, number: int) -> bytes:
        """A column as it is, for those who ask in the clear."""
        return self._native.column(number)

    def answer(self, queries: Sequence[bytes]) -> list[bytes]:
        """Answers to queries, in one pass over the data for all of them.

        Raises:
            InvalidError: a query has another length than `query_bytes`.
        """
        return self._native.answer(queries, self.threads)

    def hint(self) -> Hint:
        """What clients need once, 4 * DIMENSION bytes a row."""
        return Hint(self.place, self._native.hint(self.place.app, self.place.number, self.threads))

    def changed_from(self, earlier: Matrix) -> tuple[int, ...]:
        """Columns that differ from those of an earlier matrix of as many rows; those that only one of both has are among them."""
        return tuple(self._native.changed_from(earlier._native))

    def digest(self, tag: str, below: Sequence[Matrix] = ()) -> bytes:
        """The framed hash of a tag and each column, going on in the matrices below."""
        return self._native.digest(tag, [matrix._native for matrix in below])


class Hint:
    """A matrix times the public matrix."""

    def __init__(self, place: Place, native: _native.PirHint) -> None:
        self.place = place
        self.native = native

    @classmethod
    def read(cls, place: Place, rows: int, data: bytes) -> Hint:
        """A hint from its bytes.

        Raises:
            InvalidError: they are not those of so many rows.
        """
        return cls(place, _native.PirHint.from_bytes(rows, data))

    def __bytes__(self) -> bytes:
        return self.native.to_bytes()

    @property
    def rows(self) -> int:
        """Rows of the matrix that it belongs to."""
        return self.native.rows

    def replaced(self, changes: Sequence[Change], threads: int = 1) -> Hint:
        """The hint after these columns changed; an appended column was zeros before."""
        copy = self.native.copy()
        copy.apply(changes, self.place.app, self.place.number, threads)
        return Hint(self.place, copy)


class Asker:
    """Makes queries for one matrix under one hint, from a stock that was prepared beforehand. Thread-safe."""

    def __init__(
        self,
        hint: Hint,
        columns: int,
        *,
        stock: int = 8,
        threads: int = 1,
        random: Callable[[int], bytes] = os.urandom,
        ahead: bool = False,
    ) -> None:
        """`stock` queries are prepared at a time, in one expansion of the public matrix; `random` is the system's generator.

        `ahead`: a thread fills the stock at once, and whenever half of it is gone, so that asking waits for nothing.
        """
        if stock < 1:
            raise InvalidError(f"a stock of {stock} queries")
        self.columns = columns
        self._hint = hint
        self._size = stock
        self._threads = threads
        self._random = random
        self._ahead = ahead
        self._changed = threading.Condition()
        self._stock: deque[_native.PirQuery] = deque()
        self._is_preparing = False
        if ahead:
            with self._changed:
                self._begin()

    @property
    def stock(self) -> int:
        """How many queries are ready."""
        return len(self._stock)

    def prepare(self) -> None:
        """Fills the stock: the costly part of a query, which does not depend on what is asked."""
        with self._changed:
            while self._is_preparing:
                self._changed.wait()
            self._is_preparing = True
        self._fill()

    def ask(self, column: int) -> tuple[bytes, _native.PirMask]:
        """A query for a column, and what recovers the column from the answer.

        Raises:
            InvalidError: there is no such column.
        """
        if not 0 <= column < self.columns:
            raise InvalidError(f"there is no column {column} of {self.columns}")
        while True:
            with self._changed:
                while self._is_preparing and not self._stock:
                    self._changed.wait()
                if self._stock:
                    query = self._stock.popleft()
                    if self._ahead and 2 * len(self._stock) <= self._size:
                        self._begin()
                    break
            self.prepare()
        return query.ask(column)

    def renew(self, hint: Hint) -> None:
        """Goes on with another hint of the same columns: what was prepared stays good."""
        if hint.place != self._hint.place or hint.rows != self._hint.rows:
            raise InvalidError("the hint is of another matrix")
        with self._changed:
            self._hint = hint
            for query in self._stock:
                query.read_with(hint.native)

    def _begin(self) -> None:
        """Lets a thread fill the stock, if none does; the lock is held."""
        if not self._is_preparing:
            self._is_preparing = True
            threading.Thread(target=self._fill, name="hyperdb-prepare", daemon=True).start()

    def _fill(self) -> None:
        """Prepares what is missing, by whoever said that it does."""
        made: list[_native.PirQuery] = []
        hint, place = self._hint, self._hint.place
        try:
            seeds = [self._random(SEED_BYTES) for _ in range(self._size - len(self._stock))]
            made = _native.PirQuery.prepare(place.app, place.number, self.columns, hint.native, seeds, self._threads)
        finally:
            with self._changed:
                if hint is not self._hint:
                    for query in made:
                        query.read_with(self._hint.native)
                self._stock.extend(made)
                self._is_preparing = False
                self._changed.notify_all()
