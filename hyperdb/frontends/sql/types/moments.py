"""date, time, timetz, timestamp and timestamptz, as text and as binary.

Theory: PostgreSQL's documentation, "Date/Time Types". Here moments count from 1970, as the store keeps them; on the wire they
count from 2000. The infinities are the ends of the stored width on both sides. Invariant: a value that leaves here lies between
4714 BC and the last year of its type, or is an infinity.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.types import calendar
from hyperdb.frontends.sql.types.calendar import DAY_US, DAYS_TO_2000, INFINITY, MINUS_INFINITY, US, US_TO_2000
from hyperdb.frontends.sql.types.faults import bad_binary, bad_text, short_binary
from hyperdb.frontends.sql.types.model import Style
from hyperdb.frontends.sql.types.moment_fields import Fields, Parser, beyond

_WEEKDAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Hours of a timetz's offset, exclusive.
_WIDEST_OFFSET = 16 * 3600

TimeTz = tuple[int, int]


def _day_of(fields: Fields, kind: str, text: str) -> int:
    if fields.year is None or fields.month is None or fields.day is None:
        raise bad_text(kind, text, "22007")
    if not 1 <= fields.month <= 12 or not 1 <= fields.day <= calendar.month_days(fields.year, fields.month):
        raise beyond(text)
    return calendar.days(fields.year, fields.month, fields.day)


def _now(style: Style, kind: str, text: str) -> int:
    if style.now is None:
        raise bad_text(kind, text, "22007")
    return style.now()


_DAY_WORDS = {"today": 0, "tomorrow": 1, "yesterday": -1}


def _today(style: Style, kind: str, text: str, word: str) -> int:
    stamp = _now(style, kind, text)
    local = stamp + calendar.offset_at(style.time_zone, stamp) * US
    return local // DAY_US + _DAY_WORDS[word]


# date.


def read_date(text: str, style: Style) -> int:
    """Days since 1970-01-01."""
    fields = Parser("date", text, style).fields()
    match fields.special:
        case None:
            day = _day_of(fields, "date", text)
            if not calendar.DATE_FIRST <= day <= calendar.DATE_LAST:
                raise SqlError("22008", f'date out of range: "{text}"')
            return day
        case "infinity":
            return calendar.DATE_INFINITY
        case "-infinity":
            return calendar.DATE_MINUS_INFINITY
        case "epoch":
            return 0
        case "now":
            return _today(style, "date", text, "today")
        case "allballs":
            raise bad_text("date", text, "22007")
        case word:
            return _today(style, "date", text, word)


def _date_shown(day: int, style: Style) -> tuple[str, str]:
    """The date as the style has it, and what goes behind everything for a year before 1."""
    year, month, of_month = calendar.civil(day)
    era = "" if year > 0 else " BC"
    year = year if year > 0 else 1 - year
    if style.date_style == "ISO":
        return f"{year:04d}-{month:02d}-{of_month:02d}", era
    if style.date_style == "German":
        return f"{of_month:02d}.{month:02d}.{year:04d}", era
    mark = "/" if style.date_style == "SQL" else "-"
    first, second = (of_month, month) if style.date_order == "DMY" else (month, of_month)
    return f"{first:02d}{mark}{second:02d}{mark}{year:04d}", era


def write_date(value: int, style: Style) -> str:
    """As DateStyle has it."""
    if value == calendar.DATE_INFINITY:
        return "infinity"
    if value == calendar.DATE_MINUS_INFINITY:
        return "-infinity"
    return "".join(_date_shown(value, style))


def receive_date(data: bytes) -> int:
    """Days since 2000."""
    if len(data) != 4:
        raise bad_binary("date") if len(data) > 4 else short_binary()
    raw = int.from_bytes(data, "big", signed=True)
    if raw in (calendar.DATE_INFINITY, calendar.DATE_MINUS_INFINITY):
        return raw
    day = raw + DAYS_TO_2000
    if not calendar.DATE_FIRST <= day <= calendar.DATE_LAST:
        raise SqlError("22008", "date out of range")
    return day


def send_date(value: int) -> bytes:
    """The reverse."""
    if value not in (calendar.DATE_INFINITY, calendar.DATE_MINUS_INFINITY):
        value -= DAYS_TO_2000
    return value.to_bytes(4, "big", signed=True)


# time and timetz.


def clock(micros: int) -> str:
    """Hours, minutes, seconds, and the fraction without its last zeros."""
    seconds, fraction = divmod(micros, US)
    shown = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{shown}.{fraction:06d}".rstrip("0") if fraction else shown


def offset(east: int) -> str:
    """Hours, and what is left of them where there is something."""
    sign, rest = ("-", -east) if east < 0 else ("+", east)
    shown = f"{sign}{rest // 3600:02d}"
    if rest % 3600:
        shown += f":{rest // 60 % 60:02d}"
    if rest % 60:
        shown += f":{rest % 60:02d}"
    return shown


def _time_fields(kind: str, text: str, style: Style) -> Fields:
    fields = Parser(kind, text, style).fields()
    if fields.special == "allballs":
        fields.time, fields.east = 0, 0
    elif fields.special == "now":
        stamp = _now(style, kind, text)
        fields.east = calendar.offset_at(style.time_zone, stamp)
        fields.time = (stamp + fields.east * US) % DAY_US
    elif fields.special is not None:
        raise bad_text(kind, text, "22007")
    if fields.day is not None:
        _day_of(fields, kind, text)
    if fields.time is None:
        raise bad_text(kind, text, "22007")
    return fields


def read_time(text: str, style: Style) -> int:
    """Microseconds since midnight; an offset is read and dropped."""
    time = _time_fields("time", text, style).time
    assert time is not None
    return time


def write_time(value: int, _style: Style) -> str:
    """24:00:00 is one of them."""
    return clock(value)


def receive_time(data: bytes) -> int:
    """Microseconds."""
    if len(data) != 8:
        raise bad_binary("time") if len(data) > 8 else short_binary()
    return _checked_time(int.from_bytes(data, "big", signed=True))


def _checked_time(value: int) -> int:
    if not 0 <= value <= DAY_US:
        raise SqlError("22008", "time out of range")
    return value


def send_time(value: int) -> bytes:
    """The reverse."""
    return value.to_bytes(8, "big")


def read_timetz(text: str, style: Style) -> TimeTz:
    """Microseconds, and seconds west."""
    kind = "time with time zone"
    fields = _time_fields(kind, text, style)
    assert fields.time is not None
    if fields.east is not None:
        return fields.time, -fields.east
    zone = fields.zone or style.time_zone
    if fields.day is not None:
        local = _day_of(fields, kind, text) * DAY_US + fields.time
        return fields.time, -calendar.offset_of_local(zone, local)
    # The offset of today is meant; without a clock that is the zone's of 2000.
    stamp = style.now() if style.now is not None else US_TO_2000
    return fields.time, -calendar.offset_at(zone, stamp)


def write_timetz(value: TimeTz, _style: Style) -> str:
    """The time and its offset."""
    return clock(value[0]) + offset(-value[1])


def receive_timetz(data: bytes) -> TimeTz:
    """Microseconds, seconds west."""
    if len(data) != 12:
        raise bad_binary("time with time zone") if len(data) > 12 else short_binary()
    micros, west = struct.unpack(">qi", data)
    if not -_WIDEST_OFFSET < west < _WIDEST_OFFSET:
        raise SqlError("22009", "time zone displacement out of range")
    return _checked_time(micros), west


def send_timetz(value: TimeTz) -> bytes:
    """The reverse."""
    return struct.pack(">qi", *value)


# timestamp and timestamptz.


def _stamp_out_of_range(text: str | None = None) -> SqlError:
    return SqlError("22008", "timestamp out of range" if text is None else f'timestamp out of range: "{text}"')


def _reader(kind: str, *, zoned: bool) -> Callable[[str, Style], int]:
    def moved(local: int, fields: Fields, style: Style) -> int:
        """To UTC, where the type is of moments."""
        if not zoned:
            return local
        if fields.east is not None:
            return local - fields.east * US
        return local - calendar.offset_of_local(fields.zone or style.time_zone, local) * US

    def read(text: str, style: Style) -> int:
        fields = Parser(kind, text, style).fields()
        match fields.special:
            case None:
                local = _day_of(fields, kind, text) * DAY_US + (fields.time or 0)
                # Beyond these an offset cannot bring it back.
                if not calendar.STAMP_FIRST - DAY_US <= local <= calendar.STAMP_END + DAY_US:
                    raise _stamp_out_of_range(text)
                stamp = moved(local, fields, style)
            case "infinity":
                return INFINITY
            case "-infinity":
                return MINUS_INFINITY
            case "epoch":
                stamp = 0
            case "now":
                stamp = _now(style, kind, text)
                stamp += 0 if zoned else calendar.offset_at(style.time_zone, stamp) * US
            case "allballs":
                raise bad_text(kind, text, "22007")
            case word:
                stamp = moved(_today(style, kind, text, word) * DAY_US + (fields.time or 0), fields, style)
        if not calendar.STAMP_FIRST <= stamp < calendar.STAMP_END:
            raise _stamp_out_of_range(text)
        return stamp

    return read


read_timestamp = _reader("timestamp", zoned=False)
read_timestamptz = _reader("timestamp with time zone", zoned=True)


def _moment_shown(local: int, style: Style, east: int | None, abbreviation: str) -> str:
    """A local time, and its zone where it has one."""
    day, micros = divmod(local, DAY_US)
    date, era = _date_shown(day, style)
    if style.date_style == "ISO":
        return f"{date} {clock(micros)}{'' if east is None else offset(east)}{era}"
    zone = "" if east is None else f" {abbreviation}"
    if style.date_style != "Postgres":
        return f"{date} {clock(micros)}{zone}{era}"
    year, month, of_month = calendar.civil(day)
    name = _MONTHS[month - 1]
    order = f"{of_month:02d} {name}" if style.date_order == "DMY" else f"{name} {of_month:02d}"
    shown_year = year if year > 0 else 1 - year
    return f"{_WEEKDAYS[calendar.weekday(day)]} {order} {clock(micros)} {shown_year:04d}{zone}{era}"


def _infinite(value: int) -> str | None:
    return "infinity" if value == INFINITY else "-infinity" if value == MINUS_INFINITY else None


def write_timestamp(value: int, style: Style) -> str:
    """As DateStyle has it."""
    return _infinite(value) or _moment_shown(value, style, None, "")


def write_timestamptz(value: int, style: Style) -> str:
    """In the time zone of the session."""
    infinite = _infinite(value)
    if infinite is not None:
        return infinite
    zone = style.time_zone
    east = calendar.offset_at(zone, value)
    abbreviation = "" if style.date_style == "ISO" else calendar.abbreviation_at(zone, value)
    return _moment_shown(value + east * US, style, east, abbreviation)


def receive_timestamp(data: bytes) -> int:
    """Microseconds since 2000."""
    if len(data) != 8:
        raise bad_binary("timestamp") if len(data) > 8 else short_binary()
    raw = int.from_bytes(data, "big", signed=True)
    if raw in (INFINITY, MINUS_INFINITY):
        return raw
    stamp = raw + US_TO_2000
    if not calendar.STAMP_FIRST <= stamp < calendar.STAMP_END:
        raise _stamp_out_of_range()
    return stamp


def send_timestamp(value: int) -> bytes:
    """The reverse."""
    if value not in (INFINITY, MINUS_INFINITY):
        value -= US_TO_2000
    return value.to_bytes(8, "big", signed=True)
