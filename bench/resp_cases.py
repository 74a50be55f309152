"""What the RESP bench asks for beyond redis-benchmark's own tests: commands, what must be there before them, and fan-out.

A case is one command in which redis-benchmark draws numbers, and what is stored before each run of it. Fan-out is measured from
the first message until the last of 100 subscribers has read the last one; they live in one process of their own (this file, run).
"""

from __future__ import annotations

import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

KEYS = 100_000
VALUE = b"v" * 64
#: redis-benchmark puts twelve digits here.
DRAWN = "__rand_int__"
BATCH = 500
SUBSCRIBERS = 100


class Target(Protocol):
    """Where a server listens."""

    @property
    def port(self) -> int: ...


class SetupFailed(RuntimeError):
    """A server refused what a case needs."""


def encode(*words: bytes) -> bytes:
    """One request."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


def send(port: int, requests: Iterable[bytes]) -> None:
    """Pipelines requests whose replies are one line each.

    Raises:
        SetupFailed: when one is refused.
    """
    with socket.create_connection(("127.0.0.1", port)) as conn, conn.makefile("rb") as replies:
        for batch in _batches(requests):
            conn.sendall(b"".join(batch))
            for _ in batch:
                line = replies.readline()
                if line[:1] == b"$":
                    line = replies.readline()
                if line[:1] in (b"-", b""):
                    raise SetupFailed(line.decode(errors="replace"))


def _batches(requests: Iterable[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for request in requests:
        batch.append(request)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


@dataclass(frozen=True)
class Case:
    """One row of the tables: what is sent, how often at P16 and at P1, and what is stored before a run of so many requests."""

    name: str
    command: Sequence[str]
    requests: tuple[int, int]
    prepare: Callable[[int, int], None]

    def count(self, pipeline: int) -> int:
        """How many requests a run has."""
        return self.requests[0] if pipeline > 1 else self.requests[1]


def nothing(_port: int, _requests: int) -> None:
    """The case needs nothing."""


def strings(port: int, _requests: int) -> None:
    """`key:<n>`: 64 bytes each."""
    send(port, (encode(b"SET", b"key:%012d" % at, VALUE) for at in range(KEYS)))


def long_list(port: int, _requests: int) -> None:
    """A list of 500, as redis-benchmark's own LRANGE tests have at least."""
    send(port, [encode(b"DEL", b"longlist"), *(encode(b"RPUSH", b"longlist", VALUE) for _ in range(500))])


def scores(port: int, _requests: int) -> None:
    """A sorted set of 100,000 members with scores 0, 1, 2 ..."""
    send(port, (encode(b"ZADD", b"scores", b"%d" % at, b"member:%012d" % at) for at in range(KEYS)))


def fresh_stream(port: int, _requests: int) -> None:
    """An empty stream."""
    send(port, [encode(b"DEL", b"stream")])


def read_stream(port: int, requests: int, each: int) -> None:
    """A stream with as many entries as will be read, and a group that has read none."""
    entries = (encode(b"XADD", b"events", b"*", b"field", VALUE) for _ in range(requests * each))
    send(port, [encode(b"DEL", b"events")])
    send(port, entries)
    send(port, [encode(b"XGROUP", b"CREATE", b"events", b"group", b"0")])


def _reads(count: int) -> tuple[str, ...]:
    return ("xreadgroup", "GROUP", "group", "consumer", "COUNT", str(count), "STREAMS", "events", ">")


SCRIPT = "local n = redis.call('incr', KEYS[1]) return n + ARGV[1]"
READS = "local v = redis.call('get', KEYS[1]) if v then return #v end return 0"

CASES: tuple[Case, ...] = (
    Case("MGET 100", ("mget", *(f"key:{DRAWN}" for _ in range(100))), (40_000, 20_000), strings),
    Case("LRANGE 100", ("lrange", "longlist", "0", "99"), (100_000, 40_000), long_list),
    Case("ZRANGEBYSCORE 10", ("zrangebyscore", "scores", DRAWN, "+inf", "LIMIT", "0", "10"), (300_000, 100_000), scores),
    Case("ZRANGEBYSCORE 100", ("zrangebyscore", "scores", DRAWN, "+inf", "LIMIT", "0", "100"), (80_000, 40_000), scores),
    Case("XADD", ("xadd", "stream", "*", "field", VALUE.decode()), (400_000, 100_000), fresh_stream),
    Case("XREADGROUP 1", _reads(1), (200_000, 80_000), lambda port, requests: read_stream(port, requests, 1)),
    Case("XREADGROUP 10", _reads(10), (30_000, 20_000), lambda port, requests: read_stream(port, requests, 10)),
    Case("EVAL, a write", ("eval", SCRIPT, "1", f"counter:{DRAWN}", "5"), (400_000, 100_000), nothing),
    Case("EVAL, a read", ("eval", READS, "1", f"key:{DRAWN}"), (400_000, 100_000), strings),
)


@dataclass(frozen=True)
class FanOut:
    """Messages published, how long until all were read by all, in seconds."""

    messages: int
    seconds: float

    @property
    def rate(self) -> float:
        """Messages delivered a second, each counted for each subscriber."""
        return self.messages * SUBSCRIBERS / self.seconds


def fan_out(server: Target, pipeline: int, messages: int) -> FanOut:
    """One run: 100 subscribers of one channel, `messages` of 64 bytes from ten publishers (one where nothing is pipelined)."""
    publishers = 10 if pipeline > 1 else 1
    command = [sys.executable, str(Path(__file__).resolve()), str(server.port), str(messages)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as listener:
        assert listener.stdout is not None
        if listener.stdout.readline().strip() != "ready":
            raise SetupFailed("the subscribers did not come up")
        load = ["redis-benchmark", "-p", str(server.port), "-c", str(publishers), "-P", str(pipeline), "-n", str(messages)]
        began = time.clock_gettime(time.CLOCK_MONOTONIC)
        subprocess.run([*load, "--csv", "publish", "news", VALUE.decode()], check=True, capture_output=True)
        ended = float(listener.stdout.readline())
    return FanOut(messages, ended - began)


def listen(port: int, messages: int) -> float:
    """Subscribes 100 connections and reads `messages` on each; the clock's time when the last one has them."""
    word = encode(b"SUBSCRIBE", b"news")
    message = len(encode(b"message", b"news", VALUE))
    poller = selectors.EpollSelector()
    left: dict[int, int] = {}
    for _ in range(SUBSCRIBERS):
        conn = socket.create_connection(("127.0.0.1", port))
        conn.sendall(word)
        with conn.makefile("rb", buffering=0) as raw:
            confirmed = b""
            while confirmed.count(b"\r\n") < 6:
                confirmed += raw.read(4096) or b""
        conn.setblocking(False)
        poller.register(conn, selectors.EVENT_READ)
        left[conn.fileno()] = messages * message
    print("ready", flush=True)
    room = bytearray(1 << 20)
    open_ones = SUBSCRIBERS
    while open_ones:
        for key, _ in poller.select():
            assert isinstance(key.fileobj, socket.socket)
            got = key.fileobj.recv_into(room)
            if got == 0:
                raise SetupFailed("a subscriber was closed")
            left[key.fd] -= got
            open_ones -= left[key.fd] == 0
    return time.clock_gettime(time.CLOCK_MONOTONIC)


if __name__ == "__main__":
    print(listen(int(sys.argv[1]), int(sys.argv[2])), flush=True)
