"""Servers under test: HyperDB and, as the peer, a real Redis, each on a free loopback port.

Theory: HyperDB claims Redis 7.2, so that is the peer to have: `$REDIS_SERVER` names one, else a program whose name says 7.2 is
taken, else `redis-server` on the path, whatever its version. Its other programs (redis-cli, redis-check-rdb) are looked for
beside it.
Invariant: every server started here runs on a fresh directory, is waited for, and is ended by its own pid.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30.0
PEER_VARIABLE = "REDIS_SERVER"
PEER_NAMES = ("redis-server-7.2", "redis-server7.2", "redis-server")


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


def peer() -> str:
    """The program of the Redis to compare with.

    Raises:
        ServerFailed: when there is none; says how one names it.
    """
    named = os.environ.get(PEER_VARIABLE)
    if named is not None:
        found = shutil.which(named)
        if found is None:
            raise ServerFailed(f"{PEER_VARIABLE} names {named}, which is no program")
        return found
    found = next((path for path in map(shutil.which, PEER_NAMES) if path is not None), None)
    if found is None:
        raise ServerFailed(f"redis-server is not installed: Debian's, or {PEER_VARIABLE} names one, best a 7.2")
    return found


def peer_version() -> str:
    """The version of the peer, such as `7.2.6`.

    Raises:
        ServerFailed: when there is no peer, or when it does not say.
    """
    shown = subprocess.run([peer(), "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"v=(\d+\.\d+\.\d+)", shown)
    if found is None:
        raise ServerFailed(f"{peer()} does not say its version: {shown}")
    return found.group(1)


def peer_tool(name: str) -> str:
    """Another program of Redis's, such as `redis-cli`: beside the peer, else on the path.

    Raises:
        ServerFailed: when it is in neither place.
    """
    found = shutil.which(name, path=str(Path(peer()).resolve().parent)) or shutil.which(name)
    if found is None:
        raise ServerFailed(f"{name} is not installed (Debian: redis-tools)")
    return found


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
        ServerFailed: when there is none.
    """
    program = peer()
    with tempfile.TemporaryDirectory(prefix="redis-compat-") as scratch:
        port = port or free_port()
        command = [program, "--bind", "127.0.0.1", "--port", str(port), "--dir", scratch, "--save", "", *options]
        with running("redis", command, port, Path(scratch)) as server:
            yield server


def status(main: Callable[[], int]) -> int:
    """The exit status of `main`; 2 with a word on stderr when something that it needs is not there."""
    try:
        return main()
    except ServerFailed as missing:
        print(missing, file=sys.stderr)
        return 2
