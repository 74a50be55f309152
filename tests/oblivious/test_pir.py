"""Columns come back through queries that look alike; hints follow changes; nothing is asked twice."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from hyperdb import InvalidError
from hyperdb.oblivious.pir import DIMENSION, SEED_BYTES, Asker, Hint, Matrix, Place, kernels

PLACE = Place(bytes(range(32)), 0)


def _columns(rows: int, count: int, seed: int) -> list[bytes]:
    source = random.Random(seed)
    return [source.randbytes(rows) for _ in range(count)]


def _random(seed: int) -> Callable[[int], bytes]:
    return random.Random(seed).randbytes


@pytest.mark.parametrize(("rows", "count"), [(1, 1), (7, 3), (64, 64), (130, 65)])
def test_every_column_comes_back(rows: int, count: int) -> None:
    columns = _columns(rows, count, rows)
    matrix = Matrix(PLACE, rows, columns, threads=2)
    asker = Asker(Hint.read(PLACE, rows, bytes(matrix.hint())), count, stock=4, random=_random(1))
    asked = [asker.ask(number) for number in range(count)]
    answers = matrix.answer([query for query, _ in asked])
    assert [mask.recover(answer) for (_, mask), answer in zip(asked, answers, strict=True)] == columns
    assert [matrix.column(number) for number in range(count)] == columns


def test_queries_have_one_shape_and_no_two_are_alike() -> None:
    matrix = Matrix(PLACE, 5, _columns(5, 40, 0))
    asker = Asker(matrix.hint(), 40, stock=3)
    queries = [asker.ask(number)[0] for number in (0, 0, 39, 7)]
    assert {len(query) for query in queries} == {140}
    assert len(set(queries)) == 4
    assert asker.stock == 2


def test_a_hint_follows_changes_and_appended_columns() -> None:
    columns = _columns(20, 6, 2)
    matrix = Matrix(PLACE, 20, columns)
    hint = matrix.hint()
    new = _columns(20, 3, 3)
    changes = [(1, columns[1], new[0]), (6, bytes(20), new[1]), (8, bytes(20), new[2])]
    after = [columns[0], new[0], *columns[2:], new[1], bytes(20), new[2]]
    later, later_hint = Matrix(PLACE, 20, after), hint.replaced(changes)
    assert bytes(later_hint) == bytes(later.hint()) != bytes(hint)
    assert later.changed_from(matrix) == (1, 6, 7, 8) == matrix.changed_from(later)
    asker = Asker(later_hint, 9)
    query, mask = asker.ask(8)
    assert mask.recover(later.answer([query])[0]) == new[2]


def test_what_was_prepared_goes_on_under_a_renewed_hint() -> None:
    columns = _columns(16, 4, 4)
    matrix = Matrix(PLACE, 16, columns)
    asker = Asker(matrix.hint(), 4, stock=2)
    asker.prepare()
    changes = [(2, columns[2], bytes(16))]
    later = Matrix(PLACE, 16, [*columns[:2], bytes(16), columns[3]])
    asker.renew(matrix.hint().replaced(changes))
    query, mask = asker.ask(2)
    assert mask.recover(later.answer([query])[0]) == bytes(16) and asker.stock == 1
    with pytest.raises(InvalidError, match="another matrix"):
        asker.renew(Matrix(PLACE, 17, [bytes(17)]).hint())


def test_a_wrong_hint_gives_other_bytes() -> None:
    columns = _columns(32, 8, 5)
    matrix = Matrix(PLACE, 32, columns)
    wrong = bytearray(bytes(matrix.hint()))
    wrong[DIMENSION * 4 * 9 + 3] ^= 1
    asker = Asker(Hint.read(PLACE, 32, bytes(wrong)), 8, random=_random(6))
    query, mask = asker.ask(3)
    found = mask.recover(matrix.answer([query])[0])
    assert found != columns[3] and found[:9] == columns[3][:9]


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InvalidError, match="a column has length 2, not 3"):
        Matrix(PLACE, 3, [bytes(2)])
    matrix = Matrix(PLACE, 3, [bytes(3)] * 2)
    with pytest.raises(InvalidError, match="a query has length 9, not 7"):
        matrix.answer([bytes(9)])
    with pytest.raises(InvalidError, match="a hint has length"):
        Hint.read(PLACE, 3, bytes(8))
    asker = Asker(matrix.hint(), 2)
    with pytest.raises(InvalidError, match="no column 2"):
        asker.ask(2)
    _, mask = asker.ask(1)
    with pytest.raises(InvalidError, match="an answer has length"):
        mask.recover(bytes(13))
    with pytest.raises(InvalidError, match="32 bytes"):
        Matrix(Place(b"short", 0), 1, [b"a"]).hint()
    with pytest.raises(InvalidError, match="a seed has 32 bytes"):
        Asker(matrix.hint(), 2, random=lambda count: bytes(count - 1)).prepare()
    with pytest.raises(InvalidError, match="a stock"):
        Asker(matrix.hint(), 2, stock=0)
    assert SEED_BYTES == 32


def test_the_portable_kernel_is_always_there() -> None:
    assert kernels()[0] == "portable"
