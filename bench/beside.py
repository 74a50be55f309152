"""How long a row takes by its key while an analytic query runs, through a server with a connection each.

    python bench/beside.py [--rows 1000000] [--seconds 10] [--memory 1g]

Question: do queries over many rows hold up those over one? Method: a server of its own process over a table of `--rows` rows; one
client reads rows by key in a prepared statement, one after the other, for so many seconds: alone, and while a second client runs
each of a few analytic queries in a loop (one that groups, one that joins, one with a long result). Figures are the client's wall
times of the point queries; how often the analytic one ran is told beside them. Wanted: p99 below 20 ms under each.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

ANALYTIC = {
    "grouping": "SELECT g, count(*), sum(v), avg(price) FROM facts GROUP BY g ORDER BY g",
    "joining": "SELECT a.g, max(b.price) FROM facts a JOIN facts b ON b.id = a.v GROUP BY a.g ORDER BY 2 DESC LIMIT 10",
    "a long result": "SELECT v, sum(price) AS total, max(name) FROM facts GROUP BY v ORDER BY total DESC LIMIT 200000",
}
MAKE = "CREATE TABLE facts (id integer PRIMARY KEY, g integer, v integer, price numeric(12, 2), name text)"
FILL = """INSERT INTO facts SELECT i, i % 1000, (i::bigint * 7919 % {rows})::integer, i % 100000 * 0.25, 'name ' || i % 5000
    FROM generate_series({first}, {last}) i"""
_STEP = 20_000


@contextmanager
def served(store: str, memory: str) -> Iterator[tuple[str, int]]:
    """A server in a process of its own: how to connect to it, and its number."""
    program = [sys.executable, "-c", "from hyperdb.cli import main; main()"]
    words = [*program, "serve", store, "--resp", "off", "--sql", "127.0.0.1:0"]
    process = subprocess.Popen([*words, "--memory", memory], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        address = next(line.split("sql=")[1].split()[0] for line in process.stdout if "sql=" in line)
        host, port = address.rsplit(":", 1)
        yield f"host={host} port={port} user=postgres dbname=hyperdb", process.pid
    finally:
        process.terminate()
        process.wait(60)


class Analyst:
    """A client that runs one query again and again."""

    def __init__(self, where: str, text: str) -> None:
        self.runs = 0
        self._where, self._text = where, text
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Analyst:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with psycopg.connect(self._where, autocommit=True) as connection:
            while not self._stop.is_set():
                # The result is left in the client as it came: reading it into Python would be time of this process.
                connection.pgconn.exec_(self._text.encode())
                self.runs += 1


def points(connection: psycopg.Connection, rows: int, seconds: float) -> list[float]:
    """Milliseconds of each point query, sorted."""
    taken = []
    key, until = 1, time.perf_counter() + seconds
    while (start := time.perf_counter()) < until:
        key = key * 7919 % (rows - 1) + 1
        found = connection.execute("SELECT name FROM facts WHERE id = %s", (key,), prepare=True).fetchone()
        assert found is not None
        taken.append((time.perf_counter() - start) * 1e3)
    return sorted(taken)


def told(label: str, taken: list[float], runs: int) -> None:
    """A line of the table."""
    p50, p99, p999 = (taken[int(len(taken) * part)] for part in (0.5, 0.99, 0.999))
    print(f"| {label} | {runs} | {len(taken)} | {p50:.2f} | {p99:.2f} | {p999:.2f} | {taken[-1]:.1f} |", flush=True)


def main() -> None:
    """See the module's head."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--memory", default="1g")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="beside-") as home,
        served(f"{home}/store", asked.memory) as (where, _),
        psycopg.connect(where, autocommit=True) as connection,
    ):
        connection.execute(MAKE)
        for first in range(1, asked.rows + 1, _STEP):
            connection.execute(FILL.format(rows=asked.rows, first=first, last=min(first + _STEP - 1, asked.rows)))
        print("| beside | its runs | point queries | p50 ms | p99 | p99.9 | longest |\n|---|---|---|---|---|---|---|")
        told("nothing", points(connection, asked.rows, asked.seconds), 0)
        for name, text in ANALYTIC.items():
            with Analyst(where, text) as analyst:
                found = points(connection, asked.rows, asked.seconds)
            told(name, found, analyst.runs)
    print(f"\nload {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")


if __name__ == "__main__":
    main()
