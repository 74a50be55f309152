"""A server in this process for tests with stock drivers, and connections to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from connecting import Connect

import hyperdb


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    with hyperdb.open(":memory:", frames=None) as database:
        serving = database.serve(sql="127.0.0.1:0", control=False)
        assert serving.sql_address is not None
        yield serving.sql_address


@pytest.fixture
def connect(address: tuple[str, int]) -> Iterator[Connect]:
    made: list[psycopg.Connection[Any]] = []

    def open_one(**options: Any) -> psycopg.Connection[Any]:
        known = {"host": address[0], "port": address[1], "user": "postgres", "dbname": "hyperdb", "sslmode": "disable"}
        made.append(psycopg.connect(**{"autocommit": True, **known, **options}))
        return made[-1]

    yield open_one
    for each in made:
        each.close()
