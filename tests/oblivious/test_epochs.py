"""Epochs hold all that an app holds, keep columns from one to the next, and prove themselves against a store that lies."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from hyperdb import Database
from hyperdb.commitment.verify import OwnerKey, Root, StoreKey, Trusted, VerificationError
from hyperdb.errors import InvalidError, NotFoundError, NotProvableError
from hyperdb.oblivious import page
from hyperdb.oblivious.epochs import Epoch, Source, build, rebuild
from hyperdb.oblivious.lookup import Pinned, Shown
from hyperdb.oblivious.manifest import Manifest, read_manifest

from .conftest import APP, fill
from .contents import live_keys

OWNER_SEED = bytes(range(57))


def _open(epoch: Epoch, pinned: Pinned, column: int) -> Shown:
    data = epoch.pages.column(column)
    trailer = page.read_trailer(data)
    first = 0 if trailer.overflow == page.NOWHERE else trailer.overflow
    last = min(first + epoch.manifest.parts, epoch.manifest.overflow.columns)
    return pinned.open(data, b"".join(epoch.overflow.column(part) for part in range(first, last)))


def _pinned(db: Database, epoch: Epoch, trusted: Trusted | None = None) -> Pinned:
    return Pinned(epoch.manifest, trusted or Root(db.frames.get(epoch.manifest.frame.number).root), epoch.attestation)


def _check_whole(db: Database, epoch: Epoch) -> None:
    """Every page verifies; together they show each live entry of the frame once, beside headers of collections."""
    pinned = _pinned(db, epoch)
    keys = live_keys(db, APP, epoch.manifest.frame.commit)
    shown: set[bytes] = set()
    for column in epoch.manifest.columns:
        shown |= {row.key for row in _open(epoch, pinned, column).rows()}
    assert keys == shown
    for key in sorted(keys)[::7]:
        assert key in {row.key for row in _open(epoch, pinned, epoch.manifest.column(key)).rows()}


@pytest.mark.parametrize("size", [2048, 4096])
def test_an_epoch_holds_the_whole_app(db: Database, source: Source, size: int) -> None:
    epoch = build(source, APP, size=size)
    _check_whole(db, epoch)
    manifest = epoch.manifest
    assert manifest.parts == 1 and manifest.columns == tuple(range(len(manifest.columns)))
    assert manifest.elements == sum(1 for _ in db.app(APP).vertices()) + sum(1 for _ in db.app(APP).hyperedges())
    assert read_manifest(bytes(manifest)) == manifest
    pinned = _pinned(db, epoch)
    for name in (b"user:7", b"large", b"gone", b"nobody", b"hash:3"):
        row = _open(epoch, pinned, manifest.column(pinned.element_key(name))).element(name)
        assert (row.value if row else None) == (None if name == b"hash:3" else db.app(APP).get(name))


def test_small_values_need_no_overflow_until_they_grow(db: Database, source: Source) -> None:
    db.app("small").put("one", b"1")
    db.seal()
    small = build(source, "small")
    assert small.manifest.parts == small.manifest.overflow.columns == small.overflow.columns == 0
    db.app("small").put("two", bytes(5000))
    db.seal()
    grown = rebuild(source, small)
    assert grown.manifest.parts == 1 and grown.manifest.overflow.columns == 1
    db.app("small").remove("two")
    db.seal()
    shrunk = rebuild(source, grown)
    assert shrunk.manifest.parts == 1, "reads go on with the same queries"
    for epoch, expected in ((grown, bytes(5000)), (shrunk, None)):
        pinned = _pinned(db, epoch)
        row = _open(epoch, pinned, epoch.manifest.column(pinned.element_key(b"two"))).element(b"two")
        assert (row and row.value) == expected


def test_the_next_epoch_keeps_columns_and_follows_what_changed(db: Database, source: Source) -> None:
    first = build(source, APP)
    again = rebuild(source, first, frame=db.seal().number)
    assert again.manifest.columns == first.manifest.columns and again.manifest.fences == first.manifest.fences
    assert again.changed == (), "nothing but proofs is new"
    app = db.app(APP)
    fill(db, count=200, seed=2)
    app.remove("user:3")
    app.remove("hash:2")
    db.seal()
    second = rebuild(source, again)
    _check_whole(db, second)
    kept = dict(zip(first.manifest.fences, first.manifest.columns, strict=True))
    now = dict(zip(second.manifest.fences, second.manifest.columns, strict=True))
    assert all(now[fence] == column for fence, column in kept.items() if fence in now)
    assert second.manifest.pages.columns > first.manifest.pages.columns and second.manifest.stable == first.manifest.stable
    anew = second.pages.parts[0].matrix.hint()
    assert bytes(anew) == bytes(second.pages.parts[0].hint), "a hint that follows is one made anew"


def test_a_few_changes_touch_few_columns(db: Database, source: Source) -> None:
    first = build(source, APP)
    for number in range(12):
        db.app(APP).put(f"user:{number}", b"v")
    db.seal()
    second = rebuild(source, first)
    # A row that lies among bytes of proofs, at the end of its page, changes no stable byte.
    assert 0 < len(second.changed) <= 12
    assert bytes(second.pages.parts[0].hint) == bytes(second.pages.parts[0].matrix.hint())
    assert bytes(first.pages.parts[0].hint) != bytes(second.pages.parts[0].hint)


@pytest.mark.parametrize("pin", ["root", "store", "owner"])
def test_whoever_is_pinned_pages_prove_themselves(db: Database, source: Source, pin: str) -> None:
    epoch = build(source, APP)
    number, record = db.frames.attest(APP, OWNER_SEED, manifest=epoch.manifest.digest())
    assert number == epoch.manifest.frame.number
    epoch = epoch.attested(record)
    trusted = {"root": None, "store": StoreKey(db.frames.public_key), "owner": OwnerKey(epoch.attestation[:57])}[pin]
    pinned = _pinned(db, epoch, trusted)
    pinned.check()
    row = _open(epoch, pinned, epoch.manifest.column(pinned.element_key(b"user:9"))).element(b"user:9")
    assert row is not None and row.value == db.app(APP).get("user:9")


def test_an_owners_word_is_about_one_manifest(db: Database, source: Source) -> None:
    epoch = build(source, APP)
    digest = epoch.manifest.digest()
    signed = epoch.attested(db.frames.attest(APP, OWNER_SEED, manifest=digest)[1])
    owner = OwnerKey(signed.attestation[:57])
    other = replace(epoch.manifest, stable=epoch.manifest.stable - 64)
    with pytest.raises(VerificationError, match="not the one that the owner attested"):
        Pinned(other, owner, signed.attestation).check()
    with pytest.raises(InvalidError, match="not of this epoch"):
        epoch.attested(db.frames.attest(APP, OWNER_SEED)[1])
    by_another = epoch.attested(db.frames.attest(APP, bytes(57), manifest=digest)[1]).attestation
    with pytest.raises(VerificationError) as refused:
        _open(epoch, Pinned(epoch.manifest, owner, by_another), 0)
    assert refused.value.check == "pin"


def test_another_frames_page_is_refused(db: Database, source: Source) -> None:
    old = build(source, APP)
    db.app(APP).put("user:5", b"another value")
    db.seal()
    new = rebuild(source, old)
    pinned = _pinned(db, new)
    stale = old.pages.column(new.manifest.column(pinned.element_key(b"user:5")))
    with pytest.raises(VerificationError) as refused:
        pinned.open(stale, b"")
    assert refused.value.check in ("opening", "root", "format", "place", "point")
    with pytest.raises(VerificationError, match="another root"):
        _open(old, Pinned(old.manifest, Root(new.manifest.frame.root)), 0)


def test_another_page_of_the_epoch_does_not_answer(db: Database, source: Source) -> None:
    epoch = build(source, APP)
    pinned = _pinned(db, epoch)
    right = epoch.manifest.column(pinned.element_key(b"user:5"))
    for column in epoch.manifest.columns:
        shown = _open(epoch, pinned, column)
        if column == right:
            assert shown.element(b"user:5") is not None
        else:
            with pytest.raises(VerificationError, match="does not show that part of the app"):
                shown.element(b"user:5")


def test_spoiled_pages_are_refused(db: Database, source: Source) -> None:
    epoch = build(source, APP)
    pinned = _pinned(db, epoch)
    random_source = random.Random(5)
    column = epoch.manifest.column(pinned.element_key(b"user:5"))
    good = epoch.pages.column(column)
    trailer = page.read_trailer(good)
    used = [*range(trailer.rows), *range(len(good) - page.TRAILER_BYTES - trailer.proof, len(good))]
    for place in random_source.sample(used, 60):
        spoiled = bytearray(good)
        spoiled[place] ^= 1 << random_source.randrange(8)
        with pytest.raises(VerificationError):
            pinned.open(bytes(spoiled), b"").element(b"user:5")


def test_manifests_that_cannot_be_are_refused(db: Database, source: Source) -> None:
    manifest = build(source, APP).manifest
    data = bytes(manifest)
    fences, columns = manifest.fences, manifest.columns
    wrong: list[Manifest] = [
        replace(manifest, fences=(fences[1], fences[0], *fences[2:])),
        replace(manifest, fences=(b"\x02", *fences[1:])),
        replace(manifest, columns=(columns[1], *columns[1:])),
        replace(manifest, columns=(*columns[:-1], manifest.pages.columns)),
        replace(manifest, parts=17),
        replace(manifest, parts=0),
        replace(manifest, stable=4160),
        replace(manifest, pages=replace(manifest.pages, rows=1 << 17)),
    ]
    for other in wrong:
        with pytest.raises(VerificationError):
            read_manifest(bytes(other))
    for end in (0, 4, 5, 200, len(data) - 1):
        with pytest.raises(VerificationError):
            read_manifest(data[:end])
    with pytest.raises(VerificationError):
        read_manifest(data + b"\x00")
    spoiled = random.Random(1)
    for _ in range(200):
        other_bytes = bytearray(data)
        other_bytes[spoiled.randrange(len(data))] ^= 1 << spoiled.randrange(8)
        try:
            read = read_manifest(bytes(other_bytes))
        except VerificationError:
            continue
        assert bytes(read) == bytes(other_bytes) and read.digest() != manifest.digest()


def test_what_cannot_be_laid_out_is_refused(db: Database, source: Source) -> None:
    with pytest.raises(NotFoundError):
        build(source, "no such app")
    with pytest.raises(InvalidError):
        build(source, APP, size=1000)
    db.app(APP).put("huge", bytes(2_000_000))
    db.seal()
    with pytest.raises(NotProvableError, match="beyond its page") as refused:
        build(source, APP, size=128 * 64)
    assert "huge" not in str(refused.value)
