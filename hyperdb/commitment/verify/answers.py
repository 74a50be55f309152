"""What a verified bundle says: queries, and an answer to each.

Theory: an answer holds only what the openings bear out; counts are the one exception (attested by the signer,
docs/proof-format.md), and have their own type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .rows import Column

Kind = Literal["vertex", "edge", "hash", "set", "list", "sorted set", "stream", "table", "index", "partition"]
KINDS: tuple[Kind, ...] = ("vertex", "edge", "hash", "set", "list", "sorted set", "stream", "table", "index", "partition")
"""By the code in an element record, from 1."""


@dataclass(frozen=True)
class Bounds:
    """Keys with low <= key < below; empty is open. `companion`: of the second collection, a sorted set's by score."""

    low: bytes = b""
    below: bytes = b""
    companion: bool = False


@dataclass(frozen=True)
class Element:
    """The element of this id, live or absent."""

    id: bytes


@dataclass(frozen=True)
class RemovedElement:
    """That the element of this id was removed."""

    id: bytes
    hyperedge: bool


@dataclass(frozen=True)
class Member:
    """One member of a collection: a field, a member, a row, or an item by its index."""

    collection: bytes
    name: bytes


@dataclass(frozen=True)
class RemovedMember:
    """That a member of a live collection was removed."""

    collection: bytes
    name: bytes


@dataclass(frozen=True)
class Rows:
    """All members of a collection within bounds of their member keys."""

    collection: bytes
    bounds: Bounds = Bounds()


@dataclass(frozen=True)
class Count:
    """How many members of a collection lie within bounds, and their bytes."""

    collection: bytes
    bounds: Bounds = Bounds()


@dataclass(frozen=True)
class Elements:
    """All elements whose hash64 lies within bounds (of at most 8 bytes)."""

    bounds: Bounds = Bounds()


@dataclass(frozen=True)
class ElementCount:
    """How many elements have a hash64 within bounds (of at most 8 bytes)."""

    bounds: Bounds = Bounds()


@dataclass(frozen=True)
class Incidence:
    """All memberships of an element."""

    id: bytes


@dataclass(frozen=True)
class IncidenceCount:
    """How many memberships an element has."""

    id: bytes


Query = Element | RemovedElement | Member | RemovedMember | Rows | Count | Elements | ElementCount | Incidence | IncidenceCount


@dataclass(frozen=True)
class Collection:
    """A collection's header record."""

    kind: Kind
    cid: int
    count: int
    head: int
    tail: int
    expires_ms: int | None


@dataclass(frozen=True)
class Row:
    """A live entry."""

    key: bytes
    """Its logical key."""
    name: bytes
    """The id, field, member or row key that the logical key stands for."""
    version: int
    """Number of the commit that wrote it."""
    stored: bytes | None
    """The whole value as the store keeps it; None if only columns or nothing of it is shown."""
    value: bytes | None
    """What a client would call the value: of a vertex, field or item; None if the entry has none, or it is not shown."""
    columns: dict[int, Column] | None = None
    """Of rows of tables and partitions: those shown, by id."""
    kind: Kind | None = None
    """Of an element: what it is."""
    expires_ms: int | None = None
    collection: Collection | None = None
    """Of a hyperedge: its header."""
    refers: Literal["vertex", "hyperedge"] | None = None
    """Of a member of a generic hyperedge: what the value is the id of; None if it is a bare value."""


@dataclass(frozen=True)
class Found:
    """The entry is there."""

    query: Query
    row: Row


@dataclass(frozen=True)
class Absent:
    """There is no such entry; `collection` tells if the collection itself is there."""

    query: Query
    collection: bool | None = None


@dataclass(frozen=True)
class Removed:
    """There is no such entry, and the newest removal of it happened at this commit."""

    query: Query
    version: int


@dataclass(frozen=True)
class Complete:
    """These rows and no others; `collection` tells if the collection itself is there."""

    query: Query
    rows: tuple[Row, ...]
    collection: bool | None = None


@dataclass(frozen=True)
class Attested:
    """A count and bytes that the signer is bound to: attested, not proved against a signer who lies."""

    query: Query
    count: int
    size: int
    collection: bool | None = None


Answer = Found | Absent | Removed | Complete | Attested
