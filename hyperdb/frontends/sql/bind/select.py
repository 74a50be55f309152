"""Queries: SELECT, VALUES, set operations, WITH.

Theory: clauses are bound in the order in which they happen: FROM, WHERE, groups, HAVING, windows, the select list, DISTINCT,
ORDER BY, LIMIT. Aggregates and windows are gathered while expressions are bound, and then stand for columns of the grouped
row. Invariant: the plan's columns are exactly those that the query shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.access.privileges import SELECT, UPDATE
from hyperdb.frontends.sql.bind.grouping import Grouping
from hyperdb.frontends.sql.bind.headings import heading
from hyperdb.frontends.sql.bind.names import fold, written_place
from hyperdb.frontends.sql.bind.projection import put_off, sets_apart
from hyperdb.frontends.sql.bind.scope import Scope, Source
from hyperdb.frontends.sql.bind.with_clause import CommonTables
from hyperdb.frontends.sql.catalog import keyspace
from hyperdb.frontends.sql.catalog.kinds import INT8, TEXT, UNKNOWN, Kind
from hyperdb.frontends.sql.catalog.relations import Relation
from hyperdb.frontends.sql.descent import descends
from hyperdb.frontends.sql.plan.expressions import (
    Const,
    Expr,
    MakeRow,
    Parameter,
    Slot,
    WindowCall,
    conjunction,
    conjuncts,
    moved,
    rewrite,
    slots,
)
from hyperdb.frontends.sql.plan.nodes import (
    Distinct,
    Filter,
    Limit,
    Lock,
    Order,
    Plan,
    Project,
    SetOperation,
    Sort,
    Values,
    Window,
)

if TYPE_CHECKING:
    from hyperdb.frontends.sql.bind.binder import Binder

Columns = list[tuple[str, Kind]]
_SET_FORMS: dict[Any, str] = {exp.Union: "union", exp.Intersect: "intersect", exp.Except: "except"}
_UNSUPPORTED = (
    "laterals",
    "connect",
    "match",
    "pivots",
    "qualify",
    "cluster",
    "distribute",
    "sort",
    "sample",
    "into",
    "prewhere",
    "settings",
)


class Queries:
    """Binds queries."""

    def __init__(self, binder: Binder) -> None:
        self.binder = binder
        self._on_values: dict[int, Expr] = {}
        """What DISTINCT ON names, by its node."""
        self.common = CommonTables(binder)
        self._kinds: dict[int, tuple[Plan, list[Kind]]] = {}

    def kinds_of(self, plan: Plan) -> list[Kind]:
        """The types of the columns of a plan that came from here."""
        return self._kinds[id(plan)][1]

    @descends
    def query(self, node: exp.Expr, scope: Scope) -> tuple[Plan, Columns]:
        """A query's plan and its columns."""
        plan, columns = self._query(node, scope)
        self._kinds[id(plan)] = (plan, [kind for _, kind in columns])
        return plan, columns

    def _query(self, node: exp.Expr, scope: Scope) -> tuple[Plan, Columns]:
        with_ = node.args.get("with_")
        if with_ is not None:
            scope = scope.inner()
            self.common.bind(with_, scope)
        if isinstance(node, exp.Select):
            return self._select(node, scope)
        if isinstance(node, exp.SetOperation):
            return self._set_operation(node, scope)
        if isinstance(node, exp.Values):
            return self._ordered(*self.values(node, scope), node, scope)
        if isinstance(node, exp.Subquery | exp.Paren):
            plan, columns = self.query(node.this, scope.inner())
            return self._ordered(plan, columns, node, scope)
        if isinstance(node, exp.Table):
            return self._select(exp.select("*").from_(node), scope)
        raise SqlError("0A000", f"{type(node).__name__.upper()} is not supported as a query")

    def resolved(self, plan: Plan, columns: Columns) -> tuple[Plan, Columns]:
        """With literals that no one gave a type as text."""
        if all(kind.oid != UNKNOWN for _, kind in columns):
            return plan, columns
        made = [(name, Kind(TEXT) if kind.oid == UNKNOWN else kind) for name, kind in columns]
        return plan, made

    def values(self, node: exp.Expr, scope: Scope) -> tuple[Plan, Columns]:
        """VALUES lists."""
        inside = Scope(scope.level, outer_tables=scope, clause="VALUES")
        bind = self.binder.expressions.bind
        rows = [
            [bind(each, inside) for each in (row.expressions if isinstance(row, exp.Tuple) else [row])]
            for row in node.expressions
        ]
        if len({len(row) for row in rows}) != 1:
            raise SqlError("42601", "VALUES lists must all be the same length", position=self.binder.expressions.at(node))
        coercer = self.binder.coercer
        common = [coercer.common([row[place] for row in rows], "VALUES") for place in range(len(rows[0]))]
        cast = tuple(tuple(coercer.coerce(each, kind) for each, kind in zip(row, common, strict=True)) for row in rows)
        return Values(len(common), cast), [(f"column{place + 1}", kind) for place, kind in enumerate(common)]

    def _set_operation(self, node: exp.Expr, scope: Scope) -> tuple[Plan, Columns]:
        branches: list[exp.Expr] = []
        stack, distinct = [node], bool(node.args.get("distinct"))
        while stack:
            each = stack.pop()
            same = type(each) is type(node) and bool(each.args.get("distinct")) == distinct and isinstance(node, exp.Union)
            if same and (each is node or not any(each.args.get(part) for part in ("order", "limit", "offset", "with_"))):
                stack += [each.args["expression"], each.this]
            else:
                branches.append(each)
        if not isinstance(node, exp.Union):
            branches = [node.this, node.args["expression"]]
        if any(each.unnest().args.get("locks") for each in (node, *branches)):
            raise SqlError("0A000", "FOR UPDATE is not allowed with UNION/INTERSECT/EXCEPT")
        bound = [self.query(each, scope.inner()) for each in branches]
        widths = {plan.width for plan, _ in bound}
        form = _SET_FORMS[type(node)]
        if len(widths) != 1:
            raise SqlError("42601", f"each {form.upper()} query must have the same number of columns")
        coercer = self.binder.coercer
        common = [
            coercer.common([self.stand_in(plan, columns, place) for plan, columns in bound], form.upper())
            for place in range(widths.pop())
        ]
        plans = [self._cast(plan, columns, common) for plan, columns in bound]
        oids = tuple(kind.oid for kind in common)
        while len(plans) > 1:
            # In pairs, so that a long union is no deep plan; the order of rows is the same.
            plans = [
                SetOperation(pair[0].width, form, not distinct, pair[0], pair[1], oids) if len(pair) > 1 else pair[0]
                for pair in (plans[at : at + 2] for at in range(0, len(plans), 2))
            ]
        plan = plans[0]
        columns = [(name, kind) for (name, _), kind in zip(bound[0][1], common, strict=True)]
        return self._ordered(plan, columns, node, scope)

    def _cast(self, plan: Plan, columns: Columns, common: list[Kind]) -> Plan:
        if all(have.oid == want.oid for (_, have), want in zip(columns, common, strict=True)):
            return plan
        coerce = self.binder.coercer.coerce
        return Project(
            plan.width, plan, tuple(coerce(self.stand_in(plan, columns, place), kind) for place, kind in enumerate(common))
        )

    def _ordered(self, plan: Plan, columns: Columns, node: exp.Expr, scope: Scope) -> tuple[Plan, Columns]:
        """ORDER BY and LIMIT of what is no simple SELECT: by names and places of its columns."""
        order = node.args.get("order")
        if order is not None:
            inside = Scope(scope.level, outer_tables=scope)
            names = {name: Slot(kind, place) for place, (name, kind) in reversed(list(enumerate(columns)))}
            found = []
            for each in order.expressions:
                value = self._place(each.this, [Slot(kind, place) for place, (_, kind) in enumerate(columns)])
                if value is None and isinstance(each.this, exp.Column) and not each.this.args.get("table"):
                    value = names.get(fold(each.this.this))
                if value is None:
                    self.binder.expressions.bind(each.this, inside)
                    raise SqlError("0A000", "ORDER BY of a set operation takes names and places of its columns")
                found.append((value, bool(each.args.get("desc")), bool(each.args.get("nulls_first"))))
            plan = Sort(plan.width, plan, tuple(found))
        by = () if order is None else tuple(found)
        return self._limited(plan, node, scope, by or None), columns

    def stand_in(self, plan: Plan, columns: Columns, place: int) -> Expr:
        """A column of a plan as an expression; literals without type stay literals, so that they can become what is asked for."""
        inner = plan
        while isinstance(inner, Sort | Limit | Distinct | Filter):
            inner = inner.child
        if (
            columns[place][1].oid == UNKNOWN
            and isinstance(inner, Project)
            and isinstance(inner.columns[place], Const | Parameter)
        ):
            return inner.columns[place]
        return Slot(columns[place][1], place)

    def shown(self, node: exp.Expr, scope: Scope) -> list[tuple[str, Expr]]:
        """A list of expressions, stars opened: SELECT's, RETURNING's."""
        return self._list(node, scope)

    def _limited(self, plan: Plan, node: exp.Expr, scope: Scope, order: Order | None) -> Plan:
        limit, offset = node.args.get("limit"), node.args.get("offset")
        if limit is None and offset is None:
            return plan
        inside = Scope(scope.level, outer_tables=scope, clause="LIMIT")
        count, ties = None, False
        if isinstance(limit, exp.Fetch):
            options = limit.args.get("limit_options")
            ties = bool(options is not None and options.args.get("with_ties"))
            if options is not None and options.args.get("percent"):
                raise SqlError("0A000", "FETCH ... PERCENT is not supported")
            count = limit.args.get("count") or exp.Literal.number(1)
        elif limit is not None:
            count = limit.expression
        if isinstance(count, exp.Var | exp.Null):
            count = None
        if ties and order is None:
            raise SqlError("42601", "WITH TIES cannot be specified without ORDER BY clause")
        bound = [
            None if each is None else self._count(each, inside) for each in (count, None if offset is None else offset.expression)
        ]
        return Limit(plan.width, plan, bound[0], bound[1], order if ties else None)

    def _count(self, node: exp.Expr, scope: Scope) -> Expr:
        return self.binder.coercer.coerce(self.binder.expressions.bind(node, scope), Kind(INT8), "assignment")

    def _select(self, node: exp.Select, outer: Scope) -> tuple[Plan, Columns]:
        for part in _UNSUPPORTED:
            if node.args.get(part):
                raise SqlError("0A000", f"{part.upper()} is not supported")
        scope = Scope(outer.level, outer_tables=outer)
        from_ = node.args.get("from_")
        joins = list(node.args.get("joins") or ())
        plan = self.binder.sources.bind(None if from_ is None else from_.this, joins, scope)
        where = node.args.get("where")
        if where is not None:
            scope.clause = "WHERE"
            condition = conjunction(conjuncts(self.binder.expressions.truth(where.this, scope, "WHERE")))
            assert condition is not None
            plan = Filter(plan.width, plan, condition)
        for window in node.args.get("windows") or ():
            name = fold(window.this)
            if name in scope.window_names:
                raise SqlError("42P20", f'window "{name}" is already defined')
            scope.window_names[name] = window
        return self._projected(plan, node, scope, outer)

    def _projected(self, plan: Plan, node: exp.Select, scope: Scope, outer: Scope) -> tuple[Plan, Columns]:
        """From the joined rows to what the query shows."""
        grouping = Grouping(self.binder, node, scope)
        scope.windows = []
        scope.sets_allowed, scope.clause = True, "SELECT"
        scope.calls = grouping.calls
        shown = self._list(node, scope)
        columns = [(name, expr.kind) for name, expr in shown]
        exprs = [expr for _, expr in shown]
        order = self._order(node, scope, shown)
        having = node.args.get("having")
        scope.sets_allowed = False
        condition = None
        if having is not None:
            windows, scope.windows, scope.clause = scope.windows, None, "HAVING"
            condition = self.binder.expressions.truth(having.this, scope, "HAVING")
            scope.windows = windows
        grouped = grouping.plan(plan, having is not None, shown)
        if grouped is not None:
            plan, regroup = grouped
            exprs = [regroup(expr) for expr in exprs]
            order = tuple((regroup(value), descending, first) for value, descending, first in order)
            if condition is not None:
                plan = Filter(plan.width, plan, regroup(condition))
            windows_after = [regroup(call) for call in scope.windows or ()]
        else:
            windows_after = list(scope.windows or ())
        if windows_after:
            base = plan.width
            calls = tuple(call for call in windows_after if isinstance(call, WindowCall))
            plan = Window(base + len(calls), plan, calls)

            def place(expr: Expr) -> Expr | None:
                return Slot(expr.kind, base + calls.index(expr)) if isinstance(expr, WindowCall) else None

            exprs = [rewrite(expr, place) for expr in exprs]
            order = tuple((rewrite(value, place), descending, first) for value, descending, first in order)
        if node.args.get("locks") and (windows_after or grouped is not None):
            raise SqlError("0A000", "FOR UPDATE is not allowed with window or aggregate functions")
        made = self._finished(plan, exprs, columns, order, node, scope, outer)
        self.binder.origins.note(made[0], shown, scope)
        return made

    def _finished(
        self, plan: Plan, exprs: list[Expr], columns: Columns, order: Order, node: exp.Select, scope: Scope, outer: Scope
    ) -> tuple[Plan, Columns]:
        """Projection, DISTINCT, ORDER BY, LIMIT."""
        coercer = self.binder.coercer
        distinct = node.args.get("distinct")
        if distinct is not None:
            exprs = [coercer.coerce(expr, Kind(TEXT)) if expr.kind.oid == UNKNOWN else expr for expr in exprs]
            columns = [(name, expr.kind) for (name, _), expr in zip(columns, exprs, strict=True)]
        width = len(exprs)
        late = put_off(exprs, order, node)
        every = list(exprs)
        if late:
            # In their place what they are made of, which the order takes along.
            needed = sorted({place for each in late for place in slots(exprs[each])})
            every = [Const(Kind(UNKNOWN), None) if place in late else expr for place, expr in enumerate(exprs)]
            every += [Slot(Kind(UNKNOWN), place) for place in needed]
        sorted_by = []
        for value, descending, first in order:
            if value not in every:
                if distinct is not None and not distinct.args.get("on"):
                    raise SqlError("42P10", "for SELECT DISTINCT, ORDER BY expressions must appear in select list")
                every.append(value)
            sorted_by.append((Slot(value.kind, every.index(value)), descending, first))
        on: tuple[Expr, ...] | None = None
        if distinct is not None and distinct.args.get("on"):
            on = self._distinct_on(distinct, every, exprs, sorted_by)
        locks = self._locks(node, scope) if node.args.get("locks") else []
        plan, every = sets_apart(plan, every)
        held = len(every)
        for _, places, _, _ in locks:
            # Columns that are only moved need no type.
            every += [Slot(Kind(UNKNOWN), place) for place in places]
        plan = Project(len(every), plan, tuple(every))
        final: Order = tuple(sorted_by)
        said = final if order else None
        kinds = tuple(expr.kind.oid for expr in every)
        if distinct is not None and on is None:
            plan = Distinct(plan.width, plan, kinds[:width])
        if final:
            plan = Sort(plan.width, plan, final)
        if on is not None:
            plan = Distinct(plan.width, plan, kinds, on)
        for relation, places, mode, wait in locks:
            # Above the order and below the limit, so that the rows that are asked for are locked and no others.
            plan = Lock(plan.width, plan, relation, tuple(range(held, held + len(places))), mode, wait)
            held += len(places)
        plan = self._limited(plan, node, outer, said)
        if late:
            at = {place: width + number for number, place in enumerate(needed)}
            shown = [moved(expr, at.__getitem__) if place in late else Slot(expr.kind, place) for place, expr in enumerate(exprs)]
            plan = Project(width, plan, tuple(shown))
        elif len(every) > width:
            plan = Project(width, plan, tuple(Slot(expr.kind, place) for place, expr in enumerate(exprs)))
        return plan, columns

    def _distinct_on(
        self, distinct: exp.Expr, every: list[Expr], exprs: list[Expr], order: list[tuple[Slot, bool, bool]]
    ) -> tuple[Expr, ...]:
        inner = distinct.args["on"]
        found = []
        for each in inner.expressions if isinstance(inner, exp.Tuple) else [inner]:
            value = self._place(each, exprs) or self._on_values[id(each)]
            if value not in every:
                every.append(value)
            found.append(Slot(value.kind, every.index(value)))
        if order and {slot.place for slot, _, _ in order[: len(found)]} - {slot.place for slot in found}:
            raise SqlError("42P10", "SELECT DISTINCT ON expressions must match initial ORDER BY expressions")
        # Groups come in their order, as where they are found by sorting.
        known = {slot.place for slot, _, _ in order}
        order += [(slot, False, False) for slot in dict.fromkeys(found) if slot.place not in known]
        return tuple(found)

    def _list(self, node: exp.Expr, scope: Scope) -> list[tuple[str, Expr]]:
        """The select list, stars opened."""
        shown: list[tuple[str, Expr]] = []
        for each in node.expressions:
            if isinstance(each, exp.Star):
                if not scope.sources:
                    raise SqlError("42601", "SELECT * with no tables specified is not valid")
                shown += scope.everything()
                for source in scope.sources:
                    self._read_all(source)
            elif isinstance(each, exp.Column) and isinstance(each.this, exp.Star):
                shown += self.whole(each, scope)
            elif isinstance(each, exp.Dot) and isinstance(each.expression, exp.Star):
                raise SqlError("0A000", "fields of composite values are not supported")
            else:
                inner = each.this if isinstance(each, exp.Alias) else each
                name = fold(each.args["alias"]) if isinstance(each, exp.Alias) else heading(inner)
                shown.append((name, self.binder.expressions.bind(inner, scope)))
        distinct = node.args.get("distinct")
        if distinct is not None and distinct.args.get("on"):
            inner = distinct.args["on"]
            for each in inner.expressions if isinstance(inner, exp.Tuple) else [inner]:
                if not isinstance(each, exp.Literal):
                    self._on_values[id(each)] = self._sorted_by(each, scope, shown)
        if len(shown) > 1664:
            raise SqlError("54011", "target lists can have at most 1664 entries")
        return shown

    def _read_all(self, source: Source) -> None:
        for column in source.columns:
            self.binder.need_column(column.origin, SELECT)

    def whole(self, node: exp.Column, scope: Scope) -> list[tuple[str, Expr]]:
        """The columns of `t.*`."""
        name = fold(node.args["table"])
        source = scope.source(name)
        if source is not None:
            self._read_all(source)
            shown = [column for column in source.columns if column.name not in source.unlisted]
            return [(column.name, Slot(column.kind, column.place)) for column in shown]
        if not scope.knows_table(name):
            raise SqlError("42P01", f'missing FROM-clause entry for table "{name}"', position=self.binder.expressions.at(node))
        raise SqlError("0A000", "* of a table of the query around is not supported")

    def _order(self, node: exp.Select, scope: Scope, shown: list[tuple[str, Expr]]) -> Order:
        order = node.args.get("order")
        if order is None:
            return ()
        found = []
        scope.clause = "ORDER BY"
        for each in order.expressions:
            value = self._sorted_by(each.this, scope, shown)
            if value.kind.oid == UNKNOWN and not isinstance(value, Const):
                value = self.binder.coercer.coerce(value, Kind(TEXT))
            found.append((value, bool(each.args.get("desc")), bool(each.args.get("nulls_first"))))
        return tuple(found)

    def _sorted_by(self, node: exp.Expr, scope: Scope, shown: list[tuple[str, Expr]]) -> Expr:
        """An expression of ORDER BY: a place, a name of the list, or any expression."""
        inner = node.this if isinstance(node, exp.Collate) else node
        value = self._place(inner, [expr for _, expr in shown])
        if (
            value is None
            and isinstance(inner, exp.Column)
            and not inner.args.get("table")
            and not isinstance(inner.this, exp.Star)
        ):
            name = fold(inner.this)
            named = [expr for shown_name, expr in shown if shown_name == name]
            if any(expr != named[0] for expr in named[1:]):
                raise SqlError("42702", f'ORDER BY "{name}" is ambiguous', position=self.binder.expressions.at(node))
            value = named[0] if named else None
        value = value if value is not None else self.binder.expressions.bind(node, scope)
        return MakeRow(value.kind, value.items) if isinstance(value, MakeRow) else value

    def _place(self, node: exp.Expr, shown: list[Expr] | list[Slot]) -> Expr | None:
        place = written_place(node, "ORDER BY")
        if place is None:
            return None
        if not 1 <= place <= len(shown):
            raise SqlError("42P10", f"ORDER BY position {place} is not in select list", position=self.binder.expressions.at(node))
        return shown[place - 1]

    def _locks(self, node: exp.Select, scope: Scope) -> list[tuple[Relation, range, str, str]]:
        """FOR UPDATE and its like: tables, where their rows lie, how they are locked and how is waited."""
        found: list[tuple[Relation, range, str, str]] = []
        if any(node.args.get(part) for part in ("group", "having", "distinct")):
            raise SqlError("0A000", "FOR UPDATE is not allowed with GROUP BY, HAVING or DISTINCT")
        for lock in node.args["locks"]:
            names = [fold(each) for each in lock.expressions]
            mode = ("no key update" if lock.args.get("key") else "update") if lock.args.get("update") else "share"
            if not lock.args.get("update") and lock.args.get("key"):
                mode = "key share"
            wait = {None: "block", True: "nowait", False: "skip"}[lock.args.get("wait")]
            for name in names:
                if scope.source(name) is None:
                    raise SqlError("42P01", f'relation "{name}" in FOR UPDATE clause not found in FROM clause')
            for source in scope.sources:
                is_named = not names or source.name in names
                if source.relation is not None and source.relation.schema == keyspace.SCHEMA and is_named:
                    raise SqlError(
                        "0A000",
                        f'rows of "{source.relation.schema}.{source.relation.name}" are not locked: Redis\'s commands write them',
                        hint="Name the tables to lock: FOR UPDATE OF ...",
                    )
                if source.relation is not None and source.relation.rows is None and is_named:
                    if source.frame is not None:
                        raise SqlError("0A000", f"rows of frame {source.frame} are past: nothing locks them")
                    self.binder.need(source.relation, UPDATE, -1)
                    base = min(column.place for column in source.columns) - min(column.slot for column in source.relation.columns)
                    found.append((source.relation, range(base, base + source.relation.width), mode, wait))
        return found
