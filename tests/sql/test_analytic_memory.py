"""The analytic engine's memory: within the database's budget, spilled into the store's directory; what happens without room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from test_tiers import in_tier, run

import hyperdb
from hyperdb.frontends.sql.backend import SPILL
from hyperdb.frontends.sql.contract import Opening, Status
from hyperdb.frontends.sql.session import SqlSession

MAKE = "create table t (id integer primary key, v integer); insert into t select i, i % 7 from generate_series(1, 5000) i"
# Two million different numbers, where the engine has 24 or 32 MiB.
LARGE = "select count(*), max(n) from (select distinct a.id * 5000 + b.id as n from t a, t b where b.id <= 400) as numbers"


def opened(database: hyperdb.Database) -> SqlSession:
    session = database.sql_backend.open(Opening("postgres", "hyperdb"))
    assert isinstance(session, SqlSession)
    return session


@pytest.fixture
def session() -> Iterator[SqlSession]:
    """In a database in memory, which spills nowhere."""
    with hyperdb.open(":memory:", memory="64m") as database:
        session = opened(database)
        run(session, MAKE)
        yield session
        session.close()


def test_the_engine_takes_its_memory_from_the_databases_budget(tmp_path: Path) -> None:
    with hyperdb.open(tmp_path / "store", memory="256m") as database:
        session = opened(database)
        run(session, MAKE)
        before = dict(database.native.engine().stats())["block_cache_budget_bytes"]
        assert in_tier(session, "columns", "select sum(v) from t")[1]
        after = dict(database.native.engine().stats())["block_cache_budget_bytes"]
        engine, kept = 64 << 20, 16 << 20
        assert before - after == engine + kept
        assert in_tier(session, "columns", "show hyperdb.tier")[1] == [("columns",)]
        session.close()


def test_a_query_that_does_not_fit_is_53200_and_the_session_goes_on(session: SqlSession) -> None:
    assert in_tier(session, "columns", LARGE)[0] == "53200"
    assert run(session, "select count(*) from t")[1] == [(5000,)]
    run(session, "begin; insert into t values (5001, 1)")
    assert run(session, LARGE)[0] == "53200"
    assert session.status is Status.FAILED
    assert run(session, "select 1")[0] == "25P02"
    run(session, "rollback")
    assert run(session, "select count(*), sum(v) from t")[1] == [(5000, 14997)]


def test_what_does_not_fit_goes_to_the_stores_directory_until_the_query_ends(tmp_path: Path) -> None:
    left = tmp_path / "store" / SPILL
    with hyperdb.open(tmp_path / "store", memory="128m") as database:
        left.mkdir()
        (left / "duckdb_temp_storage.tmp").write_bytes(b"of a process that was killed")
        session = opened(database)
        run(session, MAKE)
        assert in_tier(session, "columns", LARGE)[1] == [(2_000_000, 25_000_400)]
        assert not (left / "duckdb_temp_storage.tmp").exists()
        session.close()
    assert not left.exists()
