"""Booleans, integers, floating point and numeric, as text and as binary.

Theory: PostgreSQL's documentation, "Numeric Types"; binary forms are those of its send functions: integers and IEEE floats in
network order, numeric as digits of base 10000. Floats are written with the fewest digits that read back the same, unless
`extra_float_digits` asks for less. Invariant: numeric is exact; its scale is the exponent of the Decimal.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.types.faults import bad_binary, bad_text, out_of_range
from hyperdb.frontends.sql.types.model import Style

SPACE = " \t\n\v\f\r"
_INTEGER = re.compile(r"[+-]?[0-9]+\Z")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z")
_HEXADECIMAL = re.compile(r"[+-]?0[xX](?:[0-9a-fA-F]+(?:\.[0-9a-fA-F]*)?|\.[0-9a-fA-F]+)(?:[pP][+-]?[0-9]{1,9})?\Z")
_MOST_DIGITS, _MOST_SCALE = 131_072, 16_383
_WORDS = {"true": True, "yes": True, "false": False, "no": False}
_EXACT = {"on": True, "off": False, "of": False, "1": True, "0": False}


def read_bool(text: str, _style: Style) -> bool:
    """Any unambiguous beginning of true, false, yes, no; on, off, 1, 0."""
    word = text.strip(SPACE).lower()
    found = _EXACT.get(word)
    if found is not None:
        return found
    for full, value in _WORDS.items():
        if word and full.startswith(word):
            return value
    raise bad_text("boolean", text)


def write_bool(value: bool, _style: Style) -> str:
    """t or f."""
    return "t" if value else "f"


def receive_bool(data: bytes) -> bool:
    """One byte; anything but 0 is true."""
    if len(data) != 1:
        raise bad_binary("boolean") if data else SqlError("08P01", "no data left in message")
    return data != b"\0"


def send_bool(value: bool) -> bytes:
    """One byte."""
    return b"\1" if value else b"\0"


def integer_reader(kind: str, bits: int) -> Callable[[str, Style], int]:
    """The text reader of a signed integer."""
    least, most = -(1 << (bits - 1)), (1 << (bits - 1)) - 1

    def read(text: str, _style: Style) -> int:
        stripped = text.strip(SPACE)
        if not _INTEGER.match(stripped):
            raise bad_text(kind, text)
        # Longer numbers than any integer's are not even converted: that would take time in the square of their length.
        value = int(stripped) if len(stripped.lstrip("+-0")) <= 19 else most + 1
        if not least <= value <= most:
            raise out_of_range(kind, text)
        return value

    return read


def unsigned_reader(kind: str, bits: int = 32) -> Callable[[str, Style], int]:
    """The text reader of oid and its like; what is negative counts from the top, as strtoul has it."""
    size = 1 << bits

    def read(text: str, _style: Style) -> int:
        stripped = text.strip(SPACE)
        if not _INTEGER.match(stripped):
            raise bad_text(kind, text)
        value = int(stripped) if len(stripped.lstrip("+-0")) <= 20 else size
        if not -(size >> 1) <= value < size:
            raise out_of_range(kind, text)
        return value % size

    return read


def write_integer(value: int, _style: Style) -> str:
    """Decimal digits."""
    return str(value)


def fixed(kind: str, code: str) -> tuple[Callable[[bytes], Any], Callable[[Any], bytes]]:
    """The binary reader and writer of a value that `struct` knows."""
    layout = struct.Struct(f">{code}")

    def receive(data: bytes) -> Any:
        if len(data) != layout.size:
            raise bad_binary(kind) if len(data) > layout.size else SqlError("08P01", "insufficient data left in message")
        return layout.unpack(data)[0]

    return receive, layout.pack


# Floating point.

_SPECIAL = {"nan": math.nan, "inf": math.inf, "infinity": math.inf}


def _read_float(kind: str, text: str) -> float:
    stripped = text.strip(SPACE)
    special = _SPECIAL.get(stripped.lstrip("+-").lower())
    if special is not None and len(stripped) - len(stripped.lstrip("+-")) <= 1:
        return -special if stripped.startswith("-") else special
    if _HEXADECIMAL.match(stripped):
        # As C's strtod reads them; numeric and the integers do not.
        try:
            return float.fromhex(stripped)
        except OverflowError:
            raise SqlError("22003", f'"{text}" is out of range for type {kind}') from None
    if not _NUMBER.match(stripped):
        raise bad_text(kind, text)
    value = float(stripped)
    if math.isinf(value) or (value == 0 and re.search("[1-9]", re.split("[eE]", stripped)[0])):
        raise SqlError("22003", f'"{text}" is out of range for type {kind}')
    return value


def read_float8(text: str, _style: Style) -> float:
    """IEEE 754 double."""
    return _read_float("double precision", text)


def read_float4(text: str, _style: Style) -> float:
    """IEEE 754 single, as the double of the same value."""
    value = _read_float("real", text)
    return single(value, text)


def single(value: float, shown: str | None = None) -> float:
    """The nearest single.

    Raises:
        SqlError: 22003, when there is none but infinity or zero.
    """
    try:
        rounded: float = struct.unpack(">f", struct.pack(">f", value))[0]
    except OverflowError:
        rounded = math.inf
    if (math.isinf(rounded) and not math.isinf(value)) or (rounded == 0 and value != 0):
        raise SqlError("22003", f'"{value if shown is None else shown}" is out of range for type real')
    return rounded


def _laid_out(digits: str, exponent: int, sign: str, widest: int) -> str:
    """Digits (without the point, without zeros at their end) times ten to the exponent of the first, as printf's %g would."""
    if -4 <= exponent < widest:
        if exponent < 0:
            return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
        if len(digits) <= exponent + 1:
            return f"{sign}{digits}{'0' * (exponent + 1 - len(digits))}"
        return f"{sign}{digits[: exponent + 1]}.{digits[exponent + 1 :]}"
    mantissa = digits if len(digits) == 1 else f"{digits[0]}.{digits[1:]}"
    return f"{sign}{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _parts(scientific: str) -> tuple[str, int, str]:
    mantissa, _, exponent = scientific.partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    digits = mantissa.lstrip("-").replace(".", "").rstrip("0") or "0"
    return digits, int(exponent), sign


def _write_float(value: float, style: Style, shortest: Callable[[float], str], digits: int, widest: int) -> str:
    if value != value:
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if style.extra_float_digits > 0:
        return _laid_out(*_parts(shortest(value)), widest)
    kept = max(digits + style.extra_float_digits, 1)
    return _laid_out(*_parts(f"{value:.{kept - 1}e}"), kept)


def _shortest_double(value: float) -> str:
    # repr has the fewest digits; %e with as many shows the same ones in a form of which the exponent can be read.
    digits = repr(abs(value)).split("e")[0].replace(".", "").strip("0")
    return f"{value:.{max(len(digits) - 1, 0)}e}"


def _shortest_single(value: float) -> str:
    for digits in range(9):
        shown = f"{value:.{digits}e}"
        try:
            if struct.unpack(">f", struct.pack(">f", float(shown)))[0] == value:
                return shown
        except OverflowError:
            continue
    return f"{value:.8e}"


def write_float8(value: float, style: Style) -> str:
    """The fewest digits that read back the same."""
    return _write_float(value, style, _shortest_double, 15, 15)


def write_float4(value: float, style: Style) -> str:
    """The fewest digits that read back the same single."""
    return _write_float(value, style, _shortest_single, 6, 6)


# Numeric.


def read_numeric(text: str, _style: Style) -> Decimal:
    """Digits with a scale, or one of the words NaN and Infinity."""
    stripped = text.strip(SPACE)
    if not _NUMBER.match(stripped):
        word = stripped.lower()
        if word == "nan":
            return Decimal("NaN")
        if word.lstrip("+-") in ("inf", "infinity") and len(word) - len(word.lstrip("+-")) <= 1:
            return Decimal("-Infinity" if word.startswith("-") else "Infinity")
        raise bad_text("numeric", text)
    exponent = re.split("[eE]", stripped)[1:]
    if exponent and len(exponent[0].lstrip("+-0")) > 6:
        raise too_wide()
    return checked(Decimal(stripped))


def too_wide() -> SqlError:
    """More digits than PostgreSQL keeps."""
    return SqlError("22003", "value overflows numeric format")


def checked(value: Decimal) -> Decimal:
    """A number within PostgreSQL's bounds, without an exponent above zero and without a negative zero.

    Raises:
        SqlError: 22003.
    """
    sign, digits, special = value.as_tuple()
    if not isinstance(special, int):
        return value
    exponent = special
    if value.is_zero():
        sign, digits, exponent = 0, (0,), min(exponent, 0)
    if len(digits) + exponent > _MOST_DIGITS or -exponent > _MOST_SCALE:
        raise too_wide()
    if exponent > 0:
        digits, exponent = digits + (0,) * exponent, 0
    return Decimal((sign, digits, exponent))


def write_numeric(value: Decimal, _style: Style) -> str:
    """All digits, never with an exponent."""
    if value.is_nan():
        return "NaN"
    if value.is_infinite():
        return "Infinity" if value > 0 else "-Infinity"
    return format(value, "f")


_NAN, _INFINITE, _NEGATIVE_INFINITE, _NEGATIVE = 0xC000, 0xD000, 0xF000, 0x4000


def send_numeric(value: Decimal) -> bytes:
    """Count of digits of base 10000, weight of the first, sign, scale, digits."""
    if value.is_nan():
        return struct.pack(">hhHH", 0, 0, _NAN, 0)
    if value.is_infinite():
        # PostgreSQL puts the low bits of its own form there, which every reader passes over.
        return struct.pack(">hhHH", 0, 0, _INFINITE if value > 0 else _NEGATIVE_INFINITE, 0x20)
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    scale = max(-exponent, 0)
    shown = "".join(map(str, digits)) + "0" * max(exponent, 0)
    whole, part = (shown[:-scale] or "0", shown.rjust(scale, "0")[-scale:]) if scale else (shown, "")
    whole = whole.rjust(-(-len(whole) // 4) * 4, "0")
    part = part.ljust(-(-len(part) // 4) * 4, "0")
    groups = [int((whole + part)[at : at + 4]) for at in range(0, len(whole) + len(part), 4)]
    weight = len(whole) // 4 - 1
    while groups and groups[0] == 0:
        del groups[0]
        weight -= 1
    while groups and groups[-1] == 0:
        groups.pop()
    if not groups:
        weight, sign = 0, 0
    return struct.pack(f">hhHH{len(groups)}H", len(groups), weight, _NEGATIVE if sign else 0, scale, *groups)


def receive_numeric(data: bytes) -> Decimal:
    """The reverse."""
    if len(data) < 8:
        raise SqlError("08P01", "insufficient data left in message")
    count, weight, sign, scale = struct.unpack_from(">HhHH", data)
    if len(data) != 8 + 2 * count:
        raise bad_binary("numeric") if len(data) > 8 + 2 * count else SqlError("08P01", "insufficient data left in message")
    if sign == _NAN:
        return Decimal("NaN")
    if sign in (_INFINITE, _NEGATIVE_INFINITE):
        return Decimal("Infinity" if sign == _INFINITE else "-Infinity")
    if sign not in (0, _NEGATIVE):
        raise SqlError("22P03", 'invalid sign in external "numeric" value')
    if scale > _MOST_SCALE:
        raise SqlError("22P03", 'invalid scale in external "numeric" value')
    groups = struct.unpack_from(f">{count}H", data, 8)
    if any(group > 9999 for group in groups):
        raise SqlError("22P03", 'invalid digit in external "numeric" value')
    shown = "".join(f"{group:04d}" for group in groups)
    # Where the point stands: behind weight + 1 groups. Digits beyond the scale are cut off, as PostgreSQL does.
    point = 4 * (weight + 1)
    whole = shown[: max(point, 0)].ljust(max(point, 0), "0")
    part = ("0" * max(-point, 0) + shown[max(point, 0) :])[:scale].ljust(scale, "0")
    digits = tuple(map(int, (whole + part) or "0"))
    return checked(Decimal((int(sign == _NEGATIVE), digits, -scale)))
