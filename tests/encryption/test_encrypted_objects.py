"""Objects: what is encrypted is decrypted, everybody can verify it, and whatever was changed, moved or cut is refused."""

from __future__ import annotations

import io

import pytest

from hyperdb.encryption import (
    Place,
    PublicKey,
    decrypt,
    decrypt_file,
    encrypt,
    encrypt_file,
    rotate,
    share,
    share_file,
    verify,
    verify_file,
)
from hyperdb.encryption.body_digest import PART, BodyDigest, body_digest
from hyperdb.encryption.envelope import CAPSULE_BYTES, MOST_RECIPIENTS, associated, read_header
from hyperdb.encryption.objects import begin
from hyperdb.encryption.stream import TAG, BodyCipher, stream_keys
from hyperdb.errors import EncryptionError, InvalidError, WrongKeyError
from tests.encryption.samples import CHUNK, KEY, OTHER, PLACE, THIRD, changed, drawn

DATA = b"some bytes that nobody else should read" * 5_000
HEADER = len(bytes(read_header(encrypt(b"", PLACE, [KEY.public]))))


@pytest.fixture(scope="module")
def sealed() -> bytes:
    return encrypt(DATA, PLACE, [KEY.public], drawn("object"))


@pytest.mark.parametrize("length", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_what_is_encrypted_is_decrypted(length: int) -> None:
    data = DATA[:length] if length <= len(DATA) else DATA + bytes(length - len(DATA))
    sealed = encrypt(data, PLACE, [KEY.public])
    assert verify(sealed, PLACE, [KEY.public]).length == len(data)
    assert decrypt(sealed, KEY, PLACE) == data
    assert len(sealed) == HEADER + len(data) + 16 * max(1, -(-len(data) // CHUNK)) + CAPSULE_BYTES


def test_every_part_matters(sealed: bytes) -> None:
    body, capsules = HEADER, len(sealed) - CAPSULE_BYTES
    for at in (
        0,
        4,
        5,
        6,
        14,
        16,
        18,
        30,
        90,
        130,
        160,
        HEADER - 1,
        body,
        body + CHUNK,
        capsules - 1,
        capsules,
        capsules + 57,
        -1,
    ):
        forged = changed(sealed, at)
        with pytest.raises(EncryptionError):
            verify(forged)
        with pytest.raises(EncryptionError):
            decrypt(forged, KEY)


def test_only_recipients_open_it(sealed: bytes) -> None:
    with pytest.raises(WrongKeyError, match="not encrypted to"):
        decrypt(sealed, OTHER)
    with pytest.raises(EncryptionError, match="not encrypted to"):
        verify(sealed, PLACE, [KEY.public, OTHER.public])


def test_an_object_is_refused_at_any_other_place(sealed: bytes) -> None:
    for place in (Place("vault", b"another"), Place("other", PLACE.key), Place("", b"")):
        with pytest.raises(EncryptionError, match="lies at"):
            verify(sealed, place)
        with pytest.raises(EncryptionError, match="lies at"):
            decrypt(sealed, KEY, place)
    moved = sealed.replace(b"vault", b"vaulx", 1)
    with pytest.raises(EncryptionError):
        verify(moved, Place("vaulx", PLACE.key))


def test_a_proof_is_of_one_object(sealed: bytes) -> None:
    """The same recipient, place, length and even plaintext."""
    other = encrypt(DATA, PLACE, [KEY.public])
    for cut in (len(sealed) - CAPSULE_BYTES, HEADER):
        with pytest.raises(EncryptionError):
            verify(sealed[:cut] + other[cut:])


def test_a_length_that_lies_is_refused(sealed: bytes) -> None:
    header = read_header(sealed)
    for length in (0, len(DATA) - 1, len(DATA) + 1, len(DATA) + CAPSULE_BYTES, 1 << 62):
        forged = sealed[:6] + length.to_bytes(8, "little") + sealed[14:]
        with pytest.raises(EncryptionError):
            verify(forged)
    assert header.length == len(DATA)


def test_cut_and_longer_objects_are_refused(sealed: bytes) -> None:
    for length in (0, 4, 50, HEADER - 1, HEADER, HEADER + 100, len(sealed) - CAPSULE_BYTES, len(sealed) - 1):
        with pytest.raises(EncryptionError):
            verify(sealed[:length])
    for more in (b"x", sealed[-CAPSULE_BYTES:]):
        with pytest.raises(EncryptionError):
            verify(sealed + more)


def _by_hand(order: list[int], flags: list[bool]) -> bytes:
    """An object by a writer that holds the key, of chunks in any order and with any flags."""
    random = drawn("by hand")
    sealing = begin(3 * CHUNK, PLACE, [KEY.public], random)
    body = b""
    for number, (chunk, last) in enumerate(zip(order, flags, strict=True)):
        out = bytearray(CHUNK + TAG)
        sealing.cipher.seal(chunk, last, bytes([number]) * CHUNK, out)
        body += out
    return bytes(sealing.header) + body + sealing.capsules(body_digest(body), [KEY.public], random)


def test_chunks_have_their_place() -> None:
    good = _by_hand([0, 1, 2], [False, False, True])
    assert decrypt(good, KEY)[CHUNK] == 1
    for order, flags in (
        ([1, 0, 2], [False, False, True]),
        ([0, 1, 1], [False, False, True]),
        ([0, 1, 2], [False, False, False]),
        ([0, 1, 2], [False, True, True]),
    ):
        bad = _by_hand(order, flags)
        # What the body holds is not shown without the key, and the documentation says so.
        verify(bad)
        with pytest.raises(EncryptionError, match="chunk"):
            decrypt(bad, KEY)


def test_keys_that_the_object_does_not_commit_to_are_refused() -> None:
    random = drawn("commitment")
    sealing = begin(1, PLACE, [KEY.public], random)
    out = bytearray(1 + TAG)
    sealing.cipher.seal(0, True, b"x", out)
    forged = bytes(sealing.header).replace(sealing.header.commitment, bytes(32))
    object.__setattr__(sealing, "header", read_header(forged))
    sealed = forged + out + sealing.capsules(body_digest(out), [KEY.public], random)
    verify(sealed)
    with pytest.raises(EncryptionError, match="object key is not that"):
        decrypt(sealed, KEY)


def test_keys_follow_from_everything_that_is_bound() -> None:
    keys = {
        stream_keys(b"x" * 56, salt, associated(place, length))
        for salt in (b"a", b"b")
        for place, length in ((Place("a", b"b"), 1), (Place("ab", b""), 1), (Place("a", b"b"), 2))
    }
    assert len(keys) == 6
    assert len({key.commitment for key in keys}) == 6


def test_an_object_is_shared_without_touching_it(sealed: bytes) -> None:
    shared = share(sealed, KEY, OTHER.public)
    assert shared[: len(sealed)] == sealed
    verify(shared, PLACE, [KEY.public, OTHER.public])
    assert decrypt(shared, OTHER) == decrypt(shared, KEY) == DATA
    again = share(shared, OTHER, THIRD.public)
    assert decrypt(again, THIRD, PLACE) == DATA
    with pytest.raises(InvalidError, match="already"):
        share(shared, KEY, OTHER.public)
    with pytest.raises(WrongKeyError):
        share(sealed, OTHER, THIRD.public)
    first = shared[: len(sealed) - CAPSULE_BYTES]
    assert decrypt(first + shared[-CAPSULE_BYTES:], OTHER) == DATA, "a capsule may be taken away"
    with pytest.raises(EncryptionError, match="two capsules"):
        verify(sealed + sealed[-CAPSULE_BYTES:])


def test_rotation_makes_all_keys_anew(sealed: bytes) -> None:
    rotated = rotate(sealed, KEY, [OTHER.public])
    old, new = read_header(sealed), read_header(rotated)
    assert old.statement != new.statement and old.salt != new.salt
    assert decrypt(rotated, OTHER, PLACE) == DATA
    with pytest.raises(WrongKeyError):
        decrypt(rotated, KEY)


def test_an_object_has_some_recipients_each_once() -> None:
    for recipients in ([], [KEY.public, KEY.public], [KEY.public] * (MOST_RECIPIENTS + 1)):
        with pytest.raises(InvalidError):
            encrypt(b"", PLACE, recipients)
    neutral = PublicKey(b"\1" + bytes(56))
    with pytest.raises(EncryptionError, match="public key"):
        encrypt(b"", PLACE, [neutral])
    with pytest.raises(InvalidError):
        PublicKey(bytes(56))


def test_what_is_no_object_is_refused() -> None:
    for data in (b"", b"HDBX\1", b"HDBX\1" + bytes(400), bytes(20_000), b"HDBX\1\1" + b"\xff" * 20_000):
        with pytest.raises(EncryptionError):
            verify(data)
    for data, at in ((encrypt(b"", Place("\xe9", b""), [KEY.public]), 18),):
        with pytest.raises(EncryptionError, match="UTF-8"):
            verify(data[:at] + b"\xff" + data[at + 1 :])


def test_files_have_the_bytes_of_memory() -> None:
    sink = io.BytesIO()
    encrypt_file(io.BytesIO(DATA), len(DATA), sink, PLACE, [KEY.public], drawn("object"))
    assert sink.getvalue() == encrypt(DATA, PLACE, [KEY.public], drawn("object"))
    header, recipients = verify_file(sink, PLACE, [KEY.public])
    assert (header.length, recipients) == (len(DATA), (KEY.public,))
    share_file(sink, KEY, OTHER.public)
    plain = io.BytesIO()
    decrypt_file(sink, plain, OTHER, PLACE)
    assert plain.getvalue() == DATA
    with pytest.raises(EncryptionError, match="shorter"):
        encrypt_file(io.BytesIO(DATA), len(DATA) + 1, io.BytesIO(), PLACE, [KEY.public])
    for damaged in (changed(sink.getvalue(), HEADER), sink.getvalue()[:-1], b""):
        with pytest.raises(EncryptionError):
            decrypt_file(io.BytesIO(damaged), io.BytesIO(), KEY)


@pytest.mark.parametrize("length", [0, 1, PART - 1, PART, PART + 1, 5 * PART + 7])
def test_a_digest_does_not_depend_on_the_pieces(length: int) -> None:
    data = bytes(range(256)) * (length // 256 + 1)
    data = data[:length]
    for size in (CHUNK + TAG, PART, 3 * PART):
        digest = BodyDigest()
        for start in range(0, length, size):
            digest.update(data[start : start + size])
        assert digest.digest() == body_digest(data)


def test_a_cipher_is_of_one_object() -> None:
    keys = stream_keys(b"x" * 56, b"salt", b"here")
    out, plain = bytearray(3 + TAG), bytearray(3)
    BodyCipher(keys, b"here").seal(0, True, b"abc", out)
    BodyCipher(keys, b"here").unseal(0, True, out, plain)
    assert plain == b"abc"
    with pytest.raises(EncryptionError):
        BodyCipher(keys, b"there").unseal(0, True, out, plain)
