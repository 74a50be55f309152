"""The server on real sockets, with the session that knows a few words: logging in, versions, requests in flight, a clean stop.

Theory: the stock driver is the client wherever a client may be anything; a bare socket where it must misbehave. No test waits for
time to pass but where a deadline is the subject.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cql_client import HEADER, cut, decoded, envelope, message, protocol, segments, startup
from fake_cql_session import HOST, Backend

from hyperdb.errors import AddressError
from hyperdb.frontends.cql.codes import ErrorCode
from hyperdb.frontends.cql.contract import Role
from hyperdb.frontends.cql.protocol.limits import Bounds, Limits
from hyperdb.frontends.cql.server import CqlServer, Settings
from hyperdb.frontends.throttle import Throttle
from hyperdb.roles import Verifier

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the driver's imports are older than this interpreter
    import cassandra
    import cassandra.cluster
    from cassandra.auth import PlainTextAuthProvider
    from cassandra.cluster import EXEC_PROFILE_DEFAULT, ExecutionProfile
    from cassandra.policies import RoundRobinPolicy
    from cassandra.query import BatchStatement, SimpleStatement

CERTIFICATE = Path(__file__).parent.parent / "sql" / "certificate"
PASSWORD = "right"


class Running:
    """A server with its backend, and clients for it."""

    def __init__(self, *, password: str | None = None, **options: Any) -> None:
        verifier = Verifier.of(password, b"0123456789abcdef") if password else None
        self.backend = Backend()
        roles = {"hyperdb": Role("hyperdb", verifier), "cassandra": Role("hyperdb", verifier)}
        self.server = CqlServer(self.backend, [("127.0.0.1", 0)], roles.get, **options)
        self.port = self.server.addresses[0][1]
        self._clusters: list[Any] = []
        self._sockets: list[socket.socket] = []

    def connect(self, **options: Any) -> Any:
        profile = ExecutionProfile(load_balancing_policy=RoundRobinPolicy())
        asked = {"protocol_version": 5, "monitor_reporting_enabled": False, "execution_profiles": {EXEC_PROFILE_DEFAULT: profile}}
        cluster = cassandra.cluster.Cluster(
            ["127.0.0.1"], port=self.port, **{name: value for name, value in (asked | options).items() if value is not None}
        )
        self._clusters.append(cluster)
        return cluster.connect()

    def socket(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self.port))
        made.settimeout(30)
        self._sockets.append(made)
        return made

    def stop(self) -> None:
        for made in self._sockets:
            made.close()
        for cluster in self._clusters:
            cluster.shutdown()
        self.server.stop()


class Bare:
    """A socket that has sent STARTUP of version 4."""

    def __init__(self, running: Running) -> None:
        self.socket = running.socket()
        self.send(startup(4))
        assert self.read()[3] == 2

    def send(self, *data: bytes) -> None:
        self.socket.sendall(b"".join(data))

    def ask(self, text: str, stream: int = 1) -> None:
        self.send(message(protocol.QueryMessage(text, 1), 4, stream=stream))

    def read(self) -> tuple[int, int, int, int, bytes]:
        return read_envelope(self.socket)


def read_envelope(connection: socket.socket) -> tuple[int, int, int, int, bytes]:
    """The next reply: version, flags, stream, opcode, body."""
    data = _read(connection, HEADER.size)
    body = _read(connection, HEADER.unpack(data)[4])
    return cut(data + body)[0]


def _read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def read_to_end(connection: socket.socket) -> bytes:
    data = bytearray()
    with suppress(ConnectionResetError):
        while piece := connection.recv(1 << 16):
            data += piece
    return bytes(data)


def until(true: Callable[[], bool]) -> None:
    """Waits for what happens on another thread."""
    for _ in range(3_000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen")


@pytest.fixture
def serving() -> Iterator[Callable[..., Running]]:
    made: list[Running] = []

    def serve(**options: Any) -> Running:
        made.append(Running(**options))
        return made[-1]

    yield serve
    for running in made:
        running.stop()


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("compression", [False, "lz4"])
def test_the_driver_connects_asks_and_pages(serving: Callable[..., Running], version: int, compression: bool | str) -> None:
    session = serving().connect(protocol_version=version, compression=compression)
    assert session.execute("select 7").one().n == 7
    assert [row.n for row in session.execute(SimpleStatement("rows 500", fetch_size=100))] == list(range(500))
    assert len(list(session.execute("fat 40"))) == 40
    prepared = session.prepare("select ?")
    assert [session.execute(prepared, [number]).one().n for number in (1, -2)] == [1, -2]


def test_the_driver_finds_the_newest_version_by_itself(serving: Callable[..., Running]) -> None:
    running = serving()
    session = running.connect(protocol_version=None)
    assert session.execute("select 1").one().n == 1
    assert {found.opening.version for found in running.backend.opened} == {5}
    assert running.backend.opened[0].opening.options["DRIVER_NAME"] == "Apache Cassandra Python Driver"


def test_what_the_driver_sends_besides(serving: Callable[..., Running]) -> None:
    running = serving()
    session = running.connect()
    result = session.execute("payload", custom_payload={"hyperdb.privacy": b"app"})
    assert result.response_future.custom_payload == {"hyperdb.privacy": b"app"}
    assert session.execute("warn").response_future.warnings == ["be careful", "very"]
    traced = session.execute_async(SimpleStatement("trace"), trace=True)
    traced.result()
    assert traced._query_traces[0].trace_id == HOST
    batch = BatchStatement()
    batch.add(SimpleStatement("insert"))
    batch.add(session.prepare("insert ?"), [5])
    session.execute(batch)
    (found,) = [batch for opened in running.backend.opened for batch in opened.batches]
    assert [list(item.values) for item in found.items] == [[], [b"\0\0\0\5"]]
    session.set_keyspace("ks")
    assert session.keyspace == "ks"


def test_errors_reach_the_driver_as_their_classes(serving: Callable[..., Running]) -> None:
    session = serving().connect()
    for text, kind in (("fail 2200", cassandra.InvalidRequest), ("fail 2100", cassandra.Unauthorized), ("nonsense", Exception)):
        with pytest.raises(kind):
            session.execute(text)
    with pytest.raises(cassandra.cluster.NoHostAvailable, match="ValueError: a defect"):
        session.execute("defect")


def test_a_statement_that_is_not_known_is_prepared_again(serving: Callable[..., Running]) -> None:
    running = serving()
    session = running.connect()
    prepared = session.prepare("select ?")
    for opened in running.backend.opened:
        opened.prepared.clear()
    assert session.execute(prepared, [3]).one().n == 3


def test_events_reach_those_who_asked(serving: Callable[..., Running]) -> None:
    running = serving()
    client = Bare(running)
    client.send(message(protocol.RegisterMessage(["SCHEMA_CHANGE"]), 4, stream=1))
    assert client.read()[3] == 2
    client.ask("create thing", stream=2)
    found = {each[2]: each for each in (client.read(), client.read())}
    assert set(found) == {-1, 2}
    event = decoded(HEADER.pack(0x84, 0, -1, 0x0C, len(found[-1][4])) + found[-1][4])
    assert event.event_args == {"target_type": "TABLE", "change_type": "CREATED", "keyspace": "ks", "table": "thing"}


# Requests in flight.


def test_requests_are_answered_when_they_are_done(serving: Callable[..., Running]) -> None:
    client = Bare(serving())
    client.ask("hold 1", stream=1)
    client.ask("select 2", stream=2)
    assert client.read()[2] == 2
    client.ask("release", stream=3)
    assert sorted((client.read()[2], client.read()[2])) == [1, 3]


def test_waits_end_on_workers_and_by_themselves(serving: Callable[..., Running]) -> None:
    session = serving().connect()
    futures = [session.execute_async(f"{word} {number}") for number in range(40) for word in ("wait", "later")]
    assert [future.result().one().n for future in futures] == [number for number in range(40) for _ in range(2)]


def test_no_more_requests_are_begun_than_may_be_in_flight(serving: Callable[..., Running]) -> None:
    running = serving(settings=Settings(bounds=Bounds(requests=3)))
    client = Bare(running)
    for stream in range(10):
        client.ask("hold 1", stream=stream)
    (session,) = running.backend.opened
    until(lambda: len(session.held) == 3)
    time.sleep(0.05)
    assert len(session.held) == 3
    answered: set[int] = set()
    while len(answered) < 10:
        until(lambda: bool(session.held))
        session.held.pop()()
        answered.add(client.read()[2])
    assert answered == set(range(10))


def test_a_client_that_does_not_read_is_read_no_more(serving: Callable[..., Running]) -> None:
    running = serving()
    client = Bare(running)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 14)
    sent = 0
    client.socket.settimeout(0.5)
    query = message(protocol.QueryMessage("fat 50", 1), 4)
    with suppress(TimeoutError):
        while sent < 200_000:
            client.send(query * 100)
            sent += 100
    assert sent < 200_000
    other = Bare(running)
    other.ask("select 1")
    assert other.read()[3] == 8
    client.socket.close()
    until(lambda: running.server.clients == 1)


def test_many_requests_at_once_are_all_answered(serving: Callable[..., Running]) -> None:
    client = Bare(serving())
    client.send(b"".join(message(protocol.QueryMessage(f"select {stream}", 1), 4, stream=stream) for stream in range(500)))
    assert [client.read()[2] for _ in range(500)] == list(range(500))


def test_one_client_leaves_workers_to_the_others(serving: Callable[..., Running]) -> None:
    running = serving(settings=Settings(workers=32))
    hog = Bare(running)
    for stream in range(100):
        hog.ask("block", stream=stream)
    (session,) = running.backend.opened
    until(lambda: session.blocked >= 16)
    other = Bare(running)
    other.ask("wait")
    assert other.read()[3] == 8
    assert session.blocked == 16
    hog.socket.close()
    until(lambda: running.server.clients == 1)


def test_many_clients_leave_workers_to_the_next(serving: Callable[..., Running]) -> None:
    running = serving(settings=Settings(workers=16))
    hogs = [Bare(running) for _ in range(3)]
    for number, most in enumerate((8, 4, 2)):
        for stream in range(50):
            hogs[number].ask("block", stream=stream)
        until(lambda number=number, most=most: running.backend.opened[number].blocked == most)
    other = Bare(running)
    other.ask("wait")
    assert other.read()[3] == 8
    # What one gives back others have.
    hogs[0].socket.close()
    until(lambda: running.backend.opened[1].blocked > 4)
    for hog in hogs[1:]:
        hog.socket.close()
    until(lambda: running.server.clients == 1)


# Misbehaviour.


def test_faults_leave_the_connection_usable(serving: Callable[..., Running]) -> None:
    client = Bare(serving())
    client.send(envelope(4, 7, b"\0\0", stream=4), envelope(4, 0x44, b"", stream=5), startup(4))
    client.ask("select 1", stream=6)
    found = [client.read() for _ in range(4)]
    assert [(each[2], each[3]) for each in found] == [(4, 0), (5, 0), (0, 0), (6, 8)]
    assert all(each[4][:4] == b"\0\0\0\x0a" for each in found[:3])


def test_nothing_but_startup_and_options_before_logging_in(serving: Callable[..., Running]) -> None:
    connection = serving().socket()
    connection.sendall(
        message(protocol.QueryMessage("select 1", 1), 4, stream=1) + message(protocol.OptionsMessage(), 4, stream=2)
    )
    found = read_envelope(connection)
    assert (found[2], found[3]) == (1, 0)
    assert b"Unexpected message QUERY, expecting STARTUP or OPTIONS" in found[4]
    assert read_envelope(connection)[3] == 6


def test_a_broken_segment_ends_the_connection_after_an_error(serving: Callable[..., Running]) -> None:
    connection = serving().socket()
    connection.sendall(startup(5))
    assert read_envelope(connection)[3] == 2
    bad = bytearray(segments(message(protocol.OptionsMessage(), 5)))
    bad[4] ^= 1
    connection.sendall(bytes(bad))
    assert b"CRC mismatch" in read_to_end(connection)


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03", bytes(30)])
def test_other_protocols_are_answered_and_closed(serving: Callable[..., Running], data: bytes) -> None:
    running = serving()
    connection = running.socket()
    connection.sendall(data)
    assert b"unsupported protocol version" in read_to_end(connection)
    until(lambda: not running.server._connections)


def test_a_client_that_goes_away_is_cleaned_up(serving: Callable[..., Running]) -> None:
    running = serving()
    client = Bare(running)
    client.ask("block")
    (session,) = running.backend.opened
    time.sleep(0.02)
    client.socket.close()
    until(lambda: session.closed == 1)
    assert session.cancelled.is_set()


def test_who_does_not_log_in_is_cut_off(serving: Callable[..., Running]) -> None:
    running = serving(settings=Settings(bounds=Bounds(seconds_to_log_in=0.05)))
    assert read_to_end(running.socket()) == b""


def test_strangers_may_send_little(serving: Callable[..., Running]) -> None:
    running = serving(settings=Settings(bounds=Bounds(bodies=Limits(stranger=200, body=1000))))
    connection = running.socket()
    connection.sendall(envelope(4, 1, bytes(500), stream=3) + startup(4))
    assert [read_envelope(connection)[2:4] for _ in range(2)] == [(3, 0), (0, 2)]


def test_too_many_clients_are_told(serving: Callable[..., Running]) -> None:
    running = serving(settings=Settings(connections=1, sockets_beyond=1))
    first = Bare(running)
    second = running.socket()
    second.sendall(startup(4))
    found = read_envelope(second)
    assert found[4][:4] == ErrorCode.OVERLOADED.to_bytes(4, "big")
    until(lambda: len(running.server._connections) == 1)
    third, fourth = running.socket(), running.socket()
    until(lambda: len(running.server._connections) == 2)
    assert read_to_end(fourth) == b""
    third.close()
    first.socket.close()
    until(lambda: running.server.clients == 0)
    Bare(running)


# Passwords, TLS, the end.


def _log_in(connection: socket.socket, token: bytes) -> tuple[int, int, int, int, bytes]:
    connection.sendall(message(protocol.AuthResponseMessage(token), 4))
    return read_envelope(connection)


def test_passwords_are_asked_for_and_checked(serving: Callable[..., Running]) -> None:
    running = serving(password=PASSWORD)
    session = running.connect(auth_provider=PlainTextAuthProvider("cassandra", PASSWORD))
    assert session.execute("select 1").one().n == 1
    assert running.backend.opened[0].opening.role == "hyperdb"
    with pytest.raises(cassandra.cluster.NoHostAvailable, match="incorrect"):
        running.connect(auth_provider=PlainTextAuthProvider("cassandra", "wrong"))
    with pytest.raises(cassandra.cluster.NoHostAvailable, match="authentication"):
        running.connect()


def test_a_wrong_password_may_be_put_right_but_not_for_ever(serving: Callable[..., Running]) -> None:
    running = serving(password=PASSWORD)
    connection = running.socket()
    connection.sendall(startup(4))
    assert read_envelope(connection)[3] == 3
    wrong = _log_in(connection, b"\0cassandra\0wrong")
    nobody = _log_in(connection, b"\0nobody\0wrong")
    assert (wrong[3], wrong[4][:4]) == (0, b"\0\0\1\0")
    assert wrong[4].replace(b"cassandra", b"nobody")[6:] == nobody[4][6:]
    assert _log_in(connection, b"\0cassandra\0" + PASSWORD.encode())[3] == 0x10
    other = running.socket()
    other.sendall(startup(4))
    read_envelope(other)
    for token in (b"", b"no nul", b"\0\0x", b"\0a\0b\0c"):
        with suppress(EOFError, ConnectionError):
            assert _log_in(other, token)[3] == 0
    assert read_to_end(other) == b""


def test_guesses_wait_for_their_turn(serving: Callable[..., Running]) -> None:
    now = [0.0]
    running = serving(password=PASSWORD, throttle=Throttle(lambda: now[0]))
    for _ in range(2):
        connection = running.socket()
        connection.sendall(startup(4))
        read_envelope(connection)
        for _ in range(3):
            with suppress(EOFError):
                _log_in(connection, b"\0cassandra\0wrong")
    # Two guesses beyond the free ones: their turns were given out.
    assert running.server.throttle.turn("127.0.0.1", "another") >= 0.25


def test_roles_without_a_password_come_from_this_machine(serving: Callable[..., Running]) -> None:
    running = serving(settings=Settings(always_authenticate=True))
    session = running.connect(auth_provider=PlainTextAuthProvider("cassandra", "anything"))
    assert session.execute("select 1").one().n == 1
    with pytest.raises(cassandra.cluster.NoHostAvailable):
        running.connect(auth_provider=PlainTextAuthProvider("nobody", "anything"))


def test_tls(serving: Callable[..., Running]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE / "certificate.pem", CERTIFICATE / "key.pem")
    running = serving(tls=context)
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.load_verify_locations(CERTIFICATE / "certificate.pem")
    session = running.connect(ssl_context=trusting)
    assert session.execute("select 1").one().n == 1
    assert len(list(session.execute("fat 100"))) == 100
    assert running.backend.opened[0].opening.is_encrypted
    plain = running.socket()
    plain.sendall(startup(4))
    assert b"READY" not in read_to_end(plain)


def test_a_stop_ends_what_runs_and_closes_everything(serving: Callable[..., Running]) -> None:
    before = set(threading.enumerate())
    running = serving()
    client, idle = Bare(running), running.socket()
    client.ask("block", stream=5)
    until(lambda: running.server.workers._threads != set())
    running.server.stop()
    assert client.read()[2:4] == (5, 0)
    assert read_to_end(client.socket) == read_to_end(idle) == b""
    assert [session.closed for session in running.backend.opened] == [1]
    assert set(threading.enumerate()) <= before
    with pytest.raises(ConnectionRefusedError):
        running.socket()


def test_a_stop_does_not_wait_for_ever(serving: Callable[..., Running]) -> None:
    running = serving(settings=Settings(seconds_to_stop=0.05))
    client = Bare(running)
    client.ask("hold")
    (session,) = running.backend.opened
    until(lambda: len(session.held) == 1)
    running.server.stop()
    assert read_to_end(client.socket) == b""
    assert session.closed == 1


def test_an_address_that_is_taken(serving: Callable[..., Running]) -> None:
    running = serving()
    with pytest.raises(AddressError, match="cannot listen on"):
        CqlServer(running.backend, [("127.0.0.1", running.port)], lambda _name: None)
