"""Window functions as the engine's.

Theory: without a frame both go from the partition's begin to the last peer. Frames of rows between unbounded ends and the current
row mean the same too; others stay on rows. Invariant: where the order leaves rows equal, functions that number rows may number
them either way, as PostgreSQL's do.
"""

from __future__ import annotations

from collections.abc import Callable

from hyperdb.errors import NotColumnarError
from hyperdb.frontends.sql.analytic import calls
from hyperdb.frontends.sql.analytic.forms import Value, comparable, grouped
from hyperdb.frontends.sql.catalog.kinds import INT8
from hyperdb.frontends.sql.plan.expressions import Expr, WindowCall

_NUMBERS = frozenset({"row_number", "rank", "dense_rank"})
_AGGREGATES = frozenset({"count", "sum", "min", "max"})


def windowed(call: WindowCall, value: Callable[[Expr], Value]) -> Value:
    """A call over the row whose expressions `value` writes.

    Raises:
        NotColumnarError: it is not on the list.
    """
    if call.frame is not None or call.where is not None:
        raise NotColumnarError("a frame")
    parts = []
    if call.partition:
        parts.append("PARTITION BY " + ", ".join(grouped(value(each)).text for each in call.partition))
    if call.order:
        keys = [
            f"{comparable(value(each)).text} {'DESC' if descending else 'ASC'} NULLS {'FIRST' if first else 'LAST'}"
            for each, descending, first in call.order
        ]
        parts.append("ORDER BY " + ", ".join(keys))
    over = f" OVER ({' '.join(parts)})"
    if call.function is None:
        if call.name not in _NUMBERS:
            raise NotColumnarError(f"{call.name} is not on the list")
        return Value(f"{call.name}(){over}", INT8)
    if call.function.name not in _AGGREGATES:
        raise NotColumnarError(f"{call.function.name} is not on the list")
    made = calls.AGGREGATES[call.function.name]([value(each) for each in call.arguments], "", over)
    if made.digits is not None:
        raise NotColumnarError("a sum of numerics of several scales")
    return made
