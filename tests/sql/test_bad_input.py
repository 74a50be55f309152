"""Bad input: what is too deep, too long, no text or out of range is refused by its SQLSTATE, and the session goes on."""

from __future__ import annotations

import contextvars
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

import hyperdb
from hyperdb.errors import SqlError
from hyperdb.frontends.sql.backend import SqlBackend
from hyperdb.frontends.sql.contract import Opening, Status
from hyperdb.frontends.sql.descent import afresh, descends
from hyperdb.frontends.sql.session import SqlSession
from hyperdb.graph.catalog.tables import Tables

DEEP = 3000
REFUSED = {
    "parentheses": ("SELECT " + "(" * DEEP + "1" + ")" * DEEP, "54001"),
    "NOT": ("SELECT " + "NOT " * DEEP + "true", "54001"),
    "signs": ("SELECT " + "- " * DEEP + "1", "54001"),
    "CASE": ("SELECT " + "CASE WHEN true THEN " * DEEP + "1" + " END" * DEEP, "54001"),
    "sums": ("SELECT " + "+".join(["1"] * DEEP), "54001"),
    "subqueries": ("SELECT * FROM " + "(SELECT * FROM " * DEEP + "t" + ") x" * DEEP, "54001"),
    "calls": ("SELECT " + "abs(" * DEEP + "1" + ")" * DEEP, "54001"),
    "arrays": ("SELECT '" + "{" * DEEP + "1" + "}" * DEEP + "'::int[]", "54000"),
    "json": ("SELECT '" + "[" * 100_000 + "]" * 100_000 + "'::jsonb", "54001"),
    "comments": ("SELECT 1 " + "/*" * 50_000, "42601"),
    "parameter number": ("SELECT $70000", "42P02"),
    "columns": ("SELECT " + ", ".join(["1"] * 1700), "54011"),
    "quote": ("SELECT 'abc", "42601"),
    "NUL": ("SELECT 'a\0b'", "22021"),
    "chr": ("SELECT chr(0)", "54000"),
    "by zero": ("SELECT 1 / 0", "22012"),
    "by zero, numeric": ("SELECT 1.0 / 0", "22012"),
    "by zero, float": ("SELECT 1::float8 / 0", "22012"),
    "remainder": ("SELECT 1 % 0", "22012"),
    "integer": ("SELECT 2147483647 + 1", "22003"),
    "bigint": ("SELECT 9223372036854775807 + 1", "22003"),
    "smallint": ("SELECT 40000::int2", "22003"),
    "absolute": ("SELECT abs((-2147483648)::int)", "22003"),
    "float": ("SELECT 1e308::float8 * 10", "22003"),
    "exponential": ("SELECT exp(1000::float8)", "22003"),
    "root": ("SELECT sqrt(-1)", "2201F"),
    "logarithm": ("SELECT ln(0)", "2201E"),
    "numeric": ("SELECT 12345::numeric(3)", "22003"),
    "text": ("INSERT INTO t VALUES (1, 'abcd')", "22001"),
    "repeat": ("SELECT length(repeat('x', 2000000000))", "54000"),
    "date": ("SELECT '2020-13-01'::date", "22008"),
    "timestamp": ("SELECT '999999-01-01'::timestamp", "22008"),
    "literal": ("SELECT 'x'::int", "22P02"),
    "json text": ("SELECT '{'::json", "22P02"),
    "pattern": ("SELECT 'a' ~ '('", "2201B"),
}


@pytest.fixture(scope="module")
def session() -> Iterator[SqlSession]:
    with hyperdb.open(":memory:", memory="32m") as database:
        opened = SqlBackend(Tables(database.native)).open(Opening("postgres", "hyperdb"))
        run(opened, "CREATE TABLE t (a int, b varchar(3))")
        yield opened
        opened.close()


def run(session: SqlSession, text: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    try:
        for statement in session.statements(text):
            outcome = session.execute(session.prepare(statement, ()), ())
            rows = list(outcome.everything())
            outcome.close()
    except SqlError:
        session.sync(True)
        raise
    session.sync(False)
    return rows


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_refused_by_its_state_and_the_session_goes_on(session: SqlSession, what: str) -> None:
    text, state = REFUSED[what]
    with pytest.raises(SqlError) as error:
        run(session, text)
    assert error.value.sqlstate == state
    assert session.status is Status.IDLE
    assert run(session, "SELECT 1") == [(1,)]


NESTED: dict[str, tuple[str, str, str, int]] = {
    "parentheses": ("(", "a", ")", 190),
    "CASE": ("CASE WHEN true THEN ", "a", " END", 190),
    "calls": ("abs(", "a", ")", 190),
    "signs": ("- ", "a", "", 190),
    "sums": ("a + ", "a", "", 190),
    "casts": ("", "a", "::int", 190),
    "NOT": ("NOT ", "a = 1", "", 190),
    "arguments": ("coalesce(a, ", "a", ")", 190),
    "AND and OR": ("(a = 1 AND (a = 2 OR ", "a = 3", "))", 90),
    "queries": ("(SELECT a FROM t WHERE a = ", "a", " LIMIT 1)", 36),
    "tests": ("EXISTS (SELECT 1 WHERE ", "a = 1", ")", 36),
}
"""What goes before and behind, and how often that stays within the bound."""


@pytest.mark.parametrize("what", NESTED)
def test_nesting_is_bounded_by_itself_and_not_by_the_interpreter(
    session: SqlSession, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_limit: int) -> None:
        pytest.fail("the limit is every thread's")

    monkeypatch.setattr(sys, "setrecursionlimit", refuse)
    before, inside, behind, times = NESTED[what]
    deep = f"{before * times}{inside}{behind * times}"
    run(session, "INSERT INTO t VALUES (1, 'x')")
    assert len(run(session, f"SELECT {deep} FROM t ORDER BY {deep}")) == 1
    run(session, f"CREATE VIEW seen AS SELECT {deep} AS b FROM t")
    assert run(session, "SELECT count(*) FROM seen WHERE b IS NOT NULL") == [(1,)]
    run(session, f"UPDATE t SET a = 1 WHERE ({deep}) IS NULL")
    assert run(session, f"EXPLAIN SELECT 1 FROM t WHERE ({deep}) IS NOT NULL")[-1] == ("Reads: vertex adds of public.t",)
    run(session, "DROP VIEW seen")
    run(session, "DELETE FROM t")
    with pytest.raises(SqlError) as error:
        run(session, f"SELECT {before * 210}{inside}{behind * 210}")
    assert error.value.sqlstate == "54001"


def test_a_deep_check_and_index_are_kept_and_told(session: SqlSession) -> None:
    deep = "abs(" * 150 + "a" + ")" * 150
    run(session, f"CREATE TABLE deep (a int CHECK ({deep} < 5))")
    run(session, f"CREATE INDEX ON deep (({deep}))")
    run(session, "INSERT INTO deep VALUES (-4)")
    with pytest.raises(SqlError) as error:
        run(session, "INSERT INTO deep VALUES (-5)")
    assert error.value.sqlstate == "23514"
    ((told,),) = run(session, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'deep_a_check'")
    assert told.count("abs(") == 150
    run(session, "DROP TABLE deep")


def test_who_asks_may_stand_deep_itself(session: SqlSession) -> None:
    def ask(frames: int) -> list[tuple[Any, ...]]:
        return ask(frames - 1) if frames else run(session, "SELECT " + "(" * 190 + "1" + ")" * 190)

    assert ask(400) == [(1,)]


def test_a_descent_goes_on_in_other_threads_and_keeps_its_context() -> None:
    held = contextvars.ContextVar("held", default=0)
    held.set(7)
    threads = set()

    @descends
    def down(levels: int) -> int:
        threads.add(threading.get_ident())
        if not levels:
            raise KeyError(held.get())
        return down(levels - 1)

    with pytest.raises(KeyError) as error:
        down(2_000)
    assert error.value.args == (7,)
    assert len(threads) > 2_000 // 100


def test_no_more_threads_is_too_deep(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(SqlError) as error:
        afresh(lambda: 1)
    assert error.value.sqlstate == "54001"


def test_flat_statements_are_no_deep_ones(session: SqlSession) -> None:
    assert run(session, "SELECT " + " OR ".join(["1 = 2"] * 1000)) == [(False,)]
    assert run(session, "SELECT " + ", ".join(["1 + 1"] * 1000)) == [(2,) * 1000]
    assert len(run(session, " UNION ALL ".join(["SELECT 1"] * 600))) == 600
    assert run(session, " UNION ".join(f"SELECT {number % 7}" for number in range(300))) == [(number,) for number in range(7)]
    assert run(session, "SELECT '" + "(" * 1000 + "'::text = ''") == [(False,)]


def test_long_statements_are_answered(session: SqlSession) -> None:
    assert run(session, f"SELECT length('{'x' * 1_000_000}')") == [(1_000_000,)]
    assert run(session, f"SELECT 1 /*{'x' * 1_000_000}*/") == [(1,)]
    assert run(session, "SELECT " + " AND ".join(["true"] * 2000)) == [(True,)]
    assert run(session, f"SELECT 77 IN ({', '.join(map(str, range(5_000)))})") == [(True,)]


def test_statements_of_too_many_words_are_refused_at_once(session: SqlSession) -> None:
    for text in (f"SELECT {'1,' * 60_000} 1", f"SELECT 1 WHERE {' OR '.join(['1 = 2'] * 30_000)}"):
        with pytest.raises(SqlError) as error:
            run(session, text)
        assert error.value.sqlstate == "54000"


def test_a_connection_is_usable_after_bad_bytes_and_too_many_parameters() -> None:
    with hyperdb.open(":memory:", memory="32m") as database, database.serve(sql="127.0.0.1:0", control=False) as serving:
        assert serving.sql_address is not None
        host, port = serving.sql_address
        known = f"host={host} port={port} user=postgres dbname=hyperdb sslmode=disable"
        with psycopg.connect(known, autocommit=True) as connection:
            result = connection.pgconn.exec_(b"SELECT '\xff\xfe'")
            assert result.error_field(psycopg.pq.DiagnosticField.SQLSTATE) == b"22021"
            result = connection.pgconn.exec_params(b"SELECT $1::text", [b"\xff"])
            assert result.error_field(psycopg.pq.DiagnosticField.SQLSTATE) == b"22021"
            with pytest.raises(psycopg.errors.ProgrammingError):
                connection.execute("SELECT 1 WHERE 1 IN (" + ", ".join(f"${n}" for n in range(1, 100_001)) + ")")
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_long_statement_does_not_hold_up_other_clients() -> None:
    with hyperdb.open(":memory:", memory="32m") as database, database.serve(sql="127.0.0.1:0", control=False) as serving:
        assert serving.sql_address is not None
        host, port = serving.sql_address
        known = f"host={host} port={port} user=postgres dbname=hyperdb sslmode=disable"
        long = "SELECT 1 WHERE " + " OR ".join(f"{number} = {number + 1}" for number in range(1500))
        ended: list[float] = []

        def ask() -> None:
            with psycopg.connect(known, autocommit=True) as connection:
                connection.execute(long.encode())
                ended.append(time.monotonic())

        with psycopg.connect(known, autocommit=True) as other:
            thread = threading.Thread(target=ask)
            thread.start()
            answered = 0
            while not ended:
                other.execute("SELECT 1")
                answered += 1
            thread.join()
        # While the long one is parsed, which takes far longer than a short one, several of these come back.
        assert answered > 3


def test_as_many_parameters_as_the_protocol_has_are_read(session: SqlSession) -> None:
    many = 65_535
    listed = ", ".join(f"${number}" for number in range(1, many + 1))
    prepared = session.prepare(f"SELECT 1 WHERE 7 IN ({listed})", ())
    assert list(prepared.parameters) == [23] * many
    assert list(session.execute(prepared, [*range(1, many), None]).everything()) == [(1,)]
    assert list(session.execute(prepared, [8] * many).everything()) == []
    session.sync(False)


def test_a_long_statement_is_cancelled_while_it_is_made_ready(session: SqlSession) -> None:
    listed = ", ".join(f"${number}" for number in range(1, 20_001))
    timer = threading.Timer(0.02, session.cancel)
    timer.start()
    with pytest.raises(SqlError) as error:
        session.prepare(f"SELECT 2 WHERE 2 IN ({listed})", ())
    timer.join()
    assert error.value.sqlstate == "57014"
    session.sync(True)
    assert run(session, "SELECT 1") == [(1,)]


def test_nulls_among_parameters_of_a_long_list_make_it_unknown(session: SqlSession) -> None:
    listed = ", ".join(f"${number}" for number in range(1, 201))
    prepared = session.prepare(f"SELECT 7 IN ({listed}), 7 NOT IN ({listed}), NULL::int IN ({listed})", ())
    (found,) = session.execute(prepared, [1] * 199 + [None]).everything()
    assert found == (None, None, None)
    (found,) = session.execute(prepared, [1] * 199 + [7]).everything()
    assert found == (True, False, None)
    session.sync(False)
