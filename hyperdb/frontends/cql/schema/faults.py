"""How names and definitions are refused, by code; the words are Cassandra's in meaning."""

from __future__ import annotations

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.codes import ErrorCode


def config(message: str) -> CqlError:
    """A definition that cannot be, for its options."""
    return CqlError(ErrorCode.CONFIG, message)


def unauthorized(message: str) -> CqlError:
    """Something that the role may not do, or nobody."""
    return CqlError(ErrorCode.UNAUTHORIZED, message)


def keyspace_exists(name: str) -> CqlError:
    """A keyspace of the name is there."""
    return CqlError(ErrorCode.ALREADY_EXISTS, f'Cannot add existing keyspace "{name}"', {"keyspace": name, "table": ""})


def table_exists(keyspace: str, name: str, what: str = "table") -> CqlError:
    """A table, view or index of the name is there."""
    message = f'Cannot add already existing {what} "{name}" to keyspace "{keyspace}"'
    return CqlError(ErrorCode.ALREADY_EXISTS, message, {"keyspace": keyspace, "table": name})
