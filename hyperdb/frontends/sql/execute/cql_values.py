"""What rows of tables made in CQL cannot hold, though the columns' types in SQL can.

Theory: SQL shows such a table by its own types, some of which have more values than CQL's: numeric has NaN, text every character.
A value that CQL does not have would make the row one that no client of CQL can read. Invariant: whatever SQL has stored in such a
table, CQL reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.relations import Relation
from hyperdb.frontends.sql.types.calendar import INFINITY, MINUS_INFINITY

Check = Callable[[Any], bool]
_DAY = 86_400_000_000
"""Microseconds."""


def _has_one_sign(value: Any) -> bool:
    return all(part >= 0 for part in value) or all(part <= 0 for part in value)


# By the code of the type in the catalog's records: whether a value is one of CQL's, and the SQLSTATE and words if it is not.
_CHECKS: dict[int, tuple[Check, str, str]] = {
    6: (lambda value: bool(value.is_finite() and value == value.to_integral_value()), "22003", "a varint of CQL is an integer"),
    16: (_has_one_sign, "22008", "a duration of CQL has one sign"),
    27: (lambda value: 0 <= value < _DAY, "22008", "a time of CQL is before midnight"),
    2: (lambda value: -128 <= value <= 127, "22003", "tinyint out of range"),
    9: (lambda value: bool(value.is_finite()), "22003", "a decimal of CQL is neither NaN nor infinite"),
    11: (str.isascii, "22P05", "an ascii of CQL has characters of ASCII only"),
    14: (lambda value: value.version == 1, "22023", "a timeuuid of CQL is a UUID of version 1"),
    17: (lambda value: "/" not in value, "22023", "an inet of CQL is an address, not a network"),
    47: (lambda value: value not in (INFINITY, MINUS_INFINITY), "22008", "a timestamp of CQL is not infinite"),
}


def checks(relation: Relation) -> Sequence[tuple[int, str, tuple[Check, str, str]]]:
    """By slot, with the column's name: what its values are to be; nothing for a table made in SQL."""
    if not relation.table.partition:
        return ()
    codes = {column.id: column.kind[0] for column in relation.table.columns}
    found = ((column.slot, column.name, _CHECKS.get(codes[column.number])) for column in relation.columns)
    return [(slot, name, check) for slot, name, check in found if check is not None]


def refusal(relation: Relation, column: str, state: str, words: str) -> SqlError:
    """Of a value that CQL does not have."""
    return SqlError(state, words, schema=relation.schema, table=relation.name, column=column)
