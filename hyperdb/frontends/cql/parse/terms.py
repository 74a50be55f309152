"""Nodes of expressions: literals, markers, columns, calls, collections, arithmetic; and types as they were written.

Theory: a literal keeps its kind and its text, since only its column's type says what it means (`1` is an int, a decimal or a
varint). One family of nodes serves values, selections, conditions and assignments; the statement's builder has checked what may
stand where. Invariant: equality is of what was written, positions (characters from 0) do not count.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Kind(Enum):
    """What a literal looks like."""

    INTEGER = "integer"
    FLOAT = "float"
    STRING = "string"
    BOOLEAN = "boolean"
    UUID = "uuid"
    HEX = "hex"
    DURATION = "duration"
    NULL = "null"
    NAN = "nan"
    INFINITY = "infinity"


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant: a string's characters, else the text as written, with its sign; words in lower case."""

    kind: Kind
    text: str
    position: int = field(default=-1, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a literal was lifted out of a shape (lift.py): its number, whether a minus stood before it, and its kind."""

    index: int
    negative: bool = False
    kind: Kind = field(default=Kind.NULL, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Marker:
    """A bind marker, named or not. Markers are numbered in the order of their positions."""

    name: str | None = None
    position: int = field(default=-1, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its name."""

    name: str
    position: int = field(default=-1, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a value of a user type."""

    value: Term
    name: str


@dataclass(frozen=True, slots=True)
class Element:
    """An element of a collection: of a map by its key, of a set by itself, of a list by its place."""

    value: Term
    key: Term


@dataclass(frozen=True, slots=True)
class Slice:
    """Elements of a collection between two bounds, both included; None leaves an end open."""

    value: Term
    first: Term | None
    last: Term | None


@dataclass(frozen=True, slots=True)
class Call:
    """A function of arguments. `token`, `writetime`, `maxwritetime` and `ttl` are functions of columns."""

    name: str
    arguments: tuple[Term, ...]
    keyspace: str | None = None
    position: int = field(default=-1, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class CountRows:
    """`count(*)`, which `count(1)` means too."""


@dataclass(frozen=True, slots=True)
class CastAs:
    """`CAST(value AS type)`: a value of one type from a value of another."""

    value: Term
    type: TypeName


@dataclass(frozen=True, slots=True)
class TypeHint:
    """`(type) value`: says which type a value already has."""

    type: TypeName
    value: Term


@dataclass(frozen=True, slots=True)
class Negated:
    """A minus before what is no number."""

    value: Term


class Sign(Enum):
    """An operator of arithmetic."""

    PLUS = "+"
    MINUS = "-"
    TIMES = "*"
    OVER = "/"
    MODULO = "%"


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two values and what is done with them."""

    sign: Sign
    left: Term
    right: Term


@dataclass(frozen=True, slots=True)
class TupleTerm:
    """Values in parentheses: a tuple, or with one value parentheses, which the receiver's type decides."""

    items: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class ListTerm:
    """Values in brackets: a list or a vector."""

    items: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class SetTerm:
    """Values in braces: a set; with none, an empty set or map, which the receiver's type decides."""

    items: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class MapTerm:
    """Keys with values."""

    entries: tuple[tuple[Term, Term], ...]


@dataclass(frozen=True, slots=True)
class UdtTerm:
    """Fields' names with values."""

    fields: tuple[tuple[str, Term], ...]


Term = (
    Literal
    | Slot
    | Marker
    | Column
    | Field
    | Element
    | Slice
    | Call
    | CountRows
    | CastAs
    | TypeHint
    | Negated
    | Arithmetic
    | TupleTerm
    | ListTerm
    | SetTerm
    | MapTerm
    | UdtTerm
)


@dataclass(frozen=True, slots=True)
class TypeName:
    """A type as written: a name, perhaps of a keyspace, and what stands between angle brackets: types, a vector's length.

    `java` marks the name of a class of Cassandra between quotes.
    """

    name: str
    arguments: tuple[TypeName | int, ...] = ()
    keyspace: str | None = None
    java: bool = False


@dataclass(frozen=True, slots=True)
class Name:
    """A table, type, index, view or function, perhaps with its keyspace."""

    name: str
    keyspace: str | None = None
    position: int = field(default=-1, compare=False, repr=False)
