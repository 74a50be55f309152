"""Reads through indexes and views, counters, fields of user types: what the native table keeps, as statements see it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cql_session import Client, Time, backend

import hyperdb
from hyperdb.frontends.cql.parse.parser import Grammar


@pytest.fixture(scope="module")
def client(cql: Grammar) -> Iterator[Client]:
    with hyperdb.open(":memory:") as database:
        made = Client(backend(database, cql, Time(4_000_000_000_000_000)))
        made.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        made.run("USE ks")
        columns = "k int, c int, s text static, v text, n int, o int, m map<text, int>, l list<int>"
        made.run(f"CREATE TABLE t ({columns}, PRIMARY KEY (k, c))")
        for target in ("v", "s", "c", "keys(m)", "entries(m)", "l"):
            made.run(f"CREATE INDEX ON t ({target})")
        for column in "no":
            made.run(f"CREATE CUSTOM INDEX ON t ({column}) USING 'StorageAttachedIndex'")
        for k in range(3):
            for c in range(3):
                values = f"{k}, {c}, 'v{c}', {k * 3 + c}, {c}, {{'a': {c}}}, [{c}]"
                made.run(f"INSERT INTO t (k, c, v, n, o, m, l) VALUES ({values})")
        made.run("UPDATE t SET s = 'S' WHERE k = 1")
        yield made


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ("v = 'v1'", {(0, 1), (1, 1), (2, 1)}),
        ("v = 'v1' AND k = 1", {(1, 1)}),
        ("v = 'v1' AND n = 4 ALLOW FILTERING", {(1, 1)}),
        ("n > 3 AND n <= 6", {(1, 1), (1, 2), (2, 0)}),
        ("n > 3 AND o = 1", {(1, 1), (2, 1)}),
        ("s = 'S'", {(1, 0), (1, 1), (1, 2)}),
        ("c = 2", {(0, 2), (1, 2), (2, 2)}),
        ("m CONTAINS KEY 'a' AND k = 2", {(2, 0), (2, 1), (2, 2)}),
        ("m['a'] = 1", {(0, 1), (1, 1), (2, 1)}),
        ("l CONTAINS 2", {(0, 2), (1, 2), (2, 2)}),
        ("v = 'nothing'", set()),
    ],
)
def test_indexes_answer_without_filtering(client: Client, where: str, rows: set[tuple[int, int]]) -> None:
    found = client.run(f"SELECT k, c FROM t WHERE {where}")
    assert len(found) == len(rows)
    assert set(found) == rows
    for size in (1, 2):
        assert [row for page in client.pages(f"SELECT k, c FROM t WHERE {where}", size) for row in page] == found


def test_what_no_index_answers_is_filtering(client: Client) -> None:
    for where in ("v = 'v1' AND n = 4", "v > 'a'", "m CONTAINS 1"):
        assert "ALLOW FILTERING" in client.refusal(f"SELECT * FROM t WHERE {where}")
    assert "2ndary indexes" in client.refusal("SELECT * FROM t WHERE v = 'v1' ORDER BY c")
    assert "IN clause" in client.refusal("SELECT * FROM t WHERE v = 'v1' AND k IN (1, 2)")


def test_views_are_read_and_not_written(client: Client) -> None:
    where = "v IS NOT NULL AND k IS NOT NULL AND c IS NOT NULL"
    client.run(f"CREATE MATERIALIZED VIEW mv AS SELECT k, c, v FROM t WHERE {where} PRIMARY KEY (v, k, c)")
    assert client.run("SELECT k, c FROM mv WHERE v = 'v2'") == [(0, 2), (1, 2), (2, 2)]
    assert client.refusal("INSERT INTO mv (v, k, c) VALUES ('a', 1, 1)") == "Cannot directly modify a materialized view"
    client.run("DROP MATERIALIZED VIEW mv")


def test_counters_count(client: Client) -> None:
    client.run("CREATE TABLE n (k int PRIMARY KEY, n counter)")
    for change in ("+ 5", "- 2"):
        client.run(f"UPDATE n SET n = n {change} WHERE k = 1")
    client.run("BEGIN COUNTER BATCH UPDATE n SET n = n + 1 WHERE k = 1; UPDATE n SET n += 1 WHERE k = 2 APPLY BATCH")
    assert client.run("SELECT * FROM n WHERE k IN (1, 2)") == [(1, 4), (2, 1)]
    for text, words in [
        ("INSERT INTO n (k, n) VALUES (1, 1)", "INSERT statements are not allowed on counter tables"),
        ("UPDATE n SET n = 1 WHERE k = 1", "Cannot set the value of counter column n"),
        ("UPDATE n USING TTL 5 SET n = n + 1 WHERE k = 1", "Cannot provide custom TTL for counter updates"),
        ("UPDATE n SET n = n + 1 WHERE k = 1 IF n = 4", "Conditions on counters are not supported"),
        ("BEGIN BATCH UPDATE n SET n = n + 1 WHERE k = 1 APPLY BATCH", "Cannot include a counter statement in a logged batch"),
    ]:
        assert words in client.refusal(text)
    client.run("DELETE n FROM n WHERE k = 1")
    assert client.run("SELECT * FROM n") == [(2, 1)]


def test_fields_of_user_types_are_cells(client: Client) -> None:
    client.run("CREATE TYPE place (a int, b text)")
    client.run("CREATE TABLE u (k int PRIMARY KEY, u place, f frozen<place>)")
    client.run("INSERT INTO u (k, u, f) VALUES (1, {a: 1, b: 'x'}, {a: 2})")
    client.run("UPDATE u USING TIMESTAMP 5000000000000000 SET u.a = 7 WHERE k = 1")
    client.run("DELETE u.b FROM u WHERE k = 1")
    assert client.run("SELECT u, f, u.a, writetime(u.a), writetime(u.b) FROM u") == [
        ((7, None), (2, None), 7, 5_000_000_000_000_000, None)
    ]
    client.run("UPDATE u USING TIMESTAMP 5000000000000001 SET u.b = 'y' WHERE k = 1")
    client.run("DELETE u.a FROM u USING TIMESTAMP 5000000000000001 WHERE k = 1")
    assert client.run("SELECT u, writetime(u.b) FROM u") == [((None, "y"), 5_000_000_000_000_001)]
    client.run("UPDATE u USING TIMESTAMP 5000000000000002 SET u.a = 7 WHERE k = 1")
    assert client.run("UPDATE u SET f = {a: 3} WHERE k = 1 IF u.a = 7 AND f = {a: 2}") == [(True,)]
    assert "does not have a field named" in client.refusal("UPDATE u SET u.z = 1 WHERE k = 1")
    assert "for frozen UDT column f" in client.refusal("UPDATE u SET f.a = 1 WHERE k = 1")
