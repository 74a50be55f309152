"""Functions that are asked for less often: trigonometry by degrees, bits of byte strings, arrays, moments, digests.

Invariant: as in the other tables, a strict function is never called with None.
"""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections.abc import Callable, Iterator
from decimal import Decimal
from math import prod
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.kinds import (
    ANY,
    ANYARRAY,
    ANYELEMENT,
    BOOL,
    BYTEA,
    DATE,
    FLOAT8,
    INT4,
    INT8,
    INTERVAL,
    NAME,
    NUMERIC,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    array_of,
)
from hyperdb.frontends.sql.functions import times
from hyperdb.frontends.sql.functions.arrays import positions
from hyperdb.frontends.sql.functions.model import Function
from hyperdb.frontends.sql.functions.times import DAY, LAST, SECOND
from hyperdb.frontends.sql.parse.escapes import unistr
from hyperdb.frontends.sql.types import Bounded, charsets

_INTS = array_of(INT4) or 0
_TEXTS = array_of(TEXT) or 0
_FORMS = ("NFC", "NFD", "NFKC", "NFKD")
_EDGES = (times.LAST, times.FIRST, times.LAST_DATE, times.FIRST_DATE)


def _domain(run: Callable[[float], float]) -> Callable[[float], float]:
    def call(value: float) -> float:
        try:
            return run(value)
        except (ValueError, ZeroDivisionError):
            raise SqlError("22003", "input is out of range") from None
        except OverflowError:
            raise SqlError("22003", "value out of range: overflow") from None

    return call


def _factorial(value: int) -> Decimal:
    if value < 0:
        raise SqlError("22003", "factorial of a negative number is undefined")
    if value > 32_177:
        raise SqlError("22003", "value overflows numeric format")
    return Decimal(math.factorial(value))


def _least_scale(value: Decimal) -> int | None:
    if not value.is_finite():
        return None
    digits = f"{value:f}".partition(".")[2].rstrip("0")
    return len(digits)


def _trimmed(value: Decimal) -> Decimal:
    least = _least_scale(value)
    return value if least is None else Decimal(f"{value:f}"[: len(f"{value:f}".partition(".")[0]) + (least + 1 if least else 0)])


def _index(place: int, size: int) -> int:
    if not 0 <= place < size:
        raise SqlError("2202E", f"index {place} out of valid range, 0..{size - 1}")
    return place


def _set_byte(data: bytes, place: int, value: int) -> bytes:
    at = _index(place, len(data))
    return data[:at] + bytes([value & 255]) + data[at + 1 :]


def _get_bit(data: bytes, place: int) -> int:
    at = _index(place, 8 * len(data))
    return data[at // 8] >> at % 8 & 1


def _set_bit(data: bytes, place: int, value: int) -> bytes:
    at = _index(place, 8 * len(data))
    if value not in (0, 1):
        raise SqlError("22023", "new bit must be 0 or 1")
    byte = data[at // 8] & ~(1 << at % 8) | value << at % 8
    return data[: at // 8] + bytes([byte]) + data[at // 8 + 1 :]


def _normalized(text: str, form: str = "NFC") -> str:
    if form.upper() not in _FORMS:
        raise SqlError("22023", f"invalid normalization form: {form}")
    return unicodedata.normalize(form.upper(), text)  # type: ignore[arg-type]


def _encoded(text: str, encoding: str) -> bytes:
    return _charset(encoding, "destination").encoded(text)


def _decoded(data: bytes, encoding: str) -> str:
    return _charset(encoding, "source").decoded(data)


def _charset(name: str, role: str) -> charsets.Charset:
    found = charsets.find(name)
    if found is None:
        raise SqlError("22023", f'invalid {role} encoding name "{name}"')
    if not found.codec:
        raise SqlError("0A000", f"conversion between {found.name} and UTF8 is not supported")
    return found


def _identifiers(text: str, strict: bool = True) -> list[str]:
    parts, rest = [], text.strip()
    pattern = re.compile(r'\s*(?:"((?:[^"]|"")+)"|([^\W\d][\w$]*))\s*')
    while True:
        found = pattern.match(rest)
        if found is None:
            raise SqlError("22023", f'string is not a valid identifier: "{text}"')
        parts.append(found.group(1).replace('""', '"') if found.group(1) else found.group(2).lower())
        rest = rest[found.end() :]
        if not rest.startswith("."):
            break
        rest = rest[1:]
    if rest and strict:
        raise SqlError("22023", f'string is not a valid identifier: "{text}"')
    return parts


# Arrays.


def _dims(values: list[Any]) -> str | None:
    sizes: list[int] = []
    level: Any = values
    while isinstance(level, list) and level:
        sizes.append(len(level))
        level = level[0]
    lowers = values.lowers if isinstance(values, Bounded) else (1,) * len(sizes)
    return "".join(f"[{low}:{low + size - 1}]" for low, size in zip(lowers, sizes, strict=True)) or None


_MOST_FILLED, _MOST_DIMENSIONS = 1 << 24, 6


def _filled(value: Any, sizes: list[Any] | None, lowers: list[Any] | None = None) -> list[Any]:
    if sizes is None:
        raise SqlError("22004", "dimension array or low bound array cannot be null")
    if None in sizes or (lowers is not None and None in lowers):
        raise SqlError("22004", "dimension values cannot be null")
    if any(isinstance(each, list) for each in (*sizes, *(lowers or ()))) or (lowers is not None and len(lowers) != len(sizes)):
        raise SqlError("2202E", "wrong number of array subscripts")
    count = prod(sizes)
    if len(sizes) > _MOST_DIMENSIONS or min(sizes, default=0) < 0 or count > _MOST_FILLED:
        raise SqlError("54000", f"array size exceeds the maximum allowed ({_MOST_FILLED})")
    if not sizes or not count:
        return []
    made = value
    for size in reversed(sizes):
        made = [made if not isinstance(made, list) else list(made) for _ in range(size)]
    return made if lowers is None or set(lowers) == {1} else Bounded(made, tuple(lowers))


def _filled_from(value: Any, sizes: list[Any] | None, lowers: list[Any] | None) -> list[Any]:
    if lowers is None:
        raise SqlError("22004", "dimension array or low bound array cannot be null")
    return _filled(value, sizes, lowers)


def _replaced(values: list[Any] | None, old: Any, new: Any) -> list[Any] | None:
    if values is None:
        return None
    made = [_replaced(each, old, new) if isinstance(each, list) else new if each == old else each for each in values]
    return Bounded(made, values.lowers) if isinstance(values, Bounded) else made


def _cut(values: list[Any], count: int) -> list[Any]:
    if not 0 <= count <= len(values):
        raise SqlError("2202E", f"number of elements to trim must be between 0 and {len(values)}")
    return values[: len(values) - count]


# Moments.


def _make_time(hour: int, minute: int, second: float) -> int:
    micros = round(second * SECOND)
    if not (0 <= hour <= 24 and 0 <= minute <= 59 and 0 <= micros <= 60 * SECOND) or (hour == 24 and (minute or micros)):
        raise SqlError("22008", f"time field value out of range: {hour}:{minute:02d}:{second:02g}")
    return (hour * 60 + minute) * 60 * SECOND + micros


def _make_stamp(year: int, month: int, day: int, hour: int, minute: int, second: float) -> int:
    return times.checked(times.make_date(year, month, day) * DAY + _make_time(hour, minute, second))


def _make_moment(env: Any, *parts: Any) -> int:
    where = times.zone(parts[6]) if len(parts) > 6 else env.style.time_zone
    return times.to_moment(_make_stamp(*parts[:6]), where)


def _binned(stride: tuple[int, int, int], at: int, origin: int) -> int:
    if stride[0]:
        raise SqlError("0A000", "timestamps cannot be binned into intervals containing months or years")
    size = stride[1] * DAY + stride[2]
    if size <= 0:
        raise SqlError("22008", "stride must be greater than zero")
    if at in (LAST, times.FIRST):
        return at
    if size > LAST or not times.FIRST <= at - origin <= LAST:
        raise SqlError("22008", "interval out of range")
    return times.checked(origin + (at - origin) // size * size)


def _justified(span: tuple[int, int, int]) -> tuple[int, int, int]:
    months, days, micros = span
    days, micros = days + int(micros / DAY), micros - int(micros / DAY) * DAY
    months, days = months + int(days / 30), days - int(days / 30) * 30
    if months > 0 and (days < 0 or (days == 0 and micros < 0)):
        months, days = months - 1, days + 30
    elif months < 0 and (days > 0 or (days == 0 and micros > 0)):
        months, days = months + 1, days - 30
    if days > 0 and micros < 0:
        days, micros = days - 1, micros + DAY
    elif days < 0 and micros > 0:
        days, micros = days + 1, micros - DAY
    return times.bounded(months, days, micros)


def _age_today(env: Any, at: int) -> tuple[int, int, int]:
    today = times.to_local(env.transaction_time, env.style.time_zone) // DAY * DAY
    return times.age(today, at)


def _overlap(start1: int, end1: int, start2: int, end2: int) -> bool:
    start1, end1 = sorted((start1, end1))
    start2, end2 = sorted((start2, end2))
    if start1 == end1 or start2 == end2:
        return start2 <= start1 < end2 or start1 <= start2 < end1 or start1 == start2
    return start1 < end2 and start2 < end1


def _sleep_until(env: Any, at: int) -> str:
    text: str = env.session.sleep(max(at - env.clock(), 0) / SECOND)
    return text


def _size_of(text: str) -> int:
    found = re.fullmatch(r"\s*([+-]?\d*\.?\d+(?:e[+-]?\d+)?)\s*([a-z]*)\s*", text.lower())
    units = {"": 0, "bytes": 0, "b": 0, "kb": 1, "mb": 2, "gb": 3, "tb": 4, "pb": 5}
    if found is None:
        raise SqlError("22023", f'invalid size: "{text}"')
    if found.group(2) not in units:
        hint = 'Valid units are "bytes", "B", "kB", "MB", "GB", "TB", and "PB".'
        raise SqlError("22023", f'invalid size: "{text}"', detail=f'Invalid size unit: "{found.group(2)}".', hint=hint)
    size: int = round(Decimal(found.group(1)) * 1024 ** units[found.group(2)])
    return size


def functions() -> Iterator[Function]:
    """The table."""
    yield Function("cot", (FLOAT8,), FLOAT8, _domain(lambda angle: 1 / math.tan(angle) if angle else math.inf))
    for name, hyperbolic in (("asinh", math.asinh), ("acosh", math.acosh), ("atanh", _atanh)):
        yield Function(name, (FLOAT8,), FLOAT8, _domain(hyperbolic))
    yield Function("factorial", (INT8,), NUMERIC, _factorial)
    yield Function("min_scale", (NUMERIC,), INT4, _least_scale)
    yield Function("trim_scale", (NUMERIC,), NUMERIC, _trimmed)
    for size in (224, 384, 512):
        digest = getattr(hashlib, f"sha{size}")
        yield Function(f"sha{size}", (BYTEA,), BYTEA, lambda data, digest=digest: digest(data).digest())
    yield Function("get_byte", (BYTEA, INT4), INT4, lambda data, place: data[_index(place, len(data))])
    yield Function("set_byte", (BYTEA, INT4, INT4), BYTEA, _set_byte)
    yield Function("get_bit", (BYTEA, INT8), INT4, _get_bit)
    yield Function("set_bit", (BYTEA, INT8, INT4), BYTEA, _set_bit)
    yield Function("bit_count", (BYTEA,), INT8, lambda data: int.from_bytes(data, "big").bit_count())
    yield Function("normalize", (TEXT,), TEXT, _normalized)
    yield Function("normalize", (TEXT, TEXT), TEXT, _normalized)
    yield Function("convert_to", (TEXT, NAME), BYTEA, _encoded)
    yield Function("convert_from", (BYTEA, NAME), TEXT, _decoded)
    yield Function("convert", (BYTEA, NAME, NAME), BYTEA, lambda data, source, target: _encoded(_decoded(data, source), target))
    yield Function("unistr", (TEXT,), TEXT, unistr)
    yield Function("parse_ident", (TEXT, BOOL), _TEXTS, _identifiers, optional=1)
    yield Function("array_dims", (ANYARRAY,), TEXT, _dims)
    yield Function("array_fill", (ANYELEMENT, _INTS), ANYARRAY, _filled, strict=False)
    yield Function("array_fill", (ANYELEMENT, _INTS, _INTS), ANYARRAY, _filled_from, strict=False)
    yield Function("array_positions", (ANYARRAY, ANYELEMENT), _INTS, positions, strict=False)
    yield Function("array_replace", (ANYARRAY, ANYELEMENT, ANYELEMENT), ANYARRAY, _replaced, strict=False)
    yield Function("trim_array", (ANYARRAY, INT4), ANYARRAY, _cut)
    yield Function(
        "num_nonnulls", (ANY,), INT4, lambda *values: sum(value is not None for value in values), strict=False, variadic=True
    )
    yield Function("make_time", (INT4, INT4, FLOAT8), TIME, _make_time)
    yield Function("make_timestamp", (INT4, INT4, INT4, INT4, INT4, FLOAT8), TIMESTAMP, _make_stamp)
    yield Function(
        "make_timestamptz", (INT4, INT4, INT4, INT4, INT4, FLOAT8, TEXT), TIMESTAMPTZ, _make_moment, env=True, optional=1
    )
    for oid in (TIMESTAMP, TIMESTAMPTZ):
        yield Function("date_bin", (INTERVAL, oid, oid), oid, _binned)
        yield Function("age", (oid,), INTERVAL, _age_today, env=True)
        yield Function("overlaps", (oid, oid, oid, oid), BOOL, _overlap)
    yield Function("overlaps", (TIME, TIME, TIME, TIME), BOOL, _overlap)
    yield Function("justify_interval", (INTERVAL,), INTERVAL, _justified)
    for oid in (DATE, TIMESTAMP, TIMESTAMPTZ):
        yield Function("isfinite", (oid,), BOOL, lambda at: at not in _EDGES)
    yield Function("isfinite", (INTERVAL,), BOOL, lambda _span: True)
    yield Function(
        "pg_sleep_for", (INTERVAL,), TEXT, lambda env, span: env.session.sleep((span[1] * DAY + span[2]) / SECOND), env=True
    )
    yield Function("pg_sleep_until", (TIMESTAMPTZ,), TEXT, _sleep_until, env=True, volatile=True)
    yield Function("pg_size_bytes", (TEXT,), INT8, _size_of)


def _atanh(value: float) -> float:
    return math.copysign(math.inf, value) if abs(value) == 1 else math.atanh(value)
