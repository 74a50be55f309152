"""WITH: common table expressions, recursive ones too.

Invariant: a common table is bound once; one that is named more than once, is recursive, or changes rows, is run once as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.bind.names import fold
from hyperdb.frontends.sql.bind.origins import NOWHERE
from hyperdb.frontends.sql.bind.scope import CommonTable, Scope
from hyperdb.frontends.sql.catalog.kinds import TEXT, UNKNOWN, Kind
from hyperdb.frontends.sql.plan.expressions import Slot
from hyperdb.frontends.sql.plan.nodes import Plan, Project, Recursive, Shared, Working

if TYPE_CHECKING:
    from hyperdb.frontends.sql.bind.binder import Binder


class CommonTables:
    """Binds WITH."""

    def __init__(self, binder: Binder) -> None:
        self.binder = binder

    def bind(self, node: exp.Expr, scope: Scope) -> None:
        """Puts the entries into `scope`."""
        if node.args.get("search") is not None:
            raise SqlError("0A000", "SEARCH and CYCLE are not supported")
        entries = {}
        for each in node.expressions:
            name = fold(each.args["alias"].this)
            if name in entries:
                raise SqlError("42712", f'WITH query name "{name}" specified more than once')
            entries[name] = each
        for name in _ordered(entries) if node.args.get("recursive") else entries:
            each = entries[name]
            names = [fold(column) for column in each.args["alias"].args.get("columns") or ()]
            recursive = bool(node.args.get("recursive")) and _mentions(each.this, name)
            scope.tables[name] = (
                self._recursive(name, names, each.this, scope) if recursive else self._plain(name, names, each.this, scope)
            )

    def _plain(self, name: str, names: list[str], query: exp.Expr, scope: Scope) -> CommonTable:
        if isinstance(query, exp.Insert | exp.Update | exp.Delete | exp.Merge):
            plan, columns = self.binder.writes.statement(query, scope)
            shared = Shared(plan.width, self.binder.new_name(), plan)
            self.binder.modifying.append(shared)
            origins = self.binder.origins.of(plan, plan.width)
            return CommonTable(name, shared, _renamed(columns or [], names, name), origins)
        plan, columns = self.binder.queries.query(query, scope.inner())
        shared = Shared(plan.width, self.binder.new_name(), plan)
        return CommonTable(name, shared, _renamed(columns, names, name), self.binder.origins.of(plan, plan.width))

    def _recursive(self, name: str, names: list[str], query: exp.Expr, scope: Scope) -> CommonTable:
        inner = query.this if isinstance(query, exp.Subquery) else query
        for part, what in _NOT_IN_RECURSION:
            if isinstance(inner, exp.Union) and inner.args.get(part):
                raise SqlError("0A000", f"{what} in a recursive query is not implemented")
        if not isinstance(inner, exp.Union):
            raise SqlError(
                "42P19", f'recursive query "{name}" does not have the form non-recursive-term UNION [ALL] recursive-term'
            )
        scope = self._with_own(name, inner, scope)
        _check_recursion(name, inner)
        start, columns = self.binder.queries.query(inner.this, scope.inner())
        made = _renamed(columns, names, name)
        number = self.binder.new_name()
        inside = scope.inner()
        nowhere = [NOWHERE] * start.width
        inside.tables[name] = CommonTable(name, Working(start.width, number), made, nowhere)
        step, found = self.binder.queries.query(inner.args["expression"], inside)
        if step.width != start.width:
            raise SqlError("42601", "each UNION query must have the same number of columns")
        step = self._cast(step, found, made, name)
        kinds = tuple(kind.oid for _, kind in made)
        plan = Recursive(start.width, number, start, step, not inner.args.get("distinct"), kinds)
        return CommonTable(name, Shared(plan.width, self.binder.new_name(), plan), made, nowhere)

    def _with_own(self, name: str, query: exp.Union, scope: Scope) -> Scope:
        """The scope of both terms of a recursive query that has a WITH of its own."""
        own = query.args.get("with_")
        if own is None:
            return scope
        if any(_mentions(each.this, name) for each in own.expressions):
            raise SqlError("42P19", f'recursive reference to query "{name}" must not appear within its non-recursive term')
        inside = scope.inner()
        self.bind(own, inside)
        return inside

    def _cast(self, step: Plan, found: list[tuple[str, Kind]], made: tuple[tuple[str, Kind], ...], name: str) -> Plan:
        columns = []
        for place, ((_, have), (column, want)) in enumerate(zip(found, made, strict=True)):
            if have.oid not in (want.oid, UNKNOWN):
                coercer = self.binder.coercer
                names = f"{coercer.name(Kind(want.oid))} in non-recursive term but type {coercer.name(have)} overall"
                if coercer.common([Slot(have, 0), Slot(want, 0)], "UNION").oid != want.oid:
                    raise SqlError(
                        "42804", f'recursive query "{name}" column {place + 1} has type {names}', hint=f"Cast {column}."
                    )
            columns.append(self.binder.coercer.coerce(Slot(Kind(TEXT) if have.oid == UNKNOWN else have, place), Kind(want.oid)))
        return Project(step.width, step, tuple(columns))


_NOT_IN_RECURSION = (("order", "ORDER BY"), ("offset", "OFFSET"), ("limit", "LIMIT"), ("locks", "FOR UPDATE/SHARE"))


def _check_recursion(name: str, query: exp.Expr) -> None:
    """The recursive term names its table once, where rows only come to (parse_cte.c).

    Raises:
        SqlError: 42P19, 0A000.
    """

    def refuse(where: str) -> SqlError:
        return SqlError("42P19", f'recursive reference to query "{name}" must not appear {where}')

    if _mentions(query.this, name):
        raise refuse("within its non-recursive term")
    step = query.args["expression"]
    around: list[exp.Expr] = []
    while isinstance(step, exp.Subquery) and step.args.get("alias") is None:
        # The whole term in parentheses.
        around.append(step)
        step = step.this
    named = [each for each in step.find_all(exp.Table) if each.args.get("db") is None and fold(each.this) == name]
    if len(named) > 1:
        raise refuse("more than once")
    for part, what in _NOT_IN_RECURSION:
        if step.args.get(part) and not around:
            raise SqlError("0A000", f"{what} in a recursive query is not implemented")
    for table in named:
        node, parent = table, table.parent
        while parent is not None and parent is not query:
            is_derived = isinstance(parent.parent, exp.From | exp.Join | exp.Lateral)
            if isinstance(parent, exp.In | exp.Exists | exp.Any | exp.All) or (
                isinstance(parent, exp.Subquery) and not is_derived and parent not in around
            ):
                raise refuse("within a subquery")
            if isinstance(parent, exp.Except) and node is parent.args["expression"]:
                raise refuse("within EXCEPT")
            if isinstance(parent, exp.Intersect):
                raise refuse("within INTERSECT")
            if isinstance(parent, exp.Join) and str(parent.args.get("side") or "").upper() in ("LEFT", "FULL"):
                raise refuse("within an outer join")
            joins = parent.args.get("joins") or []
            behind = joins[next((place + 1 for place, each in enumerate(joins) if each is node), 0) :]
            if any(str(each.args.get("side") or "").upper() in ("RIGHT", "FULL") for each in behind):
                raise refuse("within an outer join")
            node, parent = parent, parent.parent


def _mentions(query: exp.Expr, name: str) -> bool:
    named = (table for table in query.find_all(exp.Table) if table.args.get("db") is None and fold(table.this) == name)
    return any(not _is_other(table, query, name) for table in named)


def _is_other(table: exp.Expr, query: exp.Expr, name: str) -> bool:
    """Whether a WITH inside of `query` gives the table's name to something else."""
    node: exp.Expr | None = table
    while node is not None and node is not query.parent:
        own = node.args.get("with_")
        if own is not None and any(fold(each.args["alias"].this) == name for each in own.expressions):
            return True
        node = node.parent
    return False


def _ordered(entries: dict[str, exp.Expr]) -> list[str]:
    """Names of a WITH RECURSIVE, each behind those that it reads.

    Raises:
        SqlError: 0A000 where two read each other.
    """
    needs = {
        name: {other for other in entries if other != name and _mentions(each.this, other)} for name, each in entries.items()
    }
    order: list[str] = []
    while needs:
        ready = next((name for name, found in needs.items() if not found - set(order)), None)
        if ready is None:
            raise SqlError("0A000", "mutual recursion between WITH items is not implemented")
        order.append(ready)
        del needs[ready]
    return order


def _renamed(columns: list[tuple[str, Kind]], names: list[str], table: str) -> tuple[tuple[str, Kind], ...]:
    if len(names) > len(columns):
        raise SqlError("42P10", f'WITH query "{table}" has {len(columns)} columns available but {len(names)} columns specified')
    return tuple(
        (names[place] if place < len(names) else name, Kind(TEXT) if kind.oid == UNKNOWN else kind)
        for place, (name, kind) in enumerate(columns)
    )
