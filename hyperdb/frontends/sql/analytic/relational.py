"""Plans as queries of the engine.

Theory: each operator becomes a part of one SELECT while the clauses of SQL come in the order of the operators, else a derived
table around it; the engine's own optimizer takes them apart again. Derived tables have unique names, so outer references of
correlated subqueries are plain names. Invariant: what comes out are the columns of the plan, in its order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hyperdb.errors import NotColumnarError
from hyperdb.frontends.sql.analytic import calls
from hyperdb.frontends.sql.analytic.forms import Value, common, comparable, grouped, of_kind
from hyperdb.frontends.sql.analytic.listing import Listings, used_columns
from hyperdb.frontends.sql.analytic.scalars import Row, Scalars
from hyperdb.frontends.sql.analytic.windows import windowed
from hyperdb.frontends.sql.catalog.kinds import Kind
from hyperdb.frontends.sql.catalog.relations import Relation
from hyperdb.frontends.sql.descent import descends
from hyperdb.frontends.sql.plan import expressions as e
from hyperdb.frontends.sql.plan import nodes as p

_JOINS = {
    "inner": "JOIN",
    "left": "LEFT JOIN",
    "right": "RIGHT JOIN",
    "full": "FULL JOIN",
    "semi": "SEMI JOIN",
    "anti": "ANTI JOIN",
}


@dataclass(slots=True)
class Select:
    """A SELECT in the making. Columns that have no form in the engine are None."""

    columns: list[Value | None]
    source: str = ""
    where: list[str] = field(default_factory=list)
    order: str = ""
    limit: str = ""
    joined: bool = False
    """Whether `source` is a join, which stands in parentheses on the right of another one."""

    @property
    def is_open(self) -> bool:
        """Whether conditions may still be added."""
        return not self.order and not self.limit

    def text(self, listed: str) -> str:
        """The whole, with what stands behind SELECT."""
        made = f"SELECT {listed}"
        if self.source:
            made += f" FROM {self.source}"
        if self.where:
            made += f" WHERE {' AND '.join(self.where)}"
        return made + self.order + self.limit


@dataclass(frozen=True, slots=True)
class Operand:
    """A side of a join: what stands in FROM, its columns, conditions that are still to be looked at."""

    source: str
    columns: Sequence[Value | None]
    where: Sequence[str] = ()
    joined: bool = False

    @property
    def inside(self) -> str:
        """The source to the right of a join."""
        return f"({self.source})" if self.joined else self.source


@dataclass(frozen=True, slots=True)
class Scanned:
    """A table of the query: its name in the text, and the columns that are read, as slots and names."""

    relation: Relation
    name: str
    columns: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Written:
    """A query: its text, the tables in it, what its columns are. Behind them come, by place, the `digits` of values whose type
    does not say them, and the `divisors` of quotients, of which the dividend has their place."""

    text: str
    tables: tuple[Scanned, ...]
    columns: tuple[Value, ...]
    digits: dict[int, int]
    divisors: dict[int, int]


class Writer:
    """Writes one plan. `evaluate` computes what depends on no row, `base` says what a domain is over."""

    def __init__(self, evaluate: Callable[[e.Expr], Any], base: Callable[[Kind], Kind]) -> None:
        self._base = base
        self._scalars = Scalars(evaluate, self._derived_plan, base)
        self._evaluate = evaluate
        self._listings = Listings()
        self._names = 0
        self._scans: list[tuple[str, Relation]] = []
        self._shared: dict[int, tuple[list[str], Select]] = {}
        """Common tables by number: their name and its aliases, in the order in which they may name each other."""

    def write(self, plan: p.Plan) -> Written:
        """The query of a plan.

        Raises:
            NotColumnarError: it, or something in it, is not on the list.
        """
        found = self._select(plan, ())
        columns = [_shown(value) for value in found.columns]
        listed = [f"{(value.ratio[0] if value.ratio else value).text} AS c{at}" for at, value in enumerate(columns)]
        digits: dict[int, int] = {}
        divisors: dict[int, int] = {}

        def more(at: int, value: Value) -> None:
            if value.digits is not None:
                digits[at] = len(listed)
                listed.append(f"{value.digits} AS d{at}")

        for at, value in enumerate(columns):
            dividend, divisor = value.ratio or (value, None)
            more(at, dividend)
            if divisor is not None:
                divisors[at] = len(listed)
                listed.append(f"{divisor.text} AS m{at}")
                more(divisors[at], divisor)
        text = found.text(", ".join(listed) or "1 AS nothing")
        named = [
            f"{names[0]} AS ({select.text(self._listings.add(names, _listed(select)))})"
            for names, select in self._shared.values()
        ]
        if named:
            text = f"WITH {', '.join(named)} {text}"
        text = self._listings.fill(text)
        return Written(text, self._tables(text), tuple(columns), digits, divisors)

    def _tables(self, text: str) -> tuple[Scanned, ...]:
        """The tables, each once, with all that is read of it under any name."""
        used: dict[int, set[int]] = {}
        relations: dict[int, Relation] = {}
        for alias, relation in self._scans:
            relations[relation.oid] = relation
            used.setdefault(relation.oid, set()).update(int(name[1:]) for name in used_columns(text, alias))
        made = []
        for oid, relation in relations.items():
            slots = sorted(used[oid]) or [_any_slot(relation, self._base)]
            made.append(Scanned(relation, f"r{oid}", tuple((slot, f"k{slot}") for slot in slots)))
        return tuple(made)

    def _name(self) -> str:
        self._names += 1
        return f"t{self._names}"

    @descends
    def _select(self, plan: p.Plan, outer: Row) -> Select:
        write = _WRITERS.get(type(plan))
        if write is None:
            raise NotColumnarError(f"{type(plan).__name__} has no counterpart")
        return write(self, plan, outer)

    def _derived_plan(self, plan: p.Plan, outer: Row) -> tuple[str, Sequence[Value]]:
        """A subquery of an expression."""
        text, columns = self._derived(self._select(plan, outer))
        return text, [_shown(value) for value in columns]

    def _derived(self, select: Select) -> tuple[str, list[Value | None]]:
        """A derived table, and its columns by name."""
        name = self._name()
        text = f"({select.text(self._listings.add([name], _listed(select)))}) AS {name}"
        return text, _renamed(select, name)

    def _wrapped(self, select: Select) -> Select:
        text, columns = self._derived(select)
        return Select(columns, text)

    def _operand(self, select: Select, *, filtered: bool) -> Operand:
        """A side of a join: its tables as they are, where its columns are columns; else a derived table. `filtered`: whether
        its conditions may be the join's."""
        columns = all(value is None or value.column for value in select.columns)
        if select.source and select.is_open and columns and (filtered or not select.where):
            return Operand(select.source, select.columns, select.where, select.joined)
        text, renamed = self._derived(select)
        return Operand(text, renamed)

    def _plain(self, plan: p.Plan, outer: Row) -> Select:
        """A child to which conditions may be added."""
        found = self._select(plan, outer)
        return found if found.is_open else self._wrapped(found)

    def _scan(self, plan: p.Scan, _outer: Row) -> Select:
        relation, name = plan.relation, self._name()
        columns: list[Value | None] = [None] * relation.width
        for column in relation.columns:
            columns[column.slot] = of_kind(self._base(column.kind), f"{name}.k{column.slot}", column=True)
        self._scans.append((name, relation))
        return Select(columns, f"r{relation.oid} AS {name}")

    def _values(self, plan: p.Values, outer: Row) -> Select:
        rows = [[self._scalars.value(each, (), outer) for each in row] for row in plan.rows]
        if not rows:
            raise NotColumnarError("no rows")
        if len(rows) == 1:
            return Select(list(rows[0]))
        columns = [common(list(column)) for column in zip(*rows, strict=True)]
        if any(value.digits is not None for column in columns for value in column):
            raise NotColumnarError("numerics of several scales")
        name = self._name()
        made = ", ".join(f"({', '.join(value.text for value in row)})" for row in zip(*columns, strict=True))
        heads = [f"c{at}" for at in range(len(columns))]
        named = [replace(column[0], text=f"{name}.{head}", column=True) for column, head in zip(columns, heads, strict=True)]
        return Select(list(named), f"(VALUES {made}) AS {name}({', '.join(heads)})")

    def _filter(self, plan: p.Filter, outer: Row) -> Select:
        child = self._plain(plan.child, outer)
        child.where += [self._scalars.truth(each, child.columns, outer) for each in e.conjuncts(plan.condition)]
        return child

    def _project(self, plan: p.Project, outer: Row) -> Select:
        if plan.sets:
            raise NotColumnarError("functions that give sets")
        child = self._select(plan.child, outer)
        if child.is_open and any(value is not None and not value.column for value in child.columns):
            child = self._wrapped(child)
        made = [self._projected(each, child.columns, outer) for each in plan.columns]
        return replace(child, columns=made)

    def _projected(self, expr: e.Expr, row: Row, outer: Row) -> Value | None:
        # A column that is only moved may have no form, as long as nobody looks at it.
        return row[expr.place] if isinstance(expr, e.Slot) else self._scalars.value(expr, row, outer)

    def _join(self, plan: p.Join, outer: Row) -> Select:
        # Conditions on rows that a join keeps as they are may as well be looked at behind it.
        left = self._operand(self._select(plan.left, outer), filtered=plan.form in ("inner", "left", "semi", "anti"))
        right = self._operand(self._select(plan.right, outer), filtered=plan.form in ("inner", "right"))
        both = [*left.columns, *right.columns]
        tests = [
            self._scalars.compared(
                "=", self._scalars.value(one, left.columns, outer), self._scalars.value(other, right.columns, outer)
            )
            for one, other in plan.keys
        ]
        tests += [self._scalars.truth(each, both, outer) for each in e.conjuncts(plan.condition)]
        where = [*left.where, *right.where]
        if plan.form == "inner":
            # Conditions may have correlated subqueries, for which WHERE is the usual place.
            return Select(both, f"{left.source} CROSS JOIN {right.inside}", where + tests, joined=True)
        if plan.condition is not None and any(isinstance(each, e.Subquery) for each in e.parts(plan.condition)):
            raise NotColumnarError("a subquery in the condition of an outer join")
        columns = list(left.columns) if plan.form in ("semi", "anti") else both
        source = f"{left.source} {_JOINS[plan.form]} {right.inside} ON {' AND '.join(tests) or 'TRUE'}"
        return Select(columns, source, where, joined=True)

    def _lateral(self, plan: p.Lateral, outer: Row) -> Select:
        left, lefts = self._derived(self._select(plan.left, outer))
        captured = [self._scalars.value(each, lefts, outer) for each in plan.captures]
        right, rights = self._derived(self._select(plan.right, captured))
        if plan.condition is not None and any(isinstance(each, e.Subquery) for each in e.parts(plan.condition)):
            raise NotColumnarError("a subquery in the condition of a lateral join")
        tests = [self._scalars.truth(each, [*lefts, *rights], outer) for each in e.conjuncts(plan.condition)]
        source = f"{left} {_JOINS[plan.form]} LATERAL {right} ON {' AND '.join(tests) or 'TRUE'}"
        return Select([*lefts, *rights], source, joined=True)

    def _aggregate(self, plan: p.Aggregate, outer: Row) -> Select:
        if plan.sets is not None:
            raise NotColumnarError("grouping sets")
        child = self._plain(plan.child, outer)
        keys = [self._scalars.value(each, child.columns, outer) for each in plan.groups]
        follow = self._dependent(keys)
        groups = [grouped(key) for at, key in enumerate(keys) if at not in follow]
        made: list[Value | None] = [
            replace(key, text=f"any_value({key.text})", column=False) if at in follow else key for at, key in enumerate(keys)
        ]
        means: list[int] = []
        for call in plan.calls:
            values = [self._scalars.value(each, child.columns, outer) for each in call.arguments]
            distinct = "DISTINCT " if call.distinct else ""
            where = f" FILTER (WHERE {self._scalars.truth(call.where, child.columns, outer)})" if call.where is not None else ""
            if call.aggregate.name == "avg":
                means.append(len(made))
                made += calls.mean_parts(values, distinct, where)
                continue
            write = calls.AGGREGATES.get(call.aggregate.name)
            if write is None:
                raise NotColumnarError(f"{call.aggregate.name} is not on the list")
            made.append(write(values, distinct, where))
        name = self._name()
        inside = Select(made, child.source, child.where)
        by = f" GROUP BY {', '.join(value.text for value in groups)}" if groups else ""
        text = inside.text(self._listings.add([name], _listed(inside))) + by
        columns: list[Value | None] = []
        found = _renamed(inside, name)
        at = 0
        while at < len(found):
            if at in means:
                columns.append(calls.mean(_shown(found[at]), _shown(found[at + 1])))
                at += 1
            else:
                columns.append(found[at])
            at += 1
        return Select(columns, f"({text}) AS {name}")

    def _dependent(self, keys: Sequence[Value]) -> set[int]:
        """The places of columns that are the same in all rows of a group, since their table's key is among the groups."""
        texts = {key.text for key in keys if key.column}
        found: set[int] = set()
        for name, relation in self._scans:
            parts = [relation.slot_of.get(part.column) for part in relation.table.key]
            needed = {f"{name}.k{slot}" for slot in parts}
            if parts and None not in parts and needed <= texts:
                here = [at for at, key in enumerate(keys) if key.column and key.text.startswith(f"{name}.k")]
                found |= {at for at in here if keys[at].text not in needed}
        return found

    def _window(self, plan: p.Window, outer: Row) -> Select:
        child = self._wrapped(self._select(plan.child, outer))
        made = [windowed(call, lambda each: self._scalars.value(each, child.columns, outer)) for call in plan.calls]
        return self._wrapped(replace(child, columns=[*child.columns, *made]))

    def _sort(self, plan: p.Sort, outer: Row) -> Select:
        child = self._plain(plan.child, outer)
        child.order = f" ORDER BY {self._order(plan.order, child.columns, outer)}"
        return child

    def _order(self, order: p.Order, row: Row, outer: Row) -> str:
        return ", ".join(
            f"{comparable(self._scalars.value(value, row, outer)).text} {'DESC' if descending else 'ASC'}"
            f" NULLS {'FIRST' if first else 'LAST'}"
            for value, descending, first in order
        )

    def _limit(self, plan: p.Limit, outer: Row) -> Select:
        if plan.ties is not None:
            raise NotColumnarError("rows with ties")
        child = self._select(plan.child, outer)
        if child.limit:
            child = self._wrapped(child)
        for word, expr in (("LIMIT", plan.count), ("OFFSET", plan.offset)):
            number = None if expr is None else self._number(expr)
            if number is not None:
                child.limit += f" {word} {number}"
        return child

    def _number(self, expr: e.Expr) -> int | None:
        if not e.is_constant(expr) or any(isinstance(each, e.Outer | e.Subquery) for each in e.parts(expr)):
            raise NotColumnarError("a limit that is not constant")
        found = self._evaluate(expr)
        if found is not None and (not isinstance(found, int) or found < 0):
            raise NotColumnarError("a limit below zero")
        return found

    def _distinct(self, plan: p.Distinct, outer: Row) -> Select:
        if plan.on is not None:
            raise NotColumnarError("DISTINCT ON")
        child = self._plain(plan.child, outer)
        columns = [grouped(_shown(value)) for value in child.columns]
        name = self._name()
        # All columns tell rows apart, used or not.
        listed = ", ".join(f"{value.text} AS c{at}" for at, value in enumerate(columns))
        text = f"({child.text('DISTINCT ' + listed)}) AS {name}"
        return Select(_renamed(child, name), text)

    def _set_operation(self, plan: p.SetOperation, outer: Row) -> Select:
        sides = [self._plain(each, outer) for each in (plan.left, plan.right)]
        pairs = [common([_shown(one), _shown(other)]) for one, other in zip(sides[0].columns, sides[1].columns, strict=True)]
        if not pairs:
            raise NotColumnarError("rows without columns")
        for pair in pairs:
            if pair[0].digits is not None:
                raise NotColumnarError("numerics of several scales")
            if not (plan.form == "union" and plan.every):
                grouped(pair[0])
        texts = [
            side.text(", ".join(f"{pair[at].text} AS c{place}" for place, pair in enumerate(pairs)))
            for at, side in enumerate(sides)
        ]
        name = self._name()
        word = plan.form.upper() + (" ALL" if plan.every else "")
        columns = [replace(pair[0], text=f"{name}.c{place}", column=True) for place, pair in enumerate(pairs)]
        return Select(list(columns), f"({texts[0]} {word} {texts[1]}) AS {name}")

    def _common_table(self, plan: p.Shared, _outer: Row) -> Select:
        if plan.name not in self._shared:
            select = self._select(plan.child, ())
            self._shared[plan.name] = ([self._name()], select)
        names, select = self._shared[plan.name]
        alias = self._name()
        names.append(alias)
        return Select(_renamed(select, alias), f"{names[0]} AS {alias}")


def _shown(value: Value | None) -> Value:
    if value is None:
        raise NotColumnarError("a column whose type has no form in the engine")
    return value


def _listed(select: Select) -> list[tuple[str, str]]:
    """What a derived table could give: values, their digits where rows differ, what quotients are made of."""
    return [named for at, value in enumerate(select.columns) if value is not None for named in _parts(value, str(at))]


def _parts(value: Value, at: str) -> list[tuple[str, str]]:
    found = [(value.text, f"c{at}")]
    if value.digits is not None:
        found.append((value.digits, f"d{at}"))
    for letter, part in zip("nm", value.ratio or (), strict=False):
        found += _parts(part, letter + at)
    return found


def _renamed(select: Select, name: str) -> list[Value | None]:
    return [None if value is None else _as_column(value, name, str(at)) for at, value in enumerate(select.columns)]


def _as_column(value: Value, name: str, at: str) -> Value:
    dividend, divisor = value.ratio or (None, None)
    ratio = None
    if dividend is not None and divisor is not None:
        ratio = _as_column(dividend, name, f"n{at}"), _as_column(divisor, name, f"m{at}")
    digits = None if value.digits is None else f"{name}.d{at}"
    return replace(value, text=f"{name}.c{at}", digits=digits, column=True, ratio=ratio)


def _any_slot(relation: Relation, base: Callable[[Kind], Kind]) -> int:
    for column in relation.columns:
        if of_kind(base(column.kind), "") is not None:
            return column.slot
    raise NotColumnarError("a table without columns")


_WRITERS: dict[type[p.Plan], Callable[[Writer, Any, Row], Select]] = {
    p.Scan: Writer._scan,
    p.Values: Writer._values,
    p.Filter: Writer._filter,
    p.Project: Writer._project,
    p.Join: Writer._join,
    p.Lateral: Writer._lateral,
    p.Aggregate: Writer._aggregate,
    p.Window: Writer._window,
    p.Sort: Writer._sort,
    p.Limit: Writer._limit,
    p.Distinct: Writer._distinct,
    p.SetOperation: Writer._set_operation,
    p.Shared: Writer._common_table,
}
