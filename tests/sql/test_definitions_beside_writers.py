"""Definitions that look at rows, while others write them: what was committed before the definition had its lock is looked at.

Theory: such a statement takes its lock and then looks at all rows. What was written by who held it up is committed by then, and
newer than the statement's snapshot. A writer is left open, the definition begun beside it, and the writer commits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

import hyperdb
from hyperdb.errors import SqlError
from hyperdb.frontends.sql.backend import SqlBackend
from hyperdb.frontends.sql.contract import Opening
from hyperdb.frontends.sql.session import SqlSession
from hyperdb.graph.catalog.tables import Tables


class Two:
    """Two clients."""

    def __init__(self, backend: SqlBackend) -> None:
        self.writer, self.definer = (backend.open(Opening("postgres", "hyperdb")) for _ in range(2))

    def beside(self, change: str, definition: str, before: str = "") -> SqlError | None:
        """What `definition` ends with, when `change` is open as it begins."""
        run(self.writer, "BEGIN")
        run(self.writer, change)
        if before:
            run(self.definer, before)
        found: list[SqlError | None] = []

        def define() -> None:
            try:
                run(self.definer, definition)
                found.append(None)
            except SqlError as error:
                found.append(error)

        thread = threading.Thread(target=define)
        thread.start()
        # Long enough for it to wait for the lock; a slow machine makes the test weaker, not red.
        time.sleep(0.1)
        run(self.writer, "COMMIT")
        thread.join(20)
        return found[0]


def run(session: SqlSession, text: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    try:
        for statement in session.statements(text):
            outcome = session.execute(session.prepare(statement, ()), ())
            rows = list(outcome.everything())
            outcome.close()
        session.sync(False)
    except SqlError:
        session.fail()
        session.sync(True)
        raise
    return rows


@pytest.fixture
def two() -> Iterator[Two]:
    with hyperdb.open(":memory:", memory="32m") as opened:
        made = Two(SqlBackend(Tables(opened.native)))
        run(made.writer, "CREATE TABLE t (id int PRIMARY KEY, a int, s text); INSERT INTO t VALUES (1, 1, 'x')")
        run(made.writer, "CREATE TABLE u (id int, a int); INSERT INTO u VALUES (1, 1)")
        run(made.writer, "CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (1)")
        yield made
        made.writer.close()
        made.definer.close()


@pytest.mark.parametrize(
    "change",
    ["INSERT INTO t VALUES (2, 7, 'y')", "UPDATE t SET a = 7", "INSERT INTO t VALUES (2, 7, 'y'); DELETE FROM t WHERE id = 1"],
)
def test_an_index_has_every_row(two: Two, change: str) -> None:
    assert two.beside(change, "CREATE INDEX t_a ON t (a)") is None
    assert run(two.definer, "SELECT s FROM t WHERE a = 7") in ([("y",)], [("x",)])
    assert run(two.definer, "SELECT count(*) FROM (SELECT a FROM t ORDER BY a) o") == run(two.definer, "SELECT count(*) FROM t")


@pytest.mark.parametrize(
    ("change", "definition", "state"),
    [
        ("INSERT INTO t VALUES (2, 1, 'y')", "CREATE UNIQUE INDEX t_a ON t (a)", "23505"),
        ("INSERT INTO t VALUES (2, 1, 'y')", "ALTER TABLE t ADD UNIQUE (a)", "23505"),
        ("INSERT INTO u VALUES (1, 2)", "ALTER TABLE u ADD PRIMARY KEY (id)", "23505"),
        ("INSERT INTO t VALUES (2, -1, 'y')", "ALTER TABLE t ADD CHECK (a > 0)", "23514"),
        ("INSERT INTO t VALUES (2, NULL, 'y')", "ALTER TABLE t ALTER a SET NOT NULL", "23502"),
        ("INSERT INTO t VALUES (2, 5, 'y')", "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p", "23503"),
        ("DELETE FROM p", "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p", "23503"),
        ("INSERT INTO t VALUES (2, 5, 'y')", "ALTER TABLE t ALTER s TYPE int USING s::int", "22P02"),
    ],
)
def test_what_is_in_the_way_is_seen(two: Two, change: str, definition: str, state: str) -> None:
    if "USING" in definition:
        run(two.writer, "UPDATE t SET s = '3'")
    error = two.beside(change, definition)
    assert error is not None
    assert error.sqlstate == state
    assert run(two.definer, "SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass") == [(1,)]


def test_rewritten_rows_are_all_there(two: Two) -> None:
    change = "INSERT INTO t VALUES (2, 5, '8'); UPDATE t SET s = '3' WHERE id = 1"
    assert two.beside(change, "ALTER TABLE t ALTER s TYPE int USING s::int") is None
    assert run(two.definer, "SELECT id, s FROM t ORDER BY id") == [(1, 3), (2, 8)]
    assert two.beside("INSERT INTO t VALUES (3, 6, 9)", "ALTER TABLE t ADD b int DEFAULT random() * 0 + 4") is None
    assert run(two.definer, "SELECT id, b FROM t ORDER BY id") == [(1, 4), (2, 4), (3, 4)]
    assert two.beside("INSERT INTO u VALUES (2, 2)", "ALTER TABLE u ADD PRIMARY KEY (id)") is None
    assert run(two.definer, "SELECT id FROM u ORDER BY id") == [(1,), (2,)]
    assert two.beside("INSERT INTO u VALUES (3, 3)", "ALTER TABLE u DROP CONSTRAINT u_pkey") is None
    assert run(two.definer, "SELECT a FROM u ORDER BY id") == [(1,), (2,), (3,)]


@pytest.mark.parametrize("definition", ["CREATE INDEX t_a ON t (a)", "ALTER TABLE t ADD UNIQUE (a)"])
def test_a_snapshot_that_is_too_old_to_see_them_is_refused(two: Two, definition: str) -> None:
    begin = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM p"
    error = two.beside("INSERT INTO t VALUES (2, 7, 'y')", definition, begin)
    assert error is not None
    assert error.sqlstate == "40001"
    run(two.definer, "ROLLBACK")
    assert run(two.definer, "SELECT s FROM t WHERE a = 7") == [("y",)]


def test_a_view_of_rows_keeps_those_that_came_meanwhile(two: Two) -> None:
    run(two.writer, "CREATE MATERIALIZED VIEW m AS SELECT a FROM t")
    assert two.beside("INSERT INTO t VALUES (2, 7, 'y')", "REFRESH MATERIALIZED VIEW m") is None
    run(two.writer, "REFRESH MATERIALIZED VIEW m")
    assert run(two.definer, "SELECT a FROM m ORDER BY a") == [(1,), (7,)]
