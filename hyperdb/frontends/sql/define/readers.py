"""Views that read a column of a table, when the column goes, or gets another type or name.

Theory: a view is kept as the text of its query. Which columns it reads is what the query, bound anew, needs rights on. A column
that gets another name is called so in the query as well, if that means the same then. Invariant: no ALTER TABLE leaves a view
that cannot be read.
"""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.bind.binder import Binder, BoundQuery
from hyperdb.frontends.sql.bind.names import fold
from hyperdb.frontends.sql.define.context import Context
from hyperdb.frontends.sql.define.drop import remove
from hyperdb.frontends.sql.parse.dialect import parse, written
from hyperdb.graph.catalog import records

Reader = records.View | records.Table


def _query(found: records.Object) -> records.Expression | None:
    if isinstance(found, records.View):
        return found.query
    return found.source.query if isinstance(found, records.Table) and found.source else None


def _bound(context: Context, query: records.Expression, node: exp.Expr) -> BoundQuery:
    return Binder(context.catalog, query.path, [], past=context.session.backend.past_catalog).statement(node)


def readers(context: Context, number: int, column: int) -> list[int]:
    """The views, materialized ones too, whose queries read the column themselves, not through other views."""
    found = []
    for place, each in context.catalog.objects.items():
        query = _query(each)
        if query is None or not any(use.object == number for use in query.uses):
            continue
        needs = _bound(context, query, parse(query.text)).needs
        if any(need.number == number and need.column == column and need.role == "" for need in needs):
            found.append(place)
    return found


def refuse_drop(context: Context, number: int, column: records.Column, *, cascade: bool) -> None:
    """A column may go if no view reads it; with `cascade` these go first.

    Raises:
        SqlError: 2BP01.
    """
    found = readers(context, number, column.id)
    if found and not cascade:
        table = context.table(number).name
        names = [f"view {context.catalog.objects[each].name} depends on column {column.name} of table {table}" for each in found]
        message = f"cannot drop column {column.name} of table {table} because other objects depend on it"
        hint = "Use DROP ... CASCADE to drop the dependent objects too."
        raise SqlError("2BP01", message, detail="\n".join(names), hint=hint)
    for each in found:
        if each in context.catalog.objects:
            remove(context, each, cascade=True)
            context.refresh()


def rename(context: Context, found: list[int], old: str, new: str) -> None:
    """Queries call the column by its new name, which it has by now.

    Raises:
        SqlError: 0A000 where the name stands for something else as well.
    """
    for place in found:
        record = context.catalog.objects[place]
        query = _query(record)
        assert query is not None
        node = parse(query.text)
        for each in [*node.find_all(exp.Column), *_merged(node)]:
            name = each.this if isinstance(each, exp.Column) else each
            if isinstance(name, exp.Identifier) and fold(name) == old:
                name.set("this", new)
                name.set("quoted", True)
        made = replace(query, text=written(node))
        try:
            kinds = [kind.oid for _, kind in _bound(context, made, parse(made.text)).columns or ()]
        except SqlError:
            kinds = []
        if len(kinds) != len(_shown(record)):
            raise SqlError("0A000", f'column "{old}" is named in view "{record.name}": drop that first')
        changed = replace(record, query=made) if isinstance(record, records.View) else _refilled(record, made)
        context.change(place, changed)
    context.refresh()


def _merged(node: exp.Expr) -> list[exp.Expr]:
    """The names in USING of joins."""
    return [name for join in node.find_all(exp.Join) for name in join.args.get("using") or ()]


def _shown(record: records.Object) -> list[records.Column]:
    assert isinstance(record, records.View | records.Table)
    return [each for each in record.columns if not each.hidden and not each.dropped]


def _refilled(record: records.Object, query: records.Expression) -> records.Table:
    assert isinstance(record, records.Table)
    return replace(record, source=replace(record.source, query=query))
