"""PEP 249's cursor: one statement at a time and its rows.

Theory: results are whole when `execute` returns, so a cursor is a place in a list; rows become Python's values as they are
fetched. Invariant: a cursor that was closed, or whose connection was, refuses everything but `close` (InterfaceError).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from hyperdb.errors import InterfaceError, SqlError
from hyperdb.frontends.sql.embedded.description import Description, described
from hyperdb.frontends.sql.embedded.placeholders import Parameters
from hyperdb.frontends.sql.embedded.running import Answer, type_named
from hyperdb.frontends.sql.embedded.values import Reader, python_row, reader

if TYPE_CHECKING:
    from hyperdb.frontends.sql.embedded.connection import Connection

Row = tuple[Any, ...]


class Cursor:
    """See PEP 249, "Cursor Objects". Made by `Connection.cursor`; a context manager and an iterator of rows."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        """The connection that made it."""
        self.arraysize = 1
        """Rows that `fetchmany` takes unless told."""
        self.closed = False
        """Whether it was closed."""
        self.lastrowid = None
        """Tables have no row ids: use RETURNING."""
        self._answer: Answer | None = None
        self._more: deque[Answer] = deque()
        self._readers: Sequence[Reader | None] = ()
        self._at = 0
        self._count = -1

    # What the result is like.

    @property
    def description(self) -> list[Description] | None:
        """The columns; None where the statement gives no rows."""
        columns = self._answer.columns if self._answer is not None else None
        return None if columns is None else described(columns)

    @property
    def rowcount(self) -> int:
        """Rows found or changed by the last statement (`executemany`: by all of its runs); -1 where it does neither."""
        return self._count

    @property
    def rownumber(self) -> int | None:
        """The place of the next row, from 0; None without rows."""
        return self._at if self._answer is not None and self._answer.columns is not None else None

    @property
    def statusmessage(self) -> str | None:
        """What was done: `SELECT 3`, `INSERT 0 1`."""
        return None if self._answer is None else self._answer.tag

    # Statements.

    def execute(self, operation: str, parameters: Parameters | None = None) -> Self:
        """Runs a statement; without parameters also several, whose results `nextset` goes through.

        Raises:
            SqlError: of the class of PEP 249 that its SQLSTATE means.
        """
        self._check()
        self._show(None)
        self._more.clear()
        self._more.extend(self.connection.run(operation, parameters))
        if self._more:
            self._show(self._more.popleft())
        return self

    def executemany(self, operation: str, seq_of_parameters: Iterable[Parameters]) -> Self:
        """Runs a statement once for each of the parameters; rows that it gives are not kept."""
        self._check()
        self._show(None)
        self._more.clear()
        self._count = self.connection.run_many(operation, list(seq_of_parameters))
        return self

    def callproc(self, procname: str, parameters: Sequence[Any] = ()) -> Sequence[Any]:
        """Refused: procedures do not exist here; functions are called by SELECT.

        Raises:
            NotSupportedError: always.
        """
        del parameters
        raise SqlError("0A000", f"callproc: there are no procedures; call functions by SELECT {procname}(...)")

    def setinputsizes(self, sizes: Sequence[Any]) -> None:
        """Does nothing, as PEP 249 allows: values have no size to prepare for."""
        del sizes

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """Does nothing, as PEP 249 allows: values come back whole."""
        del size, column

    # Rows.

    def fetchone(self) -> Row | None:
        """The next row; None: there is none."""
        found = self.fetchmany(1)
        return found[0] if found else None

    def fetchmany(self, size: int | None = None) -> list[Row]:
        """The next `size` rows, or fewer at the end."""
        rows = self._rows()
        wanted = self.arraysize if size is None else size
        return self._taken(rows[self._at : self._at + max(0, wanted)])

    def fetchall(self) -> list[Row]:
        """All rows that are left."""
        return self._taken(self._rows()[self._at :])

    def nextset(self) -> bool | None:
        """Goes on to the result of the next statement; None: there is none."""
        self._check()
        if not self._more:
            return None
        self._show(self._more.popleft())
        return True

    def close(self) -> None:
        """Forgets the result. A second call does nothing."""
        self.closed = True
        self._show(None)
        self._more.clear()

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        row = self.fetchone()
        if row is None:
            raise StopIteration
        return row

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _check(self) -> None:
        if self.closed:
            raise InterfaceError("the cursor is closed")
        self.connection.check()

    def _show(self, answer: Answer | None) -> None:
        self._answer, self._at = answer, 0
        self._count = -1 if answer is None else answer.count
        self._readers = ()
        if answer is not None and answer.columns is not None:
            session = self.connection.session
            self._readers = [reader(type_named(session, column.type), session.style) for column in answer.columns]

    def _rows(self) -> Sequence[Sequence[Any]]:
        self._check()
        if self._answer is None or self._answer.columns is None:
            raise InterfaceError("there are no rows to fetch: the last statement gives none")
        return self._answer.rows

    def _taken(self, rows: Sequence[Sequence[Any]]) -> list[Row]:
        self._at += len(rows)
        if not any(self._readers):
            return list(map(tuple, rows))
        return [python_row(self._readers, row) for row in rows]
