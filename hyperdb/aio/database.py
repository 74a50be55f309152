"""The database, its snapshots and its apps for asyncio; what each call does: the class of the same name in `hyperdb`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

import hyperdb
from hyperdb.aio.app import AppReader, AppWriter
from hyperdb.aio.calls import Run, lazily
from hyperdb.aio.collections import HashView, ListView, SetView, SortedSetView
from hyperdb.aio.transaction import Transaction
from hyperdb.commitment.frames import Frames
from hyperdb.commitment.verify import Frame, Query
from hyperdb.database import Examination
from hyperdb.encryption import PublicKey
from hyperdb.errors import ClosedError, DeadlockError, InvalidError, SerializationError
from hyperdb.frontends.sql.embedded.placeholders import Parameters
from hyperdb.frontends.sql.embedded.result import Result
from hyperdb.graph.app import App as PlainApp
from hyperdb.graph.command import Value
from hyperdb.graph.encrypted import EncryptedApp as PlainEncryptedApp
from hyperdb.graph.members import Text
from hyperdb.graph.snapshot import Snapshot as PlainSnapshot
from hyperdb.graph.snapshot import SnapshotApp
from hyperdb.graph.transaction import LOCK_TIMEOUT, Isolation, pause
from hyperdb.server import Serving
from hyperdb.values import CqlTimeouts, Publishing, RespDebug, RespTls

P = ParamSpec("P")
T = TypeVar("T")
THREADS = 8


class Database:
    """An open database whose calls are awaited. Made by `hyperdb.aio.open`; opened on entry, closed on exit."""

    def __init__(self, begin: Callable[[], hyperdb.Database]) -> None:
        self._begin = begin
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="hyperdb-aio")
        self._database: hyperdb.Database | None = None

    async def in_thread(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Awaits any call in one of the database's threads."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: function(*args, **kwargs))

    @property
    def plain(self) -> hyperdb.Database:
        """The database as the plain API knows it.

        Raises:
            ClosedError: outside its `async with`.
        """
        if self._database is None:
            raise ClosedError("enter `async with` first")
        return self._database

    def app(self, name: str) -> App:
        """The app `name`."""
        return App(self.in_thread, self.plain.app(name))

    async def encrypted(self, name: str, recipients: Sequence[PublicKey] | None = None) -> EncryptedApp:
        """The encrypted app `name`."""
        return EncryptedApp(self.in_thread, await self.in_thread(self.plain.encrypted, name, recipients))

    def transaction(
        self,
        *,
        isolation: Isolation = "serializable",
        read_only: bool = False,
        lock_timeout: float | None = LOCK_TIMEOUT,
    ) -> Transaction:
        """A transaction, for `async with`."""
        database = self.plain
        return Transaction(lambda: database.transaction(isolation=isolation, read_only=read_only, lock_timeout=lock_timeout))

    async def run(
        self,
        body: Callable[[Transaction], Awaitable[T]],
        *,
        retries: int = 32,
        isolation: Isolation = "serializable",
        lock_timeout: float | None = LOCK_TIMEOUT,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> T:
        """Runs `body` in a transaction and commits; again from its start if it lost a race or a deadlock."""
        for attempt in range(retries + 1):
            try:
                async with self.transaction(isolation=isolation, lock_timeout=lock_timeout) as transaction:
                    return await body(transaction)
            except (SerializationError, DeadlockError):
                if attempt == retries:
                    raise
            await sleep(pause(attempt + 1))
        raise InvalidError("retries must not be negative")

    async def execute(self, app: str, *args: bytes | str | float) -> Value:
        """Runs one RESP data command on an app, as one durable commit."""
        return await self.in_thread(self.plain.execute, app, *args)

    async def execute_raw(self, database: int, words: list[bytes]) -> bytes:
        """Runs one RESP data command on database `database`; the reply as RESP2 bytes, errors included."""
        return await self.in_thread(self.plain.execute_raw, database, words)

    async def execute_if(self, database: int, conditions: Sequence[tuple[list[bytes], bytes]], words: list[bytes]) -> bool:
        """Runs a RESP data command if each condition's command answers so at that very moment; whether it was run."""
        return await self.in_thread(self.plain.execute_if, database, conditions, words)

    async def system_get(self, key: bytes) -> bytes | None:
        """A record of the system's own app."""
        return await self.in_thread(self.plain.system_get, key)

    async def system_put(self, key: bytes, value: bytes | None) -> None:
        """Writes, or with `None` removes, a record of the system's own app."""
        await self.in_thread(self.plain.system_put, key, value)

    async def commit(self) -> int:
        """The newest commit that everybody may see."""
        return await self.in_thread(self.plain.commit)

    @property
    def frames(self) -> Frames:
        """Frames as the plain API knows them; `in_thread` awaits its calls."""
        return self.plain.frames

    async def seal(self) -> Frame:
        """Seals a frame of everything that is durable now."""
        return await self.in_thread(self.plain.seal)

    async def snapshot(self, at: int | None = None, *, frame: int | None = None) -> Snapshot:
        """A fixed view of all apps: of the newest commit, of one that is still kept, or of a sealed frame."""
        return Snapshot(self.in_thread, await self.in_thread(self.plain.snapshot, at, frame=frame))

    async def retain(self) -> int:
        """Keeps the present readable until `release`; its commit."""
        return await self.in_thread(self.plain.retain)

    async def release(self, commit: int) -> None:
        """Ends the retention of every commit below `commit`."""
        await self.in_thread(self.plain.release, commit)

    async def backup(self, dest: str | Path) -> int:
        """Writes a consistent copy to the new directory `dest` while others go on writing; its commit."""
        return await self.in_thread(self.plain.backup, dest)

    async def check(self, progress: Callable[[int, int], object] = lambda _done, _total: None) -> list[str]:
        """Verifies every checksum and invariant; `progress` is called in a thread."""
        return await self.in_thread(self.plain.check, progress)

    async def examine(self, progress: Callable[[int, int], object] = lambda _done, _total: None) -> Examination:
        """As `check`, and which frame was recomputed; `progress` is called in a thread."""
        return await self.in_thread(self.plain.examine, progress)

    async def stats(self) -> Mapping[str, int]:
        """Counters and gauges of the store."""
        return await self.in_thread(self.plain.stats)

    async def sync(self) -> None:
        """Waits until every acknowledged write is on the disk."""
        await self.in_thread(self.plain.sync)

    async def flush(self) -> None:
        """Writes the memtables out as sorted tables."""
        await self.in_thread(self.plain.flush)

    async def sql(self, text: str, parameters: Parameters | None = None) -> Result:
        """Runs SQL as one transaction of its own; the result, which is whole, is read without waiting."""
        return await self.in_thread(self.plain.sql, text, parameters)

    async def serve(
        self,
        *,
        resp: str | None = None,
        resp_tls: str | RespTls | None = None,
        resp_debug: RespDebug = "no",
        sql: str | None = None,
        cql: str | None = None,
        cql_timeouts: CqlTimeouts | None = None,
        http: str | None = None,
        publish: Publishing | Sequence[str] = (),
        tls: tuple[str | Path, str | Path] | None = None,
        sql_settings: Mapping[str, str] | None = None,
        sql_demands_tls: bool = False,
        control: bool = True,
        password: str | None = None,
    ) -> Serving:
        """Runs servers inside this process, on threads of their own. The arguments are `hyperdb.Database.serve`'s."""
        return await self.in_thread(
            self.plain.serve,
            resp=resp,
            resp_tls=resp_tls,
            resp_debug=resp_debug,
            sql=sql,
            cql=cql,
            cql_timeouts=cql_timeouts,
            http=http,
            publish=publish,
            tls=tls,
            sql_settings=sql_settings,
            sql_demands_tls=sql_demands_tls,
            control=control,
            password=password,
        )

    async def close(self) -> None:
        """Stops servers, makes all durable, closes the files. A second call does nothing."""
        if self._database is not None:
            await self.in_thread(self._database.close)
            self._database = None
            self._pool.shutdown(wait=False)

    async def __aenter__(self) -> Self:
        self._database = await self.in_thread(self._begin)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()


class App(AppWriter[PlainApp]):
    """A namespace in a database."""

    async def execute(self, *args: bytes | str | float) -> Value:
        """Runs one RESP data command here."""
        return await self._run(self.plain.execute, *args)

    async def put(self, id: Text, value: bytes | str) -> None:  # noqa: A002
        """Adds vertex `id`, replacing whatever the id named."""
        await self._run(self.plain.put, id, value)

    async def remove(self, id: Text) -> bool:  # noqa: A002
        """Removes the element with all its members; whether it was there."""
        return await self._run(self.plain.remove, id)

    async def has(self, id: Text) -> bool:  # noqa: A002
        """Whether element `id` is there."""
        return await self._run(self.plain.__contains__, id)

    async def length(self) -> int:
        """How many elements there are."""
        return await self._run(self.plain.__len__)

    def ids(self, pattern: Text = b"*") -> AsyncIterator[bytes]:
        """Ids that match a glob pattern, lazily."""
        return lazily(self._run, lambda: self.plain.ids(pattern))

    def hash(self, id: Text) -> HashView:  # noqa: A002
        """The hash `id`."""
        return HashView(self._run, self.plain.hash(id))

    def set(self, id: Text) -> SetView:  # noqa: A002
        """The set `id`."""
        return SetView(self._run, self.plain.set(id))

    def list(self, id: Text) -> ListView:  # noqa: A002
        """The list `id`."""
        return ListView(self._run, self.plain.list(id))

    def sorted_set(self, id: Text) -> SortedSetView:  # noqa: A002
        """The sorted set `id`."""
        return SortedSetView(self._run, self.plain.sorted_set(id))


class EncryptedApp(AppReader[PlainEncryptedApp]):
    """An app that keeps only what is verifiably encrypted to its recipients."""

    async def put(self, key: bytes, data: bytes) -> None:
        """Keeps an object or a secret that was encrypted for this app and key."""
        await self._run(self.plain.put, key, data)

    async def remove(self, key: bytes) -> bool:
        """Removes what is kept under a key; whether there was anything."""
        return await self._run(self.plain.remove, key)

    async def has(self, key: bytes) -> bool:
        """Whether anything is kept under a key."""
        return await self._run(self.plain.__contains__, key)

    async def length(self) -> int:
        """How many keys there are."""
        return await self._run(self.plain.__len__)


class AppAtFrame(AppReader[SnapshotApp]):
    """An app at the moment of a snapshot."""

    async def prove(self, *queries: Query, columns: Sequence[int] | None = None, contains: int | None = None) -> bytes:
        """See `Snapshot.prove`."""
        return await self._run(self.plain.prove, *queries, columns=columns, contains=contains)


class Snapshot:
    """One moment of a database. Close it, or use it with `async with`."""

    def __init__(self, run: Run, plain: PlainSnapshot) -> None:
        self._run = run
        self.plain = plain
        """The snapshot as the plain API knows it."""
        self.commit = plain.commit
        self.horizon = plain.horizon

    def app(self, name: str) -> AppAtFrame:
        """The app `name` as it was."""
        return AppAtFrame(self._run, self.plain.app(name))

    async def prove(self, app: str, *queries: Query, columns: Sequence[int] | None = None, contains: int | None = None) -> bytes:
        """A bundle that shows the answers to queries on an app at this frame."""
        return await self._run(self.plain.prove, app, *queries, columns=columns, contains=contains)

    async def close(self) -> None:
        """Lets its commit go. A second call does nothing."""
        await self._run(self.plain.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()
