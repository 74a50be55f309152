"""Forgeries: bundles that must be refused, and the check that must refuse them. One table for all verifiers.

Theory: the ten threats that the design names (docs/proof-format.md follows them), each tried by someone who has the whole
store, may compute every opening anew, and only lacks the collision or the secret that the check is about.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from unittest import mock

from hyperdb.commitment.verify import (
    Bounds,
    Count,
    Element,
    Elements,
    Member,
    OwnerKey,
    RemovedElement,
    RemovedMember,
    Root,
    Rows,
    Seen,
    StoreKey,
)

from . import reference as ref
from .sample import App, Prover, World, claim_of, element, header_record, lone_app, lone_row, member, sample_app

TABLE_ROW = (21 ^ 1 << 31).to_bytes(4, "big")
OFF_SUBGROUP = bytes([0x80]) + bytes(46) + bytes([4])
INFINITY = b"\xc0" + bytes(47)


@dataclass(frozen=True)
class Forgery:
    """Bytes that must be refused by one check."""

    name: str
    check: str
    bundle: bytes
    trusted: Root | StoreKey | OwnerKey
    seen: Seen | None = None
    app: bytes | None = None


def swap(data: bytes, old: bytes, new: bytes) -> bytes:
    """Replaces what occurs exactly once."""
    assert data.count(old) == 1, (data.count(old), old[:40])
    return data.replace(old, new)


def hide(tree: int, key: bytes) -> Callable[[Prover], None]:
    """Does not show the slot of a leaf."""

    def bend(prover: Prover) -> None:
        place, here = ref.tree_key(key), prover.world.roots[tree]
        while isinstance(here, ref.Branch):
            path, slot = here.path, place[len(here.path)]
            here = here.slots[slot]
        prover.shown[tree].slots[path].discard(slot)

    return bend


def unclaim(tree: int, key: bytes) -> Callable[[Prover], None]:
    return lambda prover: prover.claimed[tree].discard(key)


def root_c(world: World, tree: int) -> bytes:
    root = world.roots[tree]
    assert root is not None
    return root.c


def forgeries(world: World) -> Iterator[Forgery]:
    """All of them, for one honest sample."""
    pin = Root(world.root)
    one = world.bundle(Element(b"key:3"))

    def bad(name: str, check: str, bundle: bytes, trusted: object = pin, **more: object) -> Forgery:
        return Forgery(name, check, bundle, trusted, **more)

    # 1. Leaf and branch confusion, unframed concatenation.
    yield bad("another value", "opening", swap(one, b"value 3", b"value 4"))
    yield bad("another version", "opening", swap(one, b"key:3\x0d", b"key:3\x0e"))
    table = Member(b"table", TABLE_ROW)
    packed = world.bundle(table)
    row = member(302, TABLE_ROW)
    head = ref.number(4 * len(row) + 1) + row
    yield bad("packed row as plain", "row", swap(packed, head, ref.number(4 * len(row)) + row))
    forms = {row: ("columns", (2,))}
    columns = world.bundle(table, forms=forms)
    yield bad("another column's value", "opening", swap(columns, b"\x01row 3", b"\x01row 4"))
    stamped = swap(columns, ref.blob(b"\x01row 3"), ref.blob(b"\x03\x00" + bytes(8) + b"row 3"))
    yield bad("a stamp before the value", "opening", stamped)
    yield bad("a null with a value", "row", swap(columns, ref.blob(b"\x01row 3"), ref.blob(b"\x00row 3")))
    yield bad("a branch as a leaf", "opening", branch_as_leaf(world))

    # 2. Verification skipped on short paths.
    claim = claim_of(Element(b"key:3"))
    prefix = one[: one.index(claim)]
    of_the_app = world.opened(world.app_path[1])
    yield bad("nothing opened", "claim", prefix + claim + bytes(4) + of_the_app)
    yield bad("no opening", "format", prefix + claim + bytes(4))
    yield bad("more slots than a branch has", "format", prefix + claim + bytes([65]) + one[len(prefix + claim) + 1 :])
    yield bad("no query", "format", prefix + b"\x00\x00\x00")
    yield bad("constant points", "opening", one[:-96] + INFINITY + INFINITY)

    # 3. Points.
    yield bad("infinity as a commitment", "point", swap(one, root_c(world, 0), INFINITY))
    yield bad("a commitment off the subgroup", "point", swap(one, root_c(world, 0), OFF_SUBGROUP))
    yield bad("D off the subgroup", "point", one[:-96] + OFF_SUBGROUP + one[-48:])
    yield bad("pi off the subgroup", "point", one[:-48] + OFF_SUBGROUP)
    yield bad("pi with a coordinate beyond p", "point", one[:-48] + bytes([0x9F]) + b"\xff" * 47)
    yield bad("pi uncompressed", "point", one[:-48] + bytes([one[-48] & 0x7F]) + one[-47:])
    yield bad("pi with the other sign", "opening", one[:-48] + bytes([one[-48] ^ 0x20]) + one[-47:])

    # 4. Weak Fiat-Shamir.
    later = copy.copy(world)
    later.header = World._header(6, bytes(32), ref.root_digest(world.app_tree))
    grafted = one[:6] + later.header + one[6 + 206 :]
    yield bad("the opening of another frame", "opening", grafted, Root(later.root))
    yield bad("D and pi swapped", "opening", one[:-96] + one[-48:] + one[-96:-48])
    yield bad("a slot shown twice", "format", doubled(world, one))
    extra = world.bundle(Element(b"key:3"), bend=lambda prover: prover.get(0, element(b"key:4")))
    yield bad("more rows than answers", "claim", extra)
    yield bad(
        "more slots than needed", "claim", world.bundle(Element(b"key:3"), bend=lambda prover: prover.shown[2].add(b"", 63))
    )

    # 5. A stored empty value against an absent key.
    yield bad("an empty value as absent", "claim", world.bundle(Element(b"empty"), bend=hide(0, element(b"empty"))))
    yield bad("an unclaimed leaf as absent", "claim", world.bundle(Element(b"empty"), bend=unclaim(0, element(b"empty"))))
    yield bad("an occupied slot as empty", "opening", emptied(world, b"empty"))

    # 6. Deleted: absent from adds and in removes, both under one header.
    live = World(app=sample_app())
    live.app.put(0, element(b"dead"), b"\x01\x00again", 90)
    yield bad("removed and live", "claim", live.bundle(RemovedElement(b"dead", False)), Root(live.root))
    mixed = swap(world.bundle(RemovedElement(b"dead", False)), world.header, live.header)
    yield bad("adds and removes of another header", "root", mixed, Root(live.root))
    yield bad("never removed", "claim", world.bundle(RemovedElement(b"nothing", False)))
    yield bad("a field never removed", "claim", world.bundle(RemovedMember(b"user:1", b"nothing")))
    yield bad("a live field as removed", "claim", world.bundle(RemovedMember(b"user:1", b"field 1")))
    yield bad("a field removed from nothing", "claim", world.bundle(RemovedMember(b"no such", b"field")))

    # 7. Rollback and forks.
    signed = world.bundle(Element(b"key:3"), signed=True)
    store = StoreKey(world.store_key)
    yield bad("an older frame", "rollback", signed, store, seen=Seen(6, bytes(32)))
    yield bad("a fork", "rollback", signed, store, seen=Seen(5, bytes(32)))
    yield bad("no way from the frame seen", "rollback", signed, store, seen=Seen(3, bytes(32)))
    history = world.bundle(history=2)
    yield bad("another way", "history", history[:-1] + bytes([history[-1] ^ 1]))
    yield bad("a later frame in the history", "history", history[:6] + world.header + world.header + history[6 + 412 :])

    # 8. A setup of one's own.
    yield bad("a setup of one's own", "opening", *own_setup(world))

    # 9. Deep paths.
    yield bad("a path too deep", "size", deepened(world))

    # Completeness.
    field = member(4, world_hash(b"field 5") + b"field 5")
    rows = Rows(b"user:1")
    yield bad("a row hidden", "claim", world.bundle(rows, bend=hide(2, field)))
    yield bad("a row not claimed", "claim", world.bundle(rows, bend=unclaim(2, field)))
    half = Rows(b"table", Bounds(below=b"\x80\x00\x00\x30"))
    yield bad(
        "a row beyond the bounds",
        "claim",
        world.bundle(half, bend=lambda prover: prover.get(0, member(302, TABLE_ROW[:3] + b"\x31"))),
    )
    count = Count(b"table", Bounds())
    counted = world.bundle(count)
    branch = next(child for child in branches(world.roots[0]) if child.count == 30)
    sized = branch.c + ref.varint(30)
    yield bad("another count", "opening", swap(counted, sized, branch.c + ref.varint(29)))

    # Roots over one slot, which are not opened.
    yield from lone_forgeries()

    # Places, records, roots.
    yield bad("a leaf at another key's place", "place", misplaced(world))
    for name, app, query, check in malicious_apps():
        crooked = World(app=app)
        yield bad(name, check, crooked.bundle(query), Root(crooked.root))
    yield bad("the app as absent", "claim", app_as_absent(world))
    yield bad(
        "another root of the app tree", "root", swap(one, world.app_tree.c + ref.varint(4), world.app_tree.c + ref.varint(5))
    )
    yield bad("a tree of another app", "opening", swap(one, world.hash_root, bytes(32)))
    yield bad("an app of another name", "place", swap(one, ref.blob(b"redis/0"), ref.blob(b"redis/9")))

    # Pins and signatures.
    attested = world.bundle(Element(b"key:3"), signed=True, attested=True)
    owner = OwnerKey(world.owner_key)
    yield bad("another root pinned", "pin", one, Root(bytes(32)))
    yield bad("another store key pinned", "pin", signed, StoreKey(world.owner_key))
    yield bad("no signature", "pin", one, store)
    yield bad("no attestation", "pin", signed, owner)
    yield bad("another owner pinned", "pin", attested, OwnerKey(world.store_key))
    yield bad("another app asked", "pin", one, pin, app=b"redis/1")
    yield bad("a frame signed by nobody", "signature", flip(signed, 6 + 206 + 57 + 3), store)
    yield bad("a signature that nobody needs is wrong", "signature", flip(signed, 6 + 206 + 57 + 113))
    yield bad("an attestation by nobody", "attestation", flip(attested, 6 + 206 + 171 + 57 + 32 + 5), owner)
    yield bad("another manifest", "attestation", flip(attested, 6 + 206 + 171 + 57), owner)
    moved = copy.copy(world)
    moved.header = world.header[:22] + b"another hash key" + world.header[38:]
    yield bad("another hash key under the owner's word", "attestation", moved.bundle(Element(b"key:3"), attested=True), owner)

    # Bytes.
    yield bad("nothing", "format", b"")
    yield bad("another format", "format", flip(one, 4))
    yield bad("unknown flags", "format", flip(one, 5, 16))
    yield bad("one byte more", "format", one + b"\x00")
    yield bad("one byte less", "format", one[:-1])
    yield bad("a number in a longer form", "format", prefix + b"\xf8\x01" + one[len(prefix) + 1 :])
    yield bad("a version in a longer form", "format", swap(one, b"key:3\x0d", b"key:3\x8d\x00"))
    yield bad("a version too large", "format", swap(one, b"key:3\x0d", b"key:3" + b"\x80" * 9 + b"\x02"))
    yield bad("a branch in a longer form", "format", lengthened(world, one))
    yield bad("trees of too many bytes", "format", swollen(world))
    yield bad("an unknown query", "format", prefix + b"\x01\x0b" + one[len(prefix) + 2 :])
    yield bad("more than a bundle may hold", "size", one + bytes(4 << 20))


def flip(data: bytes, at: int, bit: int = 1) -> bytes:
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]


def world_hash(name: bytes) -> bytes:
    return element(name)[1:9]


def branches(branch: object) -> Iterator[ref.Branch]:
    if isinstance(branch, ref.Branch):
        yield branch
        for child in branch.slots.values():
            yield from branches(child)


def bent_tree(world: World, name: bytes, change: Callable[[ref.Branch, int, object], bytes]) -> bytes:
    """The bundle of one element whose leaf's slot and row are other bytes."""
    place, here = ref.tree_key(element(name)), world.roots[0]
    while isinstance(here, ref.Branch):
        branch, slot = here, place[len(here.path)]
        here = branch.slots[slot]
    claimed = bytes([64 + slot]) + world.app.trees[0][element(name)].encode()
    return swap(world.bundle(Element(name)), claimed, change(branch, slot, here))


def emptied(world: World, name: bytes) -> bytes:
    """The leaf's slot is said to be empty; the opening is that of the leaf."""
    return bent_tree(world, name, lambda branch, slot, leaf: bytes([slot]))


def branch_as_leaf(world: World) -> bytes:
    """The slot of a branch said to be a leaf, with the branch's own preimage where the leaf's key was."""
    place, root = ref.tree_key(element(b"key:3")), world.roots[0]
    assert root is not None
    slot = place[0]
    child = root.slots[slot]
    assert isinstance(child, ref.Branch)
    leaf = bytes([192 + slot, 0]) + ref.blob(element(b"key:3")) + child.c[:32] + b"\x01" + b"\x20"
    proof = world.opened([*world.app_path[1], (root, slot, child.scalar)])
    return b"HDBP\x01\x08" + world.header + world.anchor + claim_of(Element(b"key:3")) + b"\x01" + leaf + bytes(3) + proof


def first_slot(world: World, bundle: bytes) -> tuple[int, int]:
    """Where the first tree's slots begin in the bundle of key:3, and which is shown: a branch."""
    claim = claim_of(Element(b"key:3"))
    at, slot = bundle.index(claim) + len(claim), ref.tree_key(element(b"key:3"))[0]
    assert bundle[at : at + 2] == bytes([1, 128 + slot])
    return at, slot


def doubled(world: World, bundle: bytes) -> bytes:
    """The root shows its slot two times."""
    at, slot = first_slot(world, bundle)
    return bundle[:at] + bytes([2, slot]) + bundle[at + 1 :]


def lengthened(world: World, bundle: bytes) -> bytes:
    at, slot = first_slot(world, bundle)
    return bundle[: at + 1] + bytes([192 + slot, 2]) + bundle[at + 2 :]


def deepened(world: World) -> bytes:
    bundle = world.bundle(Element(b"key:3"))
    at, slot = first_slot(world, bundle)
    return bundle[: at + 1] + bytes([192 + slot]) + ref.number(225 * 65 + 2) + bytes(169) + bundle[at + 2 :]


def misplaced(world: World) -> bytes:
    """Where a key's leaf would lie, the leaf of an element that lies elsewhere."""
    other = world.app.trees[0][element(b"soon")].leaf
    return bent_tree(world, b"key:3", lambda branch, slot, leaf: bytes([192 + slot, 0]) + ref.other_leaf(other))


def lone_forgeries() -> Iterator[Forgery]:
    """Against roots whose commitment the verifier computes from what lies in their one slot."""
    world = World(app=lone_app())
    rows, removes, header = world.roots[0], world.roots[1], world.roots[2]
    assert rows and removes and header
    pin, row = Root(world.root), Member(b"table", lone_row(5))
    one, none = world.bundle(row), world.bundle(Element(b"nothing"))
    branch = ref.lone(rows)
    assert isinstance(branch, ref.Branch)
    told, steps = ref.lone_root(rows), bytes([len(branch.path)]) + ref.packed_steps(branch.path)

    def bad(name: str, check: str, bundle: bytes, trusted: Root = pin) -> Forgery:
        return Forgery(name, check, bundle, trusted)

    # Nothing but the root digest says where the one slot is and what lies there.
    turned = bytes([len(branch.path)]) + ref.packed_steps(bytes([branch.path[0] ^ 1, *branch.path[1:]]))
    yield bad("a lone root in another slot", "opening", swap(none, steps, turned))
    cut = bytes([len(branch.path) - 1]) + ref.packed_steps(branch.path[:-1])
    yield bad("a lone root's branch one step above", "opening", swap(none, steps, cut))
    inner = next(child for child in branch.slots.values() if isinstance(child, ref.Branch))
    deeper = bytes([len(inner.path)]) + ref.packed_steps(inner.path) + ref.told_root(inner)
    yield bad("a branch further down as the lone root's", "opening", swap(none, told, deeper))
    yield bad("another commitment below a lone root", "opening", swap(none, branch.c, inner.c))
    yield bad("infinity below a lone root", "point", swap(one, branch.c, INFINITY))
    yield bad("off the subgroup below a lone root", "point", swap(one, branch.c, OFF_SUBGROUP))
    yield bad("another count below a lone root", "opening", swap(none, branch.c + b"\x28", branch.c + b"\x27"))
    yield bad("a lone root's branch of one leaf", "format", swap(none, branch.c + b"\x28", branch.c + b"\x01"))
    leaf = ref.lone_root(header)
    other = leaf[:2] + ref.b32(ref.s("forged")) + leaf[34:]
    yield bad("another leaf below a lone root", "opening", swap(none, leaf, other))
    yield bad("a lone leaf in another slot", "opening", swap(none, leaf, bytes([0, leaf[1] ^ 1]) + leaf[2:]))
    yield bad("a lone leaf of more bytes", "opening", swap(none, leaf, leaf[:34] + ref.number(200)))
    yield bad("a lone leaf that is zero", "format", swap(none, leaf, leaf[:2] + bytes(32) + leaf[34:]))
    yield bad("a lone leaf's scalar beyond r", "format", swap(none, leaf, leaf[:2] + b"\xff" * 32 + leaf[34:]))
    yield bad("a lone leaf in no slot", "format", swap(none, leaf, b"\x00\x40" + leaf[2:]))
    yield bad("a lone root too deep", "size", swap(none, told, bytes([225]) + told[1:]))
    record = world.app.trees[2][element(b"table")].value
    forged = record[:10] + b"\x29" + record[11:]
    yield bad("another header than the lone leaf", "opening", swap(one, record, forged))
    # A tree of many slots said to have one: everything else would be absent.
    crowd = World()
    whole = crowd.roots[0]
    assert whole is not None
    asked = ref.tree_key(element(b"nothing"))[0]
    alone = {slot: child for slot, child in whole.slots.items() if isinstance(child, ref.Branch) and slot != asked}
    fake = ref.Branch(b"", dict([alone.popitem()]))
    bits = sum(1 << at for at, root in enumerate(crowd.roots) if root and ref.lone(root))
    hidden = crowd.bundle(Element(b"nothing"), bend=lambda prover: prover.shown[0].slots.clear())
    anchor = crowd.anchor.replace(bytes([31, bits]), bytes([31, bits | 1]), 1).replace(
        ref.told_root(whole), ref.lone_root(fake), 1
    )
    yield bad("many slots as one", "opening", swap(hidden, crowd.anchor, anchor), Root(crowd.root))
    bits = sum(1 << at for at, root in enumerate(world.roots) if root)
    assert bits == 7
    yield bad("a lone root of an empty tree", "format", swap(none, bytes([23, 7]), bytes([23, 15])))
    spare = world.bundle(row, bend=lambda prover: prover.get(1, member(302, lone_row(50))))
    yield bad("a lone leaf that nobody needs", "claim", spare)
    unclaimed = world.bundle(row, bend=unclaim(2, element(b"table")))
    yield bad("a lone leaf not claimed", "claim", unclaimed)


def malicious_apps() -> Iterator[tuple[str, App, object, str]]:
    """Trees that an honest store never makes, opened honestly."""
    app = App(b"redis/0")
    app.put(2, element(b"vertex"), b"\x01\x00value", 5)
    app.put(2, element(b"other"), header_record("hash", 4, 0), 5)
    yield "a vertex among the hyperedges", app, Element(b"vertex"), "claim"
    app = App(b"redis/0")
    app.put(0, b"\x02" + bytes(8) + b"elsewhere", b"\x01\x00value", 5)
    yield "an element that does not lie at its hash", app, Elements(), "place"
    app = App(b"redis/0")
    app.put(2, element(b"h"), header_record("hash", 4, 1), 5)
    app.put(2, member(4, bytes(8) + b"field"), b"\x00value", 5)
    yield "a field that does not lie at its hash", app, Rows(b"h"), "place"
    app = App(b"redis/0")
    app.put(2, element(b"h"), b"\x03\x00short", 5)
    yield "a header that is none", app, Rows(b"h"), "row"
    app = App(b"redis/0")
    app.put(2, element(b"h"), header_record("hash", -1, 1), 5)
    yield "a header with a number that is none", app, Rows(b"h", Bounds(companion=True)), "row"


def app_as_absent(world: World) -> bytes:
    """The anchor shows the app's leaf as another app's and claims that the app has no trees."""
    shown, openings = ref.Shown(), []
    assert world.app_tree is not None
    shown.get(world.app_tree, ref.cut(ref.bits(world.app.address)))
    tree = ref.encode_shown(world.app_tree, shown, lambda leaf: None, openings)
    anchor = ref.blob(world.app.name) + b"\x10" + ref.told_root(world.app_tree) + tree
    return b"HDBP\x01\x08" + world.header + anchor + claim_of(Element(b"key:3")) + world.opened(openings)


def swollen(world: World) -> bytes:
    """Trees whose bytes are numbers, and their sum is none."""
    root = INFINITY + ref.number(2) + ref.number((1 << 64) - 1)
    anchor = ref.blob(world.app.name) + bytes([1 | 2 | 16, 0]) + 2 * root + bytes(32)
    path = INFINITY + ref.number(2) + ref.number(9) + bytes([1, 1 << 6 | world.app.address[0] >> 2])
    return b"HDBP\x01\x08" + world.header + anchor + path + claim_of(Element(b"key:3")) + 2 * INFINITY


def own_setup(world: World) -> tuple[bytes, Root]:
    """A world committed to and opened over powers of a known secret: true under that setup, nothing under the ceremony's."""
    secret, point = 12345, ref.POWERS[0]
    powers = [ref.weighted_sum([point], [pow(secret, power, ref.R)]) for power in range(64)]
    with mock.patch.object(ref, "POWERS", powers):
        forged = World(app=App(b"redis/0"))
        # Several, so that the root is one of many slots, which is opened.
        for name in (b"key:1", b"key:2", b"key:3"):
            forged.app.put(0, element(name), b"\x01\x00forged", 13)
        assert forged.roots[0] is not None and not ref.lone(forged.roots[0])
        bundle = forged.bundle(Element(b"key:3"))
        return bundle, Root(forged.root)
