"""How a value is refused."""

from __future__ import annotations

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.codes import ErrorCode


def invalid(message: str) -> CqlError:
    """What a client is told of a value, or a type, that cannot be."""
    return CqlError(ErrorCode.INVALID, message)
