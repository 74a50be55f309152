"""What the suites of stock drivers found (compat-tests/sql/psycopg_suite.py, asyncpg_suite.py), each cut down to one question.

Theory: the driver's call stands beside each test; the answers are PostgreSQL's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
import psycopg
import pytest
from psycopg import generators, pq

import hyperdb

Connect = Callable[..., psycopg.Connection[Any]]


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    with hyperdb.open(":memory:", frames=None) as database:
        serving = database.serve(sql="127.0.0.1:0", control=False)
        assert serving.sql_address is not None
        yield serving.sql_address


@pytest.fixture
def connect(address: tuple[str, int]) -> Iterator[Connect]:
    made: list[psycopg.Connection[Any]] = []

    def open_one(**options: Any) -> psycopg.Connection[Any]:
        known = {"host": address[0], "port": address[1], "user": "postgres", "dbname": "hyperdb", "sslmode": "disable"}
        made.append(psycopg.connect(**{"autocommit": True, **known, **options}))
        return made[-1]

    yield open_one
    for each in made:
        each.close()


def one(connection: psycopg.Connection[Any], text: str) -> Any:
    row = connection.execute(text).fetchone()
    assert row is not None
    return row[0]


def test_a_pool_of_asyncpg_gives_connections_back(address: tuple[str, int]) -> None:
    """Its reset calls pg_advisory_unlock_all, CLOSE ALL, UNLISTEN and RESET ALL."""
    import asyncio

    async def run() -> list[int]:
        async with asyncpg.create_pool(
            f"postgresql://postgres@{address[0]}:{address[1]}/hyperdb", min_size=1, max_size=1
        ) as pool:
            found = [await pool.fetchval("SELECT $1::int", number) for number in range(3)]
            async with pool.acquire() as connection:
                await connection.execute("CREATE TABLE changing (a int); INSERT INTO changing VALUES (1)")
                await connection.fetch("SELECT * FROM changing")
                await connection.execute("ALTER TABLE changing ADD b int DEFAULT 2")
                # Prepared anew, as the error names RevalidateCachedQuery.
                rows = await connection.fetch("SELECT * FROM changing")
            return [*found, rows[0]["b"]]

    assert asyncio.run(run()) == [0, 1, 2, 2]


def test_advisory_locks_of_sessions(connect: Connect) -> None:
    first, second = connect(), connect()
    assert one(first, "SELECT pg_advisory_lock(1)") == ""
    assert one(first, "SELECT pg_try_advisory_lock(1)") is True
    assert one(second, "SELECT pg_try_advisory_lock(1)") is False
    # Two numbers are another lock than one.
    assert one(second, "SELECT pg_try_advisory_lock(0, 1)") is True
    assert one(first, "SELECT pg_advisory_unlock(1)") is True
    assert one(second, "SELECT pg_try_advisory_lock_shared(1)") is False
    assert one(first, "SELECT pg_advisory_unlock(1)") is True
    assert one(second, "SELECT pg_try_advisory_lock_shared(1)") is True
    assert one(first, "SELECT pg_try_advisory_lock_shared(1)") is True
    assert one(first, "SELECT pg_try_advisory_lock(1)") is False
    assert one(first, "SELECT pg_advisory_unlock(7)") is False
    second.close()
    for _ in range(200):
        # The server hears a little later that it is gone.
        if one(first, "SELECT pg_try_advisory_lock(1)"):
            break
        time.sleep(0.05)
    else:
        pytest.fail("the lock of a closed session is still held")
    first.execute("DISCARD ALL")
    assert one(connect(), "SELECT pg_try_advisory_lock(1)") is True


def test_advisory_locks_of_transactions(connect: Connect) -> None:
    first, second = connect(), connect()
    first.execute("BEGIN; SELECT pg_advisory_xact_lock(1); SAVEPOINT a; SELECT pg_advisory_xact_lock(2)")
    assert one(second, "SELECT pg_try_advisory_lock(2)") is False
    first.execute("ROLLBACK TO a")
    assert one(second, "SELECT pg_try_advisory_lock(2)") is True
    assert one(second, "SELECT pg_try_advisory_lock(1)") is False
    first.execute("COMMIT")
    assert one(second, "SELECT pg_try_advisory_lock(1)") is True


def test_waiting_for_advisory_locks(connect: Connect) -> None:
    first, second = connect(), connect()
    first.execute("SELECT pg_advisory_lock(1)")
    second.execute("SELECT pg_advisory_lock(2)")
    found: list[str] = []

    def wait() -> None:
        found.append(one(second, "SELECT 'got it' FROM pg_advisory_lock(1)"))

    waiting = threading.Thread(target=wait)
    waiting.start()
    first.execute("SET lock_timeout = 50")
    state = "55P03"
    while state == "55P03":
        # As soon as the other one stands in line this closes a circle.
        with pytest.raises(psycopg.OperationalError) as refused:
            first.execute("SELECT pg_advisory_lock(2)")
        state = str(refused.value.sqlstate)
    assert state == "40P01"
    first.execute("SELECT pg_advisory_unlock_all()")
    waiting.join(30)
    assert found == ["got it"]
    first.execute("RESET lock_timeout")
    # A wait ends when it is cancelled.
    cancelling = threading.Timer(0.2, first.cancel_safe)
    cancelling.start()
    with pytest.raises(psycopg.errors.QueryCanceled):
        first.execute("SELECT pg_advisory_lock(1)")
    cancelling.join()


def test_a_copy_that_sleeps_holds_up_nobody_and_is_cancelled(connect: Connect) -> None:
    """asyncpg's test_copy_from_query_cancellation_while_waiting_for_data: it ran on the event loop."""
    first, second = connect(), connect()
    failed: list[Exception] = []

    def copy() -> None:
        try:
            with first.cursor().copy("COPY (SELECT pg_sleep(60) FROM generate_series(1, 60)) TO STDOUT") as running:
                running.read()
        except psycopg.Error as error:
            failed.append(error)

    thread = threading.Thread(target=copy)
    thread.start()
    assert one(second, "SELECT 1") == 1
    while thread.is_alive():
        first.cancel_safe()
        thread.join(0.1)
    assert isinstance(failed[0], psycopg.errors.QueryCanceled)
    assert one(first, "SELECT 2") == 2


def test_a_result_that_nobody_reads_is_cancelled(connect: Connect) -> None:
    """psycopg's test_copy_out_error_with_copy_not_finished: the cancel came between two parts of the result."""
    connection = connect()

    def read_one() -> None:
        with connection.cursor().copy("COPY (SELECT n FROM generate_series(1, 1000000) AS s(n)) TO STDOUT") as running:
            running.read_row()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        read_one()
    assert one(connection, "SELECT 3") == 3


def test_statement_timeout(connect: Connect) -> None:
    connection = connect(options="-c statement_timeout=50ms")
    assert one(connection, "SHOW statement_timeout") == "50ms"
    with pytest.raises(psycopg.errors.QueryCanceled, match="due to statement timeout"):
        connection.execute("SELECT pg_sleep(60)")
    connection.execute("SET statement_timeout = '2min'")
    assert one(connection, "SHOW statement_timeout") == "2min"
    connection.execute("SET statement_timeout = 0")
    assert one(connection, "SELECT 'slept' FROM pg_sleep(0.1)") == "slept"


def test_prepared_statements_are_listed_and_described(connect: Connect) -> None:
    connection = connect(prepare_threshold=None)
    connection.execute("PREPARE plus (int) AS SELECT $1 + 1 AS more")
    found = connection.execute("SELECT name, statement, parameter_types::text[], from_sql FROM pg_prepared_statements")
    assert found.fetchall() == [("plus", "PREPARE plus (int) AS SELECT $1 + 1 AS more", ["integer"], True)]
    # EXECUTE by the extended protocol tells its columns before it runs.
    described = connection.execute("EXECUTE plus (1)", prepare=True).description
    assert described is not None
    assert [column.name for column in described] == ["more"]


def test_closing_a_portal_closes_the_cursor(connect: Connect) -> None:
    connection = connect()
    connection.execute("BEGIN; DECLARE walk CURSOR FOR SELECT 1")
    found = []
    for send in (connection.pgconn.send_close_portal, connection.pgconn.send_describe_portal):
        send(b"walk")
        found.append(connection.wait(generators.execute(connection.pgconn))[0].status)
    assert found == [pq.ExecStatus.COMMAND_OK, pq.ExecStatus.FATAL_ERROR]


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("+02:00", "1999-12-31 22:00:00-02"),
        ("-02:00", "2000-01-01 02:00:00+02"),
        ("5", "2000-01-01 05:00:00+05"),
        ("foo+3", "1999-12-31 21:00:00-03"),
    ],
)
def test_zones_by_specification(connect: Connect, zone: str, shown: str) -> None:
    connection = connect()
    connection.execute(f"SET TimeZone TO '{zone}'")
    assert one(connection, "SELECT (timestamptz '2000-01-01 00:00:00Z')::text") == shown


def test_what_is_no_statement(connect: Connect) -> None:
    connection = connect()
    with pytest.raises(psycopg.errors.SyntaxError, match='at or near "wat"'):
        connection.execute("wat")
    assert one(connection, "SELECT row()") == ()


def test_deferrable_transactions(connect: Connect) -> None:
    """Reading at SERIALIZABLE neither waits nor fails here, which is what DEFERRABLE asks for."""
    reader, writer = connect(), connect()
    writer.execute("CREATE TABLE deferred (a int PRIMARY KEY, b int); INSERT INTO deferred VALUES (1, 1), (2, 2)")
    reader.execute("BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE")
    assert one(reader, "SHOW transaction_deferrable") == "on"
    assert one(reader, "SELECT sum(b) FROM deferred") == 3
    writer.execute("UPDATE deferred SET b = 10")
    assert one(reader, "SELECT sum(b) FROM deferred") == 3
    reader.execute("COMMIT")
    assert one(reader, "SHOW transaction_deferrable") == "off"
