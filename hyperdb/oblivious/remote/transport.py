"""HTTP as the client needs it: connections that stay open, bounded answers, and a ticket where the server wants one.

Theory: a request whose connection was closed under it is sent once more, byte for byte, and only if it was not the connection's
first: that tells the server nothing but that it closed a connection. Nothing else is ever sent again, since a retry after an
answer would tell what the client thought of it. Invariants: headers are the same for every request of an endpoint, and hold
nothing that the server chose but the ticket; whatever it sends, a request ends in time, with an answer or a `RemoteError`.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from hyperdb.errors import InvalidError, RemoteError
from hyperdb.oblivious.http.work import CHALLENGE_BYTES, solve
from hyperdb.oblivious.remote.patience import PatientHttp, PatientHttps, announced

TICKET = "HyperDB-Ticket"
_JSON_BYTES = 1 << 20
_REASON_BYTES = 4096
_SAID = 200
_PLAIN = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass
class Transport:
    """Requests to one server. Thread-safe: each request has a connection to itself."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    _idle: deque[PatientHttp | PatientHttps] = field(default_factory=deque)
    _ticket: str | None = None
    _bits: int = 0

    @classmethod
    def to(cls, url: str, *, tls: ssl.SSLContext | None = None) -> Transport:
        """To `https://HOST[:PORT]`, or `http://` on this machine alone.

        Raises:
            InvalidError: it is no such URL.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise InvalidError(f"'{url}' is no URL: {error}") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query or parts.username:
            raise InvalidError(f"'{url}' is no address of a service: write https://HOST:PORT")
        if parts.scheme == "http" and parts.hostname not in _PLAIN:
            raise InvalidError(f"'{url}': without TLS only a service on this machine is asked, since others could read along")
        context = (tls or ssl.create_default_context()) if parts.scheme == "https" else None
        return cls(parts.hostname, port or (443 if context else 80), context)

    def get(self, path: str, most: int) -> bytes:
        """The body of a GET, of at most so many bytes."""
        return self._request("GET", path, None, {}, most)

    def newer(self, path: str, tag: str, most: int) -> bytes | None:
        """What a GET gives; None if it still is what has this tag, which is the caller's and never what a server said."""
        found = self._answer("GET", path, None, {"If-None-Match": tag} if tag else {}, most)
        if found.status != _NOT_MODIFIED:
            return found.body
        if not tag:
            raise RemoteError(f"{path}: not modified, and nothing was there before")
        return None

    def post(self, path: str, body: bytes, most: int) -> bytes:
        """The body of what a POST gives."""
        return self._request("POST", path, body, {}, most)

    def part(self, path: str, start: int, end: int) -> bytes:
        """A range of something large, from a place up to another."""
        found = self._request("GET", path, None, {"Range": f"bytes={start}-{end - 1}"}, end - start)
        if len(found) != end - start:
            raise RemoteError(f"{path}: {len(found)} bytes of {end - start}")
        return found

    def json(self, path: str) -> Any:
        """A JSON document.

        Raises:
            RemoteError: it is none.
        """
        try:
            return json.loads(self.get(path, _JSON_BYTES))
        except (ValueError, RecursionError) as error:
            raise RemoteError(f"{path}: no JSON: {error}") from error

    @contextmanager
    def stream(self, path: str, start: int) -> Iterator[http.client.HTTPResponse]:
        """Something large from a place on, to be read in pieces."""
        connection = self._open()
        try:
            headers = {"Range": f"bytes={start}-"} if start else {}
            connection.request("GET", path, headers=self._headers(headers))
            response = connection.getresponse()
            if response.status == _UNPAID and self._bits:
                response.read(_REASON_BYTES)
                self.pay(self._bits)
                connection.request("GET", path, headers=self._headers(headers))
                response = connection.getresponse()
            _check(path, response)
            connection.allow(announced(response))
            yield response
        except (OSError, http.client.HTTPException) as error:
            raise RemoteError(f"{path}: {error}") from error
        finally:
            connection.close()

    def pay(self, bits: int) -> None:
        """Gets a new ticket, if the server wants any: solves a challenge of `bits`, up to some seconds of work."""
        self._bits = bits
        if bits > _MOST_BITS:
            raise RemoteError(f"the server asks for 2^{bits} hashes, and this client makes up to 2^{_MOST_BITS}")
        if bits:
            challenge = self._sent("GET", "/v1/work", None, {}, CHALLENGE_BYTES).body
            self._ticket = self._sent("POST", "/v1/work", challenge + solve(challenge, bits), {}, 16).body.hex()

    def close(self) -> None:
        """Closes connections that nobody uses."""
        while self._idle:
            self._idle.pop().close()

    def _headers(self, more: Mapping[str, str]) -> dict[str, str]:
        headers = {"User-Agent": "hyperdb", "Accept-Encoding": "identity", **more}
        if self._ticket is not None:
            headers[TICKET] = self._ticket
        return headers

    def _open(self) -> PatientHttp | PatientHttps:
        if self.tls is not None:
            return PatientHttps(self.host, self.port, context=self.tls)
        return PatientHttp(self.host, self.port)

    def _request(self, method: str, path: str, body: bytes | None, more: Mapping[str, str], most: int) -> bytes:
        return self._answer(method, path, body, more, most).body

    def _answer(self, method: str, path: str, body: bytes | None, more: Mapping[str, str], most: int) -> _Answer:
        try:
            return self._sent(method, path, body, more, most)
        except RemoteError as error:
            if error.status != _UNPAID or not self._bits:
                raise
        # The ticket was used up, which was seen before anything was looked at: the same bytes go out with a new one.
        self.pay(self._bits)
        return self._sent(method, path, body, more, most)

    def _sent(self, method: str, path: str, body: bytes | None, more: Mapping[str, str], most: int) -> _Answer:
        try:
            kept = self._idle.pop()
        except IndexError:
            kept = None
        try:
            if kept is not None:
                with suppress(ConnectionError):
                    return self._once(kept, method, path, body, more, most)
            return self._once(self._open(), method, path, body, more, most)
        except (OSError, http.client.HTTPException) as error:
            raise RemoteError(f"{self.host}:{self.port}: {error}") from error

    def _once(
        self,
        connection: PatientHttp | PatientHttps,
        method: str,
        path: str,
        body: bytes | None,
        more: Mapping[str, str],
        most: int,
    ) -> _Answer:
        done = False
        try:
            connection.allow(len(body or b""))
            connection.request(method, path, body, self._headers(more))
            response = connection.getresponse()
            _check(path, response)
            connection.allow(announced(response) or most)
            found = response.read(most + 1)
            if len(found) > most:
                raise RemoteError(f"{path}: more than {most} bytes")
            done = response.isclosed()
            return _Answer(response.status, found)
        finally:
            if done:
                self._idle.append(connection)
            else:
                connection.close()


_MOST_BITS = 26
_UNPAID = 402
_NOT_MODIFIED = 304


@dataclass(frozen=True)
class _Answer:
    """What came back."""

    status: int
    body: bytes


def _check(path: str, response: http.client.HTTPResponse) -> None:
    """Refuses any status but the good ones."""
    if response.status in (200, 206, _NOT_MODIFIED):
        return
    reason = response.read(_REASON_BYTES)
    try:
        said = str(json.loads(reason)["error"])[:_SAID]
    except (ValueError, KeyError, TypeError, RecursionError):
        said = response.reason[:_SAID]
    # It may end on somebody's terminal.
    said = "".join(each if each.isprintable() else "?" for each in said)
    raise RemoteError(f"{path}: {response.status}: {said}", response.status)
