"""Redis's clients on a remote store: the answers of the store itself, by requests that say no more than the level."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

import hyperdb
from hyperdb import Database, StoreKey
from hyperdb.frontends.resp import table
from hyperdb.oblivious.http import following
from hyperdb.oblivious.http.publisher import Publisher
from hyperdb.remote import Remote
from hyperdb.remote.needs import NEEDS, PASSED, Refusal, reading
from hyperdb.remote.overlay import Overlay
from hyperdb.values import Publishing

from .conftest import APP, fill

READS: tuple[tuple[str | int | float, ...], ...] = (
    ("GET", "user:3"), ("GET", "nobody"), ("MGET", "user:1", "nobody", "user:2"), ("STRLEN", "large"),
    ("GETRANGE", "large", 5, 9),
    ("EXISTS", "user:1", "user:1", "hash:2", "none"), ("TYPE", "hash:2"), ("TYPE", "scores"), ("TTL", "user:1"),
    ("EXPIRETIME", "timed"), ("OBJECT", "ENCODING", "list"), ("BITCOUNT", "user:4"), ("GETBIT", "user:4", 3),
    ("HGET", "hash:3", "field 2"), ("HGET", "hash:3", "none"), ("HGET", "nobody", "x"), ("HMGET", "hash:3", "field 1", "none"),
    ("HEXISTS", "hash:3", "field 1"), ("HLEN", "hash:5"), ("HGETALL", "hash:3"), ("HKEYS", "hash:4"), ("HVALS", "nobody"),
    ("HSCAN", "hash:3", 0), ("SISMEMBER", "set", "member 3"), ("SMISMEMBER", "set", "member 3", "none"), ("SCARD", "set"),
    ("SMEMBERS", "set"), ("SINTER", "set", "set"), ("SINTERCARD", 2, "set", "set"), ("LLEN", "list"), ("LRANGE", "list", 2, -3),
    ("LINDEX", "list", -1), ("LPOS", "list", "item 4"), ("ZSCORE", "scores", "player 4"),
    ("ZMSCORE", "scores", "player 4", "none"),
    ("ZCARD", "scores"), ("ZRANGE", "scores", 2, 9, "WITHSCORES"), ("ZRANGE", "scores", 1, 3, "BYSCORE"),
    ("ZRANK", "scores", "player 7"), ("ZCOUNT", "scores", 1, 4), ("ZREVRANGE", "scores", 0, 3), ("ZUNION", 2, "scores", "scores"),
    ("GET", "hash:3"), ("HGET", "user:3", "field"), ("LRANGE", "user:3", 0, 1), ("GET",), ("HGET", "hash:3"), ("NONSENSE", "x"),
    ("PING",), ("ECHO", "x"), ("SELECT", "0"),
    ("XLEN", "stream"), ("XRANGE", "stream", "-", "+"), ("XREVRANGE", "stream", "+", "-", "COUNT", 2),
    ("XINFO", "GROUPS", "stream"), ("XINFO", "STREAM", "stream"),
    ("XPENDING", "stream", "readers"), ("XPENDING", "stream", "nobody"), ("XREAD", "STREAMS", "stream", "$"),
    ("XREAD", "COUNT", 2, "STREAMS", "stream", "none", "3-0", "0"), ("XREAD", "STREAMS", "stream"), ("XINFO", "HELP"),
    ("XINFO", "NONSENSE", "stream"), ("XINFO", "GROUPS", "user:1"),
    ("XINFO", "STREAM", "nobody"),
)  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """A store's own port, and that of a client of it."""

    db: Database
    publisher: Publisher
    remote: Remote
    plain: redis.Redis
    private: redis.Redis


def _client(address: tuple[str, int] | None, protocol: int = 2) -> redis.Redis:
    assert address is not None
    return redis.Redis(*address, protocol=protocol, socket_timeout=60)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    state: Path = tmp_path_factory.mktemp("state")
    with hyperdb.open(":memory:", frames=None) as db:
        fill(db, count=40)
        publishing = Publishing((APP,), work_bits=0)
        with db.serve(resp="127.0.0.1:0", http="127.0.0.1:0", publish=publishing, control=False) as serving:
            assert serving.publisher is not None and serving.http_address is not None
            serving.publisher.renew(APP)
            url = "http://{}:{}".format(*serving.http_address)
            key = StoreKey(db.frames.public_key)
            with (
                hyperdb.connect(url, key=key, privacy="pir", state=state, follow=None) as remote,
                remote.serve(resp="127.0.0.1:0") as proxy,
                _client(serving.resp_address) as plain,
                _client(proxy.resp_address) as private,
            ):
                yield Pair(db, serving.publisher, remote, plain, private)


def _address(client: redis.Redis) -> tuple[str, int]:
    found = client.connection_pool.connection_kwargs
    return found["host"], found["port"]


def _reply(client: redis.Redis, *words: str | int | float) -> object:
    try:
        return client.execute_command(*words)
    except redis.ResponseError as error:
        return type(error), str(error)


@pytest.mark.parametrize("level", ["pir", "none", "full"])
def test_replies_are_those_of_the_store(pair: Pair, level: str) -> None:
    assert _reply(pair.private, "HYPER.PRIVACY", level) == b"OK"
    for words in READS:
        assert _reply(pair.private, *words) == _reply(pair.plain, *words), words


def test_lists_of_keys_are_read_at_full_alone(pair: Pair) -> None:
    wanted = (("DBSIZE",), ("KEYS", "user:1*"), ("SCAN", 0, "COUNT", 100))
    _reply(pair.private, "HYPER.PRIVACY", "pir")
    for words in wanted:
        assert str(_reply(pair.private, *words)).startswith("(<class") and "at 'full'" in str(_reply(pair.private, *words))
    _reply(pair.private, "HYPER.PRIVACY", "full")
    for words in wanted:
        assert _reply(pair.private, *words) == _reply(pair.plain, *words)
    _reply(pair.private, "HYPER.PRIVACY", "bucket(8)")
    assert _reply(pair.private, "GET", "user:5") == _reply(pair.plain, "GET", "user:5")
    assert "blocks are of elements" in str(_reply(pair.private, "HGET", "hash:3", "field 1"))
    assert _reply(pair.private, "HYPER.PRIVACY") == b"bucket(8)"
    assert "a privacy level is" in str(_reply(pair.private, "HYPER.PRIVACY", "some"))


def test_nothing_is_written(pair: Pair) -> None:
    _reply(pair.private, "HYPER.PRIVACY", "pir")
    for words in (("SET", "user:1", "x"), ("DEL", "user:1"), ("FLUSHALL",), ("LPUSH", "list", "x"), ("EXPIRE", "user:1", 1)):
        assert "is read here" in str(_reply(pair.private, *words)), words
    for words in (("HYPER.PROVE", "user:1"), ("HYPER.SEAL",), ("SHUTDOWN",), ("CONFIG", "SET", "maxclients", "5")):
        assert "not run on a remote" in str(_reply(pair.private, *words)), words


def test_transactions_hold_what_was_fetched(pair: Pair) -> None:
    _reply(pair.private, "HYPER.PRIVACY", "pir")
    queue = pair.private.pipeline(transaction=True)
    queue.get("user:1")
    queue.hgetall("hash:2")
    assert queue.execute() == [pair.plain.get("user:1"), pair.plain.hgetall("hash:2")]
    with pair.private.client() as one:
        assert one.execute_command("MULTI") == b"OK"
        with pytest.raises(redis.ResponseError, match="is read here"):
            one.execute_command("SET", "a", "b")
        with pytest.raises(redis.ResponseError, match=r"EXECABORT|discarded"):
            one.execute_command("EXEC")
        assert one.execute_command("GET", "user:1") == pair.plain.get("user:1")


def test_the_newer_protocol_works_too(pair: Pair) -> None:
    with _client(_address(pair.private), protocol=3) as client:
        assert client.hgetall("hash:2") == pair.plain.hgetall("hash:2")
        assert client.zrange("scores", 0, 3, withscores=True) != []
        assert client.ping() is True


def test_an_app_that_is_not_published_is_refused(pair: Pair) -> None:
    with pair.private.client() as one:
        one.execute_command("SELECT", 3)
        with pytest.raises(redis.ResponseError, match="does not publish 'redis/3'"):
            one.execute_command("GET", "x")
        one.execute_command("SELECT", 0)


def test_a_newer_epoch_replaces_all_that_was_fetched(pair: Pair) -> None:
    _reply(pair.private, "HYPER.PRIVACY", "pir")
    assert pair.private.get("user:6") == pair.plain.get("user:6")
    before = pair.plain.hgetall("hash:1")
    pair.db.app(APP).put("user:6", b"now")
    pair.db.execute(APP, "DEL", "hash:1")
    assert pair.private.hgetall("hash:1") == before, "an epoch does not change"
    pair.publisher.renew(APP)
    pair.remote.refresh()
    assert pair.private.get("user:6") == b"now"
    assert pair.private.hgetall("hash:1") == {}


def test_every_command_is_in_a_table_or_refused() -> None:
    """What the tables do not name is refused, with a reason where there is one: also what is added later."""
    known = set(table.commands())
    assert set(NEEDS) <= known and known >= PASSED and not PASSED & set(NEEDS)
    for row in table.served():
        words = [word.encode() for word in row.name.split("|")] + [b"a"] * 8
        found = reading(words)
        is_read = row.executor is table.Executor.NATIVE and "readonly" in row.flags and "blocking" not in row.flags
        assert found is None or isinstance(found, Refusal) or row.name in NEEDS, row.name
        assert not is_read or row.name in NEEDS or isinstance(found, Refusal), row.name
        assert row.name not in PASSED or not ({"write", "blocking"} & set(row.flags) or row.first or row.keys), row.name


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("MONITOR", "what others ask"),
        ("CLIENT TRACKING ON", "nobody is told"),
        ("SUBSCRIBE a", "nobody is told"),
        ("UNSUBSCRIBE a b", "nobody is told"),
        ("SCRIPT LOAD x", "not known before it runs"),
        ("FUNCTION LIST", "not known before it runs"),
        ("HYPER.ROOT", "verified already"),
        ("ACL SETUSER default nopass", "not run on a remote store"),
        ("CONFIG GET requirepass", "not run on a remote store"),
        ("CLIENT KILL TYPE normal", "not run on a remote store"),
        ("CLIENT PAUSE 10000", "not run on a remote store"),
        ("CLUSTER SLOTS", "not run on a remote store"),
        ("XREAD BLOCK 0 STREAMS stream $", "waits for writes"),
        ("XREADGROUP GROUP readers one STREAMS stream >", "is read here"),
    ],
)
def test_what_is_refused_says_why_and_leaves_replies_in_step(pair: Pair, words: str, why: str) -> None:
    """A reply too many, as of UNSUBSCRIBE with two channels, would be taken for the answer to the next question."""
    with _client(_address(pair.private), protocol=3) as client:
        assert why in str(_reply(client, *words.split()))
        assert _reply(client, "GET", "user:1") == pair.plain.get("user:1")


def test_a_connection_that_is_reset_reads_on(pair: Pair) -> None:
    with pair.private.client() as one:
        one.execute_command("HYPER.PRIVACY", "full")
        assert one.execute_command("RESET") in (b"RESET", "RESET")
        assert one.execute_command("HYPER.PRIVACY") == b"pir"
        assert one.execute_command("GET", "user:1") == pair.plain.get("user:1")


def test_what_was_watched_and_became_newer_ends_a_transaction(pair: Pair) -> None:
    for protocol in (2, 3):
        with _client(_address(pair.private), protocol=protocol) as client, client.client() as one:
            one.execute_command("WATCH", "user:9")
            before = one.execute_command("GET", "user:9")
            one.execute_command("MULTI")
            one.execute_command("GET", "user:9")
            assert one.execute_command("EXEC") == [before], "nothing was newer"
            one.execute_command("WATCH", "user:9")
            pair.db.app(APP).put("user:9", b"watched %d" % protocol)
            pair.publisher.renew(APP)
            pair.remote.refresh()
            one.execute_command("GET", "user:9")
            one.execute_command("MULTI")
            one.execute_command("GET", "user:9")
            assert one.execute_command("EXEC") is None
            one.execute_command("UNWATCH")
            with pytest.raises(redis.ResponseError, match="wrong number"):
                one.execute_command("WATCH")


def test_bytes_that_are_no_request_end_the_connection(pair: Pair, capfd: pytest.CaptureFixture[str]) -> None:
    for sent in (
        b"x" * 200_000 + b"\r\n",
        b"*1\r\n$-5\r\n",
        b"*99999999\r\n",
        b"*1\r\n:5\r\n",
        b"*2\r\n$3\r\nGET\r\n$99999999\r\n",
    ):
        with socket.create_connection(_address(pair.private), timeout=30) as connection:
            connection.sendall(sent)
            assert connection.recv(100).startswith(b"-ERR Protocol error"), sent[:20]
    assert pair.private.ping() and capfd.readouterr() == ("", "")


def test_commands_are_explained_before_they_are_sent(pair: Pair) -> None:
    _reply(pair.private, "HYPER.PRIVACY", "pir")
    lines = _reply(pair.private, "HYPER.PRIVACY", "EXPLAIN", "HGETALL", "hash:1")
    assert isinstance(lines, list) and lines[0] == b"HGETALL at pir" and any(b"2 pages" in line for line in lines)
    _reply(pair.private, "HYPER.PRIVACY", "bucket(8)")
    lines = _reply(pair.private, "HYPER.PRIVACY", "explain", "GET", "user:1")
    assert isinstance(lines, list) and any(b"K = " in line for line in lines)
    for words in (("SET", "a", "b"), ("KEYS", "*"), ("PING",), ("HYPER.PROVE", "a")):
        assert "PRIVACY" in str(_reply(pair.private, "HYPER.PRIVACY", "EXPLAIN", *words)) or "nothing" in str(words)


def test_what_is_written_after_the_epoch_is_read(pair: Pair, tmp_path: Path) -> None:
    pair.publisher.renew(APP)
    key = StoreKey(pair.db.frames.public_key)
    with (
        hyperdb.connect(pair.remote.url, key=key, privacy="pir", state=tmp_path, follow=1e6, refresh=1e6) as remote,
        remote.serve(resp="127.0.0.1:0") as proxy,
        _client(proxy.resp_address) as private,
    ):
        for level in ("pir", "full", "none"):
            assert _reply(private, "HYPER.PRIVACY", level) == b"OK"
            pair.plain.set("user:1", f"new at {level}")
            pair.plain.hset("hash:3", "field 2", f"new at {level}")
            pair.plain.delete("user:2" if level == "pir" else "hash:2")
            pair.plain.rpush("list", level)
            pair.db.seal()
            remote.refresh()
            for words in READS:
                assert _reply(private, *words) == _reply(pair.plain, *words), (level, words)
        assert _reply(private, "HYPER.PRIVACY", "full") == b"OK"
        assert _reply(private, "DBSIZE") == _reply(pair.plain, "DBSIZE")
        assert sorted(private.keys()) == sorted(pair.plain.keys())


@pytest.mark.parametrize(
    "words", ["EVAL script 0", "EVAL_RO script 0", "EVALSHA sha 0", "EVALSHA_RO sha 0", "FCALL f 0", "FCALL_RO f 0"]
)
def test_scripts_are_refused_since_what_they_read_is_not_known(words: str) -> None:
    """Also those that name no keys: they would find nothing here, and say that there is nothing."""
    assert isinstance(reading(words.encode().split()), Refusal)


def test_at_full_only_what_moved_is_written(pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values, fields, collections that come, go and come again under their names, between two deltas of one epoch."""
    # A delta for each step, however soon it comes behind the last.
    monkeypatch.setattr(following, "_LEAST_SECONDS", 0.0)
    monkeypatch.setattr(following, "_SHARE", 0.0)
    pair.publisher.renew(APP)
    key = StoreKey(pair.db.frames.public_key)
    steps: tuple[tuple[tuple[str | int | float, ...], ...], ...] = (
        (("SET", "user:1", "a"), ("HSET", "hash:4", "new", "b"), ("DEL", "hash:5"), ("SADD", "born", "x", "y"),
         ("RPUSH", "list", "z")),
        (("SADD", "hash:5", "again"), ("DEL", "born"), ("ZADD", "scores", 5, "moved"), ("DEL", "user:3"),
         ("XADD", "stream", "9-0", "f", "v")),
        (("HSET", "born", "f", "v"), ("DEL", "hash:5"), ("HDEL", "hash:4", "new"), ("SET", "user:3", "b", "EX", 999_999)),
        (("DEL", "born", "hash:4"), ("HSET", "hash:5", "last", "c"), ("ZREM", "scores", "moved"), ("XDEL", "stream", "9-0")),
        (("DEL", "hash:5", "user:3"),),
    )  # fmt: skip
    wanted = (
        *READS, ("DBSIZE",), ("HGETALL", "hash:5"), ("SMEMBERS", "hash:5"), ("HGETALL", "hash:4"), ("TYPE", "born"),
        ("SMEMBERS", "born"), ("HGETALL", "born"), ("PEXPIRETIME", "user:3"),
    )  # fmt: skip
    with (
        hyperdb.connect(pair.remote.url, key=key, privacy="full", state=tmp_path, follow=1e6, refresh=1e6) as remote,
        remote.serve(resp="127.0.0.1:0") as proxy,
        _client(proxy.resp_address) as private,
    ):
        assert private.dbsize() == pair.plain.dbsize()
        monkeypatch.setattr(Overlay, "forget", lambda _overlay, app: pytest.fail(f"{app} was written anew"))
        for commands in steps:
            for words in commands:
                pair.plain.execute_command(*words)
            pair.db.seal()
            remote.refresh()
            for words in wanted:
                assert _reply(private, *words) == _reply(pair.plain, *words), (commands, words)
            assert sorted(private.keys()) == sorted(pair.plain.keys())
