"""LISTEN and NOTIFY: who hears what, when, and over the wire."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
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


def heard(session: SqlSession) -> list[tuple[int, str, str]]:
    return [(each.process_id, each.channel, each.payload) for each in session.notifications()]


def test_listeners_hear_what_was_committed(backend: SqlBackend) -> None:
    woken: list[int] = []
    first = backend.open(Opening("postgres", "hyperdb", process_id=1, wake=lambda: woken.append(1)))
    second = backend.open(Opening("postgres", "hyperdb", process_id=2, wake=lambda: woken.append(2)))
    run(first, "LISTEN a; LISTEN b")
    run(second, "LISTEN a")
    run(second, "BEGIN; NOTIFY a, 'one'; NOTIFY a, 'one'; NOTIFY b; NOTIFY c")
    assert heard(first) == []
    run(second, "COMMIT")
    assert woken == [1]
    assert heard(first) == [(2, "a", "one"), (2, "b", "")]
    assert heard(second) == [(2, "a", "one")]
    assert heard(first) == []
    run(first, "SELECT pg_notify('a', 'x' || 1)")
    assert heard(second) == heard(first) == [(1, "a", "x1")]
    assert run(first, "SELECT pg_listening_channels()") == [("a",), ("b",)]


def test_what_is_rolled_back_is_not_said(backend: SqlBackend) -> None:
    session = backend.open(Opening("postgres", "hyperdb"))
    run(session, "LISTEN a")
    run(session, "BEGIN; NOTIFY a, 'gone'; ROLLBACK")
    run(
        session,
        "BEGIN; NOTIFY a, 'kept'; SAVEPOINT s; NOTIFY a, 'gone'; ROLLBACK TO s; SAVEPOINT t; NOTIFY a, 'too'; RELEASE t; COMMIT",
    )
    assert [payload for _, _, payload in heard(session)] == ["kept", "too"]
    run(session, "BEGIN; UNLISTEN a; ROLLBACK; NOTIFY a, 'still'")
    assert len(heard(session)) == 1
    run(session, "UNLISTEN *; NOTIFY a")
    assert heard(session) == []
    run(session, "LISTEN a; DISCARD ALL; NOTIFY a")
    assert heard(session) == []


@pytest.mark.parametrize("text", [f"LISTEN {'x' * 64}", f"NOTIFY a, '{'x' * 8000}'", "SELECT pg_notify('', 'x')", "NOTIFY a 'x'"])
def test_bad_channels_and_payloads_are_refused(backend: SqlBackend, text: str) -> None:
    session = backend.open(Opening("postgres", "hyperdb"))
    with pytest.raises(SqlError) as error:
        run(session, text)
    assert error.value.sqlstate in ("22023", "42601")


def test_a_client_at_rest_is_told(backend: SqlBackend) -> None:
    with hyperdb.open(":memory:", memory="32m") as database, database.serve(sql="127.0.0.1:0", control=False) as serving:
        assert serving.sql_address is not None
        host, port = serving.sql_address
        known = f"host={host} port={port} user=postgres dbname=hyperdb"
        with psycopg.connect(known, autocommit=True) as one, psycopg.connect(known, autocommit=True) as other:
            one.execute("LISTEN news")
            other.execute("NOTIFY news, 'hello'")
            told = next(iter(one.notifies(timeout=30, stop_after=1)))
            assert (told.channel, told.payload, told.pid) == ("news", "hello", other.info.backend_pid)


def test_many_notifications_arrive_in_order(backend: SqlBackend) -> None:
    listener, speaker = (backend.open(Opening("postgres", "hyperdb")) for _ in range(2))
    run(listener, "LISTEN a")
    run(speaker, "SELECT pg_notify('a', n::text) FROM generate_series(1, 500) n")
    assert [payload for _, _, payload in heard(listener)] == [str(n) for n in range(1, 501)]
