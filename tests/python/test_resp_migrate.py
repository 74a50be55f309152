"""MIGRATE between two servers, and what a server that is alone says of slots and replicas."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

import hyperdb
from hyperdb.transfer.files import import_file


@contextmanager
def serving() -> Iterator[tuple[Any, int]]:
    """A client of a fresh server, and the server's port."""
    with (
        hyperdb.open(":memory:", memory="32m", frames=None) as database,
        database.serve(resp="127.0.0.1:0", control=False) as served,
    ):
        _, port = served.resp_address or ("", 0)
        with redis.Redis(port=port, single_connection_client=True) as client:
            yield client, port


def test_keys_of_every_kind_move_whole() -> None:
    with serving() as (here, _), serving() as (there, port):
        here.set("text", b"\x00\xff", px=100_000)
        here.rpush("list", 1, 2, 3)
        # Members of several have each store's own order.
        here.sadd("set", "a")
        here.hset("hash", mapping={"f": "v"})
        here.zadd("sorted", {"m": 1.5, "n": -2})
        here.xadd("stream", {"f": "v"}, id="5-1")
        here.xgroup_create("stream", "g", "0")
        names = sorted(here.keys())
        dumps = {name: here.dump(name) for name in names}
        assert here.execute_command("MIGRATE", "127.0.0.1", port, "", 4, 5000, "KEYS", *names, "none") == b"OK"
        assert here.keys() == []
        there.select(4)
        moved = there.keys()
        assert {name: there.dump(name) for name in moved} == dumps
        assert 0 < there.pttl("text") <= 100_000
        assert here.execute_command("MIGRATE", "127.0.0.1", port, "text", 4, 5000) == b"NOKEY"


def test_a_taken_key_stays_and_copies_leave_the_original() -> None:
    with serving() as (here, _), serving() as (there, port):
        here.set("k", "here")
        there.set("k", "there")
        move = ("MIGRATE", "127.0.0.1", port, "k", 0, 5000)
        with pytest.raises(redis.ResponseError, match="BUSYKEY"):
            here.execute_command(*move)
        assert (here.get("k"), there.get("k")) == (b"here", b"there")
        assert here.execute_command(*move, "COPY", "REPLACE") == b"OK"
        assert (here.get("k"), there.get("k")) == (b"here", b"here")


def test_connections_are_used_again_and_a_closed_one_is_made_anew() -> None:
    with serving() as (here, _):
        with serving() as (there, port):
            for key in ("a", "b"):
                here.set(key, "v")
                assert here.execute_command("MIGRATE", "127.0.0.1", port, key, 0, 5000) == b"OK"
                assert here.info("stats")["migrate_cached_sockets"] == 1
            there.client_kill_filter(_type="normal", skipme=True)
            here.set("c", "v")
            assert here.execute_command("MIGRATE", "127.0.0.1", port, "c", 0, 5000) == b"OK"
            assert sorted(there.keys()) == [b"a", b"b", b"c"]
        here.set("d", "v")
        with pytest.raises(redis.ResponseError, match="IOERR"):
            here.execute_command("MIGRATE", "127.0.0.1", port, "d", 0, 500)
        assert (here.get("d"), here.info("stats")["migrate_cached_sockets"]) == (b"v", 0)


def test_removal_looks_at_value_and_expiry_in_one_turn() -> None:
    with hyperdb.open(":memory:", memory="32m", frames=None) as database:
        database.execute("redis/3", "SET", "k", "v")
        holds, gone = [([b"GET", b"k"], b"$1\r\nv\r\n")], [([b"TTL", b"k"], b":5\r\n")]
        assert not database.execute_if(3, [*holds, *gone], [b"DEL", b"k"])
        assert not database.execute_if(3, [([b"NOSUCH"], b"")], [b"DEL", b"k"])
        assert database.execute("redis/3", "GET", "k") == b"v"
        assert database.execute_if(3, holds, [b"DEL", b"k"])
        assert database.execute("redis/3", "GET", "k") is None


def test_a_user_moves_only_keys_that_are_its_own() -> None:
    with serving() as (here, _), serving() as (_, port):
        here.set("mine:a", 1)
        here.set("other", 1)
        here.execute_command("ACL", "SETUSER", "u", "on", "nopass", "~mine:*", "+migrate")
        here.execute_command("AUTH", "u", "")
        for words in (("other", 0, 100), ("", 0, 100, "KEYS", "mine:a", "other")):
            with pytest.raises(redis.exceptions.NoPermissionError):
                here.execute_command("MIGRATE", "127.0.0.1", port, *words)
        assert here.execute_command("MIGRATE", "127.0.0.1", port, "", 0, 1000, "KEYS", "mine:a") == b"OK"


def test_slots_and_replicas_of_a_server_that_is_alone() -> None:
    with serving() as (client, _):
        client.mset({"foo": 1, "{foo}bar": 2, "other": 3})
        slot = client.execute_command("CLUSTER", "KEYSLOT", "foo")
        assert client.execute_command("CLUSTER", "COUNTKEYSINSLOT", slot) == 2
        assert sorted(client.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 9)) == [b"foo", b"{foo}bar"]
        assert len(client.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 1)) == 1
        node = client.execute_command("CLUSTER", "MYID")
        assert client.execute_command("CLUSTER", "COUNT-FAILURE-REPORTS", node) == 0
        for words in (("COUNTKEYSINSLOT", 16384), ("GETKEYSINSLOT", 0, -1), ("COUNT-FAILURE-REPORTS", "nobody")):
            with pytest.raises(redis.ResponseError):
                client.execute_command("CLUSTER", *words)
        assert client.execute_command("RESTORE-ASKING", "copy", 0, client.dump("foo")) == b"OK"
        assert client.get("copy") == b"1"
        for words in (
            ("SYNC",),
            ("PSYNC", "?", -1),
            ("REPLCONF", "listening-port", 1),
            ("REPLCONF", "rdb-filter-only", "functions"),
        ):
            with pytest.raises(redis.ResponseError, match="does not replicate"):
                client.execute_command(*words)


def test_sync_gives_the_data_set_alone_to_whom_asks_for_no_more(tmp_path: Path) -> None:
    with serving() as (client, _):
        client.hset("h", "f", "v")
        assert client.execute_command("REPLCONF", "capa", "eof", "rdb-only", 1) == b"OK"
        data_set = client.execute_command("SYNC")
        with pytest.raises(redis.ResponseError, match="does not replicate"):
            client.execute_command("SYNC")
        client.execute_command("REPLCONF", "rdb-only", 1)
        client.execute_command("REPLCONF", "rdb-only", 0)
        for words in (("SYNC",), ("REPLCONF", "rdb-only", 2), ("REPLCONF", "rdb-only")):
            with pytest.raises(redis.ResponseError):
                client.execute_command(*words)
    dump = tmp_path / "dump.rdb"
    dump.write_bytes(data_set)
    with hyperdb.open(":memory:", memory="32m", frames=None) as database:
        import_file(database, {"path": str(dump)}, lambda *_: None)
        assert database.execute("redis/0", "HGETALL", "h") == {b"f": b"v"}
