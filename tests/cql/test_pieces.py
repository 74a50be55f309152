"""Ranges over clustering columns of different directions: the pieces are the range, and DELETE takes away just its rows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from cql_session import Client, backend
from hypothesis import given, settings
from hypothesis import strategies as st

import hyperdb
from hyperdb.frontends.cql.bind.clustering import Ends, sort_key
from hyperdb.frontends.cql.bind.pieces import pieces
from hyperdb.frontends.cql.describe.schema import Column, Role
from hyperdb.frontends.cql.parse.parser import Grammar
from hyperdb.frontends.cql.types import model
from hyperdb.frontends.cql.types.codec import encode

VALUES = range(3)


def wires(values: tuple[int, ...]) -> tuple[bytes, ...]:
    found = [encode(model.INT, value) for value in values]
    return tuple(each for each in found if each is not None)


limits = st.none() | st.tuples(st.lists(st.sampled_from(VALUES), min_size=1, max_size=3).map(tuple), st.booleans())


def lies(row: tuple[int, ...], low: Any, high: Any) -> bool:
    above = low is None or row[: len(low[0])] > low[0] or (low[1] and row[: len(low[0])] == low[0])
    below = high is None or row[: len(high[0])] < high[0] or (high[1] and row[: len(high[0])] == high[0])
    return above and below


@settings(max_examples=300, deadline=None)
@given(st.tuples(*[st.booleans()] * 3), limits, limits)
def test_pieces_are_the_range_in_the_order_of_the_rows(descends: tuple[bool, ...], low: Any, high: Any) -> None:
    columns = [Column(f"c{at}", model.INT, Role.CLUSTERING, at, descending) for at, descending in enumerate(descends)]
    key = sort_key(columns)
    rows = sorted(product(VALUES, repeat=3), key=lambda row: key(wires(row)))
    ends = Ends(*(None if each is None else (wires(each[0]), each[1]) for each in (low, high)))
    found = []
    for first, last in pieces(columns, (), ends):
        for row in rows:
            mine = key(wires(row))
            is_in = True
            for end, is_low in ((first, True), (last, False)):
                if end is not None:
                    limit = key(tuple(end[0]))
                    short = mine[: len(limit)]
                    is_in &= end[1] if short == limit else (limit < short) == is_low
            if is_in:
                found.append(row)
    assert found == [row for row in rows if lies(row, low, high)]


@pytest.fixture
def client(cql: Grammar) -> Iterator[Client]:
    with hyperdb.open(":memory:") as database:
        made = Client(backend(database, cql))
        made.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        made.run("USE ks")
        order = "CLUSTERING ORDER BY (a ASC, b DESC, c ASC)"
        made.run(f"CREATE TABLE t (k int, a int, b int, c int, PRIMARY KEY (k, a, b, c)) WITH {order}")
        for row in product(VALUES, repeat=3):
            made.run("INSERT INTO t (k, a, b, c) VALUES (1, ?, ?, ?)", *row)
        yield made


@pytest.mark.parametrize(
    ("where", "stays"),
    [
        ("(a, b) > (1, 1)", lambda row: row[:2] <= (1, 1)),
        ("(a, b, c) >= (0, 2, 1) AND (a, b) < (2, 1)", lambda row: not (row >= (0, 2, 1) and row[:2] < (2, 1))),
        ("a = 1 AND (b, c) <= (1, 0)", lambda row: row[0] != 1 or row[1:] > (1, 0)),
        ("a IN (0, 2) AND (b, c) > (1, 1)", lambda row: row[0] == 1 or row[1:] <= (1, 1)),
        ("(a, b) > (2, 1) AND (a, b) < (0, 1)", lambda _row: True),
    ],
)
def test_ranges_are_deleted(client: Client, where: str, stays: Any) -> None:
    client.run(f"DELETE FROM t WHERE k = 1 AND {where}")
    wanted = [row for row in product(VALUES, repeat=3) if stays(row)]
    assert sorted(client.run("SELECT a, b, c FROM t")) == wanted
