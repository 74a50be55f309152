"""The hypergraph through Python: what is lazy, what is bound to a moment, and what Redis clients see of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

import hyperdb
import hyperdb.aio
from hyperdb import Hyperedge, Vertex
from hyperdb.errors import (
    BehindHorizonError,
    ClosedError,
    CycleError,
    InvalidError,
    NotFoundError,
    ReferencedError,
    WrongTypeError,
)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[hyperdb.Database]:
    with hyperdb.open(tmp_path / "data", sync="everysec", memory="16m") as opened:
        yield opened


@pytest.fixture
def client(db: hyperdb.Database) -> Iterator[redis.Redis]:
    with db.serve(resp="127.0.0.1:0") as serving:
        assert serving.resp_address is not None
        connection = redis.Redis(*serving.resp_address)
        yield connection
        connection.close()


def test_redis_clients_see_vertices_and_hyperedges(db: hyperdb.Database, client: redis.Redis) -> None:
    app = db.app("redis/0")
    client.set("ada", "Lovelace")
    client.hset("user:1", "name", "Ada")
    edge = app.add_hyperedge("notes", {"1": Vertex("ada"), "2": Hyperedge("user:1"), "3": "bare"})
    assert (app.get("ada"), app.kind("ada"), app.kind("user:1")) == (b"Lovelace", "vertex", "hash")
    app.add_vertex("bob", "B")
    assert client.get("bob") == b"B"
    assert client.type("notes") == b"edge"
    assert client.dbsize() == app.count() == 4
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        client.get("notes")
    assert list(app.incident("user:1")) == [(b"notes", b"2")]
    # DEL and expiry ask nobody: the membership dangles, and holds again when the id is back.
    client.delete("ada")
    assert dict(edge.members())[b"1"] == Vertex("ada")
    assert app.kind("ada") is None
    assert not app.within("ada", "notes")
    client.set("ada", "again")
    assert app.within("ada", "notes")
    client.pexpire("notes", 1)
    while client.exists("notes"):
        pass
    assert list(app.incident("ada")) == []
    client.set("notes", "a string now")
    with pytest.raises(WrongTypeError):
        edge.add("k", b"")
    with pytest.raises(WrongTypeError):
        app.add_hyperedge("notes")


def test_redis_verbs_that_would_part_a_hyperedge_from_its_incidence_are_refused(
    db: hyperdb.Database, client: redis.Redis
) -> None:
    app = db.app("redis/0")
    app.add_vertex("v", "")
    app.add_hyperedge("e", [Vertex("v")])
    for verb in (["RENAME", "e", "f"], ["RENAMENX", "e", "f"], ["COPY", "e", "f"], ["MOVE", "e", "1"]):
        with pytest.raises(redis.ResponseError, match="hyperedge"):
            client.execute_command(*verb)
    assert list(app.incident("v")) == [(b"e", b"\0\0\0\0")]
    assert client.rename("v", "w")
    assert app.hyperedge("e").get(b"\0\0\0\0") == Vertex("v")
    client.flushdb()
    assert list(app.incident("v")) == []


def test_walks_are_lazy_and_keep_to_their_moment(db: hyperdb.Database) -> None:
    app = db.app("shop")
    for number in range(40):
        app.add_vertex(f"v{number:02}", "x")
    edge = app.add_hyperedge("all", {f"{number:02}": Vertex(f"v{number:02}") for number in range(40)})
    members, vertices, incident = edge.members(), app.vertices(), app.incident("v00")
    first = next(members)
    edge.remove(*(f"{number:02}" for number in range(40)))
    app.remove_vertex("v39")
    assert [first, *members] == [(b"%02d" % number, Vertex(f"v{number:02}")) for number in range(40)]
    assert len(list(vertices)) == 40
    assert list(incident) == [(b"all", b"00")]
    assert (len(edge), edge.size(), app.count("vertex")) == (0, 0, 39)


def test_a_snapshot_shows_all_apps_at_one_commit(db: hyperdb.Database) -> None:
    app = db.app("shop")
    app.add_vertex("v", "1")
    kept = db.retain()
    app.add_vertex("v", "2")
    app.remove_vertex("v")
    db.app("later").add_vertex("w", "1")
    db.flush()
    with db.snapshot(kept) as past:
        assert past.app("shop").get("v") == b"1"
        assert past.app("shop").version("v") == kept
        assert past.app("later").count() == 0
        assert list(past.app("later").vertices()) == []
        assert list(past.app("later").incident("w")) == []
        assert not past.app("later").within("w", "w")
    with db.snapshot() as present:
        shop = present.app("shop")
        [(gone, version)] = shop.vertex_removes()
        assert (gone, shop.version("v")) == (b"v", version)
        assert kept == present.horizon < version <= present.commit
    with pytest.raises(ClosedError):
        shop.get("v")
    with pytest.raises(InvalidError):
        db.snapshot(db.commit() + 1)
    db.release(db.retain() + 1)
    with pytest.raises(BehindHorizonError):
        db.snapshot(kept)


def test_refusals_name_what_is_in_the_way_and_change_nothing(db: hyperdb.Database) -> None:
    app = db.app("shop")
    app.add_vertex("v", "")
    inner = app.add_hyperedge("inner", [Vertex("v")])
    app.add_hyperedge("outer", [Hyperedge("inner")])
    before = db.commit()
    with pytest.raises(ReferencedError, match="'inner'"):
        app.remove_vertex("v")
    with pytest.raises(ReferencedError, match="'outer'"):
        app.remove_hyperedge("inner")
    with pytest.raises(CycleError):
        inner.add("k", Hyperedge("outer"))
    with pytest.raises(NotFoundError, match="nobody"):
        inner.update({"good": b"", "bad": Vertex("nobody")})
    with pytest.raises(NotFoundError):
        app.hyperedge("nothing").add("k", b"")
    with pytest.raises(WrongTypeError):
        app.add_hyperedge("v")
    with pytest.raises(WrongTypeError):
        app.remove_vertex("inner")
    assert db.commit() == before
    assert app.remove_vertex("v", detach=True)
    assert len(inner) == 0
    assert inner.exists()
    assert app.remove_hyperedge("inner", detach=True)
    assert len(app.hyperedge("outer")) == 0


def test_a_hyperedge_of_many_members_is_read_by_range(db: hyperdb.Database) -> None:
    app = db.app("shop")
    edge = app.add_hyperedge("log", {f"{number:05}": b"%d" % number for number in range(3000)})
    assert len(edge) == 3000
    assert [key for key, _ in edge.members("01000", "01003")] == [b"01000", b"01001", b"01002"]
    assert list(edge.members(limit=1, reverse=True)) == [(b"02999", b"2999")]
    assert len(list(edge.members("00010", reverse=True))) == 2990
    assert "02000" in edge
    assert "03000" not in edge


def test_asyncio(tmp_path: Path) -> None:
    async def use() -> None:
        async with hyperdb.aio.open(tmp_path / "data", sync="everysec", memory="16m") as db:
            app = db.app("shop")
            await asyncio.gather(*(app.add_vertex(f"v{number}", "x") for number in range(20)))
            edge = await app.add_hyperedge("e", {f"{number:02}": Vertex(f"v{number}") for number in range(20)})
            assert not await edge.add("00", Vertex("v0"))
            assert [key async for key, _ in edge.members("05", limit=2)] == [b"05", b"06"]
            assert [found async for found in app.incident("v7")] == [(b"e", b"07")]
            assert await app.within("v7", "e")
            assert await edge.remove("07", "none") == 1
            with pytest.raises(ReferencedError):
                await app.remove_vertex("v0")
            assert await app.remove_vertex("v0", detach=True)
            assert await app.remove_hyperedge("e")
            assert (await app.count(), await app.size("hyperedge")) == (19, 0)

    asyncio.run(use())
