"""SELECT run: rows from the stream, filtered, counted, grouped, made into what goes out, a page at a time.

Theory: a page ends before the first row that does not fit, and its state is the place of the last row that did; what has one
row whatever there is (aggregates without groups), or is sorted first, is read to its end. Invariant: the pages of a result,
one after the other, are the result without pages, as far as nobody writes meanwhile.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from hyperdb.frontends.cql.bind.clustering import Downwards
from hyperdb.frontends.cql.bind.frame import Frame, Value
from hyperdb.frontends.cql.bind.nearest import MOST_ROWS, Nearest
from hyperdb.frontends.cql.bind.select import SelectPlan, amount
from hyperdb.frontends.cql.bind.where import Where
from hyperdb.frontends.cql.execute.paging import State
from hyperdb.frontends.cql.execute.stream import Access, Found, Row, stream
from hyperdb.frontends.cql.functions.aggregates import Accumulator
from hyperdb.frontends.cql.types import codec
from hyperdb.frontends.cql.types.faults import invalid

Out = Sequence[bytes | None]


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of a result, and where it goes on; None: it is at its end."""

    rows: list[Out]
    state: State | None = None


def run(plan: SelectPlan, access: Access, page_size: int | None, state: State | None) -> Page:
    """A page of a SELECT's result, all of it without a size.

    Raises:
        CqlError: invalid, for values that cannot be.
    """
    frame = access.frame
    limit = amount(plan.limit, frame, "LIMIT")
    per_partition = amount(plan.per_partition_limit, frame, "PER PARTITION LIMIT")
    begin = state or State()
    left = limit if state is None else begin.left
    # A LIMIT that would fit into the page is no matter: all rows are sorted before it counts.
    is_refused = bool(plan.sorting) and page_size is not None
    if is_refused or plan.warning is not None:
        _check_values(plan.where, frame)
    if plan.warning is not None:
        frame.warnings.append(plan.warning)
    if is_refused:
        raise invalid(
            "Cannot page queries with both ORDER BY and a IN restriction on the partition key; you must either remove the "
            "ORDER BY or the IN and sort client side, or disable paging for this query"
        )
    if plan.sorting and not plan.is_one_row:
        unsorted = _filtered(plan, frame, stream(plan, access, State().place, None))
        made = _sorted_groups if plan.groups is not None else _sorted
        return Page(made(plan, frame, unsorted, per_partition)[:limit])
    if plan.nearest is not None:
        return Page(_nearest(plan, plan.nearest, access, limit, page_size))
    if plan.is_one_row:
        return Page([_only(plan, access, begin)])
    wanted = None if plan.where.filters or plan.distinct or plan.groups is not None else _least(left, page_size)
    found = _filtered(plan, frame, stream(plan, access, begin.place, wanted))
    if plan.groups is not None:
        groups, behind = _grouped(plan, frame, _limited(plan, found, None, begin), per_partition, _least(left, page_size), begin)
        if behind is None or left == len(groups):
            return Page([each.out() for each in groups])
        return Page([each.out() for each in groups], _state(plan, behind, None if left is None else left - len(groups)))
    rows = _limited(plan, found, per_partition, begin)
    return _paged(plan, frame, rows, page_size, left)


def _check_values(where: Where, frame: Frame) -> None:
    """Values that cannot be are told before anything else is."""
    for given in (where.keys, where.tokens, where.slices, *where.filters):
        if given is not None:
            given(frame)


def _least(left: int | None, page_size: int | None) -> int | None:
    return min((each for each in (left, page_size) if each is not None), default=None)


def _filtered(plan: SelectPlan, frame: Frame, rows: Iterator[Found]) -> Iterator[Found]:
    if not plan.where.filters:
        return rows
    passes = [each(frame) for each in plan.where.filters]
    return (found for found in rows if all(each(found.row) for each in passes))


def _name(partition: object) -> bytes:
    """What tells a partition from others, short."""
    return hashlib.blake2b(repr(partition).encode(), digest_size=8).digest()


@dataclass(slots=True)
class _Counted:
    """A row, and how many of its partition came before it."""

    found: Found
    before: int


def _limited(plan: SelectPlan, rows: Iterator[Found], per_partition: int | None, begin: State) -> Iterator[_Counted]:
    """Rows as far as their partition may have so many; one of each for DISTINCT."""
    most = 1 if plan.distinct else per_partition
    if most is None:
        yield from (_Counted(found, 0) for found in rows)
        return
    partition: object = None
    count = 0
    is_first = True
    for found in rows:
        if is_first or found.partition != partition:
            goes_on = is_first and begin.partition == _name(found.partition)
            partition, count = found.partition, begin.of_partition if goes_on else 0
        is_first = False
        if count < most:
            yield _Counted(found, count)
            count += 1


def _state(plan: SelectPlan, last: _Counted, left: int | None) -> State:
    is_counted = plan.distinct or plan.per_partition_limit is not None
    name = _name(last.found.partition) if is_counted else b""
    return State(last.found.place(), left, last.before + 1 if is_counted else 0, name)


def _paged(plan: SelectPlan, frame: Frame, rows: Iterator[_Counted], page_size: int | None, left: int | None) -> Page:
    wanted = _least(left, page_size)
    taken = list(rows if wanted is None else islice(rows, wanted))
    out = _made(plan, frame, [each.found.row for each in taken])
    # As in Cassandra, behind a full page there is another one, if an empty one.
    if wanted is None or len(taken) < wanted or left == wanted:
        return Page(out)
    return Page(out, _state(plan, taken[-1], None if left is None else left - len(taken)))


def _made(plan: SelectPlan, frame: Frame, rows: list[Row]) -> list[Out]:
    """Rows as they go out."""
    picks = plan.selected.picks
    if plan.json is None and picks is not None:
        if picks == tuple(range(len(plan.asked))):
            return rows  # type: ignore[return-value]
        return [tuple([row[pick] for pick in picks]) for row in rows]  # type: ignore[misc]
    runs = [each.run for each in plan.selected.expressions]
    return [_shown(plan, [run(frame, row) for run in runs]) for row in rows]


def _shown(plan: SelectPlan, values: Sequence[Value]) -> Out:
    if plan.json is None:
        return values  # type: ignore[return-value]
    return (("{" + ", ".join(entry(value) for entry, value in zip(plan.json, values, strict=True)) + "}").encode(),)


# Sorted.


def _order_key(plan: SelectPlan, row: Row) -> tuple[object, ...]:
    found: list[object] = []
    for each in plan.sorting:
        value = row[each.place]
        # What a row has not comes first.
        mine = (0,) if not isinstance(value, bytes) else (1, each.key(value))
        found.append(Downwards(mine) if each.descending else mine)
    return tuple(found)


def _sorted(plan: SelectPlan, frame: Frame, rows: Iterator[Found], per_partition: int | None) -> list[Out]:
    found = _limited(plan, rows, per_partition, State())
    return _made(plan, frame, sorted((each.found.row for each in found), key=lambda row: _order_key(plan, row)))


def _sorted_groups(plan: SelectPlan, frame: Frame, rows: Iterator[Found], per_partition: int | None) -> list[Out]:
    """Groups lie where their first rows do."""
    groups, _ = _grouped(plan, frame, _limited(plan, rows, None, State()), per_partition, None, State())
    return [each.out() for each in sorted(groups, key=lambda group: _order_key(plan, group.first))]


# By similarity.


def _nearest(plan: SelectPlan, near: Nearest, access: Access, limit: int | None, page_size: int | None) -> list[Out]:
    """The most similar rows, all in one page; what has no vector, or one without a direction, is near to nothing."""
    frame = access.frame
    if limit is None:
        raise invalid("Top-K queries must have a limit specified and the limit must be less than the query page size")
    if limit > MOST_ROWS:
        how = f"requires a LIMIT that is not greater than {MOST_ROWS}"
        raise invalid(f"Use of ANN OF in an ORDER BY clause {how}. LIMIT was {limit}")
    if page_size is not None and page_size < limit:
        frame.warnings.append(
            f"Top-K queries do not support paging and the page size is set to {page_size}, which is less than LIMIT {limit}. "
            f"The page size has been changed to {limit}"
        )
    decode = codec.codec(near.wanted.type).decode
    given = near.wanted.run(frame, ())
    if not isinstance(given, bytes):
        raise invalid(f"Unsupported {'null' if given is None else 'unset'} value for column {near.name}")
    wanted = decode(given)
    if near.similarity(wanted, wanted) is None:
        raise invalid("Zero and near-zero vectors cannot be indexed or queried with cosine similarity")
    scored: list[tuple[float, int, Row]] = []
    for number, found in enumerate(_filtered(plan, frame, stream(plan, access, State().place, None))):
        value = found.row[near.place]
        score = near.similarity(decode(value), wanted) if isinstance(value, bytes) else None
        if score is not None:
            entry = score, -number, found.row
            # Places tell rows of one similarity apart.
            (heapq.heappushpop if len(scored) == limit else heapq.heappush)(scored, entry)
    return _made(plan, frame, [row for _, _, row in sorted(scored, key=lambda each: each[:2], reverse=True)])


# Groups.


class _Group:
    """Rows of a group as far as they are needed: its first one, and what aggregates keep."""

    def __init__(self, plan: SelectPlan, frame: Frame, first: Row) -> None:
        self._plan, self._frame, self.first = plan, frame, first
        self._kept: list[Accumulator] = [each.aggregate.new() for each in plan.selected.aggregates]

    def add(self, row: Row) -> None:
        """One more row."""
        for each, kept in zip(self._plan.selected.aggregates, self._kept, strict=True):
            if each.argument is None:
                kept.add(row)
                continue
            value = each.argument.run(self._frame, row)
            kept.add(codec.decode(each.argument.type, value) if isinstance(value, bytes) else None)

    def out(self) -> Out:
        """What goes out for the group."""
        results = [
            codec.encode(each.aggregate.returns, kept.result())
            for each, kept in zip(self._plan.selected.aggregates, self._kept, strict=True)
        ]
        row = (*self.first, *reversed(results))
        return _shown(self._plan, [each.run(self._frame, row) for each in self._plan.selected.expressions])


def _only(plan: SelectPlan, access: Access, begin: State) -> Out:
    """The one row of aggregates over all rows."""
    frame = access.frame
    rows = _limited(plan, _filtered(plan, frame, stream(plan, access, begin.place, None)), None, begin)
    group: _Group | None = None
    for each in rows:
        if group is None:
            group = _Group(plan, frame, each.found.row)
        group.add(each.found.row)
    return (group or _Group(plan, frame, (None,) * len(plan.asked))).out()


def _grouped(
    plan: SelectPlan, frame: Frame, rows: Iterator[_Counted], per_partition: int | None, wanted: int | None, begin: State
) -> tuple[list[_Group], _Counted | None]:
    """So many groups, and the last row of those if there are more behind; PER PARTITION LIMIT counts groups."""
    assert plan.groups is not None
    done: list[_Group] = []
    group: _Group | None = None
    key: object = None
    last: _Counted | None = None
    partition: object = None
    count = 0
    for each in rows:
        row = each.found.row
        here = [expression.run(frame, row) for expression in plan.groups]
        if key is None or here != key:
            if group is not None:
                done.append(group)
                group = None
            if wanted is not None and len(done) == wanted:
                assert last is not None
                return done, last
            if each.found.partition != partition:
                goes_on = key is None and begin.partition == _name(each.found.partition)
                partition, count = each.found.partition, begin.of_partition if goes_on else 0
            key = here
            if per_partition is None or count < per_partition:
                group = _Group(plan, frame, row)
                count += 1
        if group is not None:
            group.add(row)
            last = _Counted(each.found, count - 1)
    if group is not None:
        done.append(group)
    return done, None
