"""What names a column whose type changes: keys, constraints and indexes, taken away before and made again after.

Theory: as PostgreSQL does (tablecmds.c, ATPostAlterTypeCleanup) each of them is written down as the statement that makes it,
goes, and is made anew by that statement, which looks at all rows again. Invariant: all of them are back under their own names, or
the statement has failed and nothing has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.bind.names import fold
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.define import objects
from hyperdb.frontends.sql.define.context import Context
from hyperdb.frontends.sql.define.create import LIMITS
from hyperdb.frontends.sql.define.readers import readers
from hyperdb.frontends.sql.functions.texts import quote_ident
from hyperdb.frontends.sql.parse.dialect import parse
from hyperdb.graph.catalog import records

# In which order they go: what another one needs goes after it. They come back the other way around.
_ORDER = {records.FOREIGN: 0, records.CHECK: 1, records.UNIQUE: 2, records.PRIMARY: 4}
_INDEX = 3


@dataclass(frozen=True, slots=True)
class Part:
    """A constraint or index, as the statement that makes it."""

    rank: int
    table: int
    name: str
    text: str
    comment: str

    @property
    def is_key(self) -> bool:
        """Whether it is the primary key."""
        return self.rank == _ORDER[records.PRIMARY]


def parts(context: Context, number: int, column: records.Column) -> list[Part]:
    """Whatever names the column, in the order in which it can go.

    Raises:
        SqlError: 0A000 where a view or a generated column names it.
    """
    _refuse(context, number, column)
    found = [*_constraints(context, number, column.id), *_indexes(context, number, column.id)]
    if any(part.is_key for part in found):
        # A table whose indexes need something evaluated keeps its order, so these go too.
        names = {part.name for part in found}
        found += [each for each in _indexes(context, number, None) if each.name not in names]
    return sorted(found, key=lambda part: part.rank)


def _refuse(context: Context, number: int, column: records.Column) -> None:
    table = context.table(number)
    for found in readers(context, number, column.id):
        detail = f'view {context.catalog.objects[found].name} depends on column "{column.name}"'
        raise SqlError("0A000", "cannot alter type of a column used by a view or rule", detail=detail)
    for each in table.columns:
        if each.dropped or each.id == column.id or not each.generation or not each.default.text:
            continue
        named = {fold(part.this) for part in parse(f"SELECT {each.default.text}").find_all(exp.Column)}
        if column.name in named:
            detail = f'Column "{column.name}" is used by generated column "{each.name}".'
            raise SqlError("0A000", "cannot alter type of a column used by a generated column", detail=detail)


def _constraints(context: Context, number: int, column: int) -> Iterator[Part]:
    describe = context.session.facade.describe
    for owner, table in context.catalog.objects.items():
        if not isinstance(table, records.Table):
            continue
        for each in table.constraints:
            own = owner == number and column in {*each.columns, *each.check.columns}
            if own or (each.parent == number and column in each.parent_columns):
                definition = describe.constraint_definition(each.number)
                target = describe.qualified(owner)
                text = f"ALTER TABLE {target} ADD CONSTRAINT {quote_ident(each.name)} {definition}"
                yield Part(_ORDER[each.kind], owner, each.name, text, each.comment)


def _indexes(context: Context, number: int, column: int | None) -> Iterator[Part]:
    """Those that name the column; None: those that need something evaluated."""
    table = context.table(number)
    of_constraints = {each.index for each in table.constraints}
    for index, record in context.catalog.indexes.get(number, ()):
        if index in of_constraints:
            continue
        inside = {part.column for part in record.columns} | set(record.included) | set(record.predicate.columns)
        inside |= {each for part in record.columns for each in part.expression.columns}
        is_evaluated = bool(record.predicate.text) or any(not part.column for part in record.columns)
        if (column in inside) if column is not None else is_evaluated:
            text = context.session.facade.describe.index_definition(index) or ""
            yield Part(_INDEX, number, record.name, text, record.comment)


def without(context: Context, gone: list[Part], act: Callable[[Context, int, exp.Expr], None]) -> None:
    """Takes them away; `act` does an action of ALTER TABLE."""
    for part in gone:
        if part.rank == _INDEX:
            index = next(place for place, each in context.catalog.indexes[part.table] if each.name == part.name)
            context.transaction.drop(index)
        else:
            name = exp.to_identifier(part.name, quoted=True)
            act(context, part.table, exp.Drop(this=exp.Table(this=name), kind="CONSTRAINT"))
        context.see_loaded()


def again(context: Context, gone: list[Part], act: Callable[[Context, int, exp.Expr], None]) -> None:
    """Makes them anew, with what was said of them."""
    for part in reversed(gone):
        node = parse(part.text)
        if isinstance(node, exp.Create):
            objects.index(context, node)
        else:
            for action in node.args["actions"]:
                act(context, part.table, action)
        context.see_loaded()
        if part.comment:
            _comment(context, part)


def _comment(context: Context, part: Part) -> None:
    if part.rank == _INDEX:
        index, record = next((place, each) for place, each in context.catalog.indexes[part.table] if each.name == part.name)
        context.change(index, replace(record, comment=part.comment))
    else:
        table = context.table(part.table)
        changed = tuple(replace(each, comment=part.comment) if each.name == part.name else each for each in table.constraints)
        context.change(part.table, replace(table, constraints=changed))
    context.refresh()


def sequences_of(context: Context, number: int, column: int) -> list[tuple[int, records.Sequence]]:
    """The sequences that belong to a column."""
    objects = context.catalog.objects.items()
    found = [(place, each) for place, each in objects if isinstance(each, records.Sequence)]
    return [(place, each) for place, each in found if each.table == number and each.column == column]


def take_sequences(context: Context, number: int, old: records.Column, new: int) -> None:
    """Sequences that belong to the column belong to what it has become; one of an identity takes the column's type."""
    table = context.table(number)
    own = next(each for each in table.columns if each.id == new)
    kind = kinds.of_record(own.kind)
    for place, found in sequences_of(context, number, old.id):
        changed = replace(found, column=new)
        if own.sequence:
            limit = LIMITS.get(kind.oid)
            if limit is None:
                raise SqlError("22023", "identity column type must be smallint, integer, or bigint")
            most = LIMITS[kinds.of_record(found.kind).oid]
            changed = replace(changed, kind=own.kind, max=limit if found.max == most else found.max)
        context.change(place, changed)
