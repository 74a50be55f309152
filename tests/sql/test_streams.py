"""Results computed while they are read, and cursors: what is computed when, and of which moment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import pq

import hyperdb
from hyperdb.errors import SqlError
from hyperdb.frontends.sql.backend import SqlBackend
from hyperdb.frontends.sql.contract import Opening, Status
from hyperdb.frontends.sql.session import SqlSession
from hyperdb.graph.catalog.tables import Tables

ROWS = 5000
FAILS_LATE = "SELECT 1 / (4500 - a) FROM t"


@pytest.fixture
def database() -> Iterator[hyperdb.Database]:
    with hyperdb.open(":memory:", memory="32m") as opened:
        yield opened


@pytest.fixture
def session(database: hyperdb.Database) -> Iterator[SqlSession]:
    opened = SqlBackend(Tables(database.native)).open(Opening("postgres", "hyperdb"))
    run(opened, "CREATE TABLE t (a int PRIMARY KEY)")
    run(opened, f"INSERT INTO t SELECT generate_series(1, {ROWS})")
    yield opened
    opened.close()


def begun(session: SqlSession, text: str) -> Any:
    return session.execute(session.prepare(text, ()), ())


def run(session: SqlSession, text: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for statement in session.statements(text):
        outcome = begun(session, statement)
        rows = list(outcome.everything())
        outcome.close()
    session.sync(False)
    return rows


def test_a_long_result_is_computed_as_it_is_read(session: SqlSession) -> None:
    outcome = begun(session, FAILS_LATE)
    rows, more = outcome.rows(10)
    assert (len(rows), more) == (10, True)
    with pytest.raises(SqlError) as error:
        outcome.everything()
    assert error.value.sqlstate == "22012"
    outcome.close()
    session.sync(True)
    assert run(session, "SELECT count(*) FROM t") == [(ROWS,)]


def test_what_is_left_of_a_result_is_of_its_own_moment(session: SqlSession) -> None:
    run(session, "BEGIN")
    outcome = begun(session, "SELECT a FROM t")
    first, _ = outcome.rows(3)
    run(session, "DELETE FROM t WHERE a > 2000")
    rest = outcome.everything()
    assert [row[0] for row in [*first, *rest]] == list(range(1, ROWS + 1))
    assert outcome.tag == f"SELECT {ROWS}"
    assert run(session, "SELECT count(*) FROM t") == [(2000,)]
    run(session, "ROLLBACK")


def test_a_result_that_is_given_up_leaves_the_transaction_usable(session: SqlSession) -> None:
    run(session, "BEGIN")
    outcome = begun(session, "SELECT a FROM t")
    outcome.rows(1)
    outcome.close()
    run(session, "SAVEPOINT s")
    another = begun(session, "SELECT a FROM t")
    run(session, "ROLLBACK TO s")
    assert len(another.everything()) == ROWS
    run(session, "COMMIT")
    assert session.status is Status.IDLE


def test_a_statement_is_prepared_while_a_result_is_open(session: SqlSession) -> None:
    outcome = begun(session, "SELECT a FROM t")
    outcome.rows(1)
    session.prepare("SELECT a, a + 1 FROM t WHERE a = $1", ())
    assert len(outcome.everything()) == ROWS - 1
    session.sync(False)


def test_a_cursor_is_computed_as_it_is_fetched(session: SqlSession) -> None:
    run(session, f"BEGIN; DECLARE c CURSOR FOR {FAILS_LATE}")
    assert len(run(session, "FETCH 100 FROM c")) == 100
    run(session, "DELETE FROM t WHERE a = 200")
    assert len(run(session, "FETCH 4000 FROM c")) == 4000
    with pytest.raises(SqlError) as error:
        run(session, "FETCH ALL FROM c")
    assert error.value.sqlstate == "22012"
    session.sync(True)
    run(session, "ROLLBACK")


def test_a_cursor_does_not_stand_in_the_way_of_its_own_session(session: SqlSession) -> None:
    run(session, "BEGIN; DECLARE c CURSOR FOR SELECT a FROM t; FETCH c")
    run(session, "ALTER TABLE t ADD COLUMN b int; TRUNCATE t")
    assert len(run(session, "FETCH ALL FROM c")) == ROWS - 1
    run(session, "COMMIT")


def test_drivers_read_cursors(database: hyperdb.Database) -> None:
    with database.serve(sql="127.0.0.1:0") as serving:
        assert serving.sql_address is not None
        host, port = serving.sql_address
        with psycopg.connect(host=host, port=port, user="postgres", dbname="hyperdb") as connection:
            connection.execute("CREATE TABLE t (a int PRIMARY KEY)")
            connection.execute("INSERT INTO t SELECT generate_series(1, 300)")
            connection.commit()
            with connection.cursor("named", scrollable=True) as cursor:
                cursor.itersize = 70
                cursor.execute("SELECT a FROM t WHERE a > %s", (100,))
                assert cursor.description is not None
                assert [row[0] for row in cursor] == list(range(101, 301))
                cursor.scroll(0, mode="absolute")
                assert cursor.fetchone() == (101,)
            connection.execute("DECLARE b BINARY CURSOR FOR SELECT a FROM t")
            result = connection.pgconn.exec_(b"FETCH 2 FROM b")
            assert result.status == pq.ExecStatus.TUPLES_OK
            assert [(result.fformat(0), result.get_value(row, 0)) for row in range(2)] == [(1, b"\0\0\0\1"), (1, b"\0\0\0\2")]
            found = connection.execute("FETCH 1 FROM b", binary=True).fetchone()
            assert found == (3,)
