"""Levels are written and read alike, and are refused where they cannot be."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from hyperdb.errors import InvalidError
from hyperdb.oblivious.blocks import MOST_BITS, Cells, Partition, bits_for
from hyperdb.oblivious.levels import Bucket, Cover, Full, Level, Pir, Plain, parse_level


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("none", Plain()),
        ("bucket(64)", Bucket(k=64)),
        ("cover(4, 64)", Cover(c=4, k=64)),
        ("cover(8, 1000)@shard", Cover("shard", 8, 1000)),
        ("pir", Pir()),
        ("pir@global", Pir("global")),
        ("full", Full()),
    ],
)
def test_levels_are_read_as_they_are_written(text: str, level: Level) -> None:
    assert parse_level(text) == level and str(level) == text
    assert parse_level(f"  {text.upper().replace('(', ' ( ')} ") == level


@pytest.mark.parametrize(
    "text",
    [
        "",
        "private",
        "pir(3)",
        "bucket()",
        "bucket(0)",
        "bucket(1, 2)",
        "cover(3, 64)",
        "cover(4)",
        "cover(128, 2)",
        "pir@galaxy",
        "none none",
    ],
)
def test_what_is_no_level_is_refused(text: str) -> None:
    with pytest.raises(InvalidError):
        parse_level(text)


def test_levels_do_not_change_once_made() -> None:
    with pytest.raises(AttributeError):
        Bucket().k = 5  # type: ignore[misc]
    assert len({Pir(), Pir("global"), Pir(), Full()}) == 3


@pytest.mark.parametrize(
    ("elements", "k", "bits"),
    [(0, 64, 0), (63, 64, 0), (128, 64, 1), (1_000_000, 64, 14), (900_000, 64, 13), (1 << 40, 1, MOST_BITS)],
)
def test_blocks_hold_about_k_elements(elements: int, k: int, bits: int) -> None:
    assert bits_for(elements, k) == bits
    assert elements / (1 << bits) >= min(0.9 * k, elements)


def test_blocks_lie_side_by_side_and_halve() -> None:
    for bits in (0, 1, 5, 8, 13):
        partition, finer = Partition(bits), Partition(bits + 1)
        bounds = [partition.bounds(block) for block in range(1 << bits)]
        assert bounds[0].low == b"" and bounds[-1].below == b""
        assert all(one.below == other.low for one, other in pairwise(bounds))
        for block in {0, (1 << bits) // 3, (1 << bits) - 1}:
            assert finer.bounds(2 * block).low == bounds[block].low
            assert finer.bounds(2 * block + 1).below == bounds[block].below
            place = (bounds[block].low or bytes(8)).ljust(8, b"\x00")
            assert partition.block(place) == block


@pytest.mark.parametrize(("bits", "c"), [(6, 4), (3, 4), (9, 1), (9, 8), (8, 64), (10, 16)])
def test_covers_are_cells_that_a_key_chooses(bits: int, c: int) -> None:
    partition, count = Partition(bits), 1 << bits
    cells = Cells(partition, c, b"k" * 32)
    covers = [cells.cover(block) for block in range(count)]
    assert all(block in cover and len(cover) == c and list(cover) == sorted(cover) for block, cover in enumerate(covers))
    assert all(covers[other] == cover for cover in covers for other in cover), "the same for every block in it"
    assert len(set(covers)) == count // c
    if 1 < c < count:
        assert covers != [Cells(partition, c, b"l" * 32).cover(block) for block in range(count)]
    assert covers == [Cells(partition, c, b"k" * 32).cover(block) for block in range(count)]


def test_all_blocks_are_the_cover_where_there_are_no_more() -> None:
    assert Cells(Partition(1), 4, b"k").cover(0) == (0, 1)
    assert Cells(Partition(0), 1, b"k").cover(0) == (0,)


def test_covers_of_one_key_nest_at_every_level_and_size() -> None:
    """Who asks for one thing at two levels, or again when the app has grown, shows the smaller cover and nothing smaller."""
    key, finest = b"k" * 32, 11
    for target in random.Random(5).sample(range(1 << finest), 40):
        covers = {
            (c, bits): {
                part << finest - bits | rest
                for part in Cells(Partition(bits), c, key).cover(target >> finest - bits)
                for rest in range(1 << finest - bits)
            }
            for c in (1, 2, 4, 8, 16, 32, 64)
            for bits in (6, 7, 8, 10, 11)
        }
        for (c, bits), one in covers.items():
            for (other_c, other_bits), other in covers.items():
                assert one & other == covers[min(c, other_c), max(bits, other_bits)]


def test_a_cell_that_was_seen_does_not_tell_the_others() -> None:
    """Keys that agree on one cell do not agree on another: what a store saw of a client leaves the rest open."""
    partition = Partition(8)
    by_cell: dict[tuple[int, ...], set[tuple[int, ...]]] = {}
    for number in range(4000):
        cells = Cells(partition, 2, number.to_bytes(32, "little"))
        by_cell.setdefault(cells.cover(0), set()).add(cells.cover(100))
    assert len(by_cell) == 128
    assert min(map(len, by_cell.values())) > 5
