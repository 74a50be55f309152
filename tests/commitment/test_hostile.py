"""Bundles that are made to take long: as much of everything as the limits let through, and one long key asked for often.

Theory: whoever signs frames may commit to anything, so all but the last check may pass. What a verifier does is bounded by the
limits, which are looked at while reading; beyond them it does nothing. Measured by hand: docs/proof-format.md, Limits.
"""

from __future__ import annotations

from functools import cache

import pytest
from py_ecc.optimized_bls12_381 import G1, add, field_modulus

import hyperdb
from hyperdb.commitment.verify import Complete, Elements, Limits, Root, VerificationError, queries, verify

from . import reference as ref
from .sample import App, World, claim_of, element

REPEATED = 300
LONG = 1 << 15


@cache
def multiples() -> list[bytes]:
    """Points of the subgroup, no two alike, compressed: one more than the format allows. Their inversions are done together."""
    points, here, compressed = [], G1, []
    for _ in range(Limits.FORMAT.points + 1):
        here = add(here, G1)
        points.append(tuple(coordinate.n for coordinate in here))
    products, product = [], 1
    for point in points:
        products.append(product)
        product = product * point[2] % field_modulus
    inverse = pow(product, -1, field_modulus)
    for (x, y, z), before in zip(reversed(points), reversed(products), strict=True):
        own, inverse = inverse * before % field_modulus, inverse * z % field_modulus
        greater = y * own % field_modulus > field_modulus // 2
        compressed.append((x * own % field_modulus | (4 | greater) << 381).to_bytes(48, "big"))
    return compressed


_KEY = b"\x03\x06\x03\xf0"
_PLACE = ref.tree_key(_KEY)[:4]


def wide(columns: int) -> bytes:
    """A row of that many columns, with its own, all null: the fewest bytes for so many hashes."""
    count = columns - 1
    nulls = ((1 << count) - 1).to_bytes(-(-count // 8), "little")
    value = b"\x00" + ref.varint(count) + b"\x08" * count + nulls
    return ref.number(4 * len(_KEY) + 1) + _KEY + ref.number(5) + ref.blob(value) + bytes(16)


def largest(points: int, slots: int, columns: int) -> tuple[bytes, Root]:
    """A bundle with that many points, slots and columns, of which everything holds but the opening.

    Its tree: 64 branches, 64 below each, the rest of the points below these, the rest of the slots empty in the last ones; in
    one of them a row.
    """
    curve = iter(multiples())
    address = World().app.address
    tree = next(curve)
    below = points - 4 - 64 - 4096
    empty = (slots - 1 - 64 - 4096 - below - 1) // below
    assert empty <= _PLACE[3]

    def branch(slot: int, shown: int) -> bytes:
        head = bytes([2 << 6 | slot]) if shown == 1 else bytes([3 << 6 | slot]) + ref.number(shown + 1)
        return head + next(curve) + ref.number(64) + ref.number(999)

    out = bytearray([64])
    for first in range(64):
        out += branch(first, 64)
        for second in range(64):
            share = below // 4096 + (64 * first + second < below % 4096)
            out += branch(second, share)
            for third in range(share):
                row = _PLACE[:3] == bytes([first, second, third])
                out += branch(third, empty + row) + bytes(range(empty))
                if row:
                    out += bytes([1 << 6 | _PLACE[3]]) + wide(columns)
    app_tree = next(curve)
    top = ref.s("hyperdb/branch", b"", app_tree, ref.n8(2), ref.n8(9))
    header = World._header(1, bytes(32), ref.b32(top))
    anchor = ref.blob(b"redis/0") + bytes([1 | 16, 0]) + tree + ref.number(1 << 20) + ref.number(9) + bytes(32)
    path = app_tree + ref.number(2) + ref.number(9) + bytes([1, 1 << 6 | address[0] >> 2])
    opening = next(curve) + next(curve)
    claim = claim_of(Elements())
    bundle = b"HDBP\x01\x08" + header + anchor + path + claim + bytes(out) + opening
    return bundle, Root(ref.d("hyperdb/header", header))


@pytest.mark.parametrize(
    ("points", "slots", "columns", "check"),
    [
        (1 << 13, 1 << 18, 1 << 17, "opening"),
        ((1 << 13) + 1, 1 << 17, 2, "size"),
        (1 << 13, 1 << 17, (1 << 17) + 1, "size"),
    ],
)
def test_as_much_as_the_format_allows_is_refused_by_the_opening(points: int, slots: int, columns: int, check: str) -> None:
    bundle, trusted = largest(points, slots, columns)
    with pytest.raises(VerificationError) as refused:
        hyperdb.verify(bundle, trusted=trusted)
    assert refused.value.check == check
    with pytest.raises(VerificationError) as refused_in_python:
        verify(bundle, trusted=trusted)
    assert refused_in_python.value.check == "size"


def test_one_long_key_is_hashed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    app, name = App(b"redis/0"), b"n" * LONG
    app.put(0, element(name), b"\x01\x00value", 7)
    app.put(0, element(b"other"), b"\x01\x00value", 8)
    world = World(app=app)
    bundle = world.bundle(*[Elements()] * REPEATED)
    hashed = []
    place = queries.hash_place

    def counted(hash_key: bytes, name: bytes) -> bytes:
        hashed.append(len(name))
        return place(hash_key, name)

    monkeypatch.setattr(queries, "hash_place", counted)
    answers = verify(bundle, trusted=Root(world.root), limits=Limits.FORMAT).answers
    assert hashed.count(LONG) == 1
    native = hyperdb.verify(bundle, trusted=Root(world.root)).answers
    assert native == answers and hashed.count(LONG) == 1, "what the native verifier placed is not hashed again"
    assert all(isinstance(answer, Complete) and len(answer.rows) == 2 for answer in answers)
