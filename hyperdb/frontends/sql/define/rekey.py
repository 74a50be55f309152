"""A table's rows in another order: a primary key that is added to a table that was made without one, or dropped.

Theory: rows lie in the order of the primary key, or of a hidden column that grows with time. A key that comes later is the
table's own as one that it was made with: all rows are written anew, in the same transaction. A table whose indexes need
expressions evaluated keeps its order; its primary key is a unique index. Invariant: the definition and the rows' order change
together.
"""

from __future__ import annotations

from dataclasses import replace

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.kinds import UUID, Kind
from hyperdb.frontends.sql.define.constraints import Build, Wanted
from hyperdb.frontends.sql.define.context import Context, with_column
from hyperdb.graph.catalog import records

ROW_KEY = "_row"
"""The hidden column's name."""


def hidden_column(number: int) -> records.Column:
    """The column that orders rows of a table without a primary key; `number` is its id."""
    return records.Column(id=number, name=ROW_KEY, kind=kinds.to_record(Kind(UUID)), not_null=True, hidden=True)


def can_rewrite(context: Context, number: int) -> bool:
    """Whether the rows can be written anew without anything being evaluated."""
    relation = context.catalog.relation(number)
    return not relation.table.partition and not context.env.writes(relation).extras


def is_hidden_key(table: records.Table) -> bool:
    """Whether the rows lie in the order in which they came."""
    hidden = {column.id for column in table.columns if column.hidden and not column.dropped}
    return all(part.column in hidden for part in table.key)


def add_key(context: Context, number: int, wanted: Wanted) -> None:
    """Makes a primary key the table's own."""
    table = context.table(number)
    build = Build(context, number, table.app, table.name, list(table.columns), list(table.constraints))
    build.add(wanted, clustered=True)
    for part in table.key:
        own = next(each for each in table.columns if each.id == part.column)
        table = with_column(table, replace(own, dropped=True, not_null=False))
    for part in build.key:
        own = next(each for each in table.columns if each.id == part.column)
        table = with_column(table, replace(own, not_null=True))
    ((index, record),) = build.indexes
    context.write(index, record)
    _rewrite(context, number, replace(table, key=build.key, constraints=tuple(build.made)), record.name)


def drop_key(context: Context, number: int, table: records.Table) -> None:
    """Gives a table, whose record is as it will be but for the key, a hidden column in its place."""
    hidden = hidden_column(table.next_column)
    columns = (*table.columns, hidden)
    key = (records.KeyColumn(column=hidden.id),)
    _rewrite(context, number, replace(table, columns=columns, next_column=hidden.id + 1, key=key), "")


def _rewrite(context: Context, number: int, table: records.Table, name: str) -> None:
    before = context.catalog.relation(number)
    old = context.session.layout_of(before, context.catalog)
    rows = context.transaction.rekey(old, number, records.encode(table))
    context.refresh()
    relation = context.catalog.relation(number)
    layout = context.session.layout_of(relation, context.catalog)
    unfit = context.session.backend.lanes.rewrite(context.transaction.statements, rows, layout)
    if unfit is None:
        return
    place, values = unfit
    if values is None:
        column = next(each.name for each in table.columns if each.id == place)
        message = f'column "{column}" of relation "{table.name}" contains null values'
        raise SqlError("23502", message, table=table.name, column=column)
    columns = [next(each for each in relation.columns if each.number == part.column) for part in table.key]
    shown = ", ".join(column.name for column in columns)
    found = ", ".join(context.session.facade.show(column.kind, value) for column, value in zip(columns, values, strict=True))
    detail = f"Key ({shown})=({found}) is duplicated."
    raise SqlError("23505", f'could not create unique index "{name}"', detail=detail, constraint=name)
