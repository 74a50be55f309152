"""System tables: their rows as the wire has them, by partition, in the order of their keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from cql_bench import CqlBench
from cql_session import Client, backend

import hyperdb
from hyperdb.frontends.cql.parse.parser import Grammar
from hyperdb.frontends.cql.schema.rows import Facts, Node
from hyperdb.frontends.cql.schema.token import token
from hyperdb.frontends.cql.system.registry import BUILTIN
from hyperdb.frontends.cql.types.codec import decode

NODE = Node(UUID(int=7), started=1_700_000_000_000_000)


def rows(bench: CqlBench, keyspace: str, table: str, *key: str) -> list[dict[str, Any]]:
    """Rows of a system table, decoded."""

    def body(transaction: Any, schema: Any) -> list[dict[str, Any]]:
        served = schema.table(keyspace, table)
        facts = Facts(transaction, schema, NODE, bench.role, bench.now)
        found = served.source.rows(facts, [each.encode() for each in key] if key else None)
        return [
            {column.name: decode(column.type, value) for column, value in zip(served.columns.values(), row, strict=True)}
            for row in found
        ]

    return bench.within(body)


@pytest.fixture
def bench(cql: Grammar) -> Iterator[CqlBench]:
    with hyperdb.open(":memory:") as database:
        made = CqlBench(database, cql, BUILTIN)
        made.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        made.keyspace = "ks"
        yield made


def test_every_table_gives_rows(bench: CqlBench) -> None:
    bench.run("CREATE TABLE t (a int, b text, c counter, PRIMARY KEY (a, b))")
    schema = bench.schema()
    for keyspace, table in BUILTIN.tables:
        for row in rows(bench, keyspace, table):
            served = schema.table(keyspace, table)
            assert all(row[column.name] is not None for column in (*served.partition, *served.clustering))


def test_the_local_node(bench: CqlBench) -> None:
    (before,) = rows(bench, "system", "local")
    assert before["host_id"] == NODE.host_id
    assert before["tokens"] == ("0",)
    bench.run("CREATE TABLE t (a int PRIMARY KEY)")
    (after,) = rows(bench, "system", "local", "local")
    assert after["schema_version"] != before["schema_version"]
    assert rows(bench, "system", "local", "other") == []
    assert rows(bench, "system", "peers_v2") == []


def test_a_table_is_described_in_rows(bench: CqlBench) -> None:
    bench.run("CREATE TABLE t (b text, a int, s int STATIC, v set<int>, PRIMARY KEY (a, b)) WITH CLUSTERING ORDER BY (b DESC)")
    (table,) = rows(bench, "system_schema", "tables", "ks")
    assert (table["table_name"], table["flags"], table["id"]) == ("t", ("compound",), UUID(int=1))
    columns = rows(bench, "system_schema", "columns", "ks")
    assert [(row["column_name"], row["kind"], row["position"], row["clustering_order"], row["type"]) for row in columns] == [
        ("a", "partition_key", 0, "none", "int"),
        ("b", "clustering", 0, "desc", "text"),
        ("s", "static", -1, "none", "int"),
        ("v", "regular", -1, "none", "set<int>"),
    ]


def test_partitions_come_by_token(bench: CqlBench) -> None:
    names = [row["keyspace_name"] for row in rows(bench, "system_schema", "keyspaces")]
    assert set(names) >= {"ks", "system", "system_schema"}
    assert names == sorted(names, key=lambda name: token([name.encode()]))
    virtual = [row["keyspace_name"] for row in rows(bench, "system_virtual_schema", "keyspaces")]
    assert virtual == sorted(virtual)


def test_definitions_leave_the_system_alone(bench: CqlBench) -> None:
    assert "system keyspace is not user-modifiable." in bench.refused("DROP KEYSPACE system")[1]
    assert "system_virtual_schema keyspace is not user-modifiable." in bench.refused("DROP TABLE system_virtual_schema.tables")[1]
    assert "system keyspace is not user-modifiable" in bench.refused("TRUNCATE system.local")[1]


def test_clients_are_seen(cql: Grammar) -> None:
    with hyperdb.open(":memory:") as database:
        shared = backend(database, cql)
        client = Client(shared)
        Client(shared)
        assert client.run("SELECT username, protocol_version FROM system_views.clients LIMIT 1") == [("cassandra", 5)]
        names = client.run("SELECT name FROM system_views.metrics")
        assert ("block_cache_bytes",) in names
        assert client.run("SELECT value FROM system_views.settings WHERE name = 'cluster_name'") == [("HyperDB",)]


def test_frames_are_seen(cql: Grammar) -> None:
    with hyperdb.open(":memory:") as database:
        client = Client(backend(database, cql))
        client.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        frame = database.frames.seal()
        ((number, root),) = client.run("SELECT frame, root FROM hyperdb.frames")
        assert (number, root) == (frame.number, frame.root)
        assert client.run("SELECT frame FROM hyperdb.frames WHERE frame = 77") == []
        apps = client.run(f"SELECT app FROM hyperdb.roots WHERE frame = {number}")
        assert [name for (name,) in apps] == sorted(database.frames.apps(number))


def test_roles_are_seen(cql: Grammar) -> None:
    with hyperdb.open(":memory:") as database:
        database.sql("CREATE ROLE readers")
        database.sql("CREATE ROLE alice LOGIN IN ROLE readers")
        client = Client(backend(database, cql))
        assert client.run("SELECT can_login, is_superuser, member_of FROM system_auth.roles WHERE role = 'alice'") == [
            (True, False, ("readers",))
        ]
        assert client.run("SELECT member FROM system_auth.role_members WHERE role = 'readers'") == [("alice",)]
