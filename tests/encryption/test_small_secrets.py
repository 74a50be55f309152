"""Small secrets: 54 bytes a chunk, each bound to its secret and its number."""

from __future__ import annotations

import pytest

from hyperdb.encryption import Place, decrypt_secret, encrypt_secret, verify_secret
from hyperdb.encryption.small_secrets import CHUNK, MOST_SECRET, PAYLOAD
from hyperdb.errors import EncryptionError, InvalidError, WrongKeyError
from tests.encryption.samples import KEY, OTHER, PLACE, changed, drawn

DATA = bytes(range(100))


@pytest.fixture(scope="module")
def sealed() -> bytes:
    return encrypt_secret(DATA, PLACE, KEY.public, drawn("secret"))


@pytest.mark.parametrize("length", [0, 1, PAYLOAD, PAYLOAD + 1])
def test_a_secret_is_verified_and_opened(length: int) -> None:
    sealed = encrypt_secret(b"\0" * length, PLACE, KEY.public)
    assert verify_secret(sealed, PLACE, KEY.public).length == length
    assert decrypt_secret(sealed, KEY, PLACE) == b"\0" * length


def test_a_secret_that_was_changed_is_refused(sealed: bytes) -> None:
    header = len(sealed) - 2 * CHUNK
    for at in (0, 5, 7, 9, 11, 60, header - 1, header, header + 57, header + 114, header + 170, header + CHUNK, -1):
        with pytest.raises(EncryptionError):
            verify_secret(changed(sealed, at))
    for length in (0, 10, header, len(sealed) - 1):
        with pytest.raises(EncryptionError):
            verify_secret(sealed[:length])
    with pytest.raises(EncryptionError):
        verify_secret(sealed + b"x")


def test_chunks_have_their_place(sealed: bytes) -> None:
    header, first, second = sealed[: -2 * CHUNK], sealed[-2 * CHUNK : -CHUNK], sealed[-CHUNK:]
    other = encrypt_secret(DATA, PLACE, KEY.public)
    for forged in (header + second + first, header + first + first, header + first + other[-CHUNK:]):
        with pytest.raises(EncryptionError):
            verify_secret(forged)
        with pytest.raises(EncryptionError):
            decrypt_secret(forged, KEY)


def test_only_the_recipient_opens_it_there(sealed: bytes) -> None:
    assert decrypt_secret(sealed, KEY) == DATA
    with pytest.raises(WrongKeyError):
        decrypt_secret(sealed, OTHER)
    with pytest.raises(EncryptionError, match="not encrypted to"):
        verify_secret(sealed, PLACE, OTHER.public)
    with pytest.raises(EncryptionError, match="another place"):
        verify_secret(sealed, Place("vault", b"another"))
    with pytest.raises(EncryptionError, match="another place"):
        decrypt_secret(sealed, KEY, Place("vault", b"another"))


def test_a_length_that_lies_is_refused(sealed: bytes) -> None:
    for length in (99, 101, 108, 54, MOST_SECRET + 1):
        with pytest.raises(EncryptionError):
            verify_secret(sealed[:5] + length.to_bytes(2, "little") + sealed[7:])
    with pytest.raises(InvalidError, match="at most"):
        encrypt_secret(bytes(MOST_SECRET + 1), PLACE, KEY.public)
