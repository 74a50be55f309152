"""Tables in a transaction: what a language's executor stands on.

Theory: names only, as with `graph.native`; what an operation does is native. A statement is opened, run in steps that see one
snapshot, and closed. Invariant: languages reach rows and records through this module alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hyperdb import _native
from hyperdb.commitment.frames import Frames
from hyperdb.graph.catalog import records
from hyperdb.graph.keyspace import Keyspace, Reading
from hyperdb.graph.store import TransactionOptions
from hyperdb.graph.transaction import now_ms

Layout = _native.TableLayout
Image = _native.CatalogImage
Columns = _native.ColumnScan
Wide = _native.WideTable


class Tables:
    """The tables of a store; begins transactions over them."""

    def __init__(self, store: _native.Store) -> None:
        self._store = store
        self.column_gauges = store.column_gauges
        self.keep_columns = store.keep_columns
        self.reserve = store.reserve
        self._listeners: list[Callable[[], None]] = []
        self.frames = Frames(store)
        """What was sealed of all of it."""

    def listen(self, changed: Callable[[], None]) -> None:
        """From now on `changed` is called, by whoever did it, when a definition was committed; it must not fail."""
        self._listeners.append(changed)

    def defined(self) -> None:
        """A transaction that changed the catalog was committed."""
        self._store.refresh_prefixes()
        for changed in self._listeners:
            changed()

    def has_any(self, *, cql: bool = False) -> bool:
        """Whether there is a table that was made in SQL, or in CQL."""
        transaction = self.begin(TransactionOptions("read committed", True))
        try:
            transaction.open()
            found = (records.decode(data) for _, data in transaction.image().objects())
            return any(isinstance(each, records.Table) and bool(each.partition) == cql for each in found)
        finally:
            transaction.rollback()

    def gauges(self) -> Mapping[str, int]:
        """Counters and gauges of the store; bytes, counts and microseconds as the name says."""
        return dict(self._store.engine().stats())

    def compact(self) -> None:
        """Merges what is superseded out of the store's files, of all tables."""
        self._store.engine().compact()

    def lanes(self, clock: Callable[[], int] | None, seed: bytes) -> _native.SqlLanes:
        """What the lanes of all clients share. `clock`: microseconds since 1970, None: the machine's; 16 random bytes."""
        return _native.SqlLanes(self._store, clock, seed)

    def cql_lanes(self, clock: Callable[[], int] | None) -> _native.CqlLanes:
        """The same for clients of CQL."""
        return _native.CqlLanes(self._store, clock)

    def begin(self, options: TransactionOptions) -> TableTransaction:
        """A transaction."""
        inner = self._store.begin(options.isolation, options.read_only, options.lock_timeout, now_ms())
        return TableTransaction(inner)

    def begin_at(self, commit: int) -> TableTransaction:
        """A transaction that only reads what there was at a past commit that is still kept.

        Raises:
            BehindHorizonError: it is no longer kept.
        """
        return TableTransaction(self._store.begin_at(commit))


class TableTransaction:
    """A transaction over tables. The methods are those of the native `SqlTransaction` and `Transaction`."""

    def __init__(self, inner: _native.Transaction) -> None:
        rows = _native.SqlTransaction(inner)
        self.handle = inner
        self.statements = rows
        self.set_lock_timeout = inner.set_lock_timeout
        self.savepoint = inner.savepoint
        self.rollback_to = inner.rollback_to
        self.release = inner.release
        self.commit = inner.commit
        self.rollback = inner.rollback
        self.cancel = inner.cancel
        self.app = inner.app
        self.elements = inner.elements
        self.get_vertex = inner.get_vertex
        self.put_vertex = inner.put_vertex
        self.remove_element = inner.remove_element
        self.lock_element = inner.lock_element
        self.open = rows.open
        self.close = rows.close
        self.image = rows.image
        self.reserve = rows.reserve
        self.create = rows.create
        self.alter = rows.alter
        self.lock_object = rows.lock_object
        self.drop = rows.drop
        self.truncate = rows.truncate
        self.take_values = rows.take_values
        self.position = rows.position
        self.set_position = rows.set_position
        self.claim = rows.claim
        self.insert = rows.insert
        self.remove = rows.remove
        self.replace = rows.replace
        self.fill_index = rows.fill_index
        self.begin_load = rows.begin_load
        self.finish_load = rows.finish_load
        self.has_loaded = rows.has_loaded
        self.rekey = rows.rekey
        self.page = rows.page
        self.write_page = rows.write_page
        self.columns = rows.columns
        self.lock_rows = rows.lock_rows
        self.hold_parent = rows.hold_parent
        self.estimate = rows.estimate
        self.expected = rows.expected

    def keyspace(self, number: int, reading: Reading | None = None) -> Keyspace:
        """A Redis database in the statement that is open: of its keys those that may be read, if not all."""
        return Keyspace(self.statements, number, reading)
