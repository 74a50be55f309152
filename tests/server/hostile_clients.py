"""What strangers may send: each ends in a clear error or a closed connection, memory stays bounded, others are served.

Run against a live server: `python tests/server/hostile_clients.py [--connections 10000]`; the long form of the wire's own
tests, with the numbers of clients that only a real process can hold.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import select
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "compat-tests"))
import servers

MIB = 1 << 20


def resident(server: servers.Server) -> int:
    """Resident bytes of the server."""
    for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(server.process.pid)


def connect(server: servers.Server) -> socket.socket:
    """A new connection with a timeout, so that nothing here waits for ever."""
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def ping_seconds(server: servers.Server) -> float:
    """How long another client waits for a PONG."""
    with connect(server) as conn:
        began = time.perf_counter()
        conn.sendall(b"PING\r\n")
        assert conn.recv(7) == b"+PONG\r\n"
        return time.perf_counter() - began


def answer(server: servers.Server, request: bytes, wait: float = 2.0) -> tuple[bytes, bool]:
    """What a request gets, and whether the connection was closed after it."""
    received, closed = b"", False
    with connect(server) as conn:
        with contextlib.suppress(OSError):
            conn.sendall(request)
        deadline = time.monotonic() + wait
        while (left := deadline - time.monotonic()) > 0 and not closed:
            if not select.select([conn], [], [], left)[0]:
                break
            try:
                part = conn.recv(65536)
            except ConnectionResetError:
                part = b""
            received, closed = received + part, not part
            if received and not closed:
                deadline = min(deadline, time.monotonic() + 0.2)
    return received, closed


MALFORMED: dict[str, tuple[bytes, bytes]] = {
    "bulk length above the limit": (b"*2\r\n$3\r\nGET\r\n$99999999999\r\n", b"-ERR Protocol error: invalid bulk length"),
    "negative bulk length": (b"*2\r\n$3\r\nGET\r\n$-5\r\n", b"-ERR Protocol error: invalid bulk length"),
    "bulk length not a number": (b"*1\r\n$abc\r\n", b"-ERR Protocol error: invalid bulk length"),
    "not a bulk string": (b"*1\r\n:5\r\n", b"-ERR Protocol error: expected '$', got ':'"),
    "nested array": (b"*1\r\n*1\r\n$4\r\nPING\r\n", b"-ERR Protocol error: expected '$', got '*'"),
    "too many arguments promised": (b"*99999999999\r\n", b"-ERR Protocol error: invalid multibulk length"),
    "count not a number": (b"*x\r\n", b"-ERR Protocol error: invalid multibulk length"),
    "unbalanced quotes": (b'SET "a b\r\n', b"-ERR Protocol error: unbalanced quotes in request"),
    "inline line too long": (b"A" * 70_000, b"-ERR Protocol error: too big inline request"),
    "digits without end": (b"*" + b"1" * 70_000, b"-ERR Protocol error: "),
}


def malformed(server: servers.Server) -> Iterator[str]:
    """Requests that are not RESP: Redis's words, and the connection closed."""
    for name, (request, expected) in MALFORMED.items():
        received, closed = answer(server, request)
        assert received.startswith(expected), f"{name}: {received!r}"
        assert closed, f"{name}: the connection stays open"
        yield name
    received, _ = answer(server, b"*0\r\n*-1\r\nPING\r\n")
    assert received == b"+PONG\r\n", received
    yield "empty and null requests are passed over"
    received, _ = answer(server, b"\xff\xfe\r\nPING\r\n")
    assert received.startswith(b"-ERR unknown command") and received.endswith(b"+PONG\r\n"), received
    yield "binary rubbish is an unknown command"


def half_frames(server: servers.Server) -> Iterator[str]:
    """A request in pieces of one byte is one request."""
    request = b"*3\r\n$3\r\nSET\r\n$4\r\nhalf\r\n$5\r\nvalue\r\n"
    with connect(server) as conn:
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(request)):
            conn.sendall(request[at : at + 1])
        assert conn.recv(16) == b"+OK\r\n"
    yield "a request byte by byte"
    with connect(server) as conn:
        conn.sendall(request[:-4])
    received, _ = answer(server, b"GET half\r\n")
    assert received == b"$5\r\nvalue\r\n", received
    yield "a client that leaves inside a request changes nothing"


def promised(server: servers.Server) -> Iterator[str]:
    """Half a gigabyte promised by each of twenty clients and not sent costs no memory."""
    before = resident(server)
    with contextlib.ExitStack() as held:
        for _ in range(20):
            conn = held.enter_context(connect(server))
            conn.sendall(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870911\r\nonly this")
        time.sleep(0.5)
        grown = resident(server) - before
        assert grown < 64 * MIB, f"{grown} bytes for nothing"
        assert ping_seconds(server) < 1.0
    yield f"20 x 512 MB promised: {grown / MIB:.1f} MiB"


def silent_reader(server: servers.Server) -> Iterator[str]:
    """A client that asks for gigabytes and does not read is closed, in bounded memory."""
    with connect(server) as conn:
        conn.sendall(b"*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$%d\r\n" % (4 * MIB) + b"x" * (4 * MIB) + b"\r\n")
        assert conn.recv(16) == b"+OK\r\n"
    before = resident(server)
    with connect(server) as conn:
        conn.settimeout(0.2)
        with contextlib.suppress(OSError):
            for _ in range(200):
                conn.sendall(b"GET big\r\n" * 50)
        peak = 0
        for _ in range(30):
            peak = max(peak, resident(server) - before)
            assert ping_seconds(server) < 2.0
            time.sleep(0.1)
    assert peak < 1600 * MIB, f"{peak} bytes wait for one client"
    yield f"a client that does not read: at most {peak / MIB:.0f} MiB, others served"
    answer(server, b"DEL big\r\n")


def idle(server: servers.Server, count: int) -> Iterator[str]:
    """Many idle connections: a few KiB each, and a new client is served at once."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, count + 200)), hard))
    before = resident(server)
    with contextlib.ExitStack() as held:
        conns = [held.enter_context(connect(server)) for _ in range(count)]
        slowest = max(ping_seconds(server) for _ in range(20))
        for conn in conns[:: max(1, count // 100)]:
            conn.sendall(b"PING\r\n")
            assert conn.recv(16) == b"+PONG\r\n"
        each = (resident(server) - before) / count
        assert each < 20_000, f"{each} bytes an idle connection"
    yield f"{count} idle connections: {each / 1024:.1f} KiB each, slowest PING of another {slowest * 1e3:.1f} ms"


def main() -> int:
    """Prints a line for each thing tried; fails at the first harm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--peer", action="store_true", help="run against redis-server, to see how it answers")
    options = parser.parse_args()
    with servers.redis("--maxclients", "20000") if options.peer else servers.hyperdb("--sync", "everysec") as server:
        steps: list[Callable[[], Iterator[str]]] = [
            lambda: malformed(server),
            lambda: half_frames(server),
            lambda: promised(server),
            lambda: idle(server, options.connections),
            lambda: silent_reader(server),
        ]
        for step in steps:
            for line in step():
                print(line, flush=True)
        assert ping_seconds(server) < 1.0
    print("nobody was harmed")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
