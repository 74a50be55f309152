"""From a client's parameters to values, and from rows of values to messages.

Theory: each column has one writer, found once a portal: its type's text or binary function, with the few types of which most rows
consist written out for speed. Invariant: a value that cannot be read is an `SqlError` of the class that PostgreSQL gives
(22P02 for text, 22P03 for binary, 22021 for what is not of the client's character set).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hyperdb.frontends.sql.contract import Column, Formats, Outcome, RawValues, Session
from hyperdb.frontends.sql.conversation.portals import each, find_type
from hyperdb.frontends.sql.conversation.recoding import holds_text, recoded
from hyperdb.frontends.sql.conversation.steps import FLUSHED, Shared, Turn, call
from hyperdb.frontends.sql.protocol import encode
from hyperdb.frontends.sql.types import Style, Type, oids

BINARY = 1
# Rows of values are turned into bytes in portions, so that output is bounded by bytes though rows are counted.
_PORTION = 64

_Writer = Callable[[Any], bytes]
_AS_DECIMAL = frozenset({oids.INT2, oids.INT4, oids.INT8, oids.OID})
_AS_IS = frozenset({oids.TEXT, oids.VARCHAR, oids.BPCHAR, oids.NAME, oids.UNKNOWN, oids.JSON})


def read_values(session: Session, oids_: Sequence[int], values: RawValues, formats: Formats) -> list[object]:
    """The values of a Bind message."""
    codes = formats if len(formats) == len(values) else (formats[0] if formats else 0,) * len(values)
    charset = session.style.charset
    read: list[object] = []
    for oid, raw, code in zip(oids_, values, codes, strict=True):
        if raw is None:
            read.append(None)
            continue
        kind = find_type(session, oid)
        if code != BINARY:
            read.append(kind.read_text(charset.decoded(raw), session.style))
        else:
            read.append(binary_reader(session, kind)(raw))
    return read


def binary_reader(session: Session, kind: Type) -> Callable[[bytes], Any]:
    """What reads a type's binary values, the texts in them being of the client's character set."""
    charset = session.style.charset
    if charset.is_unicode or not holds_text(kind):
        return kind.read_binary
    find = _finder(session)
    return lambda raw: kind.read_binary(recoded(kind, raw, lambda part: charset.decoded(part).encode(), find))


def _finder(session: Session) -> Callable[[int], Type]:
    return lambda oid: find_type(session, oid)


def writer(session: Session, style: Style, oid: int, code: int) -> _Writer:
    """What turns a value of the type into the bytes of a field."""
    kind = find_type(session, oid)
    charset = style.charset
    if code == BINARY:
        if charset.is_unicode or not holds_text(kind):
            return kind.write_binary
        find = _finder(session)
        return lambda value: recoded(kind, kind.write_binary(value), lambda part: charset.encoded(part.decode()), find)
    if oid in _AS_DECIMAL:
        return lambda value: b"%d" % value
    turn: Callable[[str], bytes] = str.encode if charset.is_unicode else charset.encoded
    if oid in _AS_IS:
        return turn
    write = kind.write_text
    return lambda value: turn(write(value, style))


def writers(session: Session, columns: Sequence[Column], formats: Formats, style: Style | None = None) -> list[_Writer]:
    """A writer for each column, in another style than the session's if one is given."""
    style = style or session.style
    codes = each(formats, len(columns))
    return [writer(session, style, column.type, code) for column, code in zip(columns, codes, strict=True)]


def fields(row: Sequence[object], write: Sequence[_Writer]) -> list[bytes | None]:
    """One row as the bytes of its fields."""
    return [None if value is None else turn(value) for value, turn in zip(row, write, strict=True)]


def send_rows(shared: Shared, outcome: Outcome, formats: tuple[int, ...], limit: int) -> Turn[tuple[int, bool]]:
    """DataRows for at most `limit` rows (0: all): how many there were, and whether more may follow."""
    session = shared.opened
    if outcome.columns is None:
        _, more = yield from call(outcome.rows, limit)
        return 0, more
    bounds = shared.terms.bounds
    write = writers(session, outcome.columns, formats)
    sent, more = 0, True
    while more and (limit == 0 or sent < limit):
        encoded = yield from call(outcome.encoded, 0 if limit == 0 else limit - sent, formats)
        if encoded is not None:
            data, number, more = encoded
            sent += number
            yield from put(shared, data)
            continue
        wanted = bounds.rows_at_once if limit == 0 else min(bounds.rows_at_once, limit - sent)
        rows, more = yield from call(outcome.rows, wanted)
        sent += len(rows)
        for start in range(0, len(rows), _PORTION):
            portion = rows[start : start + _PORTION]
            yield from put(shared, encode.data_rows([fields(row, write) for row in portion]))
    return sent, more


def put(shared: Shared, data: bytes) -> Turn[None]:
    """Puts out bytes of a long answer, and waits for a client that does not read."""
    shared.out.append(data)
    shared.size += len(data)
    if shared.size >= shared.terms.bounds.pending_output:
        yield FLUSHED
