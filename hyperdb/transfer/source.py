"""A client of the Redis from which data are imported: one connection, RESP2, many commands before their replies are read.

Theory: the address is a URL as redis-cli and redis-py take it: `redis://[user[:password]@]host[:port][/db]`, `rediss://` for
TLS, `unix://[user[:password]@]/path[?db=N]`. Invariant: what the source sends is bounded (`MOST_BULK`, `MOST_ITEMS`, `DEEPEST`)
and read as it comes; a password is in no message.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from hyperdb.errors import InvalidError, SourceError

MOST_BULK = 1 << 30
MOST_ITEMS = 1 << 20
DEEPEST = 8
SECONDS = 60.0
_PORT = 6379
_PASSWORD = "REDISCLI_AUTH"  # noqa: S105 - the variable's name, redis-cli's
_READ = 1 << 18

Reply = bytes | int | list["Reply"] | SourceError | None


@dataclass(frozen=True)
class Address:
    """Where a Redis is, and who asks."""

    host: str
    port: int
    path: str | None
    """Of a Unix socket; None: host and port."""
    tls: bool
    db: int | None
    """The one database asked for; None: all."""
    user: str | None
    password: str | None = field(repr=False)

    def shown(self) -> str:
        """For people, without the password."""
        if self.path is not None:
            return f"unix://{self.path}"
        return f"{'rediss' if self.tls else 'redis'}://{self.host}:{self.port}"


def parse_url(url: str) -> Address:
    """An address from its URL; a password that it lacks is taken from REDISCLI_AUTH.

    Raises:
        InvalidError: it is none.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _PORT
    except ValueError as error:
        raise InvalidError("the address is no URL, such as redis://user:password@host:6379/0") from error
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise InvalidError("an address begins with redis://, rediss:// or unix://")
    unix = parts.scheme == "unix"
    number = parse_qs(parts.query).get("db", [""])[-1] or ("" if unix else parts.path.strip("/"))
    if number and not (number.isascii() and number.isdigit() and len(number) < 10):
        raise InvalidError(f"the database is a number, not '{number}'")
    if unix and not parts.path:
        raise InvalidError("unix:// needs the path of a socket")
    return Address(
        host=parts.hostname or "localhost",
        port=port,
        path=unquote(parts.path) if unix else None,
        tls=parts.scheme == "rediss",
        db=int(number) if number else None,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else os.environ.get(_PASSWORD),
    )


def _connect(address: Address, ca: Path | None) -> socket.socket:
    if address.path is not None:
        plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        plain.settimeout(SECONDS)
        try:
            plain.connect(address.path)
        except OSError:
            plain.close()
            raise
        return plain
    plain = socket.create_connection((address.host, address.port), timeout=SECONDS)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not address.tls:
        return plain
    context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    return context.wrap_socket(plain, server_hostname=address.host)


class Source:
    """The connection; a context manager."""

    def __init__(self, address: Address, ca: Path | None = None) -> None:
        self.address = address
        try:
            self._socket = _connect(address, ca)
        except OSError as error:
            reason = error.strerror or str(error)
            raise SourceError(f"{address.shown()} cannot be reached: {reason}") from error
        self._held = bytearray()
        self._at = 0
        try:
            if address.password is not None:
                user = [address.user] if address.user is not None else []
                self.ask("AUTH", *user, address.password)
            (answer,) = self.ask_all([("PING",)])
            # Who may not say it has been let in all the same.
            if isinstance(answer, SourceError) and not str(answer).startswith("NOPERM"):
                raise answer
        except SourceError:
            self.close()
            raise

    def ask(self, *words: bytes | str | int) -> Reply:
        """One command's reply.

        Raises:
            SourceError: it is an error, or none came.
        """
        (reply,) = self.ask_all([words])
        if isinstance(reply, SourceError):
            raise reply
        return reply

    def ask_all(self, commands: Sequence[Sequence[bytes | str | int]]) -> list[Reply]:
        """The replies of some commands, errors among them."""
        parts = bytearray()
        for words in commands:
            parts += b"*%d\r\n" % len(words)
            for word in words:
                data = word if isinstance(word, bytes) else str(word).encode()
                parts += b"$%d\r\n%b\r\n" % (len(data), data)
        try:
            self._socket.sendall(parts)
            return [self._reply(0) for _ in commands]
        except OSError as error:
            raise SourceError(f"{self.address.shown()} went away: {error.strerror or error}") from error
        except ValueError as error:
            raise SourceError(f"{self.address.shown()} does not speak Redis's protocol") from error

    def close(self) -> None:
        """Hangs up."""
        self._socket.close()

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _more(self, least: int) -> None:
        """Reads until `least` more bytes are held."""
        if self._at:
            del self._held[: self._at]
            self._at = 0
        wanted = len(self._held) + least
        while len(self._held) < wanted:
            part = self._socket.recv(max(_READ, min(wanted - len(self._held), 16 * _READ)))
            if not part:
                raise SourceError(f"{self.address.shown()} closed the connection")
            self._held += part

    def _line(self) -> bytes:
        while (end := self._held.find(b"\r\n", self._at)) < 0:
            if len(self._held) - self._at > _READ:
                raise ValueError("a line without an end")
            self._more(1)
        line = bytes(self._held[self._at : end])
        self._at = end + 2
        return line

    def _reply(self, depth: int) -> Reply:
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"$":
            return self._bulk(int(rest))
        if kind == b":":
            return int(rest)
        if kind == b"+":
            return rest
        if kind == b"-":
            return SourceError(rest.decode("utf-8", "replace"))
        if kind == b"*":
            count = int(rest)
            if count > MOST_ITEMS or depth >= DEEPEST:
                raise ValueError("a reply that is too large")
            return None if count < 0 else [self._reply(depth + 1) for _ in range(count)]
        raise ValueError("no reply")

    def _bulk(self, length: int) -> bytes | None:
        if length < 0:
            return None
        if length > MOST_BULK:
            raise ValueError("a string that is too long")
        missing = self._at + length + 2 - len(self._held)
        if missing > 0:
            self._more(missing)
        start, end = self._at, self._at + length
        self._at = end + 2
        if self._held[end : self._at] != b"\r\n":
            raise ValueError("a string without its end")
        return bytes(memoryview(self._held)[start:end])
