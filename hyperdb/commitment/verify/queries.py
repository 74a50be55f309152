"""Queries: read from the claim, then answered on verified pruned trees.

Theory: a query is data, and to verify is to run it again where every slot that is needed was opened. Places are computed here
from ids and names, and the number of a collection is taken from its header, itself a verified row. Invariant: an answer never
rests on a slot that is not shown.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from .answers import (
    KINDS,
    Absent,
    Answer,
    Attested,
    Bounds,
    Collection,
    Complete,
    Count,
    Element,
    ElementCount,
    Elements,
    Found,
    Incidence,
    IncidenceCount,
    Kind,
    Member,
    Query,
    Removed,
    RemovedElement,
    RemovedMember,
    Row,
    Rows,
)
from .errors import VerificationError
from .places import (
    ELEMENT,
    HYPEREDGE_ADDS,
    HYPEREDGE_REMOVES,
    MEMBER,
    VERTEX_ADDS,
    VERTEX_REMOVES,
    collection_tree,
    collection_zone,
    element_key,
    element_zone,
    hash_place,
    incidence_zone,
    member_key,
    parse,
)
from .rows import PLAIN, Claimed
from .tree import Leaf, Walk
from .wire import Limits, Reader

_HASHED: frozenset[Kind] = frozenset({"hash", "set", "sorted set"})
_SIGN = 1 << 63
_REFERENCES: dict[bytes, Literal["vertex", "hyperedge"] | None] = {b"\x01": "vertex", b"\x02": "hyperedge", b"\x03": None}
"""First byte of a generic hyperedge's member."""


def read_query(reader: Reader) -> Query:
    """Reads one query."""
    reader.spend("queries")
    kind = reader.u8()
    if kind not in _READERS:
        raise VerificationError("format", f"query {kind} is not known here")
    return _READERS[kind](reader)


def _read_bounds(reader: Reader, companion: bool, longest: int) -> Bounds:
    flags = reader.u8()
    if flags > 7 or (flags & 4 and not companion):
        raise VerificationError("format", f"unknown bounds {flags}")
    low = reader.blob() if flags & 1 else b""
    below = reader.blob() if flags & 2 else b""
    if (flags & 1 and not low) or (flags & 2 and not below) or max(len(low), len(below)) > longest:
        raise VerificationError("format", "a bound that is empty or too long")
    if flags & 3 == 3 and low >= below:
        raise VerificationError("format", "bounds with nothing between")
    return Bounds(low, below, bool(flags & 4))


def _read_removed_element(reader: Reader) -> Query:
    hyperedge = reader.u8()
    if hyperedge > 1:
        raise VerificationError("format", f"unknown sort of element {hyperedge}")
    return RemovedElement(reader.blob(), bool(hyperedge))


_READERS: dict[int, Callable[[Reader], Query]] = {
    1: lambda reader: Element(reader.blob()),
    2: _read_removed_element,
    3: lambda reader: Member(reader.blob(), reader.blob()),
    4: lambda reader: RemovedMember(reader.blob(), reader.blob()),
    5: lambda reader: Rows(reader.blob(), _read_bounds(reader, companion=True, longest=1 << 22)),
    6: lambda reader: Count(reader.blob(), _read_bounds(reader, companion=True, longest=1 << 22)),
    7: lambda reader: Elements(_read_bounds(reader, companion=False, longest=8)),
    8: lambda reader: ElementCount(_read_bounds(reader, companion=False, longest=8)),
    9: lambda reader: Incidence(reader.blob()),
    10: lambda reader: IncidenceCount(reader.blob()),
}


class Answers:
    """Answers queries on the four trees of an app."""

    def __init__(self, trees: list[Walk], rows: list[Claimed], hash_key: bytes) -> None:
        self._trees = trees
        self._rows = rows
        self._hash_key = hash_key
        self._known: dict[tuple[int, Collection | None], Row] = {}
        self.used: set[int] = set()
        """Rows that an answer rests on."""

    def answer(self, query: Query) -> Answer:
        """Runs a query again."""
        match query:
            case Element(id=name):
                row = self._element(name)
                return Absent(query) if row is None else Found(query, row)
            case RemovedElement(id=name):
                if self._element(name) is not None:
                    raise VerificationError("claim", "an element that was to be removed is there")
                removes = HYPEREDGE_REMOVES if query.hyperedge else VERTEX_REMOVES
                return Removed(query, self._removal(removes, element_key(self._hash_key, name)))
            case Member(collection=name):
                header = self._collection(name)
                if header is None:
                    return Absent(query, collection=False)
                leaf = self._trees[collection_tree(header.cid)].get(self._member_key(header, query.name))
                return Absent(query, collection=True) if leaf is None else Found(query, self._row(leaf, header))
            case RemovedMember(collection=name):
                header = self._collection(name)
                if header is None:
                    raise VerificationError("claim", "a member that was to be removed belongs to no live collection")
                tree, key = collection_tree(header.cid), self._member_key(header, query.name)
                if self._trees[tree].get(key) is not None:
                    raise VerificationError("claim", "a member that was to be removed is there")
                return Removed(query, self._removal(tree + 1, key))
            case Rows(collection=name):
                header = self._collection(name)
                if header is None:
                    return Complete(query, (), collection=False)
                cid = header.cid + query.bounds.companion
                leaves = self._trees[collection_tree(cid)].rows(collection_zone(cid, query.bounds.low, query.bounds.below))
                return Complete(query, tuple(self._row(leaf, header) for leaf in leaves), collection=True)
            case Count(collection=name):
                header = self._collection(name)
                if header is None:
                    return Attested(query, 0, 0, collection=False)
                cid = header.cid + query.bounds.companion
                zone = collection_zone(cid, query.bounds.low, query.bounds.below)
                return Attested(query, *self._trees[collection_tree(cid)].count(zone), collection=True)
            case Elements(bounds=bounds):
                zone = element_zone(bounds.low, bounds.below)
                found = [leaf for tree in (VERTEX_ADDS, HYPEREDGE_ADDS) for leaf in self._trees[tree].rows(zone)]
                return Complete(query, tuple(self._row(leaf, None) for leaf in found))
            case ElementCount(bounds=bounds):
                zone = element_zone(bounds.low, bounds.below)
                vertices, hyperedges = (self._trees[tree].count(zone) for tree in (VERTEX_ADDS, HYPEREDGE_ADDS))
                return Attested(query, vertices[0] + hyperedges[0], vertices[1] + hyperedges[1])
            case Incidence(id=name):
                found = self._trees[HYPEREDGE_ADDS].rows(incidence_zone(self._hash_key, name))
                return Complete(query, tuple(self._row(leaf, None) for leaf in found))
            case IncidenceCount(id=name):
                return Attested(query, *self._trees[HYPEREDGE_ADDS].count(incidence_zone(self._hash_key, name)))

    def _element(self, name: bytes) -> Row | None:
        key = element_key(self._hash_key, name)
        for tree in (VERTEX_ADDS, HYPEREDGE_ADDS):
            leaf = self._trees[tree].get(key)
            if leaf is not None:
                row = self._row(leaf, None)
                if row.kind is not None and (row.kind == "vertex") != (tree == VERTEX_ADDS):
                    raise VerificationError("claim", f"a {row.kind} in the tree of others")
                return row
        return None

    def _removal(self, tree: int, key: bytes) -> int:
        leaf = self._trees[tree].get(key)
        if leaf is None:
            raise VerificationError("claim", "the removal is not among the removes")
        return self._claimed(leaf).version

    def _collection(self, name: bytes) -> Collection | None:
        leaf = self._trees[HYPEREDGE_ADDS].get(element_key(self._hash_key, name))
        if leaf is None:
            return None
        row = self._row(leaf, None)
        if row.collection is None:
            raise VerificationError("row", "a collection's header that is not shown whole, or is none")
        return row.collection

    def _member_key(self, header: Collection, name: bytes) -> bytes:
        if header.kind in _HASHED:
            return member_key(header.cid, hash_place(self._hash_key, name) + name)
        if header.kind == "list":
            if len(name) != 8:
                raise VerificationError("format", "the name of a list's item is its index, 8 bytes")
            position = header.head + int.from_bytes(name, "little", signed=True)
            return member_key(header.cid, ((position ^ _SIGN) % (1 << 64)).to_bytes(8, "big"))
        return member_key(header.cid, name)

    def _claimed(self, leaf: Leaf) -> Claimed:
        if leaf.row is None:
            raise VerificationError("claim", f"the leaf of {leaf.key[:32].hex()} belongs to the answer and was not claimed")
        self.used.add(leaf.row)
        return self._rows[leaf.row]

    def _row(self, leaf: Leaf, header: Collection | None) -> Row:
        """A row as clients know it; looked at once, for a key may be as long as the bundle and be asked for a thousand times."""
        claimed = self._claimed(leaf)
        asked = (leaf.row or 0, header)
        if asked not in self._known:
            self._known[asked] = known(claimed, header, self._hash_key)
        return self._known[asked]


def known(claimed: Claimed, header: Collection | None, hash_key: bytes | None) -> Row:
    """A verified row as clients know it; `header` is the collection's, for members.

    `hash_key` is None where it is known already that the row lies at its hash.

    Raises:
        VerificationError: it does not lie at its hash, or is no record.
    """
    parsed = parse(claimed.key)
    if parsed.space == ELEMENT:
        name = parsed.rest
        if hash_key is not None and hash_place(hash_key, name) != claimed.key[1:9]:
            raise VerificationError("place", "an element that does not lie at its hash")
        record = None if claimed.form != PLAIN or claimed.value is None else _read_record(claimed.value)
        if record is None:
            return Row(claimed.key, name, claimed.version, claimed.value, None)
        kind, expires, value, collection = record
        return Row(claimed.key, name, claimed.version, claimed.value, value, None, kind, expires, collection)
    name, value = parsed.rest, claimed.value
    if parsed.space == MEMBER and header is not None and parsed.cid == header.cid:
        if header.kind in _HASHED:
            name = parsed.rest[8:]
            if hash_key is not None and hash_place(hash_key, name) != parsed.rest[:8]:
                raise VerificationError("place", "a member that does not lie at its hash")
        if header.kind == "hash" and value is not None:
            record_reader = Reader(value, Limits.FORMAT)
            record_reader.varint()
            value = value[record_reader.at :]
        if header.kind == "edge" and value is not None:
            if value[:1] not in _REFERENCES:
                raise VerificationError("row", "no member of a hyperedge")
            return Row(claimed.key, name, claimed.version, claimed.value, value[1:], refers=_REFERENCES[value[:1]])
    return Row(claimed.key, name, claimed.version, claimed.value, value, claimed.columns)


def _read_record(data: bytes) -> tuple[Kind, int | None, bytes | None, Collection | None]:
    """An element record: kind, expiry, a vertex's value, a hyperedge's header (docs/file-format.md, Records of DATA)."""
    expiring = len(data) >= 2 and data[1] == 1
    at = 10 if expiring else 2
    if len(data) < at or data[1] > 1 or not 1 <= data[0] <= len(KINDS):
        raise VerificationError("row", "no element record")
    kind = KINDS[data[0] - 1]
    expires = int.from_bytes(data[2:10], "little", signed=True) if expiring else None
    if kind == "vertex":
        return kind, expires, data[at:], None
    if len(data) != at + 40:
        raise VerificationError("row", "no header of a hyperedge")
    words = [data[place : place + 8] for place in range(at, at + 40, 8)]
    cid, count = (int.from_bytes(word, "little") for word in words[:2])
    head, tail = (int.from_bytes(word, "little", signed=True) for word in words[3:])
    if cid + 1 >> 64:
        raise VerificationError("row", "no number of a collection")
    return kind, expires, None, Collection(kind, cid, count, head, tail, expires)
