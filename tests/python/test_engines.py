"""The Python API on each engine: the same graph, and typed refusals of what an engine does not have."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest

import hyperdb
import hyperdb.aio
from hyperdb import Hyperedge, Vertex
from hyperdb.errors import (
    BehindHorizonError,
    CycleError,
    InvalidError,
    LockedError,
    NotBuiltError,
    ReferencedError,
    SerializationError,
)
from hyperdb.graph.transaction import Transaction
from hyperdb.values import EngineName

ENGINES: tuple[EngineName, ...] = get_args(EngineName)
PORTABLE: tuple[EngineName, ...] = ("memory", "lmdb")


@pytest.fixture(params=ENGINES)
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[hyperdb.Database]:
    with hyperdb.open(tmp_path / "data", engine=request.param, sync="everysec", memory="16m") as opened:
        yield opened


@pytest.fixture(params=PORTABLE)
def portable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[hyperdb.Database]:
    with hyperdb.open(tmp_path / "data", engine=request.param, sync="everysec") as opened:
        yield opened


def test_the_readme_works_on_each(db: hyperdb.Database) -> None:
    people = db.app("redis/0")
    assert people.add_vertex("ada", "countess")
    people.add_vertex("charles", "engineer")
    edge = people.add_hyperedge("engine", {"author": Vertex("ada"), "builder": Vertex("charles")})
    people.add_hyperedge("era", [Hyperedge("engine"), "1843"])
    assert list(people.incident("ada")) == [(b"engine", b"author")]
    assert people.within("ada", "era")
    with pytest.raises(CycleError):
        edge.add("back", Hyperedge("era"))
    with pytest.raises(ReferencedError):
        people.remove_vertex("ada")
    then = db.retain()
    people.put("ada", "programmer")
    edge.remove("builder")
    past = db.snapshot(at=then).app("redis/0")
    assert (people.get("ada"), past.get("ada")) == (b"programmer", b"countess")
    assert (len(edge), len(past.hyperedge("engine"))) == (1, 2)
    assert {id for id, _ in people.vertex_adds()} == {b"ada", b"charles"}
    assert people.version("ada") is not None and past.version("ada") != people.version("ada")
    assert (people.count("vertex"), people.count("hyperedge"), len(people)) == (2, 2, 4)
    assert people.remove_vertex("charles")
    assert [id for id, _ in people.vertex_removes()] == [b"charles"]
    assert "charles" not in people and "ada" in people
    assert sorted(people.ids("e*")) == [b"engine", b"era"]
    assert db.app("another").count() == 0


def test_the_past_ends_where_it_was_released(db: hyperdb.Database) -> None:
    app = db.app("a")
    app.add_vertex("v", "1")
    then = db.retain()
    app.put("v", "2")
    db.release(then + 1)
    with pytest.raises(BehindHorizonError):
        db.snapshot(at=then)
    with pytest.raises(InvalidError):
        db.snapshot(at=db.commit() + 1)


def test_transactions_commit_and_roll_back(db: hyperdb.Database) -> None:
    db.app("a").add_vertex("v", "")
    with db.transaction() as tx:
        app = tx.app("a")
        edge = app.add_hyperedge("e", {"k": Vertex("v")})
        with pytest.raises(hyperdb.errors.NotFoundError):
            edge.update({"l": Vertex("v"), "m": Vertex("none")})
        assert list(edge.members()) == [(b"k", Vertex("v"))]
        assert sorted(app.ids()) == [b"e", b"v"]
        assert db.app("a").count() == 1
    assert list(db.app("a").incident("v")) == [(b"e", b"k")]
    with pytest.raises(ZeroDivisionError), db.transaction() as tx:  # noqa: PT012
        tx.app("a").remove("e")
        raise ZeroDivisionError
    assert db.app("a").hyperedge("e").exists()


def test_write_skew_through_hyperedges_is_refused_by_default(db: hyperdb.Database) -> None:
    app = db.app("a")
    for name in ("ada", "bob"):
        app.add_vertex(name, "")
    app.add_hyperedge("on call", {"ada": Vertex("ada"), "bob": Vertex("bob")})
    one, two = db.transaction(), db.transaction()
    for tx, name in ((one, "ada"), (two, "bob")):
        roster = tx.app("a").hyperedge("on call")
        assert len(list(roster.members())) == 2
        roster.remove(name)
    one.commit()
    with pytest.raises(SerializationError):
        two.commit()
    assert len(app.hyperedge("on call")) == 1


def test_run_tries_again_until_all_have_added(db: hyperdb.Database) -> None:
    db.app("a").add_vertex("n", "0")

    def add(tx: Transaction) -> None:
        app = tx.app("a")
        app.put("n", str(int(app.get("n") or b"0") + 1))

    def work() -> None:
        for _ in range(10):
            db.run(add, retries=1000)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert db.app("a").get("n") == b"40"


def test_calls_beside_each_other_all_happen(portable: hyperdb.Database) -> None:
    """Calls of their own never lose: they are tried again."""
    app = portable.app("a")
    app.add_hyperedge("e", {})

    def work(thread: int) -> None:
        for i in range(10):
            app.hyperedge("e").add(f"{thread}-{i}", "v")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(app.hyperedge("e")) == 40


def test_lmdb_keeps_the_graph_and_its_past(tmp_path: Path) -> None:
    with hyperdb.open(tmp_path / "data", engine="lmdb") as db:
        db.app("a").add_vertex("v", "1")
        db.app("a").add_hyperedge("e", {"k": Vertex("v")})
        then = db.retain()
        db.app("a").remove_vertex("v", detach=True)
        db.backup(tmp_path / "copy")
    for place in ("data", "copy"):
        with hyperdb.open(tmp_path / place, engine="lmdb") as db:
            assert db.app("a").count("vertex") == 0
            assert list(db.snapshot(at=then).app("a").incident("v")) == [(b"e", b"k")]


def test_a_directory_has_one_owner(tmp_path: Path) -> None:
    with hyperdb.open(tmp_path / "data", engine="lmdb"), pytest.raises(LockedError, match="data"):
        hyperdb.open(tmp_path / "data", engine="lmdb")
    hyperdb.open(tmp_path / "data", engine="lmdb").close()


def test_walks_keep_their_moment(db: hyperdb.Database) -> None:
    app = db.app("a")
    edge = app.add_hyperedge("e", [str(number) for number in range(600)])
    walk = edge.members()
    first = next(walk)
    edge.remove(*(number.to_bytes(4, "big") for number in range(600)))
    assert len([first, *walk]) == 600


NATIVE_ONLY: dict[str, Callable[[hyperdb.Database], object]] = {
    "typed views": lambda db: db.app("a").hash("h"),
    "sets": lambda db: db.app("a").set("h"),
    "commands": lambda db: db.app("a").execute("SET", "k", "v"),
    "servers": lambda db: db.serve(resp="127.0.0.1:0"),
    "row locks": lambda db: db.transaction().app("a").lock("v"),
    "locked reads": lambda db: db.transaction().app("a").get_for_update("v"),
    "expiry": lambda db: db.transaction().app("a").put("v", "", expires_at=1),
    "check": lambda db: db.check(),
}


@pytest.mark.parametrize("what", NATIVE_ONLY)
def test_what_needs_the_native_engine_says_so(portable: hyperdb.Database, what: str) -> None:
    with pytest.raises(NotBuiltError):
        NATIVE_ONLY[what](portable)


def test_order_keys_too_long_for_lmdb_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    with hyperdb.open(tmp_path / "data", engine="lmdb") as db:
        app = db.app("a")
        app.add_vertex("v" * 1000, "long ids are no matter")
        with pytest.raises(InvalidError):
            app.add_hyperedge("e", {"k" * 300: Vertex("v" * 1000)})
        assert not app.hyperedge("e").exists()
        assert list(app.incident("v" * 1000)) == []


def test_asyncio_opens_engines_too() -> None:
    async def main() -> list[bytes]:
        async with hyperdb.aio.open(":memory:", engine="memory") as db:
            await db.app("a").add_vertex("v", "1")
            return [found async for found in db.app("a").ids()]

    assert asyncio.run(main()) == [b"v"]
