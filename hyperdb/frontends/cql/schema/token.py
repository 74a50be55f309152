"""The token of a partition key, computed here: for tables whose rows are not in the store.

Theory: MurmurHash3 x64 128 (Appleby), its first half, in Cassandra's variant: bytes of the tail are signed. The key is its
column's bytes, or of several columns each with its length before and a zero behind. Invariant: equal to native/graph's
`codec::token` (tests/cql/test_schema_token.py).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

_MASK = (1 << 64) - 1
_C1, _C2 = 0x87C37B91114253D5, 0x4CF5AD432745937F
_F1, _F2 = 0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1


def _turn(value: int, by: int) -> int:
    return (value << by | value >> 64 - by) & _MASK


def _finish(value: int) -> int:
    value = (value ^ value >> 33) * _F1 & _MASK
    value = (value ^ value >> 33) * _F2 & _MASK
    return value ^ value >> 33


def _first(block: int) -> int:
    return _turn(block * _C1 & _MASK, 31) * _C2 & _MASK


def _second(block: int) -> int:
    return _turn(block * _C2 & _MASK, 33) * _C1 & _MASK


def _tail(data: bytes) -> int:
    """Up to eight bytes as a number, each with its sign."""
    found = 0
    for place, byte in enumerate(data):
        found ^= (byte - 256 if byte > 127 else byte) << 8 * place
    return found & _MASK


def _hash(data: bytes) -> int:
    h1 = h2 = 0
    whole = len(data) // 16 * 16
    for k1, k2 in struct.iter_unpack("<QQ", data[:whole]):
        h1 = ((_turn(h1 ^ _first(k1), 27) + h2) * 5 + 0x52DCE729) & _MASK
        h2 = ((_turn(h2 ^ _second(k2), 31) + h1) * 5 + 0x38495AB5) & _MASK
    tail = data[whole:]
    if len(tail) > 8:
        h2 ^= _second(_tail(tail[8:]))
    if tail:
        h1 ^= _first(_tail(tail[:8]))
    h1, h2 = h1 ^ len(data), h2 ^ len(data)
    h1 = (h1 + h2) & _MASK
    h2 = (h2 + h1) & _MASK
    h1, h2 = _finish(h1), _finish(h2)
    found = (h1 + h2) & _MASK
    return found - (1 << 64) if found > _MOST else found


def compose(partition: Sequence[bytes]) -> bytes:
    """The serialised partition key."""
    if len(partition) == 1:
        return partition[0]
    return b"".join(struct.pack(">H", len(each)) + each + b"\0" for each in partition)


def token(partition: Sequence[bytes]) -> int:
    """The token of a partition key, given its columns' bytes."""
    key = compose(partition)
    if not key:
        return _LEAST
    found = _hash(key)
    return _MOST if found == _LEAST else found
