"""The same database for asyncio: `async with hyperdb.aio.open("app.hdb") as db`.

Theory: native calls release the interpreter's lock, so a small pool of threads is all that asynchrony needs; the rules stay
in one place. A call that is cancelled goes on to its end in its thread: a commit is not half done.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

import hyperdb
from hyperdb.aio.transaction import Transaction, TransactionApp
from hyperdb.errors import DeadlockError, SerializationError
from hyperdb.graph.app import App as PlainApp
from hyperdb.graph.command import Value
from hyperdb.graph.members import Kind, Member, Members, Membership, Text, encoded, raw_members
from hyperdb.graph.transaction import LOCK_TIMEOUT, Isolation, pause
from hyperdb.values import EngineName, Sync

__all__ = ["App", "Database", "Transaction", "TransactionApp", "open"]

P = ParamSpec("P")
T = TypeVar("T")
THREADS = 8
PAGE = 256


class Database:
    """An open database whose calls are awaited. Made by `open`; opened on entry, closed on exit."""

    def __init__(self, begin: Callable[[], hyperdb.Database]) -> None:
        self._open = begin
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="hyperdb-aio")
        self._database: hyperdb.Database | None = None

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Awaits a call of the plain API, for what has no method here: `await db.run(db.plain.backup, dest)`."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: function(*args, **kwargs))

    @property
    def plain(self) -> hyperdb.Database:
        """The database as the plain API knows it.

        Raises:
            ClosedError: outside its `async with`.
        """
        if self._database is None:
            raise hyperdb.errors.ClosedError("enter `async with` first")
        return self._database

    def app(self, name: str) -> App:
        """The app `name`."""
        return App(self, name)

    def transaction(
        self,
        *,
        isolation: Isolation = "serializable",
        read_only: bool = False,
        lock_timeout: float | None = LOCK_TIMEOUT,
    ) -> Transaction:
        """A transaction, for `async with`; see `hyperdb.Database.transaction`."""
        database = self.plain
        return Transaction(lambda: database.transaction(isolation=isolation, read_only=read_only, lock_timeout=lock_timeout))

    async def run_transaction(
        self,
        body: Callable[[Transaction], Awaitable[T]],
        *,
        retries: int = 32,
        isolation: Isolation = "serializable",
        lock_timeout: float | None = LOCK_TIMEOUT,
    ) -> T:
        """Runs `body` in a transaction and commits; again from its start if it lost a race or a deadlock."""
        attempt = 0
        while True:
            try:
                async with self.transaction(isolation=isolation, lock_timeout=lock_timeout) as transaction:
                    return await body(transaction)
            except (SerializationError, DeadlockError):
                if attempt == retries:
                    raise
            attempt += 1
            await asyncio.sleep(pause(attempt))

    async def __aenter__(self) -> Self:
        self._database = await self.run(self._open)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.run(self.plain.close)
        self._database = None
        self._pool.shutdown(wait=False)


class App:
    """A namespace in a database; each method is that of `hyperdb.graph.app.App`."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self.name = name

    @property
    def plain(self) -> PlainApp:
        """The app as the plain API knows it, for what has no method here: `await db.run(app.plain.kind, id)`."""
        return self._database.plain.app(self.name)

    async def execute(self, *args: bytes | str | float) -> Value:
        """Runs one RESP data command; see `hyperdb.Database.execute`."""
        return await self._database.run(self._database.plain.execute, self.name, *args)

    async def put(self, id: Text, value: Text) -> None:  # noqa: A002
        """Adds vertex `id`, replacing whatever the id named."""
        await self._database.run(self.plain.put, id, value)

    async def get(self, id: Text) -> bytes | None:  # noqa: A002
        """The value of vertex `id`, or None."""
        return await self._database.run(self.plain.get, id)

    async def remove(self, id: Text) -> bool:  # noqa: A002
        """Removes the element with all its members; whether it was there."""
        return await self._database.run(self.plain.remove, id)

    async def add_vertex(self, id: Text, value: Text) -> bool:  # noqa: A002
        """Adds vertex `id`; False if it is there like that."""
        return await self._database.run(self.plain.add_vertex, id, value)

    async def remove_vertex(self, id: Text, *, detach: bool = False) -> bool:  # noqa: A002
        """Removes vertex `id`, and with `detach` all its memberships; whether it was there."""
        return await self._database.run(self.plain.remove_vertex, id, detach=detach)

    async def add_hyperedge(self, id: Text, members: Members = ()) -> bool:  # noqa: A002
        """Adds hyperedge `id` with these members, or these members to it; False if all was there."""
        return await self._database.run(self.plain.writer.add_hyperedge, encoded(id), raw_members(members))

    async def remove_hyperedge(self, id: Text, *, detach: bool = False) -> bool:  # noqa: A002
        """Removes hyperedge `id`, and with `detach` all its memberships; whether it was there."""
        return await self._database.run(self.plain.remove_hyperedge, id, detach=detach)

    async def remove_members(self, id: Text, *order_keys: Text) -> int:  # noqa: A002
        """Removes members of hyperedge `id`; how many were there."""
        return await self._database.run(self.plain.hyperedge(id).remove, *order_keys)

    async def members(
        self,
        id: Text,  # noqa: A002
        start: Text | None = None,
        stop: Text | None = None,
        *,
        reverse: bool = False,
        limit: int | None = None,
    ) -> AsyncIterator[tuple[bytes, Member]]:
        """Members of hyperedge `id` by range, lazily."""
        view = self.plain.hyperedge(id)
        async for row in self._lazily(lambda: view.members(start, stop, reverse=reverse, limit=limit)):
            yield row

    async def incident(self, id: Text) -> AsyncIterator[Membership]:  # noqa: A002
        """Where element `id` is a member, lazily."""
        async for row in self._lazily(lambda: self.plain.incident(id)):
            yield row

    async def within(self, inner: Text, outer: Text) -> bool:
        """Whether `inner` is a member of `outer`, or of a hyperedge within it."""
        return await self._database.run(self.plain.within, inner, outer)

    async def count(self, kind: Kind | None = None) -> int:
        """How many elements there are."""
        return await self._database.run(self.plain.count, kind)

    async def size(self, kind: Kind | None = None) -> int:
        """Bytes of ids, values and members."""
        return await self._database.run(self.plain.size, kind)

    async def ids(self, pattern: Text = b"*") -> AsyncIterator[bytes]:
        """Ids that match a glob pattern, lazily."""
        async for found in self._lazily(lambda: self.plain.ids(pattern)):
            yield found

    async def _lazily(self, begin: Callable[[], Iterator[T]]) -> AsyncIterator[T]:
        walk = await self._database.run(begin)
        while page := await self._database.run(lambda: list(islice(walk, PAGE))):
            for row in page:
                yield row


def open(  # noqa: A001
    path: str | Path,
    *,
    engine: EngineName = "native",
    sync: Sync = "always",
    memory: int | str | None = None,
    create: bool = True,
) -> Database:
    """Like `hyperdb.open`; the directory is opened on entry of `async with`."""
    return Database(lambda: hyperdb.open(path, engine=engine, sync=sync, memory=memory, create=create))
