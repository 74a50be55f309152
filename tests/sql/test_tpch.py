"""TPC-H's 22 queries on small data: in columns, by row operators, and by DuckDB on its own tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from test_tiers import in_tier, run
from tpch import SCHEMA, fill, generate, inserts, queries

import hyperdb
from hyperdb.frontends.sql.backend import SqlBackend
from hyperdb.frontends.sql.catalog.kinds import DATE
from hyperdb.frontends.sql.contract import Opening
from hyperdb.frontends.sql.session import SqlSession
from hyperdb.graph.catalog.tables import Tables

ORDERS, SEED = 300, 7
QUERIES = queries()


@pytest.fixture(scope="module")
def peer() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        connection.execute(SCHEMA)
        for text in inserts(generate(ORDERS, SEED)):
            connection.execute(text)
        yield connection


@pytest.fixture(scope="module")
def session() -> Iterator[SqlSession]:
    with hyperdb.open(":memory:", memory="64m") as database:
        opened = SqlBackend(Tables(database.native)).open(Opening("postgres", "hyperdb"))
        assert run(opened, SCHEMA) is None
        for name, rows in generate(ORDERS, SEED).items():
            fill(opened, name, rows)
        yield opened
        opened.close()


def _shown(value: Any, oid: int) -> Any:
    """A value as the peer has it: no blanks behind, dates as dates."""
    if oid == DATE:
        return date(1970, 1, 1) + timedelta(days=value)
    return value.rstrip(" ") if isinstance(value, str) else value


def _equal(one: Any, other: Any) -> bool:
    """The peer divides and averages in floats."""
    if isinstance(one, Decimal | int) and isinstance(other, float):
        return abs(float(one) - other) <= 1e-9 * max(1.0, abs(other))
    return bool(one == other)


@pytest.mark.parametrize("name", QUERIES)
def test_every_tier_gives_the_peers_answer(name: str, session: SqlSession, peer: duckdb.DuckDBPyConnection) -> None:
    columns, rows = in_tier(session, "columns", QUERIES[name]), in_tier(session, "rows", QUERIES[name])
    assert repr(columns) == repr(rows)
    kinds = [oid for _, oid, _ in columns[0]]
    found = [tuple(_shown(value, oid) for value, oid in zip(row, kinds, strict=True)) for row in columns[1]]
    wanted = peer.execute(QUERIES[name]).fetchall()
    assert len(found) == len(wanted) > 0
    for row, other in zip(found, wanted, strict=True):
        assert all(map(_equal, row, other)), (row, other)


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_runs_in_columns(name: str, session: SqlSession) -> None:
    lines = [line for (line,) in in_tier(session, "columns", f"explain {QUERIES[name]}")[1]]
    assert "Tier: 3 (columns)" in lines, lines[-1]
