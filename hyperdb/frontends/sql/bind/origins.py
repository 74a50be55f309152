"""Which column of which relation a query's column is: what RowDescription tells, and what updatable results of drivers live by.

Theory: as in PostgreSQL (parse_target.c, markTargetListOrigin) only a plain column has an origin, through derived tables, common
tables and joins; a view's columns are the view's own. What is computed, united or merged by a FULL JOIN has none.
"""

from __future__ import annotations

from collections.abc import Sequence

from hyperdb.frontends.sql.bind.scope import Scope
from hyperdb.frontends.sql.plan.expressions import Expr, Slot
from hyperdb.frontends.sql.plan.nodes import Limit, Plan, Sort

Origin = tuple[int, int]
"""The relation's oid and the column's number there."""
NOWHERE: Origin = (0, 0)


class Origins:
    """Those of the plans that one binder has made."""

    def __init__(self) -> None:
        # The plan is kept as well, so that no other one gets its id.
        self._known: dict[int, tuple[Plan, list[Origin]]] = {}

    def note(self, plan: Plan, shown: Sequence[tuple[str, Expr]], scope: Scope) -> None:
        """`plan` shows these expressions over the sources of `scope`."""
        at = {column.place: column.origin for source in scope.sources for column in source.columns}
        found = [at.get(expr.place, NOWHERE) if isinstance(expr, Slot) else NOWHERE for _, expr in shown]
        self._known[id(plan)] = (plan, found)

    def of(self, plan: Plan, width: int) -> list[Origin]:
        """The origins of a plan's first `width` columns."""
        while id(plan) not in self._known and isinstance(plan, Sort | Limit):
            plan = plan.child
        known = self._known.get(id(plan))
        return [NOWHERE] * width if known is None else known[1][:width]
