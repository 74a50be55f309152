"""Roles and permissions: who may do what, in Cassandra's words, on the roles that SQL has too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cql_bench import CqlBench

import hyperdb
from hyperdb.errors import CqlError
from hyperdb.frontends.cql import access
from hyperdb.frontends.cql.codes import ErrorCode
from hyperdb.frontends.cql.parse.parser import Grammar
from hyperdb.frontends.cql.protocol.responses import Rows
from hyperdb.frontends.cql.system.registry import BUILTIN
from hyperdb.frontends.cql.types.codec import decode
from hyperdb.graph.roles import read_roles
from hyperdb.roles import RoleChanges

KEYSPACE = "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"


HASHED = "$2a$10$JSJEMFm6GeaW9XxT5JIheuEtPvat6i7uKbnTcxX3c1wshIIsGyUtG"


class Roles(CqlBench):
    """Runs statements as roles, as a session does: first whether the role may, then what it says."""

    def say(self, text: str, role: str = "cassandra") -> list[tuple[object, ...]]:
        statement = self.grammar.parse(text)
        self.role = role

        def body(transaction: object, schema: object) -> Rows | None:
            image = access.RoleImage(read_roles(transaction))  # type: ignore[arg-type]
            access.authorize(image, role, statement, schema, self.keyspace)  # type: ignore[arg-type]
            if type(statement).__module__.endswith("permissions"):
                context = access.Context(transaction, schema, self.keyspace, role, self.warnings)  # type: ignore[arg-type]
                return access.run(context, statement)  # type: ignore[arg-type]
            return None

        rows = self.within(body)
        if type(statement).__module__.endswith("definitions"):
            self.run_statement(statement)
        if rows is None:
            return []
        assert not hasattr(rows.rows, "data")
        return [tuple(decode(column.type, value) for column, value in zip(rows.columns, row, strict=True)) for row in rows.rows]

    def denied(self, text: str, role: str) -> str:
        with pytest.raises(CqlError) as caught:
            self.say(text, role)
        assert caught.value.code == ErrorCode.UNAUTHORIZED
        return caught.value.message


@pytest.fixture
def roles(cql: Grammar) -> Iterator[Roles]:
    with hyperdb.open(":memory:") as database:
        made = Roles(database, cql, BUILTIN)
        made.say(KEYSPACE)
        made.say("CREATE TABLE ks.t (a int PRIMARY KEY, v int)")
        made.say("CREATE ROLE alice WITH PASSWORD = 'a' AND LOGIN = true")
        yield made


NEEDED = [
    ("SELECT * FROM ks.t", "SELECT", "<table ks.t>", "TABLE ks.t"),
    ("INSERT INTO ks.t (a) VALUES (1)", "MODIFY", "<table ks.t>", "KEYSPACE ks"),
    ("BEGIN BATCH DELETE FROM ks.t WHERE a = 1; APPLY BATCH", "MODIFY", "<table ks.t>", "ALL KEYSPACES"),
    ("TRUNCATE ks.t", "MODIFY", "<table ks.t>", "ALL TABLES IN KEYSPACE ks"),
    ("CREATE KEYSPACE k2 WITH replication = {'class': 'SimpleStrategy'}", "CREATE", "<all keyspaces>", "ALL KEYSPACES"),
    ("ALTER KEYSPACE ks WITH durable_writes = true", "ALTER", "<keyspace ks>", "KEYSPACE ks"),
    ("DROP KEYSPACE ks", "DROP", "<keyspace ks>", "KEYSPACE ks"),
    ("CREATE TABLE ks.u (a int PRIMARY KEY)", "CREATE", "<all tables in ks>", "ALL TABLES IN KEYSPACE ks"),
    ("ALTER TABLE ks.t ADD w int", "ALTER", "<table ks.t>", "TABLE ks.t"),
    ("DROP TABLE ks.t", "DROP", "<table ks.t>", "TABLE ks.t"),
    ("CREATE TYPE ks.y (a int)", "CREATE", "<keyspace ks>", "KEYSPACE ks"),
    ("CREATE ROLE bob", "CREATE", "<all roles>", "ALL ROLES"),
    ("DROP ROLE carl", "DROP", "<role carl>", "ROLE carl"),
    ("ALTER ROLE carl WITH LOGIN = true", "ALTER", "<role carl>", "ROLE carl"),
]


@pytest.mark.parametrize(("text", "permission", "where", "granted"), NEEDED)
def test_what_a_statement_needs(roles: Roles, text: str, permission: str, where: str, granted: str) -> None:
    roles.say("CREATE ROLE carl")
    message = f"User alice has no {permission} permission on {where} or any of its parents"
    assert roles.denied(text, "alice") == message
    roles.say(f"GRANT {permission} ON {granted} TO alice")
    roles.say(text, "alice")


def test_a_grant_is_taken_back_and_comes_by_roles(roles: Roles) -> None:
    roles.say("CREATE ROLE readers")
    roles.say("GRANT SELECT ON KEYSPACE ks TO readers")
    roles.say("GRANT readers TO alice")
    roles.say("SELECT * FROM ks.t", "alice")
    rows = roles.say("LIST ALL PERMISSIONS OF alice")
    assert rows == [("readers", "readers", "<keyspace ks>", "SELECT")]
    assert roles.say("LIST ALL PERMISSIONS OF alice NORECURSIVE") == []
    assert [row[0] for row in roles.say("LIST ROLES OF alice")] == ["alice", "readers"]
    roles.say("REVOKE SELECT ON KEYSPACE ks FROM readers")
    roles.denied("SELECT * FROM ks.t", "alice")
    roles.say("GRANT SELECT ON ks.t TO readers")
    roles.say("REVOKE readers FROM alice")
    roles.denied("SELECT * FROM ks.t", "alice")


def test_who_makes_a_table_may_do_all_with_it(roles: Roles) -> None:
    roles.say("GRANT CREATE ON ALL TABLES IN KEYSPACE ks TO alice")
    roles.say("CREATE TABLE ks.mine (a int PRIMARY KEY)", "alice")
    roles.say("SELECT * FROM ks.mine", "alice")
    roles.say("CREATE ROLE bob")
    roles.say("GRANT SELECT ON ks.mine TO bob", "alice")
    assert "has no AUTHORIZE permission on <table ks.t>" in roles.denied("GRANT SELECT ON ks.t TO bob", "alice")
    assert ("alice", "alice", "<table ks.mine>", "MODIFY") in roles.say("LIST ALL PERMISSIONS OF alice")


def test_all_permissions_are_granted_by_who_has_them(roles: Roles) -> None:
    roles.say("CREATE ROLE bob")
    roles.say("GRANT AUTHORIZE ON ks.t TO alice")
    assert "has no" in roles.denied("GRANT ALL ON ks.t TO bob", "alice")
    roles.say("GRANT ALL ON ks.t TO alice")
    roles.say("GRANT ALL PERMISSIONS ON ks.t TO bob", "alice")
    assert len(roles.say("LIST ALL PERMISSIONS OF bob")) == 7


def test_conditions_read(roles: Roles) -> None:
    roles.say("GRANT MODIFY ON ks.t TO alice")
    roles.say("UPDATE ks.t SET v = 1 WHERE a = 1", "alice")
    assert "no SELECT permission" in roles.denied("UPDATE ks.t SET v = 1 WHERE a = 1 IF v = 2", "alice")
    assert "no SELECT permission" in roles.denied("INSERT INTO ks.t (a) VALUES (1) IF NOT EXISTS", "alice")


def test_what_drivers_read_is_for_everybody(roles: Roles) -> None:
    roles.say("SELECT * FROM system.local", "alice")
    roles.say("SELECT * FROM system_schema.tables", "alice")
    roles.say("SELECT * FROM system_traces.sessions", "alice")
    for table in ("prepared_statements", "compaction_history", "batches", "paxos"):
        assert "no SELECT permission" in roles.denied(f"SELECT * FROM system.{table}", "alice")


def test_a_grant_counts_in_sql_and_back(cql: Grammar) -> None:
    with hyperdb.open(":memory:") as database:
        database.sql("CREATE ROLE alice LOGIN")
        roles = Roles(database, cql, BUILTIN)
        roles.say(KEYSPACE)
        roles.say("CREATE TABLE ks.t (a int PRIMARY KEY, v int)")
        roles.say("GRANT MODIFY ON ks.t TO alice")
        assert [row[0] for row in roles.say("LIST ROLES")] == ["alice", "cassandra"]
        database.sql("GRANT SELECT ON ks.t TO alice")
        assert roles.say("LIST ALL PERMISSIONS OF alice") == [
            ("alice", "alice", "<table ks.t>", "SELECT"),
            ("alice", "alice", "<table ks.t>", "MODIFY"),
        ]
        database.sql("REVOKE UPDATE ON ks.t FROM alice")
        assert roles.say("LIST ALL PERMISSIONS OF alice") == [("alice", "alice", "<table ks.t>", "SELECT")]
        roles.say("GRANT SELECT ON ALL KEYSPACES TO alice")
        roles.say("GRANT ALTER ON ROLE alice TO alice")
        database.sql("REVOKE ALL ON ks.t FROM alice")
        database.sql("DROP ROLE alice")
        assert [row[0] for row in roles.say("LIST ROLES")] == ["cassandra"]


def test_roles_come_and_go(roles: Roles) -> None:
    roles.say("CREATE USER bob WITH PASSWORD 'b' SUPERUSER")
    assert roles.say("LIST USERS") == [("alice", False, "ALL"), ("bob", True, "ALL"), ("cassandra", True, "ALL")]
    assert roles.say("LIST SUPERUSERS") == [("bob", True, "ALL"), ("cassandra", True, "ALL")]
    roles.say("CREATE ROLE IF NOT EXISTS bob")
    roles.say("ALTER ROLE bob WITH SUPERUSER = false AND LOGIN = false")
    assert ("bob", False, False, (), "n/a") in roles.say("LIST ROLES")
    assert roles.say("LIST ROLES", "alice") == [("alice", False, True, (), "ALL")]
    roles.say("GRANT bob TO alice")
    roles.say("GRANT ALTER ON ROLE bob TO alice")
    roles.say("DROP ROLE bob")
    roles.say("DROP ROLE IF EXISTS bob")
    assert roles.say("LIST ALL PERMISSIONS OF alice") == []
    roles.say("ALTER ROLE alice WITH PASSWORD = 'new'", "alice")


REFUSED = [
    ("CREATE ROLE alice", "cassandra", "alice already exists"),
    ("CREATE ROLE public", "cassandra", "Role name public is reserved"),
    ("CREATE ROLE x WITH OPTIONS = {'a': 1}", "cassandra", "OPTIONS are not supported"),
    (f"CREATE ROLE x WITH HASHED PASSWORD = '{HASHED}'", "cassandra", "Hashed passwords are not supported"),
    ("CREATE ROLE x WITH ACCESS TO DATACENTERS {'x'}", "cassandra", "not supported by AllowAllNetworkAuthorizer"),
    ("DROP ROLE none", "cassandra", "none doesn't exist"),
    ("ALTER ROLE none WITH LOGIN = true", "cassandra", "none doesn't exist"),
    ("DROP ROLE cassandra", "cassandra", "Cannot DROP primary role for current login"),
    ("ALTER ROLE alice WITH SUPERUSER = true", "alice", "You aren't allowed to alter your own superuser status"),
    ("ALTER ROLE other WITH SUPERUSER = true", "alice", "Only superusers are allowed to alter superuser status"),
    ("GRANT none TO alice", "cassandra", "none doesn't exist"),
    ("GRANT alice TO alice", "cassandra", "alice is a member of alice"),
    ("REVOKE other FROM alice", "cassandra", "alice is not a member of other"),
    ("GRANT SELECT ON ks.none TO alice", "cassandra", "Resource <table ks.none> doesn't exist"),
    ("GRANT SELECT ON ROLE other TO alice", "cassandra", "Resource type RoleResource does not support any of the requested"),
    ("GRANT EXECUTE ON ALL FUNCTIONS TO alice", "cassandra", "Permissions on ALL FUNCTIONS are not supported"),
    ("LIST ALL PERMISSIONS OF other", "alice", "You are not authorized to view other's permissions"),
    ("LIST ALL PERMISSIONS", "alice", "You are not authorized to view everyone's permissions"),
    ("LIST ROLES OF other", "alice", "You are not authorized to view roles granted to other"),
]


@pytest.mark.parametrize(("text", "role", "message"), REFUSED)
def test_what_is_refused(roles: Roles, text: str, role: str, message: str) -> None:
    roles.say("CREATE ROLE other")
    with pytest.raises(CqlError) as caught:
        roles.say(text, role)
    assert message in caught.value.message


def test_granting_twice_is_remarked(roles: Roles) -> None:
    roles.say("GRANT SELECT ON ks.t TO alice")
    roles.say("GRANT SELECT ON ks.t TO alice")
    roles.say("REVOKE MODIFY ON ks.t FROM alice")
    assert roles.warnings == [
        "Role 'alice' was already granted SELECT on <table ks.t>",
        "Role 'alice' was not granted MODIFY on <table ks.t>",
    ]


def test_the_cache_is_forgotten(roles: Roles) -> None:
    changes = RoleChanges()
    cache = access.RoleCache(roles.tables, changes)
    first = cache.image()
    roles.say("CREATE ROLE bob")
    assert cache.image() is first
    changes.tell()
    assert "bob" in cache.image().names


def test_a_role_that_does_not_inherit_has_its_own_only(cql: Grammar) -> None:
    with hyperdb.open(":memory:") as database:
        database.sql("CREATE ROLE admin SUPERUSER")
        database.sql("CREATE ROLE alice LOGIN NOINHERIT IN ROLE admin")
        database.sql("CREATE ROLE bob LOGIN IN ROLE admin")
        roles = Roles(database, cql, BUILTIN)
        roles.denied(KEYSPACE, "alice")
        roles.say(KEYSPACE, "bob")
        assert [row[0] for row in roles.say("LIST ROLES OF alice", "alice")] == ["admin", "alice"]
