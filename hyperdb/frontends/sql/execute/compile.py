"""Expressions as closures: `run(row, env)`.

Theory: a tree of typed nodes becomes a tree of Python functions once a plan; what is constant for the whole statement is not
folded here (the binder did). Three-valued logic: None is unknown; AND and OR stop at what decides them. Invariant: a strict
function is not called with None.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql import types
from hyperdb.frontends.sql.catalog.kinds import INT2VECTOR, OIDVECTOR
from hyperdb.frontends.sql.descent import descends
from hyperdb.frontends.sql.execute.environment import Environment
from hyperdb.frontends.sql.execute.recursion import Held
from hyperdb.frontends.sql.functions.order import Key, key_of
from hyperdb.frontends.sql.plan import expressions as e

Run = Callable[[Sequence[Any], Environment], Any]
Labels = Callable[[int], dict[str, float] | None]
_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Compiler:
    """Compiles expressions; `query` compiles the plan of a subquery to something that gives its rows."""

    def __init__(self, labels: Labels, query: Callable[[Any], Callable[[Environment], Any]]) -> None:
        self._labels = labels
        self._query = query

    def key(self, oid: int) -> Key | None:
        """How values of a type compare."""
        return key_of(oid, self._labels)

    @descends
    def compile(self, expr: e.Expr) -> Run:
        """The closure of an expression."""
        return _COMPILE[type(expr)](self, expr)

    def all(self, found: Sequence[e.Expr]) -> list[Run]:
        """Those of several."""
        return [self.compile(each) for each in found]

    def row(self, found: Sequence[e.Expr]) -> Callable[[Sequence[Any], Environment], tuple[Any, ...]]:
        """A row of several values."""
        if found and all(isinstance(each, e.Slot) for each in found):
            places = [each.place for each in found if isinstance(each, e.Slot)]
            if len(places) == 1:
                only = places[0]
                return lambda row, _env: (row[only],)
            pick = operator.itemgetter(*places)
            return lambda row, _env: pick(row)
        runs = self.all(found)
        return lambda row, env: tuple([run(row, env) for run in runs])

    def keys(self, found: Sequence[e.Expr]) -> Callable[[Sequence[Any], Environment], tuple[Any, ...]]:
        """The keys of several values as one; null stays None."""
        pairs = [(self.compile(each), self.key(each.kind.oid)) for each in found]
        if all(key is None for _, key in pairs):
            return self.row(found)
        return lambda row, env: tuple([_keyed(run(row, env), key) for run, key in pairs])

    def _const(self, expr: e.Const) -> Run:
        value = expr.value
        return lambda _row, _env: value

    def _parameter(self, expr: e.Parameter) -> Run:
        place = expr.place
        return lambda _row, env: env.parameters[place]

    def _slot(self, expr: e.Slot) -> Run:
        place = expr.place
        return lambda row, _env: row[place]

    def _outer(self, expr: e.Outer) -> Run:
        place = expr.place
        return lambda _row, env: env.outer[place]

    def _call(self, expr: e.Call) -> Run:
        function, run = expr.function, expr.function.run
        arguments = self.all(expr.arguments)
        if function.env:
            if function.strict:
                return _strict_env(run, arguments)
            return lambda row, env: run(env, *[argument(row, env) for argument in arguments])
        if not function.strict:
            return lambda row, env: run(*[argument(row, env) for argument in arguments])
        if len(arguments) == 1:
            return _strict_one(run, arguments[0])
        if len(arguments) == 2:
            return _strict_two(run, arguments[0], arguments[1])
        return _strict(run, arguments)

    def _convert(self, expr: e.Convert) -> Run:
        argument, run = self.compile(expr.argument), expr.cast.run
        if run is None:
            return argument

        def convert(row: Sequence[Any], env: Environment) -> Any:
            value = argument(row, env)
            return None if value is None else run(value, env)

        return convert

    def _constrain(self, expr: e.Constrain) -> Run:
        argument = self.compile(expr.argument)
        checks = [(name, self.compile(check)) for name, check in expr.checks]
        name, not_null = expr.name, expr.not_null

        def constrain(row: Sequence[Any], env: Environment) -> Any:
            value = argument(row, env)
            if value is None and not_null:
                raise SqlError("23502", f"domain {name} does not allow null values", data_type=name)
            for constraint, check in checks:
                if check((value,), env) is False:
                    message = f'value for domain {name} violates check constraint "{constraint}"'
                    raise SqlError("23514", message, data_type=name, constraint=constraint)
            return value

        return constrain

    def _compare(self, expr: e.Compare) -> Run:
        left, right = self.compile(expr.left), self.compile(expr.right)
        key = self.key(expr.by)
        if expr.sign in ("distinct", "same"):
            want = expr.sign == "same"
            return lambda row, env: (_keyed(left(row, env), key) == _keyed(right(row, env), key)) is want
        test = _SIGNS[expr.sign]
        if key is None:

            def plain(row: Sequence[Any], env: Environment) -> bool | None:
                one, other = left(row, env), right(row, env)
                return None if one is None or other is None else test(one, other)

            return plain

        def keyed(row: Sequence[Any], env: Environment) -> bool | None:
            one, other = left(row, env), right(row, env)
            return None if one is None or other is None else test(key(one), key(other))

        return keyed

    def _and(self, expr: e.And) -> Run:
        arguments = self.all(expr.arguments)

        def run(row: Sequence[Any], env: Environment) -> bool | None:
            found: bool | None = True
            for argument in arguments:
                value = argument(row, env)
                if value is False:
                    return False
                if value is None:
                    found = None
            return found

        return run

    def _or(self, expr: e.Or) -> Run:
        arguments = self.all(expr.arguments)

        def run(row: Sequence[Any], env: Environment) -> bool | None:
            found: bool | None = False
            for argument in arguments:
                value = argument(row, env)
                if value is True:
                    return True
                if value is None:
                    found = None
            return found

        return run

    def _not(self, expr: e.Not) -> Run:
        argument = self.compile(expr.argument)

        def run(row: Sequence[Any], env: Environment) -> bool | None:
            value = argument(row, env)
            return None if value is None else not value

        return run

    def _is(self, expr: e.Is) -> Run:
        argument, wanted, negated = self.compile(expr.argument), expr.value, expr.negated
        return lambda row, env: (argument(row, env) is wanted) is not negated

    def _case(self, expr: e.Case) -> Run:
        whens = [(self.compile(test), self.compile(value)) for test, value in expr.whens]
        otherwise = self.compile(expr.otherwise)

        def run(row: Sequence[Any], env: Environment) -> Any:
            for test, value in whens:
                if test(row, env):
                    return value(row, env)
            return otherwise(row, env)

        return run

    def _coalesce(self, expr: e.Coalesce) -> Run:
        arguments = self.all(expr.arguments)

        def run(row: Sequence[Any], env: Environment) -> Any:
            for argument in arguments:
                value = argument(row, env)
                if value is not None:
                    return value
            return None

        return run

    def _extreme(self, expr: e.Extreme) -> Run:
        arguments, choose = self.all(expr.arguments), max if expr.greatest else min
        key = self.key(expr.kind.oid)

        def run(row: Sequence[Any], env: Environment) -> Any:
            values = [value for argument in arguments if (value := argument(row, env)) is not None]
            return choose(values, key=key) if values else None

        return run

    def _in_list(self, expr: e.InList) -> Run:
        argument, key = self.compile(expr.argument), self.key(expr.argument.kind.oid)
        fixed = {_keyed(each.value, key) for each in expr.items if isinstance(each, e.Const) and each.value is not None}
        has_null = any(isinstance(each, e.Const) and each.value is None for each in expr.items)
        places = [each.place for each in expr.items if isinstance(each, e.Parameter)]
        token = object()

        def listed(env: Environment) -> tuple[set[Any], bool | None]:
            """What is in the list, and what it means not to be."""
            name = -id(token)
            found = env.shared.get(name)
            if found is None:
                given = [env.parameters[place] for place in places]
                known = fixed | {_keyed(value, key) for value in given if value is not None} if given else fixed
                found = env.shared[name] = ((known, None if has_null or None in given else False),)
            ((known, missing),) = found
            return known, missing

        def run(row: Sequence[Any], env: Environment) -> bool | None:
            value = argument(row, env)
            if value is None:
                return None
            known, missing = listed(env)
            return True if _keyed(value, key) in known else missing

        return run

    def _any_of(self, expr: e.AnyOf) -> Run:
        argument, array, test = self.compile(expr.argument), self.compile(expr.array), self.compile(expr.test)
        decisive = not expr.every

        def run(row: Sequence[Any], env: Environment) -> bool | None:
            values = array(row, env)
            if values is None:
                return None
            value = argument(row, env)
            found: bool | None = not decisive
            for item in _flat(values):
                outcome: bool | None = test((value, item), env)
                if outcome is decisive:
                    return decisive
                if outcome is None:
                    found = None
            return found

        return run

    def _make_array(self, expr: e.MakeArray) -> Run:
        items = self.all(expr.items)

        def run(row: Sequence[Any], env: Environment) -> list[Any]:
            values = [item(row, env) for item in items]
            if (
                any(isinstance(value, list) for value in values)
                and len({len(value) for value in values if value is not None}) > 1
            ):
                raise SqlError("2202E", "multidimensional arrays must have array expressions with matching dimensions")
            return values

        return run

    def _make_row(self, expr: e.MakeRow) -> Run:
        if not expr.items:
            return lambda _row, _env: types.Record((), [])
        run = self.row(expr.items)
        known = [types.BUILT_IN.get(item.kind.oid) for item in expr.items]
        kinds = [kind for kind in known if kind is not None]
        if len(kinds) < len(known):
            return run
        return lambda row, env: types.Record(run(row, env), kinds)

    def _item(self, expr: e.Item) -> Run:
        array, place = self.compile(expr.array), self.compile(expr.place)
        vectors = expr.kind.oid in (INT2VECTOR, OIDVECTOR)

        def run(row: Sequence[Any], env: Environment) -> Any:
            values, at = array(row, env), place(row, env)
            if values is None or at is None:
                return None
            at -= values.lowers[0] if isinstance(values, types.Bounded) else 1
            found = values[at] if 0 <= at < len(values) else None
            # One subscript names nothing in an array of several dimensions.
            return None if isinstance(found, list) and not vectors else found

        return run

    def _subquery(self, expr: e.Subquery) -> Run:
        rows = self._query(expr.plan)
        captures = self.all(expr.captures)
        finish = _FORMS[expr.form](self, expr)
        token = object()
        if captures:
            return lambda row, env: finish(row, env, rows(env.inner([capture(row, env) for capture in captures])))

        def once(row: Sequence[Any], env: Environment) -> Any:
            name = -id(token)
            found = env.shared.get(name)
            if found is None:
                found = env.shared[name] = Held(rows(env), env.hold())
            return finish(row, env, found)

        return once

    def _scalar(self, _expr: e.Subquery) -> Callable[..., Any]:
        def finish(_row: Sequence[Any], _env: Environment, rows: Any) -> Any:
            value = None
            for count, row in enumerate(rows):
                if count:
                    raise SqlError("21000", "more than one row returned by a subquery used as an expression")
                value = row[0]
            return value

        return finish

    def _exists(self, _expr: e.Subquery) -> Callable[..., Any]:
        return lambda _row, _env, rows: any(True for _ in rows)

    def _array(self, _expr: e.Subquery) -> Callable[..., Any]:
        return lambda _row, _env, rows: [row[0] for row in rows]

    def _quantified(self, expr: e.Subquery) -> Callable[..., Any]:
        assert expr.argument is not None
        assert expr.test is not None
        argument, test = self.compile(expr.argument), self.compile(expr.test)
        decisive, is_row = expr.form in ("any", "row"), isinstance(expr.argument, e.MakeRow)
        single = expr.form == "row"

        def finish(row: Sequence[Any], env: Environment, rows: Any) -> bool | None:
            left = argument(row, env)
            before = left if is_row else (left,)
            found: bool | None = None if single else not decisive
            if single:
                rows = list(rows)
                if len(rows) > 1:
                    raise SqlError("21000", "more than one row returned by a subquery used as an expression")
                found = False if rows else None
            for each in rows:
                outcome: bool | None = test((*before, *each), env)
                if outcome is decisive:
                    return decisive
                if outcome is None:
                    found = None
            return found

        return finish


def _keyed(value: Any, key: Key | None) -> Any:
    return value if value is None or key is None else key(value)


def _flat(values: list[Any]) -> list[Any]:
    return [item for inner in values for item in _flat(inner)] if values and isinstance(values[0], list) else values


def _strict_one(run: Callable[..., Any], argument: Run) -> Run:
    def call(row: Sequence[Any], env: Environment) -> Any:
        value = argument(row, env)
        return None if value is None else run(value)

    return call


def _strict_two(run: Callable[..., Any], left: Run, right: Run) -> Run:
    def call(row: Sequence[Any], env: Environment) -> Any:
        one = left(row, env)
        if one is None:
            return None
        other = right(row, env)
        return None if other is None else run(one, other)

    return call


def _strict(run: Callable[..., Any], arguments: list[Run]) -> Run:
    def call(row: Sequence[Any], env: Environment) -> Any:
        values = [argument(row, env) for argument in arguments]
        return None if None in values else run(*values)

    return call


def _strict_env(run: Callable[..., Any], arguments: list[Run]) -> Run:
    def call(row: Sequence[Any], env: Environment) -> Any:
        values = [argument(row, env) for argument in arguments]
        return None if None in values else run(env, *values)

    return call


_FORMS: dict[str, Callable[[Compiler, e.Subquery], Callable[..., Any]]] = {
    "scalar": Compiler._scalar,
    "exists": Compiler._exists,
    "array": Compiler._array,
    "any": Compiler._quantified,
    "all": Compiler._quantified,
    "row": Compiler._quantified,
}
_COMPILE: dict[type[e.Expr], Callable[[Compiler, Any], Run]] = {
    e.Const: Compiler._const,
    e.Parameter: Compiler._parameter,
    e.Slot: Compiler._slot,
    e.Outer: Compiler._outer,
    e.Call: Compiler._call,
    e.Convert: Compiler._convert,
    e.Constrain: Compiler._constrain,
    e.Compare: Compiler._compare,
    e.And: Compiler._and,
    e.Or: Compiler._or,
    e.Not: Compiler._not,
    e.Is: Compiler._is,
    e.Case: Compiler._case,
    e.Coalesce: Compiler._coalesce,
    e.Extreme: Compiler._extreme,
    e.InList: Compiler._in_list,
    e.AnyOf: Compiler._any_of,
    e.MakeArray: Compiler._make_array,
    e.MakeRow: Compiler._make_row,
    e.Item: Compiler._item,
    e.Subquery: Compiler._subquery,
}
