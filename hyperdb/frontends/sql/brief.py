"""Queries that are so short that handing them to a worker costs more than they do.

Theory: a call that may wait goes to a worker thread, and its answer comes back to the event loop; both ways together take several
times what a query over a few rows takes. A query is brief if it only reads, waits for nobody, has no step that may take long by
its values, and reads few rows, which are counted each time. Invariant: what is brief is known to be; whatever else goes to a
worker.
"""

from __future__ import annotations

from typing import Any

from hyperdb.frontends.sql.analytic.expected import Together, reading
from hyperdb.frontends.sql.execute.compile import Compiler
from hyperdb.frontends.sql.plan import expressions as e
from hyperdb.frontends.sql.plan import nodes as p

MOST_ROWS = 300
"""That are read: computing and writing them takes less than a millisecond."""
_PLANS = (p.Values, p.Scan, p.Filter, p.Project, p.Join, p.Sort, p.Limit, p.Distinct, p.Aggregate)
_EXPRESSIONS = (
    *(e.Const, e.Parameter, e.Slot, e.Compare, e.And, e.Or, e.Not, e.Is, e.Case, e.Coalesce, e.Extreme, e.InList, e.Convert),
    e.AggregateCall,
)
_FUNCTIONS = frozenset({"+", "-", "*", "/", "%", "=", "<>", "<", "<=", ">", ">=", "||", "lower", "upper", "abs", "length"})
_AGGREGATES = frozenset({"count", "sum", "avg", "min", "max"})


def brief(plan: p.Plan, compiler: Compiler) -> Together | None:
    """What a query that may be brief reads; None: it never is."""
    return reading(plan, compiler) if _is_simple(plan) else None


def _is_simple(plan: p.Plan) -> bool:
    """Whether all parts are of those that are brief; one by one, as a statement may nest deeper than the interpreter does."""
    waiting: list[Any] = [plan]
    while waiting:
        value = waiting.pop()
        if isinstance(value, tuple):
            waiting += value
        elif isinstance(value, p.Bound):
            waiting.append(value.values)
        elif isinstance(value, e.Call):
            if value.function.name not in _FUNCTIONS or value.function.volatile:
                return False
            waiting.append(value.arguments)
        elif isinstance(value, p.Lookup):
            waiting += (value.scan, value.condition)
        elif isinstance(value, p.Plan | e.Expr):
            if not _fits(value):
                return False
            waiting += [getattr(value, name) for name in value.__dataclass_fields__]
    return True


def _fits(value: p.Plan | e.Expr) -> bool:
    match value:
        case p.Scan():
            return value.frame is None
        case p.Project():
            return not value.sets
        case p.Join():
            # A left row has one right row at most, so that no more come than are read.
            return value.lookup is not None and value.lookup.unique
        case e.AggregateCall():
            return value.aggregate.name in _AGGREGATES
        case _:
            return isinstance(value, _PLANS + _EXPRESSIONS)
