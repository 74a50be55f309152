"""Redis's protocol on this machine, in front of a remote store: the server of every other database, on what was fetched.

Theory: whoever sends `GET k` has told that server k, so the process that a stock client talks to has to be the client's own. It
reads each request, fetches what the command needs obliviously, and hands the request to the native server over the overlay,
whose reply it hands back: commands mean here what they mean there. Invariant: requests of a connection run one after the other;
one that could not be fetched is not run.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from dataclasses import dataclass

from hyperdb.commitment.verify import VerificationError
from hyperdb.errors import AddressError, HyperDBError, InvalidError, NotFoundError, PrivacyError, RemoteError
from hyperdb.oblivious.levels import Level, parse_level
from hyperdb.remote.explaining import explain_command
from hyperdb.remote.fetcher import Fetcher
from hyperdb.remote.needs import Reading, Refusal, reading

_PRIVACY = b"hyper.privacy"
_MOST_WORDS = 1 << 16
_MOST_BYTES = 4 << 20
_LINE = 1 << 16
_NESTED = {b"*": 1, b"~": 1, b">": 1, b"%": 2, b"|": 2}
_SPOIL = b"*1\r\n$15\r\nhyper.unfetched\r\n"
"""No command: sent inside MULTI, it makes EXEC fail."""
_CLASSES: tuple[tuple[type[HyperDBError], str], ...] = (
    (PrivacyError, "PRIVACY"),
    (VerificationError, "VERIFICATION"),
    (NotFoundError, "REMOTE"),
    (RemoteError, "REMOTE"),
    (HyperDBError, "ERR"),
)


class ProtocolError(Exception):
    """What a client sent is no request."""


@dataclass
class _Client:
    """What this side has to know of a connection."""

    level: Level
    database: int = 0
    protocol: int = 2
    queued: int | None = None
    """In MULTI: the overlay's generation when it began."""
    watched: int | None = None
    """After WATCH: the overlay's generation when it came."""


class RespProxy:
    """A running listener. Stop it with `stop`."""

    def __init__(self, fetcher: Fetcher, level: Level, address: tuple[str, int]) -> None:
        """Listens at host and port.

        Raises:
            AddressError: it cannot listen there.
        """
        self._fetcher = fetcher
        self._level = level
        # Nobody but this object logs in there: else others could write what clients then read.
        self._password = secrets.token_hex(16)
        database = fetcher.overlay.database
        self._inner = database.serve(resp="127.0.0.1:0", control=False, password=self._password)
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._running: asyncio.Lock = asyncio.Lock()
        self._ready = threading.Event()
        self._failure: OSError | None = None
        self.address = address
        self._thread = threading.Thread(target=self._run, name="hyperdb-remote-resp", daemon=True)
        self._thread.start()
        self._ready.wait()
        self._check()

    def _check(self) -> None:
        if self._failure is not None:
            self.stop()
            host, port = self.address
            raise AddressError(f"cannot listen at {host}:{port}: {self._failure.strerror or self._failure}")

    def stop(self) -> None:
        """Closes the connections. A second call does nothing."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
        self._inner.stop()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        try:
            server = await asyncio.start_server(self._connected, *self.address, limit=_LINE)
        except OSError as error:
            self._failure = error
            self._ready.set()
            return
        self.address = server.sockets[0].getsockname()[:2]
        self._ready.set()
        await self._stopping.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner = self._inner.resp_address
        assert inner is not None
        below, above = await asyncio.open_connection(*inner, limit=_LINE)
        try:
            await _forward(_request(b"AUTH", self._password.encode()), below, above)
            client = _Client(self._level)
            while (asked := await _read_request(reader)) is not None:
                if asked:
                    writer.write(await self._answer(client, asked, below, above))
                    await writer.drain()
                    if asked[0].lower() == b"quit":
                        break
        except ProtocolError as error:
            writer.write(_error(f"ERR Protocol error: {error}"))
        except ValueError:
            # The reader's word for a line without an end.
            writer.write(_error("ERR Protocol error: too big inline request"))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            # Whoever it was is gone, or everything ends.
            writer.close()
        finally:
            above.close()
            writer.close()

    async def _answer(
        self, client: _Client, words: list[bytes], below: asyncio.StreamReader, above: asyncio.StreamWriter
    ) -> bytes:
        name = words[0].lower()
        if name == _PRIVACY and len(words) > 2 and words[1].lower() == b"explain":
            return await self._explained(client, words[2:])
        if name == _PRIVACY:
            return _privacy(client, words)
        if name in (b"watch", b"unwatch") and client.queued is None:
            return self._watch(client, words)
        wanted = reading(words)
        refused = wanted.text if isinstance(wanted, Refusal) else None
        # Nothing may be forgotten between fetching and running.
        async with self._running:
            if isinstance(wanted, Reading):
                refused = await self._fetch(client, wanted)
            if name == b"exec" and client.queued not in (None, self._fetcher.generation):
                refused = "PRIVACY A newer epoch came while commands were queued: send them again."
            if name == b"exec" and client.queued is not None and client.watched not in (None, self._fetcher.generation):
                await _forward(_request(b"DISCARD"), below, above)
                client.queued = client.watched = None
                return b"_\r\n" if client.protocol > 2 else b"*-1\r\n"
            if refused is not None:
                if client.queued is not None:
                    await _forward(_request(b"DISCARD") if name == b"exec" else _SPOIL, below, above)
                    client.queued = None if name == b"exec" else client.queued
                return _error(refused)
            reply = await _forward(_request(*words), below, above)
            if name == b"reset":
                # The server of this process forgot who asks, as it should.
                await _forward(_request(b"AUTH", self._password.encode()), below, above)
        self._note(client, name, words, reply)
        return reply

    def _watch(self, client: _Client, words: list[bytes]) -> bytes:
        """WATCH, UNWATCH: what was read stays as it is until something newer is fetched, so that is what EXEC looks at."""
        is_watch = words[0].lower() == b"watch"
        if is_watch != (len(words) > 1):
            return _error(f"ERR wrong number of arguments for '{words[0].decode('latin-1').lower()}' command")
        client.watched = self._fetcher.generation if is_watch else None
        return b"+OK\r\n"

    async def _fetch(self, client: _Client, wanted: Reading) -> str | None:
        """Fetches what is read; why it could not be."""
        app = f"redis/{client.database}"
        try:
            await asyncio.to_thread(self._fetcher.fetch, app, wanted, client.level)
        except HyperDBError as error:
            return f"{next(word for kind, word in _CLASSES if isinstance(error, kind))} {error}"
        return None

    async def _explained(self, client: _Client, words: list[bytes]) -> bytes:
        """HYPER.PRIVACY EXPLAIN command: who would learn what, and what it would cost; nothing of it is sent."""
        try:
            app = self._fetcher.store.app(f"redis/{client.database}")
            explained = await asyncio.to_thread(explain_command, app, words, client.level)
        except HyperDBError as error:
            return _error(f"{next(word for kind, word in _CLASSES if isinstance(error, kind))} {error}")
        return _request(*(line.encode() for line in explained.lines()))

    def _note(self, client: _Client, name: bytes, words: list[bytes], reply: bytes) -> None:
        if name == b"select" and reply == b"+OK\r\n":
            client.database = int(words[1])
        elif name == b"multi" and reply == b"+OK\r\n":
            client.queued = self._fetcher.generation
        elif name == b"hello" and len(words) > 1 and not reply.startswith(b"-"):
            client.protocol = int(words[1])
        elif name in (b"exec", b"discard", b"reset"):
            client.queued = client.watched = None
            if name == b"reset":
                client.database, client.level, client.protocol = 0, self._level, 2


def _privacy(client: _Client, words: list[bytes]) -> bytes:
    """HYPER.PRIVACY [level]: of this connection's reads from now on. HYPER.PRIVACY EXPLAIN command is `_explained`."""
    if len(words) > 2:
        return _error("ERR wrong number of arguments for 'hyper.privacy' command")
    if len(words) == 2:
        try:
            client.level = parse_level(words[1].decode("utf-8", "replace"))
        except InvalidError as error:
            return _error(f"ERR {error}")
        return b"+OK\r\n"
    text = str(client.level).encode()
    return b"$%d\r\n%b\r\n" % (len(text), text)


def _error(text: str) -> bytes:
    return b"-" + text.replace("\r", " ").replace("\n", " ").encode() + b"\r\n"


def _request(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


async def _forward(request: bytes, below: asyncio.StreamReader, above: asyncio.StreamWriter) -> bytes:
    above.write(request)
    await above.drain()
    return await _read_reply(below)


async def _read_request(reader: asyncio.StreamReader) -> list[bytes] | None:
    """The words of a request; none of an empty line; None at the end.

    Raises:
        ProtocolError: it is none, or too long.
    """
    line = await reader.readline()
    if not line:
        return None
    if line[:1] != b"*":
        return line.split()
    count = _length(line, _MOST_WORDS)
    words, room = [], _MOST_BYTES
    for _ in range(max(count, 0)):
        head = await reader.readline()
        if head[:1] != b"$":
            raise ProtocolError(f"expected '$', got '{head[:1].decode('latin-1')}'")
        size = _length(head, room)
        room -= size
        words.append((await reader.readexactly(size + 2))[:-2])
    return words


def _length(line: bytes, most: int) -> int:
    digits = line[1:].rstrip(b"\r\n")
    if not digits.isdigit() or len(digits) > 10 or int(digits) > most:
        raise ProtocolError("invalid length")
    return int(digits)


async def _read_reply(reader: asyncio.StreamReader) -> bytes:
    """One reply with all that it holds."""
    parts, left = [], 1
    while left:
        left -= 1
        line = await reader.readuntil(b"\r\n")
        parts.append(line)
        kind, length = line[:1], line[1:-2]
        if kind in b"$=!" and int(length) >= 0:
            parts.append(await reader.readexactly(int(length) + 2))
        elif kind in _NESTED and int(length) >= 0:
            # Attributes stand in front of the reply that they are of.
            left += _NESTED[kind] * int(length) + (kind == b"|")
    return b"".join(parts)
