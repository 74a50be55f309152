"""Texts and byte strings.

Theory: characters are code points. Invariant: lengths and places count characters, in bytea bytes, from 1.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.kinds import ANY, BOOL, BPCHAR, BYTEA, INT4, INT8, NAME, TEXT, array_of
from hyperdb.frontends.sql.functions.matching import like
from hyperdb.frontends.sql.functions.model import Function

_TEXTS: int = array_of(TEXT) or 0
_MOST = 1 << 28
"""Characters (or bytes) of a value that a function makes."""


def within(size: int) -> None:
    """Whether something that long may be made.

    Raises:
        SqlError: 54000.
    """
    if size > _MOST:
        raise SqlError("54000", "requested length too large")


def concatenated(parts: Sequence[str], by: str = "") -> str:
    """Texts behind each other."""
    within(sum(map(len, parts)) + len(by) * len(parts))
    return by.join(parts)


def _both(left: Any, right: Any) -> Any:
    within(len(left) + len(right))
    return left + right


def _replaced(text: str, old: str, new: str) -> str:
    if not old:
        return text
    if len(new) > len(old):
        within(len(text) + text.count(old) * (len(new) - len(old)))
    return text.replace(old, new)


def substring(text: Any, start: int, length: int | None = None) -> Any:
    """From place `start`, which may lie before the text."""
    if length is None:
        return text[max(start - 1, 0) :]
    if length < 0:
        raise SqlError("22011", "negative substring length not allowed")
    return text[max(start - 1, 0) : max(start - 1 + length, 0)]


def _overlaid(text: Any, new: Any, at: int, count: int) -> Any:
    if at <= 0:
        raise SqlError("22011", "negative substring length not allowed")
    return text[: at - 1] + new + text[max(at - 1 + count, 0) :]


def _padded(text: str, length: int, fill: str = " ", *, left: bool) -> str:
    within(length)
    if len(text) >= length or not fill:
        return text[: max(length, 0)]
    more = (fill * ((length - len(text)) // len(fill) + 1))[: length - len(text)]
    return more + text if left else text + more


def _part(text: str, delimiter: str, place: int) -> str:
    if place == 0:
        raise SqlError("22023", "field position must not be zero")
    parts = text.split(delimiter) if delimiter else [text]
    at = place - 1 if place > 0 else len(parts) + place
    return parts[at] if 0 <= at < len(parts) else ""


def quote_ident(name: str) -> str:
    """As an identifier, quoted if it must be."""
    if re.fullmatch(r"[a-z_][a-z0-9_$]*", name) and name not in RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


RESERVED = frozenset(
    """all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create
    current_catalog current_date current_role
    current_time current_timestamp current_user default deferrable desc distinct do else end except false
    fetch for foreign from grant group having in initially intersect into lateral leading limit localtime localtimestamp not null
    offset on only or order placing primary references returning select session_user some symmetric table then to trailing true
    union unique user using variadic when where window with""".split()
)


def quote_literal(text: str) -> str:
    """As a literal."""
    quoted = "'" + text.replace("'", "''") + "'"
    return " E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


_SPECIFIER = re.compile(
    r"%(?:(?P<place>\d+)\$)?(?P<flags>-*)(?:(?P<width>\d+)|(?P<star>\*)(?:(?P<of>\d+)\$)?)?(?P<kind>.)?", re.DOTALL
)


def _format(template: str, *values: Any) -> str:
    """format(): %s, %I, %L, with places and widths."""
    out, at, following, size = [], 0, 0, len(template)

    def argument(place: str | None) -> Any:
        nonlocal following
        following = int(place) if place else following + 1
        if following == 0:
            raise SqlError("22023", "format specifies argument 0, but arguments are numbered from 1")
        if following > len(values):
            raise SqlError("22023", "too few arguments for format()")
        return values[following - 1]

    while (start := template.find("%", at)) >= 0:
        found = _SPECIFIER.match(template, start)
        assert found is not None
        out.append(template[at:start])
        at = found.end()
        kind = found.group("kind")
        if template.startswith("%%", start):
            out.append("%")
            at = start + 2
            continue
        if kind is None or kind in "$*-" or kind.isdigit():
            raise SqlError("22023", "unterminated format() type specifier", hint='For a single "%" use "%%".')
        if kind not in "sIL":
            raise SqlError("22023", f'unrecognized format() type specifier "{kind}"', hint='For a single "%" use "%%".')
        left, width = bool(found.group("flags")), int(found.group("width") or 0)
        if found.group("star"):
            given = argument(found.group("of"))
            width = 0 if given is None else int(given)
            left, width = left or width < 0, abs(width)
        if width > _MOST:
            raise SqlError("22003", "number is out of range")
        text = _specified(kind, argument(found.group("place")))
        size += max(width, len(text))
        within(size)
        out.append(text.ljust(width) if left else text.rjust(width))
    return "".join([*out, template[at:]])


def _specified(kind: str, value: str | None) -> str:
    if kind == "I":
        if value is None:
            raise SqlError("22004", "null values cannot be formatted as an SQL identifier")
        return quote_ident(value)
    if kind == "L":
        return "NULL" if value is None else quote_literal(value).lstrip()
    return value or ""


def _initcap(text: str) -> str:
    return re.sub(r"[^\W_]+", lambda found: found.group()[0].upper() + found.group()[1:].lower(), text)


def _encode(data: bytes, form: str) -> str:
    forms: dict[str, Callable[[bytes], str]] = {
        "hex": bytes.hex,
        "base64": lambda data: base64.encodebytes(data).decode().rstrip("\n") if len(data) <= 57 else _lines(data),
        "escape": lambda data: "".join(
            "\\\\" if byte == 92 else chr(byte) if 0 < byte < 128 else f"\\{byte:03o}" for byte in data
        ),
    }
    if form.lower() not in forms:
        raise SqlError("22023", f'unrecognized encoding: "{form}"')
    return forms[form.lower()](data)


def _lines(data: bytes) -> str:
    text = base64.b64encode(data).decode()
    return "\n".join(text[at : at + 76] for at in range(0, len(text), 76))


def _decode(text: str, form: str) -> bytes:
    try:
        if form.lower() == "hex":
            return bytes.fromhex(text)
        if form.lower() == "base64":
            return base64.b64decode("".join(text.split()), validate=True)
        if form.lower() == "escape":
            return _unescaped(text)
    except ValueError:
        raise SqlError("22023", f"invalid {form.lower()} data") from None
    raise SqlError("22023", f'unrecognized encoding: "{form}"')


_OCTAL = re.compile(r"\\\\|\\([0-3][0-7]{2})|(\\)")


def _unescaped(text: str) -> bytes:
    """The reverse of encode(..., 'escape')."""
    out, at = bytearray(), 0
    for found in _OCTAL.finditer(text):
        if found.group(2):
            raise SqlError("22P02", "invalid input syntax for type bytea")
        out += text[at : found.start()].encode() + (bytes([int(found.group(1), 8)]) if found.group(1) else b"\\")
        at = found.end()
    return bytes(out + text[at:].encode())


def _chr(code: int) -> str:
    if code == 0:
        raise SqlError("54000", "null character not permitted")
    if not 0 < code < 0x110000:
        raise SqlError("54000", f"requested character too large for encoding: {code}")
    return chr(code)


def _repeat(text: str, times: int) -> str:
    within(len(text) * times)
    return text * max(times, 0)


def _translate(text: str, old: str, new: str) -> str:
    table: dict[int, str | None] = {}
    for at, mark in enumerate(old):
        table.setdefault(ord(mark), new[at] if at < len(new) else None)
    return text.translate(table)


def operators() -> Iterator[Function]:
    """Operators of texts."""
    yield Function("||", (TEXT, TEXT), TEXT, _both)
    yield Function("||", (BYTEA, BYTEA), BYTEA, _both)
    for name, case, want in (("~~", False, True), ("!~~", False, False), ("~~*", True, True), ("!~~*", True, False)):
        yield Function(
            name,
            (TEXT, TEXT),
            BOOL,
            lambda text, pattern, case=case, want=want: like(text, pattern, ignore_case=case) is want,
        )
    yield Function("^@", (TEXT, TEXT), BOOL, str.startswith)


_DIGESTS = frozenset({"md5", "sha1", "sha224", "sha256", "sha384", "sha512"})


def _digest(data: bytes, name: str) -> bytes:
    if name.lower() not in _DIGESTS:
        raise SqlError("22023", f'Cannot use "{name}": No such hash algorithm')
    return hashlib.new(name.lower(), data, usedforsecurity=False).digest()


def functions() -> Iterator[Function]:
    """Functions of texts."""
    for name, case in (("like", False), ("ilike", True)):
        yield Function(
            name,
            (TEXT, TEXT, TEXT),
            BOOL,
            lambda text, pattern, escape, case=case: like(text, pattern, escape, ignore_case=case),
        )
    for name in ("length", "char_length", "character_length"):
        yield Function(name, (TEXT,), INT4, len)
    yield Function("length", (BPCHAR,), INT4, lambda text: len(text.rstrip(" ")))
    yield Function("length", (BYTEA,), INT4, len)
    for name, run in (("octet_length", lambda text: len(text.encode())), ("bit_length", lambda text: 8 * len(text.encode()))):
        yield Function(name, (TEXT,), INT4, run)
    yield Function("octet_length", (BYTEA,), INT4, len)
    yield Function("lower", (TEXT,), TEXT, str.lower)
    yield Function("upper", (TEXT,), TEXT, str.upper)
    yield Function("initcap", (TEXT,), TEXT, _initcap)
    for name in ("substring", "substr"):
        for oid in (TEXT, BYTEA):
            yield Function(name, (oid, INT4), oid, substring)
            yield Function(name, (oid, INT4, INT4), oid, substring)
    for name in ("position", "strpos"):
        yield Function(name, (TEXT, TEXT), INT4, lambda text, part: text.find(part) + 1)
    yield Function("left", (TEXT, INT4), TEXT, lambda text, n: text[:n] if n >= 0 else text[: max(len(text) + n, 0)])
    yield Function("right", (TEXT, INT4), TEXT, lambda text, n: (text[-n:] if n else "") if n >= 0 else text[-n:])
    trims: tuple[tuple[str, Callable[..., str]], ...] = (("btrim", str.strip), ("ltrim", str.lstrip), ("rtrim", str.rstrip))
    for name, trim in trims:
        yield Function(name, (TEXT,), TEXT, lambda text, trim=trim: trim(text, " "))
        yield Function(name, (TEXT, TEXT), TEXT, trim)
    strips: tuple[tuple[str, Callable[..., bytes]], ...] = (
        ("btrim", bytes.strip),
        ("ltrim", bytes.lstrip),
        ("rtrim", bytes.rstrip),
    )
    for name, strip in strips:
        yield Function(name, (BYTEA, BYTEA), BYTEA, strip)
    for name, left in (("lpad", True), ("rpad", False)):
        yield Function(name, (TEXT, INT4), TEXT, lambda text, n, left=left: _padded(text, n, left=left))
        yield Function(name, (TEXT, INT4, TEXT), TEXT, lambda text, n, fill, left=left: _padded(text, n, fill, left=left))
    yield Function("replace", (TEXT, TEXT, TEXT), TEXT, _replaced)
    yield Function("translate", (TEXT, TEXT, TEXT), TEXT, _translate)
    yield Function("repeat", (TEXT, INT4), TEXT, _repeat)
    yield Function("reverse", (TEXT,), TEXT, lambda text: text[::-1])
    yield Function("ascii", (TEXT,), INT4, lambda text: ord(text[0]) if text else 0)
    yield Function("chr", (INT4,), TEXT, _chr)
    yield Function("split_part", (TEXT, TEXT, INT4), TEXT, _part)
    yield Function("starts_with", (TEXT, TEXT), BOOL, str.startswith)
    for oid in (TEXT, BYTEA):
        yield Function("overlay", (oid, oid, INT4), oid, lambda text, new, at: _overlaid(text, new, at, len(new)))
        yield Function("overlay", (oid, oid, INT4, INT4), oid, _overlaid)
    yield Function("position", (BYTEA, BYTEA), INT4, lambda data, part: data.find(part) + 1)
    for oid in (TEXT, BYTEA):
        yield Function(
            "md5",
            (oid,),
            TEXT,
            lambda data: hashlib.md5(data.encode() if isinstance(data, str) else data, usedforsecurity=False).hexdigest(),
        )
    yield Function("sha256", (BYTEA,), BYTEA, lambda data: hashlib.sha256(data).digest())
    # Of pgcrypto, as programs ask for it by name.
    yield Function("digest", (BYTEA, TEXT), BYTEA, _digest)
    yield Function("digest", (TEXT, TEXT), BYTEA, lambda text, name: _digest(text.encode(), name))
    yield Function("encode", (BYTEA, TEXT), TEXT, _encode)
    yield Function("decode", (TEXT, TEXT), BYTEA, _decode)
    yield Function("to_hex", (INT4,), TEXT, lambda value: f"{value & 0xFFFFFFFF:x}")
    yield Function("to_hex", (INT8,), TEXT, lambda value: f"{value & (1 << 64) - 1:x}")
    yield Function("quote_ident", (TEXT,), TEXT, quote_ident)
    yield Function("quote_literal", (TEXT,), TEXT, lambda text: quote_literal(text).lstrip())
    yield Function(
        "quote_nullable", (TEXT,), TEXT, lambda text: "NULL" if text is None else quote_literal(text).lstrip(), strict=False
    )
    yield Function("string_to_array", (TEXT, TEXT), _TEXTS, _to_array, strict=False)
    yield Function("string_to_array", (TEXT, TEXT, TEXT), _TEXTS, _to_array_with_nulls, strict=False)
    yield Function("string_to_table", (TEXT, TEXT), TEXT, lambda text, by: _to_array(text, by) or [], strict=False, rows=True)
    yield Function(
        "concat",
        (ANY,),
        TEXT,
        lambda *parts: concatenated([part for part in parts if part is not None]),
        strict=False,
        variadic=True,
    )
    yield Function("concat_ws", (TEXT, ANY), TEXT, _joined, strict=False, variadic=True)
    yield Function("format", (TEXT, ANY), TEXT, _format, strict=False, variadic=True)
    yield Function("format", (TEXT,), TEXT, _format)
    yield Function("to_ascii", (TEXT,), TEXT, lambda text: text)
    yield Function("name", (TEXT,), NAME, lambda text: text[:63])
    yield Function("num_nulls", (ANY,), INT4, lambda *values: sum(value is None for value in values), strict=False, variadic=True)


def _to_array(text: str | None, by: str | None) -> list[str] | None:
    if text is None:
        return None
    if by is None:
        return list(text)
    return [] if not text else text.split(by) if by else [text]


def _to_array_with_nulls(text: str | None, by: str | None, null: str | None) -> list[str | None] | None:
    found = _to_array(text, by)
    return None if found is None else [None if each == null else each for each in found]


def _joined(by: str | None, *parts: str | None) -> str | None:
    return None if by is None else concatenated([part for part in parts if part is not None], by)
