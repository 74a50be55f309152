"""What is kept of statements that clients send is bounded by what it weighs, not by how many there are alone."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from cql_session import Client, backend

import hyperdb
from hyperdb.errors import CqlError
from hyperdb.frontends.cql import prepared as prepared_module
from hyperdb.frontends.cql.codes import ErrorCode
from hyperdb.frontends.cql.parse import cache
from hyperdb.frontends.cql.parse.bounded import Bounded
from hyperdb.frontends.cql.parse.cache import Statements
from hyperdb.frontends.cql.parse.parser import Grammar


@pytest.fixture
def client(cql: Grammar) -> Iterator[Client]:
    with hyperdb.open(":memory:") as database:
        made = Client(backend(database, cql))
        made.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        made.run("USE ks")
        made.run("CREATE TABLE t (k int PRIMARY KEY, v int)")
        yield made


def test_numbers_and_weights_stay_within_their_bounds() -> None:
    kept: Bounded[int, str] = Bounded(16, 800)
    chance = random.Random(5)
    model: dict[int, int] = {}
    for _ in range(2_000):
        key, weight = chance.randrange(40), chance.choice([0, 1, 30, 100, 101, 5_000])
        what = chance.randrange(10)
        if what == 0:
            kept.forget(key)
            model.pop(key, None)
        elif what == 1:
            assert (kept.renew(key) is None) == (key not in kept)
        else:
            assert kept.keep(key, str(key), weight) == (weight <= 100)
            model.pop(key, None)
            if weight <= 100:
                model[key] = weight
        model = {each: weight for each, weight in model.items() if each in kept}
        assert len(kept) == len(model) <= 16
        assert kept.weight == sum(model.values()) <= 800
        assert all(kept.get(each) == str(each) for each in model)


def test_what_was_renewed_stays() -> None:
    kept: Bounded[int, str] = Bounded(8, 1_000)
    for number in range(8):
        kept.keep(number, "x", 1)
    kept.renew(0)
    kept.keep(8, "x", 1)
    assert 0 in kept
    assert 1 not in kept


def test_heavy_statements_push_each_other_out(client: Client) -> None:
    heavy = ", ".join(["1"] * 15_000)
    for number in range(40):
        client.run(f"SELECT k AS a{number} FROM t WHERE k IN ({heavy})")
        client.prepare(f"SELECT k AS b{number} FROM t WHERE k IN ({heavy})")
    plans, registry = client.backend.plans._plans, client.backend.prepared._known
    assert 0 < len(plans) < 40
    assert plans.weight <= prepared_module._PLANS_WEIGHT
    assert registry.weight <= prepared_module._PREPARED_WEIGHT
    assert registry.weight > 40 * 15_000 * 100, "a constant weighs more than its text"


def test_texts_and_shapes_are_weighed(cql: Grammar) -> None:
    statements = Statements(cql)
    for number in range(100):
        statements.parse(f"SELECT a FROM t WHERE k IN ({', '.join(['1'] * (2_000 + number))})")
    for kept in (statements._texts, statements._shapes):
        assert 0 < len(kept) < 100
        assert kept.weight <= cache.MOST_WEIGHT


def test_a_statement_that_is_too_large_is_not_prepared(client: Client) -> None:
    client.backend.prepared._known = Bounded(10, 80_000)
    client.prepare("SELECT k FROM t WHERE k = ?")
    with pytest.raises(CqlError, match="is larger than allowed maximum") as caught:
        client.prepare(f"SELECT k FROM t WHERE k IN ({', '.join(['?'] * 1_000)})")
    assert caught.value.code == ErrorCode.INVALID
    assert len(caught.value.message) < 500
    assert len(client.backend.prepared) == 1
    assert client.run("SELECT k FROM t WHERE k = 1") == []


def test_as_many_markers_as_there_can_be_are_prepared(client: Client) -> None:
    found = client.prepare(f"SELECT k FROM t WHERE k IN ({', '.join(['?'] * 65_535)})")
    assert client.backend.prepared.find(found.id) is not None
