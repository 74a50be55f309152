"""Writes the vectors that all verifiers read: `python -m tests.commitment.make_vectors` from the project's root.

Theory: honest bundles with the answers they must give, and forgeries with the check that must refuse them. The native prover
must make the same honest bundles, byte for byte, from `sample.txt` (native/verkle/tests/proof_vectors.rs).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from hyperdb.commitment.verify import (
    Absent,
    Answer,
    Attested,
    Bounds,
    Complete,
    Count,
    Element,
    ElementCount,
    Elements,
    Found,
    Incidence,
    IncidenceCount,
    Member,
    Query,
    Removed,
    RemovedElement,
    RemovedMember,
    Root,
    Row,
    Rows,
    StoreKey,
    VerificationError,
    verify,
)

from . import reference as ref
from .forgeries import TABLE_ROW, forgeries
from .sample import APP_SALT, World, claim_of, element, lone_app, lone_row, member

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "proofs"
LONG = b"z" * 150


def beside(name: bytes) -> bytes:
    """An id that lies in the same slot of the root as another."""
    wanted = ref.tree_key(element(name))[0]
    return next(other for at in range(1000) if ref.tree_key(element(other := b"other %d" % at))[0] == wanted)


HONEST: dict[str, tuple[Query, ...]] = {
    "a string": (Element(b"key:3"),),
    "an empty string": (Element(b"empty"),),
    "an absent key": (Element(b"nothing"),),
    "a removed key": (RemovedElement(b"dead", False),),
    "a removed hash": (RemovedElement(b"dropped", True),),
    "a field": (Member(b"user:1", b"field 3"),),
    "an absent field": (Member(b"user:1", b"no field"),),
    "a removed field": (RemovedMember(b"user:1", b"gone"),),
    "a field of nothing": (Member(b"no such", b"field"),),
    "an item of a list": (Member(b"queue", (2).to_bytes(8, "little")),),
    "a score": (Member(b"scores", b"bob"),),
    "a row": (Member(b"table", TABLE_ROW),),
    "a long key": (Member(b"edge", LONG + b"2"), Member(b"edge", LONG + b"3")),
    "a whole hash": (Rows(b"user:1"),),
    "a whole set": (Rows(b"letters"),),
    "a whole sorted set by score": (Rows(b"scores", Bounds(companion=True)),),
    "rows between keys": (Rows(b"table", Bounds(b"\x80\x00\x00\x14", b"\x80\x00\x00\x96")),),
    "rows between long keys": (Rows(b"edge", Bounds(LONG + b"1", LONG + b"2")),),
    "a whole table's count": (Count(b"table"),),
    "a count between keys": (Count(b"table", Bounds(b"\x80\x00\x00\x0e", b"\x80\x00\x00\x96")),),
    "all elements": (Elements(),),
    "half of the elements": (Elements(Bounds(b"\x80")),),
    "how many elements": (ElementCount(),),
    "how many elements in half": (ElementCount(Bounds(below=b"\x80")),),
    "memberships": (Incidence(b"key:1"), IncidenceCount(b"key:1")),
    "many at once": (
        *(Element(b"key:%d" % at) for at in range(0, 60, 2)),
        Rows(b"scores"),
        Count(b"edge"),
        Member(b"user:1", b"field 1"),
    ),
}
LONE: dict[str, tuple[Query, ...]] = {
    "a row under a lone root": (Member(b"table", lone_row(5)),),
    "no row under a lone root": (Member(b"table", lone_row(45)),),
    "a key beside a lone root": (Element(b"nothing"),),
    "a key at a lone leaf's slot": (Element(beside(b"table")),),
    "a lone leaf": (Element(b"table"),),
    "a removed row, alone": (RemovedMember(b"table", lone_row(50)),),
    "a whole table under a lone root": (Rows(b"table"),),
    "the first rows under a lone root": (Rows(b"table", Bounds(below=lone_row(9))),),
    "a count under a lone root": (Count(b"table"),),
    "a count between keys under a lone root": (Count(b"table", Bounds(lone_row(3), lone_row(30))),),
    "all elements, one": (Elements(),),
    "how many elements, one": (ElementCount(),),
    "how many elements up to a lone leaf": (ElementCount(Bounds(below=element(b"table")[1:5])),),
    "memberships of nothing": (Incidence(b"key:1"), IncidenceCount(b"key:1")),
    "all at once under lone roots": (Member(b"table", lone_row(1)), Element(b"other"), Count(b"table"), Rows(b"table")),
}


def shown_row(row: Row) -> str:
    """A row as one word."""
    text = f"{row.key.hex()}@{row.version}"
    if row.stored is not None:
        text += f"={row.stored.hex()}"
    for number, column in sorted((row.columns or {}).items()):
        text += f"/{number}:{'null' if column.value is None else column.value.hex()}"
    return text


def shown(answer: Answer) -> str:
    """An answer as one line: what each verifier must print."""
    match answer:
        case Found(row=row):
            return f"found {shown_row(row)}"
        case Absent(collection=None):
            return "absent"
        case Absent(collection=collection):
            return f"absent in {'it' if collection else 'nothing'}"
        case Removed(version=version):
            return f"removed {version}"
        case Complete(rows=rows):
            return " ".join(["complete", *map(shown_row, rows)])
        case Attested(count=count, size=size):
            return f"attested {count} {size}"


def pin(trusted: object) -> tuple[str, str]:
    if isinstance(trusted, Root):
        return "root", trusted.digest.hex()
    return ("store" if isinstance(trusted, StoreKey) else "owner"), trusted.public.hex()


def vector(name: str, bundle: bytes, trusted: object, expect: str, **more: str) -> dict[str, str]:
    kind, key = pin(trusted)
    return {"name": name, "pin": kind, "trusted": key, "expect": expect, **more, "bundle": bundle.hex()}


def answered(world: World, cases: dict[str, tuple[Query, ...]], sample: str) -> Iterator[dict[str, str]]:
    trusted = Root(world.root)
    for name, queries in cases.items():
        bundle = world.bundle(*queries, either=len(queries) == 1)
        text = ";".join(map(shown, verify(bundle, trusted=trusted).answers))
        yield vector(name, bundle, trusted, "ok", sample=sample, queries=claim_of(*queries).hex(), answers=text)


def honest(world: World) -> Iterator[dict[str, str]]:
    trusted = Root(world.root)
    yield from answered(world, HONEST, "sample")
    row = member(302, TABLE_ROW)
    for name, form in (("one column", ("columns", (2,))), ("two columns", ("columns", (0, 3))), ("a row unseen", ("digest", ()))):
        query = Member(b"table", TABLE_ROW)
        bundle = world.bundle(query, forms={row: form})
        text = ";".join(map(shown, verify(bundle, trusted=trusted).answers))
        show = "digest" if form[0] == "digest" else ",".join(map(str, form[1]))
        yield vector(name, bundle, trusted, "ok", sample="sample", queries=claim_of(query).hex(), show=show, answers=text)
    signed = world.bundle(Element(b"key:3"), signed=True, attested=True, history=3)
    text = ";".join(map(shown, verify(signed, trusted=trusted).answers))
    for kind in (trusted, StoreKey(world.store_key), forgery_owner(world)):
        yield vector(f"signed, under the {pin(kind)[0]}", signed, kind, "ok", answers=text)


def forgery_owner(world: World) -> object:
    from hyperdb.commitment.verify import OwnerKey

    return OwnerKey(world.owner_key)


def main() -> None:
    world, lone = World(), World(app=lone_app())
    vectors = [*honest(world), *answered(lone, LONE, "lone")]
    for forged in forgeries(world):
        try:
            verify(forged.bundle, trusted=forged.trusted, seen=forged.seen, app=forged.app)
            found = "ok"
        except VerificationError as refused:
            found = refused.check
        assert found == forged.check, (forged.name, found)
        if len(forged.bundle) < 1 << 20:
            more = {} if forged.seen is None else {"seen": f"{forged.seen.number}:{forged.seen.root.hex()}"}
            more |= {} if forged.app is None else {"app": forged.app.hex()}
            vectors.append(vector(forged.name, forged.bundle, forged.trusted, forged.check, **more))
    GOLDEN.mkdir(parents=True, exist_ok=True)
    (GOLDEN / "vectors.json").write_text("[\n" + ",\n".join(map(json.dumps, vectors)) + "\n]\n")
    for name, sample in (("sample", world), ("lone", lone)):
        (GOLDEN / f"{name}.txt").write_text("\n".join(listed(sample)) + "\n")


def listed(world: World) -> Iterator[str]:
    """What a prover needs to make the same bundles."""
    yield from (
        f"header {world.header.hex()}",
        f"name {world.app.name.hex()}",
        f"salt {APP_SALT.hex()}",
        f"root {world.root.hex()}",
    )
    assert world.app_tree is not None
    for name in world.others:
        leaf = next(leaf for leaf in leaves(world.app_tree) if leaf.size == len(name) + 50)
        yield f"app {leaf.key.hex()} {leaf.value_digest.hex()} {leaf.size}"
    for tree, claims in enumerate(world.app.trees):
        for key, claim in sorted(claims.items()):
            yield f"entry {tree} {key.hex()} {claim.version} {claim.value.hex()}"


def leaves(branch: ref.Branch) -> Iterator[ref.Leaf]:
    for child in branch.slots.values():
        if isinstance(child, ref.Leaf):
            yield child
        else:
            yield from leaves(child)


if __name__ == "__main__":
    main()
