"""Days and microseconds to years, months, hours and back, over PostgreSQL's whole range.

Theory: the proleptic Gregorian calendar by the usual count of days in 400-year eras (146097 days), which needs no table and no
limit. The year before 1 is 0 here and 1 BC in writing. Invariant: `civil` and `days` are inverse for every day.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

US = 1_000_000
DAY_US = 86_400 * US
# The ends of the stored width are the infinities.
DATE_INFINITY, DATE_MINUS_INFINITY = (1 << 31) - 1, -(1 << 31)
INFINITY, MINUS_INFINITY = (1 << 63) - 1, -(1 << 63)
_ERA_DAYS, _ERA_YEARS = 146_097, 400
# From 0000-03-01, where an era begins, to 1970-01-01.
_SHIFT = 719_468
DAYS_TO_2000 = 10_957
US_TO_2000 = DAYS_TO_2000 * DAY_US
JULIAN_OF_1970 = 2_440_588


def days(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01."""
    year -= month <= 2
    era, of_era = divmod(year, _ERA_YEARS)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * _ERA_DAYS + of_era * 365 + of_era // 4 - of_era // 100 + of_year - _SHIFT


def civil(day: int) -> tuple[int, int, int]:
    """Year, month, day."""
    era, of_era = divmod(day + _SHIFT, _ERA_DAYS)
    year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_shifted = (5 * of_year + 2) // 153
    month = month_shifted + 3 if month_shifted < 10 else month_shifted - 9
    return year_of_era + era * _ERA_YEARS + (month <= 2), month, of_year - (153 * month_shifted + 2) // 5 + 1


def is_leap(year: int) -> bool:
    """Whether February has 29 days."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def month_days(year: int, month: int) -> int:
    """How many days the month has."""
    return 29 if month == 2 and is_leap(year) else (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]


def weekday(day: int) -> int:
    """0 for Sunday."""
    return (day + 4) % 7


DATE_FIRST, DATE_LAST = days(-4713, 11, 24), days(5_874_897, 12, 31)
STAMP_FIRST, STAMP_END = days(-4713, 11, 24) * DAY_US, days(294_277, 1, 1) * DAY_US

# Zones.

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_KNOWN, _LAST_KNOWN = days(2, 1, 1), days(9998, 1, 1)


def _within(stamp: int) -> datetime:
    """The moment, moved into the years that zones know: before them is as in the first, after them an era repeats."""
    day, rest = divmod(stamp, DAY_US)
    if day < _FIRST_KNOWN:
        day = _FIRST_KNOWN + (day - _FIRST_KNOWN) % _ERA_DAYS % 365
    elif day >= _LAST_KNOWN:
        day = _LAST_KNOWN - _ERA_DAYS + (day - _LAST_KNOWN) % _ERA_DAYS
    return _EPOCH + timedelta(days=day, microseconds=rest)


def offset_at(zone: tzinfo, stamp: int) -> int:
    """Seconds east of UTC at a moment given in UTC."""
    if zone is UTC:
        return 0
    offset = _within(stamp).astimezone(zone).utcoffset()
    return 0 if offset is None else offset.days * 86_400 + offset.seconds


def abbreviation_at(zone: tzinfo, stamp: int) -> str:
    """What the zone calls itself then."""
    return _within(stamp).astimezone(zone).tzname() or ""


def offset_of_local(zone: tzinfo, local: int) -> int:
    """Seconds east of UTC at a local time.

    As PostgreSQL does, a time that happens twice is taken in standard time, one left out as if no clock had been set.
    """
    if zone is UTC:
        return 0
    before, after = offset_at(zone, local - DAY_US), offset_at(zone, local + DAY_US)
    if before == after:
        # No change nearby, or one there and back within two days, which no zone has made since clocks are set by law.
        return before
    fits_before = offset_at(zone, local - before * US) == before
    fits_after = offset_at(zone, local - after * US) == after
    if fits_before and fits_after:
        return min(before, after)
    if fits_before or fits_after:
        return before if fits_before else after
    return min(before, after)
