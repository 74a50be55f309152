"""The bytes of a page: rows from its front, their proof from its end.

Theory: a proof changes with every frame, rows with their data. Rows begin at the first byte and proofs end at the last, so the
bytes in front of the longest proof (*stable*) are equal in two epochs unless their data changed, and a hint's rows for them
can be kept up from the pages that changed. Rows that do not fit go on in columns of the overflow matrix.
Invariant: what a page says of itself is not trusted; it says where bytes are, and the bundle made of them is verified.
"""

from __future__ import annotations

from dataclasses import dataclass

from hyperdb.commitment.verify import VerificationError
from hyperdb.oblivious.bundles import Cut

PAGE_BYTES = 4096
TRAILER_BYTES = 12
NOWHERE = 0xFFFF_FFFF


@dataclass(frozen=True)
class Trailer:
    """The end of a page: u32 LE each."""

    rows: int
    """Bytes of rows, those in overflow too."""
    proof: int
    """Bytes of the proof, in front of the trailer."""
    overflow: int
    """First column of what of the rows did not fit; NOWHERE if they did."""

    def inline(self, size: int) -> int:
        """Bytes of rows that are in a page of this size."""
        return min(self.rows, size - TRAILER_BYTES - self.proof)

    def __bytes__(self) -> bytes:
        return b"".join(number.to_bytes(4, "little") for number in (self.rows, self.proof, self.overflow))


def free(parts: Cut, size: int) -> int:
    """Bytes left in a page that holds this; negative if rows have to go on elsewhere."""
    return size - TRAILER_BYTES - len(parts.rows) - len(parts.proof)


def encode(parts: Cut, size: int, overflow: int = NOWHERE) -> bytes:
    """A page whose proof fits; rows that do not are left out."""
    trailer = Trailer(len(parts.rows), len(parts.proof), overflow)
    rows = parts.rows[: trailer.inline(size)]
    gap = size - len(rows) - len(parts.proof) - TRAILER_BYTES
    return rows + bytes(gap) + parts.proof + bytes(trailer)


def read_trailer(page: bytes) -> Trailer:
    """What a page says of itself.

    Raises:
        VerificationError: it cannot be so.
    """
    numbers = [int.from_bytes(page[at : at + 4], "little") for at in range(len(page) - TRAILER_BYTES, len(page), 4)]
    trailer = Trailer(*numbers)
    if trailer.proof > len(page) - TRAILER_BYTES:
        raise VerificationError("format", "a page with a proof longer than itself")
    if (trailer.overflow == NOWHERE) != (trailer.inline(len(page)) == trailer.rows):
        raise VerificationError("format", "a page whose rows neither fit nor go on elsewhere")
    return trailer


def decode(page: bytes, overflow: bytes) -> Cut:
    """A page's parts; `overflow` is what was fetched for it, whether or not it goes on there.

    Raises:
        VerificationError: the page cannot be so, or goes on longer than what was fetched.
    """
    trailer = read_trailer(page)
    inline = trailer.inline(len(page))
    rest = trailer.rows - inline
    if rest > len(overflow):
        raise VerificationError("format", "a page that goes on beyond its overflow")
    end = len(page) - TRAILER_BYTES
    return Cut(page[:inline] + overflow[:rest], page[end - trailer.proof : end])
