"""ANN OF: the rows whose vectors are most similar to one, by the index's similarity, whatever else is restricted."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Iterator, Sequence

import pytest
from cql_session import Client, backend

import hyperdb
from hyperdb.frontends.cql.parse.parser import Grammar

DIMENSIONS = 8


@pytest.fixture
def client(cql: Grammar) -> Iterator[Client]:
    with hyperdb.open(":memory:") as database:
        made = Client(backend(database, cql))
        made.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        made.run("USE ks")
        made.run(f"CREATE TABLE t (k int, c int, kind text, v vector<float, {DIMENSIONS}>, PRIMARY KEY (k, c))")
        yield made


def vector(values: Sequence[float]) -> bytes:
    return struct.pack(f">{DIMENSIONS}f", *values)


def fill(client: Client, count: int = 200) -> list[tuple[int, int, str, list[float]]]:
    chance = random.Random(7)
    rows = []
    for number in range(count):
        found = [struct.unpack(">f", struct.pack(">f", chance.uniform(-1, 1)))[0] for _ in range(DIMENSIONS)]
        rows.append((number % 10, number, "even" if number % 2 == 0 else "odd", found))
        client.run("INSERT INTO t (k, c, kind, v) VALUES (?, ?, ?, ?)", *rows[-1][:3], vector(found))
    client.run("INSERT INTO t (k, c, kind) VALUES (1, 1000, 'even')")
    return rows


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    return math.fsum(x * y for x, y in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)


def distance(a: Sequence[float], b: Sequence[float]) -> float:
    return -math.dist(a, b)


def product(a: Sequence[float], b: Sequence[float]) -> float:
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize(
    ("options", "near"),
    [
        ("", cosine),
        (" WITH OPTIONS = {'similarity_function': 'euclidean'}", distance),
        (" WITH OPTIONS = {'similarity_function': 'dot_product'}", product),
    ],
)
def test_the_nearest_come_first(client: Client, options: str, near: object) -> None:
    client.run(f"CREATE CUSTOM INDEX ON t (v) USING 'StorageAttachedIndex'{options}")
    client.run("CREATE INDEX ON t (kind) USING 'sai'")
    rows = fill(client)
    wanted = [0.5, -0.25, 0.125, 1, 0, 0, -1, 0.75]
    order = sorted(rows, key=lambda row: near(row[3], wanted), reverse=True)  # type: ignore[operator]
    assert client.run("SELECT c FROM t ORDER BY v ANN OF ? LIMIT 25", vector(wanted)) == [(row[1],) for row in order[:25]]
    text = f"SELECT c, kind FROM t ORDER BY v ANN OF {wanted} LIMIT 1000"
    assert client.run(text) == [(row[1], row[2]) for row in order]
    even = [row for row in order if row[2] == "even"]
    assert client.run("SELECT c FROM t WHERE kind = 'even' ORDER BY v ANN OF ? LIMIT 5", vector(wanted)) == [
        (row[1],) for row in even[:5]
    ]
    mine = [row for row in order if row[0] == 3]
    assert client.run("SELECT c FROM t WHERE k = 3 ORDER BY v ANN OF ? LIMIT 3", vector(wanted)) == [
        (row[1],) for row in mine[:3]
    ]
    prepared = client.prepare("SELECT c FROM t WHERE k = ? ORDER BY v ANN OF ? LIMIT ?")
    assert client.execute(prepared, 3, vector(wanted), 3) == [(row[1],) for row in mine[:3]]


def test_they_come_in_one_page(client: Client) -> None:
    client.run("CREATE CUSTOM INDEX ON t (v) USING 'sai'")
    fill(client, 30)
    found = client.run("SELECT c FROM t ORDER BY v ANN OF [1, 0, 0, 0, 0, 0, 0, 0] LIMIT 20", page_size=5)
    assert len(found) == 20
    assert client.state is None
    assert "Top-K queries do not support paging" in client.warnings[0]


NEAR = "ORDER BY v ANN OF [1, 0, 0, 0, 0, 0, 0, 0]"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"SELECT c FROM t {NEAR}", "Top-K queries must have a limit specified"),
        (f"SELECT c FROM t {NEAR} LIMIT 1001", "requires a LIMIT that is not greater than 1000. LIMIT was 1001"),
        (f"SELECT count(*) FROM t {NEAR} LIMIT 1", "Top-K queries can not be run with aggregation"),
        (
            f"SELECT c FROM t WHERE kind = 'even' {NEAR} LIMIT 1 ALLOW FILTERING",
            "requires all restricted column(s) to be indexed",
        ),
        (f"SELECT c FROM t WHERE k = 1 {NEAR}, c ASC LIMIT 1", "Cannot combine clustering column ordering"),
        ("SELECT c FROM t ORDER BY c ANN OF [1] LIMIT 1", "ANN ordering is only supported on float vector indexes"),
        ("SELECT c FROM t ORDER BY v ANN OF [1] LIMIT 1", "expected 8 elements, but given 1"),
        ("SELECT c FROM t ORDER BY v ANN OF null LIMIT 1", "Unsupported null value for column v"),
        (f"SELECT c FROM t {NEAR} PER PARTITION LIMIT 1 LIMIT 1", "Top-K queries do not support per-partition limits"),
        ("SELECT c FROM t ORDER BY v ANN OF [0, 0, 0, 0, 0, 0, 0, 0] LIMIT 1", "Zero and near-zero vectors"),
        ("SELECT c FROM t ORDER BY nobody ANN OF [0] LIMIT 1", "Undefined column name nobody"),
    ],
)
def test_what_nobody_can_be_near_to_is_refused(client: Client, text: str, words: str) -> None:
    client.run("CREATE CUSTOM INDEX ON t (v) USING 'sai'")
    assert words in client.refusal(text)


def test_the_vector_needs_an_index(client: Client) -> None:
    assert "requires the column to be indexed" in client.refusal(f"SELECT c FROM t {NEAR} LIMIT 1")
