"""Row operators: each plan node as a generator of tuples.

Theory: `Executor.compile` turns a plan into a function from environments to iterators, once a plan; running it costs no more
walks over the tree. Joins hash their right side where keys are known, aggregates hash their groups, sorts are stable passes
from the last key to the first. Invariant: rows are tuples as wide as the plan says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice, zip_longest
from typing import Any

from hyperdb.errors import RowLockedError, SqlError
from hyperdb.frontends.sql.descent import descends
from hyperdb.frontends.sql.execute.aggregate import Grouped
from hyperdb.frontends.sql.execute.compile import Compiler, Labels
from hyperdb.frontends.sql.execute.environment import Environment, Row
from hyperdb.frontends.sql.execute.foreign import ForeignKeys
from hyperdb.frontends.sql.execute.joining import Joined, place_of
from hyperdb.frontends.sql.execute.modify import Modifier
from hyperdb.frontends.sql.execute.recursion import Held, recursion, watched
from hyperdb.frontends.sql.execute.window import Windowed
from hyperdb.frontends.sql.plan import nodes as p
from hyperdb.frontends.sql.plan.expressions import Call, Expr

Rows = Callable[[Environment], Iterator[Row]]
_PAGE = 1024
_FIRST_PAGE = 32
_CHECK_EVERY = 4096


class Executor:
    """Compiles plans under one catalog."""

    def __init__(self, labels: Labels) -> None:
        self.expressions = Compiler(labels, self.compile)
        self._modifier = Modifier(self)
        self._grouped = Grouped(self.expressions)
        self._windowed = Windowed(self.expressions)
        self._joined = Joined(self)
        self._done: dict[int, tuple[p.Plan, Rows]] = {}

    @property
    def modifier(self) -> Modifier:
        """What changes rows."""
        return self._modifier

    @property
    def foreign(self) -> ForeignKeys:
        """What asks for parents of rows that are there already."""
        return self._modifier.foreign

    @descends
    def compile(self, plan: p.Plan) -> Rows:
        """The function of a plan; the same for the same plan."""
        found = self._done.get(id(plan))
        if found is None:
            found = self._done[id(plan)] = (plan, _COMPILE[type(plan)](self, plan))
        return found[1]

    def _values(self, plan: p.Values) -> Rows:
        rows = [self.expressions.row(row) for row in plan.rows]
        return lambda env: (row((), env) for row in rows)

    def _scan(self, plan: p.Scan) -> Rows:
        relation, reverse = plan.relation, plan.reverse
        ends = [None if end is None else (self.expressions.row(end.values), end.included) for end in (plan.low, plan.high)]
        place = place_of(plan)
        frame = plan.frame

        def run(env: Environment) -> Iterator[Row]:
            if frame is not None:
                env = env.at_frame(frame)
            layout = env.session.layout(relation, env)
            bounds: list[tuple[tuple[Any, ...], bool] | None] = []
            for end in ends:
                if end is None:
                    bounds.append(None)
                    continue
                values = end[0]((), env)
                if None in values:
                    return
                bounds.append((values, end[1]))
            after: bytes | None = None
            size = _FIRST_PAGE
            while True:
                env.check_cancelled()
                try:
                    page, after = env.transaction.page(
                        layout, place, bounds[0], bounds[1], reverse, False, after, size, env.looks_back
                    )
                except OverflowError:
                    # An end that no value of the column's type can have: the filter above knows what it means.
                    bounds = [None, None]
                    continue
                yield from page
                if after is None:
                    return
                size = _PAGE

        return run

    def _virtual(self, plan: p.Virtual) -> Rows:
        rows = plan.relation.rows
        assert rows is not None
        restricted = plan.relation.restricted
        if restricted is None:
            return lambda env: (tuple(row) for row in rows(env))
        given = self._given(plan)

        def run(env: Environment) -> Iterator[Row]:
            found = given(env)
            env = env if plan.frame is None else env.at_frame(plan.frame)
            return iter(()) if found is None else restricted.rows(env, found)  # type: ignore[return-value]

        return run

    def _given(self, plan: p.Virtual) -> Callable[[Environment], dict[str, list[tuple[str, Row]]] | None]:
        """What a relation is restricted to; None: a comparison with null, which no row satisfies."""
        compiled = [(name, sign, self.expressions.row(values)) for name, sign, values in plan.given]

        def run(env: Environment) -> dict[str, list[tuple[str, Row]]] | None:
            found: dict[str, list[tuple[str, Row]]] = {}
            for name, sign, row in compiled:
                values = row((), env)
                if sign == "in":
                    values = tuple(value for value in values if value is not None)
                elif values[0] is None:
                    return None
                found.setdefault(name, []).append((sign, values))
            return found

        return run

    def _kept_count(self, plan: p.KeptCount) -> Rows:
        given, otherwise = self._given(plan.of), self.compile(plan.otherwise)
        restricted = plan.of.relation.restricted
        assert restricted is not None
        count = restricted.count
        assert count is not None

        def run(env: Environment) -> Iterator[Row]:
            asked = given(env)
            at = env if plan.of.frame is None else env.at_frame(plan.of.frame)
            found = 0 if asked is None else count(at, asked)
            return otherwise(env) if found is None else iter(((found,),))

        return run

    def _function_scan(self, plan: p.FunctionScan) -> Rows:
        calls = [self._set_of(call) for call in plan.calls]
        ordinality, widths = plan.ordinality, plan.widths
        wide = any(width > 1 for width in widths)

        def run(env: Environment) -> Iterator[Row]:
            found = zip_longest(*(call((), env) for call in calls))
            for place, row in enumerate(found):
                if place % _CHECK_EVERY == 0:
                    env.check_cancelled()
                if wide:
                    row = tuple(chain.from_iterable(_spread(value, width) for value, width in zip(row, widths, strict=True)))
                yield (*row, place + 1) if ordinality else row

        return run

    def _set_of(self, expr: Expr) -> Callable[[Sequence[Any], Environment], Iterable[Any]]:
        """The values of a set-returning call; one value of any other."""
        run = self.expressions.compile(expr)
        if isinstance(expr, Call) and expr.function.rows:
            return lambda row, env: run(row, env) or []
        return lambda row, env: [run(row, env)]

    def _filter(self, plan: p.Filter) -> Rows:
        child, test = self.compile(plan.child), self.expressions.compile(plan.condition)
        return lambda env: (row for row in child(env) if test(row, env))

    def _project(self, plan: p.Project) -> Rows:
        child = self.compile(plan.child)
        if plan.sets:
            return self._project_sets(plan, child)
        row = self.expressions.row(plan.columns)
        return lambda env: (row(each, env) for each in child(env))

    def _project_sets(self, plan: p.Project, child: Rows) -> Rows:
        places = sorted(plan.sets)
        runs = [
            self._set_of(column) if place in plan.sets else self.expressions.compile(column)
            for place, column in enumerate(plan.columns)
        ]

        def run(env: Environment) -> Iterator[Row]:
            for row in child(env):
                values = [each(row, env) for each in runs]
                for at, found in enumerate(zip_longest(*(values[place] for place in places))):
                    if at % _CHECK_EVERY == _CHECK_EVERY - 1:
                        env.check_cancelled()
                    for place, value in zip(places, found, strict=True):
                        values[place] = value
                    yield tuple(values)

        return run

    def _join(self, plan: p.Join) -> Rows:
        return self._joined.compile(plan)

    def _lateral(self, plan: p.Lateral) -> Rows:
        left, right = self.compile(plan.left), self.compile(plan.right)
        captures = self.expressions.row(plan.captures)
        test = None if plan.condition is None else self.expressions.compile(plan.condition)
        outer, nulls = plan.form == "left", (None,) * plan.right.width

        def run(env: Environment) -> Iterator[Row]:
            for row in left(env):
                found = False
                for other in right(env.inner(captures(row, env))):
                    both = row + other
                    if test is None or test(both, env):
                        found = True
                        yield both
                if outer and not found:
                    yield row + nulls

        return run

    def _aggregate(self, plan: p.Aggregate) -> Rows:
        return self._grouped.compile(plan, self.compile(plan.child))

    def _window(self, plan: p.Window) -> Rows:
        return self._windowed.compile(plan, self.compile(plan.child))

    def _sort(self, plan: p.Sort) -> Rows:
        child, sort = self.compile(plan.child), self.sorter(plan.order)

        def run(env: Environment) -> Iterator[Row]:
            holding = env.hold()
            yield from sort(list(holding.all(child(env))), env)

        return run

    def sorter(self, order: p.Order) -> Callable[[list[Row], Environment], list[Row]]:
        """Sorts rows in place and gives them back."""
        passes = [(self.expressions.keys([value]), descending, first) for value, descending, first in reversed(order)]

        def sort(rows: list[Row], env: Environment) -> list[Row]:
            for keys, descending, first in passes:
                above = first is descending

                def key(row: Row, keys: Any = keys, above: bool = above) -> tuple[bool, Any]:
                    value = keys(row, env)[0]
                    if value is None:
                        return (above, 0)
                    return (not above, value)

                rows.sort(key=key, reverse=descending)
            return rows

        return sort

    def _limit(self, plan: p.Limit) -> Rows:
        child = self.compile(plan.child)
        count, offset = (None if each is None else self.expressions.compile(each) for each in (plan.count, plan.offset))
        ties = None if plan.ties is None else self.expressions.keys([value for value, _, _ in plan.ties])

        def run(env: Environment) -> Iterator[Row]:
            start = 0 if offset is None else offset((), env) or 0
            size = None if count is None else count((), env)
            if start < 0:
                raise SqlError("2201X", "OFFSET must not be negative")
            if size is not None and size < 0:
                raise SqlError("2201W", "LIMIT must not be negative")
            rows = child(env)
            if size == 0:
                return
            found = islice(rows, start, None if size is None else start + size)
            if ties is None or size is None:
                yield from found
                return
            last: Row | None = None
            for row in found:
                last = row
                yield row
            for row in rows:
                if last is None or ties(row, env) != ties(last, env):
                    return
                yield row

        return run

    def _distinct(self, plan: p.Distinct) -> Rows:
        child = self.compile(plan.child)
        keys = self._row_keys(plan.kinds) if plan.on is None else self.expressions.keys(plan.on)

        def run(env: Environment) -> Iterator[Row]:
            seen: set[Any] = set()
            holding = env.hold()
            for row in child(env):
                key = keys(row, env)
                if key not in seen:
                    holding.add(key)
                    seen.add(key)
                    yield row

        return run

    def _row_keys(self, kinds: Sequence[int]) -> Callable[[Row, Environment], Any]:
        keys = [self.expressions.key(oid) for oid in kinds]
        if all(key is None for key in keys):
            width = len(kinds)
            return lambda row, _env: row[:width]
        return lambda row, _env: tuple(
            value if value is None or key is None else key(value) for value, key in zip(row, keys, strict=False)
        )

    def _set_operation(self, plan: p.SetOperation) -> Rows:
        left, right = self.compile(plan.left), self.compile(plan.right)
        keys, every = self._row_keys(plan.kinds), plan.every

        def union(env: Environment) -> Iterator[Row]:
            rows = chain(left(env), right(env))
            if every:
                yield from rows
                return
            seen: set[Any] = set()
            holding = env.hold()
            for row in rows:
                key = keys(row, env)
                if key not in seen:
                    holding.add(key)
                    seen.add(key)
                    yield row

        def other(env: Environment) -> Iterator[Row]:
            counts: dict[Any, int] = {}
            holding = env.hold()
            for row in watched(right(env), env):
                key = keys(row, env)
                there = counts.get(key, 0)
                if not there:
                    holding.add(key)
                counts[key] = there + 1
            intersect = plan.form == "intersect"
            seen: set[Any] = set()
            for row in watched(left(env), env):
                key = keys(row, env)
                there = counts.get(key, 0)
                if every:
                    counts[key] = there - 1
                elif key in seen:
                    continue
                if (there > 0) is intersect:
                    seen.add(key)
                    yield row

        return union if plan.form == "union" else other

    def _shared(self, plan: p.Shared) -> Rows:
        child, name = self.compile(plan.child), plan.name

        def run(env: Environment) -> Iterator[Row]:
            found = env.find_shared(name)
            if found is None:
                found = env.shared[name] = Held(child(env), env.hold())
            return iter(found)

        return run

    def _recursive(self, plan: p.Recursive) -> Rows:
        keys = None if plan.every else self._row_keys(plan.kinds)
        return recursion(self.compile(plan.start), self.compile(plan.step), plan.name, keys)

    def _working(self, plan: p.Working) -> Rows:
        name = plan.name
        return lambda env: iter(env.find_shared(name) or ())

    def _lock(self, plan: p.Lock) -> Rows:
        child, places, relation = self.compile(plan.child), plan.places, plan.relation
        first, last = places[0], places[-1] + 1

        def is_locked(env: Environment, layout: Any, row: Row) -> bool:
            try:
                return bool(env.transaction.lock_rows(layout, [row], plan.mode, plan.wait)[0])
            except RowLockedError as error:
                raise SqlError("55P03", f'could not obtain lock on row in relation "{relation.name}"') from error

        def run(env: Environment) -> Iterator[Row]:
            layout = env.session.layout(relation, env)
            extras = self._modifier.extras(relation, env)
            holding = env.hold()
            for row in list(holding.all(child(env))):
                own = row[first:last]
                if all(value is None for value in own) or is_locked(env, layout, extras(own, env)):
                    yield row

        return run

    def _modify(self, plan: p.Plan) -> Rows:
        return self._modifier.compile(plan)


def _spread(value: Any, width: int) -> Sequence[Any]:
    """A function's value as so many columns."""
    if width == 1:
        return (value,)
    return (None,) * width if value is None else tuple(value)


_COMPILE: dict[type[p.Plan], Callable[[Executor, Any], Rows]] = {
    p.Values: Executor._values,
    p.Scan: Executor._scan,
    p.Virtual: Executor._virtual,
    p.KeptCount: Executor._kept_count,
    p.FunctionScan: Executor._function_scan,
    p.Filter: Executor._filter,
    p.Project: Executor._project,
    p.Join: Executor._join,
    p.Lateral: Executor._lateral,
    p.Aggregate: Executor._aggregate,
    p.Window: Executor._window,
    p.Sort: Executor._sort,
    p.Limit: Executor._limit,
    p.Distinct: Executor._distinct,
    p.SetOperation: Executor._set_operation,
    p.Shared: Executor._shared,
    p.Recursive: Executor._recursive,
    p.Working: Executor._working,
    p.Lock: Executor._lock,
    p.Insert: Executor._modify,
    p.Update: Executor._modify,
    p.Delete: Executor._modify,
    p.Merge: Executor._modify,
}
