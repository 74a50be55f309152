"""Expressions of the catalog as PostgreSQL writes them back: defaults, checks, indexes' expressions and conditions.

Theory: ruleutils.c. What was written is bound and written anew: every operator in parentheses, casts that happened by themselves
shown where an operator or a function takes them, literals with their types; `pretty` leaves out the parentheses that nobody
needs. Clients compare what they get with what they know of PostgreSQL (Alembic its models, pgjdbc its metadata). Invariant: a
text is PostgreSQL's, or None: a node that is not known here is left as it was written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql import types
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.kinds import Kind
from hyperdb.frontends.sql.descent import descends
from hyperdb.frontends.sql.plan import expressions as e

_OPERATORS = {"like": "~~", "ilike": "~~*"}
_ARITHMETIC = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2}
_NUMBERS = frozenset({kinds.INT2, kinds.INT4, kinds.INT8, kinds.NUMERIC, kinds.FLOAT4, kinds.FLOAT8})
_INTEGERS = frozenset({kinds.INT2, kinds.INT4, kinds.INT8})
_MOMENTS = frozenset({kinds.DATE, kinds.TIMESTAMP, kinds.TIMESTAMPTZ})
_TESTS = {None: "NULL", True: "TRUE", False: "FALSE"}


class _Unknown(Exception):
    """A node that is written in no way that is known here."""


class Deparser:
    """Writes expressions over a row whose slots have these names."""

    def __init__(
        self,
        columns: Mapping[int, str],
        type_name: Callable[[int, int], str | None],
        object_name: Callable[[int, int], str | None],
        *,
        pretty: bool,
    ) -> None:
        self._columns = columns
        self._type_name = type_name
        self._object_name = object_name
        self._pretty = pretty

    def text(self, expr: e.Expr) -> str | None:
        """The whole expression; None where a part of it is not known."""
        # What is done to a default so that it fits its column is not shown.
        while isinstance(expr, e.Convert) and not expr.explicit and expr.argument.kind.oid != kinds.UNKNOWN:
            expr = expr.argument
        try:
            return self._written(expr, outer=True)
        except (_Unknown, SqlError):
            return None

    @descends
    def _written(self, expr: e.Expr, *, outer: bool = False) -> str:
        for kind, write in _WRITERS:
            if isinstance(expr, kind):
                found: str = write(self, expr, outer)
                return found
        raise _Unknown

    def _type(self, kind: Kind) -> str:
        found = self._type_name(kind.oid, kind.modifier)
        if found is None:
            raise _Unknown
        return found

    def _slot(self, expr: Any, _outer: bool) -> str:
        return self._columns[expr.place]

    def _const(self, expr: Any, outer: bool) -> str:
        kind, value = expr.kind, expr.value
        if kind.oid == kinds.BOOL and value is not None:
            return "true" if value else "false"
        label = f"::{self._type(Kind(kind.oid))}"
        if value is None:
            return "NULL" + label
        if kind.oid in _NUMBERS:
            return self._number(expr, outer)
        if kind.oid == kinds.UNKNOWN:
            return _quoted(str(value))
        if kind.oid in (kinds.REGCLASS, kinds.REGTYPE):
            return _quoted(self._object_name(kind.oid, value) or str(value)) + label
        if kind.oid < kinds.FIRST_USER:
            return _quoted(types.write_text(kind.oid, value)) + label
        if isinstance(value, str):
            return _quoted(value) + label
        raise _Unknown

    def _number(self, expr: Any, outer: bool) -> str:
        text = types.write_text(expr.kind.oid, expr.value)
        is_whole = text.lstrip("-").isdigit()
        if outer and expr.kind.oid not in _INTEGERS and (is_whole or expr.kind.oid != kinds.NUMERIC):
            return f"{_quoted(text)}::{self._type(Kind(expr.kind.oid))}"
        own = kinds.NUMERIC if not is_whole else kinds.INT4 if -(1 << 31) <= int(text) < 1 << 31 else kinds.INT8
        if own == kinds.INT8 or not text[0].isdigit():
            text = f"{_quoted(text)}::{self._type(Kind(own))}"
        # Of a number that was written the type is its own one; another one is that of a cast.
        if outer or expr.kind.oid in (own, *_INTEGERS):
            return text
        return self._cast_text(text, Kind(expr.kind.oid), is_simple=True)

    def _cast_text(self, text: str, kind: Kind, *, is_simple: bool) -> str:
        inner = text if self._pretty and is_simple else f"({text})"
        return f"{inner}::{self._type(kind)}"

    def _convert(self, expr: Any, outer: bool) -> str:
        inner = expr.argument
        if isinstance(inner, e.Const) and inner.kind.oid == kinds.UNKNOWN:
            return f"{_quoted(str(inner.value))}::{self._type(expr.kind)}"
        if not expr.explicit and outer:
            return self._written(inner, outer=True)
        return self._cast_text(self._written(inner), expr.kind, is_simple=self._is_simple(inner))

    def _is_simple(self, expr: e.Expr) -> bool:
        """Whether pretty ones need no parentheses before a cast."""
        return isinstance(expr, e.Slot | e.Const | e.Coalesce | e.Extreme | e.Item | e.MakeArray) or (
            isinstance(expr, e.Call) and not self._is_operator(expr)
        )

    def _is_operator(self, expr: e.Expr) -> bool:
        return isinstance(expr, e.Call) and not expr.function.name.isidentifier()

    def _call(self, expr: Any, outer: bool) -> str:
        name, arguments = expr.function.name, expr.arguments
        sign = _OPERATORS.get(name, name)
        wanted = expr.function.arguments
        told = [self._as_text(each, wanted[place] if place < len(wanted) else 0) for place, each in enumerate(arguments)]
        if sign.isidentifier():
            if name not in _PLAIN:
                raise _Unknown
            return f"{name}({', '.join(told)})"
        told = [self._operand(text, each, sign) for text, each in zip(told, arguments, strict=True)]
        return self._in_parentheses(f"{sign} {told[0]}" if len(told) == 1 else f"{told[0]} {sign} {told[1]}", outer)

    def _as_text(self, expr: e.Expr, wanted: int) -> str:
        """An argument; varchar stands for text without a cast here, and with one there."""
        if isinstance(expr, e.Const) and (
            expr.kind.oid == kinds.UNKNOWN or (expr.kind.oid, wanted) == (kinds.VARCHAR, kinds.TEXT)
        ):
            return self._written(e.Const(Kind(kinds.TEXT), expr.value))
        if expr.kind.oid == kinds.VARCHAR and wanted == kinds.TEXT:
            return self._cast_text(self._written(expr), Kind(kinds.TEXT), is_simple=self._is_simple(expr))
        return self._written(expr)

    def _operand(self, text: str, expr: e.Expr, sign: str) -> str:
        """Within an operator's: pretty ones keep parentheses but those that the order of arithmetic makes needless."""
        if not self._pretty or not isinstance(expr, e.Call | e.Compare | e.And | e.Or | e.Not | e.Is):
            return text
        if isinstance(expr, e.Call) and not self._is_operator(expr):
            return text
        inner = expr.function.name if isinstance(expr, e.Call) else ""
        return text if _ARITHMETIC.get(inner, 0) > _ARITHMETIC.get(sign, 3) else f"({text})"

    def _in_parentheses(self, text: str, _outer: bool) -> str:
        return text if self._pretty else f"({text})"

    def _compare(self, expr: Any, outer: bool) -> str:
        # PostgreSQL compares varchar as text, and moments of different types as they are.
        by = kinds.TEXT if expr.by == kinds.VARCHAR else expr.by
        one, other = map(_as_compared, (expr.left, expr.right))
        left, right = (self._operand(self._as_text(each, by), each, expr.sign) for each in (one, other))
        if expr.sign == "same":
            return self._in_parentheses(f"NOT {self._in_parentheses(f'{left} IS DISTINCT FROM {right}', False)}", outer)
        sign = "IS DISTINCT FROM" if expr.sign == "distinct" else expr.sign
        return self._in_parentheses(f"{left} {sign} {right}", outer)

    def _both(self, expr: Any, outer: bool) -> str:
        return self._in_parentheses(" AND ".join(self._term(each, e.Or) for each in expr.arguments), outer)

    def _either(self, expr: Any, outer: bool) -> str:
        return self._in_parentheses(" OR ".join(self._term(each, ()) for each in expr.arguments), outer)

    def _term(self, expr: e.Expr, weaker: Any) -> str:
        text = self._written(expr)
        return f"({text})" if self._pretty and isinstance(expr, weaker) else text

    def _not(self, expr: Any, outer: bool) -> str:
        return self._in_parentheses(f"NOT {self._term(expr.argument, (e.And, e.Or))}", outer)

    def _is(self, expr: Any, outer: bool) -> str:
        text = self._operand(self._written(expr.argument), expr.argument, "is")
        return self._in_parentheses(f"{text} IS {'NOT ' if expr.negated else ''}{_TESTS[expr.value]}", outer)

    def _coalesce(self, expr: Any, _outer: bool) -> str:
        return f"COALESCE({', '.join(map(self._written, expr.arguments))})"

    def _extreme(self, expr: Any, _outer: bool) -> str:
        return f"{'GREATEST' if expr.greatest else 'LEAST'}({', '.join(map(self._written, expr.arguments))})"

    def _array(self, expr: Any, _outer: bool) -> str:
        return f"ARRAY[{', '.join(map(self._written, expr.items))}]"

    def _item(self, expr: Any, _outer: bool) -> str:
        if not isinstance(expr.array, e.Slot):
            raise _Unknown
        return f"{self._written(expr.array)}[{self._written(expr.place)}]"

    def _in(self, expr: Any, outer: bool) -> str:
        items = [each for each in expr.items if isinstance(each, e.Const)]
        if len(items) != len(expr.items):
            raise _Unknown
        argument = _as_compared(expr.argument)
        is_varchar = argument.kind.oid == kinds.VARCHAR or (
            isinstance(argument, e.Convert) and not argument.explicit and argument.argument.kind.oid == kinds.VARCHAR
        )
        left = self._as_text(argument, kinds.TEXT)
        told = [self._written(e.Const(Kind(kinds.VARCHAR), each.value) if is_varchar else each) for each in items]
        array = f"ARRAY[{', '.join(told)}]"
        if is_varchar:
            array = self._cast_text(array, Kind(kinds.ARRAY[kinds.TEXT]), is_simple=True)
        return self._in_parentheses(f"{left} = ANY ({array})", outer)


def _as_compared(expr: e.Expr) -> e.Expr:
    if isinstance(expr, e.Convert) and not expr.explicit:
        both = {expr.kind.oid, expr.argument.kind.oid}
        return expr.argument if both <= _MOMENTS or both <= _INTEGERS else expr
    return expr


def _quoted(text: str) -> str:
    shown = text.replace("'", "''")
    return f"E'{shown}'".replace("\\", "\\\\") if "\\" in shown else f"'{shown}'"


# Functions that PostgreSQL writes as calls, with the name that they have here.
_PLAIN = frozenset(
    "lower upper length char_length md5 abs round ceil floor trunc now nextval gen_random_uuid concat"
    " date_trunc date_part to_tsvector replace left right reverse substr initcap coalesce mod power sqrt random timezone"
    " clock_timestamp statement_timestamp transaction_timestamp array_length cardinality octet_length starts_with".split()
)
_WRITERS: tuple[tuple[type[e.Expr], Any], ...] = (
    (e.Slot, Deparser._slot),
    (e.Const, Deparser._const),
    (e.Convert, Deparser._convert),
    (e.Call, Deparser._call),
    (e.Compare, Deparser._compare),
    (e.And, Deparser._both),
    (e.Or, Deparser._either),
    (e.Not, Deparser._not),
    (e.Is, Deparser._is),
    (e.Coalesce, Deparser._coalesce),
    (e.Extreme, Deparser._extreme),
    (e.MakeArray, Deparser._array),
    (e.Item, Deparser._item),
    (e.InList, Deparser._in),
)
