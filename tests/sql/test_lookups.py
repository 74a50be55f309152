"""Joins that look their right side's rows up by an index: the same rows as by hash, and only as long as that is less work."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

import hyperdb

ROWS = 1500
MAKE = f"""
CREATE TABLE big (id int PRIMARY KEY, part smallint, name text, wide bigint, flag boolean);
CREATE INDEX ON big (part DESC, name);
CREATE UNIQUE INDEX big_wide ON big (wide);
CREATE INDEX big_some ON big (name) WHERE flag;
INSERT INTO big SELECT i, i % 300, 'n' || i % 50, i * 10, i % 3 = 0 FROM generate_series(1, {ROWS}) i;
UPDATE big SET part = NULL, wide = NULL WHERE id % 100 = 7;
CREATE TABLE few (id int PRIMARY KEY, k bigint, p int, n varchar(9));
INSERT INTO few VALUES (1, 5, 5, 'n5'), (2, 5, 205, 'n5'), (3, NULL, NULL, NULL), (4, 9000000000, 99999, 'zz'), (5, 1499, 7, 'n7')
"""
QUERIES = {
    "by the key": "SELECT few.id, big.id FROM few JOIN big ON big.id = few.k",
    "outer": "SELECT few.id, big.id FROM few LEFT JOIN big ON big.id = few.k AND big.flag",
    "by an index's first column": "SELECT few.id, big.id FROM few JOIN big ON big.part = few.p",
    "by all of an index": "SELECT few.id, big.id FROM few JOIN big ON big.name = few.n AND big.part = few.p",
    "with a condition on the right": "SELECT few.id, big.id FROM few LEFT JOIN big ON big.part = few.p AND big.name > 'n2'",
    "of sums": "SELECT few.id, big.id FROM few JOIN big ON big.wide = few.k * 10",
    "that are there": "SELECT id FROM few WHERE EXISTS (SELECT 1 FROM big WHERE big.id = few.k)",
    "that are not": "SELECT id FROM few WHERE NOT EXISTS (SELECT 1 FROM big WHERE big.part = few.p AND big.flag)",
    "among": "SELECT id FROM few WHERE k IN (SELECT id FROM big)",
    "of three": "SELECT few.id, b.id, c.id FROM few JOIN big b ON b.id = few.k JOIN big c ON c.wide = b.wide",
    "of many left rows": "SELECT a.id, b.id FROM big a JOIN big b ON b.id = a.wide / 20 WHERE b.flag",
}


@pytest.fixture(scope="module")
def database() -> Iterator[hyperdb.Database]:
    with hyperdb.open(":memory:", memory="32m") as database:
        for text in MAKE.split(";\n"):
            database.sql(text)
        yield database


def rows(database: hyperdb.Database, text: str) -> list[object]:
    return sorted(map(repr, database.sql(text).fetchall()))


@pytest.mark.parametrize("what", QUERIES)
def test_the_rows_are_those_of_a_table_without_indexes(database: hyperdb.Database, what: str) -> None:
    database.sql("DROP TABLE IF EXISTS plain")
    database.sql("CREATE TABLE plain AS SELECT * FROM big")
    found = rows(database, QUERIES[what])
    plain = re.sub(r"(FROM|JOIN) big\b( [a-c]\b)?", lambda match: f"{match[1]} plain{match[2] or ' big'}", QUERIES[what])
    assert found == rows(database, plain)
    assert found


def explained(database: hyperdb.Database, text: str) -> list[str]:
    return [line for (line,) in database.sql(f"EXPLAIN ANALYZE {text}").fetchall()]


def test_few_left_rows_read_few_right_ones(database: hyperdb.Database) -> None:
    shown = explained(database, QUERIES["by the key"])
    assert any("Hash Join (inner), or big by key" in line for line in shown), shown
    assert any("Scan on big (never executed)" in line for line in shown), shown
    assert any("rows=1500 loops=1" in line for line in explained(database, QUERIES["of many left rows"]))


def test_the_best_index_is_taken(database: hyperdb.Database) -> None:
    def by(text: str) -> str:
        (found,) = {line.split(" or ")[1].split(" (")[0] for line in explained(database, text) if " or " in line}
        return found

    assert by("SELECT 1 FROM few JOIN big ON big.wide = few.k AND big.part = few.p") == "big by big_wide"
    assert by("SELECT 1 FROM few JOIN big ON big.name = few.n AND big.part = few.p") == "big by big_part_name_idx"
    # A partial index does not have all rows; texts and numbers are equal as what they are compared as.
    for text in ("big.name = few.n", 'big.name = few.k::text COLLATE "C"', "big.part::text = few.n", "big.wide = few.k::numeric"):
        assert not [line for line in explained(database, f"SELECT 1 FROM few JOIN big ON {text}") if " or big" in line]


def test_own_changes_are_looked_up(database: hyperdb.Database) -> None:
    with hyperdb.connect(database) as connection:
        cursor = connection.cursor()
        cursor.execute("UPDATE big SET part = 12345, wide = -5 WHERE id = 5")
        cursor.execute("DELETE FROM big WHERE id = 1499")
        cursor.execute("SELECT few.id, big.part FROM few JOIN big ON big.id = few.k ORDER BY 1")
        assert cursor.fetchall() == [(1, 12345), (2, 12345)]
        cursor.execute("SELECT big.id FROM (VALUES (12345)) x(p) JOIN big ON big.part = x.p")
        assert cursor.fetchall() == [(5,)]
        connection.rollback()


def test_a_change_joined_to_many_rows_changes_the_right_ones(database: hyperdb.Database) -> None:
    with hyperdb.connect(database) as connection:
        cursor = connection.cursor()
        cursor.execute("UPDATE big SET name = few.n FROM few WHERE big.id = few.k AND few.id <> 2 RETURNING big.id, big.name")
        assert sorted(cursor.fetchall()) == [(5, "n5"), (1499, "n7")]
        cursor.execute("DELETE FROM big USING few WHERE big.part = few.p AND few.id = 2 RETURNING big.id")
        assert sorted(cursor.fetchall()) == [(205,), (505,), (805,), (1105,), (1405,)]
        cursor.execute(
            "MERGE INTO big USING few ON big.id = few.k WHEN MATCHED AND few.id = 5 THEN DELETE"
            " WHEN NOT MATCHED AND few.id = 4 THEN INSERT (id, name) VALUES (few.p, few.n)"
        )
        assert cursor.rowcount == 2
        connection.rollback()
