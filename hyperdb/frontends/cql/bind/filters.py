"""Restrictions that rows are looked at for, one by one.

Theory: values compare in their types' order, so that numbers of different forms are equal if Cassandra takes them for equal.
Invariant: a row without a value for a restricted column passes no filter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from hyperdb.frontends.cql.bind import clustering as rows
from hyperdb.frontends.cql.bind.frame import Frame, Row
from hyperdb.frontends.cql.bind.relations import Bound, Form
from hyperdb.frontends.cql.parse.statements import Comparison
from hyperdb.frontends.cql.types import containers, ordering
from hyperdb.frontends.cql.types.model import List, Map, Set, Type

Passes: TypeAlias = Callable[[Row], bool]
Filter: TypeAlias = Callable[[Frame], Passes]


def filter_of(group: Sequence[Bound], place: Callable[[str], int]) -> Filter:
    """A filter for one restriction, or for slices that begin with the same column."""
    first = group[0]
    if first.is_slice:
        return _slice(group, place)
    at = place(first.first.name)
    if first.form is Form.ENTRY:
        return _entry(first, at)
    if first.comparison is Comparison.CONTAINS_KEY:
        return _contains(first, at, key=True)
    if first.comparison is Comparison.CONTAINS:
        return _contains(first, at, key=False)
    return _points(first, [place(column.name) for column in first.columns])


def _points(bound: Bound, places: list[int]) -> Filter:
    """EQ and IN."""
    keys = [ordering.order_key(column.type) for column in bound.columns]

    def of(frame: Frame) -> Passes:
        wanted = [[key(value) for key, value in zip(keys, row, strict=True)] for row in bound.options(frame)]

        def passes(row: Row) -> bool:
            values = [row[place] for place in places]
            if None in values:
                return False
            return [key(value) for key, value in zip(keys, values, strict=True)] in wanted

        return passes

    return of


def _slice(group: Sequence[Bound], place: Callable[[str], int]) -> Filter:
    columns = max(group, key=lambda bound: len(bound.columns)).columns
    places = [place(column.name) for column in columns]
    kinds = [column.type for column in columns]
    of_ends = rows.ends(group)

    def of(frame: Frame) -> Passes:
        bounds = of_ends(frame)

        def passes(row: Row) -> bool:
            values = tuple(row[at] for at in places)
            return None not in values and rows.within(kinds, bounds, values)

        return passes

    return of


def _contains(bound: Bound, at: int, *, key: bool) -> Filter:
    kind = bound.first.type
    assert isinstance(kind, List | Set | Map)
    of_part: Type = kind.element if not isinstance(kind, Map) else kind.key if key else kind.value
    order = ordering.order_key(of_part)

    def of(frame: Frame) -> Passes:
        wanted = order(bound.options(frame)[0][0])

        def passes(row: Row) -> bool:
            data = row[at]
            if not isinstance(data, bytes):
                return False
            found = containers.members(kind, data, keys=key)
            return any(each is not None and order(each) == wanted for each in found)

        return passes

    return of


def _entry(bound: Bound, at: int) -> Filter:
    kind, key = bound.first.type, bound.key
    assert isinstance(kind, Map)
    assert key is not None
    order_key, order_value = ordering.order_key(kind.key), ordering.order_key(kind.value)

    def of(frame: Frame) -> Passes:
        name = key.run(frame, ())
        wanted = order_value(bound.options(frame)[0][0])
        sought = order_key(name) if isinstance(name, bytes) else None

        def passes(row: Row) -> bool:
            data = row[at]
            if not isinstance(data, bytes) or sought is None:
                return False
            return any(
                left is not None and right is not None and order_key(left) == sought and order_value(right) == wanted
                for left, right in containers.unpack_pairs(data)
            )

        return passes

    return of
