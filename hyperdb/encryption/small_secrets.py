"""Small secrets without a cipher: 54 bytes a chunk, each verifiable on its own (docs/encryption.md, Secret).

Theory: of an object a verifier learns that its key is recovered; of a secret, that the bytes themselves are, which were
committed to (native/verenc, chunk.rs). Each chunk has 24 KB of proof, so this is for keys, passwords and tokens.
Invariant: all chunks of a secret are bound to one salt, length and place, and to their number.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

from hyperdb import _native
from hyperdb.commitment.verify.hashing import frame
from hyperdb.encryption.envelope import MOST_APP, MOST_KEY, SALT_BYTES, Place
from hyperdb.encryption.keys import PUBLIC_BYTES, PublicKey, Random, SecretKey
from hyperdb.errors import EncryptionError, InvalidError, WrongKeyError

MAGIC = b"HDBS\x01"
PAYLOAD = 54
CHUNK = 57 + 113 + 24_420
MOST_SECRET = 64 * PAYLOAD

_NUMBERS = struct.Struct("<HHH")
_FIXED = len(MAGIC) + _NUMBERS.size + SALT_BYTES + PUBLIC_BYTES


@dataclass(frozen=True)
class SecretHeader:
    """What stands in front of the chunks."""

    place: Place
    length: int
    salt: bytes
    recipient: bytes

    @property
    def chunks(self) -> int:
        """How many there are; of nothing one."""
        return max(1, -(-self.length // PAYLOAD))

    def context(self, number: int) -> bytes:
        """What a chunk is bound to."""
        return b"".join(map(frame, (b"hyperdb/encryption/secret", bytes(self), number.to_bytes(4, "little"))))

    def __bytes__(self) -> bytes:
        app = self.place.app.encode()
        numbers = _NUMBERS.pack(self.length, len(app), len(self.place.key))
        return b"".join((MAGIC, numbers, app, self.place.key, self.salt, self.recipient))


def _take_apart(data: bytes, place: Place | None) -> tuple[SecretHeader, list[bytes]]:
    if len(data) < _FIXED or not data.startswith(MAGIC):
        raise EncryptionError("no encrypted secret, or one of a format not known here")
    length, app_bytes, key_bytes = _NUMBERS.unpack_from(data, len(MAGIC))
    if length > MOST_SECRET or app_bytes > MOST_APP or key_bytes > MOST_KEY:
        raise EncryptionError(f"a secret of {length} bytes under names of {app_bytes} and {key_bytes} is beyond the format")
    at = len(MAGIC) + _NUMBERS.size
    parts = []
    for size in (app_bytes, key_bytes, SALT_BYTES, PUBLIC_BYTES):
        parts.append(data[at : at + size])
        at += size
    app, key, salt, recipient = parts
    try:
        header = SecretHeader(Place(app.decode(), key), length, salt, recipient)
    except UnicodeDecodeError as error:
        raise EncryptionError("the app's name is no UTF-8") from error
    if len(data) != at + header.chunks * CHUNK:
        raise EncryptionError(f"a secret of {length} bytes has {at + header.chunks * CHUNK} bytes in all, not {len(data)}")
    if place is not None and header.place != place:
        raise EncryptionError("a secret that was encrypted for another place")
    return header, [data[start : start + CHUNK] for start in range(at, len(data), CHUNK)]


def encrypt_secret(data: bytes, place: Place, recipient: PublicKey, random: Random = os.urandom) -> bytes:
    """A secret that the recipient can open, for one place.

    Raises:
        InvalidError: it is too long.
        EncryptionError: the recipient's key is no point of Ed448's group.
    """
    if len(data) > MOST_SECRET:
        raise InvalidError(f"a secret has at most {MOST_SECRET} bytes, not {len(data)}; encrypt an object")
    header = SecretHeader(place, len(data), random(SALT_BYTES), recipient.data)
    padded = data.ljust(header.chunks * PAYLOAD, b"\0")
    out = [bytes(header)]
    for number in range(header.chunks):
        payload = padded[number * PAYLOAD : (number + 1) * PAYLOAD]
        out.append(_native.verenc_encrypt_chunk(recipient.data, payload, header.context(number), random(32)))
    return b"".join(out)


def verify_secret(data: bytes, place: Place | None = None, required: PublicKey | None = None) -> SecretHeader:
    """Checks without any key that the recipient can recover a secret; what it says of itself.

    Raises:
        EncryptionError: it does not verify.
    """
    header, chunks = _take_apart(data, place)
    if required is not None and header.recipient != required.data:
        raise EncryptionError(f"it is not encrypted to {required}")
    for number, chunk in enumerate(chunks):
        _native.verenc_check_chunk(header.recipient, header.context(number), chunk)
    return header


def decrypt_secret(data: bytes, key: SecretKey, place: Place | None = None) -> bytes:
    """The bytes of a secret.

    Raises:
        WrongKeyError: it is not encrypted to this key.
        EncryptionError: it is not what was encrypted.
    """
    header, chunks = _take_apart(data, place)
    if header.recipient != key.public.data:
        raise WrongKeyError(f"it is not encrypted to {key.public}")
    parts = [_native.verenc_decrypt_chunk(key.seed, header.context(number), chunk) for number, chunk in enumerate(chunks)]
    padded = b"".join(parts)
    if any(padded[header.length :]):
        raise EncryptionError("a secret with something behind its end")
    return padded[: header.length]
