"""Expressions of a plan as expressions of the engine.

Theory: a walk over the typed tree. What does not depend on rows is computed here and written as a constant; slots and outer
values are columns by unique names, so a correlated subquery names them as they are. Invariant: what is not understood is
`NotColumnarError`, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hyperdb.errors import NotColumnarError, SqlError
from hyperdb.frontends.sql.analytic import calls
from hyperdb.frontends.sql.analytic.constants import constant, span
from hyperdb.frontends.sql.analytic.forms import (
    FLOATS,
    INTEGERS,
    MOST_DIGITS,
    TEXTS,
    Value,
    common,
    comparable,
)
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.kinds import Kind
from hyperdb.frontends.sql.descent import descends
from hyperdb.frontends.sql.plan import expressions as e

if TYPE_CHECKING:
    from hyperdb.frontends.sql.plan.nodes import Plan

Row = Sequence[Value | None]
_SIGNS = {"=": "=", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "distinct": "IS DISTINCT FROM"}
_SIGNS["same"] = "IS NOT DISTINCT FROM"
_STAMPS = (kinds.DATE, kinds.TIMESTAMP)
_CLASSES = dict.fromkeys((*INTEGERS, kinds.NUMERIC), "number") | dict.fromkeys(FLOATS, "float")
_CLASSES |= {kinds.TEXT: "text", kinds.VARCHAR: "text", kinds.BPCHAR: "text"}


class Scalars:
    """`evaluate` computes an expression that depends on no row; `select` writes a subquery: its text and columns."""

    def __init__(
        self,
        evaluate: Callable[[e.Expr], Any],
        select: Callable[[Plan, Row], tuple[str, Sequence[Value]]],
        base: Callable[[Kind], Kind],
    ) -> None:
        self._evaluate = evaluate
        self._select = select
        self._base = base

    @descends
    def value(self, expr: e.Expr, row: Row, outer: Row) -> Value:
        """An expression over a row.

        Raises:
            NotColumnarError: it is not on the list.
        """
        if _is_fixed(expr):
            return self._fixed(expr)
        write = _WRITERS.get(type(expr))
        if write is None:
            raise NotColumnarError(f"{type(expr).__name__} has no counterpart")
        return write(self, expr, row, outer)

    def truth(self, expr: e.Expr, row: Row, outer: Row) -> str:
        """A condition."""
        found = self.value(expr, row, outer)
        if found.oid != kinds.BOOL:
            raise NotColumnarError("a condition that is no boolean")
        return found.text

    def compared(self, sign: str, left: Value, right: Value) -> str:
        """A comparison of two values.

        Raises:
            NotColumnarError: they are compared otherwise here and there.
        """
        comparable(left), comparable(right)
        one, other = (_CLASSES.get(value.oid, str(value.oid)) for value in (left, right))
        if one != other:
            raise NotColumnarError("a comparison between types")
        return f"({left.text} {_SIGNS[sign]} {right.text})"

    def _fixed(self, expr: e.Expr) -> Value:
        try:
            return constant(self._base(expr.kind), self._evaluate(expr))
        except SqlError as error:
            # Perhaps no row asks for it.
            raise NotColumnarError(error.message) from error

    def _slot(self, expr: e.Slot, row: Row, _outer: Row) -> Value:
        return _there(row[expr.place])

    def _outer(self, expr: e.Outer, _row: Row, outer: Row) -> Value:
        return _there(outer[expr.place])

    def _call(self, expr: e.Call, row: Row, outer: Row) -> Value:
        function = expr.function
        if function.volatile or function.rows:
            raise NotColumnarError(function.name)
        if function.name in ("extract", "date_part"):
            return self._part(expr, row, outer)
        if function.name in "+-" and len(function.arguments) == 2 and kinds.INTERVAL in function.arguments:
            return self._shifted(expr, row, outer)
        write = calls.CALLS.get((function.name, function.arguments))
        if function.name == "round" and function.arguments == (kinds.NUMERIC, kinds.INT4):
            return self._rounded(expr, row, outer)
        if function.name in ("substring", "substr", "left") and function.arguments[0] == kinds.TEXT:
            return self._piece(expr, row, outer)
        if write is None:
            raise NotColumnarError(f"{function.name} is not on the list")
        return write(
            [self._argument(each, oid, row, outer) for each, oid in zip(expr.arguments, function.arguments, strict=True)]
        )

    def _argument(self, expr: e.Expr, oid: int, row: Row, outer: Row) -> Value:
        found = self.value(expr, row, outer)
        if found.oid == oid or {found.oid, oid} <= TEXTS:
            return found
        raise NotColumnarError("an argument of another type")

    def _part(self, expr: e.Call, row: Row, outer: Row) -> Value:
        field, of = expr.arguments
        if not _is_fixed(field) or expr.function.arguments[1] not in _STAMPS:
            raise NotColumnarError("a part of another type")
        name = str(self._evaluate(field)).lower()
        if name not in calls.PARTS:
            raise NotColumnarError(f"the part {name}")
        return calls.part(name, self.value(of, row, outer), expr.function.result)

    def _shifted(self, expr: e.Call, row: Row, outer: Row) -> Value:
        at, by = expr.arguments if expr.function.arguments[1] == kinds.INTERVAL else reversed(expr.arguments)
        if not _is_fixed(by) or expr.function.result != kinds.TIMESTAMP:
            raise NotColumnarError("an interval that is not constant")
        found = self._evaluate(by)
        if found is None:
            raise NotColumnarError("no interval")
        return calls.shifted(expr.function.name, self.value(at, row, outer), span(found))

    def _rounded(self, expr: e.Call, row: Row, outer: Row) -> Value:
        found, digits = self.value(expr.arguments[0], row, outer), self._whole(expr.arguments[1])
        width = found.width - found.scale + digits + 1
        if found.digits is not None or not 0 <= digits <= MOST_DIGITS or width > MOST_DIGITS:
            raise NotColumnarError("rounding to so many digits")
        return Value(f"CAST({found.text} AS DECIMAL({width},{digits}))", found.oid, width, digits)

    def _piece(self, expr: e.Call, row: Row, outer: Row) -> Value:
        """substring() and left() with constant places within the text."""
        text, *places = expr.arguments
        numbers = [self._whole(each) for each in places]
        if min(numbers) < (0 if expr.function.name == "left" else 1 if len(numbers) == 1 else 0) or numbers[0] < (
            expr.function.name != "left"
        ):
            raise NotColumnarError("a piece from before the text")
        found = self._argument(text, kinds.TEXT, row, outer)
        if expr.function.name == "left":
            numbers = [1, *numbers]
        return Value(f"substring({found.text}, {', '.join(map(str, numbers))})", kinds.TEXT)

    def _whole(self, expr: e.Expr) -> int:
        found = self._evaluate(expr) if _is_fixed(expr) else None
        if not isinstance(found, int):
            raise NotColumnarError("a place that is not constant")
        return found

    def _convert(self, expr: e.Convert, row: Row, outer: Row) -> Value:
        found = self.value(expr.argument, row, outer)
        target = self._base(expr.kind)
        source, oid = found.oid, target.oid
        if source == oid:
            return self._sized(found, target)
        if target.modifier >= 0:
            raise NotColumnarError("a cast to a length")
        if source in INTEGERS and oid in INTEGERS:
            return Value(f"CAST({found.text} AS {INTEGERS[oid][0]})", oid)
        if source in INTEGERS and oid == kinds.NUMERIC:
            width = INTEGERS[source][1]
            return Value(f"CAST({found.text} AS DECIMAL({width},0))", oid, width, 0)
        if source == kinds.NUMERIC and oid in INTEGERS:
            return Value(f"CAST({found.text} AS {INTEGERS[oid][0]})", oid)
        if source in INTEGERS and oid == kinds.FLOAT8:
            return Value(f"CAST({found.text} AS DOUBLE)", oid)
        if source in TEXTS | {kinds.BPCHAR} and oid in TEXTS:
            return replace(found, oid=oid, length=None)
        if source in INTEGERS and oid in TEXTS:
            return Value(f"CAST({found.text} AS VARCHAR)", oid)
        if (source, oid) in ((kinds.DATE, kinds.TIMESTAMP), (kinds.TIMESTAMP, kinds.DATE)):
            return Value(f"CAST({found.text} AS {Value('', oid).type})", oid)
        if (source, oid) == (kinds.BOOL, kinds.INT4):
            return Value(f"CAST({found.text} AS INTEGER)", oid)
        raise NotColumnarError("a cast that is not on the list")

    def _sized(self, found: Value, target: Kind) -> Value:
        if target.modifier < 0:
            return found
        limits = kinds.numeric_limits(target.modifier) if target.oid == kinds.NUMERIC else None
        if limits is None or not 0 <= limits[1] <= limits[0] <= MOST_DIGITS:
            raise NotColumnarError("a cast to a length")
        return Value(f"CAST({found.text} AS DECIMAL({limits[0]},{limits[1]}))", target.oid, *limits)

    def _compare(self, expr: e.Compare, row: Row, outer: Row) -> Value:
        left, right = self.value(expr.left, row, outer), self.value(expr.right, row, outer)
        return _truth(self.compared(expr.sign, left, right))

    def _joined(self, word: str, expr: e.And | e.Or, row: Row, outer: Row) -> Value:
        return _truth("(" + f" {word} ".join(self.truth(each, row, outer) for each in expr.arguments) + ")")

    def _and(self, expr: e.And, row: Row, outer: Row) -> Value:
        return self._joined("AND", expr, row, outer)

    def _or(self, expr: e.Or, row: Row, outer: Row) -> Value:
        return self._joined("OR", expr, row, outer)

    def _not(self, expr: e.Not, row: Row, outer: Row) -> Value:
        return _truth(f"(NOT {self.truth(expr.argument, row, outer)})")

    def _is(self, expr: e.Is, row: Row, outer: Row) -> Value:
        word = {None: "NULL", True: "TRUE", False: "FALSE"}[expr.value]
        found = self.value(expr.argument, row, outer)
        return _truth(f"({found.text} IS {'NOT ' if expr.negated else ''}{word})")

    def _case(self, expr: e.Case, row: Row, outer: Row) -> Value:
        tests = [self.truth(test, row, outer) for test, _ in expr.whens]
        *values, otherwise = common(
            [self.value(each, row, outer) for each in (*[value for _, value in expr.whens], expr.otherwise)]
        )

        def chosen(texts: Sequence[str]) -> str:
            whens = " ".join(f"WHEN {test} THEN {text}" for test, text in zip(tests, texts, strict=False))
            return f"CASE {whens} ELSE {texts[-1]} END"

        digits = None if otherwise.digits is None else chosen([value.shown for value in (*values, otherwise)])
        return replace(otherwise, text=chosen([value.text for value in (*values, otherwise)]), digits=digits, column=False)

    def _coalesce(self, expr: e.Coalesce, row: Row, outer: Row) -> Value:
        found = common([self.value(each, row, outer) for each in expr.arguments])
        digits = None
        if found[0].digits is not None:
            whens = " ".join(f"WHEN {value.text} IS NOT NULL THEN {value.shown}" for value in found)
            digits = f"CASE {whens} END"
        text = f"coalesce({', '.join(value.text for value in found)})"
        return replace(found[0], text=text, digits=digits, column=False)

    def _extreme(self, expr: e.Extreme, row: Row, outer: Row) -> Value:
        found = common([comparable(self.value(each, row, outer)) for each in expr.arguments])
        if found[0].digits is not None:
            raise NotColumnarError("equal values that are shown differently")
        name = "greatest" if expr.greatest else "least"
        return replace(found[0], text=f"{name}({', '.join(value.text for value in found)})", column=False)

    def _in_list(self, expr: e.InList, row: Row, outer: Row) -> Value:
        argument = comparable(self.value(expr.argument, row, outer))
        items = [self.value(each, row, outer) for each in expr.items]
        for each in items:
            self.compared("=", argument, each)
        return _truth(f"({argument.text} IN ({', '.join(each.text for each in items)}))")

    def _any_of(self, expr: e.AnyOf, row: Row, outer: Row) -> Value:
        if not _is_fixed(expr.array):
            raise NotColumnarError("an array that is not constant")
        items, item = self._evaluate(expr.array), kinds.element(self._base(expr.array.kind).oid)
        if not items or item is None or any(isinstance(each, list) for each in items):
            raise NotColumnarError("an array without elements")
        argument = self.value(expr.argument, row, outer)
        tests = [self.truth(expr.test, (argument, constant(Kind(item), each)), outer) for each in items]
        return _truth("(" + (" AND " if expr.every else " OR ").join(tests) + ")")

    def _subquery(self, expr: e.Subquery, row: Row, outer: Row) -> Value:
        captured = [self.value(each, row, outer) for each in expr.captures]
        text, columns = self._select(expr.plan, captured)
        if expr.form == "exists":
            return _truth(f"EXISTS ({_select('1', text)})")
        if expr.form == "scalar":
            digits = None if columns[0].digits is None else f"({_select(columns[0].digits, text)})"
            one = f"({_select(columns[0].text, text)})"
            return replace(columns[0], text=one, digits=digits, column=False, ratio=None)
        test, argument = expr.test, expr.argument
        if isinstance(argument, e.MakeRow) and len(argument.items) == 1:
            argument = argument.items[0]
        if expr.form not in ("any", "all") or not isinstance(test, e.Compare) or argument is None or len(columns) != 1:
            raise NotColumnarError(f"a subquery of the form {expr.form}")
        if test.sign not in ("=", "<>", "<", "<=", ">", ">="):
            raise NotColumnarError("a test of another kind")
        found = self.value(argument, row, outer)
        left, right = self.value(test.left, (found, None), outer), self.value(test.right, (None, columns[0]), outer)
        self.compared(test.sign, left, right)
        return _truth(f"({left.text} {test.sign} {expr.form.upper()} ({_select(right.text, text)}))")


def _select(what: str, text: str) -> str:
    return " ".join(("SELECT", what, "FROM", text))


def _there(found: Value | None) -> Value:
    if found is None:
        raise NotColumnarError("a column whose type has no form in the engine")
    return found


def _truth(text: str) -> Value:
    return Value(text, kinds.BOOL)


def _is_fixed(expr: e.Expr) -> bool:
    """Whether it is the same for every row, and needs no rows to be computed."""
    return e.is_constant(expr) and not any(isinstance(each, e.Outer | e.Subquery) for each in e.parts(expr))


_WRITERS: dict[type[e.Expr], Callable[[Scalars, Any, Row, Row], Value]] = {
    e.Slot: Scalars._slot,
    e.Outer: Scalars._outer,
    e.Call: Scalars._call,
    e.Convert: Scalars._convert,
    e.Compare: Scalars._compare,
    e.And: Scalars._and,
    e.Or: Scalars._or,
    e.Not: Scalars._not,
    e.Is: Scalars._is,
    e.Case: Scalars._case,
    e.Coalesce: Scalars._coalesce,
    e.Extreme: Scalars._extreme,
    e.InList: Scalars._in_list,
    e.AnyOf: Scalars._any_of,
    e.Subquery: Scalars._subquery,
}
