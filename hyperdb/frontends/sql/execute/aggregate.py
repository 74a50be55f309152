"""GROUP BY: groups in a hash table, one state an aggregate.

Invariant: without groups there is one row even of no input; with grouping sets one pass over the input serves them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from hyperdb.frontends.sql.execute.compile import Compiler
from hyperdb.frontends.sql.execute.environment import Environment, Row
from hyperdb.frontends.sql.execute.memory import Holding
from hyperdb.frontends.sql.plan import nodes as p
from hyperdb.frontends.sql.plan.expressions import AggregateCall

Rows = Callable[[Environment], Iterator[Row]]
_GROUP, _STATE = 160, 64
"""Bytes of a group beside its values, and of the state of an aggregate."""


class _Step:
    """One aggregate, compiled: feeds rows into states. Rows of ordered and distinct ones wait for the end."""

    def __init__(self, compiler: Compiler, call: AggregateCall) -> None:
        self.aggregate = call.aggregate
        self._arguments = compiler.row(call.arguments)
        self._where = None if call.where is None else compiler.compile(call.where)
        self._strict, self._step = call.aggregate.strict, call.aggregate.step
        self._nothing = not call.arguments
        self.waits = call.distinct or bool(call.order)
        self.grows = self.waits or call.aggregate.start is list
        """Its state holds all values."""
        self._keys = compiler.keys(call.arguments) if call.distinct else None
        self._order = [(compiler.keys([value]), descending, first) for value, descending, first in reversed(call.order)]

    def start(self) -> Any:
        return [] if self.waits else self.aggregate.start()

    def feed(self, state: Any, row: Row, env: Environment, holding: Holding) -> Any:
        if self._where is not None and not self._where(row, env):
            return state
        if self._nothing:
            return self._step(state)
        values = self._arguments(row, env)
        if self._strict and None in values:
            return state
        if self.grows:
            holding.add(row if self.waits else values)
        if self.waits:
            state.append((values, row))
            return state
        return self._step(state, *values)

    def end(self, state: Any, env: Environment) -> Any:
        if not self.waits:
            return self.aggregate.end(state)
        rows = state
        keys_of = self._keys
        if keys_of is not None:
            unique: dict[Any, Any] = {}
            for values, row in rows:
                unique.setdefault(keys_of(row, env), (values, row))
            rows = [unique[key] for key in (unique if self._order else sorted(unique, key=_ranks))]
        for keys, descending, first in self._order:
            above = first is descending
            rows.sort(key=lambda pair, keys=keys, above=above: _rank(keys(pair[1], env)[0], above), reverse=descending)
        found = self.aggregate.start()
        for values, _ in rows:
            found = self._step(found, *values)
        return self.aggregate.end(found)


def _rank(value: Any, above: bool) -> tuple[bool, Any]:
    return (above, 0) if value is None else (not above, value)


def _ranks(key: tuple[Any, ...]) -> list[tuple[bool, Any]]:
    """Keys in order, nulls last: in which DISTINCT feeds an aggregate."""
    return [(True, 0) if value is None else (False, value) for value in key]


class Grouped:
    """Compiles `Aggregate`."""

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler

    def compile(self, plan: p.Aggregate, child: Rows) -> Rows:
        """The rows of the groups."""
        groups, keys = self._compiler.row(plan.groups), self._compiler.keys(plan.groups)
        steps = [_Step(self._compiler, call) for call in plan.calls]
        sets = plan.sets
        overhead = _GROUP + _STATE * len(steps)

        def run(env: Environment) -> Iterator[Row]:
            holding = env.hold()
            tables: list[dict[Any, tuple[Row, list[Any]]]] = [{} for _ in sets or ((),)]
            for row in child(env):
                key, values = keys(row, env), groups(row, env)
                for place, table in enumerate(tables):
                    own = key if sets is None else tuple(key[at] for at in sets[place])
                    found = table.get(own)
                    if found is None:
                        holding.add(values)
                        holding.count(overhead)
                        found = table[own] = (values, [step.start() for step in steps])
                    states = found[1]
                    for at, step in enumerate(steps):
                        states[at] = step.feed(states[at], row, env, holding)
            for place, table in enumerate(tables):
                kept = None if sets is None else frozenset(sets[place])
                if not table and (not plan.groups or kept == frozenset()):
                    table[()] = ((None,) * len(plan.groups), [step.start() for step in steps])
                for values, states in table.values():
                    shown = values if kept is None else tuple(value if at in kept else None for at, value in enumerate(values))
                    ends = tuple(step.end(state, env) for step, state in zip(steps, states, strict=True))
                    yield (*shown, *ends) if kept is None else (*shown, *ends, place + 1)

        return run
