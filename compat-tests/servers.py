"""Servers under test: HyperDB and, as the peer, Debian's redis-server, each on a free loopback port.

Every server started here runs on a fresh directory, is waited for, and is ended by its own pid.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30.0


class ServerFailed(RuntimeError):
    """A server did not come up; carries its output."""


@dataclass(frozen=True)
class Server:
    """A running server that speaks RESP on loopback."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    directory: Path

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"


def binary() -> str:
    """The command under test: `$HYPERDB`, or the one that `make build` leaves."""
    return os.environ.get("HYPERDB", str(ROOT / ".venv/bin/hyperdb"))


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers_ping(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as conn:
            conn.sendall(b"PING\r\n")
            return conn.recv(7) in (b"+PONG\r\n", b"-NOAUTH")
    except OSError:
        return False


@contextlib.contextmanager
def running(name: str, command: list[str], port: int, directory: Path) -> Iterator[Server]:
    """Any RESP server, from its command; ended by pid."""
    log = directory / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers_ping(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise ServerFailed(f"{name} did not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.02)
        yield Server(name, port, process, directory)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def hyperdb(*options: str, directory: Path | None = None, port: int | None = None) -> Iterator[Server]:
    """HyperDB on a fresh directory (or on `directory`, which is then kept), on a free port or on the one given."""
    with tempfile.TemporaryDirectory(prefix="hyperdb-compat-") as scratch:
        where = directory or Path(scratch) / "data"
        port = port or free_port()
        command = [binary(), "serve", str(where), "--resp", f"127.0.0.1:{port}", *options]
        with running("hyperdb", command, port, Path(scratch)) as server:
            yield server


@contextlib.contextmanager
def redis(*options: str, port: int | None = None) -> Iterator[Server]:
    """Redis with the given options, on a free port or on the one given; persistence is off unless they turn it on.

    Raises:
        ServerFailed: when `redis-server` is not installed.
    """
    peer = shutil.which("redis-server")
    if peer is None:
        raise ServerFailed("redis-server is not installed (Debian: apt-get install redis-server)")
    with tempfile.TemporaryDirectory(prefix="redis-compat-") as scratch:
        port = port or free_port()
        command = [peer, "--bind", "127.0.0.1", "--port", str(port), "--dir", scratch, "--save", "", *options]
        with running("redis", command, port, Path(scratch)) as server:
            yield server
