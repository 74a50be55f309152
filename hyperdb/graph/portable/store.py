"""A plain engine as a `store.GraphStore`.

Theory: a call of its own is an optimistic transaction that is tried until it wins; somebody else has won each time it did not,
so all together go on. Invariant: a call that is refused, alone or inside a transaction, leaves no trace.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from hyperdb.errors import NotBuiltError, SerializationError
from hyperdb.graph.members import RawMember
from hyperdb.graph.portable.layout import Layout
from hyperdb.graph.portable.rules import Reading, Writing
from hyperdb.graph.store import AppTransaction, LockMode, TransactionOptions, Wait
from hyperdb.storage.engine import Engine, Snapshot
from hyperdb.storage.engine import Transaction as EngineTransaction
from hyperdb.values import EngineName

P = ParamSpec("P")
T = TypeVar("T")


class PortableSnapshot:
    """See `store.StoreSnapshot`."""

    def __init__(self, inner: Snapshot) -> None:
        self._inner = inner
        self.close = inner.close

    def commit(self) -> int:
        """See `store.StoreSnapshot`."""
        return self._inner.commit


class PortableMoments:
    """See `store.Moments`."""

    def __init__(self, engine: Engine, name: EngineName) -> None:
        self._engine = engine
        self._name = name

    def snapshot(self, at: int | None = None) -> PortableSnapshot:
        """See `store.Moments`."""
        return PortableSnapshot(self._engine.snapshot(at))

    def horizon(self) -> int:
        """The beginning: records of removed elements are kept."""
        return 0

    def durable(self) -> int:
        """See `store.Moments`."""
        return self._engine.write([])

    def retain(self) -> int:
        """See `store.Moments`."""
        return self._engine.retain()

    def release(self, commit: int, /) -> None:
        """See `store.Moments`."""
        self._engine.release(commit)

    def checkpoint(self, dest: Path, /) -> int:
        """See `store.Moments`."""
        return self._engine.checkpoint(Path(dest))

    def check(self, progress: Callable[[int, int], object], /) -> list[str]:
        """Refused: these engines keep no checksums.

        Raises:
            NotBuiltError: always.
        """
        raise NotBuiltError(f"the {self._name} engine keeps no checksums to verify (asked for by {progress!r})")

    def stats(self) -> Iterable[tuple[str, int]]:
        """See `store.Moments`."""
        return self._engine.stats().items()

    def sync(self) -> None:
        """See `store.Moments`."""
        self._engine.sync()

    def flush(self) -> None:
        """The same: what is durable is written out."""
        self._engine.sync()


class PortableGraphStore:
    """See `store.GraphStore`."""

    def __init__(self, engine: Engine, name: EngineName) -> None:
        self._engine = engine
        self.moments = PortableMoments(engine, name)

    def app(self, name: bytes, /) -> PortableApp:
        """See `store.GraphStore`."""
        return PortableApp(self._engine, name)

    def begin(self, options: TransactionOptions, _: int, /) -> PortableTransaction:
        """See `store.GraphStore`. Whatever level was asked for, it gets serializable, which keeps the promises of all."""
        return PortableTransaction(self._engine.begin(read_only=options.read_only))

    def close(self) -> None:
        """See `store.GraphStore`."""
        self._engine.close()


class PortableApp:
    """See `store.AppStore`."""

    def __init__(self, engine: Engine, name: bytes) -> None:
        self._engine = engine
        self._layout = Layout(name)

    def _run(self, body: Callable[Concatenate[Writing, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        while True:
            transaction = self._engine.begin()
            try:
                result = body(Writing(transaction, self._layout), *args, **kwargs)
                transaction.commit()
                return result
            except SerializationError:
                continue
            finally:
                transaction.rollback()

    def add_vertex(self, element: bytes, value: bytes, /) -> bool:
        """See `store.GraphWriter`."""
        return self._run(Writing.add_vertex, element, value)

    def remove_vertex(self, element: bytes, detach: bool, /) -> bool:
        """See `store.GraphWriter`."""
        return self._run(Writing.remove_vertex, element, detach)

    def add_hyperedge(self, element: bytes, members: Sequence[RawMember], /) -> bool:
        """See `store.GraphWriter`."""
        return self._run(Writing.add_hyperedge, element, members)

    def remove_hyperedge(self, element: bytes, detach: bool, /) -> bool:
        """See `store.GraphWriter`."""
        return self._run(Writing.remove_hyperedge, element, detach)

    def add_members(self, element: bytes, members: Sequence[RawMember], /) -> int:
        """See `store.GraphWriter`."""
        return self._run(Writing.add_members, element, members)

    def remove_members(self, element: bytes, order_keys: Sequence[bytes], /) -> int:
        """See `store.GraphWriter`."""
        return self._run(Writing.remove_members, element, order_keys)

    def put_vertex(self, element: bytes, value: bytes, /) -> None:
        """Adds a vertex, replacing whatever the id named."""
        self._run(Writing.put_vertex, element, value)

    def remove_element(self, element: bytes, /) -> bool:
        """Removes an element with its members; memberships of it stay."""
        return self._run(Writing.remove_element, element)

    def reader(self, snapshot: PortableSnapshot, _: int, __: bool, /) -> Reading:
        """See `store.AppStore`. It holds a snapshot of its own, as long as it lives itself."""
        return Reading(self._engine.snapshot(snapshot.commit()), self._layout)


class PortableTransaction:
    """See `store.StoreTransaction`. One thread at a time: a second one waits."""

    def __init__(self, inner: EngineTransaction) -> None:
        self._inner = inner
        self._lock = threading.RLock()
        self.savepoint = inner.savepoint
        self.rollback_to = inner.rollback_to
        self.release = inner.release
        self.commit = inner.commit
        self.rollback = inner.rollback

    def app(self, name: bytes, /) -> AppTransaction:
        """See `store.StoreTransaction`."""
        return PortableAppTransaction(self._inner, Layout(name), self._lock)

    def cancel(self) -> None:
        """Nothing to end: nobody waits for locks here."""


class PortableAppTransaction(Writing):
    """See `store.AppTransaction`."""

    def __init__(self, inner: EngineTransaction, layout: Layout, lock: threading.RLock) -> None:
        super().__init__(inner, layout)
        self._inner = inner
        self._lock = lock

    def _statement(self, body: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        with self._lock:
            savepoint = self._inner.savepoint()
            try:
                return body(*args, **kwargs)
            except BaseException:
                self._inner.rollback_to(savepoint)
                raise
            finally:
                self._inner.release(savepoint)

    def add_vertex(self, element: bytes, value: bytes, /) -> bool:
        """See `store.GraphWriter`."""
        return self._statement(super().add_vertex, element, value)

    def remove_vertex(self, element: bytes, detach: bool, /) -> bool:
        """See `store.GraphWriter`."""
        return self._statement(super().remove_vertex, element, detach)

    def add_hyperedge(self, element: bytes, members: Sequence[RawMember], /) -> bool:
        """See `store.GraphWriter`."""
        return self._statement(super().add_hyperedge, element, members)

    def remove_hyperedge(self, element: bytes, detach: bool, /) -> bool:
        """See `store.GraphWriter`."""
        return self._statement(super().remove_hyperedge, element, detach)

    def add_members(self, element: bytes, members: Sequence[RawMember], /) -> int:
        """See `store.GraphWriter`."""
        return self._statement(super().add_members, element, members)

    def remove_members(self, element: bytes, order_keys: Sequence[bytes], /) -> int:
        """See `store.GraphWriter`."""
        return self._statement(super().remove_members, element, order_keys)

    def put_vertex(self, element: bytes, value: bytes, expires_at: int | None = None, /) -> None:
        """See `store.AppTransaction`.

        Raises:
            NotBuiltError: with an expiry.
        """
        if expires_at is not None:
            raise NotBuiltError("expiry needs the native engine")
        self._statement(super().put_vertex, element, value)

    def remove_element(self, element: bytes, /) -> bool:
        """See `store.AppTransaction`."""
        return self._statement(super().remove_element, element)

    def lock_element(self, element: bytes, mode: LockMode, wait: Wait, /) -> bool:
        """Refused: who commits first wins here, and nobody can be kept from it.

        Raises:
            NotBuiltError: always.
        """
        raise NotBuiltError(f"row locks need the native engine: {element!r} cannot be locked ({mode}, {wait})")

    def expires_at(self, _: bytes, /) -> int | None:
        """Never."""
        return None
