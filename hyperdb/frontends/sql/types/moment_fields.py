"""Texts of dates and times to their fields.

Theory: PostgreSQL's documentation, "Date/Time Input" and appendix "Date/Time Support". A text is cut into pieces by a list of
patterns, longest first; numbers get their meaning from how they are joined, from their length, and from `DateStyle` where neither
decides. Invariant: a text is read to its end or refused; what is read is checked against the calendar by whoever asked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import tzinfo
from zoneinfo import ZoneInfo

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.types import calendar, zones
from hyperdb.frontends.sql.types.faults import bad_text
from hyperdb.frontends.sql.types.model import Style

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
)  # fmt: skip
MONTHS = {name: place % 12 + 1 for place, name in enumerate(_MONTHS + _LONG_MONTHS)} | {"sept": 9}
_DAYS = frozenset(
    "sun mon tue tues wed weds thu thur thurs fri sat sunday monday tuesday wednesday thursday friday saturday".split()
)
_NOISE = frozenset({"at", "on", "dst"})
SPECIAL = frozenset({"now", "today", "tomorrow", "yesterday", "epoch", "infinity", "-infinity", "allballs"})
_TIMES = frozenset({"time", "time with time zone"})

_PIECES = re.compile(
    r"""(?P<space>[\s,]+)
    |(?P<clock>[0-9]{1,9}:[0-9]{1,2}(?::[0-9]{1,2}(?:[.,][0-9]*)?)?)
    |(?P<joined>[0-9]+(?P<mark>[-/.])(?:[0-9]+|[A-Za-z]{3,})(?P=mark)[0-9]+)
    |(?P<named>[A-Za-z]{3,}-[0-9]+-[0-9]+)
    |(?P<julian>[Jj][0-9]{1,9}(?![0-9A-Za-z]))
    |(?P<ofyear>[0-9]{4}[.-][0-9]{3}(?![0-9]))
    |(?P<packed>[0-9]{8}[Tt][0-9]{4,6}(?:\.[0-9]*)?)
    |(?P<number>[0-9]+(?:\.[0-9]*)?)
    |(?P<special>(?i:-?infinity)(?![A-Za-z]))
    |(?P<zone>[A-Za-z]+(?:/[A-Za-z_+\-0-9]+)+)
    |(?P<posix>[A-Za-z]{3,}[+-][0-9]{1,2}(?::[0-9]{2})?)
    |(?P<offset>[+-][0-9]{1,6}(?::[0-9]{1,2}(?::[0-9]{1,2})?)?)
    |(?P<word>[A-Za-z]+\.?)
    |(?P<dash>[-/.](?=[0-9A-Za-z]))""",
    re.VERBOSE,
)


@dataclass(slots=True)
class Fields:
    """What a text says; None where it says nothing."""

    special: str | None = None
    year: int | None = None
    month: int | None = None
    day: int | None = None
    is_bc: bool = False
    time: int | None = None
    """Microseconds since midnight; 24:00:00 and a second 60 are allowed."""
    east: int | None = None
    """Seconds east of UTC."""
    zone: tzinfo | None = None


class Parser:
    """One text."""

    def __init__(self, kind: str, text: str, style: Style) -> None:
        self._kind, self._text, self._style = kind, text, style
        self._fields = Fields()
        self._numbers: list[str] = []
        self._clock: tuple[int, int, int, int] | None = None
        self._half: str | None = None
        self._month_named = False
        self._has_era = False
        self._year_day: int | None = None
        self._year_digits: str | None = None

    def fields(self) -> Fields:
        """The fields.

        Raises:
            SqlError: 22007 where it is no date or time, 22008 where a field is out of bounds.
        """
        text, at = self._text.strip(), 0
        if not text:
            raise self._bad()
        while at < len(text):
            found = _PIECES.match(text, at)
            if found is None or not found.lastgroup:
                raise self._bad()
            kind = "joined" if found["joined"] else str(found.lastgroup)
            at = found.end()
            if kind not in ("space", "dash"):
                getattr(self, f"_take_{kind}")(found[kind])
        self._assemble()
        return self._fields

    def _bad(self) -> SqlError:
        return bad_text(self._kind, self._text, "22007")

    def _beyond(self) -> SqlError:
        return beyond(self._text)

    # One method a kind of piece.

    def _take_clock(self, piece: str) -> None:
        hours, minutes, *rest = piece.replace(",", ".").split(":")
        seconds, _, fraction = (rest[0] if rest else "0").partition(".")
        self._set_clock(int(hours), int(minutes), int(seconds), _micros(fraction))

    def _set_clock(self, hours: int, minutes: int, seconds: int, micros: int) -> None:
        if self._clock is not None:
            raise self._bad()
        self._clock = hours, minutes, seconds, micros

    def _take_joined(self, piece: str) -> None:
        mark = re.search("[-/.]", piece)
        assert mark is not None
        parts = piece.split(mark[0])
        if parts[1].isdigit():
            if self._numbers or self._fields.day is not None:
                raise self._bad()
            self._three(parts, mark[0])
            return
        month = MONTHS.get(parts[1].lower())
        if month is None or self._fields.month is not None:
            raise self._bad()
        self._fields.month = month
        self._month_named = True
        self._numbers += [parts[0], parts[2]]

    def _three(self, parts: list[str], mark: str) -> None:
        """Three numbers joined by one mark."""
        order = self._style.date_order
        if len(parts[0]) > 2:
            order = "YMD"
        elif mark == "." and order == "MDY":
            order = "DMY" if self._style.date_style == "German" else order
        named = dict(zip(order, parts, strict=True))
        self._year_digits = named["Y"]
        self._fields.month, self._fields.day = int(named["M"]), int(named["D"])

    def _year(self, digits: str) -> int:
        year = int(digits) if len(digits) < 10 else 10**9
        if len(digits) <= 2 and not self._fields.is_bc:
            year += 2000 if year < 70 else 1900
        return year

    def _take_named(self, piece: str) -> None:
        word, first, second = piece.split("-")
        month = MONTHS.get(word.lower())
        if month is None or self._fields.month is not None:
            raise self._bad()
        self._fields.month = month
        self._month_named = True
        self._numbers += [first, second]

    def _take_julian(self, piece: str) -> None:
        day = int(piece[1:]) - calendar.JULIAN_OF_1970
        self._fields.year, self._fields.month, self._fields.day = calendar.civil(day)

    def _take_ofyear(self, piece: str) -> None:
        self._fields.year, self._year_day = int(piece[:4]), int(piece[5:])

    def _take_packed(self, piece: str) -> None:
        self._take_number(piece[:8])
        self._digits_of_clock(piece[9:])

    def _digits_of_clock(self, piece: str) -> None:
        digits, _, fraction = piece.partition(".")
        if len(digits) not in (4, 6):
            raise self._bad()
        padded = digits.ljust(6, "0")
        self._set_clock(int(padded[:2]), int(padded[2:4]), int(padded[4:]), _micros(fraction))

    def _take_number(self, piece: str) -> None:
        digits, point, _ = piece.partition(".")
        has_date = self._fields.day is not None or len(self._numbers) + (self._fields.month is not None) >= 3
        if self._kind in _TIMES or has_date:
            return self._digits_of_clock(piece)
        if point:
            raise self._bad()
        if len(digits) > 8:
            raise self._beyond()
        if len(digits) == 8 and self._fields.month is None and not self._numbers:
            self._fields.year = int(digits[:4])
            self._fields.month, self._fields.day = int(digits[4:6]), int(digits[6:8])
            return None
        if len(digits) == 6 and self._fields.month is None and not self._numbers:
            self._year_digits = digits[:2]
            self._fields.month, self._fields.day = int(digits[2:4]), int(digits[4:])
            return None
        self._numbers.append(digits)
        return None

    def _take_special(self, piece: str) -> None:
        self._take_word(piece)

    def _take_zone(self, piece: str) -> None:
        found = zones.named(piece)
        if found is None:
            raise SqlError("22023", f'time zone "{piece}" not recognized')
        self._fields.zone = found[1]

    def _take_posix(self, piece: str) -> None:
        found = zones.setting(piece)
        if found is None:
            raise self._bad()
        self._fields.zone = found[1]

    def _take_offset(self, piece: str) -> None:
        if self._fields.east is not None:
            raise self._bad()
        sign, rest = (-1 if piece[0] == "-" else 1), piece[1:]
        if ":" in rest:
            hours, minutes, *more = rest.split(":")
            parts = [hours, minutes, more[0] if more else "0"]
        elif len(rest) <= 2:
            parts = [rest, "0", "0"]
        else:
            padded = rest.rjust(4 if len(rest) <= 4 else 6, "0")
            parts = [padded[:2], padded[2:4], padded[4:] or "0"]
        hour, minute, second = map(int, parts)
        if hour > 15 or minute > 59 or second > 59:
            raise SqlError("22009", f'time zone displacement out of range: "{self._text}"')
        self._fields.east = sign * (hour * 3600 + minute * 60 + second)

    def _take_word(self, piece: str) -> None:
        word = piece.lower().rstrip(".")
        fields = self._fields
        if word in SPECIAL:
            if fields.special is not None:
                raise self._bad()
            fields.special = word
        elif word in MONTHS:
            if fields.month is not None:
                raise self._bad()
            fields.month = MONTHS[word]
            self._month_named = True
        elif word in ("am", "pm"):
            self._half = word
        elif word in ("bc", "ad"):
            if self._has_era:
                raise self._bad()
            self._has_era = True
            fields.is_bc = word == "bc"
        elif word == "t" and (fields.day is not None or self._kind in _TIMES):
            pass
        elif word not in _DAYS and word not in _NOISE:
            self._zone_word(piece)

    def _zone_word(self, piece: str) -> None:
        zone = zones.abbreviated(piece)
        if zone is None:
            found = zones.named(piece)
            zone = found[1] if found is not None else None
        if zone is None:
            raise self._bad()
        self._fields.zone = zone

    # What the pieces mean together.

    def _assemble(self) -> None:
        fields = self._fields
        if self._numbers:
            self._place_numbers()
        if self._kind in _TIMES and isinstance(fields.zone, ZoneInfo) and fields.day is None:
            # What a place's clocks show depends on the day.
            raise self._bad()
        if self._year_digits is not None:
            fields.year = self._year(self._year_digits)
        if self._year_day is not None and fields.year is not None:
            if not 1 <= self._year_day <= 365 + calendar.is_leap(fields.year):
                raise self._beyond()
            day = calendar.days(fields.year, 1, 1) + self._year_day - 1
            _, fields.month, fields.day = calendar.civil(day)
        if fields.is_bc:
            if fields.year is None or fields.year < 1:
                raise self._beyond()
            fields.year = 1 - fields.year
        elif fields.year is not None and fields.year == 0 and "j" not in self._text.lower():
            raise self._beyond()
        if self._clock is not None:
            fields.time = self._time(*self._clock)
        elif self._half is not None:
            raise self._bad()

    def _place_numbers(self) -> None:
        fields, numbers = self._fields, self._numbers
        if self._month_named and len(numbers) == 2 and fields.day is None:
            first, second = numbers
            year_first = len(first) > 2 or (self._style.date_order == "YMD" and len(second) <= 2)
            self._year_digits = first if year_first else second
            fields.day = int(second if year_first else first)
        elif not self._month_named and len(numbers) == 3 and fields.day is None:
            self._three(numbers, " ")
        else:
            raise self._bad()

    def _time(self, hours: int, minutes: int, seconds: int, micros: int) -> int:
        if self._half is not None:
            if hours > 12:
                raise self._beyond()
            hours = hours % 12 + (12 if self._half == "pm" else 0)
        total = ((hours * 60 + minutes) * 60 + seconds) * calendar.US + micros
        if hours > 24 or minutes > 59 or seconds > 60 or total > calendar.DAY_US:
            raise self._beyond()
        return total


def beyond(text: str) -> SqlError:
    """A field of the text is out of bounds."""
    return SqlError("22008", f'date/time field value out of range: "{text}"')


def _micros(fraction: str) -> int:
    return round(float(f"0.{fraction or 0}") * calendar.US)
