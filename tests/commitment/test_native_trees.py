"""The engine's trees against trees built by the reference implementation from the stored entries, after random histories.

Theory: the reference (reference.py) knows the documents alone; it reads the entries of an app through the storage engine, settles
them by docs/commitment.md, builds the four trees as Python objects and commits in coefficient form. If its roots are those in the
header and in the proofs, the native trees, which were changed step by step, are what the rules say.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hyperdb
from hyperdb.commitment.verify.places import element_key

from . import reference as ref

DATA, META = 0, 2
APP, ELEMENT, MEMBER = 1, 2, 3
VERTEX = 1
NAME = "redis/0"


@dataclass(frozen=True)
class Store:
    """What the reference needs of a database: entries, the secret of salts, the key of the hash order."""

    database: hyperdb.Database

    def entries(self, prefix: bytes) -> Iterator[tuple[bytes, bytes, int]]:
        """Key, value and version of what is there."""
        engine = self.database.native.engine()
        snapshot = engine.snapshot(self.database.frames.newest().commit)  # type: ignore[union-attr]
        try:
            end = prefix[:-1] + bytes([prefix[-1] + 1])
            for rows in snapshot.scan(prefix, end, False, DATA, versions=True):
                yield from rows
        finally:
            snapshot.close()

    def app(self) -> bytes:
        """The beginning of the app's keys."""
        wanted = b"\x01" + NAME.encode()
        for key, value, _ in self.entries(b"\x00\x02"):
            if key[10:] == wanted:
                return bytes([value[2]])
        raise AssertionError("no such app")

    def salt_key(self) -> bytes:
        secret = self.database.native.engine().get(b"\x05", META)
        assert secret is not None
        return hmac.digest(secret, b"hyperdb/app-salt" + self.app()[0].to_bytes(4, "little"), "sha512")


def trees(database: hyperdb.Database) -> list[ref.Branch | None]:
    """The four trees of the app at the newest frame."""
    store = Store(database)
    app, salt_key = store.app(), store.salt_key()
    hash_key = database.frames.newest().hash_key  # type: ignore[union-attr]
    leaves: list[dict[bytes, ref.Leaf]] = [{}, {}, {}, {}]

    def settle(tree: int, key: bytes, version: int, value: bytes) -> None:
        salt = hmac.digest(salt_key, len(key).to_bytes(4, "little") + key + ref.n8(version), "sha512")[:16]
        digest = ref.d("hyperdb/value", salt, value)
        leaves[tree][ref.tree_key(key)] = ref.Leaf(key, digest, version, len(key) + len(value))

    entries = [(key[1:], value, version) for key, value, version in store.entries(app)]
    collections = {value[2:10] for key, value, _ in entries if key[0] == ELEMENT and value[0] != VERTEX}
    for key, value, version in entries:
        if key[0] == ELEMENT:
            settle(0 if value[0] == VERTEX else 2, key, version, value)
        elif key[0] == MEMBER:
            assert key[1] <= 247
            if (key[1] & ~1).to_bytes(8, "little") in collections:
                settle(2, key, version, value)
        else:
            assert key[0] == APP
    with database.snapshot(frame=database.frames.newest().number) as snapshot:  # type: ignore[union-attr]
        past = snapshot.app(NAME)
        for tree, note, gone in ((1, VERTEX, past.vertex_removes()), (3, 3, past.hyperedge_removes())):
            for name, version in gone:
                key = element_key(hash_key, name)
                settle(tree, key, version, bytes([note]))
    return [ref.build(tree) for tree in leaves]


IDS = st.sampled_from(["a", "b", "c", "a longer name", "x" * 150])
ACT = st.one_of(
    st.tuples(st.just("put"), IDS, st.binary(max_size=9)),
    st.tuples(st.just("field"), IDS, st.binary(max_size=9)),
    st.tuples(st.just("remove"), IDS, st.just(b"")),
    st.tuples(st.just("seal"), IDS, st.just(b"")),
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ACT, min_size=4, max_size=25))
def test_roots_are_those_of_the_reference(history: list[tuple[str, str, bytes]]) -> None:
    with hyperdb.open(":memory:", memory="16m", frames=None) as database:
        app = database.app(NAME)
        app.put("a", b"first")
        database.seal()
        for act, name, value in history:
            if act == "put":
                app.put(name, value)
            elif act == "field":
                if app.kind(name) == "vertex":
                    app.remove(name)
                app.hash(name)[value] = value
            elif act == "remove":
                app.remove(name)
            else:
                database.seal()
        database.seal()
        four = trees(database)
        shown = database.frames.app(NAME)
        assert shown is not None
        address = hashlib.sha256(ref.framed(b"hyperdb/app", NAME.encode())).digest()
        assert shown.root == ref.d("hyperdb/app-root", address, *map(ref.root_digest, four))
        assert shown.hash_root == ref.d("hyperdb/app-hash-root", address, *map(ref.hash_digest, four))
        assert shown.leaves == sum(tree.count for tree in four if tree is not None)
        assert shown.size == sum(tree.size for tree in four if tree is not None)
