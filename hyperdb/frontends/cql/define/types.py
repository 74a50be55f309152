"""CREATE, ALTER and DROP TYPE.

Theory: a user type is a record whose fields have numbers, as a table's columns have; values that were written before a field was
added lack it. Invariant: a type in use keeps its fields, and never holds itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from hyperdb.frontends.cql.define.columns import type_of
from hyperdb.frontends.cql.define.context import Context, change
from hyperdb.frontends.cql.describe.schema import Role
from hyperdb.frontends.cql.parse import definitions as df
from hyperdb.frontends.cql.protocol.responses import SchemaChange
from hyperdb.frontends.cql.schema.model import Schema
from hyperdb.frontends.cql.types import names
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import (
    COUNTER,
    MOST_NESTED,
    MOST_PARTS,
    NATIVE,
    Field,
    Type,
    Udt,
    count,
    depth,
    is_multi_cell,
    parts,
)
from hyperdb.graph.catalog import records

_MOST_FIELDS = 32_768
_WORDS = frozenset(["byte", "complex", "date", "enum", "interval", "macaddr", "bitstring"])
"""Names that Cassandra keeps for types to come."""


def create(context: Context, statement: df.CreateType) -> SchemaChange | None:
    """CREATE TYPE."""
    keyspace, name = context.keyspace_of(statement.name), statement.name.name
    app = context.app(keyspace)
    if (keyspace, name) in context.schema.type_numbers:
        if statement.if_not_exists:
            return None
        raise invalid(f"A user type with name '{name}' already exists")
    if name in _WORDS or name in NATIVE:
        raise invalid(f"'{name}' is a reserved type name")
    fields: dict[str, Type] = {}
    for field, written in statement.fields:
        if field in fields:
            raise invalid(f"Duplicate field name '{field}' in type '{name}'")
        fields[field] = _field_type(context.schema, keyspace, written, field, name)
        names.check_size(list(fields.values()))
    names.checked(Udt(keyspace, name, tuple(Field(field, kind) for field, kind in fields.items())))
    columns = [
        records.Column(id=place, name=field, kind=context.kind(kind)) for place, (field, kind) in enumerate(fields.items(), 1)
    ]
    context.create(
        records.UserType(app=app, name=name, form=records.COMPOSITE, fields=tuple(columns), next_field=len(columns) + 1)
    )
    return change("CREATED", "TYPE", keyspace, name)


def _field_type(schema: Schema, keyspace: str, written: Any, field: str, name: str) -> Type:
    kind = type_of(schema, keyspace, written)
    if kind == COUNTER:
        raise invalid("A user type cannot contain counters")
    if isinstance(kind, Udt) and not kind.frozen:
        raise invalid(f"A user type cannot contain non-frozen UDTs: field '{field}' of type '{name}'")
    return kind


def alter(context: Context, statement: df.AlterUserType) -> SchemaChange | None:
    """ALTER TYPE."""
    keyspace, name = context.keyspace_of(statement.name), statement.name.name
    context.changeable(keyspace)
    number = context.schema.type_numbers.get((keyspace, name))
    if number is None:
        if statement.if_exists:
            return None
        raise invalid(f"Type {keyspace}.{name} doesn't exist")
    found = context.schema.type(keyspace, name)
    record = context.locked(number)
    assert isinstance(record, records.UserType)
    after = _CHANGES[type(statement.change)](context, found, record, statement.change)
    if after != record:
        context.alter(number, after)
    return change("UPDATED", "TYPE", keyspace, name)


def _add(context: Context, found: Udt, record: records.UserType, wanted: df.AddField) -> records.UserType:
    if any(field.name == wanted.name for field in found.fields):
        if wanted.if_not_exists:
            return record
        there = f"a field with name {wanted.name} already exists"
        raise invalid(f"Cannot add field {wanted.name} to type {found.keyspace}.{found.name}: {there}")
    kind = _field_type(context.schema, found.keyspace, wanted.type, wanted.name, found.name)
    if uses(kind, found):
        raise invalid(
            f"Cannot add new field {wanted.name} of type {names.show(kind)} to user type {found.keyspace}.{found.name} "
            "as it would create a circular reference"
        )
    if len(found.fields) >= _MOST_FIELDS:
        raise invalid(f"Cannot add new field to type {found.keyspace}.{found.name}: maximum number of fields reached")
    holding = (where for where, used in columns_of(context.schema, found.keyspace) if uses(used, found))
    keyed = sorted({table for keyspace, table, column in holding if _is_in_partition_key(context, keyspace, table, column)})
    if keyed:
        rest = f"as the type is being used in partition key by the following tables: {', '.join(keyed)}"
        shown = f"{wanted.name} of type {names.show(kind)} to user type {found.keyspace}.{found.name}"
        raise invalid(f"Cannot add new field {shown} {rest}")
    _check_where(context.schema, found, replace(found, fields=(*found.fields, Field(wanted.name, kind))))
    column = records.Column(id=record.next_field, name=wanted.name, kind=context.kind(kind))
    return replace(record, fields=(*record.fields, column), next_field=record.next_field + 1)


def _is_in_partition_key(context: Context, keyspace: str, table: str, column: str) -> bool:
    return context.schema.table(keyspace, table).columns[column].role is Role.PARTITION


def _check_where(schema: Schema, found: Udt, after: Udt) -> None:
    """Whether the type may still stand where it stands: types nest so deep at most, and unfrozen ones hold no collections."""
    for (keyspace, table, column), kind in columns_of(schema, found.keyspace):
        if isinstance(kind, Udt) and not kind.frozen and kind.name == found.name and any(map(is_multi_cell, parts(after))):
            raise invalid("Non-frozen UDTs with nested non-frozen collections are not supported")
        if uses(kind, found):
            _check_growth(f"Column {keyspace}.{table}.{column}", kind, found, after)
    for kind in schema.keyspace(found.keyspace).types:
        if uses(kind, found):
            _check_growth(f"Type {kind.keyspace}.{kind.name}", kind, found, after)


def _check_growth(what: str, kind: Type, found: Udt, after: Udt) -> None:
    """Whether a type may hold another one that grows."""
    if depth(kind) + max(depth(after) - depth(found), 0) > MOST_NESTED:
        raise invalid(f"{what} would nest types more than {MOST_NESTED} deep")
    if count(kind) + _times(kind, found) * (count(after) - count(found)) > MOST_PARTS:
        raise invalid(f"{what} would have more than {MOST_PARTS} parts")


def _times(kind: Type, found: Udt) -> int:
    """How often a type stands in another."""
    same = isinstance(kind, Udt) and (kind.keyspace, kind.name) == (found.keyspace, found.name)
    return same + sum(_times(part, found) for part in parts(kind))


def _rename(_context: Context, found: Udt, record: records.UserType, wanted: df.Rename) -> records.UserType:
    fields = {field.name for field in found.fields}
    by_name: dict[str, str] = {}
    for old, new in wanted.names:
        if old not in fields:
            if wanted.if_exists:
                continue
            raise invalid(f"Unkown field {old} in user type {found.keyspace}.{found.name}")
        if new in fields:
            raise invalid(f"Cannot rename field {old} to {new}: a field with that name already exists")
        fields = fields - {old} | {new}
        by_name[old] = new
    renamed = tuple(
        replace(field, name=by_name[field.name]) if field.name in by_name and not field.dropped else field
        for field in record.fields
    )
    return replace(record, fields=renamed)


def _refuse(_context: Context, _found: Udt, _record: records.UserType, _wanted: df.AlterType) -> records.UserType:
    raise invalid("Altering field types is no longer supported")


_CHANGES: dict[type, Callable[[Context, Udt, records.UserType, Any], records.UserType]] = {
    df.AddField: _add,
    df.Rename: _rename,
    df.AlterType: _refuse,
}


def drop(context: Context, statement: df.Drop) -> SchemaChange | None:
    """DROP TYPE."""
    keyspace, name = context.keyspace_of(statement.name), statement.name.name
    context.changeable(keyspace)
    number = context.schema.type_numbers.get((keyspace, name))
    if number is None:
        if statement.if_exists:
            return None
        raise invalid(f"Type '{keyspace}.{name}' doesn't exist")
    found = context.schema.type(keyspace, name)

    def is_view(table: str) -> bool:
        return context.schema.table(keyspace, table).base is not None

    others = [
        kind.name
        for kind in context.schema.keyspace(keyspace).types
        if kind.name != name and any(uses(each, found) for each in parts(kind))
    ]
    if others:
        raise invalid(f"Cannot drop user type '{keyspace}.{name}' as it is still used by user types {', '.join(sorted(others))}")
    tables = sorted(
        {table for (_, table, _), kind in columns_of(context.schema, keyspace) if uses(kind, found) and not is_view(table)}
    )
    if tables:
        raise invalid(f"Cannot drop user type '{keyspace}.{name}' as it is still used by tables {', '.join(tables)}")
    context.drop(number)
    return change("DROPPED", "TYPE", keyspace, name)


def uses(kind: Type, found: Udt) -> bool:
    """Whether a type is another, or holds it."""
    same = isinstance(kind, Udt) and (kind.keyspace, kind.name) == (found.keyspace, found.name)
    return same or any(uses(part, found) for part in parts(kind))


def columns_of(schema: Schema, keyspace: str) -> Iterator[tuple[tuple[str, str, str], Type]]:
    """All columns of a keyspace's tables and views, with their types."""
    for (other, name), served in schema.tables.items():
        if other == keyspace:
            for column in served.columns.values():
                yield (keyspace, name, column.name), column.type
