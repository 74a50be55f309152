"""What a caller trusts: a root, the store's key, the owner's key; and what was seen before."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

import hyperdb
from hyperdb.commitment.verify import Element, OwnerKey, Root, Seen, StoreKey, VerificationError, ed448, verify

from . import reference as ref
from .sample import HASH_KEY, App, World, sign

QUERY = Element(b"key:3")


def failing(check: str) -> object:
    return pytest.raises(VerificationError, match=f"^{check}: ")


def test_each_pin_is_named(world: World) -> None:
    bundle = world.bundle(QUERY, signed=True, attested=True)
    assert verify(bundle, trusted=Root(world.root)).pinned == "root"
    assert verify(bundle, trusted=StoreKey(world.store_key)).pinned == "store key"
    shown = verify(bundle, trusted=OwnerKey(world.owner_key))
    assert (shown.pinned, shown.signer) == ("owner key", world.store_key)
    assert shown.attestation is not None and shown.attestation.owner == world.owner_key


def test_another_pin_is_refused(world: World) -> None:
    bundle = world.bundle(QUERY, signed=True, attested=True)
    for trusted in (Root(bytes(32)), StoreKey(world.owner_key), OwnerKey(world.store_key)):
        with failing("pin"):
            verify(bundle, trusted=trusted)
    bare = world.bundle(QUERY)
    for trusted in (StoreKey(world.store_key), OwnerKey(world.owner_key)):
        with failing("pin"):
            verify(bare, trusted=trusted)
    with failing("pin"):
        verify(bundle, trusted=Root(world.root), app="redis/1")


@pytest.mark.parametrize("check", [verify, hyperdb.verify])
def test_nothing_is_true_under_no_pin(world: World, check: Callable[..., object]) -> None:
    bundle = world.bundle(QUERY, signed=True, attested=True)
    for nothing in (None, world.root, world.root.hex(), world.store_key, (world.root,), Root):
        with pytest.raises(TypeError, match="what is trusted is a Root, a StoreKey or an OwnerKey"):
            check(bundle, trusted=nothing)


def test_a_wrong_signature_is_refused_whatever_is_pinned(world: World) -> None:
    bundle = bytearray(world.bundle(QUERY, signed=True))
    bundle[6 + 206 + 57 + 3] ^= 1
    for trusted in (Root(world.root), StoreKey(world.store_key)):
        with failing("signature"):
            verify(bytes(bundle), trusted=trusted)


def test_nobody_signs_under_the_neutral_point() -> None:
    """s B = R + k A whatever k is, if A is neutral: with s = 0 and R neutral, too."""
    neutral = b"\x01" + bytes(56)
    assert not ed448.verify(neutral, b"a header", neutral + bytes(57), b"hyperdb/frame")


def test_the_owner_signs_the_hash_key_too(world: World) -> None:
    """Else a store could show a header with another hash key, under which every key lies elsewhere and seems absent."""
    forged = copy.copy(world)
    forged.header = forged.header[:22] + b"another hash key" + forged.header[38:]
    with failing("attestation"):
        verify(forged.bundle(QUERY, attested=True), trusted=OwnerKey(world.owner_key))
    assert world.attestation() != world.attestation(hash_key=b"another hash key") and len(HASH_KEY) == 16


def test_history(world: World) -> None:
    for number in (1, 4):
        shown = verify(world.bundle(history=number, signed=True), trusted=StoreKey(world.store_key))
        assert shown.contains is not None and shown.contains.root == ref.d("hyperdb/header", world.earlier[number - 1])
    for latest in (2, 3, 4, 9, 14):
        later = World(app=App(b""), others=(), number=latest)
        for number in range(1, latest):
            assert verify(later.bundle(history=number), trusted=Root(later.root)).contains
    bundle = bytearray(world.bundle(history=2))
    bundle[-1] ^= 1
    with failing("history"):
        verify(bytes(bundle), trusted=Root(world.root))


def test_rollback_and_fork(world: World) -> None:
    trusted = StoreKey(world.store_key)
    before = ref.d("hyperdb/header", world.earlier[2])
    bundle = world.bundle(QUERY, signed=True, history=3)
    assert verify(bundle, trusted=trusted, seen=Seen(3, before)).contains
    assert verify(bundle, trusted=trusted, seen=Seen(5, world.root))
    for seen in (Seen(6, bytes(32)), Seen(5, bytes(32)), Seen(3, bytes(32))):
        with failing("rollback"):
            verify(bundle, trusted=trusted, seen=seen)
    with failing("rollback"):
        verify(world.bundle(QUERY, signed=True), trusted=trusted, seen=Seen(3, before))


RFC_8032 = [
    (
        "6c82a562cb808d10d632be89c8513ebf6c929f34ddfa8c9f63c9960ef6e348a3528c8a3fcc2f044e39a3fc5b94492f8f032e7549a20098f95b",
        "",
        "",
        "5fd7449b59b461fd2ce787ec616ad46a1da1342485a70e1f8a0ea75d80e96778edf124769b46c7061bd6783df1e50f6cd1fa1abeafe8256180"
        "533a37f6bbe457251f023c0d88f976ae2dfb504a843e34d2074fd823d41a591f2b233f034f628281f2fd7a22ddd47d7828c59bd0a21bfd3980"
        "ff0d2028d4b18a9df63e006c5d1c2d345b925d8dc00b4104852db99ac5c7cdda8530a113a0f4dbb61149f05a7363268c71d95808ff2e652600",
    ),
    (
        "c4eab05d357007c632f3dbb48489924d552b08fe0c353a0d4a1f00acda2c463afbea67c5e8d2877c5e3bc397a659949ef8021e954e0a12274e",
        "03",
        "666f6f",
        "43ba28f430cdff456ae531545f7ecd0ac834a55d9358c0372bfa0c6c6798c0866aea01eb00742802b8438ea4cb82169c235160627b4c3a9480"
        "d4f8f6131770dd46f40867d6fd5d5055de43541f8c5e35abbcd001b32a89f7d2151f7647f11d8ca2ae279fb842d607217fce6e042f6815ea00"
        "0c85741de5c8da1144a6a1aba7f96de42505d7a7298524fda538fccbbb754f578c1cad10d54d0d5428407e85dcbc98a49155c13764e66c3c00",
    ),
]


@pytest.mark.parametrize(("seed", "message", "context", "expected"), RFC_8032)
def test_ed448_vectors_of_the_rfc(seed: str, message: str, context: str, expected: str) -> None:
    seed_, message_, context_ = (bytes.fromhex(text) for text in (seed, message, context))
    signed = sign(seed_, message_, context_)
    assert signed.hex() == expected
    public, signature = signed[:57], signed[57:]
    assert ed448.verify(public, message_, signature, context_)
    assert not ed448.verify(public, message_ + b"x", signature, context_)
    assert not ed448.verify(public, message_, signature, context_ + b"x")
    for at in (0, 56, 57, 113):
        assert not ed448.verify(public, message_, signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1 :], context_)
    more = (int.from_bytes(signature[57:], "little") + ed448._L).to_bytes(57, "little")
    assert not ed448.verify(public, message_, signature[:57] + more, context_)
