"""Random changes against themselves: the short way and the ordinary one do the same, and indexes agree with the rows.

Theory: as `test_random_sql`. What random_changes makes of a seed is told to a server, whose clients take the short way where it
can be, and to a session in this process, which never does. compat-tests/sql/random_statements.py tells it to PostgreSQL as well.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from connecting import Connect
from random_changes import Changes
from random_wide import Wide
from test_random_sql import attempted, rows

import hyperdb
from hyperdb.errors import SqlError
from hyperdb.frontends.sql.backend import SqlBackend
from hyperdb.frontends.sql.contract import Opening
from hyperdb.frontends.sql.session import SqlSession
from hyperdb.graph.catalog.tables import Tables

SEEDS, STATEMENTS = range(2), 50
Told = tuple[str, list[str]]


@pytest.fixture
def session() -> Iterator[SqlSession]:
    with hyperdb.open(":memory:", memory="32m") as database:
        opened = SqlBackend(Tables(database.native)).open(Opening("postgres", "hyperdb"))
        yield opened
        opened.close()


def inside(session: SqlSession, text: str) -> Told:
    """SQLSTATE and rows, in no order."""
    try:
        return "", sorted(rows(session, text).elements())
    except SqlError as error:
        return error.sqlstate, []


def outside(connection: psycopg.Connection[Any], text: str) -> Told:
    """The same over the wire."""
    try:
        cursor = connection.execute(text.encode())
        found = cursor.fetchall() if cursor.description else [(cursor.rowcount,)] if cursor.rowcount >= 0 else []
    except psycopg.Error as error:
        return error.sqlstate or "", []
    return "", sorted(map(str, found))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_short_way_changes_what_the_ordinary_one_does(session: SqlSession, connect: Connect, seed: int) -> None:
    maker = Changes(random.Random(seed).randrange)
    connection = connect()
    connection.execute("DROP SCHEMA IF EXISTS s CASCADE")
    for text in ("CREATE SCHEMA s", "SET search_path TO s"):
        inside(session, text)
        connection.execute(text)
    made = [text for table in maker.schema() for text in table.statements()]
    done = 0
    for text in [*made, *(maker.short() for _ in range(3 * STATEMENTS)), *(maker.statement() for _ in range(STATEMENTS))]:
        mine, theirs = inside(session, text), outside(connection, text)
        assert mine[0] == theirs[0], text
        done += not mine[0]
        if connection.info.transaction_status == psycopg.pq.TransactionStatus.INERROR:
            inside(session, "ROLLBACK")
            connection.execute("ROLLBACK")
            maker.open = False
    assert done > STATEMENTS
    for text in ("COMMIT", *(f"SELECT t::text FROM {table.name} t" for table in maker.made)):
        mine, theirs = inside(session, text), outside(connection, text)
        assert len(mine[1]) == len(theirs[1]), text
    for table in maker.made:
        for column in ("id", "u", "n", "r"):
            by_index = inside(
                session,
                f"SELECT x, count(t.id) FROM generate_series(-5, 99) x LEFT JOIN {table.name} t ON t.{column} = x GROUP BY x",
            )
            by_rows = inside(
                session,
                f"SELECT x, count(t.id) FROM generate_series(-5, 99) x LEFT JOIN {table.name} t ON t.{column} + 0 = x GROUP BY x",
            )
            assert by_index == by_rows, (table.name, column)


@pytest.mark.parametrize("seed", range(3))
def test_three_parts_of_wide_queries_make_the_whole(session: SqlSession, seed: int) -> None:
    maker = Wide(random.Random(seed).randrange)
    for table in maker.schema():
        for text in table.statements():
            rows(session, text)
    compared = 0
    for _ in range(20):
        source, scope = maker.source(1)
        shown, test = maker.expression(maker.pick(maker.kinds), scope, 1), maker.truth(scope, 2)
        query = f"SELECT {shown}, {scope.columns[0][0]} FROM {source}"
        parts = (f"{query} WHERE {test}", f"{query} WHERE NOT ({test})", f"{query} WHERE ({test}) IS NULL")
        found = attempted(session, query, *parts)
        if found is not None:
            assert sum(found[1:], type(found[0])()) == found[0], f"{query} WHERE {test}"
            compared += 1
    assert compared > 5
