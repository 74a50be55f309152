"""Constraints and the rows that are there: that all keep one, and ALTER TABLE ... VALIDATE CONSTRAINT of one that was NOT VALID.

Invariant: a constraint is told as validated only once every row has been seen to keep it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.kinds import BOOL, Kind
from hyperdb.frontends.sql.catalog.relations import Relation
from hyperdb.frontends.sql.define.context import Context
from hyperdb.frontends.sql.execute.rows import Executor
from hyperdb.frontends.sql.parse.words import Words
from hyperdb.frontends.sql.plan import nodes as p
from hyperdb.frontends.sql.statement import SqlOutcome, Utility, done
from hyperdb.graph.catalog import records

if TYPE_CHECKING:
    from hyperdb.frontends.sql.session import SqlSession


def all_keep(context: Context, relation: Relation, made: records.Constraint) -> None:
    """Every row that is there keeps a constraint.

    Raises:
        SqlError: 23514, 23503.
    """
    executor = Executor(context.catalog.labels)
    rows = list(executor.compile(p.Scan(relation.width, relation))(context.env))
    if made.kind == records.CHECK:
        test = executor.expressions.compile(context.binder.over(relation, made.check.text, "check constraints", Kind(BOOL)))
        if any(test(row, context.env) is False for row in rows):
            message = f'check constraint "{made.name}" of relation "{relation.name}" is violated by some row'
            raise SqlError("23514", message, table=relation.name, constraint=made.name)
        return
    executor.foreign.ask_for_parents(relation, made, rows, context.env)
    while context.env.deferred:
        checks, context.env.deferred[:] = list(context.env.deferred), []
        for check in checks:
            check()


def validate(found: Words) -> Utility | None:
    """The statement, whose first words are ALTER TABLE; None: it does something else."""
    found.expect("alter", "table")
    tolerated = found.take("if", "exists")
    found.take("only")
    path = [found.name()]
    while found.take("."):
        path.append(found.name())
    if not found.take("validate", "constraint"):
        return None
    names = [found.name()]
    while found.take(","):
        found.expect("validate", "constraint")
        names.append(found.name())
    found.end()

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        context = Context(session, session.open_environment(), session.schemas_in_path(), found.text.offset)
        schema = path[-2] if len(path) > 1 else None
        number = context.catalog.find(path[-1], schema, context.path)
        if number is None:
            if not tolerated:
                raise SqlError("42P01", f'relation "{path[-1]}" does not exist')
            context.notice(f'relation "{path[-1]}" does not exist, skipping')
            return done("ALTER TABLE")
        session.rights.need_owner(context.catalog, number)
        for name in names:
            _validate(context, number, name)
        return done("ALTER TABLE")

    return Utility(run, catalog=True)


def _validate(context: Context, number: int, name: str) -> None:
    table = context.table(number)
    made = next((each for each in table.constraints if each.name == name), None)
    if made is None:
        raise SqlError("42704", f'constraint "{name}" of relation "{table.name}" does not exist')
    if made.kind not in (records.CHECK, records.FOREIGN):
        message = f'constraint "{name}" of relation "{table.name}" is not a foreign key or check constraint'
        raise SqlError("42809", message)
    if not made.unvalidated:
        return
    kept = tuple(replace(each, unvalidated=False) if each is made else each for each in table.constraints)
    context.change(number, replace(table, constraints=kept))
    context.refresh()
    all_keep(context, context.catalog.relation(number), made)
