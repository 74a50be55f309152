"""Relation `redis.streams`: each field of each entry is a row, in the order of the ids; and names that are no texts.

Theory: as in test_redis_relations, what conditions restrict is compared with the same condition in a form of which nothing can
be made.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

import hyperdb

_LARGEST = (1 << 64) - 1


@pytest.fixture
def db() -> Iterator[hyperdb.Database]:
    with hyperdb.open(":memory:", memory="32m", frames=None) as database:
        run = database.execute
        run("redis/0", "XADD", "log", "5-1", "f", "v", "g", b"\xff")
        run("redis/0", "XADD", "log", "5-2", "f", "gone")
        run("redis/0", "XADD", "log", "9-0", "f", "w", "f", "twice")
        run("redis/0", "XDEL", "log", "5-2")
        run("redis/0", "XADD", "far", f"{_LARGEST}-7", "f", "x")
        run("redis/0", "XGROUP", "CREATE", "far", "readers", "$")
        run("redis/3", "XADD", "log", "1-1", "f", "three")
        run("redis/0", "SET", "text", "no stream")
        run("redis/0", "SET", b"\xfe", "of a key that is no text")
        yield database


def rows(db: hyperdb.Database, text: str, *values: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.sql(text, values)]


def test_fields_in_their_order(db: hyperdb.Database) -> None:
    assert rows(db, "SELECT id, position, field, value, raw_value FROM redis.streams WHERE db = 0 AND key = 'log'") == [
        ("5-1", 1, "f", "v", b"v"),
        ("5-1", 2, "g", None, b"\xff"),
        ("9-0", 1, "f", "w", b"w"),
        ("9-0", 2, "f", "twice", b"twice"),
    ]
    assert rows(db, "SELECT id, at FROM redis.streams WHERE key = 'far'") == [(f"{_LARGEST}-7", None)]
    moment = datetime(1970, 1, 1, microsecond=9000, tzinfo=UTC)
    assert rows(db, "SELECT DISTINCT at FROM redis.streams WHERE id = '9-0'") == [(moment,)]


def test_it_shows_what_commands_do(db: hyperdb.Database) -> None:
    count = "SELECT count(DISTINCT id) FROM redis.streams WHERE db = 0 AND key = 'log'"
    assert rows(db, count) == [(db.execute("redis/0", "XLEN", "log"),)]
    db.execute("redis/0", "XADD", "log", "MAXLEN", "1", "10-0", "f", "last")
    assert rows(db, "SELECT id, value FROM redis.streams WHERE db = 0 AND key = 'log'") == [("10-0", "last")]
    db.execute("redis/0", "DEL", "log")
    assert rows(db, count) == [(0,)]


def test_many_entries_come_whole(db: hyperdb.Database) -> None:
    for number in range(1, 3001):
        db.execute("redis/6", "XADD", "many", f"{number}-0", "n", str(number))
    assert rows(db, "SELECT count(*), sum(value::int) FROM redis.streams WHERE db = 6") == [(3000, sum(range(3001)))]
    found = rows(db, "SELECT id FROM redis.streams WHERE db = 6 AND at >= '1970-01-01 00:00:02.999Z'")
    assert found == [("2999-0",), ("3000-0",)]


CONDITIONS = [
    "id = '5-1'",
    "id IN ('5-1', '9-0', 'x', '05-1', '99999999999999999999-1')",
    f"id = '{_LARGEST}-7'",
    "key = 'log' AND field = 'f'",
    "key = 'text'",
    "raw_key = 'log' AND id = '9-0'",
    "at = '1970-01-01 00:00:00.005Z'",
    "at > '1970-01-01 00:00:00.005Z'",
    "at < '1970-01-01 00:00:00.0059Z'",
    "at > '1970-01-01 00:00:00.0051Z'",
    "at <= '-infinity'",
    "at < 'infinity'",
    "at > '1970-01-01 00:00:00.005Z' AND at < '1970-01-01 00:00:00.005Z'",
    "position = 2",
    "db = 3",
]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_what_is_restricted_is_what_the_condition_says(db: hyperdb.Database, condition: str) -> None:
    whole = rows(db, f"SELECT t::text FROM redis.streams t WHERE (({condition}) IS TRUE) IS NOT FALSE")
    assert sorted(rows(db, f"SELECT t::text FROM redis.streams t WHERE {condition}")) == sorted(whole)
    assert rows(db, f"SELECT count(*) FROM redis.streams WHERE {condition}") == [(len(whole),)]


def test_a_lookup_reads_one_key(db: hyperdb.Database) -> None:
    def plan(condition: str) -> str:
        return "\n".join(row[0] for row in db.sql(f"EXPLAIN SELECT * FROM redis.streams WHERE {condition}"))

    assert "Keyspace scan on redis.streams by key, id" in plan("key = 'log' AND id = '5-1' AND value = 'v'")
    assert "Keyspace scan on redis.streams by raw_key, at" in plan("raw_key = 'log' AND at > now()")


def test_a_key_that_is_no_text_is_found_by_its_bytes(db: hyperdb.Database) -> None:
    assert rows(db, "SELECT key, value FROM redis.strings WHERE raw_key = %s", b"\xfe") == [(None, "of a key that is no text")]
    assert rows(db, "SELECT count(*) FROM redis.keys WHERE raw_key = %s AND key = 'text'", b"\xfe") == [(0,)]
