"""A RESP client that keeps what other clients smooth over: the type of every reply."""

from __future__ import annotations

import select
import socket
from collections.abc import Sequence
from dataclasses import dataclass

Payload = bytes | int | None | list["Reply"]


@dataclass(frozen=True)
class Reply:
    """One reply: its type byte (`+ - : $ * % ~ , # _ (`) and what it holds; maps and sets are flat lists."""

    kind: str
    payload: Payload

    def __str__(self) -> str:
        if isinstance(self.payload, list):
            return f"{self.kind}[{' '.join(map(str, self.payload))}]"
        if isinstance(self.payload, bytes):
            return f"{self.kind}{self.payload.decode(errors='backslashreplace')!r}"
        return f"{self.kind}{self.payload}"


class Connection:
    """A blocking connection to a server on loopback."""

    def __init__(self, port: int, protocol: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20.0)
        self._received = bytearray()
        self.call(b"HELLO", str(protocol).encode())

    def call(self, *words: bytes) -> Reply:
        """Sends one command and reads its reply."""
        self.send([words])
        return self.read()

    def pipeline(self, requests: Sequence[Sequence[bytes]]) -> list[Reply]:
        """Sends commands at once and reads a reply of each."""
        self.send(requests)
        return [self.read() for _ in requests]

    def send(self, requests: Sequence[Sequence[bytes]]) -> None:
        """Sends commands and reads nothing."""
        parts = []
        for words in requests:
            parts.append(b"*%d\r\n" % len(words))
            parts += [b"$%d\r\n%s\r\n" % (len(word), word) for word in words]
        self._socket.sendall(b"".join(parts))

    def readable(self, seconds: float) -> bool:
        """Whether anything comes within some seconds, when all before it was read."""
        return bool(select.select([self._socket], [], [], seconds)[0])

    @property
    def buffered(self) -> bool:
        """Whether something was received that was not read."""
        return bool(self._received)

    def close(self) -> None:
        self._socket.close()

    def read(self) -> Reply:
        """The next reply.

        Raises:
            ConnectionError: the server closed the connection.
            TimeoutError: nothing came for 20 seconds.
        """
        line = self._line()
        kind, text = chr(line[0]), line[1:]
        match kind:
            case "+" | "-" | "," | "#" | "(":
                return Reply(kind, text)
            case ":":
                return Reply(kind, int(text))
            case "_":
                return Reply(kind, None)
            case "$" | "=":
                return Reply(kind, self._bulk(int(text)))
            case "*" | "~" | "%" | ">":
                if int(text) < 0:
                    return Reply(kind, None)
                count = int(text) * (2 if kind == "%" else 1)
                return Reply(kind, [self.read() for _ in range(count)])
        raise ValueError(f"no such reply: {line!r}")

    def _bulk(self, length: int) -> bytes | None:
        if length < 0:
            return None
        while len(self._received) < length + 2:
            self._more()
        return self._take(length)

    def _line(self) -> bytes:
        while (end := self._received.find(b"\r\n")) < 0:
            self._more()
        return self._take(end)

    def _take(self, length: int) -> bytes:
        taken = bytes(self._received[:length])
        del self._received[: length + 2]
        return taken

    def _more(self) -> None:
        part = self._socket.recv(1 << 16)
        if not part:
            raise ConnectionError("the server closed the connection")
        self._received += part
