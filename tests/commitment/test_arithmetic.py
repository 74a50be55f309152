"""The verifier's own arithmetic against py_ecc, and its places against bit strings."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py_ecc.bls.point_compression import compress_G2
from py_ecc.optimized_bls12_381 import FQ, FQ2, FQ12, G1, G2, add, final_exponentiate, multiply, normalize
from py_ecc.optimized_bls12_381 import pairing as their_pairing

from hyperdb.commitment.verify import VerificationError, curve, pairing, places
from hyperdb.commitment.verify.hashing import R, siphash13

from . import reference as ref

dice = random.Random(1)


def test_sums_are_those_of_py_ecc() -> None:
    scalars = [0, 1, 2, R - 1, *(dice.randrange(R) for _ in range(4))]
    points = [multiply(G1, dice.randrange(1, R)) for _ in scalars]
    points[3] = points[2]
    ours = [tuple(int(c) for c in normalize(point)) for point in points]
    theirs = None
    for point, scalar in zip(points, scalars, strict=True):
        term = multiply(point, scalar)
        theirs = term if theirs is None else add(theirs, term)
    assert curve.weighted_sum(ours, scalars) == tuple(int(c) for c in normalize(theirs))
    # Equal and opposite points: the cases that addition must tell apart.
    twice = tuple(int(c) for c in normalize(multiply(points[0], 2)))
    assert curve.weighted_sum([ours[0], ours[0]], [1, 1]) == twice
    assert curve.weighted_sum([ours[0], ours[0]], [5, R - 5]) is None
    assert curve.weighted_sum([None, ours[0]], [7, 1]) == ours[0]


def _g2(point: tuple[tuple[int, int], tuple[int, int]]) -> tuple[FQ2, FQ2, FQ2]:
    return FQ2(point[0]), FQ2(point[1]), FQ2.one()


def test_both_points_of_g2_are_the_ceremonys() -> None:
    assert tuple(tuple(int(c) for c in part.coeffs) for part in normalize(G2)) == pairing.G2
    setup = (Path(__file__).parent.parent.parent / "native/verkle/data/kzg-setup-64.bin").read_bytes()
    assert b"".join(part.to_bytes(48, "big") for part in compress_G2(_g2(pairing.TAU_G2))) == setup[-96:]
    powers = [curve.decompress(setup[at : at + 48], infinity=False) for at in (0, 48, 96)]
    assert pairing.equal(powers[1], powers[0]) and pairing.equal(powers[2], powers[1])
    assert not pairing.equal(powers[0], powers[1]) and not pairing.equal(powers[2], powers[0])


def test_pairings_are_those_of_py_ecc() -> None:
    """But for factors that the final power makes one."""
    for twisted, factor in ((pairing.G2, 1), (pairing.TAU_G2, R - 2), (pairing.TAU_G2, dice.randrange(R))):
        point = curve.weighted_sum([curve.GENERATOR], [factor])
        assert point is not None
        ours = pairing.miller([(twisted, point)])
        theirs = their_pairing(_g2(twisted), (FQ(point[0]), FQ(point[1]), FQ(1)), final_exponentiate=False)
        assert final_exponentiate(ours) == final_exponentiate(theirs)
        assert pairing.vanishes(ours / theirs) and not pairing.vanishes(ours)
    one, two = curve.GENERATOR, curve.weighted_sum([curve.GENERATOR], [2])
    assert pairing.equal(None, None)
    assert not any(pairing.equal(*pair) for pair in ((None, one), (one, None), (one, one), (two, one)))


def test_the_final_power_is_that_of_py_ecc() -> None:
    for _ in range(4):
        value = FQ12([dice.randrange(curve.P) for _ in range(12)])
        assert not pairing.vanishes(value)
        assert pairing.vanishes(value**R) and final_exponentiate(value**R) == FQ12.one()


def test_points_outside_the_subgroup_are_refused() -> None:
    refused = 0
    for x in range(60):
        square = x**3 + 4
        y = pow(square, (curve.P + 1) // 4, curve.P)
        if y * y % curve.P != square % curve.P:
            continue
        inside = multiply((FQ(x), FQ(y), FQ(1)), R)[2] == FQ(0)
        data = ref.compress((x, y))
        if inside:
            assert curve.decompress(data, infinity=False) == (x, y)
        else:
            refused += 1
            with pytest.raises(VerificationError, match="subgroup"):
                curve.decompress(data, infinity=False)
    assert refused > 20


def test_points_that_are_not_canonical_are_refused() -> None:
    good = ref.compress(curve.GENERATOR)
    assert curve.decompress(good, infinity=False) == curve.GENERATOR
    x = int.from_bytes(good, "big")
    bad = {
        "uncompressed": x & ~(1 << 383),
        "infinity with a coordinate": x | 1 << 382,
        "infinity with a sign": 7 << 381,
        "too large": (x & ~((1 << 381) - 1)) | curve.P,
        "off the curve": 1 << 383 | 1,
    }
    for number in bad.values():
        with pytest.raises(VerificationError, match=r"^point: "):
            curve.decompress(number.to_bytes(48, "big"), infinity=True)
    infinity = b"\xc0" + bytes(47)
    assert curve.decompress(infinity, infinity=True) is None
    with pytest.raises(VerificationError, match=r"^point: "):
        curve.decompress(infinity, infinity=False)
    flipped = curve.decompress((x ^ 1 << 381).to_bytes(48, "big"), infinity=False)
    assert flipped is not None and flipped[1] == curve.P - curve.GENERATOR[1]


def test_siphash_is_that_of_the_native_store() -> None:
    # SipHash-1-3 under key 00..0f of 00, 00 01, ... : Rust's SipHasher13 on the same input.
    assert siphash13(bytes(16), b"") == 0xD1FBA762150C532C


RESTS = st.binary(max_size=6) | st.binary(max_size=140)
KEYS = st.one_of(
    st.builds(lambda place, rest: b"\x02" + place + rest, st.binary(min_size=8, max_size=8), st.binary(max_size=140)),
    st.builds(
        lambda cid, rest: b"\x03" + ref.varint(cid) + rest,
        st.integers(0, 2**64 - 1),
        st.binary(max_size=6) | st.binary(max_size=140),
    ),
    st.builds(lambda place, rest: b"\x04" + place + rest, st.binary(min_size=8, max_size=8), st.binary(max_size=140)),
)


@given(KEYS)
def test_tree_keys_are_the_bits_of_the_specification(key: bytes) -> None:
    assert places.tree_key(key) == ref.tree_key(key)
    assert len(places.tree_key(key)) <= 225


SHORT = st.binary(max_size=5) | st.lists(st.sampled_from([0, 1, 255]), max_size=135).map(bytes)


@settings(max_examples=300)
@given(st.lists(SHORT, max_size=12), SHORT, SHORT, st.integers(0, 400))
def test_zones_hold_the_keys_between_their_bounds(members: list[bytes], low: bytes, below: bytes, cid: int) -> None:
    zone = places.collection_zone(cid, low, below)
    for name in members:
        key = b"\x03" + ref.varint(cid) + name
        within = low <= name and (not below or name < below)
        assert zone.holds(key) == within
        steps = places.tree_key(key)
        for length in range(len(steps) + 1):
            side = zone.side(steps[:length])
            assert side >= 0 or not within, "a key within lies where nothing should"
            assert side <= 0 or within or not zone.exact, "a key without lies where all should be within"
        if zone.exact:
            assert zone.side(steps) == (1 if within else -1)
