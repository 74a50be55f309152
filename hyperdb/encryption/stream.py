"""The body of an object: AES-256-GCM in the STREAM construction.

Theory: Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance" (CRYPTO
2015). The plaintext goes in chunks of 64 KiB; the nonce of each is a prefix, its number, and whether it is the last one. So a
chunk that was moved, left out or cut off at the end does not authenticate. GCM alone commits to no key; here the keys come with
a commitment, 32 bytes of the same derivation, which is compared first (Albertini and others, "How to Abuse and Fix
Authenticated Encryption Without Key Commitment", USENIX Security 2022).
Invariant: a chunk is given out only once it authenticated; there is exactly one last one.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hyperdb.encryption.derive import derive
from hyperdb.errors import EncryptionError

CHUNK = 1 << 16
TAG = 16
_KEY, _COMMITMENT, _PREFIX = 32, 32, 7
Data = bytes | bytearray | memoryview


@dataclass(frozen=True)
class StreamKeys:
    """What one object is encrypted with."""

    key: bytes = field(repr=False)
    commitment: bytes
    prefix: bytes = field(repr=False)

    def check(self, commitment: bytes) -> None:
        """Whether these are the keys that an object was encrypted with.

        Raises:
            EncryptionError: they are not.
        """
        if not hmac.compare_digest(self.commitment, commitment):
            raise EncryptionError("the object key is not that of this object, place and length")


def stream_keys(secret: bytes, salt: bytes, associated: bytes) -> StreamKeys:
    """The keys that follow from an object key, for what is bound to them."""
    data = derive(secret, salt, _KEY + _COMMITMENT + _PREFIX, "hyperdb/encryption/keys", associated)
    return StreamKeys(data[:_KEY], data[_KEY : _KEY + _COMMITMENT], data[_KEY + _COMMITMENT :])


def body_bytes(length: int) -> int:
    """Bytes of the body of so much plaintext: of nothing one empty chunk."""
    return length + TAG * max(1, -(-length // CHUNK))


def pieces(length: int, size: int) -> Iterator[tuple[int, int, bool]]:
    """Where chunks of `size` begin and end, and whether each is the last one."""
    bounds = [*range(0, max(length, 1), size), length]
    last = len(bounds) - 2
    return ((start, end, number == last) for number, (start, end) in enumerate(pairwise(bounds)))


class BodyCipher:
    """Encrypts and decrypts the chunks of one body, into memory that the caller has."""

    def __init__(self, keys: StreamKeys, associated: bytes) -> None:
        self._cipher = AESGCM(keys.key)
        self._prefix = keys.prefix
        self._associated = associated

    def seal(self, number: int, last: bool, chunk: Data, out: Data) -> None:
        """Encrypts a chunk; `out` has 16 bytes more."""
        self._cipher.encrypt_into(self._nonce(number, last), chunk, self._associated, out)

    def unseal(self, number: int, last: bool, chunk: Data, out: Data) -> None:
        """Decrypts a chunk; `out` has 16 bytes less.

        Raises:
            EncryptionError: it is not what was encrypted there.
        """
        try:
            self._cipher.decrypt_into(self._nonce(number, last), chunk, self._associated, out)
        except InvalidTag:
            raise EncryptionError(f"chunk {number} of the body is not what was encrypted there") from None

    def _nonce(self, number: int, last: bool) -> bytes:
        return self._prefix + number.to_bytes(4, "big") + bytes([last])
