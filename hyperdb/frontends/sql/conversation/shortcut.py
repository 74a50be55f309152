"""Whole pipelines: Bind, perhaps Describe, Execute and Sync of one known statement, read in one piece.

Theory: a driver that has prepared a statement sends these together, and much of a busy server's traffic looks like that. What a
lane does not answer is read here without making events of it, and run as one step (`extended.whole`). Invariant: whatever is
not exactly of this form is left untouched for the long way, which gives the same answer.
"""

from __future__ import annotations

import struct

from hyperdb.frontends.sql.contract import Action
from hyperdb.frontends.sql.conversation.portals import Held, Whole
from hyperdb.frontends.sql.conversation.steps import Shared

_BIND = ord("B")
_EXECUTE_SYNC = b"E\0\0\0\x09\0\0\0\0\0S\0\0\0\4"
_DESCRIBE_EXECUTE_SYNC = b"D\0\0\0\6P\0" + _EXECUTE_SYNC
# Codes of one or no format, by the bytes that say so.
_FORMATS: dict[bytes, tuple[int, ...]] = {b"\0\1\0\0": (0,), b"\0\1\0\1": (1,)}
_NONE: tuple[int, ...] = ()
# Longer ones are read in the ordinary way, where limits are kept.
_LONGEST = 8_192
_VALUES = 64


def find(shared: Shared, held: Held, data: bytes) -> tuple[int, Whole] | None:
    """The pipeline at the front of `data`, and how many bytes it is."""
    return _pipeline(shared, held, data, 0) if data[0] == _BIND else None


def _codes(data: bytes, at: int) -> tuple[tuple[int, ...], int] | None:
    """Format codes from `at`, and where they end; None for what the ordinary way has to look at."""
    number = int.from_bytes(data[at : at + 2], "big")
    if number == 0:
        return _NONE, at + 2
    end = at + 2 + 2 * number
    if number == 1:
        found = _FORMATS.get(data[at:end])
        return None if found is None else (found, end)
    if number > _VALUES or end > len(data):
        return None
    codes = struct.unpack_from(f">{number}h", data, at + 2)
    return None if set(codes) - {0, 1} else (codes, end)


def _pipeline(shared: Shared, held: Held, data: bytes, at: int) -> tuple[int, Whole] | None:
    end = at + 1 + int.from_bytes(data[at + 1 : at + 5], "big")
    if end - at > _LONGEST or data[at + 5 : at + 6] != b"\0":
        return None
    if data.startswith(_DESCRIBE_EXECUTE_SYNC, end):
        is_described, behind = True, end + len(_DESCRIBE_EXECUTE_SYNC)
    elif data.startswith(_EXECUTE_SYNC, end):
        is_described, behind = False, end + len(_EXECUTE_SYNC)
    else:
        return None
    at += 6
    name_end = data.find(b"\0", at, end)
    statement = held.by_bytes.get(data[at:name_end])
    found = _codes(data, name_end + 1)
    if statement is None or found is None or statement.prepared.action is not Action.RUN:
        return None
    formats, at = found
    number = int.from_bytes(data[at : at + 2], "big")
    at += 2
    prepared = statement.prepared
    session = shared.opened
    if number != len(prepared.parameters) or number > _VALUES or session.prepared.get(statement.name) is not prepared:
        return None
    if len(formats) > 1 and len(formats) != number:
        return None
    values: list[bytes | None] = []
    for _ in range(number):
        length = int.from_bytes(data[at : at + 4], "big")
        at += 4
        if length == 0xFFFF_FFFF:
            values.append(None)
            continue
        values.append(data[at : at + length])
        at += length
        if at > end:
            return None
    tail = data[at:end]
    found = _codes(tail, 0)
    if found is None or found[1] != len(tail):
        return None
    results = found[0]
    if len(results) > 1 and len(results) != len(prepared.columns or ()):
        return None
    return behind, Whole(statement, values, formats, results, is_described)
