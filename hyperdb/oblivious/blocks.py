"""Blocks of elements that are public and never move, and covers of them that only one client knows.

Theory: elements lie by hash64, so its first b bits cut an app into 2^b blocks of nearly one size. A block of b + 1 bits is half
of one of b bits: when an app grows, blocks are only ever cut. A cover must be the same for whatever lies in it, and for every
time, or two questions intersect: so blocks are permuted under a key of the client, and the permutation is cut into cells of c.
Invariant: which blocks are asked for follows from key, c, bits and the cell; nothing is drawn when a question is asked.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from hyperdb.commitment.verify import Bounds

_PLACE_BITS = 64
MOST_BITS = 20


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
    """A partition's blocks in the order of a client's key, cut into cells of c."""

    partition: Partition
    c: int
    key: bytes

    @cached_property
    def _order(self) -> Sequence[int]:
        def mark(block: int) -> bytes:
            return hmac.digest(self.key, b"hyperdb/cover" + block.to_bytes(8, "little"), hashlib.sha256)

        return sorted(range(1 << self.partition.bits), key=mark)

    @cached_property
    def _rank(self) -> Sequence[int]:
        ranks = [0] * len(self._order)
        for rank, block in enumerate(self._order):
            ranks[block] = rank
        return ranks

    def cover(self, block: int) -> tuple[int, ...]:
        """The blocks of a block's cell, ascending; all there are if these are fewer than c."""
        first = self._rank[block] // self.c * self.c
        return tuple(sorted(self._order[first : first + self.c]))
