"""Connections that end: a server that sends a byte now and then holds nobody up for longer than its answer may take.

Theory: a socket's timeout is for one call, and a byte before it is over begins it anew; so each call gets what is left of the
time that the whole exchange has: a minute, and as long as its bytes take at the slowest line that is put up with.
Invariant: no call to the socket waits beyond the deadline.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from typing import Any

SECONDS = 60.0
"""For the head of an answer, and on top of what its bytes take."""
SLOWEST = 8192
"""Bytes a second, below which a server is given up."""
_PIECE = 1 << 16


def announced(response: http.client.HTTPResponse) -> int:
    """Bytes of a body by its Content-Length; 0 if that is missing or no number."""
    return response.length or 0


class _Timed(io.RawIOBase):
    """What a connection receives, each call within the time that is left."""

    def __init__(self, connection: _Patient, inner: io.RawIOBase) -> None:
        self._connection = connection
        self._inner = inner

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._connection.hurry()
        return self._inner.readinto(buffer)

    def close(self) -> None:
        self._inner.close()
        super().close()


class _Patient(http.client.HTTPConnection):
    """A connection with a deadline."""

    _ends = 0.0

    def allow(self, size: int) -> None:
        """From now on so many bytes may take their time."""
        self._ends = time.monotonic() + SECONDS + size / SLOWEST

    def hurry(self) -> None:
        """Gives the next call to the socket what is left.

        Raises:
            TimeoutError: nothing is.
        """
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the server takes too long")
        if self.sock is not None:
            self.sock.settimeout(left)

    def response_class(self, sock: socket.socket, *rest: Any, **named: Any) -> http.client.HTTPResponse:  # type: ignore[override]
        """A response that reads within the deadline."""
        response = http.client.HTTPResponse(sock, *rest, **named)
        response.fp.close()
        response.fp = io.BufferedReader(_Timed(self, sock.makefile("rb", buffering=0)))
        return response

    def send(self, data: Any) -> None:
        """Sends in pieces, each within what is left."""
        if self.sock is None:
            self.connect()
        if not isinstance(data, bytes):
            self.hurry()
            super().send(data)
            return
        for at in range(0, len(data), _PIECE):
            self.hurry()
            super().send(data[at : at + _PIECE])


class PatientHttp(_Patient):
    """Without TLS."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port, timeout=SECONDS)
        self.allow(0)


class PatientHttps(_Patient, http.client.HTTPSConnection):
    """With TLS."""

    def __init__(self, host: str, port: int, *, context: ssl.SSLContext) -> None:
        http.client.HTTPSConnection.__init__(self, host, port, timeout=SECONDS, context=context)
        self.allow(0)
