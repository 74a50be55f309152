"""Several statements in one text are one transaction, which BEGIN, COMMIT and ROLLBACK in it cut as PostgreSQL does.

Theory: PostgreSQL's documentation, 55.2.2.1. Each case is a text, with the SQLSTATE that it ends with, and the rows that are
there afterwards; what they are was seen on PostgreSQL 15 (transactions.sql of its own tests has most of them).
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.pq import DiagnosticField, ExecStatus

import hyperdb

CASES = [
    ("INSERT INTO t VALUES (1); SELECT 1", "", [1]),
    ("INSERT INTO t VALUES (1); SELECT 1/0", "22012", []),
    ("INSERT INTO t VALUES (1); COMMIT; INSERT INTO t VALUES (2); SELECT 1/0", "22012", [1]),
    ("INSERT INTO t VALUES (1); ROLLBACK; INSERT INTO t VALUES (2)", "", [2]),
    ("INSERT INTO t VALUES (1); BEGIN; INSERT INTO t VALUES (2); ROLLBACK", "", []),
    ("INSERT INTO t VALUES (1); BEGIN; INSERT INTO t VALUES (2); COMMIT; INSERT INTO t VALUES (3); SELECT 1/0", "22012", [1, 2]),
    ("BEGIN; INSERT INTO t VALUES (1); COMMIT; BEGIN; INSERT INTO t VALUES (2); ROLLBACK", "", [1]),
    ("INSERT INTO t VALUES (1); COMMIT AND CHAIN", "25P01", []),
    ("INSERT INTO t VALUES (1); SAVEPOINT s", "25P01", []),
    ("SELECT 1; BEGIN ISOLATION LEVEL SERIALIZABLE", "25001", []),
    ("INSERT INTO t VALUES (1); VACUUM", "25001", []),
    ("SELECT 1; BEGIN; SAVEPOINT s; INSERT INTO t VALUES (1); ROLLBACK TO s; COMMIT", "", []),
]


@pytest.fixture(scope="module")
def connection() -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with (
        hyperdb.open(":memory:", memory="32m", frames=None) as database,
        database.serve(sql="127.0.0.1:0", control=False) as serving,
    ):
        host, port = serving.sql_address or ("", 0)
        known = f"host={host} port={port} user=postgres dbname=hyperdb sslmode=disable"
        with psycopg.connect(known, autocommit=True) as made:
            made.execute("CREATE TABLE t (a int)")
            made.execute("CREATE TABLE g (a int, b int GENERATED ALWAYS AS (a * 2) STORED, c int)")
            yield made


@pytest.mark.parametrize(("text", "state", "rows"), CASES)
def test_a_text_of_several_statements(
    connection: psycopg.Connection[tuple[object, ...]], text: str, state: str, rows: list[int]
) -> None:
    connection.execute("DELETE FROM t")
    result = connection.pgconn.exec_(text.encode())
    found = (result.error_field(DiagnosticField.SQLSTATE) or b"").decode()
    assert found == state
    if ExecStatus(result.status) == ExecStatus.FATAL_ERROR:
        connection.pgconn.exec_(b"ROLLBACK")
    assert connection.execute("SELECT a FROM t ORDER BY a").fetchall() == [(row,) for row in rows]


def test_copy_leaves_generated_columns_out(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    with connection.cursor() as cursor:
        with cursor.copy("COPY g FROM STDIN") as copy:
            copy.write(b"1\t10\n2\t20\n")
        with cursor.copy("COPY g TO STDOUT") as copy:
            assert b"".join(bytes(part) for part in copy) == b"1\t10\n2\t20\n"
        with cursor.copy("COPY (SELECT * FROM g) TO STDOUT") as copy:
            assert b"".join(bytes(part) for part in copy) == b"1\t2\t10\n2\t4\t20\n"
        for text in ("COPY g (a, b) FROM STDIN", "COPY g (b) TO STDOUT"):
            with pytest.raises(psycopg.errors.InvalidColumnReference):
                cursor.copy(text).__enter__()


def test_copy_keeps_what_a_domain_says(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    connection.execute("CREATE DOMAIN brief AS varchar(3) CHECK (VALUE <> 'no')")
    connection.execute("CREATE TABLE d (a brief, b int)")
    for line, state in ((b"long\t1\n", "22001"), (b"no\t1\n", "23514")):
        with pytest.raises(psycopg.Error) as error, connection.cursor().copy("COPY d FROM STDIN") as copy:
            copy.write(line)
        assert error.value.sqlstate == state
    with connection.cursor().copy("COPY d FROM STDIN") as copy:
        copy.write(b"yes\t1\n")
    assert connection.execute("SELECT a FROM d").fetchall() == [("yes",)]
