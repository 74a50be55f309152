"""Writes tests/golden/encryption/vectors.json: `python -m tests.encryption.make_vectors`.

Theory: all randomness is drawn from a seed, so the same bytes come again from any implementation of docs/encryption.md.
Invariant: never anew for a released format; a new format gets a file of its own.
"""

from __future__ import annotations

import json
from pathlib import Path

from hyperdb import _native
from hyperdb.encryption import BlindingKey, Place, SecretKey, encrypt, encrypt_secret, share
from hyperdb.encryption.envelope import associated
from hyperdb.encryption.key_files import protected
from hyperdb.encryption.stream import stream_keys
from tests.encryption.samples import KEY, OTHER, PLACE, drawn

VECTORS = Path(__file__).resolve().parents[1] / "golden/encryption/vectors.json"


def _proof(key: SecretKey, name: str) -> dict[str, str]:
    random = drawn(name)
    wide, coins, context = random(114), random(32), name.encode()
    secret, statement = _native.verenc_draw(wide)
    proof = _native.verenc_prove(key.public.data, secret, context, coins)
    return {
        "seed": key.seed.hex(),
        "recipient": str(key.public),
        "wide": wide.hex(),
        "secret": secret.hex(),
        "statement": statement.hex(),
        "context": context.hex(),
        "randomness": coins.hex(),
        "proof": proof.hex(),
    }


def _chunk(name: str) -> dict[str, str]:
    random = drawn(name)
    coins, context, payload = random(32), name.encode(), random(54)
    chunk = _native.verenc_encrypt_chunk(KEY.public.data, payload, context, coins)
    return {
        "seed": KEY.seed.hex(),
        "recipient": str(KEY.public),
        "payload": payload.hex(),
        "context": context.hex(),
        "randomness": coins.hex(),
        "chunk": chunk.hex(),
    }


def vectors() -> dict[str, object]:
    """All of them."""
    text = b"a text of an object"
    sealed = encrypt(text, PLACE, [KEY.public], drawn("object"))
    keys = stream_keys(b"\1" * 56, b"\2" * 32, associated(Place("app", b"key"), 3))
    return {
        "proofs": [_proof(KEY, "first"), _proof(OTHER, "second")],
        "chunks": [_chunk("chunk")],
        "keys": {
            "secret": "01" * 56,
            "salt": "02" * 32,
            "app": "app",
            "key": b"key".hex(),
            "length": 3,
            "encryption": keys.key.hex(),
            "commitment": keys.commitment.hex(),
            "prefix": keys.prefix.hex(),
        },
        "object": {
            "plaintext": text.hex(),
            "app": PLACE.app,
            "key": PLACE.key.hex(),
            "object": sealed.hex(),
            "shared": share(sealed, KEY, OTHER.public, drawn("share"))[len(sealed) :].hex(),
        },
        "secret": {
            "plaintext": b"a password".hex(),
            "secret": encrypt_secret(b"a password", PLACE, KEY.public, drawn("secret")).hex(),
        },
        "blinded": {
            "seed": KEY.seed.hex(),
            "app": "vault",
            "components": ["users", "ada"],
            "key": BlindingKey.of(KEY, "vault").blind("users", "ada").hex(),
        },
        "key file": {"passphrase": "correct horse", "text": protected(KEY, "correct horse", drawn("file"), 14)},
    }


if __name__ == "__main__":
    VECTORS.parent.mkdir(parents=True, exist_ok=True)
    VECTORS.write_text(json.dumps(vectors(), indent=1) + "\n")
