"""Joins of many tables: each joined by an equality while there is one, and the same rows in whatever order they are named."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

import hyperdb
from hyperdb.errors import SqlError

TABLES = 40
ROWS = 6


@pytest.fixture(scope="module")
def database() -> Iterator[hyperdb.Database]:
    """Tables t0 to t39 of keys a and links b; b is a permutation of the keys, so a chain of joins keeps the number of rows."""
    with hyperdb.open(":memory:", memory="32m") as database:
        dice = random.Random(5)
        for number in range(TABLES):
            database.sql(f"CREATE TABLE t{number} (a{number} int PRIMARY KEY, b{number} int)")
            links = dice.sample(range(ROWS), ROWS)
            database.sql(f"INSERT INTO t{number} VALUES " + ", ".join(f"({key}, {link})" for key, link in enumerate(links)))
        yield database


def chain(dice: random.Random) -> tuple[str, str]:
    """Tables in any order, and the conditions that join each to the next, in any order and either way round."""
    tests = [
        f"b{number} = a{number + 1}" if dice.random() < 0.5 else f"a{number + 1} = b{number}" for number in range(TABLES - 1)
    ]
    dice.shuffle(tests)
    tables = [f"t{number}" for number in range(TABLES)]
    dice.shuffle(tables)
    return ", ".join(tables), " AND ".join(tests)


def expected(database: hyperdb.Database) -> list[tuple[int, int]]:
    """The first key and the last link of each row, followed by hand."""
    links = [dict(database.sql(f"SELECT * FROM t{number}").fetchall()) for number in range(TABLES)]
    found = []
    for first in range(ROWS):
        at = first
        for each in links:
            at = each[at]
        found.append((first, at))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_a_chain_of_joins_in_any_order(database: hyperdb.Database, seed: int) -> None:
    tables, tests = chain(random.Random(seed))
    last = TABLES - 1
    rows = database.sql(f"SELECT a0, b{last} FROM {tables} WHERE {tests} ORDER BY a0").fetchall()
    assert rows == expected(database)
    (one,) = database.sql(f"SELECT b{last} FROM {tables} WHERE {tests} AND a0 = 3").fetchall()
    assert (3, *one) == expected(database)[3]


@pytest.mark.parametrize("seed", range(4))
def test_no_table_is_crossed_with_all_rows_while_an_equality_joins_it(database: hyperdb.Database, seed: int) -> None:
    tables, tests = chain(random.Random(seed))
    shown = [line for (line,) in database.sql(f"EXPLAIN SELECT count(*) FROM {tables} WHERE {tests}").fetchall()]
    assert sum("Hash Join" in line for line in shown) == TABLES - 1, "\n".join(shown)
    assert not [line for line in shown if "Nested Loop" in line]


def test_conditions_of_three_tables_and_of_none(database: hyperdb.Database) -> None:
    rows = database.sql("SELECT a0, a1, a2 FROM t0, t1, t2 WHERE a0 + a1 = a2 AND 1 < 2 AND a0 > 1 ORDER BY 1, 2").fetchall()
    assert rows == [(one, two, one + two) for one in range(2, ROWS) for two in range(ROWS) if one + two < ROWS]
    assert database.sql("SELECT a0 FROM t0, t1, t2 WHERE a0 + a1 = a2 AND 1 > 2").fetchall() == []


NESTED = [
    (
        "t1 JOIN (t0 LEFT JOIN t2 ON a2 = a0 + 1) ON b1 = a0",
        "t1 JOIN (SELECT * FROM t0 LEFT JOIN t2 ON a2 = a0 + 1) x ON b1 = a0",
    ),
    (
        "t1, (t0 LEFT JOIN t2 ON a2 = a0 AND b2 > 2) WHERE a1 < a0",
        "t1, (SELECT * FROM t0 LEFT JOIN t2 ON a2 = a0 AND b2 > 2) x WHERE a1 < a0",
    ),
    ("((t1 JOIN t0 ON a1 = a0) LEFT JOIN t2 ON a2 = b1)", "(SELECT * FROM t1 JOIN t0 ON a1 = a0) x LEFT JOIN t2 ON a2 = b1"),
    ("t3 JOIN ((SELECT a0, b0 FROM t0) y JOIN t1 ON a1 = b0) ON a3 = a0", "t3, t0, t1 WHERE a1 = b0 AND a3 = a0"),
    ("t1 LEFT JOIN (t0 JOIN t2 ON a2 = a0) ON b1 = b2", "t1 LEFT JOIN (SELECT * FROM t0 JOIN t2 ON a2 = a0) x ON b1 = b2"),
    (
        "t3 JOIN (t1 LEFT JOIN (t0 FULL JOIN t2 ON a2 = a0 + 2) ON b1 = a0) ON a3 = a1",
        "t3 JOIN (SELECT * FROM t1 LEFT JOIN (SELECT * FROM t0 FULL JOIN t2 ON a2 = a0 + 2) x ON b1 = a0) y ON a3 = a1",
    ),
    (
        "t3 RIGHT JOIN ((t1 JOIN t0 ON a1 = a0) LEFT JOIN t2 ON a2 = b1) ON b3 = b2",
        "t3 RIGHT JOIN (SELECT * FROM (SELECT * FROM t1 JOIN t0 ON a1 = a0) x LEFT JOIN t2 ON a2 = b1) y ON b3 = b2",
    ),
]


@pytest.mark.parametrize(("nested", "derived"), NESTED)
def test_joins_in_parentheses_are_joined_as_a_derived_table_is(database: hyperdb.Database, nested: str, derived: str) -> None:
    columns = ", ".join(f"{letter}{table}" for table in range(4) if f"t{table}" in nested for letter in "ab")
    found = database.sql(f"SELECT {columns} FROM {nested} ORDER BY {columns}").fetchall()
    assert found == database.sql(f"SELECT {columns} FROM {derived} ORDER BY {columns}").fetchall()
    assert found


def test_joins_in_parentheses_by_names_of_columns(database: hyperdb.Database) -> None:
    database.sql("CREATE TABLE left_one (k integer, l integer); INSERT INTO left_one VALUES (1, 10), (2, 20)")
    database.sql("CREATE TABLE right_one (k integer, r integer); INSERT INTO right_one VALUES (2, 200), (3, 300)")
    database.sql("CREATE TABLE other_one (o integer); INSERT INTO other_one VALUES (1), (2), (3), (4)")
    text = "SELECT o, k, l, r FROM other_one JOIN (left_one FULL JOIN right_one USING (k)) ON o = k ORDER BY o"
    assert database.sql(text).fetchall() == [(1, 1, 10, None), (2, 2, 20, 200), (3, 3, None, 300)]
    with pytest.raises(SqlError, match='column "o" does not exist'):
        database.sql("SELECT 1 FROM other_one JOIN (left_one JOIN right_one ON o = r) ON true")
