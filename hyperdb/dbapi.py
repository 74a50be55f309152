"""SQL in the host process as PEP 249 wants it: `hyperdb.connect`, and the names that a module of it has.

with hyperdb.connect("app.hdb") as connection:
    connection.execute("CREATE TABLE notes (id bigint PRIMARY KEY, text text)")
    connection.execute("INSERT INTO notes VALUES (%s, %s)", (1, "first"))

Theory: a directory has one owner, and pools open many connections to one path, so connections of this process to a path share
one open database, which is closed with the last of them. Invariant: a database that was given is never closed here.
"""

from __future__ import annotations

import threading
from datetime import date, datetime, time
from functools import partial
from pathlib import Path
from typing import Any, Final, overload

import hyperdb
from hyperdb.commitment.verify import Trusted
from hyperdb.database import MEMORY, Database
from hyperdb.errors import (
    CorruptError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    LockedError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    SqlError,
    StorageError,
    Warning,  # noqa: A004 - PEP 249 names it so
)
from hyperdb.frontends.sql.embedded.connection import Connection
from hyperdb.frontends.sql.embedded.cursor import Cursor
from hyperdb.frontends.sql.embedded.description import BINARY, DATETIME, NUMBER, ROWID, STRING
from hyperdb.oblivious.levels import Level
from hyperdb.remote import SCHEMES, Remote
from hyperdb.remote import connect as connect_remote

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
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "Warning",
    "apilevel",
    "connect",
    "paramstyle",
    "threadsafety",
]

apilevel: Final = "2.0"
threadsafety: Final = 2  # threads may share the module and connections
paramstyle: Final = "pyformat"
DatabaseError = SqlError
Date, Time, Timestamp, Binary = date, time, datetime, bytes


def DateFromTicks(ticks: float) -> date:  # noqa: N802 - PEP 249 names it so
    """The local date of so many seconds since 1970."""
    return date.fromtimestamp(ticks)


def TimeFromTicks(ticks: float) -> time:  # noqa: N802 - PEP 249 names it so
    """The local time of day of so many seconds since 1970."""
    return datetime.fromtimestamp(ticks).time()


def TimestampFromTicks(ticks: float) -> datetime:  # noqa: N802 - PEP 249 names it so
    """The local date and time of so many seconds since 1970."""
    return datetime.fromtimestamp(ticks)


class Opened:
    """The databases that connections of this process have opened by path, with the number of connections to each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[Path, tuple[Database, int]] = {}

    def take(self, path: Path, options: dict[str, Any]) -> Database:
        """The database at a path, for one more connection; options count when it is the first."""
        with self._lock:
            database, users = self._found.get(path, (None, 0))
            if database is None:
                database = hyperdb.open(path, **options)
            self._found[path] = (database, users + 1)
            return database

    def give_back(self, path: Path) -> None:
        """One connection less; the last one closes the database."""
        with self._lock:
            database, users = self._found.pop(path)
            if users > 1:
                self._found[path] = (database, users - 1)
            else:
                database.close()


# The lock of a directory is the process's, and so is this.
_OPENED = Opened()
_STATES: list[tuple[type[StorageError], str]] = [(LockedError, "55006"), (CorruptError, "XX001"), (StorageError, "58030")]


@overload
def connect(database: str, *, key: Trusted | bytes | str, privacy: Level | str, **options: Any) -> Remote: ...


@overload
def connect(database: str | Path | Database, *, autocommit: bool = False, **options: Any) -> Connection: ...


def connect(database: str | Path | Database, *, autocommit: bool = False, **options: Any) -> Connection | Remote:
    """A connection (PEP 249) to a directory or to an open database; or a remote database, by a URL.

    Args:
        database: a path, which is opened and closed with its last connection; `:memory:`, a database of this connection's own;
            or what `hyperdb.open` gave.
        autocommit: each statement is a transaction of its own; otherwise the first one begins one, and `commit` ends it.
        options: those of `hyperdb.open`, for a path. For a URL (`https://HOST:PORT` of `hyperdb serve --http`): `key`, what is
            trusted of the store (its key, or an `OwnerKey` or a `Root`); `privacy`, what it may learn of a read (`"pir"`,
            `Bucket(64)`), which apps and reads may change; `state`, a directory for hints and what was seen; `ca`, a file of
            certificates; `refresh`, seconds until newer epochs are looked for; `follow`, seconds until what changed since is
            downloaded, or None to read epochs alone; `epochs`, of which app which epoch alone is read, by the manifest's digest
            that `hyperdb audit` prints; `progress`, called with what is fetched, or True for bars on the terminal.

    Raises:
        OperationalError: 55006 where another process owns the directory, 58030 where it cannot be opened.
        InternalError: XX001 where its files are corrupt.
    """
    if isinstance(database, str) and database.startswith(SCHEMES):
        return connect_remote(database, options)
    if isinstance(database, Database):
        return Connection(database.sql_backend, autocommit, lambda: None)
    try:
        if str(database) == MEMORY:
            own = hyperdb.open(MEMORY, **options)
            release = own.close
        else:
            path = Path(database).resolve()
            own, release = _OPENED.take(path, options), partial(_OPENED.give_back, path)
    except StorageError as error:
        state = next(state for kind, state in _STATES if isinstance(error, kind))
        raise SqlError(state, str(error)) from error
    try:
        return Connection(own.sql_backend, autocommit, release)
    except BaseException:
        release()
        raise
