"""Tables read as columns: rows into Arrow, and queries 1 and 6 of TPC-H over our rows, beside DuckDB on its own tables.

Question: what does keeping rows cost who analyses them? Method: (1) a table of `--rows` rows (bigint key, integer, double,
text) goes to Arrow from rows, nothing kept, and again from kept columns. (2) lineitem with TPC-H's columns and ranges (600,000
rows per 0.1 of scale; made by hashes, not by dbgen), inserted through the transaction's row writer, committed every 10,000 rows.
Each query runs cold (nothing kept) and warm; DuckDB's runs on its own table of the same rows with the same threads and memory
are interleaved with them, and results are compared. Figures are medians of wall time, the least in parentheses.
Run: `python bench/columns.py [--rows 1000000] [--scale 0.1] [--rounds 7]`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import duckdb

import hyperdb
from hyperdb.frontends.sql.columnar import Relation, arrow_table, python_rows
from hyperdb.frontends.sql.columnar.duck import DuckEngine
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.records import App, Column, KeyColumn, Table
from hyperdb.graph.catalog.tables import Layout, Tables, TableTransaction
from hyperdb.graph.store import TransactionOptions

THREADS, MEMORY, KEPT = 2, 1 << 30, 512 << 20
INT4, INT8, FLOAT8, TEXT, DATE, MONEY = b"\x04", b"\x05", b"\x08", b"\x0a", b"\x0f", b"\x32\x0f\x00\x02\x00"

LINEITEM = {
    "l_orderkey": INT8,
    "l_linenumber": INT4,
    "l_partkey": INT8,
    "l_suppkey": INT8,
    "l_quantity": MONEY,
    "l_extendedprice": MONEY,
    "l_discount": MONEY,
    "l_tax": MONEY,
    "l_returnflag": TEXT,
    "l_linestatus": TEXT,
    "l_shipdate": DATE,
    "l_commitdate": DATE,
    "l_receiptdate": DATE,
    "l_shipinstruct": TEXT,
    "l_shipmode": TEXT,
    "l_comment": TEXT,
}

MAKE = """
create table lineitem as
with hashed as (
  select i, i // 4 + 1 as o, i % 4 + 1 as n, date '1992-01-02' + (hash(i, 7) % 2526)::int as s from range({rows}) t(i)
)
select o::bigint l_orderkey, n::int l_linenumber,
  (hash(i, 1) % 20000 + 1)::bigint l_partkey, (hash(i, 2) % 1000 + 1)::bigint l_suppkey,
  (hash(i, 3) % 50 + 1)::decimal(15, 2) l_quantity, ((hash(i, 4) % 10000000 + 90000) / 100.0)::decimal(15, 2) l_extendedprice,
  ((hash(i, 5) % 11) / 100.0)::decimal(15, 2) l_discount, ((hash(i, 6) % 9) / 100.0)::decimal(15, 2) l_tax,
  case when s > date '1995-06-17' then 'N' when hash(i, 8) % 2 = 0 then 'R' else 'A' end l_returnflag,
  case when s > date '1995-06-17' then 'O' else 'F' end l_linestatus, s l_shipdate, s + (hash(i, 9) % 60)::int - 30 l_commitdate,
  s + (hash(i, 10) % 30)::int + 1 l_receiptdate,
  (['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'])[(hash(i, 11) % 4)::int + 1] l_shipinstruct,
  (['REG AIR', 'AIR', 'RAIL', 'SHIP', 'TRUCK', 'MAIL', 'FOB'])[(hash(i, 12) % 7)::int + 1] l_shipmode,
  substr(md5(i::varchar) || md5((i + 1)::varchar), 1, (hash(i, 13) % 34 + 10)::int) l_comment
from hashed order by l_orderkey, l_linenumber
"""

QUERIES = {
    "Q1": """select l_returnflag, l_linestatus, sum(l_quantity), sum(l_extendedprice), sum(l_extendedprice * (1 - l_discount)),
        sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)), avg(l_quantity), avg(l_extendedprice), avg(l_discount), count(*)
        from lineitem where l_shipdate <= date '1998-09-02' group by 1, 2 order by 1, 2""",
    "Q6": """select sum(l_extendedprice * l_discount) from lineitem where l_shipdate >= date '1994-01-01'
        and l_shipdate < date '1995-01-01' and l_discount between 0.05 and 0.07 and l_quantity < 24""",
}


def begin(tables: Tables) -> TableTransaction:
    """A snapshot with an open statement."""
    transaction = tables.begin(TransactionOptions("repeatable read"))
    transaction.open()
    return transaction


def load(
    tables: Tables, name: str, columns: dict[str, bytes], key: int, rows: Iterator[tuple[object, ...]]
) -> tuple[Layout, float]:
    """Makes a table keyed by its first columns and fills it; how long filling took."""
    transaction = begin(tables)
    app = transaction.app(name.encode())
    assert app is not None
    transaction.create(transaction.reserve(), records.encode(App(number=app, name=name)))
    described = tuple(Column(id=at + 1, name=each, kind=kind, not_null=True) for at, (each, kind) in enumerate(columns.items()))
    parts = tuple(KeyColumn(column=at + 1) for at in range(key))
    number = transaction.reserve()
    table = Table(app=app, name=name, columns=described, next_column=len(columns) + 1, key=parts)
    transaction.create(number, records.encode(table))
    layout = transaction.image().layout(number, [])
    transaction.close(True)
    transaction.commit()
    start = time.perf_counter()
    while batch := list(islice(rows, 10_000)):
        transaction = begin(tables)
        assert transaction.insert(layout, batch) is None
        transaction.close(True)
        transaction.commit()
    return layout, time.perf_counter() - start


def timed(body: Callable[[], object]) -> float:
    """Seconds that it takes."""
    start = time.perf_counter()
    body()
    return time.perf_counter() - start


def figures(seconds: list[float]) -> str:
    """Median and least in milliseconds."""
    return f"{statistics.median(seconds) * 1e3:.1f} ({min(seconds) * 1e3:.1f})"


def forget(tables: Tables) -> None:
    """Nothing is kept afterwards."""
    tables.keep_columns(0)
    tables.keep_columns(KEPT)


def into_arrow(tables: Tables, rows: int, rounds: int) -> None:
    """Question 1."""
    columns = {"k": INT8, "a": INT4, "b": FLOAT8, "t": TEXT}
    layout, seconds = load(tables, "narrow", columns, 1, ((i, i % 1000, i * 0.5, f"text {i}") for i in range(rows)))
    print(f"\n{rows:,} rows inserted from Python tuples: {rows / seconds:,.0f}/s\n\n| to Arrow | ms | rows/s |\n|---|---|---|")
    transaction = begin(tables)
    named = tuple((at + 1, name) for at, name in enumerate(columns))
    for label, wanted in (("k, a", named[:2]), ("k, a, b, t", named)):
        relation = Relation("narrow", transaction, layout, wanted)
        cold = []
        for _ in range(rounds):
            forget(tables)
            cold.append(timed(lambda relation=relation: arrow_table(relation)))
        warm = [timed(lambda relation=relation: arrow_table(relation)) for _ in range(rounds)]
        for kind, taken in (("from rows", cold), ("kept", warm)):
            print(f"| {label}, {kind} | {figures(taken)} | {rows / statistics.median(taken):,.0f} |")
    transaction.rollback()


def queries(tables: Tables, scale: float, rounds: int) -> None:
    """Question 2."""
    native = duckdb.connect(
        ":memory:", config={"threads": str(THREADS), "memory_limit": f"{MEMORY}B", "integer_division": "true"}
    )
    native.execute(MAKE.format(rows=int(6_000_000 * scale)))
    made = native.sql("select * from lineitem").to_arrow_reader(50_000)
    rows = (row for batch in made for row in python_rows(batch))
    layout, seconds = load(tables, "lineitem", LINEITEM, 2, rows)
    count = native.sql("select count(*) from lineitem").fetchall()[0][0]
    print(f"\nlineitem: {count:,} rows of 16 columns inserted at {count / seconds:,.0f}/s")
    engine = DuckEngine(memory=MEMORY, threads=THREADS)
    named = tuple((at + 1, name) for at, name in enumerate(LINEITEM))

    def ours(text: str) -> list[tuple[object, ...]]:
        # A snapshot of its own: one from before the table came under watch again would find nothing kept.
        transaction = begin(tables)
        query = engine.query(text, [Relation("lineitem", transaction, layout, named, key="l_orderkey")])
        try:
            return [row for page in query.rows() for row in page]
        finally:
            query.close()
            transaction.rollback()

    print("\n| query | cold | warm | DuckDB's own table | warm / DuckDB |\n|---|---|---|---|---|")
    for name, text in QUERIES.items():
        cold, warm, theirs = [], [], []
        for _ in range(rounds):
            forget(tables)
            cold.append(timed(lambda text=text: ours(text)))
            warm.append(timed(lambda text=text: ours(text)))
            theirs.append(timed(lambda text=text: native.sql(text).fetchall()))
        assert [exact(row) for row in ours(text)] == [exact(row) for row in native.sql(text).fetchall()]
        ratio = statistics.median(warm) / statistics.median(theirs)
        print(f"| {name} | {figures(cold)} | {figures(warm)} | {figures(theirs)} | {ratio:.2f} |")
    print(f"\nkept: {dict(tables.column_gauges())}")
    engine.close()
    native.close()


def exact(row: tuple[object, ...]) -> list[object]:
    """Sums as they are; averages, which are doubles added up in any order, to 12 digits."""
    return [f"{value:.12g}" if isinstance(value, float) else value for value in row]


def main() -> None:
    """Runs both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, hyperdb.open(Path(directory) / "data", memory="512m") as opened:
        tables = Tables(opened.native)
        tables.keep_columns(KEPT)
        print(f"DuckDB {duckdb.__version__}, {THREADS} threads; load average {os.getloadavg()[0]:.1f}")
        into_arrow(tables, arguments.rows, arguments.rounds)
        queries(tables, arguments.scale, arguments.rounds)
        print(f"load average {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
