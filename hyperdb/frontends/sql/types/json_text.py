"""json and jsonb: json is text that was checked, jsonb is text in one normal form.

Theory: RFC 8259. The normal form is that of PostgreSQL's jsonb: keys sorted by length and then by bytes, the last of equal keys
kept, one space behind commas and colons, numbers as numeric writes them. Invariant: equal jsonb values are equal texts, but for
the scale of numbers, which is kept.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, NoReturn

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.types.faults import bad_binary
from hyperdb.frontends.sql.types.model import Style
from hyperdb.frontends.sql.types.numbers import checked
from hyperdb.frontends.sql.types.strings import receive_text

_VERSION = 1
_TOO_DEEP = 6_000


def _invalid(detail: str | None = None) -> SqlError:
    return SqlError("22P02", "invalid input syntax for type json", detail=detail)


def _refuse(word: str) -> NoReturn:
    raise _invalid(f'Token "{word}" is invalid.')


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse)


def parsed(text: str) -> Any:
    """The value of a JSON text; numbers are Decimals.

    Raises:
        SqlError: 22P02 for no JSON, 54001 for one nested too deeply.
    """
    stripped = text.strip(" \t\n\r")
    try:
        value, end = _DECODER.raw_decode(stripped)
    except json.JSONDecodeError as error:
        raise _invalid(f"{error.msg} at character {error.pos + 1}.") from None
    except RecursionError:
        raise SqlError("54001", "stack depth limit exceeded") from None
    if end != len(stripped):
        raise _invalid(f"Expected end of input at character {end + 1}.")
    return value


def read_json(text: str, _style: Style) -> str:
    """The text as it was given."""
    parsed(text)
    return text


def read_jsonb(text: str, _style: Style) -> str:
    """The text in its normal form."""
    return normal(parsed(text))


def receive_json(data: bytes) -> str:
    """UTF-8."""
    return read_json(receive_text(data), Style())


def receive_jsonb(data: bytes) -> str:
    """A version byte, then UTF-8."""
    if data[:1] != bytes([_VERSION]):
        if not data:
            raise bad_binary("jsonb")
        raise SqlError("XX000", f"unsupported jsonb version number {data[0]}")
    return read_jsonb(receive_text(data[1:]), Style())


def send_jsonb(value: str) -> bytes:
    """The reverse."""
    return bytes([_VERSION]) + value.encode()


def quoted(text: str) -> str:
    """A JSON string.

    Raises:
        SqlError: 22P05 for a NUL, 22P02 for half of a surrogate pair: neither can be text.
    """
    if "\0" in text:
        raise SqlError("22P05", "unsupported Unicode escape sequence", detail="\\u0000 cannot be converted to text.")
    if not text.isascii() and any("\ud800" <= one <= "\udfff" for one in text):
        raise _invalid("Unicode low surrogate must follow a high surrogate.")
    return json.dumps(text, ensure_ascii=False)


_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|.)")


def check_escapes(text: str) -> None:
    """What stands in the strings of a json value that was kept as it was written can be text.

    Raises:
        SqlError: 22P05 for a NUL, 22P02 for half of a surrogate pair.
    """
    if "\\u" not in text:
        return
    behind = -1
    for found in _ESCAPE.finditer(text):
        code = int(found[1], 16) if found[1] else 0x20
        is_high, is_low = 0xD800 <= code < 0xDC00, 0xDC00 <= code < 0xE000
        if behind >= 0 and not (is_low and found.start() == behind):
            raise _invalid("Unicode low surrogate must follow a high surrogate.")
        if behind < 0 and is_low:
            raise _invalid("Unicode low surrogate must follow a high surrogate.")
        if code == 0:
            raise SqlError("22P05", "unsupported Unicode escape sequence", detail="\\u0000 cannot be converted to text.")
        behind = found.end() if is_high else -1
    if behind >= 0:
        raise _invalid("Unicode low surrogate must follow a high surrogate.")


def _order(pair: tuple[str, Any]) -> tuple[int, bytes]:
    raw = pair[0].encode(errors="surrogatepass")
    return len(raw), raw


def normal(value: Any, depth: int = 0) -> str:
    """The normal form of a value as `parsed` gives it."""
    if depth > _TOO_DEEP:
        raise SqlError("54001", "stack depth limit exceeded")
    try:
        return _normal(value, depth)
    except RecursionError:
        raise SqlError("54001", "stack depth limit exceeded") from None


def _normal(value: Any, depth: int) -> str:
    if isinstance(value, str):
        return quoted(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(checked(value), "f")
    if isinstance(value, list):
        return "[" + ", ".join([_normal(one, depth + 1) for one in value]) + "]"
    return "{" + ", ".join([f"{quoted(key)}: {_normal(one, depth + 1)}" for key, one in sorted(value.items(), key=_order)]) + "}"
