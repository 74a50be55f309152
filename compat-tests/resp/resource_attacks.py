"""Clients that ask for too much: lengths without bytes, floods, replies that nobody reads, arguments by the million.

None of them may end the server, keep it from answering another client for long, or leave its memory taken. Each attack says what
it is told; meanwhile another client asks PING, and the longest that it waited is shown, with the processor time that the server
took and what it held at most and afterwards. What is wrong: more than `--patience` seconds of the server's processor (what it is
busy for is what others wait, on a machine of its own), a server that is gone, more memory than the attack may take, or an answer
other than the expected one. `--redis` attacks a real one, to compare.
Run: `python compat-tests/resp/resource_attacks.py [--only GLOB ...] [--redis]`.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import re
import resource
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import servers

MIB = 1 << 20


def request(*words: bytes | str | int) -> bytes:
    """A command as RESP."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        text = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(text), text))
    return b"".join(parts)


class Client:
    """A connection that is read only as far as it is asked to."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=600)
        self._received = bytearray()

    def send(self, raw: bytes) -> None:
        """Sends bytes as they are."""
        self.socket.sendall(raw)

    def line(self) -> str:
        """The next line: a simple reply, or the head of another; `closed` at the end."""
        while (end := self._received.find(b"\r\n")) < 0:
            try:
                part = self.socket.recv(1 << 16)
            except ConnectionError:
                part = b""
            if not part:
                return "closed"
            self._received += part
        text = self._received[:end].decode("latin-1")
        del self._received[: end + 2]
        return text

    def ask(self, *words: bytes | str | int) -> str:
        """The first line of a reply; the rest of a bulk string is read and dropped."""
        self.send(request(*words))
        head = self.line()
        if head.startswith("$") and head != "$-1":
            self.drop(int(head[1:]) + 2)
        return head

    def drop(self, size: int) -> None:
        """Reads so many bytes."""
        while len(self._received) < size:
            size -= len(self._received)
            self._received.clear()
            part = self.socket.recv(1 << 20)
            if not part:
                raise ConnectionError("the server closed the connection")
            self._received += part
        del self._received[:size]


@dataclass(frozen=True)
class Attack:
    """What is done, what the answer must match, and how many MiB it may take at most."""

    name: str
    act: Callable[[int], str]
    expected: str
    most_mib: int


def _raw(*parts: bytes) -> Callable[[int], str]:
    def act(port: int) -> str:
        with contextlib.closing(Client(port).socket) as opened:
            client = Client(port)
            for part in parts:
                client.send(part)
            del opened
            return client.line()

    return act


def _one(*words: bytes | str | int) -> Callable[[int], str]:
    def act(port: int) -> str:
        client = Client(port)
        with contextlib.closing(client.socket):
            return client.ask(*words)

    return act


def _several(*commands: tuple[bytes | str | int, ...]) -> Callable[[int], str]:
    def act(port: int) -> str:
        client = Client(port)
        with contextlib.closing(client.socket):
            said = ""
            for words in commands:
                said = client.ask(*words)
            return said

    return act


def slow_writers(port: int) -> str:
    """Five hundred clients that send one byte at a time of a large request."""
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(500)]
    for byte in b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nabc":
        for client in clients:
            client.send(bytes((byte,)))
    for client in clients:
        client.close()
    return "done"


def ten_thousand(port: int) -> str:
    """Connections up to the limit of the server, and beyond."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    clients: list[socket.socket] = []
    refused = 0
    try:
        clients.extend(socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(10_100))
        for client in clients:
            client.sendall(b"PING\r\n")
        for client in clients:
            try:
                refused += client.recv(100) != b"+PONG\r\n"
            except OSError:
                refused += 1
    finally:
        for client in clients:
            client.close()
    return f"{len(clients) - refused} served, {refused} refused"


@contextlib.contextmanager
def limited(port: int) -> Iterator[Client]:
    """A client whose unread replies may take 64 MiB; all may take more again afterwards."""
    client, after = Client(port), Client(port)
    with contextlib.closing(client.socket), contextlib.closing(after.socket):
        client.ask("CONFIG", "SET", "client-output-buffer-limit", "normal 67108864 0 0")
        yield client
        after.ask("CONFIG", "SET", "client-output-buffer-limit", "normal 0 0 0")


def unread(command: bytes, times: int) -> Callable[[int], str]:
    """A client that asks for much and reads nothing."""

    def act(port: int) -> str:
        with limited(port) as client:
            client.ask("SET", "unread", b"x" * MIB)
            client.socket.settimeout(3)
            with contextlib.suppress(OSError):
                for _ in range(times):
                    client.send(command)
            time.sleep(0.5)
            client.socket.settimeout(20)
            received = 0
            try:
                while part := client.socket.recv(1 << 20):
                    received += len(part)
                    if received > times * MIB:
                        return "served all"
            except TimeoutError:
                return "never closed"
            except OSError:
                pass
            return "closed"

    return act


def unread_messages(port: int) -> str:
    """A subscriber that reads nothing while a hundred mebibytes are published."""
    deaf, speaker = Client(port), Client(port)
    with contextlib.closing(deaf.socket), contextlib.closing(speaker.socket):
        deaf.ask("SUBSCRIBE", "ch")
        heard = [speaker.ask("PUBLISH", "ch", b"x" * MIB) for _ in range(100)]
        return f"{heard[0]} then {heard[-1]}"


def pipeline(port: int) -> str:
    """A million commands before the first reply is read."""
    client = Client(port)
    with contextlib.closing(client.socket):
        done = threading.Event()

        def write() -> None:
            client.send(b"PING\r\n" * 1_000_000)
            done.set()

        writer = threading.Thread(target=write)
        writer.start()
        time.sleep(1)
        client.drop(7_000_000)
        writer.join()
        return "all"


def queued(port: int) -> str:
    """Two million commands in a transaction."""
    client = Client(port)
    with contextlib.closing(client.socket):
        client.ask("MULTI")
        for _ in range(20):
            client.send(b"*1\r\n$4\r\nPING\r\n" * 100_000)
            client.drop(9 * 100_000)
        said = client.ask("EXEC")
        client.drop(7 * 2_000_000)
        return said


def queued_large(port: int) -> str:
    """Transactions that hold two gigabytes."""
    client = Client(port)
    with contextlib.closing(client.socket):
        client.ask("MULTI")
        said = ""
        for _ in range(40):
            said = client.ask("SET", "k", b"x" * (50 * MIB))
            if said.startswith("-"):
                break
        return said


MANY = 1_000_000


def _many(name: str, *behind: bytes | str | int, before: tuple[str, ...] = (), prefix: str = "k") -> Callable[[int], str]:
    def act(port: int) -> str:
        client = Client(port)
        with contextlib.closing(client.socket):
            client.send(request(*name.split(), *before, *(f"{prefix}{number}" for number in range(MANY)), *behind))
            if behind == ("0",):
                time.sleep(1)
                other = Client(port)
                said = other.ask("RPUSH", "k5", "x")
                other.socket.close()
                client.line()
                return said
            return client.line()

    return act


def prefixes(port: int) -> str:
    """CLIENT TRACKING with a hundred thousand prefixes."""
    client = Client(port)
    with contextlib.closing(client.socket):
        client.ask("HELLO", "3")
        words: list[str] = []
        for number in range(100_000):
            words += ["PREFIX", f"p{number:07}"]
        client.send(request("CLIENT", "TRACKING", "ON", "BCAST", *words))
        said = client.line()
        while not said.startswith(("+OK", "-", "closed")):
            said = client.line()
        return said


def _string(size: int, *words: bytes | str | int) -> Callable[[int], str]:
    def act(port: int) -> str:
        client = Client(port)
        with contextlib.closing(client.socket):
            client.ask("SET", "big1", b"ab" * (size // 2))
            client.ask("SET", "big2", b"ba" * (size // 2))
            said = client.ask(*words)
            client.ask("DEL", "big1", "big2")
            return said

    return act


def append(port: int) -> str:
    """A string grown to its limit by APPEND."""
    client = Client(port)
    with contextlib.closing(client.socket):
        said = ""
        for _ in range(11):
            said = client.ask("APPEND", "grown", b"x" * (50 * MIB))
        client.ask("DEL", "grown")
        return said


def large_sets(port: int) -> str:
    """Intersections, unions and differences of sets of half a million."""
    client = Client(port)
    with contextlib.closing(client.socket):
        for at in range(2):
            for part in range(5):
                client.ask("SADD", f"large{at}", *(str(at * 250_000 + part * 100_000 + n) for n in range(100_000)))
        said = [client.ask(f"{name}STORE", "result", "large0", "large1") for name in ("SINTER", "SUNION", "SDIFF")]
        said.append(client.ask("SINTERCARD", 2, "large0", "large1", "LIMIT", 10))
        said.append(client.ask("SORT", "large0", "BY", "nosuch*", "STORE", "result"))
        said.append(client.ask("SORT", "large0", "ALPHA", "DESC", "STORE", "result"))
        client.ask("DEL", "large0", "large1", "result")
        return " ".join(said)


def patterns(port: int) -> str:
    """Globs that a simple matcher needs exponential time for."""
    client = Client(port)
    with contextlib.closing(client.socket):
        client.ask("SET", "a" * 5000, "v")
        said = [client.ask("KEYS", "a*" * count + "b") for count in (5, 20, 200, 2000)]
        said.append(client.ask("SCAN", 0, "MATCH", "*a" * 1000 + "?b", "COUNT", 100))
        client.drop(0)
        return " ".join(said[:4])


def subscribed_patterns(port: int) -> str:
    """Such a glob as a subscription, and messages to channels that it must be matched with."""
    deaf, speaker = Client(port), Client(port)
    with contextlib.closing(deaf.socket), contextlib.closing(speaker.socket):
        deaf.ask("PSUBSCRIBE", "a*" * 500 + "b")
        return speaker.ask("PUBLISH", "a" * 10_000, "m")


def _attacks() -> Iterator[Attack]:
    yield Attack("huge multibulk", _raw(b"*2147483647\r\n$3\r\nGET\r\n"), "-ERR Protocol error: invalid multibulk length", 50)
    yield Attack("multibulk at its limit", _raw(b"*1048577\r\n" + b"$1\r\nx\r\n" * 10 + b"QUIT\r\n"), ".*", 100)
    yield Attack("million words", _raw(b"*1000000\r\n" + b"$1\r\nx\r\n" * 1_000_000), "-ERR unknown command", 200)
    yield Attack("huge bulk", _raw(b"*2\r\n$3\r\nGET\r\n$999999999999\r\n"), "-ERR Protocol error: invalid bulk length", 50)
    yield Attack("negative bulk", _raw(b"*2\r\n$3\r\nGET\r\n$-1\r\n"), "-ERR Protocol error: invalid bulk length", 50)
    yield Attack("long line", _raw(b"x" * 70_000 + b"\r\n"), "-ERR Protocol error: too big inline request", 50)
    refused = "-ERR Protocol error: (invalid multibulk length|too big mbulk count string)"
    yield Attack("long number", _raw(b"*" + b"1" * 70_000), refused, 50)
    yield Attack("slow writers", slow_writers, "done", 300)
    yield Attack("ten thousand connections", ten_thousand, r"(9\d\d\d|10\d\d\d) served, .*", 700)
    yield Attack("unread replies", unread(request("GET", "unread"), 1000), "closed|served all", 300)
    yield Attack("unread messages", unread_messages, ":1 then :0", 200)
    yield Attack("pipeline of a million", pipeline, "all", 300)
    yield Attack("transaction of two million", queued, r"\*2000000", 900)
    yield Attack("transaction of two gigabytes", queued_large, r"[-+].*", 2600)
    yield Attack("million keys in MGET", _many("MGET"), r"\*1000000", 500)
    yield Attack("million keys in DEL", _many("DEL"), ":0", 500)
    yield Attack("million keys in WATCH", _many("WATCH"), r"\+OK", 700)
    yield Attack("million keys in BLPOP", _many("BLPOP", "0"), ":1", 1000)
    yield Attack("million patterns", _many("PSUBSCRIBE"), r"\*3|closed", 900)
    yield Attack("million channels", _many("SUBSCRIBE"), r"\*3|closed", 900)
    yield Attack("million fields", _many("HSET", before=("manyfields",)), ":500000", 900)
    yield Attack("million members", _many("SADD", before=("manymembers",)), ":1000000", 900)
    yield Attack("and gone", _one("DEL", "manyfields", "manymembers"), ":[012]", 900)
    yield Attack("prefixes", prefixes, r"\+OK", 300)
    yield Attack("SETRANGE to the limit", _several(("SETRANGE", "far", 536870911, "x"), ("STRLEN", "far")), ":536870912", 1800)
    yield Attack("and gone again", _one("DEL", "far"), ":1", 1800)
    yield Attack("SETRANGE beyond", _one("SETRANGE", "far", 536870912, "x"), "-ERR string exceeds maximum allowed size", 50)
    yield Attack("SETBIT at the limit", _several(("SETBIT", "far", 4294967295, 1), ("BITCOUNT", "far")), ":1", 1800)
    refused = "-ERR (bit offset is not an integer|string exceeds maximum allowed size)"
    yield Attack("BITFIELD beyond", _one("BITFIELD", "far", "SET", "u63", "4294967290", 1), refused, 1800)
    yield Attack("GETRANGE at limits", _one("GETRANGE", "far", 0, 9223372036854775807), r"\$536870912", 1800)
    yield Attack("BITOP NOT", _several(("BITOP", "NOT", "far2", "far"), ("DEL", "far", "far2")), ":2", 2600)
    yield Attack("APPEND beyond", append, "-ERR string exceeds maximum allowed size", 1800)
    yield Attack("LCS of 10 kB", _string(10_000, "LCS", "big1", "big2", "LEN"), ":9999", 1900)
    yield Attack("LCS of 1 MB", _string(1_000_000, "LCS", "big1", "big2"), "-ERR (Insufficient memory|String too long).*", 300)
    yield Attack("large sets", large_sets, ":250000 :750000 :250000 :10 :500000 :500000", 600)
    yield Attack("patterns", patterns, r"\*0 \*0 \*0 \*0", 100)
    yield Attack("subscribed patterns", subscribed_patterns, ":0", 100)
    yield Attack("all gone", _one("FLUSHALL"), r"\+OK", 2600)


def resident(pid: int) -> int:
    """MiB of a process."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    if found is None:
        raise ProcessLookupError(pid)
    return int(found[1]) >> 10


def processor_time(pid: int) -> float:
    """Seconds that all threads of a process have run."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


class Watch:
    """Another client and the process's memory, looked at all the time."""

    def __init__(self, port: int, pid: int) -> None:
        self._port, self._pid = port, pid
        self._stop = threading.Event()
        self.longest, self.most = 0.0, 0
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        client: Client | None = None
        while not self._stop.wait(0.02):
            with contextlib.suppress(OSError):
                self.most = max(self.most, resident(self._pid))
            began = time.monotonic()
            try:
                client = client or Client(self._port)
                client.ask("PING")
            except OSError:
                client = None
            self.longest = max(self.longest, time.monotonic() - began)
        if client is not None:
            client.socket.close()


def main() -> int:
    """0 when the server came through."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=["*"], help="globs of attacks")
    parser.add_argument("--patience", type=float, default=30.0)
    parser.add_argument("--redis", action="store_true")
    options = parser.parse_args()
    start = servers.redis() if options.redis else servers.hyperdb("--sync", "everysec")
    wrong = 0
    with start as server:
        pid = server.process.pid
        for attack in _attacks():
            if not any(fnmatch.fnmatch(attack.name, glob) for glob in options.only):
                continue
            before, began, ran = resident(pid), time.monotonic(), processor_time(pid)
            with Watch(server.port, pid) as watch:
                try:
                    told = attack.act(server.port)
                except OSError as error:
                    told = repr(error)
            took = time.monotonic() - began
            if server.process.poll() is not None:
                raise SystemExit(f"the server is gone after: {attack.name}")
            busy = processor_time(pid) - ran
            bounded = watch.most - before <= attack.most_mib and busy <= options.patience
            good = bounded and re.match(attack.expected, told)
            wrong += not good
            shown = f"{took:6.1f} s, busy {busy:5.1f} s, PING {watch.longest:6.2f} s"
            shown += f", {watch.most - before:+5} MiB, then {resident(pid) - before:+5}"
            print(f"{'' if good else 'WRONG '}{attack.name:30} {shown}  {told[:100]}", flush=True)
    print(f"{wrong} of the attacks hurt")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
