"""Events of changed schemas: each change once, whichever language made it."""

from __future__ import annotations

from cql_bench import CqlBench

import hyperdb
from hyperdb.frontends.cql.codes import EventKind
from hyperdb.frontends.cql.contract import Opening
from hyperdb.frontends.cql.parse.parser import Grammar
from hyperdb.frontends.cql.protocol.responses import Event, SchemaChange
from hyperdb.frontends.cql.schema.watch import Watcher, changes
from hyperdb.frontends.cql.system.registry import BUILTIN

STATEMENTS = [
    "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    "CREATE TYPE ks.a (x int)",
    "CREATE TABLE ks.t (k int PRIMARY KEY, v frozen<a>)",
    "ALTER KEYSPACE ks WITH durable_writes = false",
    "ALTER TABLE ks.t WITH comment = 'x'",
    "ALTER TABLE ks.t DROP v",
    "DROP TABLE ks.t",
    "DROP TYPE ks.a",
    "DROP KEYSPACE ks",
]


def test_events_are_what_the_statements_say(cql: Grammar) -> None:
    with hyperdb.open(":memory:") as database:
        bench = CqlBench(database, cql, BUILTIN)
        told: list[SchemaChange] = []
        watcher = Watcher(told.append)
        first = bench.schema()
        watcher.look(first)
        made = []
        for text in STATEMENTS:
            made.append(bench.run(text))
            watcher.look(bench.schema())
            watcher.look(first)
        assert told == made


def test_a_type_of_a_table_changes_the_table_too(cql: Grammar) -> None:
    with hyperdb.open(":memory:") as database:
        bench = CqlBench(database, cql, BUILTIN)
        for text in STATEMENTS[:3]:
            bench.run(text)
        before = bench.schema()
        bench.run("ALTER TYPE ks.a ADD y int")
        bench.run("ALTER TABLE ks.t ADD w int")
        assert changes(before, bench.schema()) == [
            SchemaChange("UPDATED", "TYPE", "ks", "a"),
            SchemaChange("UPDATED", "TABLE", "ks", "t"),
        ]
        assert [each.change for each in changes(bench.schema(), before)] == ["UPDATED", "UPDATED"]


def test_what_sql_makes_is_seen(cql: Grammar) -> None:
    with hyperdb.open(":memory:") as database:
        database.sql("SELECT 1")
        bench = CqlBench(database, cql, BUILTIN)
        told: list[SchemaChange] = []
        watcher = Watcher(told.append)
        watcher.look(bench.schema())
        for text in ("CREATE SCHEMA s", "CREATE TABLE public.t (a int)", "DROP SCHEMA s"):
            database.sql(text)
            watcher.look(bench.schema())
        assert told == [SchemaChange("CREATED", "KEYSPACE", "s"), SchemaChange("DROPPED", "KEYSPACE", "s")]
        assert "cannot be used in CQL" in bench.refused("TRUNCATE public.t")[1]


def test_clients_hear_of_what_sql_does(cql: Grammar) -> None:
    with hyperdb.open(":memory:") as database:
        database.sql("CREATE SCHEMA before")
        backend = database.cql_backend
        backend.grammar = cql
        heard: list[Event] = []
        session = backend.open(Opening("hyperdb"))
        session.register(frozenset({EventKind.SCHEMA}), heard.append)
        database.sql("CREATE SCHEMA s")
        database.sql("CREATE TABLE s.t (a int PRIMARY KEY)")
        database.sql("ALTER TABLE s.t ADD b text")
        database.sql("DROP SCHEMA s CASCADE")
        session.close()
        database.sql("CREATE SCHEMA later")
        assert heard[-4:] == [
            SchemaChange("CREATED", "KEYSPACE", "s"),
            SchemaChange("CREATED", "TABLE", "s", "t"),
            SchemaChange("UPDATED", "TABLE", "s", "t"),
            SchemaChange("DROPPED", "KEYSPACE", "s"),
        ]
