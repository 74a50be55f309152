"""Privileges by name and bit, and which of them an object can have.

Invariant: bits are stored in role records and never change their meaning.
"""

from __future__ import annotations

from hyperdb.errors import SqlError
from hyperdb.graph.catalog import records

SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER, USAGE, CREATE = (1 << bit for bit in range(9))
UNMASK = 1 << 14
"""CQL's: to see masked columns as they are."""
NAMES = {
    "select": SELECT,
    "insert": INSERT,
    "update": UPDATE,
    "delete": DELETE,
    "truncate": TRUNCATE,
    "references": REFERENCES,
    "trigger": TRIGGER,
    "usage": USAGE,
    "create": CREATE,
}
OF_TABLES = SELECT | INSERT | UPDATE | DELETE | TRUNCATE | REFERENCES | TRIGGER
OF_COLUMNS = SELECT | INSERT | UPDATE | REFERENCES
OF_SEQUENCES = SELECT | UPDATE | USAGE
OF_SCHEMAS = USAGE | CREATE
SCHEMA, RELATION, SEQUENCE = 1, 2, 5
"""Kinds of objects in role records: the catalog's codes, views with tables."""
ALL = {SCHEMA: OF_SCHEMAS, RELATION: OF_TABLES, SEQUENCE: OF_SEQUENCES}
_OTHERS = frozenset({"execute", "connect", "temporary", "temp"})
WORDS = {SCHEMA: "schema", RELATION: "table", SEQUENCE: "sequence"}


def kind_of(found: records.Object) -> int:
    """The kind of an object in role records."""
    return SCHEMA if isinstance(found, records.App) else SEQUENCE if isinstance(found, records.Sequence) else RELATION


def key(number: int, column: int = 0) -> str:
    """An object, or a column of it, in role records."""
    return f"{number}.{column}" if column else str(number)


def bits(names: list[str], kind: int, *, columns: bool = False) -> int:
    """Privileges by name.

    Raises:
        SqlError: 0LP01 for one that such an object cannot have.
    """
    possible = ALL[kind] & (OF_COLUMNS if columns else ~0)
    found = 0
    for name in names:
        bit = possible if name == "all" else NAMES.get(name, 0)
        if name in _OTHERS:
            raise SqlError("0LP01", f"invalid privilege type {name.upper()} for {WORDS[kind]}")
        if not bit:
            raise SqlError("42601", f'unrecognized privilege type "{name}"')
        if not bit & possible:
            what = "column" if columns else WORDS[kind]
            raise SqlError("0LP01", f"invalid privilege type {name.upper()} for {what}")
        found |= bit
    return found
