"""Whether a join may look its right side's rows up by an index.

Theory: where few left rows meet a large table, reading the rows that they ask for costs less than reading all of it. Which of
the two it is is known while left rows come, so a plan holds both ways, and the operator decides (`execute.joining`). Invariant:
of the left rows' values and the index's columns equal means the same; what a lookup gives is compared by the join's keys again.
"""

from __future__ import annotations

from dataclasses import replace

from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.plan.expressions import Expr, Slot
from hyperdb.frontends.sql.plan.nodes import Filter, Join, Lookup, Scan
from hyperdb.graph.catalog import records

_FORMS = frozenset({"inner", "left", "semi", "anti"})
_INTEGERS = frozenset({kinds.INT2, kinds.INT4, kinds.INT8})
_TEXTS = frozenset({kinds.TEXT, kinds.VARCHAR})


def lookup(join: Join) -> Lookup | None:
    """The best index for it; None: the right side is no table, or has none."""
    right, condition = (join.right.child, join.right.condition) if isinstance(join.right, Filter) else (join.right, None)
    if join.form not in _FORMS or not isinstance(right, Scan) or right.frame is not None:
        return None
    relation = right.relation
    if relation.table.partition or relation.table.source:
        return None
    own = {column.slot: column.kind.oid for column in relation.columns}
    place_of: dict[int, int] = {}
    for place, (left, other) in enumerate(join.keys):
        if isinstance(other, Slot) and other.place in own and _is_same(own[other.place], other.kind.oid, left):
            place_of.setdefault(other.place, place)
    best: Lookup | None = None
    indexes = [(number, index) for number, index in relation.indexes if not index.building and not index.predicate]
    candidates: list[tuple[int | None, tuple[records.KeyColumn, ...], bool]] = [(None, relation.table.key, True)]
    candidates += [(number, index.columns, index.unique) for number, index in indexes]
    for number, columns, unique in candidates:
        places = []
        for part in columns:
            slot = relation.slot_of.get(part.column, -1) if part.column else -1
            if slot not in place_of:
                break
            places.append(place_of[slot])
        if not places:
            continue
        scan = replace(right, index=number, low=None, high=None, reverse=False)
        found = Lookup(scan, tuple(places), condition, unique and len(places) == len(columns))
        if best is None or (found.unique, len(places)) > (best.unique, len(best.places)):
            best = found
    return best


def _is_same(column: int, by: int, left: Expr) -> bool:
    """Whether values compared by that type are equal where the index's column has the same value."""
    if column in _INTEGERS and by in _INTEGERS:
        return left.kind.oid in _INTEGERS
    if column in _TEXTS and by in _TEXTS:
        return left.kind.oid in _TEXTS
    return column == by == left.kind.oid
