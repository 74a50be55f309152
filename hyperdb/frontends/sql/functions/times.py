"""Dates, times and intervals, by PostgreSQL's rules.

Theory: the proleptic Gregorian calendar counted in days and microseconds since 1970, so that the whole range of 4713 BC to
294276 AD is plain integers (the conversion is Hinnant's "days from civil"). Adding months clips to the month's last day.
Invariant: results lie in their type's range or raise 22008; the ends of the stored width are the infinities and stay so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.kinds import (
    DATE,
    FLOAT8,
    INT4,
    INTERVAL,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    TIMETZ,
)
from hyperdb.frontends.sql.functions.model import Function
from hyperdb.frontends.sql.types import zones

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
LAST, FIRST = (1 << 63) - 1, -(1 << 63)
LAST_DATE, FIRST_DATE = (1 << 31) - 1, -(1 << 31)
_MOST, _LEAST = 9_224_318_016_000_000_000, -210_866_803_200_000_000
_INT = 1 << 31
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Span = tuple[int, int, int]


def civil(days: int) -> tuple[int, int, int]:
    """Year, month and day of a day since 1970; year 0 is 1 BC."""
    days += 719_468
    era, within = divmod(days, 146_097)
    year = (within - within // 1460 + within // 36_524 - within // 146_096) // 365
    day = within - (365 * year + year // 4 - year // 100)
    month = (5 * day + 2) // 153
    number = month + 3 if month < 10 else month - 9
    return year + era * 400 + (number <= 2), number, day - (153 * month + 2) // 5 + 1


def days(year: int, month: int, day: int) -> int:
    """Back from `civil`."""
    year -= month <= 2
    era, within = divmod(year, 400)
    shifted = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146_097 + within * 365 + within // 4 - within // 100 + shifted - 719_468


def month_length(year: int, month: int) -> int:
    """Days of a month."""
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def checked(micros: int) -> int:
    """A timestamp in range, or 22008."""
    if _LEAST <= micros < _MOST:
        return micros
    raise SqlError("22008", "timestamp out of range")


def zone(name: str) -> tzinfo:
    """A time zone by name, abbreviation or POSIX specification, or 22023."""
    found = zones.setting(name)
    where = found[1] if found is not None else zones.abbreviated(name)
    if where is None:
        raise SqlError("22023", f'time zone "{name}" not recognized')
    return where


def offset(micros: int, where: tzinfo) -> int:
    """Microseconds east of UTC at a moment."""
    if where is UTC:
        return 0
    second = min(max(micros // SECOND, -62_135_500_000), 253_402_000_000)
    found = (_EPOCH + timedelta(seconds=second)).astimezone(where).utcoffset()
    return int(found.total_seconds()) * SECOND if found else 0


def abbreviation(micros: int, where: tzinfo) -> str:
    """What the zone is called at a moment: CET, CEST."""
    second = min(max(micros // SECOND, -62_135_500_000), 253_402_000_000)
    return (_EPOCH + timedelta(seconds=second)).astimezone(where).tzname() or ""


def to_local(micros: int, where: tzinfo) -> int:
    """A moment as the clock on the wall shows it."""
    return micros if micros in (LAST, FIRST) else micros + offset(micros, where)


def to_moment(local: int, where: tzinfo) -> int:
    """The moment when the clock on the wall shows `local`."""
    if local in (LAST, FIRST) or where is UTC:
        return local
    guess = local - offset(local, where)
    return local - offset(guess, where)


def add_months(day: int, months: int) -> int:
    """A day so many months on, at most the month's last day."""
    year, month, date = civil(day)
    year, zero = divmod(year * 12 + month - 1 + months, 12)
    return days(year, zero + 1, min(date, month_length(year, zero + 1)))


def add(micros: int, span: Span) -> int:
    """A timestamp plus an interval: months, then days, then time."""
    if micros in (LAST, FIRST):
        return micros
    day, rest = divmod(micros, DAY)
    if span[0]:
        day = add_months(day, span[0])
    return checked((day + span[1]) * DAY + rest + span[2])


def add_zoned(micros: int, span: Span, where: tzinfo) -> int:
    """The same for a moment: months and days are those of the place."""
    if micros in (LAST, FIRST):
        return micros
    if span[0] or span[1]:
        micros = to_moment(add(to_local(micros, where), (span[0], span[1], 0)), where)
    return checked(micros + span[2])


def bounded(months: int, day: int, micros: int) -> Span:
    """An interval, or 22008 where a part of it is out of range."""
    if not (-_INT <= months < _INT and -_INT <= day < _INT and FIRST <= micros <= LAST):
        raise _span_out_of_range()
    return months, day, micros


def _span_out_of_range() -> SqlError:
    return SqlError("22008", "interval out of range")


def negative(span: Span) -> Span:
    """-interval."""
    return bounded(-span[0], -span[1], -span[2])


def plus(left: Span, right: Span) -> Span:
    """interval + interval."""
    return bounded(left[0] + right[0], left[1] + right[1], left[2] + right[2])


def minus(left: Span, right: Span) -> Span:
    """interval - interval."""
    return bounded(left[0] - right[0], left[1] - right[1], left[2] - right[2])


def spread(months: Any, day: Any, micros: Any) -> Span:
    """Whole months and days; what is left of them goes to days and time (interval_mul)."""
    whole_months = int(months)
    more_days = (months - whole_months) * 30
    whole_days = int(day) + int(more_days)
    rest = (day - int(day)) + (more_days - int(more_days))
    whole_days += int(rest)
    rest -= int(rest)
    return bounded(whole_months, whole_days, round(micros + rest * DAY))


def _factor(value: float) -> Decimal:
    if not math.isfinite(value):
        raise _span_out_of_range()
    return Decimal(repr(value))


def scaled(span: Span, factor: float) -> Span:
    """interval * number."""
    by = _factor(factor)
    return spread(span[0] * by, span[1] * by, span[2] * by)


def _divided(span: Span, by: float) -> Span:
    if by == 0:
        raise SqlError("22012", "division by zero")
    if math.isinf(by):
        return 0, 0, 0
    divisor = _factor(by)
    return spread(span[0] / divisor, span[1] / divisor, span[2] / divisor)


def between(late: int, early: int) -> Span:
    """timestamp - timestamp: days and time."""
    if late in (LAST, FIRST) or early in (LAST, FIRST):
        raise SqlError("22008", "cannot subtract infinite timestamps")
    difference = late - early
    whole = abs(difference) // DAY
    sign = -1 if difference < 0 else 1
    return 0, sign * whole, sign * (abs(difference) % DAY)


def age(late: int, early: int) -> Span:
    """Years, months and days between, as people count."""
    if late < early:
        return negative(age(early, late))
    (day1, rest1), (day2, rest2) = divmod(late, DAY), divmod(early, DAY)
    (year1, month1, date1), (year2, month2, date2) = civil(day1), civil(day2)
    months, dates, micros = (year1 - year2) * 12 + month1 - month2, date1 - date2, rest1 - rest2
    if micros < 0:
        micros, dates = micros + DAY, dates - 1
    if dates < 0:
        months -= 1
        dates += month_length(year2, month2)
    return months, dates, micros


def justify_hours(span: Span) -> Span:
    """24 hours are a day."""
    more, rest = divmod(span[2], DAY)
    day = span[1] + more
    if day > 0 and rest < 0:
        return bounded(span[0], day - 1, rest + DAY)
    if day < 0 and rest > 0:
        return bounded(span[0], day + 1, rest - DAY)
    return bounded(span[0], day, rest)


def _justify_days(span: Span) -> Span:
    """30 days are a month."""
    more = int(span[1] / 30)
    months, day = span[0] + more, span[1] - 30 * more
    if months > 0 and day < 0:
        months, day = months - 1, day + 30
    elif months < 0 and day > 0:
        months, day = months + 1, day - 30
    return bounded(months, day, span[2])


_UNITS = {
    "microseconds": 0,
    "milliseconds": 1000,
    "second": SECOND,
    "minute": 60 * SECOND,
    "hour": HOUR,
    "day": DAY,
}
_MONTHS = {"month": 1, "quarter": 3, "year": 12, "decade": 120, "century": 1200, "millennium": 12_000}
_ALIASES = {"seconds": "second", "minutes": "minute", "hours": "hour", "days": "day", "weeks": "week", "months": "month"}
_ALIASES |= {
    "years": "year",
    "decades": "decade",
    "centuries": "century",
    "millennia": "millennium",
    "microsecond": "microseconds",
}
_ALIASES |= {"millisecond": "milliseconds", "ms": "milliseconds", "us": "microseconds", "y": "year", "mon": "month", "d": "day"}
_ALIASES |= {"h": "hour", "m": "minute", "s": "second", "sec": "second", "min": "minute"}


def _unit(word: str) -> str:
    lowered = word.lower()
    return _ALIASES.get(lowered, lowered)


def truncated(unit: str, micros: int) -> int:
    """date_trunc."""
    if micros in (LAST, FIRST):
        return micros
    unit = _unit(unit)
    day = micros // DAY
    if unit in _UNITS:
        size = _UNITS[unit] or 1
        return micros // size * size
    year, month, _ = civil(day)
    if unit == "week":
        return (day - (day + 3) % 7) * DAY
    if unit in ("month", "quarter"):
        size = _MONTHS[unit]
        return days(year, (month - 1) // size * size + 1, 1) * DAY
    if unit in _MONTHS:
        size = _MONTHS[unit] // 12
        first = year // size * size if size < 100 else (year - 1) // size * size + 1
        return days(first, 1, 1) * DAY
    raise SqlError("22023", f'unit "{unit}" not recognized for type timestamp without time zone')


def _truncated_span(unit: str, span: Span) -> Span:
    unit = _unit(unit)
    if unit in _MONTHS:
        size = _MONTHS[unit]
        return int(span[0] / size) * size, 0, 0
    if unit == "day":
        return span[0], span[1], 0
    if unit in _UNITS:
        size = _UNITS[unit] or 1
        return span[0], span[1], int(span[2] / size) * size
    raise SqlError("22023", f'unit "{unit}" not recognized for type interval')


def iso(day: int) -> tuple[int, int]:
    """ISO year and week."""
    thursday = day - (day + 3) % 7 + 3
    year = civil(thursday)[0]
    return year, (thursday - days(year, 1, 1)) // 7 + 1


def iso_start(year: int) -> int:
    """The Monday with which an ISO year begins."""
    fourth = days(year, 1, 4)
    return fourth - (fourth + 3) % 7


def _date_plus(date: int, more: int) -> int:
    if date in (LAST_DATE, FIRST_DATE):
        return date
    found = date + more
    if not -2_451_000 < found < 2_145_031_949:
        raise SqlError("22008", "date out of range")
    return found


def _days_between(late: int, early: int) -> int:
    if late in (LAST_DATE, FIRST_DATE) or early in (LAST_DATE, FIRST_DATE):
        raise SqlError("22008", "cannot subtract infinite dates")
    return late - early


def stamp_of_date(date: int) -> int:
    """A date as timestamp."""
    return LAST if date == LAST_DATE else FIRST if date == FIRST_DATE else checked(date * DAY)


def date_of_stamp(micros: int) -> int:
    """A timestamp's date."""
    return LAST_DATE if micros == LAST else FIRST_DATE if micros == FIRST else micros // DAY


def make_date(year: int, month: int, day: int) -> int:
    """make_date."""
    if not 1 <= month <= 12 or not 1 <= day <= month_length(year, month) or year == 0:
        raise SqlError("22008", f"date field value out of range: {year}-{month:02}-{day:02}")
    return days(year if year > 0 else year + 1, month, day)


def _make_interval(*parts: Any) -> Span:
    year, month, week, day, hour, minute = (int(part) for part in (*parts, 0, 0, 0, 0, 0, 0)[:6])
    seconds = parts[6] if len(parts) > 6 else 0.0
    if not math.isfinite(seconds):
        raise _span_out_of_range()
    return bounded(year * 12 + month, week * 7 + day, (hour * 3600 + minute * 60) * SECOND + round(seconds * SECOND))


def operators() -> Iterator[Function]:
    """Arithmetic with times."""
    yield Function("+", (DATE, INT4), DATE, _date_plus)
    yield Function("+", (INT4, DATE), DATE, lambda more, date: _date_plus(date, more))
    yield Function("-", (DATE, INT4), DATE, lambda date, less: _date_plus(date, -less))
    yield Function("-", (DATE, DATE), INT4, _days_between)
    yield Function("+", (DATE, TIME), TIMESTAMP, _later)
    yield Function("+", (DATE, TIMETZ), TIMESTAMPTZ, lambda date, zoned: _later(date, zoned[0] + zoned[1] * SECOND))
    yield Function("+", (TIMETZ, DATE), TIMESTAMPTZ, lambda zoned, date: stamp_of_date(date) + zoned[0] + zoned[1] * SECOND)
    for left, widen in ((DATE, stamp_of_date), (TIMESTAMP, lambda micros: micros)):
        yield Function("+", (left, INTERVAL), TIMESTAMP, lambda stamp, span, widen=widen: add(widen(stamp), span))
        yield Function("+", (INTERVAL, left), TIMESTAMP, lambda span, stamp, widen=widen: add(widen(stamp), span))
        yield Function("-", (left, INTERVAL), TIMESTAMP, lambda stamp, span, widen=widen: add(widen(stamp), negative(span)))
    yield Function(
        "+", (TIMESTAMPTZ, INTERVAL), TIMESTAMPTZ, lambda env, at, span: add_zoned(at, span, env.style.time_zone), env=True
    )
    yield Function(
        "+", (INTERVAL, TIMESTAMPTZ), TIMESTAMPTZ, lambda env, span, at: add_zoned(at, span, env.style.time_zone), env=True
    )
    yield Function(
        "-",
        (TIMESTAMPTZ, INTERVAL),
        TIMESTAMPTZ,
        lambda env, at, span: add_zoned(at, negative(span), env.style.time_zone),
        env=True,
    )
    for oid in (TIMESTAMP, TIMESTAMPTZ):
        yield Function("-", (oid, oid), INTERVAL, between)
    yield Function("+", (TIME, INTERVAL), TIME, lambda time, span: (time + span[2]) % DAY)
    yield Function("-", (TIME, INTERVAL), TIME, lambda time, span: (time - span[2]) % DAY)
    yield Function("-", (TIME, TIME), INTERVAL, lambda late, early: (0, 0, late - early))
    yield Function("+", (INTERVAL, INTERVAL), INTERVAL, plus)
    yield Function("-", (INTERVAL, INTERVAL), INTERVAL, minus)
    yield Function("-", (INTERVAL,), INTERVAL, negative)
    yield Function("*", (INTERVAL, FLOAT8), INTERVAL, scaled)
    yield Function("*", (FLOAT8, INTERVAL), INTERVAL, lambda factor, span: scaled(span, factor))
    yield Function("/", (INTERVAL, FLOAT8), INTERVAL, _divided)


def _later(date: int, micros: int) -> int:
    begin = stamp_of_date(date)
    return begin if begin in (LAST, FIRST) else begin + micros


def functions() -> Iterator[Function]:
    """Functions of times. `timezone` is what AT TIME ZONE becomes."""
    yield Function("date_trunc", (TEXT, TIMESTAMP), TIMESTAMP, truncated)
    yield Function("date_trunc", (TEXT, INTERVAL), INTERVAL, _truncated_span)
    yield Function("date_trunc", (TEXT, TIMESTAMPTZ), TIMESTAMPTZ, _truncated_here, env=True)
    yield Function("date_trunc", (TEXT, TIMESTAMPTZ, TEXT), TIMESTAMPTZ, lambda unit, at, name: _truncated(unit, at, zone(name)))
    yield Function("age", (TIMESTAMP, TIMESTAMP), INTERVAL, age)
    yield Function("age", (TIMESTAMPTZ, TIMESTAMPTZ), INTERVAL, age)
    yield Function("make_date", (INT4, INT4, INT4), DATE, make_date)
    yield Function("make_interval", (INT4, INT4, INT4, INT4, INT4, INT4, FLOAT8), INTERVAL, _make_interval, optional=7)
    yield Function("justify_hours", (INTERVAL,), INTERVAL, justify_hours)
    yield Function("justify_days", (INTERVAL,), INTERVAL, _justify_days)
    yield Function("timezone", (TEXT, TIMESTAMP), TIMESTAMPTZ, lambda name, at: to_moment(at, zone(name)))
    yield Function("timezone", (TEXT, TIMESTAMPTZ), TIMESTAMP, lambda name, at: to_local(at, zone(name)))
    yield Function("to_timestamp", (FLOAT8,), TIMESTAMPTZ, _of_epoch)
    for name in ("now", "transaction_timestamp"):
        yield Function(name, (), TIMESTAMPTZ, lambda env: env.transaction_time, env=True)
    yield Function("statement_timestamp", (), TIMESTAMPTZ, lambda env: env.statement_time, env=True)
    yield Function("clock_timestamp", (), TIMESTAMPTZ, lambda env: env.clock(), env=True, volatile=True)
    yield Function("current_date", (), DATE, lambda env: to_local(env.transaction_time, env.style.time_zone) // DAY, env=True)
    yield Function("localtimestamp", (), TIMESTAMP, lambda env: to_local(env.transaction_time, env.style.time_zone), env=True)
    yield Function("localtime", (), TIME, lambda env: to_local(env.transaction_time, env.style.time_zone) % DAY, env=True)
    yield Function("current_time", (), TIMETZ, _current_time, env=True)


def _of_epoch(seconds: float) -> int:
    if math.isinf(seconds):
        return LAST if seconds > 0 else FIRST
    if seconds != seconds:
        raise SqlError("22008", "timestamp cannot be NaN")
    return checked(round(seconds * SECOND))


def _truncated_here(env: Any, unit: str, at: int) -> int:
    return _truncated(unit, at, env.style.time_zone)


def _truncated(unit: str, at: int, where: tzinfo) -> int:
    local = to_local(at, where)
    begin = truncated(unit, local)
    # An hour and less stays in its offset from UTC, of which there are two in the hour that comes twice.
    return at + begin - local if _unit(unit) in _UNITS and _unit(unit) != "day" else to_moment(begin, where)


def _current_time(env: Any) -> tuple[int, int]:
    east = offset(env.transaction_time, env.style.time_zone)
    return (env.transaction_time + east) % DAY, -east // SECOND
