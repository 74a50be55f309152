"""EXPLAIN: the plan as a tree of lines.

Invariant: what is shown is what runs; counts and times are of a run that really happened (ANALYZE).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from hyperdb.frontends.sql.bind.binder import Binder
from hyperdb.frontends.sql.parse.dialect import parse
from hyperdb.frontends.sql.plan.nodes import Join, Plan, Scan, Virtual
from hyperdb.frontends.sql.plan.optimize import Optimizer
from hyperdb.frontends.sql.statement import Query, SqlPrepared

if TYPE_CHECKING:
    from hyperdb.frontends.sql.session import SqlSession


def explain(session: SqlSession, prepared: SqlPrepared, *, analyze: bool) -> list[str]:
    """The lines."""
    path = session.schemas_in_path()

    def make(catalog: Any) -> Plan:
        binder = Binder(catalog, path, list(prepared.parameters))
        bound = binder.statement(parse(prepared.text))
        session.rights.check(catalog, bound.needs)
        return Optimizer().plan(bound.plan)

    lines = list(_lines(session.look(make), 0))
    lines += _tier(session, prepared)
    if analyze:
        begin = time.perf_counter()
        outcome = session.run(prepared, ())
        while outcome.rows(0)[1]:
            pass
        lines.append(f"Rows: {outcome.count}")
        lines.append(f"Execution Time: {(time.perf_counter() - begin) * 1000:.3f} ms")
    return lines


def _tier(session: SqlSession, prepared: SqlPrepared) -> list[str]:
    """Where it would run now, on which columns of which tables; and why not in columns, if it was looked at."""
    body = prepared.body
    rows = ["Tier: 2 (rows)"]
    if not isinstance(body, Query) or body.analytic is None or prepared.parameters:
        return rows
    transaction = session.begin_statement()
    try:
        env = session.environment(transaction, transaction.open())
        found = session.backend.analytics.report(body.analytic, env, session.settings.value("hyperdb.tier"))
    finally:
        session.close_statement(transaction, kept=True)
    if found is None:
        return rows
    if found.reason:
        return [*rows, f"  Not in columns: {found.reason}"]
    return ["Tier: 3 (columns)", *(f"  Columns of {table}" for table in found.tables), f"  Query: {found.text}"]


def _lines(plan: Plan, depth: int) -> Iterator[str]:
    yield "  " * depth + ("->  " if depth else "") + _title(plan)
    for each in fields(plan):
        value = getattr(plan, each.name)
        if isinstance(value, Plan):
            yield from _lines(value, depth + 1)


def _title(plan: Plan) -> str:
    name = type(plan).__name__
    if isinstance(plan, Scan):
        index = next((record.name for number, record in plan.relation.indexes if number == plan.index), "key")
        how = f" by {index}" if plan.low is not None or plan.high is not None else ""
        return f"Scan on {plan.relation.name}{how}"
    if isinstance(plan, Virtual):
        return f"Catalog relation {plan.relation.name}"
    if isinstance(plan, Join):
        return f"{'Hash Join' if plan.keys else 'Nested Loop'} ({plan.form})"
    form = getattr(plan, "form", None)
    return f"{name} ({form})" if form else name
