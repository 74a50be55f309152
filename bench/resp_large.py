"""Large RESP data beside Redis: values of a megabyte, ten million keys, one hash of a million fields, keys that come and go.

Question: what do rates, memory and the disk do as the data grows? Method: both servers run at once and are asked in turns through
the same client; resident memory and processor time are read from /proc, the disk from the directory. How long others wait while a
large hash is read or deleted is the longest PING of a second client.
Run: `python bench/resp_large.py [--parts values keys hash churn] [--keys 10000000] [--fields 1000000] [--options frames=off]`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "compat-tests"))
import servers
from memory import rss_mib
from resp import AOF, cpu_seconds
from resp_cases import SetupFailed, encode

PARTS = ("values", "keys", "hash", "churn")
BATCH = 1000
VALUE = 64
MEGABYTE = 1_000_000
#: How long the servers rest before their memory is read: a flush or a rewrite of the log may be under way.
REST_SECONDS = 3.0


#: How many requests, and their bytes.
Batch = tuple[int, bytes]


class Client:
    """One connection that sends batches, the next one while the replies of the last one are on their way."""

    def __init__(self, port: int) -> None:
        self._conn = socket.create_connection(("127.0.0.1", port))
        self._room = bytearray(1 << 20)

    def close(self) -> None:
        self._conn.close()

    def stream(self, batches: Iterator[Batch], reply: int) -> None:
        """Sends batches of requests whose replies have `reply` bytes each."""
        owed = 0
        for count, requests in batches:
            self._conn.sendall(requests)
            self._read(owed)
            owed = count * reply
        self._read(owed)

    def ask(self, *words: bytes) -> bytes:
        """One request and its one-line reply.

        Raises:
            SetupFailed: when it is an error.
        """
        self._conn.sendall(encode(*words))
        got = b""
        while not got.endswith(b"\r\n"):
            got += self._conn.recv(4096)
        if got[:1] == b"-":
            raise SetupFailed(got.decode(errors="replace"))
        return got

    def read_all(self, *words: bytes) -> bytes:
        """One request whose reply is as long as it is: it ends with the reply to a PING behind it."""
        self._conn.sendall(encode(*words) + encode(b"PING"))
        parts: list[bytes] = []
        tail = b""
        while not tail.endswith(b"+PONG\r\n"):
            got = self._conn.recv_into(self._room)
            parts.append(bytes(self._room[:got]))
            tail = (tail + parts[-1])[-7:]
        return b"".join(parts)

    def _read(self, left: int) -> None:
        while left > 0:
            got = self._conn.recv_into(self._room, min(left, len(self._room)))
            if got == 0:
                raise SetupFailed("the server closed the connection")
            left -= got


@contextlib.contextmanager
def client(server: servers.Server) -> Iterator[Client]:
    """A connection for a while."""
    made = Client(server.port)
    try:
        yield made
    finally:
        made.close()


def disk_mib(server: servers.Server) -> float:
    """What a server has in its directory."""
    top = server.directory
    return sum(path.stat().st_size for path in top.rglob("*") if path.is_file()) / 2**20


def filled(head: bytes, numbers: range, size: int) -> Iterator[Batch]:
    """A command for each number, which `head` takes, with an incompressible value behind it; in batches."""
    head += b"$%d\r\n" % size
    for start in range(numbers.start, numbers.stop, BATCH):
        values = os.urandom(size * BATCH)
        count = min(BATCH, numbers.stop - start)
        each = (head % (start + at) + values[at * size : at * size + size] + b"\r\n" for at in range(count))
        yield count, b"".join(each)


def sets(numbers: range, size: int = VALUE) -> Iterator[Batch]:
    """SETs of `key:<n>`."""
    return filled(b"*3\r\n$3\r\nSET\r\n$16\r\nkey:%012d\r\n", numbers, size)


def deletes(numbers: range) -> Iterator[Batch]:
    """DELs of the same keys, one by one."""
    for start in range(numbers.start, numbers.stop, BATCH):
        stop = min(start + BATCH, numbers.stop)
        each = (b"*2\r\n$3\r\nDEL\r\n$16\r\nkey:%012d\r\n" % number for number in range(start, stop))
        yield stop - start, b"".join(each)


def fields(numbers: range) -> Iterator[Batch]:
    """HSETs of single fields of one hash."""
    return filled(b"*4\r\n$4\r\nHSET\r\n$3\r\nbig\r\n$18\r\nfield:%012d\r\n", numbers, VALUE)


def timed(server: servers.Server, work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock and of the server's processor."""
    cpu, began = cpu_seconds(server.process.pid), time.perf_counter()
    work()
    return time.perf_counter() - began, cpu_seconds(server.process.pid) - cpu


def benchmark(server: servers.Server, *words: str) -> float:
    """Requests a second, by redis-benchmark."""
    command = ["redis-benchmark", "-p", str(server.port), "--csv", *words]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(output.strip().splitlines()[-1].split('","')[1])


def longest_wait(server: servers.Server, work: Callable[[], object]) -> tuple[float, float]:
    """How long the work took, and the longest PING of another client beside it; milliseconds."""
    longest, done = 0.0, threading.Event()

    def ping() -> None:
        nonlocal longest
        with client(server) as other:
            while not done.is_set():
                began = time.perf_counter()
                other.ask(b"PING")
                longest = max(longest, time.perf_counter() - began)

    pinger = threading.Thread(target=ping)
    pinger.start()
    time.sleep(0.05)
    longest = 0.0
    seconds, _ = timed(server, work)
    time.sleep(0.05)
    done.set()
    pinger.join()
    return seconds * 1e3, longest * 1e3


def row(*cells: object) -> None:
    """Prints a row of a table."""
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def table(*titles: str) -> None:
    """Prints a table's head."""
    print()
    row(*titles)
    print("|" + "---|" * len(titles))


def large_values(both: tuple[servers.Server, servers.Server], rounds: int) -> None:
    """SET and GET of a megabyte, ten clients, a hundred keys."""
    table("1 MB", "redis MB/s", "hyperdb MB/s", "ratio", "redis cpu us", "hyperdb cpu us", "redis MiB", "hyperdb MiB")
    for test in ("set", "get"):
        rates: dict[str, list[float]] = {"redis": [], "hyperdb": []}
        cpus: dict[str, list[float]] = {"redis": [], "hyperdb": []}
        for turn in range(rounds):
            for server in both if turn % 2 == 0 else both[::-1]:
                before = cpu_seconds(server.process.pid)
                words = ("-c", "10", "-n", "2000", "-r", "100", "-d", str(MEGABYTE), "-t", test)
                rates[server.name].append(benchmark(server, *words))
                cpus[server.name].append((cpu_seconds(server.process.pid) - before) / 2000 * 1e6)
        ratios = sorted(mine / peer for peer, mine in zip(rates["redis"], rates["hyperdb"], strict=True))
        middle = rounds // 2
        shown = [f"{sorted(rates[name])[middle]:,.0f}" for name in ("redis", "hyperdb")]
        spent = [f"{sorted(cpus[name])[middle]:,.0f}" for name in ("redis", "hyperdb")]
        time.sleep(REST_SECONDS)
        memory = [f"{rss_mib(server.process.pid):,.0f}" for server in both]
        row(test.upper(), *shown, f"**{ratios[middle]:.2f}** ({ratios[0]:.2f}..{ratios[-1]:.2f})", *spent, *memory)


def many_keys(both: tuple[servers.Server, servers.Server], most: int) -> None:
    """Keys of 64 bytes up to `most`: loading, reading, memory and disk at each size."""
    table("keys", "server", "load /s", "cpu us a key", "GET P16 /s", "GET P1 /s", "memory MiB", "bytes a key", "disk MiB")
    empty = {server.name: rss_mib(server.process.pid) for server in both}
    loaded = 0
    for size in (most // 10, most // 4, most // 2, most):
        for server in both:
            with client(server) as conn:
                work = range(loaded, size)
                seconds, cpu = timed(server, lambda conn=conn, work=work: conn.stream(sets(work), 5))  # type: ignore[misc]
            many = benchmark(server, "-c", "50", "-P", "16", "-r", str(size), "-n", "500000", "-t", "get")
            single = benchmark(server, "-c", "50", "-r", str(size), "-n", "100000", "-t", "get")
            time.sleep(REST_SECONDS)
            memory = rss_mib(server.process.pid)
            count = size - loaded
            each = (memory - empty[server.name]) * 2**20 / size
            spent = f"{cpu / count * 1e6:.2f}"
            rates = (f"{count / seconds:,.0f}", spent, f"{many:,.0f}", f"{single:,.0f}")
            row(f"{size:,}", server.name, *rates, f"{memory:,.0f}", f"{each:,.0f}", f"{disk_mib(server):,.0f}")
        loaded = size


def big_hash(both: tuple[servers.Server, servers.Server], most: int) -> None:
    """One hash of ever more fields: writing, reading, walking, deleting, and how long others wait meanwhile."""
    titles = ("HSET /s", "cpu us", "HGET P16 /s", "HSCAN ms", "HGETALL ms", "wait ms", "memory MiB", "bytes a field")
    table("fields", "server", *titles, "DEL ms", "wait ms", "MiB after")
    for size in (most // 100, most // 10, most):
        for server in both:
            empty = rss_mib(server.process.pid)
            with client(server) as conn:
                work = range(size)
                seconds, cpu = timed(server, lambda conn=conn, work=work: conn.stream(fields(work), 4))  # type: ignore[misc]
                reads = benchmark(server, "-P", "16", "-r", str(size), "-n", "300000", "hget", "big", "field:__rand_int__")
                time.sleep(REST_SECONDS)
                memory = rss_mib(server.process.pid)
                walked, _ = timed(server, lambda conn=conn, size=size: scan(conn, size))  # type: ignore[misc]
                whole, beside = longest_wait(server, lambda conn=conn: conn.read_all(b"HGETALL", b"big"))  # type: ignore[misc]
                gone, stall = longest_wait(server, lambda conn=conn: conn.ask(b"DEL", b"big"))  # type: ignore[misc]
            time.sleep(REST_SECONDS)
            each = (memory - empty) * 2**20 / size
            rates = (f"{size / seconds:,.0f}", f"{cpu / size * 1e6:.2f}", f"{reads:,.0f}", f"{walked * 1e3:,.0f}")
            sizes = (f"{memory:,.0f}", f"{each:,.0f}", f"{gone:.1f}", f"{stall:.1f}", f"{rss_mib(server.process.pid):,.0f}")
            row(f"{size:,}", server.name, *rates, f"{whole:,.0f}", f"{beside:.1f}", *sizes)


def scan(conn: Client, size: int) -> None:
    """HSCAN from end to end.

    Raises:
        SetupFailed: when fields are missing.
    """
    cursor, seen = b"0", 0
    while True:
        lines = conn.read_all(b"HSCAN", b"big", cursor, b"COUNT", b"1000").split(b"\r\n", 4)
        cursor = lines[2]
        seen += int(lines[3][1:]) // 2
        if cursor == b"0":
            break
    if seen < size:
        raise SetupFailed(f"HSCAN gave {seen:,} of {size:,} fields")


def churn(both: tuple[servers.Server, servers.Server], keys: int, times: int = 5) -> None:
    """The same keys written again and again, then deleted: what memory and disk do."""
    table("churn", "server", "/s", "cpu us", "memory MiB", "disk MiB")

    def step(label: str, server: servers.Server, batches: Iterator[Batch], reply: int) -> None:
        with client(server) as conn:
            seconds, cpu = timed(server, lambda: conn.stream(batches, reply))
        time.sleep(REST_SECONDS)
        spent = (f"{keys / seconds:,.0f}", f"{cpu / keys * 1e6:.2f}")
        row(label, server.name, *spent, f"{rss_mib(server.process.pid):,.0f}", f"{disk_mib(server):,.0f}")

    for turn in range(times):
        for server in both:
            step(f"{keys:,} keys, time {turn + 1}", server, sets(range(keys)), 5)
    for server in both:
        step("deleted", server, deletes(range(keys)), 4)
    time.sleep(10 * REST_SECONDS)
    for server in both:
        row("and later", server.name, "", "", f"{rss_mib(server.process.pid):,.0f}", f"{disk_mib(server):,.0f}")


def main() -> int:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=PARTS)
    parser.add_argument("--keys", type=int, default=10_000_000)
    parser.add_argument("--fields", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--options", nargs="*", default=[], help="more of `hyperdb serve`, without dashes: frames=off")
    options = parser.parse_args()
    serve = [word for option in options.options for word in f"--{option}".split("=", 1)]
    for part in options.parts:
        with servers.redis(*AOF["everysec"]) as theirs, servers.hyperdb("--sync", "everysec", *serve) as ours:
            both = (theirs, ours)
            if part == "values":
                large_values(both, options.rounds)
            elif part == "keys":
                many_keys(both, options.keys)
            elif part == "hash":
                big_hash(both, options.fields)
            else:
                churn(both, options.keys // 10)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
