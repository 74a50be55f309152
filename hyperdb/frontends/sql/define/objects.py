"""Indexes, views, sequences, types, schemas, comments.

Invariant: an index that is seen by a plan has an entry for every row.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.bind.names import fold, table_name
from hyperdb.frontends.sql.bind.scope import Level, Named, Scope, Source
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.kinds import TEXT, UNKNOWN, Kind
from hyperdb.frontends.sql.catalog.relations import BUILT_IN_SCHEMAS, TEMPORARY_PREFIX, Relation, place_bits
from hyperdb.frontends.sql.define.context import Context, with_column
from hyperdb.frontends.sql.define.immutable import must_be_immutable
from hyperdb.frontends.sql.execute.compile import Compiler
from hyperdb.frontends.sql.parse.clauses import TEMPORARY
from hyperdb.frontends.sql.parse.dialect import written
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.records import App, Column, Expression, Index, KeyColumn, Label, UserType, View

_PAGE = 1024


def index(context: Context, node: exp.Create) -> str:
    """CREATE INDEX."""
    found = node.this
    relation = context.relation(found.args["table"])
    context.session.rights.need_owner(context.catalog, relation.oid)
    params = found.args["params"]
    method = fold(params.args["using"]) if params.args.get("using") else ""
    if method not in ("", "btree", "hash"):
        raise SqlError("0A000", f'access method "{method}" is not supported')
    if params.args.get("with_storage") or params.args.get("tablespace"):
        raise SqlError("0A000", "storage parameters and tablespaces of indexes are not supported")
    table = relation.table
    if table.partition:
        raise SqlError("0A000", "indexes of a table made in CQL are made in CQL")
    columns, names = _index_columns(context, relation, params)
    name = fold(found.this) if found.this is not None else context.free_name(table.app, relation.name, "_".join(names), "idx")
    schema = context.catalog.apps[table.app]
    if context.catalog.find(name, schema, ()) is not None:
        if node.args.get("exists"):
            context.notice(f'relation "{name}" already exists, skipping', "42P07")
            return "CREATE INDEX"
        raise SqlError("42P07", f'relation "{name}" already exists')
    where = params.args.get("where")
    predicate = Expression()
    scope = over(relation, "index predicates")
    by_slot = {column.slot: column.number for column in relation.columns}
    if where is not None:
        inner = where.this if isinstance(where, exp.Where) else where
        predicate = context.expression(
            inner, _steady(context.binder.expressions.truth(inner, scope, "WHERE"), "index predicate"), by_slot
        )
    included = []
    for each in params.args.get("include") or ():
        column = relation.column(fold(each))
        if column is None:
            raise SqlError("42703", f'column "{fold(each)}" does not exist')
        included.append(column.number)
    record = Index(
        app=table.app,
        name=name,
        table=relation.oid,
        columns=tuple(columns),
        included=tuple(included),
        unique=bool(node.args.get("unique")),
        nulls_equal=bool(params.args.get("nulls")),
        predicate=predicate,
        method=method if method == "hash" else "",
    )
    build(context, record)
    return "CREATE INDEX"


def over(relation: Relation, clause: str) -> Scope:
    columns = tuple(Named(column.name, column.kind, column.slot) for column in relation.columns)
    return Scope(Level(), [Source(relation.name, columns, relation.schema)], clause=clause, width=relation.width)


def _steady(bound: Any, what: str = "index expression") -> Any:
    must_be_immutable(bound, what, f"functions in {what} must be marked IMMUTABLE")
    return bound


def _index_columns(context: Context, relation: Relation, params: exp.Expr) -> tuple[list[KeyColumn], list[str]]:
    columns, names = [], []
    scope = over(relation, "index expressions")
    by_slot = {column.slot: column.number for column in relation.columns}
    for each in params.args.get("columns") or ():
        inner = each.this if isinstance(each, exp.Ordered) else each
        descending = bool(each.args.get("desc")) if isinstance(each, exp.Ordered) else False
        first = bool(each.args.get("nulls_first")) if isinstance(each, exp.Ordered) else False
        if isinstance(inner, exp.Opclass):
            inner = inner.this
        while isinstance(inner, exp.Paren | exp.Collate):
            inner = inner.this
        nulls = records.NULLS_FIRST if first else records.NULLS_LAST
        bound = _steady(context.binder.expressions.bind(inner, scope))
        if isinstance(inner, exp.Column):
            column = relation.column(fold(inner.this))
            assert column is not None
            columns.append(KeyColumn(column=column.number, descending=descending, nulls=nulls))
            names.append(column.name)
        else:
            if bound.kind.oid == UNKNOWN:
                raise SqlError("42P17", "an index expression needs a type")
            columns.append(KeyColumn(expression=context.expression(inner, bound, by_slot), descending=descending, nulls=nulls))
            names.append(str(inner.this).lower() if isinstance(inner, exp.Anonymous) else "expr")
    return columns, names


def build(context: Context, record: Index) -> int:
    """Makes an index and fills it."""
    number = context.transaction.reserve()
    context.write(number, record)
    context.refresh()
    relation = context.catalog.relation(record.table)
    layout = context.session.layout_of(relation, context.catalog)
    place = [each for each, _ in relation.indexes].index(number)
    extras = Compiler(context.catalog.labels, lambda _plan: lambda _env: ()).row(context.env.writes(relation).extras)
    after: bytes | None = None
    while True:
        rows, after = context.transaction.page(layout, None, None, None, False, False, after, _PAGE)
        whole = [(*row, *extras(row, context.env)) for row in rows]
        if not context.transaction.fill_index(layout, place, whole):
            raise SqlError(
                "23505",
                f'could not create unique index "{record.name}"',
                detail="A key is there more than once.",
                constraint=record.name,
            )
        if after is None:
            return int(number)


def view(context: Context, node: exp.Create) -> str:
    """CREATE VIEW."""
    if node.args.get("properties") and node.args["properties"].expressions:
        raise SqlError("0A000", "this kind of view is not supported")
    names = (
        [fold(each.this if isinstance(each, exp.ColumnDef) else each) for each in node.this.expressions]
        if isinstance(node.this, exp.Schema)
        else []
    )
    bound = context.binder.statement(node.expression)
    columns = []
    for place, (column, kind) in enumerate(bound.columns or ()):
        known = Kind(TEXT) if kind.oid == UNKNOWN else kind
        shown = names[place] if place < len(names) else column
        columns.append(Column(id=place + 1, name=shown, kind=kinds.to_record(known, context.catalog.domains)))
    if len({column.name for column in columns}) != len(columns):
        raise SqlError("42701", "a column of the view is specified more than once")
    used = [context.catalog.schema_of(number) for number in context.binder.objects]
    # A view of temporary tables goes with them.
    temporary = bool(node.args.get(TEMPORARY)) or any(each.startswith(TEMPORARY_PREFIX) for each in used)
    schema, app, name = context.place(node.this, temporary=temporary)
    uses = tuple(records.Use(object=number) for number in sorted(context.binder.objects))
    query = Expression(text=written(node.expression), path=context.path, uses=uses)
    record = View(app=app, name=name, query=query, columns=tuple(columns))
    before = context.catalog.find(name, schema, ())
    if before is not None and node.args.get("replace"):
        old = context.catalog.objects[before]
        if not isinstance(old, View):
            raise SqlError("42809", f'"{name}" is not a view')
        kept = [(each.name, each.kind) for each in old.columns]
        if [(each.name, each.kind) for each in columns][: len(kept)] != kept:
            raise SqlError("42P16", "cannot drop columns from view, or change their names or types")
        context.change(before, record)
        return "CREATE VIEW"
    context.write(context.transaction.reserve(), record)
    return "CREATE VIEW"


def enum(context: Context, node: exp.Create) -> str:
    """CREATE TYPE ... AS ENUM."""
    _, app, name = context.place(node.this)
    found = node.expression
    if not isinstance(found, exp.DataType) or found.this != exp.DataType.Type.ENUM:
        raise SqlError("0A000", "only enum types and domains can be made")
    names = [str(each.this) for each in found.expressions]
    if len(set(names)) != len(names):
        raise SqlError("23505", "an enum label is given twice")
    labels = tuple(Label(number=place + 1, name=each, position=place_bits(float(place + 1))) for place, each in enumerate(names))
    record = UserType(app=app, name=name, form=records.ENUM, labels=labels, next_label=len(labels) + 1)
    context.write(context.transaction.reserve(), record)
    return "CREATE TYPE"


def schema(context: Context, node: exp.Create) -> str:
    """CREATE SCHEMA."""
    name = fold(node.this.args.get("db") or node.this.this)
    if name.startswith("pg_") or name in BUILT_IN_SCHEMAS:
        raise SqlError("42939", f'unacceptable schema name "{name}"', detail='The prefix "pg_" is reserved for system schemas.')
    if name in context.catalog.schemas:
        if node.args.get("exists"):
            context.notice(f'schema "{name}" already exists, skipping', "42P06")
            return "CREATE SCHEMA"
        raise SqlError("42P06", f'schema "{name}" already exists')
    if not context.session.rights.is_super:
        raise SqlError("42501", f"permission denied for database {context.session.database}")
    app = context.transaction.app(name.encode())
    assert app is not None
    context.write(context.transaction.reserve(), App(number=app, name=name))
    return "CREATE SCHEMA"


def comment(context: Context, node: exp.Comment) -> str:
    """COMMENT ON."""
    kind = str(node.args["kind"]).lower()
    text = "" if node.expression is None or isinstance(node.expression, exp.Null) else str(node.expression.this)
    target = node.this
    if kind == "column":
        relation = context.relation(exp.Table(this=target.args["table"], db=target.args.get("db")))
        column = relation.column(fold(target.this))
        if column is None:
            raise SqlError("42703", f'column "{fold(target.this)}" of relation "{relation.name}" does not exist')
        table = context.table(relation.oid)
        own = next(each for each in table.columns if each.id == column.number)
        context.change(relation.oid, with_column(table, replace(own, comment=text)))
        return "COMMENT"
    if kind == "schema":
        number = context.catalog.schemas.get(fold(target.args.get("db") or target.this))
    elif kind == "type":
        each_schema, name = table_name(target)
        number = context.catalog.user_type(name, each_schema, context.path)
    elif kind in ("table", "view", "index", "sequence"):
        each_schema, name = table_name(target)
        number = context.catalog.find(name, each_schema, context.path)
    else:
        raise SqlError("0A000", f"COMMENT ON {kind.upper()} is not supported")
    if number is None or number not in context.catalog.objects:
        raise SqlError("42P01", f'{kind} "{target.sql()}" does not exist')
    context.session.rights.need_owner(context.catalog, number)
    context.change(number, replace(context.catalog.objects[number], comment=text))
    return "COMMENT"


def analyze(context: Context, node: exp.Analyze) -> str:
    """ANALYZE: there are no statistics to gather, counts are kept with the rows; the tables must be there."""
    for each in node.args.get("tables") or ():
        context.relation(each)
    return "ANALYZE"
