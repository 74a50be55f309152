"""Ordered-set aggregates: percentile_cont, percentile_disc, mode (WITHIN GROUP).

Theory: PostgreSQL's documentation, 9.21. The executor feeds the values in the order asked for, each behind the direct argument;
nulls are passed over. Invariant: of no values the result is null.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.functions.model import Aggregate
from hyperdb.frontends.sql.functions.times import spread

NAMES = frozenset({"percentile_cont", "percentile_disc", "mode"})


def _gathered(state: list[Any], *values: Any) -> list[Any]:
    state.append(values)
    return state


def _at(fraction: float) -> float:
    if not 0 <= fraction <= 1:
        raise SqlError("22003", f"percentile value {fraction:g} is not between 0 and 1")
    return fraction


def _continuous(values: list[Any], fraction: float) -> Any:
    """Between the two values around the place, in proportion."""
    place = _at(fraction) * (len(values) - 1)
    low, part = values[math.floor(place)], place - math.floor(place)
    high = values[math.ceil(place)]
    if isinstance(low, tuple):
        return tuple(a + b for a, b in zip(low, spread(*((b - a) * part for a, b in zip(low, high, strict=True))), strict=True))
    return low + (high - low) * part


def _discrete(values: list[Any], fraction: float) -> Any:
    return values[max(math.ceil(_at(fraction) * len(values)), 1) - 1]


def _percentiles(choose: Callable[[list[Any], float], Any]) -> Callable[[list[Any]], Any]:
    def chosen(values: list[Any], asked: Any) -> Any:
        if isinstance(asked, list):
            return [chosen(values, each) for each in asked]
        return None if asked is None else choose(values, asked)

    def end(state: list[Any]) -> Any:
        if not state:
            return None
        asked, values = state[0][0], [value for _, value in state]
        return chosen(values, asked)

    return end


def aggregate(name: str, direct: tuple[int, ...], argument: int, result: int, key: Callable[[Any], Any] | None) -> Aggregate:
    """The aggregate of a type; `key` is how its values are compared, for mode."""
    if name == "mode":

        def most(state: list[Any]) -> Any:
            if not state:
                return None
            keys = [value if key is None else key(value) for (value,) in state]
            best = max(Counter(keys).items(), key=lambda pair: pair[1])[0]
            return state[keys.index(best)][0]

        return Aggregate(name, (argument,), result, list, _gathered, most)
    choose = _continuous if name == "percentile_cont" else _discrete
    return Aggregate(name, (*direct, argument), result, list, _gathered, _percentiles(choose))
