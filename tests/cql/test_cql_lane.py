"""The short way against a live server: a statement that is executed twice is answered by the session, then by the lane, alike.

Theory: the lane learns a statement when the session has executed it, so the second EXECUTE of the same bytes is the lane's if the
form is one of its own; who answered is counted.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest
from cql_client import HEADER, message, protocol, segments, startup, unsegmented

import hyperdb
from hyperdb.frontends.cql.protocol.requests import Execute
from hyperdb.frontends.cql.session import CqlSession

ONE = 1
KEYSPACE = "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
TABLES = (
    "CREATE TABLE ks.t (p int, a int, b text, x text, tags set<text>, PRIMARY KEY (p, a, b)) WITH CLUSTERING ORDER BY (a DESC)",
    "CREATE TABLE ks.one (id uuid PRIMARY KEY, name text, amount bigint)",
    "CREATE TABLE ks.hits (id int PRIMARY KEY, n counter)",
    "CREATE TABLE ks.fixed (p int, a int, s text static, PRIMARY KEY (p, a))",
)


def number(value: int) -> bytes:
    return struct.pack(">i", value)


class Peer:
    """A client on a socket that sees bytes."""

    def __init__(self, address: tuple[str, int], version: int) -> None:
        self._socket = socket.create_connection(address, timeout=30)
        self._version = version
        self._framed = False
        self._socket.sendall(startup(version))
        self._read()
        self._framed = version >= 5

    def _exactly(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            some = self._socket.recv(length - len(data))
            assert some
            data += some
        return data

    def _read(self) -> bytes:
        """The envelope of one answer."""
        if not self._framed:
            head = self._exactly(HEADER.size)
            return head + self._exactly(HEADER.unpack(head)[4])
        head = self._exactly(6)
        return unsegmented(head + self._exactly((int.from_bytes(head[:3], "little") & 0x1FFFF) + 4))

    def ask(self, request: object) -> bytes:
        """Opcode and body of the answer."""
        data = message(request, self._version)
        self._socket.sendall(segments(data) if self._framed else data)
        return self._read()[4:]

    def run(self, text: str) -> None:
        assert self.ask(protocol.QueryMessage(text, ONE))[:1] == b"\x08", text

    def prepare(self, text: str) -> tuple[bytes, bytes]:
        """The statement's id, and that of its result's metadata."""
        body = self.ask(protocol.PrepareMessage(text))[5 + 4 :]
        length = int.from_bytes(body[:2], "big")
        statement, rest = body[2 : 2 + length], body[2 + length :]
        return statement, rest[2 : 2 + int.from_bytes(rest[:2], "big")] if self._version >= 5 else b""

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    with hyperdb.open(":memory:", memory="32m", frames=None) as database:
        serving = database.serve(cql="127.0.0.1:0", control=False)
        try:
            assert serving.cql_address is not None
            yield serving.cql_address
        finally:
            serving.stop()


UUID = bytes(range(16))
STATEMENTS: tuple[tuple[str, list[bytes | None], bool], ...] = (
    ("INSERT INTO ks.t (p, a, b, x) VALUES (?, ?, ?, ?)", [number(1), number(1), b"b", b"x"], True),
    ("INSERT INTO ks.t (p, a, b, x) VALUES (?, ?, ?, ?)", [number(1), number(2), b"b", None], True),
    ("INSERT INTO ks.t (p, a, b, x) VALUES (1, 3, 'c', ?)", [b"three"], True),
    ("UPDATE ks.t SET x = ?, tags = ? WHERE p = ? AND a = ? AND b = ?",
     [b"y", number(1) + number(1) + b"t", number(1), number(3), b"d"], True),
    ("SELECT * FROM ks.t WHERE p = ?", [number(1)], True),
    ("SELECT x, tags FROM ks.t WHERE p = ? AND a = ? AND b = ?", [number(1), number(3), b"d"], True),
    ("SELECT a, b FROM ks.t WHERE p = ? AND a > ?", [number(1), number(1)], True),
    ("SELECT a, b FROM ks.t WHERE p = ? AND a >= ? AND a < ? ORDER BY a ASC", [number(1), number(1), number(3)], True),
    ("SELECT a AS other FROM ks.t WHERE p = ? LIMIT 2", [number(1)], True),
    ("SELECT a FROM ks.t WHERE p = ? LIMIT ?", [number(1), number(1)], True),
    ("SELECT * FROM ks.t WHERE p = ?", [number(77)], True),
    ("DELETE x FROM ks.t WHERE p = ? AND a = ? AND b = ?", [number(1), number(1), b"b"], True),
    ("DELETE FROM ks.t WHERE p = ? AND a = ? AND b = ?", [number(1), number(2), b"b"], True),
    ("SELECT * FROM ks.t WHERE p = ?", [number(1)], True),
    ("INSERT INTO ks.one (id, name, amount) VALUES (?, ?, ?) USING TTL ? AND TIMESTAMP ?",
     [UUID, b"name", b"\0" * 8, number(1000), struct.pack(">q", 10)], True),
    ("SELECT name, amount, id FROM ks.one WHERE id = ?", [UUID], True),
    ("UPDATE ks.hits SET n = n + ? WHERE id = ?", [struct.pack(">q", 2), number(1)], True),
    ("UPDATE ks.hits SET n = n - 1 WHERE id = ?", [number(1)], True),
    ("SELECT n FROM ks.hits WHERE id = ?", [number(1)], True),
    # What the session does alone.
    ("SELECT count(*) FROM ks.t WHERE p = ?", [number(1)], False),
    ("SELECT writetime(x) FROM ks.t WHERE p = ?", [number(1)], False),
    ("SELECT * FROM ks.t WHERE p IN ?", [number(1) + number(4) + number(1)], False),
    ("SELECT * FROM ks.fixed WHERE p = ?", [number(1)], False),
    ("INSERT INTO ks.fixed (p, s) VALUES (?, ?)", [number(1), b"s"], False),
    ("DELETE FROM ks.t WHERE p = ?", [number(5)], False),
    ("UPDATE ks.t SET tags = tags + ? WHERE p = 1 AND a = 3 AND b = 'd'", [number(1) + number(1) + b"u"], False),
    ("INSERT INTO ks.one (id, name) VALUES (?, 'n') IF NOT EXISTS", [UUID], False),
    # Errors are the session's to tell.
    ("SELECT * FROM ks.t WHERE p = ?", [b"abc"], False),
    ("INSERT INTO ks.t (p, a, b) VALUES (?, ?, ?)", [None, number(1), b"b"], False),
    ("INSERT INTO ks.one (id, name) VALUES (?, ?)", [UUID, b"\xff"], False),
    ("SELECT a FROM ks.t WHERE p = ? LIMIT ?", [number(1), number(0)], False),
)  # fmt: skip


@pytest.mark.parametrize("version", [4, 5])
def test_the_lane_answers_what_the_session_answers(
    address: tuple[str, int], version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    executed: list[bytes] = []
    before = CqlSession.execute

    def counting(self: CqlSession, execute: Execute, context: object) -> object:
        executed.append(execute.id)
        return before(self, execute, context)  # type: ignore[arg-type]

    monkeypatch.setattr(CqlSession, "execute", counting)
    peer = Peer(address, version)
    for text in (KEYSPACE, *TABLES):
        peer.run(text)
    for skips in (False, True):
        for text, values, is_short in STATEMENTS:
            statement, metadata = peer.prepare(text)
            request = protocol.ExecuteMessage(statement, values, ONE, skip_meta=skips, result_metadata_id=metadata or None)
            # With values that are none of their types nothing is learned, so that the good ones come first.
            first = peer.ask(request)
            executed.clear()
            second = peer.ask(request)
            assert second == first, text
            assert executed == ([] if is_short else [statement]), text
    peer.close()
    peer = Peer(address, version)
    for text in ("DROP TABLE ks.one", "ALTER TABLE ks.t ADD more int"):
        peer.run(text)
    statement, metadata = peer.prepare(STATEMENTS[4][0])
    request = protocol.ExecuteMessage(statement, [number(1)], ONE, result_metadata_id=metadata or None)
    assert b"more" in peer.ask(request)
    assert b"more" in peer.ask(request)
    peer.close()


@pytest.mark.parametrize("version", [4, 5])
def test_many_requests_in_one_piece_are_all_answered(address: tuple[str, int], version: int) -> None:
    peer = Peer(address, version)
    for text in (KEYSPACE, *TABLES):
        peer.run(text)
    insert, known = peer.prepare("INSERT INTO ks.t (p, a, b, x) VALUES (?, ?, ?, ?)")
    assert (
        peer.ask(protocol.ExecuteMessage(insert, [number(0), number(0), b"", b""], ONE, result_metadata_id=known or None))[:1]
        == b"\x08"
    )
    requests = []
    for at in range(200):
        one = protocol.ExecuteMessage(insert, [number(1), number(at), b"b", b"x" * 100], ONE, result_metadata_id=known or None)
        requests.append(message(one, version, stream=at))
    requests.append(message(protocol.QueryMessage("SELECT key FROM system.local", ONE), version, stream=200))
    plain = b"".join(requests)
    peer._socket.sendall(segments(plain) if version >= 5 else plain)
    seen: set[int] = set()
    while len(seen) < len(requests):
        data = peer._read()
        while data:
            _, _, stream, opcode, length = HEADER.unpack_from(data)
            assert opcode == 8
            seen.add(stream)
            data = data[HEADER.size + length :]
    select, metadata = peer.prepare("SELECT a FROM ks.t WHERE p = ?")
    found = peer.ask(protocol.ExecuteMessage(select, [number(1)], ONE, skip_meta=True, result_metadata_id=metadata or None))
    assert found.count(struct.pack(">i", 4)) >= 200
    peer.close()
