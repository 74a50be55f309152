"""HKDF-SHA512 (RFC 5869), its `info` framed under a tag: no two purposes derive the same keys.

Invariant: whatever is derived depends on secret, salt, tag and all parts.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hyperdb.commitment.verify.hashing import frame


def derive(secret: bytes, salt: bytes, length: int, tag: str, *parts: bytes) -> bytes:
    """`length` bytes that follow from a secret."""
    info = b"".join(map(frame, (tag.encode(), *parts)))
    return HKDF(SHA512(), length, salt, info).derive(secret)
