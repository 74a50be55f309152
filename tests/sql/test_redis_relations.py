"""Schema `redis`: what Redis's clients keep, read with SQL; by whom it may be read, and what it costs.

Theory: the data are written as Redis's clients write them, by the commands themselves, so each test crosses from one language
into the other; what conditions restrict is compared with the same condition in a form that nothing can be made of.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

import hyperdb
from hyperdb.errors import SqlError


@pytest.fixture
def db() -> Iterator[hyperdb.Database]:
    with hyperdb.open(":memory:", memory="32m", frames=None) as database:
        run = database.execute
        run("redis/0", "SET", "greeting", "hello")
        run("redis/0", "SET", "raw", b"\xff\x00")
        run("redis/0", "HSET", "user:1", "name", "Ada", "born", "1815")
        run("redis/0", "HSET", "user:2", "name", "Grace", "born", "1906")
        run("redis/0", "RPUSH", "queue", "b", "c", "d")
        run("redis/0", "LPUSH", "queue", "a")
        run("redis/0", "SADD", "tags", "x", "y")
        run("redis/0", "ZADD", "scores", "1.5", "one", "-2", "two", "1.5", "also")
        run("redis/3", "SET", "greeting", "hallo")
        yield database


def rows(db: hyperdb.Database, text: str, *values: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.sql(text, values)]


def test_keys_of_all_databases_with_type_and_size(db: hyperdb.Database) -> None:
    found = rows(db, "SELECT db, key, type, count FROM redis.keys ORDER BY db, type, key")
    assert found == [
        (0, "user:1", "hash", 2), (0, "user:2", "hash", 2), (0, "queue", "list", 4), (0, "tags", "set", 2),
        (0, "greeting", "string", 1), (0, "raw", "string", 1), (0, "scores", "zset", 3), (3, "greeting", "string", 1),
    ]  # fmt: skip


def test_each_relation_in_its_order(db: hyperdb.Database) -> None:
    assert rows(db, "SELECT key, value FROM redis.strings WHERE db = 0 AND key = 'greeting'") == [("greeting", "hello")]
    assert sorted(rows(db, "SELECT key, field, value FROM redis.hashes")) == [
        ("user:1", "born", "1815"), ("user:1", "name", "Ada"), ("user:2", "born", "1906"), ("user:2", "name", "Grace"),
    ]  # fmt: skip
    assert rows(db, "SELECT index, value FROM redis.lists") == [(0, "a"), (1, "b"), (2, "c"), (3, "d")]
    assert sorted(rows(db, "SELECT member FROM redis.sets")) == [("x",), ("y",)]
    assert rows(db, "SELECT member, score FROM redis.zsets") == [("two", -2.0), ("also", 1.5), ("one", 1.5)]


def test_what_is_no_text_is_null_and_its_bytes_are_there(db: hyperdb.Database) -> None:
    assert rows(db, "SELECT value, raw_value FROM redis.strings WHERE key = 'raw'") == [(None, b"\xff\x00")]
    assert rows(db, "SELECT raw_key FROM redis.keys WHERE key = 'raw'") == [(b"raw",)]


def test_joins_with_tables_and_grouping(db: hyperdb.Database) -> None:
    db.sql("CREATE TABLE people (id int PRIMARY KEY, town text)")
    db.sql("INSERT INTO people VALUES (1, 'London'), (2, 'New York'), (3, 'Nowhere')")
    text = """
        SELECT p.id, p.town, h.value FROM people p JOIN redis.hashes h ON h.key = 'user:' || p.id
        WHERE h.field = 'name' ORDER BY p.id
    """
    assert rows(db, text) == [(1, "London", "Ada"), (2, "New York", "Grace")]
    text = """
        SELECT p.id, h.value FROM people p
        LEFT JOIN LATERAL (SELECT value FROM redis.hashes WHERE key = 'user:' || p.id AND field = 'name') h ON true ORDER BY 1
    """
    assert rows(db, text) == [(1, "Ada"), (2, "Grace"), (3, None)]
    assert rows(db, "SELECT type, sum(count) FROM redis.keys GROUP BY type ORDER BY 1")[0] == ("hash", 4)


CONDITIONS = {
    "keys": ["key = 'queue'", "key IN ('queue', 'tags', 'none', NULL)", "db = 3", "db IN (0, 99)",
             "key = 'queue' AND key = 'tags'", "key = NULL", "db = 0 AND key = 'greeting'", "key > 'q'", "db >= 1",
             "key = 'queue' OR key = 'tags'"],
    "hashes": ["key = 'user:1'", "field = 'name'", "key = 'user:2' AND field IN ('name', 'x')", "key = 'tags'", "value = 'Ada'"],
    "lists": ["index = 2", "index >= 1 AND index < 3", "index > 9000000000000000000", "index < 0", "index <= 0",
              "index IN (0, 3, 7)", "key = 'queue' AND index > 2", "index = -1", "key = 'user:1'"],
    "sets": ["member = 'x'", "key = 'tags' AND member IN ('y', 'q')"],
    "strings": [r"raw_key = '\x726177'", "raw_key = 'raw'", "key = 'raw' AND raw_key = 'greeting'",
                r"raw_key IN ('raw', '\xff')"],
    "zsets": ["raw_member = 'two'", "score = 1.5", "score > 1.5", "score < 1.5", "score BETWEEN -2 AND 0",
              "score > 1 AND score < 2", "member = 'two'",
              "score >= 'NaN'", "score < '-infinity'", "key = 'scores' AND member = 'one' AND score > 9", "score > -2"],
}  # fmt: skip


@pytest.mark.parametrize(("relation", "condition"), [(name, each) for name, of in CONDITIONS.items() for each in of])
def test_what_is_restricted_is_what_the_condition_says(db: hyperdb.Database, relation: str, condition: str) -> None:
    whole = rows(db, f"SELECT t::text FROM redis.{relation} t WHERE (({condition}) IS TRUE) IS NOT FALSE")
    assert sorted(rows(db, f"SELECT t::text FROM redis.{relation} t WHERE {condition}")) == sorted(whole)
    assert rows(db, f"SELECT count(*) FROM redis.{relation} WHERE {condition}") == [(len(whole),)]


def test_a_parameter_restricts_too(db: hyperdb.Database) -> None:
    assert rows(db, "SELECT value FROM redis.hashes WHERE key = %s AND field = %s", "user:1", "name") == [("Ada",)]


def plan_of(db: hyperdb.Database, text: str) -> str:
    return "\n".join(row[0] for row in db.sql(f"EXPLAIN {text}"))


def test_explain_shows_what_is_read(db: hyperdb.Database) -> None:
    assert "Keyspace scan on redis.hashes by key, field" in plan_of(
        db, "SELECT * FROM redis.hashes WHERE key = 'a' AND field = 'b' AND value = 'c'"
    )
    assert "Keyspace scan on redis.keys\n" in plan_of(db, "SELECT * FROM redis.keys WHERE type = 'hash'") + "\n"
    assert "Reads: hyperedge adds of redis.hashes" in plan_of(db, "SELECT * FROM redis.hashes")
    assert "Reads: vertex adds of redis.keys, hyperedge adds of redis.keys" in plan_of(db, "SELECT * FROM redis.keys")
    assert "Kept count of redis.keys" in plan_of(db, "SELECT count(*) FROM redis.keys")
    assert "Kept count" not in plan_of(db, "SELECT count(*) FROM redis.keys WHERE type = 'hash'")
    assert "Kept count" not in plan_of(db, "SELECT count(key) FROM redis.keys")


def test_counts_are_right_with_expiries_and_without(db: hyperdb.Database) -> None:
    count = "SELECT count(*) FROM redis.keys WHERE db = 0"
    assert rows(db, count) == [(7,)]
    assert rows(db, "SELECT count(*) FROM redis.keys") == [(8,)]
    assert rows(db, "SELECT count(*) FROM redis.hashes WHERE key = 'user:1'") == [(2,)]
    assert rows(db, "SELECT count(*) FROM redis.hashes WHERE key = 'tags'") == [(0,)]
    db.execute("redis/0", "SET", "short", "v", "PX", "1")
    for _ in itertools.count():
        if db.execute("redis/0", "GET", "short") is None:
            break
    assert rows(db, count) == [(7,)], "what has expired is no row, removed or not"
    assert rows(db, "SELECT key FROM redis.strings WHERE key = 'short'") == []
    assert rows(db, "SELECT count(*) FROM redis.keys WHERE key = 'short'") == [(0,)]


def test_expiries_are_moments(db: hyperdb.Database) -> None:
    db.execute("redis/0", "SET", "session", "v")
    db.execute("redis/0", "PEXPIREAT", "session", "4102444800123")
    moment = datetime(2100, 1, 1, microsecond=123_000, tzinfo=UTC)
    assert rows(db, "SELECT expires_at FROM redis.keys WHERE key = 'session'") == [(moment,)]
    assert rows(db, "SELECT expires_at FROM redis.strings WHERE key = 'session'") == [(moment,)]
    assert rows(db, "SELECT key FROM redis.keys WHERE expires_at - now() > interval '1 day'") == [("session",)]


def test_many_keys_and_members_come_whole(db: hyperdb.Database) -> None:
    for number in range(0, 3000, 100):
        db.execute("redis/5", "MSET", *(word for each in range(number, number + 100) for word in (f"k{each}", str(each))))
        db.execute("redis/6", "ZADD", "z", *(word for each in range(number, number + 100) for word in (str(each), f"m{each}")))
        db.execute("redis/6", "RPUSH", f"l{number % 700}", *map(str, range(number, number + 100)))
    assert rows(db, "SELECT count(*), sum(value::int) FROM redis.strings WHERE db = 5") == [(3000, sum(range(3000)))]
    assert rows(db, "SELECT count(*), sum(score) FROM redis.zsets WHERE db = 6") == [(3000, float(sum(range(3000))))]
    assert rows(db, "SELECT count(*), sum(value::int) FROM redis.lists WHERE db = 6") == [(3000, sum(range(3000)))]
    found = rows(db, "SELECT score FROM redis.zsets WHERE db = 6 AND score >= 1000 AND score < 1003")
    assert found == [(1000.0,), (1001.0,), (1002.0,)]


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO redis.strings (db, key, value) VALUES (0, 'a', 'b')",
        "UPDATE redis.hashes SET value = 'x'",
        "DELETE FROM redis.keys",
    ],
)
def test_it_is_not_written(db: hyperdb.Database, text: str) -> None:
    with pytest.raises(SqlError) as error:
        db.sql(text)
    assert (error.value.sqlstate, "cannot change" in str(error.value)) == ("0A000", True)


@pytest.mark.parametrize("text", ["redis.keys", "redis.hashes h JOIN redis.keys k USING (db, key)"])
def test_its_rows_are_not_locked(db: hyperdb.Database, text: str) -> None:
    with pytest.raises(SqlError, match="not locked") as error:
        db.sql(f"SELECT * FROM {text} FOR UPDATE")
    assert error.value.sqlstate == "0A000"


def test_tables_beside_it_are_locked_by_name(db: hyperdb.Database) -> None:
    db.sql("CREATE TABLE people (id int PRIMARY KEY, key text)")
    db.sql("INSERT INTO people VALUES (1, 'queue')")
    join = "SELECT p.id, k.type FROM people p JOIN redis.keys k USING (key)"
    assert rows(db, f"{join} FOR UPDATE OF p") == [(1, "list")]
    for lock in ("FOR UPDATE", "FOR SHARE OF p, k"):
        with pytest.raises(SqlError, match="not locked"):
            db.sql(f"{join} {lock}")


def test_a_row_as_a_whole_has_the_columns_that_are_listed(db: hyperdb.Database) -> None:
    assert rows(db, "SELECT h FROM redis.hashes h WHERE key = 'user:1' AND field = 'born'") == [
        ((0, "user:1", "born", "1815", b"user:1", b"born", b"1815"),)
    ]
    (found,) = rows(db, "SELECT row_to_json(k) FROM redis.keys k WHERE key = 'queue'")
    assert list(found[0]) == ["db", "key", "type", "count", "bytes", "expires_at", "raw_key"]
    assert rows(db, "SELECT tableoid::regclass::text FROM redis.keys WHERE key = 'queue'") == [("redis.keys",)]


def test_nobody_makes_a_schema_of_that_name(db: hyperdb.Database) -> None:
    with pytest.raises(SqlError):
        db.sql("CREATE SCHEMA redis")
    with pytest.raises(SqlError):
        db.sql("CREATE TABLE redis.mine (id int)")
    assert rows(db, "SELECT current_schema()") == [("public",)]
    assert rows(db, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'redis' ORDER BY 1") == [
        ("hashes",), ("keys",), ("lists",), ("sets",), ("streams",), ("strings",), ("zsets",),
    ]  # fmt: skip
