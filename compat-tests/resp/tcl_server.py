#!/usr/bin/env python3
"""What Redis's Tcl suite starts as `src/redis-server`: HyperDB with the settings of a configuration file of Redis.

The process becomes the server, since the suite ends it by its number. A child sets by CONFIG SET what the file says and then
writes the two lines that the suite waits for; what is refused it tells on the standard error.
Run: `tcl_server.py FILE [--name value ...]`; `HYPERDB` names the command.
"""

from __future__ import annotations

import os
import shlex
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

PLACED = {"port", "bind", "dir", "unixsocket", "pidfile", "logfile", "daemonize", "databases", "appendfsync"}
START_SECONDS = 60.0


def read(arguments: Sequence[str]) -> dict[str, list[str]]:
    """Directives with the words behind them; of those that may come several times the last."""
    found: dict[str, list[str]] = {}
    lines = Path(arguments[0]).read_text().splitlines() if arguments else []
    for line in lines:
        words = shlex.split(line.strip(), comments=True)
        if words:
            found[words[0].lower()] = words[1:]
    rest = list(arguments[1:])
    while rest:
        name = rest.pop(0)
        values = []
        while rest and not rest[0].startswith("--"):
            values.append(rest.pop(0))
        found[name.removeprefix("--").lower()] = values
    return found


def said(connection: socket.socket, *words: str) -> bytes:
    """The first line of the reply to a command."""
    encoded = [word.encode() for word in words]
    connection.sendall(b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded))
    reply = b""
    while not reply.endswith(b"\r\n"):
        more = connection.recv(65536)
        if not more:
            break
        reply += more
    return reply.split(b"\r\n")[0]


def configure(port: int, directives: dict[str, list[str]], server: int) -> None:
    """Waits for the server, sets what was given, and says that it is ready."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            connection = socket.create_connection(("127.0.0.1", port), timeout=10)
            break
        except OSError:
            if time.monotonic() > deadline:
                return
            time.sleep(0.02)
    with connection:
        for name, values in directives.items():
            if name not in PLACED:
                reply = said(connection, "CONFIG", "SET", name, " ".join(values))
                if not reply.startswith(b"+"):
                    print(f"{name} {' '.join(values)}: {reply.decode(errors='replace')}", file=sys.stderr)
    print(f"{server}:M * PID: {server}, Server initialized", flush=True)
    print(f"{server}:M * Ready to accept connections tcp", flush=True)


def main() -> None:
    """Becomes the server."""
    directives = read(sys.argv[1:])
    port = int(directives.get("port", ["6379"])[0])
    data = Path(directives.get("dir", ["."])[0]) / "hyperdb"
    server = os.getpid()
    if os.fork() == 0:
        configure(port, directives, server)
        os._exit(0)
    sync = "always" if directives.get("appendfsync") == ["always"] else "everysec"
    place = ["serve", str(data), "--resp", f"127.0.0.1:{port}", "--sync", sync, "--resp-debug", "yes"]
    os.execv(os.environ["HYPERDB"], [os.environ["HYPERDB"], *place])


if __name__ == "__main__":
    main()
