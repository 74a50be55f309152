"""What the parts of a batch need, wherever their names are looked up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cql_session import Client, backend

import hyperdb
from hyperdb.errors import CqlError
from hyperdb.frontends.cql.backend import CqlBackend
from hyperdb.frontends.cql.codes import ErrorCode
from hyperdb.frontends.cql.parse.parser import Grammar

REPLICATION = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
TEXT = "INSERT INTO t (a) VALUES (?)"


@pytest.fixture
def shared(cql: Grammar) -> Iterator[CqlBackend]:
    with hyperdb.open(":memory:") as database:
        made = backend(database, cql)
        root = Client(made)
        for name in ("theirs", "mine", "empty"):
            root.run(f"CREATE KEYSPACE {name} WITH replication = {REPLICATION}")
        for name in ("theirs", "mine"):
            root.run(f"CREATE TABLE {name}.t (a int PRIMARY KEY)")
        root.run("CREATE ROLE app WITH LOGIN = true")
        root.run("GRANT ALL ON KEYSPACE mine TO app")
        yield made


@pytest.mark.parametrize("keyspace", ["mine", "empty"])
def test_a_prepared_change_is_asked_for_where_it_was_prepared(shared: CqlBackend, keyspace: str) -> None:
    # Ids follow from keyspace and text, so whoever guesses these has the statement of somebody else.
    prepared = Client(shared).prepare(TEXT, "theirs")
    app = Client(shared, role="app")
    app.run(f"USE {keyspace}")
    with pytest.raises(CqlError) as caught:
        app.batch((prepared.id, 1))
    assert caught.value.code == ErrorCode.UNAUTHORIZED
    with pytest.raises(CqlError) as caught:
        app.execute(prepared, 1)
    assert caught.value.code == ErrorCode.UNAUTHORIZED
    assert Client(shared).run("SELECT * FROM theirs.t") == []


def test_and_done_where_it_may_be(shared: CqlBackend) -> None:
    app = Client(shared, role="app")
    prepared = app.prepare(TEXT, "mine")
    app.run("USE theirs")
    app.batch((prepared.id, 1), ("INSERT INTO mine.t (a) VALUES (2)",))
    with pytest.raises(CqlError) as caught:
        app.batch((TEXT.replace("?", "3"),))
    assert caught.value.code == ErrorCode.UNAUTHORIZED
    assert sorted(app.run("SELECT * FROM mine.t")) == [(1,), (2,)]
