"""Types and columns of tables that are made or changed.

Invariant: a type that passes here can be stored, and stands where its kind may stand.
"""

from __future__ import annotations

from hyperdb.frontends.cql.parse.definitions import ColumnDefinition
from hyperdb.frontends.cql.parse.terms import TypeName
from hyperdb.frontends.cql.schema.model import Schema
from hyperdb.frontends.cql.types import java, names
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import COUNTER, DURATION, Custom, Type, Udt, is_collection, is_multi_cell, parts
from hyperdb.frontends.cql.types.names import show


def type_of(schema: Schema, keyspace: str, written: TypeName) -> Type:
    """The type that was written in a definition of a keyspace.

    Raises:
        CqlError: invalid: there is none, or it may not be.
    """

    def find(other: str | None, name: str) -> Udt:
        if other not in (None, keyspace):
            rest = "user types can only be used in the keyspace they are defined in"
            raise invalid(f"Statement on keyspace {keyspace} cannot refer to a user type in keyspace {other}; {rest}")
        return schema.type(keyspace, name)

    def build(part: TypeName) -> Type:
        if part.java:
            return java.read(part.name, find)
        arguments = [each if isinstance(each, int) else build(each) for each in part.arguments]
        return names.make(part.name, arguments, part.keyspace, find)

    found = names.checked(build(written))
    if isinstance(found, Custom):
        raise invalid(f"Values of {show(found)} cannot be stored")
    return found


def column_type(schema: Schema, keyspace: str, column: ColumnDefinition) -> Type:
    """The type of a column.

    Raises:
        CqlError: invalid.
    """
    found = type_of(schema, keyspace, column.type)
    if isinstance(found, Udt) and not found.frozen and any(is_multi_cell(part) for part in parts(found)):
        raise invalid("Non-frozen UDTs with nested non-frozen collections are not supported")
    return found


def key_type(name: str, kind: Type) -> None:
    """Whether a column of the primary key may have a type.

    Raises:
        CqlError: invalid.
    """
    if is_multi_cell(kind):
        what = "collection" if is_collection(kind) else "user-defined"
        raise invalid(f"Invalid non-frozen {what} type {show(kind)} for PRIMARY KEY column '{name}'")
    if kind == COUNTER:
        raise invalid(f"counter type is not supported for PRIMARY KEY column '{name}'")
    if _has_duration(kind):
        raise invalid(f"duration type is not supported for PRIMARY KEY column '{name}'")


def _has_duration(kind: Type) -> bool:
    return kind == DURATION or any(map(_has_duration, parts(kind)))
