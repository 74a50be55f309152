"""Serving from the command line and from a host process: clean ends, refusals, backups beside writers, who hears of whom."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

import hyperdb
from hyperdb.errors import LockedError

HYPERDB = str(Path(sys.executable).parent / "hyperdb")
PATIENCE = 60


def run(*words: str | Path, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HYPERDB, *map(str, words)], input=text, capture_output=True, text=True, timeout=PATIENCE, check=False)


@contextmanager
def served(directory: Path, resp: str = "127.0.0.1:0", sync: str = "everysec") -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server process that is ready, and what it said about its address."""
    words = [HYPERDB, "serve", str(directory), "--resp", resp, "--sync", sync, "--memory", "16m"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = next(line for line in process.stdout if line.startswith("ready"))
        try:
            yield process, ready.removeprefix("ready ").strip()
        finally:
            if process.poll() is None:
                process.kill()


def _port(told: str) -> int:
    return int(told.rpartition(":")[2])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("sync", ["always", "everysec"])
def test_a_signal_stops_cleanly(tmp_path: Path, number: signal.Signals, sync: str) -> None:
    directory = tmp_path / "data"
    with served(directory, sync=sync) as (process, told), redis.Redis(port=_port(told)) as client:
        for i in range(50):
            client.set(f"k{i}", i)
        assert (directory / "control.sock").exists()
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    assert "stopping" in out
    assert not (directory / "control.sock").exists()
    with hyperdb.open(directory, create=False, memory="16m") as db:
        assert len(db.app("redis/0")) == 50
        assert db.check() == []


def test_every_verb_without_listeners(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    with served(directory, resp="off") as (process, told):
        assert told == "without listeners"
        assert run("shell", directory, text="set k v\nget k\n").stdout.splitlines() == ["OK", '"v"']
        assert "no problem found" in run("check", directory).stdout
        assert "commit" in run("stats", directory).stdout
        assert run("backup", directory, tmp_path / "copy").returncode == 0
        process.terminate()
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert run("shell", tmp_path / "copy", text="get k\n").stdout == '"v"\n'


def test_a_directory_is_served_once(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    with served(directory, resp="off"):
        second = run("serve", directory, "--resp", "off")
        assert second.returncode == 1
        assert len(second.stderr.splitlines()) == 1
        assert "in use by process" in second.stderr and str(directory) in second.stderr
        with pytest.raises(LockedError):
            hyperdb.open(directory)
        # The one that was refused took nothing from the owner.
        assert run("shell", directory, text="ping\nset k v\n").stdout.splitlines()[-1] == "OK"


def _damaged(directory: Path) -> str:
    """A database with a damaged manifest; the damaged file's name."""
    with hyperdb.open(directory, memory="16m") as db:
        db.app("redis/0").put("k", "v")
        db.flush()
    manifest = next(path for path in directory.iterdir() if path.name.upper().startswith("MANIFEST"))
    raw = bytearray(manifest.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    manifest.write_bytes(raw)
    return manifest.name


@pytest.mark.parametrize("verb", ["serve", "check", "stats", "shell"])
def test_a_damaged_store_is_named_with_the_way_out(tmp_path: Path, verb: str) -> None:
    name = _damaged(tmp_path / "data")
    told = run(verb, tmp_path / "data", text="")
    assert told.returncode == 1
    assert len(told.stderr.splitlines()) == 1, told.stderr
    for word in (name, "corrupt at byte", "hyperdb check", "hyperdb restore"):
        assert word in told.stderr


def test_a_restore_overwrites_nothing(tmp_path: Path) -> None:
    with hyperdb.open(tmp_path / "data", memory="16m") as db:
        db.app("redis/0").put("k", "old")
        db.backup(tmp_path / "copy")
        db.app("redis/0").put("k", "new")
    told = run("restore", tmp_path / "copy", tmp_path / "data")
    assert (told.returncode, len(told.stderr.splitlines())) == (1, 1)
    assert "exists already" in told.stderr
    assert run("shell", tmp_path / "data", text="get k\n").stdout == '"new"\n'
    assert run("backup", tmp_path / "data", tmp_path / "copy").returncode == 1
    assert run("restore", tmp_path / "copy", tmp_path / "again").returncode == 0
    assert run("shell", tmp_path / "again", text="get k\n").stdout == '"old"\n'
    assert run("restore", tmp_path / "nothing", tmp_path / "x").returncode == 1
    assert not (tmp_path / "x").exists()


def test_what_is_no_backup_is_not_restored(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"no database")
    told = run("restore", tmp_path / "photos", tmp_path / "data")
    assert told.returncode == 1
    assert "no backup" in told.stderr
    assert not (tmp_path / "data").exists()


def test_backups_beside_writers_are_consistent(tmp_path: Path) -> None:
    """Two vertices and the members of a hyperedge always agree, in every copy; and no copy has a later half."""
    ended = threading.Event()
    with served(tmp_path / "data") as (_, told):

        def write() -> None:
            with redis.Redis(port=_port(told)) as client:
                number = 0
                while not ended.is_set():
                    number += 1
                    with client.pipeline(transaction=True) as both:
                        both.set("a", number).rpush("log", number).set("b", number).execute()

        writer = threading.Thread(target=write)
        writer.start()
        try:
            copies = [tmp_path / f"copy{i}" for i in range(3)]
            for copy in copies:
                assert run("backup", tmp_path / "data", copy).returncode == 0
        finally:
            ended.set()
            writer.join()
    seen = []
    for copy in copies:
        with hyperdb.open(copy, create=False, memory="16m") as db:
            app = db.app("redis/0")
            assert app.get("a") == app.get("b")
            log = app.list("log")
            assert len(log) == int(app.get("a") or 0)
            seen.append(len(log))
            assert db.check() == []
    assert seen == sorted(seen) and seen[-1] > 0


@pytest.fixture
def host(tmp_path: Path) -> Iterator[tuple[hyperdb.Database, redis.Redis]]:
    with (
        hyperdb.open(tmp_path / "data", sync="everysec", memory="16m") as db,
        db.serve(resp="127.0.0.1:0") as serving,
        _connect(serving.resp_address) as client,
    ):
        yield db, client


def _connect(address: tuple[str, int] | None) -> redis.Redis:
    assert address is not None
    return redis.Redis(*address, socket_timeout=PATIENCE)


def _when_blocked(client: redis.Redis, waiter: threading.Thread) -> None:
    """Returns when the waiter's connection is blocked on a key."""
    while not any("b" in row["flags"] for row in client.client_list()):
        assert waiter.is_alive()
        time.sleep(0.002)


def test_blocked_clients_hear_of_the_host(host: tuple[hyperdb.Database, redis.Redis]) -> None:
    db, client = host
    app = db.app("redis/0")
    got: list[object] = []

    def wait() -> None:
        with _connect(db._servers[0].resp_address) as waiting:
            got.append(waiting.blpop(["q"], timeout=0))
            got.append(waiting.bzpopmin(["z"], timeout=0))

    waiter = threading.Thread(target=wait)
    waiter.start()
    _when_blocked(client, waiter)
    app.list("q").append("from python")
    while not got:
        assert waiter.is_alive()
        client.ping()
    _when_blocked(client, waiter)
    # Through the control socket, as the shell does.
    assert "1" in run("shell", db.path, text="zadd z 1 m\n").stdout
    waiter.join()
    assert got == [(b"q", b"from python"), (b"z", b"m", 1.0)]


def test_watch_and_counts_see_the_host(host: tuple[hyperdb.Database, redis.Redis]) -> None:
    db, client = host
    app = db.app("redis/0")
    client.set("k", "1")
    with client.pipeline() as pipe:
        pipe.watch("k")
        app.put("k", "2")
        pipe.multi()
        pipe.set("k", "3")
        with pytest.raises(redis.WatchError):
            pipe.execute()
    with client.pipeline() as pipe:
        pipe.watch("k")
        with db.transaction() as tx:
            tx.app("redis/0").add_hyperedge("e", {"m": hyperdb.Vertex("k")})
        pipe.multi()
        pipe.set("k", "3")
        assert pipe.execute() == [True]
    assert client.dbsize() == 2
    client.set("fleeting", "v", ex=1000)
    client.expire("k", 1000)
    db.app("redis/3").put("x", "y")
    info = client.info("keyspace")
    assert (info["db0"]["keys"], info["db0"]["expires"]) == (3, 2)
    assert (info["db3"]["keys"], info["db3"]["expires"]) == (1, 0)
    client.persist("k")
    client.delete("fleeting")
    assert client.info("keyspace")["db0"]["expires"] == 0
