"""Type modifiers: what `varchar(10)`, `numeric(8,2)` or `timestamp(3)` make of a value.

Theory: a modifier is one integer that each type packs in its own way (PostgreSQL's pg_attribute.atttypmod); -1 is none. An
assignment refuses what does not fit, an explicit cast cuts it. Invariant: what is returned fits, and coercing it again changes
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.types import interval_fields, interval_text, oids
from hyperdb.frontends.sql.types.arrays import Bounded
from hyperdb.frontends.sql.types.calendar import DAY_US, INFINITY, MINUS_INFINITY, US_TO_2000
from hyperdb.frontends.sql.types.interval_text import Interval

_HEADER = 4
_SCALE_BITS, _SCALE_MASK, _SCALE_SIGN = 16, 0x7FF, 0x400
_MOST_PRECISION = 6
# What of the microseconds stays where the smallest field is this one.
_GRAINS = {"hour": 3600 * 10**6, "minute": 60 * 10**6}


def precision_and_scale(modifier: int) -> tuple[int, int]:
    """Of numeric's modifier."""
    packed = modifier - _HEADER
    scale = packed & _SCALE_MASK
    return (packed >> _SCALE_BITS) & 0xFFFF, (scale ^ _SCALE_SIGN) - _SCALE_SIGN


def numeric_modifier(precision: int, scale: int) -> int:
    """The reverse."""
    return (precision << _SCALE_BITS | (scale & _SCALE_MASK)) + _HEADER


def _text(name: str, *, padded: bool) -> Callable[[str, int, bool], str]:
    def coerce(value: str, modifier: int, explicit: bool) -> str:
        most = modifier - _HEADER
        if len(value) > most:
            if not explicit and value[most:].strip(" "):
                raise SqlError("22001", f"value too long for type {name}({most})")
            value = value[:most]
        return value.ljust(most) if padded else value

    return coerce


def _numeric(value: Decimal, modifier: int, _explicit: bool) -> Decimal:
    precision, scale = precision_and_scale(modifier)
    if value.is_nan():
        return value
    bound = f"A field with precision {precision}, scale {scale}"
    if value.is_infinite():
        raise SqlError("22003", "numeric field overflow", detail=f"{bound} cannot hold an infinite value.")
    with localcontext() as context:
        context.prec = max(len(value.as_tuple().digits) + abs(scale) + abs(int(value.as_tuple().exponent)) + 2, 28)
        rounded = value.quantize(Decimal((0, (1,), -scale)), rounding=ROUND_HALF_UP)
        if not rounded.is_zero() and rounded.adjusted() >= precision - scale:
            power = f"10^{precision - scale}" if precision != scale else "1"
            detail = f"{bound} must round to an absolute value less than {power}."
            raise SqlError("22003", "numeric field overflow", detail=detail)
        if scale < 0:
            rounded = rounded.quantize(Decimal(1))
    return abs(rounded) if rounded.is_zero() else rounded


def _rounded(value: int, precision: int) -> int:
    if precision >= _MOST_PRECISION:
        return value
    step: int = 10 ** (_MOST_PRECISION - precision)
    whole = (abs(value) + step // 2) // step * step
    return whole if value >= 0 else -whole


def _moment(value: int, modifier: int, _explicit: bool) -> int:
    if value in (INFINITY, MINUS_INFINITY):
        return value
    # PostgreSQL counts from 2000, so half a unit is rounded away from there.
    return _rounded(value - US_TO_2000, modifier) + US_TO_2000


def _timetz(value: tuple[int, int], modifier: int, _explicit: bool) -> tuple[int, int]:
    return min(_rounded(value[0], modifier), DAY_US), value[1]


def interval_unit(modifier: int) -> str:
    """What a number without a unit counts under `INTERVAL ... HOUR TO MINUTE` and its like."""
    return interval_fields.SMALLEST.get(interval_fields.fields_of(modifier), "second")


def is_short_clock(modifier: int) -> bool:
    """Whether a clock of two parts is of minutes and seconds: under `INTERVAL ... MINUTE TO SECOND`."""
    return interval_fields.words_of(modifier) == "minute to second"


def _interval(value: Interval, modifier: int, _explicit: bool) -> Interval:
    months, days, micros = value
    fields, digits = interval_fields.fields_of(modifier), interval_fields.digits_of(modifier)
    smallest = interval_fields.SMALLEST.get(fields)
    if smallest == "year":
        months = int(months / 12) * 12
    if smallest in ("year", "month"):
        days = micros = 0
    elif smallest == "day":
        micros = 0
    elif smallest in _GRAINS:
        grain = _GRAINS[smallest]
        micros = int(abs(micros) // grain * grain) * (1 if micros >= 0 else -1)
    if digits is not None:
        micros = _rounded(micros, digits)
    return interval_text.bounded((months, days, micros), "")


def _bit(value: str, modifier: int, explicit: bool) -> str:
    if len(value) == modifier:
        return value
    if not explicit:
        raise SqlError("22026", f"bit string length {len(value)} does not match type bit({modifier})")
    return value[:modifier].ljust(modifier, "0")


def _varbit(value: str, modifier: int, explicit: bool) -> str:
    if len(value) > modifier and not explicit:
        raise SqlError("22001", f"bit string too long for type bit varying({modifier})")
    return value[:modifier]


_COERCE: dict[int, Callable[[Any, int, bool], Any]] = {
    oids.VARCHAR: _text("character varying", padded=False),
    oids.BPCHAR: _text("character", padded=True),
    oids.NUMERIC: _numeric,
    oids.TIME: lambda value, modifier, _: min(_rounded(value, modifier), DAY_US),
    oids.TIMETZ: _timetz,
    oids.TIMESTAMP: _moment,
    oids.TIMESTAMPTZ: _moment,
    oids.INTERVAL: _interval,
    oids.BIT: _bit,
    oids.VARBIT: _varbit,
}


def has_modifiers(oid: int) -> bool:
    """Whether the type takes any."""
    return oid in _COERCE


def coerced(oid: int, value: Any, modifier: int, explicit: bool) -> Any:
    """The value under the modifier of a type; of arrays, each element's (`oid` is the element's then)."""
    coerce = _COERCE.get(oid)
    if coerce is None or modifier < 0 or value is None:
        return value
    if isinstance(value, list):
        inner = [coerced(oid, item, modifier, explicit) for item in value]
        return Bounded(inner, value.lowers) if isinstance(value, Bounded) else inner
    return coerce(value, modifier, explicit)
