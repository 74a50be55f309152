"""CQL beside Cassandra 5.0: requests a second and percentiles of a client, in turns; the client's ceiling; start; parsing.

    python bench/cql.py [--rounds 5] [--seconds 2] [--kinds read,write,...] [--latte PROGRAM] [--warm 30] [--always] [--parse]

Theory: both servers, and one that repeats canned answers, are asked by the same load generator (compat-tests/cql/load, or
latte, which takes less of the processors that all of them share; 64 requests in flight on two connections, protocol 4), in
rounds of one after the other; what counts is the median of the rounds' ratios. The canned server is what the client and the
kernel leave room for: nothing can be faster. Durability is of one class: Cassandra's commit log is synced every ten seconds,
its default; HyperDB runs with `--sync everysec`, which loses a second at most; with `--always` a third server, with HyperDB's
default, answers only what is synced. Cassandra has its default settings (compat-tests/cql/cassandra), G1 and both compilers,
and is warmed up by `--warm` seconds of load before the first round, as is HyperDB. Processor time of the server a request is
printed beside each rate, since rates depend on who shares the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "compat-tests" / "cql" / "cassandra"))

import node

ROOT = Path(__file__).resolve().parents[1]
_TICK = os.sysconf("SC_CLK_TCK")
WANTED = {"read": 3.0, "write": 3.0, "slice": 3.0, "text": 2.0, "textwrite": 2.0, "batch": None}
_IN_FLIGHT = 64
_CASSANDRA, _CANNED = "Cassandra", "canned answers"
_SERVE = [sys.executable, "-c", "from hyperdb.cli import main; main()", "serve"]


@dataclass(frozen=True)
class Server:
    """Who is asked; `pid` is the process whose time is the server's."""

    name: str
    port: int
    pid: int

    def seconds(self) -> float:
        """Processor time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:13])) / _TICK


@dataclass(frozen=True)
class Measured:
    """One kind of request in one round."""

    rate: float
    p50: float
    p99: float
    cost: float
    """Microseconds of the server's processor time a request."""


def first_answer(port: int, patience: float = 120) -> None:
    """Waits until a server answers a statement, as a client that connects and asks for its name."""
    until = time.monotonic() + patience
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as made:
                made.settimeout(patience)
                _ask(made, 0x01, _string_map({"CQL_VERSION": "3.0.0"}))
                text = b"SELECT cluster_name FROM system.local WHERE key = 'local'"
                if _ask(made, 0x07, struct.pack(">i", len(text)) + text + b"\0\1\0") != 0x08:
                    raise OSError("no rows")
                return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.005)


def _string_map(pairs: dict[str, str]) -> bytes:
    words = [word.encode() for pair in pairs.items() for word in pair]
    return struct.pack(">H", len(pairs)) + b"".join(struct.pack(">H", len(word)) + word for word in words)


def _ask(made: socket.socket, opcode: int, body: bytes) -> int:
    """The opcode of the answer."""
    made.sendall(struct.pack(">BBHBI", 4, 0, 0, opcode, len(body)) + body)
    head = _exactly(made, 9)
    _exactly(made, int.from_bytes(head[5:9], "big"))
    return head[4]


def _exactly(made: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = made.recv(length - len(data))
        if not more:
            raise OSError("the server hung up")
        data += more
    return data


@contextmanager
def hyperdb(home: Path, sync: str) -> Iterator[tuple[Server, float]]:
    """HyperDB with its default settings but for `sync`, and how long it took to its first answer."""
    port = node.free_port()
    words = [*_SERVE, str(home), "--resp", "off", "--cql", f"127.0.0.1:{port}", "--sync", sync]
    began = time.monotonic()
    with (home.parent / f"{home.name}.log").open("wb") as log:
        child = subprocess.Popen(words, stdout=log, stderr=log, cwd=ROOT)
    try:
        first_answer(port)
        yield Server(f"HyperDB {sync}", port, child.pid), time.monotonic() - began
    finally:
        child.terminate()
        child.wait()


@contextmanager
def cassandra(home: Path, heap: str) -> Iterator[tuple[Server, float]]:
    """Cassandra, and how long it took to its first answer."""
    port = node.free_port()
    node.assemble(node.JARS)
    began = time.monotonic()
    pid = node.start(node.Options(home, port, heap))
    try:
        first_answer(port)
        yield Server(_CASSANDRA, port, pid), time.monotonic() - began
    finally:
        node.stop(home)


@contextmanager
def canned(program: Path, upstream: Server) -> Iterator[Server]:
    """A server of canned answers."""
    port = node.free_port()
    child = subprocess.Popen([program, "-canned", str(port), "-upstream", str(upstream.port)])
    try:
        first_answer(port)
        yield Server(_CANNED, port, child.pid)
    finally:
        child.kill()
        child.wait()


class Load(Protocol):
    """A program that makes requests."""

    def fill(self, server: Server) -> None:
        """Makes the tables and their rows."""

    def run(self, server: Server, kind: str, seconds: float) -> Measured:
        """So many seconds of one kind of request."""


@dataclass(frozen=True)
class Gocql:
    """compat-tests/cql/load, built: every kind of request."""

    program: Path

    def fill(self, server: Server) -> None:
        subprocess.run([self.program, "-port", str(server.port), "-kinds", "", "-fill"], check=True)

    def run(self, server: Server, kind: str, seconds: float) -> Measured:
        words = [self.program, "-port", str(server.port), "-json", "-seconds", str(seconds), "-kinds", kind]
        before = server.seconds()
        done = subprocess.run(words, stdout=subprocess.PIPE, check=True)
        spent = server.seconds() - before
        said = json.loads(done.stdout)
        return Measured(said["rate"], said["p50_ms"], said["p99_ms"], spent / (said["rate"] * seconds) * 1e6)


@dataclass(frozen=True)
class Latte:
    """latte with compat-tests/cql/load/latte.rn: the prepared ones; on one thread of its own it takes a third of gocql's time."""

    program: Path
    home: Path
    threads: int = 1

    def _call(self, verb: str, server: Server, *words: str) -> None:
        script = ROOT / "compat-tests" / "cql" / "load" / "latte.rn"
        call = [self.program, "--log-dir", self.home, verb, script, f"127.0.0.1:{server.port}", *words]
        subprocess.run(call, stdout=subprocess.DEVNULL, check=True)

    def fill(self, server: Server) -> None:
        self._call("schema", server)
        self._call("load", server, "-q")

    def run(self, server: Server, kind: str, seconds: float) -> Measured:
        report = self.home / "latte.json"
        report.unlink(missing_ok=True)
        each = ("-t", str(self.threads), "-p", str(_IN_FLIGHT // self.threads), "-c", "2")
        before = server.seconds()
        self._call("run", server, "-f", kind, "-w", "1", "-d", f"{seconds}s", *each, "-q", "-o", str(report))
        spent = server.seconds() - before
        found = json.loads(report.read_text())
        result = found["result"]
        if result["error_count"]:
            raise RuntimeError(f"{server.name}: {result['errors']}")
        shares = dict(zip(found["percentiles"], result["request_latency"]["percentiles"], strict=True))
        p50, p99 = (shares[share]["value"] for share in (50, 99))
        return Measured(result["req_throughput"]["value"], p50, p99, spent / result["request_count"] * 1e6)


def compare(servers: Sequence[Server], load: Load, asked: argparse.Namespace) -> None:
    """Rounds of all servers, and for each kind a table of medians."""
    kinds = asked.kinds.split(",")
    found: dict[str, dict[str, list[Measured]]] = {kind: {server.name: [] for server in servers} for kind in kinds}
    for number in range(asked.rounds):
        for kind in kinds:
            for server in servers:
                found[kind][server.name].append(load.run(server, kind, asked.seconds))
        print(f"round {number + 1} of {asked.rounds}, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
    print(f"\n{_IN_FLIGHT} in flight, {asked.rounds} rounds of {asked.seconds:g} s, load {os.getloadavg()[0]:.1f}\n")
    print("| request | server | /s | p50 ms | p99 ms | server cpu us | ratio to Cassandra (min..max) | wanted |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in kinds:
        for server in servers:
            print(_row(kind, server, found[kind]), flush=True)


def _row(kind: str, server: Server, found: dict[str, list[Measured]]) -> str:
    """A server's medians for one kind of request."""
    mine = found[server.name]
    rate, p50, p99, cost = (statistics.median(getattr(each, name) for each in mine) for name in ("rate", "p50", "p99", "cost"))
    shown, wanted = "", ""
    if server.name != _CASSANDRA and _CASSANDRA in found:
        ratios = [each.rate / other.rate for each, other in zip(mine, found[_CASSANDRA], strict=True)]
        shown = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}..{max(ratios):.2f})"
        if server.name != _CANNED:
            shown, wanted = f"**{shown}**", str(WANTED.get(kind) or "")
    return f"| {kind} | {server.name} | {rate:,.0f} | {p50:.2f} | {p99:.2f} | {cost:.1f} | {shown} | {wanted} |"


def main() -> None:
    """Builds the load generator, starts the servers, compares them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2, help="of each kind, server and round")
    parser.add_argument("--kinds", default="", help="default: read,write,slice, and by gocql also text,textwrite")
    parser.add_argument("--latte", type=Path, metavar="PROGRAM", help="ask by latte (crate latte-cli) instead of gocql")
    parser.add_argument("--threads", type=int, default=1, help="latte's")
    parser.add_argument("--warm", type=float, default=30, help="seconds of load before the first round")
    parser.add_argument("--heap", default="2g", help="Cassandra's")
    parser.add_argument("--always", action="store_true", help="also HyperDB with every write synced before it is answered")
    parser.add_argument("--without-cassandra", action="store_true", help="only HyperDB and the canned answers")
    parser.add_argument("--parse", action="store_true", help="also what reading CQL costs (bench/cql_parse.py)")
    parser.add_argument("--folder", type=Path, help="where data lies; default: a temporary one")
    asked = parser.parse_args()
    asked.kinds = asked.kinds or ("read,write,slice" if asked.latte else "read,write,slice,text,textwrite")
    with tempfile.TemporaryDirectory(prefix="hyperdb-cql-", dir=asked.folder) as name, ExitStack() as stack:
        home = Path(name)
        program = home / "load"
        subprocess.run(["go", "build", "-o", program, "."], cwd=ROOT / "compat-tests" / "cql" / "load", check=True)
        load: Load = Latte(asked.latte, home, asked.threads) if asked.latte else Gocql(program)
        servers = []
        if not asked.without_cassandra:
            server, took = stack.enter_context(cassandra(home / "cassandra", asked.heap))
            print(f"Cassandra: start to first answer {took:.2f} s")
            servers.append(server)
        for sync in ("everysec", "always") if asked.always else ("everysec",):
            with hyperdb(home / sync, sync) as (_, first):
                pass
            server, took = stack.enter_context(hyperdb(home / sync, sync))
            print(f"HyperDB ({sync}): start to first answer {first:.2f} s, of a new store; {took:.2f} s")
            servers.append(server)
        for server in servers:
            load.fill(server)
            for kind in asked.kinds.split(","):
                load.run(server, kind, asked.warm / len(asked.kinds.split(",")))
        servers.append(stack.enter_context(canned(program, servers[-1])))
        compare(servers, load, asked)
    if asked.parse:
        subprocess.run([sys.executable, str(ROOT / "bench" / "cql_parse.py")], check=True)


if __name__ == "__main__":
    main()
