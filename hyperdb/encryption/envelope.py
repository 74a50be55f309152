"""An object as bytes: header, body, capsules (docs/encryption.md, Object).

Theory: the header says everything that is bound: where the object lies, how long it is, from which salt its keys follow, what
its keys commit to, and the statement of the object key. Capsules, one a recipient, stand behind the body, since they prove
something about all before them, and one more can be added to what is written already.
Invariant: bytes that decode encode to the same bytes; lengths are checked before anything is computed or kept.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from hyperdb.commitment.verify.hashing import frame
from hyperdb.encryption.stream import body_bytes
from hyperdb.errors import EncryptionError, InvalidError

MAGIC = b"HDBX\x01"
AES_256_GCM_STREAM = 1
SALT_BYTES = 32
COMMITMENT_BYTES = 32
STATEMENT_BYTES = 57
PROOF_BYTES = 17_028
CAPSULE_BYTES = 57 + PROOF_BYTES
MOST_RECIPIENTS = 16
MOST_APP = 255
MOST_KEY = 512
MOST_LENGTH = 1 << 40
"""Bytes of an object: a terabyte, far below what one key of AES-GCM may encrypt in chunks."""

_NUMBERS = struct.Struct("<BQHH")
_FIXED = len(MAGIC) + _NUMBERS.size + SALT_BYTES + COMMITMENT_BYTES + STATEMENT_BYTES
MOST_HEADER = _FIXED + MOST_APP + MOST_KEY


@dataclass(frozen=True)
class Place:
    """Where an object lies: what is encrypted for one place is refused at every other."""

    app: str
    key: bytes
    """As the store sees it, so blinded."""

    def __post_init__(self) -> None:
        if len(self.app.encode()) > MOST_APP or len(self.key) > MOST_KEY:
            raise InvalidError(f"an app's name has at most {MOST_APP} bytes here, a key at most {MOST_KEY}")


@dataclass(frozen=True)
class Header:
    """See the module."""

    place: Place
    length: int
    """Bytes of the plaintext."""
    salt: bytes
    commitment: bytes
    """What the keys commit to (K_com): other keys give another one."""
    statement: bytes
    """x G of the object key x."""
    scheme: int = AES_256_GCM_STREAM

    @property
    def body_bytes(self) -> int:
        """Bytes of the body."""
        return body_bytes(self.length)

    def __bytes__(self) -> bytes:
        app = self.place.app.encode()
        numbers = _NUMBERS.pack(self.scheme, self.length, len(app), len(self.place.key))
        return b"".join((MAGIC, numbers, app, self.place.key, self.salt, self.commitment, self.statement))


@dataclass(frozen=True)
class Capsule:
    """The object key, encrypted to one recipient."""

    recipient: bytes
    proof: bytes

    def __bytes__(self) -> bytes:
        return self.recipient + self.proof


def associated(place: Place, length: int, scheme: int = AES_256_GCM_STREAM) -> bytes:
    """What every chunk of the body and the keys themselves are bound to."""
    app = place.app.encode()
    parts = (b"hyperdb/encryption/associated", app, place.key, length.to_bytes(8, "little"), bytes([scheme]))
    return b"".join(map(frame, parts))


def context(header: Header, body_digest: bytes) -> bytes:
    """What the proofs of an object are bound to."""
    return b"".join(map(frame, (b"hyperdb/encryption/object", bytes(header), body_digest)))


def read_header(data: bytes | memoryview) -> Header:
    """The header at the front of an object.

    Raises:
        EncryptionError: there is none, or one of a kind not known here.
    """
    if len(data) < _FIXED:
        raise EncryptionError(f"an object has a header of {_FIXED} bytes at least, and this has {len(data)} in all")
    if bytes(data[: len(MAGIC)]) != MAGIC:
        raise EncryptionError("no encrypted object, or one of a format not known here")
    scheme, length, app_bytes, key_bytes = _NUMBERS.unpack_from(data, len(MAGIC))
    if scheme != AES_256_GCM_STREAM:
        raise EncryptionError(f"the cipher {scheme} is not known here")
    if length > MOST_LENGTH or app_bytes > MOST_APP or key_bytes > MOST_KEY:
        raise EncryptionError(f"an object of {length} bytes under names of {app_bytes} and {key_bytes} is beyond the format")
    if len(data) < _FIXED + app_bytes + key_bytes:
        raise EncryptionError("an object that ends within its header")
    at = len(MAGIC) + _NUMBERS.size
    parts = []
    for size in (app_bytes, key_bytes, SALT_BYTES, COMMITMENT_BYTES, STATEMENT_BYTES):
        parts.append(bytes(data[at : at + size]))
        at += size
    app, key, salt, commitment, statement = parts
    try:
        place = Place(app.decode(), key)
    except UnicodeDecodeError as error:
        raise EncryptionError("the app's name is no UTF-8") from error
    return Header(place, length, salt, commitment, statement, scheme)


def read_capsules(data: bytes | memoryview) -> tuple[Capsule, ...]:
    """The capsules at the end of an object.

    Raises:
        EncryptionError: there are none, too many, two for one recipient, or a part of one.
    """
    count, rest = divmod(len(data), CAPSULE_BYTES)
    if rest or not 1 <= count <= MOST_RECIPIENTS:
        raise EncryptionError(f"{len(data)} bytes behind the body are not 1 to {MOST_RECIPIENTS} capsules")
    starts = range(0, len(data), CAPSULE_BYTES)
    pieces = [bytes(data[start : start + CAPSULE_BYTES]) for start in starts]
    capsules = tuple(Capsule(piece[:-PROOF_BYTES], piece[-PROOF_BYTES:]) for piece in pieces)
    if len({capsule.recipient for capsule in capsules}) != count:
        raise EncryptionError("two capsules for one recipient")
    return capsules
