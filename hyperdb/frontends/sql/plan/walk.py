"""Walks over plans: what is in them, and what else a plan can be asked for.

Invariant: a plan is never changed, only made anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hyperdb.frontends.sql.catalog.kinds import UNKNOWN, Kind
from hyperdb.frontends.sql.catalog.relations import Relation
from hyperdb.frontends.sql.plan import nodes as p
from hyperdb.frontends.sql.plan.expressions import Const, Expr, Outer, Parameter, Slot

_BACKWARD = (p.Scan, p.Virtual, p.Values, p.FunctionScan, p.Filter, p.Project, p.Sort, p.Limit, p.Shared)


_LEAVES = (Const, Slot, Parameter, Outer)
_fields: dict[type, tuple[str, ...]] = dict.fromkeys(_LEAVES, ())
"""Of each kind of node, the fields that may hold more of them; filled as they are met."""


def plans(value: Any) -> Iterator[p.Plan]:
    """The plan and all that is below it, in subqueries too, from left to right. A list of many thousand values is no deep one."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if type(each) is tuple:
            waiting += reversed(each)
            continue
        names = _fields.get(type(each))
        if names is None:
            is_node = isinstance(each, p.Plan | Expr)
            names = _fields[type(each)] = tuple(reversed(each.__dataclass_fields__)) if is_node else ()
        if isinstance(each, p.Plan):
            yield each
        waiting += [getattr(each, name) for name in names]


def only_reads(plan: p.Plan) -> bool:
    """Whether it changes no rows and locks none."""
    return not any(isinstance(each, (p.Lock, *p.MODIFYING)) for each in plans(plan))


def goes_back(plan: p.Plan) -> bool:
    """Whether PostgreSQL's operators for it can be read backwards (execAmi.c, ExecSupportsBackwardScan)."""
    if isinstance(plan, p.SetOperation):
        return plan.form == "union" and plan.every and goes_back(plan.left) and goes_back(plan.right)
    if not isinstance(plan, _BACKWARD) or (isinstance(plan, p.Project) and plan.sets):
        return False
    child = getattr(plan, "child", None)
    return child is None or isinstance(plan, p.Sort | p.Shared) or goes_back(child)


def with_key(plan: p.Plan) -> tuple[p.Plan, Relation, tuple[int, ...]] | None:
    """The plan with its one table's key among its columns: the plan, the table, the places. None: it is not that simple."""
    if isinstance(plan, p.Scan) and plan.frame is not None:
        return None
    if isinstance(plan, p.Scan):
        key = tuple(plan.relation.slot_of[part.column] for part in plan.relation.table.key)
        return plan, plan.relation, key
    if isinstance(plan, p.Filter | p.Sort | p.Limit | p.Lock):
        below = with_key(plan.child)
        if below is None:
            return None
        child, relation, places = below
        return replace(plan, child=child, width=child.width), relation, places
    if isinstance(plan, p.Project) and not plan.sets:
        below = with_key(plan.child)
        if below is None:
            return None
        child, relation, places = below
        # Columns that are only moved need no type.
        added = tuple(Slot(Kind(UNKNOWN), place) for place in places)
        width = plan.width + len(added)
        made = replace(plan, child=child, columns=(*plan.columns, *added), width=width)
        return made, relation, tuple(range(plan.width, width))
    return None
