"""pgbench against HyperDB and PostgreSQL in turns: rates, medians of the ratios, processor time of each server a transaction.

    python bench/pgbench.py [--only NAME ...] [--seconds 5] [--rounds 3] [--clients 8] [--scale 1] [--rows 1000000] [--stalls]

Theory: both servers keep their data on the same file system with every commit synced, and answer the same pgbench over TCP on
the loopback, in rounds of one after the other; what counts is the ratio of a round. On a machine that others use rates mean
little, so the load is printed, and beside each rate the processor time that the server took for one transaction: time of
PostgreSQL's processes is taken from its postmaster once the backends of a run have ended. With `--stalls` other clients read and
change accounts, alone and while a COPY runs, and their latencies are shown.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "compat-tests" / "sql"))

from cluster import cluster, programs

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Workload:
    """One of pgbench's scripts in one protocol; `options` None: a COPY."""

    name: str
    options: tuple[str, ...] | None
    target: float


WORKLOADS = (
    Workload("select prepared", ("-S", "-M", "prepared"), 1.0),
    Workload("select simple", ("-S",), 0.9),
    Workload("tpc-b prepared", ("-M", "prepared"), 1.0),
    Workload("tpc-b simple", (), 1.0),
    Workload("simple update", ("-N", "-M", "prepared"), 1.0),
    Workload("copy in", None, 1.0),
)


@dataclass(frozen=True)
class Server:
    """One of the two. `pid` is the process whose time, with that of its ended children, is the server's."""

    name: str
    port: int
    pid: int
    user: str
    settle: Callable[[], None]
    """Ends what making the tables has left to do in the background: a checkpoint there, a frame here."""

    def seconds(self) -> float:
        """Processor time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:15])) / _TICK

    def command(self, program: str) -> list[str]:
        return [str(programs() / program), "-h", "127.0.0.1", "-p", str(self.port), "-U", self.user]

    def pgbench(self, *options: str) -> str:
        done = subprocess.run([*self.command("pgbench"), *options, "postgres"], capture_output=True, text=True, check=False)
        if done.returncode or "failed transactions: 0 " not in done.stdout:
            sys.exit(f"{self.name}: {done.stdout}{done.stderr}")
        return done.stdout

    def psql(self, text: str) -> None:
        subprocess.run([*self.command("psql"), "-q", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-c", text], check=True)


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def serve(port: int, home: str) -> None:
    """HyperDB, in a process of its own, until its input ends."""
    import hyperdb

    with hyperdb.open(home) as database:
        database.serve(sql=f"127.0.0.1:{port}")
        print("ready", flush=True)
        for _ in sys.stdin:
            database.seal()
            print("sealed", flush=True)


@contextmanager
def ours(home: str) -> Iterator[Server]:
    port = free_port()
    words = [sys.executable, __file__, "--serve", str(port), "--home", home]
    child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    if not child.stdout.readline():
        sys.exit("HyperDB did not start")
    to_child, of_child = child.stdin, child.stdout

    def settle() -> None:
        to_child.write(b"seal\n")
        to_child.flush()
        of_child.readline()

    try:
        yield Server("HyperDB", port, child.pid, "hyperdb", settle)
    finally:
        child.stdin.close()
        child.wait()


@contextmanager
def theirs() -> Iterator[Server]:
    port = free_port()
    with cluster(f"-c listen_addresses=127.0.0.1 -c port={port}") as (home, _):
        pid = int(Path(f"{home}/data/postmaster.pid").read_text().split()[0])
        made = Server("PostgreSQL", port, pid, "postgres", lambda: made.psql("CHECKPOINT"))
        yield made


def rate(server: Server, work: Workload, asked: argparse.Namespace) -> tuple[float, float]:
    """Transactions (of a COPY: rows) a second, and microseconds of the server's time for each."""
    before = server.seconds()
    if work.options is None:
        server.psql("TRUNCATE copied")
        start = time.monotonic()
        server.psql(f"\\copy copied FROM '{asked.file}'")
        found, count = asked.rows / (time.monotonic() - start), asked.rows
    else:
        said = server.pgbench("-n", *work.options, "-c", str(asked.clients), "-j", "2", "-T", str(asked.seconds))
        tps, done = re.search(r"tps = ([0-9.]+)", said), re.search(r"actually processed: ([0-9]+)", said)
        assert tps is not None and done is not None
        found, count = float(tps[1]), int(done[1])
    # Backends are counted when they have ended.
    time.sleep(0.2)
    return found, (server.seconds() - before) / count * 1e6


def compare(servers: tuple[Server, Server], work: Workload, asked: argparse.Namespace) -> None:
    """Rounds of both servers, and the median of their ratios."""
    ratios = []
    for _ in range(asked.rounds):
        (one, one_cost), (other, other_cost) = (rate(server, work, asked) for server in servers)
        ratios.append(other / one)
        print(
            f"{work.name:16} PostgreSQL {one:8.0f}/s {one_cost:6.1f} us   HyperDB {other:8.0f}/s {other_cost:6.1f} us"
            f"   ratio {other / one:5.2f} (load {os.getloadavg()[0]:.1f})",
            flush=True,
        )
    print(f"{work.name:16} median ratio {statistics.median(ratios):5.2f} (wanted {work.target})", flush=True)


def latencies(server: Server, options: tuple[str, ...], asked: argparse.Namespace, beside: str | None) -> list[float]:
    """Milliseconds of each transaction of two clients, while a statement runs beside them, sorted."""
    with tempfile.TemporaryDirectory(prefix="hyperdb-stalls-") as home:
        words = [
            *server.command("pgbench"),
            "-n",
            *options,
            "-M",
            "prepared",
            "-c",
            "2",
            "-j",
            "1",
            "-l",
            f"--log-prefix={home}/t",
        ]
        running = subprocess.Popen([*words, "-T", str(asked.seconds + 3), "postgres"], stdout=subprocess.DEVNULL)
        # Plans are made in the first second.
        time.sleep(1.5)
        began = time.time()
        if beside is not None:
            server.psql("TRUNCATE copied")
            server.psql(beside)
        else:
            time.sleep(asked.seconds)
        ended = time.time()
        running.wait()
        found = []
        for line in Path(f"{home}/t.{running.pid}").read_text().splitlines():
            _, _, micros, _, seconds, fraction, *_ = line.split()
            if began <= int(seconds) + int(fraction) / 1e6 <= ended:
                found.append(int(micros) / 1000)
    return sorted(found)


def stalls(servers: tuple[Server, Server], asked: argparse.Namespace) -> None:
    """How long others wait while a COPY runs and commits."""
    for name, options in (("select", ("-S",)), ("simple update", ("-N",))):
        for server in servers:
            for shown, beside in (("alone", None), ("beside COPY", f"\\copy copied FROM '{asked.file}'")):
                found = latencies(server, options, asked, beside)
                p50, p99 = (found[int(len(found) * part)] for part in (0.5, 0.99))
                print(
                    f"{name:16} {server.name:10} {shown:12} {len(found):7} transactions, ms: p50 {p50:.2f}, p99 {p99:.2f},"
                    f" longest {found[-1]:.1f} (load {os.getloadavg()[0]:.1f})",
                    flush=True,
                )


def fill(path: Path, rows: int) -> None:
    """Rows for COPY: two integers and a text, as pgbench's accounts have them."""
    with path.open("w") as file:
        for start in range(0, rows, 10_000):
            file.writelines(f"{row}\t{row % 97}\t0\tabcdefghij\n" for row in range(start, min(start + 10_000, rows)))
    path.chmod(0o644)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", action="append", choices=[work.name for work in WORKLOADS])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--scale", type=int, default=1)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of a COPY")
    parser.add_argument("--stalls", action="store_true", help="latencies of others beside a COPY, and nothing else")
    parser.add_argument("--init", default="dtgvp", help="pgbench's steps to make its tables")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--home", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve, asked.home)
        return
    works = [work for work in WORKLOADS if not asked.only or work.name in asked.only]
    with tempfile.TemporaryDirectory(prefix="hyperdb-pgbench-") as home, theirs() as one, ours(f"{home}/data") as other:
        if any(work.options is not None for work in works):
            for server in (one, other):
                start = time.monotonic()
                subprocess.run(
                    [*server.command("pgbench"), "-i", "-q", "-I", asked.init, "-s", str(asked.scale), "postgres"],
                    capture_output=True,
                    check=True,
                )
                print(f"pgbench -i of {server.name}: {time.monotonic() - start:.1f} s", flush=True)
                server.settle()
        asked.file = f"{home}/rows"
        if any(work.options is None for work in works):
            fill(Path(asked.file), asked.rows)
            for server in (one, other):
                server.psql("CREATE TABLE copied (aid int PRIMARY KEY, bid int, abalance int, filler char(84))")
        if asked.stalls:
            stalls((one, other), asked)
            return
        for work in works:
            compare((one, other), work, asked)


if __name__ == "__main__":
    main()
