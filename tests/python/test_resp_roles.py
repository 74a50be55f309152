"""Roles of SQL on Redis's wire: who may log in, with what rights, and what becomes of connections when a role changes.

Theory: a superuser has everything; another role has the commands about its connection, and of the keyspace the rows of tables
alone (`resp_prefix`), by its grants. Rights are those of now, also for who is connected already.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

import hyperdb

WRONG = "invalid username-password pair or user is disabled."
NO_KEY = "No permissions to access a key"


class Served:
    """A database with a table whose rows are hashes, and the role `ann`."""

    def __init__(self, database: hyperdb.Database, serving: Any) -> None:
        self.database = database
        self._serving = serving
        self._open: list[Any] = []
        self.sql("CREATE TABLE users (id int PRIMARY KEY, name text, age int) WITH (resp_prefix = 'user:')")
        self.sql("INSERT INTO users VALUES (1, 'Ada', 36)")
        self.sql("CREATE ROLE ann LOGIN PASSWORD 'secret'")

    def sql(self, text: str) -> None:
        self.database.sql(text)

    def client(self, name: str | None = None, password: str | None = None) -> Any:
        host, port = self._serving.resp_address
        # Guesses are slowed down: who is refused does not ask again.
        once = Retry(NoBackoff(), 0)
        account = {"username": name, "password": password}
        made = redis.Redis(host=host, port=port, socket_timeout=30, single_connection_client=True, retry=once, **account)
        self._open.append(made)
        return made

    def close(self) -> None:
        for each in self._open:
            each.close()


@pytest.fixture
def served() -> Iterator[Served]:
    with (
        hyperdb.open(":memory:", memory="32m", frames=None) as database,
        database.serve(resp="127.0.0.1:0", control=False) as serving,
    ):
        made = Served(database, serving)
        yield made
        made.close()


def refused(client: Any, *words: str) -> str:
    with pytest.raises(redis.ResponseError) as error:
        client.execute_command(*words)
    return str(error.value)


def ended(client: Any) -> bool:
    """Whether the server closes the connection, asked until it does."""
    connection = client.connection
    for _ in range(500):
        try:
            connection.send_command("PING", check_health=False)
            connection.read_response()
        except (redis.ConnectionError, OSError):
            return True
        time.sleep(0.01)
    return False


def test_a_role_reads_and_changes_rows_by_its_grants(served: Served) -> None:
    served.database.execute("redis/0", "SET", "secret", "1")
    ann = served.client("ann", "secret")
    assert ann.ping()
    assert refused(ann, "HGETALL", "user:1") == "permission denied for table users"
    served.sql("GRANT SELECT ON users TO ann")
    assert ann.hgetall("user:1") == {b"name": b"Ada", b"age": b"36"}
    assert refused(ann, "HSET", "user:1", "age", "37") == "permission denied for table users"
    served.sql("GRANT UPDATE (age), INSERT ON users TO ann")
    served.sql("GRANT UPDATE ON users TO ann")
    assert ann.hset("user:1", "age", "37") == 0
    assert refused(ann, "DEL", "user:1") == "permission denied for table users"
    served.sql("REVOKE ALL ON users FROM ann")
    assert refused(ann, "HGETALL", "user:1") == "permission denied for table users"


def test_redis_keys_are_for_superusers(served: Served) -> None:
    owner = served.client()
    owner.set("k", "v")
    ann = served.client("ann", "secret")
    for words in (("GET", "k"), ("SET", "k", "x"), ("DEL", "k"), ("KEYS", "*"), ("SCAN", "0"), ("DBSIZE",), ("FLUSHALL",)):
        assert refused(ann, *words) == NO_KEY
    for words in (("INFO",), ("CONFIG", "GET", "*"), ("MULTI",), ("PUBLISH", "c", "m"), ("SHUTDOWN",), ("HYPER.ROOT",)):
        assert refused(ann, *words).startswith("User ann has no permissions to run the '"), words
    assert refused(ann, "CLIENT", "LIST") == "User ann has no permissions to run the 'client|list' command"
    assert owner.get("k") == b"v"


def test_who_may_not_log_in(served: Served) -> None:
    served.sql("CREATE ROLE staff PASSWORD 'secret'")
    served.sql("CREATE ROLE open_door LOGIN")
    for name, password in (("ann", "wrong"), ("staff", "secret"), ("open_door", ""), ("nobody", "secret"), ("public", "x")):
        with pytest.raises(redis.AuthenticationError, match=WRONG):
            served.client(name, password).ping()


def test_a_superuser_has_everything_until_it_is_none(served: Served) -> None:
    served.sql("CREATE ROLE root SUPERUSER LOGIN PASSWORD 'secret'")
    root, ann = served.client("root", "secret"), served.client("ann", "secret")
    assert root.set("k", "v")
    assert root.client_list()
    assert ann.ping()
    served.sql("ALTER ROLE root NOSUPERUSER")
    assert ended(root)
    root = served.client("root", "secret")
    assert refused(root, "GET", "k") == NO_KEY
    assert ann.ping(), "another role's connection stays"
    served.sql("ALTER ROLE ann NOLOGIN")
    assert ended(ann)
    served.sql("DROP ROLE root")
    assert ended(root)
    with pytest.raises(redis.AuthenticationError, match=WRONG):
        served.client("root", "secret").ping()


def test_what_is_rolled_back_ends_nothing(served: Served) -> None:
    ann = served.client("ann", "secret")
    assert ann.ping()
    number = ann.client_id()
    with hyperdb.connect(served.database) as connection:
        connection.execute("DROP ROLE ann")
        connection.rollback()
    assert ann.client_id() == number
