"""Ways by which a role may get what it was not given: settings, CREATEROLE, names, verifiers."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

import psycopg
import pytest

import hyperdb
from hyperdb.roles import MOST_ITERATIONS

Connect = Callable[..., "psycopg.Connection[tuple[object, ...]]"]


@pytest.fixture
def connect() -> Iterator[Connect]:
    made: list[psycopg.Connection[tuple[object, ...]]] = []
    with hyperdb.open(":memory:", memory="32m") as database, database.serve(sql="127.0.0.1:0", control=False) as serving:
        assert serving.sql_address is not None
        host, port = serving.sql_address

        def connect(user: str = "postgres", **options: str) -> psycopg.Connection[tuple[object, ...]]:
            said = {"host": host, "port": port, "dbname": "hyperdb", "sslmode": "disable", "password": "x", **options}
            made.append(psycopg.connect(user=user, autocommit=True, **said))  # type: ignore[arg-type]
            return made[-1]

        owner = connect()
        for text in (
            "CREATE TABLE t (a int PRIMARY KEY)",
            "CREATE ROLE app LOGIN PASSWORD 'x'",
            "CREATE ROLE maker LOGIN CREATEROLE PASSWORD 'x'",
            "CREATE ROLE root LOGIN SUPERUSER PASSWORD 'x'",
            "CREATE ROLE admins IN ROLE root",
            "CREATE ROLE staff",
            "CREATE ROLE keeper LOGIN PASSWORD 'x'",
            "GRANT admins TO keeper WITH ADMIN OPTION",
        ):
            owner.execute(text)
        yield connect
        for each in made:
            each.close()


def denied(connection: psycopg.Connection[tuple[object, ...]], text: str, sqlstate: str = "42501") -> None:
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(text)
    assert caught.value.sqlstate == sqlstate, text


@pytest.mark.parametrize(
    "text",
    [
        "SET ROLE hyperdb",
        "SET ROLE postgres",
        "SET LOCAL ROLE root",
        "SELECT set_config('role', 'hyperdb', false)",
        "SELECT set_config('ROLE', 'root', true)",
        "SET \"role\" = 'root'",
        "SET \"role\" TO 'hyperdb'",
    ],
)
def test_the_role_is_set_to_ones_own_by_no_way(connect: Connect, text: str) -> None:
    app = connect("app")
    denied(app, text)
    assert app.execute("SELECT current_user").fetchone() == ("app",)
    denied(app, "SELECT * FROM t")


def test_nor_by_a_setting_of_the_start(connect: Connect) -> None:
    for options in ("-c role=hyperdb", "--role=root"):
        with pytest.raises(psycopg.OperationalError, match="permission denied to set role"):
            connect("app", options=options)
    owner = connect()
    owner.execute("GRANT staff TO app")
    member = connect("app", options="-c role=staff")
    assert member.execute("SELECT current_user, session_user").fetchone() == ("staff", "app")
    owner.execute("REVOKE staff FROM app")
    member.execute("SET ROLE app")
    denied(member, "RESET ROLE")
    denied(member, "DISCARD ALL")


def test_is_superuser_says_what_is_so(connect: Connect) -> None:
    app, owner = connect("app"), connect()
    assert app.info.parameter_status("is_superuser") == "off"
    assert app.execute("SHOW is_superuser").fetchone() == ("off",)
    assert owner.info.parameter_status("is_superuser") == "on"
    owner.execute("SET ROLE app")
    assert owner.info.parameter_status("is_superuser") == "off"
    owner.execute("RESET ROLE")
    assert owner.execute("SELECT current_setting('is_superuser')").fetchone() == ("on",)
    assert owner.info.parameter_status("is_superuser") == "on"


@pytest.mark.parametrize(
    "text",
    [
        "GRANT hyperdb TO maker",
        "GRANT postgres TO maker",
        "GRANT root TO maker",
        "GRANT admins TO maker",
        "REVOKE root FROM admins",
        "CREATE ROLE more LOGIN IN ROLE root",
        "CREATE ROLE more LOGIN IN ROLE admins",
        "CREATE ROLE more SUPERUSER",
        "CREATE ROLE more BYPASSRLS",
        "DROP ROLE root",
        "DROP ROLE admins",
        "ALTER ROLE root RENAME TO other",
        "ALTER ROLE root PASSWORD 'mine'",
        "ALTER ROLE keeper PASSWORD 'mine'",
        "ALTER ROLE admins LOGIN PASSWORD 'mine'",
        "ALTER ROLE root NOSUPERUSER",
        "ALTER ROLE app SUPERUSER",
    ],
)
def test_createrole_does_not_reach_superusers(connect: Connect, text: str) -> None:
    maker = connect("maker")
    denied(maker, text)
    found = connect().execute("SELECT rolname FROM pg_roles WHERE rolsuper ORDER BY 1").fetchall()
    assert found == [("hyperdb",), ("root",)]


def test_createrole_makes_and_changes_the_others(connect: Connect) -> None:
    maker = connect("maker")
    for text in ("CREATE ROLE more IN ROLE staff", "ALTER ROLE app PASSWORD 'y'", "GRANT staff TO app", "DROP ROLE more"):
        maker.execute(text)
    # The admin option hands on what is no way to a superuser.
    denied(connect("keeper"), "GRANT admins TO app")


@pytest.mark.parametrize(
    ("text", "sqlstate"),
    [
        ('CREATE ROLE ""', "42601"),
        ('ALTER ROLE staff RENAME TO ""', "42601"),
        ("ALTER ROLE staff RENAME TO public", "42939"),
        ("ALTER ROLE staff RENAME TO pg_staff", "42939"),
        ("ALTER ROLE maker RENAME TO other", "0A000"),
        ("ALTER ROLE staff LOGIN IN ROLE app", "42601"),
    ],
)
def test_names_that_no_role_may_have(connect: Connect, text: str, sqlstate: str) -> None:
    denied(connect("maker"), text, sqlstate)


def test_a_verifier_does_not_keep_the_server_computing(connect: Connect) -> None:
    salt, key = base64.b64encode(b"s" * 16).decode(), base64.b64encode(b"k" * 32).decode()
    app = connect("app")
    denied(app, f"ALTER ROLE app PASSWORD 'SCRAM-SHA-256${MOST_ITERATIONS + 1}:{salt}${key}:{key}'", "22023")
    app.execute(f"ALTER ROLE app PASSWORD 'SCRAM-SHA-256${MOST_ITERATIONS}:{salt}${key}:{key}'")


def test_a_store_is_merged_by_owners_only(connect: Connect) -> None:
    app = connect("app")
    said: list[str] = []
    app.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
    app.execute("VACUUM t")
    app.execute("VACUUM")
    assert said == ['permission denied to vacuum "t", skipping it', "permission denied to vacuum the store, skipping it"]
