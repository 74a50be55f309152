"""duration: months, days and nanoseconds that are kept apart; as bytes and as text.

Theory: three [vint]s of one sign. Texts are units (`1y2mo3w4d5h6m7s8ms9us10ns`), ISO 8601 with designators or in weeks, and its
alternative form. Invariant: all three parts are of one sign; what is written is read as the same duration.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.types import vints
from hyperdb.frontends.cql.types.faults import invalid

_I32, _I64 = 1 << 31, 1 << 63
_NUMBER = r"([0-9]{1,19})"
_UNIT = re.compile(_NUMBER + r"(y|mo|w|d|h|ms|us|µs|ns|s|m)", re.IGNORECASE)
_ISO = re.compile(rf"P(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}D)?(?:T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?")
_ISO_WEEKS = re.compile(rf"P{_NUMBER}W")
_ISO_ALTERNATIVE = re.compile(r"P([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})")
# Name, which part it counts for, how many of that part's unit it is; in the order in which they may come.
_MONTHS, _DAYS, _NANOS = range(3)
_UNITS = (
    ("y", _MONTHS, 12),
    ("mo", _MONTHS, 1),
    ("w", _DAYS, 7),
    ("d", _DAYS, 1),
    ("h", _NANOS, 3_600_000_000_000),
    ("m", _NANOS, 60_000_000_000),
    ("s", _NANOS, 1_000_000_000),
    ("ms", _NANOS, 1_000_000),
    ("us", _NANOS, 1_000),
    ("ns", _NANOS, 1),
)
_PLACES = {name: place for place, (name, _, _) in enumerate(_UNITS)} | {"µs": 8}
_PLURALS = ("years", "months", "weeks", "days", "hours", "minutes", "seconds", "milliseconds", "microseconds", "nanoseconds")
_WEEKS_PLACES: tuple[int, ...] = (2,)
_ISO_PLACES: tuple[int, ...] = (0, 1, 3, 4, 5, 6)


@dataclass(frozen=True, slots=True)
class Duration:
    """How long something takes."""

    months: int
    days: int
    nanoseconds: int


def encode(value: Duration) -> bytes:
    """Three [vint]s."""
    return vints.signed(value.months) + vints.signed(value.days) + vints.signed(value.nanoseconds)


def decode(data: bytes) -> Duration:
    """Back from `encode`.

    Raises:
        CqlError: invalid, when it is not three numbers of one sign that fit.
    """
    if len(data) < 3:
        raise invalid(f"Expected at least 3 bytes for a duration ({len(data)})")
    months, at = vints.read_signed(data, 0)
    days, at = vints.read_signed(data, at)
    nanos, at = vints.read_signed(data, at)
    if at != len(data):
        raise invalid("Unexpected extraneous bytes after a duration")
    for name, number in (("months", months), ("days", days)):
        if not -_I32 <= number < _I32:
            raise invalid(f"The duration {name} must be a 32 bits integer but was: {number}")
    if not (months >= 0 <= days and nanos >= 0) and not (months <= 0 >= days and nanos <= 0):
        raise invalid(f"The duration months, days and nanoseconds must be all of the same sign ({months}, {days}, {nanos})")
    return Duration(months, days, nanos)


def to_text(value: Duration) -> str:
    """In units, the largest first; nothing at all for no time."""
    months, days, nanos = abs(value.months), abs(value.days), abs(value.nanoseconds)
    parts = ["-"] if value.months < 0 or value.days < 0 or value.nanoseconds < 0 else []
    for unit, place in (("y", months // 12), ("mo", months % 12), ("d", days)):
        if place:
            parts.append(f"{place}{unit}")
    for name, kind, size in _UNITS:
        if kind == _NANOS and nanos >= size:
            parts.append(f"{nanos // size}{name}")
            nanos %= size
    return "".join(parts)


def from_text(text: str) -> Duration:
    """A duration from any of its texts.

    Raises:
        CqlError: invalid.
    """
    negative = text.startswith("-")
    source = text[negative:]
    if not source.startswith("P"):
        return _built(_units(source), negative)
    if source.endswith("W"):
        found, places = _ISO_WEEKS.fullmatch(source), _WEEKS_PLACES
    elif "-" in source:
        found, places = _ISO_ALTERNATIVE.fullmatch(source), _ISO_PLACES
    else:
        found, places = _ISO.fullmatch(source), _ISO_PLACES
    if found is None:
        raise _unreadable(source)
    return _built([(place, int(digits)) for place, digits in zip(places, found.groups(), strict=True) if digits], negative)


def _units(source: str) -> list[tuple[int, int]]:
    counted, at = [], 0
    while at < len(source):
        found = _UNIT.match(source, at)
        if found is None:
            break
        counted.append((_PLACES[found[2].lower()], int(found[1])))
        at = found.end()
    if not counted or at != len(source):
        raise _unreadable(source)
    return counted


def _built(counted: list[tuple[int, int]], negative: bool) -> Duration:
    totals, last = [0, 0, 0], -1
    for place, number in counted:
        if place == last:
            raise invalid(f"Invalid duration. The {_PLURALS[place]} are specified multiple times")
        if place < last:
            raise invalid(f"Invalid duration. The {_PLURALS[last]} should be after {_PLURALS[place]}")
        last = place
        _, part, size = _UNITS[place]
        totals[part] += number * size
    months, days, nanos = totals
    for what, total, most in (("months", months, _I32), ("days", days, _I32), ("nanoseconds", nanos, _I64)):
        if total >= most:
            raise invalid(f"Invalid duration. The total number of {what} must be less or equal to {most - 1}")
    return Duration(-months, -days, -nanos) if negative else Duration(months, days, nanos)


def _unreadable(source: str) -> CqlError:
    return invalid(f"Unable to convert '{source}' to a duration")
