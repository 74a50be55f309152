r"""Literals and names with escapes as plain ones: E'it\'s', U&'d\0061ta', U&"d!0061ta" UESCAPE '!'.

Theory: PostgreSQL's scan.l and parser.c. What escapes spell is never longer than they are, so a plain literal with blanks behind
it goes in the place of each, and positions of errors stay what they are. Invariant: a text without such literals comes back as
it is, and one with them has as many characters as before.
"""

from __future__ import annotations

import re

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.parse.split import pieces
from hyperdb.frontends.sql.types.strings import receive_text

_SPELLED = re.compile(r"[eE]'|[uU]&['\"]")
_ESCAPE = re.compile(
    r"""\\(?:
      (?P<octal>[0-7]{1,3})
    | x(?P<hex>[0-9A-Fa-f]{1,2})
    | u(?P<short>[0-9A-Fa-f]{4})
    | U(?P<long>[0-9A-Fa-f]{8})
    | (?P<cut>[uU])
    | (?P<other>.)
    )""",
    re.VERBOSE | re.DOTALL,
)
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_NO_MARK = re.compile(r"[0-9A-Fa-f+'\"\s]")
_HIGH, _LOW, _END = 0xD800, 0xDC00, 0xE000
_LAST = 0x10FFFF


def are_in(text: str) -> bool:
    """Whether there may be such literals or names."""
    return _SPELLED.search(text) is not None


def plain(text: str, offset: int = 0) -> str:
    """The text with plain literals and names; `offset` is where it begins in what the client sent.

    Raises:
        SqlError: 22025, 22021, 42601 for what is malformed.
    """
    if not are_in(text):
        return text
    tokens = [token for token in pieces(text) if token[0] != "space"]
    out, last, place = [], 0, 0
    while place < len(tokens):
        kind, begin, end = tokens[place]
        quote, said = "'", None
        if kind == "escaped":
            said = _escaped(text[begin + 2 : end - 1], offset + begin + 2)
        elif _begins_unicode(text, tokens[place : place + 3]):
            place += 2
            _, start, end = tokens[place]
            quote, inside = text[start], text[start + 1 : end - 1]
            mark = _mark(text, tokens[place + 1 : place + 3], offset)
            if mark is not None:
                place += 2
                end = tokens[place][2]
            said = _unicode(inside.replace(quote * 2, quote), mark or "\\", offset + start + 1)
            if quote == '"' and not said:
                message = f'zero-length delimited identifier at or near "{text[begin:end]}"'
                raise SqlError("42601", message, position=offset + begin + 1)
        place += 1
        if said is not None:
            out += [text[last:begin], (quote + said.replace(quote, quote * 2) + quote).ljust(end - begin)]
            last = end
    return "".join([*out, text[last:]])


def _begins_unicode(text: str, tokens: list[tuple[str, int, int]]) -> bool:
    """Whether these are U, & and a literal or name, with nothing between."""
    if len(tokens) < 3 or tokens[2][0] not in ("quoted", "name"):
        return False
    (_, begin, end), (_, sign, _), (_, start, _) = tokens
    return text[begin:end] in ("U", "u") and text[sign] == "&" and sign == end and start == end + 1


def _mark(text: str, tokens: list[tuple[str, int, int]], offset: int) -> str | None:
    """What UESCAPE says, if it comes next."""
    if not tokens or text[tokens[0][1] : tokens[0][2]].lower() != "uescape":
        return None
    if len(tokens) < 2 or tokens[1][0] != "quoted":
        message = "UESCAPE must be followed by a simple string literal"
        near = f' at or near "{text[tokens[1][1] : tokens[1][2]]}"' if len(tokens) > 1 else " at end of input"
        raise SqlError("42601", message + near, position=offset + tokens[-1][1] + 1)
    _, begin, end = tokens[1]
    found = text[begin + 1 : end - 1]
    if len(found) != 1 or _NO_MARK.match(found):
        raise SqlError("42601", f'invalid Unicode escape character at or near "{text[begin:end]}"', position=offset + begin + 1)
    return found


def _escaped(body: str, offset: int) -> str:
    """What stands in E'...'; bytes that are spelled out are UTF-8 together with those around them."""
    out = bytearray()
    surrogates = _Surrogates()
    at = 0
    while at < len(body):
        found = _ESCAPE.match(body, at)
        code = None if found is None else found["short"] or found["long"]
        if found is not None and found["cut"]:
            hint = "Unicode escapes must be \\uXXXX or \\UXXXXXXXX."
            raise SqlError("22025", "invalid Unicode escape", hint=hint, position=offset + at + 1)
        if code is not None:
            out += surrogates.take(int(code, 16), offset + at + 1).encode()
        else:
            surrogates.end(offset + at + 1)
            out += _byte(found) if found is not None else body[at].encode()
            # A quote is doubled, or stands behind a backslash.
            at += found is None and body[at] == "'"
        at = at + 1 if found is None else found.end()
    surrogates.end(offset + len(body) + 1)
    return receive_text(bytes(out))


def _byte(found: re.Match[str]) -> bytes:
    if found["octal"] or found["hex"]:
        return bytes([int(found["octal"] or found["hex"], 8 if found["octal"] else 16) & 0xFF])
    return _LETTERS.get(found["other"], found["other"]).encode()


def _unicode(body: str, mark: str, offset: int) -> str:
    """What stands in U&'...'."""
    said = re.escape(mark)
    escape = re.compile(rf"{said}(?:(?P<short>[0-9A-Fa-f]{{4}})|\+(?P<long>[0-9A-Fa-f]{{6}})|{said})")
    out: list[str] = []
    surrogates = _Surrogates()
    at = 0
    while at < len(body):
        found = escape.match(body, at)
        if found is None and body[at] == mark:
            hint = "Unicode escapes must be \\XXXX or \\+XXXXXX."
            raise SqlError("42601", "invalid Unicode escape", hint=hint, position=offset + at + 1)
        code = None if found is None else found["short"] or found["long"]
        if code is None:
            surrogates.end(offset + at + 1)
            out.append(body[at])
        else:
            out.append(surrogates.take(int(code, 16), offset + at + 1))
        at = at + 1 if found is None else found.end()
    surrogates.end(offset + len(body) + 1)
    return "".join(out)


_UNISTR = re.compile(
    r"\\(?:(?P<same>\\)|u?(?P<short>[0-9A-Fa-f]{4})|(?:\+(?P<long>[0-9A-Fa-f]{6})|U(?P<eight>[0-9A-Fa-f]{8})))|\\"
)


def unistr(text: str) -> str:
    """What unistr() gives.

    Raises:
        SqlError: 42601 for what is malformed, 22023 for what is no code.
    """
    out: list[str] = []
    surrogates = _Surrogates()
    last = 0
    for found in _UNISTR.finditer(text):
        if found.start() > last:
            surrogates.end(0)
        out.append(text[last : found.start()])
        last = found.end()
        code = found["short"] or found["long"] or found["eight"]
        if code is None and not found["same"]:
            hint = "Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX."
            raise SqlError("42601", "invalid Unicode escape", hint=hint)
        if code is None:
            surrogates.end(0)
            out.append("\\")
        elif not 0 < int(code, 16) <= _LAST:
            raise SqlError("22023", f"invalid Unicode code point: {int(code, 16):04X}")
        else:
            out.append(surrogates.take(int(code, 16), 0))
    if last < len(text):
        surrogates.end(0)
    surrogates.end(0)
    return "".join([*out, text[last:]])


class _Surrogates:
    """Characters by their codes, those beyond 16 bits also as two halves."""

    def __init__(self) -> None:
        self._first = 0

    def take(self, code: int, place: int) -> str:
        """The character of a code; nothing for a first half.

        Raises:
            SqlError: 42601 for a half alone, and for what is no code.
        """
        if self._first and not _LOW <= code < _END:
            raise SqlError("42601", "invalid Unicode surrogate pair", position=place)
        if self._first:
            code = 0x10000 + ((self._first - _HIGH) << 10) + (code - _LOW)
            self._first = 0
        elif _HIGH <= code < _LOW:
            self._first = code
            return ""
        if _LOW <= code < _END:
            raise SqlError("42601", "invalid Unicode surrogate pair", position=place)
        if not 0 < code <= _LAST:
            raise SqlError("42601", "invalid Unicode escape value", position=place)
        return chr(code)

    def end(self, place: int) -> None:
        """Something else comes.

        Raises:
            SqlError: 42601 behind a first half.
        """
        if self._first:
            raise SqlError("42601", "invalid Unicode surrogate pair", position=place)
