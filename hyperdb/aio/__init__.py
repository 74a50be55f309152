"""The same database for asyncio: `async with hyperdb.aio.open("app.hdb") as db`.

Theory: native calls release the interpreter's lock, so a small pool of threads is all that asynchrony needs; the rules stay
in one place. A call that is cancelled goes on to its end in its thread: a commit is not half done. Every method of the plain API
is here under its name; what Python writes with an operator has one: `length`, `has`, `item`, `put`, `remove`, `async for`.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import hyperdb
from hyperdb.aio.app import AppReader, HyperedgeReader, HyperedgeView
from hyperdb.aio.collections import HashView, ListView, SetView, SortedSetView
from hyperdb.aio.database import App, AppAtFrame, Database, EncryptedApp, Snapshot
from hyperdb.aio.transaction import Transaction, TransactionApp
from hyperdb.values import EngineName, Sync

__all__ = [
    "App",
    "AppAtFrame",
    "AppReader",
    "Database",
    "EncryptedApp",
    "HashView",
    "HyperedgeReader",
    "HyperedgeView",
    "ListView",
    "SetView",
    "Snapshot",
    "SortedSetView",
    "Transaction",
    "TransactionApp",
    "open",
]


def open(  # noqa: A001
    path: str | Path,
    *,
    engine: EngineName = "native",
    sync: Sync = "always",
    memory: int | str | None = None,
    create: bool = True,
    frames: float | None = 1.0,
    frames_count: int | None = None,
) -> Database:
    """Like `hyperdb.open`; the directory is opened on entry of `async with`."""
    begin = partial(
        hyperdb.open,
        path,
        engine=engine,
        sync=sync,
        memory=memory,
        create=create,
        frames=frames,
        frames_count=frames_count,
    )
    return Database(begin)
