"""What goes wrong in a session: errors of the engine as SQL's, and what an error does to the open block.

Invariant: only `SqlError` (and the wire's own `WouldWait`) leaves a session.
"""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class _Said:
    """How SQL says an error of the engine. Without a text: in the engine's words."""

    state: str
    text: str = ""


_STATES: tuple[tuple[type[HyperDBError], _Said], ...] = (
    (SerializationError, _Said("40001")),
    (LockTimeoutError, _Said("55P03", "canceling statement due to lock timeout")),
    (RowLockedError, _Said("55P03", "could not obtain lock on row")),
    (CancelledError, _Said("57014", "canceling statement due to user request")),
    (NoSpaceError, _Said("53100")),
    (BehindHorizonError, _Said("72000")),
    (NotBuiltError, _Said("0A000")),
    (InvalidError, _Said("22023")),
)


def as_sql(error: HyperDBError) -> SqlError:
    """An error of the engine as one of SQL."""
    if isinstance(error, SqlError):
        return error
    if isinstance(error, TransactionStateError):
        read_only = "read-only" in str(error)
        return SqlError("25006" if read_only else "25P02", str(error))
    if isinstance(error, DeadlockError):
        # Behind the first semicolon: who waits for whom.
        message, _, waits = str(error).partition("; ")
        return SqlError("40P01", message, detail=waits.replace("; ", "\n") or None)
    for kind, said in _STATES:
        if isinstance(error, kind):
            return SqlError(said.state, said.text or str(error))
    return SqlError("XX000", str(error))


class Failing:
    """Around whatever may fail: errors of the engine become SQL's, an open block fails."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session
        self._is_inner = session.running.now

    def __enter__(self) -> None:
        if not self._is_inner:
            self._session.running.start()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not self._is_inner:
            self._session.running.stop()
        if error is None or isinstance(error, WouldWait):
            return
        self._session.fail()
        if self._session.running.has_run_out and isinstance(error, HyperDBError) and as_sql(error).sqlstate == "57014":
            raise SqlError("57014", "canceling statement due to statement timeout") from error
        if isinstance(error, SqlError):
            return
        if isinstance(error, HyperDBError):
            raise as_sql(error) from error
        if isinstance(error, RecursionError):
            raise SqlError("54001", "stack depth limit exceeded") from error
