"""Commands about clients, scripts and the server, by what Redis's own Tcl suite asks of them: each class of difference once."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

import hyperdb
from hyperdb.server import Serving

PATIENCE = 20.0


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    directory: Path = tmp_path_factory.mktemp("resp") / "data"
    with (
        hyperdb.open(directory, memory="32m", frames=None, sync="everysec") as database,
        database.serve(resp="127.0.0.1:0", resp_debug="yes", control=False) as serving,
    ):
        yield serving


@contextmanager
def client(served: Serving, **options: Any) -> Iterator[Any]:
    host, port = served.resp_address or ("", 0)
    once = Retry(NoBackoff(), 0)
    with redis.Redis(host=host, port=port, single_connection_client=True, retry=once, socket_timeout=PATIENCE, **options) as made:
        yield made


@pytest.fixture
def asked(served: Serving) -> Iterator[Any]:
    with client(served) as made:
        made.flushall()
        yield made


def refused(asked: Any, *words: Any) -> str:
    with pytest.raises(redis.RedisError) as error:
        asked.execute_command(*words)
    return str(error.value)


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def send(of: Any, *words: str) -> None:
    of.connection.send_command(*words)


def test_clients_that_write_are_held_while_paused(served: Serving, asked: Any) -> None:
    asked.execute_command("PFADD", "sketch", "a")
    asked.execute_command("CLIENT", "PAUSE", "100000", "WRITE")
    # What comes later does not make it shorter.
    asked.execute_command("CLIENT", "PAUSE", "1", "WRITE")
    with client(served) as writer, client(served) as counter, client(served) as script, client(served) as reader:
        assert reader.get("k") is None
        assert reader.eval("#!lua flags=no-writes\nreturn 7", 0) == 7
        send(writer, "SET", "k", "v")
        send(counter, "PFCOUNT", "sketch")
        send(script, "EVAL", "return 1", "0")
        until(lambda: asked.info("clients")["blocked_clients"] == 3)
        asked.execute_command("CLIENT", "UNPAUSE")
        assert [held.connection.read_response() for held in (writer, counter, script)] == [b"OK", 1, 1]
    assert asked.get("k") == b"v"


def told(wire: socket.socket, end: bytes) -> bytes:
    """What comes until this has come."""
    got = b""
    while not got.endswith(end):
        part = wire.recv(4096)
        assert part, got
        got += part
    return got


def test_messages_reach_who_wants_no_replies(served: Serving, asked: Any) -> None:
    with socket.create_connection(served.resp_address or ("", 0), PATIENCE) as wire:
        wire.sendall(b"CLIENT REPLY OFF\r\nPING\r\nSUBSCRIBE ch\r\n")
        assert told(wire, b":1\r\n") == b"*3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:1\r\n"
        assert asked.publish("ch", "hello") == 1
        assert told(wire, b"hello\r\n") == b"*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$5\r\nhello\r\n"
        wire.sendall(b"UNSUBSCRIBE ch\r\n")
        assert told(wire, b":0\r\n") == b"*3\r\n$11\r\nunsubscribe\r\n$2\r\nch\r\n:0\r\n"


def test_lookups_of_keys_are_counted(asked: Any) -> None:
    asked.execute_command("CONFIG", "RESETSTAT")
    asked.mset({"a": 1, "b": 2})
    asked.get("a"), asked.get("none"), asked.mget("a", "b", "none"), asked.exists("a", "none")
    asked.execute_command("GETDEL", "b"), asked.ttl("a"), asked.incr("a"), asked.sinterstore("d", "s1", "s2")
    told = asked.info("stats")
    assert (told["keyspace_hits"], told["keyspace_misses"]) == (6, 5)


def test_writes_need_replicas_if_so_set(asked: Any) -> None:
    asked.config_set("min-replicas-to-write", 1)
    try:
        said = "NOREPLICAS Not enough good replicas to write."
        assert said.endswith(refused(asked, "SET", "k", "v"))
        assert "Not enough good replicas" in refused(asked, "EVAL", "return redis.call('set', 'k', 'v')", "0")
        assert "Not enough good replicas" in refused(asked, "EVAL", "#!lua\nreturn 1", "0")
        assert asked.eval("#!lua flags=no-writes\nreturn 1", 0) == 1
        assert asked.get("k") is None
        pipe = asked.pipeline(transaction=True)
        pipe.get("k")
        assert pipe.execute() == [None]
    finally:
        asked.config_set("min-slaves-to-write", 0)
    assert asked.set("k", "v")


def test_a_library_finds_only_what_registers_functions(asked: Any) -> None:
    for code, name in (
        ("math.random()", "math"),
        ("redis.call('ping')", "call"),
        ("redis.setresp(3)", "setresp"),
        ("getmetatable(redis)", "getmetatable"),
        ("redis.redis.call('ping')", "redis"),
    ):
        text = refused(asked, "FUNCTION", "LOAD", f"#!lua name=l\n{code}")
        assert f"attempted to access nonexistent global variable '{name}'" in text
    kept = "local lib = redis\nlib.register_function('f1', function() lib.register_function('f2', function() end) end)"
    assert asked.execute_command("FUNCTION", "LOAD", "REPLACE", f'#!lua name="kept"\n{kept}') == b"kept"
    assert "can only be called on FUNCTION LOAD command" in refused(asked, "FCALL", "f1", "0")
    used = "redis.register_function('f3', function() return math.floor(2.5) + #redis.sha1hex('') end)"
    assert asked.execute_command("FUNCTION", "LOAD", "REPLACE", f"#!lua name=used\n{used}") == b"used"
    assert asked.execute_command("FCALL", "f3", "0") == 42
    assert refused(asked, "FUNCTION", "LOAD", "#! name=l\nreturn 1") == "Engine '' not found"
    assert "FUNCTION LOAD timeout" in refused(asked, "FUNCTION", "LOAD", "#!lua name=l\nwhile true do end")
    assert asked.execute_command("FCALL", "f3", "0") == 42
    asked.execute_command("FUNCTION", "FLUSH")


def test_the_fattest_client_goes_first(served: Serving, asked: Any) -> None:
    asked.execute_command("CLIENT", "NO-EVICT", "ON")
    with client(served, client_name="fat") as fat, client(served, client_name="thin") as thin:
        assert (fat.ping(), thin.ping()) == (True, True)
        before = asked.config_get("maxmemory-clients")["maxmemory-clients"]
        asked.config_set("maxmemory-clients", 1 << 20)
        try:
            # An argument that never comes whole.
            fat.connection.send_packed_command([b"*2\r\n$4194304\r\n" + b"v" * (2 << 20)])
            until(lambda: "fat" not in [each["name"] for each in asked.client_list()])
            assert thin.ping()
            assert int(asked.info("stats")["evicted_clients"]) >= 1
        finally:
            asked.config_set("maxmemory-clients", before)


def test_secrets_of_migrate_are_not_shown(asked: Any) -> None:
    asked.config_set("slowlog-log-slower-than", 0)
    asked.slowlog_reset()
    asked.execute_command("MIGRATE", "127.0.0.1", "1", "key", "9", "50", "AUTH2", "user", "password")
    asked.config_set("slowlog-log-slower-than", 10000)
    shown = [each["command"] for each in asked.slowlog_get()]
    assert b"MIGRATE 127.0.0.1 1 key 9 50 AUTH2 (redacted) (redacted)" in shown


def test_a_selector_must_give_sort_its_keys_and_all_others(served: Serving, asked: Any) -> None:
    asked.rpush("list", "1")
    asked.execute_command("ACL", "SETUSER", "sorter", "on", "nopass", "(+sort ~list)")
    with client(served, username="sorter", password="") as sorter:
        denied = "BY option of SORT denied due to insufficient ACL permissions."
        assert refused(sorter, "SORT", "list", "BY", "v*") == denied
        asked.execute_command("ACL", "SETUSER", "sorter", "(+sort ~list %W~*)")
        assert refused(sorter, "SORT", "list", "BY", "v*") == denied
        asked.execute_command("ACL", "SETUSER", "sorter", "(+sort ~list %R~*)")
        assert sorter.execute_command("SORT", "list", "BY", "v*") == [b"1"]
    asked.execute_command("ACL", "DELUSER", "sorter")


def test_a_command_that_lost_its_rights_while_it_waited_was_refused(served: Serving, asked: Any) -> None:
    asked.execute_command("ACL", "SETUSER", "waiter", "on", "nopass", "+@all", "~*")
    asked.execute_command("CONFIG", "RESETSTAT")
    with client(served, username="waiter", password="") as waiter:
        send(waiter, "BLPOP", "list", "0")
        until(lambda: asked.info("clients")["blocked_clients"] == 1)
        asked.execute_command("ACL", "SETUSER", "waiter", "resetkeys", "~other")
        asked.rpush("list", "v")
        with pytest.raises(redis.RedisError):
            waiter.connection.read_response()
    told = asked.info("commandstats")["cmdstat_blpop"]
    assert (told["calls"], told["rejected_calls"], told["failed_calls"]) == (0, 1, 0)
    asked.execute_command("ACL", "DELUSER", "waiter")


def test_debug_makes_keys_and_takes_payloads_with_a_wrong_sum(asked: Any) -> None:
    assert asked.execute_command("DEBUG", "POPULATE", "20", "k", "10") in (b"OK", True)
    assert (asked.dbsize(), asked.get("k:7")) == (20, b"value:7\0\0\0")
    payload = asked.dump("k:7")
    wrong = payload[:-1] + bytes([payload[-1] ^ 1])
    assert "checksum" in refused(asked, "RESTORE", "copy", "0", wrong)
    asked.execute_command("DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", "1")
    try:
        assert asked.execute_command("RESTORE", "copy", "0", wrong) == b"OK"
        assert refused(asked, "RESTORE", "other", "0", b"\xff" + payload[1:]) == "Bad data format"
    finally:
        asked.execute_command("DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", "0")
    assert asked.get("copy") == b"value:7\0\0\0"


def test_memory_beyond_its_bound_refuses_what_needs_more(asked: Any) -> None:
    asked.set("k", "v")
    asked.config_set("maxmemory", 1)
    try:
        assert "used memory > 'maxmemory'" in refused(asked, "SET", "k", "w")
        assert "used memory > 'maxmemory'" in refused(asked, "EVAL", "#!lua\nreturn 1", "0")
        assert asked.eval("#!lua flags=allow-oom\nreturn redis.call('set', KEYS[1], 'x')", 1, "k") in (b"OK", True)
        assert asked.eval("#!lua flags=no-writes\nreturn redis.call('get', KEYS[1])", 1, "k") == b"x"
    finally:
        asked.config_set("maxmemory", 0)


def test_the_loop_tells_what_it_does(asked: Any) -> None:
    stats, debug = asked.info("stats"), asked.info("debug")
    assert stats["eventloop_cycles"] > 0 and stats["eventloop_duration_sum"] > 0
    assert debug["eventloop_cmd_per_cycle_max"] > 0 and "eventloop_duration_max" not in asked.info("everything")
    asked.config_set("hz", 100)
    assert asked.info("server")["configured_hz"] == 100
    asked.config_set("hz", 10)


def test_a_big_number_of_a_script_stays_on_its_line(served: Serving) -> None:
    script = rb"redis.setresp(3) return {big_number='1\\r\\n+OK\\n2'}"
    with socket.create_connection(served.resp_address or ("", 0), PATIENCE) as wire:
        wire.sendall(b'HELLO 3\r\nEVAL "' + script + b'" 0\r\nPING\r\n')
        assert told(wire, b"+PONG\r\n").endswith(b"\r\n(1  +OK 2\r\n+PONG\r\n")


def test_what_a_script_may_not_call_is_counted_as_refused(asked: Any) -> None:
    asked.execute_command("CONFIG", "RESETSTAT")
    assert "read-only" in refused(asked, "EVAL_RO", "return redis.call('set', 'k', 'v')", "0")
    told = asked.info("commandstats")["cmdstat_set"]
    assert (told["calls"], told["rejected_calls"], told["failed_calls"]) == (0, 1, 0)


def test_a_key_that_had_expired_before_it_was_watched_may_go(asked: Any) -> None:
    asked.execute_command("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    try:
        for goes, wanted in ((("DEL", "k"), [True]), (("SET", "k", "v"), None)):
            asked.execute_command("SET", "k", "old", "PX", "1")
            time.sleep(0.005)
            asked.execute_command("WATCH", "k")
            asked.execute_command(*goes)
            asked.execute_command("MULTI")
            asked.execute_command("PING")
            assert asked.execute_command("EXEC") in (wanted, [b"PONG"] if wanted else None)
    finally:
        asked.execute_command("DEBUG", "SET-ACTIVE-EXPIRE", "1")


def test_sort_by_nothing_is_in_order_for_scripts(asked: Any) -> None:
    members = [b"%d" % number for number in range(40)]
    asked.sadd("s", *members)
    assert asked.eval("return redis.call('sort', KEYS[1], 'by', '_')", 1, "s") == sorted(members)
