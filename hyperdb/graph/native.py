"""The native store as a `store.GraphStore`.

Theory: names only. What an operation does is native; here the handles of one app are put together.
"""

from __future__ import annotations

from collections.abc import Iterator

from hyperdb import _native
from hyperdb.graph.store import AppTransaction, LockMode, TransactionOptions, Wait

_HASH_BYTES = 8
_PAGE = 256


class NativeGraphStore:
    """See `store.GraphStore`."""

    def __init__(self, store: _native.Store) -> None:
        self._store = store
        self.moments = store.engine()

    def app(self, name: bytes, /) -> _native.Hypergraph:
        """See `store.GraphStore`."""
        return _native.Hypergraph(self._store, name)

    def begin(self, options: TransactionOptions, at_ms: int, /) -> NativeTransaction:
        """See `store.GraphStore`."""
        return NativeTransaction(self._store.begin(options.isolation, options.read_only, options.lock_timeout, at_ms))

    def close(self) -> None:
        """See `store.GraphStore`."""
        self.moments.close()
        self._store.close()


class NativeTransaction:
    """See `store.StoreTransaction`."""

    def __init__(self, inner: _native.Transaction) -> None:
        self._inner = inner
        self.savepoint = inner.savepoint
        self.rollback_to = inner.rollback_to
        self.release = inner.release
        self.commit = inner.commit
        self.rollback = inner.rollback
        self.cancel = inner.cancel

    def app(self, name: bytes, /) -> AppTransaction:
        """See `store.StoreTransaction`."""
        return NativeAppTransaction(self._inner, self._inner.app(name))


class NativeAppTransaction:
    """See `store.AppTransaction`. `number` is None if there is no such app and the transaction only reads."""

    def __init__(self, inner: _native.Transaction, number: int | None) -> None:
        self._inner = inner
        self._number = number
        graph = _native.TransactionGraph(inner, number)
        self.element = graph.element
        self.version = graph.version
        self.member = graph.member
        self.members = graph.members
        self.incident = graph.incident
        self.within = graph.within
        self.elements = graph.elements
        self.changes = graph.changes
        self.counts = graph.counts
        self.expiring = graph.expiring
        self.add_vertex = graph.add_vertex
        self.remove_vertex = graph.remove_vertex
        self.add_hyperedge = graph.add_hyperedge
        self.remove_hyperedge = graph.remove_hyperedge
        self.add_members = graph.add_members
        self.remove_members = graph.remove_members

    def _writable(self) -> int:
        # The native side refuses the write; any number will do to be told so.
        return 0 if self._number is None else self._number

    def put_vertex(self, element: bytes, value: bytes, expires_at: int | None, /) -> None:
        """See `store.AppTransaction`."""
        self._inner.put_vertex(self._writable(), element, value, expires_at)

    def remove_element(self, element: bytes, /) -> bool:
        """See `store.AppTransaction`."""
        return self._inner.remove_element(self._writable(), element)

    def lock_element(self, element: bytes, mode: LockMode, wait: Wait, /) -> bool:
        """See `store.AppTransaction`."""
        return self._inner.lock_element(self._writable(), element, mode, wait)

    def expires_at(self, element: bytes, /) -> int | None:
        """See `store.AppTransaction`."""
        found = None if self._number is None else self._inner.find_element(self._number, element)
        return None if found is None else found[1]

    def ids(self) -> Iterator[bytes]:
        """See `store.AppTransaction`."""
        after: bytes | None = None
        while self._number is not None:
            page = self._inner.elements(self._number, after, _PAGE)
            yield from (place[_HASH_BYTES:] for place, _ in page)
            if len(page) < _PAGE:
                return
            after = page[-1][0]
