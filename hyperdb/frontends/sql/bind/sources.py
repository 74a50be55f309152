"""FROM: tables, joins, derived tables, functions.

Theory: each item gives a plan and sources; a join lays the right row behind the left one. Conditions stay where they were
written; where they can go is the optimizer's business. Invariant: places of a source's columns are places in the row of the
plan that is returned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.access.privileges import SELECT
from hyperdb.frontends.sql.bind.joins import Joins, is_item
from hyperdb.frontends.sql.bind.names import fold, table_name
from hyperdb.frontends.sql.bind.scope import Level, Named, Scope, Source
from hyperdb.frontends.sql.catalog import keyspace
from hyperdb.frontends.sql.catalog.builtin import SYSTEM_COLUMNS
from hyperdb.frontends.sql.catalog.kinds import FLOAT8, INT8, RECORD, TEXT, UNKNOWN, Kind
from hyperdb.frontends.sql.catalog.relations import Relation
from hyperdb.frontends.sql.functions.sampling import SAMPLED
from hyperdb.frontends.sql.parse.dialect import FRAME
from hyperdb.frontends.sql.plan.expressions import TRUTH, Call, Const, Expr, Slot
from hyperdb.frontends.sql.plan.nodes import Filter, FunctionScan, Plan, Project, Scan, Virtual
from hyperdb.graph.catalog import records

if TYPE_CHECKING:
    from hyperdb.frontends.sql.bind.binder import Binder


class Sources(Joins):
    """Binds FROM."""

    def __init__(self, binder: Binder) -> None:
        self.binder = binder

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
            return self._group(node.this, list(node.this.args.get("joins") or ()), scope)
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
            return self._add(common.plan, list(common.columns), node, scope, name=name, origins=common.origins)
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
        hidden = SYSTEM_COLUMNS if relation.rows is not None else frozenset()
        _check_names(names, sum(column.name not in hidden for column in relation.columns), alias or relation.name)
        named = tuple(
            Named(
                names[place] if place < len(names) else column.name,
                column.kind,
                base + column.slot,
                (relation.oid, column.number),
            )
            for place, column in enumerate(relation.columns)
        )
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
        if is_item(inner):
            return self._parenthesized(node, inner, scope)
        if not isinstance(inner, exp.Query):
            raise SqlError("42601", "a query is expected in parentheses")
        plan, columns = self.binder.queries.query(inner, scope.inner())
        return self._add(plan, columns, node, scope, origins=self.binder.origins.of(plan, len(columns)))

    def _parenthesized(self, node: exp.Subquery, inner: exp.Expr, scope: Scope) -> Plan:
        """Joins in parentheses; a name behind them stands for all that they show."""
        joins = list(inner.args.get("joins") or ())
        if node.args.get("alias") is None:
            return self._group(inner, joins, scope)
        inside = Scope(scope.level, outer_tables=scope)
        plan = self._group(inner, joins, inside)
        shown = list(inside.everything())
        made = Project(len(shown), plan, tuple(expr for _, expr in shown))
        self.binder.origins.note(made, shown, inside)
        origins = self.binder.origins.of(made, len(shown))
        return self._add(made, [(name, expr.kind) for name, expr in shown], node, scope, origins=origins)

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
        _check_names(names, len(columns), alias or name or "")
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
        # Of LATERAL unnest the grammar keeps the name of the number with the call.
        offset = next(
            (each.args["offset"] for each in (node, call) if isinstance(each, exp.Unnest) and each.args.get("offset")), None
        )
        ordinality = bool(node.args.get("ordinality")) or offset is not None
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
            columns.append((fold(offset) if isinstance(offset, exp.Identifier) else "ordinality", Kind(INT8)))
        _check_names(given, len(columns), alias or names[0])
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


def _check_names(names: list[str], columns: int, shown: str) -> None:
    """Raises 42P10 where more columns are named than there are."""
    if len(names) > columns:
        raise SqlError("42P10", f'table "{shown}" has {columns} columns available but {len(names)} columns specified')


def _alias(node: exp.Expr) -> tuple[str, list[str]]:
    alias = node.args.get("alias")
    if alias is None:
        return "", []
    if isinstance(alias, exp.TableAlias):
        name = fold(alias.this) if alias.this is not None else ""
        return name, [fold(each.this if isinstance(each, exp.ColumnDef) else each) for each in alias.args.get("columns") or ()]
    return fold(alias), []
