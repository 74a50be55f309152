"""Numbers of variable length: [unsigned vint] and [vint] (specification of version 5, section 3).

Theory: the leading ones of the first byte say how many bytes follow; a signed number is folded first, so that small ones stay
short.
Invariant: a number is written in the fewest bytes; reading bears any bytes.
"""

from __future__ import annotations

from hyperdb.frontends.cql.types.faults import invalid

_MASK = (1 << 64) - 1


def unsigned(number: int) -> bytes:
    """The bytes of a number below 2^64."""
    extra = min((max(number.bit_length(), 1) - 1) // 7, 8)
    ones = (0xFF00 >> extra) & 0xFF
    return bytes([ones | (number >> (8 * extra) if extra < 8 else 0)]) + (number & ((1 << 8 * extra) - 1)).to_bytes(extra, "big")


def read_unsigned(data: bytes, at: int) -> tuple[int, int]:
    """The number at `at`, and where it ends.

    Raises:
        CqlError: invalid, when the bytes end before.
    """
    if at >= len(data):
        raise invalid("Not enough bytes to read a vint")
    first = data[at]
    extra = 8 - (~first & 0xFF).bit_length()
    end = at + 1 + extra
    if end > len(data):
        raise invalid("Not enough bytes to read a vint")
    high = first & (0xFF >> (extra + 1)) if extra < 8 else 0
    return high << (8 * extra) | int.from_bytes(data[at + 1 : end], "big"), end


def signed(number: int) -> bytes:
    """The bytes of a number of 64 bits with a sign."""
    return unsigned(((number << 1) ^ (number >> 63)) & _MASK)


def read_signed(data: bytes, at: int) -> tuple[int, int]:
    """As `read_unsigned`."""
    folded, end = read_unsigned(data, at)
    return (folded >> 1) ^ -(folded & 1), end
