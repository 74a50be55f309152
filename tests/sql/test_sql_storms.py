"""Storms: many clients on one row, and in each other's way. Everybody gets on, nothing is lost."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator

import psycopg
import pytest

import hyperdb

REFUSED = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)
Work = Callable[[psycopg.Connection, int, "Counter[str]"], None]


@pytest.fixture(scope="module")
def known() -> Iterator[str]:
    opened = hyperdb.open(":memory:", memory="64m", frames=None)
    with opened as database, database.serve(sql="127.0.0.1:0", control=False) as serving:
        assert serving.sql_address is not None
        host, port = serving.sql_address
        yield f"host={host} port={port} user=postgres dbname=hyperdb sslmode=disable"


def storm(known: str, clients: int, work: Work) -> Counter[str]:
    """Every client does its work on a connection of its own; what they counted."""
    errors: list[BaseException] = []
    counted: Counter[str] = Counter()

    def run(number: int) -> None:
        own: Counter[str] = Counter()
        try:
            with psycopg.connect(known, autocommit=True) as connection:
                work(connection, number, own)
        except BaseException as error:  # the test's thread raises it
            errors.append(error)
        counted.update(own)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return counted


def retried(connection: psycopg.Connection, level: str, counted: Counter[str], body: Callable[[], None]) -> None:
    """A transaction, begun again as often as it is refused."""
    while True:
        try:
            connection.execute(f"BEGIN ISOLATION LEVEL {level}".encode())
            body()
            connection.execute("COMMIT")
        except REFUSED as error:
            counted[error.sqlstate or ""] += 1
            connection.execute("ROLLBACK")
        else:
            counted["done"] += 1
            return


def test_64_clients_count_on_one_row(known: str) -> None:
    with psycopg.connect(known, autocommit=True) as connection:
        connection.execute("CREATE TABLE counted (id int PRIMARY KEY, n int)")
        connection.execute("INSERT INTO counted VALUES (1, 0)")

    def work(connection: psycopg.Connection, _number: int, _counted: Counter[str]) -> None:
        for _ in range(5):
            assert connection.execute("UPDATE counted SET n = n + 1 WHERE id = 1").rowcount == 1

    storm(known, 64, work)
    with psycopg.connect(known, autocommit=True) as connection:
        assert connection.execute("SELECT n FROM counted").fetchone() == (320,)


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_what_was_read_is_written_once(known: str, level: str) -> None:
    name = level[0].lower()
    with psycopg.connect(known, autocommit=True) as connection:
        connection.execute(f"CREATE TABLE read_{name} (id int PRIMARY KEY, n int)")
        connection.execute(f"INSERT INTO read_{name} VALUES (1, 0)")

    def work(connection: psycopg.Connection, _number: int, counted: Counter[str]) -> None:
        def body() -> None:
            found = connection.execute(f"SELECT n FROM read_{name} WHERE id = 1").fetchone()
            assert found is not None
            connection.execute(f"UPDATE read_{name} SET n = %s WHERE id = 1", (found[0] + 1,))

        for _ in range(4):
            retried(connection, level, counted, body)

    counted = storm(known, 12, work)
    with psycopg.connect(known, autocommit=True) as connection:
        assert connection.execute(f"SELECT n FROM read_{name}").fetchone() == (48,)
    assert counted["done"] == 48


def test_deadlocks_are_broken_and_no_money_is_lost(known: str) -> None:
    with psycopg.connect(known, autocommit=True) as connection:
        connection.execute("CREATE TABLE money (id int PRIMARY KEY, n int CHECK (n >= 0))")
        connection.execute("INSERT INTO money SELECT i, 1000 FROM generate_series(1, 4) i")

    def work(connection: psycopg.Connection, number: int, counted: Counter[str]) -> None:
        source = random.Random(number)

        def body() -> None:
            one, other = source.sample(range(1, 5), 2)
            connection.execute("UPDATE money SET n = n - 1 WHERE id = %s", (one,))
            connection.execute("SELECT n FROM money WHERE id = %s FOR UPDATE", (other,))
            connection.execute("UPDATE money SET n = n + 1 WHERE id = %s", (other,))

        for _ in range(6):
            retried(connection, "READ COMMITTED", counted, body)

    counted = storm(known, 10, work)
    assert counted["done"] == 60
    assert set(counted) <= {"done", "40P01"}
    with psycopg.connect(known, autocommit=True) as connection:
        assert connection.execute("SELECT sum(n), count(*) FROM money").fetchone() == (4000, 4)


def test_two_that_wait_for_each_other_are_told(known: str) -> None:
    with psycopg.connect(known, autocommit=True) as connection:
        connection.execute("CREATE TABLE pair (id int PRIMARY KEY, n int)")
        connection.execute("INSERT INTO pair VALUES (1, 0), (2, 0)")
    gate = threading.Barrier(2)

    def work(connection: psycopg.Connection, number: int, counted: Counter[str]) -> None:
        connection.execute("BEGIN")
        connection.execute("UPDATE pair SET n = n + 1 WHERE id = %s", (number + 1,))
        gate.wait()
        try:
            connection.execute("UPDATE pair SET n = n + 1 WHERE id = %s", (2 - number,))
            connection.execute("COMMIT")
            counted["done"] += 1
        except psycopg.errors.DeadlockDetected:
            assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INERROR
            connection.execute("ROLLBACK")
            counted["40P01"] += 1
        assert connection.execute("SELECT 1").fetchone() == (1,)

    assert storm(known, 2, work) == {"done": 1, "40P01": 1}


def test_a_cancel_race_hits_its_statement_or_none(known: str) -> None:
    with psycopg.connect(known, autocommit=True) as connection:
        cancelled = 0
        for _ in range(30):
            thread = threading.Thread(target=connection.cancel_safe)
            thread.start()
            try:
                connection.execute("SELECT count(*) FROM generate_series(1, 2000) g WHERE g % 7 = 0").fetchone()
            except psycopg.errors.QueryCanceled:
                cancelled += 1
            thread.join()
            assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        # One that comes after its statement has ended is for nobody: what follows is answered or cancelled whole.
        for _ in range(3):
            try:
                assert connection.execute("SELECT 1").fetchone() == (1,)
            except psycopg.errors.QueryCanceled:
                cancelled += 1
        assert cancelled <= 33
