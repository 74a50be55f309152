"""Epochs: what an app holds at a frame, laid out so that it can be asked for without saying what.

Theory: pages in the order of keys are the columns of one matrix; what of them is larger than a page goes on in the columns of
another. Every read makes the same number of queries to both. The next epoch keeps a page's column as long as its interval is not
cut, and a page that is cut goes on in a column that is appended: then rows of hints for bytes that hold no proof follow from the
pages whose data changed. Pages are cut, proved and put into place natively (native/epochs), without the interpreter's lock and
without stopping writers. Invariant: an epoch never changes once it is made, and its hints are those of its matrices however it
was made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from hyperdb import _native
from hyperdb.commitment.frames import Frames
from hyperdb.commitment.verify.bundle import address
from hyperdb.commitment.verify.hashing import digest
from hyperdb.errors import InvalidError, NotProvableError
from hyperdb.oblivious import page
from hyperdb.oblivious.bundles import Head
from hyperdb.oblivious.manifest import MOST_COLUMNS, MOST_PARTS, MOST_ROWS, Manifest, Shape
from hyperdb.oblivious.pir import Place
from hyperdb.oblivious.stack import TILE, Stack

PAGES, OVERFLOW = 0, 1
"""Numbers of an epoch's matrices."""
_SPARE_BYTES = 32
"""What pages leave free when they are cut, so that a proof which grows a little need not cut them again."""
_ROOT_BYTES, _SIGNED_BYTES, _ED448_BYTES = 32, 64, 114
"""Of an attestation: the app's root, with the manifest's digest, the signature at its end."""
_FIRST_COLUMN_BYTES = 4
"""At a page's end: where it goes on."""

GoOn = Callable[[int], bool]
"""Gets the number of pages that are cut, now and then; False gives up."""


def always(_pages: int) -> bool:
    """Never gives up."""
    return True


@dataclass(frozen=True)
class Source:
    """What epochs are made from: an open store."""

    frames: Frames
    store: _native.Store

    @classmethod
    def of(cls, store: _native.Store) -> Source:
        """The source of a store."""
        return cls(Frames(store), store)


@dataclass(frozen=True)
class Epoch:
    """See the module. What `manifest` and `attestation` say is what clients get; the rest is what answers them."""

    manifest: Manifest
    pages: Stack
    overflow: Stack
    changed: tuple[int, ...]
    """Columns of pages whose stable bytes differ from the last epoch's; all that there are if there was none."""
    overflow_changed: tuple[int, ...]
    """Likewise of the overflow."""
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


def build(
    source: Source, app: str, *, frame: int | None = None, threads: int = 1, size: int = page.PAGE_BYTES, go_on: GoOn = always
) -> Epoch:
    """An epoch from nothing, over a sealed frame; the newest one if None. `size` is the bytes of a page, a multiple of 64.

    Raises:
        NotFoundError: the frame has no such app.
        NotProvableError: a value is larger than all columns that a read fetches, or pages are more than matrices have columns.
        BehindHorizonError, NotSealedError: the frame cannot be read.
        CancelledError: `go_on` gave up.
    """
    if size % TILE or not TILE < size <= MOST_ROWS:
        raise InvalidError(f"a page of {size} bytes: a multiple of {TILE} up to {MOST_ROWS}")
    pages = (size, size - page.TRAILER_BYTES, _SPARE_BYTES, None)
    return _laid_out(source, app, frame, pages, None, None, threads, go_on)


def rebuild(source: Source, last: Epoch, *, frame: int | None = None, threads: int = 1, go_on: GoOn = always) -> Epoch:
    """The next epoch: intervals, columns and what did not change are the last one's.

    Raises:
        NotProvableError: a single entry's proof is longer than the last epoch has room for, or as `build`: build anew.
        NotFoundError, BehindHorizonError, NotSealedError, CancelledError: as `build`.
    """
    manifest = last.manifest
    return _laid_out(source, manifest.app.decode(), frame, _pages(manifest), manifest, last, threads, go_on)


def recompute(source: Source, manifest: Manifest, *, threads: int = 1, go_on: GoOn = always) -> Epoch:
    """The epoch that a manifest tells of, from the data of a copy of its store, hints too; an honest one has the same manifest.

    Raises:
        NotProvableError: the data cannot be laid out so.
        NotFoundError, BehindHorizonError, NotSealedError, CancelledError: as `build`.
    """
    app, frame = manifest.app.decode(), manifest.frame.number
    pages = size, room, *_ = _pages(manifest)
    if size % TILE or not TILE < size <= MOST_ROWS or room <= 0:
        raise NotProvableError(f"pages of {size} bytes, of which {manifest.stable} are the epoch's, have no room")
    return _laid_out(source, app, frame, pages, manifest, None, threads, go_on)


def _pages(manifest: Manifest) -> tuple[int, int, int, int | None]:
    size, stable = manifest.pages.rows, manifest.stable
    return size, size - stable - page.TRAILER_BYTES, _SPARE_BYTES, stable


def _laid_out(
    source: Source,
    app: str,
    frame: int | None,
    pages: tuple[int, int, int, int | None],
    shaped: Manifest | None,
    last: Epoch | None,
    threads: int,
    go_on: GoOn,
) -> Epoch:
    """Pages, then matrices, hints and the manifest: intervals and shapes as one has them, hints that follow from an epoch's."""
    if source.frames.newest() is None:
        source.frames.seal()
    name = app.encode()
    before = None if shaped is None else (shaped.fences, shaped.columns, shaped.pages.columns)
    (_, header, signature, anchor), elements, fences, columns, (upper, lower), rests = _native.lay_out_epoch(
        source.store, name, frame, pages, before, threads, go_on
    )
    overflow, parts = _overflow(rests, lower, shaped)
    where = address(name)
    stack, changed = Stack.of(Place(where, PAGES), (upper, lower), None if last is None else last.pages, threads)
    over, over_changed = Stack.of(Place(where, OVERFLOW), (overflow,), None if last is None else last.overflow, threads)
    manifest = Manifest(
        name,
        Head(header, signature, anchor),
        elements,
        shape(stack, "hyperdb/epoch-pages"),
        shape(over, "hyperdb/epoch-overflow"),
        parts,
        upper.rows,
        tuple(fences),
        tuple(columns),
    )
    return Epoch(manifest, stack, over, changed, over_changed)


def shape(stack: Stack, tag: str) -> Shape:
    """What a manifest says of a matrix; `tag` is of its columns' digest."""
    return Shape(stack.rows, stack.columns, stack.digest(tag), digest("hyperdb/epoch-hint", stack.hint_bytes()))


def _overflow(rests: list[tuple[int, bytes]], lower: _native.PirMatrix, shaped: Manifest | None) -> tuple[_native.PirMatrix, int]:
    """What did not fit into pages as columns, how many of them a read fetches; pages are told where they go on."""
    rows, parts = _overflow_shape(max((len(rest) for _, rest in rests), default=0), shaped)
    # If the last epoch's values are gone, reads still go on with the same queries.
    count = sum(-(-len(rest) // rows) for _, rest in rests) or min(parts, 1)
    if count > MOST_COLUMNS:
        raise NotProvableError(f"{count} columns of overflow are more than matrices have")
    matrix = _native.PirMatrix(rows, count)
    first = 0
    for column, rest in rests:
        told = lower.column(column)[:-_FIRST_COLUMN_BYTES] + first.to_bytes(_FIRST_COLUMN_BYTES, "little")
        lower.set(column, told)
        for at in range(0, len(rest), rows):
            matrix.set(first, rest[at : at + rows].ljust(rows, b"\x00"))
            first += 1
    return matrix, parts


def _overflow_shape(longest: int, shaped: Manifest | None) -> tuple[int, int]:
    """Bytes of an overflow column, and how many a read fetches; kept while they are enough."""
    if shaped is not None and longest <= shaped.parts * shaped.overflow.rows:
        return shaped.overflow.rows, shaped.parts
    rows = min(-(-longest // TILE) * TILE, MOST_ROWS)
    parts = -(-longest // rows) if rows else 0
    if parts > MOST_PARTS:
        raise NotProvableError(
            f"a value goes {longest} bytes beyond its page, and a read fetches {MOST_PARTS * MOST_ROWS} at most"
        )
    return rows, parts
