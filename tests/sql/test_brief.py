"""Queries that are answered without a worker: which ones are, and that their answers and errors are those of a worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from connecting import Connect, one
from psycopg import errors

import hyperdb
from hyperdb.frontends.sql.backend import SqlBackend
from hyperdb.frontends.sql.contract import Opening, WouldWait
from hyperdb.frontends.sql.session import SqlSession
from hyperdb.frontends.sql.statement import SqlOutcome
from hyperdb.graph.catalog.tables import Tables

MADE = (
    "CREATE TABLE t (id int PRIMARY KEY, g int, v int)",
    "CREATE TABLE u (id int PRIMARY KEY, v int, n text)",
    "INSERT INTO t SELECT i, i % 10, i FROM generate_series(1, 2000) i",
    "INSERT INTO u SELECT i, i * i, 'n' || i FROM generate_series(0, 9) i",
)
BRIEF = {
    "SELECT t.id, u.v FROM t JOIN u ON u.id = t.g WHERE t.id >= 5 AND t.id < 8": [(5, 25), (6, 36), (7, 49)],
    "SELECT count(*), sum(v), max(id) FROM t WHERE id BETWEEN 1 AND 100": [(100, 5050, 100)],
    "SELECT t.id, n FROM t LEFT JOIN u ON u.id = t.g + 8 WHERE t.id BETWEEN 11 AND 12": [(11, "n9"), (12, None)],
    "SELECT DISTINCT g FROM t WHERE id < 30 ORDER BY g DESC LIMIT 2": [(9,), (8,)],
    "SELECT g, count(*) FROM t WHERE id < 12 GROUP BY g HAVING count(*) > 1 ORDER BY 1": [(1, 2)],
    "SELECT 1, 'x'": [(1, "x")],
}
FOR_WORKERS = (
    "SELECT id FROM t",
    "SELECT id FROM t WHERE id > 5",
    "SELECT count(*) FROM t WHERE id BETWEEN 1 AND 1000",
    "SELECT t.id FROM t JOIN u ON u.v = t.v WHERE t.id < 5",
    "SELECT a.id FROM u a, u b, u c",
    "SELECT pg_sleep(0) FROM u WHERE id = 1",
    "SELECT pg_advisory_lock(1)",
    "SELECT id FROM u WHERE n ~ '(a*)*b'",
    "SELECT repeat(n, 1000000) FROM u",
    "SELECT (SELECT max(v) FROM t) FROM u WHERE id = 1",
    "SELECT * FROM generate_series(1, 3)",
    "SELECT id FROM u WHERE id = 1 FOR UPDATE",
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT n FROM r LIMIT 3",
    "UPDATE u SET v = v WHERE id = 1",
    "SELECT relname FROM pg_class",
)


@pytest.fixture
def session() -> Iterator[SqlSession]:
    """One whose calls must not wait, as on an event loop."""
    with hyperdb.open(":memory:", memory="32m", frames=None) as database:
        backend = SqlBackend(Tables(database.native))
        worker = backend.open(Opening("postgres", "hyperdb"))
        for text in MADE:
            worker.execute(worker.prepare(text, ()), ())
            worker.sync(False)
        worker.close()
        opened = backend.open(Opening("postgres", "hyperdb", may_wait=False))
        yield opened
        opened.close()


def answered(session: SqlSession, text: str) -> SqlOutcome:
    return session.execute(session.prepare(text, ()), ())


@pytest.mark.parametrize("text", BRIEF)
def test_a_short_query_needs_no_worker(session: SqlSession, text: str) -> None:
    outcome = answered(session, text)
    assert outcome.rows(0) == (BRIEF[text], False)
    assert outcome.tag == f"SELECT {len(BRIEF[text])}"
    # Nothing was changed, so that its transaction ends at once, too.
    session.sync(False)
    assert session.transaction is None


@pytest.mark.parametrize("text", FOR_WORKERS)
def test_whatever_may_take_long_goes_to_a_worker(session: SqlSession, text: str) -> None:
    with pytest.raises(WouldWait) as wait:
        answered(session, text)
    wait.value.resume()


def test_settings_that_a_worker_heeds_bring_one(session: SqlSession) -> None:
    for name, value in (("statement_timeout", "5s"), ("hyperdb.tier", "columns"), ("log_statement", "all")):
        session.set(name, value)
        with pytest.raises(WouldWait):
            answered(session, "SELECT 1, 'x'")
        session.set(name, None)
        session.settings.end(committed=True)


def test_errors_and_blocks_are_the_same(connect: Connect) -> None:
    connection = connect()
    connection.execute("CREATE TABLE short (id int PRIMARY KEY, v int)")
    connection.execute("INSERT INTO short VALUES (1, 0), (2, 5)")
    query = b"SELECT 10 / v + 0 FROM short WHERE id = %d"
    for _ in range(4):
        with pytest.raises(errors.DivisionByZero):
            connection.execute(query % 1)
        assert one(connection, (query % 2).decode()) == 2
    connection.execute("BEGIN")
    connection.execute("UPDATE short SET v = 2 WHERE id = 1")
    assert one(connection, (query % 1).decode()) == 5
    with pytest.raises(errors.DivisionByZero):
        connection.execute("SELECT v / (v - v) FROM short WHERE id = 1")
    with pytest.raises(errors.InFailedSqlTransaction):
        connection.execute(query % 2)
    connection.execute("ROLLBACK")
    connection.execute("ALTER TABLE short ADD w int DEFAULT 3")
    assert connection.execute("SELECT w + 0, v FROM short WHERE id = 2").fetchall() == [(3, 5)]
    connection.execute("DROP TABLE short")
