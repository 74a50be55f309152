"""MERGE: from syntax to a plan.

Theory: ISO/IEC 9075-2, 14.12; PostgreSQL's documentation, MERGE. The source's rows meet the target's; where a row of the source
meets none, the target's columns are null. Of the WHEN clauses that fit the first whose condition is true is taken. Invariant:
a WHEN NOT MATCHED sees the source alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.access.privileges import DELETE, INSERT
from hyperdb.frontends.sql.bind.scope import Scope
from hyperdb.frontends.sql.catalog.kinds import Kind
from hyperdb.frontends.sql.catalog.relations import Relation
from hyperdb.frontends.sql.plan.expressions import Expr
from hyperdb.frontends.sql.plan.nodes import Join, Merge, Plan, Scan, When

if TYPE_CHECKING:
    from hyperdb.frontends.sql.bind.writes import WriteBinder

Columns = list[tuple[str, Kind]]


def merge(writes: WriteBinder, node: exp.Merge, scope: Scope) -> tuple[Plan, Columns | None]:
    """The plan; MERGE of PostgreSQL 15 returns no rows."""
    binder = writes.binder
    if node.args.get("returning"):
        raise SqlError("42601", 'syntax error at or near "returning"')
    with_ = node.args.get("with_")
    if with_ is not None:
        scope = scope.inner()
        binder.queries.common.bind(with_, scope)
    _all_reachable(node.args["whens"].expressions)
    relation, name = writes.target(node.this)
    inside = Scope(scope.level, [writes.source(relation, name)], outer_tables=scope, width=relation.width)
    other = binder.sources.bind(node.args["using"], [], inside)
    inside.clause = "MERGE"
    condition = binder.expressions.truth(node.args["on"], inside, "JOIN/ON")
    whens = [_when(writes, each, relation, inside, scope) for each in node.args["whens"].expressions]
    form = "inner" if all(when.matched for when in whens) else "right"
    child = Join(relation.width + other.width, form, Scan(relation.width, relation), other, (), condition)
    return Merge(0, child, writes.writes(relation), tuple(whens)), None


def _all_reachable(whens: Sequence[exp.When]) -> None:
    """Raises 42601 where a clause stands behind one of its kind that has no condition."""
    certain: set[bool] = set()
    for each in whens:
        matched = bool(each.args.get("matched"))
        if matched in certain:
            raise SqlError("42601", "unreachable WHEN clause specified after unconditional WHEN clause")
        if each.args.get("condition") is None:
            certain.add(matched)


def _when(writes: WriteBinder, node: exp.When, relation: Relation, both: Scope, around: Scope) -> When:
    matched = bool(node.args.get("matched"))
    if node.args.get("source"):
        raise SqlError("42601", 'syntax error at or near "by"')
    inside = both if matched else Scope(both.level, both.sources[1:], both.merged, outer_tables=around, width=both.width)
    inside.clause = "MERGE WHEN"
    condition = node.args.get("condition")
    test = None if condition is None else writes.binder.expressions.truth(condition, inside, "WHEN")
    then = node.args["then"]
    if isinstance(then, exp.Update) and matched:
        return When(matched, test, "update", writes.sets(then.expressions, relation, inside), ())
    if isinstance(then, exp.Insert) and not matched:
        return When(matched, test, "insert", (), _inserted(writes, then, relation, inside))
    word = str(getattr(then, "this", then)).upper()
    if word == "DELETE" and matched:
        writes.binder.need(relation, DELETE)
        return When(matched, test, "delete", (), ())
    if word == "DO NOTHING":
        return When(matched, test, "nothing", (), ())
    raise SqlError("42601", f'syntax error at or near "{word}"')


def _inserted(writes: WriteBinder, node: exp.Insert, relation: Relation, scope: Scope) -> tuple[Expr, ...]:
    """One value a slot of the new row."""
    if node.expression is None:
        # DEFAULT VALUES, which the grammar takes for a column of that name.
        return writes.row(relation, [], [], False, scope)
    named = node.this is not None
    columns = writes.columns(relation, [each.this for each in node.this.expressions]) if named else list(relation.columns)
    for column in columns:
        writes.binder.need(relation, INSERT, column.number)
    values = node.expression
    return writes.row(relation, columns, values.expressions if isinstance(values, exp.Tuple) else [values], named, scope)
