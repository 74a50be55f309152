"""The engine's golden places, leaves and addresses, computed anew with the verifier's code and the standard library.

Theory: tests/golden/commitment is what `native/verkle` computes; if Python, from docs/commitment.md, computes the same, both read
the rules alike.
"""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

from hyperdb.commitment.verify.hashing import digest, scalar, scalar_bytes, u64
from hyperdb.commitment.verify.places import tree_key

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "commitment"


def _golden(name: str) -> dict[str, bytes]:
    lines = (line.split("\t") for line in (GOLDEN / name).read_text().splitlines())
    return {case: bytes.fromhex(text) for case, text in lines}


def test_places_salts_and_leaves() -> None:
    golden = _golden("leaves.hex")
    cases = [name.removesuffix(": key") for name in golden if name.endswith(": key")]
    assert len(cases) == 9
    app_key = hmac.digest(bytes([7] * 32), b"hyperdb/app-salt" + (3).to_bytes(4, "little"), "sha512")
    for case in cases:
        key = golden[f"{case}: key"]
        salt = hmac.digest(app_key, len(key).to_bytes(4, "little") + key + u64(9), "sha512")[:16]
        value = digest("hyperdb/value", salt, b"value")
        assert golden[f"{case}: steps"] == tree_key(key)
        assert golden[f"{case}: salt, app 3, version 9"] == salt
        assert golden[f"{case}: digest of value"] == value
        assert golden[f"{case}: slot"] == scalar_bytes(scalar("hyperdb/leaf", key, value, u64(9), u64(len(key) + 5)))


def test_apps() -> None:
    golden = _golden("trees.hex")
    trees = "tree of the first {} keys, digest 01.., version 2: {}"

    def roots(kind: str) -> list[bytes]:
        return [golden[f"empty tree: {kind}"], *(golden[trees.format(count, kind)] for count in (1, 2, 9))]

    framed = b"".join(len(part).to_bytes(4, "little") + part for part in (b"hyperdb/app", b"shop"))
    address = hashlib.sha256(framed).digest()
    drawn = dict.fromkeys(hashlib.shake_256(b"hyperdb/places" + address).digest(64))
    root = digest("hyperdb/app-root", address, *roots("digest"))
    hash_root = digest("hyperdb/app-hash-root", address, *roots("hash digest"))
    assert golden["address of shop"] == address
    assert golden["global places of shop"] == bytes(sorted(list(drawn)[:3]))
    assert golden["app root of shop, trees of 0, 1, 2, 9 keys"] == root
    assert golden["app hash root"] == hash_root
    assert golden["app value digest"] == digest("hyperdb/app-value", root, hash_root)
    assert golden["empty tree: digest"] == scalar_bytes(scalar("hyperdb/empty-tree"))
    assert golden["empty tree: hash digest"] == digest("hyperdb/empty-tree")
