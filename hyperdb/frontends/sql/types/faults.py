"""The errors of reading values, with the SQLSTATEs and words that PostgreSQL gives."""

from __future__ import annotations

from hyperdb.errors import SqlError


def bad_text(kind: str, text: str, sqlstate: str = "22P02") -> SqlError:
    """The text is no value of the type."""
    return SqlError(sqlstate, f'invalid input syntax for type {kind}: "{text}"')


def bad_binary(kind: str) -> SqlError:
    """The bytes are no value of the type."""
    return SqlError("22P03", f"incorrect binary data format for type {kind}")


def short_binary() -> SqlError:
    """The bytes are too few."""
    return SqlError("08P01", "insufficient data left in message")


def out_of_range(kind: str, text: str) -> SqlError:
    """The text is a number that the type does not hold."""
    return SqlError("22003", f'value "{text}" is out of range for type {kind}')
