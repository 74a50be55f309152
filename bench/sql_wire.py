"""What does SQL's wire cost? pgbench's select against a session that answers from a dict, beside PostgreSQL in the same run.

    python bench/sql_wire.py [--seconds 5] [--rounds 2] [--clients 8]

Theory: a session that costs next to nothing leaves the cost of messages, sockets and the event loop, which is the ceiling of
what any statement can reach. Both servers are asked over TCP on the loopback by the same pgbench, in turns, and the ratio of a
round is what counts; on a machine that others use the rates themselves mean little, so the load is printed.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "compat-tests" / "sql"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "sql"))

import fake_session
from cluster import cluster, programs

from hyperdb.frontends.sql.contract import Action, Column, Formats, Opening, Prepared, RawValues
from hyperdb.frontends.sql.conversation import Role
from hyperdb.frontends.sql.server import SqlServer
from hyperdb.frontends.sql.types import oids

ROWS = 100_000
QUERY = "SELECT abalance FROM pgbench_accounts WHERE aid ="
SCRIPT = f"\\set aid random(1, {ROWS})\n{QUERY} :aid;\n"
_POINT = re.compile(re.escape(QUERY) + r" (\$1|[0-9]+)")
BALANCES = {aid: aid * 7 for aid in range(1, ROWS + 1)}


def answer(aid: int) -> bytes:
    """One DataRow and the tag."""
    raw = b"%d" % BALANCES[aid]
    return b"D%b\0\1%b%bC\0\0\0\x0dSELECT 1\0" % ((10 + len(raw)).to_bytes(4, "big"), len(raw).to_bytes(4, "big"), raw)


class DictSession(fake_session.Session):
    """Answers the one query that pgbench asks."""

    def statements(self, text: str) -> Sequence[str]:
        return [text]

    def prepare(self, text: str, parameters: Sequence[int]) -> fake_session.Statement:
        number = (oids.INT4,) if "$1" in text else ()
        return fake_session.Statement(text, Action.RUN, number, (Column("abalance", oids.INT4),))

    def execute(self, prepared: Prepared, values: Sequence[Any]) -> fake_session.Outcome:
        return fake_session.Outcome(self, prepared.columns, [[BALANCES[values[0]]]], "SELECT 1")

    def quick(self, prepared: Prepared, values: RawValues, formats: Formats, results: Formats) -> bytes | None:
        return None if values[0] is None else answer(int(values[0]))

    def quick_text(self, text: str) -> tuple[Prepared, bytes] | None:
        found = _POINT.match(text)
        return None if found is None else (_TEXT, answer(int(found[1])))


_TEXT = DictSession(Opening("", "")).prepare(QUERY, ())


class DictBackend:
    """Opens sessions that answer from the dict."""

    def open(self, opening: Opening) -> DictSession:
        return DictSession(opening)


@dataclass(frozen=True)
class Bench:
    """One way of asking."""

    mode: str
    clients: int
    seconds: int

    def rate(self, port: int, script: str) -> float:
        """Transactions a second of the server at a port."""
        command = [str(programs() / "pgbench"), "-n", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-f", script]
        command += ["-M", self.mode, "-c", str(self.clients), "-j", "2", "-T", str(self.seconds), "postgres"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = re.search(r"tps = ([0-9.]+)", done.stdout)
        assert found is not None and "failed transactions: 0 " in done.stdout
        return float(found[1])


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def serve(port: int) -> None:
    """The dict's server, in a process of its own, until its input ends."""
    server = SqlServer(DictBackend(), [("127.0.0.1", port)], lambda _: Role("hyperdb", None))
    print("ready", flush=True)
    sys.stdin.read()
    server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve)
        return
    theirs, ours = free_port(), free_port()
    options = f"-c listen_addresses=127.0.0.1 -c port={theirs}"
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script, cluster(options) as (home, run):
        script.write(SCRIPT)
        script.flush()
        run("pgbench", "-i", "-q", "-s", "1", "-h", home, "-p", str(theirs), "postgres")
        child = subprocess.Popen([sys.executable, __file__, "--serve", str(ours)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdout.readline()
        try:
            for mode in ("prepared", "simple"):
                bench = Bench(mode, asked.clients, asked.seconds)
                for _ in range(asked.rounds):
                    one, other = bench.rate(theirs, script.name), bench.rate(ours, script.name)
                    load = os.getloadavg()[0]
                    rates = f"PostgreSQL {one:8.0f} tps, the wire {other:8.0f} tps, ratio {other / one:5.2f}"
                    print(f"{mode:9} {rates} (load {load:.1f})")
        finally:
            child.stdin.close()
            child.wait()


if __name__ == "__main__":
    main()
