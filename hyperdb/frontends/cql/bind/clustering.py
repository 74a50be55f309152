"""Restrictions of clustering columns as slices of a partition.

Theory: equalities and INs on the first columns make prefixes; a slice behind them gives each prefix two ends. A column that
descends lies the other way round, so there a slice's ends change places. A slice of several columns of which some descend and
some do not is no slice of the rows as they lie: the rows between its first column's values are read, and looked at one by one.
Invariant: slices come in the order in which their rows lie, and no row lies in two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

from hyperdb.frontends.cql.bind.frame import Frame
from hyperdb.frontends.cql.bind.relations import HIGHS, LOWS, Bound
from hyperdb.frontends.cql.describe.schema import Column
from hyperdb.frontends.cql.parse.statements import Comparison
from hyperdb.frontends.cql.types import ordering
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import Type

MOST_KEYS = 100_000
Values = tuple[bytes, ...]
End = tuple[list[bytes], bool] | None
"""Values of the first columns, and whether rows with just these belong to it; None: no end."""
Slice = tuple[End, End]
_INCLUDED = frozenset({Comparison.GREATER_EQUAL, Comparison.LESS_EQUAL, Comparison.BETWEEN})


class Downwards:
    """A value that sorts the other way round."""

    __slots__ = ("key",)

    def __init__(self, key: object) -> None:
        self.key = key

    def __lt__(self, other: Downwards) -> bool:
        return other.key < self.key  # type: ignore[no-any-return, operator]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Downwards) and self.key == other.key

    __hash__ = None  # type: ignore[assignment]


def sort_key(columns: Sequence[Column]) -> Callable[[Values], tuple[object, ...]]:
    """What rows of values for the first columns are sorted by, as they lie."""
    keys = [(ordering.order_key(column.type), column.descending) for column in columns]

    def of(values: Values) -> tuple[object, ...]:
        pairs = zip(keys, values, strict=False)
        return tuple(Downwards(key(value)) if descending else key(value) for (key, descending), value in pairs)

    return of


def distinct(rows: list[Values], key: Callable[[Values], tuple[object, ...]]) -> list[Values]:
    """Rows of values in their order, each once."""
    found: list[Values] = []
    last: object = None
    for row in sorted(rows, key=key):
        this = key(row)
        if not found or this != last:
            found.append(row)
        last = this
    return found


def check_product(parts: Sequence[Sequence[object]]) -> None:
    """Refuses INs that together name more keys than anybody can want.

    Raises:
        CqlError: invalid.
    """
    size = math.prod(map(len, parts))
    if size > MOST_KEYS:
        raise invalid(f"The cartesian product of the IN restrictions is of {size} keys, more than the {MOST_KEYS} that are read")


def prefixes(columns: Sequence[Column], equal: Sequence[Bound]) -> Callable[[Frame], list[Values]]:
    """Values of the first columns that equalities and INs give; `equal` restricts them one after the other."""
    key = sort_key(columns)
    # A list of values, or of a tuple's, for each restriction.
    is_single = all(bound.comparison is Comparison.EQUAL for bound in equal)

    def of(frame: Frame) -> list[Values]:
        parts = [bound.options(frame) for bound in equal]
        check_product(parts)
        rows = [tuple(value for part in row for value in part) for row in product(*parts)]
        return rows if is_single else distinct(rows, key)

    return of


@dataclass(frozen=True, slots=True)
class Ends:
    """The values between which a slice is, and whether they belong to it."""

    low: tuple[Values, bool] | None
    high: tuple[Values, bool] | None


def ends(slices: Sequence[Bound]) -> Callable[[Frame], Ends]:
    """What one or two slices that begin with the same column say together."""

    def of(frame: Frame) -> Ends:
        low = high = None
        for bound in slices:
            rows = bound.options(frame)
            included = bound.comparison in _INCLUDED
            if bound.comparison in LOWS:
                low = rows[0], included
            if bound.comparison in HIGHS:
                high = rows[-1], included
        return Ends(low, high)

    return of


def are_alike(columns: Sequence[Column]) -> bool:
    """Whether all of them ascend, or all descend."""
    return len({column.descending for column in columns}) == 1


def slices(columns: Sequence[Column], equal: Sequence[Bound], between: Sequence[Bound]) -> Callable[[Frame], list[Slice]]:
    """The slices of a partition that restrictions of its first clustering columns mean.

    Args:
        columns: all clustering columns.
        equal: equalities and INs on the first ones.
        between: slices that begin with the column behind those.
    """
    count = sum(len(bound.columns) for bound in equal)
    of_prefixes = prefixes(columns[:count], equal)
    if not between:
        return lambda frame: [_whole(row) for row in of_prefixes(frame)]
    of_ends = ends(between)
    widest = max(between, key=lambda bound: len(bound.columns)).columns
    descends = widest[0].descending
    width = 1 if not are_alike(widest) else len(widest)

    def of(frame: Frame) -> list[Slice]:
        # What cannot be a value is refused even where no row can lie between the ends.
        firsts = of_prefixes(frame)
        found = of_ends(frame)
        low, high = (None if end is None else _cut(end, width) for end in (found.low, found.high))
        if descends:
            low, high = high, low
        if _is_empty(columns[count:], low, high):
            return []
        return [(_end(first, low), _end(first, high)) for first in firsts]

    return of


def _is_empty(columns: Sequence[Column], low: tuple[Values, bool] | None, high: tuple[Values, bool] | None) -> bool:
    """Whether no row can lie between two ends, as rows lie."""
    if low is None or high is None:
        return False
    key = sort_key(columns)
    width = min(len(low[0]), len(high[0]))
    first, last = key(low[0][:width]), key(high[0][:width])
    if first == last:
        return len(low[0]) == len(high[0]) and not (low[1] and high[1])
    return last < first


def _whole(prefix: Values) -> Slice:
    end: End = (list(prefix), True) if prefix else None
    return end, end


def _cut(end: tuple[Values, bool], width: int) -> tuple[Values, bool]:
    """An end of fewer columns, which then belong to it."""
    values, included = end
    return (values, included) if len(values) <= width else (values[:width], True)


def _end(prefix: Values, end: tuple[Values, bool] | None) -> End:
    if end is None:
        return (list(prefix), True) if prefix else None
    values, included = end
    return [*prefix, *values], included


def within(kinds: Sequence[Type], bound: Ends, values: Values) -> bool:
    """Whether values lie between two ends, compared as tuples in their types' order."""
    keys = [ordering.order_key(kind)(value) for kind, value in zip(kinds, values, strict=True)]
    for end, is_low in ((bound.low, True), (bound.high, False)):
        if end is None:
            continue
        limit, included = end
        wanted = [ordering.order_key(kind)(value) for kind, value in zip(kinds, limit, strict=False)]
        mine = keys[: len(wanted)]
        if mine == wanted:
            if not included:
                return False
        elif (mine < wanted) == is_low:
            return False
    return True
