"""Texts of intervals to months, days and microseconds.

Theory: PostgreSQL's documentation, "Interval Input": numbers with units, SQL's `Y-M D H:M:S`, and both forms of ISO 8601. A
fraction of a unit goes down to the next smaller ones (12 months, 30 days, 24 hours) and is rounded there. Invariant: a part that
the type does not hold is 22015, a text that is none 22007.
"""

from __future__ import annotations

import math
import re
from collections.abc import Set

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.types.calendar import DAY_US, US
from hyperdb.frontends.sql.types.faults import bad_text

Interval = tuple[int, int, int]

_YEAR, _MONTH, _DAY, _MICROSECOND = 0, 1, 2, 3
# Where a unit counts, how many of that it is, and its names.
_LONG_NAMES = frozenset({"month", "day", "hour", "minute", "second", "millisecond", "microsecond"})
_UNITS_BY_NAME: tuple[tuple[int, int, str], ...] = (
    (_YEAR, 1_000, "mil mils millennia millennium millenniums"),
    (_YEAR, 100, "c cent centuries century"),
    (_YEAR, 10, "dec decade decades decs"),
    (_YEAR, 1, "y year years yr yrs"),
    (_MONTH, 1, "mon mons month months"),
    (_DAY, 7, "w week weeks"),
    (_DAY, 1, "d day days"),
    (_MICROSECOND, 3600 * US, "h hour hours hr hrs"),
    (_MICROSECOND, 60 * US, "m min mins minute minutes"),
    (_MICROSECOND, US, "s sec second seconds secs"),
    (_MICROSECOND, 1000, "ms msec msecs msecond mseconds millisecond milliseconds millisecon"),
    (_MICROSECOND, 1, "us usec usecs usecond useconds microsecond microseconds microsecon"),
)
_FIELDS = {
    (place, factor): next((name for name in names.split() if name in _LONG_NAMES), names.split()[0])
    for place, factor, names in _UNITS_BY_NAME
}
UNITS = {name: (place, factor) for place, factor, names in _UNITS_BY_NAME for name in names.split()}
_PIECE = re.compile(
    r"""[\s,]*(?:
     (?P<clock>[+-]?\s*[0-9]+:[0-9]+(?::[0-9]+)?(?:\.[0-9]*)?)
    |(?P<months>[+-]?\s*[0-9]+-[0-9]+)
    |(?P<number>[+-]?\s*(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))
    |(?P<word>[A-Za-z]+|@)
    )""",
    re.VERBOSE,
)
_CLOCK_FIELDS = frozenset({"hour", "minute", "second", "millisecond", "microsecond"})
_SECOND_FIELDS = frozenset({"second", "millisecond", "microsecond"})
_NUMBER = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_ISO_DATE: dict[str, tuple[int, int]] = {"Y": (_YEAR, 1), "M": (_MONTH, 1), "W": (_DAY, 7), "D": (_DAY, 1)}
_ISO_TIME: dict[str, tuple[int, int]] = {
    "H": (_MICROSECOND, 3600 * US),
    "M": (_MICROSECOND, 60 * US),
    "S": (_MICROSECOND, US),
}
_MOST_ISO = 1e15


def beyond(text: str) -> SqlError:
    """A part is larger than the type holds."""
    return SqlError("22015", f'interval field value out of range: "{text}"')


def bounded(value: Interval, text: str) -> Interval:
    """The interval, if each part fits its width."""
    months, days, micros = value
    if not (-(1 << 31) <= months < 1 << 31 and -(1 << 31) <= days < 1 << 31 and -(1 << 63) <= micros < 1 << 63):
        raise beyond(text)
    return value


class Gathered:
    """Parts added up."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.parts = [0, 0, 0, 0]
        """Years, months, days, microseconds."""

    def add(self, number: str, place: int, factor: int) -> None:
        """`number` times a unit; its fraction goes down."""
        whole, _, fraction = number.lstrip("+-").partition(".")
        sign = -1 if number.startswith("-") else 1
        if len(whole.lstrip("0")) > 19:
            raise beyond(self.text)
        self.split(sign * int(whole or 0), sign * float(f"0.{fraction or 0}"), place, factor)

    def split(self, whole: int, rest: float, place: int, factor: int) -> None:
        """As `add`, of a number taken apart."""
        self.parts[place] += whole * factor
        if not rest:
            return
        if place == _YEAR:
            self.parts[_MONTH] += round(rest * factor * 12)
        elif place == _MICROSECOND:
            self.parts[_MICROSECOND] += _to_nearest(rest * factor)
        else:
            days = rest * (30 if place == _MONTH else factor)
            self.parts[_DAY] += math.trunc(days)
            self.parts[_MICROSECOND] += _to_nearest((days - math.trunc(days)) * DAY_US)

    def clock(self, piece: str, *, is_short: bool = False) -> None:
        """Hours, minutes and seconds; or minutes and seconds where there are two and a fraction, or that is all there may be."""
        sign = -1 if piece.startswith("-") else 1
        parts = piece.lstrip("+-").split(":")
        if len(parts) == 2 and ("." in parts[1] or is_short):
            parts.insert(0, "0")
        hours, minutes, seconds = parts[0], parts[1], parts[2] if len(parts) > 2 else "0"
        if len(hours) > 18 or "." in minutes:
            raise beyond(self.text)
        whole, _, fraction = seconds.partition(".")
        if int(minutes) > 59 or int(whole) > 60:
            raise beyond(self.text)
        micros = (int(hours) * 3600 + int(minutes) * 60 + int(whole)) * US + _to_nearest(float(f"0.{fraction or 0}") * US)
        self.parts[_MICROSECOND] += sign * micros

    def months(self, piece: str) -> None:
        """Years and months, joined."""
        sign = -1 if piece.startswith("-") else 1
        years, months = piece.lstrip("+-").split("-")
        if len(years) > 10 or len(months) > 10 or int(months) >= 12:
            raise beyond(self.text)
        self.parts[_MONTH] += sign * (int(years) * 12 + int(months))

    def value(self, sign: int = 1) -> Interval:
        """The interval, if each part fits its width, the years and months together too."""
        years, months, days, micros = (sign * part for part in self.parts)
        bounded((years, days, micros), self.text)
        bounded((months, days, micros), self.text)
        if not -(1 << 31) <= years * 12 + months < 1 << 31:
            raise SqlError("22008", "interval out of range")
        return years * 12 + months, days, micros


def _to_nearest(micros: float) -> int:
    """Half a microsecond goes towards zero."""
    whole = math.trunc(micros)
    rest = micros - whole
    return whole + (rest > 0.5) - (rest < -0.5)


class _Iso:
    """Both forms of ISO 8601: numbers with designators, and a date and a clock (datetime.c, DecodeISO8601Interval)."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 1
        self._gathered = Gathered(text)

    def value(self) -> Interval | None:
        """The interval; None where the text is none."""
        if len(self._text) < 2:
            return None
        factors, is_first, is_date = _ISO_DATE, True, True
        while self._at < len(self._text):
            if self._peek() == "T":
                self._at += 1
                factors, is_first, is_date = _ISO_TIME, True, False
                continue
            begin = self._at
            number = self._number()
            unit = self._peek()
            if number is None:
                return None
            if unit in factors:
                self._at += 1
                self._gathered.split(*number, *factors[unit])
                is_first = False
                continue
            if not is_first or not (self._dated(number, begin) if is_date else self._timed(number, begin)):
                return None
            is_first = False
        return self._gathered.value()

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _number(self) -> tuple[int, float] | None:
        found = _NUMBER.match(self._text, self._at)
        if found is None:
            return None
        self._at = found.end()
        number = float(found.group())
        if not -_MOST_ISO <= number <= _MOST_ISO:
            raise beyond(self._text)
        return math.trunc(number), number - math.trunc(number)

    def _dated(self, number: tuple[int, float], begin: int) -> bool:
        """YYYYMMDD, or years, months and days between hyphens; up to a T or the end."""
        whole, rest = number
        if self._width(begin) == 8 and self._peek() in ("", "T"):
            for part, unit in ((whole // 10000, "Y"), (whole // 100 % 100, "M")):
                self._gathered.split(part, 0, *_ISO_DATE[unit])
            self._gathered.split(whole % 100, rest, *_ISO_DATE["D"])
            return True
        return self._joined(number, "-", ("", "T"), [_ISO_DATE[unit] for unit in "YMD"])

    def _timed(self, number: tuple[int, float], begin: int) -> bool:
        """HHMMSS, or hours, minutes and seconds between colons; up to the end."""
        whole, rest = number
        if self._width(begin) == 6 and self._peek() == "":
            for part, unit in ((whole // 10000, "H"), (whole // 100 % 100, "M")):
                self._gathered.split(part, 0, *_ISO_TIME[unit])
            self._gathered.split(whole % 100, rest, *_ISO_TIME["S"])
            return True
        return self._joined(number, ":", ("",), [_ISO_TIME[unit] for unit in "HMS"])

    def _width(self, begin: int) -> int:
        """Digits before the point."""
        digits = self._text[begin:].lstrip("-")
        return len(digits) - len(digits.lstrip("0123456789"))

    def _joined(self, first: tuple[int, float], mark: str, ends: tuple[str, ...], units: list[tuple[int, int]]) -> bool:
        number: tuple[int, float] | None = first
        for place, unit in enumerate(units):
            if place:
                if self._peek() in ends:
                    return True
                if self._peek() != mark:
                    return False
                self._at += 1
                number = self._number()
            if number is None:
                return False
            self._gathered.split(*number, *unit)
        return self._peek() in ends


def read(text: str, interval_style: str, unit: str = "second", *, is_short: bool = False) -> Interval:
    """The interval; `unit` is what a last number without one counts, `is_short` says that a clock of two parts has no hours."""
    stripped = text.strip()
    if stripped.startswith("P"):
        found = _Iso(stripped).value()
        if found is None:
            raise bad_text("interval", text, "22007")
        return found
    return _Words(text, stripped, interval_style, unit, is_short).value()


def depends_on_style(text: str) -> bool:
    """Whether IntervalStyle has a say in what a text means: in the standard one sign in front stands for all."""
    return text.lstrip().startswith("-")


class _Words:
    """Numbers with units, clocks, years and months, from the last to the first (datetime.c, DecodeInterval)."""

    def __init__(self, text: str, stripped: str, interval_style: str, unit: str, is_short: bool) -> None:
        self._text, self._last_unit, self._is_short = text, unit, is_short
        self._gathered = Gathered(text)
        self._pieces = self._cut(stripped)
        self._seen: set[str] = set()
        if interval_style == "sql_standard" and depends_on_style(text) and not any(p[0] in "+-" for _, p in self._pieces[1:]):
            self._pieces = [
                (kind, f"-{piece}" if kind != "word" and piece[0] not in "+-" else piece) for kind, piece in self._pieces
            ]

    def _cut(self, stripped: str) -> list[tuple[str, str]]:
        pieces: list[tuple[str, str]] = []
        at = 0
        while at < len(stripped):
            found = _PIECE.match(stripped, at)
            if found is None:
                raise self._bad()
            kind = str(found.lastgroup)
            pieces.append((kind, found[kind] if kind == "word" else "".join(found[kind].split())))
            at = found.end()
        return pieces

    def _bad(self) -> SqlError:
        return bad_text("interval", self._text, "22007")

    def value(self) -> Interval:
        """The interval."""
        sign = 1
        unit: str = self._last_unit
        for kind, piece in reversed(self._pieces):
            word = piece.lower()
            if kind == "word":
                if word == "ago":
                    sign, unit = -1, ""
                elif word in UNITS:
                    unit = word
                elif word != "@":
                    raise self._bad()
            elif kind == "clock":
                self._see(_CLOCK_FIELDS)
                self._gathered.clock(piece, is_short=self._is_short)
                unit = "day"
            elif kind == "months":
                self._see({"month"})
                self._gathered.months(piece)
                unit = "month"
            else:
                unit = self._number(piece, unit)
        if not self._seen:
            raise self._bad()
        return self._gathered.value(sign)

    def _number(self, piece: str, unit: str) -> str:
        """Adds a number; the unit of one before it that has none."""
        found = UNITS.get(unit)
        if found is None:
            raise self._bad()
        field = _FIELDS[found]
        self._see(_SECOND_FIELDS if field == "second" and piece.partition(".")[2].strip("0") else {field})
        self._gathered.add(piece, *found)
        return "day" if field == "hour" else unit

    def _see(self, fields: Set[str]) -> None:
        if self._seen & fields:
            raise self._bad()
        self._seen |= fields
