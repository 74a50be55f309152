"""What SQL costs by the number of rows: a point read, a range of 100, a join of 100, an aggregate of all.

    python bench/sql_cost.py [--rows 10000 100000 1000000] [--seconds 1] [--memory 2g]

Question: which of them depend on the number of rows, and what do they cost elsewhere? Method: the same two tables (of `--rows`
and of 100 rows, loaded by COPY) in HyperDB, PostgreSQL 15 and DuckDB. Servers are asked by psycopg over TCP or a socket, with
prepared statements and parameters; HyperDB is then also asked in this process, as DuckDB is, by texts that repeat, so that plans
are known. Figures are medians of wall time in microseconds, each query called for so many seconds. The first three should not
depend on the rows, the last should grow with them. On a machine that others use they mean little but beside each other, so the
load is printed. PostgreSQL's autovacuum has run; its statistics are there.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import psycopg
from beside import served

import hyperdb
from hyperdb.frontends.sql.contract import Opening
from hyperdb.frontends.sql.session import SqlSession

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "compat-tests" / "sql"))

from cluster import cluster

MAKE = "CREATE TABLE t (id int PRIMARY KEY, g int, v int); CREATE TABLE u (id int PRIMARY KEY, v int)"
QUERIES = {
    "point": "SELECT v FROM t WHERE id = {at}",
    "range of 100": "SELECT id, v FROM t WHERE id >= {at} AND id < {at} + 100",
    "join of 100": "SELECT t.id, u.v FROM t JOIN u ON u.id = t.g WHERE t.id >= {at} AND t.id < {at} + 100",
    "aggregate": "SELECT g, count(*), sum(v) FROM t GROUP BY g",
}
_TEXTS = 16
Ask = Callable[[str, int], Any]


def rows_of(rows: int) -> Iterator[bytes]:
    """Table t as COPY's text, some rows at a time."""
    for start in range(0, rows, 10_000):
        yield "".join(f"{at}\t{at % 100}\t{at}\n" for at in range(start, min(start + 10_000, rows))).encode()


def load(connection: psycopg.Connection, rows: int) -> float:
    """Makes and fills the tables: the seconds that COPY took."""
    for statement in MAKE.split(";"):
        connection.execute(statement)
    connection.execute("INSERT INTO u SELECT i, i FROM generate_series(0, 99) i")
    begin = time.perf_counter()
    with connection.cursor().copy("COPY t FROM STDIN") as copy:
        for piece in rows_of(rows):
            copy.write(piece)
    return time.perf_counter() - begin


def through(connection: psycopg.Connection) -> Ask:
    """A query by a connection: prepared, with a parameter."""

    def ask(text: str, at: int) -> Any:
        values = (at,) * text.count("{at}")
        return connection.execute(text.replace("{at}", "%s::int"), values, prepare=True).fetchall()

    return ask


def within(session: SqlSession) -> Ask:
    """A query in this process."""

    def ask(text: str, at: int) -> Any:
        outcome = session.execute(session.prepare(text.format(at=at), ()), ())
        rows = outcome.everything()
        session.sync(False)
        return rows

    return ask


def measured(ask: Ask, rows: int, seconds: float) -> list[float]:
    """Medians of microseconds of each query."""
    costs = []
    for text in QUERIES.values():
        places = [(7919 * at) % (rows - 100) for at in range(_TEXTS)]
        for at in places:
            ask(text, at)
        costs.append(median(lambda number, text=text, places=places: ask(text, places[number % _TEXTS]), seconds))
    return costs


def median(call: Callable[[int], object], seconds: float) -> float:
    """Microseconds of a call, called for so long."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        call(len(times))
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


def told(rows: int, who: str, costs: list[float], loaded: float | None = None) -> None:
    """A line of the table."""
    speed = "" if loaded is None else f"{rows / loaded:,.0f}/s"
    print(f"| {rows:,} | {who} | " + " | ".join(f"{cost:,.0f}" for cost in costs) + f" | {speed} |", flush=True)


def compare(rows: int, asked: argparse.Namespace, postgres: psycopg.Connection) -> None:
    """The lines of one size."""
    measure = partial(measured, rows=rows, seconds=asked.seconds)
    with tempfile.TemporaryDirectory(prefix="sql-cost-") as home:
        with served(f"{home}/store", asked.memory) as (where, _), psycopg.connect(where, autocommit=True) as connection:
            loaded = load(connection, rows)
            told(rows, "HyperDB, server", measure(through(connection)), loaded)
        with hyperdb.open(f"{home}/store", memory=asked.memory) as database:
            session = database.sql_backend.open(Opening("hyperdb", "postgres"))
            told(rows, "HyperDB, in process", measure(within(session)))
            session.close()
    postgres.execute("DROP TABLE IF EXISTS t, u")
    loaded = load(postgres, rows)
    postgres.execute("VACUUM ANALYZE")
    told(rows, "PostgreSQL, server", measure(through(postgres)), loaded)
    with duckdb.connect(config={"threads": str(os.cpu_count())}) as peer:
        peer.execute(MAKE)
        peer.execute(f"INSERT INTO t SELECT i, i % 100, i FROM range({rows}) x(i)")
        peer.execute("INSERT INTO u SELECT i, i FROM range(100) x(i)")
        told(rows, "DuckDB, in process", measure(lambda text, at: peer.execute(text.format(at=at)).fetchall()))


def main() -> None:
    """See the module's head."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--memory", default="2g")
    asked = parser.parse_args()
    print("| rows | | " + " | ".join(QUERIES) + " | COPY |\n|---|---|" + "---|" * len(QUERIES) + "---|")
    with (
        cluster("-c fsync=off -c listen_addresses='' -c shared_buffers=512MB") as (directory, _),
        psycopg.connect(f"host={directory} user=postgres dbname=postgres", autocommit=True) as postgres,
    ):
        for rows in asked.rows:
            compare(rows, asked, postgres)
    print(f"\nmedians in us, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")


if __name__ == "__main__":
    main()
