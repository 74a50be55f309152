"""CREATE, ALTER and DROP MATERIALIZED VIEW.

Theory: a view is a table by token whose record says what it is filled from; its columns are the base's by name. The checks are
those of Cassandra's CreateViewStatement. Invariant: every column of the base's key is in the view's, and one other at most, so a
row of the base has one row of the view or none.
"""

from __future__ import annotations

from dataclasses import replace

from hyperdb.frontends.cql.define.alter import set_options
from hyperdb.frontends.cql.define.columns import key_type
from hyperdb.frontends.cql.define.conditions import compared, conditions_text, restricted
from hyperdb.frontends.cql.define.context import Context, change, translated
from hyperdb.frontends.cql.define.properties import Properties
from hyperdb.frontends.cql.define.tables import check_name, clustering_order, said
from hyperdb.frontends.cql.describe.schema import Role, TableOptions
from hyperdb.frontends.cql.parse import definitions as df
from hyperdb.frontends.cql.parse.statements import Comparison
from hyperdb.frontends.cql.parse.terms import Column
from hyperdb.frontends.cql.parse.text import term
from hyperdb.frontends.cql.protocol.responses import SchemaChange
from hyperdb.frontends.cql.schema import options
from hyperdb.frontends.cql.schema.faults import table_exists
from hyperdb.frontends.cql.schema.model import Served
from hyperdb.frontends.cql.schema.read import BY_TOKEN, CQL
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.tables import Wide

CONDITION = "condition"
_GRACE = (
    "since this value is used to TTL undelivered updates. Setting gc_grace_seconds too low might cause undelivered updates to "
    "expire before being replayed."
)
_TTL = "Data in a materialized view always expire at the same time than the corresponding data in the parent table."


def create(context: Context, statement: df.CreateView) -> SchemaChange | None:
    """CREATE MATERIALIZED VIEW."""
    keyspace, name = context.keyspace_of(statement.name), statement.name.name
    app = context.app(keyspace)
    if statement.table.keyspace not in (None, keyspace):
        raise invalid("Cannot create a materialized view on a table in a separate keyspace")
    base = context.schema.find(keyspace, statement.table.name)
    if base is None:
        raise invalid(f"Base table '{statement.table.name}' doesn't exist")
    there = context.schema.find(keyspace, name)
    if there is not None and there.base is None:
        raise invalid(f"Cannot create materialized view '{name}' - a table with the same name already exists")
    if (keyspace, name) in context.schema.taken:
        if statement.if_not_exists and there is not None:
            return None
        raise table_exists(keyspace, name)
    _check_base(base, name)
    check_name(keyspace, name, "View")
    selected = _selected(statement, base)
    key = (*statement.primary_key.partition, *statement.primary_key.clustering)
    _check_key(statement, base, selected, key)
    descending = clustering_order(statement.options.clustering, statement.primary_key.clustering)
    if not statement.options.clustering:
        # A column keeps the direction that it has in the base.
        descending = {column: base.columns[column].descending for column in descending}
    _check_conditions(statement, base, key)
    properties = Properties(statement.options.properties)
    _check_ttl(properties, "Cannot set default_time_to_live for a materialized view.")
    wanted = said(properties, TableOptions(), context.warnings)
    wish = replace(wanted.options, default_time_to_live=0)
    ids = {column: place for place, column in enumerate(dict.fromkeys((*key, *selected)), 1)}
    settings = options.write_table(wish, wanted.id or context.make_id())
    conditions = compared(statement.where, base.columns, base.ids)
    settings += tuple(records.Setting(name=CONDITION, value=each) for each in conditions)
    record = records.Table(
        app=app,
        name=name,
        order=BY_TOKEN,
        columns=tuple(
            records.Column(id=number, name=column, kind=context.kind(base.columns[column].type)) for column, number in ids.items()
        ),
        next_column=len(ids) + 1,
        partition=tuple(ids[column] for column in statement.primary_key.partition),
        key=tuple(
            records.KeyColumn(column=ids[column], descending=descending[column]) for column in statement.primary_key.clustering
        ),
        options=settings,
        comment=wish.comment,
        language=CQL,
        source=records.Source(
            base=base.number,
            all_columns=statement.selectors is None,
            filter=records.Expression(text=conditions_text(statement.where, {}), language=CQL),
        ),
    )
    number = context.create(record)
    fill(context, base, number)
    context.warnings.append("Materialized views are experimental and are not recommended for production use.")
    return change("CREATED", "TABLE", keyspace, name)


def fill(context: Context, base: Served, number: int) -> None:
    """Writes the rows that the base has already."""
    with translated():
        Wide(context.transaction.image(), base.number).fill_view(context.transaction.statements, number)


def _check_base(base: Served, name: str) -> None:
    if base.number == 0 or base.source is not None:
        raise invalid(f"Materialized views are not supported on {base.keyspace}.{base.name}")
    if base.is_counter:
        raise invalid("Materialized views are not supported on counter tables")
    if base.base is not None:
        raise invalid("Materialized views cannot be created against other materialized views")
    if base.options.gc_grace_seconds == 0:
        raise invalid(
            f"Cannot create materialized view '{name}' for base table '{base.name}' with gc_grace_seconds of 0, {_GRACE}"
        )


def _selected(statement: df.CreateView, base: Served) -> list[str]:
    """Columns of the view, without those that only its key names."""
    name = statement.name.name
    if statement.selectors is None:
        found = list(base.columns)
    else:
        found = []
        for selector in statement.selectors:
            shown = term(selector.value)
            if selector.alias is not None:
                raise invalid(f"Cannot use aliases when defining a materialized view (got {shown} AS {selector.alias})")
            if not isinstance(selector.value, Column):
                raise invalid(f"Can only select columns by name when defining a materialized view (got {shown})")
            if selector.value.name not in base.columns:
                raise invalid(f"Undefined column name {selector.value.name} in table {base.keyspace}.{base.name}")
            found.append(selector.value.name)
    for column in found:
        if base.columns[column].role is Role.STATIC:
            raise invalid(f"Cannot include static column '{column}' in materialized view '{name}'")
    return found


def _check_key(statement: df.CreateView, base: Served, selected: list[str], key: tuple[str, ...]) -> None:
    name = statement.name.name
    seen: set[str] = set()
    for column in key:
        if column not in base.columns or column not in selected:
            raise invalid(f"Unknown column '{column}' referenced in PRIMARY KEY for materialized view '{name}'")
        if column in seen:
            raise invalid(f"Duplicate column '{column}' in PRIMARY KEY clause for materialized view '{name}'")
        seen.add(column)
        key_type(column, base.columns[column].type)
    missing = [column.name for column in (*base.partition, *base.clustering) if column.name not in seen]
    if missing:
        shown = ", ".join(missing)
        raise invalid(
            f"Cannot create materialized view '{name}' without primary key columns {shown} from base table '{base.name}'"
        )
    others = [column for column in key if base.columns[column].role is Role.REGULAR]
    if len(others) > 1:
        shown = ", ".join(others)
        raise invalid(f"Cannot include more than one non-primary key column in materialized view primary key (got {shown})")


def _check_conditions(statement: df.CreateView, base: Served, key: tuple[str, ...]) -> None:
    found = restricted(statement.where, base.columns, statement.name.name)
    # IS NOT NULL outside of the key is taken and decides nothing, as in Cassandra: rows are there whatever these columns hold.
    values = [each for each in statement.where if each.comparison is not Comparison.NOT_NULL]
    others = sorted(restricted(values, base.columns, statement.name.name) - set(key))
    if others:
        what = f"in the SELECT statement used for materialized view '{statement.name.name}' creation"
        raise invalid(f"Non-primary key columns cannot be restricted {what} (got restrictions on: {', '.join(others)})")
    missing = [column for column in key if column not in found]
    if missing:
        raise invalid(f"Primary key columns {', '.join(missing)} must be restricted with 'IS NOT NULL' or otherwise")


def _check_ttl(properties: Properties, message: str) -> None:
    if properties.integer("default_time_to_live"):
        raise invalid(f"{message} {_TTL}")


def _existing(context: Context, keyspace: str, name: str, *, if_exists: bool) -> Served | None:
    """The view that is to be changed; None: there is none, and that is no error."""
    context.changeable(keyspace)
    found = context.schema.find(keyspace, name)
    if found is not None and found.base is not None:
        return found
    if if_exists:
        return None
    raise invalid(f"Materialized view '{keyspace}.{name}' doesn't exist")


def alter(context: Context, statement: df.AlterView) -> SchemaChange | None:
    """ALTER MATERIALIZED VIEW."""
    keyspace, name = context.keyspace_of(statement.name), statement.name.name
    found = _existing(context, keyspace, name, if_exists=statement.if_exists)
    if found is None:
        return None
    properties = Properties(statement.properties)
    _check_ttl(properties, "Cannot set or alter default_time_to_live for a materialized view.")
    wish = said(properties, found.options, context.warnings).options
    if wish.gc_grace_seconds == 0:
        raise invalid(f"Cannot alter gc_grace_seconds of a materialized view to 0, {_GRACE}")
    set_options(context, found, replace(wish, default_time_to_live=0))
    return change("UPDATED", "TABLE", keyspace, name)


def drop(context: Context, statement: df.Drop) -> SchemaChange | None:
    """DROP MATERIALIZED VIEW."""
    keyspace, name = context.keyspace_of(statement.name), statement.name.name
    found = _existing(context, keyspace, name, if_exists=statement.if_exists)
    if found is None:
        return None
    context.drop(found.number)
    return change("DROPPED", "TABLE", keyspace, name)
