"""Keyspaces `system_schema` and `system_virtual_schema`: what drivers read to know keyspaces, tables, columns, types.

Theory: each table is one walk over the schema; drivers ask for all of it when they connect, and for one keyspace or table after a
change. Invariant: a table's options are named and typed as in Cassandra 5.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields

from hyperdb.frontends.cql.describe.schema import Column, Index, Keyspace, Role, TableOptions
from hyperdb.frontends.cql.parse.text import relations
from hyperdb.frontends.cql.schema.rows import Facts
from hyperdb.frontends.cql.system.computed import Definition, Values
from hyperdb.frontends.cql.types.literals import literal, plain
from hyperdb.frontends.cql.types.model import COUNTER, Native, Type
from hyperdb.frontends.cql.types.names import show

_OPTIONS = (
    "additional_write_policy text, allow_auto_snapshot boolean, bloom_filter_fp_chance double,"
    " caching frozen<map<text, text>>, cdc boolean, comment text, compaction frozen<map<text, text>>,"
    " compression frozen<map<text, text>>, crc_check_chance double, dclocal_read_repair_chance double,"
    " default_time_to_live int, extensions frozen<map<text, blob>>, gc_grace_seconds int, id uuid,"
    " incremental_backups boolean, max_index_interval int, memtable text, memtable_flush_period_in_ms int,"
    " min_index_interval int, read_repair text, read_repair_chance double, speculative_retry text"
)
_NAMES = tuple(each.name for each in fields(TableOptions))
_NOT_DEFAULT = ("allow_auto_snapshot", "incremental_backups")
"""Null where they say what is so anyway."""


def _keyspaces(found: Mapping[str, Keyspace], first: str | None) -> Iterable[Keyspace]:
    if first is None:
        return found.values()
    return [found[first]] if first in found else []


def _keyspace_rows(facts: Facts, first: str | None) -> Iterable[Values]:
    for found in _keyspaces(facts.schema.keyspaces, first):
        yield {"keyspace_name": found.name, "durable_writes": found.durable_writes, "replication": found.replication}


def _options(options: TableOptions) -> dict[str, object]:
    said: dict[str, object] = {name: getattr(options, name) for name in _NAMES}
    for name in _NOT_DEFAULT:
        if said[name] is True:
            said[name] = None
    if options.memtable == "default":
        said["memtable"] = None
    if not options.cdc:
        said["cdc"] = None
    return said | {"dclocal_read_repair_chance": 0.0, "read_repair_chance": 0.0}


def _table_rows(facts: Facts, first: str | None) -> Iterable[Values]:
    for found in _keyspaces(facts.schema.keyspaces, first):
        for table in found.tables:
            flags = ["compound", "counter"] if any(column.type == COUNTER for column in table.columns) else ["compound"]
            names = {"keyspace_name": found.name, "table_name": table.name, "id": table.id, "flags": flags}
            yield {**_options(table.options), **names}


def _view_rows(facts: Facts, first: str | None) -> Iterable[Values]:
    for found in _keyspaces(facts.schema.keyspaces, first):
        for view in found.views:
            base = facts.schema.table(found.name, view.base).table
            yield {
                **_options(view.options),
                "keyspace_name": found.name,
                "view_name": view.name,
                "id": view.id,
                "base_table_id": base.id,
                "base_table_name": view.base,
                "include_all_columns": view.all_columns,
                "where_clause": relations(view.where),
            }


def _column(keyspace: str, table: str, column: Column) -> Values:
    order = "none"
    if column.role is Role.CLUSTERING:
        order = "desc" if column.descending else "asc"
    return {
        "keyspace_name": keyspace,
        "table_name": table,
        "column_name": column.name,
        "clustering_order": order,
        "column_name_bytes": column.name.encode(),
        "kind": column.role.value,
        "position": column.position,
        "type": show(column.type),
    }


def _all_columns(keyspaces: Iterable[Keyspace]) -> Iterable[Values]:
    for found in keyspaces:
        shown = [(table.name, table.columns) for table in found.tables] + [(view.name, view.columns) for view in found.views]
        for name, columns in shown:
            for column in columns:
                yield _column(found.name, name, column)


def _column_rows(facts: Facts, first: str | None) -> Iterable[Values]:
    return _all_columns(_keyspaces(facts.schema.keyspaces, first))


def _dropped_rows(facts: Facts, first: str | None) -> Iterable[Values]:
    for found in _keyspaces(facts.schema.keyspaces, first):
        for table in found.tables:
            for each in table.dropped:
                yield {
                    "keyspace_name": found.name,
                    "table_name": table.name,
                    "column_name": each.column.name,
                    "dropped_time": each.timestamp // 1000,
                    "kind": each.column.role.value,
                    "type": show(each.column.type),
                }


def _mask_rows(facts: Facts, first: str | None) -> Iterable[Values]:
    for found in _keyspaces(facts.schema.keyspaces, first):
        shown = [(table.name, table.columns) for table in found.tables] + [(view.name, view.columns) for view in found.views]
        for name, columns in shown:
            for column in columns:
                if column.mask is None:
                    continue
                pairs = list(zip(column.mask.types, column.mask.values, strict=True))
                yield {
                    "keyspace_name": found.name,
                    "table_name": name,
                    "column_name": column.name,
                    "function_argument_nulls": [value is None for _, value in pairs],
                    "function_argument_types": [show(kind) for kind, _ in pairs],
                    "function_argument_values": [_value(kind, value) for kind, value in pairs],
                    "function_keyspace": "system",
                    "function_name": column.mask.function,
                }


def _value(kind: Type, value: bytes | None) -> str:
    if value is None:
        return ""
    return plain(kind, value) if isinstance(kind, Native) else literal(kind, value)


def index_options(index: Index) -> Mapping[str, str]:
    """An index's options as Cassandra keeps them: with its target and its class."""
    custom = {} if index.using is None else {"class_name": index.using}
    return {**index.options, **custom, "target": index.target}


def _index_rows(facts: Facts, first: str | None) -> Iterable[Values]:
    for found in _keyspaces(facts.schema.keyspaces, first):
        for index in found.indexes:
            yield {
                "keyspace_name": found.name,
                "table_name": index.table,
                "index_name": index.name,
                "kind": "COMPOSITES" if index.using is None else "CUSTOM",
                "options": index_options(index),
            }


def _type_rows(facts: Facts, first: str | None) -> Iterable[Values]:
    for found in _keyspaces(facts.schema.keyspaces, first):
        for kind in found.types:
            yield {
                "keyspace_name": found.name,
                "type_name": kind.name,
                "field_names": [field.name for field in kind.fields],
                "field_types": [show(field.type) for field in kind.fields],
            }


_COLUMN = "clustering_order text, column_name_bytes blob, kind text, position int, type text"
_OF_TABLE = "table_name text, column_name text"

TABLES = (
    Definition(
        "keyspaces",
        "keyspace_name text",
        "",
        "durable_writes boolean, replication frozen<map<text, text>>",
        _keyspace_rows,
        "keyspace definitions",
    ),
    Definition(
        "tables",
        "keyspace_name text",
        "table_name text",
        f"{_OPTIONS}, flags frozen<set<text>>",
        _table_rows,
        "table definitions",
    ),
    Definition("columns", "keyspace_name text", _OF_TABLE, _COLUMN, _column_rows, "column definitions"),
    Definition(
        "column_masks",
        "keyspace_name text",
        _OF_TABLE,
        "function_argument_nulls frozen<list<boolean>>, function_argument_types frozen<list<text>>,"
        " function_argument_values frozen<list<text>>, function_keyspace text, function_name text",
        _mask_rows,
        "dynamic column masks",
    ),
    Definition(
        "dropped_columns",
        "keyspace_name text",
        _OF_TABLE,
        "dropped_time timestamp, kind text, type text",
        _dropped_rows,
        "dropped column registry",
    ),
    Definition(
        "triggers",
        "keyspace_name text",
        "table_name text, trigger_name text",
        "options frozen<map<text, text>>",
        comment="trigger definitions",
    ),
    Definition(
        "views",
        "keyspace_name text",
        "view_name text",
        f"base_table_id uuid, base_table_name text, include_all_columns boolean, where_clause text, {_OPTIONS}",
        _view_rows,
        "view definitions",
    ),
    Definition(
        "indexes",
        "keyspace_name text",
        "table_name text, index_name text",
        "kind text, options frozen<map<text, text>>",
        _index_rows,
        "secondary index definitions",
    ),
    Definition(
        "types",
        "keyspace_name text",
        "type_name text",
        "field_names frozen<list<text>>, field_types frozen<list<text>>",
        _type_rows,
        "user defined type definitions",
    ),
    Definition(
        "functions",
        "keyspace_name text",
        "function_name text, argument_types frozen<list<text>>",
        "argument_names frozen<list<text>>, body text, called_on_null_input boolean, language text, return_type text",
        comment="user defined function definitions",
    ),
    Definition(
        "aggregates",
        "keyspace_name text",
        "aggregate_name text, argument_types frozen<list<text>>",
        "final_func text, initcond text, return_type text, state_func text, state_type text",
        comment="user defined aggregate definitions",
    ),
)


def _virtual_keyspaces(facts: Facts, first: str | None) -> Iterable[Values]:
    for found in _keyspaces(facts.schema.virtual, first):
        yield {"keyspace_name": found.name}


def _virtual_tables(facts: Facts, first: str | None) -> Iterable[Values]:
    for found in _keyspaces(facts.schema.virtual, first):
        for table in found.tables:
            yield {"keyspace_name": found.name, "table_name": table.name, "comment": table.options.comment}


def _virtual_columns(facts: Facts, first: str | None) -> Iterable[Values]:
    return _all_columns(_keyspaces(facts.schema.virtual, first))


VIRTUAL = (
    Definition("keyspaces", "keyspace_name text", "", "", _virtual_keyspaces, "virtual keyspace definitions"),
    Definition("tables", "keyspace_name text", "table_name text", "comment text", _virtual_tables, "virtual table definitions"),
    Definition("columns", "keyspace_name text", _OF_TABLE, _COLUMN, _virtual_columns, "virtual column definitions"),
)
