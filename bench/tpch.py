"""TPC-H's 22 queries: over our tables, in DuckDB on its own tables, in PostgreSQL 15.

Question: what do analytic queries cost over rows that are also served one by one? Method: data of the specification at `--scale`
by `tpchgen-cli` (its path is `--generator`; pip installs it), the same rows into each system, for PostgreSQL with indexes on
foreign keys, which only it has. HyperDB answers in its process, by SQL text through a session; DuckDB in memory with the same
number of threads; PostgreSQL through a socket, analyzed. Each query runs once cold, then `--rounds` times in turns with peers;
figures are medians of wall time with all rows fetched. Answers are compared with DuckDB's, floats of its quotients to 9 digits.
With `--copy` HyperDB is a server instead, filled by COPY and asked by a client: for scale 1, as rows take long to make in Python.
Run: `python bench/tpch.py [--scale 0.1] [--rounds 5] [--postgres /usr/lib/postgresql/15/bin] [--copy]`.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import duckdb
from beside import served

import hyperdb
from hyperdb.frontends.sql.catalog.kinds import DATE
from hyperdb.frontends.sql.contract import Opening
from hyperdb.frontends.sql.session import SqlSession

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "sql"))
from tpch import SCHEMA, TABLES, fill, queries

if TYPE_CHECKING:
    import psycopg

DUCK_MEMORY = "4GB"
_FOREIGN = (
    ("lineitem", "l_partkey, l_suppkey"),
    ("lineitem", "l_suppkey"),
    ("partsupp", "ps_suppkey"),
    ("orders", "o_custkey"),
    ("customer", "c_nationkey"),
    ("supplier", "s_nationkey"),
)
"""What PostgreSQL has indexes on: without them its queries 17 and 20 take minutes."""
Ours: TypeAlias = Callable[[str], tuple[list[int], list[tuple[Any, ...]]]]
"""Runs a query: the types of its columns, its rows."""


def run(session: SqlSession, text: str) -> tuple[list[int], list[tuple[Any, ...]]]:
    """Types and rows."""
    for statement in session.statements(text):
        outcome = session.execute(session.prepare(statement, ()), ())
        rows = outcome.everything() if outcome.columns is not None else []
        session.sync(False)
    return [column.type for column in outcome.columns or ()], rows


def rows_of(peer: duckdb.DuckDBPyConnection, name: str) -> Iterator[tuple[Any, ...]]:
    """A table, as the peer has it."""
    found = peer.execute(f"select * from {name}")
    while page := found.fetchmany(10_000):
        yield from page


def differs(kinds: list[int], ours: list[tuple[Any, ...]], theirs: list[tuple[Any, ...]]) -> str | None:
    """What is not the same; None: nothing."""

    def shown(value: Any, oid: int) -> Any:
        if oid == DATE and isinstance(value, int):
            return date(1970, 1, 1) + timedelta(days=value)
        return value.rstrip(" ") if isinstance(value, str) else value

    if len(ours) != len(theirs):
        return f"{len(ours)} rows, not {len(theirs)}"
    for row, other in zip(ours, theirs, strict=True):
        for value, oid, wanted in zip(row, kinds, other, strict=True):
            is_near = isinstance(wanted, float) and isinstance(value, Decimal | int)
            other_shown = wanted.rstrip(" ") if isinstance(wanted, str) else wanted
            same = abs(float(value) - wanted) <= 1e-9 * max(1, abs(wanted)) if is_near else shown(value, oid) == other_shown
            if not same:
                return f"{row}, not {other}"
    return None


def timed(body: Callable[[], Any]) -> tuple[float, Any]:
    """Milliseconds, and what it gave."""
    start = time.perf_counter()
    found = body()
    return (time.perf_counter() - start) * 1e3, found


@contextmanager
def postgres(binaries: Path, data: Path) -> Iterator[Callable[[str], Any]]:
    """A server with the data, in a directory that goes with it; what runs a query."""
    import psycopg

    home = Path(tempfile.mkdtemp(prefix="tpch-pg-"))
    as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    if as_user:
        shutil.chown(home, "postgres")
        data.chmod(0o755)
    options = (
        f"-c listen_addresses= -c unix_socket_directories={home} -c shared_buffers=512MB -c work_mem=64MB -c jit=off -c fsync=off"
    )
    subprocess.run(
        [*as_user, binaries / "initdb", "-D", home / "db", "-A", "trust", "--locale=C", "-E", "UTF8"], check=True, stdout=-3
    )
    subprocess.run(
        [*as_user, binaries / "pg_ctl", "-D", home / "db", "-o", options, "-w", "-l", home / "log", "start"],
        check=True,
        stdout=-3,
    )
    try:
        with psycopg.connect(f"host={home} user=postgres dbname=postgres", autocommit=True) as connection:
            connection.execute(SCHEMA)
            for name in TABLES:
                with (
                    connection.cursor().copy(f"copy {name} from stdin csv header") as copy,
                    (data / f"{name}.csv").open("rb") as file,
                ):
                    while piece := file.read(1 << 20):
                        copy.write(piece)
            for table, column in _FOREIGN:
                connection.execute(f"create index on {table} ({column})")
            connection.execute("vacuum analyze")
            yield lambda text: connection.execute(text).fetchall()
    finally:
        subprocess.run([*as_user, binaries / "pg_ctl", "-D", home / "db", "-m", "fast", "stop"], check=False, stdout=-3)
        shutil.rmtree(home, ignore_errors=True)


QUERIES = queries()


@contextmanager
def in_process(store: Path, peer: duckdb.DuckDBPyConnection, memory: str) -> Iterator[Ours]:
    """HyperDB in this process, filled from the peer; what runs a query."""
    with hyperdb.open(store, memory=memory) as database:
        session = database.sql_backend.open(Opening("postgres", "hyperdb"))
        run(session, SCHEMA)
        taken, _ = timed(lambda: [fill(session, name, rows_of(peer, name)) for name in TABLES])
        print(f"loaded in {taken / 1e3:.1f} s", flush=True)
        yield lambda text: run(session, text)
        session.close()


@contextmanager
def by_copy(store: Path, data: Path, peer: duckdb.DuckDBPyConnection, memory: str) -> Iterator[Ours]:
    """HyperDB in a server of its own, filled by COPY; what runs a query. The server's largest size is told at the end."""
    import psycopg

    with served(str(store), memory) as (where, process), psycopg.connect(where, autocommit=True) as connection:
        connection.execute(SCHEMA)
        for name in TABLES:
            peer.execute(f"copy {name} to '{data / name}.text' (header false, delimiter '\t', quote '')")
            taken, rows = timed(lambda name=name: copied(connection, data / f"{name}.text"))
            print(f"{name}: {rows:,} rows in {taken / 1e3:.1f} s, {rows / taken * 1e3:,.0f}/s", flush=True)

        def ask(text: str) -> tuple[list[int], list[tuple[Any, ...]]]:
            found = connection.execute(text)
            return [column.type_code for column in found.description or ()], found.fetchall()

        yield ask
        shown = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
        print(f"largest resident size of HyperDB's server {int(shown['VmHWM'].split()[0]) / 2**20:.2f} GiB")


def copied(connection: psycopg.Connection, path: Path) -> int:
    """Fills the table that a file is called by: its rows."""
    with connection.cursor() as cursor, path.open("rb") as file:
        with cursor.copy(f"copy {path.stem} from stdin") as copy:
            while piece := file.read(1 << 20):
                copy.write(piece)
        return cursor.rowcount


def main() -> None:
    """See the module's head."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", default="0.1")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--generator", default="tpchgen-cli")
    parser.add_argument("--postgres", type=Path)
    parser.add_argument("--memory", default="2g")
    parser.add_argument("--copy", action="store_true")
    parser.add_argument("--queries", nargs="*", default=list(QUERIES))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tpch-") as folder:
        data = Path(folder)
        subprocess.run([chosen.generator, "csv", "-s", chosen.scale, "-o", folder], check=True)
        peer = duckdb.connect(config={"threads": str(os.cpu_count()), "memory_limit": DUCK_MEMORY})
        peer.execute(SCHEMA)
        for name in TABLES:
            peer.execute(f"copy {name} from '{data / name}.csv' (header)")
        store = data / "store"
        ours = by_copy(store, data, peer, chosen.memory) if chosen.copy else in_process(store, peer, chosen.memory)
        with ours as ask, postgres(chosen.postgres, data) if chosen.postgres else nullcontext() as other:
            compare(ask, peer, other, chosen.queries, chosen.rounds)
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"largest resident size of this process {largest:.2f} GiB; load {os.getloadavg()[0]:.1f}")


def compare(ours: Ours, peer: duckdb.DuckDBPyConnection, ask: Callable[[str], Any] | None, names: list[str], rounds: int) -> None:
    """The table."""
    totals = [0.0, 0.0, 0.0, 0.0]
    wrong = 0
    print("\n| query | cold | warm | DuckDB | PostgreSQL | warm / DuckDB |\n|---|---|---|---|---|---|")
    for name in names:
        text = QUERIES[name]
        cold, (kinds, rows) = timed(lambda text=text: ours(text))
        found = differs(kinds, rows, peer.execute(text).fetchall())
        if found:
            wrong += 1
            print(f"{name} differs: {found}")
        ours(text)
        samples: list[list[float]] = [[], [], []]
        for _ in range(rounds):
            samples[0].append(timed(lambda text=text: ours(text))[0])
            samples[1].append(timed(lambda text=text: peer.execute(text).fetchall())[0])
        if ask:
            ask(text)
            samples[2] = [timed(lambda text=text: ask(text))[0] for _ in range(max(1, rounds // 2))]
        warm, duck, pg = (statistics.median(each) if each else 0.0 for each in samples)
        totals = [total + more for total, more in zip(totals, (cold, warm, duck, pg), strict=True)]
        print(f"| {name} | {cold:.1f} | {warm:.1f} | {duck:.1f} | {pg:.1f} | {warm / duck:.2f} |", flush=True)
    cold, warm, duck, pg = totals
    print(f"| all | {cold:.1f} | {warm:.1f} | {duck:.1f} | {pg:.1f} | {warm / duck:.2f} |")
    print(f"\n{len(names) - wrong} of {len(names)} equal; PostgreSQL / HyperDB {pg / warm:.2f}")


if __name__ == "__main__":
    main()
