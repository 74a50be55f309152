"""What `db.sql` gives: a whole result, as rows of Python's values or as Arrow's columns.

Theory: rows are kept as the engine has them and turned into what is asked for when it is asked for. The Arrow PyCapsule interface
(`__arrow_c_stream__`) is how pandas, polars, pyarrow and DuckDB read it without a word about HyperDB. Invariant: a result never
changes, and holds neither session nor transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hyperdb.errors import InterfaceError, SqlError
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.contract import Opening, Status
from hyperdb.frontends.sql.embedded.placeholders import Parameters
from hyperdb.frontends.sql.embedded.running import Answer, run_all, type_named
from hyperdb.frontends.sql.embedded.values import NAMED, python_row, reader
from hyperdb.frontends.sql.types import BUILT_IN

if TYPE_CHECKING:
    import pyarrow as pa

    from hyperdb.frontends.sql.backend import SqlBackend
    from hyperdb.frontends.sql.contract import Session

ROLE = DATABASE = "hyperdb"


class Result:
    """The rows of a statement; an iterable of tuples. A statement without rows has none, and no columns."""

    def __init__(self, answer: Answer, session: Session) -> None:
        self._rows = answer.rows
        columns = answer.columns or ()
        self.columns = tuple(column.name for column in columns)
        """Names, as the statement gives them; one may come twice."""
        self.types = tuple(column.type for column in columns)
        """PostgreSQL's oids."""
        self.tag = answer.tag
        """What was done: `SELECT 3`, `INSERT 0 1`."""
        self.rowcount = answer.count
        """Rows found or changed; -1 where the statement does neither."""
        self._modifiers = [column.modifier for column in columns]
        self._kinds = [type_named(session, oid) for oid in self.types]
        self._style = session.style
        self._has_rows = answer.columns is not None
        named = [place for place, oid in enumerate(self.types) if oid in NAMED]
        if named:
            # A reg... type shows names, which the catalog of now knows.
            readers = [reader(kind, self._style) if place in named else None for place, kind in enumerate(self._kinds)]
            self._rows = [python_row(readers, row) for row in self._rows]
            self._kinds = [BUILT_IN[kinds.TEXT] if place in named else kind for place, kind in enumerate(self._kinds)]

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        readers = [reader(kind, self._style) for kind in self._kinds]
        if not any(readers):
            return map(tuple, self._rows)
        return (python_row(readers, row) for row in self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows."""
        return list(self)

    def fetchone(self) -> tuple[Any, ...] | None:
        """The first row; None: there is none."""
        return next(iter(self), None)

    def dicts(self) -> list[dict[str, Any]]:
        """All rows by the names of their columns."""
        return [dict(zip(self.columns, row, strict=True)) for row in self]

    def arrow(self) -> pa.Table:
        """The rows as a table of Arrow; types: docs/sql.md, Columns.

        Raises:
            InterfaceError: the statement gives no rows.
            NotColumnarError: a value is beyond what Arrow's form of its type holds.
        """
        import pyarrow as pa

        from hyperdb.frontends.sql.embedded.arrow import array

        if not self._has_rows:
            raise InterfaceError(f"{self.tag} gives no rows")
        columns = list(zip(*self._rows, strict=True)) if self._rows else [()] * len(self.columns)
        arrays = [
            array(values, kind, modifier, self._style)
            for values, kind, modifier in zip(columns, self._kinds, self._modifiers, strict=True)
        ]
        return pa.Table.from_arrays(arrays, names=list(self.columns))

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.arrow().__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return f"<Result {self.tag}: {', '.join(self.columns)}>"


def sql(backend: SqlBackend, text: str, parameters: Parameters | None) -> Result:
    """Runs a text in a session and a transaction of its own; the result of its last statement.

    Raises:
        SqlError: of the statement; 25001 where it leaves a transaction open; 42601 where there is no statement.
    """
    session = backend.open(Opening(ROLE, DATABASE))
    try:
        answers = run_all(session, text, parameters)
        if session.status is not Status.IDLE:
            raise SqlError("25001", "the text leaves a transaction open: use a connection (hyperdb.connect) for blocks")
        if not answers:
            raise SqlError("42601", "there is no statement")
        return Result(answers[-1], session)
    finally:
        session.close()
