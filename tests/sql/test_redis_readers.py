"""Who sees which of Redis's keys in SQL: ACL's rules of a role also filter schema `redis`, whatever is asked of it.

Theory: roles are shared, so what a role may not read as Redis's client it must not learn here: not by rows, counts, plans,
joins, nor by which error comes. The judge is RESP itself: the keys that a role sees are those that it can read there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import redis

import hyperdb

RELATIONS = {
    "strings": "GET",
    "hashes": "HGETALL",
    "lists": "LRANGE",
    "sets": "SMEMBERS",
    "zsets": "ZRANGE",
    "streams": "XRANGE",
}
RULES = {
    "all": "on >pw +@all ~*",
    "some": "on >pw +@all ~app:*",
    "reads": "on >pw +@all %R~app:* %W~secret:*",
    "nothing": "on >pw -@all ~*",
    "no keys": "on >pw +@all",
    "one command": "on >pw +get +xrange ~*",
    "selectors": "on >pw +get ~app:* (+hgetall +lrange ~secret:*)",
    "binary": "on >pw +@all ~app:[12]* ~?",
}


class Served:
    """A database that is served, and clients of both languages."""

    def __init__(self, database: hyperdb.Database) -> None:
        self.database = database
        self.serving = database.serve(resp="127.0.0.1:0", sql="127.0.0.1:0", control=False)
        self.admin = self.redis()
        self.sql = self.psycopg("postgres")

    def redis(self, **options: Any) -> Any:
        host, port = self.serving.resp_address or ("", 0)
        return redis.Redis(host=host, port=port, socket_timeout=30, **options)

    def psycopg(self, user: str, password: str = "") -> psycopg.Connection[Any]:
        host, port = self.serving.sql_address or ("", 0)
        return psycopg.connect(
            host=host, port=port, user=user, password=password, dbname="hyperdb", sslmode="disable", autocommit=True
        )

    def role(self, name: str, rules: str) -> psycopg.Connection[Any]:
        """A user with these rules who was granted the relations; a connection as that role."""
        self.admin.execute_command("ACL", "SETUSER", name, *rules.split())
        for relation in ("keys", *RELATIONS):
            self.sql.execute(f"GRANT SELECT ON redis.{relation} TO {name}")
        return self.psycopg(name, "pw")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with hyperdb.open(":memory:", memory="32m", frames=None) as database:
        made = Served(database)
        for prefix in (b"app:1", b"app:2", b"secret:1", b"\xff"):
            made.admin.set(prefix, "text")
            made.admin.hset(prefix + b"h", mapping={"f": "v", "g": "w"})
            made.admin.rpush(prefix + b"l", "a", "b")
            made.admin.sadd(prefix + b"s", "m")
            made.admin.zadd(prefix + b"z", {"m": 1})
            made.admin.xadd(prefix + b"x", {"f": "v"})
        yield made
        made.sql.close()
        made.serving.stop()


def readable(served: Served, name: str) -> set[tuple[str, bytes]]:
    """What a user can read whole, by RESP."""
    client = served.redis(username=name, password="pw")
    kinds = {b"string": "strings", b"hash": "hashes", b"list": "lists", b"set": "sets", b"zset": "zsets", b"stream": "streams"}
    more = {"LRANGE": ("0", "-1"), "ZRANGE": ("0", "-1"), "XRANGE": ("-", "+")}
    found = set()
    for key in served.admin.scan_iter():
        relation = kinds[served.admin.type(key)]
        command = RELATIONS[relation]
        try:
            client.execute_command(command, key, *more.get(command, ()))
        except redis.exceptions.NoPermissionError:
            continue
        found.add((relation, key))
    client.close()
    return found


@pytest.mark.parametrize("name", RULES)
def test_a_role_sees_what_it_can_read_as_a_client_of_redis(served: Served, name: str) -> None:
    role = f"r_{name.replace(' ', '_')}"
    with served.role(role, RULES[name]) as sql:
        expected = readable(served, role)
        for relation in RELATIONS:
            found = {bytes(key) for (key,) in sql.execute(f"SELECT raw_key FROM redis.{relation}")}
            assert found == {key for of, key in expected if of == relation}, relation
        keys = sql.execute("SELECT raw_key FROM redis.keys").fetchall()
        assert {bytes(key) for (key,) in keys} == {key for _, key in expected}
        assert sql.execute("SELECT count(*) FROM redis.keys").fetchone() == (len(expected),)
        assert sql.execute("SELECT count(*) FROM redis.keys WHERE db = 0").fetchone() == (len(expected),)


def test_nothing_tells_a_hidden_key_from_one_that_is_not_there(served: Served) -> None:
    with served.role("r_some", RULES["some"]) as sql:
        for relation in ("keys", *RELATIONS):
            for ask in ("SELECT * FROM redis.{0} WHERE key = '{1}'", "SELECT count(*) FROM redis.{0} WHERE key = '{1}'"):
                told = [sql.execute(ask.format(relation, key)).fetchall() for key in ("secret:1", "secret:1h", "secret:none")]
                assert told[0] == told[1] == told[2], relation
        plans = [
            [re.sub(r"time=[0-9.]+ ms", "", line) for (line,) in sql.execute(f"EXPLAIN ANALYZE {text}") if "Time:" not in line]
            for text in (
                "SELECT * FROM redis.hashes WHERE key = 'secret:1h'",
                "SELECT * FROM redis.hashes WHERE key = 'secret:0h'",
            )
        ]
        assert [line.replace("secret:1h", "?") for line in plans[0]] == [line.replace("secret:0h", "?") for line in plans[1]]
        whole = " ".join(line for (line,) in sql.execute("EXPLAIN ANALYZE SELECT count(*) FROM redis.keys"))
        assert "Kept count" in whole or "rows=12" in whole


def test_prepared_statements_transactions_and_joins_are_filtered(served: Served) -> None:
    with served.role("r_some", RULES["some"]) as sql:
        ask = "SELECT count(*) FROM redis.strings WHERE key = %s"
        for _ in range(7):
            assert sql.execute(ask, ("secret:1",), prepare=True).fetchone() == (0,)
            assert sql.execute(ask, ("app:1",), prepare=True).fetchone() == (1,)
        for level in ("SERIALIZABLE", "REPEATABLE READ"):
            sql.execute(f"BEGIN ISOLATION LEVEL {level}")
            assert sql.execute("SELECT count(*) FROM redis.strings").fetchone() == (2,)
            sql.execute("COMMIT")
        text = """
            SELECT k.key FROM (VALUES ('secret:1'), ('app:1')) k(key)
            LEFT JOIN LATERAL (SELECT 1 AS seen FROM redis.keys r WHERE r.key = k.key) s ON true WHERE seen = 1
        """
        assert sql.execute(text).fetchall() == [("app:1",)]
        assert sql.execute("SELECT sum(count)::int FROM redis.keys").fetchone() == (2 * (1 + 2 + 2 + 1 + 1 + 1),)


def test_rules_count_from_the_moment_that_they_change(served: Served) -> None:
    with served.role("r_changes", RULES["some"]) as sql:
        ask = "SELECT count(*) FROM redis.strings"
        assert sql.execute(ask).fetchone() == (2,)
        served.admin.execute_command("ACL", "SETUSER", "r_changes", "resetkeys", "~secret:*")
        assert sql.execute(ask).fetchone() == (1,)
        served.admin.execute_command("ACL", "SETUSER", "r_changes", "-get")
        assert sql.execute(ask).fetchone() == (0,)


def test_a_role_without_rules_sees_what_it_was_granted(served: Served) -> None:
    served.sql.execute("CREATE ROLE plain LOGIN PASSWORD 'pw'")
    served.sql.execute("GRANT SELECT ON redis.strings TO plain")
    with served.psycopg("plain", "pw") as sql:
        assert sql.execute("SELECT count(*) FROM redis.strings").fetchone() == (4,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            sql.execute("SELECT count(*) FROM redis.hashes")


def test_a_member_of_a_role_with_rules_sees_what_these_allow(served: Served) -> None:
    served.role("readers", "on >pw +@all ~app:*").close()
    served.sql.execute("CREATE ROLE member LOGIN PASSWORD 'pw' IN ROLE readers")
    served.sql.execute("CREATE ROLE free")
    served.sql.execute("GRANT SELECT ON redis.hashes TO free")
    with served.psycopg("member", "pw") as sql:
        assert sql.execute("SELECT count(*) FROM redis.strings").fetchone() == (2,)
        assert sql.execute("SELECT count(DISTINCT raw_key) FROM redis.hashes").fetchone() == (2,)
        served.sql.execute("GRANT free TO member")
        assert sql.execute("SELECT count(DISTINCT raw_key) FROM redis.hashes").fetchone() == (4,)
        assert sql.execute("SELECT count(*) FROM redis.strings").fetchone() == (2,)


def test_a_superuser_sees_all_whatever_its_rules(served: Served) -> None:
    assert served.sql.execute("SELECT count(*) FROM redis.keys").fetchone() == (24,)
    served.sql.execute("CREATE ROLE boss SUPERUSER LOGIN PASSWORD 'pw'")
    served.admin.execute_command("ACL", "SETUSER", "boss", "-@all", "resetkeys")
    with served.psycopg("boss", "pw") as sql:
        assert sql.execute("SELECT count(*) FROM redis.keys").fetchone() == (24,)


def test_nothing_is_copied_into_a_relation(served: Served) -> None:
    text = "COPY redis.strings (db, key, value) FROM STDIN"
    with pytest.raises(psycopg.errors.WrongObjectType, match=r'cannot copy to "redis\.strings"'), served.sql.cursor().copy(text):
        pass
    with served.sql.cursor().copy("COPY (SELECT key, value FROM redis.strings WHERE key = 'app:1') TO STDOUT") as copy:
        assert b"".join(copy) == b"app:1\ttext\n"
