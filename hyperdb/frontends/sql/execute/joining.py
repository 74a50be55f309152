"""Joins of two sides, by hash or by an index of the right one.

Theory: the right side is hashed by the join's keys, or is looked up for one left row after the other where an index allows it.
Looking up is right for few left rows, hashing for many, and nobody knows how many come. So rows are looked up until as much
was read as reading the right side costs, and from then on it is hashed: at most twice the work of who had known (the ski rental
problem: Karlin, Manasse, Rudolph, Sleator, "Competitive snoopy caching", Algorithmica 1988). Invariant: both ways give the same
rows for a left row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.execute.environment import Environment, Row
from hyperdb.frontends.sql.plan import nodes as p

if TYPE_CHECKING:
    from hyperdb.frontends.sql.execute.rows import Executor, Rows

_CHECK_EVERY = 4096
_LOOKUP = 10
"""What a lookup costs beside its rows, in rows of a scan."""
_FEW = 128
"""Rows of a table that is hashed at once."""
_COUNTED = 1024
"""Entries of a range that are counted; one that has more counts as the whole table."""
_PAGE = 256
Find = Callable[[Row], Sequence[Row]]
"""The right rows whose keys are those of a left row."""


def place_of(scan: p.Scan) -> int | None:
    """The index of a scan by its place; None: the key."""
    return None if scan.index is None else [number for number, _ in scan.relation.indexes].index(scan.index)


class Joined:
    """Compiles joins."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._expressions = executor.expressions

    def compile(self, plan: p.Join) -> Rows:
        """The operator."""
        if not plan.keys or plan.form in ("right", "full"):
            return self._general(plan)
        left, find = self._executor.compile(plan.left), self._finding(plan)
        test = None if plan.condition is None else self._expressions.compile(plan.condition)
        form, nulls = plan.form, (None,) * plan.right.width

        def inner(env: Environment) -> Iterator[Row]:
            others = find(env)
            for row in left(env):
                for other in others(row):
                    both = row + other
                    if test is None or test(both, env):
                        yield both

        def outer(env: Environment) -> Iterator[Row]:
            others = find(env)
            for row in left(env):
                found = False
                for other in others(row):
                    both = row + other
                    if test is None or test(both, env):
                        found = True
                        yield both
                if not found:
                    yield row + nulls

        def half(env: Environment) -> Iterator[Row]:
            others, wanted = find(env), form == "semi"
            for row in left(env):
                if any(test is None or test(row + other, env) for other in others(row)) is wanted:
                    yield row

        return {"inner": inner, "left": outer}.get(form, half)

    def _finding(self, plan: p.Join) -> Callable[[Environment], Find]:
        """What finds right rows, in one execution."""
        hashing = self._hashing(plan)
        found = plan.lookup
        if found is None:
            return hashing
        looking, size = self._looking(plan, found), self._size(plan.right)

        def finding(env: Environment) -> Find:
            rows = size(env)
            if rows <= _FEW:
                return hashing(env)
            looked, spent = looking(env)
            hashed: Find | None = None

            def find(row: Row) -> Sequence[Row]:
                nonlocal hashed
                if hashed is None and spent() < rows:
                    return looked(row)
                if hashed is None:
                    hashed = hashing(env)
                return hashed(row)

            return find

        return finding

    def _size(self, right: p.Plan) -> Callable[[Environment], int]:
        """About how many rows the right side reads as a whole."""
        scan = right.child if isinstance(right, p.Filter) else right
        assert isinstance(scan, p.Scan)
        relation, place = scan.relation, place_of(scan)
        low, high = (None if end is None else (self._expressions.row(end.values), end.included) for end in (scan.low, scan.high))

        def size(env: Environment) -> int:
            layout = env.session.layout(relation, env)
            if low is not None or high is not None:
                try:
                    one, other = (None if end is None else (end[0]((), env), end[1]) for end in (low, high))
                    if any(end is not None and None in end[0] for end in (one, other)):
                        return 0
                    found = env.transaction.expected(layout, place, one, other, _COUNTED)
                except (SqlError, OverflowError):
                    # An end that no value of the column can be, or an error that reading it is to raise.
                    found = _COUNTED
                if found < _COUNTED:
                    return found
            return env.transaction.estimate(layout)

        return size

    def _hashing(self, plan: p.Join) -> Callable[[Environment], Find]:
        right = self._executor.compile(plan.right)
        lefts = self._expressions.keys([one for one, _ in plan.keys])
        rights = self._expressions.keys([other for _, other in plan.keys])

        def hashing(env: Environment) -> Find:
            table: dict[Any, list[Row]] | None = None
            holding = env.hold()
            work = 0

            def find(row: Row) -> Sequence[Row]:
                nonlocal table, work
                if table is None:
                    # Not before there is a left row.
                    table = {}
                    for other in holding.all(right(env)):
                        key = rights(other, env)
                        if None not in key:
                            table.setdefault(key, []).append(other)
                others = table.get(lefts(row, env), ())
                work += 1 + len(others)
                if work > _CHECK_EVERY:
                    env.check_cancelled()
                    work = 0
                return others

            return find

        return hashing

    def _looking(self, plan: p.Join, lookup: p.Lookup) -> Callable[[Environment], tuple[Find, Callable[[], int]]]:
        """The same by the index; the second tells what it has cost so far, in rows of a scan."""
        scan, relation = lookup.scan, lookup.scan.relation
        lefts = self._expressions.keys([one for one, _ in plan.keys])
        rights = self._expressions.keys([other for _, other in plan.keys])
        values = self._expressions.row([plan.keys[place][0] for place in lookup.places])
        test = None if lookup.condition is None else self._expressions.compile(lookup.condition)
        place = place_of(scan)

        def looking(env: Environment) -> tuple[Find, Callable[[], int]]:
            layout = env.session.layout(relation, env)
            page = env.transaction.page
            known: dict[Any, list[Row]] = {}
            holding = env.hold()
            spent = 0

            def read(end: tuple[Row, bool]) -> Iterator[Row]:
                after: bytes | None = None
                while True:
                    try:
                        rows, after = page(layout, place, end, end, False, False, after, _PAGE, env.looks_back)
                    except OverflowError:
                        # No value of the column can be equal to it.
                        return
                    yield from rows
                    if after is None:
                        return
                    env.check_cancelled()

            def find(row: Row) -> Sequence[Row]:
                nonlocal spent
                key = lefts(row, env)
                if None in key:
                    return ()
                found = known.get(key)
                if found is None:
                    found, seen = [], 0
                    for other in read((values(row, env), True)):
                        seen += 1
                        if (test is None or test(other, env)) and rights(other, env) == key:
                            found.append(other)
                            holding.add(other)
                    spent += _LOOKUP + seen
                    known[key] = found
                return found

            return find, lambda: spent

        return looking

    def _general(self, plan: p.Join) -> Rows:
        """Without keys, or where right rows come that no left row has met."""
        left, right = self._executor.compile(plan.left), self._executor.compile(plan.right)
        test = None if plan.condition is None else self._expressions.compile(plan.condition)
        lefts = self._expressions.keys([one for one, _ in plan.keys])
        rights = self._expressions.keys([other for _, other in plan.keys])
        form, hashed = plan.form, bool(plan.keys)
        nulls = ((None,) * plan.left.width, (None,) * plan.right.width)

        def run(env: Environment) -> Iterator[Row]:
            table: dict[Any, list[tuple[int, Row]]] = {}
            everything: list[tuple[int, Row]] = []
            holding = env.hold()
            for number, row in enumerate(holding.all(right(env))):
                if not hashed:
                    everything.append((number, row))
                    continue
                key = rights(row, env)
                if None not in key:
                    table.setdefault(key, []).append((number, row))
                everything.append((number, row))
            met: set[int] = set()
            work = 0
            for row in left(env):
                found = False
                candidates: Sequence[tuple[int, Row]] = table.get(lefts(row, env), ()) if hashed else everything
                work += 1 + len(candidates)
                if work > _CHECK_EVERY:
                    env.check_cancelled()
                    work = 0
                for number, other in candidates:
                    both = row + other
                    if test is None or test(both, env):
                        found = True
                        if form in ("semi", "anti"):
                            break
                        met.add(number)
                        yield both
                if (form == "semi" and found) or (form == "anti" and not found):
                    yield row
                elif form in ("left", "full") and not found:
                    yield row + nulls[1]
            if form in ("right", "full"):
                for number, other in everything:
                    if number not in met:
                        yield nulls[0] + other

        return run
