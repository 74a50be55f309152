"""Texts of intervals to months, days and microseconds.

Theory: PostgreSQL's documentation, "Interval Input": numbers with units, SQL's `Y-M D H:M:S`, and both forms of ISO 8601. A
fraction of a unit goes down to the next smaller ones (12 months, 30 days, 24 hours) and is rounded there. Invariant: a part that
the type does not hold is 22015, a text that is none 22007.
"""

from __future__ import annotations

import math
import re

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.types.calendar import DAY_US, US
from hyperdb.frontends.sql.types.faults import bad_text

Interval = tuple[int, int, int]

_MONTH, _DAY, _MICROSECOND = 0, 1, 2
# Where a unit counts, how many of that it is, and its names.
_UNITS_BY_NAME: tuple[tuple[int, int, str], ...] = (
    (_MONTH, 12_000, "mil mils millennia millennium millenniums"),
    (_MONTH, 1_200, "c cent centuries century"),
    (_MONTH, 120, "dec decade decades decs"),
    (_MONTH, 12, "y year years yr yrs"),
    (_MONTH, 1, "mon mons month months"),
    (_DAY, 7, "w week weeks"),
    (_DAY, 1, "d day days"),
    (_MICROSECOND, 3600 * US, "h hour hours hr hrs"),
    (_MICROSECOND, 60 * US, "m min mins minute minutes"),
    (_MICROSECOND, US, "s sec second seconds secs"),
    (_MICROSECOND, 1000, "ms msec msecs msecond mseconds millisecond milliseconds millisecon"),
    (_MICROSECOND, 1, "us usec usecs usecond useconds microsecond microseconds microsecon"),
)
UNITS = {name: (place, factor) for place, factor, names in _UNITS_BY_NAME for name in names.split()}
_PIECE = re.compile(
    r"""\s*(?:
     (?P<clock>[+-]?[0-9]+:[0-9]+(?::[0-9]+)?(?:\.[0-9]*)?)
    |(?P<months>[+-]?[0-9]+-[0-9]+)
    |(?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))
    |(?P<word>[A-Za-z]+|@)
    )""",
    re.VERBOSE,
)
_ISO = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))([A-Za-z])")
_ISO_DATE, _ISO_TIME = {"Y": 12, "M": 1, "W": 7, "D": 1}, {"H": 3600 * US, "M": 60 * US, "S": US}
_ISO_PLACES = {"Y": _MONTH, "M": _MONTH, "W": _DAY, "D": _DAY}
_ISO_ALTERNATE = re.compile(
    r"P(?:(?P<y>-?[0-9]+)-(?P<mo>-?[0-9]+)-(?P<d>-?[0-9]+))?(?:T(?P<h>-?[0-9]+):(?P<mi>[0-9]+)(?::(?P<s>[0-9]+(?:\.[0-9]*)?))?)?\Z"
)


def beyond(text: str) -> SqlError:
    """A part is larger than the type holds."""
    return SqlError("22015", f'interval field value out of range: "{text}"')


def bounded(value: Interval, text: str) -> Interval:
    """The interval, if each part fits its width."""
    months, days, micros = value
    if not -(1 << 31) <= months < 1 << 31:
        raise SqlError("22008", "interval out of range")
    if not (-(1 << 31) <= days < 1 << 31 and -(1 << 63) <= micros < 1 << 63):
        raise beyond(text)
    return value


class Gathered:
    """Parts added up."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.parts = [0, 0, 0]

    def add(self, number: str, place: int, factor: int) -> None:
        """`number` times a unit; its fraction goes down."""
        whole, _, fraction = number.lstrip("+-").partition(".")
        sign = -1 if number.startswith("-") else 1
        if len(whole.lstrip("0")) > 19:
            raise beyond(self.text)
        units, rest = int(whole or 0), float(f"0.{fraction or 0}")
        self.parts[place] += sign * units * factor
        if rest:
            self._add_fraction(sign * rest, place, factor)

    def _add_fraction(self, rest: float, place: int, factor: int) -> None:
        if place == _MONTH and factor > 1:
            self.parts[_MONTH] += round(rest * factor)
        elif place == _MONTH:
            self._add_days(rest * 30)
        elif place == _DAY:
            self._add_days(rest * factor)
        else:
            self.parts[_MICROSECOND] += round(rest * factor)

    def _add_days(self, days: float) -> None:
        whole = math.trunc(days)
        self.parts[_DAY] += whole
        self.parts[_MICROSECOND] += round((days - whole) * DAY_US)

    def clock(self, piece: str) -> None:
        """Hours, minutes and seconds; or minutes and seconds where there are two and a fraction."""
        sign = -1 if piece.startswith("-") else 1
        parts = piece.lstrip("+-").split(":")
        if len(parts) == 2 and "." in parts[1]:
            parts.insert(0, "0")
        hours, minutes, seconds = parts[0], parts[1], parts[2] if len(parts) > 2 else "0"
        if len(hours) > 18 or "." in minutes:
            raise beyond(self.text)
        whole, _, fraction = seconds.partition(".")
        if int(minutes) > 59 or int(whole) > 60:
            raise beyond(self.text)
        micros = (int(hours) * 3600 + int(minutes) * 60 + int(whole)) * US + round(float(f"0.{fraction or 0}") * US)
        self.parts[_MICROSECOND] += sign * micros

    def months(self, piece: str) -> None:
        """Years and months, joined."""
        sign = -1 if piece.startswith("-") else 1
        years, months = piece.lstrip("+-").split("-")
        if len(years) > 10 or len(months) > 10 or int(months) >= 12:
            raise beyond(self.text)
        self.parts[_MONTH] += sign * (int(years) * 12 + int(months))

    def value(self, sign: int = 1) -> Interval:
        """The interval."""
        months, days, micros = self.parts
        return bounded((sign * months, sign * days, sign * micros), self.text)


def _iso(text: str) -> Interval | None:
    """Either form of ISO 8601; None where it is neither."""
    gathered = Gathered(text)
    alternate = _ISO_ALTERNATE.match(text)
    if alternate is not None and len(text) > 1 and ("-" in text[1:] or ":" in text):
        years, months, days, hours, minutes, seconds = alternate.groups()
        if years is not None:
            gathered.parts[_MONTH] = int(years[:12]) * 12 + int(months[:12])
            gathered.parts[_DAY] = int(days[:12])
        if hours is not None:
            gathered.clock(f"{hours}:{minutes}:{seconds or 0}")
        return gathered.value()
    date, mark, time = text[1:].partition("T")
    if not date and not mark:
        return None
    for part, factors in ((date, _ISO_DATE), (time, _ISO_TIME)):
        at = 0
        for found in _ISO.finditer(part):
            factor = factors.get(found[2])
            if factor is None or found.start() != at:
                return None
            place = _ISO_PLACES[found[2]] if factors is _ISO_DATE else _MICROSECOND
            gathered.add(found[1], place, factor)
            at = found.end()
        if at != len(part):
            return None
    return gathered.value()


def read(text: str, interval_style: str, unit: str = "second") -> Interval:
    """The interval; `unit` is what a last number without one counts."""
    stripped = text.strip()
    if stripped.startswith("P"):
        found = _iso(stripped)
        if found is None:
            raise bad_text("interval", text, "22007")
        return found
    return _Words(text, stripped, interval_style, unit).value()


class _Words:
    """Numbers with units, clocks, years and months."""

    def __init__(self, text: str, stripped: str, interval_style: str, unit: str) -> None:
        self._text, self._unit = text, unit
        self._gathered = Gathered(text)
        self._pieces = self._cut(stripped)
        if interval_style == "sql_standard" and stripped.startswith("-") and not re.search(r".[+-](?![0-9]+\Z)", stripped):
            # In the standard one sign in front stands for all.
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
            pieces.append((str(found.lastgroup), found[str(found.lastgroup)]))
            at = found.end()
        if not pieces:
            raise self._bad()
        return pieces

    def _bad(self) -> SqlError:
        return bad_text("interval", self._text, "22007")

    def value(self) -> Interval:
        """The interval."""
        sign, taken, seen = 1, False, set[str]()
        pieces = self._pieces
        for place, (kind, piece) in enumerate(pieces):
            if kind == "word":
                if piece.lower() == "ago" and taken:
                    sign = -1
                elif not (piece == "@" and place == 0) and not (place and pieces[place - 1][0] == "number"):
                    raise self._bad()
                continue
            taken = True
            if kind == "number":
                self._number(piece, place, seen)
            else:
                if kind in seen:
                    raise self._bad()
                seen.add(kind)
                (self._gathered.clock if kind == "clock" else self._gathered.months)(piece)
        if not taken:
            raise self._bad()
        return self._gathered.value(sign)

    def _number(self, piece: str, place: int, seen: set[str]) -> None:
        kind, following = self._pieces[place + 1] if place + 1 < len(self._pieces) else ("", "")
        if kind == "word" and following.lower() != "ago":
            unit = following.lower()
        elif kind == "clock":
            unit = "day"
        elif kind in ("", "word"):
            unit = self._unit
        else:
            raise self._bad()
        found = UNITS.get(unit)
        if found is None:
            raise self._bad()
        key = f"{found[0]} {found[1]}"
        if key in seen:
            raise self._bad()
        seen.add(key)
        self._gathered.add(piece, *found)
