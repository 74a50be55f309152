"""EXTRACT and date_part: the fields of dates, times and intervals.

Theory: PostgreSQL's tables of units (datetime.c: ten characters of a word count) and what each type has of them (timestamp.c,
date.c): an infinite moment gives an infinite year and no day, a unit that a type lacks is 0A000, an unknown word 22023.
Invariant: a number has the digits behind the point that PostgreSQL shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.kinds import DATE, FLOAT8, INTERVAL, NUMERIC, TEXT, TIME, TIMESTAMP, TIMESTAMPTZ, TIMETZ
from hyperdb.frontends.sql.functions import numbers, times
from hyperdb.frontends.sql.functions.model import Function
from hyperdb.frontends.sql.functions.times import DAY, HOUR, SECOND, Span

_MINUTE = 60 * SECOND
_LONGEST = 10
"""Characters of a unit's word that count."""
_WORDS = {
    "microseconds": "microsecon us usec usecond useconds usecs",
    "milliseconds": "millisecon ms msec msecond mseconds msecs",
    "second": "s sec second seconds secs",
    "minute": "m min mins minute minutes",
    "hour": "h hour hours hr hrs",
    "day": "d day days",
    "week": "w week weeks",
    "month": "mon mons month months",
    "quarter": "qtr quarter",
    "year": "y year years yr yrs",
    "decade": "dec decade decades decs",
    "century": "c cent centuries century",
    "millennium": "mil millennia millennium mils",
    "timezone": "timezone",
    "timezone_hour": "timezone_h",
    "timezone_minute": "timezone_m",
    "julian": "j jd julian",
    "dow": "dow",
    "doy": "doy",
    "isodow": "isodow",
    "isoyear": "isoyear",
    "epoch": "epoch",
}
_UNITS = {word: unit for unit, words in _WORDS.items() for word in words.split()}
_TURNING = frozenset("microseconds milliseconds second minute hour day month quarter week dow isodow doy".split())
"""Units that come again: an infinite moment has none."""
_GROWING = frozenset("year decade century millennium julian isoyear epoch".split())
_ZONES = frozenset({"timezone", "timezone_hour", "timezone_minute"})
_CLOCK = frozenset({"microseconds", "milliseconds", "second", "minute", "hour"})


def unit_of(word: str, kind: str) -> str:
    """What a word means.

    Raises:
        SqlError: 22023 for an unknown one.
    """
    found = _UNITS.get(word.lower()[:_LONGEST])
    if found is None:
        raise SqlError("22023", f'unit "{word.lower()}" not recognized for type {kind}')
    return found


def unsupported(word: str, kind: str) -> SqlError:
    """0A000: the type has no such unit."""
    return SqlError("0A000", f'unit "{word.lower()}" not supported for type {kind}')


def _scaled(value: int, digits: int) -> Decimal:
    return Decimal(value).scaleb(-digits)


def _clock(unit: str, rest: int) -> Decimal:
    """A field of a time of day, or of the time of an interval, with its sign."""
    sign, rest = (-1, -rest) if rest < 0 else (1, rest)
    if unit == "hour":
        return Decimal(sign * (rest // HOUR))
    if unit == "minute":
        return Decimal(sign * (rest // _MINUTE % 60))
    micros = sign * (rest % _MINUTE)
    return _scaled(micros, {"second": 6, "milliseconds": 3}.get(unit, 0))


def _calendar(unit: str, day: int) -> Decimal:
    """A field of a day."""
    year, month, date = times.civil(day)
    iso = times.iso(day)
    return Decimal(
        {
            "year": year if year > 0 else year - 1,
            "month": month,
            "day": date,
            "quarter": (month - 1) // 3 + 1,
            "week": iso[1],
            "isoyear": iso[0] if iso[0] > 0 else iso[0] - 1,
            "dow": (day + 4) % 7,
            "isodow": (day + 3) % 7 + 1,
            "doy": day - times.days(year, 1, 1) + 1,
            "decade": year // 10,
            "century": (year + 99) // 100 if year > 0 else -((100 - year) // 100),
            "millennium": (year + 999) // 1000 if year > 0 else -((1000 - year) // 1000),
        }[unit]
    )


def _endless(unit: str, word: str, positive: bool, kind: str, turning: frozenset[str]) -> Decimal | None:
    if unit in turning:
        return None
    if unit in _GROWING:
        return Decimal("Infinity" if positive else "-Infinity")
    raise unsupported(word, kind)


def of_stamp(word: str, micros: int, east: int | None = None) -> Decimal | None:
    """A field of a timestamp; of one with a zone, `micros` are local and `east` the zone's microseconds."""
    kind = "timestamp without time zone" if east is None else "timestamp with time zone"
    unit = unit_of(word, kind)
    if micros in (times.LAST, times.FIRST):
        turning = _TURNING if east is None else _TURNING | _ZONES
        return _endless(unit, word, micros == times.LAST, kind, turning)
    if unit == "epoch":
        return _scaled(micros - (east or 0), 6)
    if unit in _ZONES:
        if east is None:
            raise unsupported(word, kind)
        return _zone(unit, east // SECOND)
    day, rest = divmod(micros, DAY)
    if unit == "julian":
        part = numbers.divide(Decimal(rest), Decimal(DAY))
        return numbers.EXACT.add(Decimal(day + 2_440_588), part)
    return _clock(unit, rest) if unit in _CLOCK else _calendar(unit, day)


def _zone(unit: str, seconds: int) -> Decimal:
    sign, seconds = (-1, -seconds) if seconds < 0 else (1, seconds)
    by = {"timezone": seconds, "timezone_hour": seconds // 3600, "timezone_minute": seconds // 60 % 60}
    return Decimal(sign * by[unit])


def of_date(word: str, day: int) -> Decimal | None:
    """EXTRACT of a date, which has no time."""
    unit = unit_of(word, "date")
    if unit in _CLOCK or unit in _ZONES:
        raise unsupported(word, "date")
    if day in (times.LAST_DATE, times.FIRST_DATE):
        return _endless(unit, word, day == times.LAST_DATE, "date", _TURNING)
    if unit == "epoch":
        return Decimal(day * 86_400)
    return Decimal(day + 2_440_588) if unit == "julian" else _calendar(unit, day)


def of_time(word: str, micros: int, west: int | None = None) -> Decimal:
    """A field of a time of day; `west`: seconds of its zone."""
    kind = "time without time zone" if west is None else "time with time zone"
    unit = unit_of(word, kind)
    if unit in _CLOCK:
        return _clock(unit, micros)
    if unit == "epoch":
        return _scaled(micros + (west or 0) * SECOND, 6)
    if unit in _ZONES and west is not None:
        return _zone(unit, -west)
    raise unsupported(word, kind)


def of_span(word: str, span: Span) -> Decimal:
    """A field of an interval."""
    unit = unit_of(word, "interval")
    months, day, micros = span
    years = int(months / 12)
    rest = months - 12 * years
    if unit in _CLOCK:
        return _clock(unit, micros)
    if unit == "epoch":
        return (_scaled(36_525, 2) * years + 30 * rest + day) * 86_400 + _scaled(micros, 6)
    simple = {
        "day": day,
        "month": rest,
        "quarter": int(rest / 3) + 1,
        "year": years,
        "decade": int(years / 10),
        "century": int(years / 100),
        "millennium": int(years / 1000),
    }
    if unit not in simple:
        raise unsupported(word, "interval")
    return Decimal(simple[unit])


def _of_moment(env: Any, word: str, at: int) -> Decimal | None:
    if at in (times.LAST, times.FIRST):
        return of_stamp(word, at, 0)
    east = times.offset(at, env.style.time_zone)
    return of_stamp(word, at + east, east)


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def functions() -> Iterator[Function]:
    """`extract` is what EXTRACT(field FROM x) becomes."""
    turns: tuple[tuple[str, int, Callable[[Any], Any]], ...] = (
        ("extract", NUMERIC, lambda value: value),
        ("date_part", FLOAT8, _float),
    )
    for name, result, turn in turns:
        yield Function(name, (TEXT, TIMESTAMP), result, lambda word, at, turn=turn: turn(of_stamp(word, at)))
        yield Function(name, (TEXT, TIME), result, lambda word, at, turn=turn: turn(of_time(word, at)))
        yield Function(name, (TEXT, TIMETZ), result, lambda word, at, turn=turn: turn(of_time(word, *at)))
        yield Function(name, (TEXT, INTERVAL), result, lambda word, span, turn=turn: turn(of_span(word, span)))
        yield Function(
            name, (TEXT, TIMESTAMPTZ), result, lambda env, word, at, turn=turn: turn(_of_moment(env, word, at)), env=True
        )
    yield Function("extract", (TEXT, DATE), NUMERIC, of_date)
    # date_part takes a date for a timestamp, which has hours.
    yield Function("date_part", (TEXT, DATE), FLOAT8, lambda word, day: _float(of_stamp(word, times.stamp_of_date(day))))
