"""Binary values between the store's character set and a client's.

Theory: what PostgreSQL's receive and send functions of types that hold text do in each of them. A type's functions here know one
character set, and a value's binary form tells where its texts are, so the bytes are rewritten around them. Invariant: values
without text are the same bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from hyperdb.frontends.sql.types import Type, oids
from hyperdb.frontends.sql.types.faults import short_binary

_LENGTH = struct.Struct(">i")
_OF_TEXT = frozenset({oids.UNKNOWN, oids.JSON, oids.JSONB})
_CATEGORIES = frozenset("SE")
_MOST_DIMENSIONS = 6

Turn = Callable[[bytes], bytes]
"""Bytes of a text in one character set to those in another."""


def holds_text(kind: Type) -> bool:
    """Whether a value's binary form has bytes of text in it."""
    return kind.oid == oids.RECORD or (kind.element or kind).category in _CATEGORIES or (kind.element or kind).oid in _OF_TEXT


def recoded(kind: Type, data: bytes, turn: Turn, find: Callable[[int], Type]) -> bytes:
    """The same value with its texts turned; `find` gives the types of a record's fields.

    Raises:
        SqlError: 22P03 for bytes that are no value of the type, and what `turn` raises.
    """
    if not holds_text(kind):
        return data
    if kind.oid == oids.JSONB:
        # A version comes first.
        return data[:1] + turn(data[1:])
    if kind.oid == oids.RECORD:
        return _record(data, turn, find)
    if kind.element is not None:
        return _array(kind.element, data, turn, find)
    return turn(data)


def _array(element: Type, data: bytes, turn: Turn, find: Callable[[int], Type]) -> bytes:
    dimensions = int.from_bytes(data[:4], "big")
    at = 12 + 8 * dimensions
    if dimensions > _MOST_DIMENSIONS or len(data) < at:
        raise short_binary()
    out = [data[:at]]
    while at < len(data):
        at = _part(element, data, at, turn, find, out)
    return b"".join(out)


def _record(data: bytes, turn: Turn, find: Callable[[int], Type]) -> bytes:
    out, at = [data[:4]], 4
    while at < len(data):
        out.append(data[at : at + 4])
        at = _part(find(int.from_bytes(data[at : at + 4], "big")), data, at + 4, turn, find, out)
    return b"".join(out)


def _part(kind: Type, data: bytes, at: int, turn: Turn, find: Callable[[int], Type], out: list[bytes]) -> int:
    """One counted value from `at` on; where it ends."""
    if len(data) < at + 4:
        raise short_binary()
    length: int = _LENGTH.unpack_from(data, at)[0]
    at += 4
    if length < 0:
        out.append(data[at - 4 : at])
        return at
    if len(data) < at + length:
        raise short_binary()
    value = recoded(kind, data[at : at + length], turn, find)
    out += (_LENGTH.pack(len(value)), value)
    return at + length
