"""Types of values in the engine, and values as expressions in its text.

Theory: a numeric's scale is part of its value in PostgreSQL (1.50 is shown so) and part of its type in the engine. Where rows of
one column may differ, the type has the most digits and `digits` says in text how many the value really has; it travels as
a column beside. A char(n) has no blanks behind it in columns, so its length is kept for the way out. Invariant: `text`, evaluated
by the engine, is the value that the row operators would compute, or an error.
"""

from __future__ import annotations

from dataclasses import dataclass

from hyperdb.errors import NotColumnarError
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.kinds import Kind

MOST_DIGITS = 38
"""Of the engine's DECIMAL."""
INTEGERS = {kinds.INT2: ("SMALLINT", 5), kinds.INT4: ("INTEGER", 10), kinds.INT8: ("BIGINT", 19)}
"""With the digits that they may have."""
FLOATS = {kinds.FLOAT4: "FLOAT", kinds.FLOAT8: "DOUBLE"}
TEXTS = frozenset({kinds.TEXT, kinds.VARCHAR})
_NAMES = {
    kinds.BOOL: "BOOLEAN",
    **{oid: name for oid, (name, _) in INTEGERS.items()},
    **FLOATS,
    kinds.TEXT: "VARCHAR",
    kinds.VARCHAR: "VARCHAR",
    kinds.BPCHAR: "VARCHAR",
    kinds.BYTEA: "BLOB",
    kinds.UUID: "UUID",
    kinds.DATE: "DATE",
    kinds.TIME: "TIME",
    kinds.TIMESTAMP: "TIMESTAMP",
    kinds.TIMESTAMPTZ: "TIMESTAMP WITH TIME ZONE",
}
PASSED = frozenset({kinds.JSON, kinds.JSONB, kinds.INTERVAL, kinds.NAME, kinds.OID})
"""Types that are carried through, and not looked at."""


@dataclass(frozen=True, slots=True)
class Value:
    """An expression of the engine. `width` and `scale` are a numeric's, `length` a char(n)'s."""

    text: str
    oid: int
    width: int = 0
    scale: int = 0
    digits: str | None = None
    length: int | None = None
    column: bool = False
    """It is a column and nothing else."""
    ratio: tuple[Value, Value] | None = None
    """Of a quotient, what is divided by what: where it only goes out, it is divided there."""

    @property
    def type(self) -> str:
        """The engine's name of its type."""
        return f"DECIMAL({self.width},{self.scale})" if self.oid == kinds.NUMERIC else _NAMES[self.oid]

    @property
    def shown(self) -> str:
        """How many digits behind the point its value has, as text."""
        return str(self.scale) if self.digits is None else self.digits


def of_kind(kind: Kind, text: str, *, column: bool = False) -> Value | None:
    """A column of a table; None: the type has no form that may be looked at or carried."""
    if kind.oid == kinds.NUMERIC:
        limits = kinds.numeric_limits(kind.modifier)
        if limits is None or not 0 <= limits[1] <= limits[0] <= MOST_DIGITS:
            return None
        return Value(text, kind.oid, *limits, column=column)
    if kind.oid == kinds.BPCHAR:
        return Value(text, kind.oid, length=kind.modifier - 4, column=column) if kind.modifier > 0 else None
    return Value(text, kind.oid, column=column) if kind.oid in _NAMES or kind.oid in PASSED else None


def comparable(value: Value) -> Value:
    """The value, if equality and order are the same in both tiers.

    Raises:
        NotColumnarError: they are not, or not for this type.
    """
    if value.oid not in _NAMES and value.oid != kinds.NUMERIC:
        raise NotColumnarError(f"comparing values of type {kinds.name_of(Kind(value.oid))}")
    return value


def grouped(value: Value) -> Value:
    """The value, if equal ones cannot be told apart, so that any may stand for its group.

    Raises:
        NotColumnarError: 1.0 and 1.00, or 0.0 and -0.0, are equal and shown differently.
    """
    if value.digits is not None or value.oid in FLOATS:
        raise NotColumnarError("groups of equal values that are shown differently")
    return comparable(value)


def common(values: list[Value]) -> list[Value]:
    """Values of one type, made alike: those of CASE, UNION and their like.

    Raises:
        NotColumnarError: they cannot be.
    """
    first = values[0]
    if any(value.oid != first.oid for value in values):
        if {value.oid for value in values} <= TEXTS:
            return [Value(value.text, kinds.TEXT) for value in values]
        raise NotColumnarError("values of several types")
    if first.oid == kinds.BPCHAR:
        if len({value.length for value in values}) > 1:
            raise NotColumnarError("char of several lengths")
        return values
    if first.oid != kinds.NUMERIC:
        return values
    scale = max(value.scale for value in values)
    width = max(value.width - value.scale for value in values) + scale
    if width > MOST_DIGITS:
        width = MOST_DIGITS
    alike = all(value.scale == scale and value.digits is None for value in values)
    made = []
    for value in values:
        same = (value.width, value.scale) == (width, scale)
        text = value.text if same else f"CAST({value.text} AS DECIMAL({width},{scale}))"
        made.append(Value(text, value.oid, width, scale, None if alike else value.shown))
    return made
