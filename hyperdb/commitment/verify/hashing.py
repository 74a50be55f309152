"""Hashes: framed SHA-512 under ASCII tags, and SipHash-1-3 for the places of keys.

Theory: every input is framed by its length, so no two lists of inputs give the same bytes. docs/commitment.md, Hashing.
"""

from __future__ import annotations

import hashlib
import hmac

R = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
"""Order of the group of BLS12-381, the modulus of scalars."""

_MASK = (1 << 64) - 1


def frame(part: bytes) -> bytes:
    """The part behind its length, u32 LE."""
    return len(part).to_bytes(4, "little") + part


def u64(number: int) -> bytes:
    """8 bytes, LE."""
    return number.to_bytes(8, "little")


def _raw(tag: str, parts: tuple[bytes, ...]) -> bytes:
    return hashlib.sha512(b"".join(map(frame, (tag.encode(), *parts)))).digest()


def scalar(tag: str, *parts: bytes) -> int:
    """The hash as a scalar; never 0, which is the empty slot."""
    return int.from_bytes(_raw(tag, parts), "big") % R or 1


def digest(tag: str, *parts: bytes) -> bytes:
    """The hash's first 32 bytes."""
    return _raw(tag, parts)[:32]


def scalar_bytes(value: int) -> bytes:
    """A scalar's one encoding: 32 bytes, BE."""
    return value.to_bytes(32, "big")


def column_salt(row_salt: bytes, column: int) -> bytes:
    """What hides one column: 16 bytes that follow from the row's salt."""
    return hmac.digest(row_salt, column.to_bytes(4, "little"), "sha512")[:16]


def siphash13(key: bytes, data: bytes) -> int:
    """SipHash-1-3 (Aumasson and Bernstein, 2012), 64 bits, under a key of 16 bytes."""
    k0, k1 = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")
    a, b, c, d = k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573
    whole = len(data) & ~7
    words = [int.from_bytes(data[at : at + 8], "little") for at in range(0, whole, 8)]
    words.append(int.from_bytes(data[whole:], "little") | (len(data) & 0xFF) << 56)
    for word in words:
        a, b, c, d = _round(a, b, c, d ^ word)
        a ^= word
    c ^= 0xFF
    for _ in range(3):
        a, b, c, d = _round(a, b, c, d)
    return a ^ b ^ c ^ d


def _round(a: int, b: int, c: int, d: int) -> tuple[int, int, int, int]:
    a = (a + b) & _MASK
    b = ((b << 13 | b >> 51) & _MASK) ^ a
    a = (a << 32 | a >> 32) & _MASK
    c = (c + d) & _MASK
    d = ((d << 16 | d >> 48) & _MASK) ^ c
    a = (a + d) & _MASK
    d = ((d << 21 | d >> 43) & _MASK) ^ a
    c = (c + b) & _MASK
    b = ((b << 17 | b >> 47) & _MASK) ^ c
    c = (c << 32 | c >> 32) & _MASK
    return a, b, c, d
