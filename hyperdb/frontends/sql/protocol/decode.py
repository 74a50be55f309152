"""Bytes of a frontend to events.

Theory: until the startup packet a message has no type byte; while the client authenticates only password messages are taken;
then a table gives each type byte its reader and its limit. Who owns the decoder moves it on with `phase`, because only he knows
whether a password was right. Invariant: a frame that cannot be trusted (a length out of bounds, an unknown type) raises a fatal
`WireError` and the decoder reads no more; a bad body in a good frame is a `Malformed` event.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from hyperdb.errors import WireError
from hyperdb.frontends.sql.protocol import messages
from hyperdb.frontends.sql.protocol.body import Body, broken
from hyperdb.frontends.sql.protocol.limits import Limits
from hyperdb.frontends.sql.types.charsets import UTF8

MAJOR = 3
NEWEST_MINOR = 2
# Codes that stand where a version would: "1234" and a number (PostgreSQL, Message Formats).
_CANCEL, _SSL, _GSS = 80_877_102, 80_877_103, 80_877_104
_CANCEL_SECRETS = range(4, 257)
# Consumed bytes are cut off once there are so many of them, so that a long pipeline is not moved for every message.
_COMPACT_AT = 1 << 16


class Phase(Enum):
    """How far the connection is."""

    STARTUP = "startup"
    AUTHENTICATION = "authentication"
    SESSION = "session"


def _target(body: Body, name: str) -> tuple[bool, str]:
    kind = body.byte()
    if kind not in b"PS":
        raise broken(f"invalid {name} message subtype {kind}")
    return kind == ord("P"), body.text()


def _parse(body: Body) -> messages.Event:
    return messages.Parse(body.text(), body.text(), body.oids(body.count()))


def _bind(body: Body) -> messages.Event:
    portal, statement = body.text(), body.text()
    formats = body.counts(body.count())
    number = body.count()
    if len(formats) > 1 and len(formats) != number:
        raise broken(f"bind message has {len(formats)} parameter formats but {number} parameters")
    values = tuple([body.value() for _ in range(number)])
    result_formats = body.counts(body.count())
    for code in formats + result_formats:
        if code not in (0, 1):
            raise broken(f"unsupported format code: {code}", "22023")
    return messages.Bind(portal, statement, formats, values, result_formats)


def _execute(body: Body) -> messages.Event:
    # A negative limit is none, as 0 is.
    return messages.Execute(body.text(), max(body.int32(), 0))


def _function_call(body: Body) -> messages.Event:
    body.rest()
    return messages.FunctionCall()


# Type byte: reader of the body, and whether a message of the kind is always small.
_READERS: dict[int, tuple[Callable[[Body], messages.Event], bool]] = {
    ord("Q"): (lambda body: messages.Query(body.text()), False),
    ord("P"): (_parse, False),
    ord("B"): (_bind, False),
    ord("D"): (lambda body: messages.Describe(*_target(body, "DESCRIBE")), True),
    ord("E"): (_execute, True),
    ord("C"): (lambda body: messages.Close(*_target(body, "CLOSE")), True),
    ord("H"): (lambda _: messages.Flush(), True),
    ord("S"): (lambda _: messages.Sync(), True),
    ord("d"): (lambda body: messages.CopyData(body.rest()), False),
    ord("c"): (lambda _: messages.CopyDone(), True),
    ord("f"): (lambda body: messages.CopyFail(body.text()), True),
    ord("F"): (_function_call, False),
    ord("X"): (lambda _: messages.Terminate(), True),
}

_COPY_DATA = ord("d")
# Whole messages that most pipelines are made of, so that they need not be read each time.
_USUAL: dict[bytes, messages.Event] = {
    b"S\0\0\0\4": messages.Sync(),
    b"H\0\0\0\4": messages.Flush(),
    b"E\0\0\0\x09\0\0\0\0\0": messages.Execute("", 0),
    b"D\0\0\0\6P\0": messages.Describe(True, ""),
    b"D\0\0\0\6S\0": messages.Describe(False, ""),
}
_LONGEST_USUAL = max(map(len, _USUAL))


# Of bytes that begin with CopyData, and the most that one may have: the bodies of whole ones at the front, and bytes of them all.
Merge = Callable[[bytes, int], tuple[bytes, int]]


def merged(data: bytes, most: int) -> tuple[bytes, int]:
    """CopyData messages as one, since clients send one a row and where they are cut means nothing."""
    bodies, at = [], 0
    while data[at : at + 1] == b"d":
        length = int.from_bytes(data[at + 1 : at + 5], "big")
        end = at + 1 + length
        if not 4 <= length <= most or end > len(data):
            break
        bodies.append(data[at + 5 : end])
        at = end
    return b"".join(bodies), at


class Decoder:
    """Feed it with `receive`, drain it with `next_event` until that gives None."""

    def __init__(self, limits: Limits | None = None, merge: Merge = merged) -> None:
        self._merge = merge
        self.phase = Phase.STARTUP
        self.charset = UTF8
        """Of the texts in messages; whoever owns the decoder changes it with the session's `client_encoding`."""
        self._limits = limits or Limits()
        self._buffer = bytearray()
        self._at = 0
        self._asked: set[int] = set()
        self._failed: WireError | None = None

    def receive(self, data: bytes) -> None:
        """Bytes that came from the peer; after a fatal error they are dropped."""
        if self._failed is None:
            self._buffer += data

    @property
    def held(self) -> int:
        """Bytes that came and are not an event yet."""
        return len(self._buffer) - self._at

    def next_event(self) -> messages.Event | None:
        """The next whole message, or None: more bytes are needed. Raises a fatal `WireError`, and then again each time."""
        if self._failed is not None:
            raise self._failed
        try:
            return self._startup() if self.phase is Phase.STARTUP else self._typed()
        except WireError as error:
            self._failed = error
            self._buffer.clear()
            raise

    def _typed(self) -> messages.Event | None:
        buffer, at = self._buffer, self._at
        if len(buffer) - at < 5:
            return None
        kind = buffer[at]
        if self.phase is Phase.AUTHENTICATION:
            if kind != ord("p"):
                raise WireError("08P01", f"expected SASL response, got message type {kind}", fatal=True)
            read, most = None, self._limits.password
        else:
            found = _READERS.get(kind)
            if found is None:
                raise WireError("08P01", f"invalid frontend message type {kind}", fatal=True)
            read, is_small = found
            most = self._limits.small_message if is_small else self._limits.message
        length = int.from_bytes(buffer[at + 1 : at + 5], "big")
        if not 4 <= length <= most:
            raise WireError("08P01", "invalid message length", fatal=True)
        end = at + 1 + length
        if len(buffer) < end:
            return None
        if length < _LONGEST_USUAL and read is not None:
            usual = _USUAL.get(bytes(buffer[at:end]))
            if usual is not None:
                self._consume(end)
                return usual
        if kind == _COPY_DATA and read is not None:
            copied, taken = self._merge(bytes(buffer[at:]), most)
            self._consume(at + taken)
            return messages.CopyData(copied)
        data = bytes(buffer[at + 5 : end])
        self._consume(end)
        if read is None:
            return messages.Password(data)
        body = Body(data, self.charset)
        try:
            event = read(body)
            body.end()
        except WireError as error:
            return messages.Malformed(chr(kind), error)
        return event

    def _consume(self, end: int) -> None:
        if end == len(self._buffer):
            self._buffer.clear()
            self._at = 0
        elif end >= _COMPACT_AT:
            del self._buffer[:end]
            self._at = 0
        else:
            self._at = end

    def _startup(self) -> messages.Event | None:
        if len(self._buffer) < 4:
            return None
        length = int.from_bytes(self._buffer[:4], "big")
        if not 8 <= length <= self._limits.startup:
            raise WireError("08P01", "invalid length of startup packet", fatal=True)
        if len(self._buffer) < length:
            return None
        packet = bytes(self._buffer[4:length])
        self._consume(length)
        code = int.from_bytes(packet[:4], "big")
        if code in (_SSL, _GSS) and code not in self._asked:
            return self._encryption(code, packet)
        if code == _CANCEL:
            if len(packet) - 8 not in _CANCEL_SECRETS:
                raise WireError("08P01", "invalid length of cancel request", fatal=True)
            return messages.CancelRequest(int.from_bytes(packet[4:8], "big"), packet[8:])
        major, minor = code >> 16, code & 0xFFFF
        if major != MAJOR:
            shown = f"unsupported frontend protocol {major}.{minor}: server supports {MAJOR}.0 to {MAJOR}.{NEWEST_MINOR}"
            raise WireError("0A000", shown, fatal=True)
        event = _startup_parameters(minor, packet)
        self.phase = Phase.AUTHENTICATION
        return event

    def _encryption(self, code: int, packet: bytes) -> messages.Event:
        if len(packet) != 4:
            raise WireError("08P01", "invalid length of startup packet", fatal=True)
        # What was sent in the clear behind the request could be taken for what came under TLS (CVE-2021-23214).
        if self._buffer:
            raise WireError("08P01", "received unencrypted data after encryption request", fatal=True)
        self._asked.add(code)
        return messages.SslRequest() if code == _SSL else messages.GssEncRequest()


def _startup_parameters(minor: int, packet: bytes) -> messages.Startup:
    body = Body(packet[4:])
    parameters: dict[str, str] = {}
    options: dict[str, str] = {}
    try:
        while name := body.text():
            (options if name.startswith("_pq_.") else parameters)[name] = body.text()
        body.end()
    except WireError as error:
        shown = f"invalid startup packet layout: {error.message}"
        raise WireError(error.sqlstate, shown, fatal=True) from None
    if not parameters.get("user"):
        raise WireError("28000", "no user name specified in startup packet", fatal=True)
    return messages.Startup(minor, parameters, options)
