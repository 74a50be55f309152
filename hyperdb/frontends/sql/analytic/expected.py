"""How many rows a plan reads from tables, about.

Theory: a table's count is kept with it, and the entries of a range of a key or an index are counted as far as it matters. What a
range depends on a row around for is not known before, so it counts as the whole table. A join that may look rows up reads some
for each row of its left side. Invariant: it decides on tiers, never on answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.relations import Relation
from hyperdb.frontends.sql.execute.compile import Compiler
from hyperdb.frontends.sql.execute.environment import Environment
from hyperdb.frontends.sql.plan import expressions as e
from hyperdb.frontends.sql.plan import nodes as p

End = tuple[Callable[[Environment], tuple[Any, ...]], bool] | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a scan reads: a range of the key or of the index at a place, all of it without ends."""

    relation: Relation
    place: int | None
    low: End
    high: End

    def rows(self, env: Environment, most: int) -> int:
        """About how many rows; of a range at most `most`."""
        layout = env.session.layout(self.relation, env)
        if self.low is not None or self.high is not None:
            try:
                low, high = (None if end is None else (end[0](env), end[1]) for end in (self.low, self.high))
                if any(end is not None and None in end[0] for end in (low, high)):
                    return 0
                return env.transaction.expected(layout, self.place, low, high, most)
            except (SqlError, OverflowError):
                # An end that no value of the column can have, or an error that the query itself is to raise.
                pass
        return env.transaction.estimate(layout)


_OF_ONE, _OF_SOME = 2, 10
"""What looking up rows for a left row counts as: one row at most, or several."""


@dataclass(frozen=True, slots=True)
class Together:
    """What several read, each of them all of it."""

    parts: tuple[Reading | Driven, ...]

    def rows(self, env: Environment, most: int) -> int:
        """About how many rows; not counted on from `most`."""
        total = 0
        for part in self.parts:
            total += part.rows(env, most)
            if total >= most:
                break
        return total


@dataclass(frozen=True, slots=True)
class Driven:
    """A join that may look rows up: its right side is read by left rows or as a whole."""

    left: Together
    right: Reading
    unique: bool

    def rows(self, env: Environment, most: int) -> int:
        """About how many rows of both sides."""
        left = self.left.rows(env, most)
        if left >= most:
            return left
        each = _OF_ONE if self.unique else _OF_SOME
        return left + min((left + 1) * each, self.right.rows(env, most))


def reading(plan: p.Plan, compiler: Compiler) -> Together:
    """What its scans read that may read many rows."""
    return Together(tuple(_found(plan, compiler)))


def _found(value: Any, compiler: Compiler) -> Iterator[Reading | Driven]:
    if isinstance(value, p.Scan):
        if counts(value):
            yield _reading(value, compiler)
    elif isinstance(value, p.Join) and value.lookup is not None:
        left = Together(tuple(_found(value.left, compiler)))
        right, test = (value.right.child, value.right.condition) if isinstance(value.right, p.Filter) else (value.right, None)
        if isinstance(right, p.Scan) and counts(right):
            yield Driven(left, _reading(right, compiler), value.lookup.unique)
        else:
            yield from left.parts
        yield from _found((value.keys, value.condition, test), compiler)
    elif isinstance(value, p.Plan | e.Expr):
        for name in value.__dataclass_fields__:
            yield from _found(getattr(value, name), compiler)
    elif isinstance(value, tuple):
        for item in value:
            if not isinstance(item, e.Const | e.Slot):
                yield from _found(item, compiler)


def _reading(scan: p.Scan, compiler: Compiler) -> Reading:
    place = None if scan.index is None else [number for number, _ in scan.relation.indexes].index(scan.index)
    if any(_asks_around(end) for end in (scan.low, scan.high)):
        return Reading(scan.relation, place, None, None)

    def ready(end: p.Bound | None) -> End:
        if end is None:
            return None
        row = compiler.row(end.values)
        return (lambda env: row((), env)), end.included

    return Reading(scan.relation, place, ready(scan.low), ready(scan.high))


def _asks_around(end: p.Bound | None) -> bool:
    return end is not None and any(isinstance(part, e.Outer | e.Subquery) for value in end.values for part in e.parts(value))


def counts(scan: p.Scan) -> bool:
    """Whether it may read more than a row: not by a whole key, nor by values of a row around."""
    if scan.low is None or scan.high is None or scan.low.values != scan.high.values:
        return True
    if _asks_around(scan.low):
        return False
    if scan.index is None:
        return len(scan.low.values) < len(scan.relation.table.key)
    index = next(record for number, record in scan.relation.indexes if number == scan.index)
    return not index.unique or len(scan.low.values) < len(index.columns)
