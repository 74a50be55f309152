"""DESCRIBE's answers: what is listed, what is said of elements, and that what is said makes the same schema again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cql_bench import CqlBench
from test_system_tables import NODE

import hyperdb
from hyperdb.errors import CqlError
from hyperdb.frontends.cql.parse.parser import Grammar
from hyperdb.frontends.cql.parse.permissions import Describe
from hyperdb.frontends.cql.schema.rows import Facts
from hyperdb.frontends.cql.system.describe import answer
from hyperdb.frontends.cql.system.registry import BUILTIN

SCHEMA = (
    "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    "CREATE KEYSPACE \"Other\" WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 1} AND durable_writes = 0",
    'CREATE TYPE ks.z (x int, "Y" frozen<map<text, int>>)',
    "CREATE TYPE ks.a (z frozen<z>)",
    'CREATE TABLE ks.t (k int, c text, s set<int> STATIC, v frozen<a>, "V" vector<float, 2>, PRIMARY KEY (k, c))'
    " WITH CLUSTERING ORDER BY (c DESC) AND comment = 'what''s this' AND default_time_to_live = 5",
    "CREATE TABLE ks.n (k int PRIMARY KEY, n counter)",
    'CREATE TABLE "Other"."select" ("from" int PRIMARY KEY)',
    "ALTER TABLE ks.t ADD gone int",
    "ALTER TABLE ks.t DROP gone USING TIMESTAMP 1000",
)


@pytest.fixture
def bench(cql: Grammar) -> Iterator[CqlBench]:
    with hyperdb.open(":memory:") as database:
        made = CqlBench(database, cql, BUILTIN)
        for each in SCHEMA:
            made.run(each)
        yield made


def describe(bench: CqlBench, text: str) -> list[tuple[str, ...]]:
    statement = bench.grammar.parse(text)
    assert isinstance(statement, Describe)
    rows = bench.within(lambda tx, schema: answer(Facts(tx, schema, NODE, "", bench.now), bench.keyspace, statement)).rows
    assert isinstance(rows, list)
    return [tuple("" if value is None else value.decode() for value in row) for row in rows]


def test_lists(bench: CqlBench) -> None:
    assert ("ks", "keyspace", "ks") in describe(bench, "DESCRIBE KEYSPACES")
    assert ("system", "table", "local") in describe(bench, "DESCRIBE TABLES")
    assert describe(bench, "DESC TYPES") == [("ks", "type", "a"), ("ks", "type", "z")]
    bench.keyspace = "Other"
    assert describe(bench, "DESCRIBE TABLES") == [('"Other"', "table", '"select"')]
    assert len(describe(bench, "DESCRIBE KEYSPACES")) > 2
    assert describe(bench, "DESCRIBE FUNCTIONS") == []


def test_the_cluster(bench: CqlBench) -> None:
    assert describe(bench, "DESCRIBE CLUSTER") == [("HyperDB", "Murmur3Partitioner", "SimpleSnitch")]
    bench.keyspace = "ks"
    statement = bench.grammar.parse("DESCRIBE CLUSTER")
    assert isinstance(statement, Describe)
    found = bench.within(lambda tx, schema: answer(Facts(tx, schema, NODE, "", bench.now), "ks", statement))
    assert [column.name for column in found.columns] == ["cluster", "partitioner", "snitch", "range_ownership"]


@pytest.mark.parametrize("internals", ["", " WITH INTERNALS"])
def test_a_schema_is_made_again_by_what_is_shown(bench: CqlBench, internals: str) -> None:
    before = describe(bench, "DESCRIBE SCHEMA" + internals)
    bench.run("DROP KEYSPACE ks")
    bench.run('DROP KEYSPACE "Other"')
    for _, _, _, text in before:
        for statement in text.split(";\n"):
            bench.run(statement)
    assert describe(bench, "DESCRIBE SCHEMA" + internals) == before
    assert [each[1:3] for each in before] == [
        ("keyspace", '"Other"'), ("table", '"select"'), ("keyspace", "ks"), ("type", "z"), ("type", "a"), ("table", "n"),
        ("table", "t"),
    ]  # fmt: skip


def test_everything_the_server_has_is_shown(bench: CqlBench) -> None:
    full = describe(bench, "DESCRIBE FULL SCHEMA")
    for _, kind, name, text in full:
        if not text.startswith("/*"):
            bench.grammar.parse(text)
        assert kind.upper() in text or kind == "keyspace"
        assert name in text


def test_elements_by_name(bench: CqlBench) -> None:
    assert [each[1:3] for each in describe(bench, "DESCRIBE KEYSPACE ks")] == [each[1:3] for each in describe(bench, "DESC ks")]
    assert len(describe(bench, "DESCRIBE ONLY KEYSPACE ks")) == 1
    assert describe(bench, "DESCRIBE TYPE ks.a")[0][3] == "CREATE TYPE ks.a (\n    z frozen<z>\n);"
    bench.keyspace = "ks"
    assert describe(bench, "DESCRIBE TABLE t") == describe(bench, "DESCRIBE t") == describe(bench, "DESCRIBE ks.t")
    (table,) = describe(bench, "DESCRIBE TABLE system_virtual_schema.tables")
    assert table[3].startswith(
        "/*\nWarning: Table system_virtual_schema.tables is a virtual table and cannot be recreated with CQL."
    )
    assert "VIRTUAL TABLE system_virtual_schema.tables (\n    keyspace_name text," in table[3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("DESCRIBE KEYSPACE none", "'none' not found in keyspaces"),
        ("DESCRIBE none", "'none' not found in keyspaces"),
        ("DESCRIBE KEYSPACE", "No keyspace specified and no current keyspace"),
        ("DESCRIBE TABLE ks.none", "Table 'none' not found in keyspace 'ks'"),
        ("DESCRIBE TYPE ks.none", "User defined type 'none' not found in 'ks'"),
        ("DESCRIBE INDEX ks.none", "Table for existing index 'none' not found in 'ks'"),
        ("DESCRIBE MATERIALIZED VIEW ks.none", "Materialized view 'none' not found in keyspace 'ks'"),
        ("DESCRIBE FUNCTION ks.none", "User defined function 'none' not found in 'ks'"),
        ("DESCRIBE ks.none", "'none' not found in keyspace 'ks'"),
    ],
)
def test_what_is_not_there(bench: CqlBench, text: str, message: str) -> None:
    with pytest.raises(CqlError, match=message):
        describe(bench, text)
