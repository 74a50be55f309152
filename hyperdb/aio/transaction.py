"""Transactions for asyncio: `async with db.transaction() as tx: await (await tx.app("shop")).put(...)`.

Theory: a call may wait for a row lock, and the call that would free it must not stand behind it in a pool's queue. So each
transaction has a thread of its own while it is open.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from types import TracebackType
from typing import NoReturn, ParamSpec, Self, TypeVar

from hyperdb.aio.app import AppWriter
from hyperdb.aio.calls import lazily
from hyperdb.graph import transaction as plain
from hyperdb.graph.members import Text
from hyperdb.graph.transaction import LockMode, Wait

P = ParamSpec("P")
T = TypeVar("T")


class Transaction:
    """An open transaction; begun on entry, committed at the end, rolled back on an exception."""

    def __init__(self, begin: Callable[[], plain.Transaction]) -> None:
        self._begin = begin
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hyperdb-transaction")
        self._inner: plain.Transaction | None = None

    async def _call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: function(*args, **kwargs))

    def _open(self) -> plain.Transaction:
        assert self._inner is not None, "enter `async with` first"
        return self._inner

    async def app(self, name: str) -> TransactionApp:
        """The app `name` inside this transaction."""
        return TransactionApp(self._call, await self._call(self._open().app, name))

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part that is taken back when an exception leaves it, without ending the transaction."""
        part = self._open().savepoint()
        await self._call(part.__enter__)
        try:
            yield
        except BaseException as error:
            await self._call(part.__exit__, type(error), error, error.__traceback__)
            raise
        await self._call(part.__exit__, None, None, None)

    async def commit(self) -> int:
        """Makes all of it visible as one durable commit; its number."""
        return await self._call(self._open().commit)

    def cancel(self) -> None:
        """Ends the present or the next wait for a lock with CancelledError; from another task."""
        self._open().cancel()

    @property
    def options(self) -> plain.TransactionOptions:
        """How it was begun."""
        return self._open().options

    async def rollback(self) -> None:
        """Ends it without a trace."""
        await self._call(self._open().rollback)

    async def __aenter__(self) -> Self:
        self._inner = await self._call(self._begin)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if isinstance(error, asyncio.CancelledError):
                # The thread may be waiting for a lock on behalf of a call that nobody awaits any more.
                self._open().cancel()
            await self._call(self._open().__exit__, kind, error, trace)
        finally:
            self._thread.shutdown(wait=False)


class TransactionApp(AppWriter[plain.TransactionApp]):
    """An app inside a transaction."""

    async def get_for_update(self, id: Text, *, wait: Wait = "block") -> bytes | None:  # noqa: A002
        """Locks vertex `id` and then reads it."""
        return await self._run(self.plain.get_for_update, id, wait=wait)

    async def put(self, id: Text, value: bytes | str, *, expires_at: int | None = None) -> None:  # noqa: A002
        """Adds vertex `id`, replacing whatever the id named."""
        await self._run(self.plain.put, id, value, expires_at=expires_at)

    async def remove(self, id: Text) -> bool:  # noqa: A002
        """Removes the element with all its members; whether it was there."""
        return await self._run(self.plain.remove, id)

    async def lock(self, id: Text, mode: LockMode = "update", *, wait: Wait = "block") -> bool:  # noqa: A002
        """Locks element `id` until the end."""
        return await self._run(self.plain.lock, id, mode, wait=wait)

    async def expires_at(self, id: Text) -> int | None:  # noqa: A002
        """When element `id` expires, Unix milliseconds."""
        return await self._run(self.plain.expires_at, id)

    async def has(self, id: Text) -> bool:  # noqa: A002
        """Whether element `id` is there."""
        return await self._run(self.plain.__contains__, id)

    async def length(self) -> int:
        """How many elements the app holds."""
        return await self._run(self.plain.__len__)

    def ids(self) -> AsyncIterator[bytes]:
        """Ids of all elements, in hash order, lazily."""
        return lazily(self._run, self.plain.ids)

    def hash(self, id: Text) -> NoReturn:  # noqa: A002
        """Refused, as the other typed views are (NotBuiltError)."""
        self.plain.hash(id)

    set = list = sorted_set = hash  # noqa: A003
