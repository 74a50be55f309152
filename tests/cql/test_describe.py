"""DESCRIBE's statements: as Cassandra 5.0 lays them out, and read again they mean the schema that they were made of."""

from __future__ import annotations

import string
from collections.abc import Mapping
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as s

from hyperdb.frontends.cql.describe.create import (
    create_index,
    create_keyspace,
    create_table,
    create_type,
    create_view,
    keyspace_statements,
    select_order,
    types_in_order,
)
from hyperdb.frontends.cql.describe.schema import Column, Dropped, Index, Keyspace, Mask, Role, Table, TableOptions, View
from hyperdb.frontends.cql.parse import definitions as df
from hyperdb.frontends.cql.parse import statements as st
from hyperdb.frontends.cql.parse import terms as tm
from hyperdb.frontends.cql.parse.parser import Grammar
from hyperdb.frontends.cql.parse.text import type_name
from hyperdb.frontends.cql.types import model
from hyperdb.frontends.cql.types.names import show

OPTIONS = """additional_write_policy = '99p'
    AND allow_auto_snapshot = true
    AND bloom_filter_fp_chance = 0.01
    AND caching = {'keys': 'ALL', 'rows_per_partition': 'NONE'}
    AND cdc = false
    AND comment = ''
    AND compaction = {'class': 'org.apache.cassandra.db.compaction.SizeTieredCompactionStrategy', 'max_threshold': '32', 'min_threshold': '4'}
    AND compression = {'chunk_length_in_kb': '16', 'class': 'org.apache.cassandra.io.compress.LZ4Compressor'}
    AND memtable = 'default'
    AND crc_check_chance = 1.0
    AND default_time_to_live = 0
    AND extensions = {}
    AND gc_grace_seconds = 864000
    AND incremental_backups = true
    AND max_index_interval = 2048
    AND memtable_flush_period_in_ms = 0
    AND min_index_interval = 128
    AND read_repair = 'BLOCKING'
    AND speculative_retry = '99p';"""  # noqa: E501
KEY = Column("k", model.INT, Role.PARTITION, 0)
ADDRESS = model.Udt("ks", "address", (model.Field("street", model.TEXT), model.Field("Zip", model.INT)))


def test_a_table_of_one_key() -> None:
    table = Table("ks", "t", (Column("v", model.TEXT), KEY, Column("a", model.Set(model.INT))))
    assert create_table(table) == "CREATE TABLE ks.t (\n    k int PRIMARY KEY,\n    v text,\n    a set<int>\n) WITH " + OPTIONS


def test_a_table_with_everything() -> None:
    columns = (
        Column("b", model.TEXT, Role.CLUSTERING, 0, descending=True),
        Column("C", model.UUID, Role.CLUSTERING, 1),
        KEY,
        Column("k2", model.INT, Role.PARTITION, 1),
        Column("s", model.frozen(ADDRESS), Role.STATIC),
        Column("v", model.INT, mask=Mask("mask_inner", ("1", "null"))),
    )
    table = Table("Ks", "order", columns, TableOptions(comment="it's", extensions={"x": b"\xca\xfe"}), {"resp_prefix": "user:"})
    text = create_table(table)
    head, _, options = text.partition(") WITH ")
    assert head == (
        'CREATE TABLE "Ks"."order" (\n    k int,\n    k2 int,\n    b text,\n    "C" uuid,\n    s frozen<address> static,\n'
        '    v int MASKED WITH system.mask_inner(1, null),\n    PRIMARY KEY ((k, k2), b, "C")\n'
    )
    assert options.startswith('CLUSTERING ORDER BY (b DESC, "C" ASC)\n    AND additional_write_policy')
    assert "AND comment = 'it''s'\n" in options
    assert "AND extensions = {'x': 0xcafe}\n" in options
    assert options.endswith("AND speculative_retry = '99p'\n    AND resp_prefix = 'user:';")


def test_internals_say_the_id_and_what_was_dropped(cql: Grammar) -> None:
    known = UUID("0497b886-5f61-11ee-8c99-0242ac120002")
    dropped = (Dropped(Column("gone", model.INT), 5), Dropped(Column("v", model.BLOB), 6))
    table = Table("ks", "t", (KEY, Column("v", model.TEXT)), id=known, dropped=dropped)
    statements = create_table(table, internals=True).split(";\n")
    assert f") WITH ID = {known}\n    AND additional_write_policy" in statements[0]
    assert "    gone int,\n" in statements[0]
    assert statements[1:] == [
        "ALTER TABLE ks.t DROP gone USING TIMESTAMP 5",
        "ALTER TABLE ks.t DROP v USING TIMESTAMP 6",
        "ALTER TABLE ks.t ADD v text;",
    ]
    for statement in statements:
        cql.parse(statement)
    assert "gone" not in create_table(table)


def test_keyspaces_types_indexes(cql: Grammar) -> None:
    keyspace = Keyspace("Ks", {"class": "SimpleStrategy", "replication_factor": "1"}, durable_writes=False)
    replication = "{'class': 'SimpleStrategy', 'replication_factor': '1'}"
    sai = Index("ks", "i", "t", "keys(m)", "StorageAttachedIndex", {"case_sensitive": "false"})
    written = {
        create_keyspace(keyspace): f'CREATE KEYSPACE "Ks" WITH replication = {replication}  AND durable_writes = false;',
        create_type(ADDRESS): 'CREATE TYPE ks.address (\n    street text,\n    "Zip" int\n);',
        create_index(Index("ks", "I", "t", '"V"')): 'CREATE INDEX "I" ON ks.t ("V");',
        create_index(sai): (
            "CREATE CUSTOM INDEX i ON ks.t (keys(m)) USING 'StorageAttachedIndex' WITH OPTIONS = {'case_sensitive': 'false'};"
        ),
    }
    for text, expected in written.items():
        assert text == expected
        cql.parse(text)


def test_a_view(cql: Grammar) -> None:
    select = cql.parse("SELECT * FROM t WHERE v IS NOT NULL AND k IS NOT NULL AND v > 5")
    assert isinstance(select, st.Select)
    columns = (
        Column("v", model.INT, Role.PARTITION, 0),
        Column("k", model.INT, Role.CLUSTERING, 0, descending=True),
        Column("w", model.TEXT),
    )
    view = View("ks", "by_v", "t", columns, select.where)
    text = create_view(view)
    assert text.startswith(
        "CREATE MATERIALIZED VIEW ks.by_v AS\n    SELECT v, k, w\n    FROM ks.t\n"
        "    WHERE v IS NOT NULL AND k IS NOT NULL AND v > 5\n    PRIMARY KEY (v, k)\n"
        " WITH CLUSTERING ORDER BY (k DESC)\n    AND additional_write_policy"
    )
    assert "default_time_to_live" not in text
    found = cql.parse(text)
    assert isinstance(found, df.CreateView)
    assert found.where == select.where
    assert found.primary_key == df.PrimaryKey(("v",), ("k",))


def test_a_keyspace_is_written_in_an_order_that_can_be_run() -> None:
    inner = model.Udt("ks", "z_inner", (model.Field("a", model.INT),))
    outer = model.Udt("ks", "a_outer", (model.Field("b", model.List(model.frozen(inner))),))
    keyspace = Keyspace(
        "ks",
        {"class": "SimpleStrategy"},
        types=(outer, inner),
        tables=(Table("ks", "b", (KEY,)), Table("ks", "a", (KEY,))),
        indexes=(Index("ks", "i", "b", "k"),),
        views=(View("ks", "v", "a", (KEY,), ()),),
    )
    assert [kind.name for kind in types_in_order(keyspace.types)] == ["z_inner", "a_outer"]
    assert [(kind, name) for kind, name, _ in keyspace_statements(keyspace)] == [
        ("keyspace", "ks"),
        ("type", "z_inner"),
        ("type", "a_outer"),
        ("table", "a"),
        ("materialized_view", "v"),
        ("table", "b"),
        ("index", "i"),
    ]


NAMES = s.sampled_from(["a", "B", "select", "key", 'q"', "t t", "json", "order"]) | s.text(
    string.ascii_letters + "_1", min_size=1, max_size=5
)
TYPES = s.recursive(
    s.sampled_from([*model.NATIVE.values(), ADDRESS, model.Custom("org.x.Y")]),
    lambda inner: s.one_of(
        s.builds(model.List, inner.map(model.frozen), s.booleans()),
        s.builds(model.Map, inner.map(model.frozen), inner.map(model.frozen), s.booleans()),
        s.builds(model.Tuple, s.tuples(inner.map(model.frozen))),
        s.builds(model.Vector, inner.map(model.frozen), s.integers(1, 100)),
    ),
    max_leaves=3,
)
MAPS = s.dictionaries(s.text(max_size=4), s.text(max_size=4), max_size=2)
OPTION_SETS = s.builds(
    TableOptions,
    comment=s.text(max_size=5),
    caching=MAPS,
    compaction=MAPS,
    extensions=s.dictionaries(s.text(max_size=3), s.binary(max_size=3), max_size=2),
    bloom_filter_fp_chance=s.floats(0, 1),
    gc_grace_seconds=s.integers(-5, 10**9),
)


@s.composite
def tables(draw: s.DrawFn) -> Table:
    names = draw(s.lists(NAMES, min_size=2, max_size=6, unique=True))
    keys = draw(s.integers(1, len(names)))
    partition = draw(s.integers(1, keys))
    columns = []
    for place, name in enumerate(names):
        kind = draw(TYPES)
        if place < partition:
            columns.append(Column(name, kind, Role.PARTITION, place))
        elif place < keys:
            columns.append(Column(name, kind, Role.CLUSTERING, place - partition, draw(s.booleans())))
        else:
            columns.append(Column(name, kind, draw(s.sampled_from([Role.STATIC, Role.REGULAR]))))
    return Table(draw(NAMES), draw(NAMES), tuple(draw(s.permutations(columns))), draw(OPTION_SETS))


def read_option(value: object) -> object:
    if isinstance(value, tm.MapTerm):
        return {key.text: entry.text for key, entry in value.entries}  # type: ignore[union-attr]
    assert isinstance(value, tm.Literal)
    return value.text


def _is_complex(column: Column) -> bool:
    return column.role in (Role.STATIC, Role.REGULAR) and model.is_multi_cell(column.type)


@settings(max_examples=60, deadline=None)
@given(table=tables())
def test_a_table_read_again(cql: Grammar, table: Table) -> None:
    found = cql.parse(create_table(table))
    assert isinstance(found, df.CreateTable)
    assert found.table == tm.Name(table.name, table.keyspace)
    ordered = sorted(select_order(table.columns), key=lambda each: (list(Role).index(each.role), _is_complex(each)))
    assert [(column.name, column.static) for column in found.columns] == [
        (each.name, each.role is Role.STATIC) for each in ordered
    ]
    assert [type_name(column.type) for column in found.columns] == [show(each.type) for each in ordered]
    partition = tuple(each.name for each in ordered if each.role is Role.PARTITION)
    clustering = [each for each in ordered if each.role is Role.CLUSTERING]
    if found.primary_key is None:
        assert [column.name for column in found.columns if column.primary_key] == list(partition)
    else:
        assert found.primary_key == df.PrimaryKey(partition, tuple(each.name for each in clustering))
    orders = [(order.column, order.direction is st.Direction.DESCENDING) for order in found.options.clustering]
    assert orders == [(each.name, each.descending) for each in clustering]
    options = {each.name: read_option(each.value) for each in found.options.properties}
    assert options["comment"] == table.options.comment
    assert options["caching"] == table.options.caching
    assert options["gc_grace_seconds"] == str(table.options.gc_grace_seconds)
    extensions: Mapping[str, bytes] = table.options.extensions
    assert options["extensions"] == {name: "0x" + value.hex() for name, value in extensions.items()}
    assert float(str(options["bloom_filter_fp_chance"])) == table.options.bloom_filter_fp_chance
