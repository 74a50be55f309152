"""Tables by token through Python: values are bytes of CQL's protocol, writes are weighed by their times."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest

import hyperdb
from hyperdb.errors import InvalidError
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.tables import Tables, TableTransaction, Wide
from hyperdb.graph.transaction import TransactionOptions

# Ahead of the machine's clock, by which the store works off what has ended.
NOW, GRACE = 4_000_000_000, 864_000
MOMENT = (NOW, GRACE)
INT, TEXT = b"\x04", b"\x0a"
LIST, SET, MAP = b"\x47" + INT, b"\x49" + TEXT, b"\x50" + TEXT + INT
ID, AT, FIXED, COUNT, NAMES, SCORES, STEPS = range(1, 8)


def number(value: int) -> bytes:
    return struct.pack(">i", value)


def items(*values: bytes) -> bytes:
    return number(len(values)) + b"".join(number(len(value)) + value for value in values)


class Bench:
    """A table: partition `id`, clustering `at`, a static text, an int, a set, a map and a list."""

    def __init__(self, database: hyperdb.Database) -> None:
        self.tables = Tables(database.native)
        transaction = self.begin()
        app = transaction.app(b"ks")
        assert app is not None
        self.number = transaction.reserve()
        kinds = {ID: INT, AT: INT, FIXED: TEXT, COUNT: INT, NAMES: SET, SCORES: MAP, STEPS: LIST}
        columns = tuple(records.Column(id=id, name=f"c{id}", kind=kind, is_static=id == FIXED) for id, kind in kinds.items())
        key = (records.KeyColumn(column=AT),)
        record = records.Table(app=app, name="t", order=1, columns=columns, next_column=8, partition=(ID,), key=key)
        transaction.create(self.number, records.encode(record))
        transaction.commit()

    def begin(self) -> TableTransaction:
        transaction = self.tables.begin(TransactionOptions())
        transaction.open()
        return transaction

    def wide(self, transaction: TableTransaction) -> Wide:
        return Wide(transaction.image(), self.number)

    def write(self, at: int | None, timestamp: int, *changes: tuple[int, str, Any], ttl: int = 0, inserts: bool = True) -> None:
        transaction = self.begin()
        wide = self.wide(transaction)
        wide.claim(transaction.statements)
        key = [] if at is None else [number(at)]
        write = (timestamp, ttl, inserts and at is not None)
        wide.write(transaction.statements, [number(1)], key, write, MOMENT, list(changes))
        transaction.commit()

    def rows(self, *columns: int, ask: int = 0, now: int = NOW) -> list[tuple[Any, ...]]:
        transaction = self.begin()
        wide = self.wide(transaction)
        asked = [(column, ask) for column in columns]
        rows, _after = wide.rows(transaction.statements, [number(1)], None, None, False, None, 100, now, asked)
        transaction.rollback()
        return rows


@pytest.fixture
def bench() -> Iterator[Bench]:
    with hyperdb.open(":memory:") as database:
        yield Bench(database)


def test_values_go_in_and_come_out_as_the_protocol_has_them(bench: Bench) -> None:
    scores = items(b"a", number(1), b"b", number(2))
    names = items(b"x", b"y")
    steps = items(number(3), number(1))
    # The count on the wire of a map is that of its pairs.
    scores = number(2) + scores[4:]
    bench.write(5, 10, (COUNT, "set", number(-7)), (NAMES, "set", names), (SCORES, "set", scores), (STEPS, "set", steps))
    assert bench.rows(ID, AT, COUNT, NAMES, SCORES, STEPS) == [(number(1), number(5), number(-7), names, scores, steps)]
    assert bench.rows(AT, COUNT, NAMES, STEPS, ask=1) == [(None, 10, [10, 10], [10, 10])]
    assert bench.rows(COUNT, SCORES, ask=3) == [(10, 10)]
    assert bench.rows(COUNT, NAMES, ask=2) == [(None, [None, None])]


def test_collections_change_by_element(bench: Bench) -> None:
    bench.write(5, 10, (NAMES, "set", items(b"x", b"y")), (STEPS, "set", items(number(2))))
    bench.write(5, 11, (NAMES, "put", [(b"z", b""), (b"x", None)]), (STEPS, "append", [number(3), number(2)]))
    bench.write(5, 12, (SCORES, "put", [(b"k", number(1))]), (STEPS, "prepend", [number(0)]))
    bench.write(5, 13, (STEPS, "set at", (1, number(9))))
    bench.write(5, 14, (STEPS, "remove values", [number(2)]))
    # Older than the removal of x.
    bench.write(5, 9, (NAMES, "put", [(b"x", b"")]))
    one = number(1) + items(b"k", number(1))[4:]
    assert bench.rows(NAMES, SCORES, STEPS) == [(items(b"y", b"z"), one, items(number(0), number(9), number(3)))]
    with pytest.raises(InvalidError, match="List index 7 out of bound, list has size 3"):
        bench.write(5, 15, (STEPS, "set at", (7, number(1))))


def test_the_later_write_counts_in_whatever_order_they_come(bench: Bench) -> None:
    bench.write(5, 20, (COUNT, "set", number(2)))
    bench.write(5, 10, (COUNT, "set", number(1)))
    assert bench.rows(COUNT) == [(number(2),)]
    transaction = bench.begin()
    wide = bench.wide(transaction)
    wide.remove_slice(transaction.statements, [number(1)], None, None, True, 30, MOMENT)
    transaction.commit()
    bench.write(5, 25, (COUNT, "set", number(3)))
    assert bench.rows(COUNT) == []
    bench.write(5, 31, (COUNT, "set", number(4)))
    assert bench.rows(COUNT) == [(number(4),)]


def test_values_end(bench: Bench) -> None:
    bench.write(5, 10, (COUNT, "set", number(1)), ttl=60)
    assert bench.rows(COUNT, ask=2, now=NOW + 59) == [(1,)]
    assert bench.rows(COUNT, now=NOW + 60) == []


def test_static_columns_and_scans(bench: Bench) -> None:
    bench.write(None, 10, (FIXED, "set", b"all"))
    bench.write(1, 10, (COUNT, "set", number(1)))
    bench.write(2, 10)
    transaction = bench.begin()
    wide = bench.wide(transaction)
    assert wide.fixed(transaction.statements, [number(1)], NOW, [(FIXED, 0)]) == [(b"all",)]
    asked = [(AT, 0), (FIXED, 0), (COUNT, 0)]
    rows, after = wide.scan(transaction.statements, None, None, None, 2, NOW, asked)
    assert rows == [(None, b"all", None), (number(1), None, number(1))]
    assert after is not None
    rows, after = wide.scan(transaction.statements, None, None, after, 2, NOW, asked)
    assert (rows, after) == ([(number(2), None, None)], None)
    assert wide.token([number(1)]) == -4069959284402364209
    transaction.rollback()


def test_slices_of_partitions_in_one_call(bench: Bench) -> None:
    bench.write(None, 10, (FIXED, "set", b"all"))
    for at in range(6):
        bench.write(at, 10, (COUNT, "set", number(at)))
    transaction = bench.begin()
    wide = bench.wide(transaction)

    def between(low: int, high: int) -> tuple[Any, Any]:
        return ([number(low)], True), ([number(high)], True)

    wanted: list[Any] = [([number(1)], [between(0, 1), between(3, 5)], True), ([number(2)], [(None, None)], True)]
    asked = [(AT, 0), (FIXED, 0)]
    found: list[Any] = []
    after = None
    while True:
        rows, after = wide.select(transaction.statements, wanted, False, after, 2, None, NOW, asked)
        found += rows
        if after is None:
            break
    assert found == [(None, b"all"), *((number(at), None) for at in (0, 1, 3, 4, 5))]
    rows, after = wide.select(transaction.statements, wanted, True, None, 10, 2, NOW, asked)
    assert (rows, after) == ([(None, b"all"), (number(5), None), (number(4), None)], None)
    rows, after = wide.scan(transaction.statements, None, None, None, 10, NOW, asked, per_partition=1)
    assert (rows, after) == ([(None, b"all"), (number(0), None)], None)
    transaction.rollback()


def test_an_index_finds_rows_by_what_they_hold(bench: Bench) -> None:
    bench.write(1, 10, (NAMES, "set", items(b"x", b"y")))
    transaction = bench.begin()
    image = transaction.image()
    table = records.decode(dict(image.objects())[bench.number])
    assert isinstance(table, records.Table)
    index = transaction.reserve()
    part = records.KeyColumn(column=NAMES, part=1)
    transaction.create(index, records.encode(records.Index(app=table.app, name="t_names", table=bench.number, columns=(part,))))
    bench.wide(transaction).fill(transaction.statements, index)
    transaction.commit()
    bench.write(2, 10, (NAMES, "put", [(b"y", b"")]))
    bench.write(1, 11, (NAMES, "put", [(b"x", None)]))
    transaction = bench.begin()
    wide = bench.wide(transaction)

    def rows(name: bytes, partition: list[bytes] | None = None) -> list[Any]:
        end = ([name], True)
        found, after = wide.find(transaction.statements, index, end, end, partition, None, 10, NOW, [(AT, 0)])
        assert after is None
        return found

    assert rows(b"x") == []
    assert rows(b"y") == rows(b"y", [number(1)]) == [(number(1),), (number(2),)]
    assert rows(b"y", [number(2)]) == []
    transaction.rollback()


def test_what_is_no_value_is_refused(bench: Bench) -> None:
    for change in [(COUNT, "set", b"abc"), (NAMES, "append", [b"x"]), (COUNT, "put", [(b"x", b"")]), (COUNT, "dance", None)]:
        with pytest.raises(InvalidError):
            bench.write(5, 10, change)
    assert bench.rows(AT) == []
