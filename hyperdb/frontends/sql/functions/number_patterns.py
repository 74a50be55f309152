"""Templates of to_char and to_number: numbers.

Theory: PostgreSQL's documentation, 9.8 (formatting.c, NUM_processor). Digits of the template are places; a place before the first
0 is blank where the number has no digit. The sign goes just before the first digit unless the template has a place for it.
Invariant: a number that has more digits than places is shown as #.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.kinds import FLOAT4, FLOAT8, INT4, INT8, NUMERIC, TEXT
from hyperdb.frontends.sql.functions.model import Function
from hyperdb.frontends.sql.functions.numbers import EXACT
from hyperdb.frontends.sql.functions.patterns import ordinal, quoted

_WORD = re.compile(r"FM|fm|EEEE|eeee|MI|mi|PL|pl|SG|sg|PR|pr|RN|rn|TH|th|[0-9.,DdGgSsLlVv]")
_DIGITS = "09"
_ROMAN = [(1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC")]
_ROMAN += [(50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]


@dataclass
class Template:
    """A template taken apart. `before` and `after` are how many digits stand around the decimal point."""

    tokens: list[tuple[str, str]] = field(default_factory=list)
    fill: bool = True
    before: int = 0
    after: int = 0
    shift: int = 0
    has_point: bool = False
    zero_from: int | None = None
    zero_to: int = 0
    """How many digits behind the point are shown even as zeros in FM."""
    sign: str = ""
    sign_last: bool = False


@lru_cache(256)
def template_of(text: str) -> Template:
    """A template taken apart.

    Raises:
        SqlError: 42601 for one that says something twice.
    """
    made, at, shifted = Template(), 0, False
    while at < len(text):
        if text[at] == '"':
            said, at = quoted(text, at)
            made.tokens.append(("text", said))
            continue
        if text[at : at + 2] == '\\"':
            made.tokens.append(("text", '"'))
            at += 2
            continue
        found = _WORD.match(text, at)
        word = found.group() if found else text[at]
        at += len(word)
        kind = word.upper() if found else "text"
        if found:
            _check_exponent(kind, made, shifted)
        if kind == "FM":
            made.fill = False
            continue
        if kind in _DIGITS:
            if made.has_point:
                made.after += 1
                made.zero_to = made.after if kind == "0" else made.zero_to
            else:
                made.zero_from = made.before if kind == "0" and made.zero_from is None else made.zero_from
                made.before += 1
                made.shift += shifted
        elif kind in ("D", "."):
            if made.has_point:
                raise SqlError("42601", "multiple decimal points")
            made.has_point, kind = True, "."
        elif kind == "V":
            shifted = True
            continue
        elif kind in ("S", "MI", "PL", "SG", "PR"):
            if kind == "S":
                made.sign_last = made.before + made.after > 0
            made.sign = made.sign or kind
        elif kind == "G":
            kind = ","
        elif kind.isdigit():
            kind = "text"
        made.tokens.append((kind, word))
    return made


def _check_exponent(kind: str, made: Template, shifted: bool) -> None:
    """EEEE comes once, last and with few others (formatting.c, NUMDesc_prepare).

    Raises:
        SqlError: 42601.
    """
    kinds = {each for each, _ in made.tokens}
    if kind != "EEEE":
        if "EEEE" in kinds:
            raise SqlError("42601", '"EEEE" must be the last pattern used')
    elif "EEEE" in kinds:
        raise SqlError("42601", 'cannot use "EEEE" twice')
    elif not made.fill or made.sign or shifted or "RN" in kinds:
        detail = '"EEEE" may only be used together with digit and decimal point patterns.'
        raise SqlError("42601", '"EEEE" is incompatible with other formats', detail=detail)


def _roman(value: Decimal, fill: bool) -> str:
    if not value.is_finite():
        raise SqlError("0A000", f"cannot convert {'NaN' if value.is_nan() else 'infinity'} to integer")
    number = int(value.to_integral_value(ROUND_HALF_UP))
    if not 1 <= number <= 3999:
        return "#" * 15
    text = ""
    for size, letters in _ROMAN:
        while number >= size:
            text, number = text + letters, number - size
    return text.rjust(15) if fill else text


def _exponent(value: Decimal, made: Template, exact: Decimal | None) -> str:
    """`exact`: what a float is in binary, which C's printf rounds half to even; numeric is rounded half up (numeric_out_sci)."""
    if not value.is_finite():
        return " " + "#" * made.before + "." + "#" * (made.after + len("e+00"))
    if exact is not None:
        value = exact
    elif value:
        value = value.quantize(Decimal(1).scaleb(value.adjusted() - made.after), ROUND_HALF_UP, EXACT)
    text = f"{value:.{made.after}e}" if value else f"{0.0:.{made.after}e}"
    mantissa, _, exponent = text.partition("e")
    sign = "" if mantissa.startswith("-") else " "
    return f"{sign}{mantissa}e{exponent[0]}{abs(int(exponent)):02d}"


def written(value: Decimal, text: str, exact: Decimal | None = None) -> str:
    """to_char of a number; `exact`: of a float."""
    made = template_of(text)
    kinds = [kind for kind, _ in made.tokens]
    if "RN" in kinds:
        shown = _roman(value, made.fill)
        return shown.lower() if "rn" in text else shown
    if "EEEE" in kinds:
        return _exponent(value, made, exact)
    negative = value < 0 if not value.is_nan() else False
    if value.is_finite():
        scaled = EXACT.scaleb(value.copy_abs(), made.shift).quantize(Decimal(1).scaleb(-made.after), ROUND_HALF_UP, EXACT)
        whole, _, rest = f"{scaled:f}".partition(".")
        negative = negative and scaled != 0
    else:
        whole, rest = "#" * (made.before + 1), "#" * made.after
    return _laid_out(made, negative, whole.lstrip("0") or "0", rest)


def _laid_out(made: Template, negative: bool, whole: str, rest: str) -> str:
    """The digits on their places."""
    if len(whole) > made.before and not (whole == "0" and made.has_point):
        whole, rest = "#" * made.before, "#" * made.after
    hashes = whole.startswith("#")
    # With places behind the point a zero before it is shown only where a 0 asks for it.
    if whole == "0" and made.after and made.zero_from is None and not hashes:
        whole = "" if made.fill or rest.strip("0") else "0"
    lead = made.before - len(whole)
    kept = len(rest.rstrip("0")) if not made.fill else len(rest)
    kept = max(kept, made.zero_to)
    plain = made.sign in ("", "PL")
    begun = signed = False
    out: list[str] = []
    place = after = 0
    point = False

    def sign() -> str:
        if made.sign == "S" and not made.sign_last:
            return "-" if negative else "+"
        if made.sign == "PR":
            return "<" if negative else " " if made.fill else ""
        return ("-" if negative else " " if made.fill else "") if plain else ""

    for kind, word in made.tokens:
        if kind in ("0", "9") and not point:
            there = place >= lead or (made.zero_from is not None and place >= made.zero_from)
            if there and not signed:
                out.append(sign())
                signed = True
            if there:
                out.append(whole[place - lead] if place >= lead else "0")
                begun = True
            elif made.fill:
                out.append(" ")
            place += 1
        elif kind in ("0", "9"):
            if after < kept:
                out.append(rest[after])
            elif made.fill:
                out.append(" ")
            after += 1
        elif kind == ".":
            if not signed:
                out.append(sign())
                signed = True
            out.append(".")
            point = begun = True
        elif kind == ",":
            out.append("," if begun else " " if made.fill else "")
        elif kind == "L":
            out.append(" ")
        elif kind == "MI":
            out.append("-" if negative else " " if made.fill else "")
        elif kind == "PL":
            out.append("+" if not negative else " " if made.fill else "")
        elif kind == "SG" or (kind == "S" and made.sign_last):
            out.append("-" if negative else "+")
        elif kind == "TH":
            if not negative and not made.has_point and not hashes:
                out.append(ordinal(int(whole or 0), word))
        elif kind == "text":
            out.append(word)
    if made.sign == "PR":
        out.append(">" if negative else " " if made.fill else "")
    return "".join(out)


def read(text: str, template: str) -> Decimal:
    """to_number.

    Raises:
        SqlError: 22P02 where the text is no number of the template.
    """
    made = template_of(template)
    digits, negative, at = "", False, 0
    text = text.strip()
    negative = "-" in text or ("<" in text and ">" in text)
    point = False
    for kind, word in made.tokens:
        while text[at : at + 1] in ("+", "-", "<", " ") and text[at : at + 1]:
            at += 1
        here = text[at : at + 1]
        if not here:
            break
        if kind in ("0", "9"):
            if here.isdigit():
                digits, at = digits + here, at + 1
            elif here == "." and not point:
                # The number has fewer digits before the point than the template.
                continue
        elif kind == ".":
            if here == ".":
                digits, at, point = digits + ".", at + 1, True
        elif kind == ",":
            at += here == ","
        elif kind == "text":
            at += len(word)
        elif kind in ("TH", "L"):
            while text[at : at + 1] and not text[at : at + 1].isdigit():
                at += 1
    try:
        found = Decimal(digits)
    except InvalidOperation:
        raise SqlError("22P02", f'invalid input syntax for type numeric: "{digits or " "}"') from None
    found = EXACT.scaleb(found, -made.shift)
    return -found if negative else found


def _of_float(value: float, template: str) -> str:
    return written(Decimal(repr(value)), template, Decimal(value))


def _of_integer(exactly: Callable[[int], Decimal | None]) -> Callable[[int, str], str | None]:
    return lambda value, template: written(Decimal(value), template, exactly(value)) if template else None


def functions() -> Iterator[Function]:
    """to_char and to_number."""
    # int4_to_char has EEEE written by way of a float, int8_to_char by way of a numeric.
    for oid, exactly in ((INT4, Decimal), (INT8, lambda _value: None)):
        yield Function("to_char", (oid, TEXT), TEXT, _of_integer(exactly))
    for oid in (FLOAT4, FLOAT8):
        yield Function("to_char", (oid, TEXT), TEXT, lambda value, template: _of_float(value, template) if template else None)
    yield Function("to_char", (NUMERIC, TEXT), TEXT, lambda value, template: written(value, template) if template else None)
    yield Function("to_number", (TEXT, TEXT), NUMERIC, read)


__all__: list[Any] = ["functions", "read", "template_of", "written"]
