"""Tables made in CQL, read and written in SQL: one set of rows, times and all.

Theory: what CQL writes goes through the native table as CQL's session does it; each test crosses from one language into the
other.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest

import hyperdb
from hyperdb.errors import SqlError
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.tables import Tables, TableTransaction, Wide
from hyperdb.graph.transaction import TransactionOptions

INT, TEXT, BIGINT = b"\x04", b"\x0a", b"\x05"
P, A, FIXED, X, AMOUNT = range(1, 6)
KINDS = {P: INT, A: INT, FIXED: TEXT, X: TEXT, AMOUNT: BIGINT}
NAMES = ("p", "a", "fixed", "x", "amount")
NOW, GRACE = 1_000, 864_000


def number(value: int) -> bytes:
    return struct.pack(">i", value)


class Shared:
    """`ks.t`: partition `p`, clustering `a` descending, a static text, a text, a bigint; an index on `x`."""

    def __init__(self, database: hyperdb.Database) -> None:
        self.database = database
        database.sql("CREATE SCHEMA ks")
        self.tables = Tables(database.native)
        transaction = self.begin()
        app = transaction.app(b"ks")
        assert app is not None
        self.number, self.index = transaction.reserve(), transaction.reserve()
        pairs = zip(KINDS.items(), NAMES, strict=True)
        columns = tuple(records.Column(id=id, name=name, kind=kind, is_static=id == FIXED) for (id, kind), name in pairs)
        key = (records.KeyColumn(column=A, descending=True),)
        table = records.Table(app=app, name="t", order=1, columns=columns, next_column=6, partition=(P,), key=key, language=1)
        transaction.create(self.number, records.encode(table))
        part = (records.KeyColumn(column=X),)
        index = records.Index(app=app, name="t_x", table=self.number, columns=part)
        transaction.create(self.index, records.encode(index))
        transaction.commit()

    def begin(self) -> TableTransaction:
        transaction = self.tables.begin(TransactionOptions("read committed"))
        transaction.open()
        return transaction

    def write(self, p: int, a: int | None, timestamp: int, *changes: tuple[int, str, Any], ttl: int = 0) -> None:
        transaction = self.begin()
        wide = Wide(transaction.image(), self.number)
        wide.claim(transaction.statements)
        key = [] if a is None else [number(a)]
        write = (timestamp, ttl, a is not None and not ttl)
        wide.write(transaction.statements, [number(p)], key, write, (NOW, GRACE), list(changes))
        transaction.commit()

    def cql(self, p: int, *asked: tuple[int, int]) -> list[tuple[Any, ...]]:
        transaction = self.begin()
        wide = Wide(transaction.image(), self.number)
        wanted: list[Any] = [([number(p)], [(None, None)], False)]
        rows, _ = wide.select(transaction.statements, wanted, False, None, 100, None, NOW, list(asked))
        transaction.rollback()
        return rows

    def by_x(self, value: bytes) -> list[tuple[Any, ...]]:
        transaction = self.begin()
        wide = Wide(transaction.image(), self.number)
        end = ([value], True)
        rows, _ = wide.find(transaction.statements, self.index, end, end, None, None, 100, NOW, [(P, 0), (A, 0)])
        transaction.rollback()
        return rows

    def sql(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.database.sql(text, values)]


@pytest.fixture
def shared() -> Iterator[Shared]:
    with hyperdb.open(":memory:", memory="32m", frames=None) as database:
        yield Shared(database)


def test_sql_reads_what_cql_wrote(shared: Shared) -> None:
    shared.write(1, 1, 10, (X, "set", b"one"))
    shared.write(1, 2, 10, (X, "set", b"two"))
    shared.write(1, None, 10, (FIXED, "set", b"all"))
    shared.write(2, 1, 10, (X, "set", b"ended"), ttl=1)
    shared.write(3, 1, 10)
    assert sorted(shared.sql("SELECT p, a, fixed, x FROM ks.t")) == [
        (1, 1, "all", "one"),
        (1, 2, "all", "two"),
        (3, 1, None, None),
    ]
    assert shared.sql("SELECT a, x FROM ks.t WHERE p = 1") == [(2, "two"), (1, "one")]
    assert shared.sql("SELECT x FROM ks.t WHERE p = 1 AND a = 2") == [("two",)]
    assert shared.sql("SELECT a FROM ks.t WHERE p = 1 AND a < 2") == [(1,)]
    assert shared.sql("SELECT count(*) FROM ks.t WHERE x = 'one'") == [(1,)]
    assert shared.sql("SELECT p, a FROM ks.t ORDER BY a, p") == [(1, 1), (3, 1), (1, 2)]


def test_cql_reads_what_sql_wrote(shared: Shared) -> None:
    shared.sql("INSERT INTO ks.t (p, a, x, amount, fixed) VALUES (1, 1, 'one', 5, 'all'), (1, 2, 'two', NULL, NULL)")
    assert shared.cql(1, (A, 0), (X, 0)) == [(number(2), b"two"), (number(1), b"one")]
    assert shared.by_x(b"two") == [(number(1), number(2))]
    shared.sql("UPDATE ks.t SET x = 'three', amount = amount + 1 WHERE a = 1")
    assert shared.cql(1, (X, 0), (AMOUNT, 0)) == [(b"two", None), (b"three", struct.pack(">q", 6))]
    assert shared.by_x(b"one") == []
    assert shared.by_x(b"three") == [(number(1), number(1))]
    shared.sql("UPDATE ks.t SET a = 7 WHERE a = 1")
    assert shared.cql(1, (A, 0), (X, 0)) == [(number(7), b"three"), (number(2), b"two")]
    shared.sql("DELETE FROM ks.t WHERE p = 1 AND a = 2")
    assert shared.cql(1, (A, 0)) == [(number(7),)]
    assert shared.sql("SELECT fixed FROM ks.t") == [("all",)]


def test_sql_writes_with_the_time_of_now_and_later_than_what_is_there(shared: Shared) -> None:
    far = 9_000_000_000_000_000
    shared.write(1, 1, far, (X, "set", b"far"))
    shared.sql("UPDATE ks.t SET x = 'sql' WHERE p = 1")
    assert shared.cql(1, (X, 0), (X, 1)) == [(b"sql", far + 1)]
    # Older than what SQL wrote: it loses.
    shared.write(1, 1, 20, (X, "set", b"old"))
    assert shared.sql("SELECT x FROM ks.t") == [("sql",)]
    shared.sql("DELETE FROM ks.t")
    shared.write(1, 1, far + 1, (X, "set", b"late"))
    assert shared.sql("SELECT x FROM ks.t") == []
    shared.sql("INSERT INTO ks.t (p, a, x) VALUES (1, 1, 'again')")
    assert shared.cql(1, (X, 0)) == [(b"again",)]


def test_a_key_is_there_once(shared: Shared) -> None:
    shared.write(1, 1, 10, (X, "set", b"one"))
    with pytest.raises(SqlError) as error:
        shared.sql("INSERT INTO ks.t (p, a) VALUES (1, 1)")
    assert error.value.sqlstate == "23505"
    shared.sql("INSERT INTO ks.t (p, a, x) VALUES (1, 1, 'two'), (1, 3, 'new') ON CONFLICT (p, a) DO UPDATE SET x = excluded.x")
    assert shared.cql(1, (A, 0), (X, 0)) == [(number(3), b"new"), (number(1), b"two")]


def test_what_belongs_to_cql_is_refused(shared: Shared) -> None:
    for text in ("ALTER TABLE ks.t ADD COLUMN y int", "ALTER TABLE ks.t RENAME TO u", "CREATE INDEX ON ks.t (amount)"):
        with pytest.raises(SqlError, match="made in CQL") as error:
            shared.sql(text)
        assert error.value.sqlstate == "0A000"
