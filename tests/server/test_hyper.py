"""HYPER.* as a Redis client sees it: both protocols, wrong arguments, in MULTI, absent keys, lists, before the first frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

import hyperdb
from hyperdb import Root
from hyperdb.commitment.verify import Absent, Answer, Attested, Complete, Found, Removed
from hyperdb.commitment.verify import verify as verify_in_python


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hyperdb.Database]:
    path = tmp_path_factory.mktemp("hyper") / "data"
    with hyperdb.open(path, sync="everysec", memory="16m", frames=None) as database:
        yield database


@pytest.fixture(scope="module")
def port(db: hyperdb.Database) -> Iterator[int]:
    with db.serve(resp="127.0.0.1:0", control=False) as serving:
        assert serving.resp_address is not None
        yield serving.resp_address[1]


@pytest.fixture(params=[2, 3])
def client(db: hyperdb.Database, port: int, request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    with redis.Redis(port=port, protocol=request.param) as connection:
        connection.flushall()
        connection.set("k", "v")
        connection.set("gone", "x")
        connection.hset("h", mapping={f"f{number}": number for number in range(20)})
        connection.rpush("l", "a", "b", "c")
        connection.zadd("z", {"one": 1, "two": 2})
        connection.execute_command("HYPER.SEAL")
        connection.delete("gone")
        connection.execute_command("HYPER.SEAL")
        yield connection


def as_map(reply: Any) -> dict[bytes, Any]:
    """A map of RESP3, or the list of pairs that RESP2 has instead."""
    return reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))


def answer(client: redis.Redis, *words: str | bytes) -> Answer:
    """What a proof shows under the root that the server tells."""
    bundle = client.execute_command(*words)
    root = bytes.fromhex(as_map(client.execute_command("HYPER.ROOT"))[b"root"].decode())
    (shown,) = hyperdb.verify(bundle, trusted=Root(root), app="redis/0").answers
    return shown


def test_root_seal_and_frame(client: redis.Redis, db: hyperdb.Database) -> None:
    newest = as_map(client.execute_command("HYPER.ROOT"))
    assert newest[b"root"].decode() == db.frames.get(newest[b"frame"]).root.hex()
    assert bytes.fromhex(newest[b"store-key"].decode()) == db.frames.public_key
    sealed = as_map(client.execute_command("HYPER.SEAL"))
    assert sealed[b"frame"] == newest[b"frame"] + 1
    frame = as_map(client.execute_command("HYPER.FRAME", sealed[b"frame"]))
    assert (frame[b"header"], frame[b"public-key"], frame[b"signature"]) == db.frames.signed(sealed[b"frame"])


def test_each_proof_verifies_under_the_root(client: redis.Redis) -> None:
    found = answer(client, "HYPER.PROVE", "k")
    assert isinstance(found, Found) and found.row.value == b"v"
    assert isinstance(answer(client, "HYPER.PROVE", "nobody"), Absent)
    field = answer(client, "HYPER.PROVE", "h", "f7")
    assert isinstance(field, Found) and field.row.value == b"7"
    assert answer(client, "HYPER.PROVE", "h", "no such field") == Absent(field.query.__class__(b"h", b"no such field"), True)
    absent = answer(client, "HYPER.PROVE", "nobody", "f")
    assert isinstance(absent, Absent) and absent.collection is False
    rows = answer(client, "HYPER.PROVEROWS", "h")
    assert isinstance(rows, Complete) and {row.name: row.value for row in rows.rows} == client.hgetall("h")
    count = answer(client, "HYPER.PROVECOUNT", "z")
    assert isinstance(count, Attested) and count.count == 2
    assert isinstance(answer(client, "HYPER.PROVEREMOVED", "gone"), Removed)


def test_removed_members_ranges_and_several_keys(client: redis.Redis) -> None:
    client.hdel("h", "f3")
    client.zadd("z", {"three": 3, "half": 0.5})
    client.execute_command("HYPER.SEAL")
    assert isinstance(answer(client, "HYPER.PROVEREMOVED", "h", "f3"), Removed)
    rows = answer(client, "HYPER.PROVEROWS", "z", "FROM", "1", "BELOW", "3")
    assert isinstance(rows, Complete) and [row.name[8:] for row in rows.rows] == [b"one", b"two"]
    for words, count in ((("from", "1"), 3), (("below", "1"), 1), (("below", "inf", "from", "-inf"), 4), (("FROM", "9"), 0)):
        counted = answer(client, "HYPER.PROVECOUNT", "z", *words)
        assert isinstance(counted, Attested) and counted.count == count
    items = answer(client, "HYPER.PROVEROWS", "l", "FROM", "1")
    assert isinstance(items, Complete) and [row.value for row in items.rows] == [b"b", b"c"]
    half = answer(client, "HYPER.PROVECOUNT", "h", "BELOW", "80"), answer(client, "HYPER.PROVECOUNT", "h", "FROM", "80")
    assert sum(part.count for part in half if isinstance(part, Attested)) == client.hlen("h")
    bundle = client.execute_command("HYPER.MPROVE", "k", "nobody", "h")
    root = bytes.fromhex(as_map(client.execute_command("HYPER.ROOT"))[b"root"].decode())
    shown = hyperdb.verify(bundle, trusted=Root(root), app="redis/0").answers
    assert [type(one) for one in shown] == [Found, Absent, Found]


def test_lists_are_proved_by_index(client: redis.Redis) -> None:
    client.lpush("l", "before")
    client.execute_command("HYPER.SEAL")
    for index in range(4):
        shown = answer(client, "HYPER.PROVE", "l", str(index))
        assert isinstance(shown, Found) and shown.row.value == client.lindex("l", index)
    assert isinstance(answer(client, "HYPER.PROVE", "l", "4"), Absent)
    for wrong in ("-1", "first", "9" * 30, ""):
        with pytest.raises(redis.ResponseError, match="index"):
            client.execute_command("HYPER.PROVE", "l", wrong)


def test_another_database_is_another_app(client: redis.Redis, port: int) -> None:
    with redis.Redis(port=port, db=3) as other:
        other.set("k", "elsewhere")
        root = bytes.fromhex(as_map(other.execute_command("HYPER.SEAL"))[b"root"].decode())
        bundle = other.execute_command("HYPER.PROVE", "k")
    (shown,) = verify_in_python(bundle, trusted=Root(root), app="redis/3").answers
    assert isinstance(shown, Found) and shown.row.value == b"elsewhere"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("HYPER.PROVE",), "wrong number of arguments"),
        (("HYPER.PROVE", "k", "f", "g"), "wrong number of arguments"),
        (("HYPER.ROOT", "x"), "wrong number of arguments"),
        (("HYPER.SEAL", "x"), "wrong number of arguments"),
        (("HYPER.FRAME",), "wrong number of arguments"),
        (("HYPER.PROVEROWS",), "wrong number of arguments"),
        (("HYPER.MPROVE",), "wrong number of arguments"),
        (("HYPER.PROVECOUNT", "h", "x"), "syntax error"),
        (("HYPER.PROVEROWS", "h", "FROM"), "syntax error"),
        (("HYPER.PROVEROWS", "h", "FROM", "40", "FROM", "50"), "syntax error"),
        (("HYPER.PROVEROWS", "h", "ABOVE", "40"), "syntax error"),
        (("HYPER.PROVEROWS", "h", "FROM", "field"), "hexadecimal digits"),
        (("HYPER.PROVEROWS", "h", "FROM", "00" * 9), "8 bytes"),
        (("HYPER.PROVEROWS", "h", "FROM", "50", "BELOW", "50"), "nothing lies between"),
        (("HYPER.PROVEROWS", "z", "FROM", "much"), "a score"),
        (("HYPER.PROVEROWS", "z", "FROM", "nan"), "a score"),
        (("HYPER.PROVECOUNT", "l", "BELOW", "-1"), "an index"),
        (("HYPER.PROVECOUNT", "l", "FROM", "9" * 30), "an index"),
        (("HYPER.PROVEROWS", "k", "FROM", "1"), "none under this key"),
        (("HYPER.PROVEREMOVED", "gone", "f", "g"), "wrong number of arguments"),
        (("HYPER.PROVEREMOVED", "h", "f3"), "NOPROOF"),
        (("HYPER.PROVEREMOVED",), "wrong number of arguments"),
        (("HYPER.FRAME", "one"), "not an integer"),
        (("HYPER.FRAME", "-1"), "not an integer"),
        (("HYPER.FRAME", "9" * 19), "NOFRAME"),
        (("HYPER.FRAME", "0"), "NOFRAME"),
        (("HYPER.PROVEREMOVED", "k"), "NOPROOF"),
        (("HYPER.PROVEREMOVED", "never there"), "NOPROOF"),
        (("HYPER.NOTHING",), "unknown command"),
    ],
)
def test_what_is_refused(client: redis.Redis, words: tuple[str, ...], said: str) -> None:
    with pytest.raises(redis.ResponseError) as refused:
        client.execute_command(*words)
    assert said in f"{getattr(refused.value, 'error_class', '')} {refused.value}"
    assert client.get("k") == b"v"


def test_in_a_transaction_frames_are_of_before_it(client: redis.Redis) -> None:
    """Administration answers before EXEC runs the other commands, so what they write is in the next frame."""
    with client.pipeline(transaction=True) as pipe:
        pipe.set("k", "later").execute_command("HYPER.SEAL")
        pipe.execute_command("HYPER.PROVE", "k")
        _, sealed, bundle = pipe.execute()
    root = Root(bytes.fromhex(as_map(sealed)[b"root"].decode()))
    (before,) = hyperdb.verify(bundle, trusted=root).answers
    assert isinstance(before, Found) and before.row.value == b"v"
    client.execute_command("HYPER.SEAL")
    after = answer(client, "HYPER.PROVE", "k")
    assert isinstance(after, Found) and after.row.value == b"later"
    with client.pipeline(transaction=True) as pipe:
        pipe.set("k", "third").execute_command("HYPER.PROVEREMOVED", "k")
        # The second one fails at EXEC, not before, so the first one holds: Redis does not roll back either.
        done, refused = pipe.execute(raise_on_error=False)
    assert done is True and "is there" in str(refused) and client.get("k") == b"third"


def test_before_the_first_frame(tmp_path: Path) -> None:
    with (
        hyperdb.open(tmp_path / "data", sync="everysec", memory="16m", frames=None) as database,
        database.serve(resp="127.0.0.1:0", control=False) as serving,
    ):
        assert serving.resp_address is not None
        with redis.Redis(port=serving.resp_address[1]) as connection:
            assert connection.execute_command("HYPER.ROOT") is None
            for words in (("HYPER.PROVE", "k"), ("HYPER.PROVE", "k", "f"), ("HYPER.PROVEROWS", "k"), ("HYPER.FRAME", "1")):
                with pytest.raises(redis.ResponseError, match="sealed yet"):
                    connection.execute_command(*words)
            assert connection.info("frames")["frame_number"] == 0
            connection.set("k", "v")
            assert as_map(connection.execute_command("HYPER.SEAL"))[b"frame"] == 1
            assert connection.info("frames")["frame_number"] == 1 and connection.info("frames")["frame_last_failure"] == ""


def test_a_frame_behind_the_horizon_is_still_shown(tmp_path: Path) -> None:
    with hyperdb.open(tmp_path / "data", sync="everysec", memory="16m", frames=None) as database:
        for number in range(70):
            database.app("redis/0").put("k", str(number))
            database.seal()
        with database.serve(resp="127.0.0.1:0", control=False) as serving:
            assert serving.resp_address is not None
            with redis.Redis(port=serving.resp_address[1]) as connection:
                assert as_map(connection.execute_command("HYPER.ROOT"))[b"horizon"] == 7
                shown = as_map(connection.execute_command("HYPER.FRAME", 1))
                assert shown[b"header"] == database.frames.signed(1)[0]


@pytest.mark.parametrize("level", ["pir", "bucket(64)", "cover(4, 64)", "full", "pir@shard"])
def test_the_store_itself_refuses_every_level_of_privacy(client: redis.Redis, level: str) -> None:
    with pytest.raises(redis.ResponseError, match=r"this port is the store's own.*--remote"):
        client.execute_command("HYPER.PRIVACY", level)
    assert client.execute_command("HYPER.PRIVACY") == b"none"
    assert client.execute_command("HYPER.PRIVACY", "none") in (b"OK", "OK")
    with pytest.raises(redis.ResponseError, match="a privacy level is"):
        client.execute_command("HYPER.PRIVACY", "some")
    with pytest.raises(redis.ResponseError, match="arguments"):
        client.execute_command("HYPER.PRIVACY", level, "more")
