"""date, time and timestamp as text.

Theory: a date is days since 1970-01-01, a time nanoseconds since midnight, a timestamp milliseconds since 1970 (UTC); calendar
arithmetic is proleptic Gregorian without bounds (days are counted in eras of 400 years). A timestamp without a zone is in UTC:
Cassandra takes the server's zone there. Invariant: what is written is read as the same value.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hyperdb.frontends.cql.types.faults import invalid

EPOCH_DAY = 1 << 31
"""What 1970-01-01 is on the wire."""
NANOS_OF_DAY = 86_400_000_000_000
_MILLIS_OF_DAY = 86_400_000
_DAYS_OF_ERA, _YEARS_OF_ERA, _EPOCH_IN_ERA = 146_097, 400, 719_468
_I64 = 1 << 63
_RAW = re.compile(r"-?[0-9]{1,20}")
_DATE = re.compile(r"([+-][0-9]{4,9}|[0-9]{4})-([0-9]{2})-([0-9]{2})")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:\.([0-9]{1,9}))?")
_TIMESTAMP = re.compile(
    r"([0-9]{4,9})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:[ T]([0-9]{1,2}):([0-9]{1,2})(?::([0-9]{1,2})(?:\.([0-9]{1,9}))?)?)?"
    r"(?:(Z)|([+-])([0-9]{2})(?::?([0-9]{2}))?| ([A-Za-z][A-Za-z0-9_/+:-]{1,40}))?"
)
_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def day_number(year: int, month: int, day: int) -> int | None:
    """Days since 1970-01-01; None: there is no such day."""
    if not 1 <= month <= 12:
        return None
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if not 1 <= day <= _MONTH_DAYS[month - 1] + leap:
        return None
    # Years begin in March, so that a leap day is a year's last.
    year -= month <= 2
    era, of_era = divmod(year, _YEARS_OF_ERA)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * _DAYS_OF_ERA + of_era * 365 + of_era // 4 - of_era // 100 + of_year - _EPOCH_IN_ERA


def civil(days: int) -> tuple[int, int, int]:
    """Year, month and day of a number of days since 1970-01-01."""
    era, of_era = divmod(days + _EPOCH_IN_ERA, _DAYS_OF_ERA)
    year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return era * _YEARS_OF_ERA + year_of_era + (month <= 2), month, of_year - (153 * shifted + 2) // 5 + 1


def _year_text(year: int) -> str:
    if 0 <= year <= 9999:
        return f"{year:04d}"
    return f"{'-' if year < 0 else '+'}{abs(year):04d}"


def date_text(days: int) -> str:
    """`2024-02-29`."""
    year, month, day = civil(days)
    return f"{_year_text(year)}-{month:02d}-{day:02d}"


def date(text: str) -> int:
    """Days from a date, or from a number as the wire has it.

    Raises:
        CqlError: invalid.
    """
    if _RAW.fullmatch(text):
        number = int(text)
        if not 0 <= number < 2 * EPOCH_DAY:
            raise invalid(f"Unable to make unsigned int (for date) from: '{text}'")
        return number - EPOCH_DAY
    found = _DATE.fullmatch(text)
    days = day_number(int(found[1]), int(found[2]), int(found[3])) if found is not None else None
    if days is not None and days >= EPOCH_DAY:
        raise invalid(f"Input date {text} is greater than max supported date +5881580-07-11T00:00Z")
    if days is not None and days < -EPOCH_DAY:
        raise invalid(f"Input date {text} is less than min supported date -5877641-06-23T00:00Z")
    if days is None:
        raise invalid(f"Unable to coerce '{text}' to a formatted date (long)")
    return days


def time_text(nanos: int) -> str:
    """`23:59:59.123456789`."""
    seconds, rest = divmod(nanos, 1_000_000_000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:09d}"


def time(text: str) -> int:
    """Nanoseconds from a time of day, or from their number.

    Raises:
        CqlError: invalid.
    """
    if _RAW.fullmatch(text):
        number = int(text)
        if not 0 <= number < NANOS_OF_DAY:
            raise invalid(f"Unable to make long (for time) from: '{text}'")
        return number
    found = _TIME.fullmatch(text)
    if found is None or int(found[1]) > 23 or int(found[2]) > 59 or int(found[3]) > 59:
        raise invalid(f"(TimeType) Unable to coerce '{text}' to a formatted time (long)")
    seconds = int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3])
    return seconds * 1_000_000_000 + int((found[4] or "").ljust(9, "0"))


def timestamp_text(millis: int, separator: str = "T") -> str:
    """`2024-02-29T23:59:59.123Z`; JSON has a blank as separator."""
    days, rest = divmod(millis, _MILLIS_OF_DAY)
    seconds, thousandths = divmod(rest, 1000)
    shown = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{thousandths:03d}Z"
    year, month, day = civil(days)
    # Without a sign, as Java's SimpleDateFormat writes years.
    return f"{abs(year):04d}-{month:02d}-{day:02d}{separator}{shown}"


def timestamp(text: str) -> int:
    """Milliseconds from a moment, or from their number.

    Raises:
        CqlError: invalid.
    """
    if _RAW.fullmatch(text):
        number = int(text)
        if not -_I64 <= number < _I64:
            raise invalid(f"Unable to make long (for date) from: '{text}'")
        return number
    found = _TIMESTAMP.fullmatch(text)
    millis = _moment(found) if found is not None else None
    if millis is None or not -_I64 <= millis < _I64:
        raise invalid(f"Unable to coerce '{text}' to a formatted date (long)")
    return millis


def _moment(found: re.Match[str]) -> int | None:
    days = day_number(int(found[1]), int(found[2]), int(found[3]))
    hour, minute, second = (int(found[group] or 0) for group in (4, 5, 6))
    if days is None or hour > 23 or minute > 59 or second > 59:
        return None
    millis = int((found[7] or "").ljust(3, "0")[:3])
    local = days * _MILLIS_OF_DAY + (hour * 3600 + minute * 60 + second) * 1000 + millis
    if found[9]:
        hours, minutes = int(found[10]), int(found[11] or 0)
        if hours > 23 or minutes > 59:
            return None
        offset = (hours * 60 + minutes) * 60_000
        return local + offset if found[9] == "-" else local - offset
    return local if not found[12] else _in_zone(found[12], local)


def _in_zone(name: str, local: int) -> int | None:
    if name.upper() in ("UTC", "GMT", "Z"):
        return local
    try:
        zone = ZoneInfo(name)
        moment = datetime(1970, 1, 1) + timedelta(milliseconds=local)
        offset = moment.replace(tzinfo=zone).utcoffset()
    except (ValueError, OSError, OverflowError, KeyError):
        return None
    return None if offset is None else local - offset // timedelta(milliseconds=1)
