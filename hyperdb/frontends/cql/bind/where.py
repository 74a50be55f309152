"""A WHERE clause: which partitions, which slices of them, which rows of those; and what Cassandra refuses of it.

Theory: relations are gathered by what they restrict (token, partition key, clustering, the rest), each merge checked as it
happens; then each group is looked at, in Cassandra's order (StatementRestrictions). What is no key, no slice and no token is a
filter, for which ALLOW FILTERING must have been said unless an index answers it. Invariant: a row is in the result exactly if
it lies in the partitions and slices and passes the filters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product

from hyperdb.frontends.cql.bind import clustering as rows
from hyperdb.frontends.cql.bind.clustering import Slice, Values
from hyperdb.frontends.cql.bind.filters import Filter, filter_of
from hyperdb.frontends.cql.bind.frame import Frame
from hyperdb.frontends.cql.bind.lookups import Lookup, answers, is_storage_attached, lookup_of
from hyperdb.frontends.cql.bind.relations import CONTAINS, HIGHS, LOWS, Bound, Form
from hyperdb.frontends.cql.bind.tokens import Tokens, tokens
from hyperdb.frontends.cql.describe.schema import Column, Role
from hyperdb.frontends.cql.parse.statements import Comparison
from hyperdb.frontends.cql.schema.model import Served
from hyperdb.frontends.cql.types.faults import invalid

ALLOW_FILTERING = (
    "Cannot execute this query as it might involve data filtering and thus may have unpredictable performance. If you want to "
    "execute this query despite the performance unpredictability, use ALLOW FILTERING"
)
_POINTS = frozenset({Comparison.EQUAL, Comparison.IN})
Place = Callable[[str], int]
"""Where in a row a column's value is."""


@dataclass(frozen=True)
class Where:
    """See the module."""

    keys: Callable[[Frame], list[Values]] | None = None
    """Partition keys, in their order; None: all partitions, as far as `tokens` has them."""
    tokens: Callable[[Frame], Tokens] | None = None
    slices: Callable[[Frame], list[Slice]] | None = None
    """None: whole partitions."""
    filters: tuple[Filter, ...] = ()
    lookup: Lookup | None = None
    """An index that gives the rows, before they are looked at."""
    equal: frozenset[str] = frozenset()
    """Columns that have one value."""
    is_one_partition: bool = False
    has_in: bool = False
    """Whether several partition keys may be named."""
    restricts_clustering: bool = False
    filters_more: bool = False
    """Whether rows would be looked at one by one, which was not allowed."""
    warning: str | None = None
    """What is said where rows are aggregated."""
    restricts_rows: bool = False
    """Whether clustering or regular columns are restricted, so that a partition's static columns alone are no row."""


@dataclass
class Restrictions:
    """Relations by what they restrict."""

    served: Served
    allow_filtering: bool = False
    token: list[Bound] = field(default_factory=list)
    partition: dict[str, list[Bound]] = field(default_factory=dict)
    clustering: list[list[Bound]] = field(default_factory=list)
    """Merged: slices that begin with one column are together."""
    others: dict[str, list[Bound]] = field(default_factory=dict)
    bounds: list[Bound] = field(default_factory=list)
    """All of them, as they came."""

    def add(self, bound: Bound) -> None:
        """One more.

        Raises:
            CqlError: invalid, where it does not go with those before.
        """
        self.bounds.append(bound)
        if bound.form is Form.TOKEN:
            self.served.refuse_tokens()
            _merge(self.token, bound, ", ".join(column.name for column in bound.columns))
        elif bound.first.role is Role.PARTITION:
            _merge(self.partition.setdefault(bound.first.name, []), bound, bound.first.name)
        elif bound.first.role is Role.CLUSTERING:
            self._add_clustering(bound)
        else:
            _merge(self.others.setdefault(bound.first.name, []), bound, bound.first.name)

    def _add_clustering(self, bound: Bound) -> None:
        last = self.clustering[-1][0] if self.clustering else None
        self._merge_clustering(bound)
        if self.allow_filtering or last is None or any(answers(index, bound) for index in self.served.indexes):
            return
        start, before = bound.first, last.first
        if last.is_slice and start.position > before.position:
            raise invalid(
                f'Clustering column "{start.name}" cannot be restricted (preceding column "{before.name}" is restricted by a '
                "non-EQ relation)"
            )
        if start.position < before.position and bound.is_slice:
            after = next(column for column in self.clustering_columns if column.position > start.position)
            raise invalid(
                f'PRIMARY KEY column "{after.name}" cannot be restricted (preceding column "{start.name}" is restricted by a '
                "non-EQ relation)"
            )

    def _merge_clustering(self, bound: Bound) -> None:
        mine = {column.name for column in bound.columns}
        for group in self.clustering:
            names = {column.name for other in group for column in other.columns}
            if not mine & names:
                continue
            if bound.is_slice and group[0].is_slice and bound.first != group[0].first:
                shown = '", "'.join(column.name for column in self.served.clustering if column.name in mine & names)
                raise invalid(
                    f'Column "{shown}" cannot be restricted by two inequalities not starting with the same column: {bound.shown}'
                )
            _merge(group, bound, ", ".join(column.name for column in bound.columns))
            return
        self.clustering.append([bound])
        self.clustering.sort(key=lambda group: group[0].first.position)

    @property
    def clustering_columns(self) -> list[Column]:
        """Clustering columns that are restricted, in their order."""
        names = {column.name for group in self.clustering for bound in group for column in bound.columns}
        return [column for column in self.served.clustering if column.name in names]

    @property
    def unrestricted(self) -> list[str]:
        """Columns of the partition key that are not restricted."""
        return [column.name for column in self.served.partition if column.name not in self.partition]

    @property
    def equal(self) -> frozenset[str]:
        """Columns that have one value."""
        found = [group[0] for group in (*self.partition.values(), *self.clustering, *self.others.values())]
        return frozenset(
            column.name
            for bound in found
            if bound.comparison is Comparison.EQUAL and bound.form is not Form.ENTRY
            for column in bound.columns
        )

    # What a SELECT makes of them.

    def leading(self) -> tuple[list[Bound], list[Bound], list[list[Bound]]]:
        """Of the clustering columns: equalities and INs on the first ones, the slices behind them, and what is left to filter."""
        equal: list[Bound] = []
        at = 0
        for number, group in enumerate(self.clustering):
            first = group[0]
            if first.first.position != at:
                return equal, [], self.clustering[number:]
            if first.is_slice:
                return equal, group, self.clustering[number + 1 :]
            if first.comparison not in _POINTS:
                return equal, [], self.clustering[number:]
            equal.append(first)
            at += len(first.columns)
        return equal, [], []

    def partition_needs_filtering(self) -> bool:
        """Whether the partition key's restrictions name no partitions."""
        if not self.partition:
            return False
        bounds = [bound for group in self.partition.values() for bound in group]
        return bool(self.unrestricted) or any(bound.comparison not in _POINTS for bound in bounds)


def _common(first: Bound, second: Bound) -> str:
    return ", ".join(column.name for column in first.columns if column in second.columns)


def _merge(group: list[Bound], bound: Bound, names: str) -> None:
    """Adds to restrictions of the same columns."""
    if group:
        if group[0].is_slice and bound.comparison in _POINTS and bound.form is not Form.ENTRY:
            shown = f'Columns "{names}"' if bound.form is Form.TOKEN else f'Column "{_common(group[0], bound)}"'
            raise invalid(f"{shown} cannot be restricted by both an equality and an inequality relation")
        for each in (group[0], bound):
            if each.form is Form.ENTRY or each.comparison in CONTAINS:
                continue
            if each.comparison is Comparison.EQUAL:
                raise invalid(f"{names} cannot be restricted by more than one relation if it includes an Equal")
            if each.comparison is Comparison.IN:
                raise invalid(f"{names} cannot be restricted by more than one relation if it includes a IN")
        if bound.is_contains != group[0].is_contains:
            raise invalid(f"Collection column {names} can only be restricted by CONTAINS, CONTAINS KEY, or map-entry equality")
        for ends, what in ((LOWS, "start"), (HIGHS, "end")):
            if bound.comparison in ends and any(each.comparison in ends for each in group):
                raise invalid(f"More than one restriction was found for the {what} bound on {names}")
    group.append(bound)


def gather(served: Served, bounds: Iterable[Bound], *, allow_filtering: bool) -> Restrictions:
    """Relations gathered, one after the other, so that what is wrong with a first one is told before what is with a second.

    Raises:
        CqlError: invalid, where two do not go together.
    """
    found = Restrictions(served, allow_filtering)
    for bound in bounds:
        found.add(bound)
    return found


def keys(found: Restrictions) -> Callable[[Frame], list[Values]]:
    """Partition keys, sorted as Cassandra reads them, each once; where a token is restricted too, those that have such a one."""
    columns = found.served.partition
    options = [found.partition[column.name][0].options for column in columns]
    key = rows.sort_key(columns)
    ranges = tokens(found.token) if found.token else None
    served = found.served

    def of(frame: Frame) -> list[Values]:
        parts = [[row[0] for row in each(frame)] for each in options]
        rows.check_product(parts)
        made = [tuple(row) for row in product(*parts)]
        if len(made) > 1:
            made = rows.distinct(made, key)
        if ranges is None:
            return made
        between = ranges(frame)
        from hyperdb.frontends.cql.bind.selection import token_of

        return [row for row in made if token_of(served, row) in between]

    return of


def check_key(row: Values) -> None:
    """Whether a partition may be written.

    Raises:
        CqlError: invalid.
    """
    if len(row) == 1 and not row[0]:
        raise invalid("Key may not be empty")
    check_length(row)


def check_length(row: Values) -> None:
    """Whether a key, of a partition or of a row in one, may be so long.

    Raises:
        CqlError: invalid.
    """
    if sum(map(len, row)) > _LONGEST_KEY:
        raise invalid(f"Key length of {sum(map(len, row))} is longer than maximum of {_LONGEST_KEY}")


_LONGEST_KEY = 65_535


def _readable(given: Callable[[Frame], list[Values]]) -> Callable[[Frame], list[Values]]:
    def of(frame: Frame) -> list[Values]:
        found = given(frame)
        for row in found:
            check_key(row)
        return found

    return of


def select(found: Restrictions, place: Place, *, selects_only_statics: bool) -> Where:
    """What a SELECT reads.

    Raises:
        CqlError: invalid, in Cassandra's order of checking.
    """
    served = found.served
    may_filter = found.allow_filtering or served.is_virtual
    lookup = _lookup(found)
    has_index = lookup is not None
    is_range = bool(found.token) and bool(found.unrestricted)
    if not found.partition:
        is_range = True
    if found.partition_needs_filtering():
        if not may_filter and not has_index:
            raise invalid(ALLOW_FILTERING)
        is_range = True
    if selects_only_statics and found.clustering:
        raise invalid("Cannot restrict clustering columns when selecting only static columns")
    equal, between, left = found.leading()
    check_clustering(found, left, may_filter=may_filter, has_index=has_index)
    if found.others and not has_index and not may_filter:
        raise invalid(ALLOW_FILTERING)
    filters = [bound for group in left for bound in group]
    filters += [bound for group in found.others.values() for bound in group]
    # Rows that are not in the store, and those that an index gives, come whatever their clustering columns are.
    by_row = is_range or has_index or served.source is not None
    if by_row:
        groups = [*found.clustering, *found.others.values(), *(found.partition.values() if is_range else ())]
        filters = [bound for group in groups for bound in group]
    elif between and not rows.are_alike(max(between, key=lambda bound: len(bound.columns)).columns):
        filters += between
    has_in = any(group[0].comparison is Comparison.IN for group in found.partition.values())
    if has_index and has_in:
        raise invalid("Select on indexed columns and with IN clause for the PRIMARY KEY are not supported")
    made = [filter_of(group, place) for group in _by_columns(filters)]
    return Where(
        keys=None if is_range else _readable(keys(found)),
        tokens=tokens(found.token) if is_range and found.token else None,
        slices=None if by_row or not (equal or between) else rows.slices(served.clustering, equal, between),
        filters=tuple(made),
        lookup=lookup,
        equal=found.equal,
        is_one_partition=not is_range and not has_in,
        has_in=has_in,
        restricts_clustering=bool(found.clustering),
        restricts_rows=bool(found.clustering) or any(group[0].first.role is Role.REGULAR for group in found.others.values()),
        filters_more=(is_range or has_index) and not may_filter and _needs_filtering(found, lookup, is_range=is_range),
        warning=_warning(found, has_in=has_in),
    )


def check_filtering(where: Where) -> None:
    """Refuses what would look at rows one by one unasked.

    Raises:
        CqlError: invalid.
    """
    if where.filters_more:
        raise invalid(ALLOW_FILTERING)


def _warning(found: Restrictions, *, has_in: bool) -> str | None:
    """What is said of an aggregate over such partitions."""
    if not found.partition and not found.token:
        return "Aggregation query used without partition key"
    return "Aggregation query used on multiple partition keys (IN restriction)" if has_in else None


def _by_columns(bounds: Sequence[Bound]) -> list[list[Bound]]:
    """Slices of the same columns together, as they are looked at at once."""
    found: list[list[Bound]] = []
    for bound in bounds:
        group = next((group for group in found if group[0].is_slice and bound.is_slice and group[0].first == bound.first), None)
        if group is None:
            found.append([bound])
        else:
            group.append(bound)
    return found


def check_clustering(found: Restrictions, left: list[list[Bound]], *, may_filter: bool, has_index: bool) -> None:
    """Refuses restrictions of clustering columns that make no slices.

    Raises:
        CqlError: invalid.
    """
    bounds = [bound for group in found.clustering for bound in group]
    if any(bound.is_contains for bound in bounds) and not has_index and not may_filter:
        raise invalid("Clustering columns can only be restricted with CONTAINS with a secondary index or filtering")
    if left and not may_filter and not has_index:
        for wanted, given in zip(found.served.clustering, found.clustering_columns, strict=False):
            if wanted != given:
                raise invalid(
                    f'PRIMARY KEY column "{given.name}" cannot be restricted as preceding column "{wanted.name}" is not '
                    "restricted"
                )


def _needs_filtering(found: Restrictions, lookup: Lookup | None, *, is_range: bool) -> bool:
    """Whether rows would be looked at one by one, beside what an index gives."""
    if lookup is None:
        return bool(found.clustering) or bool(found.others) or found.partition_needs_filtering()
    if found.partition_needs_filtering() and lookup.column.role is not Role.PARTITION:
        return True
    groups = [*found.others.values(), *found.clustering]
    if all(any(is_storage_attached(index) and answers(index, group[0]) for index in found.served.indexes) for group in groups):
        # Indexes of that kind are met together.
        return False
    if any(len(group) > 1 and not group[0].is_slice for group in found.others.values()):
        return True
    # Clustering columns that make slices of a partition, or are beside tokens, are no matter of the index.
    counted = len(found.clustering) if (is_range and not found.token) or found.leading()[2] else 0
    return len(found.others) + counted > (lookup.column.role is not Role.PARTITION)


def _lookup(found: Restrictions) -> Lookup | None:
    """An index that answers one of the restrictions."""
    # What names partitions and slices needs no index.
    is_range = bool(found.unrestricted) or found.partition_needs_filtering()
    clustering = found.clustering if is_range else found.leading()[2]
    for group in (*found.others.values(), *clustering, *found.partition.values()):
        if group[0].first.role is Role.PARTITION and not found.unrestricted:
            continue
        for index in found.served.indexes:
            answered = [bound for bound in group if answers(index, bound)]
            if answered:
                return lookup_of(index, answered)
    return None
