"""Aggregates that no table of functions has: min and max of any type, GROUPING; and of which query a call is.

Theory: an aggregate belongs to the innermost query that has one of its columns (parse_agg.c, check_agg_arguments). Invariant: one
without columns is of the query that it stands in.
"""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.kinds import BPCHAR, INT4
from hyperdb.frontends.sql.functions.model import Aggregate
from hyperdb.frontends.sql.functions.order import key_of
from hyperdb.frontends.sql.plan.expressions import AggregateCall, Outer, Slot, parts


def is_outside(call: AggregateCall) -> bool:
    """Whether an aggregate names columns, none of which is of its own query."""
    exprs = [*call.arguments, *(value for value, _, _ in call.order), *([] if call.where is None else [call.where])]
    used = {type(part) for each in exprs for part in parts(each)}
    return Outer in used and Slot not in used


def extreme(name: str, oid: int, labels: Any) -> Aggregate:
    """min or max of a type. Of values that are equal and look different (1.0 and 1.00) the last one, of `char` the first."""
    key = key_of(oid, labels)
    least = name == "min"
    keeps = oid == BPCHAR

    def step(state: Any, value: Any) -> Any:
        if state is None:
            return value
        one, other = (value, state) if key is None else (key(value), key(state))
        is_better = one < other if least else other < one
        return value if is_better or (not keeps and one == other) else state

    return Aggregate(name, (oid,), oid, lambda: None, step, lambda state: state)


GROUPING = Aggregate("grouping", (), INT4, lambda: 0, lambda state: state, lambda state: state)


def called(node: exp.Expr) -> tuple[str, list[exp.Expr]]:
    """Name and arguments of a call.

    Raises:
        SqlError: 42809 for what is none that a window may follow.
    """
    if isinstance(node, exp.GroupConcat):
        return "string_agg", [node.this, node.args["separator"]]
    if isinstance(node, exp.Anonymous):
        return str(node.this).lower(), list(node.expressions)
    raise SqlError("42809", f"{type(node).__name__} is not a window function")
