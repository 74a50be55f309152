"""Clients that are silent for too long: their locks are given back, and they are told."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator
from contextlib import suppress

import psycopg
import pytest
from psycopg import errors

import hyperdb

Connect = Callable[[], "psycopg.Connection[tuple[object, ...]]"]


@pytest.fixture
def connect() -> Iterator[Connect]:
    made: list[psycopg.Connection[tuple[object, ...]]] = []
    with hyperdb.open(":memory:", memory="32m") as database, database.serve(sql="127.0.0.1:0", control=False) as serving:
        host, port = serving.sql_address or ("", 0)

        def connect() -> psycopg.Connection[tuple[object, ...]]:
            made.append(psycopg.connect(f"host={host} port={port} user=postgres dbname=hyperdb sslmode=disable", autocommit=True))
            return made[-1]

        yield connect
        for each in made:
            each.close()


def ended(client: psycopg.Connection[tuple[object, ...]]) -> str | None:
    """How the server ended a connection, which it does by itself."""
    assert select.select([client.fileno()], [], [], 60)[0]
    with pytest.raises(psycopg.Error) as caught:
        client.execute("SELECT 1")
    return caught.value.sqlstate


@pytest.mark.parametrize("work", ["UPDATE t SET b = 2 WHERE a = 1", "SELECT 1/0"])
def test_a_block_does_not_hold_its_locks_for_ever(connect: Connect, work: str) -> None:
    owner, lazy = connect(), connect()
    owner.execute("CREATE TABLE t (a int PRIMARY KEY, b int)")
    owner.execute("INSERT INTO t VALUES (1, 1)")
    lazy.execute("SET idle_in_transaction_session_timeout = '0.1s'")
    assert lazy.execute("SHOW idle_in_transaction_session_timeout").fetchone() == ("100ms",)
    for _ in range(3):
        # Between blocks it may be silent, whatever else it does; here the short way would have learned the statements.
        lazy.execute("SELECT * FROM t WHERE a = 1", prepare=True)
    lazy.execute("BEGIN")
    with suppress(errors.DivisionByZero):
        lazy.execute(work.encode())
    assert ended(lazy) == "25P03"
    owner.execute("SET lock_timeout = '30s'")
    owner.execute("UPDATE t SET b = 3 WHERE a = 1")
    assert owner.execute("SELECT b FROM t").fetchone() == (3,)


def test_a_session_may_be_silent_only_so_long(connect: Connect) -> None:
    lazy = connect()
    lazy.execute("SET idle_session_timeout = 100")
    lazy.execute("SELECT pg_sleep(0.3)")
    lazy.execute("BEGIN")
    lazy.execute("SELECT pg_sleep(0.3)")
    lazy.execute("COMMIT")
    assert ended(lazy) == "57P05"
