"""The format does not change: the files of vectors are made again byte for byte, and a verifier that shares no code agrees.

Theory: `reference` is written from docs/encryption.md alone, so that what both agree on is what the document says.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from hyperdb import _native
from hyperdb.encryption import SecretKey, decrypt, decrypt_secret, verify, verify_secret
from hyperdb.encryption.key_files import Protected, read_key
from hyperdb.errors import EncryptionError
from tests.encryption import reference
from tests.encryption.make_vectors import VECTORS, vectors
from tests.encryption.samples import KEY, OTHER, PLACE

GOLDEN: dict[str, Any] = json.loads(VECTORS.read_text())


def _bytes(vector: dict[str, str], *names: str) -> list[bytes]:
    return [bytes.fromhex(vector[name]) for name in names]


def test_vectors_are_made_again() -> None:
    assert vectors() == GOLDEN


@pytest.mark.parametrize("vector", GOLDEN["proofs"][:1], ids=["first"])
def test_the_reference_accepts_what_is_recovered(vector: dict[str, str]) -> None:
    seed, secret, recipient, statement, context, proof = _bytes(
        vector, "seed", "secret", "recipient", "statement", "context", "proof"
    )
    assert _native.verenc_statement(secret) == statement
    assert _native.verenc_recover(seed, statement, context, proof) == secret
    assert reference.encode(reference.times(int.from_bytes(secret, "little"), reference.BASE)) == statement
    assert reference.verify(recipient, statement, context, proof)


def test_the_reference_accepts_a_chunk() -> None:
    (vector,) = GOLDEN["chunks"]
    seed, payload, recipient, context, chunk = _bytes(vector, "seed", "payload", "recipient", "context", "chunk")
    assert _native.verenc_decrypt_chunk(seed, context, chunk) == payload
    assert reference.check_chunk(recipient, context, chunk)
    assert not reference.check_chunk(recipient, b"elsewhere", chunk)


def _native_verdict(recipient: bytes, statement: bytes, context: bytes, proof: bytes) -> bool:
    try:
        _native.verenc_verify(recipient, statement, context, proof)
    except EncryptionError:
        return False
    return True


ORDER = reference.L.to_bytes(56, "little")
HIDDEN, OPENED = 64 * 57 + 64, 64 * 57 + 64 + 68 * 113
TORSION = bytes(57)


def _forgeries() -> dict[str, tuple[bytes, bytes, bytes, bytes]]:
    first, second = GOLDEN["proofs"]
    recipient, statement, context, proof = _bytes(first, "recipient", "statement", "context", "proof")
    other = _bytes(second, "recipient", "statement", "context", "proof")

    def placed(at: int, data: bytes) -> tuple[bytes, bytes, bytes, bytes]:
        return recipient, statement, context, proof[:at] + data + proof[at + len(data) :]

    point = reference.decode(statement)
    torsion = reference.decode(TORSION)
    assert point is not None and torsion is not None
    moved = reference.encode(reference.add(point, torsion))
    return {
        "wrong key": (other[0], statement, context, proof),
        "swapped statement": (recipient, other[1], context, proof),
        "another context": (recipient, statement, other[2], proof),
        "another proof": (recipient, statement, context, other[3]),
        "cut off": (recipient, statement, context, proof[:-1]),
        "longer": (recipient, statement, context, proof + b"\0"),
        "altered share": placed(OPENED, bytes([proof[OPENED] ^ 1])),
        "altered coins": placed(OPENED + 56, bytes([proof[OPENED + 56] ^ 1])),
        "altered ciphertext": placed(HIDDEN + 57, bytes([proof[HIDDEN + 57] ^ 1])),
        "altered commitment": placed(0, proof[57:114]),
        "altered challenge": placed(64 * 57, bytes([proof[64 * 57] ^ 1])),
        "a share of the order": placed(OPENED, ORDER),
        "a ciphertext of the order": placed(HIDDEN + 57, ORDER),
        "no point": placed(0, b"\2" + bytes(56)),
        "a point of another form": placed(HIDDEN, b"\1" + bytes(55) + b"\x80"),
        "a statement with torsion": (recipient, moved, context, proof),
        "a key of order four": (TORSION, statement, context, proof),
        "no statement": (recipient, b"\1" + bytes(56), context, proof),
    }


@pytest.mark.parametrize("name", _forgeries())
def test_both_refuse_a_forgery(name: str) -> None:
    forged = _forgeries()[name]
    assert not _native_verdict(*forged)
    assert not reference.verify(*forged)


def test_objects_of_the_vectors_are_opened() -> None:
    plaintext, sealed, shared = _bytes(GOLDEN["object"], "plaintext", "object", "shared")
    verify(sealed, PLACE, [KEY.public])
    assert decrypt(sealed, KEY, PLACE) == decrypt(sealed + shared, OTHER, PLACE) == plaintext
    plaintext, secret = _bytes(GOLDEN["secret"], "plaintext", "secret")
    verify_secret(secret, PLACE, KEY.public)
    assert decrypt_secret(secret, KEY) == plaintext
    stored = read_key(GOLDEN["key file"]["text"].encode())
    assert isinstance(stored, Protected)
    assert stored.unlock("correct horse") == SecretKey(b"\1" * 57)
