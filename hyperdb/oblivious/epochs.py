"""Epochs: what an app holds at a frame, laid out so that it can be asked for without saying what.

Theory: pages in the order of keys are the columns of one matrix; what of them is larger than a page goes on in the columns of
another. Every read makes the same number of queries to both. The next epoch keeps a page's column as long as its interval is not
cut, and a page that is cut goes on in a column that is appended: then rows of hints for bytes that hold no proof follow from the
pages whose data changed. Invariant: an epoch never changes once it is made, and its hints are those of its matrices however it
was made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise

from hyperdb import _native
from hyperdb.commitment.frames import Frames
from hyperdb.commitment.verify import Query
from hyperdb.commitment.verify.bundle import address
from hyperdb.commitment.verify.hashing import digest
from hyperdb.commitment.verify.places import ordered_varint
from hyperdb.errors import InvalidError, NotFoundError, NotProvableError
from hyperdb.oblivious import page
from hyperdb.oblivious.bundles import Cut, Head, cut, split
from hyperdb.oblivious.manifest import MOST_COLUMNS, MOST_PARTS, MOST_ROWS, Manifest, Shape
from hyperdb.oblivious.packing import LAST, Contents, Item, Packer, run_of
from hyperdb.oblivious.pir import Place
from hyperdb.oblivious.stack import TILE, Stack

PAGES, OVERFLOW = 0, 1
"""Numbers of an epoch's matrices."""
_DATA = 0
_ELEMENT, _MEMBER = b"\x02", b"\x03"
_VERTEX = 1
_HEADER_AT = (2, 10)
"""Where an element record goes on behind its kind: without and with an expiry."""
_ID_AT = 9
_ONE_BYTE = 247
"""Up to here an ordered varint has one byte."""
_ROOT_BYTES, _SIGNED_BYTES, _ED448_BYTES = 32, 64, 114
"""Of an attestation: the app's root, with the manifest's digest, the signature at its end."""
_ROW_BYTES = 28
"""What a row has besides key and value: salt, version, lengths, its slot."""


@dataclass(frozen=True)
class Source:
    """What epochs are made from: an open store."""

    frames: Frames
    engine: _native.Engine
    store: _native.Store

    @classmethod
    def of(cls, store: _native.Store) -> Source:
        """The source of a store."""
        return cls(Frames(store), store.engine(), store)


@dataclass(frozen=True)
class Piece:
    """An interval of keys and what is shown of it."""

    fence: bytes
    parts: Cut


@dataclass(frozen=True)
class Epoch:
    """See the module. What `manifest` and `attestation` say is what clients get; the rest is what answers them."""

    manifest: Manifest
    pages: Stack
    overflow: Stack
    changed: tuple[int, ...]
    """Columns of pages whose stable bytes differ from the last epoch's; all that there are if there was none."""
    attestation: bytes = b""
    """An owner's signature over the app's root and the manifest, 203 bytes; empty if the epoch is self-signed."""

    def matrix(self, number: int) -> Stack:
        """The matrix of this number."""
        return (self.pages, self.overflow)[number]

    def attested(self, record: bytes) -> Epoch:
        """The epoch with an owner's attestation of its manifest, as `Frames.attest` gives it.

        Raises:
            InvalidError: it is of another manifest.
        """
        manifest, public = record[_ROOT_BYTES:_SIGNED_BYTES], record[_SIGNED_BYTES:-_ED448_BYTES]
        if manifest != self.manifest.digest():
            raise InvalidError("the attestation is not of this epoch's manifest")
        return replace(self, attestation=public + manifest + record[-_ED448_BYTES:])


def build(source: Source, app: str, *, frame: int | None = None, threads: int = 1, size: int = page.PAGE_BYTES) -> Epoch:
    """An epoch from nothing, over a sealed frame; the newest one if None. `size` is the bytes of a page, a multiple of 64.

    Raises:
        NotFoundError: the frame has no such app.
        NotProvableError: a value is larger than all columns that a read fetches, or pages are more than matrices have columns.
        BehindHorizonError, NotSealedError: the frame cannot be read.
    """
    if size % TILE or not TILE < size <= MOST_ROWS:
        raise InvalidError(f"a page of {size} bytes: a multiple of {TILE} up to {MOST_ROWS}")
    builder = _Builder(source, app, frame, size, size - page.TRAILER_BYTES, keep=False)
    pieces = list(builder.pack(b"", LAST))
    longest = max(len(piece.parts.proof) for piece in pieces)
    # Room for proofs that grow with the app: else pages would be cut for their sake.
    behind = -(-max(longest + longest // 8 + page.TRAILER_BYTES, size // 4) // TILE) * TILE
    return builder.epoch(pieces, range(len(pieces)), max(size - behind, 0), None, threads)


def rebuild(source: Source, last: Epoch, *, frame: int | None = None, threads: int = 1) -> Epoch:
    """The next epoch: intervals, columns and what did not change are the last one's.

    Raises:
        NotProvableError: a single entry's proof is longer than the last epoch has room for, or as `build`: build anew.
        NotFoundError, BehindHorizonError, NotSealedError: as `build`.
    """
    manifest = last.manifest
    room = manifest.pages.rows - manifest.stable - page.TRAILER_BYTES
    builder = _Builder(source, manifest.app.decode(), frame, manifest.pages.rows, room, keep=True)
    pieces: list[Piece] = []
    columns: list[int] = []
    appended = manifest.pages.columns
    for (low, high), column in zip(pairwise((*manifest.fences, LAST)), manifest.columns, strict=True):
        made = list(builder.pack(low, high))
        pieces += made
        columns += [column, *range(appended, appended + len(made) - 1)][: len(made)]
        appended += max(len(made) - 1, 0)
    return builder.epoch(pieces, columns, manifest.stable, last, threads)


class _Builder:
    """Makes the pieces of one app at one frame, and an epoch of them."""

    def __init__(self, source: Source, app: str, frame: int | None, size: int, room: int, keep: bool) -> None:
        newest = source.frames.newest()
        self._frame = frame if frame is not None else newest.number if newest is not None else source.frames.seal().number
        self._source, self._app, self._size, self._room, self._keep = source, app, size, room, keep
        if source.frames.app(app, self._frame) is None:
            raise NotFoundError(f"frame {self._frame} has no app '{app}'")
        self._contents = read_contents(source, app, source.frames.get(self._frame).commit)
        self._head: Head | None = None

    def pack(self, low: bytes, high: bytes) -> Iterator[Piece]:
        """Pieces of an interval."""
        return Packer(self._contents, self._size, self._make, self._keep).pack(low, high)

    def _make(self, low: bytes, queries: tuple[Query, ...], whole: bool) -> Piece | None:
        head, body = split(self._source.frames.prove(self._app, *queries, frame=self._frame))
        self._head = head
        parts = cut(head, body)
        if len(parts.proof) <= self._room and (whole or page.free(parts, self._size) >= 0):
            return Piece(low, parts)
        if whole:
            raise NotProvableError(f"a proof of {len(parts.proof)} bytes has no room in a page of {self._size}")
        return None

    def epoch(self, pieces: Sequence[Piece], columns: Sequence[int], stable: int, last: Epoch | None, threads: int) -> Epoch:
        """Matrices, hints and the manifest."""
        if self._head is None:
            raise NotFoundError(f"frame {self._frame} has nothing of '{self._app}'")
        name = self._app.encode()
        where = address(name)
        before = None if last is None else last.manifest.pages.columns
        pages = [bytes(self._size)] * max(1 + max(columns), before or 0)
        rests = [max(-page.free(piece.parts, self._size), 0) for piece in pieces]
        rows, parts = _overflow_shape(max(rests), last)
        beyond: list[bytes] = []
        for piece, rest, column in zip(pieces, rests, columns, strict=True):
            pages[column] = page.encode(piece.parts, self._size, len(beyond) if rest else page.NOWHERE)
            if rest:
                tail = piece.parts.rows[-rest:]
                beyond += [tail[at : at + rows].ljust(rows, b"\x00") for at in range(0, rest, rows)]
        if parts and not beyond:
            # The last epoch's values are gone; reads go on with the same queries.
            beyond = [bytes(rows)]
        if max(len(pages), len(beyond)) > MOST_COLUMNS:
            raise NotProvableError(f"{len(pages)} pages and {len(beyond)} columns of overflow are more than matrices have")
        stack, changed = Stack.of(Place(where, PAGES), pages, stable, None if last is None else last.pages, threads)
        over, _ = Stack.of(Place(where, OVERFLOW), beyond, rows, None if last is None else last.overflow, threads)
        shapes = [
            Shape(len(data[0]) if data else 0, len(data), digest(tag, *data), digest("hyperdb/epoch-hint", made.hint_bytes()))
            for data, made, tag in ((pages, stack, "hyperdb/epoch-pages"), (beyond, over, "hyperdb/epoch-overflow"))
        ]
        elements = sum(item.key[:1] == _ELEMENT for item in self._contents.items)
        fences = tuple(piece.fence for piece in pieces)
        manifest = Manifest(name, self._head, elements, shapes[0], shapes[1], parts, stable, fences, tuple(columns))
        return Epoch(manifest, stack, over, changed)


def _overflow_shape(longest: int, last: Epoch | None) -> tuple[int, int]:
    """Bytes of an overflow column, and how many a read fetches; kept while they are enough."""
    if last is not None and longest <= last.manifest.parts * last.manifest.overflow.rows:
        return last.manifest.overflow.rows, last.manifest.parts
    rows = min(-(-longest // TILE) * TILE, MOST_ROWS)
    parts = -(-longest // rows) if rows else 0
    if parts > MOST_PARTS:
        raise NotProvableError(
            f"a value goes {longest} bytes beyond its page, and a read fetches {MOST_PARTS * MOST_ROWS} at most"
        )
    return rows, parts


def read_contents(source: Source, app: str, commit: int) -> Contents:
    """Live elements and members of an app at a commit, and its collections."""
    transaction = source.store.begin("repeatable read", True, None, 0)
    number = transaction.app(app.encode())
    transaction.rollback()
    if number is None:
        raise NotFoundError(f"there is no app '{app}'")
    prefix = ordered_varint(number)
    snapshot = source.engine.snapshot(commit)
    try:
        items: list[Item] = []
        collections: dict[int, bytes] = {}
        for key, value in _scan(snapshot, prefix + _ELEMENT, prefix + _MEMBER, len(prefix)):
            items.append(Item(key, len(key) + len(value) + _ROW_BYTES))
            if value[0] != _VERTEX:
                at = _HEADER_AT[value[1]]
                collections[int.from_bytes(value[at : at + 8], "little")] = key[_ID_AT:]
        both = ((name, cid, companion) for cid, name in collections.items() for companion in (False, True))
        found = {run.prefix: run for run in (run_of(*each) for each in both)}
        used: set[bytes] = set()
        for key, value in _scan(snapshot, prefix + _MEMBER, prefix + LAST, len(prefix)):
            run = key[: 2 + max(0, key[1] - _ONE_BYTE)]
            # Members of dropped collections wait for compaction.
            if run in found:
                used.add(run)
                items.append(Item(key, len(key) + len(value) + _ROW_BYTES))
    finally:
        snapshot.close()
    # A companion that holds nothing need not be shown to be empty: nobody is told to look there.
    runs = [found[run] for run in sorted(found) if run in used or not found[run].companion]
    return Contents(items, runs)


def _scan(snapshot: _native.Snapshot, start: bytes, end: bytes, strip: int) -> Iterator[tuple[bytes, bytes]]:
    return chain.from_iterable(snapshot.scan(start, end, False, _DATA, strip))
