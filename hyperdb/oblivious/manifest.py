"""The manifest of an epoch: where keys are, what the matrices are, and what all pages begin with (docs/epoch-format.md).

Theory: a client needs the whole manifest before it asks, so that looking up a column asks nobody. Whoever pins an owner's key
gets it signed with the app's root; else it is only as good as the store, and pages still prove themselves under the root.
Invariant: bytes that decode encode to the same bytes; sizes are bounded before anything is kept.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from hyperdb.commitment.claim import blob, varint
from hyperdb.commitment.native import decode_header
from hyperdb.commitment.verify import Frame, Limits, VerificationError
from hyperdb.commitment.verify.bundle import address
from hyperdb.commitment.verify.hashing import digest
from hyperdb.commitment.verify.wire import Reader
from hyperdb.oblivious.bundles import SIGNATURE_BYTES, Head
from hyperdb.oblivious.pir import DIMENSION

MAGIC = b"HDBE\x01"
MOST_COLUMNS = 1 << 20
MOST_ROWS = 1 << 16
MOST_PARTS = 16
HEADER_BYTES = 206
MOST_BYTES = 256 << 20
_DIGEST = 32


@dataclass(frozen=True)
class Shape:
    """A matrix as the client has to know it."""

    rows: int
    """Bytes of a column."""
    columns: int
    data: bytes
    """Digest of its columns, in order."""
    hint: bytes
    """Digest of its hint."""


@dataclass(frozen=True)
class Manifest:
    """See the module."""

    app: bytes
    """The app's name."""
    head: Head
    elements: int
    """How many elements the app has: attested, as all counts are."""
    pages: Shape
    overflow: Shape
    parts: int
    """Overflow columns that are fetched with each page; 0 if no page goes on."""
    stable: int
    """Bytes at the front of pages that hold no proof."""
    fences: tuple[bytes, ...]
    """Page i holds keys from fence i up to the next one; ascending, the first is empty."""
    columns: tuple[int, ...]
    """In which column a page lies."""

    @cached_property
    def frame(self) -> Frame:
        """The frame that pages are of."""
        return decode_header(self.head.header)

    @cached_property
    def address(self) -> bytes:
        """The app's address: it names the public matrices."""
        return address(self.app)

    def column(self, key: bytes) -> int:
        """The column in which a logical key must lie."""
        return self.columns[bisect_right(self.fences, key) - 1]

    def span(self, low: bytes, high: bytes) -> tuple[int, ...]:
        """The columns in which logical keys from `low` on and below `high` must lie, in their order."""
        return self.columns[bisect_right(self.fences, low) - 1 : bisect_left(self.fences, high)]

    def digest(self) -> bytes:
        """What an owner signs."""
        return digest("hyperdb/epoch-manifest", bytes(self))

    def __bytes__(self) -> bytes:
        numbers = (DIMENSION, self.elements, self.parts, self.stable)
        fences = b"".join(blob(fence) + varint(column) for fence, column in zip(self.fences, self.columns, strict=True))
        return b"".join(
            (
                MAGIC,
                blob(self.app),
                self.head.header,
                self.head.signature,
                blob(self.head.anchor),
                *map(varint, numbers),
                _shape(self.pages),
                _shape(self.overflow),
                varint(len(self.fences)),
                fences,
            )
        )


def _shape(shape: Shape) -> bytes:
    return varint(shape.rows) + varint(shape.columns) + shape.data + shape.hint


def read_manifest(data: bytes) -> Manifest:
    """A manifest from its bytes.

    Raises:
        VerificationError: they are none, or one of parameters that are not known here.
    """
    if len(data) > MOST_BYTES:
        raise VerificationError("size", f"a manifest of {len(data)} bytes")
    reader = Reader(data, Limits.FORMAT)
    if reader.take(len(MAGIC)) != MAGIC:
        raise VerificationError("format", "no manifest, or of a format not known here")
    app, header, signature, anchor = reader.blob(), reader.take(HEADER_BYTES), reader.take(SIGNATURE_BYTES), reader.blob()
    dimension, elements, parts, stable = (reader.varint() for _ in range(4))
    if dimension != DIMENSION:
        raise VerificationError("format", f"an epoch of dimension {dimension}, not {DIMENSION}")
    pages, overflow = _read_shape(reader), _read_shape(reader)
    if parts > MOST_PARTS or (parts > 0) != (overflow.columns > 0) or stable > pages.rows:
        raise VerificationError("format", "an epoch whose parts do not fit together")
    count = reader.varint()
    if not 1 <= count <= pages.columns:
        raise VerificationError("format", f"{count} pages in {pages.columns} columns")
    fences, columns = [], []
    for _ in range(count):
        fences.append(reader.blob())
        columns.append(reader.varint())
    reader.end()
    if fences[0] or any(low >= high for low, high in pairwise(fences)):
        raise VerificationError("format", "fences that do not ascend")
    if max(columns) >= pages.columns or len(set(columns)) != count:
        raise VerificationError("format", "pages that do not lie in columns of their own")
    manifest = Manifest(
        app, Head(header, signature, anchor), elements, pages, overflow, parts, stable, tuple(fences), tuple(columns)
    )
    decode_header(header)
    return manifest


def _read_shape(reader: Reader) -> Shape:
    rows, columns, data, hint = reader.varint(), reader.varint(), reader.take(_DIGEST), reader.take(_DIGEST)
    if rows > MOST_ROWS or columns > MOST_COLUMNS:
        raise VerificationError("size", f"a matrix of {rows} rows and {columns} columns")
    return Shape(rows, columns, data, hint)
