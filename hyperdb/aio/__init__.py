"""The same database for asyncio: `async with hyperdb.aio.open("app.hdb") as db`.

Theory: native calls release the interpreter's lock, so a small pool of threads is all that asynchrony needs; the rules stay
in one place. A call that is cancelled goes on to its end in its thread: a commit is not half done.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

import hyperdb
from hyperdb.aio.transaction import Transaction, TransactionApp
from hyperdb.errors import DeadlockError, SerializationError
from hyperdb.graph.command import Value
from hyperdb.graph.transaction import LOCK_TIMEOUT, Isolation, pause
from hyperdb.values import Sync

__all__ = ["App", "Database", "Transaction", "TransactionApp", "open"]

P = ParamSpec("P")
T = TypeVar("T")
THREADS = 8


class Database:
    """An open database whose calls are awaited. Made by `open`; opened on entry, closed on exit."""

    def __init__(self, path: str | Path, sync: Sync, memory: int | str | None) -> None:
        self._open = lambda: hyperdb.open(path, sync=sync, memory=memory)
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
    """A namespace in a database."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self.name = name

    async def execute(self, *args: bytes | str | float) -> Value:
        """Runs one RESP data command; see `hyperdb.Database.execute`."""
        return await self._database.run(self._database.plain.execute, self.name, *args)

    async def put(self, id: bytes | str, value: bytes | str) -> None:  # noqa: A002
        """Adds vertex `id`, replacing whatever the id named."""
        await self._database.run(self._database.plain.app(self.name).put, id, value)

    async def get(self, id: bytes | str) -> bytes | None:  # noqa: A002
        """The value of vertex `id`, or None."""
        return await self._database.run(self._database.plain.app(self.name).get, id)

    async def remove(self, id: bytes | str) -> bool:  # noqa: A002
        """Removes the element with all its members; whether it was there."""
        return await self._database.run(self._database.plain.app(self.name).remove, id)

    async def ids(self, pattern: bytes | str = b"*") -> AsyncIterator[bytes]:
        """Ids that match a glob pattern, lazily."""
        walk = iter(self._database.plain.app(self.name).ids(pattern))
        while (found := await self._database.run(next, walk, None)) is not None:
            yield found


def open(path: str | Path, *, sync: Sync = "always", memory: int | str | None = None) -> Database:  # noqa: A001
    """Like `hyperdb.open`; the directory is opened on entry of `async with`."""
    return Database(path, sync, memory)
