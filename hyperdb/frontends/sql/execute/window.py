"""Window functions: partitions sorted, frames walked.

Theory: calls with the same partition and order share a sort. Without a frame of its own an ordered window goes from the
partition's begin to the last peer of the row. Invariant: the rows come out in the order in which they came in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.execute.compile import Compiler
from hyperdb.frontends.sql.execute.environment import Environment, Row
from hyperdb.frontends.sql.execute.frames import FrameEdges, Part
from hyperdb.frontends.sql.plan import nodes as p
from hyperdb.frontends.sql.plan.expressions import WindowCall

Rows = Callable[[Environment], Iterator[Row]]


class Windowed:
    """Compiles `Window`."""

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler

    def compile(self, plan: p.Window, child: Rows) -> Rows:
        """The child's rows with the functions' values behind them."""
        columns = [self._column(call) for call in plan.calls]

        def run(env: Environment) -> Iterator[Row]:
            holding = env.hold()
            rows = list(holding.all(child(env)))
            values = [column(rows, env) for column in columns]
            for place, row in enumerate(rows):
                yield (*row, *[column[place] for column in values])

        return run

    def _column(self, call: WindowCall) -> Callable[[list[Row], Environment], list[Any]]:
        partition = self._compiler.keys(call.partition)
        passes = [(self._compiler.keys([value]), descending, first) for value, descending, first in reversed(call.order)]
        peers = self._compiler.keys([value for value, _, _ in call.order]) if call.order else None
        evaluate = self._evaluator(call)

        def run(rows: list[Row], env: Environment) -> list[Any]:
            parts: dict[Any, list[int]] = {}
            for place, row in enumerate(rows):
                parts.setdefault(partition(row, env), []).append(place)
            found: list[Any] = [None] * len(rows)
            for places in parts.values():
                for keys, descending, first in passes:
                    above = first is descending
                    ranks = {at: _rank(keys(rows[at], env)[0], above) for at in places}
                    places.sort(key=ranks.__getitem__, reverse=descending)
                sorted_rows = [rows[at] for at in places]
                own = Part(sorted_rows, None if peers is None else [peers(row, env) for row in sorted_rows])
                for at, value in zip(places, evaluate(own, env), strict=True):
                    found[at] = value
            return found

        return run

    def _evaluator(self, call: WindowCall) -> Callable[[Part, Environment], Sequence[Any]]:
        if call.function is not None:
            return self._aggregate(call)
        if call.name in _RANKS:
            rank = _RANKS[call.name]
            arguments = self._compiler.row(call.arguments)
            return lambda part, env: [rank(part, at, arguments(part.rows[at], env)) for at in range(len(part.rows))]
        if call.name in ("lag", "lead"):
            return self._shifted(call)
        return self._framed(call)

    def _edges(self, call: WindowCall) -> Callable[[Part, Environment], Callable[[int], tuple[int, int]]]:
        """For a partition: where the frame of a row begins and ends."""
        if call.frame is None:
            return lambda part, _env: lambda at: (0, part.last[at])
        return FrameEdges(self._compiler, call.frame, call.order).of

    def _aggregate(self, call: WindowCall) -> Callable[[Part, Environment], Sequence[Any]]:
        function = call.function
        assert function is not None
        arguments, edges = self._compiler.row(call.arguments), self._edges(call)
        where = None if call.where is None else self._compiler.compile(call.where)
        bare, grows = not call.arguments, function.start is list
        excluded = call.frame.excluded if call.frame is not None else ""

        def feed(state: Any, row: Row, env: Environment) -> Any:
            if where is not None and not where(row, env):
                return state
            if bare:
                return function.step(state)
            values = arguments(row, env)
            return state if function.strict and None in values else function.step(state, *values)

        def run(part: Part, env: Environment) -> list[Any]:
            found: list[Any] = []
            ends, holding = edges(part, env), env.hold()
            state, begin, end = function.start(), 0, 0
            for at in range(len(part.rows)):
                low, high = ends(at)
                if excluded:
                    state = function.start()
                    for place in part.places(low, high, at, excluded):
                        state = feed(state, part.rows[place], env)
                else:
                    if low != begin or high < end:
                        state, begin, end = function.start(), low, low
                    while end < high:
                        state = feed(state, part.rows[end], env)
                        end += 1
                # A state may be a list that the next step changes: the end of it is taken now.
                value = function.end(state)
                if grows:
                    holding.add((value,))
                found.append(list(value) if isinstance(value, list) else value)
            return found

        return run

    def _shifted(self, call: WindowCall) -> Callable[[Part, Environment], Sequence[Any]]:
        runs = self._compiler.all(call.arguments)
        sign = -1 if call.name == "lag" else 1

        def run(part: Part, env: Environment) -> list[Any]:
            found: list[Any] = []
            for at, row in enumerate(part.rows):
                by = 1 if len(runs) < 2 else runs[1](row, env)
                if by is None:
                    found.append(None)
                    continue
                place = at + sign * by
                if 0 <= place < len(part.rows):
                    found.append(runs[0](part.rows[place], env))
                else:
                    found.append(runs[2](row, env) if len(runs) > 2 else None)
            return found

        return run

    def _framed(self, call: WindowCall) -> Callable[[Part, Environment], Sequence[Any]]:
        runs, edges, name = self._compiler.all(call.arguments), self._edges(call), call.name
        excluded = call.frame.excluded if call.frame is not None else ""

        def run(part: Part, env: Environment) -> list[Any]:
            found: list[Any] = []
            ends = edges(part, env)
            for at, row in enumerate(part.rows):
                places = part.places(*ends(at), at, excluded)
                wanted: int | None = 1
                if name == "nth_value":
                    wanted = runs[1](row, env)
                    if wanted is not None and wanted <= 0:
                        raise SqlError("22016", "argument of nth_value must be greater than zero")
                elif name == "last_value":
                    wanted = len(places)
                there = wanted is not None and 1 <= wanted <= len(places)
                found.append(runs[0](part.rows[places[wanted - 1]], env) if there and wanted is not None else None)
            return found

        return run


def _rank(value: Any, above: bool) -> tuple[bool, Any]:
    return (above, 0) if value is None else (not above, value)


def _ntile(part: Part, at: int, arguments: Row) -> int | None:
    if arguments[0] is None:
        return None
    if arguments[0] <= 0:
        raise SqlError("22014", "argument of ntile must be greater than zero")
    size, more = divmod(len(part.rows), arguments[0])
    edge = more * (size + 1)
    return int(at // (size + 1) + 1 if at < edge else more + (at - edge) // size + 1)


_RANKS: dict[str, Callable[[Part, int, Row], Any]] = {
    "row_number": lambda _part, at, _arguments: at + 1,
    "rank": lambda part, at, _arguments: part.first[at] + 1,
    "dense_rank": lambda part, at, _arguments: part.group[at],
    "percent_rank": lambda part, at, _arguments: part.first[at] / (len(part.rows) - 1) if len(part.rows) > 1 else 0.0,
    "cume_dist": lambda part, at, _arguments: part.last[at] / len(part.rows),
    "ntile": _ntile,
}
