"""An app: a namespace of vertices and hyperedges, and the typed collections in it.

Theory: a collection is a view, a name and nothing else; it holds no data, so views of one collection agree at once. What an
operation on a typed collection means is written once, natively, in the commands that Redis clients use; what one on the
hypergraph means, in the native graph. Invariant: a call is one durable commit, or none if it changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hyperdb.graph.collections import HashView, ListView, SetView, SortedSetView
from hyperdb.graph.command import Value
from hyperdb.graph.members import Text, encoded
from hyperdb.graph.store import AppStore, Moment
from hyperdb.graph.writer import AppWriter

if TYPE_CHECKING:
    from hyperdb.database import Database

Id = Text


class App(AppWriter):
    """A namespace in a database."""

    def __init__(self, database: Database, name: str, graph: AppStore) -> None:
        self._database = database
        self.name = name
        self._graph = graph
        self.writer = graph

    def _reader(self) -> Moment:
        with self._database.snapshot() as snapshot:
            return snapshot.read(self._graph)

    def execute(self, *args: bytes | str | float) -> Value:
        """Runs one RESP data command here; see `Database.execute`."""
        return self._database.execute(self.name, *args)

    def put(self, id: Id, value: bytes | str) -> None:  # noqa: A002
        """Adds vertex `id`, replacing whatever the id named, as SET does."""
        self.execute("SET", encoded(id), encoded(value))

    def remove(self, id: Id) -> bool:  # noqa: A002
        """Removes the element with all its members, as DEL does; whether it was there.

        Memberships of it stay and dangle, until the id is added again: `remove_vertex` takes care of them.
        """
        return self.execute("DEL", encoded(id)) == 1

    def __contains__(self, id: Id) -> bool:  # noqa: A002
        return self.execute("EXISTS", encoded(id)) == 1

    def __len__(self) -> int:
        count = self.execute("DBSIZE")
        assert isinstance(count, int)
        return count

    def ids(self, pattern: Id = b"*") -> Iterator[bytes]:
        """Ids that match a glob pattern, each once unless added and removed meanwhile; lazily, in hash order."""
        cursor = b"0"
        while True:
            answer = self.execute("SCAN", cursor, "MATCH", pattern, "COUNT", 512)
            assert isinstance(answer, list)
            cursor, page = answer  # type: ignore[assignment]
            assert isinstance(page, list)
            yield from (id for id in page if isinstance(id, bytes))  # noqa: A001
            if cursor == b"0":
                return

    def hash(self, id: Id) -> HashView:  # noqa: A002
        """The hash `id`: fields and values, as HSET writes them."""
        return HashView(self, id)

    def set(self, id: Id) -> SetView:  # noqa: A002
        """The set `id`, as SADD writes it."""
        return SetView(self, id)

    def list(self, id: Id) -> ListView:  # noqa: A002
        """The list `id`, as RPUSH writes it."""
        return ListView(self, id)

    def sorted_set(self, id: Id) -> SortedSetView:  # noqa: A002
        """The sorted set `id`, as ZADD writes it."""
        return SortedSetView(self, id)
