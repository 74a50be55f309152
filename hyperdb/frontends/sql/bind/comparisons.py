"""Comparisons: of values, of rows, with ANY, ALL and IN.

Theory: both sides become one type, in which they are compared by its key. Rows are compared column by column, a comparison
with many is a test over a row of the left side and the element. Invariant: what cannot be compared is refused with 42883.
"""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.bind.calls import Calls
from hyperdb.frontends.sql.bind.scope import Level, Scope
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.kinds import RECORD, TEXT, UNKNOWN, Kind
from hyperdb.frontends.sql.plan.expressions import TRUTH, And, AnyOf, Compare, Expr, MakeRow, Not, Or, Slot, Subquery

COMPARISONS = frozenset({"=", "<>", "<", "<=", ">", ">="})


class Comparisons(Calls):
    """The part of `Expressions` that binds comparisons."""

    def apply(self, sign: str, arguments: list[Expr], at: int | None) -> Expr:
        """See `Expressions`."""
        raise NotImplementedError

    def compare(self, sign: str, left: Expr, right: Expr, at: int | None = None) -> Expr:
        """A comparison of bound sides; rows go column by column."""
        if isinstance(left, MakeRow) and isinstance(right, MakeRow):
            return self._compare_rows(sign, left, right, at)
        shown = {"distinct": "=", "same": "="}.get(sign, sign)
        left, right, by = self.coercer.comparable(left, right, shown, at)
        return Compare(TRUTH, sign, left, right, by)

    def _compare_rows(self, sign: str, left: MakeRow, right: MakeRow, at: int | None) -> Expr:
        if len(left.items) != len(right.items):
            raise SqlError("42601", "unequal number of entries in row expressions", position=at)
        pairs = list(zip(left.items, right.items, strict=True))
        if sign in ("=", "same"):
            return And(TRUTH, tuple(self.compare(sign, one, other, at) for one, other in pairs))
        if sign in ("<>", "distinct"):
            return Or(TRUTH, tuple(self.compare(sign, one, other, at) for one, other in pairs))
        strict = sign[0]
        last = self.compare(sign, *pairs[-1], at)
        for one, other in reversed(pairs[:-1]):
            same = And(TRUTH, (self.compare("=", one, other, at), last))
            last = Or(TRUTH, (self.compare(strict, one, other, at), same))
        return last

    def _comparison(self, sign: str, node: exp.Expr, scope: Scope) -> Expr:
        right = node.expression
        many = quantified(right)
        if many is not None:
            return self._against_many(sign, node.this, *many, scope, node)
        left = self.bind(node.this, scope)
        if isinstance(left, MakeRow) and isinstance(right, exp.Subquery):
            if sign != "=":
                raise SqlError("0A000", "only = compares a row with a subquery", position=self.at(node))
            asked = self.among(left, self.subquery(right.this, scope)[0], negated=False, at=self.at(node))
            assert isinstance(asked, Subquery)
            return replace(asked, form="row")
        bound = self.bind(right, scope)
        return self.compare(sign, left, bound, self.at(node))

    def _against_many(self, sign: str, left: exp.Expr, many: exp.Expr, every: bool, scope: Scope, node: exp.Expr) -> Expr:
        """x op ANY (array or subquery)."""
        argument = self.bind(left, scope)
        inner = many
        while isinstance(inner, exp.Paren):
            inner = inner.this
        query = inner.this if isinstance(inner, exp.Subquery) else inner
        if isinstance(query, exp.Query):
            found, columns = self.subquery(query, scope)
            element = Slot(columns[0][1], 1)
            test = self._test(sign, argument, element, node)
            return Subquery(TRUTH, "all" if every else "any", found.plan, found.captures, argument, test)
        array = self.bind(inner, scope)
        oid = self.coercer.catalog.base(array.kind).oid
        if oid == UNKNOWN:
            target = kinds.array_of(TEXT if argument.kind.oid == UNKNOWN else argument.kind.oid)
            array = self.coercer.coerce(array, Kind(target or 0))
            oid = array.kind.oid
        item = kinds.element(oid)
        if item is None:
            raise SqlError("42809", "op ANY/ALL (array) requires array on right side", position=self.at(node))
        if argument.kind.oid == UNKNOWN:
            argument = self.coercer.coerce(argument, Kind(item))
        return AnyOf(TRUTH, argument, array, self._test(sign, argument, Slot(Kind(item), 1), node), every)

    def _test(self, sign: str, argument: Expr, element: Expr, node: exp.Expr) -> Expr:
        left = Slot(argument.kind if argument.kind.oid != UNKNOWN else Kind(TEXT), 0)
        if sign in COMPARISONS:
            return self.compare(sign, left, element, self.at(node))
        return self.apply(sign, [left, element], self.at(node))

    def subquery(self, query: exp.Expr, scope: Scope) -> tuple[Subquery, list[tuple[str, Kind]]]:
        """A query inside an expression."""
        level = Level(scope)
        plan, columns = self.binder.queries.query(query, Scope(level))
        return Subquery(columns[0][1] if columns else TRUTH, "scalar", plan, tuple(level.captures)), columns

    def among(self, left: Expr, found: Subquery, *, negated: bool, at: int | None) -> Expr:
        """x IN (subquery)."""
        columns = found.plan.width
        lefts = left.items if isinstance(left, MakeRow) else (left,)
        if len(lefts) != columns:
            few = "few" if columns < len(lefts) else "many"
            raise SqlError("42601", f"subquery has too {few} columns", position=at)
        kinds_of = self.binder.queries.kinds_of(found.plan)
        tests = []
        for place, (one, kind) in enumerate(zip(lefts, kinds_of, strict=True)):
            item = Slot(Kind(TEXT) if kind.oid == UNKNOWN else kind, len(lefts) + place)
            tests.append(self.compare("=", Slot(one.kind, place) if one.kind.oid != UNKNOWN else one, item, at))
        test = tests[0] if len(tests) == 1 else And(TRUTH, tuple(tests))
        argument = left if isinstance(left, MakeRow) else MakeRow(Kind(RECORD), lefts)
        asked = Subquery(TRUTH, "any", found.plan, found.captures, argument, test)
        return Not(TRUTH, asked) if negated else asked


def quantified(node: exp.Expr) -> tuple[exp.Expr, bool] | None:
    """What stands in ANY(...), SOME(...) or ALL(...), and whether it is ALL."""
    if isinstance(node, exp.Any):
        return node.this, False
    if isinstance(node, exp.All):
        return node.this, True
    if isinstance(node, exp.Anonymous) and str(node.this).lower() in ("any", "some", "all") and len(node.expressions) == 1:
        return node.expressions[0], str(node.this).lower() == "all"
    return None
