"""CQL's types as values.

Theory: a type is a frozen dataclass, so that whatever is made of one (a codec, an order, its option) can be kept by it.
Collections and user types are frozen or not; tuples and vectors always are, and what lies inside a frozen one is too.
Invariant: no two objects mean the same type and differ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Final, TypeAlias


@dataclass(frozen=True, slots=True)
class Native:
    """A type without parameters, by CQL's name of it (`text`, never `varchar`)."""

    name: str


@dataclass(frozen=True, slots=True)
class List:
    """`list<element>`."""

    element: Type
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class Set:
    """`set<element>`."""

    element: Type
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class Map:
    """`map<key, value>`."""

    key: Type
    value: Type
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class Tuple:
    """`tuple<...>`."""

    elements: tuple[Type, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a user type."""

    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Udt:
    """A user type. Its name is as the catalog has it, without quotes."""

    keyspace: str
    name: str
    fields: tuple[Field, ...]
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class Vector:
    """`vector<element, dimension>`."""

    element: Type
    dimension: int


@dataclass(frozen=True, slots=True)
class Custom:
    """A type of which only the Java class is known; its values are bytes."""

    class_name: str


Type: TypeAlias = Native | List | Set | Map | Tuple | Udt | Vector | Custom

ASCII: Final = Native("ascii")
BIGINT: Final = Native("bigint")
BLOB: Final = Native("blob")
BOOLEAN: Final = Native("boolean")
COUNTER: Final = Native("counter")
DATE: Final = Native("date")
DECIMAL: Final = Native("decimal")
DOUBLE: Final = Native("double")
DURATION: Final = Native("duration")
FLOAT: Final = Native("float")
INET: Final = Native("inet")
INT: Final = Native("int")
SMALLINT: Final = Native("smallint")
TEXT: Final = Native("text")
TIME: Final = Native("time")
TIMESTAMP: Final = Native("timestamp")
TIMEUUID: Final = Native("timeuuid")
TINYINT: Final = Native("tinyint")
UUID: Final = Native("uuid")
VARINT: Final = Native("varint")

NATIVE: Final = {
    each.name: each
    for each in (ASCII, BIGINT, BLOB, BOOLEAN, COUNTER, DATE, DECIMAL, DOUBLE, DURATION, FLOAT, INET, INT, SMALLINT, TEXT, TIME,
                 TIMESTAMP, TIMEUUID, TINYINT, UUID, VARINT)
}  # fmt: skip
MOST_DIMENSIONS = 8192
"""Of a vector, as Cassandra's guardrail has it by default."""
MOST_NESTED = 48
"""Levels of types within types (docs/file-format.md)."""
MOST_PARTS = 4096
"""Types in a type, each counted wherever it stands: user types that hold others several times multiply."""


def is_collection(kind: Type) -> bool:
    """Whether it is a list, a set or a map."""
    return isinstance(kind, List | Set | Map)


def is_multi_cell(kind: Type) -> bool:
    """Whether each element or field is a cell of its own: an unfrozen collection or user type."""
    return isinstance(kind, List | Set | Map | Udt) and not kind.frozen


@cache
def frozen(kind: Type) -> Type:
    """The type with everything in it frozen."""
    match kind:
        case List(element) | Set(element):
            return replace(kind, element=frozen(element), frozen=True)
        case Map(key, value):
            return Map(frozen(key), frozen(value), frozen=True)
        case Tuple(elements):
            return Tuple(tuple(frozen(element) for element in elements))
        case Udt():
            fields = tuple(Field(field.name, frozen(field.type)) for field in kind.fields)
            return replace(kind, fields=fields, frozen=True)
        case Vector(element):
            return replace(kind, element=frozen(element))
        case _:
            return kind


def depth(kind: Type) -> int:
    """How many types lie within each other; 1 for a native one."""
    return 1 + max(map(depth, parts(kind)), default=0)


def count(kind: Type, most: int = MOST_PARTS) -> int:
    """How many types lie in it, itself with them; no more than one beyond `most` are counted."""
    waiting, found = [kind], 0
    while waiting and found <= most:
        found += 1
        waiting.extend(parts(waiting.pop()))
    return found


def parts(kind: Type) -> tuple[Type, ...]:
    """The types directly inside."""
    match kind:
        case List(element) | Set(element) | Vector(element):
            return (element,)
        case Map(key, value):
            return key, value
        case Tuple(elements):
            return elements
        case Udt(fields=fields):
            return tuple(field.type for field in fields)
        case _:
            return ()
