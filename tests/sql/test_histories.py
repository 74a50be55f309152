"""Histories over SQL connections: at SERIALIZABLE no anomaly, at REPEATABLE READ what snapshot isolation allows and no more.

Theory: see `history`. The lists are rows of a table that are made when first appended to, so that reads of ranges and of an
index's part meet rows that are not there yet. With HYPERDB_SQL_HISTORY_OUT the serializable history is written for porcupine
(tests/histories), with HYPERDB_SQL_TRANSACTIONS it is as long as one likes.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from history import Append, Checker, Read, Transaction, as_lines

import hyperdb

KEYS, PARTS = 9, 3
CLIENTS = 5
TRANSACTIONS = int(os.environ.get("HYPERDB_SQL_TRANSACTIONS", "200"))
REFUSED = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)
APPEND = "INSERT INTO lists VALUES (%s, %s, ARRAY[%s]) ON CONFLICT (key) DO UPDATE SET items = lists.items || excluded.items"


@pytest.fixture(scope="module")
def known() -> Iterator[str]:
    opened = hyperdb.open(":memory:", memory="64m", frames=None)
    with opened as database, database.serve(sql="127.0.0.1:0", control=False) as serving:
        assert serving.sql_address is not None
        host, port = serving.sql_address
        yield f"host={host} port={port} user=postgres dbname=hyperdb sslmode=disable"


def prepared(known: str) -> None:
    with psycopg.connect(known, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS lists")
        connection.execute("CREATE TABLE lists (key int PRIMARY KEY, part int, items int[])")
        connection.execute("CREATE INDEX ON lists (part)")


def append(connection: psycopg.Connection, done: Transaction, key: int, value: int) -> None:
    done.operations.append(Append(key, value))
    connection.execute(APPEND, (key, key % PARTS, value))


def read(connection: psycopg.Connection, done: Transaction, keys: range | list[int], condition: str) -> None:
    """Reads the lists of `keys`, which are all that meet the condition; those without a row are empty."""
    found = dict(connection.execute(f"SELECT key, items FROM lists WHERE {condition}").fetchall())
    assert set(found) <= set(keys)
    done.operations += [Read(key, tuple(found.get(key, ()))) for key in keys]


class Client(threading.Thread):
    """Transactions one after another; those that are refused are rolled back and counted."""

    def __init__(self, known: str, number: int, level: str, count: int, values: Iterator[int]) -> None:
        super().__init__()
        self._known, self._number, self._level, self._count, self._values = known, number, level, count, values
        self._random = random.Random(number)
        self.history: list[Transaction] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            with psycopg.connect(self._known, autocommit=True, prepare_threshold=2) as connection:
                for _ in range(self._count):
                    self._one(connection)
        except BaseException as error:  # the test's thread raises it
            self.error = error

    def _one(self, connection: psycopg.Connection) -> None:
        done = Transaction(self._number, time.monotonic_ns())
        self.history.append(done)
        try:
            connection.execute(f"BEGIN ISOLATION LEVEL {self._level}".encode())
            for _ in range(self._random.randint(1, 4)):
                self._step(connection, done)
            connection.execute("COMMIT")
            done.committed = True
        except REFUSED:
            connection.execute("ROLLBACK")
        except psycopg.errors.UniqueViolation:
            # Two made the same row: at these levels a refusal like the others.
            connection.execute("ROLLBACK")
        done.end = time.monotonic_ns()

    def _step(self, connection: psycopg.Connection, done: Transaction) -> None:
        key, choice = self._random.randrange(KEYS), self._random.randrange(6)
        if choice < 3:
            append(connection, done, key, next(self._values))
        elif choice == 3:
            read(connection, done, [key], f"key = {key}")
        elif choice == 4:
            last = min(key + self._random.randrange(1, 4), KEYS - 1)
            read(connection, done, range(key, last + 1), f"key BETWEEN {key} AND {last}")
        else:
            part = key % PARTS
            read(connection, done, [each for each in range(KEYS) if each % PARTS == part], f"part = {part}")


def recorded(known: str, level: str, transactions: int) -> list[Transaction]:
    prepared(known)
    lock, count = threading.Lock(), iter(range(1, 1_000_000))

    def values() -> Iterator[int]:
        while True:
            with lock:
                value = next(count)
            yield value

    clients = [Client(known, number, level, transactions // CLIENTS, values()) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
        if client.error is not None:
            raise client.error
    last = Transaction(CLIENTS, time.monotonic_ns(), committed=True)
    with psycopg.connect(known, autocommit=True) as connection:
        read(connection, last, range(KEYS), "true")
    last.end = time.monotonic_ns()
    return [*(each for client in clients for each in client.history), last]


def test_serializable_histories_have_no_anomaly(known: str) -> None:
    history = recorded(known, "SERIALIZABLE", TRANSACTIONS)
    if out := os.environ.get("HYPERDB_SQL_HISTORY_OUT"):
        Path(out).write_text(as_lines(history))
    assert Checker(history).serializable() == []
    assert sum(each.committed for each in history) > TRANSACTIONS // 4


def test_snapshots_have_only_the_anomalies_of_snapshot_isolation(known: str) -> None:
    history = recorded(known, "REPEATABLE READ", TRANSACTIONS)
    assert Checker(history).snapshot() == []
    assert sum(each.committed for each in history) > TRANSACTIONS // 4


Step = tuple[int, str, int]
SKEW: list[Step] = [(0, "r", 1), (0, "r", 2), (1, "r", 1), (1, "r", 2), (0, "a", 1), (1, "a", 2), (0, "c", 0), (1, "c", 0)]
PHANTOM: list[Step] = [(0, "p", 1), (1, "p", 1), (0, "a", 4), (1, "a", 7), (0, "c", 0), (1, "c", 0)]
# Fekete, O'Neil, O'Neil: "A read-only transaction anomaly under snapshot isolation" (2004).
READ_ONLY: list[Step] = [
    (0, "r", 1), (0, "r", 2), (1, "a", 2), (1, "c", 0), (2, "r", 1), (2, "r", 2), (2, "c", 0), (0, "a", 1), (0, "c", 0)
]  # fmt: skip
LOST: list[Step] = [(0, "r", 1), (1, "r", 1), (0, "a", 1), (0, "c", 0), (1, "a", 1), (1, "c", 0)]


def played(known: str, level: str, steps: list[Step]) -> list[Transaction]:
    """Steps of three transactions in this order; one that is refused takes no more part."""
    prepared(known)
    connections = [psycopg.connect(known, autocommit=True) for _ in range(3)]
    history = [Transaction(number, time.monotonic_ns()) for number in range(3)]
    refused: set[int] = set()
    value = 0
    for number, what, key in steps:
        connection, done = connections[number], history[number]
        if number in refused:
            continue
        value += 1
        try:
            if not done.operations and connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
                done.begin = time.monotonic_ns()
                connection.execute(f"BEGIN ISOLATION LEVEL {level}".encode())
            if what == "a":
                append(connection, done, key, value)
            elif what == "r":
                read(connection, done, [key], f"key = {key}")
            elif what == "p":
                part = key % PARTS
                read(connection, done, [each for each in range(KEYS) if each % PARTS == part], f"part = {part}")
            else:
                connection.execute("COMMIT")
                done.committed, done.end = True, time.monotonic_ns()
        except REFUSED:
            refused.add(number)
            connection.execute("ROLLBACK")
    last = Transaction(3, time.monotonic_ns(), committed=True)
    read(connections[0], last, range(KEYS), "true")
    last.end = time.monotonic_ns()
    for connection in connections:
        connection.close()
    return [*history, last]


@pytest.mark.parametrize("steps", [SKEW, PHANTOM, READ_ONLY], ids=["write skew", "phantom", "read-only"])
def test_what_snapshots_allow_is_found_and_serializable_refuses_it(known: str, steps: list[Step]) -> None:
    loose = Checker(played(known, "REPEATABLE READ", steps))
    assert loose.snapshot() == []
    assert any("cycle" in each for each in loose.serializable())
    assert Checker(played(known, "SERIALIZABLE", steps)).serializable() == []


def test_a_lost_update_is_found_at_read_committed_and_refused_above(known: str) -> None:
    assert any("cycle" in each for each in Checker(played(known, "READ COMMITTED", LOST)).snapshot())
    assert Checker(played(known, "REPEATABLE READ", LOST)).snapshot() == []


def test_the_checker_finds_what_is_wrong_with_a_history() -> None:
    def of(*operations: Append | Read, committed: bool = True) -> Transaction:
        return Transaction(0, operations=list(operations), committed=committed)

    assert "committed" in Checker([of(Append(1, 1), committed=False), of(Read(1, (1,)))]).serializable()[0]
    assert "no begin" in Checker([of(Append(1, 1)), of(Append(1, 2)), of(Read(1, (1, 2))), of(Read(1, (2,)))]).serializable()[0]
    assert "middle" in Checker([of(Append(1, 1), Append(1, 2)), of(Read(1, (1,))), of(Read(1, (1, 2)))]).serializable()[0]
    assert "twice" in Checker([of(Append(1, 1)), of(Read(1, (1, 1)))]).serializable()[0]
    assert "after it had" in Checker([of(Append(1, 1), Read(1, ())), of(Read(1, (1,)))]).serializable()[0]
    assert Checker([of(Append(1, 1)), of(Read(1, (1,)))]).serializable(strict=False) == []
