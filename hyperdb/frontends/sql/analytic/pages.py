"""The engine's results, batch by batch.

Theory: see `execute.pages`. A batch stays in Arrow until its rows are wanted, as values or as messages; the first batches were
computed before the first row was handed over, and are kept here. Invariant: see the package.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from hyperdb.errors import NotColumnarError
from hyperdb.frontends.sql.analytic.relational import Written
from hyperdb.frontends.sql.analytic.results import reader
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.columnar.values import is_unsigned, python_rows
from hyperdb.frontends.sql.contract import Column
from hyperdb.frontends.sql.execute.environment import Row
from hyperdb.frontends.sql.execute.pages import WRITTEN_BYTES
from hyperdb.graph.catalog.messages import ColumnRows, RowForm

if TYPE_CHECKING:
    import pyarrow as pa

_PAGE = 1024


class ColumnPages:
    """See `Pages`. `held` are batches that were read already; `close` is called when the last of the `rest` was."""

    def __init__(
        self,
        written: Written,
        held: Sequence[pa.RecordBatch],
        rest: Iterator[pa.RecordBatch] | None = None,
        close: Callable[[], None] | None = None,
    ) -> None:
        self._read = reader(written)
        self._asked = [_asked(written, at) for at in range(len(written.columns))]
        self._held = deque(held)
        self._rest = iter(()) if rest is None else rest
        self._close = close
        self._batch: pa.RecordBatch | None = None
        self._at = 0
        self._written: ColumnRows | None = None

    @property
    def is_over(self) -> bool:
        """See `Pages`."""
        return self._batch is None and not self._held and self._close is None

    def take(self, limit: int) -> list[Row]:
        """See `Pages`."""
        found: list[Row] = []
        while len(found) < limit and (batch := self._current()) is not None:
            part = batch.slice(self._at, min(limit - len(found), _PAGE))
            found += self._read(list(python_rows(part)))
            self._move(part.num_rows)
        return found

    def write(self, form: RowForm, columns: Sequence[Column], limit: int, *, in_utc: bool) -> tuple[bytes, int] | None:
        """See `Pages`."""
        del columns
        batch = self._current()
        if batch is None:
            return b"", 0
        if self._written is None:
            if any(is_unsigned(column.type) for column in batch.columns):
                return None
            try:
                self._written = ColumnRows(batch, self._asked)
            except NotColumnarError:
                return None
        if self._written.has_zone() and not in_utc:
            return None
        data, rows, _ = self._written.write(form, self._at, limit, WRITTEN_BYTES)
        if not rows:
            return None
        self._move(rows)
        return data, rows

    def __iter__(self) -> Iterator[Row]:
        while rows := self.take(_PAGE):
            yield from rows

    def close(self) -> None:
        """See `Pages`."""
        close, self._close = self._close, None
        self._batch = self._written = None
        self._held.clear()
        self._rest = iter(())
        if close is not None:
            close()

    def _current(self) -> pa.RecordBatch | None:
        """The batch with the next row."""
        while self._batch is None:
            try:
                found = self._held.popleft() if self._held else next(self._rest, None)
            except BaseException:
                self.close()
                raise
            if found is None:
                self.close()
                return None
            if found.num_rows:
                self._batch, self._at = found, 0
        return self._batch

    def _move(self, rows: int) -> None:
        self._at += rows
        if self._batch is not None and self._at >= self._batch.num_rows:
            self._batch = self._written = None


def _asked(written: Written, at: int) -> tuple[int, int, int | None, int | None, int | None]:
    """A column as native code is asked for it."""
    value = written.columns[at]
    modifier = value.length + 4 if value.oid == kinds.BPCHAR and value.length is not None else -1
    divisor = written.divisors.get(at)
    beside = None if divisor is None else written.digits.get(divisor)
    return value.oid, modifier, written.digits.get(at), divisor, beside
