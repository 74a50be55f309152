"""Types as the catalog's records have them (docs/file-format.md, Types), both ways.

Theory: a type is a code and what the code takes; user types are numbers of objects. Tables made in SQL have types that CQL
shows as its own where every value is one of CQL's (varchar(n) is text, numeric(p, s) decimal), and others that it does not
have.
Invariant: `read(write(x)) == x`; a type that CQL does not have is refused with its name.
"""

from __future__ import annotations

from collections.abc import Callable

from hyperdb.errors import CorruptError
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import NATIVE, Custom, List, Map, Native, Set, Tuple, Type, Udt, Vector, frozen
from hyperdb.frontends.cql.types.names import show
from hyperdb.graph.catalog.codec import read_varint, varint

_CODES = {
    "boolean": 1, "tinyint": 2, "smallint": 3, "int": 4, "bigint": 5, "varint": 6, "float": 7, "double": 8, "decimal": 9,
    "text": 10, "ascii": 11, "blob": 12, "uuid": 13, "timeuuid": 14, "date": 15, "duration": 16, "inet": 17, "counter": 21,
    "time": 27,
}  # fmt: skip
_NAMES = {code: NATIVE[name] for name, code in _CODES.items()}
_TIMESTAMP_TZ, _MILLISECONDS = 47, 3
_UDT, _FROZEN_UDT = 62, 63
_LIST, _FROZEN_LIST, _SET, _FROZEN_SET, _MAP, _FROZEN_MAP = 71, 72, 73, 74, 80, 81
_TUPLE, _VECTOR = 82, 83
_NUMERIC_BYTES = 4
# What SQL's types with a number behind them are here: each value of theirs is a value of CQL's.
_SIZED = {40: NATIVE["text"], 41: NATIVE["text"], 46: NATIVE["timestamp"], 47: NATIVE["timestamp"]}
_ONLY_SQL = {
    18: "cidr", 19: "json", 20: "jsonb", 22: "oid", 23: "name", 24: '"char"', 25: "macaddr", 26: "tsvector", 42: "bit",
    43: "bit varying", 44: "time", 45: "time with time zone", 48: "interval", 60: "enum", 70: "array",
}  # fmt: skip


def write(kind: Type, number_of: Callable[[Udt], int]) -> bytes:
    """The catalog's form of a type; `number_of` gives the number of a user type's object.

    Raises:
        CqlError: invalid, for a type that cannot be stored.
    """
    match kind:
        case Native("timestamp"):
            return bytes((_TIMESTAMP_TZ, _MILLISECONDS))
        case Native(name):
            return bytes((_CODES[name],))
        case List(element):
            return bytes((_FROZEN_LIST if kind.frozen else _LIST,)) + write(element, number_of)
        case Set(element):
            return bytes((_FROZEN_SET if kind.frozen else _SET,)) + write(element, number_of)
        case Map(key, value):
            return bytes((_FROZEN_MAP if kind.frozen else _MAP,)) + write(key, number_of) + write(value, number_of)
        case Tuple(elements):
            return bytes((_TUPLE,)) + varint(len(elements)) + b"".join(write(each, number_of) for each in elements)
        case Udt():
            return bytes((_FROZEN_UDT if kind.frozen else _UDT,)) + varint(number_of(kind))
        case Vector(element, dimension):
            return bytes((_VECTOR,)) + varint(dimension) + write(element, number_of)
        case Custom():
            raise invalid(f"Values of {show(kind)} cannot be stored")


def read(data: bytes, find: Callable[[int], Type]) -> Type:
    """Back from the catalog's form; `find` gives the user type, or what a domain is made of, by the object's number.

    Raises:
        CqlError: invalid, for a type that CQL does not have.
        CorruptError: when the bytes are no type.
    """
    try:
        kind, end = _read(data, 0, find)
    except IndexError:
        end, kind = -1, None
    if kind is None or end != len(data):
        raise CorruptError("a type in the catalog that cannot be read")
    return kind


def _read(data: bytes, at: int, find: Callable[[int], Type]) -> tuple[Type, int]:
    code = data[at]
    at += 1
    if code in _NAMES:
        return _NAMES[code], at
    match code:
        case 40 | 41 | 46 | 47:
            return _SIZED[code], read_varint(data, at)[1]
        case 50:
            return NATIVE["decimal"], at + _NUMERIC_BYTES
        case 61 | 62 | 63:
            number, at = read_varint(data, at)
            found = find(number)
            return (frozen(found) if code == _FROZEN_UDT else found), at
        case 71 | 72:
            element, at = _read(data, at, find)
            return List(element, code == _FROZEN_LIST), at
        case 73 | 74:
            element, at = _read(data, at, find)
            return Set(element, code == _FROZEN_SET), at
        case 80 | 81:
            key, at = _read(data, at, find)
            value, at = _read(data, at, find)
            return Map(key, value, code == _FROZEN_MAP), at
        case 82:
            count, at = read_varint(data, at)
            elements = []
            for _ in range(count):
                element, at = _read(data, at, find)
                elements.append(element)
            return Tuple(tuple(elements)), at
        case 83:
            dimension, at = read_varint(data, at)
            element, at = _read(data, at, find)
            return Vector(element, dimension), at
        case _ if code in _ONLY_SQL:
            raise invalid(f"CQL has no type {_ONLY_SQL[code]}")
        case _:
            raise CorruptError(f"a type in the catalog of a code that this version does not know: {code}")
