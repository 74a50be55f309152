"""Objects in memory: encrypted, verified without any key, decrypted, shared, and encrypted anew.

Theory: the object key x is evenly drawn and used once; what follows from it encrypts the body, and x itself is encrypted to each
recipient with a proof about x G, bound to header and body (native/verenc). A verifier learns that the recipients recover x. It
does not learn that the body opens under x: who is given a bad body shows that by publishing x.
Invariant: each function verifies what it is given before it returns anything of it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from hyperdb import _native
from hyperdb.encryption.body_digest import body_digest
from hyperdb.encryption.envelope import (
    CAPSULE_BYTES,
    MOST_LENGTH,
    MOST_RECIPIENTS,
    SALT_BYTES,
    Capsule,
    Header,
    Place,
    associated,
    context,
    read_capsules,
    read_header,
)
from hyperdb.encryption.keys import PublicKey, Random, SecretKey
from hyperdb.encryption.stream import CHUNK, TAG, BodyCipher, pieces, stream_keys
from hyperdb.errors import EncryptionError, InvalidError, WrongKeyError

_WIDE = 114
_COINS = 32


@dataclass(frozen=True)
class Sealing:
    """An object that is being encrypted: its header, and all that its body and capsules need."""

    header: Header
    cipher: BodyCipher
    secret: bytes = field(repr=False)

    def capsules(self, body_digest: bytes, recipients: Sequence[PublicKey], random: Random) -> bytes:
        """The object key, encrypted to each recipient."""
        bound = context(self.header, body_digest)
        return b"".join(
            bytes(Capsule(key.data, _native.verenc_prove(key.data, self.secret, bound, random(_COINS)))) for key in recipients
        )


def begin(length: int, place: Place, recipients: Sequence[PublicKey], random: Random) -> Sealing:
    """Draws the object key and all that follows from it.

    Raises:
        InvalidError: too many bytes, no recipient, too many, or one twice.
    """
    if length > MOST_LENGTH:
        raise InvalidError(f"an object has at most {MOST_LENGTH} bytes")
    if not 1 <= len(recipients) <= MOST_RECIPIENTS or len(set(recipients)) != len(recipients):
        raise InvalidError(f"an object has 1 to {MOST_RECIPIENTS} recipients, each once")
    secret, statement = _native.verenc_draw(random(_WIDE))
    salt = random(SALT_BYTES)
    bound = associated(place, length)
    keys = stream_keys(secret, salt, bound)
    return Sealing(Header(place, length, salt, keys.commitment, statement), BodyCipher(keys, bound), secret)


def encrypt(data: bytes, place: Place, recipients: Sequence[PublicKey], random: Random = os.urandom) -> bytes:
    """An object that each recipient can open, for one place.

    Raises:
        InvalidError: too many bytes, no recipient, too many, or one twice.
        EncryptionError: a recipient's key is no point of Ed448's group.
    """
    sealing = begin(len(data), place, recipients, random)
    header = bytes(sealing.header)
    out = bytearray(len(header) + sealing.header.body_bytes)
    out[: len(header)] = header
    body, plain = memoryview(out)[len(header) :], memoryview(data)
    for number, (start, end, last) in enumerate(pieces(len(data), CHUNK)):
        at = start + number * TAG
        sealing.cipher.seal(number, last, plain[start:end], body[at : at + end - start + TAG])
    capsules = sealing.capsules(body_digest(body), recipients, random)
    return b"".join((out, capsules))


@dataclass(frozen=True)
class Opened:
    """An object taken apart; nothing of it is verified yet."""

    header: Header
    body: memoryview
    capsules: tuple[Capsule, ...]

    @property
    def context(self) -> bytes:
        """What its proofs are bound to."""
        return context(self.header, body_digest(self.body))


def take_apart(data: bytes, place: Place | None) -> Opened:
    """The parts of an object.

    Raises:
        EncryptionError: it is none, or lies at another place than it was encrypted for.
    """
    header = read_header(data)
    check_place(header, place)
    start = len(bytes(header))
    end = start + header.body_bytes
    if end > len(data):
        raise EncryptionError(f"an object of {header.length} bytes that ends within its body")
    view = memoryview(data)
    return Opened(header, view[start:end], read_capsules(view[end:]))


def check_place(header: Header, place: Place | None) -> None:
    """Whether an object lies where it was encrypted for.

    Raises:
        EncryptionError: it does not.
    """
    if place is not None and header.place != place:
        was, now = header.place, place
        raise EncryptionError(f"an object of {was.app!r}, {was.key.hex()!r} lies at {now.app!r}, {now.key.hex()!r}")


def check_capsules(header: Header, bound: bytes, capsules: Sequence[Capsule], required: Sequence[PublicKey]) -> None:
    """Whether all capsules hold, and those required are there.

    Raises:
        EncryptionError: one does not, or is missing.
    """
    present = {capsule.recipient for capsule in capsules}
    for key in required:
        if key.data not in present:
            raise EncryptionError(f"it is not encrypted to {key}")
    for capsule in capsules:
        _native.verenc_verify(capsule.recipient, header.statement, bound, capsule.proof)


def verify(data: bytes, place: Place | None = None, required: Sequence[PublicKey] = ()) -> Header:
    """Checks without any key that each recipient of an object can recover its key; what it says of itself.

    Args:
        place: where it lies; None takes it as it is.
        required: to whom it must be encrypted; to others it may be, too.

    Raises:
        EncryptionError: it does not verify.
    """
    opened = take_apart(data, place)
    check_capsules(opened.header, opened.context, opened.capsules, required)
    return opened.header


def object_key(header: Header, bound: bytes, capsules: Sequence[Capsule], key: SecretKey) -> bytes:
    """The object key, for a recipient.

    Raises:
        WrongKeyError: there is no capsule for that key.
        EncryptionError: its proof does not hold.
    """
    public = key.public.data
    for capsule in capsules:
        if capsule.recipient == public:
            return _native.verenc_recover(key.seed, header.statement, bound, capsule.proof)
    raise WrongKeyError(f"it is not encrypted to {key.public}")


def recovered_cipher(header: Header, secret: bytes) -> BodyCipher:
    """What an object's body was encrypted with, from its object key.

    Raises:
        EncryptionError: they are not those that it was encrypted with.
    """
    bound = associated(header.place, header.length, header.scheme)
    keys = stream_keys(secret, header.salt, bound)
    keys.check(header.commitment)
    return BodyCipher(keys, bound)


def decrypt(data: bytes, key: SecretKey, place: Place | None = None) -> bytes:
    """The plaintext of an object.

    Raises:
        WrongKeyError: it is not encrypted to this key.
        EncryptionError: it does not verify, or its body is not what its key encrypted.
    """
    opened = take_apart(data, place)
    secret = object_key(opened.header, opened.context, opened.capsules, key)
    cipher = recovered_cipher(opened.header, secret)
    out = bytearray(opened.header.length)
    plain = memoryview(out)
    for number, (start, end, last) in enumerate(pieces(len(opened.body), CHUNK + TAG)):
        at = start - number * TAG
        cipher.unseal(number, last, opened.body[start:end], plain[at : at + end - start - TAG])
    return bytes(out)


def share(data: bytes, key: SecretKey, recipient: PublicKey, random: Random = os.urandom) -> bytes:
    """The same object for one recipient more, by one who can open it; the body stays as it is.

    Raises:
        WrongKeyError: it is not encrypted to `key`.
        EncryptionError: it does not verify.
        InvalidError: the recipient has it already, or no more fit.
    """
    opened = take_apart(data, None)
    capsule = new_capsule(opened.header, opened.context, opened.capsules, key, recipient, random)
    return data + bytes(capsule)


def new_capsule(
    header: Header, bound: bytes, capsules: Sequence[Capsule], key: SecretKey, recipient: PublicKey, random: Random
) -> Capsule:
    """The object key encrypted to one recipient more.

    Raises:
        As `share`.
    """
    if len(capsules) == MOST_RECIPIENTS:
        raise InvalidError(f"an object has at most {MOST_RECIPIENTS} recipients")
    if any(capsule.recipient == recipient.data for capsule in capsules):
        raise InvalidError(f"it is encrypted to {recipient} already")
    secret = object_key(header, bound, capsules, key)
    recovered_cipher(header, secret)
    return Capsule(recipient.data, _native.verenc_prove(recipient.data, secret, bound, random(_COINS)))


def rotate(data: bytes, key: SecretKey, recipients: Sequence[PublicKey], random: Random = os.urandom) -> bytes:
    """The same plaintext at the same place under a fresh object key, for these recipients alone.

    Who could open the old object still can, wherever a copy of it is left.

    Raises:
        As `decrypt` and `encrypt`.
    """
    header = read_header(data)
    return encrypt(decrypt(data, key, header.place), header.place, recipients, random)


def capsules_at(size: int, header: Header) -> int:
    """Where the capsules of an object of `size` bytes begin.

    Raises:
        EncryptionError: an object of this header cannot have this size.
    """
    start = len(bytes(header)) + header.body_bytes
    count, rest = divmod(size - start, CAPSULE_BYTES)
    if rest or not 1 <= count <= MOST_RECIPIENTS:
        raise EncryptionError(f"{size - start} bytes behind the body are not 1 to {MOST_RECIPIENTS} capsules")
    return start
