"""Kills the server without warning while tables are defined and filled in SQL and CQL; what is left must belong together.

Run: `python tests/torture/kill9_tables.py [--cycles 50] [--seed 1]`. Each life of the server has clients that transfer between
accounts, rewrite tables, make and drop indexes and materialized views. After each kill the directory is opened in this process:
`check` must find nothing, no money may be lost, and each index and view of CQL's must show what the table has.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import psycopg

import hyperdb

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cql"))
from cql_session import Client

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the driver's imports are older than this interpreter
    from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
    from cassandra.policies import WhiteListRoundRobinPolicy

_MAIN = "from hyperdb.cli import main; main()"
ACCOUNTS, MONEY = 50, 100
Connection = psycopg.Connection[tuple[object, ...]]
Work = Callable[[random.Random], None]
_DEFINITIONS = (
    "CREATE INDEX i{n} ON big (b)",
    "CREATE UNIQUE INDEX u{n} ON big (a, b)",
    "CREATE INDEX p{n} ON big (lower(b)) WHERE a % 2 = 0",
    "DROP INDEX IF EXISTS i{m}, u{m}, p{m}",
    "ALTER TABLE big ADD COLUMN c{n} int DEFAULT 7",
    "ALTER TABLE big DROP COLUMN IF EXISTS c{m}",
    "ALTER TABLE big ADD CONSTRAINT pk PRIMARY KEY (a)",
    "ALTER TABLE big DROP CONSTRAINT IF EXISTS pk",
    "ALTER TABLE big ALTER b TYPE varchar(60)",
    "ALTER TABLE big ALTER b TYPE text",
    "CREATE TABLE more{n} AS SELECT * FROM big WHERE a < 300",
    "DROP TABLE IF EXISTS more{m}",
    "TRUNCATE journal",
    "CREATE INDEX j{n} ON journal (account)",
    "DROP INDEX IF EXISTS j{m}",
    "CREATE MATERIALIZED VIEW mat{n} AS SELECT a, b FROM big",
    "DROP MATERIALIZED VIEW IF EXISTS mat{m}",
)
_CQL_DEFINITIONS = (
    "CREATE MATERIALIZED VIEW ks.v{n} AS SELECT * FROM ks.t WHERE v IS NOT NULL AND p IS NOT NULL AND c IS NOT NULL "
    "PRIMARY KEY (v, p, c)",
    "DROP MATERIALIZED VIEW IF EXISTS ks.v{m}",
    "CREATE INDEX x{n} ON ks.t (w)",
    "DROP INDEX IF EXISTS ks.x{m}",
    "DROP INDEX IF EXISTS ks.x{n}",
    "ALTER TABLE ks.t ADD e{n} int",
    "ALTER TABLE ks.t DROP e{m}",
    "TRUNCATE ks.other",
)


def numbered(text: str, rng: random.Random) -> str:
    """A definition with numbers of few, so that what is made is also dropped."""
    return text.format(n=rng.randrange(4), m=rng.randrange(4))


class Life:
    """One life of the server, with its clients."""

    def __init__(self, directory: Path) -> None:
        command = [sys.executable, "-c", _MAIN, "serve", str(directory), "--resp", "off", "--memory", "64m"]
        addresses = ["--sql", "127.0.0.1:0", "--cql", "127.0.0.1:0", "--frames", "0.2"]
        self.process = subprocess.Popen([*command, *addresses], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        ready = next(line for line in self.process.stdout if line.startswith("ready "))
        at = dict(word.split("=") for word in ready.split()[1:])
        self.sql_port, self.cql_port = (int(at[name].rpartition(":")[2]) for name in ("sql", "cql"))
        profile = ExecutionProfile(WhiteListRoundRobinPolicy(["127.0.0.1"]), request_timeout=60)
        profiles = {EXEC_PROFILE_DEFAULT: profile}
        patient = {"connect_timeout": 60, "control_connection_timeout": 60}
        self.cluster = Cluster(["127.0.0.1"], port=self.cql_port, protocol_version=4, execution_profiles=profiles, **patient)
        self.cql: Session = self.cluster.connect()

    def sql(self) -> Connection:
        """A client of SQL."""
        host = f"host=127.0.0.1 port={self.sql_port} user=postgres dbname=hyperdb sslmode=disable"
        return psycopg.connect(host, autocommit=True)

    def kill(self) -> None:
        """Ends it."""
        self.process.kill()
        self.process.wait()
        self.cluster.shutdown()


def prepare(life: Life) -> None:
    """What all lives work on."""
    with life.sql() as client:
        client.execute("CREATE TABLE accounts (id int PRIMARY KEY, money int NOT NULL CHECK (money >= 0), tag text)")
        client.execute(
            "CREATE TABLE journal (n bigint GENERATED ALWAYS AS IDENTITY, account int REFERENCES accounts, change int)"
        )
        client.execute("CREATE INDEX ON accounts (money)")
        client.execute("INSERT INTO accounts SELECT n, %s, 't' || n FROM generate_series(1, %s) n", (MONEY, ACCOUNTS))
        client.execute("CREATE TABLE big (a int NOT NULL, b text)")
        client.execute("INSERT INTO big SELECT n, 'text ' || n % 100 FROM generate_series(1, 3000) n")
    life.cql.execute("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
    life.cql.execute("CREATE TABLE ks.t (p int, c int, v text, w int, PRIMARY KEY (p, c))")
    life.cql.execute("CREATE TABLE ks.other (p int PRIMARY KEY)")


def transfers(client: Connection) -> Work:
    """Moves money between two accounts, with a line in the journal."""

    def run(rng: random.Random) -> None:
        one, other, much = rng.randint(1, ACCOUNTS), rng.randint(1, ACCOUNTS), rng.randint(1, 20)
        with client.transaction():
            client.execute("UPDATE accounts SET money = money - %s WHERE id = %s", (much, one))
            client.execute("INSERT INTO journal (account, change) VALUES (%s, %s)", (one, -much))
            client.execute("UPDATE accounts SET money = money + %s WHERE id = %s", (much, other))

    return run


def definitions(client: Connection) -> Work:
    """Changes tables, and their rows."""

    def run(rng: random.Random) -> None:
        client.execute(numbered(rng.choice(_DEFINITIONS), rng).encode())
        client.execute("UPDATE big SET b = b || '!' WHERE a = %s", (rng.randint(1, 3000),))

    return run


def cql_definitions(session: Session) -> Work:
    """The same in CQL."""
    return lambda rng: session.execute(numbered(rng.choice(_CQL_DEFINITIONS), rng))


def cql_rows(session: Session) -> Work:
    """Adds, changes and removes rows of a few partitions."""

    def run(rng: random.Random) -> None:
        p, c, v, w = rng.randrange(20), rng.randrange(20), rng.randrange(8), rng.randrange(5)
        text = rng.choice(
            (
                f"INSERT INTO ks.t (p, c, v, w) VALUES ({p}, {c}, 'v{v}', {w})",
                f"UPDATE ks.t SET v = 'v{v}' WHERE p = {p} AND c = {c}",
                f"UPDATE ks.t SET w = {w} WHERE p = {p} AND c = {c}",
                f"DELETE FROM ks.t WHERE p = {p} AND c = {c}",
                f"DELETE v FROM ks.t WHERE p = {p} AND c = {c}",
                f"DELETE FROM ks.t WHERE p = {p}",
                f"INSERT INTO ks.t (p, c, v) VALUES ({p}, {c}, 'once') IF NOT EXISTS",
            )
        )
        session.execute(text)

    return run


def load(life: Life, rng: random.Random, seconds: float) -> int:
    """Clients at work for so long, and the kill; how many of their statements were answered."""
    stop = threading.Event()
    answered = [0] * 6

    def work(place: int, run: Work, seed: int) -> None:
        own = random.Random(seed)
        while not stop.is_set():
            try:
                run(own)
                answered[place] += 1
            except Exception:  # refused, or the server is gone: what was acknowledged is what counts
                if life.process.poll() is not None:
                    return

    runs = [transfers(life.sql()), transfers(life.sql()), definitions(life.sql()), definitions(life.sql())]
    runs += [cql_definitions(life.cql), cql_rows(life.cql)]
    threads = [
        threading.Thread(target=work, args=(place, run, rng.getrandbits(32)), daemon=True) for place, run in enumerate(runs)
    ]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    life.process.kill()
    stop.set()
    life.kill()
    for thread in threads:
        thread.join(60)
    return sum(answered)


def verify(directory: Path) -> list[str]:
    """What is wrong with what is left."""
    with hyperdb.open(directory) as database:
        found = database.check()
        money = list(database.sql("SELECT sum(money)::int, count(*)::int FROM accounts"))
        if [tuple(row) for row in money] != [(ACCOUNTS * MONEY, ACCOUNTS)]:
            found.append(f"accounts have {money}")
        cql = Client(database.cql_backend)
        rows = sorted(cql.run("SELECT p, c, v, w FROM ks.t"))
        for (name,) in cql.run("SELECT view_name FROM system_schema.views WHERE keyspace_name = 'ks'"):
            shown = sorted(cql.run(f"SELECT p, c, v, w FROM ks.{name}"))
            if shown != [row for row in rows if row[2] is not None]:
                found.append(f"view {name} differs: {sorted(set(shown) ^ {row for row in rows if row[2] is not None})}")
        if cql.run("SELECT index_name FROM system_schema.indexes WHERE keyspace_name = 'ks'"):
            for value in range(5):
                shown = sorted(cql.run(f"SELECT p, c, v, w FROM ks.t WHERE w = {value}"))
                if shown != [row for row in rows if row[3] == value]:
                    found.append(f"by the index, rows with w = {value} are {shown}")
        return found


def main() -> int:
    """Prints a line a cycle; 1 at the first damage, with the seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="hyperdb-kill9-tables-") as scratch:
        directory = Path(scratch) / "data"
        for number in range(1, options.cycles + 1):
            life = Life(directory)
            try:
                if number == 1:
                    prepare(life)
                answered = load(life, rng, rng.uniform(1, 6))
            finally:
                life.kill()
            found = verify(directory)
            print(f"cycle {number}: {answered} statements answered, {len(found)} problems", flush=True)
            if found:
                print("\n".join(found), f"seed {options.seed}", sep="\n")
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
