"""Deltas: what changed since an epoch is read as a plain reader reads it, with the epoch's requests and none more."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from hyperdb import Database
from hyperdb.commitment.verify import Bounds, OwnerKey, Root, StoreKey, VerificationError
from hyperdb.errors import InvalidError, NotProvableError, WrongTypeError
from hyperdb.oblivious import delta as deltas
from hyperdb.oblivious.delta import Deltas, delta, read_delta
from hyperdb.oblivious.epochs import Epoch, Source, build
from hyperdb.oblivious.levels import Bucket, Full, Level, Pir, Plain
from hyperdb.oblivious.reader import Reader, open_reader
from hyperdb.oblivious.service import LocalService, Recorder

from .conftest import APP
from .contents import live_keys

OWNER_SEED = bytes(range(57))


def _change(db: Database, seed: int) -> None:
    """Every kind of change: new, other and removed values, fields and items, collections that come, go and come again."""
    source = random.Random(seed)
    app = db.app(APP)
    for number in source.sample(range(140), 15):
        app.put(f"user:{number}", source.randbytes(source.choice([0, 5, 300, 6_000])))
    for number in source.sample(range(120), 5):
        app.remove(f"user:{number}")
    app.hash("hash:2").update({"field 1": b"another", "field new": b"x"})
    app.hash(f"hash:new {seed}").update({"field": b"y"})
    db.execute(APP, "HDEL", "hash:4", "field 3")
    db.execute(APP, "DEL", "hash:3")
    app.hash("hash:3").update({"field 0": b"again"})
    db.execute(APP, "LPUSH", "list", "first")
    db.execute(APP, "LSET", "list", "5", "set")
    db.execute(APP, "ZADD", "scores", "100", "player 3", "1", "player new")
    db.execute(APP, "DEL", "set")


NAMES = [b"user:%d" % number for number in range(150)] + [b"large", b"nobody"]
MEMBERS = (
    [(b"hash:%d" % number, b"field %d" % field) for number in range(6) for field in range(5)]
    + [(b"hash:new 1", b"field"), (b"hash:2", b"field new"), (b"set", b"member 3"), (b"nobody", b"x")]
    + [(b"scores", b"player %d" % number) for number in range(5)]
    + [(b"list", index.to_bytes(8, "little", signed=True)) for index in (0, 1, 5, 6, 20, 21)]
)


def _plain(db: Database, collection: bytes, name: bytes) -> bytes | None:
    kind = db.execute(APP, "TYPE", collection)
    if kind == b"list":
        found = db.execute(APP, "LINDEX", collection, str(int.from_bytes(name, "little", signed=True)))
    elif kind == b"hash":
        found = db.execute(APP, "HGET", collection, name)
    elif kind == b"zset":
        found = db.execute(APP, "ZSCORE", collection, name)
    elif kind == b"set":
        found = b"" if db.execute(APP, "SISMEMBER", collection, name) else None
    else:
        found = None
    assert found is None or isinstance(found, (bytes, float))
    return found if isinstance(found, bytes) or found is None else b"score"


def _check(db: Database, reader: Reader, members: bool) -> None:
    for name in NAMES[::3]:
        assert reader.get(name) == db.app(APP).get(name)
    for collection, name in MEMBERS if members else ():
        row = reader.member(collection, name)
        expected = _plain(db, collection, name)
        assert (row is None) == (expected is None), (collection, name)
        if row is not None and not collection.startswith(b"scores"):
            assert row.value == expected, (collection, name)
    for number in range(6) if members else ():
        name = b"hash:%d" % number
        part = reader.part(name, [Bounds()])
        fields = dict(db.app(APP).hash(name).items()) if db.execute(APP, "EXISTS", name) else {}
        assert {row.name: row.value for row in part.rows} == fields


@pytest.mark.parametrize("level", [Plain(), Bucket(k=8), Pir(), Full()], ids=str)
def test_readers_follow_what_changes(db: Database, source: Source, level: Level) -> None:
    epoch = build(source, APP)
    recorder = Recorder(LocalService(source, epoch))
    reader = open_reader(recorder, level, StoreKey(db.frames.public_key))
    made = Deltas(source, epoch)
    _check(db, reader, members=isinstance(level, (Plain, Pir, Full)))
    for seed in range(1, 4):
        _change(db, seed)
        db.seal()
        found = made.until()
        assert found is not None and read_delta(bytes(found)) == found
        reader.refresh(bytes(found))
        _check(db, reader, members=isinstance(level, (Plain, Pir, Full)))
        if isinstance(level, Full):
            newest = db.frames.newest()
            assert newest is not None
            assert {row.key for row in reader.everything()} == live_keys(db, APP, newest.commit)
    with pytest.raises(WrongTypeError):
        reader.get(b"hash:3")


def test_requests_do_not_tell_what_changed(db: Database, source: Source) -> None:
    epoch = build(source, APP)
    recorder = Recorder(LocalService(source, epoch))
    reader = open_reader(recorder, Pir(), StoreKey(db.frames.public_key))
    db.app(APP).put("user:1", b"changed")
    db.app(APP).remove("user:2")
    db.app(APP).hash("hash:5").update({"field 1": b"changed"})
    db.seal()
    found = delta(source, epoch)
    assert found is not None
    reader.refresh(bytes(found))
    shapes = set()
    for name in (b"user:1", b"user:2", b"user:3", b"nobody"):
        recorder.trace.clear()
        reader.get(name)
        shapes.add(tuple(event.shape for event in recorder.trace))
    assert len(shapes) == 1
    shapes.clear()
    for collection, name in ((b"hash:5", b"field 1"), (b"hash:5", b"field 2"), (b"hash:0", b"no"), (b"nobody", b"x")):
        recorder.trace.clear()
        reader.member(collection, name)
        shapes.add(tuple(event.shape for event in recorder.trace))
    assert len(shapes) == 1


def _one(db: Database, source: Source) -> tuple[Epoch, deltas.Delta]:
    epoch = build(source, APP)
    db.app(APP).put("user:1", b"changed")
    db.app(APP).hash("hash:5").update({"field 1": b"changed"})
    db.seal()
    found = delta(source, epoch)
    assert found is not None
    return epoch, found


def test_whoever_is_pinned_deltas_are_checked(db: Database, source: Source) -> None:
    epoch, found = _one(db, source)
    store = StoreKey(db.frames.public_key)
    for trusted in (store, Root(epoch.manifest.frame.root)):
        changes = found.check(epoch.manifest, trusted)
        assert changes.frame is not None and changes.frame.number == epoch.manifest.frame.number + 1
        assert {row.value for row in changes.rows.values() if row is not None} >= {b"changed"}
    _, record = db.frames.attest(APP, OWNER_SEED, manifest=found.digest())
    signed = found.attested(record)
    owner = OwnerKey(signed.attestation[:57])
    assert read_delta(bytes(signed)).check(epoch.manifest, owner).rows.keys() == changes.rows.keys()
    with pytest.raises(VerificationError, match="not one that the owner attested"):
        found.check(epoch.manifest, owner)
    with pytest.raises(InvalidError, match="not of this delta"):
        found.attested(db.frames.attest(APP, OWNER_SEED)[1])
    with pytest.raises(VerificationError):
        found.check(epoch.manifest, StoreKey(signed.attestation[:57]))


def test_a_delta_of_nothing_is_no_owners_word(db: Database, source: Source) -> None:
    """Its signature is checked with what it shows: a store could say that an owner saw nothing change."""
    epoch = build(source, APP)
    db.app("another").put("name", b"value")
    db.seal()
    found = delta(source, epoch)
    assert found is not None and not found.bodies
    assert found.check(epoch.manifest, StoreKey(db.frames.public_key)).rows == {}
    forged = replace(found, attestation=bytes(57) + found.digest() + bytes(114))
    with pytest.raises(VerificationError, match="nothing is signed"):
        forged.check(epoch.manifest, OwnerKey(bytes(57)))


def test_what_is_of_another_epoch_store_or_time_is_refused(db: Database, source: Source) -> None:
    epoch, found = _one(db, source)
    store = StoreKey(db.frames.public_key)
    with pytest.raises(VerificationError, match="another epoch"):
        found.check(replace(epoch.manifest, stable=0), store)
    later = build(source, APP)
    with pytest.raises(VerificationError, match="another epoch"):
        found.check(later.manifest, store)
    assert delta(source, later) is None
    reader = open_reader(LocalService(source, epoch), Plain(), store)
    db.app(APP).put("user:1", b"later")
    db.seal()
    newer = delta(source, epoch)
    assert newer is not None
    mixed = replace(newer, bodies=found.bodies)
    with pytest.raises(VerificationError):
        mixed.check(epoch.manifest, store)
    with pytest.raises(VerificationError, match="another frame"):
        replace(found, history=newer.history).check(epoch.manifest, store)
    reader.refresh(bytes(newer))
    assert reader.get(b"user:1") == b"later"
    for old in (bytes(found), b""):
        with pytest.raises(VerificationError, match="older than what was seen"):
            reader.refresh(old)


def test_too_many_changes_want_an_epoch(db: Database, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    epoch = build(source, APP)
    monkeypatch.setattr(deltas, "MOST_KEYS", 3)
    for number in range(3):
        db.app(APP).put(f"user:{number}", b"")
    db.seal()
    assert delta(source, epoch) is not None
    db.app(APP).put("user:4", b"")
    db.seal()
    with pytest.raises(NotProvableError, match="more than 3 keys"):
        delta(source, epoch)


def test_spoiled_deltas_are_refused(db: Database, source: Source) -> None:
    epoch, found = _one(db, source)
    store = StoreKey(db.frames.public_key)
    good = bytes(found)
    rows = found.check(epoch.manifest, store).rows
    spoiled = random.Random(3)
    for end in range(0, len(good), 97):
        with pytest.raises(VerificationError):
            read_delta(good[:end])
    with pytest.raises(VerificationError):
        read_delta(good + b"\x00")
    with pytest.raises(VerificationError):
        read_delta(bytes(deltas.MOST_BYTES + 1))
    for _ in range(80):
        other = bytearray(good)
        other[spoiled.randrange(len(good))] ^= 1 << spoiled.randrange(8)
        try:
            changes = read_delta(bytes(other)).check(epoch.manifest, store)
        except VerificationError:
            continue
        pytest.fail(f"accepted, and says {changes.rows.keys() ^ rows.keys()}")
