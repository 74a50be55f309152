"""Names and numbers of the functions by which PostgreSQL reads and writes types, as pg_type shows them.

Purpose: clients tell arrays from other types by `typinput = 'array_in'::regproc`. The functions cannot be called here and are not
in pg_proc. Invariant: a name has one number, and the other way round, as long as the process runs.
"""

from __future__ import annotations

from hyperdb.frontends.sql.catalog import kinds

_FIRST = 11_500
_ENDINGS = ("in", "out", "recv", "send")
_WITH_LINE = frozenset(
    """
    json jsonb pg_node_tree cidr inet date time timestamp timestamptz interval timetz bit varbit numeric record any
    anyarray cstring void trigger language_handler internal event_trigger anyelement anynonarray uuid
    """.split()
)
"""Types whose functions have a line before the ending: date_in, but int4in."""
_SHARED = ("array_", "enum_", "domain_")
_BEGINNINGS = (*_SHARED, *(f"{row.name}_" if row.name in _WITH_LINE else row.name for row in kinds.BUILT_IN.values()))
_SUBSCRIPT = ("array_subscript_handler", "raw_array_subscript_handler", "jsonb_subscript_handler")
BY_OID: dict[int, str] = dict(
    enumerate((*(f"{name}{ending}" for name in _BEGINNINGS for ending in _ENDINGS), *_SUBSCRIPT), _FIRST)
)
_BY_NAME = {name: oid for oid, name in BY_OID.items()}


def of_type(name: str) -> list[int]:
    """The numbers of a type's functions: input, output, receive, send. Types of a kind share them: `array_`, `enum_` ..."""
    line = "_" if name in _WITH_LINE else ""
    return [_BY_NAME[f"{name}{line}{ending}"] for ending in _ENDINGS]


def subscript(name: str, category: str, length: int) -> int:
    """The number of the function by which a type is subscripted; 0 for none."""
    if name == "jsonb":
        return _BY_NAME["jsonb_subscript_handler"]
    if name == "name":
        return _BY_NAME["raw_array_subscript_handler"]
    return _BY_NAME["array_subscript_handler"] if category == "A" and length < 0 else 0


def named(name: str) -> int | None:
    """The number of the function of that name."""
    return _BY_NAME.get(name)
