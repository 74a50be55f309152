"""Tables of CQL's in SQL: values at the ends of types, written in one language and read in the other; what goes with rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cql_session import Client, backend

import hyperdb
from hyperdb.errors import SqlError
from hyperdb.frontends.cql.parse.parser import Grammar

TABLE = (
    "CREATE TABLE ks.e (k int PRIMARY KEY, ts timestamp, d date, dec decimal, i inet, x text, si smallint, ti tinyint, a ascii, "
    "tu timeuuid, b blob, f float)"
)


class Both:
    """A table of CQL's, and both languages."""

    def __init__(self, database: hyperdb.Database, grammar: Grammar) -> None:
        self.database = database
        self.cql = Client(backend(database, grammar))
        self.cql.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        self.cql.run(TABLE)

    def state(self, text: str) -> str:
        with pytest.raises(SqlError) as caught:
            self.database.sql(text)
        return caught.value.sqlstate


@pytest.fixture(scope="module")
def both(cql: Grammar) -> Iterator[Both]:
    with hyperdb.open(":memory:") as database:
        yield Both(database, cql)


@pytest.mark.parametrize(
    ("column", "value", "state"),
    [
        ("ts", "'infinity'", "22008"),
        ("ts", "'-infinity'", "22008"),
        ("ts", "'294276-12-31'", "22008"),
        ("dec", "'NaN'", "22003"),
        ("dec", "'-Infinity'", "22003"),
        ("i", "'10.0.0.0/8'", "22023"),
        ("si", "40000", "22003"),
        ("ti", "128", "22003"),
        ("a", "'\u00e9'", "22P05"),
        ("tu", "'00000000-0000-4000-8000-000000000000'", "22023"),
        ("f", "1e300", "22003"),
    ],
)
def test_what_cql_does_not_have_is_not_written(both: Both, column: str, value: str, state: str) -> None:
    assert both.state(f"INSERT INTO ks.e (k, {column}) VALUES (1, {value})") == state
    both.database.sql("INSERT INTO ks.e (k) VALUES (1)")
    assert both.state(f"UPDATE ks.e SET {column} = {value} WHERE k = 1") == state
    assert both.state(f"INSERT INTO ks.e (k) VALUES (1) ON CONFLICT (k) DO UPDATE SET {column} = {value}") == state
    assert both.cql.run(f"SELECT {column} FROM ks.e") == [(None,)]
    both.database.sql("DELETE FROM ks.e")


@pytest.mark.parametrize(
    ("column", "value", "read"),
    [
        ("ts", "'292277-01-01'", 9161204112000000),
        ("ts", "'4713-01-01 BC'", -210863520000000),
        ("ts", "'2020-01-01 00:00:00.123456'", 1577836800123),
        ("d", "'5874897-12-31'", 2145042905),
        ("i", "'10.0.0.0'", "10.0.0.0"),
        ("i", "'::1/128'", "::1"),
        ("x", "''", ""),
        ("b", "''", b""),
        ("ti", "-128", -128),
        ("dec", "1e-100", "1E-100"),
        ("tu", "'00000000-0000-1000-8000-000000000000'", "00000000-0000-1000-8000-000000000000"),
        ("f", "'NaN'", "nan"),
    ],
)
def test_what_both_have_crosses(both: Both, column: str, value: str, read: Any) -> None:
    both.database.sql(f"INSERT INTO ks.e (k, {column}) VALUES (1, {value})")
    found = both.cql.run(f"SELECT {column} FROM ks.e WHERE k = 1")[0][0]
    assert (str(found) if isinstance(read, str) else found) == read
    assert both.database.sql(f"SELECT {column} IS NOT DISTINCT FROM {value} FROM ks.e").fetchall() != []
    both.database.sql("DELETE FROM ks.e")


def test_a_timestamp_that_is_not_stored_is_refused_in_tables_of_sql_too(both: Both) -> None:
    both.database.sql("CREATE TABLE public.s (ts timestamptz, plain timestamp)")
    assert both.state("INSERT INTO public.s VALUES ('294276-12-31')") == "22008"
    both.database.sql("INSERT INTO public.s VALUES ('294246-12-31', 'infinity')")
    assert both.state("UPDATE public.s SET plain = '294276-12-31'") == "22008"


def test_truncate_in_sql_empties_indexes_and_views(both: Both) -> None:
    run = both.cql.run
    run("CREATE TABLE ks.t (p int PRIMARY KEY, v text)")
    run("CREATE INDEX ON ks.t (v)")
    run("CREATE MATERIALIZED VIEW ks.by_v AS SELECT * FROM ks.t WHERE v IS NOT NULL AND p IS NOT NULL PRIMARY KEY (v, p)")
    run("INSERT INTO ks.t (p, v) VALUES (1, 'a')")
    both.database.sql("TRUNCATE ks.t")
    for text in ("SELECT * FROM ks.t", "SELECT * FROM ks.t WHERE v = 'a'", "SELECT * FROM ks.by_v"):
        assert run(text) == []
    run("INSERT INTO ks.t (p, v) VALUES (2, 'a')")
    assert run("SELECT p FROM ks.by_v") == run("SELECT p FROM ks.t WHERE v = 'a'") == [(2,)]
    with pytest.raises(SqlError):
        both.database.sql("TRUNCATE ks.by_v")
