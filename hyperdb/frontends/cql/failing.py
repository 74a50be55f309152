"""What comes from below as errors of CQL.

Invariant: nothing but `CqlError` comes out of `failing` for what the rest of this database raises on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hyperdb.errors import (
    CancelledError,
    ClosedError,
    ConflictError,
    CorruptError,
    CqlError,
    HyperDBError,
    InvalidError,
    LockTimeoutError,
    NoSpaceError,
)
from hyperdb.frontends.cql.codes import Consistency, ErrorCode

_CODES: tuple[tuple[type[HyperDBError], ErrorCode], ...] = (
    (InvalidError, ErrorCode.INVALID),
    (NoSpaceError, ErrorCode.OVERLOADED),
    (ClosedError, ErrorCode.OVERLOADED),
    (CancelledError, ErrorCode.OVERLOADED),
    (CorruptError, ErrorCode.SERVER),
)
_WRITE = {"consistency": Consistency.ONE, "received": 0, "block_for": 1, "write_type": "SIMPLE"}


@contextmanager
def failing() -> Iterator[None]:
    """Around whatever may fail."""
    try:
        yield
    except CqlError:
        raise
    except HyperDBError as error:
        raise as_cql(error) from error


def as_cql(error: HyperDBError) -> CqlError:
    """An error as clients are told it."""
    if isinstance(error, LockTimeoutError | ConflictError):
        return CqlError(ErrorCode.WRITE_TIMEOUT, f"Operation timed out: {error}", _WRITE)
    code = next((code for kind, code in _CODES if isinstance(error, kind)), ErrorCode.SERVER)
    return CqlError(code, str(error))
