"""CREATE and DROP INDEX.

Theory: an index is an entry of the catalog and one element of entries, whatever class was asked for: Cassandra's own and SAI
differ in how they lie, not in what they answer. Options by which SAI would answer otherwise (without case, normalised) are
refused. The checks are those of Cassandra's CreateIndexStatement. Invariant: an index that is there has an entry for each row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from hyperdb.frontends.cql.define.context import Context, change, is_name, translated
from hyperdb.frontends.cql.define.properties import Properties, flag
from hyperdb.frontends.cql.describe.schema import Role
from hyperdb.frontends.cql.parse import definitions as df
from hyperdb.frontends.cql.protocol.responses import SchemaChange
from hyperdb.frontends.cql.schema.faults import config
from hyperdb.frontends.cql.schema.model import Served
from hyperdb.frontends.cql.schema.read import PART_OF
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import DURATION, Map, Tuple, Type, Udt, Vector, is_collection, is_multi_cell, parts
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.records import Setting
from hyperdb.graph.catalog.tables import Wide

LEGACY = ("legacy_local_table",)
ATTACHED = ("sai", "storageattachedindex", "org.apache.cassandra.index.sai.storageattachedindex")
_SASI = "org.apache.cassandra.index.sasi.sasiindex"
_SIMILARITIES = ("COSINE", "DOT_PRODUCT", "EUCLIDEAN")
_ONLY_TRUE = {"case_sensitive": True, "normalize": False, "ascii": False}
"""Options of SAI's analyzers: what they are unless values are to be compared otherwise."""
_SIMPLE, _FULL, _KEYS, _ENTRIES = df.TargetKind.SIMPLE, df.TargetKind.FULL, df.TargetKind.KEYS, df.TargetKind.ENTRIES


def create(context: Context, statement: df.CreateIndex) -> SchemaChange | None:
    """CREATE INDEX."""
    keyspace = context.keyspace_of(statement.table)
    if statement.name is not None and statement.name.keyspace not in (None, keyspace):
        other = statement.name.keyspace
        raise invalid(f"Keyspace name '{other}' doesn't match table name '{keyspace}.{statement.table.name}'")
    app = context.app(keyspace)
    using, said = _class(statement)
    table = context.schema.find(keyspace, statement.table.name)
    if table is None:
        raise invalid(f"Table '{statement.table.name}' doesn't exist")
    name = None if statement.name is None else statement.name.name
    if name is not None and (keyspace, name) in context.schema.taken:
        if statement.if_not_exists:
            return None
        raise invalid(f"Index '{name}' already exists")
    if table.is_counter:
        raise invalid("Secondary indexes on counter tables aren't supported")
    if table.base is not None:
        raise invalid("Secondary indexes on materialized views aren't supported")
    table.refuse_writes()
    target = _target(statement, table, attached=using is not None)
    equal = [
        each.index.name
        for each in table.indexes
        if (each.column, each.kind, each.index.using is None) == (target.column, target.kind, using is None)
    ]
    name = name or _free_name(context, keyspace, table.name, target.column)
    if not is_name(name):
        raise config(f"Illegal index name {name}")
    if equal:
        if statement.if_not_exists:
            return None
        raise invalid(f"Index {name} is a duplicate of existing index {equal[0]}")
    key = records.KeyColumn(column=table.ids[target.column], part=PART_OF[target.kind])
    settings = tuple(Setting(name=option, value=value) for option, value in sorted(said.items()))
    record = records.Index(app=app, name=name, table=table.number, columns=(key,), method=using or "", options=settings)
    number = context.create(record)
    with translated():
        Wide(context.transaction.image(), table.number).fill(context.transaction.statements, number)
    return change("UPDATED", "TABLE", keyspace, table.name)


def _class(statement: df.CreateIndex) -> tuple[str | None, Mapping[str, str]]:
    """The class as it was said, None for Cassandra's own kind, and its options."""
    properties = Properties(statement.properties)
    said = properties.map("options") or {}
    properties.end()
    using = statement.using
    if using is None:
        if statement.custom:
            raise invalid("CUSTOM index requires specifying the index class")
        if said:
            raise invalid("Cannot specify options for a non-CUSTOM index")
        return None, {}
    lowered = using.lower()
    if lowered in LEGACY and not statement.custom:
        return None, {}
    if lowered in ATTACHED:
        _check_options(said)
        return using, said
    if lowered == _SASI:
        raise invalid("SASI indexes are disabled. Enable in cassandra.yaml to use.")
    raise config(f"Unable to find custom indexer class '{using}'")


def _check_options(said: Mapping[str, str]) -> None:
    for name, value in said.items():
        if name in _ONLY_TRUE:
            if flag(name, value) is not _ONLY_TRUE[name]:
                raise invalid(f"Option '{name}' of storage-attached indexes is not supported with value {value}")
        elif name == "similarity_function":
            if value.upper() not in _SIMILARITIES:
                allowed = ", ".join(_SIMILARITIES)
                raise invalid(f"Similarity function {value} was not recognized. Must be one of: {allowed}")
        elif name in ("class_name", "target"):
            raise invalid(f"Cannot specify {name} as a CUSTOM option")
        else:
            raise config(f"Properties specified [{name}] are not understood by StorageAttachedIndex")


def _target(statement: df.CreateIndex, table: Served, *, attached: bool) -> df.Target:
    if not statement.targets:
        raise invalid("Only CUSTOM indexes can be created without specifying a target column")
    if len(statement.targets) > 1:
        what = "Storage-attached indexes are on one column" if attached else "Only CUSTOM indexes support multiple columns"
        raise invalid(what)
    (target,) = statement.targets
    column = table.columns.get(target.column)
    if column is None:
        raise invalid(f"Column '{target.column}' doesn't exist")
    kind = column.type
    if _has_duration(kind):
        what = _holder(kind)
        raise invalid(f"Secondary indexes are not supported on {what}")
    if column.role is Role.PARTITION and len(table.partition) == 1:
        raise invalid(f"Cannot create secondary index on the only partition key column {target.column}")
    _check_kind(target, kind, attached=attached)
    if target.kind is _SIMPLE and is_collection(kind):
        return df.Target(target.column, df.TargetKind.VALUES)
    return target


def _check_kind(target: df.Target, kind: Type, *, attached: bool) -> None:
    name, word = target.column, target.kind.value
    frozen = is_collection(kind) and not is_multi_cell(kind)
    if frozen and target.kind is not _FULL:
        rest = f"must be fully indexed by using the 'full({name})' modifier"
        raise invalid(
            f"Cannot create {word or 'values'}() index on frozen column {name}. Frozen collections are immutable and {rest}"
        )
    if target.kind is _FULL and not frozen:
        raise invalid("full() indexes can only be created on frozen collections")
    if target.kind is not _SIMPLE and not is_collection(kind):
        raise invalid(f"Cannot create {word}() index on {name}. Non-collection columns only support simple indexes")
    if target.kind in (_KEYS, _ENTRIES) and not isinstance(kind, Map):
        raise invalid(f"Cannot create index on {word} of column {name} with non-map type")
    if isinstance(kind, Udt) and not kind.frozen:
        raise invalid(f"Cannot create index on non-frozen UDT column {name}")
    if isinstance(kind, Vector) and not attached:
        raise invalid("Secondary indexes are not supported on vectors: use a storage-attached index")


def _has_duration(kind: Type) -> bool:
    return kind == DURATION or any(map(_has_duration, parts(kind)))


def _holder(kind: Type) -> str:
    if is_collection(kind):
        return "collections containing durations"
    if isinstance(kind, Tuple):
        return "tuples containing durations"
    return "UDTs containing durations" if isinstance(kind, Udt) else "duration columns"


def _free_name(context: Context, keyspace: str, table: str, column: str) -> str:
    base = re.sub(r"\W", "", f"{table}_{column}_idx", flags=re.ASCII)
    name, number = base, 0
    while (keyspace, name) in context.schema.taken:
        number += 1
        name = f"{base}_{number}"
    return name


def drop(context: Context, statement: df.Drop) -> SchemaChange | None:
    """DROP INDEX."""
    keyspace, name = context.keyspace_of(statement.name), statement.name.name
    context.changeable(keyspace)
    for (other, table), served in context.schema.tables.items():
        for index in served.indexes if other == keyspace else ():
            if index.index.name == name:
                context.drop(index.number)
                return change("UPDATED", "TABLE", keyspace, table)
    if statement.if_exists:
        return None
    raise invalid(f"Index '{keyspace}.{name}' doesn't exist")
