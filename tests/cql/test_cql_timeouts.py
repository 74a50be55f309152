"""Requests that take too long are ended, with Cassandra's errors, and have changed nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from cql_session import Client, backend

import hyperdb
from hyperdb.errors import CqlError, InvalidError
from hyperdb.frontends.cql.backend import CqlBackend
from hyperdb.frontends.cql.bind.modify import ModifyPlan
from hyperdb.frontends.cql.codes import BatchKind, Consistency, ErrorCode
from hyperdb.frontends.cql.contract import Context, Opening
from hyperdb.frontends.cql.execute import write
from hyperdb.frontends.cql.parse.parser import Grammar
from hyperdb.frontends.cql.patience import Limit, Patience
from hyperdb.frontends.cql.protocol import requests
from hyperdb.frontends.cql.schema.model import Schema
from hyperdb.frontends.cql.transacting import WRITE
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.graph.catalog.tables import TableTransaction
from hyperdb.graph.store import TransactionOptions
from hyperdb.values import CqlTimeouts, parse_timeouts

SECONDS = CqlTimeouts(read=1000, range=20, write=10)


@pytest.fixture
def served(cql: Grammar) -> Iterator[CqlBackend]:
    with hyperdb.open(":memory:") as database:
        made = backend(database, cql)
        client = Client(made)
        client.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        client.run("CREATE TABLE ks.t (k int, c int, v int, PRIMARY KEY (k, c))")
        client.run("CREATE INDEX ON ks.t (v)")
        client.run("INSERT INTO ks.t (k, c, v) VALUES (1, 2, 3)")
        yield made


def refused(made: CqlBackend, text: str, age: float, timeouts: CqlTimeouts = SECONDS, **parameters: object) -> CqlError | None:
    """The error of a statement that was taken `age` seconds ago."""
    session = made.open(Opening("hyperdb", timeouts=timeouts))
    context = Context(5, began=time.monotonic() - age)
    try:
        session.query(requests.Query(text, requests.Parameters(**parameters)), context)  # type: ignore[arg-type]
    except CqlError as error:
        return error
    return None


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM ks.t",
        "SELECT * FROM ks.t WHERE c = 2 ALLOW FILTERING",
        "SELECT * FROM ks.t WHERE v = 3",
        "SELECT count(*) FROM ks.t WHERE token(k) > 0",
    ],
)
def test_scans_are_ended(served: CqlBackend, text: str) -> None:
    assert refused(served, text, 5) is None
    error = refused(served, text, 25, consistency=Consistency.QUORUM)
    assert error is not None
    assert (error.code, error.message) == (ErrorCode.READ_TIMEOUT, "Operation timed out - received only 0 responses.")
    assert error.extra == {"consistency": Consistency.QUORUM, "received": 0, "block_for": 1, "data_present": False}


def test_partitions_have_a_time_of_their_own(served: CqlBackend) -> None:
    for text in ("SELECT * FROM ks.t WHERE k = 1", "SELECT * FROM ks.t WHERE k IN (1, 2) AND c > 0"):
        assert refused(served, text, 25) is None
        error = refused(served, text, 1001)
        assert error is not None
        assert error.code == ErrorCode.READ_TIMEOUT


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("INSERT INTO ks.t (k, c, v) VALUES (5, 5, 5)", "SIMPLE"),
        ("UPDATE ks.t SET v = 5 WHERE k = 5 AND c = 5", "SIMPLE"),
        ("INSERT INTO ks.t (k, c, v) VALUES (5, 5, 5) IF NOT EXISTS", "CAS"),
        ("BEGIN BATCH INSERT INTO ks.t (k, c, v) VALUES (5, 5, 5) APPLY BATCH", "SIMPLE"),
    ],
)
def test_changes_are_ended_before_they_are_made(served: CqlBackend, text: str, kind: str) -> None:
    error = refused(served, text, 15)
    assert error is not None
    assert (error.code, error.extra["write_type"]) == (ErrorCode.WRITE_TIMEOUT, kind)
    assert Client(served).run("SELECT k FROM ks.t") == [(1,)]
    assert refused(served, text, 5) is None
    assert len(Client(served).run("SELECT k FROM ks.t")) == 2


def test_a_change_waits_for_no_lock_beyond_its_time(served: CqlBackend) -> None:
    text = "UPDATE ks.t SET v = 9 WHERE k = 1 AND c = 2"
    holder = served.open(Opening("hyperdb"))
    is_held, may_end = threading.Event(), threading.Event()

    def body(transaction: TableTransaction, schema: Schema) -> None:
        ready = served.plans.ready(served.statements.parse(text), schema, None)
        assert isinstance(ready.plan, ModifyPlan)
        write.apply(write.Change(ready.plan, holder.frame(ready, requests.Parameters(), 5, schema)), transaction)
        is_held.set()
        may_end.wait(60)
        raise invalid("undone")

    def hold() -> None:
        with suppress(CqlError):
            holder.transacting.run(WRITE, body)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert is_held.wait(60)
        error = refused(served, text, 0, CqlTimeouts(write=0.2))
        assert error is not None
        assert error.code == ErrorCode.WRITE_TIMEOUT
    finally:
        may_end.set()
        thread.join()
    assert Client(served).run("SELECT v FROM ks.t") == [(3,)]


def test_a_batch_of_a_message_is_ended(served: CqlBackend) -> None:
    session = served.open(Opening("hyperdb", timeouts=SECONDS))
    items = (requests.BatchItem("INSERT INTO ks.t (k, c, v) VALUES (5, 5, 5)"),)
    batch = requests.Batch(BatchKind.UNLOGGED, items, requests.Parameters())
    with pytest.raises(CqlError) as caught:
        session.batch(batch, Context(5, began=time.monotonic() - 15))
    assert caught.value.code == ErrorCode.WRITE_TIMEOUT


@pytest.mark.parametrize("fails_at", [5, 35, 55], ids=["read", "bound", "applied"])
def test_the_clock_is_looked_at_between_the_statements_of_a_batch(
    served: CqlBackend, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    session = served.open(Opening("hyperdb", timeouts=SECONDS))
    looks = 0

    def clock() -> float:
        nonlocal looks
        looks += 1
        return 1000.0 if looks >= fails_at else 0.0

    def patience(_parameters: requests.Parameters, _context: Context) -> Patience:
        return Patience(SECONDS, 0.0, Consistency.ONE, clock)

    monkeypatch.setattr(session, "patience", patience)
    items = tuple(requests.BatchItem(f"INSERT INTO ks.t (k, c, v) VALUES (5, {number}, 5)") for number in range(20))
    with pytest.raises(CqlError) as caught:
        session.batch(requests.Batch(BatchKind.UNLOGGED, items, requests.Parameters()), Context(5))
    assert caught.value.code == ErrorCode.WRITE_TIMEOUT
    assert looks == fails_at, "it ends at once"
    assert Client(served).run("SELECT * FROM ks.t WHERE k = 5") == []


def test_the_clock_is_looked_at_between_chunks() -> None:
    now = [100.0]
    patience = Patience(CqlTimeouts(read=1, range=2, write=3), 100.0, Consistency.ONE, lambda: now[0])
    read, scan, write = patience.reading(is_range=False), patience.reading(is_range=True), patience.writing("SIMPLE")
    limits: list[Limit] = [read, scan, write]
    for passed, ended in ((0.9, 0), (1.0, 1), (2.0, 2), (3.5, 3)):
        now[0] = 100.0 + passed
        for number, limit in enumerate(limits):
            if number < ended:
                with pytest.raises(CqlError):
                    limit.check()
            else:
                limit.check()


def test_locks_get_what_time_is_left() -> None:
    limit = Patience(CqlTimeouts(write=3), 100.0, Consistency.ONE, lambda: 102.0).writing("SIMPLE")
    assert limit.within(TransactionOptions("read committed", lock_timeout=10)).lock_timeout == 1.0
    assert limit.within(TransactionOptions("read committed", lock_timeout=0.5)).lock_timeout == 0.5
    assert limit.within(TransactionOptions("read committed", lock_timeout=None)).lock_timeout == 1.0


def test_timeouts_are_given_as_text() -> None:
    assert parse_timeouts("") == CqlTimeouts(10, 10, 10)
    assert parse_timeouts("read=5,write=0.5") == CqlTimeouts(5, 10, 0.5)
    for text in ("5", "read", "read=", "read=0", "read=-1", "read=nan", "read=inf", "reads=5", "read=5;write=2"):
        with pytest.raises(InvalidError):
            parse_timeouts(text)
