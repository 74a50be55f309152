"""Relations as Arrow's readers take them.

Theory: a native scan speaks Arrow's C interface, so nothing is copied on the way to pyarrow. An engine that knows pyarrow's
datasets asks one for the columns that it needs and pushes conditions down; `RelationDataset` answers with a native scan of just
these columns, over the range of the key that the condition leaves. Invariant: a scan is read once; what it gives is filtered by
the condition, all of it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset as ds

from hyperdb.frontends.sql.columnar.bounds import bounds

if TYPE_CHECKING:
    from hyperdb.frontends.sql.columnar.engine import End, Relation
    from hyperdb.graph.catalog.tables import Columns


class _SchemaCapsule:
    def __init__(self, capsule: object) -> None:
        self._capsule = capsule

    def __arrow_c_schema__(self) -> object:
        return self._capsule


def arrow_schema(relation: Relation) -> pa.Schema:
    """The schema of a relation's columns.

    Raises:
        NotColumnarError: when a type has no form in Arrow.
    """
    return pa.schema(_SchemaCapsule(relation.layout.schema(list(relation.columns))))


def version_of(relation: Relation) -> tuple[int, int] | None:
    """The version of a relation's table in its snapshot; None: it has none, or not all of it is wanted.

    The transaction has read the table then, as far as serializability asks.
    """
    if relation.low is not None or relation.high is not None:
        return None
    return relation.transaction.columns(relation.layout, list(relation.columns[:1]), None, None).version()


class Scans:
    """The scans of one query: to be cancelled together, and asked why one failed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._scans: list[Columns] = []
        self._cancelled = False

    def begin(self, relation: Relation, columns: Sequence[tuple[int, str]], low: End, high: End) -> pa.RecordBatchReader:
        """A scan of some columns of a relation."""
        scan = relation.transaction.columns(relation.layout, list(columns), low, high)
        with self._lock:
            self._scans.append(scan)
            if self._cancelled:
                scan.cancel()
        return pa.RecordBatchReader.from_stream(scan)

    def cancel(self) -> None:
        """Ends all of them, those to come too."""
        with self._lock:
            self._cancelled = True
            for scan in self._scans:
                scan.cancel()

    def check(self) -> None:
        """Raises what one failed with, if one did."""
        with self._lock:
            for scan in self._scans:
                scan.check()


class _Reading:
    """What stands for a scanner where there is nothing to filter."""

    def __init__(self, reader: pa.RecordBatchReader) -> None:
        self._reader = reader

    def to_reader(self) -> pa.RecordBatchReader:
        return self._reader


class RelationDataset(ds.Dataset):  # type: ignore[misc]
    """A relation as a dataset: `schema` and `scanner` are what engines use of one."""

    def __init__(self, relation: Relation, scans: Scans) -> None:
        self._relation = relation
        self._scans = scans
        self._schema = arrow_schema(relation)

    @property
    def schema(self) -> pa.Schema:
        """Names and types."""
        return self._schema

    def scanner(self, columns: Sequence[str] | None = None, filter: ds.Expression | None = None, **_options: Any) -> Any:  # noqa: A002
        """The rows that satisfy `filter`, of them `columns`."""
        relation = self._relation
        condition = "" if filter is None else str(filter)
        wanted = [
            (number, name)
            for number, name in relation.columns
            # The filter's columns are not named apart from its text: one too many costs only its decoding.
            if columns is None or name in columns or (condition and (name in condition or not name.isidentifier()))
        ]
        low, high = self._ends(condition)
        reader = self._scans.begin(relation, wanted, low, high)
        if filter is None:
            order = [name for _, name in wanted]
            if columns is None or order == list(columns):
                return _Reading(reader)
        return ds.Scanner.from_batches(reader, columns=None if columns is None else list(columns), filter=filter)

    def _ends(self, condition: str) -> tuple[End, End]:
        low, high = self._relation.low, self._relation.high
        if self._relation.key is None or not condition:
            return low, high
        least, greatest = bounds(condition, self._relation.key)
        limit = 1 << (self._schema.field(self._relation.key).type.bit_width - 1)
        if low is None and least is not None and -limit <= least < limit:
            low = ((least,), True)
        if high is None and greatest is not None and -limit <= greatest < limit:
            high = ((greatest,), True)
        return low, high


def arrow_table(relation: Relation) -> pa.Table:
    """All rows of a relation, and where it is bounded perhaps rows beside.

    Raises:
        NotColumnarError: when a type or a value has no form in Arrow.
    """
    scans = Scans()
    try:
        return scans.begin(relation, relation.columns, relation.low, relation.high).read_all()
    except (pa.ArrowException, OSError):
        scans.check()
        raise
