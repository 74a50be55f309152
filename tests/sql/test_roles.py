"""Roles: their records, logging in as one, rights that change under a session."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors

import hyperdb
from hyperdb import _native, roles
from hyperdb.roles import Grant, RoleRecord, Verifier


@pytest.fixture
def address() -> Iterator[str]:
    with hyperdb.open(":memory:", memory="32m") as database, database.serve(sql="127.0.0.1:0", control=False) as serving:
        assert serving.sql_address is not None
        host, port = serving.sql_address
        yield f"host={host} port={port} dbname=hyperdb sslmode=disable"


def test_records_are_those_of_the_native_codec() -> None:
    verifier = Verifier(4096, b"s" * 16, b"k" * 32, b"v" * 32)
    data = _native.encode_bootstrap_role(verifier.iterations, verifier.salt, verifier.stored_key, verifier.server_key)
    record = RoleRecord(roles.SUPERUSER | roles.LOGIN | roles.INHERIT, verifier=verifier)
    assert record.encode() == data
    assert RoleRecord.decode(data) == record
    full = RoleRecord(
        roles.INHERIT,
        5,
        7,
        verifier,
        (b"h" * 32,),
        (("staff", 6),),
        (Grant(2, "16384.3", 5, 1), Grant(1, "x" * 200, 1 << 31)),
        ("~user:*",),
    )
    data = full.encode()
    assert RoleRecord.decode(data) == full
    assert _native.decode_verifier(data) == (4096, b"s" * 16, b"k" * 32, b"v" * 32)
    assert all(RoleRecord.decode(data[:size]) is None for size in range(len(data)))
    assert RoleRecord.decode(data + b"\0") is None


def test_a_role_logs_in_with_its_password_and_has_its_rights(address: str) -> None:
    with psycopg.connect(f"{address} user=postgres", autocommit=True) as owner:
        owner.execute("CREATE TABLE t (a int PRIMARY KEY, b text)")
        owner.execute("CREATE ROLE app LOGIN PASSWORD 'secret'")
        owner.execute("CREATE ROLE group_only")
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(f"{address} user=app password=wrong")
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(f"{address} user=group_only password=secret")
        with psycopg.connect(f"{address} user=app password=secret", autocommit=True) as app:
            assert app.execute("SELECT current_user, session_user").fetchone() == ("app", "app")
            for text in ("SELECT a FROM t", "SELECT a FROM t FOR UPDATE", "TRUNCATE t", "DROP TABLE t"):
                with pytest.raises(errors.InsufficientPrivilege):
                    app.execute(text)
            for text in ("COPY t FROM STDIN", "COPY t TO STDOUT"):
                with pytest.raises(errors.InsufficientPrivilege):
                    copied(app, text)
            query = "SELECT a FROM t WHERE a = %s"
            owner.execute("GRANT SELECT ON t TO app")
            for _ in range(8):
                assert app.execute(query, (1,)).fetchone() is None
            owner.execute("REVOKE SELECT ON t FROM app")
            for _ in range(8):
                with pytest.raises(errors.InsufficientPrivilege):
                    app.execute(query, (1,))
            with pytest.raises(errors.InsufficientPrivilege):
                app.execute("SET ROLE group_only")
            app.execute("ALTER ROLE app PASSWORD 'other'")
        with psycopg.connect(f"{address} user=app password=other") as app:
            assert app.execute("SELECT 1").fetchone() == (1,)


def copied(connection: psycopg.Connection[tuple[object, ...]], text: str) -> None:
    with connection.cursor() as cursor, cursor.copy(text.encode()) as copy:
        if "FROM" in text:
            copy.write(b"1\tx\n")
        else:
            list(copy)


def test_what_is_rolled_back_was_never_granted(address: str) -> None:
    with psycopg.connect(f"{address} user=postgres") as owner:
        owner.execute("CREATE TABLE t (a int)")
        owner.execute("CREATE ROLE r")
        owner.commit()
        owner.execute("GRANT SELECT ON t TO r")
        owner.execute("SET LOCAL ROLE r")
        owner.execute("SELECT a FROM t")
        owner.rollback()
        owner.execute("SET ROLE r")
        with pytest.raises(errors.InsufficientPrivilege):
            owner.execute("SELECT a FROM t")
