"""Types that only CQL has, as SQL reads and writes them: one set of rows, seen from both languages."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from cql_session import Client, backend

import hyperdb
from hyperdb.errors import SqlError
from hyperdb.frontends.cql.parse.parser import Grammar

TABLE = """CREATE TABLE ks.t (k int PRIMARY KEY, l list<int>, s frozen<set<text>>, m map<text, int>, u point,
 p frozen<tuple<int, text>>, f list<frozen<list<int>>>, v vector<float, 2>, n varint, d duration, w time, x text)"""
ROW = """INSERT INTO ks.t (k, l, s, m, u, p, f, v, n, d, w, x) VALUES (1, [3, 1], {'b', 'a'}, {'two': 2, 'o': 1}, {x: 1, y: 'q"'},
 (5, 'z'), [[1, 2], []], [0.5, 2], 123456789012345678901234567890, 1mo2d3ms, '01:02:03.004005006', 'text')"""


@pytest.fixture
def database() -> Iterator[hyperdb.Database]:
    with hyperdb.open(":memory:", memory="32m", frames=None) as database:
        yield database


@pytest.fixture
def client(database: hyperdb.Database, cql: Grammar) -> Client:
    made = Client(backend(database, cql))
    made.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
    made.run("USE ks")
    made.run("CREATE TYPE point (x int, y text)")
    made.run(TABLE)
    return made


def rows(database: hyperdb.Database, text: str, *values: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in database.sql(text, values)]


def refusal(database: hyperdb.Database, text: str) -> str:
    with pytest.raises(SqlError) as error:
        database.sql(text)
    return error.value.sqlstate


def test_sql_reads_them(client: Client, database: hyperdb.Database) -> None:
    client.run(ROW)
    found = rows(database, "SELECT l, s, m::text, u::text, p::text, f::text, v, n, d::text, w::text FROM ks.t")
    assert found == [
        (
            [3, 1],
            ["a", "b"],
            '{"o": 1, "two": 2}',
            '{"x": 1, "y": "q\\""}',
            '[5, "z"]',
            "[[1, 2], []]",
            [0.5, 2.0],
            Decimal(123456789012345678901234567890),
            "1 mon 2 days 00:00:00.003",
            "01:02:03.004005",
        )
    ]
    assert rows(database, "SELECT m->>'two', l[1], u->>'y', mod(n, 7) FROM ks.t WHERE 'a' = ANY (s)") == [
        ("2", 3, 'q"', Decimal(0))
    ]
    assert rows(database, "SELECT unnest(l) FROM ks.t ORDER BY 1") == [(1,), (3,)]
    client.run("DELETE m['two'], l[0] FROM ks.t WHERE k = 1")
    client.run("UPDATE ks.t SET u.y = null WHERE k = 1")
    assert rows(database, "SELECT l, m::text, u::text FROM ks.t") == [([1], '{"o": 1}', '{"x": 1, "y": null}')]
    client.run("DELETE l, m FROM ks.t WHERE k = 1")
    assert rows(database, "SELECT l, m FROM ks.t") == [(None, None)]


def test_sql_writes_those_that_it_has_words_for(client: Client, database: hyperdb.Database) -> None:
    database.sql(
        "INSERT INTO ks.t (k, l, s, v, n, d, w)"
        " VALUES (2, '{7, 8}', '{y, x, y}', '{1, 2}', -256, '1 mon 2 days 3 seconds', '10:00')"
    )
    text = "SELECT l, s, n, toJson(v), toJson(d), toJson(w) FROM t WHERE k = 2"
    assert client.run(text) == [((7, 8), ("x", "y"), -256, "[1.0, 2.0]", '"1mo2d3s"', '"10:00:00.000000000"')]
    client.run(ROW)
    database.sql("UPDATE ks.t SET l = l || 9, n = n + 1, x = 'new' WHERE k = 1")
    (found,) = client.run("SELECT l, n, x, m, u FROM t WHERE k = 1")
    assert found[:3] == ((3, 1, 9), 123456789012345678901234567891, "new")
    assert found[3] == (("o", 1), ("two", 2))
    assert rows(database, "SELECT count(*) FROM ks.t WHERE n = -256.0") == [(1,)]
    database.sql("DELETE FROM ks.t WHERE m IS NOT NULL")
    assert client.run("SELECT k FROM t") == [(2,)]


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO ks.t (k, m) VALUES (3, '{}')",
        "INSERT INTO ks.t (k, f) VALUES (3, '[]')",
        "UPDATE ks.t SET p = '[1, \"a\"]'",
        'UPDATE ks.t SET u = \'{"x": 1, "y": "a"}\'',
        "UPDATE ks.t SET n = 0.5",
        "UPDATE ks.t SET d = '1 mon -1 days'",
        "UPDATE ks.t SET w = '24:00'",
        "UPDATE ks.t SET v = '{1}'",
        "UPDATE ks.t SET l = '{1, NULL}'",
        "UPDATE ks.t SET l = '{{1, 2}}'",
    ],
)
def test_what_cql_alone_writes_is_refused(client: Client, database: hyperdb.Database, text: str) -> None:
    client.run(ROW)
    before = client.run("SELECT * FROM t")
    assert refusal(database, text) in ("0A000", "22003", "22008", "22023")
    assert client.run("SELECT * FROM t") == before


def test_keys_of_such_types(client: Client, database: hyperdb.Database) -> None:
    client.run("CREATE TABLE keys (n varint, w time, l frozen<list<int>>, v int, PRIMARY KEY (n, w, l))")
    client.run("INSERT INTO keys (n, w, l, v) VALUES (5, '00:00:01', [1], 1)")
    client.run("INSERT INTO keys (n, w, l, v) VALUES (5, '00:00:02', [2, 3], 2)")
    assert rows(database, "SELECT v FROM ks.keys WHERE n = 5 AND w = '00:00:02'") == [(2,)]
    assert rows(database, "SELECT v FROM ks.keys WHERE n = 5.5") == []
    assert rows(database, "SELECT v FROM ks.keys WHERE l = '{2, 3}'") == [(2,)]
    database.sql("UPDATE ks.keys SET v = v + 10 WHERE l = '{1}'")
    database.sql("INSERT INTO ks.keys VALUES (6, '00:00:03', '{}', 3)")
    assert sorted(client.run("SELECT v FROM keys")) == [(2,), (3,), (11,)]
    client.run("CREATE TABLE maps (m frozen<map<int, int>> PRIMARY KEY, v int)")
    client.run("INSERT INTO maps (m, v) VALUES ({1: 2}, 1)")
    assert rows(database, """SELECT v FROM ks.maps WHERE m = '{"1": 2}'""") == [(1,)]
    assert refusal(database, "UPDATE ks.maps SET v = 2") == refusal(database, "DELETE FROM ks.maps")


def test_counters_are_read(client: Client, database: hyperdb.Database) -> None:
    client.run("CREATE TABLE hits (k int PRIMARY KEY, c counter)")
    client.run("UPDATE hits SET c = c + 5 WHERE k = 1")
    assert rows(database, "SELECT c + 1 FROM ks.hits") == [(6,)]
    assert refusal(database, "UPDATE ks.hits SET c = 7")


def test_check_looks_at_indexes_and_views(client: Client, database: hyperdb.Database) -> None:
    client.run(ROW)
    client.run("CREATE INDEX by_m ON t (values(m))")
    client.run("CREATE MATERIALIZED VIEW by_x AS SELECT * FROM t WHERE x IS NOT NULL AND k IS NOT NULL PRIMARY KEY (x, k)")
    client.run("UPDATE t SET m = m + {'three': 3} WHERE k = 1")
    assert database.check() == []
