"""pandas and polars on HyperDB and on PostgreSQL: python compat-tests/sql/dataframes.py [--python PYTHON]

Purpose: tables of data go there and come back. pandas writes and reads through SQLAlchemy (row by row, many values a statement,
COPY), polars through SQLAlchemy, ADBC and connectorx, which read and write COPY in binary. Both servers must give the same lines.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from suites import Peer, arguments, environment, hyperdb_server, postgresql, scratch

PINS = (
    "pandas==3.1.1",
    "polars==2.1.0",
    "pyarrow==26.0.1",
    "SQLAlchemy==2.1.9",
    "psycopg[binary]==3.3.9",
    "adbc-driver-postgresql==1.13.0",
    "connectorx==0.4.6",
)
STEPS = """
import csv, datetime, decimal, io, sys, traceback
import pandas, polars, sqlalchemy
from sqlalchemy.dialects.postgresql import JSONB
url = sys.argv[1]
engine = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
days = pandas.date_range("2024-02-27", periods=2000, freq="h", tz="UTC")
frame = pandas.DataFrame({
    "id": range(2000), "name": [None if n % 7 == 0 else f"name {n}" for n in range(2000)], "half": [n / 2 for n in range(2000)],
    "price": [decimal.Decimal(n) / 100 for n in range(2000)], "at": days, "day": [each.date() for each in days],
    "sure": [n % 2 == 0 for n in range(2000)], "kind": pandas.Categorical(["a", "b"] * 1000)})

def step(body):
    try:
        for line in body() or ():
            print(body.__name__, line)
    except Exception as error:
        traceback.print_exc()
        print(body.__name__, "failed:", type(error).__name__, str(error).splitlines()[0])

def told(found):
    yield from (f"{name}: {kind}" for name, kind in zip(found.columns, found.dtypes))
    yield len(found)
    yield from map(str, found.head(3).rows() if isinstance(found, polars.DataFrame) else found.head(3).itertuples(index=False))

def pandas_rows():
    yield frame.to_sql("things", engine, index=False, chunksize=500, dtype={"price": sqlalchemy.Numeric(10, 2)})
    yield from told(pandas.read_sql_table("things", engine))
    query = "SELECT id, price, at FROM things WHERE day = %(day)s ORDER BY id"
    yield from told(pandas.read_sql(query, engine, params={"day": days[5].date()}))

def pandas_multi():
    yield frame.to_sql("things", engine, index=True, index_label="row", if_exists="replace", method="multi", chunksize=1000)
    yield frame.head(3).to_sql("things", engine, index=True, index_label="row", if_exists="append")
    query = "SELECT row, count(*) FROM things GROUP BY row HAVING count(*) > 1 ORDER BY row"
    yield from told(pandas.read_sql_query(query, engine, index_col="row"))
    yield from (len(part) for part in pandas.read_sql("SELECT * FROM things", engine, chunksize=700))

def by_copy(table, connection, keys, rows):
    copied = f"COPY {table.name} ({', '.join(keys)}) FROM STDIN (FORMAT csv)"
    with connection.connection.cursor() as cursor, cursor.copy(copied) as copy:
        lines = io.StringIO()
        csv.writer(lines).writerows(rows)
        copy.write(lines.getvalue())

def pandas_copy():
    yield frame.to_sql("copied", engine, index=False, method=by_copy)
    yield from told(pandas.read_sql("SELECT * FROM copied ORDER BY id DESC", engine))

def pandas_schema():
    nested = pandas.DataFrame({"n": [1, 2], "data": [{"a": [1, None]}, {"b": "x"}]})
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE SCHEMA apart"))
        nested.to_sql("nested", connection, schema="apart", index=False, dtype={"data": JSONB})
        yield from told(pandas.read_sql_table("nested", connection, schema="apart"))
    try:
        nested.to_sql("nested", engine, schema="apart", if_exists="fail")
    except ValueError as error:
        yield error

def pandas_dropped():
    yield frame.iloc[:0].to_sql("empty", engine)
    yield len(pandas.read_sql_table("empty", engine))
    yield from sqlalchemy.inspect(engine).get_table_names()

def polars_alchemy():
    made = polars.from_pandas(frame).with_columns(price=polars.col("price").cast(polars.Decimal(10, 2)))
    at = url.replace("postgresql:", "postgresql+psycopg:")
    yield made.write_database("things", at, if_table_exists="replace", engine="sqlalchemy")
    yield from told(polars.read_database("SELECT * FROM things ORDER BY id", engine))
    yield from (len(part) for part in polars.read_database("SELECT id FROM things", engine, iter_batches=True, batch_size=900))

def polars_adbc():
    made = polars.DataFrame({
        "id": range(3000), "name": [None if n % 7 == 0 else f"name {n}" for n in range(3000)],
        "half": [n / 2 for n in range(3000)],
        "at": [datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone.utc)] * 3000, "day": [datetime.date(2024, 2, 29)] * 3000,
        "raw": [b"\\0\\xff"] * 3000, "sure": [True] * 3000})
    yield made.write_database("arrowed", url, engine="adbc")
    yield made.write_database("arrowed", url, engine="adbc", if_table_exists="append")
    yield made.write_database("arrowed", url, engine="adbc", if_table_exists="replace")
    yield from told(polars.read_database_uri("SELECT * FROM arrowed ORDER BY id", url, engine="adbc"))
    yield from told(polars.read_database_uri("SELECT id, price, kind FROM things WHERE id < 10 ORDER BY id", url, engine="adbc"))

def adbc_metadata():
    import adbc_driver_postgresql.dbapi as adbc
    with adbc.connect(url) as connection:
        yield connection.adbc_get_table_schema("arrowed")
        yield connection.adbc_get_table_types()
        found = connection.adbc_get_objects(depth="columns", db_schema_filter="public", table_name_filter="arrowed")
        for catalog in found.read_all().to_pylist():
            for schema in catalog["catalog_db_schemas"] or ():
                for table in schema["db_schema_tables"] or ():
                    yield table["table_name"], table["table_type"], [column["column_name"] for column in table["table_columns"]]
        with connection.cursor() as cursor:
            cursor.execute("SELECT id, name FROM arrowed WHERE id = $1", (8,))
            yield cursor.fetchall()
            cursor.executemany("INSERT INTO arrowed (id, name) VALUES ($1, $2)", [(9001, "a"), (9002, "b")])
            connection.commit()
            cursor.execute("SELECT count(*) FROM arrowed")
            yield cursor.fetchall()

def polars_connectorx():
    query = "SELECT id, name, half, price, at, day, sure FROM copied"
    yield from told(polars.read_database_uri(query + " ORDER BY id", url, engine="connectorx"))
    yield from told(polars.read_database_uri(query, url, partition_on="id", partition_num=4, engine="connectorx").sort("id"))
    yield from told(polars.read_database_uri(query + " ORDER BY id", url, engine="connectorx", protocol="cursor"))

for body in (pandas_rows, pandas_multi, pandas_copy, pandas_schema, pandas_dropped, polars_alchemy, polars_adbc, adbc_metadata,
             polars_connectorx):
    step(body)
"""


def said(python: Path, home: Path, peer: Peer) -> list[str]:
    """The lines that the steps print."""
    (home / "steps.py").write_text(STEPS)
    done = subprocess.run([python, "steps.py", peer.url], cwd=home, capture_output=True, text=True, check=False)
    if done.returncode or "failed:" in done.stdout:
        print(f"{peer.name}: {done.stderr[-3000:]}")
    return done.stdout.splitlines()


def main() -> None:
    chosen = arguments(__doc__ or "")
    with scratch("frames", chosen.home) as home:
        python = chosen.python or environment(home, *PINS)
        with hyperdb_server() as peer:
            ours = said(python, home, peer)
        with postgresql(options="-c timezone=UTC") as peer:
            theirs = said(python, home, peer)
    bad = abs(len(ours) - len(theirs))
    for mine, wanted in zip(ours, theirs, strict=False):
        if mine != wanted:
            bad += 1
            print(f"HyperDB:    {mine}\nPostgreSQL: {wanted}")
    failed = sum(" failed: " in line for line in theirs)
    print(f"pandas and polars: {len(ours)} lines, {bad} differ from PostgreSQL's; {failed} steps fail on PostgreSQL too")
    sys.exit(1 if bad or failed or not theirs else 0)


if __name__ == "__main__":
    main()
