"""The Python API as a whole: asyncio has all of it, walks hold and release their moment, errors are one documented tree."""

from __future__ import annotations

import ast
import asyncio
import gc
import inspect
from collections.abc import AsyncIterator, Iterator
from importlib import resources
from pathlib import Path

import pytest

import hyperdb
import hyperdb.aio
from hyperdb import Vertex, errors
from hyperdb.commitment.verify import VerificationError
from hyperdb.errors import BehindHorizonError, HyperDBError, NotFoundError
from hyperdb.graph import app, collections, hyperedge, reader, snapshot, transaction
from hyperdb.values import EngineName

ROOT = Path(__file__).resolve().parents[2]
# What Python writes with an operator, which cannot be awaited.
NAMES = {
    "__len__": "length",
    "__contains__": "has",
    "__iter__": "__aiter__",
    "__getitem__": "item",
    "__setitem__": "put",
    "__delitem__": "remove",
    "__enter__": "__aenter__",
    "__exit__": "__aexit__",
}
# Handles on what lies below, for whoever has the plain object at hand.
BELOW = {"native", "writer", "read", "graph", "sql_backend", "cql_backend", "accounts"}
PAIRS = [
    (hyperdb.Database, hyperdb.aio.Database),
    (app.App, hyperdb.aio.App),
    (snapshot.Snapshot, hyperdb.aio.Snapshot),
    (snapshot.SnapshotApp, hyperdb.aio.AppAtFrame),
    (reader.HyperedgeReader, hyperdb.aio.HyperedgeReader),
    (hyperedge.HyperedgeView, hyperdb.aio.HyperedgeView),
    (collections.HashView, hyperdb.aio.HashView),
    (collections.SetView, hyperdb.aio.SetView),
    (collections.ListView, hyperdb.aio.ListView),
    (collections.SortedSetView, hyperdb.aio.SortedSetView),
    (transaction.Transaction, hyperdb.aio.Transaction),
    (transaction.TransactionApp, hyperdb.aio.TransactionApp),
]


def _offered(plain: type) -> set[str]:
    public = {name for name in dir(plain) if not name.startswith("_")} - BELOW
    return public | {NAMES[name] for name in NAMES if name in dir(plain)}


@pytest.mark.parametrize(("plain", "other"), PAIRS, ids=[plain.__name__ for plain, _ in PAIRS])
def test_asyncio_has_every_method(plain: type, other: type) -> None:
    assert _offered(plain) - set(dir(other)) == set()


@pytest.mark.parametrize(("plain", "other"), PAIRS, ids=[plain.__name__ for plain, _ in PAIRS])
def test_asyncio_takes_the_same_arguments(plain: type, other: type) -> None:
    for name in _offered(plain):
        here, there = inspect.getattr_static(plain, name, None), inspect.getattr_static(other, name)
        if inspect.isfunction(here) and inspect.isfunction(there):
            wanted, given = (
                [(p.name, p.kind, p.default) for p in inspect.signature(f).parameters.values()] for f in (here, there)
            )
            if name not in ("run", "check", "examine"):  # Their callbacks differ: one is awaited, the defaults are functions.
                assert given == wanted, name


def test_asyncio_does_what_the_plain_api_does(tmp_path: Path) -> None:
    async def use() -> None:
        async with hyperdb.aio.open(tmp_path / "data", sync="everysec", memory="16m") as db:
            shop = db.app("shop")
            await shop.add_vertex("v", "1")
            edge = await shop.add_hyperedge("e", {"k": Vertex("v")})
            then = await db.retain()
            assert await edge.update({"l": "x", "m": "y"}) == 2
            assert (await edge.length(), await edge.has("l"), await edge.get("l"), await edge.exists()) == (3, True, b"x", True)
            async with await db.snapshot(at=then) as past:
                assert await past.app("shop").hyperedge("e").length() == 1
                assert [found async for found in past.app("shop").vertex_adds()] == [(b"v", await shop.version("v"))]
            assert [found async for found in shop.vertices()] == [b"v"]
            assert (await shop.kind("e"), await shop.length(), await shop.has("e")) == ("hyperedge", 2, True)
            fields = shop.hash("h")
            await fields.put("f", "1")
            await fields.update({"g": "2"})
            assert [found async for found in fields] == [b"f", b"g"]
            assert (await fields.item("f"), await fields.length(), await fields.to_dict()) == (b"1", 2, {b"f": b"1", b"g": b"2"})
            with pytest.raises(NotFoundError):
                await fields.remove("none")
            assert await shop.list("l").append("a", "b") == 2
            assert [found async for found in shop.list("l")] == [b"a", b"b"]
            assert await shop.set("s").add("a") == 1
            assert await shop.sorted_set("z").add({"m": 1.5}) == 1
            assert await shop.sorted_set("z").by_score(1, 2) == [(b"m", 1.5)]
            async with db.transaction() as tx:
                inner = await tx.app("shop")
                await (await inner.add_hyperedge("f", {"k": Vertex("v")})).add("l", "x")
                assert {found async for found in inner.incident("v")} == {(b"e", b"k"), (b"f", b"k")}
                assert await shop.kind("f") is None
            assert await shop.hyperedge("f").length() == 2
            assert await db.check() == []
            assert await db.backup(tmp_path / "copy") == await db.commit()

    asyncio.run(use())


@pytest.fixture(params=["native", "memory", "lmdb"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[hyperdb.Database]:
    engine: EngineName = request.param
    with hyperdb.open(tmp_path / "data", engine=engine, sync="everysec", memory="16m") as opened:
        yield opened


def _filled(db: hyperdb.Database) -> app.App:
    shop = db.app("shop")
    with db.transaction() as tx:
        inner = tx.app("shop")
        for number in range(60):
            inner.add_vertex(f"v{number:02}", "")
        inner.add_hyperedge("e", {f"{number:02}": Vertex(f"v{number:02}") for number in range(60)})
        for number in range(40):
            inner.add_hyperedge(f"e{number:02}", {"k": Vertex("v00")})
    return shop


WALKS = {
    "members": lambda shop: shop.hyperedge("e").members(),
    "incident": lambda shop: shop.incident("v00"),
    "vertices": lambda shop: shop.vertices(),
    "hyperedges": lambda shop: shop.hyperedges(),
    "adds": lambda shop: shop.vertex_adds(),
}


@pytest.mark.parametrize("name", WALKS)
def test_a_walk_does_not_see_later_writes_and_lets_go(db: hyperdb.Database, name: str) -> None:
    """A commit can be read while something holds it; so what a walk holds shows from outside."""
    shop = _filled(db)
    wanted = list(WALKS[name](shop))
    held = db.commit()
    walk = WALKS[name](shop)
    first = next(walk)
    shop.hyperedge("e").remove(*(f"{number:02}" for number in range(60)))
    shop.remove_hyperedge("e39")
    shop.remove_vertex("v59")
    shop.add_vertex("later", "")
    shop.add_hyperedge("later too", {"k": Vertex("v00")})
    assert list(WALKS[name](shop)) != wanted
    gathered = name == "incident" and db.options.engine != "native"
    if not gathered:  # It was read whole, to be sorted, and holds nothing any more.
        db.snapshot(at=held).close()
    assert [first, *walk] == wanted
    del walk
    gc.collect()
    with pytest.raises(BehindHorizonError):
        db.snapshot(at=held)
    # Left half-way, it lets go as well.
    shop.hyperedge("e").update([str(number) for number in range(60)])
    held = db.commit()
    walk = WALKS[name](shop)
    next(walk)
    shop.add_vertex("later still", "")
    if not gathered:
        db.snapshot(at=held).close()
    del walk
    gc.collect()
    with pytest.raises(BehindHorizonError):
        db.snapshot(at=held)


def test_an_asynchronous_walk_that_is_left_lets_go(tmp_path: Path) -> None:
    async def use() -> None:
        async with hyperdb.aio.open(tmp_path / "data", sync="everysec", memory="16m") as db:
            shop = db.app("shop")
            await shop.add_hyperedge("e", [str(number) for number in range(2000)])
            held = await db.commit()
            walk = shop.hyperedge("e").members()
            assert isinstance(walk, AsyncIterator)
            await anext(walk)
            await shop.add_vertex("later", "")
            await (await db.snapshot(at=held)).close()
            await walk.aclose()  # type: ignore[attr-defined]
            del walk
            gc.collect()
            with pytest.raises(BehindHorizonError):
                await db.snapshot(at=held)

    asyncio.run(use())


def test_the_tree_of_errors_is_the_documented_one() -> None:
    """Each class stands in the module's docstring, at its depth, under its parent."""
    documented: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        name = line.replace("|", " ").replace("+--", "   ").split()
        if not line.startswith("    ") or not name:
            continue
        depth = (len(line) - len(line.lstrip(" |+-")) - 4) // 4
        path[depth:] = [name[0]]
        if depth:
            documented[name[0]] = path[depth - 1]
    defined: dict[str, str] = {}
    parents: list[type] = [HyperDBError]
    while parents:
        parent = parents.pop()
        # Those of the package: a test may have made its own.
        children = [kind for kind in parent.__subclasses__() if kind.__module__.startswith("hyperdb.")]
        defined |= {kind.__name__: parent.__name__ for kind in children}
        parents += children
    assert issubclass(VerificationError, HyperDBError)
    assert documented == defined


def test_native_code_raises_only_what_is_in_the_tree() -> None:
    """Names of exceptions in the binding that are no class here would become RuntimeError."""
    import re

    raised: set[str] = set()
    for source in (ROOT / "native/binding/src").glob("*.rs"):
        raised |= set(re.findall(r'"([A-Z][A-Za-z]+Error)"', source.read_text()))
    assert raised
    # The verifier stands alone, and so does what it raises.
    assert {name for name in raised - {"VerificationError"} if not hasattr(errors, name)} == set()


def test_the_package_says_that_it_is_typed() -> None:
    assert resources.files("hyperdb").joinpath("py.typed").is_file()


def test_everything_public_says_what_it_does() -> None:
    silent = []
    for path in sorted((ROOT / "hyperdb").rglob("*.py")):
        if "commitment" in path.parts:  # Its vectors and its format document say what its parts are.
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                silent += [f"{path.name}: {node.name}"] * (ast.get_docstring(node) is None)
                for item in node.body:
                    if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) and not item.name.startswith("_"):
                        silent += [f"{path.name}: {node.name}.{item.name}"] * (ast.get_docstring(item) is None)
    assert silent == []
