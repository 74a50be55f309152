"""Strangers at the service's port: what they send costs them more than the service, and keeps nobody else out."""

from __future__ import annotations

import http.client
import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import hyperdb
from hyperdb.commitment.claim import encode_queries
from hyperdb.commitment.verify import Bounds, Elements
from hyperdb.oblivious.http import patience, server, service, work
from hyperdb.oblivious.http.service import MOST_QUERY_BYTES
from hyperdb.oblivious.http.work import Tickets, UnpaidError, solve
from hyperdb.oblivious.pir import query_bytes

from .conftest import APP, fill
from .sites import Site, publishing_site


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Shared by tests, none of which writes."""
    with hyperdb.open(":memory:", frames=None) as db:
        fill(db, count=60)
        yield from publishing_site(db)


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A service with few slots, that waits a moment."""
    monkeypatch.setattr(server, "_CONNECTIONS", 4)
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(patience, "STALLED_SECONDS", 0.3)
    with hyperdb.open(":memory:", frames=None) as db:
        fill(db, count=60)
        yield from publishing_site(db)


def _is_closed(connection: socket.socket, within: float = 20) -> bool:
    connection.settimeout(within)
    try:
        while connection.recv(1 << 16):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


def _raw(site: Site, *parts: bytes) -> tuple[int, bytes]:
    """Status and the rest of what comes back for bytes as they are."""
    with socket.create_connection(site.address, timeout=30) as connection:
        for part in parts:
            connection.sendall(part)
        response = http.client.HTTPResponse(connection)
        response.begin()
        return response.status, response.read()


# Bodies.


def test_a_length_beside_a_transfer_encoding_is_refused(site: Site) -> None:
    """A body in chunks has no end that was announced: the length beside it would let any number of bytes in."""
    size = query_bytes(site.newest["pages"]["columns"])
    head = (
        f"POST /v1/epochs/{site.newest['epoch']}/answers/0 HTTP/1.1\r\nHost: x\r\n"
        f"Content-Length: {size}\r\nTransfer-Encoding: chunked\r\n\r\n"
    ).encode()
    status, _ = _raw(site, head, b"%x\r\n" % (4 * size), bytes(4 * size), b"\r\n0\r\n\r\n")
    assert status == 411


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 5, 5\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: 0x5\r\n",
        b"Content-Length: 1_0\r\n",
        b"Transfer-Encoding: gzip\r\n",
        b"Content-Length: 5\r\n folded: yes\r\n",
        b"Content-Length: 184467440737095516150\r\n",
    ],
)
def test_lengths_that_could_be_read_in_two_ways_are_refused(site: Site, head: bytes) -> None:
    path = f"/v1/epochs/{site.newest['epoch']}/proofs".encode()
    status, _ = _raw(site, b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n" + head + b"\r\nhello")
    assert status in (400, 411, 413, 501)
    assert site.ask("GET", "/v1/apps")[0] == 200


def test_queries_of_every_wrong_size_are_refused(site: Site) -> None:
    path = f"/v1/epochs/{site.newest['epoch']}/answers/0"
    size = query_bytes(site.newest["pages"]["columns"])
    for wrong in (1, size - 1, size + 1, 2 * size, 1 << 16):
        assert site.ask("POST", path, bytes(wrong))[0] in (400, 413)
    source = random.Random(5)
    for _ in range(5):
        status, answer, _ = site.ask("POST", path, source.randbytes(size))
        assert status == 200 and len(answer) == 4 * site.newest["pages"]["rows"], "any bytes of the right size are a query"
    assert site.ask("POST", path.replace("answers", "proofs").removesuffix("/0"), bytes(MOST_QUERY_BYTES + 1))[0] == 413


@pytest.mark.parametrize(
    "text",
    [
        "bytes=0-0,2-3",
        "bytes=1-",
        "bytes=-99999999999999999",
        "bytes=٣-٤",
        "bytes= 1-2",
        "bytes=1-2-3",
        "bytes=0x1-2",
        "items=0-1",
    ],
)
def test_ranges_are_one_range_or_none(site: Site, text: str) -> None:
    path = f"/v1/epochs/{site.newest['epoch']}/columns/0"
    whole = site.ask("GET", path)[1]
    status, body, headers = site.ask("GET", path, None, {"Range": text.encode().decode("latin-1")})
    assert status in (200, 206, 416)
    assert int(headers["content-length"]) == len(body) <= len(whole)
    assert status != 200 or body == whole


def test_a_head_request_is_answered_without_a_body(site: Site) -> None:
    status, body, headers = site.ask("HEAD", f"/v1/epochs/{site.newest['epoch']}/columns/0")
    assert (status, body) == (200, b"") and int(headers["content-length"]) > 0


# Connections.


def test_nothing_and_half_a_head_are_given_up(crowded: Site) -> None:
    for sent in (
        b"",
        b"G",
        b"GET /v1/apps HTTP/1.1\r\nHost: x\r\n",
        b"POST /v1/work HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nx",
    ):
        with socket.create_connection(crowded.address) as connection:
            connection.sendall(sent)
            assert _is_closed(connection), sent


def test_a_head_that_drips_is_given_up(crowded: Site) -> None:
    with socket.create_connection(crowded.address) as connection:
        connection.sendall(b"GET /v1/apps HTTP/1.1\r\n")
        ends = time.monotonic() + 20
        closed = False
        while not closed and time.monotonic() < ends:
            try:
                connection.sendall(b"A: b\r\n")
                time.sleep(0.05)
            except OSError:
                closed = True
        assert closed


def test_a_second_request_that_never_ends_is_given_up(crowded: Site) -> None:
    with socket.create_connection(crowded.address) as connection:
        connection.sendall(b"GET /v1/apps HTTP/1.1\r\nHost: x\r\n\r\n")
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert response.status == 200 and response.read()
        connection.sendall(b"GET /v1/ap")
        assert _is_closed(connection)


def test_an_answer_that_nobody_takes_is_given_up(crowded: Site) -> None:
    with socket.create_connection(crowded.address) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(f"GET /v1/epochs/{crowded.newest['epoch']}/hints/0 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        time.sleep(1)
        taken = 0
        connection.settimeout(20)
        try:
            while chunk := connection.recv(1 << 16):
                taken += len(chunk)
        except ConnectionError:
            pass
        assert taken < 4 * 1280 * crowded.newest["pages"]["rows"], "it ended before it was whole"


def test_idle_connections_make_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever holds all slots and asks nothing keeps nobody out."""
    monkeypatch.setattr(server, "_CONNECTIONS", 4)
    with hyperdb.open(":memory:", frames=None) as db:
        db.app(APP).put("name", b"value")
        for site in publishing_site(db):
            idle = [socket.create_connection(site.address) for _ in range(12)]
            for _ in range(5):
                assert site.ask("GET", "/v1/apps")[0] == 200
            assert sum(_is_closed(each, 0.2) for each in idle) >= 9
            for each in idle:
                each.close()


def test_what_strangers_send_makes_no_lines(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    for sent in (
        b"\x16\x03\x01\x02\x00nonsense\r\n\r\n",
        b"GET /v1/apps HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"GET /v1/epochs/%00/manifest HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ):
        with socket.create_connection(site.address, timeout=30) as connection:
            connection.sendall(sent)
            assert connection.recv(100)
    assert capfd.readouterr() == ("", "")


# Paying.


class Clock:
    now = 1e6

    def __call__(self) -> float:
        return self.now


def test_a_full_table_of_tickets_keeps_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever bought as many as there are once would else keep everybody out for an hour."""
    monkeypatch.setattr(work, "MOST_TICKETS", 5)
    clock = Clock()
    tickets = Tickets(1, b"s" * 32, random.Random(1).randbytes, clock)

    def bought() -> tuple[bytes, bytes]:
        challenge = tickets.challenge()
        solved = solve(challenge, 1)
        return tickets.redeem(challenge, solved), challenge + solved

    first = [bought() for _ in range(5)]
    with pytest.raises(UnpaidError, match="two minutes"):
        bought()
    clock.now += 121
    newest, _ = bought()
    tickets.spend(newest, 1)
    with pytest.raises(UnpaidError):
        tickets.spend(first[0][0], 1)
    tickets.spend(first[1][0], 1)
    with pytest.raises(UnpaidError, match="too old"):
        tickets.redeem(first[0][1][:-8], first[0][1][-8:])


def test_many_made_up_tickets_leave_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    source = random.Random(2)
    tickets = Tickets(8, b"s" * 32, source.randbytes, Clock())
    for _ in range(20_000):
        with pytest.raises(UnpaidError):
            tickets.spend(source.randbytes(16), 1)
    assert not tickets._left


def test_anything_that_is_published_can_be_paid_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A ticket has 256 units: what is larger than 256 of them would else be read by nobody."""
    monkeypatch.setattr(service, "_UNIT", 16)
    monkeypatch.setattr(service, "_PROVED", 64)
    with hyperdb.open(":memory:", frames=None) as db:
        fill(db, count=60)
        for site in publishing_site(db, work_bits=1):
            for level in ("full", "pir", "bucket(8)", "none"):
                with site.connect(tmp_path / level, privacy=level) as remote:
                    assert remote.app(APP).get("user:3") == db.app(APP).get("user:3")


def test_large_proofs_cost_more_than_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_PROVED", 256)
    with hyperdb.open(":memory:", frames=None) as db:
        fill(db, count=60)
        for site in publishing_site(db, work_bits=1):
            challenge = site.ask("GET", "/v1/work")[1]
            ticket = site.ask("POST", "/v1/work", challenge + solve(challenge, 1))[1].hex()
            path = f"/v1/epochs/{site.newest['epoch']}/proofs"
            body = encode_queries([Elements(Bounds())])
            answers = [site.ask("POST", path, body, {"HyperDB-Ticket": ticket})[0] for _ in range(4)]
            assert answers[0] == 200 and answers[-1] == 402


def test_sums_are_told_on_this_machine_alone(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert site.ask("GET", "/metrics")[0] == 200
    assert site.ask("GET", "/metrics", None, {"X-Forwarded-For": "192.0.2.7"})[0] == 403
    assert [service._is_here(host) for host in ("127.0.0.1", "::1", "192.0.2.7", "fe80::1", "nonsense")] == [
        True,
        True,
        False,
        False,
        False,
    ]
