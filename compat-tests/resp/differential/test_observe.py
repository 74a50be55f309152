"""SLOWLOG, LATENCY, MONITOR, MEMORY, DEBUG and CONFIG beside a real Redis: replies, errors, and what is shown of commands."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]

import servers  # noqa: E402
from compare import as_in_7_2  # noqa: E402
from wire import Connection, Reply  # noqa: E402

LINES = """
multi
monitor
exec
slowlog get -2
slowlog get x
slowlog get 1 2
slowlog foo
slowlog
slowlog reset x
latency
latency foo
latency graph x
latency graph
latency history x
latency latest
latency latest x
latency reset a b
latency histogram nosuch
memory foo
memory usage k samples x
memory usage k foo
debug
debug foo
debug protocol string
debug protocol integer
debug protocol double
debug protocol null
debug protocol array
debug protocol set
debug protocol map
debug protocol verbatim
debug protocol true
debug protocol false
debug protocol bignum
debug sleep 0
debug sleep
debug object nosuch
debug error CODE
config set maxmemory-policy foo
config set slowlog-log-slower-than -2
config set slowlog-log-slower-than x
config set slowlog-max-len -1
config set latency-monitor-threshold -1
config set timeout 5 maxmemory x
config set timeout 5 timeout 6
config get timeout
config set latency-tracking maybe
config set a
config set a b
config set a b c
config set timeout 7 slowlog-max-len 100
config get timeout
config set latency-tracking-info-percentiles 101
config set latency-tracking-info-percentiles 25.0
config get latency-tracking-info-percentiles
config rewrite
config resetstat
config set enable-debug-command no
zadd z 1 a 2 b 3.5 c 1e300 d 123456789.123456789 e
zrank z a
zrevrank z a
zrank z
zrange z 0 -1 withscores
object freq z
object freq nosuch
config set maxmemory 1
config get maxmemory
del z
config set maxmemory 0
monitor
get k
reset
client no-evict on
client no-evict foo
client setname x
client getname
command count x
info nosuch
lolwut version x
"""
SINCE_7_2 = """
zadd z 1 a 2 b 3.5 c
zrank z c withscore
zrevrank z c WITHSCORE
zrank z nope withscore
zrank nope nope withscore
zrank z a withscores
zrank z a withscore x
client no-touch on
client no-touch foo
client setinfo lib-name x
client setinfo lib-foo x
waitaof 2 0 0
waitaof x 1 10
cluster countkeysinslot
"""
SHOWN = (
    "set k v",
    "eval redis.call('get','k')|return|redis.pcall('lpush','k','x') 0",
    "multi",
    "incr n",
    "eval return|redis.call('incr','n') 0",
    "exec",
    "select 2",
    "config get timeout",
    "get",
    "nosuch",
    "blpop none 0.01",
    "auth default pw",
    "hello 3 auth default pw setname me",
    f"sadd many {' '.join(map(str, range(50)))}",
    f"set long {'x' * 300}",
    'set quoted a"b\\c',
    "acl setuser somebody on >secret",
    "acl deluser somebody",
    "client setname me",
    "ping",
)


@pytest.fixture(scope="module")
def ports() -> Iterator[tuple[int, int]]:
    """HyperDB and Redis, with DEBUG."""
    with (
        servers.hyperdb("--sync", "everysec", "--resp-debug", "local") as ours,
        servers.redis("--enable-debug-command", "yes") as theirs,
    ):
        yield ours.port, theirs.port


@contextlib.contextmanager
def _connected(*ports: int, protocol: int = 2) -> Iterator[list[Connection]]:
    """A connection to each port, closed afterwards."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(contextlib.closing(Connection(port, protocol))) for port in ports]


def _version(connection: Connection) -> tuple[int, ...]:
    text = connection.call(b"info", b"server").payload
    assert isinstance(text, bytes)
    found = re.search(rb"redis_version:(\d+)\.(\d+)", text)
    assert found is not None
    return int(found[1]), int(found[2])


def _words(line: str) -> list[bytes]:
    return [word.replace("|", " ").encode() for word in line.split()]


@pytest.mark.parametrize("protocol", [2, 3])
def test_replies_are_those_of_redis(ports: tuple[int, int], protocol: int) -> None:
    different = []
    with _connected(*ports, protocol=protocol) as (ours, theirs):
        lines = LINES.split("\n") + (SINCE_7_2.split("\n") if _version(theirs) >= (7, 2) else [])
        for line in filter(None, lines):
            words = _words(line)
            mine, redis = (as_in_7_2(server.call(*words), words) for server in (ours, theirs))
            if mine != redis:
                different.append(f"{line}\n  hyperdb {mine}\n  redis   {redis}")
    assert not different, "\n".join(different)


def _monitored(port: int) -> list[bytes]:
    """What a monitor is shown, without times and addresses."""
    seen: list[bytes] = []
    with _connected(port, port) as (monitor, client):
        assert monitor.call(b"monitor") == Reply("+", b"OK")
        for line in SHOWN:
            client.call(*_words(line))
        while not seen or not seen[-1].endswith(b'"ping"'):
            payload = monitor.read().payload
            assert isinstance(payload, bytes)
            found = re.fullmatch(rb"\d+\.\d{6} \[(\d+) (lua|127\.0\.0\.1:\d+)\] (.*)", payload)
            assert found is not None, payload
            seen.append(b"%s %s %s" % (found[1], b"lua" if found[2] == b"lua" else b"client", found[3]))
    return seen


def test_monitors_are_shown_the_same(ports: tuple[int, int]) -> None:
    ours, theirs = (_monitored(port) for port in ports)
    assert ours == theirs


def _slow(port: int) -> list[tuple[str, str, bool]]:
    """Arguments, name and whether there is an address, of each entry of SLOWLOG, oldest first."""
    with _connected(port, port) as (client, other):
        client.call(b"config", b"set", b"slowlog-log-slower-than", b"0")
        client.call(b"slowlog", b"reset")
        for line in SHOWN:
            other.call(*_words(line))
        reply = client.call(b"slowlog", b"get", b"-1")
        client.call(b"config", b"set", b"slowlog-log-slower-than", b"10000")
    assert isinstance(reply.payload, list)
    entries = []
    for entry in reply.payload:
        assert isinstance(entry.payload, list)
        number, when, micros, words, address, name = entry.payload
        assert number.kind == when.kind == micros.kind == ":"
        entries.append((str(words), str(name), b"127.0.0.1:" in bytes(address.payload or b"")))
    return entries[::-1]


def test_slow_commands_are_kept_the_same(ports: tuple[int, int]) -> None:
    # Redis 7.0 does not note a wait whose time is over, and shows whom ACL DELUSER removes.
    ours, theirs = ([entry for entry in _slow(port) if not re.search("blpop|deluser", entry[0])] for port in ports)
    assert ours == theirs


def test_info_tells_the_same_counts(ports: tuple[int, int]) -> None:
    def counts(port: int) -> dict[str, str]:
        with _connected(port) as (client,):
            client.call(b"config", b"resetstat")
            for line in SHOWN:
                client.call(*_words(line))
            text = client.call(b"info", b"commandstats", b"errorstats").payload
        assert isinstance(text, bytes)
        rows = dict(line.split(":", 1) for line in text.decode().splitlines() if ":" in line)
        return {name: re.sub(r"usec=.*?,usec_per_call=.*?,", "", value) for name, value in rows.items()}

    ours, theirs = (counts(port) for port in ports)
    assert ours == theirs
