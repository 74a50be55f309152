"""`hyperdb.connect` (PEP 249), `db.sql`, and what Arrow's readers make of a result.

Theory: PEP 249's own compliance suite runs in compat-tests/sql/dbapi20_run.py; here is what it leaves out. Values are those of
psycopg for the same types.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest

import hyperdb
import hyperdb.aio
from hyperdb.errors import NotColumnarError, SqlError


@pytest.fixture(scope="module")
def db() -> Iterator[hyperdb.Database]:
    with hyperdb.open(":memory:", frames=None) as opened:
        yield opened


@pytest.fixture
def connection(db: hyperdb.Database) -> Iterator[hyperdb.Connection]:
    db.sql("CREATE TABLE t (id bigint PRIMARY KEY, name text NOT NULL, amount numeric(8,2))")
    with hyperdb.connect(db) as made:
        yield made
        made.rollback()
    db.sql("DROP TABLE t")


VALUES: list[tuple[str, Any]] = [
    ("bool", True), ("int2", -5), ("int4", 1 << 30), ("int8", 1 << 40),
    ("numeric", Decimal(1 << 70)), ("numeric", Decimal("1.50")),
    ("float8", 0.1), ("text", "it's 100%"), ("bytea", b"\0\xff"), ("uuid", UUID(int=9)), ("date", date(2020, 2, 29)),
    ("time", time(23, 59, 59, 5)), ("timetz", time(1, 2, tzinfo=timezone(timedelta(hours=2)))),
    ("timestamp", datetime(1999, 1, 8, 4, 5, 6, 7)), ("timestamptz", datetime(2020, 1, 2, tzinfo=UTC)),
    ("interval", timedelta(days=-3, seconds=5, microseconds=1)), ("jsonb", {"a": [1, None]}), ("json", {"b": "ü"}),
    ("int[]", [1, None, 3]), ("int8[]", [1, 1 << 40]), ("text[]", ["x", None, 'y "z']), ("int[]", [[1, 2], [3, 4]]),
    ("inet", ip_address("10.0.0.1")), ("cidr", ip_network("10.0.0.0/8")), ("date[]", [date(2000, 1, 1)]), ("text", None),
    ("uuid[]", [UUID(int=1)]), ("bool[]", []),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value"), VALUES)
def test_values_go_and_come_back(db: hyperdb.Database, kind: str, value: Any) -> None:
    ((found, again),) = db.sql(f"SELECT %(v)s::{kind}, (%(v)s::{kind})::text::{kind}", {"v": value})
    assert (found, type(found), again) == (value, type(value), value)


def test_values_that_say_their_type_need_no_cast(db: hyperdb.Database) -> None:
    given = [1, 1 << 40, 1 << 70, 1.5, Decimal("2.5"), True, date(2020, 1, 1), ["a", "b"], [1.5]]
    assert db.sql(f"SELECT {', '.join(['%s'] * len(given))}", given).fetchone() == tuple(given)


@pytest.mark.parametrize(
    ("text", "given", "state"),
    [
        ("SELECT %s", [], "07001"),
        ("SELECT 1", [1], "07001"),
        ("SELECT %s, %(a)s", {"a": 1}, "42601"),
        ("SELECT %(a)s", {"b": 1}, "07001"),
        ("SELECT %(a)s", [1], "07001"),
        ("SELECT 5 % 3", [], "42601"),
        ("SELECT %s", "a", "07001"),
        ("SELECT %s", [object()], "42804"),
        ("SELECT %s", [[1, 1.5]], "42804"),
        ("SELECT %s::int", [{"a": 1}], "42804"),
        ("SELECT %s::text", ["a\0"], "22021"),
        ("SELECT %s::int", ["x"], "22P02"),
        ("SELECT 'infinity'::date", None, "22008"),
        ("SELECT '9999-12-31'::date + 1", None, "22008"),
        ("BEGIN", None, "25001"),
        (" -- nothing", None, "42601"),
        ("COPY (SELECT 1) TO STDOUT", None, "0A000"),
    ],
)
def test_what_is_wrong_is_told(db: hyperdb.Database, text: str, given: Any, state: str) -> None:
    with pytest.raises(SqlError) as refused:
        db.sql(text, given).fetchall()
    assert refused.value.sqlstate == state


def test_percent_signs_and_numbers_of_its_own(db: hyperdb.Database) -> None:
    assert db.sql("SELECT 5 % 3, 'a%s'").fetchall() == [(2, "a%s")]
    assert db.sql("SELECT 5 %% %s", [3]).fetchall() == [(2,)]
    assert db.sql("SELECT $2::int, $1::text", ["a", 2]).fetchall() == [(2, "a")]


def test_classes_of_errors(connection: hyperdb.Connection) -> None:
    connection.execute("INSERT INTO t VALUES (1, 'a')")
    connection.commit()
    for text, kind, state in (
        ("INSERT INTO t VALUES (1, 'a')", hyperdb.IntegrityError, "23505"),
        ("INSERT INTO t VALUES (2, NULL)", hyperdb.IntegrityError, "23502"),
        ("SELECT 1/0", hyperdb.DataError, "22012"),
        ("SELECT * FROM nowhere", hyperdb.ProgrammingError, "42P01"),
        ("SELECT (1", hyperdb.ProgrammingError, "42601"),
        ("PREPARE TRANSACTION 'x'", hyperdb.NotSupportedError, "0A000"),
    ):
        with pytest.raises(kind) as refused:
            connection.execute(text)
        assert (refused.value.sqlstate, isinstance(refused.value, hyperdb.DatabaseError)) == (state, True)
        with pytest.raises(hyperdb.InternalError):
            connection.execute("SELECT 1")
        connection.rollback()


def test_transactions_begin_by_themselves(db: hyperdb.Database, connection: hyperdb.Connection) -> None:
    with hyperdb.connect(db, autocommit=True) as other:
        connection.execute("INSERT INTO t VALUES (1, 'a')")
        assert connection.in_transaction
        assert other.execute("SELECT count(*) FROM t").fetchall() == [(0,)] and not other.in_transaction
        with pytest.raises(hyperdb.InternalError):
            connection.autocommit = True
        connection.rollback()
        connection.autocommit = True
        connection.execute("INSERT INTO t VALUES (2, 'b'); INSERT INTO t VALUES (3, 'c')")
        assert other.execute("SELECT id FROM t ORDER BY id").fetchall() == [(2,), (3,)]
        with pytest.raises(hyperdb.IntegrityError):
            connection.execute("INSERT INTO t VALUES (4, 'd'); INSERT INTO t VALUES (2, 'b')")
        assert other.execute("SELECT count(*) FROM t").fetchone() == (2,)
    with hyperdb.connect(db) as left, left.cursor() as cursor:
        cursor.execute("CREATE TABLE kept (a int)")
    with pytest.raises(hyperdb.DataError), hyperdb.connect(db) as left:
        left.execute("DROP TABLE kept").execute("SELECT 1/0")
    assert db.sql("SELECT * FROM kept").fetchall() == []
    db.sql("DROP TABLE kept")
    with pytest.raises(hyperdb.InterfaceError):
        left.cursor()


def test_cursors(connection: hyperdb.Connection) -> None:
    with connection.cursor() as cursor:
        assert cursor.executemany("INSERT INTO t VALUES (%s, %s, %s)", [(n, f"n{n}", None) for n in range(10)]).rowcount == 10
        assert cursor.description is None
        with pytest.raises(hyperdb.InterfaceError):
            cursor.fetchone()
        cursor.execute("SELECT id, name, amount FROM t ORDER BY id")
        assert cursor.description is not None
        assert [(each.name, each.type_code) for each in cursor.description] == [("id", 20), ("name", 25), ("amount", 1700)]
        assert cursor.description[0].type_code == hyperdb.NUMBER != cursor.description[1].type_code == hyperdb.STRING
        assert cursor.description[2][4:6] == (8, 2)
        assert (cursor.rowcount, cursor.rownumber, cursor.statusmessage) == (10, 0, "SELECT 10")
        assert cursor.fetchmany() == [(0, "n0", None)] and cursor.fetchmany(2)[1][0] == 2 and next(cursor)[0] == 3
        assert [row[0] for row in cursor] == [4, 5, 6, 7, 8, 9] and cursor.fetchone() is None and cursor.fetchall() == []
        cursor.execute("SELECT 1; UPDATE t SET amount = 1 WHERE id < 3; SELECT 2, 3")
        assert cursor.fetchall() == [(1,)] and cursor.nextset()
        assert cursor.rowcount == 3 and cursor.nextset() and cursor.fetchall() == [(2, 3)] and cursor.nextset() is None
        with pytest.raises(hyperdb.NotSupportedError):
            cursor.callproc("lower", ["A"])
    with pytest.raises(hyperdb.InterfaceError):
        cursor.execute("SELECT 1")


def test_a_path_is_opened_once_and_closed_by_the_last(tmp_path: Path) -> None:
    first = hyperdb.connect(tmp_path / "data", autocommit=True, frames=None, memory="16m")
    second = hyperdb.connect(str(tmp_path / "data"))
    first.execute("CREATE TABLE t (a int)")
    first.close()
    assert second.execute("SELECT * FROM t").fetchall() == []
    with pytest.raises(hyperdb.InterfaceError):
        first.execute("SELECT 1")
    del second
    gc.collect()
    with hyperdb.open(tmp_path / "data", frames=None) as opened:
        with pytest.raises(hyperdb.OperationalError) as refused:
            hyperdb.connect(tmp_path / "data")
        assert refused.value.sqlstate == "55006"
        assert opened.sql("SELECT count(*) FROM t").fetchone() == (0,)
    with hyperdb.connect(":memory:") as one, hyperdb.connect(":memory:") as two:
        one.execute("CREATE TABLE t (a int)")
        one.commit()
        with pytest.raises(hyperdb.ProgrammingError):
            two.execute("SELECT * FROM t")


def test_threads_take_turns_on_a_connection(connection: hyperdb.Connection) -> None:
    def add(first: int) -> None:
        for number in range(first, first + 25):
            connection.execute("INSERT INTO t VALUES (%s, 'x')", [number])

    threads = [threading.Thread(target=add, args=(100 * each,)) for each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (100,)


ARROW: list[tuple[str, pa.DataType, Any]] = [
    ("true", pa.bool_(), True), ("1::int2", pa.int16(), 1), ("1", pa.int32(), 1), ("1::int8", pa.int64(), 1),
    ("1::oid", pa.uint32(), 1), ("1.5::float4", pa.float32(), 1.5), ("1.5::float8", pa.float64(), 1.5),
    ("1.5::numeric(10,2)", pa.decimal128(10, 2), Decimal("1.50")), ("2.125", pa.decimal128(38, 3), Decimal("2.125")),
    ("1e50::numeric", pa.decimal256(76, 0), Decimal("1e50")), ("'a'::varchar(5)", pa.string(), "a"),
    ("'\\x00ff'::bytea", pa.binary(), b"\0\xff"), ("date '2020-02-29'", pa.date32(), date(2020, 2, 29)),
    ("time '01:02'", pa.time64("us"), time(1, 2)), ("timestamp '2020-01-01'", pa.timestamp("us"), datetime(2020, 1, 1)),
    ("timestamptz '2020-01-01Z'", pa.timestamp("us", "UTC"), datetime(2020, 1, 1, tzinfo=UTC)),
    ("array[1,null]", pa.list_(pa.int32()), [1, None]), ("'{}'::text[]", pa.list_(pa.string()), []),
    ("timetz '01:02+03'", pa.string(), "01:02:00+03"), ("'pg_class'::regclass", pa.string(), "pg_class"),
    ("uuid '00000000-0000-0000-0000-000000000001'", pa.uuid(), UUID(int=1)),
    ("""'{"a": 1}'::jsonb""", pa.string(), '{"a": 1}'),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "value"), ARROW, ids=[text for text, _, _ in ARROW])
def test_columns_of_arrow(db: hyperdb.Database, text: str, kind: pa.DataType, value: Any) -> None:
    for wanted, where in ((value, "true"), (None, "false")):
        table = pa.table(db.sql(f"SELECT (SELECT {text} WHERE {where}) AS v"))
        # A numeric of any scale takes the scale of what is there.
        assert table.schema == pa.schema([("v", kind)]) or (wanted is None and pa.types.is_decimal(kind))
        assert table.column("v").to_pylist() == [wanted]


def test_arrow_of_an_interval_an_enum_and_nothing(db: hyperdb.Database) -> None:
    span = pa.table(db.sql("SELECT interval '1 month 2 days 3 us' AS v")).column(0)[0].as_py()
    assert (span.months, span.days, span.nanoseconds) == (1, 2, 3000)
    db.sql("CREATE TYPE mood AS ENUM ('sad', 'ok')")
    moods = pa.table(db.sql("SELECT 'ok'::mood AS m, 'ok'::mood")).column("m")
    assert (moods.type, moods.to_pylist()) == (pa.dictionary(pa.int32(), pa.string()), ["ok"])
    empty = pa.table(db.sql("SELECT 1 AS a, 'x'::text AS b WHERE false"))
    assert (empty.num_rows, empty.schema) == (0, pa.schema([("a", pa.int32()), ("b", pa.string())]))
    with pytest.raises(hyperdb.InterfaceError):
        pa.table(db.sql("DROP TYPE mood"))
    for text in ("'NaN'::numeric", "array[array[1]]", "1e80::numeric"):
        with pytest.raises(NotColumnarError):
            pa.table(db.sql(f"SELECT {text} AS v"))


def test_duckdb_and_readers_of_streams_take_a_result(db: hyperdb.Database) -> None:
    result = db.sql("SELECT n, n * 2 AS twice FROM generate_series(1, 1000) AS s(n)")
    assert pa.RecordBatchReader.from_stream(result).read_all().num_rows == len(result) == 1000
    assert (result.columns, result.rowcount, result.dicts()[1]) == (("n", "twice"), 1000, {"n": 2, "twice": 4})


def test_asyncio(tmp_path: Path) -> None:
    async def use() -> None:
        async with hyperdb.aio.open(tmp_path / "data", frames=None, memory="16m") as opened:
            await opened.sql("CREATE TABLE t (a int PRIMARY KEY)")
            await asyncio.gather(*(opened.sql("INSERT INTO t VALUES (%s)", [n]) for n in range(20)))
            assert (await opened.sql("SELECT sum(a) FROM t")).fetchone() == (190,)

    asyncio.run(use())
