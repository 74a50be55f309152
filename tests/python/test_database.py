"""The Python API and Redis clients on the same records; forks; closed handles; asyncio."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

import hyperdb
import hyperdb.aio
from hyperdb.errors import ClosedError, CommandError, LockedError, NotFoundError, WrongTypeError


@pytest.fixture
def db(tmp_path: Path) -> Iterator[hyperdb.Database]:
    with hyperdb.open(tmp_path / "data", sync="everysec", memory="16m") as opened:
        yield opened


@pytest.fixture
def client(db: hyperdb.Database) -> Iterator[redis.Redis]:
    with db.serve(resp="127.0.0.1:0") as serving:
        assert serving.resp_address is not None
        connection = redis.Redis(*serving.resp_address)
        yield connection
        connection.close()


def test_both_sides_write_the_same_records(db: hyperdb.Database, client: redis.Redis) -> None:
    app = db.app("redis/0")
    app.hash("user:1").update({"name": "Ada", "born": 1815})
    assert client.hgetall("user:1") == {b"name": b"Ada", b"born": b"1815"}
    client.hset("user:1", "name", "Lovelace")
    assert app.hash("user:1")["name"] == b"Lovelace"
    client.rpush("queue", "a", "b")
    assert list(app.list("queue")) == [b"a", b"b"]
    app.set("tags").add("x", "y")
    assert client.smembers("tags") == {b"x", b"y"}
    app.sorted_set("board").add({"ann": 1, "bob": 2.5})
    assert (
        client.zrange("board", 0, -1, withscores=True) == [(b"ann", 1.0), (b"bob", 2.5)] or client.zscore("board", "bob") == 2.5
    )


def test_numbered_databases_are_apps(db: hyperdb.Database, client: redis.Redis) -> None:
    client.select(3)
    client.set("k", "three")
    assert db.app("redis/3").get("k") == b"three"
    assert db.app("redis/0").get("k") is None
    db.app("shop").put("k", "own")
    assert db.app("shop").get("k") == b"own"
    assert client.dbsize() == 1


def test_a_push_from_python_wakes_a_blocked_client(db: hyperdb.Database, client: redis.Redis) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        popped = pool.submit(client.blpop, ["queue"], 20)
        while db.app("redis/0").execute("EXISTS", "queue") == 0 and not popped.done():
            db.app("redis/0").list("queue").append("job")
        assert popped.result(timeout=30) == (b"queue", b"job") or list(popped.result()) == [b"queue", b"job"]


def test_views_speak_as_containers(db: hyperdb.Database) -> None:
    app = db.app("redis/0")
    fields = app.hash("h")
    fields.update({f"f{number}": number for number in range(1000)})
    assert len(fields) == 1000
    assert dict(fields.items()) == fields.to_dict()
    del fields["f7"]
    assert "f7" not in fields
    with pytest.raises(NotFoundError):
        fields["f7"]
    queue = app.list("l")
    queue.append(*(str(number) for number in range(1200)))
    assert list(queue) == [b"%d" % number for number in range(1200)]
    assert queue[-1] == queue.pop() == b"1199"
    board = app.sorted_set("z")
    board.add({"low": -1.5, "high": float("inf"), "mid": 0.1})
    assert board.range() == [(b"low", -1.5), (b"mid", 0.1), (b"high", float("inf"))]
    assert board.rank("high") == 2
    assert board.by_score(-2, 1) == [(b"low", -1.5), (b"mid", 0.1)]
    assert sorted(app.ids()) == [b"h", b"l", b"z"]


def test_wrong_kinds_and_words_are_typed_errors(db: hyperdb.Database) -> None:
    app = db.app("redis/0")
    app.put("s", "text")
    with pytest.raises(WrongTypeError):
        len(app.list("s"))
    with pytest.raises(CommandError, match="unknown command"):
        app.execute("NOSUCH")
    with pytest.raises(CommandError, match="wrong number"):
        app.execute("GET")


def test_a_second_owner_is_told(db: hyperdb.Database) -> None:
    with pytest.raises(LockedError):
        hyperdb.open(db.path)


def test_a_closed_database_says_so(db: hyperdb.Database) -> None:
    db.close()
    db.close()
    with pytest.raises(ClosedError):
        db.app("redis/0")


def test_memory_leaves_nothing_behind() -> None:
    with hyperdb.open(":memory:", sync="everysec", memory="16m") as db:
        where = db.path
        db.app("redis/0").put("k", "v")
        assert where.exists()
    assert not where.exists()


def test_a_forked_child_is_refused_and_harms_nobody(db: hyperdb.Database) -> None:
    db.app("redis/0").put("k", "v")
    child = os.fork()
    if child == 0:
        try:
            db.app("redis/0").get("k")
        except hyperdb.errors.ForkedError:
            os._exit(7)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7
    assert db.app("redis/0").get("k") == b"v"


def test_a_password_is_asked_for_and_survives(tmp_path: Path) -> None:
    # Guesses are slowed down: who is refused does not ask again.
    once = Retry(NoBackoff(), 0)
    for password in ("secret", None):
        with (
            hyperdb.open(tmp_path / "data", sync="everysec", memory="16m") as db,
            db.serve(resp="127.0.0.1:0", password=password) as serving,
        ):
            assert serving.resp_address is not None
            with pytest.raises(redis.AuthenticationError):
                redis.Redis(*serving.resp_address, retry=once).ping()
            with pytest.raises(redis.AuthenticationError):
                redis.Redis(*serving.resp_address, password="wrong", retry=once).ping()
            assert redis.Redis(*serving.resp_address, password="secret", retry=once).ping()
    assert not any(b"secret" in path.read_bytes() for path in (tmp_path / "data").iterdir() if path.is_file())


def test_the_control_socket_is_private(db: hyperdb.Database, client: redis.Redis) -> None:
    assert stat.S_IMODE((db.path / "control.sock").stat().st_mode) == 0o600


def test_asyncio(tmp_path: Path) -> None:
    async def use() -> list[bytes]:
        async with hyperdb.aio.open(tmp_path / "data", sync="everysec", memory="16m") as db:
            app = db.app("redis/0")
            await asyncio.gather(*(app.put(f"k{number}", "v") for number in range(20)))
            assert await app.get("k7") == b"v"
            assert await app.remove("k7")
            return [found async for found in app.ids()]

    assert len(asyncio.run(use())) == 19
