"""Constants in the engine's text.

Theory: what does not depend on rows is computed by the row operators' own code and written down as a literal with its type, so
no function need be the same there to be called on constants. Invariant: the engine reads back the very value.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hyperdb.errors import NotColumnarError
from hyperdb.frontends.sql.analytic.forms import INTEGERS, MOST_DIGITS, TEXTS, Value
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.kinds import Kind

_DATE_ENDS = {-(1 << 31): "-infinity", (1 << 31) - 1: "infinity"}
_TIME_ENDS = {-(1 << 63): "-infinity", (1 << 63) - 1: "infinity"}


def quoted(text: str) -> str:
    """A text literal."""
    if "\0" in text:
        raise NotColumnarError("a text with a zero")
    return "'" + text.replace("'", "''") + "'"


def _integer(oid: int) -> Callable[[int], str]:
    return lambda value: f"CAST({value} AS {INTEGERS[oid][0]})"


def _date(value: int) -> str:
    end = _DATE_ENDS.get(value)
    return f"CAST('{end}' AS DATE)" if end else f"(DATE '1970-01-01' + CAST({value} AS INTEGER))"


def _moment(name: str) -> Callable[[int], str]:
    def write(value: int) -> str:
        end = _TIME_ENDS.get(value)
        return f"CAST('{end}' AS {name})" if end else f"CAST(make_timestamp({value}) AS {name})"

    return write


_WRITERS: dict[int, Callable[[Any], str]] = {
    kinds.BOOL: lambda value: "TRUE" if value else "FALSE",
    **{oid: _integer(oid) for oid in INTEGERS},
    **dict.fromkeys(TEXTS, quoted),
    kinds.DATE: _date,
    kinds.TIMESTAMP: _moment("TIMESTAMP"),
    kinds.UUID: lambda value: f"CAST('{value}' AS UUID)",
    kinds.BYTEA: lambda value: f"from_hex('{value.hex()}')",
}


def _numeric(value: Decimal) -> Value:
    if not value.is_finite():
        raise NotColumnarError("a numeric that is not finite")
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    scale = max(0, -exponent)
    width = max(len(digits) + max(exponent, 0), scale, 1)
    if width > MOST_DIGITS:
        raise NotColumnarError("a numeric of more digits")
    return Value(f"CAST('{value:f}' AS DECIMAL({width},{scale}))", kinds.NUMERIC, width, scale)


def constant(kind: Kind, value: Any) -> Value:
    """A value as the engine reads it.

    Raises:
        NotColumnarError: it has no literal.
    """
    oid = kinds.TEXT if kind.oid == kinds.UNKNOWN else kind.oid
    if value is None:
        made = Value("NULL", oid, 1, 0)
        if oid not in _WRITERS and oid != kinds.NUMERIC:
            raise NotColumnarError("a null of a type without literals")
        return Value(f"CAST(NULL AS {made.type})", oid, made.width, made.scale)
    if oid == kinds.NUMERIC:
        return _numeric(value)
    if oid == kinds.BPCHAR:
        length = kind.modifier - 4 if kind.modifier > 0 else None
        return Value(quoted(value.rstrip(" ")), oid, length=length)
    if oid == kinds.FLOAT8 and math.isfinite(value):
        return Value(f"CAST('{value!r}' AS DOUBLE)", oid)
    write = _WRITERS.get(oid)
    if write is None:
        raise NotColumnarError(f"a constant of type {kinds.name_of(Kind(oid))}")
    return Value(write(value), oid)


def span(value: tuple[int, int, int]) -> str:
    """An interval, which is only ever added to something."""
    return f"(to_months({value[0]}) + to_days({value[1]}) + to_microseconds({value[2]}))"
