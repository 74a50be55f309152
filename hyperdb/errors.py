"""Every exception that HyperDB raises, in one tree.

    HyperDBError
    +-- StorageError            the operating system refused
    |   +-- CorruptError        bytes on disk are not what was written; names file and offset
    |   +-- LockedError         another process owns the directory
    |   +-- NoSpaceError        the disk is full: writes are refused, reads go on
    |   +-- PoisonedError       an earlier write failed: reopen
    +-- InvalidError            an argument out of bounds (also a ValueError)
    |   +-- CycleError          a hyperedge would lie within itself
    |   +-- NestingError        too many memberships to search through
    |   +-- ReferencedError     the element is a member of hyperedges
    +-- WrongTypeError          the element is of another kind (also a TypeError)
    +-- NotFoundError           no such element (also a KeyError)
    +-- BehindHorizonError      the past asked for is no longer kept
    +-- NotSealedError          no frame of this number is sealed yet
    +-- NotProvableError        what was to be proved is not so
    +-- ConflictError           a transaction lost against another one: run it again
    |   +-- SerializationError  another one committed first
    |   |   +-- RowChangedError a row is newer than the statement, which is to be taken back and begun again
    |   +-- DeadlockError       each of some transactions waited for the next one; this one gave way
    |   +-- LockTimeoutError    a lock was not free in time
    |   +-- RowLockedError      a lock was not free and the caller would not wait
    +-- TransactionStateError   the transaction has ended or failed, only reads, or has no such savepoint
    +-- CancelledError          somebody cancelled the wait for a lock
    +-- CommandError            a command was refused; the text begins with Redis's error class
    +-- ClosedError             the database, snapshot or server was closed
    +-- ForkedError             the database was opened before this process was forked
    +-- AddressError            the server cannot listen there
    +-- ControlError            the running server did not answer on its control socket
    +-- SqlError                a SQL statement was refused; carries the SQLSTATE and what else clients are told
    +-- WireError               what a SQL client sent breaks the wire protocol; carries the SQLSTATE to answer with
    +-- VerificationError       a proof does not show what it claims (hyperdb.commitment.verify); `check` says which check failed
    +-- NotColumnarError        a type or value that columns of Arrow cannot hold: the query runs on rows
    +-- NotBuiltError           asked for something that this version does not have

Native errors arrive as these classes already. Invariant: nothing else is raised on purpose by the package.
"""

from __future__ import annotations


class HyperDBError(Exception):
    """The root: whatever HyperDB raises is one."""


class StorageError(HyperDBError):
    """The operating system refused an operation on a file."""


class CorruptError(StorageError):
    """Bytes on disk are not what was written; the text names the file and the offset."""


class LockedError(StorageError):
    """Another process owns the directory."""


class NoSpaceError(StorageError):
    """The disk is full: writes are refused until there is room, reads go on."""


class PoisonedError(StorageError):
    """A write or a sync failed, so what is on disk is unknown: reads go on, writes need a reopen."""


class InvalidError(HyperDBError, ValueError):
    """An argument is out of bounds."""


class CycleError(InvalidError):
    """A hyperedge would lie within itself."""


class NestingError(InvalidError):
    """More memberships lie above an element than one search looks at."""


class ReferencedError(InvalidError):
    """The element is a member of hyperedges; the text names some. Remove it with `detach`."""


class WrongTypeError(HyperDBError, TypeError):
    """The element is of another kind than the operation needs."""


class NotFoundError(HyperDBError, KeyError):
    """No live element has this id."""

    def __str__(self) -> str:
        # KeyError shows the repr of its argument, which is no sentence.
        return str(self.args[0]) if self.args else ""


class BehindHorizonError(HyperDBError):
    """The commit or frame asked for is no longer kept; of frames, the text names the oldest one left."""


class NotSealedError(HyperDBError):
    """There is no such frame yet; the text names the newest one."""


class NotProvableError(HyperDBError):
    """What was to be proved is not so: a removal, when the element is there. The text says what was found."""


class ConflictError(HyperDBError):
    """The transaction lost against another one; nothing of it happened, it may be run again."""


class SerializationError(ConflictError):
    """Another transaction committed first what this one read or wrote."""


class RowChangedError(SerializationError):
    """At read committed: a row is newer than the statement. It stays locked; whoever runs the statement begins it again."""


class DeadlockError(ConflictError):
    """Each transaction of a cycle waited for the next one; this one gave way. The text names the cycle."""


class LockTimeoutError(ConflictError):
    """A lock was not free within the lock timeout."""


class RowLockedError(ConflictError):
    """Another transaction has the lock, and the caller would not wait."""


class TransactionStateError(HyperDBError):
    """The transaction has ended or failed, only reads, or has no such savepoint."""


class CancelledError(HyperDBError):
    """Somebody cancelled the wait for a lock."""


class CommandError(HyperDBError):
    """A command was refused; the text begins with Redis's error class."""


class ClosedError(HyperDBError):
    """The database, the snapshot or the server was closed."""


class ForkedError(HyperDBError):
    """The database was opened before this process was forked; open it in the child."""


class AddressError(HyperDBError):
    """The server cannot listen there."""


class ControlError(HyperDBError):
    """The running server did not answer on its control socket, or refused."""


class NotBuiltError(HyperDBError):
    """Asked for something that this version does not have."""


class NotColumnarError(HyperDBError):
    """A type or value that columns of Arrow cannot hold: the query runs on rows."""


class WireError(HyperDBError):
    """What a SQL client sent breaks the wire protocol. After a `fatal` one the connection cannot go on."""

    def __init__(self, sqlstate: str, message: str, *, fatal: bool = False) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.message = message
        self.fatal = fatal


class SqlError(HyperDBError):
    """A SQL statement was refused. The fields are those of PostgreSQL's ErrorResponse; `position` counts characters from 1."""

    def __init__(
        self,
        sqlstate: str,
        message: str,
        *,
        detail: str | None = None,
        hint: str | None = None,
        position: int | None = None,
        schema: str | None = None,
        table: str | None = None,
        column: str | None = None,
        data_type: str | None = None,
        constraint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.message = message
        self.detail = detail
        self.hint = hint
        self.position = position
        self.schema = schema
        self.table = table
        self.column = column
        self.data_type = data_type
        self.constraint = constraint
