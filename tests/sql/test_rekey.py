"""A primary key that is added to a table with rows, or dropped: the rows stay, in the new order, whatever else the table has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from test_lane import Talker
from wire_client import cut, fields, query

import hyperdb
from hyperdb.frontends.sql.backend import SqlBackend
from hyperdb.graph.catalog.tables import Tables

TABLE = """
CREATE TABLE t (a int, b text UNIQUE, c numeric);
CREATE INDEX by_c ON t (c DESC, a);
INSERT INTO t SELECT i * 7 % 100, 'b' || i, i % 5 FROM generate_series(0, 99) i;
"""


@pytest.fixture
def database() -> Iterator[hyperdb.Database]:
    with hyperdb.open(":memory:", memory="32m") as made:
        yield made


def talker(database: hyperdb.Database, *, lends: bool = True) -> Talker:
    found = Talker(SqlBackend(Tables(database.native)), lends)
    found.run(TABLE)
    return found


def values(client: Talker, text: str) -> list[list[str | None]]:
    found = []
    for kind, body in cut(client.say(query(text))):
        assert kind != "E", fields(body)
        if kind == "D":
            at, row = 2, list[str | None]()
            for _ in range(int.from_bytes(body[:2], "big")):
                length = int.from_bytes(body[at : at + 4], "big", signed=True)
                row.append(None if length < 0 else body[at + 4 : at + 4 + length].decode())
                at += 4 + max(length, 0)
            found.append(row)
    return found


def same_rows(client: Talker) -> None:
    assert len(values(client, "SELECT * FROM t")) == 100
    assert values(client, "SELECT count(*), sum(a), min(b), max(c) FROM t") == [["100", "4950", "b0", "4"]]
    assert values(client, "SELECT a FROM t WHERE b = 'b3'") == [["21"]]
    assert values(client, "SELECT a FROM t WHERE c = 3 ORDER BY a LIMIT 2") == [["1"], ["6"]]


def test_rows_lie_by_a_key_that_came_later(database: hyperdb.Database) -> None:
    client = talker(database)
    assert client.run("ALTER TABLE t ADD PRIMARY KEY (a)") == ["ALTER TABLE"]
    assert [row[0] for row in values(client, "SELECT a FROM t")] == [str(n) for n in range(100)]
    same_rows(client)
    plan = values(client, "EXPLAIN SELECT b FROM t WHERE a = 7")
    assert ["    ->  Scan on t by key"] in plan
    for _ in range(3):
        assert values(client, "SELECT b FROM t WHERE a = 21") == [["b3"]]
    answered = client.answered
    assert (client.run("UPDATE t SET c = 9 WHERE a = 21"), client.run("INSERT INTO t VALUES (21, 'x', 1)")) == (
        ["UPDATE 1"],
        ["23505"],
    )
    assert values(client, "SELECT b FROM t WHERE a = 21") == [["b3"]]
    assert client.answered > answered
    assert client.run("INSERT INTO t VALUES (NULL, 'x', 1)") == ["23502"]
    assert client.run("ALTER TABLE t ADD PRIMARY KEY (c)") == ["42P16"]
    shown = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 't' ORDER BY 1"
    assert [row[0] for row in values(client, shown)] == ["by_c", "t_b_key", "t_pkey"]
    found = "SELECT attname, attnotnull FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 AND NOT attisdropped"
    assert values(client, found) == [["a", "t"], ["b", "f"], ["c", "f"]]


@pytest.mark.parametrize(
    ("text", "state", "told"),
    [
        ("UPDATE t SET a = 5 WHERE a = 6", "23505", 'could not create unique index "t_pkey"'),
        ("UPDATE t SET a = NULL WHERE a = 6", "23502", 'column "a" of relation "t" contains null values'),
    ],
)
def test_rows_that_do_not_fit_a_key_stay_as_they_are(database: hyperdb.Database, text: str, state: str, told: str) -> None:
    client = talker(database)
    assert client.run(text) == ["UPDATE 1"]
    before = values(client, "SELECT * FROM t ORDER BY b")
    (error,) = [fields(body) for kind, body in cut(client.say(query("ALTER TABLE t ADD PRIMARY KEY (a)"))) if kind == "E"]
    assert (error["C"], error["M"]) == (state, told)
    if state == "23505":
        assert error["D"] == "Key (a)=(5) is duplicated."
    assert values(client, "SELECT * FROM t ORDER BY b") == before
    assert values(client, "SELECT conname FROM pg_constraint WHERE conrelid = 't'::regclass") == [["t_b_key"]]


def test_a_key_that_is_dropped_leaves_the_rows(database: hyperdb.Database) -> None:
    client = talker(database)
    client.run("ALTER TABLE t ADD CONSTRAINT k PRIMARY KEY (b, a)")
    assert client.run("ALTER TABLE t DROP CONSTRAINT k") == ["ALTER TABLE"]
    same_rows(client)
    assert client.run("INSERT INTO t VALUES (NULL, NULL, 1)") == ["23502"], "what the key made NOT NULL stays so"
    assert client.run("INSERT INTO t VALUES (21, 'new', 1)") == ["INSERT 0 1"]
    assert client.run("DELETE FROM t WHERE b = 'new'; ALTER TABLE t ADD PRIMARY KEY (a)") == ["DELETE 1", "ALTER TABLE"]
    same_rows(client)
    assert client.run("ALTER TABLE t DROP COLUMN a") == ["ALTER TABLE"]
    assert values(client, "SELECT * FROM t WHERE b = 'b3'") == [["b3", "3"]]
    assert client.run("CREATE TABLE u (id int PRIMARY KEY); CREATE TABLE v (id int REFERENCES u)")
    assert client.run("ALTER TABLE u DROP CONSTRAINT u_pkey") == ["2BP01"]


def test_all_of_it_is_one_transaction(database: hyperdb.Database) -> None:
    client = talker(database)
    client.run("BEGIN; INSERT INTO t VALUES (100, 'more', 0)")
    assert client.run("ALTER TABLE t ADD PRIMARY KEY (a)") == ["ALTER TABLE"]
    assert values(client, "SELECT count(*) FROM t WHERE a >= 99") == [["2"]]
    client.run("SAVEPOINT s; ALTER TABLE t DROP CONSTRAINT t_pkey; INSERT INTO t VALUES (100, 'twice', 0); ROLLBACK TO s")
    assert client.run("INSERT INTO t VALUES (100, 'twice', 0)") == ["23505"]
    client.run("ROLLBACK")
    same_rows(client)
    assert client.run("INSERT INTO t VALUES (21, 'again', 0)") == ["INSERT 0 1"], "there is no key"


def test_indexes_on_expressions_keep_the_order(database: hyperdb.Database) -> None:
    client = talker(database)
    client.run("CREATE INDEX ON t (lower(b))")
    assert client.run("ALTER TABLE t ADD PRIMARY KEY (a)") == ["ALTER TABLE"]
    same_rows(client)
    assert client.run("INSERT INTO t VALUES (21, 'again', 0)") == ["23505"]
    assert client.run("ALTER TABLE t DROP CONSTRAINT t_pkey") == ["ALTER TABLE"]


def test_it_is_there_after_a_restart(tmp_path: Path) -> None:
    with hyperdb.open(tmp_path / "db", memory="32m") as database:
        assert talker(database).run("ALTER TABLE t ADD PRIMARY KEY (a)") == ["ALTER TABLE"]
    with hyperdb.open(tmp_path / "db", memory="32m") as database:
        client = Talker(SqlBackend(Tables(database.native)), lends=True)
        same_rows(client)
        assert [row[0] for row in values(client, "SELECT a FROM t")] == [str(n) for n in range(100)]
        report = database.seal()
        assert report.number > 0
        assert not database.check()
