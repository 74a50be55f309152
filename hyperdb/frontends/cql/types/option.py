"""Types as [option]s, which tell clients how to read columns and values (specification, section 4.2.5.2).

Theory: a number, and what it takes. A type that the version does not have is told as a class of Java (`java`). Invariant: a
client of any version is told a type whose values it can read or hand on as bytes.
"""

from __future__ import annotations

from functools import cache

from hyperdb.frontends.cql.types import java
from hyperdb.frontends.cql.types.model import Custom, List, Map, Native, Set, Tuple, Type, Udt, Vector

_CUSTOM, _LIST, _MAP, _SET, _UDT, _TUPLE = 0x0000, 0x0020, 0x0021, 0x0022, 0x0030, 0x0031
CODES = {
    "ascii": 0x0001,
    "bigint": 0x0002,
    "blob": 0x0003,
    "boolean": 0x0004,
    "counter": 0x0005,
    "decimal": 0x0006,
    "double": 0x0007,
    "float": 0x0008,
    "int": 0x0009,
    "timestamp": 0x000B,
    "uuid": 0x000C,
    "text": 0x000D,
    "varint": 0x000E,
    "timeuuid": 0x000F,
    "inet": 0x0010,
    "date": 0x0011,
    "time": 0x0012,
    "smallint": 0x0013,
    "tinyint": 0x0014,
    "duration": 0x0015,
}
# The version that brought a type; the others are as old as version 3.
_SINCE = {"date": 4, "time": 4, "smallint": 4, "tinyint": 4, "duration": 5}


def _short(number: int) -> bytes:
    return number.to_bytes(2, "big")


def _text(value: str) -> bytes:
    data = value.encode()
    return _short(len(data)) + data


@cache
def option(kind: Type, version: int) -> bytes:
    """The [option] of a type, for clients of `version`."""
    match kind:
        case Native(name) if version >= _SINCE.get(name, 0):
            return _short(CODES[name])
        case List(element):
            return _short(_LIST) + option(element, version)
        case Set(element):
            return _short(_SET) + option(element, version)
        case Map(key, value):
            return _short(_MAP) + option(key, version) + option(value, version)
        case Udt(keyspace, name, fields):
            inside = b"".join(_text(field.name) + option(field.type, version) for field in fields)
            return _short(_UDT) + _text(keyspace) + _text(name) + _short(len(fields)) + inside
        case Tuple(elements):
            return _short(_TUPLE) + _short(len(elements)) + b"".join(option(each, version) for each in elements)
        case Native() | Vector() | Custom():
            return _short(_CUSTOM) + _text(java.write(kind))
