"""What the planner asks of an analytic engine.

Theory: a protocol and a frozen record; the engine's own module is imported by who makes one. Invariant: a query is read while the
statement that made its relations is open, for scans begin when the engine comes to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    import pyarrow as pa

    from hyperdb.graph.catalog.tables import Layout, TableTransaction

End: TypeAlias = tuple[Sequence[object], bool] | None


@dataclass(frozen=True)
class Relation:
    """A table as a statement of a transaction sees it.

    `name` and the names in `columns` (with their ids) are those of the query's text. `low` and `high` bound the key, as
    `TableTransaction.page` takes them: a hint, the text must still have the condition. `key` names the first column of the
    key if it is an integer or a date, ascending: conditions on it then become bounds.
    """

    name: str
    transaction: TableTransaction
    layout: Layout
    columns: tuple[tuple[int, str], ...]
    low: End = None
    high: End = None
    key: str | None = None
    identity: int | None = None
    """A number of the table, with which an engine may know it again; None: its rows are to be scanned."""
    rows: int = 0
    """About how many it has."""
    every: frozenset[int] = frozenset()
    """The ids of all its columns that an engine can hold."""


class Query(Protocol):
    """A query that was bound; it runs while it is read, once, by `batches` or by `rows`.

    Reading raises SqlError as SQL has it (21000, 22003, 22012, 22P02, 53200, 57014 ...) and NotColumnarError for values
    that columns cannot hold: the query is then to be run on rows. The text may raise an error of its own with
    `error('SQLSTATE|message')`.
    """

    @property
    def copied(self) -> int:
        """How many of its relations are copies."""

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The result in columns."""

    def rows(self) -> Iterator[list[tuple[Any, ...]]]:
        """The result in rows, a batch at a time, in the classes of `hyperdb.frontends.sql.types`."""

    def cancel(self) -> None:
        """Ends it, from any thread: who reads gets a SqlError 57014."""

    def close(self) -> None:
        """Gives back what it holds."""


class Engine(Protocol):
    """Runs queries; several threads may, each its own."""

    def query(self, text: str, relations: Sequence[Relation], parameters: Sequence[object] = ()) -> Query:
        """Binds a query in the engine's dialect over relations.

        Raises:
            NotColumnarError: the engine or Arrow cannot say it; run it on rows.
        """

    def close(self) -> None:
        """Ends it."""
