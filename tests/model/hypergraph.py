"""The hypergraph as plain dictionaries: what the store must agree with.

Theory: hyperedges hold members by order key; incidence, nesting, counts and sizes are computed by looking at all of them, which
is slow and cannot get out of step. A refusal is the exception that the package raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hyperdb import Hyperedge, Vertex
from hyperdb.errors import CycleError, NotFoundError, ReferencedError, WrongTypeError
from hyperdb.graph.members import Member


def member_size(member: Member) -> int:
    """Bytes of a member's record: a byte for its kind, and its id or value."""
    return 1 + len(member.id if isinstance(member, Vertex | Hyperedge) else member)


@dataclass
class HypergraphModel:
    """One app. Copy it (`copy.deepcopy`) for a past commit."""

    vertices: dict[bytes, bytes] = field(default_factory=dict)
    hyperedges: dict[bytes, dict[bytes, Member]] = field(default_factory=dict)

    def incident(self, id: bytes) -> list[tuple[bytes, bytes]]:
        """Where the element is a member, in order."""
        return sorted(
            (edge, key)
            for edge, members in self.hyperedges.items()
            for key, member in members.items()
            if not isinstance(member, bytes) and member.id == id
        )

    def above(self, member: Member) -> set[bytes]:
        """Every hyperedge that it lies in."""
        found: set[bytes] = set()
        open = [member]
        while open:
            wanted = open.pop()
            for edge, members in self.hyperedges.items():
                if wanted in members.values() and edge not in found:
                    found.add(edge)
                    open.append(Hyperedge(edge))
        return found

    def within(self, inner: bytes, outer: bytes) -> bool:
        """As the API's."""
        if inner in self.vertices:
            return outer in self.above(Vertex(inner))
        return inner in self.hyperedges and outer in self.above(Hyperedge(inner))

    def add_vertex(self, id: bytes, value: bytes) -> bool:
        """As the API's."""
        if id in self.hyperedges:
            raise WrongTypeError
        changed = self.vertices.get(id) != value
        self.vertices[id] = value
        return changed

    def add_hyperedge(self, id: bytes, members: Mapping[bytes, Member]) -> None:
        """As the API's: all or nothing."""
        if id in self.vertices:
            raise WrongTypeError
        before = self.hyperedges.get(id)
        after = self.hyperedges[id] = dict(before or {})
        try:
            for key, member in members.items():
                if after.get(key) != member:
                    self._check(id, member)
                    after[key] = member
        except Exception:
            if before is None:
                del self.hyperedges[id]
            else:
                self.hyperedges[id] = before
            raise

    def _check(self, outer: bytes, member: Member) -> None:
        if isinstance(member, bytes):
            return
        right, wrong = (self.vertices, self.hyperedges) if isinstance(member, Vertex) else (self.hyperedges, self.vertices)
        if member.id in wrong:
            raise WrongTypeError
        if member.id not in right:
            raise NotFoundError
        if isinstance(member, Hyperedge) and (member.id == outer or member.id in self.above(Hyperedge(outer))):
            raise CycleError

    def remove_members(self, id: bytes, keys: list[bytes]) -> int:
        """As the API's."""
        if id in self.vertices:
            raise WrongTypeError
        members = self.hyperedges.get(id, {})
        return len([members.pop(key) for key in dict.fromkeys(keys) if key in members])

    def remove(self, id: bytes, *, vertex: bool, detach: bool) -> bool:
        """`remove_vertex` and `remove_hyperedge` of the API."""
        right, wrong = (self.vertices, self.hyperedges) if vertex else (self.hyperedges, self.vertices)
        if id in wrong:
            raise WrongTypeError
        if id not in right:
            return False
        if self.incident(id) and not detach:
            raise ReferencedError
        for edge, key in self.incident(id):
            del self.hyperedges[edge][key]
        del right[id]
        return True

    def discard(self, id: bytes) -> None:
        """DEL: memberships stay."""
        self.vertices.pop(id, None)
        self.hyperedges.pop(id, None)

    def size(self) -> int:
        """Bytes, as the API counts them."""
        vertices = sum(len(id) + len(value) for id, value in self.vertices.items())
        return vertices + sum(
            len(id) + sum(len(key) + member_size(member) for key, member in members.items())
            for id, members in self.hyperedges.items()
        )
