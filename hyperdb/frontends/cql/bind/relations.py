"""Relations of a WHERE or IF clause with their columns found and their values bound.

Theory: whatever is written (`c = 1`, `c IN ?`, `(a, b) > (1, 2)`, `token(k) <= ?`, `m['k'] = 2`), a relation is columns, a
comparison, and a list of rows of values for the columns: one for a comparison with one value, as many as there are for IN, two
for BETWEEN. Invariant: a value that comes out of `options` is neither null nor unset.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from hyperdb.frontends.cql.bind.calls import Expressions
from hyperdb.frontends.cql.bind.frame import Frame, Value
from hyperdb.frontends.cql.bind.markers import Receiver
from hyperdb.frontends.cql.bind.terms import Expression
from hyperdb.frontends.cql.describe.schema import Column, Role
from hyperdb.frontends.cql.parse import terms as tm
from hyperdb.frontends.cql.parse import text
from hyperdb.frontends.cql.parse.statements import Comparison, Relation
from hyperdb.frontends.cql.protocol.reader import Unset
from hyperdb.frontends.cql.schema.model import Served
from hyperdb.frontends.cql.types import containers
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import BIGINT, DURATION, List, Map, Tuple, Type, Udt, is_collection, is_multi_cell, parts
from hyperdb.frontends.cql.types.names import show

Options = Callable[[Frame], list[tuple[bytes, ...]]]
SLICES = frozenset({Comparison.LESS, Comparison.LESS_EQUAL, Comparison.GREATER, Comparison.GREATER_EQUAL, Comparison.BETWEEN})
LOWS = frozenset({Comparison.GREATER, Comparison.GREATER_EQUAL, Comparison.BETWEEN})
HIGHS = frozenset({Comparison.LESS, Comparison.LESS_EQUAL, Comparison.BETWEEN})
CONTAINS = frozenset({Comparison.CONTAINS, Comparison.CONTAINS_KEY})
KEY_ROLES = frozenset({Role.PARTITION, Role.CLUSTERING})


class Form(Enum):
    """What a relation is about."""

    COLUMN = "a column"
    COLUMNS = "clustering columns together"
    TOKEN = "the token of the partition key"  # noqa: S105 - of a ring
    ENTRY = "an entry of a map"


@dataclass(frozen=True, slots=True)
class Bound:
    """A relation; see the module."""

    form: Form
    columns: tuple[Column, ...]
    comparison: Comparison
    options: Options
    shown: str
    key: Expression | None = None
    """Of the map's entry."""
    marker: int = -1
    """The number of the marker that is the only value of an equality."""

    @property
    def first(self) -> Column:
        """Its first column."""
        return self.columns[0]

    @property
    def is_slice(self) -> bool:
        """Whether it is met by values between two."""
        return self.comparison in SLICES

    @property
    def is_contains(self) -> bool:
        """Whether it looks into a collection."""
        return self.comparison in CONTAINS or self.form is Form.ENTRY


def column_of(served: Served, name: str) -> Column:
    """A column.

    Raises:
        CqlError: invalid: there is none.
    """
    found = served.columns.get(name)
    if found is None:
        raise invalid(f"Undefined column name {name} in table {served.keyspace}.{served.name}")
    return found


class Relations:
    """Binds the relations of one statement."""

    def __init__(self, terms: Expressions, served: Served) -> None:
        self._terms = terms
        self._served = served

    def bind(self, relation: Relation) -> Bound:
        """A relation of a WHERE clause.

        Raises:
            CqlError: invalid.
        """
        shown = text.relations([relation])
        comparison = relation.comparison
        match relation.subject:
            case tm.Column(name):
                column = column_of(self._served, name)
                if comparison is Comparison.NOT_NULL:
                    raise invalid(f"Unsupported restriction: {shown}")
                return self._column(column, relation, shown)
            case tm.TupleTerm(items):
                return self._columns(
                    [column_of(self._served, item.name) for item in items if isinstance(item, tm.Column)], relation, shown
                )
            case tm.Call(arguments=arguments):
                return self._token(
                    [column_of(self._served, item.name) for item in arguments if isinstance(item, tm.Column)], relation, shown
                )
            case tm.Element(tm.Column(name), key):
                return self._entry(column_of(self._served, name), key, relation, shown)
            case _:
                raise invalid(f"Unsupported restriction: {shown}")

    def _column(self, column: Column, relation: Relation, shown: str) -> Bound:
        _check_column(column, relation.comparison, shown)
        relation = _one_of_one(relation)
        comparison, value = relation.comparison, relation.value
        assert value is not None
        kind = column.type
        receiver = Receiver(column.name, kind)
        match comparison:
            case Comparison.CONTAINS:
                element = kind.value if isinstance(kind, Map) else kind.element  # type: ignore[union-attr]
                receiver = Receiver(f"value({column.name})", element)
            case Comparison.CONTAINS_KEY:
                assert isinstance(kind, Map)
                receiver = Receiver(f"key({column.name})", kind.key)
            case Comparison.IN:
                return Bound(Form.COLUMN, (column,), comparison, self._in(column, value), shown)
            case Comparison.BETWEEN:
                assert isinstance(value, tm.TupleTerm)
                ends = [self._terms.bind(item, receiver) for item in value.items]
                return Bound(Form.COLUMN, (column,), comparison, _each(column, ends), shown)
        found = self._terms.bind(value, receiver)
        return Bound(Form.COLUMN, (column,), comparison, _each(column, [found]), shown, marker=found.number)

    def _in(self, column: Column, value: tm.Term) -> Options:
        # A value that is not there is no column's; of the key's it is refused.
        is_key = column.role in KEY_ROLES
        if isinstance(value, tm.Marker):
            listed = self._terms.marker(value, Receiver(f"in({column.name})", List(column.type)), nulls=True)

            def options(frame: Frame) -> list[tuple[bytes, ...]]:
                data = listed.run(frame, ())
                if data is None:
                    raise invalid(f"Invalid null value for column {column.name}")
                items: list[Value] = list(containers.unpack_items(_given(data, column)))
                return [(_given(each, column),) for each in (items if is_key else _present(items))]

            return options
        assert isinstance(value, tm.TupleTerm)
        bound = [self._terms.bind(item, Receiver(column.name, column.type)) for item in value.items]
        if is_key:
            return _each(column, bound)
        return lambda frame: [(_given(each, column),) for each in _present([each.run(frame, ()) for each in bound])]

    # Several columns.

    def _columns(self, columns: Sequence[Column], relation: Relation, shown: str) -> Bound:
        relation = _one_of_one(relation)
        comparison, value = relation.comparison, relation.value
        last = -1
        for column in columns:
            if column.role is not Role.CLUSTERING:
                raise invalid(
                    f"Multi-column relations can only be applied to clustering columns but was applied to: {column.name}"
                )
            if [each.name for each in columns].count(column.name) > 1:
                raise invalid(f'Column "{column.name}" appeared twice in a relation: {shown}')
            if last != -1 and column.position != last + 1:
                raise invalid(f"Clustering columns must appear in the PRIMARY KEY order in multi-column relations: {shown}")
            last = column.position
        if comparison not in SLICES | {Comparison.EQUAL, Comparison.IN}:
            if comparison is Comparison.NOT_EQUAL:
                raise invalid(f"Unsupported '!=' relation: {shown}")
            raise invalid(f"{comparison.value} cannot be used for multi-column relations")
        assert value is not None
        names = tuple(columns)
        kind = Tuple(tuple(column.type for column in columns))
        called = f"({','.join(column.name for column in columns)})"
        if comparison is Comparison.IN:
            if isinstance(value, tm.Marker):
                options = self._tuples(value, kind, called, names)
            else:
                assert isinstance(value, tm.TupleTerm)
                options = _joined([self._tuple(item, kind, called, names) for item in value.items])
        elif comparison is Comparison.BETWEEN:
            assert isinstance(value, tm.TupleTerm)
            options = _joined([self._tuple(item, kind, called, names) for item in value.items])
        else:
            options = self._tuple(value, kind, called, names)
        return Bound(Form.COLUMNS, names, comparison, options, shown)

    def _tuples(self, marker: tm.Marker, kind: Tuple, called: str, columns: tuple[Column, ...]) -> Options:
        listed = self._terms.marker(marker, Receiver(f"in{called}", List(kind)))

        def options(frame: Frame) -> list[tuple[bytes, ...]]:
            data = listed.run(frame, ())
            if data is None:
                raise invalid("Invalid null value for IN restriction")
            if isinstance(data, Unset):
                raise invalid(f"Invalid unset value for in{called}")
            return [_unpacked(kind, _given(each, columns[0]), columns) for each in containers.unpack_items(data)]

        return options

    def _tuple(self, value: tm.Term, kind: Tuple, called: str, columns: tuple[Column, ...]) -> Options:
        if isinstance(value, tm.TupleTerm):
            if len(value.items) != len(columns):
                raise invalid(f"Expected {len(columns)} elements in value tuple, but got {len(value.items)}: {text.term(value)}")
            bound = [
                self._terms.bind(item, Receiver(column.name, column.type))
                for item, column in zip(value.items, columns, strict=True)
            ]

            def options(frame: Frame) -> list[tuple[bytes, ...]]:
                return [tuple(_component(each.run(frame, ()), at, column) for at, (each, column) in enumerate(pairs))]

            pairs = list(zip(bound, columns, strict=True))
            return options
        whole = self._terms.bind(value, Receiver(called, kind))

        def unpacked(frame: Frame) -> list[tuple[bytes, ...]]:
            data = whole.run(frame, ())
            if isinstance(data, Unset):
                raise invalid(f"Invalid unset value for tuple {called}")
            return [_unpacked(kind, _given(data, columns[0]), columns)]

        return unpacked

    # The token, and entries of maps.

    def _token(self, columns: Sequence[Column], relation: Relation, shown: str) -> Bound:
        key = self._served.partition
        if any(column.role is Role.PARTITION for column in columns) and any(
            column.role is not Role.PARTITION for column in columns
        ):
            raise invalid("The token() function must contains only partition key components")
        if len(columns) != len(key) or any(column.role is not Role.PARTITION for column in columns):
            raise invalid("The token() function must be applied to all partition key components or none of them")
        if tuple(columns) != key:
            names = ", ".join(column.name for column in key)
            raise invalid(f"The token function arguments must be in the partition key order: {names}")
        if relation.comparison not in SLICES | {Comparison.EQUAL}:
            raise invalid(f"{relation.comparison.value} cannot be used with the token function")
        assert relation.value is not None
        values = relation.value.items if relation.comparison is Comparison.BETWEEN else [relation.value]  # type: ignore[union-attr]
        receiver = Receiver("partition key token", BIGINT)
        bound = [self._terms.bind(value, receiver) for value in values]
        return Bound(Form.TOKEN, key, relation.comparison, _tokens(bound), shown)

    def _entry(self, column: Column, key: tm.Term, relation: Relation, shown: str) -> Bound:
        kind = column.type
        if isinstance(kind, List):
            raise invalid(f"Indexes on list entries ({column.name}[index] = value) are not currently supported.")
        if not isinstance(kind, Map):
            raise invalid(f"Column {column.name} cannot be used as a map")
        if kind.frozen:
            raise invalid(f"Map-entry equality predicates on frozen map column {column.name} are not supported")
        if relation.comparison is not Comparison.EQUAL:
            raise invalid("Only EQ relations are supported on map entries")
        assert relation.value is not None
        bound_key = self._terms.bind(key, Receiver(f"key({column.name})", kind.key))
        value = self._terms.bind(relation.value, Receiver(f"value({column.name})", kind.value))

        def options(frame: Frame) -> list[tuple[bytes, ...]]:
            for what, given in (("key", bound_key.run(frame, ())), ("value", value.run(frame, ()))):
                if not isinstance(given, bytes):
                    raise invalid(f"Unsupported {_absent(given)} map {what} for column {column.name}")
            return [(given,)]  # type: ignore[list-item]

        return Bound(Form.ENTRY, (column,), relation.comparison, options, shown, bound_key)


def _one_of_one(relation: Relation) -> Relation:
    """IN with one value is an equality."""
    value = relation.value
    if relation.comparison is Comparison.IN and isinstance(value, tm.TupleTerm) and len(value.items) == 1:
        return replace(relation, comparison=Comparison.EQUAL, value=value.items[0])
    return relation


def _check_column(column: Column, comparison: Comparison, shown: str) -> None:
    """Which comparisons a column may stand in."""
    kind = column.type
    if comparison is Comparison.CONTAINS_KEY and not isinstance(kind, Map):
        raise invalid(f"Cannot use CONTAINS KEY on non-map column {column.name}")
    if comparison is Comparison.CONTAINS and not is_collection(kind):
        raise invalid(f"Cannot use CONTAINS on non-collection column {column.name}")
    if comparison is Comparison.NOT_EQUAL:
        raise invalid(f'Unsupported "!=" relation: {shown}')
    if comparison is Comparison.LIKE:
        raise invalid(f"LIKE restriction is only supported on properly indexed columns. {shown} is not valid.")
    if comparison in SLICES:
        _check_durations(kind)
    if is_collection(kind) and is_multi_cell(kind) and comparison not in CONTAINS:
        raise invalid(f"Collection column '{column.name}' ({show(kind)}) cannot be restricted by a '{comparison.value}' relation")
    if isinstance(kind, Udt) and is_multi_cell(kind):
        raise invalid(f"Non-frozen UDT column '{column.name}' ({show(kind)}) cannot be restricted by any relation")


def _check_durations(kind: Type) -> None:
    def inside(each: Type) -> bool:
        return each == DURATION or any(map(inside, parts(each)))

    if not inside(kind):
        return
    if kind == DURATION:
        raise invalid("Slice restrictions are not supported on duration columns")
    if is_collection(kind):
        raise invalid("Slice restrictions are not supported on collections containing durations")
    if isinstance(kind, Tuple):
        raise invalid("Slice restrictions are not supported on tuples containing durations")
    raise invalid("Slice restrictions are not supported on UDTs containing durations")


def _absent(value: Value) -> str:
    return "null" if value is None else "unset"


def _present(values: Sequence[Value]) -> list[Value]:
    return [value for value in values if isinstance(value, bytes)]


def _component(value: Value, at: int, column: Column) -> bytes:
    """One of a tuple of clustering columns' values."""
    if isinstance(value, Unset):
        raise invalid(f"Invalid unset value for tuple field number {at}")
    if value is None:
        raise invalid(f"Invalid null value for column {column.name}")
    return value


def _tokens(bound: Sequence[Expression]) -> Options:
    def options(frame: Frame) -> list[tuple[bytes, ...]]:
        found = [each.run(frame, ()) for each in bound]
        if not all(isinstance(value, bytes) for value in found):
            raise invalid("Invalid null token value")
        return [(value,) for value in found]  # type: ignore[misc]

    return options


def _given(value: Value, column: Column) -> bytes:
    """A value that there has to be."""
    if isinstance(value, bytes):
        return value
    if column.role in KEY_ROLES:
        if value is None:
            raise invalid(f"Invalid null value in condition for column {column.name}")
        raise invalid(f"Invalid unset value for column {column.name}")
    raise invalid(f"Unsupported {'null' if value is None else 'unset'} value for column {column.name}")


def _each(column: Column, bound: Sequence[Expression]) -> Options:
    runs = [each.run for each in bound]
    return lambda frame: [(_given(run(frame, ()), column),) for run in runs]


def _joined(found: Sequence[Options]) -> Options:
    return lambda frame: [row for options in found for row in options(frame)]


def _unpacked(kind: Tuple, data: bytes, columns: tuple[Column, ...]) -> tuple[bytes, ...]:
    fields = containers.unpack_fields(data, len(kind.elements))
    if None in fields:
        raise invalid(f"Invalid null value in condition for columns: [{', '.join(column.name for column in columns)}]")
    return tuple(_given(each, column) for each, column in zip(fields, columns, strict=True))


def unset_or(value: Value, otherwise: bytes | None) -> bytes | None:
    """The value, or `otherwise` where it is unset."""
    return otherwise if isinstance(value, Unset) else value
