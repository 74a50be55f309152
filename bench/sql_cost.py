"""What SQL costs by the number of rows: a point read, a range of 100, a join of 100, an aggregate of all.

    python bench/sql_cost.py [--rows 10000 100000 1000000] [--seconds 1]

Theory: the first three should not depend on the number of rows, the last should grow with it. All go through a session of this
process, without the wire and its lane, with plans that are known; times are medians. On a machine that others use they mean
little but beside each other, so the load is printed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial

import hyperdb
from hyperdb.frontends.sql.contract import Opening
from hyperdb.frontends.sql.session import SqlSession

QUERIES = {
    "point": "SELECT v FROM t WHERE id = {at}",
    "range of 100": "SELECT id, v FROM t WHERE id >= {at} AND id < {at} + 100",
    "join of 100": "SELECT t.id, u.v FROM t JOIN u ON u.id = t.g WHERE t.id >= {at} AND t.id < {at} + 100",
    "aggregate": "SELECT g, count(*), sum(v) FROM t GROUP BY g",
}


def run(session: SqlSession, text: str) -> int:
    """Runs a statement; how many rows it gave."""
    outcome = session.execute(session.prepare(text, ()), ())
    count, more = 0, True
    while more:
        rows, more = outcome.rows(1000)
        count += len(rows)
    outcome.close()
    session.sync(False)
    return count


def again(session: SqlSession, texts: list[str], number: int) -> None:
    """Runs one of a few texts."""
    run(session, texts[number % len(texts)])


def median(call: Callable[[int], object], seconds: float) -> float:
    """Microseconds of a call, called for so long."""
    times = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        call(len(times))
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--seconds", type=float, default=1)
    asked = parser.parse_args()
    print("| rows | " + " | ".join(QUERIES) + " |\n|---|" + "---|" * len(QUERIES))
    for rows in asked.rows:
        with tempfile.TemporaryDirectory() as home, hyperdb.open(home) as database:
            session = database.sql_backend.open(Opening("hyperdb", "postgres"))
            run(session, "CREATE TABLE t (id int PRIMARY KEY, g int, v int)")
            run(session, "CREATE TABLE u (id int PRIMARY KEY, v int)")
            run(session, "INSERT INTO u SELECT i, i FROM generate_series(0, 99) i")
            for start in range(0, rows, 50_000):
                last = min(start + 50_000, rows) - 1
                run(session, f"INSERT INTO t SELECT i, i % 100, i FROM generate_series({start}, {last}) i")
            costs = []
            for text in QUERIES.values():
                # Texts repeat, so that what is measured is the execution and not the plan's making.
                places = [(7919 * at) % (rows - 100) for at in range(16)]
                for at in places:
                    run(session, text.format(at=at))
                known = [text.format(at=at) for at in places]
                costs.append(median(partial(again, session, known), asked.seconds))
            print(f"| {rows} | " + " | ".join(f"{cost:.0f}" for cost in costs) + " |", flush=True)
            session.close()
    print(f"\nmedians in us, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
