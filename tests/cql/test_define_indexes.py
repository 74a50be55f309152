"""Indexes and materialized views: what definitions make and how they are refused; rows that are there already are in them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cql_bench import CqlBench
from cql_session import Client, backend

import hyperdb
from hyperdb.errors import CqlError
from hyperdb.frontends.cql.describe.create import keyspace_statements
from hyperdb.frontends.cql.describe.schema import View
from hyperdb.frontends.cql.parse.definitions import TargetKind
from hyperdb.frontends.cql.parse.parser import Grammar
from hyperdb.frontends.cql.protocol.responses import SchemaChange

SETUP = (
    "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    "CREATE TYPE ks.u (x int)",
    "CREATE TABLE ks.t (a int, b int, c text, v int, s set<int>, m map<text, int>, f frozen<list<int>>, d duration, u u,"
    " z vector<float, 2>, st int STATIC, PRIMARY KEY ((a, b), c))",
    "CREATE TABLE ks.one (a int PRIMARY KEY, v int, w text)",
    "CREATE TABLE ks.n (a int PRIMARY KEY, n counter)",
)


@pytest.fixture
def bench(cql: Grammar) -> Iterator[CqlBench]:
    with hyperdb.open(":memory:") as database:
        made = CqlBench(database, cql)
        for text in SETUP:
            made.run(text)
        made.keyspace = "ks"
        yield made


def described(bench: CqlBench) -> list[str]:
    return [text for _, _, text in keyspace_statements(bench.schema().keyspace("ks"), internals=True)]


INDEXES = {
    "CREATE INDEX ON t (v)": ("t_v_idx", "v", TargetKind.SIMPLE, "CREATE INDEX t_v_idx ON ks.t (v);"),
    "CREATE INDEX mine ON t (b)": ("mine", "b", TargetKind.SIMPLE, "CREATE INDEX mine ON ks.t (b);"),
    "CREATE INDEX ON t (s)": ("t_s_idx", "s", TargetKind.VALUES, "CREATE INDEX t_s_idx ON ks.t (values(s));"),
    "CREATE INDEX k ON t (keys(m))": ("k", "m", TargetKind.KEYS, "CREATE INDEX k ON ks.t (keys(m));"),
    "CREATE INDEX e ON t (ENTRIES(m))": ("e", "m", TargetKind.ENTRIES, "CREATE INDEX e ON ks.t (entries(m));"),
    "CREATE INDEX ON t (FULL(f))": ("t_f_idx", "f", TargetKind.FULL, "CREATE INDEX t_f_idx ON ks.t (full(f));"),
    "CREATE INDEX ON t (st)": ("t_st_idx", "st", TargetKind.SIMPLE, "CREATE INDEX t_st_idx ON ks.t (st);"),
    "CREATE INDEX ON t (v) USING 'legacy_local_table'": ("t_v_idx", "v", TargetKind.SIMPLE, "CREATE INDEX t_v_idx ON ks.t (v);"),
    "CREATE INDEX ON t (v) USING 'sai'": (
        "t_v_idx", "v", TargetKind.SIMPLE, "CREATE CUSTOM INDEX t_v_idx ON ks.t (v) USING 'sai';",
    ),
    "CREATE CUSTOM INDEX i ON t (z) USING 'StorageAttachedIndex' WITH OPTIONS = {'similarity_function': 'cosine'}": (
        "i", "z", TargetKind.SIMPLE,
        "CREATE CUSTOM INDEX i ON ks.t (z) USING 'StorageAttachedIndex' WITH OPTIONS = {'similarity_function': 'cosine'};",
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", INDEXES)
def test_an_index_is_what_was_said(bench: CqlBench, text: str) -> None:
    name, column, kind, shown = INDEXES[text]
    assert bench.run(text) == SchemaChange("UPDATED", "TABLE", "ks", "t")
    (index,) = bench.schema().table("ks", "t").indexes
    assert (index.index.name, index.column, index.kind) == (name, column, kind)
    assert shown in described(bench)
    before = described(bench)
    assert bench.run(f"DROP INDEX ks.{name}") == SchemaChange("UPDATED", "TABLE", "ks", "t")
    assert bench.schema().table("ks", "t").indexes == ()
    bench.run(shown)
    assert described(bench) == before
    assert "is a duplicate of existing index" in bench.refused(shown.replace(f"INDEX {name}", "INDEX other"))[1]


def test_names_of_indexes(bench: CqlBench) -> None:
    bench.run("CREATE INDEX ON t (keys(m))")
    bench.run("CREATE INDEX ON t (values(m))")
    assert [each.index.name for each in bench.schema().table("ks", "t").indexes] == ["t_m_idx", "t_m_idx_1"]
    assert bench.refused("CREATE INDEX t_m_idx ON one (v)")[1] == "Index 't_m_idx' already exists"
    assert bench.run("CREATE INDEX IF NOT EXISTS t_m_idx ON one (v)") is None
    assert bench.run("DROP INDEX IF EXISTS none") is None


VIEW = "CREATE MATERIALIZED VIEW v AS SELECT {} FROM one WHERE v IS NOT NULL AND a IS NOT NULL PRIMARY KEY (v, a)"


def test_a_view_is_what_was_said(bench: CqlBench) -> None:
    text = VIEW.format("*") + " WITH CLUSTERING ORDER BY (a DESC) AND comment = 'x'"
    assert bench.run(text) == SchemaChange("CREATED", "TABLE", "ks", "v")
    served = bench.schema().table("ks", "v")
    assert served.base == "one"
    assert [column.name for column in served.table.columns] == ["v", "a", "w"]
    assert bench.schema().table("ks", "one").views == ("v",)
    bench.run("ALTER TABLE one ADD y set<int>")
    bench.run("ALTER TABLE one RENAME a TO id")
    assert bench.run("ALTER MATERIALIZED VIEW v WITH comment = 'y'") == SchemaChange("UPDATED", "TABLE", "ks", "v")
    served = bench.schema().table("ks", "v")
    assert [column.name for column in served.table.columns] == ["v", "id", "w", "y"]
    before = described(bench)
    assert any("WHERE v IS NOT NULL AND id IS NOT NULL" in each and "comment = 'y'" in each for each in before)
    assert bench.refused("DROP TABLE one")[1].endswith("materialized views still depend on it (ks.v)")
    bench.run("DROP KEYSPACE ks")
    for each in before:
        bench.run(each)
    assert described(bench) == before
    assert bench.run("DROP MATERIALIZED VIEW v") == SchemaChange("DROPPED", "TABLE", "ks", "v")
    bench.run("DROP TABLE one")


def test_conditions_of_a_view_are_kept(bench: CqlBench) -> None:
    bench.run(VIEW.format("w, v, a").replace("a IS NOT NULL", "a >= 3"))
    found = bench.schema().table("ks", "v")
    assert isinstance(found.table, View)
    assert not found.table.all_columns
    record = bench.within(lambda tx, schema: tx.lock_object(found.number, "access share"))
    assert b"1 >= 00000003" in record


REFUSED = {
    "CREATE INDEX ON none (v)": "Table 'none' doesn't exist",
    "CREATE INDEX ON t (none)": "Column 'none' doesn't exist",
    "CREATE INDEX ON one (a)": "Cannot create secondary index on the only partition key column a",
    "CREATE INDEX ON n (n)": "Secondary indexes on counter tables aren't supported",
    "CREATE INDEX ON t (f)": "Cannot create values() index on frozen column f. Frozen collections are immutable",
    "CREATE INDEX ON t (FULL(v))": "full() indexes can only be created on frozen collections",
    "CREATE INDEX ON t (KEYS(v))": "Cannot create keys() index on v. Non-collection columns only support simple indexes",
    "CREATE INDEX ON t (KEYS(s))": "Cannot create index on keys of column s with non-map type",
    "CREATE INDEX ON t (d)": "Secondary indexes are not supported on duration columns",
    "CREATE INDEX ON t (u)": "Cannot create index on non-frozen UDT column u",
    "CREATE INDEX ON t (z)": "Secondary indexes are not supported on vectors",
    "CREATE INDEX ON t (v, b)": "Only CUSTOM indexes support multiple columns",
    "CREATE CUSTOM INDEX ON t (v) USING 'no.such.Class'": "Unable to find custom indexer class 'no.such.Class'",
    "CREATE CUSTOM INDEX ON t (v) USING 'sai' WITH OPTIONS = {'case_sensitive': false}": "is not supported with value false",
    "CREATE CUSTOM INDEX ON t (v) USING 'sai' WITH OPTIONS = {'x': 'y'}": "Properties specified [x] are not understood",
    "DROP INDEX none": "Index 'ks.none' doesn't exist",
    "ALTER TABLE one DROP v": "it has dependent secondary indexes (one_v_idx)",
    "CREATE MATERIALIZED VIEW one AS SELECT * FROM t WHERE a IS NOT NULL PRIMARY KEY (a)": "a table with the same name",
    "CREATE MATERIALIZED VIEW x AS SELECT * FROM none WHERE a IS NOT NULL PRIMARY KEY (a)": "Base table 'none' doesn't exist",
    "CREATE MATERIALIZED VIEW x AS SELECT * FROM n WHERE a IS NOT NULL PRIMARY KEY (a)": "not supported on counter tables",
    "CREATE MATERIALIZED VIEW x AS SELECT * FROM t WHERE a IS NOT NULL PRIMARY KEY (a)": "Cannot include static column 'st'",
    "CREATE MATERIALIZED VIEW x AS SELECT a, v FROM one WHERE v IS NOT NULL PRIMARY KEY (v)": "without primary key columns a",
    "CREATE MATERIALIZED VIEW x AS SELECT a, v, w FROM one WHERE v IS NOT NULL AND w IS NOT NULL AND a IS NOT NULL"
    " PRIMARY KEY (v, w, a)": "Cannot include more than one non-primary key column in materialized view primary key (got v, w)",
    "CREATE MATERIALIZED VIEW x AS SELECT a, v FROM one WHERE v IS NOT NULL PRIMARY KEY (v, a)": "Primary key columns a must be",
    "CREATE MATERIALIZED VIEW x AS SELECT a, v, w FROM one WHERE v IS NOT NULL AND a IS NOT NULL AND w = 'x'"
    " PRIMARY KEY (v, a)": "Non-primary key columns cannot be restricted in the SELECT statement",
    "CREATE MATERIALIZED VIEW x AS SELECT a AS b, v FROM one WHERE v IS NOT NULL PRIMARY KEY (v, a)": "Cannot use aliases when",
    "CREATE MATERIALIZED VIEW x AS SELECT a, v FROM one WHERE v IS NOT NULL AND a IS NOT NULL PRIMARY KEY (v, a)"
    " WITH default_time_to_live = 5": "Cannot set default_time_to_live for a materialized view",
    "DROP MATERIALIZED VIEW one": "Materialized view 'ks.one' doesn't exist",
    "ALTER MATERIALIZED VIEW one WITH comment = 'x'": "Materialized view 'ks.one' doesn't exist",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_refused(bench: CqlBench, text: str) -> None:
    bench.run("CREATE INDEX ON one (v)")
    before = described(bench)
    assert REFUSED[text] in bench.refused(text)[1]
    assert described(bench) == before


def test_rows_that_are_there_are_in_the_index_and_in_the_view(cql: Grammar) -> None:
    with hyperdb.open(":memory:") as database:
        client = Client(backend(database, cql))
        for text in (SETUP[0], SETUP[3]):
            client.run(text)
        for number in range(20):
            client.run(f"INSERT INTO ks.one (a, v, w) VALUES ({number}, {number % 3}, 'w{number}')")
        client.run("CREATE INDEX ON ks.one (v)")
        client.run(VIEW.replace(" v AS", " ks.v AS").format("*").replace("FROM one", "FROM ks.one"))
        wanted = [(number,) for number in range(20) if number % 3 == 1]
        assert sorted(client.run("SELECT a FROM ks.one WHERE v = 1")) == wanted
        assert client.run("SELECT a FROM ks.v WHERE v = 1") == wanted
        client.run("UPDATE ks.one SET v = 1 WHERE a = 0")
        client.run("DELETE FROM ks.one WHERE a = 1")
        wanted = [(0,), *wanted[1:]]
        assert sorted(client.run("SELECT a FROM ks.one WHERE v = 1")) == wanted
        assert client.run("SELECT a FROM ks.v WHERE v = 1") == wanted
        client.run("TRUNCATE ks.one")
        assert client.run("SELECT a FROM ks.v WHERE v = 1") == []
        with pytest.raises(CqlError, match="Cannot directly modify a materialized view"):
            client.run("INSERT INTO ks.v (a, v) VALUES (1, 1)")
