"""A range of tuples of clustering columns of which some ascend and some descend, cut into ranges of the rows as they lie.

Theory: (a, b) > (1, 2) is what has a = 1 and b > 2, and what has a > 1: each a range of one column behind a prefix, which has two
ends in either direction. Of two limits the columns that are equal become the prefix, and the first that differs has three pieces:
at the lower limit, between, at the upper. Invariant: pieces come in the order in which their rows lie, no row lies in two, and
a row lies in one exactly if its tuple lies in the range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hyperdb.frontends.cql.bind.clustering import End, Ends, Slice, Values
from hyperdb.frontends.cql.describe.schema import Column
from hyperdb.frontends.cql.types import ordering

_Limit = tuple[Values, bool] | None
"""Values of the columns that are left, the first of them at hand, and whether what has just these belongs to it."""


def pieces(columns: Sequence[Column], prefix: Values, found: Ends) -> list[Slice]:
    """The slices of a partition in which a range of tuples lies.

    Args:
        columns: those of the tuples, in their order.
        prefix: the values of the clustering columns before them.
    """
    keys = tuple(ordering.order_key(column.type) for column in columns)
    return list(_Cutting(columns, keys).cut(0, prefix, found.low, found.high))


@dataclass(frozen=True)
class _Cutting:
    columns: Sequence[Column]
    keys: Sequence[Callable[[bytes], object]]

    def cut(self, at: int, prefix: Values, low: _Limit, high: _Limit) -> Iterator[Slice]:
        """What lies behind a prefix and between two limits on the columns from `at` on."""
        if low is None and high is None:
            yield _whole(prefix), _whole(prefix)
            return
        if low is not None and high is not None:
            sign = self._compared(at, low[0][0], high[0][0])
            if sign > 0:
                return
            if sign == 0:
                yield from self._equal(at, prefix, low, high)
                return
        parts = [self._at(at, prefix, low, is_low=True), self._between(at, prefix, low, high)]
        parts.append(self._at(at, prefix, high, is_low=False))
        for part in reversed(parts) if self.columns[at].descending else parts:
            yield from part

    def _equal(self, at: int, prefix: Values, low: tuple[Values, bool], high: tuple[Values, bool]) -> Iterator[Slice]:
        """Both limits begin with the same value, which therefore all have."""
        inside = (*prefix, low[0][0])
        rest = [None if len(values) == 1 else (values[1:], included) for values, included in (low, high)]
        ends_here = [len(values) == 1 and not included for values, included in (low, high)]
        if not any(ends_here):
            yield from self.cut(at + 1, inside, rest[0], rest[1])

    def _at(self, at: int, prefix: Values, limit: _Limit, *, is_low: bool) -> Iterator[Slice]:
        """What has the limit's first value: as far as its others let it, if it has others."""
        if limit is None or len(limit[0]) == 1:
            return
        rest = limit[0][1:], limit[1]
        inside = (*prefix, limit[0][0])
        yield from self.cut(at + 1, inside, rest if is_low else None, None if is_low else rest)

    def _between(self, at: int, prefix: Values, low: _Limit, high: _Limit) -> Iterator[Slice]:
        """What lies between the limits' first values; with them where these are all of a limit."""
        ends = [_end(prefix, limit) for limit in (low, high)]
        yield (ends[1], ends[0]) if self.columns[at].descending else (ends[0], ends[1])

    def _compared(self, at: int, left: bytes, right: bytes) -> int:
        key = self.keys[at]
        a, b = key(left), key(right)
        return int(a > b) - int(a < b)  # type: ignore[operator]


def _whole(prefix: Values) -> End:
    return (list(prefix), True) if prefix else None


def _end(prefix: Values, limit: _Limit) -> End:
    if limit is None:
        return _whole(prefix)
    values, included = limit
    return [*prefix, values[0]], included and len(values) == 1
