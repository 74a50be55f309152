"""What the tests of encryption share: keys, places, and randomness that comes again."""

from __future__ import annotations

import hashlib

from hyperdb.encryption import BlindingKey, Place, SecretKey
from hyperdb.encryption.keys import Random

KEY, OTHER, THIRD = (SecretKey(bytes([n]) * 57) for n in (1, 2, 3))
PLACE = Place("vault", BlindingKey.of(KEY, "vault").blind("users", "ada"))
CHUNK = 1 << 16


def drawn(seed: str) -> Random:
    """Bytes that follow from a seed, as many as are asked for, never the same twice."""
    taken = 0

    def draw(count: int) -> bytes:
        nonlocal taken
        taken += 1
        return hashlib.shake_256(f"{seed}/{taken}".encode()).digest(count)

    return draw


def changed(data: bytes, at: int) -> bytes:
    """With one bit turned."""
    out = bytearray(data)
    out[at] ^= 1
    return bytes(out)
