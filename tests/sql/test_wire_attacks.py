"""Attacks through a socket: bytes that are no text in each field of each message, names meant to be more, deep savepoints.

Theory: whatever a field holds that is no UTF-8 is refused by 22021 where it is first read, the rest of its pipeline is passed
over, and the next one is answered. Invariant: each test ends with a query on the same connection.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from connecting import Connect, one
from psycopg import sql
from wire_client import STARTUP, SYNC, cut, describe, execute, fields, message, parse, query

BAD = b"\xc3\x28"
_COUNTS = struct.pack(">H", 0)


class Talker:
    """A socket that has logged in."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.create_connection(address, timeout=20)
        self._left = b""
        self.say(STARTUP)

    def say(self, data: bytes) -> list[tuple[str, bytes]]:
        """Sends, and gives the answers up to the next ReadyForQuery."""
        self._socket.sendall(data)
        while b"Z\0\0\0\5" not in self._left:
            piece = self._socket.recv(65_536)
            assert piece, "the server has closed the connection"
            self._left += piece
        end = self._left.index(b"Z\0\0\0\5") + 6
        answers, self._left = self._left[:end], self._left[end:]
        return cut(answers)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def talker(address: tuple[str, int]) -> Iterator[Talker]:
    found = Talker(address)
    yield found
    found.close()


def _bind(portal: bytes = b"", name: bytes = b"", values: tuple[bytes, ...] = (), formats: tuple[int, ...] = ()) -> bytes:
    body = portal + b"\0" + name + b"\0" + struct.pack(f">H{len(formats)}h", len(formats), *formats)
    body += struct.pack(">H", len(values)) + b"".join(struct.pack(">I", len(value)) + value for value in values)
    return message("B", body + _COUNTS)


_ECHO = parse("SELECT $1::text", oids=[25])
FIELDS = {
    "a query": message("Q", b"SELECT '" + BAD + b"'\0"),
    "a query's name": message("Q", b'SELECT 1 AS "' + BAD + b'"\0'),
    "the text of Parse": message("P", b"\0SELECT '" + BAD + b"'\0" + _COUNTS) + SYNC,
    "the name of Parse": message("P", BAD + b"\0SELECT 1\0" + _COUNTS) + SYNC,
    "a value as text": _ECHO + _bind(values=(BAD,)) + execute() + SYNC,
    "a value as binary": _ECHO + _bind(values=(BAD,), formats=(1,)) + execute() + SYNC,
    "a value with NUL": _ECHO + _bind(values=(b"a\0b",), formats=(1,)) + execute() + SYNC,
    "the statement of Bind": _bind(name=BAD) + SYNC,
    "the portal of Bind": parse("SELECT 1") + _bind(portal=BAD) + SYNC,
    "the name of Describe": message("D", b"S" + BAD + b"\0") + SYNC,
    "the portal of Execute": message("E", BAD + b"\0" + struct.pack(">i", 0)) + SYNC,
    "the name of Close": message("C", b"P" + BAD + b"\0") + SYNC,
}


@pytest.mark.parametrize("what", FIELDS)
def test_bytes_that_are_no_text_are_refused_wherever_they_stand(talker: Talker, what: str) -> None:
    answers = talker.say(FIELDS[what])
    states = [fields(body)["C"] for kind, body in answers if kind == "E"]
    assert states == ["22021"]
    assert answers[-1] == ("Z", b"I")
    assert [kind for kind, _ in talker.say(query("SELECT 1"))] == ["T", "D", "C", "Z"]


def test_bytes_that_are_no_text_fail_a_block_and_nothing_more(talker: Talker) -> None:
    talker.say(query("CREATE TABLE bytes (v text)"))
    talker.say(query("BEGIN; INSERT INTO bytes VALUES ('before')"))
    assert talker.say(FIELDS["a value as text"])[-1] == ("Z", b"E")
    assert talker.say(describe("S") + SYNC)[-1] == ("Z", b"E")
    assert talker.say(query("ROLLBACK"))[-1] == ("Z", b"I")
    assert ("D", b"\0\1\0\0\0\0010") in talker.say(query("SELECT count(*) FROM bytes"))


@pytest.mark.parametrize("line", [BAD, b"a\0b", b"\\xc3(", b"\xf4\x90\x80\x80", b"\xed\xa0\x80"])
def test_lines_of_copy_that_are_no_text_load_nothing(connect: Connect, line: bytes) -> None:
    connection = connect()
    connection.execute("CREATE TEMPORARY TABLE lines (v text)")
    with pytest.raises(psycopg.Error) as error, connection.cursor().copy("COPY lines FROM STDIN") as copy:
        copy.write(b"first\n" + line + b"\n")
    assert error.value.sqlstate == "22021"
    assert one(connection, "SELECT count(*) FROM lines") == 0


NAMES = [
    "a\"; DROP TABLE kept; --",
    "a'; DROP TABLE kept; --",
    "a\\'; DROP TABLE kept; --",
    "%s %(a)s {0} $1 $$",
    "*/ DROP TABLE kept; /*",
    "tab\tand\nline",
    "kept\u2019\u200b",
    ".",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_are_names_wherever_the_catalog_tells_them(connect: Connect, name: str) -> None:
    connection = connect()
    connection.execute("CREATE TABLE IF NOT EXISTS kept (v int)")
    known = sql.Identifier(name)
    run = connection.execute
    run(sql.SQL("CREATE TABLE {0} ({0} int CONSTRAINT {0} CHECK ({0} > 0) DEFAULT 7)").format(known))
    run(sql.SQL("CREATE INDEX {1} ON {0} (({0} + 1)) WHERE {0} > 1").format(known, sql.Identifier(f"{name} index")))
    run(sql.SQL("CREATE VIEW {1} AS SELECT {0}, {2} AS said FROM {0}").format(known, sql.Identifier(f"{name} view"), name))
    run(sql.SQL("COMMENT ON COLUMN {0}.{0} IS {1}").format(known, name))
    run(sql.SQL("INSERT INTO {0} DEFAULT VALUES").format(known))

    def told(text: str, *values: Any) -> list[tuple[Any, ...]]:
        return run(text, values).fetchall()

    oid = one(
        connection, sql.SQL("SELECT {0}::regclass::oid").format(sql.Literal(known.as_string(connection))).as_string(connection)
    )
    assert told("SELECT relname FROM pg_class WHERE oid = %s", oid) == [(name,)]
    assert told("SELECT attname FROM pg_attribute WHERE attrelid = %s AND attnum > 0", oid) == [(name,)]
    assert told("SELECT column_name FROM information_schema.columns WHERE table_name = %s", name) == [(name,)]
    assert told("SELECT col_description(%s, 1)", oid) == [(name,)]
    assert told("SELECT conname FROM pg_constraint WHERE conrelid = %s", oid) == [(name,)]
    # What is written as a definition means the same when it is read again.
    (index,) = told("SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s", oid)
    (view,) = told("SELECT pg_get_viewdef(%s::regclass)", sql.Identifier(f"{name} view").as_string(connection))
    (check,) = told("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s", oid)
    run(sql.SQL("DROP INDEX {0}").format(sql.Identifier(f"{name} index")))
    run(index[0].encode())
    assert run(view[0].encode()).fetchall() == [(7, name)]
    run(sql.SQL("ALTER TABLE {0} ADD CONSTRAINT again ").format(known).as_bytes(connection) + check[0].encode())
    run(sql.SQL("DROP TABLE {0} CASCADE").format(known))
    assert one(connection, "SELECT count(*) FROM kept") == 0


def test_ten_thousand_savepoints_are_taken_back_to_any_of_them(connect: Connect) -> None:
    connection = connect()
    connection.execute("CREATE TABLE deep (v int PRIMARY KEY)")
    connection.execute("BEGIN")
    for start in range(0, 10_000, 100):
        steps = "".join(f"SAVEPOINT s{at};" for at in range(start, start + 100))
        connection.execute(f"{steps}INSERT INTO deep VALUES ({start})")
    assert one(connection, "SELECT count(*) FROM deep") == 100
    connection.execute("ROLLBACK TO s9000")
    assert one(connection, "SELECT count(*) FROM deep") == 90
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute("INSERT INTO deep VALUES (0)")
    connection.execute("ROLLBACK TO s510")
    with pytest.raises(psycopg.errors.InvalidSavepointSpecification):
        connection.execute("RELEASE s511")
    connection.execute("ROLLBACK TO s300; RELEASE s0; COMMIT")
    assert connection.execute("SELECT v FROM deep ORDER BY v").fetchall() == [(0,), (100,), (200,)]
