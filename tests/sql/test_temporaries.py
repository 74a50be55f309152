"""Temporary tables and LOCK TABLE between sessions: who sees what, who waits for whom, what is left behind."""

from __future__ import annotations

import threading
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


@pytest.fixture
def backend() -> Iterator[SqlBackend]:
    with hyperdb.open(":memory:", memory="32m") as database:
        yield SqlBackend(Tables(database.native))


def opened(backend: SqlBackend) -> SqlSession:
    return backend.open(Opening("postgres", "hyperdb"))


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


def temporary_schemas(session: SqlSession) -> int:
    ((count,),) = run(session, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pg\\_temp\\_%'")
    return int(count)


def test_each_session_has_its_own(backend: SqlBackend) -> None:
    first, second = opened(backend), opened(backend)
    run(first, "CREATE TEMP TABLE t (a int); INSERT INTO t VALUES (1)")
    run(second, "CREATE TEMP TABLE t (b text); INSERT INTO t VALUES ('x')")
    assert run(first, "SELECT a FROM t") == [(1,)]
    assert run(second, "SELECT b FROM t") == [("x",)]
    first.close()
    assert temporary_schemas(second) == 1
    assert run(second, "SELECT b FROM pg_temp.t") == [("x",)]
    second.close()
    assert temporary_schemas(opened(backend)) == 0


def test_what_was_rolled_back_can_be_made_again(backend: SqlBackend) -> None:
    session = opened(backend)
    run(session, "BEGIN; CREATE TEMP TABLE t (a int) ON COMMIT DELETE ROWS; ROLLBACK")
    run(session, "CREATE TEMP TABLE t (a int); INSERT INTO t VALUES (1)")
    assert run(session, "SELECT a FROM t") == [(1,)]
    run(session, "DISCARD ALL")
    with pytest.raises(SqlError) as error:
        run(session, "SELECT a FROM t")
    assert error.value.sqlstate == "42P01"


def test_what_a_crash_left_goes_when_the_store_is_opened(tmp_path: Path) -> None:
    with hyperdb.open(tmp_path / "s.hdb", memory="32m") as database:
        run(opened(SqlBackend(Tables(database.native))), "CREATE TEMP TABLE t (a int); CREATE TEMP VIEW v AS SELECT a FROM t")
    with hyperdb.open(tmp_path / "s.hdb", memory="32m") as database:
        session = opened(SqlBackend(Tables(database.native)))
        assert temporary_schemas(session) == 0
        session.close()


def test_a_locked_table_makes_others_wait(backend: SqlBackend) -> None:
    first, second = opened(backend), opened(backend)
    run(first, "CREATE TABLE t (a int)")
    run(first, "BEGIN; LOCK TABLE t IN SHARE MODE")
    run(second, "SET lock_timeout = '50ms'")
    assert run(second, "SELECT count(*) FROM t") == [(0,)]
    with pytest.raises(SqlError) as error:
        run(second, "INSERT INTO t VALUES (1)")
    assert error.value.sqlstate == "55P03"
    run(second, "SET lock_timeout = 0")
    waiter = threading.Thread(target=run, args=(second, "INSERT INTO t VALUES (2)"))
    waiter.start()
    run(first, "COMMIT")
    waiter.join(30)
    assert not waiter.is_alive()
    assert run(first, "SELECT a FROM t") == [(2,)]
