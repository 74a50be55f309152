"""Frames and proofs in Python: what is sealed can be proved, by both verifiers, and what is not is refused by name."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import hyperdb
import hyperdb.aio
from hyperdb import OwnerKey, Root, Seen, StoreKey, errors
from hyperdb.commitment import verify as pure
from hyperdb.commitment.verify import (
    Absent,
    Attested,
    Complete,
    Count,
    Element,
    ElementCount,
    Found,
    Incidence,
    Member,
    Query,
    Removed,
    RemovedElement,
    RemovedMember,
    Rows,
    VerificationError,
)

SEED = bytes(range(57))


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hyperdb.Database]:
    with hyperdb.open(tmp_path_factory.mktemp("frames") / "data", sync="everysec", memory="32m", frames=None) as database:
        app = database.app("redis/0")
        for number in range(40):
            app.put(f"key:{number}", f"value {number}")
        app.hash("h").update({f"f{number}": f"x{number}" for number in range(30)})
        app.list("l").append("a", "b", "c")
        app.sorted_set("z").add({"one": 1.0, "two": 2.0})
        app.add_vertex("ada", "Ada")
        app.add_hyperedge("notes", {"1843": hyperdb.Vertex("ada")})
        database.seal()
        app.remove("key:5")
        del app.hash("h")["f3"]
        database.seal()
        yield database


def both(db: hyperdb.Database, bundle: bytes, **expected: object) -> pure.Verified:
    """What the native verifier shows, which is what the pure one does."""
    trusted = StoreKey(db.frames.public_key)
    shown = hyperdb.verify(bundle, trusted=trusted, **expected)  # type: ignore[arg-type]
    assert shown == pure.verify(bundle, trusted=trusted, **expected)  # type: ignore[arg-type]
    return shown


def test_every_query_is_answered_alike_by_both_verifiers(db: hyperdb.Database) -> None:
    queries: tuple[Query, ...] = (
        Element(b"key:7"),
        Element(b"nobody"),
        RemovedElement(b"key:5", hyperedge=False),
        Member(b"h", b"f7"),
        Member(b"h", b"f3"),
        RemovedMember(b"h", b"f3"),
        Member(b"l", (1).to_bytes(8, "little")),
        Rows(b"h"),
        Rows(b"z", pure.Bounds(companion=True)),
        Rows(b"nobody"),
        Count(b"h"),
        ElementCount(),
        Incidence(b"ada"),
    )
    with db.snapshot(frame=2) as snapshot:
        shown = both(db, snapshot.prove("redis/0", *queries, contains=1), app="redis/0")
    found, absent, removed, member, gone, removed_member, item, rows, scores, none, count, elements, incident = shown.answers
    assert isinstance(found, Found) and (found.row.value, found.row.kind) == (b"value 7", "vertex")
    assert absent == Absent(queries[1], None)
    assert isinstance(removed, Removed) and isinstance(removed_member, Removed)
    assert isinstance(member, Found) and (member.row.name, member.row.value) == (b"f7", b"x7")
    assert gone == Absent(queries[4], True)
    assert isinstance(item, Found) and item.row.value == b"b"
    assert isinstance(rows, Complete) and {row.name: row.value for row in rows.rows} == {
        f"f{n}".encode(): f"x{n}".encode() for n in range(30) if n != 3
    }
    assert isinstance(scores, Complete) and len(scores.rows) == 2
    assert none == Complete(queries[9], (), False)
    assert isinstance(count, Attested) and count.count == 29
    assert isinstance(elements, Attested) and elements.count == 39 + 5
    assert isinstance(incident, Complete) and len(incident.rows) == 1
    assert shown.contains is not None and shown.contains.number == 1


def test_a_past_frame_is_proved_as_it_was(db: hyperdb.Database) -> None:
    with db.snapshot(frame=1) as snapshot:
        assert snapshot.app("redis/0").get("key:5") == b"value 5"
        shown = both(db, snapshot.app("redis/0").prove(Element(b"key:5"), Member(b"h", b"f3")))
    assert [type(answer) for answer in shown.answers] == [Found, Found]
    assert shown.frame == db.frames.get(1)
    with db.snapshot(frame=1) as snapshot, pytest.raises(errors.NotProvableError):
        snapshot.prove("redis/0", RemovedElement(b"key:5", hyperedge=False))


def test_a_root_a_store_key_and_an_owner_key_can_be_pinned(db: hyperdb.Database) -> None:
    number, said = db.frames.attest("redis/0", SEED)
    bundle = db.frames.prove("redis/0", Element(b"key:1"), frame=number)
    owner = OwnerKey(hyperdb._native.public_key_of(SEED))
    for trusted in (Root(db.frames.get(number).root), StoreKey(db.frames.public_key), owner):
        assert hyperdb.verify(bundle, trusted=trusted) == pure.verify(bundle, trusted=trusted)
    for foreign in (Root(bytes(32)), StoreKey(bytes(57)), OwnerKey(bytes(57))):
        with pytest.raises(VerificationError) as native:
            hyperdb.verify(bundle, trusted=foreign)
        assert native.value.check == "pin"
    with pytest.raises(errors.InvalidError):
        hyperdb.verify(bundle, trusted=StoreKey(b"short"))
    db.frames.keep_attestation("redis/0", number, said)
    for wrong in (said[:-1], bytes(len(said))):
        with pytest.raises(errors.InvalidError):
            db.frames.keep_attestation("redis/0", number, wrong)


def test_who_has_seen_a_frame_is_not_shown_an_older_or_another_one(db: hyperdb.Database) -> None:
    first, second = db.frames.get(1), db.frames.get(2)
    old = db.frames.prove("redis/0", Element(b"key:1"), frame=1)
    trusted = StoreKey(db.frames.public_key)
    for seen in (Seen(2, second.root), Seen(1, bytes(32))):
        with pytest.raises(VerificationError) as refused:
            hyperdb.verify(old, trusted=trusted, seen=seen)
        assert refused.value.check == "rollback"
    linked = db.frames.prove("redis/0", Element(b"key:1"), frame=2, contains=1)
    assert hyperdb.verify(linked, trusted=trusted, seen=Seen(1, first.root)).frame.number == 2


def test_what_cannot_be_proved_is_refused_by_name(db: hyperdb.Database) -> None:
    with pytest.raises(errors.NotSealedError, match="newest"):
        db.frames.prove("redis/0", Element(b"x"), frame=999)
    with pytest.raises(errors.InvalidError, match="frame"), db.snapshot() as snapshot:
        snapshot.prove("redis/0", Element(b"x"))
    with pytest.raises(errors.InvalidError):
        db.snapshot(at=1, frame=1)
    shown = both(db, db.frames.prove("no such app", Element(b"x")), app="no such app")
    assert isinstance(shown.answers[0], Absent)
    with hyperdb.open(":memory:", engine="memory") as other, pytest.raises(errors.NotBuiltError):
        other.seal()


def test_a_bundle_that_no_verifier_takes_is_not_handed_out(tmp_path: Path) -> None:
    with hyperdb.open(tmp_path / "data", memory="64m", sync="everysec", frames=None) as database:
        database.app("a").put("fat", bytes(5 << 20))
        database.app("a").put("large", bytes(1 << 19))
        database.seal()
        with pytest.raises(errors.NotProvableError, match="no verifier takes more"):
            database.frames.prove("a", Element(b"fat"))
        shown = both(database, database.frames.prove("a", Element(b"large")))
        assert isinstance(shown.answers[0], Found) and len(shown.answers[0].row.value or b"") == 1 << 19


def test_importing_the_package_loads_no_pairing() -> None:
    """It is slow, and raises the recursion limit of whoever imports it without care."""
    code = "import sys, hyperdb.aio, hyperdb.cli.commands; print([name for name in sys.modules if name.startswith('py_ecc')])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


def test_the_horizon_is_named(tmp_path: Path) -> None:
    with hyperdb.open(tmp_path / "data", memory="16m", frames=None) as database:
        for number in range(70):
            database.app("a").put("k", str(number))
            database.seal()
        oldest = database.frames.get(70).horizon
        assert oldest == 7
        with pytest.raises(errors.BehindHorizonError, match="7"):
            database.frames.prove("a", Element(b"k"), frame=6)
        assert [frame.number for frame in database.frames.each(69)] == [69, 70]


def test_frames_come_by_count_and_by_time_and_stay(tmp_path: Path) -> None:
    with hyperdb.open(tmp_path / "data", memory="16m", frames=None, frames_count=5) as database:
        assert database.frames.newest() is None
        for number in range(12):
            database.app("a").put("k", str(number))
        # Sealed beside the writer, which may be done before it begins.
        while database.frames.newest() is None:
            time.sleep(0.01)
        database.app("a").put("k", "last")
        database.seal()
        counted = database.frames.newest()
        assert counted is not None and counted.number >= 2
        key = database.frames.public_key
        root = database.seal().root
    with hyperdb.open(tmp_path / "data", memory="16m", frames=0.01) as database:
        assert database.frames.public_key == key
        newest = database.frames.newest()
        assert newest is not None and newest.root == root
        database.app("a").put("k", "later")
        while database.frames.newest() == newest:
            database.stats()
    with pytest.raises(errors.InvalidError):
        hyperdb.open(tmp_path / "data", frames=0)


def test_an_audit_and_the_gauges(db: hyperdb.Database) -> None:
    told: list[tuple[int, int]] = []
    audit = db.frames.audit(lambda done, total: told.append((done, total)))
    assert not audit.problems and audit.leaves > 70
    assert db.check() == []
    assert db.stats()["frame_number"] >= 2 and db.stats()["frame_failures"] == 0 and db.frames.failure() is None
    assert "redis/0" in db.frames.apps()
    roots = db.frames.app("redis/0")
    assert roots is not None and roots.leaves > 70 and db.frames.app("nobody's") is None
    shards = db.frames.shards("redis/0", 500)
    assert len(shards) > 1 and all(shard.size <= 500 for shard in shards)
    assert db.frames.cost(1).changed > 70


def test_asyncio_proves_too(tmp_path: Path) -> None:
    async def use() -> None:
        async with hyperdb.aio.open(tmp_path / "data", memory="16m", frames=None) as database:
            await database.app("a").put("k", "v")
            frame = await database.seal()
            async with await database.snapshot(frame=frame.number) as snapshot:
                assert await snapshot.prove("a", Element(b"k")) == await snapshot.app("a").prove(Element(b"k"))
            assert database.frames.newest() == frame

    asyncio.run(use())


def test_the_pairing_leaves_the_recursion_limit_alone() -> None:
    """In an interpreter of its own: other tests load the same library as it comes."""
    program = (
        "import sys; before = sys.getrecursionlimit();"
        "import hyperdb.commitment.verify.pairing as pairing;"
        "assert pairing.equal(None, None); assert sys.getrecursionlimit() == before"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
