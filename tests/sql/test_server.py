"""The server on real sockets, with the session that knows a few words: logging in, TLS, cancelling, limits, a clean stop.

Theory: psycopg (libpq) is the client wherever a client may be anything; a bare socket where it must misbehave. No test waits for
time to pass but where a deadline is the subject.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from fake_session import Backend
from psycopg import pq
from wire_client import STARTUP, cut, fields, message, query

from hyperdb.errors import AddressError, InvalidError
from hyperdb.frontends.sql import tls
from hyperdb.frontends.sql.contract import Notification
from hyperdb.frontends.sql.conversation import Role
from hyperdb.frontends.sql.server import Settings, SqlServer
from hyperdb.roles import Verifier

CERTIFICATE = Path(__file__).parent / "certificate"
PASSWORD = "right"


class Running:
    """A server with its backend, and clients for it."""

    def __init__(self, *, password: str | None = None, **options: Any) -> None:
        role = Role("hyperdb", Verifier.of(password, b"0123456789abcdef") if password else None, is_superuser=True)
        self.backend = Backend()
        known = ("postgres", "hyperdb")
        self.server = SqlServer(self.backend, [("127.0.0.1", 0)], lambda name: role if name in known else None, **options)
        self.port = self.server.addresses[0][1]

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        settings = {"host": "127.0.0.1", "port": self.port, "user": "postgres", "dbname": "hyperdb", "autocommit": True}
        return psycopg.connect(**{**settings, "sslmode": "disable", "gssencmode": "disable", **options})

    def socket(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self.port))
        made.settimeout(30)
        return made


@pytest.fixture
def serving() -> Iterator[Callable[..., Running]]:
    made: list[Running] = []

    def serve(**options: Any) -> Running:
        made.append(Running(**options))
        return made[-1]

    yield serve
    for running in made:
        running.server.stop()


def until(true: Callable[[], bool]) -> None:
    """Waits for what happens on another thread."""
    for _ in range(3_000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen")


def read_to_end(connection: socket.socket) -> bytes:
    data = bytearray()
    while piece := connection.recv(1 << 16):
        data += piece
    return bytes(data)


def test_a_client_connects_asks_and_leaves(serving: Callable[..., Running]) -> None:
    running = serving()
    with running.connect() as client:
        assert client.execute("select 7").fetchall() == [(7,)]
        assert client.info.parameter_status("server_version") == "15.0"
        assert len(client.execute("rows 5000").fetchall()) == 5_000
    until(lambda: running.server.clients == 0)
    assert running.backend.opened[0].closed == 1


def test_passwords_are_proved(serving: Callable[..., Running]) -> None:
    running = serving(password=PASSWORD)
    with running.connect(password=PASSWORD) as client:
        assert client.execute("select 1").fetchone() == (1,)
    for user, password in (("postgres", "wrong"), ("nobody", "any")):
        with pytest.raises(psycopg.OperationalError, match=f'password authentication failed for user "{user}"'):
            running.connect(user=user, password=password)
    assert len(running.backend.opened) == 1


def test_tls_with_the_password_bound_to_the_certificate(serving: Callable[..., Running]) -> None:
    certificate = tls.load(CERTIFICATE / "certificate.pem", CERTIFICATE / "key.pem")
    assert certificate.hash is not None
    running = serving(password=PASSWORD, certificate=certificate)
    options = {"sslmode": "verify-full", "sslrootcert": str(CERTIFICATE / "certificate.pem"), "host": "localhost"}
    with running.connect(password=PASSWORD, hostaddr="127.0.0.1", channel_binding="require", **options) as client:
        assert client.pgconn.ssl_in_use
        assert len(client.execute("rows 20000").fetchall()) == 20_000


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="cannot use the certificate"):
        tls.load(CERTIFICATE / "certificate.pem", CERTIFICATE / "certificate.pem")


def test_a_statement_is_cancelled_by_its_key_and_by_no_other(serving: Callable[..., Running]) -> None:
    running = serving()
    with running.connect() as client:
        failed: list[psycopg.Error] = []

        def block() -> None:
            try:
                client.execute("block")
            except psycopg.Error as error:
                failed.append(error)

        thread = threading.Thread(target=block)
        thread.start()
        session = running.backend.opened[0]
        assert session.blocked.wait(30)
        with closing(running.socket()) as stranger:
            stranger.sendall(b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\1wrng")
            assert read_to_end(stranger) == b""
        assert not session.cancelled.is_set()
        # The other form holds the interpreter while it waits, and the server is in this process.
        client.cancel_safe()
        thread.join()
        assert failed[0].sqlstate == "57014"
        assert client.execute("select 1").fetchone() == (1,)


def test_others_are_served_while_one_waits(serving: Callable[..., Running]) -> None:
    running = serving()
    with closing(running.socket()) as waiting:
        waiting.sendall(STARTUP + query("block"))
        until(lambda: bool(running.backend.opened) and running.backend.opened[0].blocked.is_set())
        with running.connect() as client:
            assert client.execute("select 1").fetchone() == (1,)
    # It went while its statement ran: the statement was cancelled, and the session closed after it.
    until(lambda: running.backend.opened[0].closed == 1)
    assert running.backend.opened[0].cancelled.is_set()


def test_a_wait_that_blocks_is_a_workers_and_one_that_is_announced_the_loops(serving: Callable[..., Running]) -> None:
    running = serving()
    with running.connect() as client:
        session = running.backend.opened[0]
        client.execute("wait")
        assert session.resumed_on.startswith("hyperdb-sql-worker")
        client.execute("later")
        assert session.resumed_on == "hyperdb-sql"


def test_one_client_too_many_is_told_so(serving: Callable[..., Running]) -> None:
    running = serving(settings=Settings(connections=2))
    with running.connect(), running.connect(), pytest.raises(psycopg.OperationalError, match="too many clients"):
        running.connect()
    until(lambda: running.server.clients == 0)
    with running.connect() as client:
        assert client.execute("select 1").fetchone() == (1,)


def test_sockets_far_beyond_are_closed_at_once(serving: Callable[..., Running]) -> None:
    running = serving(settings=Settings(connections=1, sockets_beyond=1))
    with closing(running.socket()), closing(running.socket()), closing(running.socket()) as third:
        third.sendall(STARTUP)
        # Closed with what we had sent unread: a reset says the same.
        with suppress(ConnectionError):
            assert third.recv(1) == b""


def test_a_stranger_has_limited_time(serving: Callable[..., Running]) -> None:
    running = serving(settings=Settings(seconds_to_log_in=0.05))
    with closing(running.socket()) as stranger:
        assert fields(cut(read_to_end(stranger))[0][1])["C"] == "57P05"
    with closing(running.socket()) as client:
        client.sendall(STARTUP)
        until(lambda: running.server.clients == 1)
        time.sleep(0.1)
        client.sendall(query("select 1") + message("X"))
        assert [kind for kind, _ in cut(read_to_end(client))][-4:] == ["T", "D", "C", "Z"]


def test_a_client_that_does_not_read_costs_little_and_holds_up_nobody(serving: Callable[..., Running]) -> None:
    running = serving()
    with closing(running.socket()) as lazy:
        lazy.sendall(STARTUP + query("fat 3000"))
        until(lambda: any(c._transport is not None and not c._can_write for c in list(running.server._connections)))
        connection = next(iter(running.server._connections))
        with running.connect() as client:
            assert client.execute("select 1").fetchone() == (1,)
        assert connection._transport is not None
        assert connection._transport.get_write_buffer_size() < 4 << 20
        lazy.sendall(message("X"))
        answers = [kind for kind, _ in cut(read_to_end(lazy))]
        assert answers.count("D") == 3_000


def test_requests_of_a_client_that_does_not_read_are_left_in_its_socket(serving: Callable[..., Running]) -> None:
    running = serving()
    with closing(running.socket()) as lazy:
        lazy.sendall(STARTUP)
        lazy.setblocking(False)
        pipeline, sent = query("fat 10") * 100, 0
        refused = 0
        while refused < 20 and sent < 1 << 30:
            try:
                sent += lazy.send(pipeline)
            except BlockingIOError:
                # Once may be chance; the server has had its turn between the tries.
                refused += 1
                time.sleep(0.01)
        assert sent < 64 << 20


def test_notifications_reach_an_idle_client(serving: Callable[..., Running]) -> None:
    running = serving()
    with running.connect() as client:
        session = running.backend.opened[0]
        session.pending.append(Notification(9, "news", "text"))
        session.opening.wake()
        found = next(client.notifies(timeout=30, stop_after=1))
        assert (found.channel, found.payload, found.pid) == ("news", "text", 9)


def test_stop_tells_clients_and_leaves_nothing(serving: Callable[..., Running]) -> None:
    running = serving()
    with closing(running.socket()) as idle, closing(running.socket()) as waiting:
        idle.sendall(STARTUP)
        waiting.sendall(STARTUP + query("block"))
        until(lambda: len(running.backend.opened) == 2 and any(one.blocked.is_set() for one in running.backend.opened))
        running.server.stop()
        for client in (idle, waiting):
            assert fields(cut(read_to_end(client))[-1][1])["C"] == "57P01"
    assert [session.closed for session in running.backend.opened] == [1, 1]
    assert not any(thread.name.startswith("hyperdb-sql") for thread in threading.enumerate())
    with pytest.raises(OSError):
        running.socket()
    running.server.stop()


def test_an_address_in_use_is_refused(serving: Callable[..., Running]) -> None:
    running = serving()
    with pytest.raises(AddressError, match=str(running.port)):
        SqlServer(Backend(), [("127.0.0.1", running.port)], lambda _: None)


def test_copy_both_ways_with_a_stock_client(serving: Callable[..., Running]) -> None:
    running = serving()
    with running.connect() as client:
        with client.cursor().copy("copy in") as copy:
            for number in range(1_000):
                copy.write_row((number, f"text\t{number}\\"))
        assert running.backend.opened[0].loaded == [[number, f"text\t{number}\\"] for number in range(1_000)]
        with client.cursor().copy("copy out") as copy:
            assert list(copy.rows()) == [("1", "x\ty"), (None, "")]
        with pytest.raises(ZeroDivisionError), client.cursor().copy("copy in") as copy:
            copy.write_row((1 // len(running.backend.opened[1:]), "x"))
        assert client.info.transaction_status is pq.TransactionStatus.IDLE
        assert running.backend.opened[0].aborted == 1
