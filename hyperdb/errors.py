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
    +-- WrongTypeError          the element is of another kind, an argument of another type (also a TypeError)
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
    +-- RdbError                a file of RDB is damaged, or holds what has no form here; the text begins with the byte
    +-- SourceError             a Redis from which data are imported could not be reached, or refused
    +-- CommandError            a command was refused; the text begins with Redis's error class
    +-- ClosedError             the database, snapshot or server was closed
    +-- ForkedError             the database was opened before this process was forked
    +-- AddressError            the server cannot listen there
    +-- ControlError            the running server did not answer on its control socket
    +-- Error                   what PEP 249 calls so: the root of what SQL raises
    |   +-- InterfaceError      a connection or cursor was used as it cannot be (closed, no rows)
    |   +-- SqlError            a SQL statement was refused; carries the SQLSTATE, which decides the class (DatabaseError)
    |   |   +-- DataError         22: a value that cannot be
    |   |   +-- IntegrityError    23: a constraint does not hold
    |   |   +-- InternalError     25, 2D, 3B, XX and others: the transaction's state, defects
    |   |   +-- NotSupportedError 0A: not built
    |   |   +-- OperationalError  40, 53 to 58 and others: lost races, limits, shutdown
    |   |   +-- ProgrammingError  42 and others: the statement is wrong
    +-- CqlError                a CQL request was refused; carries the protocol's code and what its ERROR tells besides
    +-- WireError               what a SQL client sent breaks the wire protocol; carries the SQLSTATE to answer with
    +-- PrivacyError            what was asked cannot be answered at the privacy level asked for; nothing was sent
    +-- RemoteError             a remote store could not be reached, or refused; carries the status if it answered
    +-- VerificationError       a proof does not show what it claims (hyperdb.commitment.verify); `check` says which check failed
    +-- EncryptionError         what is encrypted does not verify, was changed or moved, or is not encrypted at all
    |   +-- WrongKeyError       it was encrypted to another key
    +-- NotColumnarError        a type or value that columns of Arrow cannot hold: the query runs on rows
    +-- NotBuiltError           asked for something that this version does not have

Native errors arrive as these classes already. Invariant: nothing else is raised on purpose by the package.
"""

from __future__ import annotations

from collections.abc import Mapping


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
    """The element is of another kind than the operation needs, or an argument is of a type that it does not take."""


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


class PrivacyError(HyperDBError):
    """What was asked cannot be answered at the privacy level asked for. It was not sent at a lower one."""


class RemoteError(HyperDBError):
    """A remote store could not be reached, sent less or more than it should, or refused: then `status` is its HTTP status."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class EncryptionError(HyperDBError):
    """Something encrypted was refused: it does not verify, was changed, cut off or moved, or is not encrypted at all."""


class WrongKeyError(EncryptionError):
    """It was encrypted to another key, or the secret is not that of the statement."""


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
    """Somebody cancelled the wait for a lock, or the laying out of an epoch."""


class RdbError(HyperDBError):
    """A file of RDB is damaged, or holds what has no form here; the text begins with the byte. Nothing of it was written."""


class SourceError(HyperDBError):
    """A Redis from which data are imported could not be reached, or refused; the text begins with its error class then."""


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


class CqlError(HyperDBError):
    """A CQL request was refused.

    `code` is one of Cassandra's native protocol (`hyperdb.frontends.cql.codes.ErrorCode`); `extra` has, by name, what an ERROR
    of this code tells besides (`hyperdb.frontends.cql.protocol.errors`).
    """

    def __init__(self, code: int, message: str, extra: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.extra: Mapping[str, object] = extra or {}


class Warning(Exception):  # noqa: A001 - PEP 249 names it so
    """A remark of PEP 249; never raised: remarks are a connection's `notices`."""


class Error(HyperDBError):
    """The root of what SQL raises, as PEP 249 wants it."""


class InterfaceError(Error):
    """A connection or a cursor was used as it cannot be: it is closed, or has no rows."""


class SqlError(Error):
    """A SQL statement was refused. The fields are those of PostgreSQL's ErrorResponse; `position` counts characters from 1.

    It is made as the class that PEP 249 has for its SQLSTATE: `SqlError("23505", ...)` is an `IntegrityError`.
    """

    def __new__(cls, sqlstate: str, *_words: object, **_fields: object) -> SqlError:
        """An error of the class that the SQLSTATE's first two characters mean."""
        return super().__new__(_BY_STATE.get(sqlstate[:2], cls) if cls is SqlError else cls)

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
        routine: str | None = None,
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
        self.routine = routine


class DataError(SqlError):
    """A value that cannot be: out of range, malformed, divided by zero."""


class IntegrityError(SqlError):
    """A constraint does not hold."""


class InternalError(SqlError):
    """The transaction's state does not allow it, or a defect."""


class NotSupportedError(SqlError):
    """Something that is not built."""


class OperationalError(SqlError):
    """A lost race, a limit, a cancel, a shutdown: nothing that the statement says is wrong."""


class ProgrammingError(SqlError):
    """The statement is wrong: its syntax, a name, a type, a right that is missing."""


# PostgreSQL's documentation, appendix A: classes of SQLSTATE; which of PEP 249's classes each is, as psycopg has it.
_CLASSES = {
    DataError: "22",
    IntegrityError: "23",
    InternalError: "24 25 2B 2D 2F 38 39 3B XX",
    NotSupportedError: "0A",
    OperationalError: "08 27 28 34 40 53 54 55 57 58 F0 HV",
    ProgrammingError: "07 20 21 26 3D 3F 42 44 P0",
}
_BY_STATE = {state: kind for kind, states in _CLASSES.items() for state in states.split()}
