"""What a server hands out beside the rows of a query, and `hyperdb.verify_query` reads: docs/proof-format.md, Proof of a query.

Invariant: one encoding; what does not decode is a `VerificationError` of check `format`, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

from hyperdb.commitment.verify import VerificationError
from hyperdb.graph.catalog.codec import blob, read_varint, varint

_MAGIC = b"HDBQ\x01"
MOST_BUNDLES = 32


@dataclass(frozen=True)
class QueryProof:
    """A query's text as the server ran it, and bundles by app; the first is of the system's own, whose name is empty."""

    text: str
    bundles: tuple[tuple[bytes, bytes], ...]

    def encode(self) -> bytes:
        """The bytes."""
        parts = [_MAGIC, blob(self.text.encode()), varint(len(self.bundles))]
        for name, bundle in self.bundles:
            parts += [blob(name), blob(bundle)]
        return b"".join(parts)

    @classmethod
    def decode(cls, data: bytes) -> QueryProof:
        """Back from `encode`.

        Raises:
            VerificationError: format.
        """
        try:
            if not data.startswith(_MAGIC):
                raise ValueError("another beginning")
            at = len(_MAGIC)
            text, at = _blob(data, at)
            count, at = read_varint(data, at)
            if not 1 <= count <= MOST_BUNDLES:
                raise ValueError("a number of bundles that no query needs")
            bundles = []
            for _ in range(count):
                name, at = _blob(data, at)
                bundle, at = _blob(data, at)
                bundles.append((name, bundle))
            made = cls(text.decode(), tuple(bundles))
        except (ValueError, IndexError) as error:
            raise VerificationError("format", f"no proof of a query: {error}") from None
        if made.encode() != data:
            raise VerificationError("format", "no proof of a query: not its one encoding")
        return made


def _blob(data: bytes, at: int) -> tuple[bytes, int]:
    size, at = read_varint(data, at)
    if at + size > len(data):
        raise ValueError("it ends early")
    return data[at : at + size], at + size
