"""Stock PostgreSQL clients against a live server, `db.serve(sql=...)`: psycopg, asyncpg, a bare socket where it must misbehave.

Theory: what is asked here is the wire's share (formats, transactions, errors, COPY, cancelling, limits), by statements as plain
as can be; what SQL means is tested elsewhere.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import psycopg
import pytest
from psycopg.types.json import Jsonb

import hyperdb
from hyperdb.errors import AddressError, InvalidError

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "sql"))

from wire_client import STARTUP, cut, fields, message, query

CERTIFICATE = Path(__file__).resolve().parents[1] / "sql" / "certificate"
TABLE = """
CREATE TABLE things (
    id bigint PRIMARY KEY, small int2, ratio float8, amount numeric(10,2), name text, raw bytea, day date, clock time,
    at timestamp, zoned timestamptz, span interval, tag uuid, doc jsonb, numbers int[], words text[], flag bool
)
"""
ROW: tuple[Any, ...] = (
    1, -2, 1.5, Decimal("12.30"), "té\t\n", b"\0\xff", date(2020, 2, 29), time(23, 59, 59, 1), datetime(1999, 1, 8, 4, 5, 6, 7),
    datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC), timedelta(days=3, seconds=5), UUID(int=7), {"a": [1, None]}, [1, None, 3],
    ["x", None, 'y "z'], True,
)  # fmt: skip


class Live:
    """A served database."""

    def __init__(self, database: hyperdb.Database, **options: Any) -> None:
        self.database = database
        self.serving = database.serve(sql="127.0.0.1:0", control=False, **options)
        assert self.serving.sql_address is not None
        self.host, self.port = self.serving.sql_address

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        known = {"host": self.host, "port": self.port, "user": "postgres", "dbname": "hyperdb", "sslmode": "disable"}
        return psycopg.connect(**{**known, "autocommit": True, **options})

    def socket(self) -> socket.socket:
        made = socket.create_connection((self.host, self.port))
        made.settimeout(30)
        return made


@pytest.fixture
def live() -> Iterator[Live]:
    with hyperdb.open(":memory:") as database:
        yield Live(database)


@pytest.fixture
def client(live: Live) -> Iterator[psycopg.Connection[Any]]:
    with live.connect() as connection:
        connection.execute(TABLE)
        yield connection


def _insert(client: psycopg.Connection[Any]) -> None:
    row = [Jsonb(value) if isinstance(value, dict) else value for value in ROW]
    client.execute(f"INSERT INTO things VALUES ({', '.join(['%s'] * len(row))})", row)


@pytest.mark.parametrize("binary", [False, True])
def test_values_of_every_type_come_back(client: psycopg.Connection[Any], binary: bool) -> None:
    _insert(client)
    assert client.execute("SELECT * FROM things WHERE id = %s", (1,), binary=binary).fetchone() == ROW


def test_asyncpg_in_binary(live: Live, client: psycopg.Connection[Any]) -> None:
    async def ask() -> None:
        other = await asyncpg.connect(host=live.host, port=live.port, user="postgres", database="hyperdb", ssl=False)
        try:
            await other.execute("INSERT INTO things (id, amount, zoned) VALUES ($1, $2, $3)", 5, Decimal("1.5"), ROW[9])
            found = await other.fetchrow("SELECT amount, zoned FROM things WHERE id = $1", 5)
            assert tuple(found) == (Decimal("1.50"), ROW[9])
            async with other.transaction():
                numbers = [row[0] async for row in other.cursor("SELECT generate_series(1, 120)")]
            assert numbers == list(range(1, 121))
            await other.copy_records_to_table("things", records=[(n, "c") for n in range(100, 200)], columns=["id", "name"])
            assert await other.fetchval("SELECT count(*) FROM things") == 101
        finally:
            await other.close()

    asyncio.run(ask())


def test_transactions_errors_and_savepoints(client: psycopg.Connection[Any]) -> None:
    with client.transaction():
        client.execute("INSERT INTO things (id) VALUES (1)")
        with pytest.raises(psycopg.errors.UniqueViolation) as caught, client.transaction():
            client.execute("INSERT INTO things (id) VALUES (1)")
        assert (caught.value.diag.table_name, caught.value.diag.constraint_name) == ("things", "things_pkey")
        with pytest.raises(psycopg.errors.DivisionByZero), client.transaction():
            client.execute("SELECT 1 / 0")
        client.execute("INSERT INTO things (id) VALUES (2)")
    with pytest.raises(psycopg.errors.UndefinedTable) as missing:
        client.execute("SELECT * FROM nowhere")
    assert missing.value.diag.statement_position == "15"
    assert client.execute("SELECT count(*) FROM things").fetchone() == (2,)


def test_statements_of_one_text_are_one_transaction(client: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        client.execute("INSERT INTO things (id) VALUES (1); SELECT 1 / 0; INSERT INTO things (id) VALUES (2)")
    assert client.execute("SELECT count(*) FROM things").fetchone() == (0,)


def test_prepared_statements_and_pipelines(client: psycopg.Connection[Any]) -> None:
    _insert(client)
    for _ in range(8):
        assert client.execute("SELECT name FROM things WHERE id = %s", (1,)).fetchone() == ("té\t\n",)
    with client.pipeline():
        first, second = client.execute("SELECT 1"), client.execute("SELECT 2")
        assert (first.fetchone(), second.fetchone()) == ((1,), (2,))


@pytest.mark.parametrize("form", ["text", "csv", "binary"])
def test_copy_both_ways(client: psycopg.Connection[Any], form: str) -> None:
    rows = [(number, None if number % 3 else f'a,b\t"{number}\\\n') for number in range(500)]
    with client.cursor().copy(f"COPY things (id, name) FROM STDIN (FORMAT {form})") as copy:
        if form == "csv":
            for number, name in rows:
                quoted = "" if name is None else '"' + name.replace('"', '""') + '"'
                copy.write(f"{number},{quoted}\n")
        else:
            copy.set_types(["int8", "text"])
            for row in rows:
                copy.write_row(row)
    assert client.execute("SELECT id, name FROM things ORDER BY id").fetchall() == rows
    if form != "csv":
        with client.cursor().copy(f"COPY (SELECT id, name FROM things ORDER BY id) TO STDOUT (FORMAT {form})") as copy:
            copy.set_types(["int8", "text"])
            assert list(copy.rows()) == rows


def test_a_client_that_goes_in_the_middle_of_copy_leaves_nothing(live: Live, client: psycopg.Connection[Any]) -> None:
    with closing(live.socket()) as gone:
        gone.sendall(STARTUP + query("COPY things (id) FROM STDIN") + message("d", b"1\n2\n"))
        data = b""
        while b"G\0\0\0" not in data:
            data += gone.recv(1 << 16)
    with live.connect() as other:
        assert other.execute("SELECT count(*) FROM things").fetchone() == (0,)
        other.execute("INSERT INTO things (id) VALUES (1)")


def test_a_wait_for_a_lock_is_cancelled_and_the_connection_goes_on(live: Live, client: psycopg.Connection[Any]) -> None:
    client.execute("INSERT INTO things (id) VALUES (1)")
    with live.connect(autocommit=False) as holder, live.connect() as waiting:
        holder.execute("UPDATE things SET name = 'held' WHERE id = 1")
        failed: list[str | None] = []

        def wait() -> None:
            try:
                waiting.execute("UPDATE things SET name = 'late' WHERE id = 1")
            except psycopg.Error as error:
                failed.append(error.sqlstate)

        thread = threading.Thread(target=wait)
        thread.start()
        while thread.is_alive():
            # Again until it is heard: one that comes before the statement runs does nothing.
            waiting.cancel_safe()
            thread.join(0.05)
        assert failed == ["57014"]
        assert waiting.execute("SELECT 1").fetchone() == (1,)
        holder.rollback()


def test_long_texts_and_broken_ones(live: Live, client: psycopg.Connection[Any]) -> None:
    long = "x" * (1 << 20)
    assert client.execute(f"SELECT '{long}'").fetchone() == (long,)
    with closing(live.socket()) as raw:
        broken = message("Q", b"SELECT '\xff'\0") + message("Q", b"SELECT '\0'\0") + query("SELECT 1") + message("X")
        raw.sendall(STARTUP + broken)
        data = bytearray()
        while piece := raw.recv(1 << 16):
            data += piece
    answers = cut(bytes(data))
    assert [fields(body)["C"] for kind, body in answers if kind == "E"] == ["22021", "08P01"]
    assert [kind for kind, _ in answers][-4:] == ["T", "D", "C", "Z"]


def test_as_many_parameters_as_there_can_be(client: psycopg.Connection[Any]) -> None:
    most = 65_535
    text = "SELECT " + " + ".join(f"${place}::int" for place in range(1, 101))
    result = client.pgconn.exec_params(text.encode(), [b"1"] * 100)
    assert result.get_value(0, 0) == b"100"
    body = b"\0\0" + struct.pack(">H", 0) + struct.pack(">H", most) + b"\xff\xff\xff\xff" * most + struct.pack(">H", 0)
    with closing(socket.create_connection((client.info.host, client.info.port))) as raw:
        raw.settimeout(30)
        parse = message("P", b"\0SELECT $1::int\0" + struct.pack(">H", 0))
        raw.sendall(STARTUP + parse + message("B", body) + message("S") + message("X"))
        data = bytearray()
        while piece := raw.recv(1 << 16):
            data += piece
    assert [fields(answer)["C"] for kind, answer in cut(bytes(data)) if kind == "E"] == ["08P01"]


def test_a_password_is_asked_for_once_there_is_one() -> None:
    with hyperdb.open(":memory:") as database:
        live = Live(database, password="secret")
        with live.connect(password="secret") as client:
            assert client.execute("SELECT 1").fetchone() == (1,)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            live.connect(password="wrong")


def test_tls_by_a_certificate() -> None:
    with hyperdb.open(":memory:") as database:
        live = Live(database, tls=(CERTIFICATE / "certificate.pem", CERTIFICATE / "key.pem"))
        with live.connect(sslmode="require") as client:
            assert client.pgconn.ssl_in_use
            assert client.execute("SELECT 1").fetchone() == (1,)
        with pytest.raises(InvalidError):
            database.serve(sql="127.0.0.1:0", tls=("/nowhere", "/nowhere"))


def test_a_server_that_cannot_listen_leaves_nothing_behind(live: Live) -> None:
    with pytest.raises(AddressError):
        live.database.serve(resp="127.0.0.1:0", sql=f"127.0.0.1:{live.port}", control=False)
    before = threading.active_count()
    with pytest.raises(AddressError):
        live.database.serve(sql=f"127.0.0.1:{live.port}", control=False)
    assert threading.active_count() == before
