"""One connection's bytes: requests out of what came, bytes out of what is answered.

Theory: until STARTUP is answered, and in versions 3 and 4 for ever, envelopes come one after the other; then version 5 puts
them into segments. So nothing behind a STARTUP of version 5 is read before its answer is known. In versions 3 and 4 bodies may
be packed, each says so itself; in version 5 segments are.
Invariant: `receive` and `send` raise nothing for whatever a peer sent; after a fatal fault no request comes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.protocol import decode, encode, envelopes, segments, startup, versions
from hyperdb.frontends.cql.protocol.compression import Compression
from hyperdb.frontends.cql.protocol.envelopes import Envelope, EnvelopeDecoder
from hyperdb.frontends.cql.protocol.limits import Limits
from hyperdb.frontends.cql.protocol.opcodes import Flag, Opcode
from hyperdb.frontends.cql.protocol.reader import Reader, broken
from hyperdb.frontends.cql.protocol.requests import Fault, Request, Startup
from hyperdb.frontends.cql.protocol.responses import Authenticate, Error, Event, Ready, Reply
from hyperdb.frontends.cql.protocol.segments import SegmentDecoder

# Bodies shorter than this are not worth compressing.
_LEAST_COMPRESSED = 64


class Wire:
    """Both directions of a connection."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.logged_in = False
        """Set by the owner once the client has proved who it is: it may send more then."""
        self._limits = limits or Limits()
        self._decoder = EnvelopeDecoder()
        self._segments: SegmentDecoder | None = None
        self._in_pieces = False
        """Whether the last segment was a piece of an envelope whose end has not come."""
        self._compression: Compression | None = None
        self._starting: tuple[Compression | None] | None = None
        """What STARTUP asked for, while it is not answered."""
        self._failed = False

    @property
    def version(self) -> int:
        """Of the protocol: the client's, or the newest one as long as nothing came."""
        return self._decoder.version or versions.NEWEST

    @property
    def held(self) -> int:
        """Bytes that came and are no request yet."""
        return self._decoder.held + (self._segments.held if self._segments is not None else 0)

    @property
    def is_plain(self) -> bool:
        """Whether the next byte begins an envelope or a segment, and nothing is compressed."""
        return not self.held and self._compression is None and self._starting is None and not self._failed

    def receive(self, data: bytes) -> list[Request | Fault]:
        """What became complete with `data`. After STARTUP was answered, `receive(b"")` gives what came behind it."""
        if self._failed:
            return []
        if self._segments is None:
            self._decoder.receive(data)
            return list(self._drain())
        self._segments.receive(data)
        return list(self._drain_segments(self._segments))

    def send(self, reply: Reply, stream: int) -> bytes:
        """The bytes of a reply."""
        return self.send_all([(reply, stream)])

    def send_all(self, replies: Iterable[tuple[Reply, int]]) -> bytes:
        """The bytes of replies, each with its stream: several in one go take fewer segments."""
        out: list[bytes] = []
        group: list[bytes] = []
        for reply, stream in replies:
            opcode, flags, body = encode.reply(reply, self.version)
            if self._starting is not None and isinstance(reply.response, Ready | Authenticate | Error):
                # STARTUP's answer is not packed in any way; what comes behind it is.
                out += (self._framed(group), envelopes.encode(self.version, flags, stream, opcode, body))
                group = []
                self._started(accepted=not isinstance(reply.response, Error))
            else:
                group.append(self._envelope(opcode, flags, stream, body))
        out.append(self._framed(group))
        return b"".join(out)

    def event(self, event: Event) -> bytes:
        """The bytes of an event."""
        return self._framed([self._envelope(Opcode.EVENT, 0, envelopes.EVENT_STREAM, encode.event(event, self.version))])

    # In.

    def _drain(self) -> Iterator[Request | Fault]:
        limits = self._limits
        while self._starting is None:
            found = self._decoder.next(limits.body if self.logged_in else limits.stranger)
            if found is None:
                return
            if isinstance(found, Envelope):
                yield self._request(found)
            else:
                yield found
                if found.fatal:
                    self._failed = True
                    return

    def _drain_segments(self, decoder: SegmentDecoder) -> Iterator[Request | Fault]:
        yield from self._drain()
        while not self._failed:
            try:
                found = decoder.next()
                if found is None:
                    return
                payload, self_contained = found
                if self_contained and self._in_pieces:
                    raise broken("A self-contained segment came where the rest of an envelope should be")
                self._decoder.receive(payload)
                yield from self._drain()
                self._in_pieces = not self._decoder.is_between
                if self_contained and self._in_pieces and not self._failed:
                    raise broken("A self-contained segment ends within an envelope")
            except CqlError as error:
                self._failed = True
                yield Fault(0, error, fatal=True)

    def _request(self, envelope: Envelope) -> Request | Fault:
        try:
            body = self._unpacked(envelope)
            reader = Reader(body)
            payload: Mapping[str, bytes | None] = {}
            if envelope.flags & Flag.PAYLOAD:
                if envelope.version < versions.V4:
                    raise broken("Received frame with CUSTOM_PAYLOAD flag for native protocol version < 4")
                payload = reader.bytes_map()
            decoded = decode.body(envelope.opcode, reader, envelope.version)
            if isinstance(decoded, Startup):
                asked = startup.compression(decoded, envelope.version)
                if self._compression is None and self._segments is None:
                    self._starting = (asked,)
        except CqlError as error:
            return Fault(envelope.stream, error)
        tracing = bool(envelope.flags & Flag.TRACING)
        return Request(envelope.stream, decoded, envelope.version, tracing, payload, len(envelope.body))

    def _unpacked(self, envelope: Envelope) -> bytes:
        if not envelope.flags & Flag.COMPRESSED or self._segments is not None or not envelope.body:
            return envelope.body
        if self._compression is None:
            raise broken("A body is compressed, but no compression was agreed on")
        return self._compression.unpack(envelope.body, self._limits.body if self.logged_in else self._limits.stranger)

    # Out.

    def _started(self, *, accepted: bool) -> None:
        assert self._starting is not None
        (asked,) = self._starting
        self._starting = None
        if not accepted:
            return
        self._compression = asked
        if self.version >= versions.V5:
            self._segments = SegmentDecoder(compressed=asked is not None)
            self._segments.receive(self._decoder.rest())

    def _envelope(self, opcode: int, flags: int, stream: int, body: bytes) -> bytes:
        if self._compression is not None and self._segments is None and len(body) >= _LEAST_COMPRESSED:
            packed = self._compression.pack(body)
            return envelopes.encode(self.version, flags | Flag.COMPRESSED, stream, opcode, packed)
        return envelopes.encode(self.version, flags, stream, opcode, body)

    def _framed(self, made: Sequence[bytes]) -> bytes:
        if self._segments is None:
            return b"".join(made)
        return segments.encode(made, compressed=self._compression is not None)
