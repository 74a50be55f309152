"""Brackets: subscripts and slices of arrays and jsonb, read and assigned.

Theory: subscripts behind each other are one access, so that `a[1:2][3]` is a slice in two dimensions. Invariant: a target with
subscripts changes what they name and nothing else of the column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.bind.scope import Scope
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.kinds import INT4, TEXT, UNKNOWN, Kind
from hyperdb.frontends.sql.functions import subscripts
from hyperdb.frontends.sql.plan.expressions import Call, Const, Expr, Item

if TYPE_CHECKING:
    from hyperdb.frontends.sql.bind.expressions import Expressions


def target_of(node: exp.Expr) -> tuple[exp.Expr, list[exp.Expr]]:
    """What is subscripted, and all subscripts."""
    found: list[exp.Expr] = []
    while isinstance(node, exp.Bracket):
        found = [*node.expressions, *found]
        node = node.this
    return node, found


class Subscripts:
    """Binds them."""

    def __init__(self, expressions: Expressions) -> None:
        self._expressions = expressions
        self._coercer = expressions.coercer

    def read(self, node: exp.Expr, scope: Scope) -> Expr:
        """The value that brackets name."""
        base, given = target_of(node)
        value = self._expressions.bind(base, scope)
        oid = self._coercer.catalog.base(value.kind).oid
        if oid == kinds.JSONB and not any(isinstance(each, exp.Slice) for each in given):
            for each in given:
                value = self._expressions.apply("->", [value, self._expressions.bind(each, scope)], self._expressions.at(node))
            return value
        element = self._element(value, oid)
        subscripts.check_dimensions(len(given))
        if any(isinstance(each, exp.Slice) for each in given):
            places, open_places = self._ends(given, scope)
            return Call(Kind(oid), subscripts.slicing(len(places), open_places), (value, *places))
        places = [self._place(each, scope) for each in given]
        if len(places) == 1:
            return Item(Kind(element), value, places[0])
        return Call(Kind(element), subscripts.fetching(len(places)), (value, *places))

    def assign(self, column: Expr, given: list[exp.Expr], value: Expr, scope: Scope) -> Expr:
        """The column's value with `value` where the subscripts say."""
        oid = self._coercer.catalog.base(column.kind).oid
        if oid == kinds.JSONB:
            if any(isinstance(each, exp.Slice) for each in given):
                raise SqlError("0A000", "jsonb subscript does not support slices")
            keys = [self._coercer.coerce(self._expressions.bind(each, scope), Kind(TEXT), "explicit") for each in given]
            new = self._coercer.coerce(value, Kind(oid), "assignment")
            return Call(Kind(oid), subscripts.putting_member(len(keys)), (column, new, *keys))
        element = self._element(column, oid)
        subscripts.check_dimensions(len(given))
        if any(isinstance(each, exp.Slice) for each in given):
            places, open_places = self._ends(given, scope)
            new = self._coercer.coerce(value, Kind(oid), "assignment")
            return Call(Kind(oid), subscripts.putting_slice(len(places), open_places), (column, new, *places))
        places = [self._place(each, scope) for each in given]
        new = self._coercer.coerce(value, Kind(element), "assignment")
        return Call(Kind(oid), subscripts.putting(len(places)), (column, new, *places))

    def _element(self, value: Expr, oid: int) -> int:
        found = kinds.element(oid)
        if found is None:
            name = self._coercer.name(value.kind)
            raise SqlError("42804", f"cannot subscript type {name} because it does not support subscripting")
        return found

    def _place(self, node: exp.Expr, scope: Scope) -> Expr:
        return self._coercer.coerce(self._expressions.bind(node, scope), Kind(INT4), "assignment")

    def _ends(self, given: list[exp.Expr], scope: Scope) -> tuple[list[Expr], frozenset[int]]:
        """Both ends of each slice, and which of them are not said. A subscript alone among slices is one from 1."""
        places: list[Expr] = []
        open_places: set[int] = set()
        for each in given:
            ends = (each.this, each.expression) if isinstance(each, exp.Slice) else (exp.Literal.number(1), each)
            for end in ends:
                if end is None:
                    open_places.add(len(places))
                places.append(Const(Kind(UNKNOWN), 0) if end is None else self._place(end, scope))
        return places, frozenset(open_places)
