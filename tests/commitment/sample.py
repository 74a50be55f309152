"""A small store in memory with every kind of entry, sealed and proved by the reference implementation.

Theory: tests ask it for bundles, and bend what it says on the way: every part is built from fields that a test may replace.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from hyperdb.commitment.claim import encode_query
from hyperdb.commitment.verify import (
    Count,
    Element,
    ElementCount,
    Elements,
    Incidence,
    IncidenceCount,
    Member,
    Query,
    RemovedElement,
    RemovedMember,
    Rows,
    ed448,
    places,
)

from . import reference as ref

HASH_KEY = bytes(range(16))
STORE = bytes(range(100, 116))
APP_SALT = b"s" * 64
KINDS = {"edge": 2, "hash": 3, "set": 4, "list": 5, "sorted set": 6, "table": 8}


Forms = dict[bytes, tuple[str, tuple[int, ...]]]
"""How rows are claimed: by key, the form and the columns."""


Bend = Callable[["Prover"], None]
"""Changes what is shown and claimed before it is encoded and opened."""


def siphash(data: bytes) -> bytes:
    return places.hash_place(HASH_KEY, data)


def element(name: bytes) -> bytes:
    return b"\x02" + siphash(name) + name


def member(cid: int, key: bytes) -> bytes:
    return b"\x03" + ref.varint(cid) + key


def header_record(kind: str, cid: int, count: int, head: int = 0, tail: int = 0) -> bytes:
    words = (cid, count, 0, head, tail)
    return bytes([KINDS[kind], 0]) + b"".join(word.to_bytes(8, "little", signed=True) for word in words)


# Signatures, as RFC 8032 makes them, on the verifier's arithmetic.


def ed448_keys(seed: bytes) -> tuple[int, bytes, bytes]:
    expanded = hashlib.shake_256(seed).digest(114)
    clamped = bytearray(expanded[:57])
    clamped[0] &= 252
    clamped[55] |= 128
    clamped[56] = 0
    secret = int.from_bytes(clamped, "little")
    return secret, expanded[57:], encode_point(secret)


def encode_point(multiple: int) -> bytes:
    p = 2**448 - 2**224 - 1
    x, y, z = ed448._both(multiple, ed448._BASE, 0, ed448._BASE)
    inverse = pow(z, -1, p)
    x, y = x * inverse % p, y * inverse % p
    return y.to_bytes(56, "little") + bytes([(x & 1) << 7])


def sign(seed: bytes, message: bytes, context: bytes) -> bytes:
    """Public key and signature."""
    secret, prefix, public = ed448_keys(seed)
    dom = b"SigEd448" + bytes([0, len(context)]) + context
    order = ed448._L

    def number(data: bytes) -> int:
        return int.from_bytes(hashlib.shake_256(dom + data).digest(114), "little") % order

    nonce = number(prefix + message)
    point = encode_point(nonce)
    answer = (nonce + number(point + public + message) * secret) % order
    return public + point + answer.to_bytes(57, "little")


@dataclass(frozen=True)
class Claim:
    """An entry as a claimed row."""

    key: bytes
    version: int
    value: bytes
    adds: bool
    contents: dict[int, bytes] | None = None

    @property
    def salt(self) -> bytes:
        return ref.row_salt(APP_SALT, self.key, self.version)

    @property
    def leaf(self) -> ref.Leaf:
        packed = self.contents is not None
        digest = ref.row_digest(self.salt, self.contents) if packed else ref.value_digest(self.salt, self.value)
        return ref.Leaf(self.key, digest, self.version, len(self.key) + len(self.value))

    def encode(self, form: str = "whole", columns: tuple[int, ...] = ()) -> bytes:
        number = {"digest": 3, "columns": 2}.get(form, int(self.contents is not None))
        out = ref.number(4 * len(self.key) + number) + self.key + ref.number(self.version)
        if form == "digest":
            return out + ref.number(self.leaf.size) + self.leaf.value_digest
        if form == "whole":
            return out + ref.blob(self.value) + self.salt
        ids = sorted(self.contents)
        leaves = [ref.column_leaf(self.salt, column, self.contents[column]) for column in ids]
        shown = [ids.index(column) for column in sorted(columns)]
        out += ref.number(self.leaf.size) + ref.varint(len(ids)) + ref.varint(len(shown))
        last = -1
        for index in shown:
            salt = ref.hmac.digest(self.salt, ids[index].to_bytes(4, "little"), "sha512")[:16]
            out += ref.varint(index - last - 1) + ref.varint(ids[index]) + salt + ref.blob(self.contents[ids[index]])
            last = index
        return out + b"".join(ref.hidden(leaves, set(shown)))


@dataclass
class App:
    """Four trees of claims by logical key."""

    name: bytes
    trees: list[dict[bytes, Claim]] = field(default_factory=lambda: [{}, {}, {}, {}])

    def put(self, tree: int, key: bytes, value: bytes, version: int, contents: dict[int, bytes] | None = None) -> None:
        self.trees[tree][key] = Claim(key, version, value, tree % 2 == 0, contents)

    def roots(self) -> list[ref.Branch | None]:
        return [ref.build({ref.tree_key(key): claim.leaf for key, claim in tree.items()}) for tree in self.trees]

    @property
    def address(self) -> bytes:
        return hashlib.sha256(ref.framed(b"hyperdb/app", self.name)).digest()


def sample_app(name: bytes = b"redis/0") -> App:
    """Strings, a hash, a set, a list, a sorted set, a table, an edge with incidence, and what was removed."""
    app = App(name)
    for at in range(40):
        app.put(0, element(b"key:%d" % at), b"\x01\x00value %d" % at, 10 + at)
    app.put(0, element(b""), b"\x01\x00", 7)
    app.put(0, element(b"empty"), b"\x01\x00", 8)
    app.put(0, element(b"soon"), b"\x01\x01" + (10**15).to_bytes(8, "little") + b"gone", 9)
    app.put(1, element(b"dead"), b"\x01", 60)
    app.put(2, element(b"user:1"), header_record("hash", 4, 12), 61)
    for at in range(12):
        name_ = b"field %d" % at
        app.put(2, member(4, siphash(name_) + name_), ref.varint(at) + b"content %d" % at, 61)
    app.put(3, member(4, siphash(b"gone") + b"gone"), b"", 62)
    app.put(2, element(b"letters"), header_record("set", 8, 5), 63)
    for letter in (b"a", b"b", b"c", b"d", b"\x00"):
        app.put(2, member(8, siphash(letter) + letter), b"", 63)
    app.put(2, element(b"queue"), header_record("list", 12, 3, -1, 2), 64)
    for at in range(-1, 2):
        app.put(2, member(12, (at + (1 << 63)).to_bytes(8, "big")), b"item %d" % at, 64)
    app.put(2, element(b"scores"), header_record("sorted set", 16, 4), 65)
    for at, who in enumerate((b"ann", b"bob", b"cyd", b"dee")):
        score = (0x3FF0 << 48) + at
        app.put(2, member(16, siphash(who) + who), score.to_bytes(8, "little"), 65)
        app.put(2, member(17, ((score ^ 1 << 63).to_bytes(8, "big")) + who), b"", 65)
    app.put(3, element(b"dropped"), b"\x03", 66)
    app.put(2, element(b"table"), header_record("table", 302, 30), 67)
    for at in range(30):
        key = ((at * 7) ^ 1 << 31).to_bytes(4, "big")
        name_ = b"row %d" % at
        value = b"\x00\x03" + ref.varint(1 * 8 + 2) + ref.varint(8 + 5) + ref.varint(8 + 5) + b"\x04"
        value += at.to_bytes(4, "little") + ref.varint(len(name_)) + name_
        contents = {0: b"\x00", 1: b"\x01" + at.to_bytes(4, "little"), 2: b"\x01" + name_, 3: b"\x00"}
        app.put(0, member(302, key), value, 70 + at, contents)
    app.put(2, element(b"edge"), header_record("edge", 600, 6), 120)
    long = b"z" * 150
    for name_ in (b"x", b"y", b"\x00\x00", long + b"1", long + b"2", b"z"):
        app.put(2, member(600, name_), b"\x01key:1", 120)
        app.put(2, b"\x04" + siphash(b"key:1") + b"key:1\x00\x01edge\x00\x01" + name_, b"\x01" + (600).to_bytes(8, "little"), 120)
    return app


def lone_row(at: int) -> bytes:
    """The key of a row of lone_app."""
    return (at * 7 ^ 1 << 31).to_bytes(4, "big")


def lone_app(name: bytes = b"sql/1") -> App:
    """One table: its rows are a branch below the root's one slot, its header and its removed row the one leaf of a tree."""
    app = App(name)
    app.put(2, element(b"table"), header_record("table", 302, 40), 67)
    for at in range(1, 41):
        text = b"row %d" % at
        value = b"\x00\x01" + ref.varint(1 * 8 + 5) + b"\x00" + ref.varint(len(text)) + text
        app.put(0, member(302, lone_row(at)), value, 70 + at, {0: b"\x00", 1: b"\x01" + text})
    app.put(1, member(302, lone_row(50)), b"", 140)
    return app


@dataclass
class World:
    """A frame over some apps."""

    app: App = field(default_factory=sample_app)
    others: tuple[bytes, ...] = (b"", b"redis/1", b"shop")
    number: int = 5
    store_seed: bytes = b"k" * 57
    owner_seed: bytes = b"o" * 57

    def __post_init__(self) -> None:
        self.earlier = [self._header(at, bytes(32), ref.root_digest(None)) for at in range(1, self.number)]

    @cached_property
    def roots(self) -> list[ref.Branch | None]:
        return self.app.roots()

    @cached_property
    def app_root(self) -> bytes:
        return ref.d("hyperdb/app-root", self.app.address, *map(ref.root_digest, self.roots))

    @cached_property
    def hash_root(self) -> bytes:
        return ref.d("hyperdb/app-hash-root", self.app.address, *map(ref.hash_digest, self.roots))

    @cached_property
    def app_tree(self) -> ref.Branch | None:
        size = sum(root.size for root in self.roots if root)
        leaves = (
            [] if not size else [ref.Leaf(self.app.address, ref.d("hyperdb/app-value", self.app_root, self.hash_root), 0, size)]
        )
        for name in self.others:
            address = hashlib.sha256(ref.framed(b"hyperdb/app", name)).digest()
            leaves.append(ref.Leaf(address, hashlib.sha256(name).digest(), 0, len(name) + 50))
        return ref.build({ref.cut(ref.bits(leaf.key)): leaf for leaf in leaves})

    @cached_property
    def header(self) -> bytes:
        return self._header(self.number, self.peaks(), ref.root_digest(self.app_tree))

    @staticmethod
    def _header(number: int, history: bytes, app_tree: bytes, hash_key: bytes = HASH_KEY) -> bytes:
        numbers = (number, 1_800_000_000_000 + number, 100 * number, 1, 7)
        fixed = b"HDBH\x01\x01" + STORE + hash_key + b"".join(map(ref.n8, numbers))
        return fixed + app_tree + b"g" * 32 + history + b"q" * 32

    @property
    def root(self) -> bytes:
        return ref.d("hyperdb/header", self.header)

    @property
    def store_key(self) -> bytes:
        return ed448_keys(self.store_seed)[2]

    @property
    def owner_key(self) -> bytes:
        return ed448_keys(self.owner_seed)[2]

    def mountains(self) -> list[list[bytes]]:
        leaves = [ref.d("hyperdb/header", header) for header in self.earlier]
        out = []
        for height in reversed(range(len(leaves).bit_length())):
            if len(leaves) >> height & 1 or (len(leaves) >= 1 << height):
                out.append(leaves[: 1 << height])
                leaves = leaves[1 << height :]
        return out

    def peaks(self) -> bytes:
        return ref.d("hyperdb/peaks", ref.n8(len(self.earlier)), *(_mountain(m) for m in self.mountains()))

    def history(self, number: int) -> bytes:
        """The history section for an earlier frame."""
        at, path, peaks = number - 1, b"", b""
        for mountain in self.mountains():
            if 0 <= at < len(mountain):
                level, index = mountain, at
                while len(level) > 1:
                    path += level[index ^ 1]
                    level = [ref.d("hyperdb/history", *level[i : i + 2]) for i in range(0, len(level), 2)]
                    index //= 2
            else:
                peaks += _mountain(mountain)
            at -= len(mountain)
        return self.earlier[number - 1] + path + peaks

    def attestation(self, manifest: bytes = bytes(32), hash_key: bytes = HASH_KEY) -> bytes:
        message = ref.framed(self.app.address) + ref.framed(hash_key) + ref.n8(self.number)
        message += ref.framed(self.app_root) + ref.framed(manifest)
        signed = sign(self.owner_seed, message, b"hyperdb/attest")
        return signed[:57] + manifest + signed[57:]

    @cached_property
    def anchor(self) -> bytes:
        present = sum(1 << at for at, root in enumerate(self.roots) if root)
        out = ref.blob(self.app.name) + bytes([present | (16 if self.app_tree else 0)])
        if present:
            out += bytes([sum(1 << at for at, root in enumerate(self.roots) if root and ref.lone(root))])
        for root in self.roots:
            if root:
                out += ref.lone_root(root) if ref.lone(root) else ref.told_root(root)
        if present:
            out += self.hash_root
        return out + self.app_path[0]

    @cached_property
    def app_path(self) -> tuple[bytes, list[tuple[ref.Branch, int, int]]]:
        """The app's leaf in the app tree, or its absence, and what is opened for that."""
        openings: list[tuple[ref.Branch, int, int]] = []
        if not self.app_tree:
            return b"", openings
        shown = ref.Shown()
        shown.get(self.app_tree, ref.cut(ref.bits(self.app.address)))

        def row(leaf: ref.Leaf) -> bytes | None:
            return b"" if leaf.key == self.app.address else None

        return ref.told_root(self.app_tree) + ref.encode_shown(self.app_tree, shown, row, openings), openings

    def app_part(self, *queries: Query, forms: Forms | None = None, either: bool = False, bend: Bend | None = None) -> bytes:
        """Anchor, claim, trees and opening."""
        prover = Prover(self, either)
        for query in queries:
            prover.touch(query)
        if bend:
            bend(prover)
        openings, trees = [*self.app_path[1]], b""
        for tree, root in enumerate(self.roots):

            def row(leaf: ref.Leaf, tree: int = tree) -> bytes | None:
                if leaf.key not in prover.claimed[tree]:
                    return None
                return self.app.trees[tree][leaf.key].encode(*(forms or {}).get(leaf.key, ("whole",)))

            if root:
                trees += ref.encode_tree(root, prover.shown[tree], row, openings)
        return self.anchor + claim_of(*queries) + trees + self.opened(openings)

    def opened(self, openings: list[tuple[ref.Branch, int, int]]) -> bytes:
        """The opening of slots, of the app tree's and all others."""
        return ref.open_slots(ref.d("hyperdb/context", b"\x01", self.root), openings) if openings else b""

    def bundle(self, *queries: Query, signed: bool = False, attested: bool = False, history: int = 0, **kwargs: object) -> bytes:
        flags = signed | attested << 1 | bool(history) << 2 | bool(queries) << 3
        out = b"HDBP\x01" + bytes([flags]) + self.header
        if signed:
            out += sign(self.store_seed, self.header, b"hyperdb/frame")
        if attested:
            out += self.attestation()
        if history:
            out += self.history(history)
        return out + (self.app_part(*queries, **kwargs) if queries else b"")


def claim_of(*queries: Query) -> bytes:
    """Their number and the queries."""
    return ref.varint(len(queries)) + b"".join(map(encode_query, queries))


def _mountain(leaves: list[bytes]) -> bytes:
    while len(leaves) > 1:
        leaves = [ref.d("hyperdb/history", *leaves[at : at + 2]) for at in range(0, len(leaves), 2)]
    return leaves[0]


class Prover:
    """Which slots and rows a query touches, told from the entries themselves."""

    def __init__(self, world: World, either: bool) -> None:
        self.world, self.either = world, either
        self.shown = [ref.Shown() for _ in range(4)]
        self.claimed: list[set[bytes]] = [set() for _ in range(4)]

    def get(self, tree: int, key: bytes) -> Claim | None:
        self.shown[tree].get(self.world.roots[tree], ref.tree_key(key))
        found = self.world.app.trees[tree].get(key)
        if found:
            self.claimed[tree].add(key)
        return found

    def rows(self, tree: int, zone: places.Zone) -> None:
        self.shown[tree].all_within(self.world.roots[tree], zone.side)
        self.claimed[tree] |= {key for key in self.world.app.trees[tree] if zone.holds(key)}

    def count(self, tree: int, zone: places.Zone) -> None:
        self.shown[tree].borders(self.world.roots[tree], zone.side, self.either)

    def header(self, name: bytes) -> tuple[int, int, int] | None:
        """Kind, cid and head of a collection."""
        found = self.get(2, element(name))
        if not found:
            return None
        cid, head = (int.from_bytes(found.value[at : at + 8], "little", signed=True) for at in (2, 26))
        return found.value[0], cid, head

    def member(self, query: Member | RemovedMember) -> tuple[int, bytes] | None:
        header = self.header(query.collection)
        if header is None:
            return None
        kind, cid, head = header
        key = query.name
        if kind in (3, 4, 6):
            key = siphash(key) + key
        elif kind == 5:
            key = (head + int.from_bytes(key, "little", signed=True) + (1 << 63)).to_bytes(8, "big")
        return (0 if cid % 4 >= 2 else 2), member(cid, key)

    def zone(self, query: Rows | Count) -> tuple[int, places.Zone] | None:
        header = self.header(query.collection)
        if header is None:
            return None
        cid = header[1] + query.bounds.companion
        return (0 if cid % 4 >= 2 else 2), places.collection_zone(cid, query.bounds.low, query.bounds.below)

    def touch(self, query: Query) -> None:
        match query:
            case Element(id=name):
                if not self.get(0, element(name)):
                    self.get(2, element(name))
            case RemovedElement(id=name):
                for tree in (0, 2, 3 if query.hyperedge else 1):
                    self.get(tree, element(name))
            case Member():
                if found := self.member(query):
                    self.get(*found)
            case RemovedMember():
                if found := self.member(query):
                    self.get(*found)
                    self.get(found[0] + 1, found[1])
            case Rows():
                if found := self.zone(query):
                    self.rows(*found)
            case Count():
                if found := self.zone(query):
                    self.count(*found)
            case Elements(bounds=bounds):
                for tree in (0, 2):
                    self.rows(tree, places.element_zone(bounds.low, bounds.below))
            case ElementCount(bounds=bounds):
                for tree in (0, 2):
                    self.count(tree, places.element_zone(bounds.low, bounds.below))
            case Incidence(id=name):
                self.rows(2, places.incidence_zone(HASH_KEY, name))
            case IncidenceCount(id=name):
                self.count(2, places.incidence_zone(HASH_KEY, name))
