"""What the views of an app stand on: something that reads one moment of it, and something that writes it.

Theory: the native store, a native transaction and the portable graph give the same answers in the same shape, so the views are
written once. Walks come in pages of rows (two byte strings and a number), because a crossing into native code costs more than
finding the next record; what a row means: members are (order key, id or value, kind), memberships (hyperedge, order key,
kind), elements and changes (id, nothing, version).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from hyperdb.graph.members import Kind, RawMember

Row = tuple[bytes, bytes, int]


class Moment(Protocol):
    """The reading side."""

    def element(self, element: bytes, /) -> tuple[Kind, bytes, int, int] | None:
        """Kind, value of a vertex, and of a hyperedge how many members of how many bytes; None if it is not there."""

    def version(self, element: bytes, /) -> int | None:
        """The commit that last added or removed the element; 0 if the transaction that reads did."""

    def member(self, element: bytes, order_key: bytes, /) -> tuple[int, bytes] | None:
        """Kind and id or value of one member."""

    def members(self, element: bytes, start: bytes | None, stop: bytes | None, reverse: bool, /) -> Iterator[list[Row]]:
        """Members between two order keys, `start` included, `stop` excluded."""

    def incident(self, element: bytes, /) -> Iterator[list[Row]]:
        """Memberships of an element, there or not, by hyperedge and order key."""

    def within(self, inner: bytes, outer: bytes, /) -> bool:
        """Whether `inner` is a member of `outer` or of a hyperedge within it."""

    def elements(self, vertices: bool, /) -> Iterator[list[Row]]:
        """Vertices, or hyperedges of every kind, in hash order."""

    def changes(self, vertices: bool, adds: bool, /) -> Iterator[list[Row]]:
        """One of the four versioned sets, in hash order."""

    def counts(self) -> Sequence[tuple[Kind, int, int]]:
        """Elements and bytes of each kind."""


class GraphWriter(Protocol):
    """The writing side; a call happens whole or not at all."""

    def add_vertex(self, element: bytes, value: bytes, /) -> bool:
        """False if it is there like that."""

    def remove_vertex(self, element: bytes, detach: bool, /) -> bool:
        """Whether it was there."""

    def add_hyperedge(self, element: bytes, members: Sequence[RawMember], /) -> bool:
        """False if it is there with these members."""

    def remove_hyperedge(self, element: bytes, detach: bool, /) -> bool:
        """Whether it was there."""

    def add_members(self, element: bytes, members: Sequence[RawMember], /) -> int:
        """How many were not there like that."""

    def remove_members(self, element: bytes, order_keys: Sequence[bytes], /) -> int:
        """How many were there."""
