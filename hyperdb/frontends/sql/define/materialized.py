"""Materialized views: tables that are filled from a query.

Theory: CREATE MATERIALIZED VIEW is CREATE TABLE AS that keeps its query; REFRESH empties the table and fills it anew, in one
transaction. Invariant: nobody else writes to such a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.bind.binder import BoundQuery
from hyperdb.frontends.sql.define.context import Context
from hyperdb.frontends.sql.execute.rows import Executor
from hyperdb.frontends.sql.functions.rowid import NEXT_ROW
from hyperdb.frontends.sql.parse.dialect import parse, written
from hyperdb.frontends.sql.parse.words import Words
from hyperdb.frontends.sql.plan.optimize import Optimizer
from hyperdb.frontends.sql.statement import SqlOutcome, Utility, done
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.records import Expression, Source

if TYPE_CHECKING:
    from hyperdb.frontends.sql.session import SqlSession


def source(context: Context, query: exp.Expr, *, filled: bool) -> Source:
    """What the table is filled from."""
    uses = tuple(records.Use(object=number) for number in sorted(context.binder.objects))
    text = written(query)
    return Source(query=Expression(text=text, path=context.path, uses=uses), unfilled=not filled)


def fill(context: Context, number: int, bound: BoundQuery) -> int:
    """Stores the query's rows with the indexes that are there; how many."""
    executor = Executor(context.catalog.labels)
    rows = list(executor.compile(Optimizer().plan(bound.plan))(context.env))
    relation = context.catalog.relation(number)
    modifier = executor.modifier
    written = modifier.written(context.env.writes(relation))
    modifier.insert_rows(written, [written.complete((*row, NEXT_ROW.run()), context.env) for row in rows], context.env)
    return len(rows)


def refresh(found: Words) -> Utility:
    """REFRESH MATERIALIZED VIEW."""
    found.expect("refresh", "materialized", "view")
    # Readers go on with the old rows until the commit in any case.
    found.take("concurrently")
    path = [found.name()]
    while found.take("."):
        path.append(found.name())
    filled = not found.take("with", "no", "data")
    if filled:
        found.take("with", "data")
    found.end()

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        context = Context(session, session.open_environment(), session.schemas_in_path(), found.text.offset)
        number = context.catalog.find(path[-1], path[-2] if len(path) > 1 else None, context.path)
        if number is None:
            raise SqlError("42P01", f'relation "{".".join(path)}" does not exist')
        record = context.catalog.objects[number]
        if not isinstance(record, records.Table) or not record.source:
            raise SqlError("0A000", f'"{path[-1]}" is not a materialized view')
        context.session.rights.need_owner(context.catalog, number)
        context.transaction.truncate(number)
        context.change(number, replace(context.table(number), source=replace(record.source, unfilled=not filled)))
        context.refresh()
        if filled:
            query = record.source.query
            context.binder.path = query.path
            bound = context.binder.statement(parse(query.text))
            context.session.rights.check(context.catalog, bound.needs)
            fill(context, number, bound)
        return done("REFRESH MATERIALIZED VIEW")

    return Utility(run, catalog=True)
