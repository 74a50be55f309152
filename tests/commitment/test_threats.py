"""The vectors: honest bundles give their answers, every forgery is refused by the check that is there for it, and so is any
damage.

`make_vectors.py` writes them; the native and the browser's verifier read the same file.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from py_ecc.optimized_bls12_381 import G2, multiply, normalize

from hyperdb.commitment.verify import OwnerKey, Root, Seen, StoreKey, Trusted, VerificationError, opening, pairing, verify

from .make_vectors import shown

VECTORS = json.loads((Path(__file__).resolve().parent.parent / "golden" / "proofs" / "vectors.json").read_text())
PINS = {"root": Root, "store": StoreKey, "owner": OwnerKey}


def pin(vector: dict[str, str]) -> Trusted:
    return PINS[vector["pin"]](bytes.fromhex(vector["trusted"]))


def outcome(vector: dict[str, str]) -> str:
    """The answers, or the name of the check that refused."""
    seen = vector["seen"].split(":") if "seen" in vector else None
    try:
        verified = verify(
            bytes.fromhex(vector["bundle"]),
            trusted=pin(vector),
            app=bytes.fromhex(vector["app"]) if "app" in vector else None,
            seen=Seen(int(seen[0]), bytes.fromhex(seen[1])) if seen else None,
        )
    except VerificationError as refused:
        return refused.check
    return ";".join(map(shown, verified.answers))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vectors(vector: dict[str, str]) -> None:
    assert outcome(vector) == (vector["answers"] if vector["expect"] == "ok" else vector["expect"])


def test_oversized_bundles_are_refused_before_they_are_read() -> None:
    bundle = bytes.fromhex(VECTORS[0]["bundle"])
    with pytest.raises(VerificationError, match=r"^size: "):
        verify(bundle + bytes(4 << 20), trusted=pin(VECTORS[0]))


def test_any_damage_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut, flipped, spliced: always `VerificationError`. The curve is left out, since damage that only it sees is above."""
    monkeypatch.setattr(opening, "pairing_equal", lambda left, right: False)
    monkeypatch.setattr(opening, "decompress", lambda data, infinity: None)
    monkeypatch.setattr(opening, "weighted_sum", lambda points, weights: None)
    monkeypatch.setattr("hyperdb.commitment.verify.ed448.verify", lambda *_: True)
    dice = random.Random(3)
    seeds = [vector for vector in VECTORS if vector["expect"] == "ok"]
    for _ in range(3000):
        seed = dice.choice(seeds)
        data = bytearray.fromhex(seed["bundle"])
        for _ in range(dice.randrange(1, 4)):
            at = dice.randrange(212, len(data))
            match dice.randrange(4):
                case 0:
                    data[at] ^= 1 << dice.randrange(8)
                case 1:
                    data[at] = dice.choice([0, 1, 247, 248, 255])
                case 2:
                    del data[at : at + dice.randrange(1, 50)]
                case 3:
                    data[at:at] = dice.randbytes(dice.randrange(1, 9))
            if len(data) < 214:
                break
        with pytest.raises(VerificationError):
            verify(bytes(data), trusted=pin(seed))


def test_a_known_secret_forges_everything_and_so_no_other_setup_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The forgery of the vectors is perfect under its own setup: nothing but the pinned setup refuses it."""
    vector = next(vector for vector in VECTORS if vector["name"] == "a setup of one's own")
    assert outcome(vector) == "opening"
    known = tuple(tuple(int(c) for c in part.coeffs) for part in normalize(multiply(G2, 12345)))
    monkeypatch.setattr(pairing, "TAU_G2", known)
    assert outcome(vector).startswith("found")
