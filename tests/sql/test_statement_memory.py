"""What statements keep is bounded: 53200 where it would be more, the session goes on, and all of it is given back.

Theory: each operator that keeps rows is asked to keep more than the pool has; what it held before is free afterwards.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

import hyperdb
from hyperdb.errors import SqlError
from hyperdb.frontends.sql.contract import Opening
from hyperdb.frontends.sql.execute.memory import Holding, Pool
from hyperdb.frontends.sql.session import SqlSession

LIMIT = 4 << 20
MANY = "generate_series(1, 200000) AS g(a)"
GREEDY = {
    "sort": f"SELECT a FROM {MANY} ORDER BY a % 7, a",
    "hash join": f"SELECT count(*) FROM generate_series(1, 10) AS o(b) JOIN {MANY} ON a = b",
    "nested join": f"SELECT count(*) FROM generate_series(1, 10) AS o(b) LEFT JOIN {MANY} ON a < b",
    "product": "SELECT * FROM generate_series(1, 99999) a, generate_series(1, 99999) b, generate_series(1, 9) c ORDER BY 1",
    "distinct": f"SELECT DISTINCT a FROM {MANY}",
    "groups": f"SELECT a, count(*) FROM {MANY} GROUP BY a",
    "array_agg": f"SELECT array_agg(a) FROM {MANY}",
    "string_agg": f"SELECT string_agg(a::text, ',') FROM {MANY}",
    "ordered aggregate": f"SELECT sum(a ORDER BY a) FROM {MANY}",
    "distinct aggregate": f"SELECT count(DISTINCT a) FROM {MANY}",
    "json_agg": f"SELECT json_agg(a) FROM {MANY}",
    "percentile": f"SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY a) FROM {MANY}",
    "union": f"SELECT a FROM {MANY} UNION SELECT 0",
    "intersect": f"SELECT 1 INTERSECT SELECT a FROM {MANY}",
    "window": f"SELECT sum(a) OVER () FROM {MANY}",
    "growing frame": "SELECT array_agg(a) OVER (ORDER BY a) FROM generate_series(1, 5000) AS g(a)",
    "shared table": f"WITH w AS MATERIALIZED (SELECT a FROM {MANY}) SELECT count(*) FROM w, w AS v",
    "subquery": f"SELECT 0 = ANY (SELECT a FROM {MANY})",
    "recursion without end": "WITH RECURSIVE r(n) AS (SELECT 1 UNION SELECT n + 1 FROM r) SELECT count(*) FROM r",
    "growing rounds": "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + b FROM r, (VALUES (1), (2)) v(b)) "
    "SELECT count(*) FROM r",
    "large values": "SELECT repeat('x', 100000) || a FROM generate_series(1, 1000) AS g(a) ORDER BY 1",
    "insert": f"INSERT INTO t SELECT a FROM {MANY}",
    "returning": f"INSERT INTO t SELECT a FROM {MANY} RETURNING a",
}  # fmt: skip
FRUGAL = {
    "many small sorts": "SELECT count(s) FROM generate_series(1, 3000) AS g(a), "
    "LATERAL (SELECT b FROM generate_series(a, a + 20) AS h(b) ORDER BY b DESC LIMIT 1) AS l(s)",
    "a stream": f"SELECT count(*) FROM {MANY}",
    "one large value in many rows": "SELECT length(v) FROM (SELECT repeat('x', 1000000) AS v) AS one, "
    "generate_series(1, 2000) AS g(a) ORDER BY a",
    "an intersection of few": "SELECT a % 3 FROM generate_series(1, 100000) AS g(a) INTERSECT ALL SELECT 1",
    "exists": f"SELECT EXISTS (SELECT a FROM {MANY})",
}  # fmt: skip


@pytest.fixture
def session() -> Iterator[SqlSession]:
    with hyperdb.open(":memory:", memory="32m", frames=None) as database:
        backend = database.sql_backend
        backend.pool.limit = LIMIT
        made = backend.open(Opening("postgres", "hyperdb", {"hyperdb.tier": "rows"}))
        run(made, "CREATE TABLE t (a int)")
        yield made
        made.close()
        gc.collect()
        assert backend.pool.held == 0, "everything was given back"


def run(session: SqlSession, text: str) -> int:
    outcome = session.execute(session.prepare(text, ()), ())
    found = len(outcome.everything()) if outcome.columns is not None else 0
    outcome.close()
    session.sync(False)
    return found


def refusal(session: SqlSession, text: str) -> str:
    """The SQLSTATE; the error itself would hold the frames that hold the rows."""
    try:
        run(session, text)
    except SqlError as error:
        return error.sqlstate
    return ""


@pytest.mark.parametrize("what", GREEDY)
def test_too_much_is_refused_and_given_back(session: SqlSession, what: str) -> None:
    assert refusal(session, GREEDY[what]) == "53200"
    session.sync(True)
    assert run(session, "SELECT a FROM t ORDER BY a") == 0
    gc.collect()
    assert session.backend.pool.held == 0


@pytest.mark.parametrize("what", FRUGAL)
def test_what_holds_little_is_answered(session: SqlSession, what: str) -> None:
    assert run(session, FRUGAL[what]) > 0


def test_a_result_that_is_left_is_held_until_it_is_closed(session: SqlSession) -> None:
    run(session, "BEGIN")
    outcome = session.execute(session.prepare("SELECT a FROM generate_series(1, 30000) AS g(a)", ()), ())
    outcome.rows(10)
    run(session, "SELECT 1")
    assert session.backend.pool.held > 0
    outcome.close()
    assert session.backend.pool.held == 0
    run(session, "COMMIT")


def test_a_holding_counts_and_gives_back() -> None:
    pool = Pool(10 << 20)
    holding = Holding(pool)
    rows = [(number, "x" * 100) for number in range(20_000)]
    assert list(holding.all(rows)) == rows
    assert 2 << 20 < pool.held < 8 << 20
    nested = Holding(pool)
    with pytest.raises(SqlError):
        nested.add(([["y" * 5_000_000, "z" * 5_000_000]],))
    del holding, nested
    assert pool.held == 0
