"""ALTER TABLE and its like.

Theory: each action makes a new record from the one that the last left. What changes rows (a column with a default, another
type) rewrites them in the same transaction; what says something new of rows looks at all of them first. Invariant: after
ALTER TABLE every row is one of the new definition.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from hyperdb.errors import RowChangedError, SqlError
from hyperdb.frontends.sql.bind.names import fold, kind_of, table_name
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.kinds import Kind
from hyperdb.frontends.sql.catalog.relations import Relation
from hyperdb.frontends.sql.define import create, identity, objects, readers, retype, sequences
from hyperdb.frontends.sql.define.constraints import Build, of_table
from hyperdb.frontends.sql.define.context import Context, with_column
from hyperdb.frontends.sql.define.drop import remove
from hyperdb.frontends.sql.define.rekey import add_key, can_rewrite, drop_key, is_hidden_key
from hyperdb.frontends.sql.define.validate import all_keep
from hyperdb.frontends.sql.execute.rows import Executor
from hyperdb.frontends.sql.functions.texts import quote_ident
from hyperdb.frontends.sql.parse.dialect import HyperPostgres
from hyperdb.frontends.sql.plan import nodes as p
from hyperdb.frontends.sql.plan.expressions import Expr
from hyperdb.graph.catalog import records

# Codes of types (docs/file-format.md, Types) whose limits say nothing of how values are stored: varchar, char, numeric, times.
_LIMITED = frozenset({40, 41, 44, 45, 46, 47, 48, 50})
_TEXTS = frozenset({10, 40})


def alter(context: Context, node: exp.Alter) -> str:
    """ALTER TABLE, INDEX, VIEW, SEQUENCE."""
    kind = str(node.args["kind"]).upper()
    schema, name = table_name(node.this)
    number = context.catalog.find(name, schema, context.path)
    if number is None:
        if node.args.get("exists"):
            context.notice(f'relation "{name}" does not exist, skipping')
            return f"ALTER {kind}"
        raise SqlError("42P01", f'relation "{name}" does not exist')
    context.session.rights.need_owner(context.catalog, number)
    found = context.catalog.objects[number]
    if isinstance(found, records.Table) and found.partition:
        raise SqlError("0A000", "a table made in CQL is altered in CQL")
    try:
        for place, action in enumerate(node.args["actions"]):
            if place:
                context.see_loaded()
            if isinstance(action, exp.AlterRename) and isinstance(found, records.Sequence):
                sequences.rename(context, number, fold(action.this))
            elif isinstance(action, exp.AlterRename):
                context.change(number, replace(context.catalog.objects[number], name=fold(action.this)))
            elif kind != "TABLE":
                raise SqlError("0A000", f"this form of ALTER {kind} is not supported")
            else:
                _act(context, number, action)
            context.refresh()
    except RowChangedError:
        if context.is_cut:
            # It cannot begin again, as half of it is done.
            raise SqlError("40001", "could not serialize access due to concurrent update") from None
        raise
    return f"ALTER {kind}"


def _act(context: Context, number: int, action: exp.Expr) -> None:
    run = next((each for kind, each in _ACTIONS if isinstance(action, kind)), None)
    if run is None:
        raise SqlError("0A000", f"ALTER TABLE: {type(action).__name__} is not supported")
    run(context, number, action)


def _column(table: records.Table, name: str) -> records.Column:
    found = next((each for each in table.columns if each.name == name and not each.dropped), None)
    if found is None:
        raise SqlError("42703", f'column "{name}" of relation "{table.name}" does not exist')
    return found


def _add_column(context: Context, number: int, node: exp.ColumnDef) -> None:
    table = context.table(number)
    name = fold(node.this)
    if any(each.name == name and not each.dropped for each in table.columns):
        if node.args.get("exists"):
            context.notice(f'column "{name}" of relation "{table.name}" already exists, skipping', "42701")
            return
        raise SqlError("42701", f'column "{name}" of relation "{table.name}" already exists')
    columns = create.Columns()
    made = create.add_column(context, columns, node, table.app, table.name, table.next_column)
    loose = replace(made, not_null=False)
    table = replace(table, columns=(*table.columns, loose), next_column=table.next_column + 1)
    context.change(number, table)
    for sequence, record, column in columns.sequences:
        context.change(sequence, replace(record, table=number, column=column))
    context.refresh()
    relation = context.catalog.relation(number)
    added = next(each for each in relation.columns if each.number == made.id)
    if made.generation == records.STORED:
        _rewrite(context, relation, {})
    elif made.default or made.sequence or added.kind.oid in context.catalog.domains:
        _rewrite(context, relation, {added.slot: context.binder.writes.default(added)})
    if made.not_null:
        _require(context, number, made.id)
    for wanted in columns.wanted:
        _constrain(context, number, wanted)


def _rewrite(context: Context, relation: Relation, values: dict[int, Expr]) -> None:
    """Every row anew, with these slots computed."""
    scan = p.Scan(relation.width, relation)
    update = p.Update(0, scan, context.env.writes(relation), tuple(values.items()), None)
    list(Executor(context.catalog.labels).compile(update)(context.env))


def _require(context: Context, number: int, column: int) -> None:
    """NOT NULL, once no row is in the way."""
    context.refresh()
    relation = context.catalog.relation(number)
    shown = relation.by_number(column)
    assert shown is not None
    for row in _rows(context, relation):
        if row[shown.slot] is None:
            message = f'column "{shown.name}" of relation "{relation.name}" contains null values'
            raise SqlError("23502", message, table=relation.name, column=shown.name)
    table = context.table(number)
    own = next(each for each in table.columns if each.id == column)
    context.change(number, with_column(table, replace(own, not_null=True)))
    context.refresh()


def _rows(context: Context, relation: Relation) -> Any:
    return Executor(context.catalog.labels).compile(p.Scan(relation.width, relation))(context.env)


def _constrain(context: Context, number: int, wanted: Any) -> None:
    """One more constraint, once all rows keep it."""
    table = context.table(number)
    if wanted.kind == records.PRIMARY and is_hidden_key(table) and can_rewrite(context, number):
        add_key(context, number, wanted)
        return
    if wanted.kind == records.PRIMARY:
        for name in wanted.columns:
            if not _column(table, name).not_null:
                _require(context, number, _column(table, name).id)
        table = context.table(number)
    build = Build(context, number, table.app, table.name, list(table.columns), list(table.constraints))
    made = build.add(wanted, clustered=False)
    for index, record in build.indexes:
        # The table names the index, so it comes first; it is filled before anybody can see it.
        context.write(index, record)
        context.change(number, replace(table, constraints=tuple(build.made)))
        _fill(context, number, index, record)
        return
    context.change(number, replace(table, constraints=tuple(build.made)))
    context.refresh()
    if not made.unvalidated:
        all_keep(context, context.catalog.relation(number), made)


def _fill(context: Context, number: int, index: int, record: records.Index) -> None:
    context.refresh()
    relation = context.catalog.relation(number)
    layout = context.session.layout_of(relation, context.catalog)
    place = [each for each, _ in relation.indexes].index(index)
    extras = Executor(context.catalog.labels).expressions.row(context.env.writes(relation).extras)
    rows = [(*row, *extras(row, context.env)) for row in _rows(context, relation)]
    if not context.transaction.fill_index(layout, place, rows):
        raise SqlError("23505", f'could not create unique index "{record.name}"', constraint=record.name)


def _add_constraint(context: Context, number: int, node: exp.AddConstraint) -> None:
    unvalidated = bool(node.parent is not None and node.parent.args.get("not_valid"))
    for each in node.expressions:
        for wanted in of_table(each):
            _constrain(context, number, replace(wanted, unvalidated=unvalidated))


def _drop(context: Context, number: int, node: exp.Drop) -> None:
    what = str(node.args["kind"]).upper()
    name = fold((node.args.get("tables") or [node.this])[0])
    cascade, tolerated = bool(node.args.get("cascade")), bool(node.args.get("exists"))
    if what == "CONSTRAINT":
        _drop_constraint(context, number, name, cascade=cascade, tolerated=tolerated)
    elif what == "COLUMN":
        _drop_column(context, number, name, cascade=cascade, tolerated=tolerated)
    else:
        raise SqlError("0A000", f"ALTER TABLE DROP {what} is not supported")


def _drop_constraint(context: Context, number: int, name: str, *, cascade: bool, tolerated: bool) -> None:
    table = context.table(number)
    found = next((each for each in table.constraints if each.name == name), None)
    if found is None:
        if tolerated:
            context.notice(f'constraint "{name}" of relation "{table.name}" does not exist, skipping')
            return
        raise SqlError("42704", f'constraint "{name}" of relation "{table.name}" does not exist')
    index = context.catalog.objects.get(found.index) if found.kind in (records.PRIMARY, records.UNIQUE) else None
    table = replace(table, constraints=tuple(each for each in table.constraints if each is not found))
    if not isinstance(index, records.Index) or not index.clustered:
        context.change(number, table)
    elif can_rewrite(context, number):
        drop_key(context, number, table)
    else:
        raise SqlError("0A000", "the primary key of a table with indexes on expressions or partial ones cannot be dropped")
    if index is not None:
        context.refresh()
        remove(context, found.index, cascade=cascade)


def _drop_column(context: Context, number: int, name: str, *, cascade: bool, tolerated: bool) -> None:
    table = context.table(number)
    if tolerated and not any(each.name == name and not each.dropped for each in table.columns):
        context.notice(f'column "{name}" of relation "{table.name}" does not exist, skipping')
        return
    column = _column(table, name)
    readers.refuse_drop(context, number, column, cascade=cascade)
    table = context.table(number)
    if any(part.column == column.id for part in table.key):
        primary = next(each for each in table.constraints if each.kind == records.PRIMARY)
        _drop_constraint(context, number, primary.name, cascade=cascade, tolerated=False)
        context.refresh()
        table = context.table(number)
    for index, record in list(context.catalog.indexes.get(number, ())):
        if column.id in {part.column for part in record.columns} | set(record.included) | set(record.predicate.columns):
            gone = tuple(each for each in table.constraints if each.index != index or each.kind == records.FOREIGN)
            table = replace(table, constraints=gone)
            context.change(number, table)
            context.transaction.drop(index)
    kept = tuple(each for each in table.constraints if column.id not in each.columns)
    table = replace(table, constraints=kept)
    bare = replace(column, default=records.Expression(), sequence=0, generation=0)
    owned = retype.sequences_of(context, number, column.id)
    if owned:
        # A column and its sequence name each other: it gives up the sequence before that goes, and goes last.
        context.change(number, with_column(table, bare))
        context.refresh()
    for sequence, _ in owned:
        remove(context, sequence, cascade=cascade)
        context.refresh()
        table = replace(context.table(number), constraints=kept)
    context.change(number, with_column(table, replace(bare, dropped=True, not_null=False)))


def _rename_column(context: Context, number: int, node: exp.RenameColumn) -> None:
    table = context.table(number)
    old, new = fold(node.this.this), fold(node.args["to"].this)
    if any(each.name == new and not each.dropped for each in table.columns):
        raise SqlError("42701", f'column "{new}" of relation "{table.name}" already exists')
    column = _column(table, old)
    reading = readers.readers(context, number, column.id)

    indexes = context.catalog.indexes.get(number, ())
    named = [record.name for _, record in indexes if any(column.id in part.expression.columns for part in record.columns)]
    if named:
        raise SqlError("0A000", f'column "{old}" is named in the expression of {", ".join(named)}: drop that first')

    def renamed(expression: records.Expression) -> records.Expression:
        if column.id not in expression.columns:
            return expression
        return replace(expression, text=with_name(expression.text, old, new))

    # What a generated column is computed from is not kept with its text.
    columns = tuple(
        replace(each, default=replace(each.default, text=with_name(each.default.text, old, new)))
        if each.generation and each.default.text
        else each
        for each in table.columns
    )
    constraints = tuple(replace(each, check=renamed(each.check)) if each.check else each for each in table.constraints)
    table = replace(table, columns=columns, constraints=constraints)
    context.change(number, with_column(table, replace(_column(table, old), name=new)))
    for place, record in indexes:
        if column.id in record.predicate.columns:
            context.change(place, replace(record, predicate=renamed(record.predicate)))
    context.refresh()
    readers.rename(context, reading, old, new)


def with_name(text: str, old: str, new: str) -> str:
    """An expression over one table's columns with one of them called otherwise, and everything else as it is written."""
    tokens = HyperPostgres().tokenize(text)
    shown = quote_ident(new)
    for place in range(len(tokens) - 1, -1, -1):
        token = tokens[place]
        name = token.text if token.token_type == TokenType.IDENTIFIER else token.text.lower()
        before = tokens[place - 1].token_type if place else None
        after = tokens[place + 1].token_type if place + 1 < len(tokens) else None
        is_type = before == TokenType.DCOLON
        is_call = after == TokenType.L_PAREN
        if name == old and token.token_type != TokenType.STRING and not is_type and not is_call:
            text = text[: token.start] + shown + text[token.end + 1 :]
    return text


def _alter_column(context: Context, number: int, node: exp.AlterColumn) -> None:
    table = context.table(number)
    column = _column(table, fold(node.this))
    kind = kinds.of_record(column.kind)
    if node.args.get("action"):
        identity.alter(context, number, column, node)
    elif node.args.get("dtype") is not None:
        _change_type(context, number, table, column, node)
    elif node.args.get("default") is not None:
        context.change(
            number, with_column(table, replace(column, default=create.default_of(context, node.args["default"], kind)))
        )
    elif node.args.get("allow_null") is True:
        if any(part.column == column.id for part in table.key):
            raise SqlError("42P16", f'column "{column.name}" is in a primary key')
        context.change(number, with_column(table, replace(column, not_null=False)))
    elif node.args.get("allow_null") is False:
        _require(context, number, column.id)
    elif node.args.get("drop"):
        context.change(number, with_column(table, replace(column, default=records.Expression())))
    else:
        raise SqlError("0A000", "this form of ALTER COLUMN is not supported")


def _change_type(context: Context, number: int, table: records.Table, column: records.Column, node: exp.AlterColumn) -> None:
    """Another type: the values are cast and go to a new column id, since stored forms differ."""
    if column.generation == records.STORED and isinstance(node.args.get("using"), exp.Expr):
        detail = f'Column "{column.name}" is a generated column.'
        raise SqlError("42611", "cannot specify USING when altering type of generated column", detail=detail)
    target = kind_of(node.args["dtype"], context.catalog, context.path)
    if _same_form(column.kind, kinds.to_record(target, context.catalog.domains)):
        _change_limit(context, number, column, target, node.args.get("using"))
        return
    named = retype.parts(context, number, column)
    if any(part.column == column.id for part in table.key) and not any(part.is_key for part in named):
        raise SqlError("0A000", f'the type of column "{column.name}" cannot change: the rows lie in its order')
    retype.without(context, named, _act)
    table = context.table(number)
    column = _column(table, column.name)
    fresh = replace(
        column, id=table.next_column, kind=kinds.to_record(target, context.catalog.domains), place=column.place or column.id
    )
    fresh = replace(fresh, not_null=False, missing=None)
    if column.generation == records.STORED:
        # What was computed is cast as any value is; from then on it is computed again.
        fresh = replace(fresh, generation=0, default=records.Expression())
    hidden = replace(column, name=f"{column.name}.old", not_null=False, default=records.Expression(), generation=0)
    table = replace(
        with_column(table, hidden), columns=(*with_column(table, hidden).columns, fresh), next_column=table.next_column + 1
    )
    context.change(number, table)
    context.refresh()
    retype.take_sequences(context, number, column, fresh.id)
    context.refresh()
    relation = context.catalog.relation(number)
    old, new = relation.by_number(column.id), relation.by_number(fresh.id)
    assert old is not None
    assert new is not None
    using = node.args.get("using")
    shown = replace_names(relation, old.slot, column.name)
    scope = objects.over(shown, "USING")
    source = using if isinstance(using, exp.Expr) else exp.column(exp.to_identifier(column.name, quoted=True))
    value = context.binder.coercer.coerce(
        context.binder.expressions.bind(source, scope), target, "explicit" if using else "assignment"
    )
    _rewrite(context, relation, {new.slot: value})
    table = context.table(number)
    gone = replace(next(each for each in table.columns if each.id == column.id), dropped=True)
    own = next(each for each in table.columns if each.id == fresh.id)
    own = replace(own, generation=column.generation, default=column.default)
    context.change(number, with_column(with_column(table, gone), own))
    if column.not_null:
        _require(context, number, fresh.id)
    context.refresh()
    retype.again(context, named, _act)


def _same_form(old: bytes, new: bytes) -> bool:
    """Whether values of two types are stored, and ordered in keys, in the same way, so that only limits differ."""
    return old == new or (old[0] == new[0] and old[0] in _LIMITED) or {old[0], new[0]} <= _TEXTS


def _is_wider(old: Kind, new: Kind) -> bool:
    """Whether whatever fits the one type fits the other one as it is."""
    if new.modifier < 0 or old.modifier == new.modifier:
        return True
    if old.oid == kinds.NUMERIC:
        before, after = kinds.numeric_limits(old.modifier), kinds.numeric_limits(new.modifier)
        return before is not None and after is not None and before[1] == after[1] and before[0] <= after[0]
    return old.oid == new.oid == kinds.VARCHAR and 0 <= old.modifier < new.modifier


def _change_limit(context: Context, number: int, column: records.Column, target: Kind, using: exp.Expr | None) -> None:
    """Another length, precision or scale: the column stays, also in keys and constraints; values are cast where they must be."""
    before = kinds.of_record(column.kind)
    record = replace(column, kind=kinds.to_record(target, context.catalog.domains))
    context.change(number, with_column(context.table(number), record))
    context.refresh()
    if using is None and _is_wider(before, target):
        return
    relation = context.catalog.relation(number)
    shown = relation.by_number(column.id)
    assert shown is not None
    as_was = tuple(replace(each, kind=before) if each.slot == shown.slot else each for each in relation.columns)
    scope = objects.over(replace(relation, columns=as_was), "USING")
    source = using if isinstance(using, exp.Expr) else exp.column(exp.to_identifier(column.name, quoted=True))
    how = "explicit" if using else "assignment"
    value = context.binder.coercer.coerce(context.binder.expressions.bind(source, scope), target, how)
    _rewrite(context, relation, {shown.slot: value})


def replace_names(relation: Relation, slot: int, name: str) -> Relation:
    """The relation with the column at `slot` called `name`, and no other one so."""
    columns = tuple(
        replace(column, name=name)
        if column.slot == slot
        else replace(column, name=f"{name}.new")
        if column.name == name
        else column
        for column in relation.columns
    )
    return replace(relation, columns=columns)


_ACTIONS: list[tuple[type[exp.Expr], Callable[[Context, int, Any], None]]] = [
    (exp.ColumnDef, _add_column),
    (exp.AddConstraint, _add_constraint),
    (exp.Drop, _drop),
    (exp.RenameColumn, _rename_column),
    (exp.AlterColumn, _alter_column),
]
