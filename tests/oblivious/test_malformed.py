"""Whatever bytes a server sends: nothing but `VerificationError` comes out of what reads them, and nothing that was not proved.

Each decoder gets honest bytes with damage: bits, numbers at their edges, pieces that go, come twice or from another place. What
is drawn follows from a seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

import hyperdb
from hyperdb.commitment.verify import Root, StoreKey, VerificationError
from hyperdb.errors import HyperDBError
from hyperdb.oblivious import page
from hyperdb.oblivious.audit import audit
from hyperdb.oblivious.bundles import join
from hyperdb.oblivious.definitions import prove_definitions, read_definitions
from hyperdb.oblivious.delta import Deltas, read_delta
from hyperdb.oblivious.epochs import Epoch, Source, build, rebuild
from hyperdb.oblivious.lookup import Pinned
from hyperdb.oblivious.manifest import read_manifest
from hyperdb.oblivious.pir import DIMENSION, Place
from hyperdb.oblivious.refresh import changes, refreshed, stable_rows

from .conftest import APP, fill

INPUTS = 250
_EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF)


def damaged(data: bytes, seed: int) -> Iterator[bytes]:
    """Bytes with one to four wounds each, none of them the honest ones."""
    source = random.Random(seed)
    for _ in range(INPUTS):
        found = bytearray(data)
        for _ in range(source.randint(1, 4)):
            at, length = source.randrange(len(found) + 1), source.randrange(16)
            match source.randrange(6):
                case 0 if at < len(found):
                    found[at] ^= 1 << source.randrange(8)
                case 1:
                    del found[at : at + length]
                case 2:
                    found[at:at] = found[at : at + length]
                case 3:
                    del found[at:]
                case 4:
                    edge = source.choice(_EDGES).to_bytes(8, "little")[: source.choice((1, 2, 4))]
                    found[at : at + len(edge)] = edge
                case _:
                    other = source.randrange(len(data))
                    found[at : at + length] = data[other : other + length]
        if found != data:
            yield bytes(found)


@dataclass(frozen=True)
class Made:
    source: Source
    epoch: Epoch
    later: Epoch
    delta: bytes
    definitions: bytes
    key: StoreKey

    @property
    def root(self) -> Root:
        return Root(self.epoch.manifest.frame.root)


@pytest.fixture(scope="module")
def made() -> Iterator[Made]:
    with hyperdb.open(":memory:", frames=None) as db:
        fill(db, count=60)
        db.sql("CREATE TABLE people (id int PRIMARY KEY, name text)")
        db.seal()
        source = Source.of(db.native)
        epoch = build(source, APP, size=2048)
        definitions = prove_definitions(source, "public", epoch.manifest.frame.number)
        db.app(APP).put("user:3", b"other")
        db.app(APP).hash("hash:2").update({"field 1": b"other"})
        db.seal()
        delta = Deltas(source, epoch).until()
        assert delta is not None
        yield Made(source, epoch, rebuild(source, epoch), bytes(delta), definitions, StoreKey(db.frames.public_key))


def _refused(data: bytes, seed: int, read: Callable[[bytes], object]) -> int:
    """How much damage was found; anything but a `VerificationError` goes through."""
    read(data)
    count = 0
    for each in damaged(data, seed):
        try:
            read(each)
        except VerificationError:
            count += 1
    return count


def test_manifests(made: Made) -> None:
    def read(data: bytes) -> None:
        assert bytes(read_manifest(data)) == data, "what decodes encodes to the same bytes"

    assert _refused(bytes(made.epoch.manifest), 1, read) > INPUTS // 4


def test_deltas(made: Made) -> None:
    manifest = made.epoch.manifest
    honest = read_delta(made.delta).check(manifest, made.key)

    def read(data: bytes) -> None:
        found = read_delta(data).check(manifest, made.key)
        # Bundles that are left out or come twice are the store's word; what is shown is true.
        assert all(honest.rows[key] == row for key, row in found.rows.items())

    assert _refused(made.delta, 2, read) > INPUTS * 9 // 10


@pytest.mark.parametrize("column", [0, 1, 5])
def test_pages(made: Made, column: int) -> None:
    manifest = made.epoch.manifest
    pinned = Pinned(manifest, made.root)
    overflow = b"".join(made.epoch.overflow.column(each) for each in range(made.epoch.overflow.columns))
    honest = made.epoch.pages.column(column)
    trailer = page.read_trailer(honest)
    rest = overflow[trailer.overflow * manifest.overflow.rows :] if trailer.overflow != page.NOWHERE else overflow
    shown = {row.key: row for row in pinned.open(honest, rest).rows()}

    def read(data: bytes) -> None:
        # A page has its size, whatever is in it; zeros in the middle mean nothing.
        found = pinned.open(data[: len(honest)].ljust(len(honest), b"\x00"), rest)
        assert {row.key: row for row in found.rows()} == shown

    assert _refused(honest, 3 + column, read) > INPUTS // 3
    for each in damaged(honest[: -page.TRAILER_BYTES], 30 + column):
        try:
            join(manifest.head, page.decode(each + honest[-page.TRAILER_BYTES :], rest))
        except VerificationError:
            continue


def test_definitions(made: Made) -> None:
    honest = read_definitions(made.definitions, made.root)
    assert honest

    def read(data: bytes) -> None:
        assert all(row in honest for row in read_definitions(data, made.root))

    assert _refused(made.definitions, 4, read) > INPUTS * 9 // 10


def test_changed_pages(made: Made) -> None:
    before, manifest = made.epoch.pages.hint_bytes(), made.later.manifest
    honest = changes(made.later.pages, made.epoch.pages, made.later.changed)
    hint = made.later.pages.hint_bytes()
    lower = hint[4 * DIMENSION * stable_rows(honest, manifest.pages.rows) :]

    def read(data: bytes) -> None:
        # What is no longer the hint has another digest than the manifest's.
        refreshed(Place(manifest.address, 0), before, data, manifest.pages.columns, lower)

    assert refreshed(Place(manifest.address, 0), before, honest, manifest.pages.columns, lower) == hint
    assert _refused(honest, 5, read) > INPUTS // 4


def test_audits_of_manifests_that_are_made_up(made: Made) -> None:
    """An auditor lays out what a stranger's manifest says: it says no, and nothing worse."""
    honest = made.epoch.manifest
    assert audit(made.source, honest) == ()
    fences = honest.fences
    wrong = [
        replace(honest, fences=fences[:1], columns=honest.columns[:1]),
        replace(honest, fences=(b"", b"\x02"), columns=honest.columns[:2]),
        replace(honest, fences=(b"", b"\xff" * 300), columns=honest.columns[:2]),
        replace(honest, fences=(b"", *(fence + b"\x00" for fence in fences[1:]))),
        replace(honest, columns=honest.columns[::-1]),
        replace(honest, stable=honest.pages.rows),
        replace(honest, parts=0),
        replace(honest, pages=replace(honest.pages, rows=64)),
        replace(honest, pages=replace(honest.pages, rows=1)),
        replace(honest, pages=replace(honest.pages, columns=1)),
        replace(honest, overflow=replace(honest.overflow, columns=0)),
        replace(honest, elements=honest.elements + 1),
    ]
    for number, each in enumerate(wrong):
        try:
            found = audit(made.source, each)
        except HyperDBError:
            continue
        assert found, number
