"""Copies of tables in the analytic engine: when they are made, of which columns, and how long they stay."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from hyperdb.errors import NotColumnarError
from hyperdb.frontends.sql.columnar import Relation
from hyperdb.frontends.sql.columnar.copies import Copies, Copy

EVERY = frozenset(range(1, 9))


def relation(*columns: int, identity: int = 1) -> Relation:
    named = tuple((number, f"k{number}") for number in columns)
    return Relation("r", cast("Any", None), cast("Any", None), named, identity=identity, every=EVERY)


@dataclass
class Maker:
    """Makes copies of a byte a column; those with a column of `bad` fail."""

    bad: frozenset[int] = frozenset()
    made: list[frozenset[int]] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    def make(self, copy: Copy, _relation: Relation) -> int:
        if copy.columns & self.bad:
            raise NotColumnarError("a value without a form")
        self.made.append(copy.columns)
        return len(copy.columns)

    def drop(self, copy: Copy) -> None:
        self.dropped.append(copy.name)


def copies(maker: Maker, budget: int = 1 << 30) -> Copies:
    return Copies(budget, maker.make, maker.drop)


def test_a_version_that_is_asked_for_twice_is_copied_and_then_with_all_columns() -> None:
    maker = Maker()
    kept = copies(maker)
    assert kept.find(relation(1, 2), (1, 1), 100) is None
    first = kept.find(relation(1, 2), (1, 1), 100)
    assert first is not None
    assert kept.find(relation(2), (1, 1), 100) is first
    second = kept.find(relation(2, 3), (1, 1), 100)
    assert second is not None
    assert second is not first
    assert kept.find(relation(7, 8), (1, 1), 100) is second
    assert maker.made == [{1, 2}, EVERY]
    assert maker.dropped == []
    kept.release(first)
    kept.release(first)
    assert maker.dropped == [first.name]


def test_columns_that_cannot_be_copied_do_not_keep_the_others_out() -> None:
    maker = Maker(frozenset({8}))
    kept = copies(maker)
    kept.find(relation(1), (1, 1), 100)
    assert kept.find(relation(1), (1, 1), 100) is not None
    assert kept.find(relation(2), (1, 1), 100) is not None
    assert kept.find(relation(3), (1, 1), 100) is not None
    assert maker.made == [{1}, {1, 2}, {1, 2, 3}]
    assert kept.find(relation(8), (1, 1), 100) is None
    assert kept.find(relation(2, 3), (1, 1), 100) is not None


def test_a_new_version_is_scanned_first_and_the_old_copy_goes() -> None:
    maker = Maker()
    kept = copies(maker)
    kept.find(relation(1), (1, 1), 100)
    old = kept.find(relation(1), (1, 1), 100)
    assert old is not None
    kept.release(old)
    assert kept.find(relation(1), (1, 2), 100) is None
    assert kept.find(relation(1), (1, 2), 100) is not None
    assert maker.dropped == [old.name]


def test_tables_too_large_are_scanned_and_the_longest_unused_make_room() -> None:
    maker = Maker()
    kept = copies(maker, budget=1300)
    for _ in range(3):
        assert kept.find(relation(1), (1, 1), 200) is None
    for identity in (2, 3):
        kept.find(relation(1, identity=identity), (identity, 1), 10)
        found = kept.find(relation(1, identity=identity), (identity, 1), 10)
        assert found is not None
        found.bytes = 800
        kept.release(found)
    assert len(maker.made) == 2
    kept.find(relation(1, identity=4), (4, 1), 10)
    assert kept.find(relation(1, identity=4), (4, 1), 10) is not None
    assert maker.dropped == ["copy1"]
