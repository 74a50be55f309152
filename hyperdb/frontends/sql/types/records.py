"""Records and composite values, as they go out.

Theory: PostgreSQL's documentation, "Composite Type Input and Output Syntax". A record on its own does not know the types of its
fields, so a `Record` carries them. Invariant: NULL is nothing at all, an empty text is a pair of quotes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.types.model import Style, Type

_SPECIAL = re.compile(r'[\s"\\(),]')


class Record(tuple[Any, ...]):
    """A row as a value; `types` has the type of each field."""

    types: tuple[Type, ...]

    def __new__(cls, fields: Sequence[Any], types: Sequence[Type]) -> Record:
        made = super().__new__(cls, fields)
        made.types = tuple(types)
        return made


def write_record(value: Record, style: Style) -> str:
    """Fields in parentheses."""
    shown: list[str] = []
    for field, kind in zip(value, value.types, strict=True):
        if field is None:
            shown.append("")
            continue
        text = kind.write_text(field, style)
        quoted = not text or _SPECIAL.search(text)
        shown.append('"' + text.replace("\\", "\\\\").replace('"', '""') + '"' if quoted else text)
    return f"({','.join(shown)})"


def send_record(value: Record) -> bytes:
    """Number of fields; of each its type and its counted bytes."""
    parts = [len(value).to_bytes(4, "big")]
    for field, kind in zip(value, value.types, strict=True):
        raw = None if field is None else kind.write_binary(field)
        parts.append(kind.oid.to_bytes(4, "big"))
        parts.append(b"\xff\xff\xff\xff" if raw is None else len(raw).to_bytes(4, "big") + raw)
    return b"".join(parts)


def no_text(_text: str, _style: Style) -> Record:
    """A record without a named type cannot be read."""
    raise SqlError("0A000", "input of anonymous composite types is not implemented")


def no_binary(_data: bytes) -> Record:
    """As for text."""
    raise SqlError("0A000", "input of anonymous composite types is not implemented")
