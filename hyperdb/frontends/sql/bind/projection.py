"""What a select list computes where: sets in a plan below it, volatile functions above the order.

Theory: PostgreSQL computes set-returning calls beneath the list that names them, and volatile functions of a query with ORDER BY
for the rows that are given, in their order (planner.c, make_sort_input_target). Invariant: the list's values and order stay.
"""

from __future__ import annotations

from sqlglot import exp

from hyperdb.frontends.sql.catalog.kinds import UNKNOWN, Kind
from hyperdb.frontends.sql.plan.expressions import Call, Expr, Slot, is_volatile, parts, rewrite
from hyperdb.frontends.sql.plan.nodes import Order, Plan, Project


def put_off(exprs: list[Expr], order: Order, node: exp.Expr) -> frozenset[int]:
    """The places of those that are computed after the rows are in order."""
    if not order or node.args.get("distinct") is not None or node.args.get("locks"):
        return frozenset()
    if any(isinstance(part, Call) and part.function.rows for expr in exprs for part in parts(expr)):
        return frozenset()
    sorted_by = [value for value, _, _ in order]
    return frozenset(
        place for place, expr in enumerate(exprs) if expr not in sorted_by and any(is_volatile(part) for part in parts(expr))
    )


def sets_apart(plan: Plan, every: list[Expr]) -> tuple[Plan, list[Expr]]:
    """Set-returning calls as columns of a plan of their own, on which the expressions stand."""
    calls: list[Expr] = []
    for expr in every:
        calls += [part for part in parts(expr) if isinstance(part, Call) and part.function.rows and part not in calls]
    if not calls:
        return plan, every
    base = plan.width
    passed = tuple(Slot(Kind(UNKNOWN), place) for place in range(base))
    sets = tuple(range(base, base + len(calls)))
    plan = Project(base + len(calls), plan, (*passed, *calls), sets)
    return plan, [
        rewrite(expr, lambda part: Slot(part.kind, base + calls.index(part)) if part in calls else None) for expr in every
    ]
