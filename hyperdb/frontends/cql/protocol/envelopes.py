"""Envelopes: a header of 9 bytes and a body (specification, section 2.1).

Theory: version, flags, stream, opcode, length, then the body. A body that is too long is not kept: its bytes are passed over
while they come, and the stream is told. Invariant: the decoder holds no more than one body and what came behind it in the same
read; after a header that cannot be trusted nothing comes out any more.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.codes import ErrorCode
from hyperdb.frontends.cql.protocol import versions
from hyperdb.frontends.cql.protocol.opcodes import Flag
from hyperdb.frontends.cql.protocol.reader import broken
from hyperdb.frontends.cql.protocol.requests import Fault

_HEADER = struct.Struct(">BBhBi")
_ANCIENT_HEADER = struct.Struct(">BBbBi")
# Consumed bytes are cut off once there are so many of them, so that a long pipeline is not moved for every envelope.
_COMPACT_AT = 1 << 16
EVENT_STREAM = -1


@dataclass(frozen=True, slots=True)
class Envelope:
    """A whole one of a version that is served."""

    version: int
    flags: int
    stream: int
    opcode: int
    body: bytes


def encode(version: int, flags: int, stream: int, opcode: int, body: bytes) -> bytes:
    """A reply's envelope."""
    header = _ANCIENT_HEADER if versions.is_ancient(version) else _HEADER
    if version == versions.BETA:
        flags |= Flag.BETA
    return header.pack(version | versions.DIRECTION, flags, stream, opcode, len(body)) + body


class EnvelopeDecoder:
    """Feed it with `receive`, drain it with `next` until that gives None."""

    def __init__(self) -> None:
        self.version: int | None = None
        """That of the first envelope, which all others must have; in which faults are answered."""
        self._buffer = bytearray()
        self._at = 0
        self._skip = 0
        self._failed = False

    def receive(self, data: bytes) -> None:
        """Bytes that came; those of a body that is too long are passed over here."""
        if self._failed:
            return
        if self._skip:
            passed = min(self._skip, len(data))
            self._skip -= passed
            data = data[passed:]
        self._buffer += data

    @property
    def held(self) -> int:
        """Bytes that came and are no envelope yet."""
        return len(self._buffer) - self._at

    @property
    def is_between(self) -> bool:
        """Whether what came ends where an envelope ends."""
        return not self.held and not self._skip

    def rest(self) -> bytes:
        """Takes back what came and is no envelope yet."""
        rest = bytes(self._buffer[self._at :])
        self._consume(len(self._buffer))
        return rest

    def next(self, most: int) -> Envelope | Fault | None:
        """The next one whose body has `most` bytes at the most; None: more bytes are needed, or the connection is over."""
        buffer, at = self._buffer, self._at
        if self._failed or len(buffer) - at < _ANCIENT_HEADER.size:
            return None
        version = buffer[at]
        if version not in versions.SUPPORTED and not (version == versions.BETA and buffer[at + 1] & Flag.BETA):
            return self._unsupported(version, at)
        if len(buffer) - at < _HEADER.size:
            return None
        _, flags, stream, opcode, length = _HEADER.unpack_from(buffer, at)
        if self.version is None:
            self.version = version
        elif self.version != version:
            shown = f"Invalid message version. Got {version}/v{version} but previous messages on this connection had version "
            return self._fail(stream, broken(f"{shown}{self.version}/v{self.version}"))
        if length < 0:
            return self._fail(stream, broken(f"Invalid frame body length: {length}"))
        start = at + _HEADER.size
        if length > most:
            return self._pass_over(stream, length, most, start)
        if len(buffer) < start + length:
            return None
        body = bytes(buffer[start : start + length])
        self._consume(start + length)
        return Envelope(version, flags, stream, opcode, body)

    def _unsupported(self, version: int, at: int) -> Fault | None:
        if version & versions.DIRECTION:
            self.version = self.version or versions.NEWEST
            return self._fail(0, broken("Wrong protocol direction: a response came where a request should be"))
        if versions.is_ancient(version):
            stream = _ANCIENT_HEADER.unpack_from(self._buffer, at)[2]
        elif len(self._buffer) - at < _HEADER.size:
            return None
        else:
            stream = _HEADER.unpack_from(self._buffer, at)[2]
        self.version = self.version or versions.readable_by(version)
        return self._fail(stream, broken(versions.refusal(version)))

    def _pass_over(self, stream: int, length: int, most: int, start: int) -> Fault:
        there = min(length, len(self._buffer) - start)
        self._consume(start + there)
        self._skip = length - there
        shown = f"Request is too big: length {length} exceeds maximum allowed length {most}."
        return Fault(stream, CqlError(ErrorCode.INVALID, shown))

    def _fail(self, stream: int, error: CqlError) -> Fault:
        self._failed = True
        self._consume(len(self._buffer))
        return Fault(stream, error, fatal=True)

    def _consume(self, end: int) -> None:
        if end == len(self._buffer):
            self._buffer.clear()
            self._at = 0
        elif end >= _COMPACT_AT:
            del self._buffer[:end]
            self._at = 0
        else:
            self._at = end
