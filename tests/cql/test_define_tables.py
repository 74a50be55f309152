"""Keyspaces and tables: what definitions make, what they say, how they are refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from cql_bench import CqlBench
from cql_session import Client
from cql_session import backend as shared
from hypothesis import given, settings
from hypothesis import strategies as s

import hyperdb
from hyperdb.errors import CqlError
from hyperdb.frontends.cql.codes import ErrorCode
from hyperdb.frontends.cql.describe.create import create_table, keyspace_statements
from hyperdb.frontends.cql.describe.schema import Column, Role, Table, TableOptions
from hyperdb.frontends.cql.parse.parser import Grammar
from hyperdb.frontends.cql.protocol.responses import SchemaChange
from hyperdb.frontends.cql.types import model

KEYSPACE = "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"


@pytest.fixture
def bench(cql: Grammar) -> Iterator[CqlBench]:
    with hyperdb.open(":memory:") as database:
        made = CqlBench(database, cql)
        made.run(KEYSPACE)
        made.keyspace = "ks"
        yield made


def described(bench: CqlBench) -> list[str]:
    return [text for _, _, text in keyspace_statements(bench.schema().keyspace("ks"), internals=True)]


def test_a_keyspace_says_what_it_was_made_with(bench: CqlBench) -> None:
    made = bench.run("CREATE KEYSPACE \"Two\" WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 3}")
    assert made == SchemaChange("CREATED", "KEYSPACE", "Two")
    (warning,) = bench.warnings
    assert warning.endswith("for keyspace Two is higher than the number of nodes 1 in datacenter datacenter1")
    found = bench.schema().keyspace("Two")
    assert found.replication == {"class": "org.apache.cassandra.locator.NetworkTopologyStrategy", "datacenter1": "3"}
    assert bench.run('ALTER KEYSPACE "Two" WITH durable_writes = false') == SchemaChange("UPDATED", "KEYSPACE", "Two")
    assert not bench.schema().keyspace("Two").durable_writes
    assert bench.run('DROP KEYSPACE "Two"') == SchemaChange("DROPPED", "KEYSPACE", "Two")
    assert not bench.schema().has_keyspace("Two")
    assert bench.run(KEYSPACE.replace("KEYSPACE", "KEYSPACE IF NOT EXISTS")) is None
    assert bench.run("DROP KEYSPACE IF EXISTS none") is None


def test_a_table_keeps_all_that_was_said(bench: CqlBench) -> None:
    text = """CREATE TABLE t (b text, s int STATIC, a int, v frozen<list<int>>, "C" timestamp, k2 uuid, n vector<float, 3>,
        m map<text, frozen<set<int>>>, PRIMARY KEY ((a, k2), b, "C"))
        WITH CLUSTERING ORDER BY (b DESC) AND comment = 'it''s' AND gc_grace_seconds = 7 AND default_time_to_live = 60
        AND compaction = {'class': 'LeveledCompactionStrategy', 'sstable_size_in_mb': 64} AND speculative_retry = '75PERCENTILE'
        AND compression = {'enabled': false} AND caching = {'keys': 'none'} AND ID = 5a1c395e-b41f-11e5-9f22-ba0be0483c18"""
    assert bench.run(text) == SchemaChange("CREATED", "TABLE", "ks", "t")
    served = bench.schema().table("ks", "t")
    assert [column.name for column in served.partition] == ["a", "k2"]
    assert [(column.name, column.descending) for column in served.clustering] == [("b", True), ("C", False)]
    assert [column.name for column in served.statics] == ["s"]
    assert [column.name for column in served.regulars] == ["m", "n", "v"]
    assert served.ids == {"b": 1, "s": 2, "a": 3, "v": 4, "C": 5, "k2": 6, "n": 7, "m": 8}
    assert served.options.speculative_retry == "75p"
    assert served.options.caching == {"keys": "NONE", "rows_per_partition": "NONE"}
    assert served.wide is served.wide
    before = described(bench)
    bench.run("DROP KEYSPACE ks")
    for each in before:
        bench.run(each)
    assert described(bench) == before


def test_names_that_are_there_already(bench: CqlBench) -> None:
    bench.run("CREATE TABLE t (a int PRIMARY KEY)")
    assert bench.refused("CREATE TABLE t (a int PRIMARY KEY)")[0] == ErrorCode.ALREADY_EXISTS
    assert bench.refused(KEYSPACE) == (ErrorCode.ALREADY_EXISTS, 'Cannot add existing keyspace "ks"')
    assert bench.run("CREATE TABLE IF NOT EXISTS t (b int PRIMARY KEY)") is None
    assert bench.run("DROP TABLE t") == SchemaChange("DROPPED", "TABLE", "ks", "t")
    assert bench.run("DROP TABLE IF EXISTS t") is None
    assert bench.refused("DROP TABLE t") == (ErrorCode.INVALID, "Table 'ks.t' doesn't exist")
    assert bench.refused("TRUNCATE t") == (ErrorCode.INVALID, "table t does not exist")


def test_columns_come_and_go(bench: CqlBench) -> None:
    bench.run("CREATE TABLE t (a int, b int, v int, w text, PRIMARY KEY (a, b))")
    assert bench.run("ALTER TABLE t ADD (x set<int>, s text STATIC)") == SchemaChange("UPDATED", "TABLE", "ks", "t")
    bench.run("ALTER TABLE t DROP (v, w) USING TIMESTAMP 77")
    bench.run("ALTER TABLE t ADD w blob")
    bench.run("ALTER TABLE t ADD IF NOT EXISTS w blob")
    bench.run("ALTER TABLE t DROP IF EXISTS nothing")
    bench.run("ALTER TABLE t RENAME a TO key AND b TO value")
    bench.run("ALTER TABLE t WITH comment = 'x' AND gc_grace_seconds = 3")
    served = bench.schema().table("ks", "t")
    assert served.ids == {"key": 1, "value": 2, "x": 5, "s": 6, "w": 7}
    assert served.dropped == {"v": 77}
    assert (served.options.comment, served.options.gc_grace_seconds) == ("x", 3)
    (dropped_v, dropped_w) = served.table.dropped  # type: ignore[union-attr]
    assert (dropped_v.column.name, dropped_w.column.name, dropped_w.timestamp) == ("v", "w", 77)
    before = described(bench)
    bench.run("DROP TABLE t")
    for text in before[1:]:
        for statement in text.split(";\n"):
            bench.run(statement)
    assert described(bench) == before


def test_types_come_and_go(bench: CqlBench) -> None:
    assert bench.run("CREATE TYPE b (x int, y list<text>)") == SchemaChange("CREATED", "TYPE", "ks", "b")
    bench.run("CREATE TYPE a (f frozen<b>)")
    bench.run("CREATE TABLE t (k frozen<a>, c frozen<b>, m map<text, frozen<a>>, PRIMARY KEY (k, c))")
    bench.run("CREATE TYPE flat (x int)")
    bench.run("CREATE TABLE u (k int PRIMARY KEY, v flat)")
    bench.run("ALTER TYPE flat ADD z frozen<b>")
    assert bench.run("ALTER TYPE flat RENAME x TO first") == SchemaChange("UPDATED", "TYPE", "ks", "flat")
    assert [field.name for field in bench.schema().type("ks", "flat").fields] == ["first", "z"]
    before = described(bench)
    bench.run("DROP KEYSPACE ks")
    for text in before:
        bench.run(text)
    assert described(bench) == before
    bench.run("DROP TABLE t")
    bench.run("DROP TABLE u")
    assert bench.run("DROP TYPE flat") == SchemaChange("DROPPED", "TYPE", "ks", "flat")
    bench.run("DROP TYPE a")
    bench.run("DROP TYPE b")
    assert bench.run("DROP TYPE IF EXISTS b") is None


SETUP = (
    "CREATE TYPE inner_type (x int)",
    "CREATE TYPE outer_type (i frozen<inner_type>)",
    "CREATE TYPE many_type (l list<int>)",
    "CREATE TABLE t (a int, b int, v int, u inner_type, o frozen<outer_type>, PRIMARY KEY (a, b))",
    "CREATE TABLE one (a frozen<inner_type> PRIMARY KEY, v int)",
    "CREATE TABLE counts (a int PRIMARY KEY, n counter)",
    "ALTER TABLE t ADD gone int",
    "ALTER TABLE t DROP gone",
)
REFUSED_CHANGES = {
    "ALTER TABLE none ADD x int": "Table 'ks.none' doesn't exist",
    "ALTER TABLE t ADD v int": "Column with name 'v' already exists",
    "ALTER TABLE t ADD n counter": 'Cannot have a counter column ("n") in a non counter table',
    "ALTER TABLE counts ADD v int": 'Cannot have a non counter column ("v") in a counter table',
    "ALTER TABLE one ADD s int STATIC": "Static columns are only useful",
    "ALTER TABLE t ADD gone text": "Cannot re-add previously dropped column 'gone' of type text, incompatible with",
    "ALTER TABLE t ADD gone int STATIC": "of kind STATIC, incompatible with previous kind REGULAR",
    "ALTER TABLE t ADD m many_type": "Non-frozen UDTs with nested non-frozen collections are not supported",
    "ALTER TABLE t DROP none": "Column none was not found in table 'ks.t'",
    "ALTER TABLE t DROP a": "Cannot drop PRIMARY KEY column a",
    "ALTER TABLE t DROP u": "Cannot drop non-frozen column u of user type inner_type",
    "ALTER TABLE t RENAME v TO w": "Cannot rename non PRIMARY KEY column v",
    "ALTER TABLE t RENAME a TO b": "another column with that name already exists",
    "ALTER TABLE t RENAME none TO x": "Column none was not found in table ks.t",
    "ALTER TABLE t ALTER v TYPE text": "Altering column types is no longer supported",
    "ALTER TABLE t WITH ID = 5a1c395e-b41f-11e5-9f22-ba0be0483c18": "Cannot alter table id.",
    "ALTER TABLE counts WITH default_time_to_live = 3": "Cannot set default_time_to_live on a table with counters",
    "CREATE TYPE inner_type (x int)": "A user type with name 'inner_type' already exists",
    "CREATE TYPE z (x int, x int)": "Duplicate field name 'x' in type 'z'",
    "CREATE TYPE z (x counter)": "counters",
    "CREATE TYPE z (x inner_type)": "A user type cannot contain non-frozen UDTs",
    "CREATE TYPE z (x frozen<other.thing>)": "cannot refer to a user type in keyspace other",
    "ALTER TYPE none ADD x int": "Type ks.none doesn't exist",
    "ALTER TYPE inner_type ADD x int": "a field with name x already exists",
    "ALTER TYPE inner_type ADD o frozen<outer_type>": "as it would create a circular reference",
    "ALTER TYPE inner_type ADD n int": "as the type is being used in partition key by the following tables: one",
    "ALTER TYPE inner_type RENAME none TO x": "Unkown field none in user type ks.inner_type",
    "ALTER TYPE inner_type ALTER x TYPE text": "Altering field types is no longer supported",
    "DROP TYPE inner_type": "as it is still used by user types outer_type",
    "DROP TYPE outer_type": "as it is still used by tables t",
    "DROP TYPE none": "Type 'ks.none' doesn't exist",
}


@pytest.mark.parametrize("text", REFUSED_CHANGES)
def test_changes_that_are_refused(bench: CqlBench, text: str) -> None:
    for each in SETUP:
        bench.run(each)
    before = described(bench)
    assert REFUSED_CHANGES[text] in bench.refused(text)[1]
    assert described(bench) == before


REFUSED = {
    "CREATE TABLE t (a int)": "No PRIMARY KEY specified for table 't' (exactly one required)",
    "CREATE TABLE t (a int PRIMARY KEY, b int, PRIMARY KEY (b))": "Multiple PRIMARY KEY",
    "CREATE TABLE t (a int PRIMARY KEY, a int)": "Duplicate column 'a' declaration for table 't'",
    "CREATE TABLE t (a int, PRIMARY KEY (b))": "Unknown column 'b' referenced in PRIMARY KEY for table 't'",
    "CREATE TABLE t (a int, PRIMARY KEY (a, a))": "Duplicate column 'a' in PRIMARY KEY clause",
    "CREATE TABLE t (a list<int> PRIMARY KEY)": "Invalid non-frozen collection type list<int> for PRIMARY KEY column 'a'",
    "CREATE TABLE t (a counter PRIMARY KEY)": "counter type is not supported for PRIMARY KEY column 'a'",
    "CREATE TABLE t (a frozen<list<duration>> PRIMARY KEY)": "duration type is not supported for PRIMARY KEY column 'a'",
    "CREATE TABLE t (a int PRIMARY KEY, s int STATIC)": "Static columns are only useful (and thus allowed)",
    "CREATE TABLE t (a int, b int STATIC, PRIMARY KEY (a, b))": "Static column 'b' cannot be part of the PRIMARY KEY",
    "CREATE TABLE t (a int PRIMARY KEY, b counter, c int)": 'Cannot have a non counter column ("c") in a counter table',
    "CREATE TABLE t (a int PRIMARY KEY, b counter) WITH default_time_to_live = 1": "Cannot set default_time_to_live on a table",
    "CREATE TABLE t (a int, b int, c int, PRIMARY KEY (a, b, c)) WITH CLUSTERING ORDER BY (c ASC)": "Missing CLUSTERING ORDER",
    "CREATE TABLE t (a int, b int, c int, PRIMARY KEY (a, b, c)) WITH CLUSTERING ORDER BY (c ASC, b ASC)": "b must appear",
    "CREATE TABLE t (a int, b int, PRIMARY KEY (a)) WITH CLUSTERING ORDER BY (b ASC)": "Only clustering columns can be defined",
    "CREATE TABLE t (a nothing PRIMARY KEY)": "Unknown type ks.nothing",
    "CREATE TABLE t (a int PRIMARY KEY, b list<list<int>>)": "Non-frozen collections are not allowed inside collections",
    "CREATE TABLE t (a int PRIMARY KEY) WITH COMPACT STORAGE": "COMPACT STORAGE tables are not allowed",
    "CREATE TABLE t (a int PRIMARY KEY) WITH nothing = 1": "Unknown property 'nothing'",
    "CREATE TABLE t (a int PRIMARY KEY) WITH comment = 'a' AND comment = 'b'": "Multiple definitions for property 'comment'",
    "CREATE TABLE t (a int PRIMARY KEY) WITH gc_grace_seconds = -1": "gc_grace_seconds must be greater than or equal to 0",
    "CREATE TABLE t (a int PRIMARY KEY) WITH gc_grace_seconds = 'x'": "Invalid integer value x for 'gc_grace_seconds'",
    "CREATE TABLE t (a int PRIMARY KEY) WITH bloom_filter_fp_chance = 0": "bloom_filter_fp_chance must be larger than",
    "CREATE TABLE t (a int PRIMARY KEY) WITH compaction = {'class': 'None'}": "Unable to find compaction strategy class",
    "CREATE TABLE t (a int PRIMARY KEY) WITH compaction = 'x'": "Invalid value for property 'compaction'. It should be a map.",
    "CREATE TABLE t (a int PRIMARY KEY) WITH default_time_to_live = 630720001": "must be less than or equal to 630720000",
    f"CREATE TABLE {'t' * 49} (a int PRIMARY KEY)": "Table name must not be empty, more than 48 characters long",
    "CREATE TABLE none.t (a int PRIMARY KEY)": "Keyspace 'none' doesn't exist",
    "CREATE KEYSPACE k WITH durable_writes = true": "Missing mandatory option 'replication'",
    "CREATE KEYSPACE k WITH replication = {'class': 'None'}": "Unable to find replication strategy class 'org.apache",
    "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'x': 1}": "Unrecognized strategy option {x} passed to",
    "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 'x'}": 'For input string: "x"',
    "ALTER KEYSPACE none WITH durable_writes = true": "Keyspace 'none' doesn't exist",
    "DROP KEYSPACE none": "Keyspace 'none' doesn't exist",
    "CREATE TRIGGER x ON t USING 'y'": "Triggers are not supported by this server",
    "CREATE FUNCTION f (a int) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS 'x'": "User-defined functions are not supported",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_refused(bench: CqlBench, text: str) -> None:
    assert REFUSED[text] in bench.refused(text)[1]
    assert bench.schema().keyspace("ks").tables == ()


def test_two_who_make_the_same_table(cql: Grammar) -> None:
    with hyperdb.open(":memory:") as database:
        backend = shared(database, cql)
        Client(backend).run(KEYSPACE)
        outcomes: list[str] = []

        def make() -> None:
            try:
                Client(backend).run("CREATE TABLE ks.t (a int PRIMARY KEY)")
                outcomes.append("made")
            except CqlError as error:
                outcomes.append(ErrorCode(error.code).name)

        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["ALREADY_EXISTS"] * 3 + ["made"]


KEYED = s.sampled_from([model.INT, model.TEXT, model.UUID, model.frozen(model.List(model.INT)), model.TIMESTAMP, model.DECIMAL])
VALUED = s.recursive(
    s.sampled_from([kind for kind in model.NATIVE.values() if kind != model.COUNTER]),
    lambda inner: s.one_of(
        s.builds(lambda kind: model.frozen(model.List(kind)), inner),
        s.builds(lambda kind: model.Vector(model.frozen(kind), 3), inner),
        s.builds(lambda kinds: model.frozen(model.Tuple(tuple(kinds))), s.lists(inner, min_size=1, max_size=3)),
        s.builds(lambda kind: model.Map(model.TEXT, model.frozen(kind)), inner).map(model.frozen),
    ),
    max_leaves=4,
)
CELLS = s.one_of(VALUED, VALUED.map(lambda kind: model.List(model.frozen(kind))), s.just(model.Set(model.INT)))
OPTIONS = s.builds(
    TableOptions,
    bloom_filter_fp_chance=s.floats(0.01, 1),
    comment=s.text(s.characters(exclude_categories=["Cs", "Cc"]), max_size=9),
    cdc=s.booleans(),
    default_time_to_live=s.integers(0, 630_720_000),
    extensions=s.dictionaries(s.sampled_from(["a", "b's"]), s.binary(max_size=4), max_size=2),
    gc_grace_seconds=s.integers(0, 1 << 31 - 1),
    max_index_interval=s.integers(2048, 9999),
    speculative_retry=s.sampled_from(["NEVER", "ALWAYS", "50ms", "99.5p", "MIN(99p,50ms)"]),
)


@s.composite
def tables(draw: s.DrawFn) -> Table:
    columns = [Column("k", draw(KEYED), Role.PARTITION, 0)]
    columns += [Column(f"Key {place}", draw(KEYED), Role.PARTITION, place) for place in range(1, draw(s.integers(1, 2)))]
    columns += [
        Column(f"c{place}", draw(KEYED), Role.CLUSTERING, place, draw(s.booleans())) for place in range(draw(s.integers(0, 2)))
    ]
    if any(column.role is Role.CLUSTERING for column in columns):
        columns += [Column(f"s{place}", draw(CELLS), Role.STATIC) for place in range(draw(s.integers(0, 1)))]
    columns += [Column(f'v"{place}', draw(CELLS)) for place in range(draw(s.integers(0, 3)))]
    return Table("ks", draw(s.sampled_from(["t", "select", "T_1"])), tuple(columns), draw(OPTIONS))


@settings(max_examples=40, deadline=None)
@given(table=tables())
def test_any_table_is_what_was_said(cql: Grammar, table: Table) -> None:
    with hyperdb.open(":memory:") as database:
        bench = CqlBench(database, cql)
        bench.run(KEYSPACE)
        said = create_table(table)
        bench.run(said)
        found = bench.schema().table("ks", table.name).table
        assert isinstance(found, Table)
        assert create_table(found) == said
        assert found.options == table.options


def test_what_did_not_change_is_not_read_again(bench: CqlBench) -> None:
    bench.run("CREATE TYPE u (x int)")
    bench.run("CREATE TABLE a (k int PRIMARY KEY, v frozen<u>)")
    bench.run("CREATE TABLE b (k int PRIMARY KEY)")
    before = bench.schema()
    bench.run("ALTER TABLE b ADD v int")
    after = bench.schema()
    assert after.table("ks", "a") is before.table("ks", "a")
    assert list(after.table("ks", "b").columns) == ["k", "v"]
    bench.run("ALTER TYPE u ADD y text")
    changed = bench.schema().table("ks", "a")
    assert changed is not before.table("ks", "a")
    assert changed.columns["v"].type == model.frozen(bench.schema().type("ks", "u"))


def test_types_that_multiply_are_refused(bench: CqlBench) -> None:
    bench.run("CREATE TYPE t0 (a int)")
    for number in range(1, 6):
        bench.run(f"CREATE TYPE t{number} ({', '.join(f'f{place} frozen<t{number - 1}>' for place in range(4))})")
    fields = ", ".join(f"f{place} frozen<t5>" for place in range(4))
    assert "Types may have 4096 parts at most" in bench.refused(f"CREATE TYPE t6 ({fields})")[1]
    assert "parts at most" in bench.refused("CREATE TABLE bomb (k int PRIMARY KEY, v tuple<t5, t5, t5, t5>)")[1]
    assert "Type ks.t5 would have more than 4096 parts" in bench.refused("ALTER TYPE t0 ADD b tuple<int, int, int>")[1]
    bench.run("ALTER TYPE t0 ADD b int")


def test_types_nest_as_deep_as_drivers_try(bench: CqlBench) -> None:
    deep = "tuple<" * 40 + "int" + ">" * 40
    bench.run(f"CREATE TABLE deep (k int PRIMARY KEY, v {deep})")
    shown = "\n".join(described(bench)).replace("frozen<tuple<", "tuple<")
    assert "v " + "tuple<" * 40 + "int" + ">" * 40 in shown
