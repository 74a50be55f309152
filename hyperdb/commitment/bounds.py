"""Ranges as people write them, as the bounds of a query: what lies between two of them is in the order of member keys.

Theory: members lie in the order of their keys (docs/file-format.md, Keys of DATA), so what a range is follows from the
kind of collection: scores of a sorted set, indexes of a list, names of an ordered hyperedge, and the hash of what is hashed.
Invariant: `low` is within, `below` is not, as in the query.
"""

from __future__ import annotations

import math
import struct

from hyperdb.commitment.verify import Bounds, Collection
from hyperdb.errors import InvalidError

_HASH_BYTES = 8
_SIGN = 1 << 63
_WORD = (1 << 64) - 1
_DIGITS = 19
"""Of the largest index."""
_HASHED = ("hash", "set")
_NAMED = ("edge", "table", "index", "partition", "stream")


def bounds(collection: Collection | None, low: bytes | None, below: bytes | None) -> Bounds:
    """The bounds of a range; None is open.

    Args:
        collection: whose members; None for the elements of an app, which lie by their hash.
        low: the first score, index, name or hash.
        below: the first one that is no longer within.

    Raises:
        InvalidError: a bound is not what bounds of this kind of collection are, or nothing lies between both.
    """
    if low is None and below is None:
        return Bounds()
    first, after = (b"" if bound is None else _place(collection, bound) for bound in (low, below))
    if below is not None and (not after or (low is not None and first >= after)):
        raise InvalidError("nothing lies between these bounds: the second one is the first that is no longer within")
    return Bounds(first, after, companion=collection is not None and collection.kind == "sorted set")


def _place(collection: Collection | None, bound: bytes) -> bytes:
    """Where a bound lies among member keys."""
    if collection is None or collection.kind in _HASHED:
        return _hash(bound)
    if collection.kind == "sorted set":
        return _score(bound)
    if collection.kind == "list":
        return _position(collection.head, bound)
    if collection.kind in _NAMED:
        return bound
    raise InvalidError(f"members of a {collection.kind} have no ranges")


def _hash(bound: bytes) -> bytes:
    try:
        digits = bytes.fromhex(bound.decode("ascii"))
    except ValueError as error:
        raise InvalidError("what is hashed has ranges of its hash alone: 2 to 16 hexadecimal digits, two a byte") from error
    if len(digits) > _HASH_BYTES:
        raise InvalidError(f"a hash has {_HASH_BYTES} bytes, not {len(digits)}")
    return digits


def _score(bound: bytes) -> bytes:
    try:
        score = math.nan if b"_" in bound else float(bound)
    except ValueError:
        score = math.nan
    if math.isnan(score):
        raise InvalidError("a bound of a sorted set is a score: a number, inf or -inf")
    # Adding zero takes the sign off a negative one.
    bits = int.from_bytes(struct.pack(">d", score + 0.0), "big")
    return (bits ^ (_WORD if bits & _SIGN else _SIGN)).to_bytes(8, "big")


def _position(head: int, bound: bytes) -> bytes:
    if not bound.isdigit() or len(bound) > _DIGITS or int(bound) >= _SIGN - max(head, 0):
        raise InvalidError("a bound of a list is an index, counted from 0 at the head")
    return ((head + int(bound)) % (1 << 64) ^ _SIGN).to_bytes(8, "big")
