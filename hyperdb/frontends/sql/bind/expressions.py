"""Expressions: from syntax to types.

Theory: one method a kind of syntax, found by a table. Operators go through the table of operators, comparisons through the
type in which both sides are compared. Invariant: what is not in the tables is refused with 0A000, and with its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql import types
from hyperdb.frontends.sql.access.privileges import SELECT
from hyperdb.frontends.sql.bind.comparisons import COMPARISONS, Comparisons, quantified
from hyperdb.frontends.sql.bind.fields import field_of
from hyperdb.frontends.sql.bind.literals import number, signed
from hyperdb.frontends.sql.bind.names import fold, kind_of
from hyperdb.frontends.sql.bind.scope import Level, Scope
from hyperdb.frontends.sql.bind.signs import BARE, SIGNS
from hyperdb.frontends.sql.bind.signs import COMPARISONS as COMPARED
from hyperdb.frontends.sql.bind.subscripts import Subscripts
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.kinds import BOOL, INT4, INTERVAL, RECORD, TEXT, UNKNOWN, Kind
from hyperdb.frontends.sql.descent import descends
from hyperdb.frontends.sql.functions import casts
from hyperdb.frontends.sql.functions.registry import OPERATORS, resolve
from hyperdb.frontends.sql.parse.dialect import position
from hyperdb.frontends.sql.plan.expressions import (
    TRUTH,
    And,
    Case,
    Const,
    Expr,
    InList,
    Is,
    MakeArray,
    MakeRow,
    Not,
    Or,
    Parameter,
    Slot,
    Subquery,
)

if TYPE_CHECKING:
    from hyperdb.frontends.sql.bind.binder import Binder

_WORDS = {"user": "current_user", "current_role": "current_user"}
_LONG_LIST = 100
"""Parameters of IN from which they are looked up and not compared one by one."""


class Expressions(Comparisons):
    """Binds expressions in a scope."""

    def __init__(self, binder: Binder) -> None:
        self.binder = binder
        self.coercer = binder.coercer
        self._subqueries: dict[int, tuple[Level, dict[exp.Expr, Expr]]] = {}
        """Those that were bound, by the level that they stand in."""

    @descends
    def bind(self, node: exp.Expr, scope: Scope) -> Expr:
        """The typed expression.

        Raises:
            SqlError: for names that are not there, types that do not fit, syntax that is not supported.
        """
        self.binder.step()
        method = _METHODS.get(type(node))
        if method is None:
            if type(node) in SIGNS:
                return self.operator(SIGNS[type(node)], [node.this, node.expression], scope, node)
            if type(node) in COMPARED:
                return self._comparison(COMPARED[type(node)], node, scope)
            if type(node) in BARE:
                return self.function(BARE[type(node)], [], node)
            raise SqlError("0A000", f"{type(node).__name__.upper()} is not supported here", position=self.at(node))
        try:
            return method(self, node, scope)
        except SqlError as error:
            error.position = error.position or self.at(node)
            raise

    def at(self, node: exp.Expr | None) -> int | None:
        """A node's position for errors."""
        return position(node, self.binder.offset)

    def truth(self, node: exp.Expr, scope: Scope, clause: str) -> Expr:
        """A condition.

        Raises:
            SqlError: 42804 if it is no boolean.
        """
        found = self.bind(node, scope)
        if self.coercer.catalog.base(found.kind).oid not in (BOOL, UNKNOWN):
            name = self.coercer.name(found.kind)
            raise SqlError("42804", f"argument of {clause} must be type boolean, not type {name}", position=self.at(node))
        return self.coercer.coerce(found, TRUTH)

    def operator(self, sign: str, nodes: list[exp.Expr], scope: Scope, node: exp.Expr) -> Expr:
        """An operator by its sign."""
        return self.apply(sign, [self.bind(each, scope) for each in nodes], self.at(node))

    def apply(self, sign: str, arguments: list[Expr], at: int | None) -> Expr:
        """An operator over bound arguments.

        Raises:
            SqlError: 42883, 42725.
        """
        given = [self.coercer.catalog.base(argument.kind).oid for argument in arguments]
        if sign == "||" and len(given) == 2:
            arguments, given = self._concatenated(arguments, given)
        match = resolve(OPERATORS.get(sign, ()), given)
        if match is None:
            names = [self.coercer.name(argument.kind) for argument in arguments]
            shown = f"{names[0]} {sign} {names[1]}" if len(names) == 2 else f"{sign} {names[0]}"
            raise SqlError(
                "42883",
                f"operator does not exist: {shown}",
                hint="No operator matches the given name and argument types. You might need to add explicit type casts.",
                position=at,
            )
        return self.matched(match, arguments)

    def _concatenated(self, arguments: list[Expr], given: list[int]) -> tuple[list[Expr], list[int]]:
        """Text beside anything that is no array becomes text."""
        texts = [kinds.category(oid) == "S" for oid in given]
        text = any(texts) or (UNKNOWN in given and any(oid not in (UNKNOWN, kinds.BYTEA, kinds.JSONB) for oid in given))
        if text and not all(texts) and not any(kinds.is_array(oid) for oid in given):
            arguments = [self.coercer.coerce(argument, Kind(TEXT), casts.EXPLICIT) for argument in arguments]
            given = [TEXT, TEXT]
        return arguments, given

    # One method a kind of syntax.

    def _literal(self, node: exp.Expr, _scope: Scope) -> Expr:
        text = str(node.this)
        return Const(Kind(UNKNOWN), text) if node.args.get("is_string") else number(text)

    def _text(self, node: exp.Expr, _scope: Scope) -> Expr:
        return Const(Kind(UNKNOWN), str(node.this))

    def _bits(self, node: exp.Expr, _scope: Scope) -> Expr:
        if isinstance(node, exp.HexString):
            return Const(Kind(kinds.BIT), "".join(f"{int(digit, 16):04b}" for digit in str(node.this)))
        return Const(Kind(kinds.BIT), str(node.this))

    def _concat(self, node: exp.Expr, _scope: Scope) -> Expr:
        lines = [each.meta.get("line") for each in node.expressions]
        if len(set(lines)) != len(lines):
            raise SqlError("42601", f'syntax error at or near "{node.expressions[-1].sql()}"')
        if all(isinstance(each, exp.Literal) for each in node.expressions):
            return Const(Kind(UNKNOWN), "".join(str(each.this) for each in node.expressions))
        raise SqlError("0A000", "this form of concatenation is not supported")

    def _null(self, _node: exp.Expr, _scope: Scope) -> Expr:
        return Const(Kind(UNKNOWN), None)

    def _boolean(self, node: exp.Expr, _scope: Scope) -> Expr:
        return Const(TRUTH, bool(node.this))

    def _parameter(self, node: exp.Expr, _scope: Scope) -> Expr:
        text = node.name
        if not text.isdigit() or not 1 <= int(text) <= 65_535:
            raise SqlError("42P02", f"there is no parameter ${text}")
        place = int(text) - 1
        known = self.coercer.parameters
        if self.binder.fixed_parameters and place >= len(known):
            raise SqlError("42P02", f"there is no parameter ${place + 1}")
        known.extend([0] * (place + 1 - len(known)))
        return Parameter(Kind(known[place] or UNKNOWN), place)

    def _column(self, node: exp.Expr, scope: Scope) -> Expr:
        if isinstance(node.this, exp.Star):
            raise SqlError("42601", "* is not allowed here")
        name = fold(node.this)
        table = fold(node.args["table"]) if node.args.get("table") else None
        schema = fold(node.args["db"]) if node.args.get("db") else None
        found = scope.find(name, table, schema)
        if found is not None:
            self._read(scope, name, table, schema)
            return found
        if table is None and name in _WORDS and not node.this.args.get("quoted"):
            return self.function(_WORDS[name], [], node)
        if table is None:
            whole = scope.source(name)
            if whole is not None:
                if whole.is_function and len(whole.columns) == 1:
                    return Slot(whole.columns[0].kind, whole.columns[0].place)
                shown = [column for column in whole.columns if column.name not in whole.unlisted]
                for column in shown:
                    self.binder.need_column(column.origin, SELECT)
                slots = tuple(Slot(column.kind, column.place) for column in shown)
                return MakeRow(Kind(RECORD), slots, tuple(column.name for column in shown))
            raise SqlError("42703", f'column "{name}" does not exist')
        if not scope.knows_table(table):
            raise SqlError("42P01", f'missing FROM-clause entry for table "{table}"')
        raise SqlError("42703", f"column {table}.{name} does not exist")

    def _read(self, scope: Scope, name: str, table: str | None, schema: str | None) -> None:
        """The column that a name stands for, here or around, is read."""
        around: Scope | None = scope
        while around is not None:
            for source in around.sources:
                if (table is None or source.name == table) and (schema is None or source.schema == schema):
                    column = next((each for each in source.columns if each.name == name), None)
                    if column is not None:
                        self.binder.need_column(column.origin, SELECT)
                        return
            around = around.level.parent

    def _paren(self, node: exp.Expr, scope: Scope) -> Expr:
        return self.bind(node.this, scope)

    def _negative(self, node: exp.Expr, scope: Scope) -> Expr:
        found = signed(node)
        return self.operator("-", [node.this], scope, node) if found is None else found

    def _and(self, node: exp.Expr, scope: Scope) -> Expr:
        word, make = ("AND", And) if isinstance(node, exp.And) else ("OR", Or)
        found: list[exp.Expr] = []
        stack = [node]
        while stack:
            each = stack.pop()
            if isinstance(each, type(node)):
                stack += [each.expression, each.this]
            else:
                found.append(each)
        return make(TRUTH, tuple(self.truth(each, scope, word) for each in found))

    def _not(self, node: exp.Expr, scope: Scope) -> Expr:
        return Not(TRUTH, self.truth(node.this, scope, "NOT"))

    def _is(self, node: exp.Expr, scope: Scope) -> Expr:
        wanted, negated = node.expression, bool(node.args.get("negate"))
        if isinstance(wanted, exp.Boolean):
            return Is(TRUTH, self.truth(node.this, scope, "IS"), bool(wanted.this), negated)
        if not isinstance(wanted, exp.Null):
            raise SqlError("0A000", f"IS {type(wanted).__name__.upper()} is not supported")
        found = self.bind(node.this, scope)
        if isinstance(found, MakeRow):
            return And(TRUTH, tuple(Is(TRUTH, item, None, negated) for item in found.items))
        if isinstance(found, Parameter) and found.kind.oid == UNKNOWN:
            found = self.coercer.coerce(found, Kind(TEXT))
        return Is(TRUTH, found, None, negated)

    def _distinct_from(self, node: exp.Expr, scope: Scope) -> Expr:
        sign = "same" if isinstance(node, exp.NullSafeEQ) else "distinct"
        return self.compare(sign, self.bind(node.this, scope), self.bind(node.expression, scope), self.at(node))

    def _between(self, node: exp.Expr, scope: Scope) -> Expr:
        value, low, high = (self.bind(node.args[part], scope) for part in ("this", "low", "high"))
        at = self.at(node)
        plain = And(TRUTH, (self.compare(">=", value, low, at), self.compare("<=", value, high, at)))
        if not node.args.get("symmetric"):
            return plain
        return Or(TRUTH, (plain, And(TRUTH, (self.compare(">=", value, high, at), self.compare("<=", value, low, at)))))

    def _in(self, node: exp.Expr, scope: Scope) -> Expr:
        left = self.bind(node.this, scope)
        if node.args.get("query") is not None:
            query = node.args["query"]
            found, _ = self.subquery(query.this if isinstance(query, exp.Subquery) else query, scope)
            return self.among(left, found, negated=False, at=self.at(node))
        items = [self.bind(each, scope) for each in node.expressions]
        if isinstance(left, MakeRow):
            return Or(TRUTH, tuple(self.compare("=", left, item, self.at(node)) for item in items))
        common = self.coercer.common([left, *items], "IN", self.at(node))
        compared = self.coercer.comparable(left, Const(common, None), "=", self.at(node))[0]
        # A parameter has its type by now.
        left = compared if left.kind.oid == UNKNOWN else left
        target = Kind(common.oid)
        cast = self.coercer.all_as(items, target) if all(isinstance(item, Const) for item in items) else ()
        if cast and all(isinstance(item, Const) for item in cast):
            return InList(TRUTH, self.coercer.coerce(left, target), cast)
        if len(items) >= _LONG_LIST and compared.kind == target and all(isinstance(item, Const | Parameter) for item in items):
            cast = self.coercer.all_as(items, target)
            if all(isinstance(item, Const | Parameter) for item in cast):
                return InList(TRUTH, self.coercer.coerce(left, target), cast)
        return Or(TRUTH, tuple(self.compare("=", left, item, self.at(node)) for item in items))

    def _like(self, node: exp.Expr, scope: Scope) -> Expr:
        sign = "~~" if isinstance(node, exp.Like) else "~~*"
        many = quantified(node.expression)
        if many is not None:
            return self._against_many(sign, node.this, *many, scope, node)
        return self.operator(f"!{sign}" if node.args.get("negate") else sign, [node.this, node.expression], scope, node)

    def _escape(self, node: exp.Expr, scope: Scope) -> Expr:
        inner = node.this
        names = {exp.Like: "like", exp.ILike: "ilike", exp.SimilarTo: "similar_to"}
        found = self.function(
            names[type(inner)], [self.bind(each, scope) for each in (inner.this, inner.expression, node.expression)], node
        )
        return Not(TRUTH, found) if inner.args.get("negate") else found

    def _similar(self, node: exp.Expr, scope: Scope) -> Expr:
        return self.function("similar_to", [self.bind(node.this, scope), self.bind(node.expression, scope)], node)

    def _bitwise_not(self, node: exp.Expr, scope: Scope) -> Expr:
        return self.operator("~", [node.this], scope, node)

    def _named_operator(self, node: exp.Expr, scope: Scope) -> Expr:
        sign = str(node.args["operator"]).rpartition(".")[2]
        left, right = self.bind(node.this, scope), self.bind(node.expression, scope)
        if sign in COMPARISONS:
            return self.compare(sign, left, right, self.at(node))
        return self.apply(sign, [left, right], self.at(node))

    def _json_path(self, node: exp.Expr, scope: Scope) -> Expr:
        """-> and ->>, whose right side the grammar may have turned into a path."""
        sign = "->" if isinstance(node, exp.JSONExtract) else "->>"
        right: Expr
        if isinstance(node.expression, exp.JSONPath):
            last = node.expression.expressions[-1]
            key = last.this
            right = Const(Kind(INT4), key) if isinstance(key, int) else Const(Kind(TEXT), str(key))
        else:
            right = self.bind(node.expression, scope)
        return self.apply(sign, [self.bind(node.this, scope), right], self.at(node))

    def _cast(self, node: exp.Expr, scope: Scope) -> Expr:
        target = kind_of(node.args["to"], self.coercer.catalog, self.binder.path)
        inner = node.this
        if isinstance(inner, exp.Array):
            element = kinds.element(self.coercer.catalog.base(target).oid)
            if element is not None:
                items = [self.bind(each, scope) for each in inner.expressions]
                if not any(kinds.is_array(item.kind.oid) for item in items):
                    made = tuple(self.coercer.coerce(item, Kind(element), casts.EXPLICIT) for item in items)
                    return MakeArray(Kind(target.oid), made)
        found = self.bind(inner, scope)
        if target.oid == kinds.BPCHAR and target.modifier == -1 and str(node.args["to"].this) == "Type.CHAR":
            target = Kind(kinds.BPCHAR, 5)
        return self.coercer.coerce(found, target, casts.EXPLICIT, self.at(node))

    def _interval(self, node: exp.Expr, scope: Scope) -> Expr:
        inner, unit = node.this, node.args.get("unit")
        if not isinstance(inner, exp.Literal):
            raise SqlError("0A000", "an interval needs a literal; write it as a cast")
        del scope
        kind = Kind(INTERVAL) if unit is None else kind_of(unit, self.coercer.catalog, self.binder.path)
        if types.depends_on_style(str(inner.this)):
            return self.coercer.coerce(Const(Kind(UNKNOWN), str(inner.this)), kind, casts.EXPLICIT, self.at(node))
        return Const(kind, types.read_text(INTERVAL, str(inner.this), modifier=kind.modifier))

    def _case(self, node: exp.Expr, scope: Scope) -> Expr:
        subject = None if node.this is None else self.bind(node.this, scope)
        tests: list[Expr] = []
        for when in node.args["ifs"]:
            if subject is None:
                tests.append(self.truth(when.this, scope, "CASE/WHEN"))
            else:
                tests.append(self.compare("=", subject, self.bind(when.this, scope), self.at(when)))
        results = [self.bind(when.args["true"], scope) for when in node.args["ifs"]]
        default = node.args.get("default")
        otherwise = Const(Kind(UNKNOWN), None) if default is None else self.bind(default, scope)
        # What is behind ELSE comes first here (parse_expr.c, transformCaseExpr).
        kind = self.coercer.common([otherwise, *results], "CASE", self.at(node))
        cast = self.coercer.all_as(results, kind)
        return Case(kind, tuple(zip(tests, cast, strict=True)), self.coercer.coerce(otherwise, kind))

    def _array(self, node: exp.Expr, scope: Scope) -> Expr:
        items = [self.bind(each, scope) for each in node.expressions]
        if not items:
            raise SqlError(
                "42P18",
                "cannot determine type of empty array",
                hint="Explicitly cast to the desired type, for example ARRAY[]::integer[].",
            )
        kind = self.coercer.common(items, "ARRAY", self.at(node))
        array = kind.oid if kinds.is_array(kind.oid) else kinds.array_of(kind.oid)
        if array is None:
            raise SqlError("42704", f"could not find array type for data type {self.coercer.name(kind)}")
        return MakeArray(Kind(array), self.coercer.all_as(items, kind))

    def _tuple(self, node: exp.Expr, scope: Scope) -> Expr:
        return MakeRow(Kind(RECORD), tuple(self.bind(each, scope) for each in node.expressions))

    def _bracket(self, node: exp.Expr, scope: Scope) -> Expr:
        return Subscripts(self).read(node, scope)

    def _subquery(self, node: exp.Expr, scope: Scope) -> Expr:
        # What is written twice in one place is one expression: for GROUP BY, ORDER BY and DISTINCT ON.
        known = self._subqueries.setdefault(id(scope.level), (scope.level, {}))[1]
        if node not in known:
            known[node] = self._one_column(node, scope)
        return known[node]

    def _one_column(self, node: exp.Expr, scope: Scope) -> Expr:
        found, columns = self.subquery(node.this if isinstance(node, exp.Subquery) else node, scope)
        if len(columns) != 1:
            raise SqlError("42601", "subquery must return only one column")
        return found

    def _exists(self, node: exp.Expr, scope: Scope) -> Expr:
        found, _ = self.subquery(node.this, scope)
        return Subquery(TRUTH, "exists", found.plan, found.captures)

    def _collate(self, node: exp.Expr, scope: Scope) -> Expr:
        wanted = node.expression
        name = wanted.name if isinstance(wanted, exp.Expr) else str(wanted)
        if name not in ("C", "POSIX", "default", "ucs_basic", "C.UTF-8", "C.utf8"):
            raise SqlError("0A000", f'collation "{name}" is not supported', hint='Texts are compared by code points: "C".')
        return self.bind(node.this, scope)

    def _at_time_zone(self, node: exp.Expr, scope: Scope) -> Expr:
        return self.function("timezone", [self.bind(node.args["zone"], scope), self.bind(node.this, scope)], node)

    def _extract(self, node: exp.Expr, scope: Scope) -> Expr:
        field = Const(Kind(TEXT), node.this.name.lower())
        return self.function("extract", [field, self.bind(node.expression, scope)], node)

    def _substring(self, node: exp.Expr, scope: Scope) -> Expr:
        places = [node.this, node.args.get("start"), node.args.get("length")]
        if places[1] is None and places[2] is not None:
            return self.function(
                "substring", [self.bind(node.this, scope), Const(Kind(INT4), 1), self.bind(node.args["length"], scope)], node
            )
        return self.function("substring", [self.bind(each, scope) for each in places if each is not None], node)

    def _overlay(self, node: exp.Expr, scope: Scope) -> Expr:
        places = [node.this, node.expression, node.args.get("from_"), node.args.get("for_")]
        return self.function("overlay", [self.bind(each, scope) for each in places if each is not None], node)

    def _position(self, node: exp.Expr, scope: Scope) -> Expr:
        return self.function("position", [self.bind(node.this, scope), self.bind(node.args["substr"], scope)], node)

    def _trim(self, node: exp.Expr, scope: Scope) -> Expr:
        name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(str(node.args.get("position") or "BOTH").upper(), "btrim")
        places = [node.this, node.expression]
        return self.function(name, [self.bind(each, scope) for each in places if each is not None], node)

    def _overlaps(self, node: exp.Expr, scope: Scope) -> Expr:
        """(start, end or length) OVERLAPS (start, end or length)."""
        found: list[Expr] = []
        for side in (node.this, node.expression):
            pair = self.bind(side, scope)
            if not isinstance(pair, MakeRow) or len(pair.items) != 2:
                raise SqlError("42601", "wrong number of parameters on OVERLAPS expression")
            start, end = pair.items
            if end.kind.oid == INTERVAL:
                end = self.apply("+", [start, end], self.at(node))
            found += [start, end]
        return self.function("overlaps", found, node)

    def _sqrt(self, node: exp.Expr, scope: Scope) -> Expr:
        return self.function("sqrt", [self.bind(node.this, scope)], node)

    def _absolute(self, node: exp.Expr, scope: Scope) -> Expr:
        return self.operator("@", [node.this], scope, node)

    def _alias(self, node: exp.Expr, _scope: Scope) -> Expr:
        raise SqlError("42601", f'syntax error at or near "{node.alias}"')

    def _dot(self, node: exp.Expr, scope: Scope) -> Expr:
        schema, call = node.this, node.expression
        if isinstance(schema, exp.Identifier) and isinstance(call, exp.Func | exp.Anonymous | exp.Window):
            if fold(schema) not in ("pg_catalog", "information_schema"):
                raise SqlError("42883", f"function {fold(schema)}.{call.name} does not exist")
            return self.bind(call, scope)
        return field_of(self.bind(schema.this if isinstance(schema, exp.Paren) else schema, scope), call)


Method = Callable[[Expressions, Any, Scope], Expr]
_METHODS: dict[type[exp.Expr], Method] = {
    exp.Literal: Expressions._literal,
    exp.ByteString: Expressions._text,
    exp.RawString: Expressions._text,
    exp.National: Expressions._text,
    exp.BitString: Expressions._bits,
    exp.HexString: Expressions._bits,
    exp.Concat: Expressions._concat,
    exp.Null: Expressions._null,
    exp.Boolean: Expressions._boolean,
    exp.Parameter: Expressions._parameter,
    exp.Column: Expressions._column,
    exp.Paren: Expressions._paren,
    exp.Neg: Expressions._negative,
    exp.And: Expressions._and,
    exp.Or: Expressions._and,
    exp.Not: Expressions._not,
    exp.Is: Expressions._is,
    exp.NullSafeEQ: Expressions._distinct_from,
    exp.NullSafeNEQ: Expressions._distinct_from,
    exp.Between: Expressions._between,
    exp.In: Expressions._in,
    exp.Like: Expressions._like,
    exp.ILike: Expressions._like,
    exp.Escape: Expressions._escape,
    exp.SimilarTo: Expressions._similar,
    exp.BitwiseNot: Expressions._bitwise_not,
    exp.Operator: Expressions._named_operator,
    exp.JSONExtract: Expressions._json_path,
    exp.JSONExtractScalar: Expressions._json_path,
    exp.Cast: Expressions._cast,
    exp.Interval: Expressions._interval,
    exp.Case: Expressions._case,
    exp.Array: Expressions._array,
    exp.Tuple: Expressions._tuple,
    exp.Bracket: Expressions._bracket,
    exp.Subquery: Expressions._subquery,
    exp.Select: Expressions._subquery,
    exp.Exists: Expressions._exists,
    exp.Collate: Expressions._collate,
    exp.AtTimeZone: Expressions._at_time_zone,
    exp.Extract: Expressions._extract,
    exp.Substring: Expressions._substring,
    exp.Overlay: Expressions._overlay,
    exp.StrPosition: Expressions._position,
    exp.Trim: Expressions._trim,
    exp.Overlaps: Expressions._overlaps,
    exp.Sqrt: Expressions._sqrt,
    exp.Abs: Expressions._absolute,
    exp.Alias: Expressions._alias,
    exp.Dot: Expressions._dot,
    exp.Anonymous: Expressions._anonymous,
    exp.GroupConcat: Expressions._string_agg,
    exp.Filter: Expressions._filtered,
    exp.WithinGroup: Expressions._ordered_set,
    exp.Window: Expressions._window,
}
