"""Numbers: integers of fixed and any width, float, double, decimal; as bytes and as text.

Theory: a decimal is a scale and an integer of any width in two's complement. Texts are those of Java (`Double.toString`,
`BigDecimal.toString`), which clients of Cassandra know. Conversions of long numbers go through `decimal`, which has no limit on
digits and is faster than the interpreter's own. Invariant: text of a number, read again, is the same number.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from decimal import Context, Decimal

from hyperdb.frontends.cql.types.faults import invalid

FLOAT, DOUBLE = struct.Struct(">f"), struct.Struct(">d")
MOST_DIGITS = 1 << 16
"""Of a number in a text: turning digits into bytes takes time that grows faster than their number."""
_LEAST_SCALE, _MOST_SCALE = -(1 << 31), (1 << 31) - 1
_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,10})?")
_FLOATING = re.compile(rf"\s*(?:[+-]?NaN|[+-]?Infinity|(?:{_DECIMAL.pattern})[fFdD]?)\s*")
# Exact whatever the number of digits; never the thread's context, which others may change.
_EXACT = Context(prec=MOST_DIGITS * 4, Emax=999_999_999_999, Emin=-999_999_999_999)


def integer(text: str, bits: int | None) -> int | None:
    """An integer of `bits` bits with its sign (None: of any width) from its text; None: it is none, or does not fit."""
    if not _INTEGER.fullmatch(text) or len(text) > MOST_DIGITS:
        return None
    number = int(Decimal(text))
    return number if bits is None or -(1 << bits - 1) <= number < 1 << bits - 1 else None


def integer_text(number: int) -> str:
    """Digits of an integer of any width."""
    return format(Decimal(number), "f")


def varint(number: int) -> bytes:
    """Two's complement in the fewest bytes, one at least."""
    magnitude = number if number >= 0 else ~number
    return number.to_bytes(magnitude.bit_length() // 8 + 1, "big", signed=True)


def read_varint(data: bytes) -> int:
    """Back from `varint`, and from longer forms."""
    return int.from_bytes(data, "big", signed=True)


def decimal_bytes(number: Decimal) -> bytes:
    """Scale and unscaled value.

    Raises:
        CqlError: invalid, for what is no number, and for a scale beyond 32 bits.
    """
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int) or not _LEAST_SCALE <= -exponent <= _MOST_SCALE:
        raise invalid(f"unable to make BigDecimal from '{number}'")
    unscaled = int(Decimal((sign, digits, 0)))
    return (-exponent).to_bytes(4, "big", signed=True) + varint(unscaled)


def read_decimal(data: bytes) -> Decimal:
    """Back from `decimal_bytes`."""
    scale = int.from_bytes(data[:4], "big", signed=True)
    sign, digits, _ = Decimal(read_varint(data[4:])).as_tuple()
    return Decimal((sign, digits, -scale))


def decimal(text: str) -> Decimal | None:
    """A decimal from its text, with its scale; None: it is none."""
    if not _DECIMAL.fullmatch(text) or len(text) > MOST_DIGITS:
        return None
    found = Decimal(text)
    # Java's numbers have no negative zero.
    return found.copy_abs() if found.is_zero() else found


def decimal_text(number: Decimal) -> str:
    """As BigDecimal writes it: scientific below 10^-6 and for negative scales."""
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    shown = "".join(map(str, digits))
    adjusted = exponent + len(digits) - 1
    if exponent <= 0 and adjusted >= -6:
        if exponent:
            padded = shown.rjust(1 - exponent, "0")
            shown = f"{padded[:exponent]}.{padded[exponent:]}"
    else:
        point = f".{shown[1:]}" if len(shown) > 1 else ""
        shown = f"{shown[0]}{point}E{adjusted:+d}" if adjusted else f"{shown[0]}{point}"
    return f"-{shown}" if sign else shown


def floating(text: str) -> float | None:
    """A double from its text; None: it is none."""
    if not _FLOATING.fullmatch(text) or len(text) > MOST_DIGITS:
        return None
    return float(text.strip().rstrip("fFdD"))


def float_bytes(number: float) -> bytes:
    """The nearest float; what is too large becomes infinite, as in Java."""
    try:
        return FLOAT.pack(number)
    except OverflowError:
        return FLOAT.pack(math.copysign(math.inf, number))


def double_text(number: float) -> str:
    """The shortest digits that give the number back, in Java's form."""
    return _java(number, repr(abs(number)), DOUBLE.pack)


def float_text(number: float) -> str:
    """As `double_text`, for a float."""
    packed, magnitude = float_bytes(abs(number)), abs(number)
    # Nine digits are always enough.
    shown = next((shown for digits in range(1, 9) if float_bytes(float(shown := f"{magnitude:.{digits}g}")) == packed), "")
    return _java(number, shown or f"{magnitude:.9g}", float_bytes)


def _java(number: float, shown: str, pack: Callable[[float], bytes]) -> str:
    if math.isnan(number):
        return "NaN"
    sign = "-" if math.copysign(1.0, number) < 0 else ""
    if math.isinf(number):
        return sign + "Infinity"
    if number == 0:
        return sign + "0.0"
    closest = f"{abs(number):.1e}"
    if len(shown.partition("e")[0].strip("0.")) == 1 and pack(float(closest)) == pack(abs(number)):
        # Java writes two digits at least, the second one as near as can be: 4.9E-324.
        shown = closest
    _, digits, exponent = Decimal(shown).normalize(_EXACT).as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits))
    adjusted = exponent + len(text) - 1
    if -3 <= adjusted < 7:
        if adjusted < 0:
            return f"{sign}0.{'0' * (-adjusted - 1)}{text}"
        padded = text.ljust(adjusted + 1, "0")
        return f"{sign}{padded[: adjusted + 1]}.{padded[adjusted + 1 :] or '0'}"
    return f"{sign}{text[0]}.{text[1:] or '0'}E{adjusted}"
