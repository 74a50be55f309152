"""A session's own rules, beside the scripts: parameters, plans, snapshots, catalogs, cancelling, many at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

import hyperdb
from hyperdb.errors import SqlError
from hyperdb.frontends.sql.backend import SqlBackend
from hyperdb.frontends.sql.contract import Opening, Status, WouldWait
from hyperdb.frontends.sql.session import SqlSession
from hyperdb.graph.catalog.tables import Tables


@pytest.fixture
def backend() -> Iterator[SqlBackend]:
    with hyperdb.open(":memory:", memory="32m") as database:
        yield SqlBackend(Tables(database.native))


def opened(backend: SqlBackend, **more: Any) -> SqlSession:
    return backend.open(Opening("postgres", "hyperdb", **more))


def run(session: SqlSession, text: str, *values: object) -> list[tuple[Any, ...]]:
    """Runs statements; the rows of the last. An error ends what it ends for a client."""
    rows: list[tuple[Any, ...]] = []
    try:
        for statement in session.statements(text):
            outcome = session.execute(session.prepare(statement, ()), values)
            rows = [tuple(row) for row in outcome.rows(0)[0]]
            outcome.close()
    except SqlError:
        session.sync(True)
        raise
    session.sync(False)
    return rows


def refused(session: SqlSession, text: str, *values: object) -> SqlError:
    with pytest.raises(SqlError) as error:
        run(session, text, *values)
    return error.value


def test_parameters_take_the_types_that_the_statement_asks_for(backend: SqlBackend) -> None:
    session = opened(backend)
    run(session, "CREATE TABLE t (a int PRIMARY KEY, b text, c numeric)")
    prepared = session.prepare("INSERT INTO t VALUES ($1,$2,$3)", ())
    assert list(prepared.parameters) == [23, 25, 1700]
    assert list(session.prepare("SELECT $1 + 1, $2 || 'x', $3 = ANY($4::int[])", ()).parameters) == [23, 25, 23, 1007]
    assert run(session, "SELECT $1,$2::int", "x", 5) == [("x", 5)]
    assert refused(session, "SELECT $1").sqlstate == "42P02"


def test_a_plan_is_made_once_and_anew_when_the_catalog_changed(backend: SqlBackend) -> None:
    session = opened(backend)
    run(session, "CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)")
    prepared = session.prepare("SELECT a FROM t WHERE a = $1", ())
    assert session.prepare("SELECT a FROM t WHERE a = $1", ()) is prepared
    run(session, "CREATE INDEX ON t (a)")
    assert session.execute(prepared, (1,)).rows(0)[0] == [(1,)]
    run(session, "ALTER TABLE t ADD COLUMN b int")
    everything = session.prepare("SELECT * FROM t", ())
    run(session, "ALTER TABLE t ADD COLUMN c int")
    with pytest.raises(SqlError) as error:
        session.execute(everything, ())
    assert error.value.sqlstate == "0A000"


def test_levels_show_what_they_promise(backend: SqlBackend) -> None:
    first, second = opened(backend), opened(backend)
    run(first, "CREATE TABLE t (a int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 0)")
    run(first, "BEGIN ISOLATION LEVEL REPEATABLE READ")
    assert run(first, "SELECT n FROM t") == [(0,)]
    run(second, "UPDATE t SET n = 1")
    assert run(first, "SELECT n FROM t") == [(0,)]
    assert refused(first, "UPDATE t SET n = n + 1").sqlstate == "40001"
    assert first.status is Status.FAILED
    assert refused(first, "SELECT 1").sqlstate == "25P02"
    run(first, "ROLLBACK")
    run(first, "BEGIN")
    assert run(first, "SELECT n FROM t") == [(1,)]
    run(second, "UPDATE t SET n = 2")
    assert run(first, "SELECT n FROM t") == [(2,)]
    run(first, "COMMIT")


def test_write_skew_fails_at_serializable(backend: SqlBackend) -> None:
    first, second = opened(backend), opened(backend)
    run(first, "CREATE TABLE d (a int PRIMARY KEY, duty bool); INSERT INTO d VALUES (1, true), (2, true)")
    for session in (first, second):
        run(session, "BEGIN ISOLATION LEVEL SERIALIZABLE")
        assert run(session, "SELECT count(*) FROM d WHERE duty") == [(2,)]
    run(first, "UPDATE d SET duty = false WHERE a = 1")
    run(second, "UPDATE d SET duty = false WHERE a = 2")
    run(first, "COMMIT")
    assert refused(second, "COMMIT").sqlstate == "40001"
    assert run(first, "SELECT count(*) FROM d WHERE duty") == [(1,)]


def test_no_update_is_lost_when_many_write_one_row(backend: SqlBackend) -> None:
    session = opened(backend)
    run(session, "CREATE TABLE t (a int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 0)")
    failed: list[SqlError] = []

    def work() -> None:
        own = opened(backend)
        try:
            for _ in range(10):
                run(own, "UPDATE t SET n = n + 1 WHERE a = 1")
        except SqlError as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert run(session, "SELECT n FROM t") == [(80,)]


def test_a_parent_does_not_go_while_a_child_is_being_added(backend: SqlBackend) -> None:
    first, second = opened(backend), opened(backend)
    run(first, "CREATE TABLE p (a int PRIMARY KEY); CREATE TABLE c (a int REFERENCES p); INSERT INTO p VALUES (1)")
    run(first, "BEGIN; INSERT INTO c VALUES (1)")
    run(second, "SET lock_timeout = 50")
    assert refused(second, "DELETE FROM p").sqlstate == "55P03"
    run(first, "COMMIT")
    assert refused(second, "DELETE FROM p").sqlstate == "23503"


def test_definitions_are_taken_back_with_their_transaction(backend: SqlBackend) -> None:
    first, second = opened(backend), opened(backend)
    run(first, "BEGIN; CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
    assert run(first, "SELECT a FROM t") == [(1,)]
    assert refused(second, "SELECT a FROM t").sqlstate == "42P01"
    run(first, "ROLLBACK")
    assert refused(first, "SELECT a FROM t").sqlstate == "42P01"


def test_a_key_or_index_is_used_and_gives_what_a_scan_gives(backend: SqlBackend) -> None:
    session = opened(backend)
    run(session, "CREATE TABLE t (a int, b text, c int, PRIMARY KEY (a, b)); CREATE INDEX ti ON t (c DESC, b)")
    run(session, "INSERT INTO t SELECT g % 10, 'b' || g, nullif(g % 7, 3) FROM generate_series(1, 200) g")
    for condition in (
        "a = 3",
        "a = 3 AND b > 'b3'",
        "c = 5",
        "c > 2 AND c <= 5",
        "c < 2",
        "c IS NULL",
        "a > 7",
        "c = 5 AND b < 'b2'",
    ):
        plain = run(session, f"SELECT a, b, c FROM t WHERE ({condition}) IS TRUE ORDER BY a, b")
        assert run(session, f"SELECT a, b, c FROM t WHERE {condition} ORDER BY a, b") == plain
    shown = [line for (line,) in run(session, "EXPLAIN SELECT * FROM t WHERE c = 5")]
    assert any("by ti" in line for line in shown)
    assert run(session, "SELECT count(*) FROM t WHERE a = 3000000000") == [(0,)]


def test_the_catalog_tells_of_itself(backend: SqlBackend) -> None:
    session = opened(backend)
    run(
        session,
        "CREATE TABLE p (id serial PRIMARY KEY); CREATE TABLE t (a int REFERENCES p ON DELETE CASCADE, b varchar(5) NOT NULL)",
    )
    run(session, "CREATE INDEX tb ON t (b DESC) WHERE a > 1; COMMENT ON COLUMN t.b IS 'hello'")
    assert run(session, "SELECT relname, relkind FROM pg_class WHERE oid >= 16384 ORDER BY 1") == [
        ("p", "r"),
        ("p_id_seq", "S"),
        ("p_pkey", "i"),
        ("t", "r"),
        ("tb", "i"),
    ]
    columns = (
        "SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute WHERE attrelid = 't'::regclass ORDER BY 1"
    )
    assert run(session, columns) == [("a", "integer", False), ("b", "character varying(5)", True)]
    assert run(session, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 't'::regclass") == [
        ("FOREIGN KEY (a) REFERENCES p(id) ON DELETE CASCADE",)
    ]
    assert run(session, "SELECT indexdef FROM pg_indexes WHERE indexname = 'tb'") == [
        ("CREATE INDEX tb ON public.t USING btree (b DESC) WHERE (a > 1)",)
    ]
    assert run(session, "SELECT col_description('t'::regclass, 2)") == [("hello",)]
    names = "SELECT column_name, is_nullable FROM information_schema.columns WHERE table_name = 't' ORDER BY ordinal_position"
    assert run(session, names) == [("a", "YES"), ("b", "NO")]


def test_a_session_that_may_not_wait_hands_its_work_over(backend: SqlBackend) -> None:
    session = opened(backend, may_wait=False)
    with pytest.raises(WouldWait) as waiting:
        session.execute(session.prepare("SELECT * FROM generate_series(1, 2)", ()), ())
    outcome: Any = waiting.value.resume()
    assert outcome.rows(0)[0] == [(1,), (2,)]


def test_a_cancel_ends_what_runs(backend: SqlBackend) -> None:
    session = opened(backend)
    timer = threading.Timer(0.2, session.cancel)
    timer.start()
    assert refused(session, "SELECT pg_sleep(60)").sqlstate == "57014"
    timer.join()
    assert run(session, "SELECT 1") == [(1,)]


@pytest.mark.parametrize(
    "text",
    [
        "REINDEX TABLE t",
        "CREATE UNLOGGED TABLE t (a int)",
        "CREATE TABLE t (a int UNIQUE DEFERRABLE)",
        "GRANT ALL ON DATABASE hyperdb TO x",
    ],
)
def test_what_is_not_supported_says_so(backend: SqlBackend, text: str) -> None:
    assert refused(opened(backend), text).sqlstate in ("0A000", "42P01")


def test_a_level_is_taken_or_refused_and_never_only_shown(backend: SqlBackend) -> None:
    session = opened(backend)
    run(session, "BEGIN; SET transaction_isolation TO 'serializable'")
    assert run(session, "SHOW transaction_isolation") == [("serializable",)]
    run(session, "SELECT 1")
    assert refused(session, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED").sqlstate == "25001"
    run(session, "ROLLBACK")
    assert refused(session, "SELECT set_config('transaction_isolation', 'serializable', false)").sqlstate == "55P02"
    assert run(session, "SHOW transaction_isolation") == [("read committed",)]


def test_a_domain_checks_what_is_stored_and_cast(backend: SqlBackend) -> None:
    session = opened(backend)
    run(session, "CREATE DOMAIN pos AS int DEFAULT 7 NOT NULL CONSTRAINT above CHECK (value > 0); CREATE TABLE t (a int, b pos)")
    assert run(session, "INSERT INTO t (a) VALUES (1) RETURNING b") == [(7,)]
    assert refused(session, "INSERT INTO t VALUES (1, -1)").constraint == "above"
    assert refused(session, "INSERT INTO t VALUES (1, NULL)").sqlstate == "23502"
    assert refused(session, "SELECT (-5)::pos").sqlstate == "23514"
    assert run(session, "SELECT b + 1 FROM t WHERE b > 3") == [(8,)]


def test_notices_are_those_that_the_client_wants(backend: SqlBackend) -> None:
    session = opened(backend)
    run(session, "DROP TABLE IF EXISTS t")
    assert [notice.severity for notice in session.notices()] == ["NOTICE"]
    run(session, "SET client_min_messages TO warning; DROP TABLE IF EXISTS t")
    assert session.notices() == []


def test_deep_nesting_is_refused(backend: SqlBackend) -> None:
    assert refused(opened(backend), "SELECT " + "(" * 5000 + "1" + ")" * 5000).sqlstate == "54001"


def test_for_update_locks_the_rows_that_it_returns(backend: SqlBackend) -> None:
    first, second = opened(backend), opened(backend)
    run(first, "CREATE TABLE jobs (id int PRIMARY KEY, n int); INSERT INTO jobs SELECT g, 10 - g FROM generate_series(1, 9) g")
    take = "SELECT id FROM jobs WHERE n >= 0 ORDER BY n LIMIT 2 FOR UPDATE SKIP LOCKED"
    run(first, "BEGIN")
    assert run(first, take) == [(9,), (8,)]
    run(second, "BEGIN")
    assert run(second, take) == [(7,), (6,)]
    assert refused(second, "SELECT id FROM jobs WHERE id = 9 FOR UPDATE NOWAIT").sqlstate == "55P03"
    run(second, "ROLLBACK")
    assert run(second, "SELECT id FROM jobs WHERE id < 6 ORDER BY id FOR UPDATE NOWAIT") == [(1,), (2,), (3,), (4,), (5,)]
    run(first, "COMMIT")
    assert refused(first, "SELECT sum(n) FROM jobs FOR UPDATE").sqlstate == "0A000"
