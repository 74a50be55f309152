"""Columns beside rows: every type's values come out of Arrow as they come out of rows, and what cannot is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from column_values import CASES, REFUSED_TYPES, REFUSED_VALUES, Case

import hyperdb
from hyperdb.errors import NotColumnarError
from hyperdb.frontends.sql.columnar import Relation, arrow_schema, arrow_table, python_rows
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.records import App, Column, KeyColumn, Table
from hyperdb.graph.catalog.tables import Layout, Tables, TableTransaction
from hyperdb.graph.store import TransactionOptions

INT8 = b"\x05"


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tables]:
    directory: Path = tmp_path_factory.mktemp("columnar")
    with hyperdb.open(directory / "data", memory="64m") as opened:
        yield Tables(opened.native)


def begin(tables: Tables) -> TableTransaction:
    tx = tables.begin(TransactionOptions("repeatable read", lock_timeout=10.0))
    tx.open()
    return tx


def make(tables: Tables, name: str, kind: bytes) -> Layout:
    """Table `name` (k bigint primary key, v of the kind) in an app of its own."""
    tx = begin(tables)
    app = tx.app(name.encode())
    assert app is not None
    tx.create(tx.reserve(), records.encode(App(number=app, name=name)))
    columns = (Column(id=1, name="k", kind=INT8, not_null=True), Column(id=2, name="v", kind=kind))
    table = tx.reserve()
    tx.create(table, records.encode(Table(app=app, name=name, columns=columns, next_column=3, key=(KeyColumn(column=1),))))
    layout = tx.image().layout(table, [])
    tx.close(True)
    tx.commit()
    return layout


def relation(tx: TableTransaction, layout: Layout) -> Relation:
    return Relation("t", tx, layout, ((1, "k"), (2, "v")))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_values_come_out_of_columns_as_out_of_rows(tables: Tables, case: Case) -> None:
    layout = make(tables, case.name, case.kind)
    tx = begin(tables)
    given = [(number, value) for number, value in enumerate([*case.values, None, *case.values])]
    assert tx.insert(layout, given) is None
    rows, _ = tx.page(layout, None, None, None, False, False, None, 10_000)
    own = arrow_table(relation(tx, layout))
    assert own.schema.field("v").type == case.arrow
    tx.close(True)
    tx.commit()
    tx = begin(tables)
    for _ in range(2):  # read from rows, then from what is kept
        table = arrow_table(relation(tx, layout))
        # Arrow's own bounds end a day before 24:00:00 does, which DuckDB and PostgreSQL have.
        table.validate(full=case.name != "time")
        found = [row for batch in table.to_batches() for row in python_rows(batch)]
        assert repr(found) == repr(rows)
        assert repr(found) == repr([row for batch in own.to_batches() for row in python_rows(batch)])


@pytest.mark.parametrize("kind", REFUSED_TYPES.values(), ids=REFUSED_TYPES.keys())
def test_types_without_a_form_are_refused(tables: Tables, kind: bytes, request: pytest.FixtureRequest) -> None:
    layout = make(tables, request.node.name[-40:], kind)
    tx = begin(tables)
    with pytest.raises(NotColumnarError):
        arrow_schema(relation(tx, layout))
    with pytest.raises(NotColumnarError):
        arrow_table(relation(tx, layout))


@pytest.mark.parametrize(("kind", "value"), REFUSED_VALUES.values(), ids=REFUSED_VALUES.keys())
def test_values_without_a_form_are_refused(tables: Tables, kind: bytes, value: object, request: pytest.FixtureRequest) -> None:
    layout = make(tables, request.node.name[-40:], kind)
    tx = begin(tables)
    assert tx.insert(layout, [(1, value)]) is None
    with pytest.raises(NotColumnarError):  # its own write: at once
        arrow_table(relation(tx, layout))
    tx.close(True)
    tx.commit()
    with pytest.raises(NotColumnarError):  # everybody's: while it is read
        arrow_table(relation(begin(tables), layout))


def test_a_scan_is_a_snapshot_with_the_own_writes_that_were_there(tables: Tables) -> None:
    layout = make(tables, "snapshot", b"\x0a")
    tx = begin(tables)
    assert tx.insert(layout, [(number, f"{number}") for number in range(1000)]) is None
    tx.close(True)
    tx.commit()
    tx = begin(tables)
    assert tx.replace(layout, [(5, "5")], [(5, "mine")]) is None
    scan = tx.columns(layout, [(2, "v")], None, None)
    tx.remove(layout, [(6, "6")])
    tx.rollback()
    found = pa.RecordBatchReader.from_stream(scan).read_all().column("v").to_pylist()
    assert found == [*map(str, range(5)), "mine", *map(str, range(6, 1000))]


def test_a_scan_that_is_cancelled_says_so(tables: Tables) -> None:
    layout = make(tables, "cancelled", b"\x0a")
    tx = begin(tables)
    scan = tx.columns(layout, [(1, "k")], None, None)
    scan.cancel()
    reader = pa.RecordBatchReader.from_stream(scan)
    with pytest.raises(OSError, match="cancelled"):
        reader.read_all()
    with pytest.raises(hyperdb.errors.CancelledError):
        scan.check()
    with pytest.raises(hyperdb.errors.InvalidError):
        scan.__arrow_c_stream__()


def test_columns_are_kept_within_their_budget_and_used_again(tables: Tables) -> None:
    layout = make(tables, "kept", b"\x0a")
    tx = begin(tables)
    assert tx.insert(layout, [(number, "text") for number in range(1000)]) is None
    tx.close(True)
    tx.commit()
    tx = begin(tables)

    def read() -> dict[str, int]:
        assert arrow_table(relation(tx, layout)).num_rows == 1000
        return dict(tables.column_gauges())

    first, second = read(), read()
    assert second["columnar_hits"] == first["columnar_hits"] + 1
    assert second["columnar_misses"] == first["columnar_misses"]
    tables.keep_columns(0)
    try:
        third = read()
        assert third["columnar_bytes"] == 0
        assert third["columnar_misses"] == second["columnar_misses"] + 1
    finally:
        tables.keep_columns(64 << 20)
