"""A RESP load whose every acknowledgement can be checked after a crash.

Theory: each client owns its keys and writes numbers that only grow, so after a restart a key must hold a number
between the last one acknowledged and the last one sent; a list must be exactly the numbers below its length; the
two halves of a transaction must be equal; a hash's count must be the number of its fields.
Invariant: `acknowledged` moves only when the reply was read, `sent` before the bytes leave.
"""

from __future__ import annotations

import random
import socket
import threading
from dataclasses import dataclass, field

PIPELINE = 16
FIELDS = 50
# Longer lists begin anew after a check, so that a check stays short however many cycles there are.
LIST_MAX = 50_000


class ConnectionEnded(Exception):
    """The server went away, as it is meant to."""


class Connection:
    """A blocking RESP2 connection: just what the load and its check need."""

    def __init__(self, port: int, timeout: float = 30.0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.reader = self.socket.makefile("rb")

    def send(self, *commands: tuple[bytes, ...]) -> None:
        """Writes commands without waiting."""
        out = bytearray()
        for command in commands:
            out += b"*%d\r\n" % len(command)
            for part in command:
                out += b"$%d\r\n%s\r\n" % (len(part), part)
        try:
            self.socket.sendall(out)
        except OSError as error:
            raise ConnectionEnded from error

    def read(self) -> object:
        """One reply: int, bytes, None, list, or an `AssertionError` for an error reply."""
        try:
            line = self.reader.readline()
            if not line.endswith(b"\r\n"):
                raise ConnectionEnded
            kind, rest = line[:1], line[1:-2]
            if kind == b"$":
                if rest == b"-1":
                    return None
                body = self.reader.read(int(rest) + 2)
                if len(body) < int(rest) + 2:
                    raise ConnectionEnded
                return body[:-2]
        except OSError as error:
            raise ConnectionEnded from error
        if kind == b":":
            return int(rest)
        if kind == b"+":
            return rest
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        raise AssertionError(f"error reply: {line!r}")

    def call(self, *command: bytes) -> object:
        """One command and its reply."""
        self.send(command)
        return self.read()

    def close(self) -> None:
        """Ends the connection."""
        self.reader.close()
        self.socket.close()


@dataclass
class Ledger:
    """What one client sent and what was acknowledged: highest number by key."""

    client: int
    sent: dict[str, int] = field(default_factory=dict)
    acknowledged: dict[str, int] = field(default_factory=dict)

    def key(self, kind: str) -> bytes:
        return f"{kind}:{self.client}".encode()


class Client(threading.Thread):
    """Writes until the server goes away or `stop` is set."""

    def __init__(self, port: int, ledger: Ledger, stop: threading.Event, seed: int) -> None:
        super().__init__(daemon=True)
        self.connection = Connection(port)
        self.ledger = ledger
        self.stop = stop
        self.random = random.Random(seed)
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.stop.is_set():
                self.burst()
        except ConnectionEnded:
            pass
        except BaseException as error:
            self.failure = error
        finally:
            self.connection.close()

    def burst(self) -> None:
        """A pipeline of mixed writes, then their replies."""
        ledger = self.ledger
        waiting: list[tuple[str, int, int]] = []
        commands: list[tuple[bytes, ...]] = []
        for _ in range(self.random.randint(1, PIPELINE)):
            kind = self.random.choice(("string", "counter", "list", "hash", "pair"))
            number = ledger.sent.get(kind, 0) + 1
            ledger.sent[kind] = number
            digits, key = b"%d" % number, ledger.key(kind)
            if kind == "string":
                commands.append((b"SET", key, digits + b" " + b"x" * self.random.randint(0, 300)))
            elif kind == "counter":
                commands.append((b"INCR", key))
            elif kind == "list":
                commands.append((b"RPUSH", key, digits))
            elif kind == "hash":
                commands.append((b"HSET", key, b"f%d" % (number % FIELDS), digits))
            else:
                commands += [(b"MULTI",), (b"SET", key + b"a", digits), (b"SET", key + b"b", digits), (b"EXEC",)]
            waiting.append((kind, number, 4 if kind == "pair" else 1))
        self.connection.send(*commands)
        for kind, number, replies in waiting:
            for _ in range(replies):
                self.connection.read()
            if not self.stop.is_set():
                ledger.acknowledged[kind] = number


def verify(port: int, ledgers: list[Ledger]) -> int:
    """Checks every ledger against the restarted server, and takes what it holds as the new start.

    Returns the number of acknowledged writes that were checked. Raises `AssertionError` on the first loss.
    """
    connection = Connection(port)
    checked = 0
    for ledger in ledgers:
        found = {kind: read(connection, ledger, kind) for kind in ("string", "counter", "list", "hash", "pair")}
        for kind, number in found.items():
            acknowledged, sent = ledger.acknowledged.get(kind, 0), ledger.sent.get(kind, 0)
            assert acknowledged <= number <= sent, f"{kind} of {ledger.client}: {acknowledged} <= {number} <= {sent}"
            checked += acknowledged
            ledger.sent[kind] = ledger.acknowledged[kind] = number
        if found["list"] > LIST_MAX:
            connection.call(b"DEL", ledger.key("list"))
            ledger.sent["list"] = ledger.acknowledged["list"] = 0
    connection.close()
    return checked


def read(connection: Connection, ledger: Ledger, kind: str) -> int:
    """The highest number that the server holds for a kind, with the kind's own invariant checked."""
    key = ledger.key(kind)
    if kind in ("string", "counter"):
        value = connection.call(b"GET", key)
        return int(value.split()[0]) if isinstance(value, bytes) else 0
    if kind == "list":
        items = connection.call(b"LRANGE", key, b"0", b"-1")
        assert isinstance(items, list)
        assert items == [b"%d" % n for n in range(1, len(items) + 1)], f"list {key!r} has holes"
        assert connection.call(b"LLEN", key) == len(items)
        return len(items)
    if kind == "hash":
        flat = connection.call(b"HGETALL", key)
        assert isinstance(flat, list)
        assert connection.call(b"HLEN", key) == len(flat) // 2, f"hash {key!r} miscounts"
        numbers = {int(flat[i][1:]): int(flat[i + 1]) for i in range(0, len(flat), 2)}
        top = max(numbers.values(), default=0)
        expected = {n % FIELDS: n for n in range(max(1, top - FIELDS + 1), top + 1)}
        assert numbers == expected, f"hash {key!r} mixes moments"
        return top
    first, second = connection.call(b"GET", key + b"a"), connection.call(b"GET", key + b"b")
    assert first == second, f"transaction of {key!r} is half there: {first!r} {second!r}"
    return int(first) if isinstance(first, bytes) else 0
