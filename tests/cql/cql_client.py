"""The stock driver's encoders and decoders as the other end of a wire, without sockets."""

from __future__ import annotations

import io
import struct
import warnings
from typing import Any

import lz4.block

from hyperdb.frontends.cql.protocol.requests import Fault, Request
from hyperdb.frontends.cql.protocol.responses import Ready, Reply
from hyperdb.frontends.cql.protocol.wire import Wire

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the driver's imports are older than this interpreter
    from cassandra import protocol
    from cassandra.connection import lz4_compress, lz4_decompress
    from cassandra.segment import SegmentCodec

HANDLER = protocol._ProtocolHandler
HEADER = struct.Struct(">BBhBi")


def envelope(version: int, opcode: int, body: bytes, *, stream: int = 1, flags: int = 0) -> bytes:
    """An envelope of a request, whatever it holds."""
    return HEADER.pack(version, flags, stream, opcode, len(body)) + body


def message(found: Any, version: int, *, stream: int = 1, compressor: Any = None) -> bytes:
    """The driver's bytes of a request, without segments."""
    data = HANDLER.encode_message(found, stream, version, compressor, False)
    assert isinstance(data, bytes)
    return data


def startup(version: int, **options: str) -> bytes:
    return message(protocol.StartupMessage("3.0.0", options), version, stream=0)


def segments(data: bytes, *, compressed: bool = False) -> bytes:
    """The driver's segments around an envelope."""
    codec = SegmentCodec(lz4_compress, lz4_decompress) if compressed else SegmentCodec()
    out = io.BytesIO()
    codec.encode(out, data)
    return out.getvalue()


def unsegmented(data: bytes, *, compressed: bool = False) -> bytes:
    """What is in segments, by the driver."""
    codec = SegmentCodec(lz4_compress, lz4_decompress) if compressed else SegmentCodec()
    source, out = io.BytesIO(data), []
    while source.tell() < len(data):
        out.append(codec.decode(source, codec.decode_header(source)).payload)
    return b"".join(out)


def cut(data: bytes) -> list[tuple[int, int, int, int, bytes]]:
    """Version, flags, stream, opcode and body of each envelope; nothing may be left."""
    found, at = [], 0
    while at < len(data):
        version, flags, stream, opcode, length = HEADER.unpack_from(data, at)
        at += HEADER.size
        assert length >= 0
        assert at + length <= len(data)
        found.append((version & 0x7F, flags, stream, opcode, data[at : at + length]))
        at += length
    return found


def decoded(data: bytes, *, metadata: Any = None, decompressor: Any = None) -> Any:
    """The one reply that the bytes are, as the driver reads it."""
    ((version, flags, stream, opcode, body),) = cut(data)
    return HANDLER.decode_message(version, {}, stream, flags, opcode, body, decompressor, metadata)


def lz4_of_v4(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + lz4.block.compress(data, store_size=False)


class Client:
    """A wire that has answered STARTUP, and how to talk with it."""

    def __init__(self, version: int, compression: str | None = None, *, logged_in: bool = True, wire: Wire | None = None) -> None:
        self.version = version
        self.compressed = compression is not None
        self.wire = wire or Wire()
        asked = {"COMPRESSION": compression} if compression else {}
        (request,) = self.wire.receive(startup(version, **asked))
        assert isinstance(request, Request)
        self.answer = self.wire.send(Reply(Ready()), request.stream)
        self.wire.logged_in = logged_in

    def framed(self, data: bytes) -> bytes:
        """An envelope as it goes out."""
        return segments(data, compressed=self.compressed) if self.version >= 5 else data

    def ask(self, found: Any, **options: Any) -> Request | Fault:
        """What the wire makes of a request of the driver's."""
        (request,) = self.wire.receive(self.framed(message(found, self.version, **options)))
        return request

    def reply(self, reply: Reply, *, stream: int = 1, metadata: Any = None) -> Any:
        """A reply as the driver reads it."""
        data = self.wire.send(reply, stream)
        if self.version >= 5:
            data = unsegmented(data, compressed=self.compressed)
        return decoded(data, metadata=metadata, decompressor=lz4_decompress)
