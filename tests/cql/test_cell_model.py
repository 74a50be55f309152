"""Random writes with times of their own, in any order, against a model that keeps them all (cell_model.py)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from cell_model import Partition
from cql_session import Client, Time, backend
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hyperdb
from hyperdb.frontends.cql.parse.parser import Grammar

TIMES = st.integers(1, 6)
TTLS = st.sampled_from([0, 0, 0, 10, 30])
PLACES = st.integers(0, 3)
NUMBERS = st.one_of(st.none(), st.integers(0, 3))
WORDS = st.one_of(st.none(), st.sampled_from(["a", "b"]))
KEYS = st.sampled_from(["x", "y"])
STEPS = st.one_of(
    st.tuples(st.just("insert"), PLACES, TIMES, TTLS, st.fixed_dictionaries({}, optional={"v": NUMBERS, "w": WORDS})),
    st.tuples(st.just("update"), PLACES, TIMES, TTLS, st.fixed_dictionaries({"v": NUMBERS}, optional={"w": WORDS})),
    st.tuples(st.just("static"), TIMES, TTLS, WORDS),
    st.tuples(st.just("put"), PLACES, TIMES, TTLS, KEYS, NUMBERS),
    st.tuples(st.just("map"), PLACES, TIMES, TTLS, st.one_of(st.none(), st.dictionaries(KEYS, st.integers(0, 3)))),
    st.tuples(st.just("delete column"), PLACES, TIMES, st.sampled_from("vw")),
    st.tuples(st.just("delete row"), PLACES, TIMES),
    st.tuples(st.just("delete range"), PLACES, PLACES, TIMES),
    st.tuples(st.just("delete partition"), TIMES),
    st.tuples(st.just("wait"), st.integers(1, 15)),
)


def text(value: Any) -> str:
    match value:
        case None:
            return "null"
        case str():
            return f"'{value}'"
        case dict():
            return "{" + ", ".join(f"'{key}': {each}" for key, each in value.items()) + "}"
        case _:
            return str(value)


class Both:
    """The server and the model, one partition an example."""

    def __init__(self, client: Client, time: Time) -> None:
        self.client, self.time = client, time
        self._keys = count()

    def begin(self) -> None:
        self.k = next(self._keys)
        self.model = Partition()

    @property
    def now(self) -> int:
        return self.time.micros // 1_000_000

    def step(self, step: tuple[Any, ...]) -> None:
        getattr(self, step[0].replace(" ", "_"))(*step[1:])

    def insert(self, c: int, at: int, ttl: int, cells: dict[str, Any]) -> None:
        names = "".join(f", {name}" for name in cells)
        values = "".join(f", {text(value)}" for value in cells.values())
        self.client.run(f"INSERT INTO t (k, c{names}) VALUES ({self.k}, {c}{values}) USING TIMESTAMP {at} AND TTL {ttl}")
        self.model.write(self.model.row(c), cells, at, ttl, self.now, inserts=True)

    def update(self, c: int, at: int, ttl: int, cells: dict[str, Any]) -> None:
        changes = ", ".join(f"{name} = {text(value)}" for name, value in cells.items())
        self.client.run(f"UPDATE t USING TIMESTAMP {at} AND TTL {ttl} SET {changes} WHERE k = {self.k} AND c = {c}")
        self.model.write(self.model.row(c), cells, at, ttl, self.now)

    def static(self, at: int, ttl: int, s: str | None) -> None:
        self.client.run(f"UPDATE t USING TIMESTAMP {at} AND TTL {ttl} SET s = {text(s)} WHERE k = {self.k}")
        self.model.write(self.model.static, {"s": s}, at, ttl, self.now)

    def put(self, c: int, at: int, ttl: int, key: str, value: int | None) -> None:
        self.client.run(
            f"UPDATE t USING TIMESTAMP {at} AND TTL {ttl} SET m['{key}'] = {text(value)} WHERE k = {self.k} AND c = {c}"
        )
        self.model.put(self.model.row(c), {key: value}, at, ttl, self.now)

    def map(self, c: int, at: int, ttl: int, entries: dict[str, int] | None) -> None:
        self.client.run(f"UPDATE t USING TIMESTAMP {at} AND TTL {ttl} SET m = {text(entries)} WHERE k = {self.k} AND c = {c}")
        row = self.model.row(c)
        # A collection is written behind a deletion of what was there, which is a microsecond older.
        row.emptied = max(row.emptied, at if entries is None else at - 1)
        self.model.put(row, entries or {}, at, ttl, self.now)

    def delete_column(self, c: int, at: int, name: str) -> None:
        self.client.run(f"DELETE {name} FROM t USING TIMESTAMP {at} WHERE k = {self.k} AND c = {c}")
        self.model.write(self.model.row(c), {name: None}, at, 0, self.now)

    def delete_row(self, c: int, at: int) -> None:
        self.client.run(f"DELETE FROM t USING TIMESTAMP {at} WHERE k = {self.k} AND c = {c}")
        row = self.model.row(c)
        row.deleted = max(row.deleted, at)

    def delete_range(self, low: int, high: int, at: int) -> None:
        self.client.run(f"DELETE FROM t USING TIMESTAMP {at} WHERE k = {self.k} AND c >= {low} AND c <= {high}")
        self.model.ranges.append((low, high, at))

    def delete_partition(self, at: int) -> None:
        self.client.run(f"DELETE FROM t USING TIMESTAMP {at} WHERE k = {self.k}")
        self.model.deleted = max(self.model.deleted, at)

    def wait(self, seconds: int) -> None:
        self.time.pass_seconds(seconds)

    def compare(self) -> None:
        asked = f"SELECT c, s, v, writetime(v), ttl(v), w, m FROM t WHERE k = {self.k}"
        assert self.client.run(asked) == self.model.shown(self.now)
        assert self.client.run(f"{asked} ORDER BY c DESC") == self.model.shown(self.now)[::-1]


@pytest.fixture(scope="module")
def both(cql: Grammar) -> Iterator[Both]:
    with hyperdb.open(":memory:") as database:
        # Later than the machine's own time, by which nothing ends here.
        time = Time(4_000_000_000_000_000)
        client = Client(backend(database, cql, time))
        client.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        client.run("USE ks")
        client.run("CREATE TABLE t (k int, c int, s text static, v int, w text, m map<text, int>, PRIMARY KEY (k, c))")
        yield Both(client, time)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(STEPS, min_size=1, max_size=14))
def test_rows_are_what_all_writes_together_say(both: Both, steps: list[tuple[Any, ...]]) -> None:
    both.begin()
    for step in steps:
        both.step(step)
        both.compare()
