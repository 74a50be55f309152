"""A server as a sequence sees it: several connections, each with everything that it was sent since it was opened.

Replies are kept apart from messages that come of themselves (pushes, and what subscribers of RESP2 hear), since only the order
within each is promised. Invariant: when `step` returns, every reply that the server gave to it has been read, unless the command
waits.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field

from bad.sentences import Words
from wire import Connection, Reply

from sequences.drawing import CONNECTIONS, IDENTITY, Step

#: A command that may wait counts as one that does when nothing has come for so long; any other has this long.
_WAITS_AFTER, _PATIENCE = 0.006, 10.0
_MAY_WAIT = ("BL", "BR", "BZ", "XREAD")
_MESSAGES = {b"message", b"pmessage", b"smessage", b"invalidate", b"tracking-redir-broken"}


@dataclass
class Line:
    """A connection, the commands sent to it and what it heard."""

    wire: Connection
    identity: str
    sent: list[Words] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    messages: list[Reply] = field(default_factory=list)
    closed: bool = False

    @property
    def waits(self) -> bool:
        """Whether a reply is still to come."""
        return len(self.replies) < len(self.sent)


class Player:
    """One server and the connections of one sequence."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._control = Connection(port, 3)
        self.lines: list[Line] = []

    def begin(self) -> None:
        """Makes everything new: no keys, no functions, other connections."""
        self.end()
        for line in ("FLUSHALL", "FUNCTION FLUSH", "SCRIPT FLUSH", "CONFIG SET notify-keyspace-events KEAn"):
            self._control.call(*line.encode().split())
        for at in range(CONNECTIONS):
            wire = Connection(self._port, 3 if at == 1 or at == CONNECTIONS - 1 else 2)
            self.lines.append(Line(wire, str(wire.call(b"CLIENT", b"ID").payload)))
        listener = self.lines[-1]
        listener.wire.call(b"PSUBSCRIBE", b"__key*")

    def end(self) -> None:
        """Closes the connections of the sequence."""
        for line in self.lines:
            line.wire.close()
        self.lines = []

    def close(self) -> None:
        """Ends all connections."""
        self.end()
        self._control.close()

    def step(self, step: Step) -> None:
        """Sends what a step says and reads whatever comes of it, on all connections."""
        line = self.lines[step.connection]
        words = tuple(self._named(word) for word in step.words)
        line.sent.append(words)
        with contextlib.suppress(OSError):
            line.wire.send([tuple(word.encode("latin-1") for word in words)])
        waits = words[0].upper().startswith(_MAY_WAIT)
        deadline = time.monotonic() + (_WAITS_AFTER if waits else _PATIENCE)
        while line.waits and not line.closed:
            if not self._readable(line, max(0.0, deadline - time.monotonic())):
                break
            self._take(line)
        self.settle()
        if step.passes:
            time.sleep(0.012)

    def settle(self, seconds: float = 0.0) -> None:
        """Reads what has come on any connection, when the server has gone through two more turns and some time has passed."""
        time.sleep(seconds)
        for _ in range(2):
            self._control.call(b"PING")
        for line in self.lines:
            while not line.closed and self._readable(line, 0.0):
                self._take(line)

    def ask(self, *words: str | bytes) -> Reply:
        """A question beside the sequence."""
        return self._control.call(*(word if isinstance(word, bytes) else word.encode("latin-1") for word in words))

    def _named(self, word: str) -> str:
        for at, line in enumerate(self.lines):
            if word == IDENTITY % at:
                return line.identity
        return word

    @staticmethod
    def _readable(line: Line, seconds: float) -> bool:
        return line.wire.buffered or line.wire.readable(seconds)

    @staticmethod
    def _take(line: Line) -> None:
        try:
            reply = line.wire.read()
        except (ConnectionError, OSError):
            line.closed = True
            return
        first = reply.payload[0].payload if isinstance(reply.payload, list) and reply.payload else None
        if reply.kind in ">*" and isinstance(first, bytes) and first in _MESSAGES:
            line.messages.append(reply)
        else:
            line.replies.append(reply)
