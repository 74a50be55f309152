"""Nodes of statements that define keyspaces, tables, types, indexes, views, functions and triggers.

Invariant: equality is of what was written; no marker stands in a definition.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hyperdb.frontends.cql.parse.statements import Ordering, Relation, Selector
from hyperdb.frontends.cql.parse.terms import Literal, MapTerm, Name, SetTerm, Term, TypeName


@dataclass(frozen=True, slots=True)
class Property:
    """An option: a constant or a map. A bare word counts as a string."""

    name: str
    value: Literal | MapTerm | SetTerm


@dataclass(frozen=True, slots=True)
class CreateKeyspace:
    """CREATE KEYSPACE."""

    name: str
    properties: tuple[Property, ...]
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class AlterKeyspace:
    """ALTER KEYSPACE."""

    name: str
    properties: tuple[Property, ...]
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class DropKeyspace:
    """DROP KEYSPACE."""

    name: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class Mask:
    """What a masked column shows: a function of the column and these arguments, or with none the default mask."""

    function: Name | None = None
    arguments: tuple[Term, ...] = ()


@dataclass(frozen=True, slots=True)
class ColumnDefinition:
    """A column of a table to be made."""

    name: str
    type: TypeName
    static: bool = False
    mask: Mask | None = None
    primary_key: bool = False


@dataclass(frozen=True, slots=True)
class PrimaryKey:
    """Columns of the partition's key and of the clustering."""

    partition: tuple[str, ...]
    clustering: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableOptions:
    """What follows WITH: options, the clustering order as far as it is said, and COMPACT STORAGE."""

    properties: tuple[Property, ...] = ()
    clustering: tuple[Ordering, ...] = ()
    compact_storage: bool = False


NO_OPTIONS = TableOptions()


@dataclass(frozen=True, slots=True)
class CreateTable:
    """CREATE TABLE. `primary_key` is None where only a column's definition says it."""

    table: Name
    columns: tuple[ColumnDefinition, ...]
    primary_key: PrimaryKey | None = None
    options: TableOptions = NO_OPTIONS
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class AddColumns:
    """ALTER TABLE ... ADD."""

    columns: tuple[ColumnDefinition, ...]
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class DropColumns:
    """ALTER TABLE ... DROP; a timestamp in microseconds says up to when values are dropped."""

    names: tuple[str, ...]
    if_exists: bool = False
    timestamp: Term | None = None


@dataclass(frozen=True, slots=True)
class DropCompactStorage:
    """ALTER TABLE ... DROP COMPACT STORAGE."""


@dataclass(frozen=True, slots=True)
class Rename:
    """ALTER ... RENAME of columns or fields: old names with new ones."""

    names: tuple[tuple[str, str], ...]
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class AlterType:
    """ALTER of a column's or a field's type, which Cassandra no longer allows."""

    name: str
    type: TypeName
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class MaskColumn:
    """ALTER of a column's mask; None drops it."""

    name: str
    mask: Mask | None
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class SetProperties:
    """ALTER TABLE ... WITH."""

    properties: tuple[Property, ...]


TableChange = AddColumns | DropColumns | DropCompactStorage | Rename | AlterType | MaskColumn | SetProperties


@dataclass(frozen=True, slots=True)
class AlterTable:
    """ALTER TABLE."""

    table: Name
    change: TableChange
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class CreateType:
    """CREATE TYPE: fields' names with types."""

    name: Name
    fields: tuple[tuple[str, TypeName], ...]
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class AddField:
    """ALTER TYPE ... ADD."""

    name: str
    type: TypeName
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class AlterUserType:
    """ALTER TYPE."""

    name: Name
    change: AddField | Rename | AlterType
    if_exists: bool = False


class TargetKind(Enum):
    """What of a column an index holds; of a collection SIMPLE means its values."""

    SIMPLE = ""
    KEYS = "keys"
    VALUES = "values"
    ENTRIES = "entries"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Target:
    """What an index is on."""

    column: str
    kind: TargetKind = TargetKind.SIMPLE


@dataclass(frozen=True, slots=True)
class CreateIndex:
    """CREATE [CUSTOM] INDEX. `using` is the class or the short name between quotes."""

    name: Name | None
    table: Name
    targets: tuple[Target, ...]
    custom: bool = False
    using: str | None = None
    properties: tuple[Property, ...] = ()
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class CreateView:
    """CREATE MATERIALIZED VIEW; `selectors` is None for `*`."""

    name: Name
    table: Name
    selectors: tuple[Selector, ...] | None
    where: tuple[Relation, ...]
    primary_key: PrimaryKey
    options: TableOptions = NO_OPTIONS
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class AlterView:
    """ALTER MATERIALIZED VIEW."""

    name: Name
    properties: tuple[Property, ...]
    if_exists: bool = False


class Element(Enum):
    """What DROP drops by a name that may have a keyspace."""

    TABLE = "TABLE"
    TYPE = "TYPE"
    INDEX = "INDEX"
    VIEW = "MATERIALIZED VIEW"


@dataclass(frozen=True, slots=True)
class Drop:
    """DROP TABLE, TYPE, INDEX or MATERIALIZED VIEW."""

    element: Element
    name: Name
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class CreateFunction:
    """CREATE FUNCTION, parsed so that it is refused by its name."""

    name: Name
    arguments: tuple[tuple[str, TypeName], ...]
    called_on_null: bool
    returns: TypeName
    language: str
    body: str
    or_replace: bool = False
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class CreateAggregate:
    """CREATE AGGREGATE, parsed so that it is refused by its name."""

    name: Name
    arguments: tuple[TypeName, ...]
    state_function: str
    state_type: TypeName
    final_function: str | None = None
    initial: Term | None = None
    or_replace: bool = False
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class DropFunction:
    """DROP FUNCTION or AGGREGATE; None for arguments that are not said."""

    name: Name
    arguments: tuple[TypeName, ...] | None
    aggregate: bool = False
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class CreateTrigger:
    """CREATE TRIGGER, parsed so that it is refused by its name."""

    name: str
    table: Name
    using: str
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class DropTrigger:
    """DROP TRIGGER."""

    name: str
    table: Name
    if_exists: bool = False


DefinitionStatement = (
    CreateKeyspace
    | AlterKeyspace
    | DropKeyspace
    | CreateTable
    | AlterTable
    | CreateType
    | AlterUserType
    | CreateIndex
    | CreateView
    | AlterView
    | Drop
    | CreateFunction
    | CreateAggregate
    | DropFunction
    | CreateTrigger
    | DropTrigger
)
