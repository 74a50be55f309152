"""Bad input: what is too deep, too long, no text or out of range is refused by its SQLSTATE, and the session goes on."""

from __future__ import annotations

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


NESTED: dict[str, tuple[str, str, str]] = {
    "parentheses": ("(", "1", ")"),
    "CASE": ("CASE WHEN true THEN ", "1", " END"),
    "calls": ("abs(", "1", ")"),
    "signs": ("- ", "1", ""),
    "sums": ("1 + ", "1", ""),
    "casts": ("", "1", "::int"),
}


@pytest.mark.parametrize("what", NESTED)
def test_nesting_is_bounded_by_itself_and_not_by_the_interpreter(session: SqlSession, what: str) -> None:
    before, inside, behind = NESTED[what]
    limit = sys.getrecursionlimit()
    assert len(run(session, f"SELECT {before * 190}{inside}{behind * 190}")) == 1
    with pytest.raises(SqlError) as error:
        run(session, f"SELECT {before * 210}{inside}{behind * 210}")
    assert error.value.sqlstate == "54001"
    assert sys.getrecursionlimit() == limit


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
