"""SELECT bound: what is read, in which order it comes, how it is grouped, what goes out.

Invariant: checks come in the order of Cassandra's SelectStatement.RawStatement.prepare.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hyperdb.frontends.cql.bind import where as wheres
from hyperdb.frontends.cql.bind.frame import Frame, Value
from hyperdb.frontends.cql.bind.markers import Markers, Receiver
from hyperdb.frontends.cql.bind.nearest import Nearest, nearest
from hyperdb.frontends.cql.bind.relations import Bound, Relations
from hyperdb.frontends.cql.bind.selection import Selected, Selecting, select
from hyperdb.frontends.cql.bind.terms import Expression
from hyperdb.frontends.cql.bind.where import Restrictions, Where
from hyperdb.frontends.cql.describe.schema import Column as TableColumn
from hyperdb.frontends.cql.describe.schema import Role
from hyperdb.frontends.cql.functions.registry import AGGREGATES
from hyperdb.frontends.cql.parse import terms as tm
from hyperdb.frontends.cql.parse.statements import Comparison, Direction, Ordering, Select
from hyperdb.frontends.cql.parse.walk import walk
from hyperdb.frontends.cql.protocol.responses import Column
from hyperdb.frontends.cql.schema.model import Served
from hyperdb.frontends.cql.types import codec, json_text, ordering
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import INT, TEXT, Udt

_OUT_OF_ORDER = "Group by currently only support groups of columns following their declared order in the PRIMARY KEY"
_KEY_ROLES = frozenset({Role.PARTITION, Role.CLUSTERING})


@dataclass(frozen=True, slots=True)
class Sorting:
    """A column that the rows of several partitions are sorted by."""

    place: int
    key: Callable[[bytes], object]
    descending: bool


@dataclass(frozen=True)
class SelectPlan:
    """See the module. Rows are asked for `asked`: columns' names, and which question."""

    served: Served
    selected: Selected
    columns: tuple[Column, ...]
    """Of the result."""
    asked: tuple[tuple[str, int], ...]
    where: Where
    partition_places: tuple[int, ...]
    """Where in a row the partition key is."""
    clustering_place: int | None
    """Where its first clustering column is, which a static row has not; None: the table has no static rows."""
    static_places: tuple[int, ...]
    """Where in a row what is static is."""
    reverse: bool = False
    sorting: tuple[Sorting, ...] = ()
    nearest: Nearest | None = None
    """What rows are to be near to; the nearest come first."""
    groups: tuple[Expression, ...] | None = None
    """What has one value in a group; None: no groups."""
    distinct: bool = False
    limit: Expression | None = None
    per_partition_limit: Expression | None = None
    json: tuple[Callable[[Value], str], ...] | None = None
    """For each column of the selection its entry in the JSON text."""
    markers: tuple[Column, ...] = ()
    partition_markers: tuple[int, ...] = ()
    warning: str | None = None

    @property
    def is_one_row(self) -> bool:
        """Whether all rows are one group, which there is without rows too."""
        return bool(self.selected.aggregates) and self.groups is None


def bind_select(statement: Select, served: Served, markers: Markers, find: Callable[[str | None, str], Udt]) -> SelectPlan:
    """The plan of a SELECT.

    Raises:
        CqlError: invalid.
    """
    selecting = Selecting(markers, served, find)
    _check_columns(statement, served)
    relations = Relations(selecting, served)
    found = wheres.gather(served, map(relations.bind, statement.where), allow_filtering=statement.allow_filtering)
    near = nearest(selecting, statement.order_by, found)
    orderings = [] if near is not None else [_ordering(served, each) for each in statement.order_by]
    where = wheres.select(found, selecting.place, selects_only_statics=_selects_only_statics(statement, served))
    selected = select(selecting, statement.selectors)
    if statement.distinct:
        # Rows of several partitions are sorted by what is selected with them.
        sorted_by = [column.name for column, _ in orderings] if where.has_in else []
        _check_distinct(statement, selected, found, selecting, sorted_by)
    groups = _groups(statement, selecting, found)
    if selected.aggregates and groups is None and statement.per_partition_limit is not None:
        raise invalid("PER PARTITION LIMIT is not allowed with aggregate queries.")
    if near is not None and (selected.aggregates or groups is not None):
        raise invalid("Top-K queries can not be run with aggregation")
    if near is not None and statement.per_partition_limit is not None:
        raise invalid("Top-K queries do not support per-partition limits")
    reverse = False
    sorting: tuple[Sorting, ...] = ()
    if orderings:
        reverse = _order(served, found, where, orderings)
        if where.has_in:
            sorting = tuple(
                Sorting(selecting.place(column.name), ordering.order_key(column.type), descending)
                for column, descending in orderings
            )
    wheres.check_filtering(where)
    limit = _amount(selecting, statement.limit, "[limit]")
    per_partition = _amount(selecting, statement.per_partition_limit, "[per_partition_limit]")
    partition_places = tuple(selecting.place(column.name) for column in served.partition)
    clustering_place = selecting.place(served.clustering[0].name) if served.statics and served.clustering else None
    statics = {column.name for column in served.statics}
    return SelectPlan(
        served=served,
        selected=selected,
        columns=(Column(served.keyspace, served.name, "[json]", TEXT),) if statement.json else selected.columns,
        asked=tuple(selecting.asked),
        where=where,
        partition_places=partition_places,
        clustering_place=clustering_place,
        static_places=tuple(at for at, (name, _) in enumerate(selecting.asked) if name in statics),
        reverse=reverse,
        sorting=sorting,
        nearest=near,
        groups=groups,
        distinct=statement.distinct,
        limit=limit,
        per_partition_limit=per_partition,
        json=tuple(map(_json_entry, selected.columns)) if statement.json else None,
        markers=markers.specifications(),
        partition_markers=partition_markers(served, found.bounds),
        warning=where.warning if selected.aggregates or groups is not None else None,
    )


def _check_columns(statement: Select, served: Served) -> None:
    """What is selected is looked up before anything else is."""
    for selector in statement.selectors or ():
        if isinstance(selector.value, tm.Column) and selector.value.name not in served.columns:
            raise invalid(f"Undefined column name {selector.value.name} in table {served.keyspace}.{served.name}")


def _selects_only_statics(statement: Select, served: Served) -> bool:
    if statement.selectors is None:
        return False
    columns = [served.columns.get(node.name) for node in walk(statement.selectors) if isinstance(node, tm.Column)]
    roles = {column.role for column in columns if column is not None}
    return Role.STATIC in roles and roles <= {Role.STATIC, Role.PARTITION}


def partition_markers(served: Served, bounds: Sequence[Bound]) -> tuple[int, ...]:
    """The markers that are the partition key's columns, for drivers that find the right server by it; none unless all are."""
    numbers = {
        bound.first.name: bound.marker
        for bound in bounds
        if bound.comparison is Comparison.EQUAL and bound.marker >= 0 and bound.first.role is Role.PARTITION
    }
    found = tuple(numbers[column.name] for column in served.partition if column.name in numbers)
    return found if len(found) == len(served.partition) else ()


def _check_distinct(
    statement: Select, selected: Selected, found: Restrictions, selecting: Selecting, sorted_by: Sequence[str]
) -> None:
    served = selecting.served
    if statement.per_partition_limit is not None:
        raise invalid("PER PARTITION LIMIT is not allowed with SELECT DISTINCT queries")
    if found.clustering or any(group[0].first.role is Role.REGULAR for group in found.others.values()):
        raise invalid("SELECT DISTINCT with WHERE clause only supports restriction by partition key and/or static columns.")
    names = [name for name, _ in selecting.asked]
    if statement.selectors is None:
        names = list(served.columns)
    for name in (*names, *sorted_by):
        if served.columns[name].role not in (Role.PARTITION, Role.STATIC):
            raise invalid(f"SELECT DISTINCT queries must only request partition key columns and/or static columns (not {name})")
    # All of a key must be asked for, or as many partitions would show as one.
    if selected.aggregates and not names:
        return
    for column in served.partition:
        if column.name not in names and column.name not in found.equal:
            raise invalid(f"SELECT DISTINCT queries must request all the partition key columns (missing {column.name})")


# Groups.


def _groups(statement: Select, selecting: Selecting, found: Restrictions) -> tuple[Expression, ...] | None:
    if not statement.group_by:
        return None
    served = selecting.served
    key = [*served.partition, *served.clustering]
    at = 0
    had_function = False
    expressions = [selecting.whole(column.name) for column in served.partition]
    for term in statement.group_by:
        column = _grouped_column(term, selecting)
        if had_function and isinstance(term, tm.Column):
            raise invalid("Functions are only supported on the last element of the GROUP BY clause")
        had_function = not isinstance(term, tm.Column)
        while True:
            if at >= len(key):
                raise invalid(_OUT_OF_ORDER)
            here = key[at]
            at += 1
            if here == column:
                break
            if here.name not in found.equal:
                raise invalid(_OUT_OF_ORDER)
        if column.role is Role.CLUSTERING:
            value = selecting.infer(term)
            assert value is not None
            expressions.append(value)
    if at < len(key) and key[at].role is Role.PARTITION:
        raise invalid("Group by is not supported on only a part of the partition key")
    if len(expressions) > len(served.partition) and statement.distinct:
        raise invalid("Grouping on clustering columns is not allowed for SELECT DISTINCT queries")
    return tuple(expressions)


def _grouped_column(term: tm.Term, selecting: Selecting) -> TableColumn:
    match term:
        case tm.Column(name):
            column = selecting.column(name)
            if column.role not in _KEY_ROLES:
                raise invalid(f"Group by is currently only supported on the columns of the PRIMARY KEY, got {name}")
            return column
        case tm.Call(name=name, arguments=arguments):
            if name in AGGREGATES:
                raise invalid("Aggregate functions are not supported within the GROUP BY clause.")
            columns = [part for part in arguments if isinstance(part, tm.Column)]
            if len(columns) != 1:
                raise invalid("Group by functions are only supported with one column as argument")
            column = selecting.column(columns[0].name)
            if column.role is not Role.CLUSTERING:
                raise invalid(f"Group by functions are only supported on clustering columns, got {column.name}")
            return column
        case _:
            raise invalid("Group by is currently only supported on the columns of the PRIMARY KEY")


# Order.


def _ordering(served: Served, found: Ordering) -> tuple[TableColumn, bool]:
    column = served.columns.get(found.column)
    if column is None:
        raise invalid(f"Undefined column name {found.column} in table {served.keyspace}.{served.name}")
    return column, found.direction is Direction.DESCENDING


def _order(served: Served, found: Restrictions, where: Where, orderings: Sequence[tuple[TableColumn, bool]]) -> bool:
    """Whether rows are read from the last to the first."""
    if where.lookup is not None:
        raise invalid("ORDER BY with 2ndary indexes is not supported, except for ANN queries.")
    if where.keys is None:
        raise invalid("ORDER BY is only supported when the partition key is restricted by an EQ or an IN.")
    reversed_of: list[bool] = []
    at = 0
    # Of a column that is named twice the last word counts, at the place of the first.
    for column, descending in dict(orderings).items():
        if column.role is not Role.CLUSTERING:
            raise invalid(f"Order by is currently only supported on the clustered columns of the PRIMARY KEY, got {column.name}")
        while at != column.position:
            if at > column.position or served.clustering[at].name not in found.equal:
                raise invalid(
                    "Order by currently only supports the ordering of columns following their declared order in the PRIMARY KEY"
                )
            at += 1
        at += 1
        reversed_of.append(descending != column.descending)
    if len(set(reversed_of)) > 1:
        raise invalid("Unsupported order by relation")
    return reversed_of[0]


def _amount(selecting: Selecting, term: tm.Term | None, name: str) -> Expression | None:
    return None if term is None else selecting.bind(term, Receiver(name, INT))


def amount(found: Expression | None, frame: Frame, what: str) -> int | None:
    """How many rows a LIMIT lets through; None: all.

    Raises:
        CqlError: invalid.
    """
    if found is None:
        return None
    value = found.run(frame, ())
    if value is None:
        raise invalid(f"Invalid null value of {what.lower()}")
    if not isinstance(value, bytes):
        return None
    number = codec.codec(INT).decode(value)
    if number is None or number <= 0:
        raise invalid("LIMIT must be strictly positive")
    return int(number)


def _json_entry(column: Column) -> Callable[[Value], str]:
    name, kind = json_text.string(json_text.field_name(column.name)), column.type

    def entry(value: Value) -> str:
        assert value is None or isinstance(value, bytes)
        return f"{name}: {json_text.write(kind, value)}"

    return entry
