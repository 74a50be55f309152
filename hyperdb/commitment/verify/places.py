"""Where a logical key must lie: tree keys of 6-bit steps, computed from the key and never taken from a proof.

Theory: tree keys are prefix-free and in the order of store keys, so a range of keys is an interval of step strings. Steps are
bytes of 0..63, which Python compares in the right order. docs/commitment.md, Tree key.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from .errors import VerificationError
from .hashing import siphash13

ELEMENT, MEMBER, INCIDENCE = 2, 3, 4
VERTEX_ADDS, VERTEX_REMOVES, HYPEREDGE_ADDS, HYPEREDGE_REMOVES = range(4)
LONGEST = 128
"""Bytes of an escaped key that are steps themselves; behind them stands the key's hash."""

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_TO_STEP = bytes(_ALPHABET.index(byte) if byte in _ALPHABET else 0 for byte in range(256))


def steps(data: bytes) -> bytes:
    """Bytes cut into 6 bits each; the last is padded with zero bits. (Base64 is just that.)"""
    return base64.b64encode(data).rstrip(b"=").translate(_TO_STEP)


def _hash_steps(space: int, place: bytes) -> bytes:
    """The two bits of a space before the 64 of a hash: 11 steps."""
    bits = (space - ELEMENT) << 64 | int.from_bytes(place, "big")
    return bytes(bits >> shift & 63 for shift in range(60, -1, -6))


def escape(data: bytes) -> bytes:
    """00 becomes 00 FF, so that 00 01 can be an end that sorts before every continuation."""
    return data.replace(b"\x00", b"\x00\xff")


def ordered_varint(number: int) -> bytes:
    """A number as the store's keys write it."""
    if number <= 247:
        return bytes([number])
    body = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes([247 + len(body)]) + body


def _collection_steps(cid: int) -> bytes:
    """The bits 01 and the number's bytes, filled up to whole steps."""
    number = ordered_varint(cid)
    width = 2 + 8 * len(number)
    count = -(-width // 6)
    bits = (1 << 8 * len(number) | int.from_bytes(number, "big")) << (6 * count - width)
    return bytes(bits >> shift & 63 for shift in range(6 * (count - 1), -1, -6))


def hash_place(hash_key: bytes, data: bytes) -> bytes:
    """The place of an id, a field or a member in an unordered space: 8 bytes."""
    return siphash13(hash_key, data).to_bytes(8, "big")


def element_key(hash_key: bytes, name: bytes) -> bytes:
    """L of an element."""
    return bytes([ELEMENT]) + hash_place(hash_key, name) + name


def member_key(cid: int, member: bytes) -> bytes:
    """L of a member."""
    return bytes([MEMBER]) + ordered_varint(cid) + member


@dataclass(frozen=True)
class Parsed:
    """A logical key taken apart."""

    space: int
    cid: int | None
    rest: bytes
    """Behind the hash64 or the cid."""
    head: bytes
    """Steps of what is before the rest."""


def parse(key: bytes) -> Parsed:
    """Takes L apart; refuses what no store writes."""
    space = key[0] if key else 0
    if space in (ELEMENT, INCIDENCE) and len(key) >= 9:
        return Parsed(space, None, key[9:], _hash_steps(space, key[1:9]))
    if space == MEMBER and len(key) >= 2:
        size = 1 + max(0, key[1] - 247)
        number = int.from_bytes(key[2 : 1 + size], "big") if size > 1 else key[1]
        if len(key) > size and ordered_varint(number) == key[1 : 1 + size]:
            return Parsed(space, number, key[1 + size :], _collection_steps(number))
    raise VerificationError("place", f"{key[:32].hex()} is no logical key")


def tree_key(key: bytes) -> bytes:
    """The steps under which the leaf of L lies."""
    parsed = parse(key)
    escaped = escape(parsed.rest) + b"\x00\x01"
    if len(escaped) > LONGEST:
        escaped = escaped[:LONGEST] + hashlib.sha256(key).digest()
    return parsed.head + steps(escaped)


def collection_tree(cid: int) -> int:
    """The adds tree of a collection's members: rows of tables and partitions are vertices."""
    return VERTEX_ADDS if cid % 4 >= 2 else HYPEREDGE_ADDS


@dataclass(frozen=True)
class Zone:
    """An interval of logical keys, and the interval of step strings in which their leaves lie.

    `low <= steps < high`; keys whose first 128 escaped bytes are those of a bound may lie on both sides of it, so leaves are
    compared by their keys, and only an `exact` zone may be counted without looking at the leaves.
    """

    low: bytes
    high: bytes
    first: bytes
    """Keys within are not less than this."""
    below: bytes | None
    """Keys within are less than this; None: all that have the prefix."""
    prefix: bytes
    exact: bool

    def holds(self, key: bytes) -> bool:
        """If a logical key lies within."""
        return key.startswith(self.prefix) and self.first <= key and (self.below is None or key < self.below)

    def side(self, path: bytes) -> int:
        """Of everything below a path: 1 all within, -1 none, 0 some perhaps."""
        if path >= self.high or (path < self.low and not self.low.startswith(path)):
            return -1
        return 1 if path >= self.low and not self.high.startswith(path) else 0


def _bound(path: bytes) -> bytes:
    """A bound in its shortest form: missing steps count as zeros, so trailing zeros say nothing."""
    return path.rstrip(b"\x00")


def _past(data: bytes, highest: int) -> bytes:
    """The least string that is greater than all that begin with `data`; empty if there is none."""
    trimmed = data.rstrip(bytes([highest]))
    return trimmed[:-1] + bytes([trimmed[-1] + 1]) if trimmed else b""


def _zone(prefix: bytes, head: bytes, low: bytes, below: bytes) -> Zone:
    """Keys `prefix || k` with low <= k < below (empty: open), where `head` are the prefix's steps."""
    first, last = escape(low), escape(below)
    top = last if len(last) <= LONGEST else _past(last[:LONGEST], 0xFF)
    return Zone(
        low=_bound(head + steps(first[:LONGEST])),
        high=_bound(head + steps(top) if top else _past(head, 0x3F)),
        first=prefix + low,
        below=prefix + below if below else None,
        prefix=prefix,
        exact=max(len(first), len(last)) <= LONGEST,
    )


def collection_zone(cid: int, low: bytes = b"", below: bytes = b"") -> Zone:
    """Members of a collection with low <= member key < below."""
    return _zone(member_key(cid, b""), _collection_steps(cid), low, below)


def element_zone(low: bytes = b"", below: bytes = b"") -> Zone:
    """Elements whose hash64 lies in the bounds, at most 8 bytes each."""
    prefix = bytes([ELEMENT])
    return Zone(
        low=_bound(_hash_steps(ELEMENT, low.ljust(8, b"\x00"))),
        high=_bound(_hash_steps(ELEMENT, below.ljust(8, b"\x00"))) if below else b"\x10",
        first=prefix + low,
        below=prefix + below if below else None,
        prefix=prefix,
        exact=True,
    )


def incidence_zone(hash_key: bytes, name: bytes) -> Zone:
    """The memberships of an element: keys that begin with its place and its escaped id."""
    place = hash_place(hash_key, name)
    low = escape(name) + b"\x00\x01"
    return _zone(bytes([INCIDENCE]) + place, _hash_steps(INCIDENCE, place), low, low[:-1] + b"\x02")
