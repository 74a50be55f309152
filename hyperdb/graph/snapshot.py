"""One moment of a database, the present or a past that is still kept.

Theory: a snapshot pins its commit, so what it sees stays until it is closed. A past commit shows what was stored: an element
with an expiry is there until the commit that removed it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from hyperdb.errors import ClosedError, InvalidError
from hyperdb.graph.members import encoded
from hyperdb.graph.reader import AppReader
from hyperdb.graph.store import AppStore, GraphStore, Moment, StoreSnapshot

if TYPE_CHECKING:
    from hyperdb.commitment.verify import Query


class Snapshot:
    """See `Database.snapshot`. Close it, or use it as a context manager: what it pins takes room."""

    def __init__(self, store: GraphStore, at: int | None, prove: Callable[..., bytes] | None = None) -> None:
        self._store = store
        self._prove = prove
        self._snapshot: StoreSnapshot | None = store.moments.snapshot(at)
        self._past = at is not None
        self.commit = self._snapshot.commit()
        self.horizon = store.moments.horizon()
        """Removes after this commit are known."""

    def app(self, name: str) -> SnapshotApp:
        """The app `name` as it was; empty if it was not there yet."""
        if not name:
            raise InvalidError("an app needs a name")
        return SnapshotApp(self, name)

    def prove(self, app: str, *queries: Query, columns: Sequence[int] | None = None, contains: int | None = None) -> bytes:
        """A bundle that shows the answers to queries on an app at this frame; see `hyperdb.commitment.frames.Frames.prove`.

        Raises:
            InvalidError: the snapshot is not of a frame: take it by `db.snapshot(frame=N)`.
            NotProvableError: something is not so that was to be shown.
            BehindHorizonError: the frame's trees are no longer kept.
        """
        if self._snapshot is None:
            raise ClosedError("the snapshot is closed")
        if self._prove is None:
            raise InvalidError("proofs are made under a sealed frame: db.snapshot(frame=db.seal().number)")
        return self._prove(app, *queries, columns=columns, contains=contains)

    def read(self, graph: AppStore) -> Moment:
        """What an app of the store was at this moment."""
        if self._snapshot is None:
            raise ClosedError("the snapshot is closed")
        return graph.reader(self._snapshot, self.horizon, self._past)

    def graph(self, name: str) -> AppStore:
        """The store's app of this name."""
        return self._store.app(encoded(name))

    def close(self) -> None:
        """Lets its commit go. A second call does nothing; walks that have begun go on to their end."""
        if self._snapshot is not None:
            self._snapshot.close()
            self._snapshot = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class SnapshotApp(AppReader):
    """An app at the moment of a snapshot."""

    def __init__(self, snapshot: Snapshot, name: str) -> None:
        self.name = name
        self._snapshot = snapshot
        self._graph = snapshot.graph(name)

    def prove(self, *queries: Query, columns: Sequence[int] | None = None, contains: int | None = None) -> bytes:
        """See `Snapshot.prove`."""
        return self._snapshot.prove(self.name, *queries, columns=columns, contains=contains)

    def _reader(self) -> Moment:
        return self._snapshot.read(self._graph)
