"""Names and numbers of the functions by which PostgreSQL reads and writes types, as pg_type shows them.

Purpose: clients tell arrays from other types by `typinput = 'array_in'::regproc`. The functions cannot be called here and are not
in pg_proc. Invariant: a name has one number, and the other way round, as long as the process runs.
"""

from __future__ import annotations

from hyperdb.frontends.sql.catalog import kinds

_FIRST = 11_500
_ENDINGS = ("in", "out", "recv", "send")
_PLAIN = [row.name for row in kinds.BUILT_IN.values()]
_SHARED = ("array_", "enum_", "domain_", "record_")
BY_OID: dict[int, str] = dict(enumerate((f"{name}{ending}" for name in (*_SHARED, *_PLAIN) for ending in _ENDINGS), _FIRST))
_BY_NAME = {name: oid for oid, name in BY_OID.items()}


def of_type(name: str) -> list[int]:
    """The numbers of a type's functions: input, output, receive, send. Types of a kind share them: `array_`, `enum_` ..."""
    return [_BY_NAME[f"{name}{ending}"] for ending in _ENDINGS]


def named(name: str) -> int | None:
    """The number of the function of that name."""
    return _BY_NAME.get(name)
