"""Names of time zones: those of the IANA database, the abbreviations that everybody reads, and fixed offsets.

Theory: PostgreSQL's documentation, "Time Zones". A POSIX specification counts hours west (`UTC+3` is 3 hours west), everything
else counts east. Invariant: whatever is returned knows its offset at every moment; names are not case sensitive.
"""

from __future__ import annotations

import re
from datetime import UTC, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

# Hours east of UTC, of PostgreSQL's default set, those in common use.
_ABBREVIATIONS: dict[str, float] = {
    "utc": 0, "gmt": 0, "z": 0, "zulu": 0, "ut": 0, "uct": 0, "wet": 0, "west": 1, "bst": 1, "cet": 1, "cest": 2, "met": 1,
    "mest": 2, "eet": 2, "eest": 3, "msk": 3, "sast": 2, "ist": 2, "pkt": 5, "jst": 9, "kst": 9, "hkt": 8, "awst": 8,
    "acst": 9.5, "aest": 10, "acdt": 10.5, "aedt": 11, "nzst": 12, "nzdt": 13, "est": -5, "edt": -4, "cst": -6, "cdt": -5,
    "mst": -7, "mdt": -6, "pst": -8, "pdt": -7, "akst": -9, "akdt": -8, "hst": -10, "ast": -4, "adt": -3, "nst": -3.5,
    "ndt": -2.5,
}  # fmt: skip
_POSIX = re.compile(r"(?:<[^<>]{1,10}>|[A-Za-z]{3,10})?([+-]?)([0-9]{1,3})(?::([0-9]{2}))?(?::([0-9]{2}))?\Z")


def abbreviated(word: str) -> tzinfo | None:
    """The fixed offset that an abbreviation stands for."""
    hours = _ABBREVIATIONS.get(word.lower())
    return None if hours is None else fixed(round(hours * 3600))


def fixed(east: int) -> tzinfo:
    """So many seconds east of UTC."""
    return UTC if east == 0 else timezone(timedelta(seconds=east))


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones() if name != "localtime"}


@lru_cache(maxsize=256)
def named(name: str) -> tuple[str, tzinfo] | None:
    """A zone by its full name, and the name as it is written; None: there is none of this name."""
    proper = _names().get(name.lower())
    if proper is None:
        return None
    try:
        return proper, UTC if proper in ("UTC", "Etc/UTC") else ZoneInfo(proper)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def setting(text: str) -> tuple[str, tzinfo] | None:
    """What `SET TimeZone` takes: a name, or a POSIX specification whose hours count west; None: neither."""
    found = named(text)
    if found is not None:
        return found
    posix = _POSIX.match(text)
    if posix is None:
        return None
    sign, hours, minutes, seconds = posix.groups()
    west = int(hours) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    if west >= 86_400:
        return None
    east = -west if sign != "-" else west
    # A bare number counts east, as in SET TIME ZONE 3; one with minutes is a specification without a name.
    return text, fixed(-east if text.lstrip("+-").isdigit() else east)
