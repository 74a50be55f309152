"""Answers of a backend to bytes.

Theory: one function a message; what never changes is a constant; rows are built many at a time, because a result is mostly rows.
Invariant: text that would break a frame (a NUL inside) is cut at the NUL, so that no data can forge a field or a message.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from hyperdb.frontends.sql.types.charsets import UTF8, Charset

_HEAD = struct.Struct(">BI")
_COUNT = struct.Struct(">H")
_LENGTH = struct.Struct(">I")
_COLUMN = struct.Struct(">IHIhih")
_NULL = b"\xff\xff\xff\xff"

PARSE_COMPLETE = b"1\0\0\0\4"
BIND_COMPLETE = b"2\0\0\0\4"
CLOSE_COMPLETE = b"3\0\0\0\4"
NO_DATA = b"n\0\0\0\4"
EMPTY_QUERY = b"I\0\0\0\4"
PORTAL_SUSPENDED = b"s\0\0\0\4"
COPY_DONE = b"c\0\0\0\4"
AUTHENTICATION_OK = b"R\0\0\0\x08\0\0\0\0"


class TransactionStatus(Enum):
    """What ReadyForQuery says of the transaction."""

    IDLE = "I"
    OPEN = "T"
    FAILED = "E"


_READY = {status: b"Z\0\0\0\5" + status.value.encode() for status in TransactionStatus}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a result. `table_oid` and `number` are 0 where the column is no table's; `format` 0 text, 1 binary."""

    name: str
    type_oid: int
    type_size: int = -1
    type_modifier: int = -1
    table_oid: int = 0
    number: int = 0
    format: int = 0


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """An error or a notice. `position` counts characters of the query from 1; None leaves a field out."""

    severity: str
    sqlstate: str
    message: str
    detail: str | None = None
    hint: str | None = None
    position: int | None = None
    internal_position: int | None = None
    internal_query: str | None = None
    where: str | None = None
    schema: str | None = None
    table: str | None = None
    column: str | None = None
    data_type: str | None = None
    constraint: str | None = None
    file: str | None = None
    line: int | None = None
    routine: str | None = None


# In the order in which PostgreSQL sends them; severity goes twice, the second time never translated.
_FIELDS = (
    (b"S", "severity"),
    (b"V", "severity"),
    (b"C", "sqlstate"),
    (b"M", "message"),
    (b"D", "detail"),
    (b"H", "hint"),
    (b"P", "position"),
    (b"p", "internal_position"),
    (b"q", "internal_query"),
    (b"W", "where"),
    (b"s", "schema"),
    (b"t", "table"),
    (b"c", "column"),
    (b"d", "data_type"),
    (b"n", "constraint"),
    (b"F", "file"),
    (b"L", "line"),
    (b"R", "routine"),
)


def _message(kind: str, body: bytes) -> bytes:
    return _HEAD.pack(ord(kind), len(body) + 4) + body


def _text(value: str, charset: Charset = UTF8) -> bytes:
    # What the client's character set lacks cannot be sent, such as a lone surrogate; a question mark can.
    return charset.told(value.partition("\0")[0]) + b"\0"


def ready_for_query(status: TransactionStatus) -> bytes:
    """ReadyForQuery: the next command may come."""
    return _READY[status]


def sasl_mechanisms(mechanisms: Iterable[str]) -> bytes:
    """AuthenticationSASL: the mechanisms, best first."""
    return _message("R", b"\0\0\0\x0a" + b"".join(map(_text, mechanisms)) + b"\0")


def sasl_continue(data: bytes) -> bytes:
    """AuthenticationSASLContinue: a challenge."""
    return _message("R", b"\0\0\0\x0b" + data)


def sasl_final(data: bytes) -> bytes:
    """AuthenticationSASLFinal: the last data of the mechanism."""
    return _message("R", b"\0\0\0\x0c" + data)


def parameter_status(name: str, value: str, charset: Charset = UTF8) -> bytes:
    """ParameterStatus: a setting that clients follow."""
    return _message("S", _text(name) + _text(value, charset))


def backend_key(process_id: int, secret: bytes) -> bytes:
    """BackendKeyData. Protocol 3.0 knows secrets of 4 bytes only; 3.2 takes 4 to 256."""
    return _message("K", _LENGTH.pack(process_id) + secret)


def negotiate_version(newest_minor: int, unknown_options: Sequence[str]) -> bytes:
    """NegotiateProtocolVersion: the newest minor version that is spoken, and the `_pq_.` options that are not known."""
    version = 3 << 16 | newest_minor
    return _message("v", struct.pack(">II", version, len(unknown_options)) + b"".join(map(_text, unknown_options)))


def row_description(columns: Sequence[Column], charset: Charset = UTF8) -> bytes:
    """RowDescription: the columns of the rows that follow."""
    described = [
        _text(c.name, charset) + _COLUMN.pack(c.table_oid, c.number, c.type_oid, c.type_size, c.type_modifier, c.format)
        for c in columns
    ]
    return _message("T", _COUNT.pack(len(columns)) + b"".join(described))


def parameter_description(oids: Sequence[int]) -> bytes:
    """ParameterDescription: the types of a statement's parameters."""
    return _message("t", struct.pack(f">H{len(oids)}I", len(oids), *oids))


_SHORT = 128
_SHORT_LENGTHS = [_LENGTH.pack(size) for size in range(_SHORT)]
"""What stands before short values, which most are."""


def data_rows(rows: Iterable[Sequence[bytes | None]]) -> bytes:
    """A DataRow for each row; None is NULL. All rows in one piece of memory: the caller chooses how many."""
    out: list[bytes] = []
    length_of, short = _LENGTH.pack, _SHORT_LENGTHS
    for row in rows:
        body = b"".join(
            [
                _NULL if value is None else short[len(value)] + value if len(value) < _SHORT else length_of(len(value)) + value
                for value in row
            ]
        )
        out += (_HEAD.pack(0x44, 6 + len(body)), _COUNT.pack(len(row)), body)
    return b"".join(out)


def command_complete(tag: str) -> bytes:
    """CommandComplete: the tag says what was done to how many rows."""
    return _message("C", _text(tag))


def _diagnostic(kind: str, diagnostic: Diagnostic, charset: Charset) -> bytes:
    parts = []
    for code, field in _FIELDS:
        value = getattr(diagnostic, field)
        if value is not None:
            parts.append(code + _text(str(value), charset))
    return _message(kind, b"".join(parts) + b"\0")


def error_response(diagnostic: Diagnostic, charset: Charset = UTF8) -> bytes:
    """ErrorResponse: the statement failed, or the connection ends."""
    return _diagnostic("E", diagnostic, charset)


def notice_response(diagnostic: Diagnostic, charset: Charset = UTF8) -> bytes:
    """NoticeResponse: a remark that changes nothing."""
    return _diagnostic("N", diagnostic, charset)


def notification(process_id: int, channel: str, payload: str, charset: Charset = UTF8) -> bytes:
    """NotificationResponse: the session `process_id` said NOTIFY."""
    return _message("A", _LENGTH.pack(process_id) + _text(channel, charset) + _text(payload, charset))


def _copy(kind: str, formats: Sequence[int]) -> bytes:
    # The overall format is binary exactly if the columns' is: PostgreSQL mixes them never.
    overall = int(any(formats))
    return _message(kind, struct.pack(f">BH{len(formats)}h", overall, len(formats), *formats))


def copy_in(formats: Sequence[int]) -> bytes:
    """CopyInResponse: the client is to send rows; one format code a column."""
    return _copy("G", formats)


def copy_out(formats: Sequence[int]) -> bytes:
    """CopyOutResponse: rows follow; one format code a column."""
    return _copy("H", formats)


def copy_data(data: bytes) -> bytes:
    """CopyData: a piece of COPY's output."""
    return _message("d", data)
