"""The records of a small store's frames, computed anew from its entries and the documents alone.

Theory: tests/golden/commitment/frames.hex holds what the engine wrote: entries, nodes, headers, history, lists of removes, an
attestation. The reference settles the entries by docs/commitment.md, builds the trees as Python objects, and writes the records
by docs/file-format.md. What it writes must be what the engine wrote, byte by byte; signatures are checked by the verifier's code.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from hyperdb.commitment.verify import ed448
from hyperdb.commitment.verify.curve import decompress

from . import reference as ref

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "commitment" / "frames.hex"
ELEMENT, MEMBER, INCIDENCE = 2, 3, 4
NO_LEAVES: dict[bytes, ref.Leaf] = {}


@dataclass(frozen=True)
class Entry:
    added: bool
    version: int
    app: int
    logical: bytes
    value: bytes


@dataclass(frozen=True)
class Header:
    """A frame header taken apart."""

    raw: bytes
    number: int
    commit: int
    horizon: int
    removes_from: int
    apps: bytes
    globals: bytes
    history: bytes
    hash_root: bytes
    hash_key: bytes

    @classmethod
    def of(cls, raw: bytes) -> Header:
        assert len(raw) == 206
        assert raw[:6] == b"HDBH\x01\x01"
        number, _time, commit, horizon, removes_from = struct.unpack_from("<5Q", raw, 38)
        digests = [raw[at : at + 32] for at in range(78, 206, 32)]
        return cls(raw, number, commit, horizon, removes_from, *digests, raw[22:38])

    @property
    def digest(self) -> bytes:
        return ref.d("hyperdb/header", self.raw)


@dataclass(frozen=True)
class Golden:
    secret: bytes
    seed: bytes
    entries: list[Entry]
    nodes: dict[bytes, bytes]

    def newest(self) -> Header:
        return self.headers()[-1]

    def headers(self) -> list[Header]:
        return [Header.of(self.nodes[key][:206]) for key in sorted(self.nodes) if key[0] == 3]

    def names(self) -> dict[int, bytes]:
        """Apps by number; the system's own has the empty name."""
        found = {0: b""}
        for entry in self.entries:
            if entry.added and entry.app == 0 and entry.logical[0] == ELEMENT and entry.logical[9] == 1:
                found[int.from_bytes(entry.value[2:], "little")] = entry.logical[10:]
        return found


def read_varint(data: bytes) -> tuple[int, int]:
    """A number and how many bytes it took."""
    size = max(0, data[0] - 247)
    return (int.from_bytes(data[1 : 1 + size], "big"), 1 + size) if size else (data[0], 1)


@cache
def golden() -> Golden:
    secret, seed = b"", b""
    entries, nodes = [], {}
    for line in GOLDEN.read_text("ascii").splitlines():
        name, _, text = line.partition("\t")
        value = bytes.fromhex(text)
        match name.split():
            case ["secret"]:
                secret = value
            case ["seed"]:
                seed = value
            case ["node", key]:
                nodes[bytes.fromhex(key)] = value
            case ["data", op, version, key]:
                app, used = read_varint(bytes.fromhex(key))
                entries.append(Entry(op == "add", int(version), app, bytes.fromhex(key)[used:], value))
            case _:
                raise AssertionError(f"no such line: {name}")
    return Golden(secret, seed, entries, nodes)


# Settlement.


def collection(entry: Entry) -> int:
    return read_varint(entry.logical[1:])[0] & ~1


def live_collections(app: int) -> set[int]:
    elements = (entry for entry in golden().entries if entry.app == app and entry.logical[0] == ELEMENT)
    return {int.from_bytes(entry.value[2:10], "little") for entry in elements if entry.added and entry.value[0] != 1}


def tree_of(entry: Entry) -> int:
    if entry.logical[0] == ELEMENT:
        vertex = entry.value[0] == 1
    elif entry.logical[0] == MEMBER:
        vertex = collection(entry) % 4 == 2
    else:
        vertex = False
    return (0 if vertex else 2) + (0 if entry.added else 1)


def columns(row: bytes) -> dict[int, bytes]:
    """What the columns of a packed row without stamps commit to."""
    assert row[0] == 0
    count, at = row[1], 2
    contents, number, widths = {0: b"\x00"}, 0, []
    for descriptor in row[at : at + count]:
        number += descriptor >> 3
        widths.append((number, descriptor & 7))
    at += count + (count + 7) // 8
    for number, width in widths:
        assert width == 5, "the rows here are of variable columns, none of them null"
        contents[number] = b"\x01" + row[at + 1 : at + 1 + row[at]]
        at += 1 + row[at]
    assert at == len(row)
    return contents


def leaf(entry: Entry) -> ref.Leaf:
    salt_key = hmac.digest(golden().secret, b"hyperdb/app-salt" + entry.app.to_bytes(4, "little"), "sha512")
    salt = ref.row_salt(salt_key, entry.logical, entry.version)
    packed = entry.added and entry.logical[0] == MEMBER and read_varint(entry.logical[1:])[0] % 4 == 2
    value = ref.row_digest(salt, columns(entry.value)) if packed else ref.value_digest(salt, entry.value)
    return ref.Leaf(entry.logical, value, entry.version, len(entry.logical) + len(entry.value))


def settled(app: int, removes_from: int) -> Iterator[tuple[int, Entry]]:
    """What an app's trees hold, and in which."""
    live = live_collections(app)
    for entry in golden().entries:
        if entry.app != app or entry.logical[0] not in (ELEMENT, MEMBER, INCIDENCE):
            continue
        if entry.logical[0] == MEMBER and collection(entry) not in live:
            continue
        if entry.added or entry.version > removes_from:
            yield tree_of(entry), entry


@cache
def app_trees(app: int) -> list[ref.Branch | None]:
    leaves: list[dict[bytes, ref.Leaf]] = [{}, {}, {}, {}]
    for tree, entry in settled(app, golden().newest().removes_from):
        leaves[tree][ref.tree_key(entry.logical)] = leaf(entry)
    return [ref.build(tree) for tree in leaves]


# The trees above the apps' trees.


def address(name: bytes) -> bytes:
    return hashlib.sha256(ref.framed(b"hyperdb/app", name)).digest()


def places(where: bytes) -> list[int]:
    drawn = dict.fromkeys(hashlib.shake_256(b"hyperdb/places" + where).digest(64))
    return sorted(list(drawn)[:3])


def app_leaf(app: int, where: bytes) -> ref.Leaf:
    trees = app_trees(app)
    root = ref.d("hyperdb/app-root", where, *map(ref.root_digest, trees))
    hash_root = ref.d("hyperdb/app-hash-root", where, *map(ref.hash_digest, trees))
    size = sum(tree.size for tree in trees if tree is not None)
    return ref.Leaf(where, ref.d("hyperdb/app-value", root, hash_root), 0, size)


@cache
def above() -> tuple[ref.Branch | None, list[ref.Branch | None]]:
    """The tree of apps, and the global trees."""
    apps: dict[bytes, ref.Leaf] = {}
    everywhere: list[dict[bytes, ref.Leaf]] = [{} for _ in range(256)]
    for app, name in golden().names().items():
        if any(tree is not None for tree in app_trees(app)):
            where = address(name)
            made = app_leaf(app, where)
            apps[ref.cut(ref.bits(where))] = made
            for place in places(where):
                everywhere[place][ref.cut(ref.bits(where))] = made
    return ref.build(apps), [ref.build(leaves) for leaves in everywhere]


# Records.


def steps(of: bytes) -> bytes:
    return ref.varint(len(of)) + ref.packed_steps(of)


def record(branch: ref.Branch, places: dict[bytes, bytes]) -> bytes:
    """A branch's record; `places` gives the place of a leaf by its logical key."""
    point = decompress(branch.c, infinity=True)
    assert point is not None
    out = point[0].to_bytes(48, "big") + point[1].to_bytes(48, "big") + bytes([len(branch.slots)])
    depth = len(branch.path) + 1
    for slot, child in sorted(branch.slots.items()):
        scalar = child.scalar.to_bytes(32, "big")
        if isinstance(child, ref.Leaf):
            out += bytes([slot]) + scalar + ref.varint(child.size) + steps(places[child.key][depth:])
        else:
            out += bytes([slot + 64]) + scalar + child.hashed + ref.varint(child.count) + ref.varint(child.size)
            out += steps(child.path[depth:])
    for group in range(0, 64, 8):
        inside = [branch.slots[slot].hashed if slot in branch.slots else None for slot in range(group, group + 8)]
        if sum(child is not None for child in inside) >= 2:
            out += folded(inside)
    return out


def folded(level: list[bytes | None]) -> bytes:
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=True)
        level = [ref.d("hyperdb/hash-node", a, b) if a and b else a or b for a, b in pairs]
    assert level[0] is not None
    return level[0]


def records(root: ref.Branch | None, prefix: bytes, place: dict[bytes, bytes]) -> dict[bytes, bytes]:
    if root is None:
        return {}
    found = {prefix + root.path: record(root, place)}
    for child in root.slots.values():
        if isinstance(child, ref.Branch):
            found |= records(child, prefix, place)
    return found


def under(tag: int) -> dict[bytes, bytes]:
    return {key: value for key, value in golden().nodes.items() if key[0] == tag}


# What is held against the document.


def test_branches_of_app_trees() -> None:
    written, wanted = under(0), {}
    for app in golden().names():
        for tree, root in enumerate(app_trees(app)):
            place = {entry.logical: ref.tree_key(entry.logical) for at, entry in settled(app, 0) if at == tree}
            wanted |= records(root, b"\x00" + ref.varint(app) + bytes([tree]), place)
    assert wanted == {key: written.get(key) for key in wanted}
    assert len(wanted) > 10
    # What else is there belongs to dropped collections and apps, and goes at compaction.
    for key in written.keys() - wanted.keys():
        app, used = read_varint(key[1:])
        path = key[2 + used :]
        members = [ref.tree_key(b"\x03" + ref.varint(cid + i))[:2] for cid in live_collections(app) for i in (0, 1)]
        assert app not in golden().names() or (path[0] >> 4 == 1 and path[:2] not in members)


def test_branches_above_the_apps() -> None:
    apps, everywhere = above()
    place = {address(name): ref.cut(ref.bits(address(name))) for name in golden().names().values()}
    assert under(1) == records(apps, b"\x01", place)
    wanted: dict[bytes, bytes] = {}
    for number, tree in enumerate(everywhere):
        wanted |= records(tree, bytes([2, number]), place)
    assert under(2) == wanted


def test_headers_and_history() -> None:
    headers = golden().headers()
    assert [header.number for header in headers] == list(range(1, len(headers) + 1))
    for header in headers:
        value = golden().nodes[b"\x03" + header.number.to_bytes(8, "big")]
        public, signature = value[206:263], value[263:]
        assert ed448.verify(public, header.raw, signature, b"hyperdb/frame")
    newest = headers[-1]
    apps, everywhere = above()
    level = [ref.root_digest(tree) for tree in everywhere]
    while len(level) > 1:
        level = [ref.d("hyperdb/globals", a, b) for a, b in zip(level[::2], level[1::2], strict=True)]
    assert newest.apps == ref.root_digest(apps)
    assert newest.hash_root == ref.hash_digest(apps)
    assert newest.globals == level[0]
    # Nodes of the history in the order in which they are made.
    first, second, third = headers
    pair = ref.d("hyperdb/history", first.digest, second.digest)
    made = {b"\x04" + at.to_bytes(8, "big"): node for at, node in enumerate([first.digest, second.digest, pair])}
    assert under(4) == made
    assert first.history == ref.d("hyperdb/peaks", ref.n8(0))
    assert second.history == ref.d("hyperdb/peaks", ref.n8(1), first.digest)
    assert third.history == ref.d("hyperdb/peaks", ref.n8(2), pair)


def test_removes_that_have_not_left() -> None:
    newest = golden().newest()
    assert newest.horizon == 2
    assert newest.removes_from == golden().headers()[1].commit
    wanted: dict[bytes, bytes] = {}
    for app in golden().names():
        removed = [(tree, entry.logical) for tree, entry in settled(app, newest.removes_from) if not entry.added]
        entries = [bytes([tree]) + struct.pack("<I", len(key)) + key for tree, key in sorted(removed)]
        if entries:
            key = b"\x05" + newest.number.to_bytes(8, "big") + ref.varint(app) + bytes(4)
            wanted[key] = b"".join(entries)
    assert under(5) == wanted
    assert wanted


def test_attestation() -> None:
    newest = golden().newest()
    where = address(b"shop")
    ((key, value),) = under(6).items()
    assert key == b"\x06" + where + newest.number.to_bytes(8, "big")
    root, manifest, public, signature = value[:32], value[32:64], value[64:121], value[121:]
    app = next(app for app, name in golden().names().items() if name == b"shop")
    assert root == ref.d("hyperdb/app-root", where, *map(ref.root_digest, app_trees(app)))
    assert manifest == bytes(32)
    said = ref.framed(where, newest.hash_key) + ref.n8(newest.number) + ref.framed(root, manifest)
    assert ed448.verify(public, said, signature, b"hyperdb/attest")


@pytest.mark.parametrize(("secret", "size"), [("secret", 32), ("seed", 57)])
def test_secrets(secret: str, size: int) -> None:
    assert len(getattr(golden(), secret)) == size
