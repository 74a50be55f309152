"""A connection gives its lane no more of what came than the client reads the answers of."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hyperdb.frontends.cql.connection import Connection
from hyperdb.frontends.cql.protocol.limits import Bounds

MEGABYTE = 1 << 20


class Lane:
    """Answers each of its bytes with as many as it is told."""

    def __init__(self, each: int) -> None:
        self.each = each
        self.taken = b""

    def answer(self, data: bytes) -> tuple[bytes, bytes, bool]:
        self.taken += data
        return b"a" * (len(data) * self.each), b"", False


class Transport:
    """Holds what is written until it is read, and tells of too much, as event loops do."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.unread = self.most = 0
        self.is_reading = True

    def write(self, data: bytes) -> None:
        was = self.unread
        self.unread += len(data)
        self.most = max(self.most, self.unread)
        if was <= MEGABYTE < self.unread:
            self.connection.pause_writing()

    def read(self) -> None:
        self.unread = 0
        self.connection.resume_writing()

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self.is_reading = False

    def resume_reading(self) -> None:
        self.is_reading = True


def connected(lane: Lane) -> tuple[Connection, Transport]:
    def later(*_arguments: Any) -> Any:
        return SimpleNamespace(cancel=lambda: None)

    owner: Any = SimpleNamespace(loop=SimpleNamespace(call_later=later))
    connection = Connection(owner, Bounds(), is_local=True)
    made = Transport(connection)
    connection.connection_made(made)  # type: ignore[arg-type]
    connection._lane = lane  # type: ignore[assignment]
    return connection, made


def test_answers_that_nobody_reads_are_not_made() -> None:
    lane = Lane(1_000)
    connection, transport = connected(lane)
    data = bytes(number % 251 for number in range(200_000))
    connection.data_received(data)
    assert 0 < len(lane.taken) < len(data) // 20
    assert transport.most < 8 * MEGABYTE, "of two hundred"
    assert not transport.is_reading
    before = len(lane.taken)
    connection.data_received(b"later")
    assert len(lane.taken) == before
    rounds = 0
    while lane.taken != data + b"later":
        assert not transport.is_reading
        transport.read()
        rounds += 1
        assert transport.most < 8 * MEGABYTE
    assert rounds > 20
    transport.read()
    assert transport.is_reading


def test_small_answers_are_made_at_once() -> None:
    lane = Lane(1)
    connection, transport = connected(lane)
    connection.data_received(b"x" * 100_000)
    connection.data_received(b"y")
    assert lane.taken == b"x" * 100_000 + b"y"
    assert transport.is_reading


def test_who_is_gone_is_answered_no_more() -> None:
    lane = Lane(1_000)
    connection, _ = connected(lane)
    connection.data_received(b"x" * 100_000)
    before = len(lane.taken)
    connection._owner.lost = lambda _connection: None  # type: ignore[method-assign]
    connection.connection_lost(None)
    connection.resume_writing()
    assert len(lane.taken) == before
