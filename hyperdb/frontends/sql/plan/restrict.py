"""What conditions say of columns: bounds for scans, and for relations that are made when they are read.

Theory: a comparison of a column with what does not depend on the row bounds that column. Relations of Redis's data take such
bounds on some columns and read less; conditions are asked again above them, so nothing depends on how well they do. Counts are
taken from those that are kept where the conditions are no more than equalities on such columns.
Invariant: a bound excludes no row for which its condition is true.
"""

from __future__ import annotations

from dataclasses import replace

from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.plan.expressions import Compare, Expr, InList, Is, Slot, Subquery, conjuncts, parts, slots
from hyperdb.frontends.sql.plan.nodes import Aggregate, Filter, KeptCount, Plan, Virtual

_FLIPPED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_INTEGERS = frozenset({kinds.INT2, kinds.INT4, kinds.INT8})
_EXACT = frozenset({kinds.TEXT, *_INTEGERS})
"""Types of which equal values are the same to a relation of Redis's data."""


def bounds(test: Expr) -> list[tuple[int, str, Expr]]:
    """Slot, sign and value of a comparison of a column with what does not depend on the row."""
    if isinstance(test, Is) or not isinstance(test, Compare) or test.sign not in _FLIPPED:
        return []
    found = []
    for column, value, sign in ((test.left, test.right, test.sign), (test.right, test.left, _FLIPPED[test.sign])):
        if not isinstance(column, Slot) or slots(value) or any(isinstance(part, Subquery) for part in parts(value)):
            continue
        if _is_volatile(value):
            continue
        own, given = column.kind.oid, value.kind.oid
        if (
            own == given
            or test.by == own
            or (own in _INTEGERS and given in _INTEGERS)
            or {own, given} <= {kinds.TEXT, kinds.VARCHAR}
        ):
            found.append((column.place, sign, value))
    return found


def _is_volatile(value: Expr) -> bool:
    return any(getattr(getattr(part, "function", None), "volatile", False) for part in parts(value))


def _listed(test: Expr) -> tuple[int, tuple[Expr, ...]] | None:
    """Slot and values of IN over a list that does not depend on the row."""
    if not isinstance(test, InList) or not isinstance(test.argument, Slot):
        return None
    own = test.argument.kind.oid
    for item in test.items:
        if slots(item) or _is_volatile(item) or any(isinstance(part, Subquery) for part in parts(item)):
            return None
        if item.kind.oid != own and not {own, item.kind.oid} <= _INTEGERS:
            return None
    return test.argument.place, test.items


def restrict(plan: Virtual, conditions: list[Expr]) -> Virtual:
    """The relation, told what the conditions say of the columns that it takes."""
    restricted = plan.relation.restricted
    assert restricted is not None
    names = {column.slot: column.name for column in plan.relation.columns if column.name in restricted.takes}
    given: list[tuple[str, str, tuple[Expr, ...]]] = []
    for test in conditions:
        listed = _listed(test)
        if listed is not None and listed[0] in names:
            given.append((names[listed[0]], "in", listed[1]))
        given += [(names[slot], sign, (value,)) for slot, sign, value in bounds(test) if slot in names]
    return replace(plan, given=tuple(given)) if given else plan


def kept_count(plan: Aggregate) -> Plan:
    """count(*) of a relation that keeps its count, under equalities that it takes; any other plan as it is."""
    if plan.groups or plan.sets is not None or len(plan.calls) != 1:
        return plan
    (call,) = plan.calls
    if call.aggregate.name != "count" or call.arguments or call.distinct or call.where is not None:
        return plan
    child: Plan = plan.child
    conditions: list[Expr] = []
    if isinstance(plan.child, Filter):
        child, conditions = plan.child.child, conjuncts(plan.child.condition)
    if not isinstance(child, Virtual) or child.relation.restricted is None or child.relation.restricted.count is None:
        return plan
    exact = len(child.given) == len(conditions) and all(
        sign == "=" and value.kind.oid in _EXACT for _, sign, values in child.given for value in values
    )
    return KeptCount(plan.width, child, plan) if exact else plan
