"""Templates of to_char, to_date, to_timestamp: dates and times.

Theory: PostgreSQL's documentation, 9.8 (formatting.c). A template is a row of keywords, longest first, with prefixes (FM, FX) and
suffixes (TH); text in double quotes and whatever is no keyword stands for itself. Invariant: writing and reading know the same
keywords.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.kinds import DATE, INTERVAL, TEXT, TIMESTAMP, TIMESTAMPTZ
from hyperdb.frontends.sql.functions import times
from hyperdb.frontends.sql.functions.model import Function
from hyperdb.frontends.sql.functions.times import DAY, HOUR, SECOND

MONTHS = "January February March April May June July August September October November December".split()
DAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split()
_ROMAN = "I II III IV V VI VII VIII IX X XI XII".split()
_MINUTE = 60 * SECOND
_WORDS = """
a.d. A.D. a.m. A.M. b.c. B.C. p.m. P.M. AD ad AM am BC bc PM pm CC cc DAY Day day DDD ddd DD dd DY Dy dy D d
FF1 FF2 FF3 FF4 FF5 FF6 ff1 ff2 ff3 ff4 ff5 ff6 HH24 hh24 HH12 hh12 HH hh IDDD iddd ID id IW iw IYYY iyyy IYY
iyy IY iy I i J j MI mi MM mm MONTH Month month MON Mon mon MS ms OF of Q q RM rm SSSSS sssss SSSS ssss SS ss
TZH tzh TZM tzm TZ tz US us WW ww W w Y,YYY y,yyy YYYY yyyy YYY yyy YY yy Y y
""".split()
_KEYWORD = re.compile("|".join(re.escape(word) for word in sorted(_WORDS, key=len, reverse=True)))


@dataclass(frozen=True, slots=True)
class Piece:
    """A keyword of a template, or (`word` empty) text that stands for itself."""

    word: str
    text: str = ""
    fill: bool = True
    ordinal: str = ""
    quoted: bool = False


_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)(?:"|\\?\Z)', re.DOTALL)


def quoted(template: str, at: int) -> tuple[str, int]:
    """What stands from a double quote to the next one or the end, a backslash making what follows it plain; and where it ends."""
    found = _QUOTED.match(template, at)
    assert found is not None
    return re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL), found.end()


@lru_cache(512)
def pieces(template: str) -> tuple[Piece, ...]:
    """A template taken apart."""
    found: list[Piece] = []
    at = 0
    while at < len(template):
        fill = True
        start = at
        while template[at : at + 2] in ("FM", "fm", "FX", "fx", "TM", "tm"):
            fill = fill and template[at : at + 2].upper() != "FM"
            at += 2
        match = _KEYWORD.match(template, at)
        if match:
            at = match.end()
            ordinal = template[at : at + 2] if template[at : at + 2] in ("TH", "th") else ""
            at += len(ordinal)
            found.append(Piece(match.group(), fill=fill, ordinal=ordinal))
        elif at > start:
            continue
        elif template[at] == '"':
            said, at = quoted(template, at)
            found.append(Piece("", said, quoted=True))
        elif template[at] == "\\" and template[at + 1 : at + 2] == '"':
            found.append(Piece("", '"'))
            at += 2
        else:
            found.append(Piece("", template[at]))
            at += 1
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Moment:
    """What a template is filled from. `is_span`: fields of an interval, which have no calendar."""

    year: int
    month: int
    date: int
    hour: int
    minute: int
    second: int
    micros: int
    day: int = 0
    east: int = 0
    zone: str = ""
    is_span: bool = False


def ordinal(number: int, style: str) -> str:
    """st, nd, rd, th."""
    last, tens = abs(number) % 10, abs(number) // 10 % 10
    word = "th" if tens == 1 else {1: "st", 2: "nd", 3: "rd"}.get(last, "th")
    return word.upper() if style == "TH" else word


def _number(value: int, width: int, piece: Piece) -> str:
    shown = f"{abs(value):0{width}d}" if piece.fill else str(abs(value))
    text = ("-" if value < 0 else "") + shown
    return text + ordinal(value, piece.ordinal) if piece.ordinal else text


def _cased(word: str, name: str) -> str:
    return name.upper() if word.isupper() else name.lower() if word.islower() else name


def _half(moment: Moment, piece: Piece) -> str:
    dotted = "." in piece.word
    text = ("p" if moment.hour % 24 >= 12 else "a") + (".m." if dotted else "m")
    return text.upper() if piece.word.isupper() else text


def _era(moment: Moment, piece: Piece) -> str:
    dotted = "." in piece.word
    text = ("b.c." if dotted else "bc") if moment.year <= 0 else ("a.d." if dotted else "ad")
    return text.upper() if piece.word.isupper() else text


def _shown_year(moment: Moment) -> int:
    return moment.year if moment.year > 0 or moment.is_span else 1 - moment.year


def _century(moment: Moment) -> int:
    if moment.is_span:
        return int(moment.year / 100)
    return (moment.year - 1) // 100 + 1 if moment.year > 0 else -((-moment.year) // 100 + 1)


def _named(names: list[str], place: int, piece: Piece, size: int) -> str:
    text = _cased(piece.word, names[place])
    return text.ljust(size) if piece.fill and size else text


def _zone(moment: Moment) -> str:
    sign = "-" if moment.east < 0 else "+"
    hours, minutes = divmod(abs(moment.east) // _MINUTE, 60)
    return f"{sign}{hours:02d}" + (f":{minutes:02d}" if minutes else "")


def _year(width: int) -> Callable[[Moment, Piece], str]:
    return lambda moment, piece: _number(_shown_year(moment) % 10**width if width < 4 else _shown_year(moment), width, piece)


def _iso_year(width: int) -> Callable[[Moment, Piece], str]:
    def run(moment: Moment, piece: Piece) -> str:
        year = times.iso(moment.day)[0]
        return _number((year if year > 0 else 1 - year) % 10**width, width, piece)

    return run


def _fraction(digits: int) -> Callable[[Moment, Piece], str]:
    return lambda moment, piece: _number(moment.micros // 10 ** (6 - digits), digits, Piece(piece.word, ordinal=piece.ordinal))


_WRITERS: dict[str, Callable[[Moment, Piece], str]] = {
    "hh": lambda m, p: _number(m.hour % 12 or 12, 2, p) if m.hour >= 0 else _number(-(-m.hour % 12) or 12, 2, p),
    "hh24": lambda m, p: _number(m.hour, 2, p),
    "mi": lambda m, p: _number(m.minute, 2, p),
    "ss": lambda m, p: _number(m.second, 2, p),
    "ms": _fraction(3),
    "us": _fraction(6),
    "ssss": lambda m, p: _number((m.hour * 60 + m.minute) * 60 + m.second, 1, p),
    "am": _half,
    "ad": _era,
    "yyyy": _year(4),
    "yyy": _year(3),
    "yy": _year(2),
    "y": _year(1),
    "y,yyy": lambda m, _p: f"{_shown_year(m) // 1000},{_shown_year(m) % 1000:03d}",
    "iyyy": _iso_year(4),
    "iyy": _iso_year(3),
    "iy": _iso_year(2),
    "i": _iso_year(1),
    "month": lambda m, p: _named(MONTHS, m.month - 1, p, 9) if m.month else "",
    "mon": lambda m, p: _cased(p.word, MONTHS[m.month - 1][:3]) if m.month else "",
    "mm": lambda m, p: _number(m.month, 2, p),
    "day": lambda m, p: _named(DAYS, (m.day + 4) % 7, p, 9),
    "dy": lambda m, p: _cased(p.word, DAYS[(m.day + 4) % 7][:3]),
    "ddd": lambda m, p: _number(m.day - times.days(m.year, 1, 1) + 1, 3, p),
    "iddd": lambda m, p: _number(m.day - times.iso_start(times.iso(m.day)[0]) + 1, 3, p),
    "dd": lambda m, p: _number(m.date, 2, p),
    "d": lambda m, p: _number((m.day + 4) % 7 + 1, 1, p),
    "id": lambda m, p: _number((m.day + 3) % 7 + 1, 1, p),
    "w": lambda m, p: _number((m.date - 1) // 7 + 1, 1, p),
    "ww": lambda m, p: _number((m.day - times.days(m.year, 1, 1)) // 7 + 1, 2, p),
    "iw": lambda m, p: _number(times.iso(m.day)[1], 2, p),
    "cc": lambda m, p: _number(_century(m), 2, p),
    "j": lambda m, p: _number(m.day + 2_440_588, 1, p),
    "q": lambda m, p: _number((m.month - 1) // 3 + 1, 1, p) if m.month else "",
    "rm": lambda m, p: _roman(m, p) if m.month or m.year else "",
    "tz": lambda m, p: m.zone.lower() if p.word.islower() else m.zone,
    "tzh": lambda m, _p: f"{'-' if m.east < 0 else '+'}{abs(m.east) // HOUR:02d}",
    "tzm": lambda m, _p: f"{abs(m.east) // _MINUTE % 60:02d}",
    "of": lambda m, _p: _zone(m),
}
_SAME = {"hh12": "hh", "sssss": "ssss", "a.m.": "am", "p.m.": "am", "pm": "am", "a.d.": "ad", "b.c.": "ad", "bc": "ad"}
_WRITERS |= {word: _WRITERS[other] for word, other in _SAME.items()}
_WRITERS |= {f"ff{digits}": _fraction(digits) for digits in range(1, 7)}
_CALENDAR = frozenset("day dy d id tz tzh tzm of ad a.d. bc b.c.".split())


def _roman(moment: Moment, piece: Piece) -> str:
    # No months of an interval are December, or January of one below zero, which counts from the end.
    place = moment.month - 1 if moment.month > 0 else 12 + moment.month
    text = _ROMAN[place if moment.month else 11 if moment.year >= 0 else 0]
    text = text.lower() if piece.word.islower() else text
    return text.ljust(4) if piece.fill else text


def written(template: str, moment: Moment) -> str:
    """The template filled."""
    out = []
    for piece in pieces(template):
        if not piece.word:
            out.append(piece.text)
            continue
        word = piece.word.lower()
        if moment.is_span and word in _CALENDAR:
            hint = "Intervals are not tied to specific calendar dates."
            raise SqlError("22007", "invalid format specification for an interval value", hint=hint)
        out.append(_WRITERS[word](moment, piece))
    return "".join(out)


def of_stamp(micros: int, east: int = 0, zone: str = "") -> Moment:
    """A timestamp (as the clock on the wall shows it) as fields."""
    day, rest = divmod(micros, DAY)
    year, month, date = times.civil(day)
    return Moment(year, month, date, rest // HOUR, rest // _MINUTE % 60, rest // SECOND % 60, rest % SECOND, day, east, zone)


def _of_span(span: tuple[int, int, int]) -> Moment:
    months, days, micros = span
    sign, size = (-1 if micros < 0 else 1), abs(micros)
    year, month = int(months / 12), months - 12 * int(months / 12)
    fields = (sign * (size // HOUR), sign * (size // _MINUTE % 60), sign * (size // SECOND % 60), sign * (size % SECOND))
    return Moment(year, month, days, *fields, 0, 0, "", True)


def _char_of_stamp(micros: int, template: str) -> str | None:
    if micros in (times.LAST, times.FIRST) or not template:
        return None
    return written(template, of_stamp(micros))


def _char_of_moment(env: Any, micros: int, template: str) -> str | None:
    if micros in (times.LAST, times.FIRST) or not template:
        return None
    east = times.offset(micros, env.style.time_zone)
    return written(template, of_stamp(micros + east, east, times.abbreviation(micros, env.style.time_zone)))


def functions() -> Iterator[Function]:
    """to_char of times."""
    yield Function("to_char", (TIMESTAMP, TEXT), TEXT, _char_of_stamp)
    yield Function("to_char", (TIMESTAMPTZ, TEXT), TEXT, _char_of_moment, env=True)
    yield Function(
        "to_char", (INTERVAL, TEXT), TEXT, lambda span, template: written(template, _of_span(span)) if template else None
    )
    yield Function("to_timestamp", (TEXT, TEXT), TIMESTAMPTZ, _to_moment, env=True)
    yield Function("to_date", (TEXT, TEXT), DATE, lambda text, template: read(text, template).day)


def _to_moment(env: Any, text: str, template: str) -> int:
    found = read(text, template)
    local = found.day * DAY + found.micros
    return times.checked(local - found.east) if found.east is not None else times.to_moment(local, env.style.time_zone)


@dataclass(frozen=True, slots=True)
class Read:
    """What a text says: the day, the time of day in microseconds, and the zone if it names one."""

    day: int
    micros: int
    east: int | None


_SIZES = """
yyyy 4 yyy 3 yy 2 y 1 iyyy 4 iyy 3 iy 2 i 1 mm 2 dd 2 ddd 3 iddd 3 hh 2 hh12 2 hh24 2 mi 2 ss 2 ms 3 us 6 ssss 5 sssss 5 d 1 id 1
ww 2 iw 2 w 1 q 1 cc 2 j 7 tzh 2 tzm 2 ff1 1 ff2 2 ff3 3 ff4 4 ff5 5 ff6 6
""".split()
_DIGITS = {word: int(size) for word, size in zip(_SIZES[::2], _SIZES[1::2], strict=True)}
"""Keywords that are read as numbers, and how many digits each has at most."""


class _Reader:
    """Reads a text by a template."""

    def __init__(self, text: str, template: str) -> None:
        self.text = text
        self.at = 0
        self.fields: dict[str, int] = {}
        found = pieces(template)
        for place, piece in enumerate(found):
            if not piece.word:
                self._separator(piece)
                continue
            following = found[place + 1] if place + 1 < len(found) else None
            # Digits run on where no digit keyword follows at once.
            bounded = following is not None and following.word.lower() in _DIGITS
            self._keyword(piece, bounded=bounded)

    def _skip_blanks(self) -> None:
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1

    def _separator(self, piece: Piece) -> None:
        if piece.quoted:
            self._skip_blanks()
            self.at = min(self.at + len(piece.text), len(self.text))
            return
        here = self.text[self.at : self.at + 1]
        if piece.text.isspace():
            self._skip_blanks()
        elif piece.text.isalnum():
            self.at += bool(here)
        else:
            self._skip_blanks()
            here = self.text[self.at : self.at + 1]
            if here and not here.isalnum() and not (here in "+-" and piece.text not in "+-"):
                self.at += 1

    def _keyword(self, piece: Piece, *, bounded: bool) -> None:
        word = piece.word.lower()
        self._skip_blanks()
        if word in _NAMES:
            self._name(word)
            return
        if word == "y,yyy":
            match = re.compile(r"(\d+),(\d{3})").match(self.text, self.at)
            if match is None:
                raise SqlError("22007", 'invalid input string for "Y,YYY"')
            self.fields["yyyy"], self.at = int(match.group(1)) * 1000 + int(match.group(2)), match.end()
            return
        if word == "of":
            match = re.compile(r"[+-]?\d{1,2}(:?\d{2})?").match(self.text, self.at)
            if match is None:
                raise SqlError("22007", 'invalid value for "OF"')
            sign, digits = (-1 if match.group().startswith("-") else 1), match.group().lstrip("+-").replace(":", "")
            self.fields["east"] = sign * (int(digits[:2]) * HOUR + int(digits[2:] or 0) * _MINUTE)
            self.at = match.end()
            return
        if word == "tz":
            raise SqlError("0A000", 'formatting field "TZ" is only supported in to_char')
        if word not in _DIGITS:
            raise SqlError("0A000", f'formatting field "{piece.word}" is only supported in to_char')
        self._digits(word, piece, bounded=bounded)
        if piece.ordinal:
            self.at += 2

    def _digits(self, word: str, piece: Piece, *, bounded: bool) -> None:
        most = _DIGITS[word] if bounded or not piece.fill or word in _FIXED else 18
        signed = r"[+-]?" if word in ("tzh", "yyyy", "iyyy") else ""
        match = re.compile(rf"{signed}\d{{1,{most if piece.fill or bounded else 18}}}").match(self.text, self.at)
        if match is None:
            rest = self.text[self.at : self.at + max(_DIGITS[word], 1)]
            if not self.text[self.at :]:
                return
            raise SqlError("22007", f'invalid value "{rest}" for "{piece.word}"', detail="Value must be an integer.")
        if bounded and len(self.text) - self.at < _DIGITS[word]:
            raise SqlError("22007", f'source string too short for "{piece.word}" formatting field')
        self.at = match.end()
        self.fields[word] = int(match.group())
        if abs(self.fields[word]) >> 31:
            message = f'value for "{piece.word}" in source string is out of range'
            raise SqlError("22008", message, detail="Value must be in the range -2147483648 to 2147483647.")
        if word in _FRACTIONS or word in ("yyy", "yy", "y"):
            self.fields[f"{word} length"] = len(match.group())
        if word == "tzh":
            self.fields["tz sign"] = -1 if match.group().startswith("-") else 1

    def _name(self, word: str) -> None:
        field, values = _NAMES[word]
        rest = self.text[self.at :].lower()
        for name, value in values:
            if rest.startswith(name):
                self.fields[field], self.at = value, self.at + len(name)
                return
        if rest:
            detail = "The given value did not match any of the allowed values for this field."
            raise SqlError("22007", f'invalid value "{self.text[self.at : self.at + 10]}" for "{word.upper()}"', detail=detail)


_FIXED = frozenset({"ms", "us", "d", "id", "w", "q", "tzh", "tzm"})
_FRACTIONS = {"ms": 3, "us": 6, **{f"ff{digits}": digits for digits in range(1, 7)}}
_ROUNDED = frozenset(f"ff{digits}" for digits in range(1, 6))
_HALVES = [("a.m.", 0), ("am", 0), ("p.m.", 1), ("pm", 1)]
_ERAS = [("a.d.", 0), ("ad", 0), ("b.c.", 1), ("bc", 1)]
_FULL_MONTHS = [(name.lower(), place) for place, name in enumerate(MONTHS, 1)]
_SHORT_MONTHS = [(name.lower()[:3], place) for place, name in enumerate(MONTHS, 1)]
_NAMES: dict[str, tuple[str, list[tuple[str, int]]]] = {
    "month": ("mm", [*_FULL_MONTHS, *_SHORT_MONTHS]),
    "mon": ("mm", _SHORT_MONTHS),
    "day": ("d", [(name.lower(), place) for place, name in enumerate(DAYS, 1)]),
    "dy": ("d", [(name.lower()[:3], place) for place, name in enumerate(DAYS, 1)]),
    "rm": ("mm", sorted(((name.lower(), place) for place, name in enumerate(_ROMAN, 1)), key=lambda pair: -len(pair[0]))),
    **dict.fromkeys(("am", "a.m.", "pm", "p.m."), ("half", _HALVES)),
    **dict.fromkeys(("ad", "a.d.", "bc", "b.c."), ("era", _ERAS)),
}


def read(text: str, template: str) -> Read:
    """What a text says under a template.

    Raises:
        SqlError: 22007 for a text that does not fit, 22008 for fields out of range.
    """
    fields = _Reader(text, template).fields
    east = fields.get("east")
    if "tzh" in fields:
        east = fields["tzh"] * HOUR + fields["tz sign"] * fields.get("tzm", 0) * _MINUTE
    return Read(_day(fields, text), _time(fields, text), east)


def _out_of_range(text: str) -> SqlError:
    return SqlError("22008", f'date/time field value out of range: "{text}"')


def _full_year(fields: dict[str, int]) -> int | None:
    """The year; fewer than four digits mean the one nearest to 2020."""
    for word in ("yyyy", "yyy", "yy", "y"):
        if word not in fields:
            continue
        year = fields[word]
        if word != "yyyy" and fields[f"{word} length"] < 4:
            if "cc" in fields and word in ("yy", "y"):
                return (fields["cc"] - 1) * 100 + (year or 100)
            year += 2000 if year < 70 else 1900 if year < 100 else 2000 if year < 520 else 1000 if year < 1000 else 0
        # A year below zero is one before Christ, as it is with BC behind it; both together are one after.
        is_before = bool(fields.get("era")) is not (year < 0)
        return 1 - abs(year) if is_before and year else abs(year)
    if "cc" in fields:
        return (fields["cc"] - 1) * 100 + 1
    return None


def _day(fields: dict[str, int], text: str) -> int:
    if "j" in fields:
        return fields["j"] - 2_440_588
    if "iyyy" in fields or "iw" in fields:
        start = times.iso_start(fields.get("iyyy", 1))
        if "iddd" in fields:
            return start + fields["iddd"] - 1
        weekday = fields.get("id", (fields["d"] + 5) % 7 + 1 if "d" in fields else 1)
        return start + (fields.get("iw", 1) - 1) * 7 + weekday - 1
    year = _full_year(fields)
    year = 0 if year is None else year
    if "ddd" in fields and "mm" not in fields:
        if not 1 <= fields["ddd"] <= times.days(year + 1, 1, 1) - times.days(year, 1, 1):
            raise _out_of_range(text)
        return times.days(year, 1, 1) + fields["ddd"] - 1
    if "ww" in fields and "mm" not in fields:
        return times.days(year, 1, 1) + (fields["ww"] - 1) * 7
    month, date = fields.get("mm", 1), fields.get("dd", 1 + (fields["w"] - 1) * 7 if "w" in fields else 1)
    if not 1 <= month <= 12 or not 1 <= date <= times.month_length(year, month):
        raise _out_of_range(text)
    return times.days(year, month, date)


def _time(fields: dict[str, int], text: str) -> int:
    if "ssss" in fields or "sssss" in fields:
        seconds = fields.get("ssss", fields.get("sssss", 0))
        hour, minute, second = seconds // 3600, seconds // 60 % 60, seconds % 60
    else:
        hour, minute, second = fields.get("hh24", 0), fields.get("mi", 0), fields.get("ss", 0)
        twelve = fields.get("hh12", fields.get("hh"))
        if twelve is not None:
            if not 1 <= twelve <= 12:
                hint = "Use the 24-hour clock, or give an hour between 1 and 12."
                raise SqlError("22007", f'hour "{twelve}" is invalid for the 12-hour clock', hint=hint)
            hour = twelve % 12 + 12 * fields.get("half", 0) if "half" in fields else twelve
    if hour > 23 or minute > 59 or second > 59:
        raise _out_of_range(text)
    micros = 0
    for word, digits in _FRACTIONS.items():
        if word in fields:
            size = fields[f"{word} length"]
            if size > 6:
                raise _out_of_range(text)
            # FF4 reads all digits that there are, and rounds.
            found = fields[word] * 10 ** (6 - (size if word.startswith("ff") else min(size, digits)))
            micros += (found + 5 * 10 ** (5 - digits)) // 10 ** (6 - digits) * 10 ** (6 - digits) if word in _ROUNDED else found
    return ((hour * 60 + minute) * 60 + second) * SECOND + micros
