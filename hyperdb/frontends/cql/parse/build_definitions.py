"""Builders of statements that define: one method for each rule or alias of cql.lark, of the same name.

Invariant: no marker and no column stands in an option's value.
"""

from __future__ import annotations

from typing import Any

from hyperdb.frontends.cql.parse.build_data import without_ttl
from hyperdb.frontends.cql.parse.build_terms import misplaced, no_markers
from hyperdb.frontends.cql.parse.definitions import (
    NO_OPTIONS,
    AddColumns,
    AddField,
    AlterKeyspace,
    AlterTable,
    AlterType,
    AlterUserType,
    AlterView,
    ColumnDefinition,
    CreateAggregate,
    CreateFunction,
    CreateIndex,
    CreateKeyspace,
    CreateTable,
    CreateTrigger,
    CreateType,
    CreateView,
    Drop,
    DropColumns,
    DropCompactStorage,
    DropFunction,
    DropKeyspace,
    DropTrigger,
    Element,
    Mask,
    MaskColumn,
    PrimaryKey,
    Property,
    Rename,
    SetProperties,
    TableOptions,
    Target,
    TargetKind,
)
from hyperdb.frontends.cql.parse.faults import Fault
from hyperdb.frontends.cql.parse.lexer import Lexeme
from hyperdb.frontends.cql.parse.statements import Direction, Ordering, Using
from hyperdb.frontends.cql.parse.terms import Column, Kind, Literal, MapTerm, Name, SetTerm, Term, TypeName


def constants(term: Term) -> Literal | MapTerm:
    """An option's value: a constant, a bare word, a map of constants."""
    match term:
        case Literal():
            return term
        case Column(name=name, position=position):
            return Literal(Kind.STRING, name, position)
        case SetTerm(items=()):
            return MapTerm(())
        case MapTerm(entries=entries):
            for entry in entries:
                for part in entry:
                    if type(part) is not Literal:
                        raise misplaced(part)
            return term
    raise misplaced(term)


class _DefinitionBuilder:
    """Keyspaces, tables, types, indexes, views, functions, triggers."""

    def property(self, parts: list[Any]) -> Property:
        return Property(parts[0].value, constants(parts[1]))

    def properties(self, parts: list[Property]) -> tuple[Property, ...]:
        return tuple(parts)

    def renaming(self, parts: list[Lexeme]) -> tuple[str, str]:
        return parts[0].value, parts[1].value

    # Keyspaces.

    def create_keyspace(self, parts: list[Any]) -> CreateKeyspace:
        return CreateKeyspace(parts[1].value, parts[2], parts[0])

    def alter_keyspace(self, parts: list[Any]) -> AlterKeyspace:
        return AlterKeyspace(parts[1].value, parts[2], parts[0])

    def drop_keyspace(self, parts: list[Any]) -> DropKeyspace:
        return DropKeyspace(parts[1].value, parts[0])

    # Tables.

    def partition_key(self, parts: list[Lexeme]) -> tuple[str, ...]:
        return tuple(part.value for part in parts)

    def primary_key(self, parts: list[Any]) -> PrimaryKey:
        return PrimaryKey(parts[0], tuple(part.value for part in parts[1:]))

    def mask(self, parts: list[Any]) -> Any:
        return parts[0]

    def default_mask(self, _parts: list[Any]) -> Mask:
        return Mask()

    def mask_call(self, parts: list[Any]) -> Mask:
        return Mask(parts[0], no_markers(parts[1]) if len(parts) > 1 else ())

    def column_definition(self, parts: list[Any]) -> ColumnDefinition:
        name, kind, static, mask, *key = parts
        return ColumnDefinition(name.value, kind, static, mask, bool(key and key[0]))

    def compact_storage(self, _parts: list[Any]) -> bool:
        return True

    def clustering_order(self, parts: list[Ordering]) -> tuple[Ordering, ...]:
        for order in parts:
            if order.direction is Direction.NEAREST:
                raise misplaced(order)
        return tuple(parts)

    def table_options(self, parts: list[Any]) -> TableOptions:
        if parts[0] is None:
            return NO_OPTIONS
        properties = tuple(part for part in parts if type(part) is Property)
        orders = [part for part in parts if type(part) is tuple]
        return TableOptions(properties, sum(orders, ()), any(part is True for part in parts))

    def create_table(self, parts: list[Any]) -> CreateTable:
        if_not_exists, table, *inner, options = parts
        keys = [part for part in inner if type(part) is PrimaryKey]
        columns = tuple(part for part in inner if type(part) is ColumnDefinition)
        if len(keys) + sum(column.primary_key for column in columns) > 1:
            raise Fault(table.position, "Multiple PRIMARY KEYs specified (exactly one required)")
        return CreateTable(table, columns, keys[0] if keys else None, options, if_not_exists)

    def drop_table(self, parts: list[Any]) -> Drop:
        return Drop(Element.TABLE, parts[1], parts[0])

    def alter_table(self, parts: list[Any]) -> AlterTable:
        return AlterTable(parts[1], parts[2], parts[0])

    def add_columns(self, parts: list[Any]) -> AddColumns:
        return AddColumns(tuple(parts[1:]), parts[0])

    def drop_columns(self, parts: list[Any]) -> DropColumns:
        using: Using = no_markers(without_ttl(parts[1]))
        return DropColumns(parts[0], timestamp=using.timestamp)

    def drop_existing_columns(self, parts: list[Any]) -> DropColumns:
        using: Using = no_markers(without_ttl(parts[1]))
        return DropColumns(parts[0], if_exists=True, timestamp=using.timestamp)

    def drop_compact_storage(self, _parts: list[Any]) -> DropCompactStorage:
        return DropCompactStorage()

    def rename(self, parts: list[Any]) -> Rename:
        return Rename(tuple(parts[1:]), parts[0])

    def alter_column_type(self, parts: list[Any]) -> AlterType:
        return AlterType(parts[1].value, parts[2], parts[0])

    def mask_column(self, parts: list[Any]) -> MaskColumn:
        return MaskColumn(parts[1].value, parts[2], parts[0])

    def unmask_column(self, parts: list[Any]) -> MaskColumn:
        return MaskColumn(parts[1].value, None, parts[0])

    def set_properties(self, parts: list[Any]) -> SetProperties:
        return SetProperties(parts[0])

    # Types.

    def type_field(self, parts: list[Any]) -> tuple[str, TypeName]:
        return parts[0].value, parts[1]

    def create_type(self, parts: list[Any]) -> CreateType:
        return CreateType(parts[1], tuple(parts[2:]), parts[0])

    def add_field(self, parts: list[Any]) -> AddField:
        name, kind = parts[1]
        return AddField(name, kind, parts[0])

    def alter_field_type(self, parts: list[Any]) -> AlterType:
        return AlterType(parts[0].value, parts[1])

    def alter_type(self, parts: list[Any]) -> AlterUserType:
        return AlterUserType(parts[1], parts[2], parts[0])

    def drop_type(self, parts: list[Any]) -> Drop:
        return Drop(Element.TYPE, parts[1], parts[0])

    # Indexes.

    def index_name(self, parts: list[Any]) -> Name | None:
        return parts[0]  # type: ignore[no-any-return]

    def targets(self, parts: list[Any]) -> tuple[Target, ...]:
        return tuple(parts) if parts[0] else ()

    def target_simple(self, parts: list[Lexeme]) -> Target:
        return Target(parts[0].value)

    def target_keys(self, parts: list[Lexeme]) -> Target:
        return Target(parts[0].value, TargetKind.KEYS)

    def target_values(self, parts: list[Lexeme]) -> Target:
        return Target(parts[0].value, TargetKind.VALUES)

    def target_entries(self, parts: list[Lexeme]) -> Target:
        return Target(parts[0].value, TargetKind.ENTRIES)

    def target_full(self, parts: list[Lexeme]) -> Target:
        return Target(parts[0].value, TargetKind.FULL)

    def index_class(self, parts: list[Any]) -> str | None:
        return parts[0].value if parts[0] else None

    def index_options(self, parts: list[Any]) -> tuple[Property, ...]:
        return parts[0] or ()

    def create_index(self, parts: list[Any]) -> CreateIndex:
        custom, if_not_exists, name, table, targets, using, properties = parts
        return CreateIndex(name, table, targets, custom, using, properties, if_not_exists)

    def drop_index(self, parts: list[Any]) -> Drop:
        return Drop(Element.INDEX, parts[1], parts[0])

    # Views.

    def create_view(self, parts: list[Any]) -> CreateView:
        if_not_exists, name, selectors, table, where, key, options = parts
        return no_markers(CreateView(name, table, selectors, where, key, options, if_not_exists))  # type: ignore[no-any-return]

    def alter_view(self, parts: list[Any]) -> AlterView:
        return AlterView(parts[1], parts[2], parts[0])

    def drop_view(self, parts: list[Any]) -> Drop:
        return Drop(Element.VIEW, parts[1], parts[0])

    # Functions, aggregates, triggers.

    def arguments(self, parts: list[Any]) -> tuple[tuple[str, TypeName], ...]:
        return tuple(parts) if parts[0] else ()

    def called_on_null(self, _parts: list[Any]) -> bool:
        return True

    def null_on_null(self, _parts: list[Any]) -> bool:
        return False

    def create_function(self, parts: list[Any]) -> CreateFunction:
        or_replace, if_not_exists, name, arguments, called, returns, language, body = parts
        return CreateFunction(name, arguments, called, returns, language.value, body.value, or_replace, if_not_exists)

    def signature(self, parts: list[Any]) -> tuple[TypeName, ...]:
        return parts[0] if parts else ()

    def final_function(self, parts: list[Any]) -> str | None:
        return parts[0].value if parts[0] else None

    def initial(self, parts: list[Any]) -> Term | None:
        return no_markers(parts[0])  # type: ignore[no-any-return]

    def create_aggregate(self, parts: list[Any]) -> CreateAggregate:
        or_replace, if_not_exists, name, arguments, function, state, final, initial = parts
        return CreateAggregate(name, arguments, function.value, state, final, initial, or_replace, if_not_exists)

    def drop_function(self, parts: list[Any]) -> DropFunction:
        return DropFunction(parts[1], parts[2], False, parts[0])

    def drop_aggregate(self, parts: list[Any]) -> DropFunction:
        return DropFunction(parts[1], parts[2], True, parts[0])

    def create_trigger(self, parts: list[Any]) -> CreateTrigger:
        return CreateTrigger(parts[1].value, parts[2], parts[3].value, parts[0])

    def drop_trigger(self, parts: list[Any]) -> DropTrigger:
        return DropTrigger(parts[1].value, parts[2], parts[0])
