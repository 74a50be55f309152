"""Reading an app through a service at a level: get and member, verified, with requests that do not depend on the answer.

Theory: each operation has a fixed list of requests. At `pir` every page is fetched with the manifest's number of overflow
columns, and a member costs two pages, its collection's header and its own, there or not: stopping early would tell. What is wrong
is raised when the last request was made, so that a store which spoils one page learns nothing from what follows
(docs/epoch-format.md, Selective failure). Invariant: what cannot be kept at a level is refused before anything is sent.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from hyperdb.commitment.verify import (
    Bounds,
    Collection,
    Element,
    Elements,
    Found,
    Frame,
    Member,
    Query,
    Row,
    Rows,
    Trusted,
    VerificationError,
)
from hyperdb.commitment.verify.hashing import digest
from hyperdb.commitment.verify.places import hash_place, member_key
from hyperdb.errors import PrivacyError, WrongTypeError
from hyperdb.oblivious import page
from hyperdb.oblivious.blocks import Cells, Partition, bits_for
from hyperdb.oblivious.delta import NOTHING, Changes, read_delta
from hyperdb.oblivious.epochs import OVERFLOW, PAGES
from hyperdb.oblivious.ledger import Ledger
from hyperdb.oblivious.levels import Bucket, Cover, Full, Level, Pir, Plain
from hyperdb.oblivious.lookup import Pinned, Shown
from hyperdb.oblivious.manifest import Manifest, Shape, read_manifest
from hyperdb.oblivious.pir import Asker, Hint, Place
from hyperdb.oblivious.ranges import Part, collect, columns, keys, meant, padded
from hyperdb.oblivious.service import Service

Random = Callable[[int], bytes]
Moved = tuple[bytes, Row | None, Row | None]
"""A logical key, the row that lay there before, and the one that lies there now."""


class Mechanism(ABC):
    """How elements and members are fetched."""

    def __init__(self, service: Service, pinned: Pinned) -> None:
        self.service = service
        self.pinned = pinned

    @abstractmethod
    def element(self, name: bytes) -> Row | None:
        """A verified element."""

    @abstractmethod
    def members(self, collection: bytes, names: Sequence[bytes]) -> tuple[Row | None, list[Row | None]]:
        """An element, and if it is a collection its members of these names."""

    @abstractmethod
    def part(self, collection: bytes, wanted: Sequence[Bounds]) -> Part:
        """The header of a collection and all its members in some ranges."""

    def _part(self, row: Row, before: Row | None, ranges: Sequence[Bounds], shown: Callable[[], tuple[Row, ...]]) -> Part:
        """Ranges of a collection as it is now; `before` and `shown` are what the epoch holds of it."""
        header = row.collection
        if header is None:
            return Part(row)
        spans = [keys(header, bounds) for bounds in ranges]
        held = before.collection if before is not None else None
        return Part(row, self.pinned.part(header, held, spans, shown))


class Reader:
    """See `open_reader`."""

    def __init__(self, level: Level, pinned: Pinned, mechanism: Mechanism) -> None:
        self.level = level
        self.pinned = pinned
        self._mechanism = mechanism

    @property
    def frame(self) -> Frame:
        """As of which frame it reads: the epoch's, or the later one up to which it knows what changed."""
        return self.pinned.changes.frame or self.pinned.manifest.frame

    def refresh(self, delta: bytes) -> None:
        """Goes on with what changed since the epoch; no bytes: nothing did. Reads make the same requests as before.

        Raises:
            VerificationError: the delta does not hold, or is older than what was seen before.
        """
        self.follow(read_delta(delta).check(self.pinned.manifest, self.pinned.trusted) if delta else NOTHING)

    def follow(self, changes: Changes) -> None:
        """Goes on with verified changes since the epoch.

        Raises:
            VerificationError: they are older than what was seen before.
        """
        number = (changes.frame or self.pinned.manifest.frame).number
        if number < self.frame.number:
            raise VerificationError("rollback", f"changes up to frame {number}, which is older than what was seen")
        self.pinned = self._mechanism.pinned = replace(self.pinned, changes=changes)

    def get(self, name: bytes) -> bytes | None:
        """The value of a vertex, or None.

        Raises:
            WrongTypeError: the id names a hyperedge.
            VerificationError: what the store sent does not hold.
        """
        row = self._mechanism.element(name)
        if row is None:
            return None
        if row.kind != "vertex":
            raise WrongTypeError(f"{name!r} names a hyperedge of kind {row.kind}")
        return row.value

    def element(self, name: bytes) -> Row | None:
        """A vertex, or the header of a hyperedge."""
        return self._mechanism.element(name)

    def member(self, collection: bytes, name: bytes) -> Row | None:
        """A field, member or row of a collection by name, an item of a list by its index as i64 LE.

        Raises:
            PrivacyError: members cannot be read at this level.
            VerificationError: what the store sent does not hold.
        """
        header, [row] = self._mechanism.members(collection, [name])
        if header is not None and header.collection is None:
            raise WrongTypeError(f"{collection!r} names a vertex")
        return row

    def members(self, collection: bytes, names: Sequence[bytes]) -> tuple[Row | None, list[Row | None]]:
        """The element of this name and, if it is a collection, its members of these names; None each that is not there.

        Raises:
            PrivacyError: members cannot be read at this level.
            VerificationError: what the store sent does not hold.
        """
        return self._mechanism.members(collection, names)

    def part(self, collection: bytes, wanted: Sequence[Bounds] = ()) -> Part:
        """The element of this name and, if it is a collection, all its members in some ranges.

        Raises:
            PrivacyError: members cannot be read at this level, or are too many for it.
            VerificationError: what the store sent does not hold.
        """
        return self._mechanism.part(collection, wanted)

    def since(self, before: Changes) -> list[Moved]:
        """What differs, now, from what earlier changes of the same epoch said; at `full`, where nothing is sent for it.

        Raises:
            PrivacyError: at any other level.
        """
        if not isinstance(self._mechanism, _Everything):
            raise PrivacyError(f"what moved is read at 'full', not at '{self.level}'")
        return self._mechanism.since(before)

    def is_known(self, name: bytes) -> bool:
        """Whether reading an element sends nothing, since its blocks were asked for before."""
        return isinstance(self._mechanism, _Blocks) and self._mechanism.is_known(name)

    def everything(self) -> Iterable[Row]:
        """All rows of the app.

        Raises:
            PrivacyError: at any level but `full`.
        """
        if not isinstance(self._mechanism, _Everything):
            raise PrivacyError(f"a list of everything is read at 'full', not at '{self.level}'")
        return self._mechanism.everything()


def open_reader(
    service: Service,
    level: Level,
    trusted: Trusted,
    *,
    secret: bytes = b"",
    random: Random = os.urandom,
    ledger: Ledger | None = None,
    ahead: bool = False,
) -> Reader:
    """A reader of the epoch that a service has.

    Args:
        service: the store.
        level: what it may learn.
        trusted: what is pinned: a root, the store's key, or the owner's.
        secret: the client's own key for covers, 32 bytes that stay the same; needed by `cover` alone.
        random: the system's generator.
        ledger: which blocks of the epoch were asked for before; the reader's own if None.
        ahead: private queries are prepared by a thread, before they are needed.

    Raises:
        PrivacyError: the level cannot be kept.
        VerificationError: the manifest or a hint is not what it should be.
    """
    if level.scope != "app":
        raise PrivacyError(f"the scope '{level.scope}' is not built: an epoch is of one app")
    manifest, attestation = service.manifest()
    pinned = Pinned(read_manifest(manifest), trusted, attestation)
    pinned.check()
    client = _Client(secret, random, Ledger() if ledger is None else ledger, ahead)
    return Reader(level, pinned, _mechanism(service, level, pinned, client))


@dataclass(frozen=True)
class _Client:
    """What mechanisms have of their own."""

    secret: bytes
    random: Random
    ledger: Ledger
    ahead: bool


def _mechanism(service: Service, level: Level, pinned: Pinned, client: _Client) -> Mechanism:
    match level:
        case Plain():
            return _Clear(service, pinned)
        case Bucket(k=k):
            return _Blocks(service, pinned, Cells(Partition(bits_for(pinned.manifest.elements, k)), 1, b""), client.ledger)
        case Cover(c=c, k=k):
            if len(client.secret) != _SECRET_BYTES:
                raise PrivacyError(f"covers are chosen by a secret of {_SECRET_BYTES} bytes that stays the same")
            cells = Cells(Partition(bits_for(pinned.manifest.elements, k)), c, client.secret)
            return _Blocks(service, pinned, cells, client.ledger)
        case Pir():
            return _Private(service, pinned, client.random, ahead=client.ahead)
        case Full():
            return _Everything(service, pinned)
    raise PrivacyError(f"the level {level} is not known")


_SECRET_BYTES = 32
_NEVER = object()
"""In no delta."""


class _Clear(Mechanism):
    """`none`: a proof of what is asked for."""

    def element(self, name: bytes) -> Row | None:
        return self.pinned.element(name, self._asked([Element(name)])[0][0])

    def members(self, collection: bytes, names: Sequence[bytes]) -> tuple[Row | None, list[Row | None]]:
        before = self._asked([Element(collection)])[0][0]
        row = self.pinned.element(collection, before)
        if row is None or row.collection is None:
            return row, [None] * len(names)
        if not self.pinned.changes.rows:
            found, _ = self._asked([Element(collection), *(Member(collection, name) for name in names)])
            return found[0], found[1:]
        # What the epoch holds at keys that follow from the header as it is now.
        wanted = [self.pinned.member_key(row.collection, name) for name in names]
        own = [key[len(member_key(row.collection.cid, b"")) :] for key in wanted]
        known = before.collection if before is not None else None
        _, shown = self._asked([Element(collection), *(Rows(collection, Bounds(key, key + b"\x00")) for key in own)])
        at = partial(shown.member, collection)
        return row, [self.pinned.member(row.collection, key, known, partial(at, key)) for key in wanted]

    def part(self, collection: bytes, wanted: Sequence[Bounds]) -> Part:
        before = self._asked([Element(collection)])[0][0]
        row = self.pinned.element(collection, before)
        if row is None or row.collection is None or not wanted:
            return Part(row)
        ranges = meant(row.collection, wanted)
        _, shown = self._asked([Element(collection), *(Rows(collection, bounds) for bounds in ranges)])
        return self._part(row, before, ranges, partial(collect, [shown], collection, row.collection, ranges))

    def _asked(self, queries: list[Query]) -> tuple[list[Row | None], Shown]:
        shown = self.pinned.shown(self.service.prove(queries))
        if [answer.query for answer in shown.answers] != queries:
            raise VerificationError("claim", "the proof answers another question")
        return [answer.row if isinstance(answer, Found) else None for answer in shown.answers], shown


class _Blocks(Mechanism):
    """`bucket` and `cover`: one proof of whole blocks, once an epoch."""

    def __init__(self, service: Service, pinned: Pinned, cells: Cells, ledger: Ledger) -> None:
        super().__init__(service, pinned)
        self._cells = cells
        self._ledger = ledger

    def asks(self, name: bytes) -> list[Query]:
        """What the store is asked for an element, the first time."""
        partition = self._cells.partition
        block = partition.block(hash_place(self.pinned.manifest.frame.hash_key, name))
        return [Elements(partition.bounds(each)) for each in self._cells.cover(block)]

    def is_known(self, name: bytes) -> bool:
        """Whether the blocks of an element were asked for in this epoch."""
        return self._ledger.has(self.asks(name))

    def element(self, name: bytes) -> Row | None:
        queries = self.asks(name)
        shown = self.pinned.shown(self._ledger.ask(queries, self.service.prove))
        if [answer.query for answer in shown.answers] != queries:
            raise VerificationError("claim", "the proof answers another question")
        return self.pinned.element(name, shown.element(name))

    def members(self, _collection: bytes, _names: Sequence[bytes]) -> tuple[Row | None, list[Row | None]]:
        raise PrivacyError("blocks are of elements; members of a collection are read at pir or full")

    def part(self, collection: bytes, wanted: Sequence[Bounds]) -> Part:
        if wanted:
            raise PrivacyError("blocks are of elements; members of a collection are read at pir or full")
        return Part(self.element(collection))


class _Private(Mechanism):
    """`pir`: columns by encrypted queries."""

    def __init__(self, service: Service, pinned: Pinned, random: Random, *, ahead: bool = False) -> None:
        super().__init__(service, pinned)
        manifest = pinned.manifest
        asker = partial(_asker, service, manifest, random=random, ahead=ahead)
        self._pages = asker(PAGES, manifest.pages)
        self._overflow = asker(OVERFLOW, manifest.overflow) if manifest.parts else None

    def element(self, name: bytes) -> Row | None:
        # Fetched also when it is known to have changed.
        return self.pinned.element(name, self._fetch(self.pinned.element_key(name)).shown().element(name))

    def members(self, collection: bytes, names: Sequence[bytes]) -> tuple[Row | None, list[Row | None]]:
        first = self._fetch(self.pinned.element_key(collection))
        before = first.told(collection)
        header = self.pinned.header(collection, before)
        # A page for each name is fetched whatever the first one holds, or whether it holds anything.
        wanted = [self.pinned.member_key(header, name) if header is not None else b"" for name in names]
        pages = [self._fetch(key) for key in wanted]
        row = self.pinned.element(collection, first.held(collection, before))
        shown = [page.shown() for page in pages]
        if row is None or header is None:
            return row, [None] * len(names)
        at = zip(shown, wanted, strict=True)
        return row, [self.pinned.member(header, key, before, partial(page.member, collection, key)) for page, key in at]

    def part(self, collection: bytes, wanted: Sequence[Bounds]) -> Part:
        first = self._fetch(self.pinned.element_key(collection))
        before = first.told(collection)
        header = self.pinned.header(collection, before)
        if not wanted:
            return Part(self.pinned.element(collection, first.shown().element(collection)))
        ranges = meant(header, wanted) if header is not None else ()
        asked = columns(self.pinned.manifest, header, ranges) if header is not None else ()
        # Pages that nobody wants fill the number up; which they are is encrypted like any other.
        filled = [*asked, *[self.pinned.manifest.columns[0]] * (padded(len(asked)) - len(asked))]
        pages = [self._fetch_column(column) for column in filled]
        held = first.held(collection, before)
        row = self.pinned.element(collection, held)
        if row is None or header is None:
            return Part(row)
        return self._part(row, held, ranges, partial(collect, [page.shown() for page in pages], collection, header, ranges))

    def _fetch(self, key: bytes) -> _Fetched:
        return self._fetch_column(self.pinned.manifest.column(key))

    def _fetch_column(self, number: int) -> _Fetched:
        manifest = self.pinned.manifest
        column = self._ask(PAGES, self._pages, number)
        overflow = b""
        if self._overflow is not None:
            first = _overflow_column(column)
            last = manifest.overflow.columns - 1
            parts = (self._ask(OVERFLOW, self._overflow, min(first + part, last)) for part in range(manifest.parts))
            overflow = b"".join(parts)
        return _Fetched(self.pinned, column, overflow)

    def _ask(self, number: int, asker: Asker, column: int) -> bytes:
        query, mask = asker.ask(column)
        return mask.recover(self.service.answer(number, query))


def _overflow_column(column: bytes) -> int:
    """Where a page says that it goes on; 0 if it does not, or says nothing that can be."""
    try:
        trailer = page.read_trailer(column)
    except VerificationError:
        return 0
    return 0 if trailer.overflow == page.NOWHERE else trailer.overflow


class _Fetched:
    """A page and what was fetched with it; verified when all requests were made, so that none waits for it."""

    def __init__(self, pinned: Pinned, column: bytes, overflow: bytes) -> None:
        self._pinned = pinned
        self._column = column
        self._overflow = overflow
        self._shown: Shown | None = None

    def told(self, name: bytes) -> Collection | None:
        """What the page says of a collection's header, verified by nobody yet."""
        return self._pinned.told(self._column, self._overflow, name)

    def held(self, name: bytes, told: Collection | None) -> Row | None:
        """An element that the page shows.

        Raises:
            VerificationError: the page does not hold, or shows another header than it told.
        """
        row = self.shown().element(name)
        if (row.collection if row is not None else None) != told:
            raise VerificationError("claim", "a page that tells another header than it shows")
        return row

    def shown(self) -> Shown:
        """What the page shows.

        Raises:
            VerificationError: it does not hold.
        """
        if self._shown is None:
            self._shown = self._pinned.open(self._column, self._overflow)
        return self._shown


def _asker(service: Service, manifest: Manifest, number: int, shape: Shape, *, random: Random, ahead: bool) -> Asker:
    data = service.hint(number)
    if digest("hyperdb/epoch-hint", data) != shape.hint:
        raise VerificationError("attestation", "a hint that is not the manifest's")
    hint = Hint.read(Place(manifest.address, number), shape.rows, data)
    return Asker(hint, shape.columns, random=random, ahead=ahead)


class _Everything(Mechanism):
    """`full`: all pages once, then nothing."""

    def __init__(self, service: Service, pinned: Pinned) -> None:
        super().__init__(service, pinned)
        manifest = pinned.manifest
        overflow, columns = list(service.columns(OVERFLOW)), service.columns(PAGES)
        if (len(overflow), len(columns)) != (manifest.overflow.columns, manifest.pages.columns):
            raise VerificationError("claim", "more or fewer columns than the manifest says")
        shown = [pinned.open(columns[column], self._overflow(columns[column], overflow)) for column in manifest.columns]
        self._shown: Mapping[int, Shown] = dict(zip(manifest.columns, shown, strict=True))

    def _overflow(self, column: bytes, overflow: list[bytes]) -> bytes:
        first = _overflow_column(column)
        return b"".join(overflow[first : first + self.pinned.manifest.parts])

    def element(self, name: bytes) -> Row | None:
        return self.pinned.element(name, self._at(self.pinned.element_key(name)).element(name))

    def members(self, collection: bytes, names: Sequence[bytes]) -> tuple[Row | None, list[Row | None]]:
        row, before = self._header(collection)
        if row is None or row.collection is None:
            return row, [None] * len(names)
        header, held = row.collection, before.collection if before is not None else None
        wanted = [self.pinned.member_key(header, name) for name in names]
        return row, [self.pinned.member(header, key, held, partial(self._member, collection, key)) for key in wanted]

    def part(self, collection: bytes, wanted: Sequence[Bounds]) -> Part:
        row, before = self._header(collection)
        if row is None or row.collection is None:
            return Part(row)
        ranges = meant(row.collection, wanted)
        pages = [self._shown[column] for column in columns(self.pinned.manifest, row.collection, ranges)]
        return self._part(row, before, ranges, partial(collect, pages, collection, row.collection, ranges))

    def everything(self) -> Iterable[Row]:
        """All rows."""
        return self.pinned.everything(row for shown in self._shown.values() for row in shown.rows())

    def since(self, before: Changes) -> list[Moved]:
        """See `Reader.since`."""
        now = self.pinned.changes.rows
        keys = [key for key in {**before.rows, **now} if key not in now or before.rows.get(key, _NEVER) != now[key]]
        held = {key: self._at(key).row(key) for key in keys}
        return [(key, before.rows.get(key, held[key]), now.get(key, held[key])) for key in sorted(keys)]

    def _header(self, collection: bytes) -> tuple[Row | None, Row | None]:
        """An element now, and at the epoch."""
        before = self._at(self.pinned.element_key(collection)).element(collection)
        return self.pinned.element(collection, before), before

    def _member(self, collection: bytes, key: bytes) -> Row | None:
        return self._at(key).member(collection, key)

    def _at(self, key: bytes) -> Shown:
        return self._shown[self.pinned.manifest.column(key)]
