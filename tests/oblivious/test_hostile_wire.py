"""A server that speaks HTTP as it likes: what it sends is an answer or a `RemoteError`, in time, and marks nobody.

Each test writes the bytes itself that go back; a client that waits for ever, or fails in a way that nobody is told of, is found.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hyperdb.commitment.verify import StoreKey
from hyperdb.errors import RemoteError
from hyperdb.oblivious.levels import Pir
from hyperdb.oblivious.remote import patience
from hyperdb.oblivious.remote.app import RemoteApp
from hyperdb.oblivious.remote.state import State
from hyperdb.oblivious.remote.store import RemoteStore
from hyperdb.oblivious.remote.transport import Transport

Reply = Callable[[socket.socket, bytes], None]
"""What a server does with a connection and the head of a request."""


@dataclass
class Wire:
    """A listener that does as a test says."""

    reply: Reply
    heads: list[bytes] = field(default_factory=list)
    address: tuple[str, int] = ("", 0)
    made: list[Transport] = field(default_factory=list)

    def transport(self) -> Transport:
        self.made.append(Transport.to("http://{}:{}".format(*self.address)))
        return self.made[-1]

    def store(self, state: Path) -> RemoteStore:
        return RemoteStore(self.transport(), StoreKey(bytes(57)), State(state))

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with connection:
            try:
                while head := self._head(connection):
                    self.heads.append(head)
                    if found := re.search(rb"Content-Length: (\d{1,3})\r", head):
                        connection.recv(int(found[1]), socket.MSG_WAITALL)
                    self.reply(connection, head)
            except OSError:
                return

    @staticmethod
    def _head(connection: socket.socket) -> bytes:
        found = b""
        while not found.endswith(b"\r\n\r\n"):
            byte = connection.recv(1)
            if not byte:
                return b""
            found += byte
        return found


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire(lambda _connection, _head: None)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made.address = listener.getsockname()[:2]
        threading.Thread(target=made.serve, args=(listener,), daemon=True).start()
        yield made
        for transport in made.made:
            transport.close()


def says(body: bytes, head: bytes = b"200 OK", more: bytes = b"") -> Reply:
    """The same answer to whatever is asked."""
    whole = b"HTTP/1.1 %b\r\nContent-Length: %d\r\n%b\r\n%b" % (head, len(body), more, body)
    return lambda connection, _head: connection.sendall(whole)


def drips(first: bytes, then: bytes) -> Reply:
    """Some bytes, and then one after the other, for as long as anybody listens."""

    def reply(connection: socket.socket, _head: bytes) -> None:
        connection.sendall(first)
        for _ in range(2_000):
            time.sleep(0.02)
            connection.sendall(then)

    return reply


def streamed(transport: Transport) -> int:
    """How many bytes came of something large."""
    with transport.stream("/v1/epochs/x/hints/0", 0) as response:
        return sum(map(len, iter(lambda: response.read(1000), b"")))


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("first", "then"),
    [(b"HTTP/1.1 200 OK\r\n", b"x"), (b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"), (HEAD, b"x"), (CHUNKED, b"1\r\nx\r\n")],
    ids=["a header line", "headers", "a body", "chunks"],
)
def test_a_slow_drip_is_given_up(wire: Wire, monkeypatch: pytest.MonkeyPatch, first: bytes, then: bytes) -> None:
    monkeypatch.setattr(patience, "SECONDS", 0.3)
    monkeypatch.setattr(patience, "SLOWEST", 1e9)
    wire.reply = drips(first, then)
    with pytest.raises(RemoteError):
        wire.transport().get("/v1/apps", 100_000)
    with pytest.raises(RemoteError):
        streamed(wire.transport())


def test_a_server_that_reads_slowly_is_given_up(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "SECONDS", 0.3)
    monkeypatch.setattr(patience, "SLOWEST", 1e9)
    wire.reply = lambda _connection, _head: time.sleep(60)
    with pytest.raises(RemoteError):
        wire.transport().post("/v1/epochs/x/answers/0", bytes(64 << 20), 10)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"",
        b"\xff\xfe",
        b"1" * 5000,
        b'{"apps":{"\\ud800":null}}',
        b'{"apps":{"\\u001b[2J":null}}',
    ],
    ids=["lists", "objects", "nothing", "no text", "digits", "a lone surrogate", "an escape sequence"],
)
def test_descriptions_that_no_parser_takes_are_errors(wire: Wire, body: bytes, tmp_path: Path) -> None:
    wire.reply = says(body)
    with pytest.raises(RemoteError):
        wire.store(tmp_path).names()


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 12abc\r\n",
        b"Content-Length: -5\r\n",
        b"Content-Length: \xd9\xa1\r\n",
        b"Content-Length: 99999999999999999999999\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Content-Encoding: gzip\r\nContent-Length: 4\r\n",
        b"X: " + b"x" * 70_000 + b"\r\n",
        b"X: y\r\n" * 200,
        b"\x00\xff: nothing\r\n",
    ],
    ids=["letters", "negative", "other digits", "huge", "two lengths", "compressed", "a long line", "many lines", "no header"],
)
def test_heads_that_say_nonsense_are_errors_or_short_answers(wire: Wire, head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "SECONDS", 1.0)
    monkeypatch.setattr(patience, "SLOWEST", 1e30)

    def reply(connection: socket.socket, _head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\nbody")
        connection.shutdown(socket.SHUT_RDWR)

    wire.reply = reply
    transport = wire.transport()
    for ask in (
        lambda: transport.get("/v1/apps", 50),
        lambda: transport.part("/v1/x", 0, 9),
        lambda: transport.newer("/x", "", 9),
    ):
        try:
            found = ask()
        except RemoteError:
            continue
        assert found in (b"body", b""), "nothing is unpacked, and no more is there than was sent"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nobody_is_sent_elsewhere(wire: Wire, status: int) -> None:
    """A redirect could lead to another host, or from TLS to none: none is followed."""
    wire.reply = says(b"", b"%d Moved" % status, b"Location: http://127.0.0.1:%d/other\r\n" % wire.address[1])
    with pytest.raises(RemoteError, match=str(status)):
        wire.transport().get("/v1/apps", 100)
    assert len(wire.heads) == 1


def test_what_a_server_says_of_an_error_is_fit_for_a_terminal(wire: Wire) -> None:
    for body, head in ((b'{"error": "\\u001b[2Jgone\\r\\n"}', b"500 No"), (b"[" * 4000, b"500 \x1b[2Jgone")):
        wire.reply = says(body, head)
        with pytest.raises(RemoteError) as error:
            wire.transport().get("/v1/apps", 100)
        assert str(error.value).isprintable()


def test_a_tag_of_the_servers_is_never_sent_back(wire: Wire) -> None:
    """An ETag of its own for each client would tell who comes back, over every connection and relay."""
    wire.reply = says(b"delta", more=b'ETag: "you are number 7"\r\n')
    transport = wire.transport()
    for _ in range(3):
        transport.newer("/v1/epochs/x/delta", '"x-l5"', 100)
        transport.get("/v1/apps", 100)
    assert not any(b"number 7" in head for head in wire.heads)
    assert sum(b'If-None-Match: "x-l5"' in head for head in wire.heads) == 3


def test_not_modified_is_no_answer_to_who_had_nothing(wire: Wire) -> None:
    """Else a store that went back says that nothing changed, and the newest frame that was seen is never compared."""
    wire.reply = says(b"", b"304 Not Modified")
    with pytest.raises(RemoteError, match="nothing was there before"):
        wire.transport().newer("/v1/epochs/x/delta", "", 100)
    assert wire.transport().newer("/v1/epochs/x/delta", '"x-l5"', 100) is None


def test_headers_of_an_endpoint_are_the_same_each_time(wire: Wire) -> None:
    wire.reply = says(b"x")
    transport = wire.transport()
    for body in (b"one", b"two"):
        transport.post("/v1/epochs/x/answers/0", body, 10)
    assert len(set(wire.heads)) == 1


def test_whatever_ends_following_is_told_to_readers(wire: Wire, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A thread that died in silence would leave its readers with what is old."""
    app = wire.store(tmp_path).app("app")

    def broken(_app: RemoteApp) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(RemoteApp, "follow", broken)
    app.look(epochs=False)
    with pytest.raises(RemoteError, match="could not be followed: ZeroDivisionError"):
        app.get("name", Pir())
