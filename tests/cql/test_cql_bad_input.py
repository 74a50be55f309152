"""What clients send to hurt, through a session: each is refused with its code, changes nothing, and the next request works."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from cql_session import Client, backend

import hyperdb
from hyperdb.errors import CqlError
from hyperdb.frontends.cql import paging_key
from hyperdb.frontends.cql.codes import ErrorCode
from hyperdb.frontends.cql.parse.parser import Grammar
from hyperdb.frontends.cql.protocol import requests
from hyperdb.frontends.cql.types import codec
from hyperdb.frontends.cql.types.names import parse

MEGABYTE = 1 << 20


@pytest.fixture
def client(cql: Grammar) -> Iterator[Client]:
    with hyperdb.open(":memory:") as database:
        made = Client(backend(database, cql))
        made.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        made.run("USE ks")
        yield made


def count(number: int, rest: bytes = b"") -> bytes:
    return struct.pack(">i", number) + rest


MANY = 0x7FFFFFFF
WRONG = {
    "ascii": [b"\x80", b"ok\xff"],
    "bigint": [b"\0", b"\0" * 7, b"\0" * 9],
    "boolean": [b"\0\0"],
    "date": [b"\0" * 3, b"\0" * 5],
    "decimal": [b"\0\0\0", b"\0\0\0\1"],
    "double": [b"\0" * 7, b"\0" * 9],
    "duration": [b"\0", b"\1\2", b"\xff" * 30],
    "float": [b"\0" * 3, b"\0" * 5],
    "inet": [b"\0" * 3, b"\0" * 5, b"\0" * 15, b"\0" * 17],
    "int": [b"\0", b"\0" * 5],
    "smallint": [b"\0", b"\0" * 3],
    "text": [b"\xff", b"\xc3", b"\xed\xa0\x80", b"ok\xf5\x80\x80\x80"],
    "time": [b"\0" * 7, struct.pack(">q", -1), struct.pack(">q", 86_400_000_000_000)],
    "timestamp": [b"\0" * 7, b"\0" * 9],
    "timeuuid": [b"\0" * 15, b"\0" * 16, b"\0" * 17],
    "tinyint": [b"\0\0"],
    "uuid": [b"\0" * 15, b"\0" * 17],
    "list<int>": [
        b"\0",
        count(MANY),
        count(-1),
        count(1, count(4)),
        count(1, count(2, b"\0\0")),
        count(1, count(-1)),
        count(0, b"x"),
    ],
    "set<text>": [count(MANY, b"\0" * 64), count(1, count(1, b"\xff")), count(1, count(MANY))],
    "map<int, text>": [count(MANY), count(1, count(4, b"\0" * 4)), count(1, count(3, b"\0" * 3) + count(0))],
    "frozen<list<frozen<list<int>>>>": [count(1, count(4, count(MANY))), count(1, count(8, count(1, count(MANY))))],
    "tuple<int, text>": [b"\0", count(5, b"\0" * 5), count(4, b"\0" * 4) + count(1, b"\xff"), (count(4, b"\0" * 4)) * 3],
    "vector<float, 3>": [b"\0" * 11, b"\0" * 13, b"\0" * 4],
    "vector<text, 2>": [b"\1", b"\x05ab", b"\xff" * 9],
}


@pytest.mark.parametrize("kind", WRONG)
def test_values_of_a_wrong_form_are_refused(client: Client, kind: str) -> None:
    client.run(f"CREATE TABLE t (k int PRIMARY KEY, v {kind})")
    insert = client.prepare("INSERT INTO t (k, v) VALUES (?, ?)")
    for value in WRONG[kind]:
        with pytest.raises(CqlError) as caught:
            client.execute(insert, 1, value)
        assert caught.value.code == ErrorCode.INVALID, value
        assert len(caught.value.message) < 2_000
    assert client.run("SELECT * FROM t") == []
    client.execute(insert, 1, None)
    assert client.run("SELECT k FROM t") == [(1,)]


def test_wrong_keys_are_refused(client: Client) -> None:
    client.run("CREATE TABLE t (k int, c text, PRIMARY KEY (k, c))")
    select = client.prepare("SELECT * FROM t WHERE k = ? AND c = ?")
    for values in [(b"\0", "a"), (1, b"\xff")]:
        with pytest.raises(CqlError) as caught:
            client.execute(select, *values)
        assert caught.value.code == ErrorCode.INVALID
    assert client.execute(select, 1, "a") == []
    long = client.prepare("INSERT INTO t (k, c) VALUES (?, ?)")
    with pytest.raises(CqlError) as caught:
        client.execute(long, 1, b"x" * 70_000)
    assert caught.value.code == ErrorCode.INVALID


@pytest.mark.parametrize("values", [(), (1,), (1, 2, 3), (1,) * 1000])
def test_as_many_values_as_markers(client: Client, values: tuple[int, ...]) -> None:
    client.run("CREATE TABLE t (k int PRIMARY KEY, v int)")
    insert = client.prepare("INSERT INTO t (k, v) VALUES (?, ?)")
    for run in (lambda: client.execute(insert, *values), lambda: client.run("INSERT INTO t (k, v) VALUES (?, ?)", *values)):
        with pytest.raises(CqlError) as caught:
            run()
        assert caught.value.code == ErrorCode.INVALID
    client.execute(insert, 1, 2)
    assert client.run("SELECT * FROM t") == [(1, 2)]


def test_an_unknown_id_is_told_back(client: Client) -> None:
    for number in (b"", b"\0" * 16, b"x" * 1000):
        with pytest.raises(CqlError) as caught:
            client.session.execute(requests.Execute(number, b"", requests.Parameters()), client.context)
        assert caught.value.code == ErrorCode.UNPREPARED
        assert caught.value.extra["id"] == number


def test_a_collection_of_many_elements_goes_there_and_back(client: Client) -> None:
    client.run("CREATE TABLE t (k int PRIMARY KEY, l list<int>, s set<int>)")
    items = tuple(range(20_000))
    data = codec.encode(parse("list<int>"), items)
    client.run("INSERT INTO t (k, l, s) VALUES (1, ?, ?)", data, data)
    assert client.run("SELECT l, s FROM t") == [(items, items)]


@pytest.mark.parametrize(
    "text",
    [
        "(" * MEGABYTE,
        "SELECT " + "f(" * (MEGABYTE // 2),
        "INSERT INTO t (k) VALUES (" + "[" * MEGABYTE,
        "SELECT * FROM t WHERE k = '" + "x" * MEGABYTE,
        "\0" * MEGABYTE,
    ],
    ids=["parentheses", "calls", "brackets", "quote", "zeros"],
)
def test_a_bomb_is_refused_and_is_not_kept(client: Client, text: str) -> None:
    for run in (client.run, client.prepare):
        with pytest.raises(CqlError) as caught:
            run(text)
        assert caught.value.code in (ErrorCode.SYNTAX, ErrorCode.INVALID)
        assert len(caught.value.message) < 2_000
    assert client.run("SELECT key FROM system.local") == [("local",)]


def test_other_stores_know_nothing_of_a_paging_state(client: Client, cql: Grammar) -> None:
    text = "SELECT table_name FROM system_schema.tables"
    client.run(text, page_size=5)
    assert client.state is not None
    with hyperdb.open(":memory:") as database:
        other = Client(backend(database, cql))
        with pytest.raises(CqlError, match="paging state") as caught:
            other.run(text, page_size=5, paging_state=client.state)
        assert caught.value.code == ErrorCode.PROTOCOL


def test_a_stores_key_of_pages_stays(tmp_path: Path) -> None:
    first = paging_key.kept(tmp_path)
    assert paging_key.kept(tmp_path) == first
    assert (tmp_path / paging_key.NAME).stat().st_mode & 0o077 == 0
    assert [each.name for each in tmp_path.iterdir()] == [paging_key.NAME]
    (tmp_path / paging_key.NAME).write_bytes(b"short")
    assert len(paging_key.kept(tmp_path)) == len(first)
    assert paging_key.kept(None) != paging_key.kept(None)


@pytest.mark.parametrize("level", ["tracing", "oblivious", "batch", "nonsense", ""])
def test_levels_of_privacy_that_nobody_answers_are_refused(client: Client, level: str) -> None:
    context = type(client.context)(5, payload={"hyperdb.privacy": level.encode()})
    asked = requests.Query("SELECT key FROM system.local", requests.Parameters())
    with pytest.raises(CqlError) as caught:
        client.session.query(asked, context)
    assert caught.value.code == ErrorCode.INVALID
    assert "privacy" in caught.value.message
    none = type(client.context)(5, payload={"hyperdb.privacy": b"none"})
    client.session.query(asked, none)
