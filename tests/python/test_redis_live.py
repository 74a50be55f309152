"""Importing from a running server: copied, cut off and begun again, compared; a source that lies or goes away; the command line.

Theory: the source is a server of this package, which answers SCAN, DUMP and INFO as Redis does; what a real Redis gives is in
compat-tests/resp/moving.py. Sources that send what no Redis sends are sockets that answer by a table.
"""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import rdb_files as made

import hyperdb
from hyperdb.cli import main
from hyperdb.errors import InvalidError, RdbError, SourceError
from hyperdb.transfer import live
from hyperdb.transfer.live import import_server
from hyperdb.transfer.source import Source, parse_url
from hyperdb.transfer.users import Users

HYPERDB = str(Path(sys.executable).parent / "hyperdb")
CODE = b"#!lua name=lib\nredis.register_function('one', function() return 1 end)"
FUTURE = 4_102_444_800_123


def unheard(*_: object) -> None:
    """Progress that nobody looks at."""


class From:
    """A served database, and its address."""

    def __init__(self, database: hyperdb.Database) -> None:
        self.database = database
        self.serving = database.serve(resp="127.0.0.1:0", control=False)
        host, port = self.serving.resp_address or ("", 0)
        self.url = f"redis://{host}:{port}"

    def run(self, number: int, *words: Any) -> Any:
        return self.database.execute(f"redis/{number}", *words)


@pytest.fixture
def source() -> Iterator[From]:
    with hyperdb.open(":memory:", memory="32m", frames=None) as database:
        yield From(database)


@pytest.fixture
def db() -> Iterator[hyperdb.Database]:
    with hyperdb.open(":memory:", memory="32m", frames=None) as database:
        yield database


def fill(source: From, count: int = 2500) -> None:
    for start in range(0, count, 100):
        source.run(0, "MSET", *(word for number in range(start, start + 100) for word in (f"key:{number}", f"{number}" * 9)))
    source.run(3, "HSET", "hash", "f", "v", b"\xff", b"\0")
    source.run(3, "ZADD", "zset", "1.5", "m", "-inf", "low")
    source.run(3, "SET", "timed", "v")
    source.run(3, "PEXPIREAT", "timed", str(FUTURE))
    source.run(3, "XADD", "stream", "1-1", "f", "v")
    source.run(3, "XGROUP", "CREATE", "stream", "g", "0")
    source.run(3, "XREADGROUP", "GROUP", "g", "c", "STREAMS", "stream", ">")
    source.run(3, "SET", b"\xfe key", "large" * 100_000)


def same(source: From, db: hyperdb.Database, number: int) -> bool:
    """Whether a database holds the same payloads and expiries."""

    def told(database: hyperdb.Database) -> dict[bytes, Any]:
        run = lambda *words: database.execute(f"redis/{number}", *words)  # noqa: E731
        keys = run("KEYS", "*")
        assert isinstance(keys, list)
        return {key: (run("DUMP", key), run("PEXPIRETIME", key)) for key in keys}  # type: ignore[misc]

    return told(source.database) == told(db)


def test_all_that_a_server_holds_is_copied(source: From, db: hyperdb.Database) -> None:
    fill(source)
    heard = []
    report = import_server(db, {"url": source.url, "compare": True}, lambda *at: heard.append(at))
    assert (report["written"], report["kept"], report["refused"], report["gone"]) == (2505, 0, 0, 0)
    assert (report["compared"], report["changed"], report["vanished"]) == (2505, 0, 0)
    assert report["databases"] == [{"db": 0, "source": 2500, "here": 2500}, {"db": 3, "source": 5, "here": 5}]
    assert same(source, db, 0)
    assert same(source, db, 3)
    assert heard[-1] == (2505, 2505, "compare")
    with pytest.raises(InvalidError, match="database 0 holds 2500 keys already: say whether"):
        import_server(db, {"url": source.url}, unheard)
    again = import_server(db, {"url": source.url, "policy": "replace"}, unheard)
    assert (again["written"], again["replaced"]) == (2505, 2505)
    kept = import_server(db, {"url": source.url, "policy": "skip"}, unheard)
    assert (kept["written"], kept["kept"]) == (0, 2505)


def test_one_database_and_a_pattern(source: From, db: hyperdb.Database) -> None:
    fill(source)
    report = import_server(db, {"url": f"{source.url}/0", "match": "key:1??"}, unheard)
    assert report["written"] == 100
    assert db.execute("redis/3", "DBSIZE") == 0


class Stop(Exception):
    """Raised by who hears the progress."""


def test_an_import_that_is_cut_off_goes_on_at_its_page(source: From, db: hyperdb.Database) -> None:
    fill(source)
    calls = []

    def stop(*at: object) -> None:
        calls.append(at)
        if len(calls) == 2:
            raise Stop

    with pytest.raises(Stop):
        import_server(db, {"url": source.url}, stop)
    held = db.execute("redis/0", "DBSIZE")
    assert isinstance(held, int)
    assert 0 < held < 2500
    report = import_server(db, {"url": source.url, "compare": True}, unheard)
    assert report["resumed"]
    assert (report["written"], report["kept"], report["changed"]) == (2505, 0, 0)
    assert same(source, db, 0)
    assert same(source, db, 3)


def test_an_import_that_is_cut_off_in_its_first_page_goes_on(source: From, db: hyperdb.Database) -> None:
    fill(source)
    restore, calls = live._native.restore_payloads, []

    def dies(*arguments: Any, **named: Any) -> Any:
        calls.append(named)
        if len(calls) == 3:
            raise Stop
        return restore(*arguments, **named)

    with mock.patch.object(live._native, "restore_payloads", dies), pytest.raises(Stop):
        import_server(db, {"url": source.url}, unheard)
    assert db.execute("redis/0", "DBSIZE") == 32
    report = import_server(db, {"url": source.url}, unheard)
    assert (report["resumed"], report["written"], report["kept"]) == (True, 2473, 32)
    assert same(source, db, 0)


def test_what_changes_meanwhile_is_found_by_comparing(
    source: From, db: hyperdb.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(source, 200)
    copied = live._Import.copy

    def then_change(self: Any, found: Any) -> None:
        copied(self, found)
        source.run(0, "SET", "key:7", "changed")
        source.run(0, "PEXPIREAT", "key:8", str(FUTURE))
        source.run(0, "SET", "new", "key")
        source.run(0, "DEL", "key:9")

    monkeypatch.setattr(live._Import, "copy", then_change)
    report = import_server(db, {"url": source.url, "compare": True}, unheard)
    assert (report["changed"], report["vanished"]) == (3, 1)
    assert {(row["key"], row["why"].split()[0]) for row in report["named"]} == {
        ("key:7", "changed"), ("key:8", "changed"), ("new", "changed"), ("key:9", "removed"),
    }  # fmt: skip
    assert db.execute("redis/0", "GET", "key:7") == b"changed"
    assert db.execute("redis/0", "EXISTS", "key:9") == 1
    assert import_server(db, {"url": source.url, "policy": "replace", "compare": True}, unheard)["changed"] == 0


def test_functions_come_too(source: From, db: hyperdb.Database) -> None:
    import redis

    host, port = source.serving.resp_address or ("", 0)
    with redis.Redis(host=host, port=port) as client:
        client.function_load(CODE)
    assert import_server(db, {"url": source.url}, unheard)["libraries"] == 1
    serving = db.serve(resp="127.0.0.1:0", control=False)
    host, port = serving.resp_address or ("", 0)
    with redis.Redis(host=host, port=port) as client:
        assert client.fcall("one", 0) == 1
    with pytest.raises(InvalidError, match="already exists"):
        import_server(db, {"url": source.url}, unheard)
    assert import_server(db, {"url": source.url, "policy": "skip"}, unheard)["libraries"] == 0


def acl(source: From, *words: bytes) -> None:
    """A command on the connection that the import uses too."""
    with Source(parse_url(source.url)) as connection:
        connection.ask(*words)


def allowed(database: hyperdb.Database, user: str, password: str) -> Any:
    """A client of a server over the database; what its rules say."""
    with database.serve(resp="127.0.0.1:0", control=False) as serving:
        host, port = serving.resp_address or ("", 0)
        with Source(parse_url(f"redis://{user}:{password}@{host}:{port}")) as connection:
            # It may not say PING.
            return connection.ask("ACL", "WHOAMI"), connection.ask("ACL", "LIST")


def test_users_become_roles_that_log_in_over_resp(source: From, db: hyperdb.Database) -> None:
    source.run(0, "SET", "cached:1", "v")
    rules = (b"~cached:*", b"&news:*", b"+@read", b"-keys", b"+acl", b"(~other:* +set)")
    acl(source, b"ACL", b"SETUSER", b"reader", b"on", b">secret", *rules)
    acl(source, b"ACL", b"SETUSER", b"gone", b"off", b">old", b"+@all", b"allkeys")
    report = import_server(db, {"url": source.url, "users": True}, unheard)
    assert report["users"] == {"written": 2, "kept": 0, "refused": []}
    who, here = allowed(db, "reader", "secret")
    with Source(parse_url(source.url)) as connection:
        there = connection.ask("ACL", "LIST")
    assert (who, sorted(here)) == (b"reader", sorted(there))
    with pytest.raises(SourceError, match="WRONGPASS"):
        allowed(db, "gone", "old")
    # SQL knows the role, and has no password of it.
    found = db.sql(
        "SELECT rolname, rolcanlogin, rolsuper FROM pg_roles WHERE rolname IN ('reader', 'gone') ORDER BY 1"
    ).fetchall()
    assert found == [("gone", False, False), ("reader", True, False)]
    # The same again is what is there; another is refused, kept or replaced.
    assert import_server(db, {"url": source.url, "users": True, "policy": "replace"}, unheard)["users"]["written"] == 2
    acl(source, b"ACL", b"SETUSER", b"reader", b"+keys")
    db.execute("redis/0", "FLUSHALL")
    with pytest.raises(InvalidError, match="there is a role 'reader' already"):
        import_server(db, {"url": source.url, "users": True}, unheard)
    assert db.execute("redis/0", "DBSIZE") == 0
    kept = import_server(db, {"url": source.url, "users": True, "policy": "skip"}, unheard)
    assert (kept["users"]["written"], kept["users"]["kept"]) == (1, 1)


def test_users_that_cannot_be_roles_are_named(db: hyperdb.Database) -> None:
    lines = [
        b"user default on nopass sanitize-payload ~* &* +@all",
        b"user postgres on #" + b"a" * 64 + b" ~* &* +@all",
        b"user searcher on nopass ~* &* -@all +ft.search",
        b"user plain on nopass ~* resetchannels -@all +get",
    ]
    source = mock.Mock(spec=Source)
    source.ask.return_value = lines
    users = Users(db, source, {})
    users.check()
    report = users.write()
    assert report["written"] == 1
    assert [row["user"] for row in report["refused"]] == ["postgres", "searcher"]
    assert "owner" in report["refused"][0]["why"]
    assert "ft.search" in report["refused"][1]["why"]
    for reply in (None, [1], [b"nobody on"], [b"user"], [b"user \xff on"]):
        source.ask.return_value = reply
        with pytest.raises(SourceError):
            Users(db, source, {})


def test_a_node_of_a_cluster_is_refused(source: From, db: hyperdb.Database) -> None:
    with (
        mock.patch.object(live, "_facts", return_value={"redis_mode": "cluster"}),
        pytest.raises(InvalidError, match="node of a cluster"),
    ):
        import_server(db, {"url": source.url}, unheard)


def test_passwords(source: From, db: hyperdb.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    import redis

    host, port = source.serving.resp_address or ("", 0)
    source.run(0, "SET", "k", "v")
    with redis.Redis(host=host, port=port) as client:
        client.execute_command("ACL", "SETUSER", "mover", "on", ">se/cr@t", "+@all", "~*")
    with pytest.raises(SourceError, match="WRONGPASS") as refused:
        import_server(db, {"url": f"redis://mover:wrong@{host}:{port}"}, unheard)
    assert "wrong" not in str(refused.value).replace("WRONGPASS", "").split("invalid")[0]
    assert import_server(db, {"url": f"redis://mover:se%2Fcr%40t@{host}:{port}"}, unheard)["written"] == 1
    monkeypatch.setenv("REDISCLI_AUTH", "se/cr@t")
    again = import_server(db, {"url": f"redis://mover@{host}:{port}", "policy": "skip"}, unheard)
    assert again["kept"] == 1
    assert "cr@t" not in repr(parse_url(f"redis://mover:secr@{host}:{port}"))


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://host", "begins with redis://"),
        ("redis://host:port", "no URL"),
        ("redis://host/zero", "is a number"),
        ("redis://host/99999999999", "is a number"),
        ("unix://", "needs the path"),
    ],
)
def test_addresses_that_are_none(db: hyperdb.Database, url: str, text: str) -> None:
    with pytest.raises(InvalidError, match=text):
        import_server(db, {"url": url}, unheard)


def test_a_source_that_is_not_there(db: hyperdb.Database, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for url in (f"redis://127.0.0.1:{port}", f"unix://{tmp_path}/none.sock"):
        with pytest.raises(SourceError, match="cannot be reached"):
            import_server(db, {"url": url}, unheard)


class Liar:
    """A socket that answers each request with the next of some replies, and then hangs up."""

    def __init__(self, *replies: bytes) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, args=(replies,), daemon=True)
        self._thread.start()

    def _serve(self, replies: tuple[bytes, ...]) -> None:
        with self._listener, self._listener.accept()[0] as connection:
            for reply in replies:
                if not connection.recv(65536):
                    return
                connection.sendall(reply)


def bulk(data: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(data), data)


SERVER = bulk(b"redis_version:7.0.15\r\nrun_id:x\r\n")
KEYS = bulk(b"db0:keys=1,expires=0,avg_ttl=0\r\n")
PONG, OK = b"+PONG\r\n", b"+OK\r\n"
PAGE = b"*2\r\n$1\r\n0\r\n*1\r\n$1\r\nk\r\n"
LIES: dict[str, tuple[bytes, ...]] = {
    "no protocol": (b"HTTP/1.1 400 Bad Request\r\n\r\n",),
    "a string that is too long": (b"$99999999999\r\n",),
    "an array that is too large": (PONG, b"*99999999\r\n"),
    "arrays in arrays": (PONG, b"*1\r\n" * 50),
    "no number": (PONG, b"$x\r\n"),
    "a line without an end": (b"+" + b"x" * 600_000,),
    "it hangs up": (PONG,),
    "half a reply": (PONG, SERVER, b"$100\r\nabc"),
    "no page": (PONG, SERVER, KEYS, bulk(b""), b"*0\r\n", OK, b"+what\r\n"),
    "a cursor that is none": (PONG, SERVER, KEYS, bulk(b""), b"*0\r\n", OK, b"*2\r\n$1\r\nx\r\n*0\r\n"),
    "an error of its own": (PONG, SERVER, KEYS, bulk(b""), b"-NOPERM no\r\n"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_source_that_lies_is_refused(db: hyperdb.Database, name: str) -> None:
    before = db.commit()
    with pytest.raises((SourceError, InvalidError)):
        import_server(db, {"url": Liar(*LIES[name]).url}, unheard)
    assert db.execute("redis/0", "DBSIZE") == 0
    assert before <= db.commit()


def test_a_payload_that_has_no_form_here_is_named(db: hyperdb.Database) -> None:
    functions = bulk(b"\x0a\x00" + made.crc64(b"\x0a\x00").to_bytes(8, "little"))
    payload = b"\x07module" + b"\x0b\x00"
    payload += made.crc64(payload).to_bytes(8, "little")
    nothing = bulk(b"")
    replies = (PONG, SERVER, KEYS, nothing, functions, OK, PAGE, b":-1\r\n" + bulk(payload), nothing, KEYS)
    report = import_server(db, {"url": Liar(*replies).url}, unheard)
    assert (report["written"], report["refused"]) == (0, 1)
    assert report["named"] == [{"db": 0, "key": "k", "why": "no form here"}]


def run(*words: str | Path, data: bytes | None = None, fails: bool = False) -> str:
    """The command line, in this process; what it said."""
    out, err, given = io.StringIO(), io.StringIO(), io.TextIOWrapper(io.BytesIO(data or b""))
    argv = ["hyperdb", *map(str, words)]
    with mock.patch.multiple(sys, argv=argv, stdout=out, stderr=err, stdin=given), pytest.raises(SystemExit) as ended:
        main()
    said = out.getvalue() + err.getvalue()
    assert bool(ended.value.code) == fails, said
    return said


def test_the_command_line_on_a_closed_directory(source: From, tmp_path: Path) -> None:
    fill(source, 200)
    where, file = tmp_path / "data", tmp_path / "out.rdb"
    said = run("import", "redis", where, "--from", source.url)
    assert "205 keys, 0 of them replaced others" in said
    assert "200 keys at the source, 200 here" in said
    assert "205 keys" in run("export", "redis", where, "--rdb", file, "--json").replace('"keys": 200', "205 keys")
    assert "exists already" in run("export", "redis", where, "--rdb", file, fails=True)
    data = file.read_bytes()
    assert "nothing was written" in run("import", "redis", tmp_path / "other", "--rdb", "-", "--check", data=data)
    said = run("import", "redis", tmp_path / "other", "--rdb", "-", data=data)
    assert "205 keys, 0 of them differ from the file" in said
    assert "say whether to replace" in run("import", "redis", tmp_path / "other", "--rdb", file, fails=True)
    assert "byte 11: " in run("import", "redis", tmp_path / "third", "--rdb", "-", data=data[:11], fails=True)
    for words in ((), ("--rdb", file, "--from", source.url), ("--rdb", file, "--prune"), ("--rdb", file, "--replace", "--skip")):
        assert "hyperdb: " in run("import", "redis", where, *words, fails=True)


def test_the_command_line_on_a_running_server(source: From, tmp_path: Path) -> None:
    fill(source, 200)
    where, file = tmp_path / "data", tmp_path / "out.rdb"
    words = [HYPERDB, "serve", str(where), "--resp", "127.0.0.1:0", "--sync", "everysec", "--memory", "16m"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any(line.startswith("ready") for line in process.stdout)
        try:
            assert "205 keys" in run("import", "redis", where, "--from", source.url, "--compare")
            run("export", "redis", where, "--rdb", file)
            assert "205 keys" in run("import", "redis", where, "--rdb", file, "--replace")
            file.write_bytes(file.read_bytes()[:-1])
            assert "the sum at the end needs more" in run("import", "redis", where, "--rdb", file, "--replace", fails=True)
        finally:
            process.send_signal(signal.SIGTERM)
            process.stdout.read()
    assert process.returncode == 0


def test_a_file_that_shrinks_while_it_is_read(db: hyperdb.Database, tmp_path: Path) -> None:
    from hyperdb.transfer.files import import_file

    path = tmp_path / "dump.rdb"
    path.write_bytes(made.file(*(made.entry(0, b"key:%d" % number, made.text(b"v" * 3000)) for number in range(2000))))

    def shrink(done: int, _total: int, phase: str) -> None:
        if phase == "verify" and done:
            os.truncate(path, 3_500_000)

    before = db.commit()
    with pytest.raises(RdbError, match="became shorter"):
        import_file(db, {"path": str(path)}, shrink)
    assert db.commit() == before
