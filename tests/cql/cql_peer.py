"""A client that keeps what it is answered as it came: bytes of values, types, codes, warnings.

Theory: two servers are the same if nothing that a client can see tells them apart, so replies are compared below any driver's
conversion. Framing and metadata are read by the stock driver's classes; requests are written here, since the driver cannot send
`now_in_seconds` (protocol 5), with which TTLs end without waiting. Invariant: equal answers compare equal, and an `Answer` can be
written to a file and read back.
"""

from __future__ import annotations

import io
import socket
import struct
import warnings
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeAlias

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the driver's imports are older than this interpreter
    from cassandra import protocol
    from cassandra.segment import SegmentCodec

VERSION = 5
_HEADER = struct.Struct(">BBhBi")
_STARTUP, _QUERY, _PREPARE, _EXECUTE, _BATCH, _AUTH_RESPONSE = 1, 7, 9, 10, 13, 15
_RESULT, _READY, _AUTHENTICATE = 8, 2, 3


class Unset:
    """The value of a marker for which none is given."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET = Unset()
Value: TypeAlias = bytes | Unset | None


@dataclass(frozen=True)
class Settings:
    """How a statement is executed."""

    page_size: int | None = None
    paging_state: bytes | None = None
    consistency: int = 1
    serial: int | None = None
    timestamp: int | None = None
    """Microseconds."""
    keyspace: str | None = None
    now: int | None = None
    """Seconds."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    kind: str
    """rows, void, keyspace, prepared, schema or error."""
    columns: tuple[tuple[str, str, str, str], ...] = ()
    """Keyspace, table, name and type; of a prepared statement its markers."""
    rows: tuple[tuple[bytes | None, ...], ...] = ()
    more: bool = False
    code: int = 0
    message: str = ""
    """Of an error; of a change of the schema what changed."""
    warnings: tuple[str, ...] = ()
    state: bytes | None = None
    """The paging state, which is each server's own."""
    prepared: Any = None
    """The driver's message."""


class _Rows(protocol.ResultMessage):  # type: ignore[misc]
    """Rows whose values stay bytes."""

    def recv_results_rows(self, f: Any, version: int, types: Any, metadata: Any, policy: Any) -> None:
        self.recv_results_metadata(f, types)
        count = protocol.read_int(f)
        width = len(self.column_metadata)
        self.parsed_rows = [tuple(protocol.read_value(f) for _ in range(width)) for _ in range(count)]


class _Handler(protocol._ProtocolHandler):  # type: ignore[misc]
    message_types_by_opcode: ClassVar[dict[int, Any]] = {**protocol._ProtocolHandler.message_types_by_opcode, _RESULT: _Rows}


def _short(number: int) -> bytes:
    return struct.pack(">H", number)


def _int(number: int) -> bytes:
    return struct.pack(">i", number)


def _text(text: str) -> bytes:
    data = text.encode(errors="surrogateescape")
    return _short(len(data)) + data


def _long_text(text: str) -> bytes:
    data = text.encode(errors="surrogateescape")
    return _int(len(data)) + data


def _value(value: Value) -> bytes:
    if value is None:
        return _int(-1)
    return _int(-2) if isinstance(value, Unset) else _int(len(value)) + value


def _values(values: tuple[Value, ...]) -> bytes:
    return _short(len(values)) + b"".join(map(_value, values))


def _tail(settings: Settings) -> tuple[int, bytes]:
    """Flags and fields that QUERY, EXECUTE and BATCH end with."""
    flags, out = 0, b""
    if settings.serial is not None:
        flags, out = flags | 0x10, out + _short(settings.serial)
    if settings.timestamp is not None:
        flags, out = flags | 0x20, out + struct.pack(">q", settings.timestamp)
    if settings.keyspace is not None:
        flags, out = flags | 0x80, out + _text(settings.keyspace)
    if settings.now is not None:
        flags, out = flags | 0x100, out + _int(settings.now)
    return flags, out


def _parameters(values: tuple[Value, ...], settings: Settings) -> bytes:
    flags, tail = _tail(settings)
    out = b""
    if values:
        flags, out = flags | 0x01, _values(values)
    if settings.page_size is not None:
        flags, out = flags | 0x04, out + _int(settings.page_size)
    if settings.paging_state is not None:
        flags, out = flags | 0x08, out + _int(len(settings.paging_state)) + settings.paging_state
    return _short(settings.consistency) + struct.pack(">I", flags) + out + tail


class Peer:
    """A connection, one request after the other."""

    def __init__(self, host: str, port: int, patience: float = 120) -> None:
        self._socket = socket.create_connection((host, port), patience)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._codec = SegmentCodec()
        self._received = io.BytesIO()
        self._send_plain(_STARTUP, _short(1) + _text("CQL_VERSION") + _text("3.4.7"))
        opcode, _, body = self._receive_plain()
        if opcode == _AUTHENTICATE:
            self._segmented(_AUTH_RESPONSE, _int(20) + b"\0cassandra\0cassandra")
            self._receive_segments()
        elif opcode != _READY:
            raise RuntimeError(f"opcode {opcode} for STARTUP: {body!r}")

    def close(self) -> None:
        """Ends the connection."""
        self._socket.close()

    def query(self, text: str, *values: Value, settings: Settings = Settings()) -> Answer:
        """Runs a statement."""
        return self._ask(_QUERY, _long_text(text) + _parameters(values, settings))

    def prepare(self, text: str, keyspace: str | None = None) -> Answer:
        """Prepares a statement; `prepared` of the answer is for `execute`."""
        flags = _int(1) + _text(keyspace) if keyspace else _int(0)
        return self._ask(_PREPARE, _long_text(text) + flags)

    def execute(self, prepared: Any, *values: Value, settings: Settings = Settings()) -> Answer:
        """Runs a prepared statement."""
        ids = _short(len(prepared.query_id)) + prepared.query_id
        ids += _short(len(prepared.result_metadata_id)) + prepared.result_metadata_id
        return self._ask(_EXECUTE, ids + _parameters(values, settings))

    def batch(self, kind: int, *items: tuple[Any, ...], settings: Settings = Settings()) -> Answer:
        """Runs a batch of texts or prepared statements, each with its values."""
        out = bytes([kind]) + _short(len(items))
        for what, *values in items:
            is_text = isinstance(what, str)
            out += b"\0" + _long_text(what) if is_text else b"\1" + _short(len(what.query_id)) + what.query_id
            out += _values(tuple(values))
        flags, tail = _tail(settings)
        return self._ask(_BATCH, out + _short(settings.consistency) + struct.pack(">I", flags) + tail)

    def all_pages(self, text: str, *values: Value, settings: Settings) -> list[Answer]:
        """A statement's pages."""
        found = [self.query(text, *values, settings=settings)]
        while found[-1].state is not None and len(found) < 200:
            found.append(self.query(text, *values, settings=replace(settings, paging_state=found[-1].state)))
        return found

    # The wire.

    def _ask(self, opcode: int, body: bytes) -> Answer:
        self._segmented(opcode, body)
        return _answer(*self._receive_segments())

    def _send_plain(self, opcode: int, body: bytes) -> None:
        self._socket.sendall(_HEADER.pack(VERSION, 0, 1, opcode, len(body)) + body)

    def _segmented(self, opcode: int, body: bytes) -> None:
        out = io.BytesIO()
        self._codec.encode(out, _HEADER.pack(VERSION, 0, 1, opcode, len(body)) + body)
        self._socket.sendall(out.getvalue())

    def _exactly(self, length: int) -> bytes:
        found = b""
        while len(found) < length:
            got = self._socket.recv(length - len(found))
            if not got:
                raise ConnectionError("the server closed the connection")
            found += got
        return found

    def _receive_plain(self) -> tuple[int, int, bytes]:
        _, flags, _, opcode, length = _HEADER.unpack(self._exactly(_HEADER.size))
        return opcode, flags, self._exactly(length)

    def _receive_segments(self) -> tuple[int, int, bytes]:
        data = b""
        while len(data) < _HEADER.size or len(data) < _HEADER.size + _HEADER.unpack_from(data)[4]:
            head = self._exactly(self._codec.header_length_with_crc)
            header = self._codec.decode_header(io.BytesIO(head))
            body = self._exactly(header.segment_length - len(head))
            data += self._codec.decode(io.BytesIO(body), header).payload
        _, flags, _, opcode, _ = _HEADER.unpack_from(data)
        return opcode, flags, data[_HEADER.size :]


def _answer(opcode: int, flags: int, body: bytes) -> Answer:
    found = _Handler.decode_message(VERSION, {}, 1, flags, opcode, body, None, None)
    told = tuple(found.warnings or ())
    if isinstance(found, protocol.ErrorMessage):
        return Answer("error", code=found.code, message=found.message, warnings=told)
    match found.kind:
        case protocol.RESULT_KIND_ROWS:
            state = found.paging_state
            rows = tuple(found.parsed_rows)
            return Answer("rows", _columns(found.column_metadata), rows, state is not None, warnings=told, state=state)
        case protocol.RESULT_KIND_PREPARED:
            return Answer("prepared", _columns(found.bind_metadata), warnings=told, prepared=found)
        case protocol.RESULT_KIND_SET_KEYSPACE:
            return Answer("keyspace", message=found.new_keyspace, warnings=told)
        case protocol.RESULT_KIND_SCHEMA_CHANGE:
            changed = found.schema_change_event
            named = [str(changed[part]) for part in ("table", "type", "function", "aggregate") if part in changed]
            words = [changed["change_type"], changed["target_type"], *named]
            return Answer("schema", message=" ".join(words), warnings=told)
    return Answer("void", warnings=told)


def _columns(metadata: Any) -> tuple[tuple[str, str, str, str], ...]:
    return tuple((c[0], c[1], c[2], c[3].cql_parameterized_type()) for c in metadata or ())
