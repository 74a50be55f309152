"""FROM: tables, joins, derived tables, functions.

Theory: each item gives a plan and sources; a join lays the right row behind the left one. Conditions stay where they were
written; where they can go is the optimizer's business. Invariant: places of a source's columns are places in the row of the
plan that is returned.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.access.privileges import SELECT
from hyperdb.frontends.sql.bind.names import fold, table_name
from hyperdb.frontends.sql.bind.scope import Level, Named, Scope, Source
from hyperdb.frontends.sql.catalog import keyspace
from hyperdb.frontends.sql.catalog.builtin import SYSTEM_COLUMNS
from hyperdb.frontends.sql.catalog.kinds import FLOAT8, INT8, RECORD, TEXT, UNKNOWN, Kind
from hyperdb.frontends.sql.catalog.relations import Relation
from hyperdb.frontends.sql.functions.sampling import SAMPLED
from hyperdb.frontends.sql.parse.dialect import FRAME
from hyperdb.frontends.sql.plan.expressions import TRUTH, And, Call, Coalesce, Const, Expr, Slot, moved
from hyperdb.frontends.sql.plan.nodes import Filter, FunctionScan, Join, Lateral, Plan, Scan, Values, Virtual
from hyperdb.graph.catalog import records

if TYPE_CHECKING:
    from hyperdb.frontends.sql.bind.binder import Binder

_FORMS = {"": "inner", "LEFT": "left", "RIGHT": "right", "FULL": "full", "INNER": "inner", "CROSS": "inner"}


class Sources:
    """Binds FROM."""

    def __init__(self, binder: Binder) -> None:
        self.binder = binder

    def bind(self, first: exp.Expr | None, joins: list[exp.Expr], scope: Scope) -> Plan:
        """The plan of a whole FROM; its sources go into `scope`."""
        if first is None:
            return Values(0, ((),))
        plan = self._item(first, scope)
        for join in joins:
            plan = self._join(plan, join, scope)
        return plan

    def _item(self, node: exp.Expr, scope: Scope) -> Plan:
        """One item with what is joined to it inside its own parentheses."""
        plan = self._single(node, scope)
        for join in node.args.get("joins") or ():
            plan = self._join(plan, join, scope)
        return plan

    def _nested(self, node: exp.Expr, scope: Scope) -> Plan:
        """Joins in parentheses that are joined to what stands before: their conditions see nothing of it, and are over their own
        row."""
        inside = Scope(scope.level, tables=scope.tables, outer_tables=scope.outer_tables)
        plan = self._item(node, inside)
        base = scope.width
        for source in inside.sources:
            columns = tuple(replace(column, place=base + column.place) for column in source.columns)
            self._append(replace(source, columns=columns), scope, len(columns))
        scope.merged |= {name: moved(expr, lambda place: base + place) for name, expr in inside.merged.items()}
        scope.width = base + plan.width
        return plan

    def _single(self, node: exp.Expr, scope: Scope) -> Plan:
        if isinstance(node, exp.Table):
            return self._table(node, scope)
        if isinstance(node, exp.Subquery):
            return self._derived(node, scope)
        if isinstance(node, exp.Values):
            plan, columns = self.binder.queries.values(node, scope.inner())
            return self._add(plan, columns, node, scope)
        if isinstance(node, exp.Lateral):
            raise SqlError("42601", "LATERAL needs something before it")
        if isinstance(node, exp.Unnest | exp.Anonymous):
            return self._function(node, node, scope)
        if isinstance(node, exp.Paren):
            return self._item(node.this, scope)
        raise SqlError("0A000", f"{type(node).__name__} in FROM is not supported", position=self.binder.expressions.at(node))

    def _table(self, node: exp.Table, scope: Scope) -> Plan:
        if node.args.get("pivots"):
            raise SqlError("0A000", "PIVOT is not supported", position=self.binder.expressions.at(node))
        if node.args.get("version") is not None:
            return self._at_frame(node, scope)
        if not isinstance(node.this, exp.Identifier):
            return self._function(node.this, node, scope)
        schema, name = table_name(node)
        common = scope.common_table(name) if schema is None else None
        if common is not None:
            if node.args.get("sample"):
                raise SqlError("0A000", "TABLESAMPLE clause can only be applied to tables and materialized views")
            return self._add(common.plan, list(common.columns), node, scope, name=name)
        relation = self.binder.relation(schema, name, self.binder.expressions.at(node))
        plan = self.relation(relation, node, scope)
        sample = node.args.get("sample")
        return plan if sample is None else self._sampled(plan, relation, sample, scope)

    def _at_frame(self, node: exp.Table, scope: Scope) -> Plan:
        """A table or view AS OF FRAME number: as it was defined then, with the rows of then."""
        at = self.binder.expressions.at(node)
        version = node.args["version"]
        number = version.args.get("expression")
        if version.args.get("this") != FRAME:
            raise SqlError("0A000", "versions other than AS OF FRAME are not supported", position=at)
        if not isinstance(number, exp.Literal) or number.is_string or not str(number.this).isdigit():
            raise SqlError("0A000", "AS OF FRAME takes the number of a frame, written out", position=at)
        schema, name = table_name(node, of_frame=True)
        if not isinstance(node.this, exp.Identifier) or (schema is None and scope.common_table(name) is not None):
            raise SqlError("0A000", "AS OF FRAME is for tables and views", position=at)
        if node.args.get("sample"):
            raise SqlError("0A000", "TABLESAMPLE is not supported with AS OF FRAME", position=at)
        with self.binder.at_frame(int(number.this)):
            return self.relation(self.binder.relation(schema, name, at), node, scope)

    def _sampled(self, plan: Plan, relation: Relation, node: exp.Expr, scope: Scope) -> Plan:
        """TABLESAMPLE: of every row it is decided alone, whichever method is asked for."""
        if not isinstance(relation.record, records.Table):
            raise SqlError("0A000", "TABLESAMPLE clause can only be applied to tables and materialized views")
        method = node.args["method"].name.lower() if node.args.get("method") else ""
        if method not in ("bernoulli", "system") or node.args.get("percent") is None:
            raise SqlError("42704", f"tablesample method {method} does not exist", position=self.binder.expressions.at(node))
        inside = Scope(Level(scope.level.parent), clause="TABLESAMPLE")
        coercer = self.binder.coercer
        percent, seed = (
            Const(Kind(FLOAT8), None)
            if each is None
            else coercer.coerce(self.binder.expressions.bind(each, inside), Kind(FLOAT8), "assignment")
            for each in (node.args["percent"], node.args.get("seed"))
        )
        # Columns that are only compared need no type.
        key = tuple(Slot(Kind(UNKNOWN), relation.slot_of[part.column]) for part in relation.table.key)
        return Filter(
            plan.width, plan, Call(TRUTH, SAMPLED, (percent, Const(TRUTH, node.args.get("seed") is not None), seed, *key))
        )

    def relation(self, relation: Relation, node: exp.Expr, scope: Scope) -> Plan:
        """A table, a view or a relation of the catalog."""
        self.binder.need(relation, SELECT, -1)
        if isinstance(relation.record, records.View):
            plan, columns = self.binder.view(relation)
            numbers = [(relation.oid, column.number) for column in relation.columns]
            return self._add(plan, columns, node, scope, relation.name, relation.schema, numbers)
        alias, names = _alias(node)
        base = scope.width
        named = tuple(
            Named(
                names[place] if place < len(names) else column.name,
                column.kind,
                base + column.slot,
                (relation.oid, column.number),
            )
            for place, column in enumerate(relation.columns)
        )
        hidden = SYSTEM_COLUMNS if relation.rows is not None else frozenset()
        frame = self.binder.frame
        source = Source(alias or relation.name, named, relation.schema, relation, unlisted=hidden, frame=frame)
        self._append(source, scope, relation.width)
        if relation.rows is not None:
            if frame is not None and relation.schema != keyspace.SCHEMA:
                raise SqlError("0A000", f'"{relation.schema}.{relation.name}" has no past')
            return Virtual(relation.width, relation, frame=frame)
        if relation.table.source.unfilled:
            hint = "Use the REFRESH MATERIALIZED VIEW command."
            raise SqlError("55000", f'materialized view "{relation.name}" has not been populated', hint=hint)
        return Scan(relation.width, relation, frame=frame)

    def _derived(self, node: exp.Subquery, scope: Scope) -> Plan:
        inner = node.this
        if _is_item(inner):
            return self._item(inner, scope)
        if not isinstance(inner, exp.Query):
            raise SqlError("42601", "a query is expected in parentheses")
        plan, columns = self.binder.queries.query(inner, scope.inner())
        return self._add(plan, columns, node, scope)

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
        alias, names = _alias(node)
        if len(names) > len(columns):
            shown = alias or name or ""
            raise SqlError("42P10", f'table "{shown}" has {len(columns)} columns available but {len(names)} columns specified')
        base = scope.width
        made = tuple(
            Named(
                names[place] if place < len(names) else column,
                Kind(TEXT) if kind.oid == UNKNOWN else kind,
                base + place,
                origins[place] if origins is not None else (0, 0),
            )
            for place, (column, kind) in enumerate(columns)
        )
        self._append(Source(alias or name or "", made, schema), scope, plan.width)
        return plan

    def _append(self, source: Source, scope: Scope, width: int) -> None:
        if source.name and scope.source(source.name) is not None:
            other = scope.source(source.name)
            if other is not None and (other.schema == source.schema or source.relation is None):
                raise SqlError("42712", f'table name "{source.name}" specified more than once')
        scope.sources.append(source)
        scope.width += width

    def _function(self, call: exp.Expr, node: exp.Expr, scope: Scope) -> Plan:
        """A set-returning (or any) function in FROM."""
        inside = Scope(Level(scope), clause="functions in FROM", sets_allowed=True)
        calls: list[Expr] = []
        names: list[str] = []
        found = call.expressions if isinstance(call, exp.Unnest) else [call]
        for each in found:
            if isinstance(call, exp.Unnest):
                bound: Expr = self.binder.expressions.function("unnest", [self.binder.expressions.bind(each, inside)], call)
                names.append("unnest")
            else:
                bound = self.binder.expressions.bind(each, inside)
                names.append(
                    bound.function.name if isinstance(bound, Call) else str(getattr(each, "name", "") or "column1").lower()
                )
            calls.append(bound)
        alias, given = _alias(node)
        ordinality = bool(node.args.get("ordinality")) or (isinstance(node, exp.Unnest) and bool(node.args.get("offset")))
        columns: list[tuple[str, Kind]] = []
        widths: list[int] = []
        for name, bound in zip(names, calls, strict=True):
            if isinstance(bound, Call) and bound.function.columns:
                own = bound.function.columns
                columns += [(shown, Kind(oid)) for shown, oid in own]
                widths.append(len(own))
                continue
            widths.append(1)
            if bound.kind.oid == RECORD:
                raise SqlError("0A000", "functions that give records are not supported in FROM")
            columns.append((alias if alias and len(calls) == 1 and not given else name, bound.kind))
        if ordinality:
            offset = node.args.get("offset")
            columns.append((fold(offset) if isinstance(offset, exp.Identifier) else "ordinality", Kind(INT8)))
        plan = FunctionScan(len(columns), tuple(calls), tuple(widths), ordinality)
        base = scope.width
        made = tuple(
            Named(given[place] if place < len(given) else column, kind, base + place)
            for place, (column, kind) in enumerate(columns)
        )
        captures = tuple(inside.level.captures)
        self._append(Source(alias or names[0], made, is_function=True), scope, plan.width)
        if captures:
            self._pending = captures
        return plan

    _pending: tuple[Expr, ...] = ()

    def _join(self, left: Plan, node: exp.Expr, scope: Scope) -> Plan:
        method, side, kind = (str(node.args.get(part) or "").upper() for part in ("method", "side", "kind"))
        if kind in ("SEMI", "ANTI", "STRAIGHT") or method not in ("", "NATURAL"):
            raise SqlError("0A000", f"{method} {side} {kind} JOIN is not supported")
        form = _FORMS.get(side or "", "inner") if kind != "CROSS" else "inner"
        before = len(scope.sources)
        item = node.this
        self._pending = ()
        captures: tuple[Expr, ...] = ()
        if isinstance(item, exp.Lateral):
            right, captures = self._lateral(item, scope)
        else:
            right = self._nested(item, scope) if _has_joins(item) else self._item(item, scope)
            captures, self._pending = self._pending, ()
        condition = self._condition(node, scope, before, form, natural=method == "NATURAL")
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

    def _lateral(self, node: exp.Lateral, scope: Scope) -> tuple[Plan, tuple[Expr, ...]]:
        inner = node.this
        if isinstance(inner, exp.Subquery):
            level = Level(scope)
            plan, columns = self.binder.queries.query(inner.this, Scope(level))
            return self._add(plan, columns, node, scope), tuple(level.captures)
        plan = self._function(inner, node, scope)
        captures, self._pending = self._pending, ()
        return plan, captures

    def _condition(self, node: exp.Expr, scope: Scope, before: int, form: str, *, natural: bool) -> Expr | None:
        using = [fold(each) for each in node.args.get("using") or ()]
        if natural:
            lefts = [name for name, _ in Scope(scope.level, scope.sources[:before], scope.merged).everything()]
            rights = [column.name for source in scope.sources[before:] for column in source.columns]
            using = [name for name in lefts if name in rights]
        if using:
            return self._using(using, scope, before, form)
        on = node.args.get("on")
        if on is None:
            return None
        inside = Scope(scope.level, scope.sources, scope.merged, scope.tables, scope.outer_tables, "JOIN conditions")
        return self.binder.expressions.truth(on, inside, "JOIN/ON")

    def _using(self, names: list[str], scope: Scope, before: int, form: str) -> Expr:
        left, right = Scope(scope.level, scope.sources[:before], scope.merged), Scope(scope.level, scope.sources[before:])
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
        return tests[0] if len(tests) == 1 else And(TRUTH, tuple(tests))


def _is_item(node: exp.Expr) -> bool:
    """Whether what stands in parentheses is an item of FROM and no query."""
    if isinstance(node, exp.Subquery):
        return bool(node.args.get("joins") or node.args.get("alias")) or _is_item(node.this)
    return isinstance(node, exp.Table | exp.Values)


def _has_joins(node: exp.Expr) -> bool:
    """Whether it is a join in parentheses."""
    inner = node.this if isinstance(node, exp.Subquery | exp.Paren) else None
    return bool(node.args.get("joins")) or (
        inner is not None and (isinstance(inner, exp.Paren) or _is_item(inner)) and _has_joins(inner)
    )


def _alias(node: exp.Expr) -> tuple[str, list[str]]:
    alias = node.args.get("alias")
    if alias is None:
        return "", []
    if isinstance(alias, exp.TableAlias):
        name = fold(alias.this) if alias.this is not None else ""
        return name, [fold(each.this if isinstance(each, exp.ColumnDef) else each) for each in alias.args.get("columns") or ()]
    return fold(alias), []
