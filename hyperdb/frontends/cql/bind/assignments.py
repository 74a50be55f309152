"""What UPDATE, INSERT and DELETE do to a column, as changes of the native table.

Theory: a column that is one cell is set; of a collection elements are put, appended, taken away; a counter is added to. The
native table takes changes as a verb and bytes. Invariant: a change that needs values makes them from the frame alone; an unset
value makes no change.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TypeAlias

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.bind.calls import Expressions
from hyperdb.frontends.cql.bind.frame import Frame, Value
from hyperdb.frontends.cql.bind.markers import Receiver
from hyperdb.frontends.cql.bind.terms import Expression
from hyperdb.frontends.cql.describe.schema import Column, Role
from hyperdb.frontends.cql.parse import statements as st
from hyperdb.frontends.cql.parse import terms as tm
from hyperdb.frontends.cql.parse import text
from hyperdb.frontends.cql.protocol.reader import Unset
from hyperdb.frontends.cql.schema.model import Served
from hyperdb.frontends.cql.types import codec, containers
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import BIGINT, COUNTER, INT, List, Map, Set, Type, Udt, is_multi_cell

Change: TypeAlias = tuple[int, str, object]
"""A column's number, a verb, what it takes."""
Changes: TypeAlias = Callable[[Frame], list[Change]]
_FIELD = struct.Struct(">H")


def go_together(one: st.Assignment, other: st.Assignment) -> bool:
    """Whether one UPDATE may have both: of a column only one may set all of it, and of a field only one at all."""
    if _base(one.target) != _base(other.target):
        return True
    if any(isinstance(each.target, tm.Column) and each.change is st.Change.SET for each in (one, other)):
        return False
    return one.target != other.target or not isinstance(one.target, tm.Field)


def _base(target: tm.Term) -> tm.Term:
    return target.value if isinstance(target, tm.Element | tm.Field) else target


def assign(terms: Expressions, served: Served, column: Column, assignment: st.Assignment) -> Changes:
    """What an assignment of UPDATE does.

    Raises:
        CqlError: invalid, where the column takes no such change.
    """
    match assignment.target:
        case tm.Column():
            if assignment.change is st.Change.SET:
                return put(terms, served, column, assignment.value)
            return _changed(terms, served, column, assignment)
        case tm.Element(key=key):
            return _element(terms, served, column, key, assignment.value)
        case tm.Field(name=name):
            return _field(terms, served, column, name, assignment.value)
        case _:
            raise invalid(f"{text.term(assignment.target)} cannot be assigned to")


def put(terms: Expressions, served: Served, column: Column, value: tm.Term) -> Changes:
    """The column becomes a value."""
    if column.type == COUNTER:
        raise invalid(
            f"Cannot set the value of counter column {column.name} (counters can only be incremented/decremented, not set)"
        )
    bound = terms.bind(value, Receiver(column.name, column.type))
    return to_value(served, column, bound)


def to_value(served: Served, column: Column, bound: Expression) -> Changes:
    """The column becomes what an expression gives."""
    number, run = served.ids[column.name], bound.run

    def of(frame: Frame) -> list[Change]:
        found = run(frame, ())
        return [] if isinstance(found, Unset) else [(number, "set", found)]

    return of


def cleared(served: Served, column: Column) -> Changes:
    """The column is removed, which of a collection takes what was written at that very time too."""
    change: list[Change] = [(served.ids[column.name], "clear", None)]
    return lambda _frame: change


def _shown(assignment: st.Assignment) -> str:
    target, value = text.term(assignment.target), text.term(assignment.value)
    match assignment.change:
        case st.Change.PREPEND:
            # Cassandra's words, minus and all.
            return f"{target} = {value} - {target}"
        case _:
            return f"{target} = {target} {assignment.change.value} {value}"


def _changed(terms: Expressions, served: Served, column: Column, assignment: st.Assignment) -> Changes:
    kind, change = column.type, assignment.change
    if kind == COUNTER:
        if change is st.Change.PREPEND:
            raise invalid(f"Invalid operation ({_shown(assignment)}) for non list column {column.name}")
        return _counted(terms, served, column, assignment.value, -1 if change is st.Change.SUBTRACT else 1)
    if not isinstance(kind, List | Set | Map):
        raise invalid(f"Invalid operation ({_shown(assignment)}) for non counter column {column.name}")
    if not is_multi_cell(kind):
        raise invalid(f"Invalid operation ({_shown(assignment)}) for frozen collection column {column.name}")
    number = served.ids[column.name]
    if change is st.Change.PREPEND and not isinstance(kind, List):
        raise invalid(f"Invalid operation ({_shown(assignment)}) for non list column {column.name}")
    # From a map, keys are taken away.
    wanted: Type = Set(kind.key) if isinstance(kind, Map) and change is st.Change.SUBTRACT else kind
    run = _bound(terms, column, assignment, wanted).run
    verb = _VERBS[change] if isinstance(kind, List) else "put"
    is_removal = change is st.Change.SUBTRACT

    def of(frame: Frame) -> list[Change]:
        found = run(frame, ())
        if found is None or isinstance(found, Unset):
            return []
        if isinstance(wanted, Map):
            return [(number, verb, containers.unpack_pairs(found))]
        items = containers.unpack_items(found)
        if isinstance(kind, List):
            return [(number, verb, items)] if items else []
        return [(number, verb, [(item, None if is_removal else b"") for item in items])]

    return of


def _bound(terms: Expressions, column: Column, assignment: st.Assignment, wanted: Type) -> Expression:
    try:
        return terms.bind(assignment.value, Receiver(column.name, wanted))
    except CqlError:
        if not isinstance(column.type, Map):
            raise
        what, of = ("substraction", "set") if assignment.change is st.Change.SUBTRACT else ("addition", "map")
        shown = text.term(assignment.value)
        raise invalid(f"Value for a map {what} has to be a {of}, but was: '{shown}'") from None


_VERBS = {st.Change.ADD: "append", st.Change.PREPEND: "prepend", st.Change.SUBTRACT: "remove values"}


def _counted(terms: Expressions, served: Served, column: Column, value: tm.Term, sign: int) -> Changes:
    run = terms.bind(value, Receiver(column.name, COUNTER)).run
    number, decode = served.ids[column.name], codec.codec(BIGINT).decode

    def of(frame: Frame) -> list[Change]:
        found = run(frame, ())
        if isinstance(found, Unset):
            return []
        amount = None if found is None else decode(found)
        if amount is None:
            raise invalid("Invalid null value for counter increment/decrement")
        if sign < 0 and amount == -(1 << 63):
            raise invalid("The negation of -9223372036854775808 overflows supported counter precision (signed 8 bytes integer)")
        return [(number, "add", sign * amount)]

    return of


def _element(terms: Expressions, served: Served, column: Column, key: tm.Term, value: tm.Term) -> Changes:
    """`l[1] = x`, `m['k'] = x`."""
    kind, number = column.type, served.ids[column.name]
    if not isinstance(kind, List | Set | Map) or isinstance(kind, Set):
        shown = f"{column.name}[{text.term(key)}] = {text.term(value)}"
        if isinstance(kind, Set):
            raise invalid(f"Invalid operation ({shown}) for set column {column.name}")
        raise invalid(f"Invalid operation ({shown}) for non collection column {column.name}")
    if not is_multi_cell(kind):
        shown = f"{column.name}[{text.term(key)}] = {text.term(value)}"
        raise invalid(f"Invalid operation ({shown}) for frozen collection column {column.name}")
    return _at(terms, column, key, number, value)


def _at(terms: Expressions, column: Column, key: tm.Term, number: int, value: tm.Term | None) -> Changes:
    """An element of a list by its place or of a map by its key becomes a value, or goes."""
    kind = column.type
    assert isinstance(kind, List | Map)
    of_value = kind.element if isinstance(kind, List) else kind.value
    name = f"idx({column.name})" if isinstance(kind, List) else f"key({column.name})"
    place = terms.bind(key, Receiver(name, INT if isinstance(kind, List) else kind.key)).run
    new = None if value is None else terms.bind(value, Receiver(f"value({column.name})", of_value)).run

    def of(frame: Frame) -> list[Change]:
        found = None if new is None else new(frame, ())
        if isinstance(found, Unset):
            return []
        where = place(frame, ())
        if isinstance(kind, List):
            return [(number, "set at", (_index(where), found))]
        if not isinstance(where, bytes):
            raise invalid(f"Invalid {'null' if where is None else 'unset'} map key")
        return [(number, "put", [(where, found)])]

    return of


def _index(value: Value) -> int:
    if not isinstance(value, bytes):
        raise invalid(f"Invalid {'null' if value is None else 'unset'} value for list index")
    number = codec.codec(INT).decode(value)
    if number is None:
        raise invalid("Invalid null value for list index")
    return int(number)


def _field(terms: Expressions, served: Served, column: Column, name: str, value: tm.Term | None) -> Changes:
    kind = column.type
    shown = f"{column.name}.{name}" if value is None else f"{column.name}.{name} = {text.term(value)}"
    if not isinstance(kind, Udt):
        raise invalid(f"Invalid operation ({shown}) for non-UDT column {column.name}")
    if kind.frozen:
        if value is None:
            raise invalid(f"Frozen UDT column {column.name} does not support field deletions")
        raise invalid(f"Invalid operation ({shown}) for frozen UDT column {column.name}")
    names = [field.name for field in kind.fields]
    if name not in names:
        raise invalid(f"UDT column {column.name} does not have a field named {name}")
    at = names.index(name)
    number, place = served.ids[column.name], _FIELD.pack(at)
    run = None if value is None else terms.bind(value, Receiver(f"{column.name}.{name}", kind.fields[at].type)).run

    def of(frame: Frame) -> list[Change]:
        found = None if run is None else run(frame, ())
        return [] if isinstance(found, Unset) else [(number, "put", [(place, found)])]

    return of


def delete(terms: Expressions, served: Served, term: tm.Term) -> tuple[Column, Changes]:
    """What DELETE does to one of the columns, elements and fields that it names.

    Raises:
        CqlError: invalid, where it cannot be deleted.
    """
    base = term if isinstance(term, tm.Column) else term.value  # type: ignore[union-attr]
    assert isinstance(base, tm.Column)
    column = served.columns.get(base.name)
    if column is None:
        raise invalid(f"Undefined column name {base.name} in table {served.keyspace}.{served.name}")
    if column.role in (Role.PARTITION, Role.CLUSTERING):
        raise invalid(f"Invalid identifier {column.name} for deletion (should not be a PRIMARY KEY part)")
    match term:
        case tm.Element(key=key):
            return column, _deleted_element(terms, served, column, key)
        case tm.Field(name=name):
            return column, _field(terms, served, column, name, None)
        case _:
            return column, cleared(served, column)


def _deleted_element(terms: Expressions, served: Served, column: Column, key: tm.Term) -> Changes:
    kind, number = column.type, served.ids[column.name]
    if not isinstance(kind, List | Set | Map):
        raise invalid(f"Invalid deletion operation for non collection column {column.name}")
    if not is_multi_cell(kind):
        raise invalid(f"Invalid deletion operation for frozen collection column {column.name}")
    if not isinstance(kind, Set):
        return _at(terms, column, key, number, None)
    run = terms.bind(key, Receiver(f"value({column.name})", kind.element)).run

    def of(frame: Frame) -> list[Change]:
        found = run(frame, ())
        if not isinstance(found, bytes):
            raise invalid(f"Invalid {'null' if found is None else 'unset'} set element")
        return [(number, "put", [(found, None)])]

    return of
