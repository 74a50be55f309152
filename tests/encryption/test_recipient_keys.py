"""Keys, their files, and the blinding that follows from them."""

from __future__ import annotations

import json

import pytest

from hyperdb.encryption import BLINDED_BYTES, BlindingKey, SecretKey
from hyperdb.encryption.key_files import Protected, plain, protected, read_key
from hyperdb.errors import InvalidError, WrongKeyError
from tests.encryption.samples import KEY, OTHER, drawn

CHEAP = 14


def test_a_key_file_holds_the_key() -> None:
    assert read_key(plain(KEY).encode()) == KEY
    assert str(KEY.seed.hex()) not in repr(KEY)
    assert SecretKey.generate().seed != SecretKey.generate().seed


def test_a_protected_file_opens_by_its_passphrase_alone() -> None:
    text = protected(KEY, "correct horse", drawn("file"), CHEAP).encode()
    assert KEY.seed.hex().encode() not in text
    stored = read_key(text)
    assert isinstance(stored, Protected)
    assert stored.public == KEY.public
    assert stored.unlock("correct horse") == KEY
    for wrong in ("", "Correct horse"):
        with pytest.raises(WrongKeyError):
            stored.unlock(wrong)
    shown = json.loads(text)
    shown["public"] = str(OTHER.public)
    forged = read_key(json.dumps(shown).encode())
    assert isinstance(forged, Protected)
    with pytest.raises(WrongKeyError):
        forged.unlock("correct horse")
    with pytest.raises(InvalidError):
        protected(KEY, "", cost=CHEAP)


def test_what_is_no_key_file_is_refused_before_anything_is_computed() -> None:
    good = json.loads(protected(KEY, "x", drawn("file"), CHEAP))
    bad = [
        {**good, "scrypt": 40},
        {**good, "scrypt": True},
        {**good, "scrypt": "14"},
        {**good, "salt": ""},
        {**good, "hyperdb-key": 2},
        {**good, "public": "00"},
        {key: value for key, value in good.items() if key != "sealed"},
        [],
    ]
    texts = [json.dumps(each).encode() for each in bad]
    for text in (*texts, b"", b"00", b"{", b"{}", b"x" * 114, bytes(2000), b"\xff", KEY.seed.hex().encode() + b"00"):
        with pytest.raises(InvalidError):
            read_key(text)


def test_equal_components_are_equal_and_nothing_else_shows() -> None:
    blinding = BlindingKey.of(KEY, "vault")
    ada, bob = blinding.blind("users", "ada"), blinding.blind("users", "bob")
    assert len(ada) == 2 * BLINDED_BYTES
    assert ada[:BLINDED_BYTES] == bob[:BLINDED_BYTES] == blinding.blind("users")
    assert ada[BLINDED_BYTES:] != bob[BLINDED_BYTES:]
    assert blinding.blind("x", "x")[:BLINDED_BYTES] != blinding.blind("x", "x")[BLINDED_BYTES:], "a place of its own each"
    others = [BlindingKey.of(KEY, "other"), BlindingKey.of(OTHER, "vault")]
    assert len({each.blind("users") for each in (blinding, *others)}) == 3
    assert blinding.blind(b"users") == blinding.blind("users")
    for components in ((), ("a",) * 9):
        with pytest.raises(InvalidError):
            blinding.blind(*components)
    with pytest.raises(InvalidError):
        BlindingKey(b"short")
