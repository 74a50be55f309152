"""The same queries by row operators and in columns: values, types, scales and errors are the same."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
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


PARAMETERS: list[tuple[str, list[tuple[object, ...]]]] = [
    ("select count(*), sum(price) from item where small > $1", [(10,), (90,), (None,), (10,)]),
    ("select name, count(*) from item where name like $1 group by name order by name", [("x1%",), ("%yy",), ("'; drop",)]),
    ("select id, price * $1::numeric, made + $2::int from item where made < $3 order by id", [(Decimal("1.50"), 2, 18500)]),
    ("select id from item where rate >= $1::numeric(5, 4) order by id limit $2 offset $3", [(Decimal("0.05"), 3, 1)]),
    ("select avg(price) / $1 from item where id in ($2, $3, $4)", [(Decimal("3"), 1, 2, 300), (Decimal("3.000"), 1, 2, 300)]),
]


@pytest.mark.parametrize(("text", "given"), PARAMETERS)
def test_parameters_reach_columns(session: SqlSession, text: str, given: list[tuple[object, ...]]) -> None:
    def answer(tier: str, values: tuple[object, ...]) -> Any:
        run(session, f"set hyperdb.tier = {tier}")
        outcome = session.execute(session.prepare(text, ()), values)
        rows = outcome.everything()
        session.sync(False)
        return rows

    for values in given:
        before = session.backend.analytics.runs
        assert repr(answer("columns", values)) == repr(answer("rows", values)), values
        assert session.backend.analytics.runs == before + 1, values


def test_a_text_is_written_anew_when_what_it_depends_on_has_changed(session: SqlSession) -> None:
    text = (
        "select count(*), current_setting('application_name') from item where name || current_setting('application_name') = 'x1a'"
    )
    for name in ("a", "b", "a"):
        run(session, f"set application_name = '{name}'")
        found = in_tier(session, "columns", text)
        assert found == in_tier(session, "rows", text)
        assert found[1][0][1] == name


def test_a_range_of_few_rows_stays_on_rows(session: SqlSession) -> None:
    run(session, "create table wide (id bigint primary key, g integer, v integer); create index wide_g on wide (g)")
    run(session, "insert into wide select i, i / 100, i from generate_series(1, 6000) i")
    for condition, tier in (
        ("id between 10 and 300", 2),
        ("id > 5900 and v > 3", 2),
        ("g = 7", 2),
        ("g > 30 and g < 35", 2),
        ("id > 1000", 3),
        ("g >= 5", 3),
        ("id < 99999999999999999999", 3),
        ("v > 5990", 3),
    ):
        lines = in_tier(session, "auto", f"explain select sum(v), count(*) from wide where {condition}")[1]
        assert any(line.startswith(f"Tier: {tier}") for (line,) in lines), condition
        text = f"select sum(v), count(*), max(id) from wide where {condition}"
        assert in_tier(session, "auto", text) == in_tier(session, "rows", text)


WITHIN = [
    "insert into item (id, price, small, name, owner) "
    "select i, i * 0.25, i % 50, 'n' || i, i % 12 + 1 from generate_series(5000, 5040) i",
    "update item set price = price + 1.05, name = upper(name) where id % 10 = 3",
    "delete from item where id % 7 = 2",
    "savepoint one",
    "update item set owner = null, rate = 0.5 where small < 20",
    "delete from owner where id = 3",
    "rollback to one",
    "insert into owner values (77, 'own', '2024-01-01')",
    "update item set owner = 77 where id > 5020",
]
ASKED = [
    "select count(*), sum(price), min(name), max(rate), count(owner) from item",
    "select o.id, o.name, count(i.id), sum(i.price) from owner o left join item i on i.owner = o.id group by o.id order by o.id",
    "select id, price from item where id >= 5000 and price > 1255 order by id",
]


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
def test_own_writes_are_seen_by_columns_step_by_step(session: SqlSession, isolation: str) -> None:
    before = [in_tier(session, "rows", text) for text in ASKED]
    run(session, f"begin isolation level {isolation}")
    try:
        for change in WITHIN:
            assert run(session, change) is None, change
            for text in ASKED:
                runs = session.backend.analytics.runs
                run(session, "set local hyperdb.tier = columns")
                found = run(session, text)
                run(session, "set local hyperdb.tier = rows")
                assert repr(found) == repr(run(session, text)), (change, text)
                assert session.backend.analytics.runs == runs + 1
    finally:
        run(session, "rollback")
    assert [in_tier(session, "columns", text) for text in ASKED] == before
