"""Tables made in SQL, read in CQL: their rows by key, page by page, and what is refused with the reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cql_session import Client, backend

import hyperdb
from hyperdb.errors import CqlError
from hyperdb.frontends.cql.parse.parser import Grammar


@pytest.fixture
def database(cql: Grammar) -> Iterator[hyperdb.Database]:
    with hyperdb.open(":memory:") as opened:
        opened.sql("CREATE TABLE public.orders (customer text, number int, total numeric(8, 2), placed timestamptz,"
                   " note varchar(9), paid bool DEFAULT false, PRIMARY KEY (customer, number))")  # fmt: skip
        opened.sql("INSERT INTO public.orders SELECT 'c' || n % 3, n, n / 4.0, '2024-01-01 00:00:00+00', 'n' || n"
                   " FROM generate_series(1, 30) n")  # fmt: skip
        yield opened


@pytest.fixture
def client(database: hyperdb.Database, cql: Grammar) -> Client:
    return Client(backend(database, cql))


def test_rows_come_by_partition_and_key(client: Client) -> None:
    rows = client.run("SELECT number, total, note FROM public.orders WHERE customer = 'c1' AND number < 8")
    assert [(number, str(total), note) for number, total, note in rows] == [
        (1, "0.25", "n1"),
        (4, "1.00", "n4"),
        (7, "1.75", "n7"),
    ]
    assert client.run("SELECT count(*) FROM public.orders") == [(30,)]
    assert client.run("SELECT number FROM public.orders WHERE customer = 'c0' ORDER BY number DESC LIMIT 2") == [(30,), (27,)]
    assert client.run("SELECT paid, placed FROM public.orders LIMIT 1") == [(False, 1_704_067_200_000)]
    assert client.run("SELECT DISTINCT customer FROM public.orders") == [("c0",), ("c1",), ("c2",)]


@pytest.mark.parametrize("order", ["", " WHERE customer = 'c2' ORDER BY number DESC"])
def test_pages_go_on_behind_the_last_key(client: Client, database: hyperdb.Database, order: str) -> None:
    text = f"SELECT number FROM public.orders{order}"
    whole = client.run(text)
    found = client.run(text, page_size=7)
    assert len(found) == 7
    database.sql("DELETE FROM public.orders WHERE number = $1", (found[-1][0],))
    while client.state is not None:
        found += client.run(text, page_size=7, paging_state=client.state)
    assert found == whole


def test_it_is_described_like_any_other(client: Client) -> None:
    columns = client.run("SELECT column_name, kind, type FROM system_schema.columns WHERE keyspace_name = 'public'")
    assert ("total", "regular", "decimal") in columns
    assert ("customer", "partition_key", "text") in columns


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("INSERT INTO public.orders (customer, number) VALUES ('x', 1)", "was made in SQL, are written in SQL"),
        ("SELECT token(customer) FROM public.orders", "have no token"),
        ("SELECT * FROM public.orders WHERE token(customer) > 3", "have no token"),
        ("ALTER TABLE public.orders ADD x int", "was made in SQL, and is changed there"),
        ("TRUNCATE public.orders", "was made in SQL"),
        ("CREATE INDEX ON public.orders (note)", "was made in SQL"),
        ("SELECT * FROM public.keyless", "without a primary key"),
        ("SELECT * FROM public.docs", "CQL has no type jsonb"),
    ],
)
def test_what_cannot_be_said_is_refused_with_the_reason(
    client: Client, database: hyperdb.Database, text: str, message: str
) -> None:
    database.sql("CREATE TABLE public.keyless (a int)")
    database.sql("CREATE TABLE public.docs (a int PRIMARY KEY, b jsonb)")
    with pytest.raises(CqlError, match=message):
        client.run(text)


def test_a_value_that_cql_does_not_have(client: Client, database: hyperdb.Database) -> None:
    database.sql("CREATE TABLE public.odd (a int PRIMARY KEY, b numeric, c timestamptz, d inet)")
    database.sql("INSERT INTO public.odd VALUES (1, 'NaN', NULL, NULL), (2, 1, 'infinity', NULL), (3, 1, NULL, '10.0.0.0/8'),"
                 " (4, 2.50, '1969-12-31 23:59:59.999+00', '10.1.2.3')")  # fmt: skip
    for key in (1, 2, 3):
        with pytest.raises(CqlError, match="is no value of CQL"):
            client.run(f"SELECT * FROM public.odd WHERE a = {key}")
    ((_, number, at, address),) = client.run("SELECT * FROM public.odd WHERE a = 4")
    assert (str(number), at, str(address)) == ("2.50", -1, "10.1.2.3")


def test_a_table_of_cql_goes_away_in_sql(client: Client, database: hyperdb.Database) -> None:
    client.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
    client.run("CREATE TABLE ks.t (a int PRIMARY KEY)")
    database.sql("DROP TABLE ks.t")
    with pytest.raises(CqlError, match="table t does not exist"):
        client.run("SELECT * FROM ks.t")
    client.run("DROP TABLE public.orders")
    (count,) = database.sql("SELECT count(*) FROM information_schema.tables WHERE table_name = 'orders'")
    assert tuple(count) == (0,)
