"""CREATE TABLE.

Theory: sequences of its columns come first, then the table, then its indexes, then the sequences are told whose they are:
each names only what is there already. A table without a primary key is ordered by a hidden column that grows with time.
Invariant: column ids are given out once, from 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.bind.names import fold, is_serial, kind_of
from hyperdb.frontends.sql.bind.scope import Level, Scope
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.kinds import INT2, INT4, INT8, UNKNOWN, Kind
from hyperdb.frontends.sql.catalog.relations import TEMPORARY_PREFIX, Relation
from hyperdb.frontends.sql.define import like, materialized, objects, resp_prefix
from hyperdb.frontends.sql.define.constraints import Build, Wanted, at_once, of_table
from hyperdb.frontends.sql.define.context import Context
from hyperdb.frontends.sql.define.immutable import must_be_immutable, no_subquery
from hyperdb.frontends.sql.define.rekey import hidden_column
from hyperdb.frontends.sql.functions.texts import quote_ident
from hyperdb.frontends.sql.parse.clauses import MATERIALIZED, ON_COMMIT, TEMPORARY
from hyperdb.frontends.sql.parse.dialect import written
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.records import Column, Expression, KeyColumn, Sequence, Setting, Source, Table, Use

_MOST_COLUMNS = 1600
LIMITS = {INT2: (1 << 15) - 1, INT4: (1 << 31) - 1, INT8: (1 << 63) - 1}
"""The largest values of types that sequences may have."""


@dataclass
class Columns:
    """Columns on their way to records, with what stands behind them."""

    made: list[Column] = field(default_factory=list)
    wanted: list[Wanted] = field(default_factory=list)
    sequences: list[tuple[int, Sequence, int]] = field(default_factory=list)
    """Number, record, id of the column."""
    temporary: bool = False
    source: Source = field(default_factory=Source)
    prefix: str = ""
    """Under which its rows answer Redis's clients."""


def table(context: Context, node: exp.Create) -> str:
    """CREATE TABLE, also AS."""
    options: list[Setting] = []
    prefix = ""
    for each in node.args["properties"].expressions if node.args.get("properties") else ():
        if isinstance(each, exp.Property) and each.name.lower() == "fillfactor":
            # Kept with the table; the store packs rows by itself.
            options.append(Setting(name="fillfactor", value=each.args["value"].name))
        elif isinstance(each, exp.Property) and each.name.lower() == resp_prefix.OPTION:
            prefix = each.args["value"].name
        elif not isinstance(each, exp.WithDataProperty):
            raise SqlError("0A000", f"{type(each).__name__.removesuffix('Property').upper()} tables are not supported")
    temporary = bool(node.args.get(TEMPORARY))
    if node.args.get(ON_COMMIT) and not temporary:
        raise SqlError("42P16", "ON COMMIT can only be used on temporary tables")
    schema, app, name = context.place(node.this, temporary=temporary)
    temporary = schema.startswith(TEMPORARY_PREFIX)
    if _exists(context, schema, name, bool(node.args.get("exists"))):
        if node.args.get(MATERIALIZED):
            return "CREATE MATERIALIZED VIEW"
        return "CREATE TABLE AS" if node.expression is not None else "CREATE TABLE"
    number = context.transaction.reserve()
    if node.args.get(ON_COMMIT) in ("drop", "delete"):
        context.session.temporaries.at_commit(number, str(node.args[ON_COMMIT]))
    if node.expression is not None:
        return _as_query(context, node, app, name, number, temporary=temporary)
    columns = Columns(temporary=temporary)
    likes: list[tuple[Relation, exp.LikeProperty]] = []
    elements = node.this.expressions if isinstance(node.this, exp.Schema) else []
    for each in elements:
        if isinstance(each, exp.ColumnDef):
            add_column(context, columns, each, app, name, len(columns.made) + 1)
        elif isinstance(each, exp.LikeProperty):
            likes.append((_add_like(context, columns, each, app, name), each))
        else:
            columns.wanted += of_table(each)
    if prefix:
        columns.prefix = resp_prefix.checked(context, prefix, temporary=temporary)
    _make(context, columns, number, app, name, tuple(options))
    by_name = {column.name: column.id for column in columns.made}
    for relation, each in likes:
        for index in like.indexes(relation, each, by_name):
            context.refresh()
            shown = context.free_name(app, name, index.name, "idx")
            objects.build(context, replace(index, app=app, table=number, name=shown))
    return "CREATE TABLE"


def _add_like(context: Context, columns: Columns, node: exp.LikeProperty, app: int, name: str) -> Relation:
    relation, found = like.columns(context, node, len(columns.made) + 1)
    for column, sequence in found:
        if any(each.name == column.name for each in columns.made):
            raise SqlError("42701", f'column "{column.name}" specified more than once')
        if sequence is not None:
            bounds = {"minvalue": sequence.min, "maxvalue": sequence.max}
            options = {"increment": sequence.increment, "start": sequence.start, **bounds}
            kind = kinds.of_record(column.kind)
            column = replace(column, sequence=_sequence(context, columns, app, name, column.name, kind, options, column.id))
        columns.made.append(column)
    columns.wanted += like.constraints(relation, node)
    return relation


def _exists(context: Context, schema: str, name: str, tolerated: bool) -> bool:
    if context.catalog.find(name, schema, ()) is None:
        return False
    if not tolerated:
        raise SqlError("42P07", f'relation "{name}" already exists')
    context.notice(f'relation "{name}" already exists, skipping', "42P07")
    return True


def add_column(context: Context, columns: Columns, node: exp.ColumnDef, app: int, table_name: str, number: int) -> Column:
    """One column, with its constraints among the wanted ones."""
    name = fold(node.this)
    if any(column.name == name and not column.dropped for column in columns.made):
        raise SqlError("42701", f'column "{name}" specified more than once')
    if len(columns.made) >= _MOST_COLUMNS:
        raise SqlError("54011", f"tables can have at most {_MOST_COLUMNS} columns")
    kind = kind_of(node.args["kind"], context.catalog, context.path, is_column=True)
    if kind.oid == kinds.BPCHAR and kind.modifier == -1 and node.args["kind"].this == exp.DataType.Type.CHAR:
        kind = Kind(kinds.BPCHAR, 5)
    column = Column(id=number, name=name, kind=kinds.to_record(kind, context.catalog.domains))
    if is_serial(node.args["kind"]):
        sequence = _sequence(context, columns, app, table_name, name, kind, {}, number)
        path = f"{quote_ident(context.catalog.apps[app])}.{quote_ident(columns.sequences[-1][1].name)}".replace("'", "''")
        shown = f"nextval('{path}'::regclass)"
        default = Expression(text=shown, path=context.path, uses=(Use(object=sequence),))
        column = replace(column, not_null=True, default=default)
    _check_said_once(node, name, table_name)
    for each in node.args.get("constraints") or ():
        column = _constrained(context, columns, column, kind, each, app, table_name)
    columns.made.append(column)
    return column


def _sequence(
    context: Context, columns: Columns, app: int, table_name: str, name: str, kind: Kind, options: dict[str, Any], number: int
) -> int:
    """A sequence for a column."""
    taken = {record.name for _, record, _ in columns.sequences}
    limit = LIMITS.get(kind.oid)
    if limit is None:
        raise SqlError("22023", "identity column type must be smallint, integer, or bigint")
    step = options.get("increment", 1)
    least = options.get("minvalue", 1 if step > 0 else -limit - 1)
    most = options.get("maxvalue", limit if step > 0 else -1)
    start = options.get("start", least if step > 0 else most)
    if step == 0 or not -limit - 1 <= least <= start <= most <= limit or options.get("cache", 1) < 1:
        raise SqlError("22023", f'the options of the sequence of column "{name}" contradict each other or its type')
    record = Sequence(
        app=app,
        name=context.free_name(app, table_name, name, "seq", taken),
        kind=kinds.to_record(Kind(kind.oid)),
        start=start,
        increment=step,
        min=least,
        max=most,
        cache=options.get("cache", 1),
        cycle=options.get("cycle", False),
    )
    found = context.transaction.reserve()
    context.write(found, record)
    columns.sequences.append((found, record, number))
    return int(found)


def _check_said_once(node: exp.Expr, name: str, table_name: str) -> None:
    """A column's value comes from one place.

    Raises:
        SqlError: 42601.
    """
    said = [each.args["kind"] for each in node.args.get("constraints") or ()]
    nulls = {bool(each.args.get("allow_null")) for each in said if isinstance(each, exp.NotNullColumnConstraint)}
    values = ["default"] * is_serial(node.args["kind"])
    values += [word for each in said if (word := _VALUES.get(type(each))) is not None]
    where = f'for column "{name}" of table "{table_name}"'
    if len(nulls) > 1:
        raise SqlError("42601", f"conflicting NULL/NOT NULL declarations {where}")
    if len(values) > len(set(values)):
        word = {"default": "default values", "identity": "identity specifications"}.get(values[0], "generation clauses")
        raise SqlError("42601", f"multiple {word} specified {where}")
    if len(values) > 1:
        raise SqlError("42601", f"both {values[0]} and {values[1]} specified {where}")


_VALUES: dict[type[exp.Expr], str] = {
    exp.DefaultColumnConstraint: "default",
    exp.GeneratedAsIdentityColumnConstraint: "identity",
    exp.ComputedColumnConstraint: "generation expression",
}


def _constrained(
    context: Context, columns: Columns, column: Column, kind: Kind, node: exp.Expr, app: int, table_name: str
) -> Column:
    """A column with one of its constraints."""
    inner = node.args["kind"]
    name = fold(node.this) if node.this is not None else None
    if isinstance(inner, exp.NotNullColumnConstraint):
        return column if inner.args.get("allow_null") else replace(column, not_null=True)
    if isinstance(inner, exp.DefaultColumnConstraint):
        return replace(column, default=default_of(context, inner.this, kind))
    if isinstance(inner, exp.PrimaryKeyColumnConstraint | exp.UniqueColumnConstraint):
        at_once(inner)
    if isinstance(inner, exp.PrimaryKeyColumnConstraint):
        columns.wanted.append(Wanted(records.PRIMARY, name, [column.name]))
        return replace(column, not_null=True)
    if isinstance(inner, exp.UniqueColumnConstraint):
        columns.wanted.append(Wanted(records.UNIQUE, name, [column.name], nulls_equal=bool(inner.args.get("nulls"))))
        return column
    if isinstance(inner, exp.CheckColumnConstraint):
        columns.wanted.append(Wanted(records.CHECK, name, [], inner.this))
        return column
    if isinstance(inner, exp.Reference):
        columns.wanted.append(Wanted(records.FOREIGN, name, [column.name], inner))
        return column
    if isinstance(inner, exp.GeneratedAsIdentityColumnConstraint):
        return with_identity(context, columns, column, kind, inner, app, table_name)
    if isinstance(inner, exp.ComputedColumnConstraint):
        # It may name columns that come later: it is bound once all are known.
        return replace(column, generation=records.STORED, default=Expression(text=written(inner.this), path=context.path))
    if isinstance(inner, exp.CollateColumnConstraint):
        if inner.this.name not in ("C", "POSIX", "default", "ucs_basic"):
            raise SqlError("0A000", f'collation "{inner.this.name}" is not supported')
        # All of them order by code points; "C" and "POSIX" are told by their names.
        return replace(column, collation={"POSIX": "POSIX", "default": ""}.get(inner.this.name, "C"))
    if isinstance(inner, exp.CommentColumnConstraint):
        raise SqlError("42601", "COMMENT is a statement of its own")
    raise SqlError("0A000", f"{type(inner).__name__} is not supported")


def with_identity(
    context: Context, columns: Columns, column: Column, kind: Kind, node: exp.Expr, app: int, table_name: str
) -> Column:
    """A column whose values come from a sequence of its own."""
    options = {
        word: int(each.sql())
        for word in ("start", "increment", "minvalue", "maxvalue", "cache")
        if (each := node.args.get(word)) is not None
    }
    options["cycle"] = bool(node.args.get("cycle"))
    number = _sequence(context, columns, app, table_name, column.name, kind, options, column.id)
    generation = records.IDENTITY_ALWAYS if node.this else records.IDENTITY_BY_DEFAULT
    return replace(column, not_null=True, generation=generation, sequence=number)


def default_of(context: Context, node: exp.Expr, kind: Kind) -> Expression:
    """A default as the catalog keeps it; NULL is none, but for a domain, whose own it hides."""
    if isinstance(node, exp.Null) and kind.oid not in context.catalog.domains:
        return Expression()
    scope = Scope(Level(), clause="DEFAULT expressions")
    bound = context.binder.expressions.bind(node, scope)
    no_subquery(bound, "DEFAULT expression")
    return context.expression(node, context.binder.coercer.coerce(bound, kind, "assignment"))


def _make(context: Context, columns: Columns, number: int, app: int, name: str, options: tuple[Setting, ...] = ()) -> None:
    """Writes the table with everything that is its."""
    primary = next((each for each in columns.wanted if each.kind == records.PRIMARY), None)
    if primary is not None:
        columns.made = [replace(each, not_null=True) if each.name in primary.columns else each for each in columns.made]
    else:
        columns.made.append(hidden_column(len(columns.made) + 1))
    build = Build(context, number, app, name, columns.made)
    if columns.prefix:
        resp_prefix.check_key(columns.made, primary)
    order = {records.PRIMARY: 0, records.UNIQUE: 1, records.CHECK: 2, records.FOREIGN: 3}
    for wanted in sorted(columns.wanted, key=lambda each: order[each.kind]):
        build.add(wanted, clustered=True)
    _check_generated(context, columns.made, name)
    key = build.key or (KeyColumn(column=columns.made[-1].id),)
    record = Table(
        app=app,
        name=name,
        columns=tuple(columns.made),
        next_column=len(columns.made) + 1,
        key=key,
        constraints=tuple(build.made),
        options=options,
        resp_prefix=columns.prefix,
        temporary=columns.temporary,
        source=columns.source,
    )
    # What the table refers to in itself is there only when its indexes are.
    others = tuple(each for each in build.made if each.parent != number)
    context.write(number, replace(record, constraints=others))
    for index, found in build.indexes:
        context.write(index, found)
    if others != record.constraints:
        context.change(number, record)
    for sequence, found_sequence, column in columns.sequences:
        context.change(sequence, replace(found_sequence, table=number, column=column))


def _check_generated(context: Context, columns: list[Column], name: str) -> None:
    """Generated columns say something that can be computed from the others."""
    plain = [column for column in columns if column.generation != records.STORED]
    scope = context.over(name, plain, [kinds.of_record(column.kind) for column in plain], "column generation expressions")
    for column in columns:
        if column.generation == records.STORED:
            bound = context.binder.alone(column.default.text, scope, kinds.of_record(column.kind))
            must_be_immutable(bound, "column generation expression", "generation expression is not immutable")


def _as_query(context: Context, node: exp.Create, app: int, name: str, number: int, *, temporary: bool) -> str:
    """CREATE TABLE ... AS, CREATE MATERIALIZED VIEW."""
    properties = node.args["properties"].expressions if node.args.get("properties") else ()
    filled = not any(isinstance(each, exp.WithDataProperty) and each.args.get("no") for each in properties)
    bound = context.binder.statement(node.expression)
    context.session.rights.check(context.catalog, bound.needs)
    names = (
        [fold(each.this if isinstance(each, exp.ColumnDef) else each) for each in node.this.expressions]
        if isinstance(node.this, exp.Schema)
        else []
    )
    columns = Columns(temporary=temporary)
    if node.args.get(MATERIALIZED):
        columns.source = materialized.source(context, node.expression, filled=filled)
    if len(names) > len(bound.columns or ()):
        raise SqlError("42601", "too many column names were specified")
    for place, (column, kind) in enumerate(bound.columns or ()):
        shown = names[place] if place < len(names) else column
        known = Kind(kinds.TEXT) if kind.oid == UNKNOWN else kind
        columns.made.append(Column(id=place + 1, name=shown, kind=kinds.to_record(known, context.catalog.domains)))
    if len({column.name for column in columns.made}) != len(columns.made):
        names = [column.name for column in columns.made]
        twice = next(each for each in names if names.count(each) > 1)
        raise SqlError("42701", f'column "{twice}" specified more than once')
    _make(context, columns, number, app, name)
    context.refresh()
    if not filled:
        return "CREATE MATERIALIZED VIEW" if columns.source else "CREATE TABLE AS"
    return f"SELECT {materialized.fill(context, number, bound)}"
