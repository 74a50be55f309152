"""IF: what must hold of a row before it is changed.

Theory: conditions are decided on the row as it is, its static columns with it. A comparison with null asks whether a value is
there; any other comparison of a value that is not there fails, except `!=`. Invariant: `asked` holds what the decision needs and
what a refusal shows.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from hyperdb.frontends.cql.bind.frame import Frame, Row, Value
from hyperdb.frontends.cql.bind.markers import Receiver
from hyperdb.frontends.cql.bind.relations import CONTAINS
from hyperdb.frontends.cql.bind.selection import Selecting
from hyperdb.frontends.cql.bind.terms import Expression, Run
from hyperdb.frontends.cql.describe.schema import Column, Role
from hyperdb.frontends.cql.parse import terms as tm
from hyperdb.frontends.cql.parse import text
from hyperdb.frontends.cql.parse.statements import Comparison, Conditions, Relation
from hyperdb.frontends.cql.protocol.reader import Unset
from hyperdb.frontends.cql.types import codec, containers, ordering
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import (
    COUNTER,
    DURATION,
    INT,
    List,
    Map,
    Set,
    Tuple,
    Type,
    Udt,
    is_collection,
    is_multi_cell,
    parts,
)

Holds = Callable[[Frame, Row], bool]
_ORDERS: dict[Comparison, Callable[[int], bool]] = {
    Comparison.EQUAL: lambda sign: sign == 0,
    Comparison.NOT_EQUAL: lambda sign: sign != 0,
    Comparison.LESS: lambda sign: sign < 0,
    Comparison.LESS_EQUAL: lambda sign: sign <= 0,
    Comparison.GREATER: lambda sign: sign > 0,
    Comparison.GREATER_EQUAL: lambda sign: sign >= 0,
}
_COUNT = struct.Struct(">i")


@dataclass(frozen=True)
class Condition:
    """See the module."""

    exists: bool | None
    """IF EXISTS, IF NOT EXISTS; None: comparisons."""
    asked: tuple[tuple[str, int], ...]
    shown: tuple[Column, ...]
    """What a refusal shows of the row: the columns that are compared, or all."""
    holds: tuple[Holds, ...] = ()
    of_rows: bool = True
    """Whether regular columns are compared, or the row itself is asked for; else only the partition's static ones."""


def bind(selecting: Selecting, found: Conditions, *, unless_exists: bool, of_statics: bool) -> Condition | None:
    """What a statement's IF means; None: it has none.

    Raises:
        CqlError: invalid.
    """
    served = selecting.served
    if found.exists or unless_exists:
        for name in served.columns:
            selecting.place(name)
        columns = tuple(served.columns.values())
        return Condition(not unless_exists, tuple(selecting.asked), columns, of_rows=not of_statics)
    if not found.relations:
        return None
    compared: dict[str, Column] = {}
    holds = []
    for relation in found.relations:
        column, test = _comparison(selecting, relation)
        compared[column.name] = column
        holds.append(test)
    # The key tells a static row from others, and none from a row of nulls.
    for column in (*served.partition, *served.clustering):
        selecting.place(column.name)
    of_rows = any(column.role is Role.REGULAR for column in compared.values())
    # Static ones come last, whatever the order in which they were named.
    shown = tuple(sorted(compared.values(), key=lambda column: column.role is Role.STATIC))
    return Condition(None, tuple(selecting.asked), shown, tuple(holds), of_rows)


def _comparison(selecting: Selecting, relation: Relation) -> tuple[Column, Holds]:
    subject = relation.subject
    base = subject.value if isinstance(subject, tm.Element | tm.Field) else subject
    if not isinstance(base, tm.Column) or relation.value is None:
        raise invalid(f"Invalid condition: {text.relations([relation])}")
    column = selecting.column(base.name)
    if column.type == COUNTER:
        raise invalid("Conditions on counters are not supported")
    if column.role in (Role.PARTITION, Role.CLUSTERING):
        raise invalid(f"PRIMARY KEY column '{column.name}' cannot have IF conditions")
    if relation.comparison not in _ORDERS and relation.comparison not in (Comparison.IN, Comparison.BETWEEN, *CONTAINS):
        raise invalid(f"{relation.comparison.value} cannot be used in conditions: {text.relations([relation])}")
    kind, of = _subject(selecting, column, subject)
    if relation.comparison in CONTAINS:
        return column, _contains(selecting, column, of, kind, relation)
    if relation.comparison not in (Comparison.EQUAL, Comparison.NOT_EQUAL, Comparison.IN):
        _check_slice(kind, relation.comparison)
    receiver = Receiver(column.name, kind)
    if relation.comparison is Comparison.IN:
        return column, _in(selecting, of, kind, relation.value, receiver)
    if relation.comparison is Comparison.BETWEEN:
        assert isinstance(relation.value, tm.TupleTerm)
        low, high = (selecting.bind(item, receiver) for item in relation.value.items)
        first = _compared(of, kind, Comparison.GREATER_EQUAL, low)
        second = _compared(of, kind, Comparison.LESS_EQUAL, high)
        return column, lambda frame, row: first(frame, row) and second(frame, row)
    return column, _compared(of, kind, relation.comparison, selecting.bind(relation.value, receiver))


def _check_slice(kind: Type, comparison: Comparison) -> None:
    def inside(each: Type) -> bool:
        return each == DURATION or any(map(inside, parts(each)))

    if not inside(kind):
        return
    if kind == DURATION:
        raise invalid(f"Slice conditions ( {comparison.value} ) are not supported on durations")
    what = "collections" if is_collection(kind) else "tuples" if isinstance(kind, Tuple) else "UDTs"
    raise invalid(f"Slice conditions are not supported on {what} containing durations")


def _contains(selecting: Selecting, column: Column, of: Run, kind: Type, relation: Relation) -> Holds:
    """CONTAINS and CONTAINS KEY."""
    by_key = relation.comparison is Comparison.CONTAINS_KEY
    if by_key and not isinstance(kind, Map):
        raise invalid(f"Cannot use CONTAINS KEY on non-map column {column.name}")
    if not isinstance(kind, List | Set | Map):
        raise invalid(f"Cannot use CONTAINS on non-collection column {column.name}")
    part = kind.element if not isinstance(kind, Map) else kind.key if by_key else kind.value
    order = ordering.order_key(part)
    assert relation.value is not None
    bound = selecting.bind(relation.value, Receiver(f"{'key' if by_key else 'value'}({column.name})", part))

    def holds(frame: Frame, row: Row) -> bool:
        wanted, data = bound.run(frame, ()), of(frame, row)
        if not isinstance(wanted, bytes):
            absent = "null" if wanted is None else "unset"
            raise invalid(f'Invalid comparison with {absent} for operator "{relation.comparison.value}"')
        if not isinstance(data, bytes):
            return False
        found = containers.members(kind, data, keys=by_key)
        return any(each is not None and order(each) == order(wanted) for each in found)

    return holds


def _subject(selecting: Selecting, column: Column, subject: tm.Term) -> tuple[Type, Run]:
    """What is compared: the column, an element or a field of it."""
    kind = column.type
    place = selecting.place(column.name)
    match subject:
        case tm.Element(key=key):
            return _element(selecting, column, place, key)
        case tm.Field(name=name):
            if not isinstance(kind, Udt):
                raise invalid(f"Cannot compare fields of column {column.name}, which is no user type")
            if name not in {field.name for field in kind.fields}:
                raise invalid(f"Unknown field {name} for column {column.name}")
            found = selecting.infer(subject)
            assert found is not None
            return found.type, found.run
        case _:
            return kind, lambda _frame, row: row[place]


def _element(selecting: Selecting, column: Column, place: int, key: tm.Term) -> tuple[Type, Run]:
    kind = column.type
    if isinstance(kind, Map):
        order = ordering.order_key(kind.key)
        wanted = selecting.bind(key, Receiver(f"key({column.name})", kind.key))

        def of_map(frame: Frame, row: Row) -> Value:
            data, name = row[place], wanted.run(frame, ())
            if not isinstance(name, bytes):
                raise invalid(f"Invalid {'null' if name is None else 'unset'} value for map element access")
            pairs = containers.unpack_pairs(data) if isinstance(data, bytes) else []
            return next((value for left, value in pairs if left is not None and order(left) == order(name)), None)

        return kind.value, of_map
    if isinstance(kind, List):
        index = selecting.bind(key, Receiver(f"idx({column.name})", INT))

        def of_list(frame: Frame, row: Row) -> Value:
            data, where = row[place], index.run(frame, ())
            if not isinstance(where, bytes):
                raise invalid(f"Invalid {'null' if where is None else 'unset'} value for list element access")
            number = codec.codec(INT).decode(where)
            if number is None or number < 0:
                raise invalid(f"Invalid negative list index {number}")
            items = containers.unpack_items(data) if isinstance(data, bytes) else []
            return items[number] if number < len(items) else None

        return kind.element, of_list
    if isinstance(kind, Set):
        raise invalid(f"Invalid element access syntax for set column {column.name}")
    raise invalid(f"Invalid element access syntax for non-collection column {column.name}")


def _blank(kind: Type) -> bytes | None:
    """What stands for nothing in a comparison: a collection without elements is none."""
    return _COUNT.pack(0) if is_collection(kind) and is_multi_cell(kind) else None


def _compared(of: Run, kind: Type, comparison: Comparison, bound: Expression) -> Holds:
    order, test = ordering.order_key(kind), _ORDERS[comparison]
    blank = _blank(kind)

    def holds(frame: Frame, row: Row) -> bool:
        wanted, mine = bound.run(frame, ()), of(frame, row)
        if isinstance(wanted, Unset):
            raise invalid("Invalid 'unset' value in condition")
        given, wanted = wanted, None if wanted == blank else wanted
        mine = None if mine == blank else mine
        if wanted is None:
            if comparison is Comparison.EQUAL:
                return mine is None
            if comparison is Comparison.NOT_EQUAL:
                return mine is not None
            if given is not None:
                what = "map" if isinstance(kind, Map) else "list" if isinstance(kind, List) else "set"
                raise invalid(f'Invalid comparison with an empty {what} for operator "{comparison.value}"')
            raise invalid(f'Invalid comparison with null for operator "{comparison.value}"')
        if not isinstance(mine, bytes):
            return comparison is Comparison.NOT_EQUAL
        left, right = order(mine), order(wanted)
        return test(int(left > right) - int(left < right))

    return holds


def _in(selecting: Selecting, of: Run, kind: Type, value: tm.Term, receiver: Receiver) -> Holds:
    order, blank = ordering.order_key(kind), _blank(kind)
    if isinstance(value, tm.Marker):
        listed = selecting.marker(value, Receiver(f"in({receiver.name})", List(kind)), nulls=True)

        def values(frame: Frame) -> list[Value]:
            data = listed.run(frame, ())
            if not isinstance(data, bytes):
                raise invalid("Invalid null list in IN condition" if data is None else "Invalid 'unset' value in condition")
            return list(containers.unpack_items(data))
    else:
        assert isinstance(value, tm.TupleTerm)
        bound = [selecting.bind(item, receiver) for item in value.items]

        def values(frame: Frame) -> list[Value]:
            return [each.run(frame, ()) for each in bound]

    def holds(frame: Frame, row: Row) -> bool:
        mine = of(frame, row)
        wanted = [None if each == blank else each for each in values(frame) if not isinstance(each, Unset)]
        if not isinstance(mine, bytes) or mine == blank:
            return None in wanted
        return any(each is not None and order(each) == order(mine) for each in wanted)

    return holds
