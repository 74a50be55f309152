"""Statements that would not end by themselves: a LIMIT ends them, or a cancel does."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest

import hyperdb

ENDLESS = {
    "recursion": "WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t",
    "growing": "WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + g FROM t, generate_series(1, 9) g) SELECT max(n) FROM t",
    "series": "SELECT count(*) FROM generate_series(1, 1000000000000)",
    "product": "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b",
    "sleep": "SELECT pg_sleep(600)",
}
LIMITED = {
    "WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT n FROM t LIMIT 3": [(1,), (2,), (3,)],
    "SELECT g FROM generate_series(1, 1000000000000) g LIMIT 2": [(1,), (2,)],
    "WITH t AS (SELECT g FROM generate_series(1, 1000000000000) g) SELECT a.g FROM t a LIMIT 2": [(1,), (2,)],
}


@pytest.fixture(scope="module")
def known() -> Iterator[str]:
    opened = hyperdb.open(":memory:", memory="32m", frames=None)
    with opened as database, database.serve(sql="127.0.0.1:0", control=False) as serving:
        assert serving.sql_address is not None
        host, port = serving.sql_address
        yield f"host={host} port={port} user=postgres dbname=hyperdb sslmode=disable"


@pytest.mark.parametrize("what", ENDLESS)
def test_a_cancel_ends_it_and_the_connection_goes_on(known: str, what: str) -> None:
    with psycopg.connect(known, autocommit=True) as connection:
        timer = threading.Timer(0.3, connection.cancel_safe)
        timer.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute(ENDLESS[what].encode())
        timer.join()
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("query", LIMITED)
def test_a_limit_ends_it(known: str, query: str) -> None:
    with psycopg.connect(known, autocommit=True) as connection:
        assert connection.execute(query.encode()).fetchall() == LIMITED[query]


def test_changes_of_a_common_table_that_no_one_reads_are_made(known: str) -> None:
    with psycopg.connect(known, autocommit=True) as connection:
        connection.execute("CREATE TABLE changed (a int)")
        connection.execute("WITH x AS (INSERT INTO changed VALUES (1), (2) RETURNING a) SELECT 1")
        assert connection.execute("SELECT count(*) FROM changed").fetchone() == (2,)


def test_temporary_tables_go_with_their_client(known: str) -> None:
    with psycopg.connect(known, autocommit=True) as connection:
        connection.execute("CREATE TEMPORARY TABLE passing (a int)")
    with psycopg.connect(known, autocommit=True) as connection:
        for _ in range(200):
            found = connection.execute("SELECT count(*) FROM pg_class WHERE relname = 'passing'").fetchone()
            if found == (0,):
                return
            connection.execute("SELECT pg_sleep(0.05)")
        pytest.fail("the table is still there")
