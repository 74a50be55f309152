"""DUMP of one server is RESTOREd by the other, both ways, and shows the same there.

Values of every kind are made by the same commands, small enough for Redis's packed forms and large enough to leave them.
Damaged payloads must be refused by HyperDB without a trace. Environment: as `test_differential.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from compare import as_in_7_2, timeless
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_differential import EXAMPLES, ports
from wire import Connection, Reply

__all__ = ["ports"]

Commands = list[tuple[bytes, ...]]

_TEXTS = st.one_of(
    st.sampled_from(
        [b"", b"a", b"10", b"-129", b"70000", b"2147483648", b"-9223372036854775808", b"007", b"x" * 65, b"ab" * 3000]
    ),
    st.binary(max_size=200),
)
_SCORES = st.sampled_from([b"0", b"-1", b"1.5", b"0.1", b"inf", b"-inf", b"1e300", b"123456789.123"])
_MANY = st.sampled_from([1, 3, 130, 600])


def _collection(name: bytes, *parts: st.SearchStrategy[bytes]) -> st.SearchStrategy[Commands]:
    row = st.tuples(*parts)
    few = st.lists(row, min_size=1, max_size=12).map(lambda rows: [(name, b"k", *(word for row in rows for word in row))])
    many = _MANY.map(lambda count: [(name, b"k", *(b"%d" % (7 * i) for _ in parts)) for i in range(count)])
    return st.one_of(few, many)


def _stream(count: int, fields: list[bytes], removed: set[int], delivered: int) -> Commands:
    made: Commands = [
        (b"xadd", b"k", b"%d-%d" % (1 + i // 3, 1 + i % 3), fields[i % len(fields)], b"%d" % i) for i in range(count)
    ]
    made += [(b"xgroup", b"create", b"k", b"g", b"0"), (b"xgroup", b"createconsumer", b"k", b"g", b"idle")]
    made += [(b"xreadgroup", b"group", b"g", b"c", b"count", b"%d" % delivered, b"streams", b"k", b">")]
    return made + [(b"xdel", b"k", b"%d-%d" % (1 + i // 3, 1 + i % 3)) for i in removed]


VALUES: st.SearchStrategy[Commands] = st.one_of(
    _TEXTS.map(lambda text: [(b"set", b"k", text)]),
    _collection(b"rpush", _TEXTS),
    _collection(b"sadd", _TEXTS),
    _collection(b"sadd", st.integers(-(1 << 63), (1 << 63) - 1).map(lambda number: b"%d" % number)),
    _collection(b"hset", _TEXTS, _TEXTS),
    _collection(b"zadd", _SCORES, _TEXTS),
    st.builds(
        _stream,
        st.sampled_from([1, 5, 130, 250]),
        st.lists(st.sampled_from([b"f", b"g", b"a longer field"]), min_size=1, max_size=3),
        st.sets(st.integers(0, 9), max_size=3),
        st.sampled_from([1, 2, 100]),
    ),
)

SHOWN = {
    b"string": (b"get", b"k"),
    b"list": (b"lrange", b"k", b"0", b"-1"),
    b"set": (b"smembers", b"k"),
    b"hash": (b"hgetall", b"k"),
    b"zset": (b"zrange", b"k", b"0", b"-1", b"withscores"),
    b"stream": (b"xinfo", b"stream", b"k", b"full", b"count", b"0"),
}


def _shown(server: Connection) -> tuple[bytes, Reply]:
    kind = server.call(b"type", b"k").payload
    assert isinstance(kind, bytes)
    return kind, server.call(*SHOWN[kind])


def _same(kind: bytes, one: Reply, other: Reply) -> bool:
    if kind in (b"set", b"hash") and isinstance(one.payload, list) and isinstance(other.payload, list):
        width = 1 if kind == b"set" else 2

        def rows(items: list[Reply]) -> list[str]:
            return sorted(repr(items[i : i + width]) for i in range(0, len(items), width))

        return rows(one.payload) == rows(other.payload)
    return timeless(one, other)


@pytest.fixture(scope="module")
def servers(ports: tuple[int, int]) -> Iterator[tuple[Connection, Connection]]:
    ours, theirs = (Connection(port, 2) for port in ports)
    yield ours, theirs
    ours.close()
    theirs.close()


def test_each_reads_what_the_other_writes(servers: tuple[Connection, Connection]) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(VALUES, st.booleans())
    def run(made: Commands, from_redis: bool) -> None:
        source, target = servers[::-1] if from_redis else servers
        for server in servers:
            server.call(b"flushall")
        for command in made:
            source.call(*command)
        payload = source.call(b"dump", b"k").payload
        assert isinstance(payload, bytes)
        assert target.call(b"restore", b"k", b"0", payload) == Reply("+", b"OK"), made
        kind, before = _shown(source)
        now_kind, after = _shown(target)
        assert now_kind == kind and _same(kind, before, after), f"{made}\n  {before}\n  {after}"
        asked = (b"object", b"encoding", b"k")
        assert as_in_7_2(target.call(*asked), asked) == as_in_7_2(source.call(*asked), asked)

    run()


_SHORT = st.one_of(st.sampled_from([b"", b"10", b"-129", b"007", b"ab" * 32]), st.binary(max_size=64))
_WORDS = st.lists(st.sampled_from([b"the ", b"quick ", b"fox ", b"user:", b"10"]), max_size=200).map(b"".join)


def _one_by_one(name: bytes, *parts: st.SearchStrategy[bytes], most: int) -> st.SearchStrategy[Commands]:
    rows = st.lists(st.tuples(*parts), min_size=1, max_size=12)
    return st.builds(lambda few, times: [(name, b"k", *row) for row in (few * times)[:most]], rows, st.sampled_from([1, 60]))


AS_ADDED: st.SearchStrategy[Commands] = st.one_of(
    st.one_of(_TEXTS, _WORDS).map(lambda text: [(b"set", b"k", text)]),
    _one_by_one(b"rpush", st.one_of(_TEXTS, _WORDS), most=720),
    _one_by_one(b"sadd", st.integers(-(1 << 63), (1 << 63) - 1).map(lambda number: b"%d" % number), most=512),
    _one_by_one(b"hset", _SHORT, _SHORT, most=128),
    _one_by_one(b"zadd", _SCORES, _SHORT, most=128),
    st.builds(
        lambda count, fields: _stream(count, fields, set(), 1)[:count],
        st.sampled_from([1, 5, 130, 250]),
        st.lists(st.sampled_from([b"f", b"12", b"a longer field"]), min_size=1, max_size=3),
    ),
)
"""Values that were made by adding one part after the other, whose members have an order."""


def test_payloads_are_the_same_byte_by_byte(servers: tuple[Connection, Connection]) -> None:
    ours, theirs = servers
    version = theirs.call(b"info", b"server").payload
    if not isinstance(version, bytes) or b"redis_version:7.2" not in version:
        pytest.skip("the peer is not Redis 7.2, whose forms are written")

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(AS_ADDED)
    def run(made: Commands) -> None:
        for server in servers:
            server.call(b"flushall")
            for command in made:
                server.call(*command)
        assert ours.call(b"dump", b"k") == theirs.call(b"dump", b"k"), made

    run()


def test_damaged_payloads_leave_no_trace(servers: tuple[Connection, Connection]) -> None:
    ours, theirs = servers

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(VALUES, st.integers(0, 1 << 30), st.integers(1, 255))
    def run(made: Commands, at: int, change: int) -> None:
        for server in servers:
            server.call(b"flushall")
        for command in made:
            theirs.call(*command)
        payload = theirs.call(b"dump", b"k").payload
        assert isinstance(payload, bytes)
        place = at % len(payload)
        damaged = payload[:place] + bytes([payload[place] ^ change]) + payload[place + 1 :]
        refused = Reply("-", b"ERR DUMP payload version or checksum are wrong")
        ours.call(b"set", b"k", b"before")
        for server in servers:
            assert server.call(b"restore", b"k", b"0", damaged, b"replace") == refused
        assert ours.call(b"get", b"k") == Reply("$", b"before")

    run()
