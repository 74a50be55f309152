"""What stands behind the word INTERVAL: the fields that a value is cut to, and the digits of its seconds, as one modifier.

Theory: PostgreSQL's intervaltypmodin and intervaltypmodout (utils/adt/timestamp.c): the fields as a set of bits above, the digits
in the 16 bits below, each with a value that says "all". Invariant: `shown(modifier_of(fields, digits))` names the same again.
"""

from __future__ import annotations

from hyperdb.errors import SqlError

ALL_FIELDS, ALL_DIGITS = 0x7FFF, 0xFFFF
MOST_DIGITS = 6
_BITS = {"year": 1 << 2, "month": 1 << 1, "day": 1 << 3, "hour": 1 << 10, "minute": 1 << 11, "second": 1 << 12}
# From a field to a smaller one: all of those between.
_SPANS = ("year month", "day hour", "day minute", "day second", "hour minute", "hour second", "minute second")


def _between(largest: str, smallest: str) -> int:
    names = list(_BITS)
    return sum(_BITS[name] for name in names[names.index(largest) : names.index(smallest) + 1])


FIELDS: dict[str, int] = {
    **_BITS,
    **{span.replace(" ", " to "): _between(*span.split()) for span in _SPANS},
}
"""The sets of fields that can be written, by their words."""
_NAMES = {bits: name for name, bits in FIELDS.items()}
SMALLEST = {bits: name.rpartition(" ")[2] for bits, name in _NAMES.items()}
"""The last field of each set: what a number without a unit counts."""


def modifier_of(fields: str, digits: int | None) -> int:
    """The modifier; `fields` empty: all.

    Raises:
        SqlError: 42601, 22023.
    """
    bits = FIELDS.get(fields, ALL_FIELDS)
    if fields and bits == ALL_FIELDS:
        raise SqlError("42601", f'syntax error at or near "{fields}"')
    if digits is not None and digits < 0:
        raise SqlError("22023", f"INTERVAL({digits}) precision must not be negative")
    if bits == ALL_FIELDS and digits is None:
        return -1
    return bits << 16 | (ALL_DIGITS if digits is None else min(digits, MOST_DIGITS))


def fields_of(modifier: int) -> int:
    """The set of fields."""
    return modifier >> 16 & ALL_FIELDS if modifier >= 0 else ALL_FIELDS


def digits_of(modifier: int) -> int | None:
    """Digits of the seconds; None: all."""
    digits = modifier & ALL_DIGITS
    return None if modifier < 0 or digits == ALL_DIGITS else digits


def words_of(modifier: int) -> str:
    """The fields' words; empty: all."""
    return _NAMES.get(fields_of(modifier), "")


def shown(modifier: int) -> str:
    """What stands behind the word: ` day to second(3)`, `(2)`."""
    words, digits = words_of(modifier), digits_of(modifier)
    return (f" {words}" if words else "") + (f"({digits})" if digits is not None else "")
