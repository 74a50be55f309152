"""What PEP 249 tells of columns, and its type objects.

Invariant: a type object equals the oids of its types, and no oid equals two of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from hyperdb.frontends.sql.catalog import kinds

if TYPE_CHECKING:
    from hyperdb.frontends.sql.contract import Column


class Description(NamedTuple):
    """A column of a result: PEP 249's seven."""

    name: str
    type_code: int
    display_size: int | None
    internal_size: int | None
    precision: int | None
    scale: int | None
    null_ok: bool | None


class TypeObject:
    """A group of types: `description[0].type_code == hyperdb.NUMBER`."""

    def __init__(self, name: str, oids: Iterable[int]) -> None:
        self.name = name
        self.oids = frozenset(oids)

    def __eq__(self, other: object) -> bool:
        return other in self.oids if isinstance(other, int) else self is other

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return self.name


_TIMES = (kinds.DATE, kinds.TIME, kinds.TIMETZ, kinds.TIMESTAMP, kinds.TIMESTAMPTZ, kinds.INTERVAL)
_NUMBERS = (kinds.INT2, kinds.INT4, kinds.INT8, kinds.FLOAT4, kinds.FLOAT8, kinds.NUMERIC)
STRING = TypeObject("STRING", (kinds.TEXT, kinds.VARCHAR, kinds.BPCHAR, kinds.NAME, kinds.CHAR1, kinds.UNKNOWN))
BINARY = TypeObject("BINARY", (kinds.BYTEA,))
NUMBER = TypeObject("NUMBER", _NUMBERS)
DATETIME = TypeObject("DATETIME", _TIMES)
ROWID = TypeObject("ROWID", (kinds.OID,))

_HEADER = 4


def described(columns: Sequence[Column]) -> list[Description]:
    """The columns of a result."""
    return [_one(column) for column in columns]


def _one(column: Column) -> Description:
    found = kinds.BUILT_IN.get(column.type)
    size = found.length if found is not None and found.length > 0 else None
    if column.type in (kinds.VARCHAR, kinds.BPCHAR) and column.modifier >= _HEADER:
        size = column.modifier - _HEADER
    limits = kinds.numeric_limits(column.modifier) if column.type == kinds.NUMERIC else None
    precision, scale = limits or (None, None)
    return Description(column.name, column.type, None, size, precision, scale, None)
