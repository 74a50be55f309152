"""Every level gives the answers of a plain reader, and shows the store what it says and no more."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

import hyperdb
from hyperdb import Database
from hyperdb.commitment.verify import Element, Elements, Query, Root, VerificationError
from hyperdb.errors import PrivacyError, WrongTypeError
from hyperdb.oblivious.epochs import OVERFLOW, PAGES, Epoch, Source, build
from hyperdb.oblivious.levels import Bucket, Cover, Full, Level, Pir, Plain
from hyperdb.oblivious.pir import DIMENSION, query_bytes
from hyperdb.oblivious.reader import Reader, open_reader
from hyperdb.oblivious.service import LocalService, Recorder, Service

from .conftest import APP, fill, query_number

LEVELS: tuple[Level, ...] = (Plain(), Bucket(k=16), Cover(c=2, k=16), Pir(), Full())
SECRET = b"s" * 32


@dataclass(frozen=True)
class Served:
    """A store that serves an epoch; shared by tests, none of which changes it."""

    db: Database
    epoch: Epoch
    service: Service

    @property
    def root(self) -> Root:
        return Root(self.epoch.manifest.frame.root)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with hyperdb.open(":memory:", frames=None) as db:
        fill(db, count=100)
        db.seal()
        source = Source.of(db.native)
        epoch = build(source, APP, size=2048)
        yield Served(db, epoch, LocalService(source, epoch))


def _reader(served: Served, level: Level, service: Service | None = None) -> Reader:
    return open_reader(service or served.service, level, served.root, secret=SECRET, random=random.Random(1).randbytes)


@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_elements_are_those_of_a_plain_reader(served: Served, level: Level) -> None:
    reader, app = _reader(served, level), served.db.app(APP)
    for name in ("user:0", "user:7", "user:99", "large", "gone", "nobody", "timed", ""):
        assert reader.get(name.encode()) == (app.get(name) if name else None), name
    header = reader.element(b"hash:4")
    assert header is not None and header.collection is not None and header.collection.count == 21
    with pytest.raises(WrongTypeError):
        reader.get(b"hash:4")


@pytest.mark.parametrize("level", [Plain(), Pir(), Full()], ids=str)
def test_members_are_those_of_a_plain_reader(served: Served, level: Level) -> None:
    reader, app = _reader(served, level), served.db.app(APP)
    for number in (0, 5):
        for field in (0, 3, 25, 26):
            row = reader.member(f"hash:{number}".encode(), f"field {field}".encode())
            assert (row and row.value) == app.hash(f"hash:{number}").get(f"field {field}")
    item = reader.member(b"list", (3).to_bytes(8, "little", signed=True))
    assert item is not None and item.value == b"item 3"
    assert reader.member(b"set", b"member 1") is not None and reader.member(b"set", b"player 1") is None
    assert reader.member(b"nobody", b"field") is None


def _trace(served: Served, level: Level, name: bytes) -> list[tuple[str, int | None, int]]:
    recorder = Recorder(served.service)
    reader = _reader(served, level, recorder)
    recorder.trace.clear()
    reader.get(name) if not name.startswith(b"hash") else reader.element(name)
    return [event.shape for event in recorder.trace]


@pytest.mark.parametrize("name", [b"user:7", b"large", b"nobody", b"hash:5"])
def test_a_private_get_is_one_page_and_its_overflow(served: Served, name: bytes) -> None:
    manifest = served.epoch.manifest
    page_query, page_answer = query_bytes(manifest.pages.columns), 4 * manifest.pages.rows
    over_query, over_answer = query_bytes(manifest.overflow.columns), 4 * manifest.overflow.rows
    expected = [("answer 0", page_query, page_answer), ("answer 1", over_query, over_answer)]
    assert manifest.parts == 1 and _trace(served, Pir(), name) == expected


@pytest.mark.parametrize(
    ("collection", "name"), [(b"hash:5", b"field 2"), (b"hash:5", b"none"), (b"nobody", b"x"), (b"user:1", b"x")]
)
def test_a_private_member_is_two_pages_whatever_is_there(served: Served, collection: bytes, name: bytes) -> None:
    recorder = Recorder(served.service)
    reader = _reader(served, Pir(), recorder)
    recorder.trace.clear()
    try:
        reader.member(collection, name)
    except WrongTypeError:
        assert collection == b"user:1"
    assert [event.shape[0] for event in recorder.trace] == ["answer 0", "answer 1"] * 2


def test_opening_fetches_manifest_and_hints_alone(served: Served) -> None:
    recorder = Recorder(served.service)
    _reader(served, Pir(), recorder)
    manifest = served.epoch.manifest
    hints = [("hint", None, 4 * DIMENSION * shape.rows) for shape in (manifest.pages, manifest.overflow)]
    assert [event.shape for event in recorder.trace] == [("manifest", None, len(bytes(manifest))), *hints]


def test_contents_of_private_queries_are_uniform(served: Served) -> None:
    """Chi-square over the bytes of many queries for each of two columns."""
    counts: list[Counter[int]] = []
    for target in (b"user:7", b"large"):
        recorder = Recorder(served.service)
        reader = open_reader(recorder, Pir(), served.root)
        recorder.trace.clear()
        for _ in range(60):
            reader.get(target)
        queries = [event.sent[1] for event in recorder.trace if isinstance(event.sent, tuple)]
        assert len(set(queries)) == len(queries), "no query is sent twice"
        counts.append(Counter(byte for query in queries for byte in query[:-1]))
    for count in counts:
        mean = count.total() / 256
        square = sum((count[byte] - mean) ** 2 / mean for byte in range(256))
        # 255 degrees of freedom: ten deviations off the mean.
        assert square < 255 + 10 * (2 * 255) ** 0.5


def test_blocks_are_asked_for_and_nothing_else(served: Served) -> None:
    def asked(level: Level, name: bytes) -> tuple[Query, ...]:
        recorder = Recorder(served.service)
        reader = _reader(served, level, recorder)
        recorder.trace.clear()
        reader.get(name)
        [event] = recorder.trace
        assert event.request == "prove" and isinstance(event.sent, tuple)
        return event.sent

    names = [f"user:{number}".encode() for number in range(40)]
    buckets = {name: asked(Bucket(k=16), name) for name in names}
    assert all(len(queries) == 1 and isinstance(queries[0], Elements) for queries in buckets.values())
    assert 1 < len(set(buckets.values())) <= 4
    covers = {name: asked(Cover(c=2, k=16), name) for name in names}
    assert {len(queries) for queries in covers.values()} == {2} and len(set(covers.values())) == 2
    assert all(set(buckets[name]) < set(covers[name]) for name in names), "the bucket is among those asked for"
    assert covers == {name: asked(Cover(c=2, k=16), name) for name in names}, "the same ones each time"
    assert asked(Plain(), b"user:3") == (Element(b"user:3"),)


def test_everything_is_fetched_once(served: Served) -> None:
    recorder = Recorder(served.service)
    reader = _reader(served, Full(), recorder)
    manifest = served.epoch.manifest
    sizes = [shape.rows * shape.columns for shape in (manifest.overflow, manifest.pages)]
    assert [event.shape for event in recorder.trace[1:]] == [("columns", None, size) for size in sizes]
    recorder.trace.clear()
    reader.get(b"user:7")
    reader.member(b"hash:5", b"field 2")
    assert recorder.trace == []


def test_what_cannot_be_kept_is_refused_before_anything_is_sent(served: Served) -> None:
    recorder = Recorder(served.service)
    for level in (Pir("global"), Bucket("shard")):
        with pytest.raises(PrivacyError, match="scope"):
            open_reader(recorder, level, served.root)
    assert recorder.trace == []
    with pytest.raises(PrivacyError, match="32 bytes"):
        open_reader(recorder, Cover(), served.root, secret=b"short")
    for level in (Bucket(k=16), Cover(c=2, k=16)):
        reader = _reader(served, level, recorder)
        recorder.trace.clear()
        with pytest.raises(PrivacyError, match="pir or full"):
            reader.member(b"hash:5", b"field 2")
        assert recorder.trace == []


@dataclass
class Liar:
    """A store that spoils what it answers."""

    inner: Service
    hint_at: int | None = None
    spoil_column: int | None = None
    epoch: Epoch | None = None

    def manifest(self) -> tuple[bytes, bytes]:
        return self.inner.manifest()

    def hint(self, number: int) -> bytes:
        data = bytearray(self.inner.hint(number))
        if self.hint_at is not None and number == PAGES:
            data[self.hint_at] ^= 1
        return bytes(data)

    def answer(self, number: int, query: bytes) -> bytes:
        if number == PAGES and self.epoch is not None and self.spoil_column is not None:
            # Cells of one column: the answer differs by that column's number in the query, whichever column is asked for.
            # One cell alone would be rounded away for one number in 256.
            spoiled = bytearray(self.inner.answer(number, query))
            for at in range(0, 32, 4):
                word = query_number(query, self.spoil_column) + int.from_bytes(spoiled[at : at + 4], "little")
                spoiled[at : at + 4] = (word % (1 << 32)).to_bytes(4, "little")
            return bytes(spoiled)
        return self.inner.answer(number, query)

    def column(self, number: int, column: int) -> bytes:
        data = bytearray(self.inner.column(number, column))
        if column == self.spoil_column and number == PAGES:
            data[0] ^= 1
        return bytes(data)

    def columns(self, number: int) -> list[bytes]:
        return [self.column(number, column) for column in range(len(self.inner.columns(number)))]

    def prove(self, queries: list[Query]) -> bytes:
        # A true proof of something else.
        return self.inner.prove([Element(b"another"), *list(queries)[1:]])


def test_a_hint_that_is_not_the_manifests_is_refused(served: Served) -> None:
    with pytest.raises(VerificationError, match="a hint"):
        _reader(served, Pir(), Liar(served.service, hint_at=DIMENSION * 4 + 2))


def test_a_tampered_cell_rejects_target_and_others_alike(served: Served) -> None:
    """Under a hint of the true data a cell that was tampered with spoils the answers of every column: rejection tells nothing."""
    manifest = served.epoch.manifest
    results = []
    targets = [b"user:7", b"user:8", b"user:50", b"hash:3", b"nobody"]
    column = manifest.column(open_reader(served.service, Plain(), served.root).pinned.element_key(targets[0]))
    for target in targets:
        recorder = Recorder(Liar(served.service, spoil_column=column, epoch=served.epoch))
        reader = _reader(served, Pir(), recorder)
        recorder.trace.clear()
        with pytest.raises(VerificationError):
            reader.element(target)
        results.append([event.shape for event in recorder.trace])
    assert all(result == results[0] for result in results), "and the traffic is the same as ever"
    assert results[0] == _trace(served, Pir(), targets[1])


def test_lies_at_other_levels_are_refused(served: Served) -> None:
    for level in (Plain(), Bucket(k=16), Cover(c=2, k=16)):
        with pytest.raises(VerificationError):
            _reader(served, level, Liar(served.service)).get(b"user:7")
    with pytest.raises(VerificationError):
        _reader(served, Full(), Liar(served.service, spoil_column=0))


def test_another_root_is_refused_at_every_level(served: Served) -> None:
    for level in LEVELS:
        with pytest.raises(VerificationError):
            open_reader(served.service, level, Root(bytes(32)), secret=SECRET).get(b"user:7")


def test_an_epoch_of_another_frame_is_refused(served: Served) -> None:
    other = replace(served.epoch.manifest, elements=5)
    service = LocalService(Source.of(served.db.native), replace(served.epoch, manifest=other))
    reader = open_reader(service, Pir(), served.root)
    assert reader.get(b"user:7") == served.db.app(APP).get("user:7"), "counts decide nothing at pir"
    assert (PAGES, OVERFLOW) == (0, 1)
