"""A plan with the engine's texts of it that were written before.

Theory: writing a plan computes all that depends on no row: literals, parameters, the time, what settings make of them. The walk
is the same as long as these come out the same, so a text is used again after computing just them. Invariant: a text is used for
the very values that it was written with.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hyperdb.errors import NotColumnarError, SqlError
from hyperdb.frontends.sql.analytic.expected import Together, reading
from hyperdb.frontends.sql.analytic.relational import Writer, Written
from hyperdb.frontends.sql.execute.compile import Compiler
from hyperdb.frontends.sql.execute.environment import Environment
from hyperdb.frontends.sql.plan import nodes as p
from hyperdb.frontends.sql.plan.expressions import Const, Expr

_MOST = 4
"""Texts that are kept of a plan: more are not asked for again in the same way."""
Fixed = Callable[[Environment], Any]


@dataclass(frozen=True, slots=True)
class _Text:
    """A text, and what it depends on beside the plan."""

    written: Written
    fixed: Sequence[tuple[Fixed, Any]]

    def serves(self, env: Environment) -> bool:
        try:
            return all(_same(compute(env), value) for compute, value in self.fixed)
        except SqlError:
            return False


@dataclass(eq=False, slots=True)
class Analytic:
    """A plan that may run in the engine, and whether it only reads rows."""

    plan: p.Plan
    only_read: bool
    _reading: Together | None = None
    _texts: list[_Text] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def written(self, env: Environment) -> Written:
        """The engine's query.

        Raises:
            NotColumnarError: not all of the plan is on the list.
        """
        with self._lock:
            texts = list(self._texts)
        found = next((text for text in texts if text.serves(env)), None)
        if found is None:
            found = self._write(env)
            with self._lock:
                self._texts = [found, *self._texts[: _MOST - 1]]
        return found.written

    def reads(self, env: Environment, most: int) -> bool:
        """Whether it is expected to read as many rows of tables."""
        if self._reading is None:
            self._reading = reading(self.plan, _compiler(env))
        return self._reading.rows(env, most) >= most

    def _write(self, env: Environment) -> _Text:
        compiler = _compiler(env)
        fixed: list[tuple[Fixed, Any]] = []

        def evaluate(expr: Expr) -> Any:
            if isinstance(expr, Const):
                return expr.value
            run = compiler.compile(expr)
            value = run((), env)
            fixed.append((lambda other: run((), other), value))
            return value

        return _Text(Writer(evaluate, env.catalog.base).write(self.plan), fixed)


def _compiler(env: Environment) -> Compiler:
    def query(_plan: p.Plan) -> Callable[[Environment], Any]:
        raise NotColumnarError("a constant with a subquery")

    return Compiler(env.catalog.labels, query)


def _same(one: Any, other: Any) -> bool:
    """Whether values are written alike: 1.0 and 1.00 are equal, and two texts."""
    return one is other or (type(one) is type(other) and repr(one) == repr(other))
