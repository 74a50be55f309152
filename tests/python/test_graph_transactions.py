"""Hyperedges inside transactions: what each level allows, and the graph's own rules, which hold at every level."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

import hyperdb
from hyperdb import Hyperedge, Vertex
from hyperdb.errors import (
    ConflictError,
    CycleError,
    DeadlockError,
    NotBuiltError,
    NotFoundError,
    ReferencedError,
    SerializationError,
    TransactionStateError,
)
from hyperdb.graph.transaction import Isolation, Transaction

LEVELS: tuple[Isolation, ...] = ("read committed", "repeatable read", "serializable")
SNAPSHOTS = LEVELS[1:]
SERIALIZABLE = LEVELS[2:]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[hyperdb.Database]:
    with hyperdb.open(tmp_path / "data", sync="everysec", memory="16m") as opened:
        yield opened


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


def _waits(db: hyperdb.Database, waiters: int) -> None:
    """Returns when that many wait for row locks."""
    while dict(db.native.lock_gauges())["row_lock_waiters"] < waiters:
        time.sleep(0.001)


def _at_once(db: hyperdb.Database, isolation: Isolation, bodies: list[Callable[[Transaction], object]]) -> list[bool]:
    """Runs the bodies in transactions that have all begun before any commits; which of them committed."""
    transactions = [db.transaction(isolation=isolation) for _ in bodies]
    for transaction in transactions:
        transaction.app("a").count()
    committed = []
    for transaction, body in zip(transactions, bodies, strict=True):
        try:
            body(transaction)
            transaction.commit()
            committed.append(True)
        except ConflictError:
            transaction.rollback()
            committed.append(False)
    return committed


@pytest.mark.parametrize("isolation", LEVELS)
def test_a_transaction_reads_its_own_hyperedges(db: hyperdb.Database, isolation: Isolation) -> None:
    with db.transaction(isolation=isolation) as tx:
        app = tx.app("a")
        app.add_vertex("v", "1")
        edge = app.add_hyperedge("e", {"k": Vertex("v"), "l": "bare"})
        outer = app.add_hyperedge("outer", {"in": Hyperedge("e")})
        assert dict(edge.members()) == {b"k": Vertex("v"), b"l": b"bare"}
        assert list(app.incident("v")) == [(b"e", b"k")]
        assert app.within("v", "outer")
        assert (app.count("vertex"), app.count("hyperedge"), len(edge), app.kind("e")) == (1, 2, 2, "hyperedge")
        assert app.version("e") == 0
        assert list(app.vertex_adds()) == [(b"v", 0)]
        with pytest.raises(CycleError):
            edge.add("back", Hyperedge("outer"))
        with pytest.raises(ReferencedError):
            app.remove_vertex("v")
        assert edge.remove("l", "none") == 1
        assert outer.exists()
        assert db.app("a").count() == 0
    plain = db.app("a")
    assert dict(plain.hyperedge("e").members()) == {b"k": Vertex("v")}
    # A frame that is sealed meanwhile is a commit of its own.
    assert 0 < plain.version("e") == plain.version("v") <= db.commit()
    with pytest.raises(TransactionStateError):
        app.count()


def test_rollback_and_savepoints_take_hyperedges_back(db: hyperdb.Database) -> None:
    app = db.app("a")
    app.add_vertex("v", "")
    app.add_hyperedge("kept", {"k": Vertex("v")})
    size = app.size()
    with pytest.raises(ZeroDivisionError), db.transaction() as tx:  # noqa: PT012
        tx.app("a").add_hyperedge("e", {"k": Vertex("v")})
        tx.app("a").remove_hyperedge("kept")
        raise ZeroDivisionError
    assert list(app.incident("v")) == [(b"kept", b"k")]
    assert (app.size(), app.count()) == (size, 2)
    with db.transaction() as tx:
        inner = tx.app("a")
        inner.add_hyperedge("e", {"k": Vertex("v")})
        with pytest.raises(NotFoundError), tx.savepoint():  # noqa: PT012
            inner.hyperedge("e").add("l", "gone again")
            inner.add_hyperedge("f", {"k": Vertex("nobody")})
        assert dict(inner.hyperedge("e").members()) == {b"k": Vertex("v")}
        assert not inner.hyperedge("f").exists()
    assert list(app.incident("v")) == [(b"e", b"k"), (b"kept", b"k")]


def test_a_refused_call_changes_nothing_in_its_transaction(db: hyperdb.Database) -> None:
    with db.transaction() as tx:
        app = tx.app("a")
        app.add_vertex("v", "")
        with pytest.raises(NotFoundError):
            app.add_hyperedge("e", {"a": Vertex("v"), "b": Vertex("none")})
        assert not app.hyperedge("e").exists()
        assert list(app.incident("v")) == []
    assert db.app("a").count() == 1


@pytest.mark.parametrize("isolation", LEVELS)
def test_members_added_by_two_to_one_hyperedge_do_not_conflict(db: hyperdb.Database, isolation: Isolation) -> None:
    app = db.app("a")
    app.add_hyperedge("e", {})
    for name in "xy":
        app.add_vertex(name, "")

    def adds(name: str) -> Callable[[Transaction], object]:
        return lambda tx: tx.app("a").hyperedge("e").add(name, Vertex(name))

    assert _at_once(db, isolation, [adds("x"), adds("y")]) == [True, True]
    edge = app.hyperedge("e")
    assert (len(edge), list(edge.members())) == (2, [(b"x", Vertex("x")), (b"y", Vertex("y"))])


@pytest.mark.parametrize("isolation", LEVELS)
def test_an_update_of_a_member_is_lost_at_no_level(db: hyperdb.Database, isolation: Isolation) -> None:
    """P4 through a member: both read a number under an order key and add to it."""
    db.app("a").add_hyperedge("e", {"n": "10"})

    def add(by: int) -> Callable[[Transaction], object]:
        def body(tx: Transaction) -> None:
            edge = tx.app("a").hyperedge("e")
            seen = edge.get("n")
            assert isinstance(seen, bytes)
            edge.add("n", str(int(seen) + by))

        return body

    committed = _at_once(db, isolation, [add(1), add(5)])
    # Read committed looks at each statement anew: the second one reads what the first one committed.
    assert committed == [True, isolation == "read committed"]
    assert db.app("a").hyperedge("e").get("n") == (b"16" if committed[1] else b"11")
    for by in (1, 5):
        db.run(add(by), isolation=isolation)
    assert db.app("a").hyperedge("e").get("n") == (b"22" if committed[1] else b"17")


@pytest.mark.parametrize("isolation", LEVELS)
def test_a_stale_read_modify_write_of_a_member(db: hyperdb.Database, isolation: Isolation) -> None:
    """Both read first, then both write: above read committed the second one loses; there the caller must lock first."""
    db.app("a").add_hyperedge("e", {"n": "0"})
    one, two = db.transaction(isolation=isolation), db.transaction(isolation=isolation)
    edges = [tx.app("a").hyperedge("e") for tx in (one, two)]
    assert [edge.get("n") for edge in edges] == [b"0", b"0"]
    edges[0].add("n", "1")
    one.commit()
    if isolation == "read committed":
        edges[1].add("n", "2")
        two.commit()
        assert db.app("a").hyperedge("e").get("n") == b"2"
        return
    with pytest.raises(SerializationError):
        edges[1].add("n", "2")
    two.rollback()
    assert db.app("a").hyperedge("e").get("n") == b"1"


@pytest.mark.parametrize("isolation", LEVELS)
def test_write_skew_through_a_hyperedge_happens_only_below_serializable(db: hyperdb.Database, isolation: Isolation) -> None:
    """Two doctors on call: each leaves because the other one is still a member."""
    app = db.app("a")
    for name in ("ada", "bob"):
        app.add_vertex(name, "")
    app.add_hyperedge("on call", {"ada": Vertex("ada"), "bob": Vertex("bob")})
    one, two = db.transaction(isolation=isolation), db.transaction(isolation=isolation)
    rosters = [tx.app("a").hyperedge("on call") for tx in (one, two)]
    assert [len(list(roster.members())) for roster in rosters] == [2, 2]
    rosters[0].remove("ada")
    rosters[1].remove("bob")
    one.commit()
    if isolation == "serializable":
        with pytest.raises(SerializationError):
            two.commit()
    else:
        two.commit()
    assert len(app.hyperedge("on call")) == (1 if isolation == "serializable" else 0)


@pytest.mark.parametrize("isolation", LEVELS)
def test_a_count_that_was_read_is_validated_only_at_serializable(db: hyperdb.Database, isolation: Isolation) -> None:
    app = db.app("a")
    app.add_hyperedge("e", {})
    app.add_vertex("v", "")
    one = db.transaction(isolation=isolation)
    assert len(one.app("a").hyperedge("e")) == 0
    one.app("a").add_vertex("was empty", "")
    app.hyperedge("e").add("k", Vertex("v"))
    if isolation == "serializable":
        with pytest.raises(SerializationError):
            one.commit()
    else:
        one.commit()
    assert (app.get("was empty") is None) == (isolation == "serializable")


@pytest.mark.parametrize("isolation", LEVELS)
def test_what_a_member_names_is_not_removed_under_it(
    db: hyperdb.Database, pool: ThreadPoolExecutor, isolation: Isolation
) -> None:
    app = db.app("a")
    app.add_vertex("v", "")
    naming = db.transaction(isolation=isolation)
    naming.app("a").add_hyperedge("e", {"k": Vertex("v")})
    # From a transaction, and from a call of its own: both wait for the naming one.
    removing = db.transaction(isolation=isolation)
    removing.app("a").count()
    removal: Future[bool] = pool.submit(removing.app("a").remove_vertex, "v")
    _waits(db, 1)
    plain: Future[bool] = pool.submit(app.remove_vertex, "v")
    _waits(db, 2)
    naming.commit()
    with pytest.raises((ReferencedError, SerializationError)):  # noqa: PT012
        removal.result()
        removing.commit()
    removing.rollback()
    with pytest.raises(ReferencedError):
        plain.result()
    assert list(app.incident("v")) == [(b"e", b"k")]
    assert app.get("v") == b""


@pytest.mark.parametrize("isolation", LEVELS)
def test_a_removed_element_gets_no_member_meanwhile(db: hyperdb.Database, isolation: Isolation) -> None:
    """A turn outside does not ask for locks of what it only names: the removal fails at its commit."""
    app = db.app("a")
    app.add_vertex("v", "")
    removing = db.transaction(isolation=isolation)
    assert removing.app("a").remove_vertex("v")
    app.add_hyperedge("e", {"k": Vertex("v")})
    with pytest.raises(SerializationError):
        removing.commit()
    assert (app.get("v"), list(app.incident("v"))) == (b"", [(b"e", b"k")])


@pytest.mark.parametrize("isolation", LEVELS)
def test_two_nestings_do_not_close_a_cycle_together(db: hyperdb.Database, isolation: Isolation) -> None:
    app = db.app("a")
    for name in "xyz":
        app.add_hyperedge(name, {})
    app.hyperedge("x").add("y", Hyperedge("y"))
    one, two = db.transaction(isolation=isolation), db.transaction(isolation=isolation)
    one.app("a").hyperedge("y").add("z", Hyperedge("z"))
    two.app("a").hyperedge("z").add("x", Hyperedge("x"))
    one.commit()
    with pytest.raises(SerializationError):
        two.commit()
    assert app.within("z", "x")
    assert not app.within("x", "z")


@pytest.mark.parametrize("isolation", LEVELS)
def test_a_hyperedge_made_by_two_is_one(db: hyperdb.Database, pool: ThreadPoolExecutor, isolation: Isolation) -> None:
    one, two = db.transaction(isolation=isolation), db.transaction(isolation=isolation)
    apps = [tx.app("a") for tx in (one, two)]
    assert [app.count() for app in apps] == [0, 0]
    apps[0].add_hyperedge("e", {"one": "1"})
    second = pool.submit(apps[1].add_hyperedge, "e", {"two": "2"})
    _waits(db, 1)
    one.commit()
    if isolation == "read committed":
        second.result()
        two.commit()
        assert dict(db.app("a").hyperedge("e").members()) == {b"one": b"1", b"two": b"2"}
        return
    with pytest.raises(SerializationError):
        second.result()
    two.rollback()
    assert dict(db.app("a").hyperedge("e").members()) == {b"one": b"1"}


def test_a_deadlock_through_members_fails_one(db: hyperdb.Database, pool: ThreadPoolExecutor) -> None:
    app = db.app("a")
    app.add_hyperedge("e", {"x": "", "y": ""})
    one, two = db.transaction(), db.transaction()
    edges = [tx.app("a").hyperedge("e") for tx in (one, two)]
    edges[0].add("x", "1")
    edges[1].add("y", "2")
    waiting = pool.submit(edges[0].add, "y", "1")
    _waits(db, 1)
    with pytest.raises(DeadlockError):
        edges[1].add("x", "2")
    two.rollback()
    assert waiting.result()
    one.commit()
    assert dict(app.hyperedge("e").members()) == {b"x": b"1", b"y": b"1"}


@pytest.mark.parametrize("isolation", LEVELS)
def test_dropping_a_hyperedge_waits_for_who_adds_to_it(
    db: hyperdb.Database, pool: ThreadPoolExecutor, isolation: Isolation
) -> None:
    app = db.app("a")
    app.add_hyperedge("e", {"a": "1"})
    adding = db.transaction(isolation=isolation)
    adding.app("a").hyperedge("e").add("b", "2")
    dropping = pool.submit(app.remove_hyperedge, "e")
    _waits(db, 1)
    adding.commit()
    assert dropping.result()
    assert (app.count(), app.size()) == (0, 0)


def test_counts_stay_exact_under_concurrent_transactions(db: hyperdb.Database) -> None:
    app = db.app("a")
    app.add_hyperedge("e", {})
    for i in range(8):
        app.add_vertex(f"v{i}", "")

    def work(thread: int) -> None:
        for i in range(12):

            def body(tx: Transaction, i: int = i) -> None:
                edge = tx.app("a").hyperedge("e")
                edge.add(f"{thread}-{i}", Vertex(f"v{i % 8}"))
                if i % 3 == 2:
                    edge.remove(f"{thread}-{i - 1}")

            db.run(body, isolation=LEVELS[(thread + i) % 3])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    edge = app.hyperedge("e")
    assert len(edge) == len(list(edge.members())) == 4 * 8
    assert sum(len(list(app.incident(f"v{i}"))) for i in range(8)) == 4 * 8


def test_walks_in_a_transaction_end_with_it(db: hyperdb.Database) -> None:
    with db.transaction() as tx:
        app = tx.app("a")
        app.add_hyperedge("e", [str(i) for i in range(100)])
        walk = app.hyperedge("e").members()
        next(walk)
    with pytest.raises(TransactionStateError):
        list(walk)


def test_a_read_only_transaction_writes_no_hyperedge(db: hyperdb.Database) -> None:
    with db.transaction(read_only=True) as tx:
        with pytest.raises(TransactionStateError):
            tx.app("nowhere").add_hyperedge("e", {})
        assert tx.app("nowhere").count() == 0
        assert list(tx.app("nowhere").hyperedges()) == []
    db.app("a").add_hyperedge("e", {"k": "v"})
    with db.transaction(read_only=True) as tx:
        assert tx.app("a").hyperedge("e").get("k") == b"v"
        with pytest.raises(TransactionStateError):
            tx.app("a").hyperedge("e").add("l", "w")


def test_typed_views_are_refused_with_the_reason(db: hyperdb.Database) -> None:
    with db.transaction() as tx:
        for view in (tx.app("a").hash, tx.app("a").set, tx.app("a").list, tx.app("a").sorted_set):
            with pytest.raises(NotBuiltError, match="MULTI/EXEC"):
                view("h")
