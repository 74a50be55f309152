"""Levels are written and read alike, and are refused where they cannot be."""

from __future__ import annotations

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


def test_covers_are_cells_of_a_keyed_permutation() -> None:
    partition = Partition(6)
    cells, others = Cells(partition, 4, b"k" * 32), Cells(partition, 4, b"l" * 32)
    covers = [cells.cover(block) for block in range(64)]
    assert all(block in cover and len(cover) == 4 and list(cover) == sorted(cover) for block, cover in enumerate(covers))
    assert all(covers[other] == cover for cover in covers for other in cover), "the same for every block in it"
    assert len(set(covers)) == 16
    assert covers != [others.cover(block) for block in range(64)]
    assert covers == [Cells(partition, 4, b"k" * 32).cover(block) for block in range(64)]
    assert Cells(Partition(1), 4, b"k").cover(0) == (0, 1)
