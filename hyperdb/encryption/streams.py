"""Objects in files: the same bytes as in memory, without holding them.

Theory: the body is read and written a chunk at a time, and hashed on the way; capsules come last.
Invariant: a plaintext is written only as its chunks authenticate, after the proof was checked, but the end of a body is known
at its end: who gets an error throws away what was written. Sources must not change while they are read; a body that did is
refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from hyperdb.encryption.body_digest import BodyDigest
from hyperdb.encryption.envelope import MOST_HEADER, Capsule, Header, Place, context, read_capsules, read_header
from hyperdb.encryption.keys import PublicKey, Random, SecretKey
from hyperdb.encryption.objects import begin, capsules_at, check_capsules, check_place, new_capsule, object_key, recovered_cipher
from hyperdb.encryption.stream import CHUNK, TAG, pieces
from hyperdb.errors import EncryptionError

Progress = Callable[[int], object]
"""Hears how many bytes more were read."""


def _nobody(_count: int) -> None:
    """Hears nothing."""


def _chunks(source: BinaryIO, length: int, size: int, progress: Progress) -> Iterator[tuple[bytes, bool]]:
    for start, end, last in pieces(length, size):
        chunk = source.read(end - start)
        if len(chunk) != end - start:
            raise EncryptionError("the file became shorter while it was read")
        progress(len(chunk))
        yield chunk, last


def encrypt_file(
    source: BinaryIO,
    length: int,
    sink: BinaryIO,
    place: Place,
    recipients: Sequence[PublicKey],
    random: Random = os.urandom,
    progress: Progress = _nobody,
) -> Header:
    """Encrypts `length` bytes of a file into another one.

    Raises:
        InvalidError: too many bytes, no recipient, too many, or one twice.
        EncryptionError: the source is shorter.
    """
    sealing = begin(length, place, recipients, random)
    sink.write(bytes(sealing.header))
    digest, buffer = BodyDigest(), memoryview(bytearray(CHUNK + TAG))
    for number, (chunk, last) in enumerate(_chunks(source, length, CHUNK, progress)):
        sealed = buffer[: len(chunk) + TAG]
        sealing.cipher.seal(number, last, chunk, sealed)
        digest.update(sealed)
        sink.write(sealed)
    sink.write(sealing.capsules(digest.digest(), recipients, random))
    return sealing.header


@dataclass(frozen=True)
class _Read:
    """What is known of an object in a file after reading all of it once."""

    header: Header
    context: bytes
    capsules: tuple[Capsule, ...]


def _read(source: BinaryIO, place: Place | None, progress: Progress) -> _Read:
    size = source.seek(0, os.SEEK_END)
    source.seek(0)
    header = read_header(source.read(MOST_HEADER))
    check_place(header, place)
    end = capsules_at(size, header)
    source.seek(end)
    capsules = read_capsules(source.read(size - end))
    source.seek(len(bytes(header)))
    digest = BodyDigest()
    for chunk, _ in _chunks(source, header.body_bytes, CHUNK + TAG, progress):
        digest.update(chunk)
    return _Read(header, context(header, digest.digest()), capsules)


def verify_file(
    source: BinaryIO, place: Place | None = None, required: Sequence[PublicKey] = (), progress: Progress = _nobody
) -> tuple[Header, tuple[PublicKey, ...]]:
    """As `verify`, of an object in a file; and to whom it is encrypted.

    Raises:
        EncryptionError: it does not verify.
    """
    read = _read(source, place, progress)
    check_capsules(read.header, read.context, read.capsules, required)
    return read.header, tuple(PublicKey(capsule.recipient) for capsule in read.capsules)


def decrypt_file(
    source: BinaryIO, sink: BinaryIO, key: SecretKey, place: Place | None = None, progress: Progress = _nobody
) -> Header:
    """As `decrypt`, from one file into another; on an error what was written is to be thrown away.

    Raises:
        WrongKeyError: it is not encrypted to this key.
        EncryptionError: it does not verify, or its body is not what its key encrypted.
    """
    read = _read(source, place, _nobody)
    header = read.header
    cipher = recovered_cipher(header, object_key(header, read.context, read.capsules, key))
    source.seek(len(bytes(header)))
    buffer = memoryview(bytearray(CHUNK))
    for number, (chunk, last) in enumerate(_chunks(source, header.body_bytes, CHUNK + TAG, progress)):
        plain = buffer[: len(chunk) - TAG]
        cipher.unseal(number, last, chunk, plain)
        sink.write(plain)
    return header


def share_file(target: BinaryIO, key: SecretKey, recipient: PublicKey, random: Random = os.urandom) -> Header:
    """As `share`: adds a capsule at the end of a file that is open for reading and writing.

    Raises:
        As `share`.
    """
    read = _read(target, None, _nobody)
    capsule = new_capsule(read.header, read.context, read.capsules, key, recipient, random)
    target.seek(0, os.SEEK_END)
    target.write(bytes(capsule))
    return read.header
