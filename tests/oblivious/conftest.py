"""Stores of every kind of entry, sealed, for epochs to be made of."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

import hyperdb
from hyperdb import Database
from hyperdb.oblivious.epochs import Source

APP = "redis/0"


def fill(db: Database, count: int = 120, seed: int = 1) -> None:
    """Strings of all sizes, one larger than a page, hashes, sets, lists, sorted sets, and some that went again."""
    source = random.Random(seed)
    app = db.app(APP)
    for number in range(count):
        size = source.choice([0, 5, 60, 256, 700])
        app.put(f"user:{number}", source.randbytes(size))
    # Beyond a page, and not by more: each byte beyond is a row of the overflow's hint, 5 KB of it.
    app.put("large", source.randbytes(4_500))
    app.put("gone", b"soon")
    app.remove("gone")
    for number in range(6):
        app.hash(f"hash:{number}").update({f"field {field}": source.randbytes(30) for field in range(5 * number + 1)})
    db.execute(APP, "RPUSH", "list", *(f"item {number}" for number in range(20)))
    db.execute(APP, "ZADD", "scores", *(word for number in range(30) for word in (number / 4, f"player {number}")))
    db.execute(APP, "SADD", "set", *(f"member {number}" for number in range(40)))
    # Ids only grow, also where a store is filled again.
    db.execute(APP, "DEL", "stream")
    for number in range(1, 9):
        db.execute(APP, "XADD", "stream", f"{number}-0", "field", f"value {number}")
    db.execute(APP, "XGROUP", "CREATE", "stream", "readers", "0")
    db.execute(APP, "XREADGROUP", "GROUP", "readers", "one", "COUNT", "3", "STREAMS", "stream", ">")
    db.execute(APP, "SET", "timed", "value", "EX", "1000000")


def query_number(query: bytes, column: int) -> int:
    """The number of a column in a query as it is sent: the upper 28 bits of 32."""
    return (int.from_bytes(query, "little") >> 28 * column) % (1 << 28) << 4


@pytest.fixture
def db() -> Iterator[Database]:
    """A filled store of which a frame is sealed."""
    with hyperdb.open(":memory:", frames=None) as opened:
        fill(opened)
        opened.seal()
        yield opened


@pytest.fixture
def source(db: Database) -> Source:
    """What epochs of it are made from."""
    return Source.of(db.native)
