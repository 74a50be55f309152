"""What a read costs, and who learns what of it: said before anything is sent.

Theory: at every level the requests follow from the manifest, so their bytes can be counted without asking. *K* is how many
elements the store cannot tell apart; it is not the posterior: someone who knows which are popular knows more. So beside K
stands what the best guess is worth, H-infinity = -log2 of its chance, if all are asked for alike, and if popularity falls as
1/rank (Zipf): then blocks of random elements are guessed with ln(B) / H(N) for B sets of blocks over N elements, since the most
popular of each set is the best guess. Invariant: numbers that are estimates say so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

from hyperdb.commitment.verify import OwnerKey, Trusted
from hyperdb.oblivious.blocks import bits_for
from hyperdb.oblivious.levels import Bucket, Cover, Full, Level, Pir, Plain
from hyperdb.oblivious.manifest import Manifest
from hyperdb.oblivious.pir import DIMENSION, query_bytes
from hyperdb.oblivious.ranges import MOST_PAGES

_HEADERS = 300
"""Bytes of HTTP around a request, and around an answer: about."""
_PROOF = 1200
"""Of a bundle beside its rows: about."""
_SCANNED = 10e9
"""Bytes that a core scans in a second: about, bench/RESULTS.md."""
_EULER = 0.5772156649
_NUMBER = 4

ALWAYS_SEEN = (
    "your address, unless something relays for you",
    "when you ask, and how often",
    "that you use this, which app, and at which level",
    "what you write: no level hides writes",
)


@dataclass(frozen=True)
class Explanation:
    """See `explain`."""

    level: str
    operation: str
    store_learns: tuple[str, ...]
    hidden: tuple[str, ...]
    seen_at_any_level: tuple[str, ...]
    trusted: str
    """Against whom it holds."""
    requests: int
    bytes_up: int
    bytes_down: int
    """For one read, without hints."""
    bytes_once: int
    """Hints and manifest, or everything at `full`: once an epoch."""
    server_ms: float
    """Of a core, alone: about."""
    k: int
    """Elements that the store cannot tell apart."""
    h_infinity: float
    """Bits, if all are asked for alike."""
    h_infinity_zipf: float
    """Bits, if popularity falls as 1/rank and the store knows it."""
    remarks: tuple[str, ...] = field(default=())

    def tree(self) -> dict[str, Any]:
        """For programs."""
        return {each.name: value for each in fields(self) if (value := getattr(self, each.name)) != ()}

    def lines(self) -> list[str]:
        """For people."""
        return [
            f"{self.operation} at {self.level}",
            *(f"  the store learns {each}" for each in self.store_learns),
            *(f"  hidden: {each}" for each in self.hidden),
            *(f"  seen at any level: {each}" for each in self.seen_at_any_level),
            f"  holds against: {self.trusted}",
            f"  {self.requests} requests, about {self.bytes_up:,} bytes up, {self.bytes_down:,} down",
            f"  {self.bytes_once:,} bytes once an epoch",
            f"  about {self.server_ms:.2f} ms of the server's",
            f"  K = {self.k:,}; H-infinity {self.h_infinity:.1f} bits, {self.h_infinity_zipf:.1f} under Zipf",
            *(f"  {each}" for each in self.remarks),
        ]


@dataclass(frozen=True)
class Asked:
    """What is read: so many elements, members of collections, and ranges of them."""

    operation: str = "get"
    elements: int = 1
    members: int = 0
    ranges: int = 0
    """Each is of a size that is not known before."""
    known: int = 0
    """Elements whose blocks were asked for before in this epoch."""


def explain(manifest: Manifest, level: Level, trusted: Trusted, asked: Asked) -> Explanation:
    """Who learns what of a read, and what it costs."""
    total = max(manifest.elements, 1)
    shape = _shape(manifest, level, asked)
    against = (
        "a malicious store (the owner signs fences and hints); that rejecting tells it nothing is an argument, not a proof"
        if isinstance(trusted, OwnerKey)
        else "an honest-but-curious server only: fences and hints are its own word (no owner's signature is pinned)"
    )
    k, groups = shape.k, max(total / max(shape.k, 1), 1.0)
    zipf = 1.0 / _harmonic(total) if groups <= 1 else min((1 + math.log(groups)) / _harmonic(total), 1.0)
    if isinstance(level, Plain):
        zipf = 1.0
    return Explanation(
        str(level),
        asked.operation,
        shape.learns,
        shape.hidden,
        ALWAYS_SEEN,
        "nobody: the store is told" if isinstance(level, Plain) else against,
        shape.requests,
        shape.up,
        shape.down,
        shape.once,
        shape.scanned / _SCANNED * 1e3,
        k,
        math.log2(max(k, 1)),
        max(-math.log2(zipf), 0.0),
        shape.remarks,
    )


@dataclass(frozen=True)
class _Shape:
    learns: tuple[str, ...]
    hidden: tuple[str, ...]
    requests: int
    up: int
    down: int
    once: int
    scanned: int
    k: int
    remarks: tuple[str, ...] = ()


def _harmonic(count: int) -> float:
    return math.log(count) + _EULER + 1 / (2 * count)


def _shape(manifest: Manifest, level: Level, asked: Asked) -> _Shape:
    row = manifest.pages.rows * manifest.pages.columns // max(manifest.elements, 1)
    whole = sum(shape.rows * shape.columns for shape in (manifest.pages, manifest.overflow))
    size = len(bytes(manifest))
    match level:
        case Bucket(k=k):
            return _blocks(manifest, asked, 1, k, row, size)
        case Cover(c=c, k=k):
            return _blocks(manifest, asked, c, k, row, size)
        case Pir():
            return _private(manifest, asked, size)
        case Full():
            learns, hidden = ("that everything was fetched, once an epoch",), ("every read afterwards: none reaches the store",)
            return _Shape(learns, hidden, 0, 0, 0, size + whole, 0, max(manifest.elements, 1))
    requests = asked.elements + (asked.members > 0) + asked.ranges
    learns, down = ("the question and the answer",), requests * (_PROOF + row + _HEADERS)
    return _Shape(learns, (), requests, requests * (_HEADERS + 32), down, size, 0, 1)


def _blocks(manifest: Manifest, asked: Asked, c: int, k: int, row: int, size: int) -> _Shape:
    bits = bits_for(manifest.elements, k)
    average = c * manifest.elements / (1 << bits)
    which = (
        "the block of elements that is meant" if c == 1 else f"{c} blocks, one of which is meant, always the same for all in them"
    )
    learns = (which, "when the same is asked for again in another epoch")
    hidden = ("which element of them", "what was found")
    remarks = () if not asked.members and not asked.ranges else ("members of collections are refused at this level",)
    if average < k * c:
        remarks = (*remarks, f"blocks hold {average / c:.1f} elements on average: the next power of two would hold more than {k}")
    sent = asked.elements - asked.known
    if asked.known:
        remarks = (
            *remarks,
            f"{asked.known} of {asked.elements} blocks were asked for before in this epoch: nothing is sent for them",
        )
    down = sent * (int(average * row) + _PROOF + _HEADERS)
    up = sent * (_HEADERS + 24 * c)
    return _Shape(learns, hidden, sent, up, down, size, 0, max(int(average), 1), remarks)


def _private(manifest: Manifest, asked: Asked, size: int) -> _Shape:
    pages = asked.elements + asked.members + asked.ranges
    each = 1 + manifest.parts
    up = query_bytes(manifest.pages.columns) + manifest.parts * query_bytes(manifest.overflow.columns) + each * _HEADERS
    down = _NUMBER * (manifest.pages.rows + manifest.parts * manifest.overflow.rows) + each * _HEADERS
    learns = (f"that {pages} pages of this epoch were read" + (", and how many more to a power of two" if asked.ranges else ""),)
    hidden = ("which pages", "whether anything was there", "what was found")
    once = size + sum(_NUMBER * DIMENSION * shape.rows for shape in (manifest.pages, manifest.overflow))
    remarks = (f"a range is 1 to {MOST_PAGES} pages, filled up to a power of two: counted is one",) if asked.ranges else ()
    overflow = manifest.parts * manifest.overflow.rows * manifest.overflow.columns
    scanned = pages * (manifest.pages.rows * manifest.pages.columns + overflow)
    return _Shape(learns, hidden, pages * each, pages * up, pages * down, once, scanned, max(manifest.elements, 1), remarks)
