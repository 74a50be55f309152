"""EXPLAIN: the plan as a tree of lines, the tier, the sets that are touched; with ANALYZE what became of it.

Theory: a row operator is a generator, so counting its rows and the time inside of it takes a generator around it: times hold
those of the operators below, as PostgreSQL's do. A query in columns is one of another engine, and its parts are those of the way
there and back. Rows are vertices and entries of indexes are memberships (DESIGN, Data model): a read looks at adds, a change
writes adds and removes. Invariant: what is shown is what runs; counts and times are of a run that really happened (ANALYZE).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, TypeVar

from hyperdb.errors import NotColumnarError
from hyperdb.frontends.sql.analytic.tier import Parts, Report
from hyperdb.frontends.sql.bind.binder import Binder
from hyperdb.frontends.sql.catalog import keyspace
from hyperdb.frontends.sql.execute.environment import Environment, Row
from hyperdb.frontends.sql.execute.rows import Executor, Rows
from hyperdb.frontends.sql.parse.dialect import parse
from hyperdb.frontends.sql.plan import nodes as p
from hyperdb.frontends.sql.plan.nodes import Join, KeptCount, Plan, Scan, Virtual
from hyperdb.frontends.sql.plan.optimize import Optimizer
from hyperdb.frontends.sql.plan.walk import plans
from hyperdb.frontends.sql.statement import Query, SqlPrepared

if TYPE_CHECKING:
    from hyperdb.frontends.sql.catalog.relations import Catalog, Relation
    from hyperdb.frontends.sql.session import SqlSession

T = TypeVar("T")
Lines = list[str]
_ROWS = "Tier: 2 (rows)"
_OF_REDIS = {"keys": ("vertex", "hyperedge"), "strings": ("vertex",)}
"""Sets that relations of Redis's data read; the others read hyperedges alone."""


@dataclass(slots=True)
class Count:
    """Of an operator: how often it was begun, its rows, and the seconds inside of it."""

    loops: int = 0
    rows: int = 0
    seconds: float = 0

    @property
    def shown(self) -> str:
        """As a line has it."""
        if not self.loops:
            return " (never executed)"
        return f" (time={self.seconds * 1000:.3f} ms rows={self.rows} loops={self.loops})"


class Measured(Executor):
    """Compiles plans into operators that count."""

    def __init__(self, catalog: Catalog) -> None:
        super().__init__(catalog.labels)
        self.counts: dict[int, Count] = {}
        self._measured: dict[int, Rows] = {}

    def compile(self, plan: Plan) -> Rows:
        """See `Executor`."""
        found = self._measured.get(id(plan))
        if found is None:
            count = self.counts[id(plan)] = Count()
            found = self._measured[id(plan)] = _counting(super().compile(plan), count)
        return found


def _counting(run: Rows, count: Count) -> Rows:
    def counted(env: Environment) -> Iterator[Row]:
        count.loops += 1
        begin = time.perf_counter()
        rows = iter(run(env))
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            finally:
                count.seconds += time.perf_counter() - begin
            count.rows += 1
            yield row
            begin = time.perf_counter()

    return counted


@dataclass(frozen=True, slots=True)
class Explained:
    """What is known of a statement. Times are in seconds; those that no run has told are None."""

    plan: Plan
    counts: dict[int, Count]
    report: Report | None
    planning: float
    execution: float | None = None
    rows: int = 0
    parts: Parts | None = None

    def lines(self) -> Lines:
        """As text."""
        shown = [*_lines(self.plan, 0, self.counts), *_tier(self.report), *(_parts(self.parts) if self.parts else ())]
        shown += [f"{word}: {', '.join(names)}" for word, names in touched(self.plan)]
        if self.execution is None:
            return shown
        times = (f"Planning Time: {self.planning * 1000:.3f} ms", f"Execution Time: {self.execution * 1000:.3f} ms")
        return [*shown, f"Rows: {self.rows}", *times]


def explain(session: SqlSession, prepared: SqlPrepared, values: Sequence[object], *, analyze: bool) -> Explained:
    """What a statement would do; with `analyze` it is run, on these values of its parameters."""
    body = prepared.body
    assert isinstance(body, Query)
    begin = time.perf_counter()
    catalog, plan, before = session.look(lambda catalog: _planned(session, prepared, catalog))
    planning = time.perf_counter() - begin
    report = _report(session, prepared)
    if not analyze:
        return Explained(plan, {}, report, planning)
    begin = time.perf_counter()
    ran = None if report is None or report.reason else _in_columns(session, prepared)
    if isinstance(ran, str):
        report = Report("", (), ran)
    elif ran is not None:
        return Explained(plan, {}, report, planning, time.perf_counter() - begin, ran.rows, ran)
    measured = Measured(catalog)
    ready = tuple(measured.compile(each) for each in before)
    body = replace(body, rows=measured.compile(plan), beside=ready, analytic=None)
    begin = time.perf_counter()
    outcome = session.run(replace(prepared, body=body), values)
    while outcome.rows(0)[1]:
        pass
    return Explained(plan, measured.counts, report, planning, time.perf_counter() - begin, outcome.count)


def _planned(session: SqlSession, prepared: SqlPrepared, catalog: Catalog) -> tuple[Catalog, Plan, Sequence[Plan]]:
    binder = Binder(catalog, session.schemas_in_path(), list(prepared.parameters), past=session.backend.past_catalog)
    bound = binder.statement(parse(prepared.text))
    session.rights.check(catalog, bound.needs)
    optimizer = Optimizer()
    return catalog, optimizer.plan(bound.plan), [optimizer.plan(each) for each in bound.beside]


def _report(session: SqlSession, prepared: SqlPrepared) -> Report | None:
    """What would run in columns now, or why it would not; None: nobody asked."""
    body = prepared.body
    if not isinstance(body, Query) or body.analytic is None or prepared.parameters:
        return None
    known = body.analytic

    def look(env: Environment) -> Report | None:
        return session.backend.analytics.report(known, env, session.settings.value("hyperdb.tier"))

    return _looked(session, look)


def _looked(session: SqlSession, body: Callable[[Environment], T]) -> T:
    """What a statement of its own gives."""
    transaction = session.begin_statement()
    try:
        return body(session.environment(transaction, transaction.open()))
    finally:
        session.close_statement(transaction, kept=True)


def _in_columns(session: SqlSession, prepared: SqlPrepared) -> Parts | str:
    """A run in the engine; why it is one of the row operators after all."""
    body = prepared.body
    assert isinstance(body, Query)
    known = body.analytic
    assert known is not None
    with session.failing():
        try:
            return _looked(session, lambda env: session.backend.analytics.measured(known, env, session.running.watch))
        except NotColumnarError as error:
            return str(error)


def _parts(parts: Parts) -> Lines:
    return [
        f"  Writing the query: {parts.written * 1000:.3f} ms",
        f"  Binding it: {parts.bound * 1000:.3f} ms ({parts.copies} of its tables are copies)",
        f"  Running it: {parts.run * 1000:.3f} ms",
        f"  Its rows as ours: {parts.read * 1000:.3f} ms",
    ]


def _tier(report: Report | None) -> Lines:
    """Where it runs, on which columns of which tables; and why not in columns, if it was looked at."""
    if report is None:
        return [_ROWS]
    if report.reason:
        return [_ROWS, f"  Not in columns: {report.reason}"]
    return ["Tier: 3 (columns)", *(f"  Columns of {table}" for table in report.tables), f"  Query: {report.text}"]


def touched(plan: Plan) -> list[tuple[str, list[str]]]:
    """The sets of the store that it reads and writes."""
    read: dict[str, None] = {}
    written: dict[str, None] = {}
    for each in plans(plan):
        if isinstance(each, Scan):
            read[f"vertex adds of {_name(each.relation)}"] = None
            index = next((record.name for number, record in each.relation.indexes if number == each.index), None)
            if index is not None:
                read[f"hyperedge adds of {index}"] = None
        elif isinstance(each, Virtual) and each.relation.schema == keyspace.SCHEMA:
            kinds = _OF_REDIS.get(each.relation.name, ("hyperedge",))
            read |= dict.fromkeys(f"{kind} adds of {_name(each.relation)}" for kind in kinds)
        elif isinstance(each, p.MODIFYING):
            changes = {p.Insert: ("adds",), p.Delete: ("removes",)}.get(type(each), ("adds", "removes"))
            relation = each.writes.relation
            for kind in changes:
                written[f"vertex {kind} of {_name(relation)}"] = None
                written |= {f"hyperedge {kind} of {record.name}": None for _, record in relation.indexes}
    return [(word, list(sets)) for word, sets in (("Reads", read), ("Writes", written)) if sets]


def _name(relation: Relation) -> str:
    return f"{relation.schema}.{relation.name}"


def _lines(plan: Plan, depth: int, counts: dict[int, Count]) -> Iterator[str]:
    count = counts.get(id(plan))
    yield "  " * depth + ("->  " if depth else "") + _title(plan) + ("" if count is None else count.shown)
    for each in fields(plan):
        value = getattr(plan, each.name)
        if isinstance(value, Plan):
            yield from _lines(value, depth + 1, counts)


def _looked_up(plan: Join) -> str:
    """By what a join may look its right side's rows up."""
    if plan.lookup is None:
        return ""
    scan = plan.lookup.scan
    index = next((record.name for number, record in scan.relation.indexes if number == scan.index), "key")
    return f", or {scan.relation.name} by {index}"


def _title(plan: Plan) -> str:
    name = type(plan).__name__
    if isinstance(plan, Scan):
        index = next((record.name for number, record in plan.relation.indexes if number == plan.index), "key")
        how = f" by {index}" if plan.low is not None or plan.high is not None else ""
        return f"Scan on {plan.relation.name}{how}" + ("" if plan.frame is None else f" as of frame {plan.frame}")
    if isinstance(plan, Virtual):
        if plan.relation.restricted is None:
            return f"Catalog relation {plan.relation.name}"
        by = ", ".join(dict.fromkeys(name for name, _, _ in plan.given))
        return f"Keyspace scan on {plan.relation.schema}.{plan.relation.name}" + (f" by {by}" if by else "")
    if isinstance(plan, KeptCount):
        return f"Kept count of {plan.of.relation.schema}.{plan.of.relation.name}, otherwise"
    if isinstance(plan, Join):
        return f"{'Hash Join' if plan.keys else 'Nested Loop'} ({plan.form}){_looked_up(plan)}"
    form = getattr(plan, "form", None)
    return f"{name} ({form})" if form else name
