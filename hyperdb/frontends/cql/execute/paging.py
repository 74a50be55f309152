"""Paging states: where a result goes on, for the very statement that it was made for.

    version u8 | seal, 16 bytes | flags u8 | partition, slice, left, of partition: u32 each |
    length u16, place | length u16, the last partition's key

Theory: a state is the client's to keep, so it has all that going on takes, and the server keeps nothing but a key. The seal is
BLAKE2b (RFC 7693) under that key of the statement with its values and of what follows. Invariant: a state that was made for
another statement, for other values, by another store, or was changed, is a protocol error; no state leads out of its table.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.bind.frame import Value
from hyperdb.frontends.cql.codes import ErrorCode
from hyperdb.frontends.cql.execute.stream import Place
from hyperdb.frontends.cql.protocol.reader import Unset

_VERSION = 2
_SEAL = 16
_BEGIN = struct.Struct(f">B{_SEAL}s")
_HEAD = struct.Struct(">BIIII")
_LENGTH = struct.Struct(">H")
_HAS_AFTER, _HAS_LIMIT = 1, 2
_MOST = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class State:
    """Where a result goes on."""

    place: Place = field(default_factory=Place)
    left: int | None = None
    """How many rows the LIMIT still lets through."""
    of_partition: int = 0
    """How many rows of the last partition went out."""
    partition: bytes = b""
    """What tells the last partition from others."""


def digest(text: str, keyspace: str | None, values: Sequence[Value]) -> bytes:
    """What tells a statement with its values from others."""
    found = hashlib.blake2b(digest_size=32)
    for part in (text.encode(), (keyspace or "").encode(), *map(_shown, values)):
        found.update(len(part).to_bytes(4, "big"))
        found.update(part)
    return found.digest()


def _shown(value: Value) -> bytes:
    if value is None:
        return b"null"
    return b"unset" if isinstance(value, Unset) else b"=" + value


def _seal(body: bytes, of: bytes, key: bytes) -> bytes:
    return hashlib.blake2b(of + body, digest_size=_SEAL, key=key).digest()


def write(state: State, of: bytes, key: bytes) -> bytes:
    """A state as bytes, sealed by the store's key."""
    place = state.place
    flags = _HAS_AFTER * (place.after is not None) | _HAS_LIMIT * (state.left is not None)
    body = _HEAD.pack(flags, place.partition, place.slice, min(state.left or 0, _MOST), min(state.of_partition, _MOST))
    after = place.after or b""
    body += _LENGTH.pack(len(after)) + after + _LENGTH.pack(len(state.partition)) + state.partition
    return _BEGIN.pack(_VERSION, _seal(body, of, key)) + body


def read(data: bytes, of: bytes, key: bytes) -> State:
    """Back from `write`.

    Raises:
        CqlError: protocol, where it is none, or one of another statement.
    """
    try:
        version, seal = _BEGIN.unpack_from(data)
        body = data[_BEGIN.size :]
        if version != _VERSION or not hmac.compare_digest(seal, _seal(body, of, key)):
            raise _broken()
        flags, partition, number, left, of_partition = _HEAD.unpack_from(body)
        after, at = _bytes(body, _HEAD.size)
        last, at = _bytes(body, at)
    except struct.error:
        raise _broken() from None
    if at != len(body) or flags & ~(_HAS_AFTER | _HAS_LIMIT):
        raise _broken()
    place = Place(partition, number, after if flags & _HAS_AFTER else None)
    return State(place, left if flags & _HAS_LIMIT else None, of_partition, last)


def _bytes(data: bytes, at: int) -> tuple[bytes, int]:
    (length,) = _LENGTH.unpack_from(data, at)
    start = at + _LENGTH.size
    found = data[start : start + length]
    if len(found) < length:
        raise struct.error
    return found, start + length


def _broken() -> CqlError:
    return CqlError(ErrorCode.PROTOCOL, "Invalid value for the paging state")
