"""What goes wrong in a session: errors of the engine as SQL's, and what an error does to the open block.

Invariant: only `SqlError` (and the wire's own `WouldWait`) leaves a session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperdb.errors import (
    BehindHorizonError,
    CancelledError,
    DeadlockError,
    HyperDBError,
    InvalidError,
    LockTimeoutError,
    NoSpaceError,
    NotBuiltError,
    RowLockedError,
    SerializationError,
    SqlError,
    TransactionStateError,
)
from hyperdb.frontends.sql.contract import WouldWait

if TYPE_CHECKING:
    from hyperdb.frontends.sql.session import SqlSession

_STATES: list[tuple[type[HyperDBError], str]] = [
    (SerializationError, "40001"),
    (DeadlockError, "40P01"),
    (LockTimeoutError, "55P03"),
    (RowLockedError, "55P03"),
    (CancelledError, "57014"),
    (NoSpaceError, "53100"),
    (BehindHorizonError, "72000"),
    (NotBuiltError, "0A000"),
    (InvalidError, "22023"),
]


def as_sql(error: HyperDBError) -> SqlError:
    """An error of the engine as one of SQL."""
    if isinstance(error, SqlError):
        return error
    if isinstance(error, TransactionStateError):
        read_only = "read-only" in str(error)
        return SqlError("25006" if read_only else "25P02", str(error))
    for kind, state in _STATES:
        if isinstance(error, kind):
            text = "could not obtain lock on row" if isinstance(error, RowLockedError) else str(error)
            return SqlError(state, text)
    return SqlError("XX000", str(error))


class Failing:
    """Around whatever may fail: errors of the engine become SQL's, an open block fails."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session
        self._is_inner = session.is_running

    def __enter__(self) -> None:
        if not self._is_inner:
            self._session.start_running()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not self._is_inner:
            self._session.stop_running()
        if error is None or isinstance(error, WouldWait):
            return
        self._session.fail()
        if self._session.has_run_out and isinstance(error, HyperDBError) and as_sql(error).sqlstate == "57014":
            raise SqlError("57014", "canceling statement due to statement timeout") from error
        if isinstance(error, SqlError):
            return
        if isinstance(error, HyperDBError):
            raise as_sql(error) from error
        if isinstance(error, RecursionError):
            raise SqlError("54001", "stack depth limit exceeded") from error
