"""Constants of a statement: which kinds each type takes, and their values.

Theory: a constant keeps its kind and its text until it meets a type, which alone says what it means: `1` is an int, a double or
a date.
Invariant: what is taken, and what is told where it is not, is as in Cassandra.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

from hyperdb.frontends.cql.types import literals, names, numbers
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import (
    ASCII,
    BIGINT,
    BLOB,
    BOOLEAN,
    COUNTER,
    DECIMAL,
    DOUBLE,
    DURATION,
    INT,
    TEXT,
    TIMEUUID,
    UUID,
    VARINT,
    Custom,
    Native,
    Type,
)


class Kind(Enum):
    """What a constant looks like; the values are Cassandra's names, which errors show."""

    STRING = "STRING"
    INTEGER = "INTEGER"
    FLOAT = "FLOAT"
    """NaN and Infinity too."""
    BOOLEAN = "BOOLEAN"
    UUID = "UUID"
    HEX = "HEX"
    DURATION = "DURATION"


_TAKEN_BY = {
    Kind.STRING: "ascii text inet date time timestamp",
    Kind.INTEGER: "bigint counter date decimal double duration float int smallint time timestamp tinyint varint",
    Kind.FLOAT: "decimal double float",
    Kind.BOOLEAN: "boolean",
    Kind.UUID: "uuid timeuuid",
    Kind.HEX: "blob",
    Kind.DURATION: "duration",
}
_TAKES = {kind: frozenset(names.split()) for kind, names in _TAKEN_BY.items()}
_NOT_NUMBERS = ("nan", "-nan", "infinity", "-infinity")
_VERSION_AT = 14


def takes(kind: Type, constant: Kind) -> bool:
    """Whether a type takes constants of a kind."""
    return isinstance(kind, Custom) or (isinstance(kind, Native) and kind.name in _TAKES[constant])


def value(kind: Type, constant: Kind, text: str, column: str) -> bytes:
    """The bytes of a constant for a column, a field or an argument called `column`. A string's text is without its quotes.

    Raises:
        CqlError: invalid, when the type does not take it, or it is no value of it.
    """
    if not takes(kind, constant):
        raise invalid(f'Invalid {constant.value} constant ({text}) for "{column}" of type {names.show(kind)}')
    if constant is Kind.HEX:
        return literals.hexadecimal(text[2:])
    return literals.from_text(BIGINT if kind == COUNTER else kind, text)


def preferred(constant: Kind, text: str) -> Type:
    """The type that a constant has where nothing else says one."""
    match constant:
        case Kind.STRING:
            return ASCII if text.isascii() else TEXT
        case Kind.INTEGER:
            if numbers.integer(text, 32) is not None:
                return INT
            return VARINT if numbers.integer(text, 64) is None else BIGINT
        case Kind.FLOAT:
            if text.lower() in _NOT_NUMBERS:
                return DOUBLE
            found = numbers.decimal(text)
            # A double where it is the very number that is written: 0.1 is, as Java compares shortest texts.
            return DOUBLE if found is not None and found == Decimal(numbers.double_text(float(text))) else DECIMAL
        case Kind.BOOLEAN:
            return BOOLEAN
        case Kind.UUID:
            return TIMEUUID if text[_VERSION_AT : _VERSION_AT + 1] == "1" else UUID
        case Kind.HEX:
            return BLOB
        case Kind.DURATION:
            return DURATION
