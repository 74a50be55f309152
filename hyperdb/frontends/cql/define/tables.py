"""CREATE TABLE, DROP TABLE, TRUNCATE.

Theory: the checks are those of Cassandra's CreateTableStatement and TableMetadata.validate, in their order. Columns get
numbers in the order in which they were written. Invariant: a record has a
partition key, and statics only where rows are clustered.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from hyperdb.frontends.cql.define.columns import column_type, key_type
from hyperdb.frontends.cql.define.context import Context, change, is_name, translated
from hyperdb.frontends.cql.define.masks import mask_of, with_masks
from hyperdb.frontends.cql.define.options import altered
from hyperdb.frontends.cql.define.properties import Properties
from hyperdb.frontends.cql.describe.schema import Mask
from hyperdb.frontends.cql.describe.schema import TableOptions as Options
from hyperdb.frontends.cql.parse import definitions as df
from hyperdb.frontends.cql.parse.statements import Direction, Ordering, Truncate
from hyperdb.frontends.cql.protocol.responses import SchemaChange
from hyperdb.frontends.cql.schema import options
from hyperdb.frontends.cql.schema.faults import config, table_exists
from hyperdb.frontends.cql.schema.read import BY_TOKEN, CQL
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import COUNTER, Type
from hyperdb.graph.catalog import records

_PREFIX = "resp_prefix"


@dataclass(frozen=True)
class Said:
    """Options of a table or view as they are to be kept."""

    options: Options
    id: UUID | None
    resp_prefix: str | None


def said(properties: Properties, before: Options, warnings: list[str]) -> Said:
    """What follows WITH.

    Raises:
        CqlError: syntax, configuration.
    """
    found = altered(before, properties, warnings)
    given = properties.text("id")
    prefix = properties.text(_PREFIX)
    properties.end()
    try:
        return Said(found, None if given is None else UUID(given), prefix)
    except ValueError:
        raise config("Invalid table id") from None


def create(context: Context, statement: df.CreateTable) -> SchemaChange | None:
    """CREATE TABLE."""
    keyspace = context.keyspace_of(statement.table)
    name = statement.table.name
    app = context.app(keyspace)
    if (keyspace, name) in context.schema.taken:
        if statement.if_not_exists and context.schema.find(keyspace, name) is not None:
            return None
        raise table_exists(keyspace, name)
    check_name(keyspace, name, "Table")
    if statement.options.compact_storage:
        raise invalid("COMPACT STORAGE tables are not allowed. Disabled by the server: tables are stored by their CQL columns")
    wanted = said(Properties(statement.options.properties), Options(), context.warnings)
    kinds = _kinds(context, keyspace, statement)
    key = _primary_key(statement)
    _check_key(statement, key, kinds)
    descending = clustering_order(statement.options.clustering, key.clustering)
    _check_values(keyspace, name, statement, key, kinds, wanted.options)
    if wanted.resp_prefix is not None:
        raise invalid("Tables with a resp_prefix are made in SQL")
    ids = {column.name: place for place, column in enumerate(statement.columns, 1)}
    record = records.Table(
        app=app,
        name=name,
        order=BY_TOKEN,
        columns=tuple(
            records.Column(id=ids[column.name], name=column.name, kind=context.kind(kinds[column.name]), is_static=column.static)
            for column in statement.columns
        ),
        next_column=len(ids) + 1,
        partition=tuple(ids[column] for column in key.partition),
        key=tuple(records.KeyColumn(column=ids[column], descending=descending[column]) for column in key.clustering),
        options=options.write_table(wanted.options, wanted.id or context.make_id()),
        comment=wanted.options.comment,
        language=CQL,
    )
    masks = ((ids[each.name], _mask(context, keyspace, name, each, kinds[each.name])) for each in statement.columns)
    context.create(with_masks(record, masks))
    return change("CREATED", "TABLE", keyspace, name)


def _mask(context: Context, keyspace: str, table: str, column: df.ColumnDefinition, kind: Type) -> Mask | None:
    return None if column.mask is None else mask_of(context.schema, keyspace, table, column.name, kind, column.mask)


def check_name(keyspace: str, name: str, what: str) -> None:
    """Whether a table or view may be called so.

    Raises:
        CqlError: configuration.
    """
    if not is_name(name):
        rest = "must not be empty, more than 48 characters long, or contain non-alphanumeric-underscore characters"
        raise config(f'{keyspace}.{name}: {what} name {rest} (got "{name}")')


def _kinds(context: Context, keyspace: str, statement: df.CreateTable) -> dict[str, Type]:
    kinds: dict[str, Type] = {}
    for column in statement.columns:
        if column.name in kinds:
            raise invalid(f"Duplicate column '{column.name}' declaration for table '{statement.table.name}'")
        kinds[column.name] = column_type(context.schema, keyspace, column)
    return kinds


def _primary_key(statement: df.CreateTable) -> df.PrimaryKey:
    inline = [column.name for column in statement.columns if column.primary_key]
    count = len(inline) + (statement.primary_key is not None)
    if count != 1:
        how = "No" if count == 0 else "Multiple"
        raise invalid(f"{how} PRIMARY KEY specified for table '{statement.table.name}' (exactly one required)")
    return statement.primary_key or df.PrimaryKey((inline[0],))


def _check_key(statement: df.CreateTable, key: df.PrimaryKey, kinds: dict[str, Type]) -> None:
    seen: set[str] = set()
    statics = {column.name for column in statement.columns if column.static}
    for name in (*key.partition, *key.clustering):
        if name not in kinds:
            raise invalid(f"Unknown column '{name}' referenced in PRIMARY KEY for table '{statement.table.name}'")
        if name in seen:
            raise invalid(f"Duplicate column '{name}' in PRIMARY KEY clause for table '{statement.table.name}'")
        seen.add(name)
        key_type(name, kinds[name])
        if name in statics:
            raise invalid(f"Static column '{name}' cannot be part of the PRIMARY KEY")
    if statics and not key.clustering:
        why = "Static columns are only useful (and thus allowed) if the table has at least one clustering column"
        raise invalid(why)


def clustering_order(orderings: Iterable[Ordering], clustering: tuple[str, ...]) -> dict[str, bool]:
    """Which clustering columns descend.

    Raises:
        CqlError: invalid: columns that are no clustering columns, or not said in their order.
    """
    said_of = {each.column: each.direction is Direction.DESCENDING for each in orderings}
    if len(said_of) > len(clustering):
        raise invalid("Only clustering columns can be defined in CLUSTERING ORDER directive")
    for expected, name in zip(clustering, said_of, strict=False):
        if name == expected:
            continue
        if expected in said_of:
            rest = f"match that of the clustering columns ({expected} must appear before {name})"
            raise invalid(f"The order of columns in the CLUSTERING ORDER directive must {rest}")
        raise invalid(f"Missing CLUSTERING ORDER for column {expected}")
    return {name: said_of.get(name, False) for name in clustering}


def _check_values(
    keyspace: str, name: str, statement: df.CreateTable, key: df.PrimaryKey, kinds: dict[str, Type], found: Options
) -> None:
    others = [column.name for column in statement.columns if column.name not in (*key.partition, *key.clustering)]
    check_counters(keyspace, name, {other: kinds[other] for other in others})
    if found.default_time_to_live and any(kind == COUNTER for kind in kinds.values()):
        raise invalid("Cannot set default_time_to_live on a table with counters")


def check_counters(keyspace: str, name: str, others: dict[str, Type]) -> None:
    """All columns outside the key are counters, or none is.

    Raises:
        CqlError: configuration.
    """
    counters = {column for column, kind in others.items() if kind == COUNTER}
    if counters and len(counters) < len(others):
        plain = next(column for column in others if column not in counters)
        raise config(f'{keyspace}.{name}: Cannot have a non counter column ("{plain}") in a counter table')


def drop(context: Context, statement: df.Drop) -> SchemaChange | None:
    """DROP TABLE."""
    keyspace, name = context.keyspace_of(statement.name), statement.name.name
    found = context.existing_table(keyspace, name, if_exists=statement.if_exists)
    if found is None:
        return None
    if found.base is not None:
        raise invalid("Cannot use DROP TABLE on a materialized view. Please use DROP MATERIALIZED VIEW instead.")
    if found.views:
        shown = ", ".join(f"{keyspace}.{view}" for view in found.views)
        raise invalid(f"Cannot drop a table when materialized views still depend on it ({shown})")
    context.drop(found.number)
    return change("DROPPED", "TABLE", keyspace, name)


def truncate(context: Context, statement: Truncate) -> None:
    """TRUNCATE: the table's rows, and its views'."""
    keyspace, name = context.keyspace_of(statement.table), statement.table.name
    found = context.schema.table(keyspace, name)
    if found.base is not None:
        raise invalid("Cannot TRUNCATE materialized view directly; must truncate base table instead")
    if found.is_virtual:
        raise invalid(f"Truncation is not supported by table {keyspace}.{name}")
    found.refuse_writes()
    for each in (name, *found.views):
        with translated():
            context.transaction.truncate(context.schema.table(keyspace, each).number)
