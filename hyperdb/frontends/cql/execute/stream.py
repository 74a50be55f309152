"""Rows of a plan as they lie, with their partition's static columns in them, from a place on.

Theory: rows are read in chunks. A row's place, from which reading can go on behind it, is known of the last row of a chunk; for
another row the chunk is read again up to it, under the same snapshot, which happens once a page at most. Invariant: reading on
from a row's place gives exactly the rows behind it, as far as they are still there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from hyperdb.frontends.cql.bind.clustering import End, Slice, Values
from hyperdb.frontends.cql.bind.frame import Frame
from hyperdb.frontends.cql.bind.select import SelectPlan
from hyperdb.frontends.cql.bind.selection import VALUE
from hyperdb.frontends.cql.describe.schema import Role
from hyperdb.frontends.cql.schema.rows import Facts, RowSource
from hyperdb.frontends.cql.schema.rows import Row as SourceRow
from hyperdb.frontends.cql.schema.token import token
from hyperdb.frontends.cql.types.containers import pack_fields, unpack_fields
from hyperdb.graph.catalog.tables import TableTransaction

Row: TypeAlias = tuple[bytes | int | list[int | None] | None, ...]
_Read: TypeAlias = tuple[list[Row], bytes | None]
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """Behind which row to go on: the partition's number among those that are named, the slice's, the row's place in it."""

    partition: int = 0
    slice: int = 0
    after: bytes | None = None


@dataclass(slots=True)
class Found:
    """A row, what its partition is told from others by, and how its place is found."""

    row: Row
    partition: object
    place: Callable[[], Place]


@dataclass(frozen=True)
class Access:
    """What rows are read with. `facts` are for tables whose rows are not in the store."""

    transaction: TableTransaction
    frame: Frame
    facts: Callable[[], Facts]
    check: Callable[[], None]
    """Raises if nobody waits for the rows any more; called now and then."""


def stream(plan: SelectPlan, access: Access, start: Place, wanted: int | None) -> Iterator[Found]:
    """The rows behind `start` that the plan's partitions and slices have, filters apart.

    Args:
        wanted: how many are likely to be looked at.
    """
    if plan.served.source is not None:
        return _system(plan, access, start)
    size = min(_MOST, wanted) if wanted is not None else _MOST
    if plan.where.lookup is not None:
        return _found(plan, access, start, size)
    if plan.where.keys is None:
        return _scan(plan, access, start, size)
    return _partitions(plan, access, start, size)


def _asked(plan: SelectPlan) -> list[tuple[int, int]]:
    return [(plan.served.ids[name], ask) for name, ask in plan.asked]


# Partitions by their keys.


def _partitions(plan: SelectPlan, access: Access, start: Place, size: int) -> Iterator[Found]:
    assert plan.where.keys is not None
    frame = access.frame
    keys = plan.where.keys(frame)
    slices = [(None, None)] if plan.where.slices is None else plan.where.slices(frame)
    if plan.reverse:
        slices = slices[::-1]
    for number in range(start.partition, len(keys)):
        here = start if number == start.partition else Place(number)
        yield from _partition(plan, access, keys[number], slices, here, size)


def _partition(
    plan: SelectPlan, access: Access, key: Values, slices: Sequence[Slice], start: Place, size: int
) -> Iterator[Found]:
    wide, statements, now = plan.served.wide, access.transaction.statements, access.frame.now
    asked = _asked(plan)
    if not plan.served.clustering:
        # Such a partition is one row, which lies where others have their static one.
        if start.after is None and start.slice == 0:
            for row in wide.fixed(statements, key, now, asked):
                yield Found(row, start.partition, lambda: Place(start.partition + 1))
        return
    static: Row | None = None
    if plan.clustering_place is not None and (plan.static_places or not plan.where.restricts_rows):
        fixed = wide.fixed(statements, key, now, asked)
        static = fixed[0] if fixed else None
    had_rows = start.after is not None or start.slice > 0
    for number in range(start.slice, len(slices)):
        low, high = slices[number]
        after = start.after if number == start.slice else None
        while True:

            def read(limit: int, after: bytes | None = after, low: End = low, high: End = high) -> _Read:
                return wide.rows(statements, key, low, high, plan.reverse, after, limit, now, asked)

            access.check()
            rows, behind = read(size)
            chunk = _Chunk(read, rows, behind)
            for at, row in enumerate(rows):
                had_rows = True
                yield Found(_merged(plan, row, static), start.partition, chunk.place(at, start.partition, number))
            if behind is None:
                break
            after, size = behind, min(_MOST, size * 2)
    if not had_rows and static is not None and not plan.where.restricts_rows:
        yield Found(static, start.partition, lambda: Place(start.partition + 1))


class _Chunk:
    """Rows that were read at once."""

    def __init__(self, read: Callable[[int], _Read], rows: list[Row], behind: bytes | None) -> None:
        self._read, self._rows, self._behind = read, rows, behind

    def place(self, at: int, partition: int, number: int) -> Callable[[], Place]:
        """How the place of a row is found."""

        def of() -> Place:
            last = self._behind if at == len(self._rows) - 1 else None
            if last is None:
                last = self._read(at + 1)[1]
            # Nothing lies behind the last row of a slice.
            return Place(partition, number, last) if last is not None else Place(partition, number + 1)

        return of


def _merged(plan: SelectPlan, row: Row, static: Row | None) -> Row:
    """A row with its partition's static columns."""
    if static is None or not plan.static_places:
        return row
    merged = list(row)
    for place in plan.static_places:
        merged[place] = static[place]
    return tuple(merged)


# All partitions, or those in a range of tokens.


def _scan(plan: SelectPlan, access: Access, start: Place, size: int) -> Iterator[Found]:
    wide, statements, now = plan.served.wide, access.transaction.statements, access.frame.now
    asked = _asked(plan)
    if start.slice > 0:
        # Behind the last row.
        return
    low = high = None
    if plan.where.tokens is not None:
        tokens = plan.where.tokens(access.frame)
        if tokens.is_empty:
            return
        low, high = tokens.above, tokens.up_to
    after = start.after
    key_of = _picker(plan.partition_places)
    is_static = plan.clustering_place
    partition: object = None
    static: Row | None = None
    # A partition's static row, as long as no row of it came.
    waiting: Found | None = None
    is_first = after is not None
    # What a partition has beyond that is not looked at.
    most = 1 if plan.distinct and not plan.where.filters else None
    while True:

        def read(limit: int, after: bytes | None = after) -> _Read:
            return wide.scan(statements, low, high, after, limit, now, asked, most)

        access.check()
        rows, behind = read(size)
        chunk = _Chunk(read, rows, behind)
        for at, row in enumerate(rows):
            key = key_of(row)
            place = chunk.place(at, 0, 0)
            if is_static is not None and row[is_static] is None:
                if waiting is not None:
                    yield waiting
                partition, static, is_first = key, row, False
                waiting = None if plan.where.restricts_rows else Found(row, key, place)
                continue
            if key != partition:
                if waiting is not None:
                    yield waiting
                partition, static, waiting = key, None, None
                if is_first and is_static is not None:
                    fixed = wide.fixed(statements, list(key), now, asked)
                    static = fixed[0] if fixed else None
            is_first = False
            waiting = None
            yield Found(_merged(plan, row, static), key, place)
        if behind is None:
            break
        after, size = behind, min(_MOST, size * 2)
    if waiting is not None:
        yield waiting


def _picker(places: tuple[int, ...]) -> Callable[[Row], tuple[bytes, ...]]:
    if len(places) == 1:
        only = places[0]
        return lambda row: (row[only],)  # type: ignore[return-value]
    return lambda row: tuple(row[place] for place in places)  # type: ignore[misc]


# Rows that an index gives.


@dataclass(frozen=True)
class _Search:
    """What an index is asked."""

    plan: SelectPlan
    access: Access
    index: int
    low: End
    high: End
    asked: list[tuple[int, int]]

    def read(self, within: Values | None, after: bytes | None, limit: int) -> _Read:
        """Rows behind a place of the index."""
        self.access.check()
        wide, statements = self.plan.served.wide, self.access.transaction.statements
        now = self.access.frame.now
        return wide.find(statements, self.index, self.low, self.high, within, after, limit, now, self.asked)


def _found(plan: SelectPlan, access: Access, start: Place, size: int) -> Iterator[Found]:
    lookup = plan.where.lookup
    assert lookup is not None
    wide = plan.served.wide
    low, high = lookup.interval(access.frame)
    search = _Search(plan, access, lookup.index.number, low, high, _asked(plan))
    tokens = None if plan.where.tokens is None else plan.where.tokens(access.frame)
    keys: Sequence[Values | None] = [None] if plan.where.keys is None else plan.where.keys(access.frame)
    found = _found_partitions if lookup.column.role is Role.STATIC else _found_rows
    # A slice is behind where all of a partition's rows are.
    for number in range(start.partition + (start.slice > 0), len(keys)):
        here = start if number == start.partition else Place(number)
        for each in found(search, keys[number], here, size):
            if tokens is None or wide.token(each.partition) in tokens:  # type: ignore[arg-type]
                yield each


def _found_rows(search: _Search, within: Values | None, start: Place, size: int) -> Iterator[Found]:
    plan, access = search.plan, search.access
    key_of = _picker(plan.partition_places)
    known: tuple[object, Row | None] = (None, None)
    after = start.after
    while True:

        def read(limit: int, after: bytes | None = after) -> _Read:
            return search.read(within, after, limit)

        rows, behind = read(size)
        chunk = _Chunk(read, rows, behind)
        for at, row in enumerate(rows):
            key = key_of(row)
            if plan.static_places and known[0] != key:
                fixed = plan.served.wide.fixed(access.transaction.statements, key, access.frame.now, search.asked)
                known = key, fixed[0] if fixed else None
            yield Found(_merged(plan, row, known[1]), key, chunk.place(at, start.partition, 0))
        if behind is None:
            return
        after, size = behind, min(_MOST, size * 2)


_SKIPPED_BYTES = 4


def _found_partitions(search: _Search, within: Values | None, start: Place, size: int) -> Iterator[Found]:
    """All rows of the partitions whose static rows an index of a static column gives, one partition after the other.

    A place here is how many rows of a partition went out, and the place in the index before it.
    """
    plan = search.plan
    key_of = _picker(plan.partition_places)
    place = start.after or b""
    skipped, after = int.from_bytes(place[:_SKIPPED_BYTES], "big"), place[_SKIPPED_BYTES:] or None
    while True:
        rows, behind = search.read(within, after, 1)
        for row in rows:
            key = key_of(row)
            for at, found in enumerate(_partition(plan, search.access, key, [(None, None)], Place(), size)):
                if at >= skipped:
                    yield Found(found.row, key, _within(start.partition, at + 1, after))
        if behind is None:
            return
        skipped, after = 0, behind


def _within(partition: int, skipped: int, after: bytes | None) -> Callable[[], Place]:
    return lambda: Place(partition, 0, skipped.to_bytes(_SKIPPED_BYTES, "big") + (after or b""))


# Tables whose rows are not in the store.


def _system(plan: SelectPlan, access: Access, start: Place) -> Iterator[Found]:
    source, where = plan.served.source, plan.where
    assert source is not None
    places = {name: at for at, name in enumerate(plan.served.columns)}
    # Times of writes are not known there.
    picks = [places[name] if ask == VALUE else None for name, ask in plan.asked]
    facts = access.facts()
    keys: Sequence[Values | None] = [None] if where.keys is None else where.keys(access.frame)
    tokens = None if where.tokens is None else where.tokens(access.frame)
    width = len(plan.served.partition)
    whole = width + len(plan.served.clustering)
    for number in range(start.partition, len(keys)):
        behind = unpack_fields(start.after, whole, "key") if number == start.partition and start.after else None
        for row in _in_order(plan, source, facts, keys[number], behind):
            key = tuple(row[:width])
            if tokens is not None and token(key) not in tokens:  # type: ignore[arg-type]
                continue
            picked = tuple([None if pick is None else row[pick] for pick in picks])
            yield Found(picked, key, _at(number, row[:whole]))


def _in_order(
    plan: SelectPlan, source: RowSource, facts: Facts, partition: Values | None, behind: Sequence[bytes | None] | None
) -> Iterator[SourceRow]:
    """Rows of a partition, or of all, from behind a key in the order in which they are read."""
    if not plan.reverse:
        yield from source.rows(facts, partition, behind)  # type: ignore[arg-type]
        return
    rows = list(source.rows(facts, partition))
    if behind is not None:
        left = len(rows) - len(list(source.rows(facts, partition, behind)))  # type: ignore[arg-type]
        rows = rows[:left]
        if rows and list(rows[-1][: len(behind)]) == list(behind):
            rows.pop()
    yield from reversed(rows)


def _at(partition: int, key: Sequence[bytes | None]) -> Callable[[], Place]:
    return lambda: Place(partition, 0, pack_fields(key))
