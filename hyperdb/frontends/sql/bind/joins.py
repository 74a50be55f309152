"""Joins of FROM: what each side of one shows, and what USING and NATURAL make of it.

Theory: items behind commas, and joins in parentheses of their own, are bound in scopes of their own, so that their conditions see
them alone, and then laid behind what is there (SQL:2016, 7.10). A name merged by USING hides the columns that it stands for.
Invariant: a join's condition is over the row of that join, and * lists columns as the joins put them together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.access.privileges import SELECT
from hyperdb.frontends.sql.bind.names import fold
from hyperdb.frontends.sql.bind.scope import Level, Scope, Source
from hyperdb.frontends.sql.catalog.kinds import Kind
from hyperdb.frontends.sql.plan.expressions import TRUTH, And, Coalesce, Expr, conjunction, moved
from hyperdb.frontends.sql.plan.nodes import Join, Lateral, Plan, Values

if TYPE_CHECKING:
    from hyperdb.frontends.sql.bind.binder import Binder

_FORMS = {"": "inner", "LEFT": "left", "RIGHT": "right", "FULL": "full", "INNER": "inner", "CROSS": "inner"}
_ON_SCOPE = "JOIN conditions"


@dataclass(frozen=True, slots=True)
class Side:
    """What one side of a join shows."""

    sources: list[Source]
    merged: dict[str, Expr | None]
    listed: list[tuple[str, Expr]]

    def scope(self, level: Level) -> Scope:
        """Its names."""
        return Scope(level, self.sources, self.merged, listed=self.listed)


def _groups(first: exp.Expr, joins: list[exp.Expr]) -> Iterator[tuple[exp.Expr, list[exp.Expr]]]:
    """The items between commas, each with what is joined to it."""
    item, own = first, list(first.args.get("joins") or ())
    for join in joins:
        if not any(join.args.get(part) for part in ("method", "side", "kind", "on", "using")):
            yield item, own
            item, own = join.this, list(join.this.args.get("joins") or ())
        else:
            own.append(join)
    yield item, own


def _is_lateral(item: exp.Expr) -> bool:
    """Whether an item may name what stands before it."""
    named = item.this if isinstance(item, exp.Table) else item
    return isinstance(item, exp.Lateral | exp.Unnest | exp.Anonymous) or (
        isinstance(item, exp.Table) and not isinstance(named, exp.Identifier)
    )


def is_item(node: exp.Expr) -> bool:
    """Whether what stands in parentheses is an item of FROM and no query."""
    if isinstance(node, exp.Subquery):
        return bool(node.args.get("joins") or node.args.get("alias")) or is_item(node.this)
    return isinstance(node, exp.Table | exp.Values)


class Joins:
    """Binds joins; `_single` binds what they are of."""

    binder: Binder
    _pending: tuple[Expr, ...] = ()
    """What a function took from the items before it."""

    def _single(self, node: exp.Expr, scope: Scope) -> Plan:
        raise NotImplementedError

    def _function(self, call: exp.Expr, node: exp.Expr, scope: Scope) -> Plan:
        raise NotImplementedError

    def _add(
        self,
        plan: Plan,
        columns: list[tuple[str, Kind]],
        node: exp.Expr,
        scope: Scope,
        name: str | None = None,
        schema: str | None = None,
        origins: list[tuple[int, int]] | None = None,
    ) -> Plan:
        raise NotImplementedError

    def bind(self, first: exp.Expr | None, joins: list[exp.Expr], scope: Scope) -> Plan:
        """The plan of a whole FROM; its sources go into `scope`, behind those that are there."""
        if first is None:
            return Values(0, ((),))
        plan: Plan | None = None
        for item, own in _groups(first, joins):
            if plan is None and not scope.sources:
                plan = self._group(item, own, scope)
                continue
            turns = any(str(join.args.get("side") or "").upper() in ("RIGHT", "FULL") for join in own)
            if plan is not None and (not own or (_is_lateral(item) and not turns)):
                plan = self._join(plan, exp.Join(this=item), scope)
                for join in own:
                    plan = self._join(plan, join, scope)
                continue
            before = Side(list(scope.sources), dict(scope.merged), list(scope.everything()))
            right = self.apart(item, own, scope)
            self._settle(scope, before, self._taken)
            plan = right if plan is None else Join(plan.width + right.width, "inner", plan, right, (), None)
        assert plan is not None
        return plan

    _taken: Side
    """What the last item that was bound apart shows, in the places of the scope around it."""

    def _group(self, item: exp.Expr, joins: list[exp.Expr], scope: Scope) -> Plan:
        plan = self._single(item, scope)
        for join in joins:
            plan = self._join(plan, join, scope)
        return plan

    def apart(self, item: exp.Expr, joins: list[exp.Expr], scope: Scope) -> Plan:
        """An item with its joins in a scope of its own, whose sources then lie behind those of `scope`."""
        inside = Scope(scope.level, outer_tables=scope)
        plan = self._group(item, joins, inside)
        base = scope.width
        sources = [
            replace(source, columns=tuple(replace(column, place=base + column.place) for column in source.columns))
            for source in inside.sources
        ]

        def there(expr: Expr) -> Expr:
            return moved(expr, lambda place: base + place)

        for source in sources:
            self._append(source, scope, 0)
        scope.width += inside.width
        merged = {name: None if expr is None else there(expr) for name, expr in inside.merged.items()}
        self._taken = Side(sources, merged, [(name, there(expr)) for name, expr in inside.everything()])
        return plan

    def _append(self, source: Source, scope: Scope, width: int) -> None:
        other = scope.source(source.name) if source.name else None
        if other is not None and (other.schema == source.schema or source.relation is None):
            raise SqlError("42712", f'table name "{source.name}" specified more than once')
        scope.sources.append(source)
        scope.width += width

    def _join(self, left: Plan, node: exp.Expr, scope: Scope) -> Plan:
        method, side, kind = (str(node.args.get(part) or "").upper() for part in ("method", "side", "kind"))
        if kind in ("SEMI", "ANTI", "STRAIGHT") or method not in ("", "NATURAL"):
            raise SqlError("0A000", f"{method} {side} {kind} JOIN is not supported")
        form = _FORMS.get(side or "", "inner") if kind != "CROSS" else "inner"
        base = scope.width - left.width
        before = Side(list(scope.sources), dict(scope.merged), list(scope.everything()))
        item = node.this
        self._pending = ()
        captures: tuple[Expr, ...] = ()
        if isinstance(item, exp.Lateral):
            right, captures = self._lateral(item, scope)
            after = self._fresh(scope, before)
        elif item.args.get("joins") or (isinstance(item, exp.Subquery) and is_item(item.this)):
            right = self.apart(item, list(item.args.get("joins") or ()), scope)
            after = self._taken
        else:
            right = self._single(item, scope)
            captures, self._pending = self._pending, ()
            after = self._fresh(scope, before)
        condition = self._condition(node, scope, before, after, form, natural=method == "NATURAL")
        if base and condition is not None:
            condition = moved(condition, lambda place: place - base)
        width = left.width + right.width
        if captures:
            if form not in ("inner", "left"):
                raise SqlError(
                    "42P10",
                    "invalid reference to FROM-clause entry",
                    hint="The combining JOIN type must be INNER or LEFT for a LATERAL reference.",
                )
            return Lateral(width, form, left, right, captures, condition)
        return Join(width, form, left, right, (), condition)

    def _fresh(self, scope: Scope, before: Side) -> Side:
        """What an item without joins has added to the scope."""
        sources = scope.sources[len(before.sources) :]
        return Side(sources, {}, list(Scope(scope.level, sources).everything()))

    def _lateral(self, node: exp.Lateral, scope: Scope) -> tuple[Plan, tuple[Expr, ...]]:
        inner = node.this
        if isinstance(inner, exp.Subquery):
            level = Level(scope)
            plan, columns = self.binder.queries.query(inner.this, Scope(level))
            origins = self.binder.origins.of(plan, len(columns))
            return self._add(plan, columns, node, scope, origins=origins), tuple(level.captures)
        plan = self._function(inner, node, scope)
        captures, self._pending = self._pending, ()
        return plan, captures

    def _settle(self, scope: Scope, before: Side, after: Side) -> None:
        """Both sides' names together, where no column is merged."""
        both = before.merged.keys() & after.merged.keys()
        scope.merged = before.merged | after.merged | dict.fromkeys(both)
        scope.listed = before.listed + after.listed

    def _condition(self, node: exp.Expr, scope: Scope, before: Side, after: Side, form: str, *, natural: bool) -> Expr | None:
        using = [fold(each) for each in node.args.get("using") or ()]
        if natural:
            rights = {name for name, _ in after.listed}
            using = list(dict.fromkeys(name for name, _ in before.listed if name in rights))
        self._settle(scope, before, after)
        if using:
            return self._using(using, scope, before, after, form)
        on = node.args.get("on")
        if on is None:
            return None
        inside = Scope(scope.level, scope.sources, scope.merged, scope.tables, scope.outer_tables, _ON_SCOPE)
        return self.binder.expressions.truth(on, inside, "JOIN/ON")

    def _using(self, names: list[str], scope: Scope, before: Side, after: Side, form: str) -> Expr:
        left, right = before.scope(scope.level), after.scope(scope.level)
        tests = []
        for name in names:
            for source in scope.sources:
                for column in source.columns:
                    if column.name == name:
                        self.binder.need_column(column.origin, SELECT)
            one, other = left.own(name), right.own(name)
            if one is None or other is None:
                side = "left" if one is None else "right"
                raise SqlError("42703", f'column "{name}" specified in USING clause does not exist in {side} table')
            tests.append(self.binder.expressions.compare("=", one, other))
            coercer = self.binder.coercer
            kind = coercer.common([one, other], "JOIN/USING")
            both = (coercer.coerce(one, kind), coercer.coerce(other, kind))
            scope.merged[name] = Coalesce(kind, both) if form == "full" else both[1] if form == "right" else both[0]
        for place, source in enumerate(scope.sources):
            found = frozenset(column.name for column in source.columns) & frozenset(names)
            if found:
                scope.sources[place] = replace(source, hidden=source.hidden | found)
        rest = [each for each in (*before.listed, *after.listed) if each[0] not in names]
        scope.listed = [(name, expr) for name in names if (expr := scope.merged[name]) is not None] + rest
        test = conjunction(tests) if len(tests) == 1 else And(TRUTH, tuple(tests))
        assert test is not None
        return test
