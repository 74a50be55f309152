"""GROUP BY: which expressions make the groups, and what may be said about a group.

Theory: after grouping, the row is the group's expressions followed by the aggregates. Each expression above is rewritten: a
part that equals a group's expression, or is an aggregate, becomes its column. Columns of a table whose primary key is grouped
by are functions of it and become group expressions too. Invariant: no column of the ungrouped row is left over, or 42803.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, combinations
from typing import TYPE_CHECKING

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.bind.aggregates import GROUPING
from hyperdb.frontends.sql.bind.names import fold, written_place
from hyperdb.frontends.sql.bind.scope import Scope
from hyperdb.frontends.sql.catalog.kinds import INT4, TEXT, UNKNOWN, Kind
from hyperdb.frontends.sql.plan.expressions import (
    AggregateCall,
    AnyOf,
    Const,
    Expr,
    Item,
    MakeArray,
    Slot,
    Subquery,
    WindowCall,
    parts,
    rewrite,
)
from hyperdb.frontends.sql.plan.nodes import Aggregate, Plan

if TYPE_CHECKING:
    from hyperdb.frontends.sql.bind.binder import Binder

Sets = list[tuple[int, ...]]
_MOST_SETS = 4096


class Grouping:
    """One query's groups. `calls` gathers its aggregates."""

    def __init__(self, binder: Binder, node: exp.Select, scope: Scope) -> None:
        self.binder = binder
        self.scope = scope
        self.node = node.args.get("group")
        self.calls: list[AggregateCall] = []
        self.groups: list[Expr] = []

    def plan(self, child: Plan, having: bool, shown: list[tuple[str, Expr]]) -> tuple[Plan, Callable[[Expr], Expr]] | None:
        """The grouped plan and how expressions read its row; None where nothing is grouped."""
        if self.node is None and not self.calls and not having:
            return None
        sets = None if self.node is None else self._sets(self.node, shown)
        many = sets is not None and len(sets) > 1
        if not many:
            self._add_dependents()
        calls = [call for call in self.calls if call.aggregate is not GROUPING]
        for call in self.calls:
            if any(isinstance(each, AggregateCall) for argument in call.arguments for each in _all(argument)):
                raise SqlError("42803", "aggregate function calls cannot be nested")
        width = len(self.groups) + len(calls) + many
        plan = Aggregate(width, child, tuple(self.groups), tuple(calls), tuple(sets) if many and sets is not None else None)

        def regroup(expr: Expr) -> Expr:
            return self._checked(rewrite(expr, change))

        def change(part: Expr) -> Expr | None:
            if isinstance(part, AggregateCall):
                if part.aggregate is GROUPING:
                    return self._grouping(part, sets or [()], width - 1)
                return _Place(part.kind, len(self.groups) + calls.index(part))
            if part in self.groups and not isinstance(part, Const):
                return _Place(part.kind, self.groups.index(part))
            return None

        return plan, regroup

    def _checked(self, expr: Expr) -> Expr:
        def final(part: Expr) -> Expr | None:
            if isinstance(part, _Place):
                return Slot(part.kind, part.place)
            if isinstance(part, Slot):
                name = self._name(part.place)
                raise SqlError("42803", f'column "{name}" must appear in the GROUP BY clause or be used in an aggregate function')
            if isinstance(part, Subquery) and part.test is not None:
                inside = None if part.argument is None else rewrite(part.argument, final)
                captures = tuple(rewrite(each, final) for each in part.captures)
                return Subquery(part.kind, part.form, part.plan, captures, inside, part.test)
            return _inner_test(part, final)

        return rewrite(expr, final)

    def _name(self, place: int) -> str:
        for source in self.scope.sources:
            for column in source.columns:
                if column.place == place:
                    return f"{source.name}.{column.name}" if source.name else column.name
        return "?"

    def _grouping(self, call: AggregateCall, sets: Sets, place: int) -> Expr:
        """GROUPING(...): bits of the expressions that the row's set leaves out."""
        wanted = []
        for argument in call.arguments:
            if argument not in self.groups:
                raise SqlError("42803", "arguments to GROUPING must be grouping expressions of the associated query level")
            wanted.append(self.groups.index(argument))
        values = [sum((each not in found) << (len(wanted) - 1 - bit) for bit, each in enumerate(wanted)) for found in sets]
        if len(sets) == 1:
            return Const(Kind(INT4), values[0])
        numbers = MakeArray(Kind(1007), tuple(Const(Kind(INT4), value) for value in values))
        return Item(Kind(INT4), numbers, _Place(Kind(INT4), place))

    def _sets(self, node: exp.Expr, shown: list[tuple[str, Expr]]) -> Sets:
        """The grouping sets, as places in `groups`."""
        if node.args.get("totals") or (node.args.get("all") and not node.expressions):
            raise SqlError("0A000", "GROUP BY ALL is not supported")
        found: Sets = [()]
        for each in node.expressions:
            more = self._element(each, shown)
            found = [tuple(dict.fromkeys(a + b)) for a in found for b in more]
            if len(found) > _MOST_SETS:
                raise SqlError("54001", "too many grouping sets present (maximum 4096)")
        if node.args.get("all") is False:
            # GROUP BY DISTINCT: of sets of the same expressions one is left.
            found = list({frozenset(each): each for each in reversed(found)}.values())[::-1]
        return found

    def _element(self, node: exp.Expr, shown: list[tuple[str, Expr]]) -> Sets:
        if isinstance(node, exp.Rollup):
            parts = [self._members(each, shown) for each in node.expressions]
            return [tuple(chain.from_iterable(parts[:size])) for size in range(len(parts), -1, -1)]
        if isinstance(node, exp.Cube):
            parts = [self._members(each, shown) for each in node.expressions]
            return [
                tuple(chain.from_iterable(chosen)) for size in range(len(parts), -1, -1) for chosen in combinations(parts, size)
            ]
        if isinstance(node, exp.GroupingSets):
            return [each for inner in node.expressions for each in self._element(inner, shown)]
        return [self._members(node, shown)]

    def _members(self, node: exp.Expr, shown: list[tuple[str, Expr]]) -> tuple[int, ...]:
        if isinstance(node, exp.Tuple):
            return tuple(place for each in node.expressions for place in self._members(each, shown))
        if isinstance(node, exp.Paren):
            return self._members(node.this, shown)
        value = self._value(node, shown)
        if value not in self.groups:
            self.groups.append(value)
        return (self.groups.index(value),)

    def _value(self, node: exp.Expr, shown: list[tuple[str, Expr]]) -> Expr:
        """One expression: a column of FROM first, then a name or place of the select list."""
        binder = self.binder
        place = written_place(node, "GROUP BY")
        if place is not None:
            if not 1 <= place <= len(shown):
                raise SqlError("42P10", f"GROUP BY position {place} is not in select list", position=binder.expressions.at(node))
            value = shown[place - 1][1]
        else:
            inside = Scope(self.scope.level, self.scope.sources, self.scope.merged, {}, self.scope, "GROUP BY")
            named = None
            if isinstance(node, exp.Column) and not node.args.get("table") and inside.own(fold(node.this)) is None:
                named = next((expr for name, expr in shown if name == fold(node.this)), None)
            value = named if named is not None else binder.expressions.bind(node, inside)
        if any(isinstance(each, AggregateCall) for each in _all(value)):
            raise SqlError("42803", "aggregate functions are not allowed in GROUP BY", position=binder.expressions.at(node))
        if any(isinstance(each, WindowCall) for each in _all(value)):
            raise SqlError("42P20", "window functions are not allowed in GROUP BY", position=binder.expressions.at(node))
        return binder.coercer.coerce(value, Kind(TEXT)) if value.kind.oid == UNKNOWN else value

    def _add_dependents(self) -> None:
        """Columns of tables whose primary key is among the groups."""
        if self.node is None:
            return
        for source in self.scope.sources:
            relation = source.relation
            if relation is None or relation.rows is not None:
                continue
            base = (
                min(column.place for column in source.columns) - min(column.slot for column in relation.columns)
                if source.columns
                else 0
            )
            key = [relation.slot_of[part.column] for part in relation.table.key]
            shown = {column.slot for column in relation.columns}
            places = {group.place for group in self.groups if isinstance(group, Slot)}
            if all(slot in shown and base + slot in places for slot in key):
                for column in source.columns:
                    value = Slot(column.kind, column.place)
                    if value not in self.groups:
                        self.groups.append(value)


class _Place(Slot):
    """A column of the grouped row, while the old row's are still about."""


def _all(expr: Expr) -> list[Expr]:
    return list(parts(expr))


def _inner_test(part: Expr, final: Callable[[Expr], Expr | None]) -> Expr | None:
    """Tests of ANY are over a row of their own."""
    if isinstance(part, AnyOf):
        return AnyOf(part.kind, rewrite(part.argument, final), rewrite(part.array, final), part.test, part.every)
    return None
