"""Whatever bytes lie where an object or a secret should: they are refused by an `EncryptionError`, and by nothing else.

Honest bytes get damage in front of the proofs, where lengths and names stand, and at every edge. What is drawn follows from a
seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from hyperdb.encryption import Place, SecretKey, objects, small_secrets
from hyperdb.encryption.envelope import CAPSULE_BYTES, read_header
from hyperdb.errors import EncryptionError

KEY = SecretKey(bytes(range(57)))
PLACE = Place("app", b"key")
INPUTS = 80


@pytest.fixture(scope="module")
def honest() -> bytes:
    return objects.encrypt(b"some words", PLACE, [KEY.public])


@pytest.fixture(scope="module")
def secret() -> bytes:
    return small_secrets.encrypt_secret(b"a pin", PLACE, KEY.public)


def _damaged(data: bytes, front: int, seed: int) -> Iterator[bytes]:
    """Bytes with one to three wounds each among the first ones."""
    source = random.Random(seed)
    for _ in range(INPUTS):
        found = bytearray(data)
        for _ in range(source.randint(1, 3)):
            at, length = source.randrange(front), source.randrange(1, 12)
            match source.randrange(4):
                case 0:
                    found[at] ^= 1 << source.randrange(8)
                case 1:
                    del found[at : at + length]
                case 2:
                    found[at:at] = found[at : at + length]
                case _:
                    found[at : at + 4] = source.choice((0, 1, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF)).to_bytes(4, "little")
        if found != data:
            yield bytes(found)


def test_objects(honest: bytes) -> None:
    front = len(bytes(read_header(honest)))
    assert objects.verify(honest).place == PLACE
    for each in _damaged(honest, front + 26, 1):
        with pytest.raises(EncryptionError):
            objects.verify(each)


def test_secrets(secret: bytes) -> None:
    assert small_secrets.verify_secret(secret).place == PLACE
    for each in _damaged(secret, 120, 2):
        with pytest.raises(EncryptionError):
            small_secrets.verify_secret(each)


def test_what_ends_early_or_late(honest: bytes, secret: bytes) -> None:
    for end in (0, 1, 4, 5, 17, 40, 100, len(honest) - CAPSULE_BYTES, len(honest) - 1):
        with pytest.raises(EncryptionError):
            objects.verify(honest[:end])
    for end in (0, 1, 5, 30, 100, len(secret) - 1):
        with pytest.raises(EncryptionError):
            small_secrets.verify_secret(secret[:end])
    for more in (b"\x00", honest[-CAPSULE_BYTES:], bytes(CAPSULE_BYTES), bytes(16 * CAPSULE_BYTES)):
        with pytest.raises(EncryptionError):
            objects.verify(honest + more)
    for more in (b"\x00", secret[-24_590:], bytes(24_590)):
        with pytest.raises(EncryptionError):
            small_secrets.verify_secret(secret + more)


def test_bodies_of_two_objects_under_one_header(honest: bytes) -> None:
    """The ciphertext of another object of the same place and length: its digest is in the proof's context."""
    other = objects.encrypt(b"more words", PLACE, [KEY.public])
    front, end = len(bytes(read_header(honest))), len(honest) - CAPSULE_BYTES
    for mixed in (
        honest[:front] + other[front:end] + honest[end:],
        honest[:end] + other[end:],
        other[:front] + honest[front:],
    ):
        with pytest.raises(EncryptionError):
            objects.verify(mixed, PLACE)
        with pytest.raises(EncryptionError):
            objects.decrypt(mixed, KEY, PLACE)


def test_keys_and_nonces_are_never_the_same_twice() -> None:
    """Rotation draws the object key, salt and so every nonce anew, also for the same bytes at the same place."""
    first = objects.encrypt(b"some words", PLACE, [KEY.public])
    second = objects.rotate(first, KEY, [KEY.public])
    headers = [read_header(each) for each in (first, second)]
    for part in ("salt", "commitment", "statement"):
        assert getattr(headers[0], part) != getattr(headers[1], part)
    at = len(bytes(headers[0]))
    assert first[at : at + 26] != second[at : at + 26], "no body is encrypted alike"
