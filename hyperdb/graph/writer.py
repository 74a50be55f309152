"""Writing the hypergraph of an app: the same calls on an app, each a commit of its own, and inside a transaction.

Invariant: a call happens whole or not at all, and what changes nothing writes nothing.
"""

from __future__ import annotations

from hyperdb.graph.hyperedge import HyperedgeView
from hyperdb.graph.members import Members, Text, encoded, raw_members
from hyperdb.graph.reader import AppReader
from hyperdb.graph.store import GraphWriter


class AppWriter(AppReader):
    """The reading and the writing half of an app."""

    writer: GraphWriter
    """The app below."""

    def add_vertex(self, id: Text, value: bytes | str) -> bool:  # noqa: A002
        """Adds vertex `id` with this value and no expiry; False if it is there like that.

        Raises:
            WrongTypeError: when the id names a hyperedge.
        """
        return self.writer.add_vertex(encoded(id), encoded(value))

    def remove_vertex(self, id: Text, *, detach: bool = False) -> bool:  # noqa: A002
        """Removes vertex `id`, and with `detach` all its memberships; whether it was there.

        Raises:
            ReferencedError: when it is a member of hyperedges and `detach` was not said.
            WrongTypeError: when the id names a hyperedge.
        """
        return self.writer.remove_vertex(encoded(id), detach)

    def add_hyperedge(self, id: Text, members: Members = ()) -> HyperedgeView:  # noqa: A002
        """Adds hyperedge `id` with these members, or these members to it, at once; nothing happens if all are there.

        Args:
            id: its id.
            members: by order keys, which give the order and can be asked for by range; without, their positions are the keys.

        Raises:
            NotFoundError: what a member refers to is not there.
            WrongTypeError: an id names an element of the other kind.
            CycleError: it would lie within itself.
        """
        self.writer.add_hyperedge(encoded(id), raw_members(members))
        return self.hyperedge(id)

    def remove_hyperedge(self, id: Text, *, detach: bool = False) -> bool:  # noqa: A002
        """Removes hyperedge `id` of any kind, not what its members refer to; whether it was there.

        Raises:
            ReferencedError: when it is a member of hyperedges and `detach` was not said.
            WrongTypeError: when the id names a vertex.
        """
        return self.writer.remove_hyperedge(encoded(id), detach)

    def hyperedge(self, id: Text) -> HyperedgeView:  # noqa: A002
        """The hyperedge `id`, there or not."""
        return HyperedgeView(self, self.writer, id)
