"""What operators set: how long locks are waited for, who may log in until when and how often, encryption, what is logged."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from connecting import Connect, one
from psycopg import errors

import hyperdb
from hyperdb.errors import InvalidError

CERTIFICATE = Path(__file__).parent / "certificate"


@contextmanager
def serving(**options: object) -> Iterator[str]:
    with hyperdb.open(":memory:", frames=None) as database:
        found = database.serve(sql="127.0.0.1:0", control=False, **options)  # type: ignore[arg-type]
        assert found.sql_address is not None
        yield f"host={found.sql_address[0]} port={found.sql_address[1]} dbname=hyperdb"


@pytest.fixture
def table(connect: Connect) -> Iterator[str]:
    owner = connect()
    owner.execute("CREATE TABLE held (a int PRIMARY KEY, b int)")
    owner.execute("INSERT INTO held VALUES (1, 1), (2, 2)")
    yield "held"
    owner.execute("SET lock_timeout = '5s'")
    owner.execute("DROP TABLE held")


@pytest.mark.parametrize("text", ["SET LOCAL lock_timeout = 30", "SET lock_timeout = '30ms'"])
def test_lock_timeout_counts_inside_of_a_block(connect: Connect, table: str, text: str) -> None:
    first, second = connect(), connect()
    first.execute("BEGIN")
    first.execute(f"UPDATE {table} SET b = 5 WHERE a = 1".encode())
    second.execute("BEGIN")
    second.execute(f"SELECT * FROM {table}".encode())
    second.execute(text.encode())
    for statement in (f"UPDATE {table} SET b = 6 WHERE a = 1", f"SELECT * FROM {table} FOR UPDATE"):
        second.execute("SAVEPOINT s")
        with pytest.raises(errors.LockNotAvailable, match="canceling statement due to lock timeout"):
            second.execute(statement.encode())
        second.execute("ROLLBACK TO s")
    first.execute("ROLLBACK")
    assert second.execute(f"UPDATE {table} SET b = 6 WHERE a = 1".encode()).rowcount == 1
    second.execute("ROLLBACK")


def test_lock_timeout_goes_back_with_a_savepoint(connect: Connect, table: str) -> None:
    first, second = connect(), connect()
    first.execute("BEGIN")
    first.execute(f"DELETE FROM {table} WHERE a = 1".encode())
    second.execute("BEGIN")
    second.execute("SET LOCAL lock_timeout = 20")
    second.execute("SAVEPOINT s")
    second.execute("SET lock_timeout = 0")
    second.execute("SET application_name = 'inner'")
    second.execute("ROLLBACK TO s")
    assert one(second, "SHOW lock_timeout") == "20ms"
    assert one(second, "SHOW application_name") == ""
    assert second.info.parameter_status("application_name") == ""
    with pytest.raises(errors.LockNotAvailable):
        second.execute(f"UPDATE {table} SET b = 6 WHERE a = 1".encode())
    second.execute("ROLLBACK")
    first.execute("ROLLBACK")
    assert one(second, "SHOW lock_timeout") == "0"


def test_who_does_not_wait_is_told_of_what(connect: Connect, table: str) -> None:
    first, second = connect(), connect()
    first.execute("BEGIN")
    first.execute(f"UPDATE {table} SET b = 5 WHERE a = 1".encode())
    second.execute("BEGIN")
    second.execute("SAVEPOINT s")
    with pytest.raises(errors.LockNotAvailable, match='could not obtain lock on row in relation "held"'):
        second.execute(f"SELECT * FROM {table} WHERE a = 1 FOR UPDATE NOWAIT".encode())
    second.execute("ROLLBACK TO s")
    assert second.execute(f"SELECT a FROM {table} FOR UPDATE SKIP LOCKED".encode()).fetchall() == [(2,)]
    second.execute("SAVEPOINT s")
    with pytest.raises(errors.LockNotAvailable, match='could not obtain lock on relation "held"'):
        second.execute(f"LOCK TABLE {table} IN SHARE MODE NOWAIT".encode())
    second.execute("ROLLBACK TO s")
    first.execute("ROLLBACK")
    second.execute(f"LOCK TABLE {table} NOWAIT".encode())
    # Only that statement did not wait.
    done = threading.Event()

    def wait() -> None:
        first.execute(f"UPDATE {table} SET b = 7 WHERE a = 1".encode())
        done.set()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    assert not done.wait(0.05)
    second.execute("COMMIT")
    thread.join()


def test_a_cancel_is_for_the_statement_that_ran(connect: Connect, table: str) -> None:
    """Also where it did not wait for a lock: the next one that would wait waits."""
    connection = connect()
    connection.execute("BEGIN")
    connection.execute("SAVEPOINT s")
    connection.execute("SET statement_timeout = 30")
    with pytest.raises(errors.QueryCanceled):
        connection.execute("SELECT count(*) FROM generate_series(1, 10000) a, generate_series(1, 10000) b WHERE a * b = 0")
    connection.execute("ROLLBACK TO s")
    assert connection.execute(f"UPDATE {table} SET b = 3".encode()).rowcount == 2
    connection.execute("ROLLBACK")


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_parent_that_goes_is_a_conflict_above_read_committed(connect: Connect, table: str, level: str) -> None:
    first, second = connect(), connect()
    first.execute(f"CREATE TABLE child (a int PRIMARY KEY, up int REFERENCES {table})".encode())
    second.execute(f"BEGIN ISOLATION LEVEL {level}".encode())
    second.execute(f"SELECT * FROM {table}".encode())
    first.execute(f"DELETE FROM {table} WHERE a = 1".encode())
    with pytest.raises(errors.SerializationFailure):
        second.execute("INSERT INTO child VALUES (1, 1)")
    second.execute("ROLLBACK")
    second.execute(f"BEGIN ISOLATION LEVEL {level}".encode())
    # What was never there, or went by itself, is missing.
    for statement in ("INSERT INTO child VALUES (1, 1)", "INSERT INTO child VALUES (1, 2)"):
        second.execute("SAVEPOINT s")
        second.execute(f"DELETE FROM {table} WHERE a = 2".encode())
        with pytest.raises(errors.ForeignKeyViolation):
            second.execute(statement.encode())
        second.execute("ROLLBACK TO s")
    second.execute("ROLLBACK")
    first.execute("DROP TABLE child")


def test_a_password_is_one_until_a_time() -> None:
    with serving(password="own") as address, psycopg.connect(f"{address} user=postgres password=own", autocommit=True) as owner:
        owner.execute("CREATE ROLE guest LOGIN PASSWORD 'x' VALID UNTIL '2020-01-01 00:00+00'")
        with pytest.raises(psycopg.OperationalError, match='password authentication failed for user "guest"'):
            psycopg.connect(f"{address} user=guest password=x")
        assert one(owner, "SELECT rolvaliduntil::text FROM pg_roles WHERE rolname = 'guest'") == "2020-01-01 00:00:00+00"
        owner.execute("ALTER ROLE guest VALID UNTIL 'infinity'")
        with psycopg.connect(f"{address} user=guest password=x", autocommit=True) as guest:
            with pytest.raises(errors.InsufficientPrivilege):
                guest.execute("ALTER ROLE guest PASSWORD 'y' VALID UNTIL 'infinity'")
            guest.execute("ALTER ROLE guest PASSWORD 'y'")
        owner.execute("ALTER ROLE guest PASSWORD NULL")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(f"{address} user=guest password=y")
        with pytest.raises(errors.InvalidDatetimeFormat):
            owner.execute("ALTER ROLE guest VALID UNTIL 'soon'")


def test_a_role_has_as_many_connections_as_it_may() -> None:
    with serving() as address, psycopg.connect(f"{address} user=postgres", autocommit=True) as owner:
        owner.execute("CREATE ROLE few LOGIN CONNECTION LIMIT 1")
        with psycopg.connect(f"{address} user=few"):
            with pytest.raises(psycopg.OperationalError, match='too many connections for role "few"'):
                psycopg.connect(f"{address} user=few")
            owner.execute("ALTER ROLE few CONNECTION LIMIT 2")
            psycopg.connect(f"{address} user=few").close()
        owner.execute("ALTER ROLE few CONNECTION LIMIT 0")
        with pytest.raises(psycopg.OperationalError, match="too many connections"):
            psycopg.connect(f"{address} user=few")
        owner.execute("ALTER ROLE few SUPERUSER")
        psycopg.connect(f"{address} user=few").close()
        with pytest.raises(errors.InvalidParameterValue):
            owner.execute("ALTER ROLE few CONNECTION LIMIT -2")


def test_encryption_can_be_demanded() -> None:
    files = (CERTIFICATE / "certificate.pem", CERTIFICATE / "key.pem")
    with serving(tls=files, sql_demands_tls=True) as address:
        with psycopg.connect(f"{address} user=postgres sslmode=require") as connection:
            assert connection.pgconn.ssl_in_use
        words = 'no pg_hba.conf entry for host "127.0.0.1", user "postgres", database "hyperdb", no encryption'
        with pytest.raises(psycopg.OperationalError, match=words):
            psycopg.connect(f"{address} user=postgres sslmode=disable")
    with serving(tls=files) as address:
        psycopg.connect(f"{address} user=postgres sslmode=disable").close()
    with hyperdb.open(":memory:", frames=None) as database, pytest.raises(InvalidError):
        database.serve(sql="127.0.0.1:0", control=False, sql_demands_tls=True)


def test_nothing_is_logged_unless_asked_for(caplog: pytest.LogCaptureFixture, connect: Connect) -> None:
    with caplog.at_level(logging.INFO, "hyperdb.sql.log"):
        connection = connect()
        for number in range(5):
            connection.execute("SELECT %s::int", (number,))
    assert not [each for each in caplog.records if each.name == "hyperdb.sql.log"]


def test_connections_and_statements_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    asked = {"log_connections": "on", "log_disconnections": "on", "log_statement": "mod", "log_min_duration_statement": "0"}
    with caplog.at_level(logging.INFO, "hyperdb.sql.log"), serving(sql_settings=asked) as address:
        with psycopg.connect(f"{address} user=postgres application_name=me", autocommit=True) as connection:
            connection.execute("CREATE TABLE t (a int PRIMARY KEY)")
            for number in range(6):
                connection.execute("INSERT INTO t VALUES (%s)", (number + 4711,), prepare=True)
            connection.execute("SELECT * FROM t")
            connection.execute("CREATE ROLE secretive PASSWORD 'sesame'")
            connection.execute("CREATE ROLE plain LOGIN")
            with pytest.raises(errors.UndefinedTable):
                connection.execute("SELECT * FROM missing")
            with pytest.raises(errors.CantChangeRuntimeParam):
                connection.execute("SET log_connections = off")
            with pytest.raises(errors.UniqueViolation):
                connection.execute("INSERT INTO t VALUES (4711)")
        with psycopg.connect(f"{address} user=plain", autocommit=True) as plain:
            with pytest.raises(errors.InsufficientPrivilege):
                plain.execute("SET log_statement = 'none'")
            plain.execute("RESET ALL")
        with pytest.raises(psycopg.OperationalError, match="permission denied to set parameter"):
            psycopg.connect(f"{address} user=plain options='-c log_statement=none'")
        until = time.monotonic() + 20
        while sum("disconnection" in each.getMessage() for each in caplog.records) < 2 and time.monotonic() < until:
            time.sleep(0.01)
    said = [each.getMessage() for each in caplog.records if each.name == "hyperdb.sql.log"]
    whose = [line.split("hyperdb@hyperdb ", 1)[1] for line in said if "hyperdb@hyperdb " in line]
    assert whose[0] == "connection authorized: host=127.0.0.1 application_name='me'"
    assert whose.count("statement: INSERT INTO t VALUES ($1)") == 6
    assert "statement: CREATE TABLE t (a int PRIMARY KEY)" in whose
    assert not any(line.startswith("statement: SELECT") for line in whose)
    timed = [line for line in whose if line.startswith("duration: ")]
    assert sum(line.endswith("statement: INSERT INTO t VALUES ($1)") for line in timed) == 6
    assert any(line.endswith("ms  statement: SELECT * FROM t") for line in timed)
    assert "statement: CREATE ROLE (with a password)" in whose
    assert not any("4711" in line.replace("VALUES (4711)", "") or "sesame" in line for line in said)
    assert not any("duration" in line and "VALUES (4711)" in line for line in whose)
    assert whose[-1].startswith("disconnection: session time: 0:00:")


def test_a_setting_of_the_operator_must_be_one() -> None:
    with hyperdb.open(":memory:", frames=None) as database:
        for wrong in ({"log_statement": "some"}, {"no_such": "1"}):
            with pytest.raises(InvalidError):
                database.serve(sql="127.0.0.1:0", control=False, sql_settings=wrong)
