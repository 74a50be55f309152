"""PEP 249's connection: a session of this process, its transactions, its cursors.

Theory: as in psycopg, the first statement begins a transaction and `commit` ends it, unless `autocommit` is on; `with connection`
commits, or rolls back where an error left it, and closes. Threads may share a connection: its calls take turns.
Invariant: a connection that is left to the garbage collector gives back what it held.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Self, TypeVar

from hyperdb import errors
from hyperdb.errors import InterfaceError, SqlError
from hyperdb.frontends.sql.contract import Notice, Opening, Session, Status
from hyperdb.frontends.sql.embedded.cursor import Cursor
from hyperdb.frontends.sql.embedded.placeholders import Parameters
from hyperdb.frontends.sql.embedded.running import Answer, run_all, run_many

if TYPE_CHECKING:
    from hyperdb.frontends.sql.backend import SqlBackend

T = TypeVar("T")
ROLE = DATABASE = "hyperdb"
_NOTICES = 50


class Connection:
    """See PEP 249, "Connection Objects". Made by `hyperdb.connect`."""

    Warning: ClassVar = errors.Warning
    Error: ClassVar = errors.Error
    InterfaceError: ClassVar = errors.InterfaceError
    DatabaseError: ClassVar = errors.SqlError
    DataError: ClassVar = errors.DataError
    OperationalError: ClassVar = errors.OperationalError
    IntegrityError: ClassVar = errors.IntegrityError
    InternalError: ClassVar = errors.InternalError
    ProgrammingError: ClassVar = errors.ProgrammingError
    NotSupportedError: ClassVar = errors.NotSupportedError

    def __init__(self, backend: SqlBackend, autocommit: bool, release: Callable[[], object]) -> None:
        """`release` is called once, when the connection needs the database no more."""
        self.session: Session = backend.open(Opening(ROLE, DATABASE))
        """What runs its statements."""
        self.notices: deque[Notice] = deque(maxlen=_NOTICES)
        """The last remarks of statements."""
        self._autocommit = autocommit
        self._lock = threading.RLock()
        self._finish = weakref.finalize(self, _end, self.session, release)

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return not self._finish.alive

    @property
    def autocommit(self) -> bool:
        """Whether each statement is a transaction of its own. Changed only while no transaction is open."""
        return self._autocommit

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        """Raises InternalError (25001) while a transaction is open."""
        self.check()
        if self.in_transaction:
            raise SqlError("25001", "autocommit cannot be changed inside a transaction")
        self._autocommit = value

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, or has failed and waits for `rollback`."""
        return self.session.status is not Status.IDLE

    def cursor(self) -> Cursor:
        """A new cursor."""
        self.check()
        return Cursor(self)

    def execute(self, operation: str, parameters: Parameters | None = None) -> Cursor:
        """Runs a statement on a new cursor."""
        return self.cursor().execute(operation, parameters)

    def commit(self) -> None:
        """Ends the open transaction, if there is one, and keeps what it did.

        Raises:
            OperationalError: 40001 and whatever else a commit may fail with; nothing is kept then.
        """
        self._end_block("COMMIT")

    def rollback(self) -> None:
        """Ends the open transaction, if there is one, and takes it back."""
        self._end_block("ROLLBACK")

    def cancel(self) -> None:
        """From any thread: what runs fails with 57014."""
        self.check()
        self.session.cancel()

    def close(self) -> None:
        """Takes an open transaction back and ends the connection. A second call does nothing."""
        with self._lock:
            self._finish()

    def check(self) -> None:
        """Raises InterfaceError where the connection is closed."""
        if self.closed:
            raise InterfaceError("the connection is closed")

    # What cursors call.

    def run(self, text: str, parameters: Parameters | None) -> list[Answer]:
        """Runs a text."""
        return self._run(lambda: run_all(self.session, text, parameters))

    def run_many(self, text: str, rows: list[Parameters]) -> int:
        """Runs a text for each of `rows`."""
        return self._run(lambda: run_many(self.session, text, rows))

    def _run(self, body: Callable[[], T]) -> T:
        with self._lock:
            self.check()
            if not self._autocommit and not self.in_transaction:
                run_all(self.session, "BEGIN")
            try:
                return body()
            finally:
                self.notices.extend(self.session.notices())

    def _end_block(self, statement: str) -> None:
        with self._lock:
            self.check()
            if self.in_transaction:
                run_all(self.session, statement)

    def __enter__(self) -> Self:
        self.check()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.closed:
            return
        try:
            if error is None:
                self.commit()
        finally:
            self.close()


def _end(session: Session, release: Callable[[], object]) -> None:
    try:
        session.close()
    finally:
        release()
