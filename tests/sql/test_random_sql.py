"""Random queries against themselves: three parts make the whole, and a condition means the same in WHERE and in the list.

Theory: Rigger and Su, "Finding Bugs in Database Systems via Query Partitioning" (TLP, OOPSLA 2020) and "Detecting Optimization
Bugs in Database Engines via Non-optimizing Reference Engine Construction" (NoREC, ESEC/FSE 2020). A row is in exactly one of p,
NOT p and p IS NULL; and counting the rows where p holds, which indexes and joins may help with, gives what adding p up over all
rows gives. compat-tests/sql/random_queries.py asks PostgreSQL the same generator's queries; its findings are kept in
tests/golden/sql/scripts.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from random_sql import TYPES, Maker

import hyperdb
from hyperdb.errors import SqlError
from hyperdb.frontends.sql.backend import SqlBackend
from hyperdb.frontends.sql.contract import Opening
from hyperdb.frontends.sql.session import SqlSession
from hyperdb.graph.catalog.tables import Tables

SEEDS, QUERIES = range(3), 25
_FAULTS = ("22", "21", "0A")
"""Errors of data, which may come or not with the way that a query runs, and what is not supported."""


@pytest.fixture(scope="module")
def session() -> Iterator[SqlSession]:
    with hyperdb.open(":memory:", memory="32m") as database:
        opened = SqlBackend(Tables(database.native)).open(Opening("postgres", "hyperdb"))
        yield opened
        opened.close()


def rows(session: SqlSession, text: str) -> Counter[str]:
    """The rows, in no order."""
    try:
        outcome = session.execute(session.prepare(text, ()), ())
        found: Counter[str] = Counter(map(repr, outcome.everything()))
        outcome.close()
    except SqlError:
        session.sync(True)
        raise
    session.sync(False)
    return found


def made(session: SqlSession, seed: int) -> Maker:
    """Tables of a seed."""
    maker = Maker(random.Random(seed).randrange)
    tables = maker.schema()
    rows(session, "DROP TABLE IF EXISTS t0, t1, t2")
    for table in tables:
        for text in table.statements():
            rows(session, text)
    return maker


def attempted(session: SqlSession, *texts: str) -> list[Any] | None:
    """The rows of each; None where one of them meets a fault of data."""
    try:
        return [rows(session, text) for text in texts]
    except SqlError as error:
        if error.sqlstate[:2] not in _FAULTS:
            raise
        return None


@pytest.mark.parametrize("seed", SEEDS)
def test_three_parts_make_the_whole(session: SqlSession, seed: int) -> None:
    maker = made(session, seed)
    compared = 0
    for _ in range(QUERIES):
        source, scope = maker.source(1)
        shown, test = maker.expression(maker.pick(TYPES), scope, 1), maker.truth(scope, 2)
        query = f"SELECT {shown}, {scope.columns[0][0]} FROM {source}"
        found = attempted(
            session, query, f"{query} WHERE {test}", f"{query} WHERE NOT ({test})", f"{query} WHERE ({test}) IS NULL"
        )
        if found is not None:
            whole, *three = found
            assert sum(three, Counter()) == whole, f"{query} WHERE {test}"
            compared += 1
    assert compared > QUERIES // 2


@pytest.mark.parametrize("seed", SEEDS)
def test_a_condition_means_the_same_in_the_list(session: SqlSession, seed: int) -> None:
    maker = made(session, seed + 100)
    compared = 0
    for _ in range(QUERIES):
        source, scope = maker.source(1)
        test = maker.truth(scope, 2)
        found = attempted(
            session, f"SELECT count(*) FROM {source} WHERE {test}", f"SELECT count(CASE WHEN {test} THEN 1 END) FROM {source}"
        )
        if found is not None:
            assert found[0] == found[1], f"{source} WHERE {test}"
            compared += 1
    assert compared > QUERIES // 2
