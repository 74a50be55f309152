"""The stock driver against a live server, `db.serve(cql=...)`."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

import hyperdb

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the driver's imports are older than this interpreter
    from cassandra import InvalidRequest
    from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
    from cassandra.policies import RoundRobinPolicy
    from cassandra.query import BatchStatement, SimpleStatement

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


class Live:
    """A server, and the driver's sessions on it."""

    def __init__(self, database: hyperdb.Database) -> None:
        self.serving = database.serve(cql="127.0.0.1:0", control=False)
        assert self.serving.cql_address is not None
        self.host, self.port = self.serving.cql_address
        self._clusters: list[Any] = []

    def connect(self, version: int = 5, keyspace: str | None = None) -> Session:
        profile = ExecutionProfile(load_balancing_policy=RoundRobinPolicy())
        # Patience for a busy machine, which the driver has little of by default.
        profile.request_timeout = 60
        cluster = Cluster(
            [self.host],
            port=self.port,
            protocol_version=version,
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
            connect_timeout=60,
            control_connection_timeout=60,
        )
        self._clusters.append(cluster)
        return cluster.connect(keyspace)

    def close(self) -> None:
        for cluster in self._clusters:
            cluster.shutdown()
        self.serving.stop()


@pytest.fixture
def live() -> Iterator[Live]:
    with hyperdb.open(":memory:") as database:
        made = Live(database)
        yield made
        made.close()


def prepared(session: Session) -> Session:
    session.execute("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
    session.set_keyspace("ks")
    session.execute("CREATE TABLE t (k int, c int, v text, m map<text, int>, PRIMARY KEY (k, c))")
    return session


@pytest.mark.parametrize("version", [4, 5])
def test_the_driver_connects_writes_and_reads(live: Live, version: int) -> None:
    session = prepared(live.connect(version))
    assert session.cluster.metadata.keyspaces["ks"].tables["t"].columns["m"].cql_type == "map<text, int>"
    insert = session.prepare("INSERT INTO t (k, c, v, m) VALUES (?, ?, ?, ?)")
    for c in range(25):
        session.execute(insert, (1, c, f"v{c}", {"a": c}))
    select = session.prepare("SELECT c, v, m FROM t WHERE k = ?")
    select.fetch_size = 10
    rows = list(session.execute(select, (1,)))
    assert [(row.c, row.v, dict(row.m)) for row in rows] == [(c, f"v{c}", {"a": c}) for c in range(25)]
    batch = BatchStatement()
    batch.add(insert, (2, 1, "x", None))
    batch.add(SimpleStatement("DELETE FROM t WHERE k = 1 AND c < 20"))
    session.execute(batch)
    assert session.execute("SELECT count(*) FROM t").one()[0] == 6
    with pytest.raises(InvalidRequest, match="ALLOW FILTERING"):
        session.execute("SELECT * FROM t WHERE v = 'a'")


def test_a_statement_that_is_not_known_any_more_is_prepared_again(live: Live) -> None:
    session = prepared(live.connect())
    select = session.prepare("SELECT * FROM t WHERE k = ?")
    other = live.connect(keyspace="ks")
    other.execute("DROP TABLE t")
    other.execute("CREATE TABLE t (k int, c int, w int, PRIMARY KEY (k, c))")
    other.execute("INSERT INTO t (k, c, w) VALUES (1, 2, 3)")
    assert [tuple(row) for row in session.execute(select, (1,))] == [(1, 2, 3)]


def test_conditional_writes_of_many_clients_are_one_after_the_other(live: Live) -> None:
    first = prepared(live.connect())
    first.execute("CREATE TABLE n (k int PRIMARY KEY, v int)")
    first.execute("INSERT INTO n (k, v) VALUES (1, 0)")
    clients, times = 4, 10

    def count(session: Session) -> None:
        done = 0
        while done < times:
            v = session.execute("SELECT v FROM n WHERE k = 1").one().v
            done += session.execute(f"UPDATE n SET v = {v + 1} WHERE k = 1 IF v = {v}").one().applied

    threads = [threading.Thread(target=count, args=(live.connect(keyspace="ks"),)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert first.execute("SELECT v FROM n").one().v == clients * times


def test_events_of_the_schema_reach_other_clients(live: Live) -> None:
    watching = live.connect()
    session = prepared(live.connect())
    session.execute("CREATE TABLE later (k int PRIMARY KEY)")
    watching.cluster.refresh_schema_metadata()
    assert "later" in watching.cluster.metadata.keyspaces["ks"].tables
