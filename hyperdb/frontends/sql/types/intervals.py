"""interval as text in four styles and as binary.

Theory: PostgreSQL's documentation, "Interval Output". Months, days and microseconds are kept apart and each has a sign of its
own. Invariant: what a style writes reads back as the same interval under that style.
"""

from __future__ import annotations

import struct

from hyperdb.frontends.sql.types import interval_text
from hyperdb.frontends.sql.types.calendar import US
from hyperdb.frontends.sql.types.faults import bad_binary, short_binary
from hyperdb.frontends.sql.types.interval_text import Interval
from hyperdb.frontends.sql.types.model import Style


def read_interval(text: str, style: Style) -> Interval:
    """Months, days, microseconds."""
    return interval_text.read(text, style.interval_style)


def _split(value: int, by: int) -> tuple[int, int]:
    """Quotient and rest towards zero, as C divides."""
    quotient, rest = divmod(abs(value), by)
    return (quotient, rest) if value >= 0 else (-quotient, -rest)


def _broken_down(value: Interval) -> tuple[int, int, int, int, int, int]:
    """Years, months, days, hours, minutes, microseconds, each with its sign."""
    years, months = _split(value[0], 12)
    hours, rest = _split(value[2], 3600 * US)
    minutes, micros = _split(rest, 60 * US)
    return years, months, value[1], hours, minutes, micros


def _seconds(micros: int, width: int) -> str:
    seconds, fraction = divmod(abs(micros), US)
    shown = f"{seconds:0{width}d}"
    return f"{shown}.{fraction:06d}".rstrip("0") if fraction else shown


def _postgres(value: Interval) -> str:
    years, months, days, *_ = _broken_down(value)
    parts: list[str] = []
    negative = False
    for number, unit in ((years, "year"), (months, "mon"), (days, "day")):
        if number:
            parts.append(f"{'+' if negative and number > 0 else ''}{number} {unit}{'' if number == 1 else 's'}")
            negative = number < 0
    micros = value[2]
    if micros or not parts:
        hours, rest = divmod(abs(micros), 3600 * US)
        minutes, rest = divmod(rest, 60 * US)
        sign = "-" if micros < 0 else "+" if negative else ""
        parts.append(f"{sign}{hours:02d}:{minutes:02d}:{_seconds(rest, 2)}")
    return " ".join(parts)


def _verbose(value: Interval) -> str:
    years, months, days, hours, minutes, micros = _broken_down(value)
    parts: list[str] = []
    before: bool | None = None
    for number, unit in ((years, "year"), (months, "mon"), (days, "day"), (hours, "hour"), (minutes, "min")):
        if number:
            before = number < 0 if before is None else before
            shown = -number if before else number
            parts.append(f"{shown} {unit}{'' if shown == 1 else 's'}")
    if micros:
        before = micros < 0 if before is None else before
        sign = "-" if (micros < 0) is not before else ""
        parts.append(f"{sign}{_seconds(micros, 1)} sec{'' if abs(micros) == US else 's'}")
    return " ".join(["@", *(parts or ["0"]), *(["ago"] if before else [])])


def _iso(value: Interval) -> str:
    years, months, days, hours, minutes, micros = _broken_down(value)
    if not any(value):
        return "PT0S"
    date = "".join(f"{number}{unit}" for number, unit in ((years, "Y"), (months, "M"), (days, "D")) if number)
    time = "".join(f"{number}{unit}" for number, unit in ((hours, "H"), (minutes, "M")) if number)
    if micros:
        time += f"{'-' if micros < 0 else ''}{_seconds(micros, 1)}S"
    return f"P{date}{'T' if time else ''}{time}"


def _standard(value: Interval) -> str:
    has_negative, has_positive = any(part < 0 for part in value), any(part > 0 for part in value)
    has_months, has_rest = value[0] != 0, value[1] != 0 or value[2] != 0
    if not has_negative and not has_positive:
        return "0"
    is_standard = not (has_negative and has_positive) and not (has_months and has_rest)
    sign = ""
    if has_negative and is_standard:
        sign = "-"
        value = (-value[0], -value[1], -value[2])
    years, months, days, hours, minutes, micros = (abs(part) for part in _broken_down(value))
    clock = f"{hours}:{minutes:02d}:{_seconds(micros, 2)}"
    if not is_standard:
        signs = ["-" if part < 0 else "+" for part in value]
        return f"{signs[0]}{years}-{months} {signs[1]}{days} {signs[2]}{clock}"
    if has_months:
        return f"{sign}{years}-{months}"
    return f"{sign}{days} {clock}" if days else f"{sign}{clock}"


_WRITERS = {"postgres": _postgres, "postgres_verbose": _verbose, "iso_8601": _iso, "sql_standard": _standard}


def write_interval(value: Interval, style: Style) -> str:
    """As IntervalStyle has it."""
    return _WRITERS[style.interval_style](value)


def receive_interval(data: bytes) -> Interval:
    """Microseconds, days, months."""
    if len(data) != 16:
        raise bad_binary("interval") if len(data) > 16 else short_binary()
    micros, days, months = struct.unpack(">qii", data)
    return months, days, micros


def send_interval(value: Interval) -> bytes:
    """The reverse."""
    return struct.pack(">qii", value[2], value[1], value[0])
