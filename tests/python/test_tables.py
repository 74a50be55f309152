"""Tables under every language: records come back, rows and their index entries agree, uniqueness holds between transactions."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hyperdb
from hyperdb.errors import RowChangedError, SqlError
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.records import App, Column, Index, KeyColumn, Table
from hyperdb.graph.catalog.tables import Layout, Tables, TableTransaction
from hyperdb.graph.store import Isolation, TransactionOptions

INT4, TEXT = b"\x04", b"\x0a"


@pytest.fixture
def tables(tmp_path: Path) -> Iterator[Tables]:
    with hyperdb.open(tmp_path / "data", memory="16m") as opened:
        yield Tables(opened.native)


def begin(tables: Tables, isolation: Isolation = "read committed") -> TableTransaction:
    return tables.begin(TransactionOptions(isolation, lock_timeout=10.0))


def make(tables: Tables, *, unique: bool = True) -> Layout:
    """Table t (a integer primary key, b text) with an index on b, NULLS LAST."""
    tx = begin(tables)
    tx.open()
    app = tx.app(b"shop")
    assert app is not None
    tx.create(tx.reserve(), records.encode(App(number=app, name="shop")))
    table, index = tx.reserve(), tx.reserve()
    columns = (Column(id=1, name="a", kind=INT4, not_null=True), Column(id=2, name="b", kind=TEXT))
    tx.create(table, records.encode(Table(app=app, name="t", columns=columns, next_column=3, key=(KeyColumn(column=1),))))
    entry = (KeyColumn(column=2, nulls=records.NULLS_LAST),)
    tx.create(index, records.encode(Index(app=app, name="t_b", table=table, columns=entry, unique=unique)))
    layout = tx.image().layout(table, [])
    assert layout.indexes() == [index]
    tx.close(True)
    tx.commit()
    return layout


def rows(tx: TableTransaction, layout: Layout, index: int | None = None, **ends: Any) -> list[tuple[object, ...]]:
    found, after = tx.page(layout, index, ends.get("low"), ends.get("high"), ends.get("reverse", False), False, None, 1000)
    assert after is None
    return found


def test_records_come_back_and_keep_what_they_do_not_know() -> None:
    table = Table(app=3, name="t", columns=(Column(id=1, name="a", kind=INT4, missing=b""),), next_column=2)
    assert records.decode(records.encode(table)) == table
    stranger = Table(app=3, name="t", unknown=((200, b"later"),))
    assert records.decode(records.encode(stranger)) == stranger


def test_rows_and_entries_agree_through_every_change(tables: Tables) -> None:
    layout = make(tables)
    tx = begin(tables)
    tx.open()
    tx.claim(layout)
    assert tx.insert(layout, [(2, "x"), (1, "z"), (3, None), (4, None)]) is None
    assert rows(tx, layout) == [(1, "z"), (2, "x"), (3, None), (4, None)]
    assert rows(tx, layout, 0) == [(2, "x"), (1, "z"), (3, None), (4, None)]
    assert tx.replace(layout, [(2, "x")], [(5, "zz")]) is None
    tx.remove(layout, [(3, None)])
    tx.close(True)
    tx.commit()
    tx = begin(tables)
    tx.open()
    assert rows(tx, layout) == [(1, "z"), (4, None), (5, "zz")]
    assert rows(tx, layout, 0, reverse=True) == [(4, None), (5, "zz"), (1, "z")]
    assert rows(tx, layout, 0, low=(("z",), False), high=(("zz",), True)) == [(5, "zz")]
    assert rows(tx, layout, low=((1,), False), high=((5,), False)) == [(4, None)]
    assert tx.estimate(layout) == 3
    tx.rollback()


def test_what_is_there_already_is_named(tables: Tables) -> None:
    layout = make(tables)
    tx = begin(tables)
    tx.open()
    assert tx.insert(layout, [(1, "x")]) is None
    tx.close(True)
    tx.open()
    assert tx.insert(layout, [(2, "y"), (1, "q")]) == (1, 0)
    tx.close(False)
    assert rows(tx, layout) == [(1, "x")]
    tx.open()
    assert tx.insert(layout, [(3, "x")]) == (0, layout.indexes()[0])
    tx.close(False)
    assert rows(tx, layout, 0) == [(1, "x")]


def test_a_unique_value_that_another_one_commits_first_is_seen_when_the_statement_begins_again(tables: Tables) -> None:
    layout = make(tables)
    first, second = begin(tables), begin(tables)
    first.open()
    assert first.insert(layout, [(1, "x")]) is None
    second.open()
    outcome: list[object] = []

    def insert() -> None:
        try:
            outcome.append(second.insert(layout, [(2, "x")]))
        except RowChangedError as error:
            outcome.append(error)

    thread = threading.Thread(target=insert)
    thread.start()
    first.close(True)
    first.commit()
    thread.join()
    if isinstance(outcome[0], RowChangedError):
        second.open()
        outcome = [second.insert(layout, [(2, "x")])]
    assert outcome == [(0, layout.indexes()[0])]


def test_a_parent_that_is_referred_to_stays(tables: Tables) -> None:
    layout = make(tables)
    tx = begin(tables)
    tx.open()
    assert tx.insert(layout, [(1, "x")]) is None
    assert tx.hold_parent(layout, None, (1,)) is True
    assert tx.hold_parent(layout, None, (2,)) is False
    assert tx.hold_parent(layout, 0, ("x",)) is True
    assert tx.hold_parent(layout, 0, ("y",)) is False


def test_a_refused_definition_carries_its_sqlstate(tables: Tables) -> None:
    make(tables)
    tx = begin(tables)
    tx.open()
    app = tx.app(b"shop")
    assert app is not None
    columns = (Column(id=1, name="a", kind=INT4, not_null=True),)
    again = Table(app=app, name="t", columns=columns, next_column=2, key=(KeyColumn(column=1),))
    with pytest.raises(SqlError) as refused:
        tx.create(tx.reserve(), records.encode(again))
    assert refused.value.sqlstate == "42P07"
