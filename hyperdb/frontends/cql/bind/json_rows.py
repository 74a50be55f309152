"""INSERT JSON: one text that has a row's columns.

Theory: columns are looked up by the names in the text, which is known only when the statement runs; what the text leaves out is
null, or unset where DEFAULT UNSET says so. Invariant: the text is read once a request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.bind import conditions
from hyperdb.frontends.cql.bind.assignments import Changes, to_value
from hyperdb.frontends.cql.bind.clustering import Values
from hyperdb.frontends.cql.bind.frame import Frame, Value
from hyperdb.frontends.cql.bind.markers import Receiver
from hyperdb.frontends.cql.bind.selection import Selecting
from hyperdb.frontends.cql.bind.terms import Expression
from hyperdb.frontends.cql.describe.schema import Column
from hyperdb.frontends.cql.parse import statements as st
from hyperdb.frontends.cql.protocol.reader import UNSET, Unset
from hyperdb.frontends.cql.types import json_text
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import TEXT

if TYPE_CHECKING:
    from hyperdb.frontends.cql.bind.modify import ModifyPlan


def insert(terms: Selecting, statement: st.InsertJson) -> ModifyPlan:
    """The plan, but for what all changes have.

    Raises:
        CqlError: invalid.
    """
    from hyperdb.frontends.cql.bind.modify import ModifyPlan

    served = terms.served
    if served.is_counter:
        raise invalid("INSERT statements are not allowed on counter tables, use UPDATE instead")
    text = terms.bind(statement.value, Receiver("[json]", TEXT))
    missing: Value = UNSET if statement.default_unset else None

    def row(frame: Frame) -> Mapping[str, Value]:
        kept = frame.kept.get(id(text))
        if kept is None:
            kept = frame.kept[id(text)] = _read(served.columns, text.run(frame, ()))
        assert isinstance(kept, dict)
        return kept

    def value(column: Column) -> Expression:
        return Expression(column.type, lambda frame, _row: row(frame).get(column.name, missing))

    def changes(columns: tuple[Column, ...]) -> tuple[Changes, ...]:
        return tuple(to_value(served, column, value(column)) for column in columns)

    condition = (
        conditions.bind(terms, st.UNCONDITIONAL, unless_exists=True, of_statics=False) if statement.if_not_exists else None
    )
    return ModifyPlan(
        served,
        "INSERT",
        _key(served.partition, row),
        _key(served.clustering, row),
        regular=changes(served.regulars),
        static=changes(served.statics),
        inserts=True,
        condition=condition,
    )


def _key(columns: tuple[Column, ...], row: Callable[[Frame], Mapping[str, Value]]) -> Callable[[Frame], list[Values]]:
    def of(frame: Frame) -> list[Values]:
        values = row(frame)
        found = []
        for column in columns:
            each = values.get(column.name)
            if not isinstance(each, bytes):
                raise invalid(f"Invalid null value in condition for column {column.name}")
            found.append(each)
        return [tuple(found)]

    return of


def _read(columns: Mapping[str, Column], data: Value) -> dict[str, Value]:
    if data is None or isinstance(data, Unset):
        raise invalid("Got null for INSERT JSON values")
    text = data.decode()
    try:
        parsed = json_text.parse(text)
    except CqlError as error:
        raise invalid(f"Could not decode JSON string as a map: {error.message}. (String was: {text})") from None
    if parsed is None:
        raise invalid("Got null for INSERT JSON values")
    if not isinstance(parsed, dict):
        raise invalid(f"Could not decode JSON string as a map: it is no JSON object. (String was: {text})")
    found: dict[str, Value] = {}
    for name, each in parsed.items():
        column = columns.get(json_text.name_of(name))
        if column is None:
            raise invalid(f"JSON values map contains unrecognized column: {json_text.name_of(name)}")
        found[column.name] = None if each is None else _value(column, each)
    return found


def _value(column: Column, given: object) -> bytes:
    try:
        return json_text.read(column.type, given)
    except CqlError as error:
        raise invalid(f"Error decoding JSON value for {column.name}: {error.message}") from None
