"""The same queries by row operators and in columns: values, types, scales and errors are the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hyperdb
from hyperdb.errors import SqlError
from hyperdb.frontends.sql.backend import SqlBackend
from hyperdb.frontends.sql.contract import Opening
from hyperdb.frontends.sql.session import SqlSession
from hyperdb.graph.catalog.tables import Tables

MAKE = """
create table item (
  id integer primary key, price numeric(10, 2), rate numeric(5, 4), name text, made date, tag char(5), big bigint, small smallint,
  seen timestamp, good boolean, code varchar(20), half double precision, doc jsonb, free numeric, owner integer
);
create table owner (id integer primary key, name varchar(30), since date);
insert into owner select i, 'owner ' || i, date '2019-12-01' + i * 40 from generate_series(1, 12) g(i);
insert into item select i, case when i % 11 <> 0 then i * 1.37 end, (i % 10) * 0.0125, 'x' || i % 7 || repeat('y', i % 3),
  date '2020-01-01' + i * 3, 'ab' || i % 4, i::bigint * 1000000007, (i % 100)::smallint,
  timestamp '2020-01-01 12:00:00' + i * interval '7 hours 13 seconds', case i % 3 when 0 then true when 1 then false end,
  'C-' || i % 13, i / 7.0, '{"a": 1}', i * 0.5, case when i % 5 <> 0 then i % 15 end
from generate_series(1, 300) g(i);
"""

QUERIES = [
    line for line in (Path(__file__).resolve().parents[1] / "golden/sql/tiers/queries.sql").read_text().splitlines() if line
]


@pytest.fixture(scope="module")
def session() -> Iterator[SqlSession]:
    with hyperdb.open(":memory:", memory="32m") as database:
        opened = SqlBackend(Tables(database.native)).open(Opening("postgres", "hyperdb"))
        run(opened, MAKE)
        yield opened
        opened.close()


def run(session: SqlSession, text: str) -> Any:
    """Rows with the types of columns; or an error, its state and text."""
    found: Any = None
    try:
        for statement in session.statements(text):
            outcome = session.execute(session.prepare(statement, ()), ())
            found = None
            if outcome.columns is not None:
                found = [(column.name, column.type, column.modifier) for column in outcome.columns], outcome.everything()
            outcome.close()
            session.sync(False)
    except SqlError as error:
        session.sync(True)
        return error.sqlstate, error.message
    return found


def in_tier(session: SqlSession, tier: str, text: str) -> Any:
    run(session, f"set hyperdb.tier = {tier}")
    return run(session, text)


@pytest.mark.parametrize("query", QUERIES)
def test_both_tiers_answer_the_same(session: SqlSession, query: str) -> None:
    rows, columns = in_tier(session, "rows", query), in_tier(session, "columns", query)
    assert repr(columns) == repr(rows)


def test_the_queries_of_the_list_run_in_columns(session: SqlSession) -> None:
    on_rows = [
        query for query in QUERIES if not any("Tier: 3" in line for (line,) in in_tier(session, "columns", f"explain {query}")[1])
    ]
    assert len(on_rows) < 14, on_rows


def test_own_writes_are_seen(session: SqlSession) -> None:
    run(session, "set hyperdb.tier = columns; begin; insert into item (id, price) values (1000, 5.25)")
    try:
        assert run(session, "select count(*), sum(price) from item where id >= 1000")[1][0][0] == 1
    finally:
        run(session, "rollback")
    assert run(session, "select count(*) from item where id >= 1000")[1] == [(0,)]


def test_a_table_that_is_asked_for_again_is_read_from_a_copy_until_it_changes(session: SqlSession) -> None:
    query = "select count(*), sum(small), avg(price) from item"
    for _ in range(3):
        assert in_tier(session, "columns", query) == in_tier(session, "rows", query)
    run(session, "insert into item (id, small, price) values (2000, 7, 9.99)")
    try:
        for _ in range(3):
            assert in_tier(session, "columns", query) == in_tier(session, "rows", query)
    finally:
        run(session, "delete from item where id = 2000")


def test_few_rows_stay_on_rows(session: SqlSession) -> None:
    assert ("Tier: 2 (rows)",) in in_tier(session, "auto", "explain select sum(price) from item")[1]
