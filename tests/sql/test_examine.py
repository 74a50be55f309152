"""What `check` finds in tables whose parts do not belong together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import hyperdb
from hyperdb import _native
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.tables import Tables, TableTransaction
from hyperdb.graph.store import TransactionOptions

SETUP = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE parent (id int PRIMARY KEY, code text UNIQUE, k int, UNIQUE (k, id));
CREATE TABLE t (
    a int PRIMARY KEY, b text, c numeric, d timestamptz, m mood, p int REFERENCES parent, q text REFERENCES parent (code),
    e int GENERATED ALWAYS AS (a * 2) STORED, CHECK (a > 0));
CREATE INDEX t_b ON t (b DESC NULLS LAST, a);
CREATE UNIQUE INDEX t_c ON t (c) INCLUDE (b);
CREATE INDEX t_lower ON t (lower(b), m) WHERE a > 1;
CREATE INDEX t_d ON t (d);
CREATE TABLE nokey (x int, y text);
CREATE INDEX ON nokey (y);
CREATE MATERIALIZED VIEW mat AS SELECT a, b FROM t;
INSERT INTO parent SELECT n, 'c' || n, NULL FROM generate_series(1, 5) n;
INSERT INTO t SELECT n, CASE WHEN n % 3 > 0 THEN 'B' || n % 7 END, CASE WHEN n % 5 > 0 THEN n / 10.0 END,
    timestamptz '2020-01-01' + n * interval '1 day', 'ok', n % 5 + 1, 'c' || n % 5 + 1 FROM generate_series(1, 50) n;
INSERT INTO nokey SELECT n, 'y' || n % 3 FROM generate_series(1, 20) n;
UPDATE t SET b = 'other' WHERE a % 4 = 0;
DELETE FROM t WHERE a % 10 = 0;
"""


class Broken:
    """A store, and a way to write rows as one would who does not know of an index."""

    def __init__(self, database: hyperdb.Database) -> None:
        self.database = database
        database.sql(SETUP)
        self.tables = Tables(database.native)

    def write(self, ignored: str, old: tuple[Any, ...] | None, new: tuple[Any, ...] | None) -> None:
        """Replaces a row of `t` without the entries in the index of that name."""
        transaction: TableTransaction = self.tables.begin(TransactionOptions("read committed"))
        transaction.open()
        objects = transaction.image().objects()
        known = {number: records.decode(data) for number, data in objects}
        (table,) = (number for number, each in known.items() if isinstance(each, records.Table) and each.name == "t")
        kept = [(number, data) for number, data in objects if known[number].name != ignored]
        extras = [] if ignored == "t_lower" else [b"\x0a", b"\x01"]
        layout = _native.CatalogImage.of(kept).layout(table, extras)
        transaction.claim(layout)

        def whole(row: tuple[Any, ...]) -> tuple[Any, ...]:
            return (*row, None if row[1] is None else row[1].lower(), row[0] > 1) if extras else row

        if old is not None:
            transaction.remove(layout, [whole(old)])
        if new is not None:
            assert transaction.insert(layout, [whole(new)]) is None
        transaction.close(True)
        transaction.commit()

    def row(self, a: int) -> tuple[Any, ...]:
        """A row of `t` as it is stored."""
        transaction = self.tables.begin(TransactionOptions("read committed", True))
        transaction.open()
        image = transaction.image()
        number = next(
            number
            for number, data in image.objects()
            if isinstance(each := records.decode(data), records.Table) and each.name == "t"
        )
        end = ((a,), True)
        page, _ = transaction.page(image.layout(number, [b"\x0a", b"\x01"]), None, end, end, False, False, None, 1)
        transaction.rollback()
        return tuple(page[0])


@pytest.fixture
def broken() -> Iterator[Broken]:
    with hyperdb.open(":memory:", frames=None) as database:
        yield Broken(database)


def test_tables_that_agree_give_nothing(broken: Broken) -> None:
    assert broken.database.check() == []


@pytest.mark.parametrize("index", ["t_b", "t_c", "t_d", "t_lower"])
def test_an_entry_is_missed(broken: Broken, index: str) -> None:
    new = (100, "new", *broken.row(7)[2:])
    broken.database.sql("DELETE FROM t WHERE a = 7")
    broken.write(index, None, new)
    (line,) = broken.database.check()
    assert line.startswith(f"index {index} of table public.t has ")
    assert "entries, for" in line


@pytest.mark.parametrize("index", ["t_b", "t_c", "t_d", "t_lower"])
def test_an_entry_without_a_row_is_found(broken: Broken, index: str) -> None:
    broken.write(index, broken.row(7), None)
    (line,) = broken.database.check()
    assert line.startswith(f"index {index} of table public.t cannot be read")


@pytest.mark.parametrize(("index", "slot", "value"), [("t_b", 1, "zzz"), ("t_lower", 1, "zzz"), ("t_d", 3, 0)])
def test_an_entry_of_what_the_row_was_before_is_found(broken: Broken, index: str, slot: int, value: object) -> None:
    old = broken.row(7)
    new = (*old[:slot], value, *old[slot + 1 :])
    broken.write(index, old, new)
    found = broken.database.check()
    assert found
    assert all(line.startswith(f"index {index} of table public.t has an entry that is not that of its row") for line in found)


@pytest.mark.parametrize(
    ("slot", "value", "shown"),
    [
        (0, -5, "against its constraint t_a_check"),
        (5, 99, "refers to none by t_p_fkey"),
        (6, "gone", "refers to none by t_q_fkey"),
    ],
)
def test_rows_against_constraints_are_found(broken: Broken, slot: int, value: object, shown: str) -> None:
    old = broken.row(7)
    broken.write("", old, (*old[:slot], value, *old[slot + 1 :]))
    (line,) = broken.database.check()
    assert shown in line


def test_lines_about_one_table_are_bounded(broken: Broken) -> None:
    broken.database.sql("INSERT INTO parent SELECT n FROM generate_series(6, 50) n")
    broken.database.sql("UPDATE t SET p = 40")
    number = next(row[0] for row in broken.database.sql("SELECT oid FROM pg_class WHERE relname = 'parent'"))
    transaction = broken.tables.begin(TransactionOptions("read committed"))
    transaction.open()
    transaction.truncate(number)
    transaction.close(True)
    transaction.commit()
    assert len(broken.database.check()) == 20
