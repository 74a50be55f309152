"""Common table expressions: rows that are computed once and read often, and recursion.

Theory: as PostgreSQL's CTE scan over a tuplestore, rows are taken from below when the first reader gets to them, so that a LIMIT
above a recursion without end ends it. Invariant: every reader sees the same rows in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from hyperdb.frontends.sql.execute.environment import Environment, Row
from hyperdb.frontends.sql.execute.memory import Holding

_CHECK_EVERY = 1024


class Held:
    """The rows of a plan, as far as they were asked for."""

    __slots__ = ("_holding", "_rows", "_source")

    def __init__(self, source: Iterator[Row], holding: Holding) -> None:
        self._rows: list[Row] = []
        self._source = source
        self._holding = holding

    def __iter__(self) -> Iterator[Row]:
        rows, at = self._rows, 0
        while True:
            while at < len(rows):
                yield rows[at]
                at += 1
            row = next(self._source, None)
            if row is None:
                return
            self._holding.add(row)
            rows.append(row)


def watched(rows: Iterator[Row], env: Environment) -> Iterator[Row]:
    """The same rows; a cancel ends them."""
    for count, row in enumerate(rows):
        if count % _CHECK_EVERY == 0:
            env.check_cancelled()
        yield row


def recursion(
    start: Callable[[Environment], Iterator[Row]],
    step: Callable[[Environment], Iterator[Row]],
    name: int,
    keys: Callable[[Row, Environment], Any] | None,
) -> Callable[[Environment], Iterator[Row]]:
    """What `start` gives, then what `step` makes of each round's rows; with `keys` (UNION) no row a second time."""

    def run(env: Environment) -> Iterator[Row]:
        seen: set[Any] = set()
        holding = env.hold()

        def fresh(rows: Iterator[Row]) -> Iterator[Row]:
            for row in watched(rows, env):
                if keys is not None:
                    key = keys(row, env)
                    if key in seen:
                        continue
                    holding.add(row)
                    seen.add(key)
                yield row

        rows = fresh(start(env))
        while True:
            working, round_holding = [], env.hold()
            for row in rows:
                round_holding.add(row)
                working.append(row)
                yield row
            if not working:
                return
            env.check_cancelled()
            inside = env.inner(env.outer)
            inside.shared[name] = working
            rows = fresh(step(inside))

    return run
