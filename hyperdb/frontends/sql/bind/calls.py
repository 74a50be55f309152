"""Calls: functions, aggregates, window functions.

Theory: by name; what is an aggregate or needs types that no signature can say (COALESCE, GREATEST, NULLIF, min, array
constructors) has a method here. Invariant: aggregates stand only where a scope gathers them (42803), window functions
likewise (42P20).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.bind import enum_calls, json_calls, windows
from hyperdb.frontends.sql.bind.aggregates import GROUPING, called, extreme, is_outside
from hyperdb.frontends.sql.bind.scope import Scope
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.kinds import BOOL, FLOAT8, INT4, INT8, RECORD, REGTYPE, TEXT, UNKNOWN, Kind
from hyperdb.frontends.sql.functions import casts, ordered
from hyperdb.frontends.sql.functions.model import Aggregate, Function
from hyperdb.frontends.sql.functions.order import key_of
from hyperdb.frontends.sql.functions.registry import AGGREGATES, FUNCTIONS, Match, resolve
from hyperdb.frontends.sql.plan.expressions import (
    AggregateCall,
    Call,
    Case,
    Coalesce,
    Const,
    Convert,
    Edge,
    Expr,
    Extreme,
    Frame,
    MakeRow,
    Subquery,
    WindowCall,
    parts,
)

if TYPE_CHECKING:
    from hyperdb.frontends.sql.bind.binder import Binder
    from hyperdb.frontends.sql.bind.coerce import Coercer

Order = tuple[tuple[Expr, bool, bool], ...]
_RANKING = {"row_number": INT8, "rank": INT8, "dense_rank": INT8, "percent_rank": FLOAT8, "cume_dist": FLOAT8, "ntile": INT4}
_VALUES = frozenset({"lag", "lead", "first_value", "last_value", "nth_value"})
_MOST_ARGUMENTS = 100
_AGGREGATES = frozenset({"min", "max"}) | AGGREGATES.keys() | json_calls.AGGREGATES


class Calls:
    """The part of `Expressions` that binds calls."""

    binder: Binder
    coercer: Coercer

    def bind(self, node: exp.Expr, scope: Scope) -> Expr:
        """See `Expressions`."""
        raise NotImplementedError

    def at(self, node: exp.Expr | None) -> int | None:
        """See `Expressions`."""
        raise NotImplementedError

    def truth(self, node: exp.Expr, scope: Scope, clause: str) -> Expr:
        """See `Expressions`."""
        raise NotImplementedError

    def compare(self, sign: str, left: Expr, right: Expr, at: int | None = None) -> Expr:
        """See `Expressions`."""
        raise NotImplementedError

    def apply(self, sign: str, arguments: list[Expr], at: int | None) -> Expr:
        """See `Expressions`."""
        raise NotImplementedError

    def subquery(self, query: exp.Expr, scope: Scope) -> tuple[Subquery, list[tuple[str, Kind]]]:
        """See `Expressions`."""
        raise NotImplementedError

    def matched(self, match: Match, arguments: list[Expr]) -> Call:
        """A call of what was found."""
        assert isinstance(match.entry, Function)
        variadic = match.entry.variadic and match.entry.arguments[-1] == kinds.ANY
        fixed = len(match.entry.arguments) - 1
        cast = [
            self._output(argument) if variadic and place >= fixed else self.coercer.coerce(argument, Kind(target))
            for place, (argument, target) in enumerate(zip(arguments, match.targets, strict=True))
        ]
        return Call(Kind(match.result), match.entry, tuple(cast))

    def _output(self, argument: Expr) -> Expr:
        """A value as its type writes it: what a cast does, but for booleans."""
        if self.coercer.catalog.base(argument.kind).oid == BOOL:
            return Convert(Kind(TEXT), casts.Cast(casts.IMPLICIT, lambda value, _env: "t" if value else "f"), argument)
        return self.coercer.coerce(argument, Kind(TEXT), casts.EXPLICIT)

    def function(self, name: str, arguments: list[Expr], node: exp.Expr) -> Expr:
        """A function by name over bound arguments.

        Raises:
            SqlError: 42883 where there is none, 42725 where there are several.
        """
        return self.matched(self._meant(FUNCTIONS.get(name, ()), name, arguments, node), arguments)

    def _meant(
        self, candidates: Sequence[Function] | Sequence[Aggregate], name: str, arguments: list[Expr], node: exp.Expr
    ) -> Match:
        given = [self.coercer.catalog.base(argument.kind).oid for argument in arguments]
        try:
            match = resolve(candidates, given)
        except SqlError as error:
            error.message = f"function {name}({self._shown(arguments)}) is not unique"
            error.args = (error.message,)
            raise
        if match is None:
            raise self.no_function(name, arguments, node)
        return match

    def _shown(self, arguments: list[Expr]) -> str:
        return ", ".join(self.coercer.name(argument.kind) for argument in arguments)

    def no_function(self, name: str, arguments: list[Expr], node: exp.Expr) -> SqlError:
        """42883 for a call that nothing fits."""
        return SqlError(
            "42883",
            f"function {name}({self._shown(arguments)}) does not exist",
            hint="No function matches the given name and argument types. You might need to add explicit type casts.",
            position=self.at(node),
        )

    def _anonymous(self, node: exp.Expr, scope: Scope) -> Expr:
        name = str(node.this)
        name = name if node.args.get("quoted") else name.lower()
        if len(node.expressions) > _MOST_ARGUMENTS and name != "row":
            raise SqlError("54023", f"cannot pass more than {_MOST_ARGUMENTS} arguments to a function", position=self.at(node))
        if name in json_calls.NAMES:
            return json_calls.NAMES[name](json_calls.JsonCalls(self), node, scope)
        special = _SPECIAL.get(name)
        if special is not None:
            found: Expr = special(self, node, scope)
            return found
        if name in _AGGREGATES:
            return self._aggregate(name, node, scope)
        if name in ordered.NAMES:
            raise self.no_function(name, [self.bind(each, scope) for each in node.expressions], node)
        if name in _RANKING or name in _VALUES:
            raise SqlError("42809", f"window function {name} requires an OVER clause", position=self.at(node))
        if any(isinstance(each, exp.Kwarg | exp.PropertyEQ) for each in node.expressions):
            return self._named_arguments(name, node, scope)
        if any(isinstance(each, exp.Variadic) for each in node.expressions):
            raise SqlError("0A000", "VARIADIC arrays are not supported", position=self.at(node))
        arguments = [self.bind(each, scope) for each in node.expressions]
        target = self.coercer.catalog.user_type(name, None, self.binder.path) if len(arguments) == 1 else None
        if len(arguments) == 1 and name not in FUNCTIONS and (name in kinds.NAMES or target is not None):
            return self.coercer.coerce(arguments[0], Kind(target or kinds.NAMES[name]), casts.EXPLICIT, self.at(node))
        called = self.function(name, arguments, node)
        if isinstance(called, Call) and called.function.rows and not scope.sets_allowed:
            raise SqlError(
                "0A000", f"set-returning functions are not allowed in {scope.clause or 'this place'}", position=self.at(node)
            )
        return called

    def _named_arguments(self, name: str, node: exp.Expr, scope: Scope) -> Expr:
        names = _PARAMETER_NAMES.get(name)
        if names is None:
            raise SqlError("0A000", f"{name} does not take named arguments", position=self.at(node))
        found: list[Expr] = [*[Const(Kind(INT4), 0)] * (len(names) - 1), Const(Kind(FLOAT8), 0.0)]
        for place, each in enumerate(node.expressions):
            if isinstance(each, exp.Kwarg | exp.PropertyEQ):
                word = each.this.name.lower()
                if word not in names:
                    raise self.no_function(name, [], node)
                found[names.index(word)] = self.bind(each.expression, scope)
            else:
                found[place] = self.bind(each, scope)
        return self.function(name, found, node)

    # Calls that no signature describes.

    def _coalesce(self, node: exp.Expr, scope: Scope) -> Expr:
        found = [self.bind(each, scope) for each in node.expressions]
        kind = self.coercer.common(found, "COALESCE", self.at(node))
        return Coalesce(kind, self.coercer.all_as(found, kind))

    def _extreme(self, node: exp.Expr, scope: Scope) -> Expr:
        found = [self.bind(each, scope) for each in node.expressions]
        name = str(node.this).lower()
        kind = self.coercer.common(found, name.upper(), self.at(node))
        return Extreme(kind, self.coercer.all_as(found, kind), name == "greatest")

    def _nullif(self, node: exp.Expr, scope: Scope) -> Expr:
        if len(node.expressions) != 2:
            raise SqlError("42601", "NULLIF takes two arguments", position=self.at(node))
        left, right = (self.bind(each, scope) for each in node.expressions)
        same = self.compare("=", left, right, self.at(node))
        # The type is that in which the left side is compared, where there is no operator of both types.
        by = self.coercer.comparable(left, right, "=")[2]
        given = self.coercer.catalog.base(left.kind).oid
        if given in (UNKNOWN, kinds.VARCHAR) or (given in _NUMBERS and by in (kinds.NUMERIC, kinds.FLOAT8) and given != by):
            left = self.coercer.coerce(left, Kind(TEXT if by == kinds.VARCHAR else by))
        return Case(left.kind, ((same, Const(left.kind, None)),), left)

    def _row(self, node: exp.Expr, scope: Scope) -> Expr:
        found: list[Expr] = []
        for each in node.expressions:
            if isinstance(each, exp.Column) and isinstance(each.this, exp.Star):
                found += [value for _, value in self.binder.queries.whole(each, scope)]
            else:
                found.append(self.bind(each, scope))
        return MakeRow(Kind(RECORD), tuple(found))

    def _array_query(self, node: exp.Expr, scope: Scope) -> Expr:
        inner = node.expressions[0]
        found, columns = self.subquery(inner.this if isinstance(inner, exp.Subquery) else inner, scope)
        array = kinds.array_of(TEXT if columns[0][1].oid == UNKNOWN else columns[0][1].oid)
        return Subquery(Kind(array or 0), "array", found.plan, found.captures)

    def _exists_query(self, node: exp.Expr, scope: Scope) -> Expr:
        """EXISTS of what begins with a parenthesis, which the grammar takes for a call."""
        inner = node.expressions[0] if len(node.expressions) == 1 else None
        if not isinstance(inner, exp.Query | exp.Values):
            raise SqlError("42601", "syntax error in EXISTS: a query is expected", position=self.at(node))
        found, _ = self.subquery(inner.this if isinstance(inner, exp.Subquery) else inner, scope)
        return Subquery(Kind(kinds.BOOL), "exists", found.plan, found.captures)

    def _array_text(self, node: exp.Expr, scope: Scope) -> Expr:
        """The items become texts by the output of their type."""
        found = [self.bind(each, scope) for each in node.expressions]
        if found and kinds.is_array(self.coercer.catalog.base(found[0].kind).oid):
            found[0] = self.coercer.coerce(found[0], Kind(kinds.array_of(TEXT) or 0), casts.EXPLICIT)
        return self.function("array_to_string", found, node)

    def _typeof(self, node: exp.Expr, scope: Scope) -> Expr:
        return Const(Kind(REGTYPE), self.bind(node.expressions[0], scope).kind.oid)

    def _precise(self, node: exp.Expr, _scope: Scope) -> Expr:
        names = {
            "current_timestamp": "now",
            "localtimestamp": "localtimestamp",
            "current_time": "current_time",
            "localtime": "localtime",
        }
        found = self.function(names[str(node.this).lower()], [], node)
        return self.coercer.coerce(found, Kind(found.kind.oid, int(node.expressions[0].name)), casts.EXPLICIT)

    def _grouping(self, node: exp.Expr, scope: Scope) -> Expr:
        if scope.calls is None:
            raise SqlError("42803", "GROUPING must be associated with GROUP BY", position=self.at(node))
        arguments = tuple(self.bind(each, scope) for each in node.expressions)
        return self._gathered(AggregateCall(Kind(INT4), GROUPING, arguments), scope, node)

    # Aggregates.

    def _aggregate(
        self,
        name: str,
        node: exp.Expr,
        scope: Scope,
        nodes: list[exp.Expr] | None = None,
        where: exp.Expr | None = None,
    ) -> Expr:
        before = len(scope.level.captures)
        call = self._aggregate_call(name, node, scope, nodes, where)
        if not is_outside(call):
            return self._gathered(call, scope, node)
        # All its columns are of a query around: there it is computed, and this one sees its value.
        del scope.level.captures[before:]
        around = scope.level.parent
        assert around is not None
        return scope.level.capture(self._aggregate(name, node, around, nodes, where))

    def _gathered(self, call: AggregateCall, scope: Scope, node: exp.Expr) -> Expr:
        if scope.calls is None:
            raise SqlError(
                "42803", f"aggregate functions are not allowed in {scope.clause or 'this place'}", position=self.at(node)
            )
        if call not in scope.calls:
            scope.calls.append(call)
        return call

    def _aggregate_call(
        self,
        name: str,
        node: exp.Expr,
        scope: Scope,
        nodes: list[exp.Expr] | None,
        where: exp.Expr | None,
        *,
        windowed: bool = False,
    ) -> AggregateCall:
        found = list(node.expressions) if nodes is None else nodes
        distinct, ordered = False, None
        if len(found) >= 1 and isinstance(found[-1], exp.Order):
            ordered, found = found[-1], [*found[:-1], found[-1].this]
        if found and isinstance(found[0], exp.Order):
            ordered, found = found[0], [found[0].this, *found[1:]]
        if found and isinstance(found[0], exp.Distinct):
            distinct, found = True, [*found[0].expressions, *found[1:]]
        inside = scope
        if not windowed:
            inside = Scope(scope.level, scope.sources, scope.merged, scope.tables, scope.outer_tables, "aggregate function calls")
        if len(found) == 1 and isinstance(found[0], exp.Star):
            if name != "count":
                raise SqlError("42883", f"function {name}() does not exist", position=self.at(node))
            arguments: list[Expr] = []
        else:
            arguments = [self.bind(each, inside) for each in found]
        order = () if ordered is None else self._order(ordered, inside)
        condition = None if where is None else self.truth(where, inside, "FILTER")
        if name == "count" and not found:
            raise SqlError("42809", "count(*) must be used to call a parameterless aggregate function", position=self.at(node))
        aggregate, result, cast = self._find_aggregate(name, arguments, node)
        if distinct and any(value not in cast and value not in arguments for value, _, _ in order):
            message = "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list"
            raise SqlError("42P10", message, position=self.at(node))
        return AggregateCall(Kind(result), aggregate, cast, distinct, condition, order)

    def _order(self, ordered: exp.Expr, scope: Scope) -> tuple[tuple[Expr, bool, bool], ...]:
        found = []
        for each in ordered.expressions:
            value = self.bind(each.this, scope)
            if value.kind.oid == UNKNOWN:
                value = self.coercer.coerce(value, Kind(TEXT))
            found.append((value, bool(each.args.get("desc")), bool(each.args.get("nulls_first"))))
        return tuple(found)

    def _find_aggregate(self, name: str, arguments: list[Expr], node: exp.Expr) -> tuple[Aggregate, int, tuple[Expr, ...]]:
        if name in ("min", "max"):
            if len(arguments) != 1:
                raise self.no_function(name, arguments, node)
            argument = arguments[0]
            kind = self.coercer.catalog.base(argument.kind)
            if kind.oid in (UNKNOWN, kinds.VARCHAR):
                kind = Kind(TEXT)
            if kind.oid in (BOOL, kinds.UUID, kinds.JSON, kinds.JSONB, kinds.BYTEA):
                raise self.no_function(name, arguments, node)
            return extreme(name, kind.oid, self.coercer.catalog.labels), kind.oid, (self.coercer.coerce(argument, kind),)
        if name in json_calls.AGGREGATES:
            return json_calls.JsonCalls(self).aggregate(name, arguments, node)
        match = self._meant(AGGREGATES[name], name, arguments, node)
        assert isinstance(match.entry, Aggregate)
        cast = tuple(
            self.coercer.coerce(argument, Kind(target)) for argument, target in zip(arguments, match.targets, strict=True)
        )
        return match.entry, match.result, cast

    def _string_agg(self, node: exp.Expr, scope: Scope) -> Expr:
        return self._aggregate("string_agg", node, scope, [node.this, node.args["separator"]])

    def _filtered(self, node: exp.Expr, scope: Scope) -> Expr:
        inner, where = node.this, node.expression.this
        if isinstance(inner, exp.WithinGroup):
            return self._ordered_set(inner, scope, where)
        name, nodes = called(inner)
        if name not in _AGGREGATES:
            raise SqlError("42809", f"FILTER specified, but {name} is not an aggregate function", position=self.at(node))
        return self._aggregate(name, inner, scope, nodes, where)

    def _ordered_set(self, node: exp.Expr, scope: Scope, where: exp.Expr | None = None) -> Expr:
        """percentile_cont(0.5) WITHIN GROUP (ORDER BY x) and its like."""
        name, nodes = called(node.this)
        if name not in ordered.NAMES:
            if name in _RANKING:
                raise SqlError("0A000", f"{name} WITHIN GROUP is not supported", position=self.at(node))
            raise self.no_function(name, [self.bind(each, scope) for each in nodes], node)
        inside = Scope(scope.level, scope.sources, scope.merged, scope.tables, scope.outer_tables, "aggregate function calls")
        direct = [self.bind(each, inside) for each in nodes]
        order = self._order(node.expression, inside)
        if len(direct) != (name != "mode") or len(order) != 1:
            raise self.no_function(name, [*direct, *[value for value, _, _ in order]], node)
        condition = None if where is None else self.truth(where, inside, "FILTER")
        value, descending, first = order[0]
        many = bool(direct) and kinds.is_array(direct[0].kind.oid)
        asked = Kind(kinds.array_of(FLOAT8) or 0) if many else Kind(FLOAT8)
        cast = tuple(self.coercer.coerce(each, asked) for each in direct)
        if name == "percentile_cont" and value.kind.oid != kinds.INTERVAL:
            value = self.coercer.coerce(value, Kind(FLOAT8))
        oid = value.kind.oid
        result = (kinds.array_of(oid) or 0) if many else oid
        made = ordered.aggregate(name, (asked.oid,) * len(cast), oid, result, key_of(oid, self.coercer.catalog.labels))
        call = AggregateCall(Kind(result), made, (*cast, value), False, condition, ((value, descending, first),))
        if is_outside(call):
            raise SqlError("0A000", "ordered-set aggregates of the query around are not supported", position=self.at(node))
        return self._gathered(call, scope, node)

    # Window functions.

    def _window(self, node: exp.Expr, scope: Scope) -> Expr:
        if scope.windows is None:
            raise SqlError("42P20", f"window functions are not allowed in {scope.clause or 'this place'}", position=self.at(node))
        inner, where = node.this, None
        if isinstance(inner, exp.Filter):
            inner, where = inner.this, inner.expression.this
        if isinstance(inner, exp.IgnoreNulls | exp.RespectNulls):
            raise SqlError("0A000", "IGNORE NULLS is not supported", position=self.at(node))
        name, nodes = called(inner)
        definition = windows.definition(node, scope.window_names, self.at(node))
        partition = tuple(self.bind(each, scope) for each in definition.args.get("partition_by") or ())
        ordered = definition.args.get("order")
        order = () if ordered is None else self._order(ordered, scope)
        if any(isinstance(part, WindowCall) for each in (*partition, *(value for value, _, _ in order)) for part in parts(each)):
            raise SqlError("42P20", "window functions are not allowed in window definitions", position=self.at(node))
        frame = self._frame(definition.args.get("spec"), scope, order)
        if name in _RANKING or name in _VALUES:
            call = self._ranking(name, nodes, scope, node, partition, order, frame)
        elif name in _AGGREGATES:
            found = self._aggregate_call(name, inner, scope, nodes, where, windowed=True)
            if found.distinct or found.order:
                raise SqlError("0A000", "DISTINCT and ORDER BY are not implemented for window functions", position=self.at(node))
            call = WindowCall(found.kind, name, found.aggregate, found.arguments, partition, order, frame, found.where)
        else:
            raise SqlError(
                "42809", f"OVER specified, but {name} is not a window function nor an aggregate function", position=self.at(node)
            )
        if any(isinstance(part, WindowCall) for each in call.arguments for part in parts(each)):
            raise SqlError("42P20", "window function calls cannot be nested", position=self.at(node))
        if call not in scope.windows:
            scope.windows.append(call)
        return call

    def _ranking(
        self,
        name: str,
        nodes: list[exp.Expr],
        scope: Scope,
        node: exp.Expr,
        partition: tuple[Expr, ...],
        order: Any,
        frame: Any,
    ) -> WindowCall:
        arguments = [self.bind(each, scope) for each in nodes]
        if name in _RANKING:
            kind = Kind(_RANKING[name])
            if len(arguments) != (name == "ntile"):
                raise self.no_function(name, arguments, node)
            arguments = [self.coercer.coerce(argument, Kind(INT4)) for argument in arguments]
            return WindowCall(kind, name, None, tuple(arguments), partition, order, frame)
        if not 1 <= len(arguments) <= 3:
            raise self.no_function(name, arguments, node)
        if arguments[0].kind.oid == UNKNOWN and len(arguments) < 3:
            message = "could not determine polymorphic type because input has type unknown"
            raise SqlError("42804", message, position=self.at(node))
        if len(arguments) == 3:
            kind = self.coercer.common([arguments[0], arguments[2]], name)
            arguments[2] = self.coercer.coerce(arguments[2], kind)
        else:
            kind = arguments[0].kind
        arguments[0] = self.coercer.coerce(arguments[0], kind)
        if len(arguments) > 1:
            arguments[1] = self.coercer.coerce(arguments[1], Kind(INT4))
        return WindowCall(kind, name, None, tuple(arguments), partition, order, frame)

    def _frame(self, spec: exp.Expr | None, scope: Scope, order: Order) -> Frame | None:
        if spec is None:
            return None
        kind = str(spec.args["kind"]).lower()
        edges = (
            self._edge(spec.args.get("start"), spec.args.get("start_side"), scope, kind, order),
            self._edge(spec.args.get("end") or "CURRENT ROW", spec.args.get("end_side"), scope, kind, order),
        )
        at = self.at(spec)
        (start, end), offsets = (edge.side for edge in edges), [edge for edge in edges if edge.offset is not None]
        if kind == "groups" and not order:
            raise SqlError("42P20", "GROUPS mode requires an ORDER BY clause", position=at)
        if kind == "range" and offsets and len(order) != 1:
            raise SqlError("42P20", "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column", position=at)
        if start == "following" and edges[0].offset is None:
            raise SqlError("42P20", "frame start cannot be UNBOUNDED FOLLOWING", position=at)
        if end == "preceding" and edges[1].offset is None:
            raise SqlError("42P20", "frame end cannot be UNBOUNDED PRECEDING", position=at)
        if _SIDES.index(start) > _SIDES.index(end):
            words = {"current": "current row", "following": "following row"}[start]
            rest = "preceding rows" if end == "preceding" else "current row"
            text = (
                f"frame starting from {words} cannot have {rest}"
                if end == "preceding"
                else f"frame starting from {words} cannot end with {rest}"
            )
            raise SqlError("42P20", text, position=at)
        excluded = spec.args.get("exclude")
        word = "" if excluded is None else str(getattr(excluded, "name", "") or excluded).lower()
        return Frame(kind, *edges, {"no others": ""}.get(word, word))

    def _edge(self, edge: Any, side: str | None, scope: Scope, kind: str, order: Order) -> Edge:
        if isinstance(edge, str):
            return Edge("current" if edge.upper() == "CURRENT ROW" else (side or "preceding").lower())
        way = (side or "preceding").lower()
        bound = self.bind(edge, scope)
        if kind != "range" or len(order) != 1:
            return Edge(way, self.coercer.coerce(bound, Kind(INT8), "assignment"))
        value, descending, _ = order[0]
        base = self.coercer.catalog.base(value.kind).oid
        if base in (kinds.INT2, INT4, INT8):
            # The bound may lie outside of the type.
            value = self.coercer.coerce(value, Kind(kinds.NUMERIC))
            bound = self.coercer.coerce(bound, Kind(kinds.NUMERIC), casts.ASSIGNMENT)
        elif bound.kind.oid == UNKNOWN:
            bound = self.coercer.coerce(bound, Kind(kinds.INTERVAL if kinds.category(base) in "DT" else base))
        sign = "-" if (way == "preceding") is not descending else "+"
        try:
            limit = self.apply(sign, [value, bound], self.at(edge))
            mine, limit, by = self.coercer.comparable(value, limit, "<=")
        except SqlError:
            shown = f"column type {self.coercer.name(value.kind)} and offset type {self.coercer.name(bound.kind)}"
            raise SqlError("0A000", f"RANGE with offset PRECEDING/FOLLOWING is not supported for {shown}") from None
        return Edge(way, bound, limit, mine, by)


_NUMBERS = frozenset({kinds.INT2, INT4, INT8, kinds.NUMERIC})
_SIDES = ("preceding", "current", "following")


_PARAMETER_NAMES = {"make_interval": ("years", "months", "weeks", "days", "hours", "mins", "secs")}
_SPECIAL: dict[str, Any] = {
    "coalesce": Calls._coalesce,
    "greatest": Calls._extreme,
    "least": Calls._extreme,
    "nullif": Calls._nullif,
    "row": Calls._row,
    "array": Calls._array_query,
    "exists": Calls._exists_query,
    "array_to_string": Calls._array_text,
    "pg_typeof": Calls._typeof,
    "current_timestamp": Calls._precise,
    "localtimestamp": Calls._precise,
    "current_time": Calls._precise,
    "localtime": Calls._precise,
    "grouping": Calls._grouping,
    **dict.fromkeys(enum_calls.NAMES, enum_calls.enum_call),
}
