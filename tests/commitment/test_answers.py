"""Every kind of query, proved by the reference prover and verified: the answers are what the entries say."""

from __future__ import annotations

import pytest

from hyperdb.commitment.verify import (
    Absent,
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
    Rows,
    verify,
)

from .sample import World, member

SCORE = (0x3FF0 << 48) ^ 1 << 63
LONG = b"z" * 150


def ask(world: World, *queries: Query, **options: object) -> tuple:
    return verify(world.bundle(*queries, **options), trusted=Root(world.root), app=world.app.name).answers


def test_elements_and_members(world: World) -> None:
    queries = (
        Element(b"key:3"),
        Element(b""),
        Element(b"empty"),
        Element(b"soon"),
        Element(b"nothing"),
        Element(b"user:1"),
        Member(b"user:1", b"field 3"),
        Member(b"user:1", b"no field"),
        Member(b"letters", b"\x00"),
        Member(b"scores", b"bob"),
        Member(b"queue", (2).to_bytes(8, "little")),
        Member(b"queue", (3).to_bytes(8, "little")),
        Member(b"edge", LONG + b"2"),
        Member(b"edge", LONG + b"3"),
        Member(b"no such", b"field"),
        Member(b"table", (14 ^ 1 << 31).to_bytes(4, "big")),
    )
    answers = ask(world, *queries)
    values = [answer.row.value if isinstance(answer, Found) else None for answer in answers]
    assert values[:6] == [b"value 3", b"", b"", b"gone", None, None]
    assert answers[3].row.expires_ms == 10**15
    assert answers[4] == Absent(queries[4])
    assert answers[5].row.collection.count == 12 and answers[5].row.kind == "hash"
    assert values[6:12] == [b"content 3", None, b"", ((0x3FF0 << 48) + 1).to_bytes(8, "little"), b"item 1", None]
    assert answers[7] == Absent(queries[7], collection=True)
    assert values[12:14] == [b"key:1", None] and answers[12].row.refers == "vertex"
    assert answers[14] == Absent(queries[14], collection=False)
    columns = answers[15].row.columns
    assert (columns[1].value, columns[2].value, columns[3].value) == ((2).to_bytes(4, "little"), b"row 2", None)
    assert answers[15].row.version == 72


def test_removals(world: World) -> None:
    queries = (RemovedElement(b"dead", False), RemovedElement(b"dropped", True), RemovedMember(b"user:1", b"gone"))
    assert ask(world, *queries) == tuple(Removed(*pair) for pair in zip(queries, (60, 66, 62), strict=True))


RANGES = [
    (b"user:1", Bounds()),
    (b"letters", Bounds()),
    (b"queue", Bounds()),
    (b"scores", Bounds()),
    (b"scores", Bounds(companion=True)),
    (b"scores", Bounds((SCORE + 1).to_bytes(8, "big"), (SCORE + 3).to_bytes(8, "big"), companion=True)),
    (b"table", Bounds()),
    (b"table", Bounds((20 ^ 1 << 31).to_bytes(4, "big"), (150 ^ 1 << 31).to_bytes(4, "big"))),
    (b"table", Bounds(below=b"\x80\x00\x00\x0e")),
    (b"edge", Bounds()),
    (b"edge", Bounds(low=LONG + b"1", below=LONG + b"2")),
    (b"edge", Bounds(low=LONG, below=LONG + b"9")),
    (b"edge", Bounds(low=b"\x00", below=b"x")),
    (b"edge", Bounds(low=b"zz")),
    (b"nothing", Bounds()),
]
CIDS = {b"user:1": 4, b"letters": 8, b"queue": 12, b"scores": 16, b"table": 302, b"edge": 600, b"nothing": 999_999}


def within(world: World, collection: bytes, bounds: Bounds) -> list[bytes]:
    """The keys between the bounds, by looking at all of them."""
    prefix = member(CIDS[collection] + bounds.companion, b"")
    return [
        key
        for tree in (0, 2)
        for key in sorted(world.app.trees[tree])
        if key.startswith(prefix) and key[len(prefix) :] >= bounds.low and (not bounds.below or key[len(prefix) :] < bounds.below)
    ]


def test_ranges_are_complete(world: World) -> None:
    answers = ask(world, *(Rows(*asked) for asked in RANGES))
    for (collection, bounds), answer in zip(RANGES, answers, strict=True):
        assert isinstance(answer, Complete)
        assert sorted(row.key for row in answer.rows) == within(world, collection, bounds)
        assert answer.collection == (collection != b"nothing")


@pytest.mark.parametrize("asked", [RANGES[0], RANGES[5], RANGES[6], RANGES[7], RANGES[12], RANGES[14]], ids=str)
def test_counts(world: World, asked: tuple[bytes, Bounds]) -> None:
    expected = within(world, *asked)
    size = sum(claim.leaf.size for tree in (0, 2) for key, claim in world.app.trees[tree].items() if key in expected)
    for either in (False, True):
        (count,) = ask(world, Count(*asked), either=either)
        assert isinstance(count, Attested)
        assert (count.count, count.size) == (len(expected), size)


def test_listing_elements(world: World) -> None:
    names = {key[9:] for tree in (0, 2) for key in world.app.trees[tree] if key[0] == 2}
    complete, count = ask(world, Elements(), ElementCount())
    assert {row.name for row in complete.rows} == names and count.count == len(names) == len(complete.rows)
    above, under = Bounds(low=b"\x80"), Bounds(below=b"\x80")
    upper, upper_count, lower, lower_count = ask(
        world, Elements(above), ElementCount(above), Elements(under), ElementCount(under)
    )
    assert {row.name for row in upper.rows + lower.rows} == names and upper.rows and lower.rows
    assert upper_count.count == len(upper.rows) and lower_count.count == len(lower.rows)


def test_incidence(world: World) -> None:
    held, count, nothing = ask(world, Incidence(b"key:1"), IncidenceCount(b"key:1"), Incidence(b"key:2"))
    assert len(held.rows) == count.count == 6 and nothing.rows == ()


def test_columns_without_the_others(world: World) -> None:
    key = (21 ^ 1 << 31).to_bytes(4, "big")
    for columns in ((2,), (0, 1, 3)):
        forms = {member(302, key): ("columns", columns)}
        bundle = world.bundle(Member(b"table", key), forms=forms)
        (found,) = verify(bundle, trusted=Root(world.root)).answers
        assert set(found.row.columns) == set(columns) and found.row.stored is None
        assert (b"row 3" in bundle) == (2 in columns)


def test_presence_without_the_value(world: World) -> None:
    bundle = world.bundle(Element(b"key:3"), forms={world_key(world, b"key:3"): ("digest", ())})
    (found,) = verify(bundle, trusted=Root(world.root)).answers
    assert found.row.stored is None and found.row.version == 13 and b"value 3" not in bundle


def world_key(world: World, name: bytes) -> bytes:
    return next(key for key in world.app.trees[0] if key[9:] == name)


def test_an_app_without_entries() -> None:
    from .sample import App

    for others in ((), (b"shop", b"redis/1")):
        empty = World(app=App(b"nobody"), others=others)
        assert ask(empty, Element(b"x")) == (Absent(Element(b"x")),)
