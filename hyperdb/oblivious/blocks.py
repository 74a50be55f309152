"""Blocks of elements that are public and never move, and covers of them that only one client knows.

Theory: elements lie by hash64, so its first b bits cut an app into 2^b blocks of nearly one size. A block of b + 1 bits is half
of one of b bits: when an app grows, blocks are only ever cut. A cover must be the same for whatever lies in it, and for every
time, or two questions intersect; and the same person asks at other levels, and again when the app has grown. So cells are chosen
under a key of the client, and nest like blocks. Invariant: which blocks are asked for follows from key, c, bits and the cell;
nothing is drawn when a question is asked.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from hyperdb.commitment.verify import Bounds

_PLACE_BITS = 64
MOST_BITS = 20
_CHOSEN_BITS = 6
"""Of the most blocks that a cover may have: up to here cells of all sizes share their choices."""


def bits_for(elements: int, k: int) -> int:
    """Bits that leave k elements to a block on average, a tenth less at least: powers of two fit no number just so."""
    return min(max((10 * max(elements, 1) // (9 * k)).bit_length() - 1, 0), MOST_BITS)


@dataclass(frozen=True)
class Partition:
    """All blocks of so many bits."""

    bits: int

    def block(self, place: bytes) -> int:
        """The block of an element, by its hash64 BE."""
        return int.from_bytes(place, "big") >> _PLACE_BITS - self.bits

    def bounds(self, block: int) -> Bounds:
        """The range of hash64 that a block is."""
        low, below = (self._bound(number) for number in (block, block + 1))
        return Bounds(low if block else b"", below if block + 1 < 1 << self.bits else b"")

    def _bound(self, block: int) -> bytes:
        return (block << _PLACE_BITS - self.bits).to_bytes(9, "big")[1:]


@dataclass(frozen=True)
class Cells:
    """Covers of a partition's blocks, c a cover, by a client's key.

    A cell is a path: one bit for each bit of a block from the m-th on, c = 2^m. Its blocks have each another first m bits; the
    bits behind them are the path's, each turned over or not by the key (`_turned`). So each bit more halves a cell, and each m
    more puts two together: what covers of one block at two levels or sizes of the app have in common is the cover of the smaller
    c with the smaller blocks, and never less.
    """

    partition: Partition
    c: int
    key: bytes

    def cover(self, block: int) -> tuple[int, ...]:
        """The blocks of a block's cell, ascending; all there are if these are fewer than c."""
        bits = self.partition.bits
        first = min(self.c.bit_length() - 1, bits)
        path: list[int] = []
        for depth in range(first, bits):
            bit = block >> bits - 1 - depth & 1
            path.append(bit ^ self._turned(block >> bits - depth, depth, path, first))
        return tuple(sorted(self._follow(begin, path, first) for begin in range(1 << first)))

    def _follow(self, begin: int, path: Sequence[int], first: int) -> int:
        """The block of a cell that begins with these bits."""
        block = begin
        for at, turn in enumerate(path):
            block = block << 1 | turn ^ self._turned(block, first + at, path[:at], first)
        return block

    def _turned(self, prefix: int, depth: int, path: Sequence[int], first: int) -> int:
        """Whether a block with this prefix of `depth` bits takes the other half than the path says."""
        if depth < _CHOSEN_BITS:
            # The same for cells of every size.
            what = b"\x00" + bytes([depth]) + prefix.to_bytes(1, "little")
        else:
            # Of each cell anew: one that was seen tells nothing of others.
            own = path[_CHOSEN_BITS - first :]
            top = prefix >> depth - _CHOSEN_BITS
            what = b"\x01" + bytes([depth, top]) + sum(bit << at for at, bit in enumerate(own)).to_bytes(4, "little")
        return hmac.digest(self.key, b"hyperdb/cover" + what, hashlib.sha256)[0] & 1
