"""Windows by name: OVER w, OVER (w ORDER BY ...), WINDOW v AS (w ...).

Theory: ISO/IEC 9075-2, 7.15; PostgreSQL's parse_clause.c, transformWindowDefinitions. A window that names another one has its
partitions, its order too if it has one, and must not have a frame to be built on. Invariant: nothing that is written is passed
over.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.bind.names import fold


def definition(node: exp.Expr, names: Mapping[str, object], at: int | None) -> exp.Expr:
    """What a window is, with what it takes over from others; `names` are those of the query.

    Raises:
        SqlError: 42704 for a name that is none, 42P20 where what is taken over is said again.
    """
    named = node.args.get("alias") or node.args.get("first")
    if named is None or isinstance(named, bool):
        return node
    name = fold(named)
    found = names.get(name)
    if found is None:
        raise SqlError("42704", f'window "{name}" does not exist', position=at)
    assert isinstance(found, exp.Expr)
    # One may be built on those that stand before it.
    earlier = dict(takewhile(lambda each: each[0] != name, names.items()))
    base = definition(found, earlier, at)
    if node.args.get("partition_by") is None:
        return base
    if node.args["partition_by"]:
        raise SqlError("42P20", f'cannot override PARTITION BY clause of window "{name}"', position=at)
    if node.args.get("order") is not None and base.args.get("order") is not None:
        raise SqlError("42P20", f'cannot override ORDER BY clause of window "{name}"', position=at)
    if base.args.get("spec") is not None:
        hint = None if node.args.get("order") or node.args.get("spec") else "Omit the parentheses in this OVER clause."
        raise SqlError("42P20", f'cannot copy window "{name}" because it has a frame clause', hint=hint, position=at)
    order = node.args.get("order") or base.args.get("order")
    return exp.Window(partition_by=base.args.get("partition_by"), order=order, spec=node.args.get("spec"))
