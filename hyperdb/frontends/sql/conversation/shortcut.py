"""The short way: whole pipelines of one known statement, and queries of one known text, answered straight from the bytes.

Theory: a driver that has prepared a statement sends Bind, (Describe,) Execute, Sync in one piece, and nearly all traffic of a
busy server looks like that. Such a piece is read here without making events of it, the session is asked for ready rows
(`Session.quick`), and the fixed messages around them are put together. What the session does not answer at once is run as one
step (`extended.whole`). Invariant: whatever is not exactly of this form is left untouched for the long way, which gives the
same answer.
"""

from __future__ import annotations

import struct

from hyperdb.frontends.sql.contract import Action, Status
from hyperdb.frontends.sql.conversation.portals import UNNAMED, Held, Shape, Whole
from hyperdb.frontends.sql.conversation.steps import READY, Shared
from hyperdb.frontends.sql.protocol import encode

_BIND, _QUERY = ord("B"), ord("Q")
_EXECUTE_SYNC = b"E\0\0\0\x09\0\0\0\0\0S\0\0\0\4"
_DESCRIBE_EXECUTE_SYNC = b"D\0\0\0\6P\0" + _EXECUTE_SYNC
# Codes of one or no format, by the bytes that say so.
_FORMATS: dict[bytes, tuple[int, ...]] = {b"\0\1\0\0": (0,), b"\0\1\0\1": (1,)}
_IDLE = READY[Status.IDLE]
_NONE: tuple[int, ...] = ()
# Longer ones are read in the ordinary way, where limits are kept.
_LONGEST = 8_192
_VALUES = 64
_NOT_ONE: tuple[int, None] = (0, None)


def answer(shared: Shared, held: Held, data: bytes) -> tuple[int, Whole | None]:
    """Answers what it can from the front of `data`: how many bytes that were, and the pipeline that has to be run behind them.

    The bytes of that pipeline are among those counted.
    """
    at, end = 0, len(data)
    while at < end:
        kind = data[at]
        if kind == _BIND:
            taken = _alike(shared, held, data, at)
            if not taken:
                taken, whole = _pipeline(shared, held, data, at)
                if whole is not None:
                    return taken, whole
        elif kind == _QUERY:
            taken = _query(shared, held, data, at)
        else:
            break
        if not taken:
            break
        at = taken
        if len(shared.out) > 1_000:
            break
    return at, None


def _alike(shared: Shared, held: Held, data: bytes, at: int) -> int:
    """A pipeline that differs from the last one in its only parameter: where it ends, or 0 when it is another one."""
    shape = held.shape
    if shape is None or not data.startswith(shape.head, at + 5):
        return 0
    start = at + shape.value_at
    length = int.from_bytes(data[start - 4 : start], "big")
    end = start + length
    if (
        length > _LONGEST
        or not data.startswith(shape.tail, end)
        or data[at + 1 : at + 5] != (length + shape.rest).to_bytes(4, "big")
    ):
        return 0
    session, statement = shared.opened, shape.statement
    prepared = statement.prepared
    if session.prepared.get(statement.name) is not prepared:
        return 0
    try:
        rows = session.quick(prepared, (data[start:end],), shape.formats, shape.results)
    except Exception as error:  # whatever it is, the client gets an answer and the server logs a defect
        shared.report(error)
    else:
        if rows is None:
            return 0
        shared.out += (shape.answer, rows)
    _settle(shared, held)
    return end + len(shape.tail)


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


def _pipeline(shared: Shared, held: Held, data: bytes, at: int) -> tuple[int, Whole | None]:
    """One pipeline from `at`: where it ends, 0 when it is none; and the pipeline itself where it is still to be run."""
    begin, end = at, at + 1 + int.from_bytes(data[at + 1 : at + 5], "big")
    if end - at > _LONGEST or data[at + 5 : at + 6] != b"\0":
        return _NOT_ONE
    if data.startswith(_DESCRIBE_EXECUTE_SYNC, end):
        is_described, behind = True, end + len(_DESCRIBE_EXECUTE_SYNC)
    elif data.startswith(_EXECUTE_SYNC, end):
        is_described, behind = False, end + len(_EXECUTE_SYNC)
    else:
        return _NOT_ONE
    at += 6
    name_end = data.find(b"\0", at, end)
    statement = held.by_bytes.get(data[at:name_end])
    found = _codes(data, name_end + 1)
    if statement is None or found is None or statement.prepared.action is not Action.RUN:
        return _NOT_ONE
    formats, at = found
    number = int.from_bytes(data[at : at + 2], "big")
    at += 2
    prepared = statement.prepared
    session = shared.opened
    if number != len(prepared.parameters) or number > _VALUES or session.prepared.get(statement.name) is not prepared:
        return _NOT_ONE
    if len(formats) > 1 and len(formats) != number:
        return _NOT_ONE
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
            return _NOT_ONE
    tail = data[at:end]
    found = _codes(tail, 0)
    if found is None or found[1] != len(tail):
        return _NOT_ONE
    results = found[0]
    if len(results) > 1 and len(results) != len(prepared.columns or ()):
        return _NOT_ONE
    try:
        rows = session.quick(prepared, values, formats, results)
    except Exception as error:  # whatever it is, the client gets an answer and the server logs a defect
        shared.report(error)
        _settle(shared, held)
        return behind, None
    if rows is None:
        return behind, Whole(statement, values, formats, results, is_described)
    described = encode.BIND_COMPLETE + (statement.description(session, results) if is_described else b"")
    shared.out += (described, rows)
    _settle(shared, held)
    if number == 1 and values[0] is not None:
        size = len(values[0])
        value_at = end - len(tail) - size
        held.shape = Shape(
            head=data[begin + 5 : value_at - 4],
            value_at=value_at - begin,
            rest=end - begin - 1 - size,
            tail=data[value_at + size : behind],
            statement=statement,
            formats=formats,
            results=results,
            answer=described,
        )
    return behind, None


def _settle(shared: Shared, held: Held) -> None:
    session = shared.opened
    if held.has_portals:
        held.close_portal(UNNAMED)
        held.settle(session)
    status = session.status
    # An enum's hash is not for free.
    shared.out.append(_IDLE if status is Status.IDLE else READY[status])


def _query(shared: Shared, held: Held, data: bytes, at: int) -> int:
    """One simple query from `at`: where it ends, or 0 when it is not one for the short way."""
    end = at + 1 + int.from_bytes(data[at + 1 : at + 5], "big")
    if end - at > _LONGEST or end > len(data) or data.find(b"\0", at + 5, end) != end - 1:
        return 0
    session = shared.opened
    try:
        text = data[at + 5 : end - 1].decode()
        found = session.quick_text(text)
    except UnicodeDecodeError:
        return 0
    except Exception as error:  # as above
        shared.report(error)
    else:
        if found is None:
            return 0
        prepared, rows = found
        if prepared.columns is not None:
            shared.out.append(held.text_description(session, prepared))
        shared.out.append(rows)
    held.close_statement(session, UNNAMED)
    _settle(shared, held)
    return end
