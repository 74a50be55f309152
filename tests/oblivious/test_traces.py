"""What a store sees, per level: goldens; that two targets of one class cannot be told apart; that the test notices if they can.

The judge gets traces of two targets and says what tells them apart: a shape, a query that is sent twice, or contents whose bytes
are not spread alike. Clients with one mistake each are put before it, so that its silence about the true client means something.
"""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

import hyperdb
from hyperdb.commitment.verify import Bounds, Elements, Root, Row, VerificationError
from hyperdb.oblivious import page
from hyperdb.oblivious.blocks import Partition, bits_for
from hyperdb.oblivious.delta import Deltas
from hyperdb.oblivious.epochs import OVERFLOW, PAGES, Epoch, Source, build
from hyperdb.oblivious.levels import Bucket, Cover, Full, Level, Pir, Plain
from hyperdb.oblivious.lookup import Pinned
from hyperdb.oblivious.pir import query_bytes
from hyperdb.oblivious.ranges import Part, columns, padded
from hyperdb.oblivious.reader import Reader, _Fetched, _overflow_column, _Private, open_reader
from hyperdb.oblivious.service import Event, LocalService, Recorder, Service

from .conftest import APP, fill, query_number

GOLDEN = Path(__file__).parents[1] / "golden" / "oblivious" / "traces.json"
LEVELS: tuple[Level, ...] = (Plain(), Bucket(k=16), Cover(c=2, k=16), Pir(), Full())
SECRET = b"s" * 32
MATRICES = {PAGES: "pages", OVERFLOW: "overflow"}
OPERATIONS: dict[str, Callable[[Reader, bytes], object]] = {
    "element": lambda reader, _: reader.element(b"user:7"),
    "member": lambda reader, _: reader.member(b"hash:5", b"field 2"),
    "absent member": lambda reader, _: reader.member(b"nobody", b"field 2"),
    "range": lambda reader, lone: reader.part(lone, [Bounds()]),
}


@dataclass(frozen=True)
class Served:
    epoch: Epoch
    service: Service

    @property
    def root(self) -> Root:
        return Root(self.epoch.manifest.frame.root)

    @property
    def lone(self) -> bytes:
        """A collection whose members lie in one page: which ones do follows from the store's hash key."""
        plain = open_reader(self.service, Plain(), self.root)
        for number in range(6):
            row = plain.element(b"hash:%d" % number)
            assert row is not None and row.collection is not None
            if len(columns(self.epoch.manifest, row.collection, [Bounds()])) == 1:
                return b"hash:%d" % number
        raise AssertionError("all of them are cut")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with hyperdb.open(":memory:", frames=None) as db:
        fill(db, count=80)
        db.seal()
        source = Source.of(db.native)
        epoch = build(source, APP, size=2048)
        assert epoch.manifest.parts == 1
        yield Served(epoch, LocalService(source, epoch))


def _written(event: Event) -> str:
    """An event as goldens have it: what for, of which matrix or which kinds of queries."""
    if event.request == "prove":
        assert isinstance(event.sent, tuple)
        return f"prove {','.join(type(query).__name__.lower() for query in event.sent)}"
    assert isinstance(event.sent, tuple)
    return f"{event.request} {MATRICES[event.sent[0]]}"


@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_traces_are_the_goldens(served: Served, level: Level) -> None:
    golden = json.loads(GOLDEN.read_text())[str(level)]
    for name, expected in golden.items():
        recorder = Recorder(served.service)
        reader = open_reader(recorder, level, served.root, secret=SECRET)
        recorder.trace.clear()
        OPERATIONS[name](reader, served.lone)
        assert [_written(event) for event in recorder.trace] == expected, name
        shapes = {"answer pages": served.epoch.manifest.pages, "answer overflow": served.epoch.manifest.overflow}
        for event in recorder.trace:
            if event.request == "answer":
                shape = shapes[_written(event)]
                assert event.shape[1:] == (query_bytes(shape.columns), 4 * shape.rows), "sizes are the manifest's"


# The judge.


def _spread(queries: Sequence[bytes]) -> Counter[int]:
    return Counter(byte for query in queries for byte in query)


def _square(one: Counter[int], other: Counter[int]) -> float:
    """Chi-square of two samples of bytes (Pearson 1911): 255 degrees of freedom if they are spread alike."""
    here, there = one.total(), other.total()
    found = 0.0
    for byte in range(256):
        both = one[byte] + other[byte]
        if both:
            expected = both * here / (here + there)
            found += (one[byte] - expected) ** 2 / expected + (other[byte] - (both - expected)) ** 2 / (both - expected)
    return found


def told_apart(one: Sequence[Sequence[Event]], other: Sequence[Sequence[Event]]) -> str | None:
    """What tells reads of two targets apart; None if nothing does."""
    shapes = [{tuple(event.shape for event in trace) for trace in traces} for traces in (one, other)]
    if shapes[0] != shapes[1] or len(shapes[0]) != 1:
        return "shapes"
    sent = [[event.sent[1] for trace in traces for event in trace if isinstance(event.sent, tuple)] for traces in (one, other)]
    every = [query for queries in sent for query in queries]
    if len(set(every)) != len(every):
        return "a query is sent twice"
    # Six deviations: one run in a hundred million is blamed for nothing.
    return "contents" if _square(_spread(sent[0]), _spread(sent[1])) > 255 + 6 * (2 * 255) ** 0.5 else None


# Clients with a mistake each.


class StopsEarly(_Private):
    """Leaves the overflow alone where the page does not go on there."""

    def _fetch_column(self, number: int) -> _Fetched:
        column = self._ask(PAGES, self._pages, number)
        overflow = b""
        if self._overflow is not None and page.read_trailer(column).overflow != page.NOWHERE:
            overflow = self._ask(OVERFLOW, self._overflow, _overflow_column(column))
        return _Fetched(self.pinned, column, overflow)


class Retries(_Private):
    """Asks again for what does not verify."""

    def _fetch_column(self, number: int) -> _Fetched:
        found = super()._fetch_column(number)
        try:
            found.shown()
        except VerificationError:
            found = super()._fetch_column(number)
        return found


class Caches(_Private):
    """Does not ask again for what it has."""

    def __init__(self, service: Service, pinned: Pinned, random: Callable[[int], bytes]) -> None:
        super().__init__(service, pinned, random)
        self._had: dict[int, _Fetched] = {}

    def _fetch_column(self, number: int) -> _Fetched:
        if number not in self._had:
            self._had[number] = super()._fetch_column(number)
        return self._had[number]


class VariesSizes(_Private):
    """Cuts zeros off the end of what it sends."""

    def _ask(self, number: int, asker: object, column: int) -> bytes:
        query, mask = asker.ask(column)  # type: ignore[attr-defined]
        answer = self.service.answer(number, query)
        if column % 2:
            self.service.answer(number, query[: len(query) // 2].ljust(len(query), b"\x00"))
        return mask.recover(answer)


class AsksPlainly(_Private):
    """Adds nothing to hide what it asks for."""

    def _ask(self, number: int, _asker: object, column: int) -> bytes:
        shape = (self.pinned.manifest.pages, self.pinned.manifest.overflow)[number]
        unit = 1 << 28 * column + 20
        answer = self.service.answer(number, unit.to_bytes(query_bytes(shape.columns), "little"))
        return answer[3::4]


class ForgetsChance(_Private):
    """Draws the same randomness each time."""

    def __init__(self, service: Service, pinned: Pinned, _random: Callable[[int], bytes]) -> None:
        super().__init__(service, pinned, bytes)


class SkipsChanged(_Private):
    """Does not ask for what it knows to have changed since the epoch."""

    def element(self, name: bytes) -> Row | None:
        key = self.pinned.element_key(name)
        return self.pinned.changes.rows[key] if key in self.pinned.changes.rows else super().element(name)


class LooksForWhatChanged(_Private):
    """Asks for what changed when it did not find something."""

    def element(self, name: bytes) -> Row | None:
        found = super().element(name)
        if found is None:
            self.service.delta()
        return found


class SkipsMembers(_Private):
    """Does not ask for members of what is no collection."""

    def members(self, collection: bytes, names: Sequence[bytes]) -> tuple[Row | None, list[Row | None]]:
        row = self.element(collection)
        return (row, [None] * len(names)) if row is None or row.collection is None else super().members(collection, names)


class VerifiesFirst(_Private):
    """Looks whether the header's page holds before it asks for more."""

    def part(self, collection: bytes, wanted: Sequence[Bounds]) -> Part:
        self._fetch(self.pinned.element_key(collection)).shown()
        return super().part(collection, wanted)


class FillsNothingUp(_Private):
    """Asks for as many pages as a range has."""

    def part(self, collection: bytes, wanted: Sequence[Bounds]) -> Part:
        header = self._fetch(self.pinned.element_key(collection)).told(collection)
        for column in columns(self.pinned.manifest, header, wanted) if header is not None else ():
            self._fetch_column(column)
        return Part(None)


Operation = Callable[[Reader, bytes], object]
ELEMENT: Operation = lambda reader, target: reader.element(target)  # noqa: E731 - one of several
FIELD: Operation = lambda reader, target: reader.members(target, [b"field 1", b"nobody"])  # noqa: E731
RANGE: Operation = lambda reader, target: reader.part(target, [Bounds()])  # noqa: E731


def _traces(
    served: Served,
    target: bytes,
    kind: type[_Private],
    *,
    service: Service | None = None,
    delta: bytes = b"",
    operation: Operation = ELEMENT,
) -> list[list[Event]]:
    recorder = Recorder(service or served.service)
    pinned = open_reader(served.service, Plain(), served.root).pinned
    reader = Reader(Pir(), pinned, kind(recorder, pinned, random.SystemRandom().randbytes))
    if delta:
        reader.refresh(delta)
    found = []
    for _ in range(12):
        recorder.trace.clear()
        try:
            operation(reader, target)
        except VerificationError:
            assert service is not None, "only a store that lies is caught"
        found.append(list(recorder.trace))
    return found


def test_targets_of_one_class_cannot_be_told_apart(served: Served) -> None:
    """One that goes on in the overflow, one that does not, one that is not there, and a collection."""
    traces = [_traces(served, target, _Private) for target in (b"large", b"user:7", b"nobody", b"hash:5")]
    for other in traces[1:]:
        assert told_apart(traces[0], other) is None


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (StopsEarly, "shapes"),
        (Caches, "shapes"),
        (VariesSizes, "shapes"),
        (ForgetsChance, "a query is sent twice"),
        (AsksPlainly, "a query is sent twice"),
    ],
)
def test_the_judge_notices_a_client_with_a_mistake(served: Served, kind: type[_Private], why: str) -> None:
    manifest = served.epoch.manifest
    pinned = open_reader(served.service, Plain(), served.root).pinned
    odd = next(name for name in _names() if manifest.column(pinned.element_key(name)) % 2)
    even = next(name for name in _names() if not manifest.column(pinned.element_key(name)) % 2)
    one, other = (odd, even) if kind is VariesSizes else (b"large", b"user:7")
    assert told_apart(_traces(served, one, kind), _traces(served, other, kind)) == why


@pytest.fixture(scope="module")
def changed() -> Iterator[tuple[Served, bytes]]:
    """A store that changed after its epoch, and what did."""
    with hyperdb.open(":memory:", frames=None) as db:
        fill(db, count=80)
        db.seal()
        source = Source.of(db.native)
        epoch = build(source, APP, size=2048)
        app = db.app(APP)
        app.put("user:7", b"other")
        app.put("new", b"value")
        app.remove("user:8")
        db.execute(APP, "DEL", "hash:5")
        db.seal()
        made = Deltas(source, epoch).until()
        assert made is not None
        yield Served(epoch, LocalService(source, epoch)), bytes(made)


def test_what_changed_since_the_epoch_cannot_be_told_apart(changed: tuple[Served, bytes]) -> None:
    """Changed, new, gone, a collection that went, and what stayed; and all of them from reads of one who knows of no change."""
    served, delta = changed
    traces = [
        _traces(served, target, _Private, delta=delta)
        for target in (b"user:7", b"new", b"user:8", b"hash:5", b"user:9", b"large")
    ]
    for other in (*traces[1:], _traces(served, b"user:9", _Private)):
        assert told_apart(traces[0], other) is None


@pytest.mark.parametrize(
    ("kind", "targets"), [(SkipsChanged, (b"user:7", b"user:9")), (LooksForWhatChanged, (b"user:8", b"new"))]
)
def test_the_judge_notices_who_treats_changes_differently(
    changed: tuple[Served, bytes], kind: type[_Private], targets: tuple[bytes, bytes]
) -> None:
    served, delta = changed
    one, other = (_traces(served, target, kind, delta=delta) for target in targets)
    assert told_apart(one, other) == "shapes"


def test_the_judge_notices_contents_that_are_spread_differently() -> None:
    source = random.Random(1)

    def trace(most: int) -> list[Event]:
        query = b"".join(bytes([0, 0, source.randrange(256), source.randrange(most)]) for _ in range(4_000))
        return [Event("answer", (0, query), 100)]

    alike, other = [trace(256) for _ in range(4)], [trace(240) for _ in range(4)]
    assert told_apart(alike, [trace(256) for _ in range(4)]) is None
    assert told_apart(alike, other) == "contents"


class Spoils(LocalService):
    """A store that spoils a cell of one column, under the hint of the true data."""

    def answer(self, number: int, query: bytes) -> bytes:
        found = bytearray(super().answer(number, query))
        if number == PAGES:
            word = query_number(query, 0) + int.from_bytes(found[:4], "little")
            found[:4] = (word % (1 << 32)).to_bytes(4, "little")
        return bytes(found)


def test_failures_are_silent_and_a_client_that_retries_is_noticed(served: Served) -> None:
    """Reads of a store that lies look like reads of one that does not; asking again would tell it that it was caught."""
    assert isinstance(served.service, LocalService)
    liar = Spoils(served.service.source, served.epoch)
    truthful = _traces(served, b"user:7", _Private)
    assert told_apart(truthful, _traces(served, b"user:7", _Private, service=liar)) is None
    assert told_apart(truthful, _traces(served, b"user:7", Retries, service=liar)) == "shapes"


def _names() -> list[bytes]:
    return [f"user:{number}".encode() for number in range(80)]


def _spans(served: Served) -> dict[bytes, int]:
    """In how many pages the fields of hashes lie: it follows from the store's hash key."""
    plain = open_reader(served.service, Plain(), served.root)
    rows = {name: plain.element(name) for name in (b"hash:%d" % number for number in range(16))}
    headers = {name: row.collection for name, row in rows.items() if row is not None and row.collection is not None}
    return {name: len(columns(served.epoch.manifest, header, [Bounds()])) for name, header in headers.items()}


def _filled_alike(served: Served) -> tuple[bytes, bytes]:
    """Two hashes of different numbers of pages, more than two, which are filled up to the same."""
    spans = _spans(served)
    pairs = itertools.combinations(spans, 2)
    return next((a, b) for a, b in pairs if 2 < spans[a] != spans[b] > 2 and padded(spans[a]) == padded(spans[b]))


@pytest.fixture(scope="module")
def hashes() -> Iterator[Served]:
    """Hashes of one to some pages."""
    with hyperdb.open(":memory:", frames=None) as db:
        fill(db, count=40)
        for number in range(6, 16):
            db.app(APP).hash(f"hash:{number}").update({f"field {field}": bytes(60) for field in range(12 * (number - 5))})
        db.seal()
        source = Source.of(db.native)
        epoch = build(source, APP, size=2048)
        yield Served(epoch, LocalService(source, epoch))


def test_members_and_ranges_cannot_be_told_apart(hashes: Served) -> None:
    """There or not, of a collection or of what is none; ranges that are filled up to the same number of pages."""
    one, other = _filled_alike(hashes)
    lone = next(name for name, pages in _spans(hashes).items() if pages == 1)
    members = [_traces(hashes, target, _Private, operation=FIELD) for target in (one, b"nobody", b"user:7", lone)]
    ranges = [_traces(hashes, target, _Private, operation=RANGE) for target in (one, other)]
    small = [_traces(hashes, target, _Private, operation=RANGE) for target in (lone, b"nobody", b"user:7")]
    for first, *others in (members, ranges, small):
        assert [told_apart(first, other) for other in others] == [None] * len(others)


def test_the_judge_notices_clients_that_read_members_and_ranges_otherwise(hashes: Served) -> None:
    some, more = _filled_alike(hashes)
    cases: tuple[tuple[type[_Private], Operation, bytes, bytes], ...] = (
        (SkipsMembers, FIELD, some, b"nobody"),
        (Caches, FIELD, some, b"nobody"),
        (FillsNothingUp, RANGE, some, more),
    )
    for kind, operation, one, other in cases:
        traces = [_traces(hashes, target, kind, operation=operation) for target in (one, other)]
        assert told_apart(*traces) == "shapes", kind


class SpoilsProofs(LocalService):
    """A store that spoils the proof of every page, under the hint of the true data: rows are as they were."""

    def answer(self, number: int, query: bytes) -> bytes:
        found = bytearray(super().answer(number, query))
        if number == PAGES:
            # The byte before the trailer of twelve: a number u32 LE each, of which the highest byte counts.
            at = len(found) - 4 * 13 + 3
            found[at] ^= 128
        return bytes(found)


def test_failures_of_members_and_ranges_are_silent_too(hashes: Served) -> None:
    """How many pages are asked for does not tell whether the first one held: it is looked at when all were asked for."""
    assert isinstance(hashes.service, LocalService)
    liar = SpoilsProofs(hashes.service.source, hashes.epoch)
    target, _ = _filled_alike(hashes)
    for operation in (FIELD, RANGE):
        truthful = _traces(hashes, target, _Private, operation=operation)
        lied = _traces(hashes, target, _Private, operation=operation, service=liar)
        assert told_apart(truthful, lied) is None
    with pytest.raises(VerificationError):
        open_reader(liar, Pir(), hashes.root).part(target, [Bounds()])
    lied = _traces(hashes, target, VerifiesFirst, operation=RANGE, service=liar)
    assert told_apart(_traces(hashes, target, VerifiesFirst, operation=RANGE), lied) == "shapes"


def test_fresh_decoys_fall_to_intersection_and_sticky_ones_stand(served: Served) -> None:
    """The attack, run: who asks again with other decoys names the block; the client's own covers are the same each time."""
    manifest = served.epoch.manifest
    partition = Partition(bits_for(manifest.elements, 4))
    assert partition.bits >= 3

    def asked(secrets: Iterator[bytes]) -> list[set[Bounds]]:
        found = []
        for secret in secrets:
            recorder = Recorder(served.service)
            reader = open_reader(recorder, Cover(c=4, k=4), served.root, secret=secret)
            recorder.trace.clear()
            assert reader.get(b"user:7") is not None
            [event] = recorder.trace
            assert isinstance(event.sent, tuple)
            found.append({query.bounds for query in event.sent if isinstance(query, Elements)})
        return found

    source = random.Random(1)
    fresh = asked(source.randbytes(32) for _ in range(8))
    sticky = asked(SECRET for _ in range(8))
    assert {len(blocks) for blocks in (*fresh, *sticky)} == {4}
    assert len(set.intersection(*fresh)) == 1, "the target's block, and nothing else"
    assert len(set.intersection(*sticky)) == 4


def test_covers_of_a_cell_are_the_same_for_all_that_lies_in_it(served: Served) -> None:
    """Two questions about two things of one cell show the store one set: it cannot even tell that they were two things."""
    recorder = Recorder(served.service)
    reader = open_reader(recorder, Cover(c=2, k=8), served.root, secret=SECRET)
    recorder.trace.clear()
    for name in _names()[:24]:
        reader.get(name)
    sets = [frozenset(event.sent) for event in recorder.trace if isinstance(event.sent, tuple)]
    for one in set(sets):
        for other in set(sets):
            assert one == other or not one & other
