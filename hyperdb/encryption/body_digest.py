"""The digest of a body, which its proofs are bound to.

Theory: SHA-512 of the digests of its parts of 1 MiB, so that parts of a large body are hashed beside each other. Whoever has
the object key can make as many bodies with the same tags as they like, so the tags of AES-GCM would bind a proof to nothing.
Invariant: the digest follows from the bytes and their number, however they came.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from hyperdb.commitment.verify.hashing import frame

PART = 1 << 20
_THREADED = 4
"""Parts from which on threads are worth it."""
_PART_TAG = frame(b"hyperdb/encryption/part")


def _part(data: bytes | bytearray | memoryview) -> bytes:
    digest = hashlib.sha512(_PART_TAG)
    digest.update(data)
    return digest.digest()


def _root(length: int, parts: Iterable[bytes]) -> bytes:
    framed = (b"hyperdb/encryption/body", length.to_bytes(8, "little"), b"".join(parts))
    return hashlib.sha512(b"".join(map(frame, framed))).digest()


class BodyDigest:
    """Of a body that comes in pieces."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0
        self._open = hashlib.sha512(_PART_TAG)

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """The next bytes."""
        view = memoryview(data)
        while view:
            room = PART - self._length % PART
            piece, view = view[:room], view[room:]
            self._open.update(piece)
            self._length += len(piece)
            if self._length % PART == 0:
                self._parts.append(self._open.digest())
                self._open = hashlib.sha512(_PART_TAG)

    def digest(self) -> bytes:
        """Of all that came."""
        last = [self._open.digest()] if self._length % PART else []
        return _root(self._length, [*self._parts, *last])


def body_digest(body: bytes | bytearray | memoryview) -> bytes:
    """Of a body in memory, by as many threads as there are processors if it is large."""
    view = memoryview(body)
    parts = [view[start : start + PART] for start in range(0, len(view), PART)]
    if len(parts) < _THREADED:
        return _root(len(view), map(_part, parts))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return _root(len(view), pool.map(_part, parts))
