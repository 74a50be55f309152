"""Transactions of every engine: own writes, savepoints, atomicity, and histories that must be serializable."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperdb.errors import ClosedError, SerializationError, TransactionStateError
from hyperdb.storage import Engine, MemoryEngine, Transaction


def test_a_transaction_reads_its_own_writes_and_nobody_else_does(engine: Engine) -> None:
    engine.write([(b"a", b"1"), (b"b", b"1"), (b"d", b"1")])
    tx = engine.begin()
    tx.put(b"a", b"2")
    tx.put(b"c", b"2")
    tx.remove(b"d")
    assert tx.multi_get([b"a", b"b", b"c", b"d"]) == [b"2", b"1", b"2", None]
    assert list(tx.scan()) == [(b"a", b"2"), (b"b", b"1"), (b"c", b"2")]
    assert list(tx.scan(b"b", b"d", reverse=True)) == [(b"c", b"2"), (b"b", b"1")]
    assert list(engine.scan()) == [(b"a", b"1"), (b"b", b"1"), (b"d", b"1")]
    commit = tx.commit()
    assert list(engine.scan()) == [(b"a", b"2"), (b"b", b"1"), (b"c", b"2")]
    assert engine.snapshot().commit == commit


def test_a_rollback_leaves_no_trace(engine: Engine) -> None:
    before = engine.write([(b"a", b"1")])
    tx = engine.begin()
    tx.put(b"a", b"2")
    tx.rollback()
    tx.rollback()
    for use in (lambda: tx.get(b"a"), lambda: tx.put(b"a", b""), tx.commit, tx.savepoint):
        with pytest.raises(TransactionStateError):
            use()
    assert engine.get(b"a") == b"1"
    assert engine.write([]) == before


def test_savepoints_nest(engine: Engine) -> None:
    tx = engine.begin()
    tx.put(b"a", b"1")
    outer = tx.savepoint()
    tx.put(b"a", b"2")
    inner = tx.savepoint()
    tx.remove(b"a")
    tx.rollback_to(inner)
    assert tx.get(b"a") == b"2"
    tx.rollback_to(outer)
    assert tx.get(b"a") == b"1"
    with pytest.raises(TransactionStateError):
        tx.rollback_to(inner)
    tx.put(b"b", b"1")
    tx.release(outer)
    with pytest.raises(TransactionStateError):
        tx.release(outer)
    tx.commit()
    assert list(engine.scan()) == [(b"a", b"1"), (b"b", b"1")]


def test_a_reader_keeps_its_moment_and_never_fails(engine: Engine) -> None:
    engine.write([(b"a", b"1")])
    tx = engine.begin(read_only=True)
    engine.write([(b"a", b"2"), (b"b", b"2")])
    assert list(tx.scan()) == [(b"a", b"1")]
    with pytest.raises(TransactionStateError):
        tx.put(b"a", b"3")
    tx.commit()


def test_versions_are_commits(engine: Engine) -> None:
    one = engine.write([(b"a", b"1"), (b"b", b"1")])
    two = engine.write([(b"a", b"2")])
    snapshot = engine.snapshot()
    assert [snapshot.version(key) for key in (b"a", b"b", b"c")] == [two, one, None]
    engine.write([(b"a", b"3"), (b"b", None)])
    assert [snapshot.version(key) for key in (b"a", b"b", b"c")] == [two, one, None]
    snapshot.close()


def _lost_update(tx: Transaction) -> None:
    tx.put(b"x", str(int(tx.get(b"x") or b"0") + 1).encode())


def _read_x_write_y(tx: Transaction) -> None:
    if tx.get(b"x") is None:
        tx.put(b"y", b"1")


def _read_y_write_x(tx: Transaction) -> None:
    if tx.get(b"y") is None:
        tx.put(b"x", b"1")


def _count_and_add(name: bytes) -> Callable[[Transaction], None]:
    def body(tx: Transaction) -> None:
        if not list(tx.scan(b"p", b"q")):
            tx.put(b"p" + name, b"1")

    return body


def _add_if_absent(tx: Transaction) -> None:
    if tx.get(b"x") is None:
        tx.put(b"x", b"1")


ANOMALIES = {
    "lost update": (_lost_update, _lost_update),
    "write skew": (_read_x_write_y, _read_y_write_x),
    "phantom": (_count_and_add(b"1"), _count_and_add(b"2")),
    "both insert": (_add_if_absent, _add_if_absent),
}


@pytest.mark.parametrize("name", ANOMALIES)
def test_the_second_of_two_that_cannot_be_ordered_loses(engine: Engine, name: str) -> None:
    one, two = engine.begin(), engine.begin()
    for tx, body in zip((one, two), ANOMALIES[name], strict=True):
        body(tx)
    one.commit()
    with pytest.raises(SerializationError):
        two.commit()
    assert len(list(engine.scan())) == 1


def test_a_removed_and_added_key_counts_as_changed(engine: Engine) -> None:
    engine.write([(b"a", b"1")])
    tx = engine.begin()
    assert tx.get(b"a") == b"1"
    tx.put(b"b", b"1")
    engine.write([(b"a", None)])
    engine.write([(b"a", b"1")])
    with pytest.raises(SerializationError):
        tx.commit()
    assert engine.get(b"b") is None


def test_those_that_touch_different_keys_all_commit(engine: Engine) -> None:
    transactions = [engine.begin() for _ in range(8)]
    for number, tx in enumerate(transactions):
        key = b"%d" % number
        assert tx.get(key) is None
        tx.put(key, key)
    commits = [tx.commit() for tx in transactions]
    assert commits == sorted(set(commits))
    assert len(list(engine.scan())) == 8


def test_threads_add_up(engine: Engine) -> None:
    def add() -> None:
        done = 0
        while done < 20:
            tx = engine.begin()
            _lost_update(tx)
            try:
                tx.commit()
                done += 1
            except SerializationError:
                continue

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert engine.get(b"x") == b"80"


def test_a_closed_store_ends_its_transactions(engine: Engine) -> None:
    tx = engine.begin()
    tx.put(b"a", b"1")
    engine.close()
    with pytest.raises(ClosedError):
        tx.commit()
    with pytest.raises(ClosedError):
        engine.begin()


KEYS = st.sampled_from([b"a", b"a\x00", b"b", b"c"])
STEPS = st.lists(st.tuples(st.sampled_from(["get", "scan", "put", "remove"]), KEYS, KEYS, st.binary(max_size=1)), max_size=6)


@settings(max_examples=60, deadline=None)
@given(rows=st.dictionaries(KEYS, st.binary(max_size=1)), steps=STEPS)
def test_reads_are_those_of_a_dictionary(rows: dict[bytes, bytes], steps: list[tuple[str, bytes, bytes, bytes]]) -> None:
    engine = MemoryEngine()
    engine.write(rows.items())
    model = dict(rows)
    tx = engine.begin()
    for what, key, end, value in steps:
        if what == "get":
            assert tx.get(key) == model.get(key)
        elif what == "scan":
            wanted = sorted((at, value) for at, value in model.items() if key <= at < end)
            assert list(tx.scan(key, end)) == wanted
            assert list(tx.scan(key, end, reverse=True)) == wanted[::-1]
        elif what == "put":
            tx.put(key, value)
            model[key] = value
        else:
            tx.remove(key)
            model.pop(key, None)
    tx.commit()
    assert dict(engine.scan()) == model
