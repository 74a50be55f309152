"""Which values of one type are values of another, as their bytes are (Cassandra's isValueCompatibleWith).

Invariant: whatever is assignable can be decoded by the type that takes it.
"""

from __future__ import annotations

from hyperdb.frontends.cql.types.model import BLOB, List, Map, Set, Type, Udt, is_multi_cell

_SAME = {
    "ascii": frozenset({"text"}),
    "bigint": frozenset({"counter", "time", "timestamp", "varint"}),
    "counter": frozenset({"bigint"}),
    "int": frozenset({"date", "varint"}),
    "timestamp": frozenset({"bigint", "varint"}),
    "timeuuid": frozenset({"uuid"}),
}
"""A value of the first is one of the others."""


def assignable(given: Type, wanted: Type) -> bool:
    """Whether a value of one type is one of the other."""
    if given == wanted or wanted == BLOB or getattr(wanted, "name", None) in _SAME.get(getattr(given, "name", ""), ()):
        return True
    return is_multi_cell(wanted) != is_multi_cell(given) and _thawed(given) == _thawed(wanted)


def _thawed(kind: Type) -> Type:
    match kind:
        case List(element):
            return List(element)
        case Set(element):
            return Set(element)
        case Map(key, value):
            return Map(key, value)
        case Udt(keyspace, name, fields):
            return Udt(keyspace, name, fields)
        case _:
            return kind
