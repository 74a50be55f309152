"""A hyperedge that can be written.

Theory: a call is one durable commit (in a transaction, one statement), or none if it changes nothing: adding a member that is
there, or removing one that is not, is no change. Invariant: a reference is taken only to an element that is there, and never so
that a hyperedge would lie within itself; both hold because the native store checks and writes in one step.
"""

from __future__ import annotations

from hyperdb.graph.members import Member, Members, Text, encoded, raw_member, raw_members
from hyperdb.graph.reader import AppReader, HyperedgeReader
from hyperdb.graph.store import GraphWriter


class HyperedgeView(HyperedgeReader):
    """A hyperedge of an app, or of an app inside a transaction, by its id."""

    def __init__(self, app: AppReader, writer: GraphWriter, id: Text) -> None:  # noqa: A002
        super().__init__(app, id)
        self._writer = writer

    def add(self, order_key: Text, member: Member | str) -> bool:
        """Adds a member, replacing what is under its order key; False if it is there already.

        Raises:
            NotFoundError: the hyperedge, or what the member refers to, is not there.
            WrongTypeError: an id names an element of the other kind.
            CycleError: this hyperedge lies within the member.
        """
        return self._writer.add_members(self.id, [raw_member(order_key, member)]) == 1

    def update(self, members: Members) -> int:
        """Adds many members as one commit, or none of them; how many were not there already.

        Raises:
            HyperDBError: as `add`.
        """
        return self._writer.add_members(self.id, raw_members(members))

    def remove(self, *order_keys: Text) -> int:
        """Removes members; how many were there."""
        return self._writer.remove_members(self.id, [encoded(order_key) for order_key in order_keys])
