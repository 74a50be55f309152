"""One set of records, two languages: redis-py and psycopg on a server of this process.

Theory: each test writes with one client and reads with the other, in both directions, also where they meet: inside of
transactions, on the same row, when something expires. What SERIALIZABLE promises it has to keep against Redis's clients too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
import redis
from psycopg import errors

import hyperdb

TABLE = """
CREATE TABLE users (
    id int PRIMARY KEY, name text NOT NULL, age int CHECK (age >= 0), email text UNIQUE, raw bytea, born date, score numeric(6,2)
) WITH (resp_prefix = 'user:')
"""


class Both:
    """A served database, and clients of both languages."""

    def __init__(self, database: hyperdb.Database) -> None:
        self.database = database
        self._serving = database.serve(resp="127.0.0.1:0", sql="127.0.0.1:0", control=False)
        self._open: list[Any] = []
        self.redis = self.redis_client()

    def redis_client(self) -> Any:
        host, port = self._serving.resp_address or ("", 0)
        client = redis.Redis(host=host, port=port, socket_timeout=30)
        self._open.append(client)
        return client

    def psycopg(self, **options: Any) -> psycopg.Connection[Any]:
        host, port = self._serving.sql_address or ("", 0)
        known = {"host": host, "port": port, "user": "postgres", "dbname": "hyperdb", "sslmode": "disable", "autocommit": True}
        made = psycopg.connect(**{**known, **options})
        self._open.append(made)
        return made

    def close(self) -> None:
        for each in self._open:
            each.close()
        self._serving.stop()


@pytest.fixture
def both() -> Iterator[Both]:
    with hyperdb.open(":memory:", memory="32m", frames=None) as database:
        made = Both(database)
        yield made
        made.close()


def rows(connection: psycopg.Connection[Any], text: str, *values: Any) -> list[tuple[Any, ...]]:
    return connection.execute(text, values).fetchall()  # type: ignore[arg-type]


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(redis.ResponseError) as error:
        call()
    return str(error.value)


# Redis's data in SQL.


def test_what_redis_writes_sql_reads(both: Both) -> None:
    both.redis.hset("user", mapping={"name": "Ada", "born": "1815"})
    sql = both.psycopg()
    assert sorted(rows(sql, "SELECT field, value FROM redis.hashes WHERE key = %s", "user")) == [
        ("born", "1815"),
        ("name", "Ada"),
    ]
    both.redis.hdel("user", "born")
    assert rows(sql, "SELECT field FROM redis.hashes WHERE key = 'user'") == [("name",)]
    both.redis.delete("user")
    assert rows(sql, "SELECT count(*) FROM redis.keys") == [(0,)]


def test_a_snapshot_does_not_see_what_redis_does_meanwhile(both: Both) -> None:
    both.redis.set("a", 1)
    sql = both.psycopg(autocommit=False)
    sql.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    assert rows(sql, "SELECT value FROM redis.strings") == [("1",)]
    both.redis.set("a", 2)
    both.redis.set("b", 3)
    assert rows(sql, "SELECT value FROM redis.strings") == [("1",)]
    sql.commit()
    assert rows(sql, "SELECT value FROM redis.strings ORDER BY key") == [("2",), ("3",)]


def test_read_committed_sees_each_change_at_once(both: Both) -> None:
    sql = both.psycopg(autocommit=False)
    assert rows(sql, "SELECT count(*) FROM redis.strings") == [(0,)]
    both.redis.set("a", 1)
    assert rows(sql, "SELECT count(*) FROM redis.strings") == [(1,)]


DECISIONS = {
    "a key": ("SELECT value FROM redis.strings WHERE key = 'limit'", lambda client: client.set("limit", 0)),
    "no such key": ("SELECT value FROM redis.strings WHERE key = 'stop'", lambda client: client.set("stop", 1)),
    "no such database": ("SELECT value FROM redis.strings WHERE db = 9", lambda client: client.move("limit", 9)),
    "a field": ("SELECT value FROM redis.hashes WHERE key = 'h' AND field = 'f'", lambda client: client.hset("h", "f", 2)),
    "a hash": ("SELECT sum(value::int) FROM redis.hashes WHERE key = 'h'", lambda client: client.hset("h", "new", 2)),
    "scores": ("SELECT count(*) FROM redis.zsets WHERE score > 5", lambda client: client.zadd("z", {"six": 6})),
    "a count": ("SELECT count(*) FROM redis.keys", lambda client: client.sadd("fresh", 1)),
    "a count of members": ("SELECT count(*) FROM redis.sets WHERE key = 's'", lambda client: client.sadd("s", 2)),
    "items": ("SELECT value FROM redis.lists WHERE index = 0", lambda client: client.lpush("l", "first")),
    "everything": ("SELECT sum(count) FROM redis.keys", lambda client: client.flushdb()),
}


@pytest.mark.parametrize("what", DECISIONS)
def test_a_serializable_decision_on_redis_data_holds_until_the_commit(both: Both, what: str) -> None:
    for client in (both.redis,):
        client.set("limit", 5)
        client.hset("h", "f", 1)
        client.zadd("z", {"one": 1})
        client.sadd("s", 1)
        client.rpush("l", "a")
    both.psycopg().execute("CREATE TABLE decided (what text)")
    text, change = DECISIONS[what]
    for disturbed in (False, True):
        sql = both.psycopg(autocommit=False)
        sql.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        rows(sql, text)
        sql.execute("INSERT INTO decided VALUES (%s)", [what])
        if not disturbed:
            sql.commit()
            continue
        change(both.redis)
        with pytest.raises(errors.SerializationFailure):
            sql.commit()
    assert rows(both.psycopg(), "SELECT count(*) FROM decided") == [(1,)]


def test_expired_keys_are_gone_in_both(both: Both) -> None:
    both.redis.set("short", "v", px=40)
    both.redis.hset("long", "f", "v")
    both.redis.expire("long", 1000)
    sql = both.psycopg()
    while both.redis.exists("short"):
        time.sleep(0.005)
    assert rows(sql, "SELECT key FROM redis.keys WHERE expires_at IS NOT NULL") == [("long",)]
    assert rows(sql, "SELECT count(*) FROM redis.strings") == [(0,)]


# Rows of tables for Redis's clients.


def test_a_row_is_a_hash(both: Both) -> None:
    sql = both.psycopg()
    sql.execute(TABLE)
    sql.execute("INSERT INTO users (id, name, age, raw, born, score) VALUES (42, 'Ada', 36, %s, '1815-12-10', 1.5)", [b"\0\xff"])
    client = both.redis
    assert client.hgetall("user:42") == {
        b"name": b"Ada", b"age": b"36", b"raw": b"\0\xff", b"born": b"1815-12-10", b"score": b"1.50",
    }  # fmt: skip
    assert client.hget("user:42", "name") == b"Ada"
    assert client.hmget("user:42", "age", "email", "none") == [b"36", None, None]
    assert (client.hlen("user:42"), client.hexists("user:42", "email"), client.hstrlen("user:42", "name")) == (5, False, 3)
    assert set(client.hkeys("user:42")) == {b"name", b"age", b"raw", b"born", b"score"} and b"36" in client.hvals("user:42")
    assert (client.exists("user:42", "user:43"), client.type("user:42"), client.ttl("user:42")) == (1, b"hash", -1)
    assert (client.hgetall("user:43"), client.type("user:43"), client.ttl("user:43")) == ({}, b"none", -2)
    assert client.hgetall("user:042") == {} and client.hgetall("user:x") == {} and client.hgetall("user:") == {}


def test_hset_changes_and_adds_rows(both: Both) -> None:
    sql = both.psycopg()
    sql.execute(TABLE)
    client = both.redis
    assert client.hset("user:1", mapping={"name": "Grace", "age": "85"}) == 2
    assert client.hset("user:1", mapping={"age": "86", "email": "g@navy"}) == 1
    assert rows(sql, "SELECT id, name, age, email FROM users") == [(1, "Grace", 86, "g@navy")]
    assert client.hincrby("user:1", "age", 4) == 90
    assert client.hsetnx("user:1", "name", "no") == 0 and client.hsetnx("user:1", "born", "1906-12-09") == 1
    assert client.hdel("user:1", "email", "email", "none") == 1
    assert rows(sql, "SELECT name, age, email, born::text FROM users") == [("Grace", 90, None, "1906-12-09")]
    assert client.hset("user:1", "raw", b"\x00\x01") == 1
    assert rows(sql, "SELECT raw FROM users") == [(b"\x00\x01",)]
    assert client.delete("user:1", "user:2") == 1
    assert rows(sql, "SELECT * FROM users") == []


def test_types_and_constraints_hold_whoever_writes(both: Both) -> None:
    sql = both.psycopg()
    sql.execute(TABLE)
    client = both.redis
    client.hset("user:1", mapping={"name": "Ada", "email": "a@b"})
    assert "invalid input syntax for type integer" in refused(lambda: client.hset("user:1", "age", "old"))
    assert "check constraint" in refused(lambda: client.hset("user:1", "age", "-1"))
    assert "not-null" in refused(lambda: client.hset("user:2", "age", "1"))
    assert "not-null" in refused(lambda: client.hdel("user:1", "name"))
    assert "unique" in refused(lambda: client.hset("user:2", mapping={"name": "Eve", "email": "a@b"}))
    assert "no column" in refused(lambda: client.hset("user:1", "colour", "red"))
    assert "no key" in refused(lambda: client.hset("user:one", "name", "Ada"))
    assert "no key" in refused(lambda: client.hset("user:01", "name", "Ada"))
    assert "UTF-8" in refused(lambda: client.hset("user:1", "name", b"\xff"))
    assert "overflow" in refused(lambda: client.hset("user:1", "score", "99999"))
    assert "not an integer" in refused(lambda: client.hincrby("user:1", "name", 1))
    assert rows(sql, "SELECT id, name, age, email FROM users") == [(1, "Ada", None, "a@b")]


def test_other_commands_on_rows_are_refused(both: Both) -> None:
    both.psycopg().execute(TABLE)
    client = both.redis
    client.hset("user:1", "name", "Ada")
    for call in (
        lambda: client.set("user:1", "v"),
        lambda: client.lpush("user:1", "v"),
        lambda: client.zadd("user:1", {"m": 1}),
        lambda: client.sort("other", store="user:1"),
        lambda: client.lmpop(1, "user:1", direction="LEFT"),
    ):
        assert refused(call)
    assert refused(lambda: client.get("user:1")).startswith("WRONGTYPE ")
    assert "not there for rows" in refused(lambda: client.expire("user:1", 10))
    assert "not there for rows" in refused(lambda: client.rename("user:1", "user:2"))
    assert "other keys" in refused(lambda: client.delete("user:1", "plain"))
    assert "watched" in refused(lambda: client.execute_command("WATCH", "user:1"))
    pipeline = client.pipeline(transaction=True)
    pipeline.hget("user:1", "name")
    assert "transaction of Redis" in refused(pipeline.execute)
    assert client.hget("user:1", "name") == b"Ada"
    with pytest.raises(hyperdb.errors.CommandError, match="row of a table"):
        both.database.execute("redis/0", "HGETALL", "user:1")


def test_a_pipeline_keeps_its_order_across_rows_and_other_keys(both: Both) -> None:
    both.psycopg().execute(TABLE)
    pipeline = both.redis.pipeline(transaction=False)
    for number in range(20):
        pipeline.hset(f"user:{number}", "name", f"n{number}")
        pipeline.incr("counter")
        pipeline.hget(f"user:{number}", "name")
    answers = pipeline.execute()
    assert answers == [each for number in range(20) for each in (1, number + 1, f"n{number}".encode())]


def test_only_keys_under_the_prefix_are_rows_and_only_in_database_0(both: Both) -> None:
    both.psycopg().execute(TABLE)
    client = both.redis
    client.set("users", "plain")
    assert client.get("users") == b"plain"
    other = redis.Redis(connection_pool=redis.ConnectionPool(**{**client.connection_pool.connection_kwargs, "db": 1}))
    other.set("user:1", "plain")
    assert other.get("user:1") == b"plain"
    other.close()
    assert client.keys("user:*") == []
    both.psycopg().execute("DROP TABLE users")
    client.set("user:1", "plain now")
    assert client.get("user:1") == b"plain now"


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("CREATE TABLE t (a int) WITH (resp_prefix = 't:')", "42P16"),
        ("CREATE TABLE t (a int, b int, PRIMARY KEY (a, b)) WITH (resp_prefix = 't:')", "42P16"),
        ("CREATE TABLE t (a timestamptz PRIMARY KEY) WITH (resp_prefix = 't:')", "42P16"),
        ("CREATE TEMP TABLE t (a int PRIMARY KEY) WITH (resp_prefix = 't:')", "0A000"),
        ("CREATE TABLE t (a int PRIMARY KEY) WITH (resp_prefix = 'taken')", "55000"),
        ("CREATE TABLE t (a int PRIMARY KEY) WITH (resp_prefix = 'user:x:')", "42710"),
        ("CREATE TABLE t (a int PRIMARY KEY) WITH (resp_prefix = 'us')", "42710"),
    ],
)
def test_prefixes_that_are_refused(both: Both, text: str, state: str) -> None:
    sql = both.psycopg()
    sql.execute(TABLE)
    both.redis.set("taken:1", "v")
    with pytest.raises(psycopg.Error) as error:
        sql.execute(text)  # type: ignore[call-overload]
    assert error.value.sqlstate == state


def test_keys_of_other_types(both: Both) -> None:
    sql = both.psycopg()
    sql.execute("CREATE TABLE words (word varchar(8) PRIMARY KEY, means text) WITH (resp_prefix = 'word:')")
    sql.execute("CREATE TABLE tags (tag uuid PRIMARY KEY, n bigint DEFAULT 7) WITH (resp_prefix = 'tag:')")
    tag = UUID(int=5)
    assert both.redis.hset("word:été", "means", "summer") == 1
    assert both.redis.hset(f"tag:{tag}", mapping={}, items=["n", 3]) == 1
    assert both.redis.hgetall(f"tag:{str(tag).upper()}x") == {}
    assert rows(sql, "SELECT word, means FROM words") == [("été", "summer")]
    assert rows(sql, "SELECT tag, n FROM tags") == [(tag, 3)]


def test_a_lock_of_sql_is_waited_for(both: Both) -> None:
    setup = both.psycopg()
    setup.execute(TABLE)
    setup.execute("INSERT INTO users (id, name, age) VALUES (1, 'Ada', 1)")
    holder = both.psycopg(autocommit=False)
    holder.execute("UPDATE users SET age = age + 1 WHERE id = 1")
    answers: list[Any] = []
    waiting = threading.Thread(target=lambda: answers.append(both.redis_client().hincrby("user:1", "age", 10)))
    waiting.start()
    assert both.redis.hget("user:1", "age") == b"1", "who only reads does not wait, nor does the server"
    waiting.join(0.1)
    assert answers == []
    holder.commit()
    waiting.join(30)
    assert answers == [12] and rows(setup, "SELECT age FROM users") == [(12,)]


def test_no_increment_is_lost_between_both(both: Both) -> None:
    both.psycopg().execute(TABLE)
    both.redis.hset("user:1", mapping={"name": "Ada", "age": "0"})

    def by_redis() -> None:
        client = both.redis_client()
        for _ in range(20):
            client.hincrby("user:1", "age", 1)

    def by_sql() -> None:
        with both.psycopg() as sql:
            for _ in range(20):
                sql.execute("UPDATE users SET age = age + 1 WHERE id = 1")

    threads = [threading.Thread(target=work) for work in (by_redis, by_sql, by_redis, by_sql)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert rows(both.psycopg(), "SELECT age FROM users") == [(80,)]


def test_a_serializable_decision_on_rows_holds_against_redis(both: Both) -> None:
    setup = both.psycopg()
    setup.execute(TABLE)
    setup.execute("CREATE TABLE decided (n int)")
    both.redis.hset("user:1", mapping={"name": "Ada", "age": "1"})
    sql = both.psycopg(autocommit=False)
    sql.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
    assert rows(sql, "SELECT sum(age) FROM users") == [(1,)]
    sql.execute("INSERT INTO decided VALUES (1)")
    both.redis.hset("user:2", mapping={"name": "Eve", "age": "5"})
    with pytest.raises(errors.SerializationFailure):
        sql.commit()


def test_indexes_and_columns_follow_redis_writes(both: Both) -> None:
    sql = both.psycopg()
    sql.execute(TABLE)
    sql.execute("CREATE INDEX by_age ON users (age)")
    sql.execute("INSERT INTO users SELECT n, 'n' || n, n FROM generate_series(1, 5000) n")
    assert rows(sql, "SELECT sum(age) FROM users WHERE name <> ''") == [(5000 * 5001 // 2,)]
    both.redis.hset("user:1", "age", "1000000")
    both.redis.delete("user:2")
    assert rows(sql, "SELECT sum(age) FROM users WHERE name <> ''") == [(5000 * 5001 // 2 + 1_000_000 - 1 - 2,)]
    assert rows(sql, "SELECT id FROM users WHERE age = 1000000") == [(1,)]


def test_a_prefix_outlives_a_restart(tmp_path: Any) -> None:
    with hyperdb.open(tmp_path / "d", frames=None) as database:
        database.sql(TABLE)
        database.sql("INSERT INTO users (id, name) VALUES (1, 'Ada')")
    with hyperdb.open(tmp_path / "d", frames=None) as database:
        made = Both(database)
        assert made.redis.hgetall("user:1") == {b"name": b"Ada"}
        made.close()
