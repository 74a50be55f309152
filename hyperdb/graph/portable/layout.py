"""Where the portable graph keeps what: keys and records in a plain engine.

    app . "e" . digest(id)                           -> element: kind, id, value of a vertex
    app . "m" . digest(hyperedge) . order key        -> member: kind, id or value
    app . "i" . digest(id) . digest(place)           -> membership: kind, hyperedge, order key

Theory: `app` and digests are 16 bytes of BLAKE2b, so that keys stay short enough for LMDB whatever ids are; only order keys are
stored as they are, since their order counts. A removed element leaves a record that says so: the sets of removes are read off it.
Invariant: not the native file format (docs/file-format.md), and never exchanged with it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from hashlib import blake2b

DIGEST_BYTES = 16
VERTEX, HYPEREDGE, VALUE = 1, 2, 3
_GONE = 0x80
_HEAD = struct.Struct(">BI")


def digest(*parts: bytes) -> bytes:
    """16 bytes that stand for some byte strings."""
    state = blake2b(digest_size=DIGEST_BYTES)
    for part in parts:
        state.update(len(part).to_bytes(8, "big"))
        state.update(part)
    return state.digest()


@dataclass(frozen=True)
class Stored:
    """An element's record. `gone`: it was there and was removed."""

    kind: int
    id: bytes
    value: bytes = b""
    gone: bool = False

    def encode(self) -> bytes:
        """As stored."""
        return _framed(self.kind | (_GONE if self.gone else 0), self.id, self.value)

    @classmethod
    def decode(cls, raw: bytes) -> Stored:
        """Back from what is stored."""
        tag, element, value = _parts(raw)
        return cls(tag & ~_GONE, element, value, bool(tag & _GONE))


def encode_member(kind: int, content: bytes) -> bytes:
    """A member's record: a byte for its kind, and its id or value."""
    return bytes([kind]) + content


def encode_membership(kind: int, hyperedge: bytes, order_key: bytes) -> bytes:
    """A membership's record."""
    return _framed(kind, hyperedge, order_key)


def decode_membership(raw: bytes) -> tuple[int, bytes, bytes]:
    """Kind, hyperedge, order key."""
    return _parts(raw)


def _framed(tag: int, first: bytes, second: bytes) -> bytes:
    return _HEAD.pack(tag, len(first)) + first + second


def _parts(raw: bytes) -> tuple[int, bytes, bytes]:
    tag, length = _HEAD.unpack_from(raw)
    return tag, raw[_HEAD.size : _HEAD.size + length], raw[_HEAD.size + length :]


class Layout:
    """The keys of one app."""

    def __init__(self, app: bytes) -> None:
        self._app = digest(app)
        self.elements = self._app + b"e"

    def element(self, element: bytes) -> bytes:
        """The key of an element's record."""
        return self.elements + digest(element)

    def members(self, hyperedge: bytes) -> bytes:
        """What the keys of a hyperedge's members begin with."""
        return self._app + b"m" + digest(hyperedge)

    def incidence(self, element: bytes) -> bytes:
        """What the keys of an element's memberships begin with."""
        return self._app + b"i" + digest(element)

    def membership(self, element: bytes, hyperedge: bytes, order_key: bytes) -> bytes:
        """The key of one membership."""
        return self.incidence(element) + digest(hyperedge, order_key)


def behind(prefix: bytes) -> bytes:
    """The first key behind all that begin with this prefix, which does not end in 0xFF bytes only."""
    cut = prefix.rstrip(b"\xff")
    return cut[:-1] + bytes([cut[-1] + 1])
