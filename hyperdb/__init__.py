"""HyperDB: an embedded hypergraph database that redis-cli and Python use together.

import hyperdb

with hyperdb.open("app.hdb") as db:
    app = db.app("redis/0")
    app.add_vertex("ada", "Ada Lovelace")
    app.add_hyperedge("notes", {"1843": hyperdb.Vertex("ada")})
    print(app.get("ada"), list(app.incident("ada")))
    app.hash("user:42").update({"name": "Ada", "born": 1815})
    server = db.serve(resp="127.0.0.1:6379")    # now `redis-cli HGETALL user:42`
    print(db.sql("SELECT 6 * %s AS answer", [7]).fetchall())

`connect` and the names beside it make this a module of PEP 249.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperdb import _native, errors
from hyperdb.database import Database
from hyperdb.errors import InvalidError
from hyperdb.graph.members import Hyperedge, Vertex
from hyperdb.values import EngineName, OpenOptions, Sync, parse_bytes, quarter_of_ram

if TYPE_CHECKING:
    from hyperdb.commitment.native import verify
    from hyperdb.commitment.verify import OwnerKey, Root, Seen, StoreKey
    from hyperdb.dbapi import (
        BINARY,
        DATETIME,
        NUMBER,
        ROWID,
        STRING,
        Binary,
        Connection,
        Cursor,
        DatabaseError,
        DataError,
        Date,
        DateFromTicks,
        Error,
        IntegrityError,
        InterfaceError,
        InternalError,
        NotSupportedError,
        OperationalError,
        ProgrammingError,
        Time,
        TimeFromTicks,
        Timestamp,
        TimestampFromTicks,
        Warning,  # noqa: A004 - PEP 249 names it so
        apilevel,
        connect,
        paramstyle,
        threadsafety,
    )
    from hyperdb.frontends.sql.embedded.placeholders import Parameters
    from hyperdb.frontends.sql.proof.verify import VerifiedQuery

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "Binary",
    "Connection",
    "Cursor",
    "DataError",
    "Database",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Error",
    "Hyperedge",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "OwnerKey",
    "ProgrammingError",
    "Root",
    "Seen",
    "StoreKey",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "Vertex",
    "Warning",
    "__version__",
    "apilevel",
    "connect",
    "errors",
    "open",
    "paramstyle",
    "threadsafety",
    "verify",
    "verify_query",
]


__version__ = _native.VERSION

_VERIFIER = {"verify": "native", "OwnerKey": "verify", "Root": "verify", "Seen": "verify", "StoreKey": "verify"}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """The names of PEP 249 and of the verifier. They take longer to load than all the rest, and servers start without."""
        if name not in __all__:
            raise AttributeError(f"module 'hyperdb' has no attribute '{name}'")
        home = f"hyperdb.commitment.{_VERIFIER[name]}" if name in _VERIFIER else "hyperdb.dbapi"
        found = globals()[name] = getattr(import_module(home), name)
        return found


def verify_query(
    proof: bytes,
    text: str,
    parameters: Parameters | None = None,
    *,
    trusted: Root | StoreKey | OwnerKey,
    rows: Iterable[Sequence[Any]] | None = None,
    seen: Seen | None = None,
    path: Sequence[str] = ("public",),
    settings: dict[str, str] | None = None,
    pure: bool = False,
) -> VerifiedQuery:
    """Checks the proof of an SQL query and computes its answer from what it shows; no database is needed.

    Args:
        proof: what `SELECT hyperdb_last_proof()` gave.
        text: the query as it was sent, with `%s`, `%(name)s` or `$1` for parameters.
        parameters: their values.
        trusted: what the caller trusts: one root, or the store's key.
        rows: the answer as the server gave it, in values of Python; refused if another one follows from the proof.
        seen: refuse a frame that does not contain this one (rollback, fork).
        path: the schemas in which names are looked up.
        settings: of the session, where values depend on them: TimeZone, DateStyle, IntervalStyle.
        pure: verify the bundles by the verifier in pure Python.

    Raises:
        VerificationError: naming the first check that failed.
    """
    # Loaded by those who use it only: SQL's tables take longer to load than all the rest.
    from hyperdb.frontends.sql.proof.verify import verify_query as check

    return check(proof, text, parameters, trusted=trusted, rows=rows, seen=seen, path=path, settings=settings, pure=pure)


def open(  # noqa: A001 - it is what the module is for
    path: str | Path,
    *,
    engine: EngineName = "native",
    sync: Sync = "always",
    memory: int | str | None = None,
    create: bool = True,
    frames: float | None = 1.0,
    frames_count: int | None = None,
) -> Database:
    """Opens (or creates) the database in directory `path`; `:memory:` is one that goes with the process.

    Args:
        path: the directory.
        engine: what keeps the data. `memory` (gone when closed; the path is not used) and `lmdb` (small, read-mostly) serve the
            graph, snapshots and serializable transactions; commands, typed views, expiry, row locks and servers need `native`.
        sync: `always`: a write returns when it is on the disk; `everysec`: it is synced within a second.
        memory: budget in bytes, or as `512m`, for memtables and caches together; default a quarter of the RAM.
        create: make the directory if it is not there.
        frames: seconds from frame to frame, when something changed; None: none by time. Only the native engine seals frames.
        frames_count: commits after which a frame is sealed besides; None: none by count.

    Raises:
        LockedError: another process owns the directory.
        CorruptError: naming file and offset.
    """
    budget = quarter_of_ram() if memory is None else parse_bytes(memory) if isinstance(memory, str) else memory
    if budget < 0:
        raise InvalidError("memory is a number of bytes, not a negative one")
    if (frames is not None and frames <= 0) or (frames_count is not None and frames_count <= 0):
        raise InvalidError("frames are sealed after a positive time or number of commits; None is for never")
    options = OpenOptions(engine, sync, budget, create, frames, frames_count)
    return Database(path, options)
