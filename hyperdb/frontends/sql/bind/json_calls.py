"""Calls that make json of values of any type: to_json, json_build_object, row_to_json, json_agg and their like.

Theory: what a value becomes depends on its type, which only the binder knows: here each argument is first turned into json by its
type, and a plain function puts the pieces together. Invariant: a piece is a json text; SQL's null is `null`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql import types
from hyperdb.frontends.sql.bind.scope import Scope
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.kinds import JSON, JSONB, RECORD, TEXT, UNKNOWN, Kind
from hyperdb.frontends.sql.functions.jsons import array_of_json, as_key, object_of_json
from hyperdb.frontends.sql.functions.model import Aggregate, Function
from hyperdb.frontends.sql.plan.expressions import Call, Const, Expr, MakeRow
from hyperdb.frontends.sql.types.json_text import normal, parsed, quoted

if TYPE_CHECKING:
    from hyperdb.frontends.sql.bind.calls import Calls

_NUMBERS = frozenset({kinds.INT2, kinds.INT4, kinds.INT8, kinds.FLOAT4, kinds.FLOAT8, kinds.NUMERIC})
_TIMES = frozenset({kinds.DATE, kinds.TIMESTAMP, kinds.TIMESTAMPTZ})
_ISO = types.Style()
Writer = Callable[[Any, Any], str]


def writer(oid: int) -> Writer:
    """What turns a value of a type into json."""
    inner = kinds.element(oid)
    if inner is not None:
        return _array(writer(inner))
    if oid == kinds.BOOL:
        return lambda value, _env: "true" if value else "false"
    if oid in (JSON, JSONB):
        return lambda value, _env: str(value)
    if oid in _NUMBERS:
        return lambda value, env: _number(oid, value, env)
    if oid in _TIMES:
        return lambda value, env: quoted(_moment(oid, value, env))
    if oid == RECORD:
        return _record
    if oid in types.BUILT_IN and oid not in (TEXT, kinds.VARCHAR, kinds.BPCHAR, kinds.NAME):
        return lambda value, env: quoted(types.write_text(oid, value, env.style))
    return lambda value, _env: quoted(str(value))


def _number(oid: int, value: Any, env: Any) -> str:
    text = types.write_text(oid, value, env.style)
    finite = value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)
    return text if finite else quoted(text)


def _moment(oid: int, value: Any, env: Any) -> str:
    """ISO 8601 whatever DateStyle says, with T between date and time and minutes in the zone."""
    style = types.Style(time_zone=env.style.time_zone, time_zone_name=env.style.time_zone_name)
    text = types.write_text(oid, value, style).replace(" BC", "\0").replace(" ", "T", 1).replace("\0", " BC")
    if oid == kinds.TIMESTAMPTZ and text[-3:-2] in ("+", "-"):
        text += ":00"
    return text


def _array(write: Writer) -> Writer:
    def run(values: Any, env: Any) -> str:
        return (
            "["
            + ",".join(
                "null" if item is None else run(item, env) if isinstance(item, list) else write(item, env) for item in values
            )
            + "]"
        )

    return run


def _record(value: Any, env: Any) -> str:
    """A record whose names are not known: its fields are f1, f2 ..."""
    known = getattr(value, "types", ())
    pieces = [
        f'"f{place}":{"null" if item is None else writer(kind.oid)(item, env)}'
        for place, (item, kind) in enumerate(zip(value, known, strict=True), 1)
    ]
    return "{" + ",".join(pieces) + "}"


class JsonCalls:
    """Binds these calls for `Calls`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def piece(self, argument: Expr) -> Expr:
        """A value as json; null as `null`."""
        if isinstance(argument, MakeRow):
            return self._row(argument, "")
        if argument.kind.oid == UNKNOWN:
            argument = self._calls.coercer.coerce(argument, Kind(TEXT))
        write = writer(self._calls.coercer.catalog.base(argument.kind).oid)

        def run(env: Any, value: Any) -> str:
            return "null" if value is None else write(value, env)

        return Call(Kind(JSON), Function("to_json", (argument.kind.oid,), JSON, run, strict=False, env=True), (argument,))

    def _row(self, row: MakeRow, line: str) -> Expr:
        names = row.names or tuple(f"f{place}" for place in range(1, len(row.items) + 1))
        keys = [quoted(name) for name in names]

        def run(*values: str) -> str:
            return "{" + f",{line}".join(f"{key}:{value}" for key, value in zip(keys, values, strict=True)) + "}"

        pieces = tuple(self.piece(item) for item in row.items)
        return Call(Kind(JSON), Function("row_to_json", (), JSON, run, strict=False), pieces)

    def made(self, call: Expr, kind: int) -> Expr:
        """The json as it is, or as jsonb."""
        if kind == JSON:
            return call
        return Call(Kind(JSONB), Function("to_jsonb", (JSON,), JSONB, lambda text: normal(parsed(text))), (call,))

    def to_json(self, node: exp.Expr, scope: Scope) -> Expr:
        """to_json, to_jsonb: null stays null."""
        kind = JSONB if str(node.this).lower().endswith("b") else JSON
        (argument,) = self._arguments(node, scope, 1, 1)
        if argument.kind.oid == UNKNOWN:
            raise SqlError("42804", "could not determine polymorphic type because input has type unknown")
        made = self.piece(argument)
        assert isinstance(made, Call)
        if isinstance(argument, MakeRow):
            return self.made(made, kind)
        run = made.function.run
        function = Function("to_json", made.function.arguments, JSON, run, env=True)
        return self.made(Call(made.kind, function, made.arguments), kind)

    def row_to_json(self, node: exp.Expr, scope: Scope) -> Expr:
        """row_to_json, also pretty: an item a line."""
        found = self._arguments(node, scope, 1, 2)
        pretty = len(found) > 1 and isinstance(found[1], Const) and found[1].value is True
        if isinstance(found[0], MakeRow):
            return self._row(found[0], "\n " if pretty else "")
        if found[0].kind.oid != RECORD:
            raise self._calls.no_function("row_to_json", found, node)
        return self.to_json(exp.Anonymous(this="to_json", expressions=node.expressions[:1]), scope)

    def array_to_json(self, node: exp.Expr, scope: Scope) -> Expr:
        """array_to_json."""
        found = self._arguments(node, scope, 1, 2)
        if not kinds.is_array(self._calls.coercer.catalog.base(found[0].kind).oid):
            raise self._calls.no_function("array_to_json", found, node)
        return self.to_json(exp.Anonymous(this="to_json", expressions=node.expressions[:1]), scope)

    def build(self, node: exp.Expr, scope: Scope) -> Expr:
        """json_build_array, json_build_object and those of jsonb."""
        name = str(node.this).lower()
        kind = JSONB if name.startswith("jsonb") else JSON
        pieces = tuple(self.piece(each) for each in self._arguments(node, scope, 0, 1 << 16))
        put = object_of_json if name.endswith("object") else array_of_json
        return self.made(Call(Kind(JSON), Function(name, (), JSON, put, strict=False), pieces), kind)

    def _arguments(self, node: exp.Expr, scope: Scope, least: int, most: int) -> list[Expr]:
        found = [self._calls.bind(each, scope) for each in node.expressions]
        if not least <= len(found) <= most:
            raise self._calls.no_function(str(node.this).lower(), found, node)
        return found

    def aggregate(self, name: str, arguments: list[Expr], node: exp.Expr) -> tuple[Aggregate, int, tuple[Expr, ...]]:
        """json_agg and json_object_agg, over pieces."""
        kind = JSONB if name.startswith("jsonb") else JSON
        if len(arguments) != (2 if name.endswith("object_agg") else 1):
            raise self._calls.no_function(name, arguments, node)
        pieces = tuple(self.piece(each) for each in arguments)
        oid = arguments[0].kind.oid
        end = _objects(kind) if name.endswith("object_agg") else _arrays(kind, oid == RECORD or kinds.is_array(oid))
        return Aggregate(name, (), kind, list, _gathered, end, strict=False), kind, pieces


def _gathered(state: list[Any], *pieces: str) -> list[Any]:
    state.append(pieces)
    return state


def _arrays(kind: int, structured: bool) -> Callable[[list[Any]], str | None]:
    def end(state: list[Any]) -> str | None:
        if not state:
            return None
        # PostgreSQL begins a new line before each record or array.
        text = "[" + (", \n " if structured else ", ").join(piece for (piece,) in state) + "]"
        return text if kind == JSON else normal(parsed(text))

    return end


def _objects(kind: int) -> Callable[[list[Any]], str | None]:
    def end(state: list[Any]) -> str | None:
        if not state:
            return None
        pairs = [f"{as_key(key)} : {value}" for key, value in state]
        text = "{ " + ", ".join(pairs) + " }"
        return text if kind == JSON else normal(parsed(text))

    return end


NAMES: dict[str, Callable[[JsonCalls, exp.Expr, Scope], Expr]] = {
    "to_json": JsonCalls.to_json,
    "to_jsonb": JsonCalls.to_json,
    "row_to_json": JsonCalls.row_to_json,
    "array_to_json": JsonCalls.array_to_json,
    "json_build_array": JsonCalls.build,
    "json_build_object": JsonCalls.build,
    "jsonb_build_array": JsonCalls.build,
    "jsonb_build_object": JsonCalls.build,
}
AGGREGATES = frozenset({"json_agg", "jsonb_agg", "json_object_agg", "jsonb_object_agg"})
