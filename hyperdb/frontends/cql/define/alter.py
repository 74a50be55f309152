"""ALTER TABLE.

Theory: the checks are those of Cassandra's AlterTableStatement. A column that is added gets a number of its own, so what a
dropped one of the same name has left is never read as its. Views that show all columns get what their table gets. Invariant:
rows keep their form, whatever is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from hyperdb.frontends.cql.define.columns import column_type
from hyperdb.frontends.cql.define.conditions import conditions_text
from hyperdb.frontends.cql.define.context import Context, change
from hyperdb.frontends.cql.define.masks import mask_of, with_mask, with_masks
from hyperdb.frontends.cql.define.properties import Properties
from hyperdb.frontends.cql.define.tables import check_counters, said
from hyperdb.frontends.cql.describe.schema import Mask, Role, Table, View
from hyperdb.frontends.cql.parse import definitions as df
from hyperdb.frontends.cql.parse.terms import Literal
from hyperdb.frontends.cql.protocol.responses import SchemaChange
from hyperdb.frontends.cql.schema import options
from hyperdb.frontends.cql.schema.faults import config
from hyperdb.frontends.cql.schema.model import Served
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import ASCII, BLOB, COUNTER, TEXT, Type, Udt, is_multi_cell
from hyperdb.frontends.cql.types.names import show
from hyperdb.graph.catalog import records

_STATICS = "Static columns are only useful (and thus allowed) if the table has at least one clustering column"


def alter(context: Context, statement: df.AlterTable) -> SchemaChange | None:
    """ALTER TABLE."""
    keyspace, name = context.keyspace_of(statement.table), statement.table.name
    found = context.existing_table(keyspace, name, if_exists=statement.if_exists)
    if found is None:
        return None
    if found.base is not None:
        raise invalid("Cannot use ALTER TABLE on a materialized view; use ALTER MATERIALIZED VIEW instead")
    if found.source is not None:
        raise invalid(f"Table {keyspace}.{name} was made in SQL, and is changed there")
    _CHANGES[type(statement.change)](context, found, statement.change)
    # What changes nothing is no change to tell, as there.
    return change("UPDATED", "TABLE", keyspace, name) if context.is_changed else None


def _refuse_type(_context: Context, _found: Served, _wanted: df.AlterType) -> None:
    raise invalid("Altering column types is no longer supported")


def _refuse_compact(_context: Context, _found: Served, _wanted: df.DropCompactStorage) -> None:
    raise invalid("Cannot DROP COMPACT STORAGE on table without COMPACT STORAGE")


def _mask(context: Context, found: Served, wanted: df.MaskColumn) -> None:
    if wanted.name not in found.columns:
        if wanted.if_exists:
            return
        raise invalid(f"Column with name '{wanted.name}' doesn't exist on table '{found.name}'")
    column = found.columns[wanted.name]
    mask = None
    if wanted.mask is not None:
        mask = mask_of(context.schema, found.keyspace, found.name, column.name, column.type, wanted.mask)
    if mask != column.mask:
        context.alter(found.number, with_mask(context.locked_table(found.number), found.ids[column.name], mask))


# ADD


def _add(context: Context, found: Served, wanted: df.AddColumns) -> None:
    record = context.locked_table(found.number)
    kinds: dict[str, Type] = {column.name: column.type for column in found.regulars + found.statics}
    new: list[records.Column] = []
    masks: dict[int, Mask] = {}
    for column in wanted.columns:
        if column.name in found.columns or any(each.name == column.name for each in new):
            if wanted.if_not_exists:
                continue
            raise invalid(f"Column with name '{column.name}' already exists")
        if column.primary_key:
            raise invalid(f"Cannot add a PRIMARY KEY column '{column.name}' to table '{found.name}'")
        kind = column_type(context.schema, found.keyspace, column)
        if column.static and not found.clustering:
            raise invalid(_STATICS)
        _check_dropped(found, column, kind)
        kinds[column.name] = kind
        number = record.next_column + len(new)
        new.append(records.Column(id=number, name=column.name, kind=context.kind(kind), is_static=column.static))
        if column.mask is not None:
            masks[number] = mask_of(context.schema, found.keyspace, found.name, column.name, kind, column.mask)
    counter = next((name for name, kind in kinds.items() if kind == COUNTER), None)
    if counter is not None and found.regulars and not found.is_counter:
        raise config(f'{found.keyspace}.{found.name}: Cannot have a counter column ("{counter}") in a non counter table')
    check_counters(found.keyspace, found.name, kinds)
    if not new:
        return
    context.alter(found.number, with_masks(with_columns(record, new), masks.items()))
    shown = [column for column in new if not column.is_static]
    for view in found.views:
        served = context.schema.table(found.keyspace, view)
        view_record = context.locked_table(served.number)
        if view_record.source.all_columns and shown:
            first = view_record.next_column
            own = [replace(column, id=first + place) for place, column in enumerate(shown)]
            context.alter(served.number, with_columns(view_record, own))


def with_columns(record: records.Table, new: list[records.Column]) -> records.Table:
    """A table with columns behind its others."""
    return replace(record, columns=(*record.columns, *new), next_column=record.next_column + len(new))


def _check_dropped(found: Served, column: df.ColumnDefinition, kind: Type) -> None:
    assert isinstance(found.table, Table)
    before = next((each.column for each in found.table.dropped if each.column.name == column.name), None)
    if before is None:
        return
    name = column.name
    if not _reads_like(kind, before.type):
        rest = f"of type {show(kind)}, incompatible with previous type {show(before.type)}"
        raise invalid(f"Cannot re-add previously dropped column '{name}' {rest}")
    role = Role.STATIC if column.static else Role.REGULAR
    if role is not before.role:
        rest = f"of kind {role.name}, incompatible with previous kind {before.role.name}"
        raise invalid(f"Cannot re-add previously dropped column '{name}' {rest}")
    if found.is_counter:
        raise invalid(f"Cannot re-add previously dropped counter column {name}")


def _reads_like(kind: Type, before: Type) -> bool:
    """Whether bytes of the type before are bytes of this one."""
    return kind == before or (kind, before) == (TEXT, ASCII) or (kind == BLOB and not is_multi_cell(before))


# DROP


def _drop(context: Context, found: Served, wanted: df.DropColumns) -> None:
    record = context.locked_table(found.number)
    at = _timestamp(context, wanted)
    gone: set[str] = set()
    for name in wanted.names:
        column = found.columns.get(name)
        if column is None:
            if wanted.if_exists:
                continue
            raise invalid(f"Column {name} was not found in table '{found.keyspace}.{found.name}'")
        if column.role in (Role.PARTITION, Role.CLUSTERING):
            raise invalid(f"Cannot drop PRIMARY KEY column {name}")
        if isinstance(column.type, Udt) and not column.type.frozen:
            raise invalid(f"Cannot drop non-frozen column {name} of user type {show(column.type)}")
        needed = [each.index.name for each in found.indexes if each.column == name]
        if needed:
            raise invalid(f"Cannot drop column {name} because it has dependent secondary indexes ({', '.join(needed)})")
        if found.views:
            raise invalid(f"Cannot drop column {name} on base table {found.name} with materialized views")
        gone.add(name)
    columns = tuple(
        replace(column, dropped=True, dropped_at=at) if column.name in gone and not column.dropped else column
        for column in record.columns
    )
    context.alter(found.number, replace(record, columns=columns))


def _timestamp(context: Context, wanted: df.DropColumns) -> int:
    if wanted.timestamp is None:
        return context.now
    if not isinstance(wanted.timestamp, Literal):
        raise invalid("The timestamp of a dropped column is a constant")
    return int(wanted.timestamp.text)


# RENAME


def _rename(context: Context, found: Served, wanted: df.Rename) -> None:
    record = context.locked_table(found.number)
    names = set(found.columns)
    by_name: dict[str, str] = {}
    for old, new in wanted.names:
        column = found.columns.get(old)
        if column is None:
            if wanted.if_exists:
                continue
            raise invalid(f"Column {old} was not found in table {found.keyspace}.{found.name}")
        if column.role not in (Role.PARTITION, Role.CLUSTERING):
            raise invalid(f"Cannot rename non PRIMARY KEY column {old}")
        if new in names:
            rest = f"in table '{found.keyspace}.{found.name}'; another column with that name already exists"
            raise invalid(f"Cannot rename column {old} to {new} {rest}")
        needed = [each.index.name for each in found.indexes if each.column == old]
        if needed:
            raise invalid(f"Can't rename column {old} because it has dependent secondary indexes ({', '.join(needed)})")
        names = names - {old} | {new}
        by_name[old] = new
    context.alter(found.number, renamed(record, by_name.items()))
    for view in found.views:
        served = context.schema.table(found.keyspace, view)
        view_record = context.locked_table(served.number)
        filtered = _filter(view_record.source, served, by_name)
        context.alter(served.number, replace(renamed(view_record, by_name.items()), source=filtered))


def _filter(source: records.Source, view: Served, by_name: dict[str, str]) -> records.Source:
    assert isinstance(view.table, View)
    return replace(source, filter=replace(source.filter, text=conditions_text(view.table.where, by_name)))


def renamed(record: records.Table, names: Iterable[tuple[str, str]]) -> records.Table:
    """A table with columns renamed."""
    by_name = dict(names)
    columns = tuple(
        replace(column, name=by_name[column.name]) if column.name in by_name and not column.dropped else column
        for column in record.columns
    )
    return replace(record, columns=columns)


# WITH


def _set(context: Context, found: Served, wanted: df.SetProperties) -> None:
    properties = Properties(wanted.properties)
    if "id" in properties:
        raise config("Cannot alter table id.")
    wish = said(properties, found.options, context.warnings)
    if wish.resp_prefix is not None:
        raise invalid("Tables with a resp_prefix are made in SQL")
    if found.is_counter and wish.options.default_time_to_live > 0:
        raise invalid("Cannot set default_time_to_live on a table with counters")
    if found.views and wish.options.gc_grace_seconds == 0:
        why = (
            "since this value is used to TTL undelivered updates. Setting gc_grace_seconds too low might cause undelivered "
            "updates to expire before being replayed."
        )
        raise invalid(f"Cannot alter gc_grace_seconds of the base table of a materialized view to 0, {why}")
    set_options(context, found, wish.options)


def set_options(context: Context, found: Served, wish: Any) -> None:
    """Writes a table's or view's options; settings that are not CQL's stay."""
    record = context.locked_table(found.number)
    table_id = options.id_of(record.options, found.number)
    others = tuple(each for each in record.options if not options.is_own(each.name))
    kept = (*options.write_table(wish, table_id), *others)
    context.alter(found.number, replace(record, options=kept, comment=wish.comment))


_CHANGES: dict[type, Callable[[Context, Served, Any], None]] = {
    df.AddColumns: _add,
    df.DropColumns: _drop,
    df.DropCompactStorage: _refuse_compact,
    df.Rename: _rename,
    df.AlterType: _refuse_type,
    df.MaskColumn: _mask,
    df.SetProperties: _set,
}
