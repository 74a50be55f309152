"""G1 of BLS12-381 on plain integers.

Theory: points come compressed (48 bytes) and are refused unless canonical, on the curve and in the subgroup of order r: the
endomorphism (x, y) -> (beta x, y) multiplies exactly the points of the subgroup by -z^2, z the curve's parameter (Scott, ePrint
2021/1130). Sums are taken by Pippenger's buckets in Jacobian coordinates. Invariant: a `Point` is affine and in the subgroup,
None is infinity.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from .errors import VerificationError
from .hashing import R
from .lagrange import BASES

Point = tuple[int, int] | None
_Jacobian = tuple[int, int, int]

P = 0x1A0111EA397FE69A4B1BA7B6434BACD764774B84F38512BF6730D2A0F6B0F6241EABFFFEB153FFFFB9FEFFFFFFFFAAAB
_BETA = 0x5F19672FDF76CE51BA69C6076A0F77EADDB3A93BE6F89688DE17D813620A00022E01FFFFFFFEFFFE
Z = 0xD201000000010000
_ROOT = pow(7, (R - 1) // 64, R)
DOMAIN = [pow(_ROOT, slot, R) for slot in range(64)]
"""The points at which the 64 slots of a branch are values."""

GENERATOR: Point = (
    0x17F1D3A73197D7942695638C4FA9AC0FC3688C4F9774B905A14E3A3F171BAC586C55E83FF97A1AEFFB3AF00ADB22C6BB,
    0x8B3F481E3AAA0F1A09E30ED741D8AE4FCF5E095D5D00AF600DB18CB2C04B3EDD03CC744A2888AE40CAA232946C5E7E1,
)
_NOWHERE: _Jacobian = (1, 1, 0)


def decompress(data: bytes, *, infinity: bool) -> Point:
    """A point from its 48 bytes; infinity only where it can be."""
    flags = data[0] >> 5
    x = int.from_bytes(data, "big") & ((1 << 381) - 1)
    if flags == 6 and x == 0:
        if not infinity:
            raise VerificationError("point", "the point at infinity, where no branch can have it")
        return None
    if flags & 6 != 4 or x >= P:
        raise VerificationError("point", f"{data.hex()} is not a canonical compressed point")
    square = (x * x % P * x + 4) % P
    y = pow(square, (P + 1) // 4, P)
    if y * y % P != square:
        raise VerificationError("point", f"{data.hex()} is not on the curve")
    if (y > P // 2) != bool(flags & 1):
        y = P - y
    if not _in_subgroup(x, y):
        raise VerificationError("point", f"{data.hex()} is outside the subgroup")
    return x, y


def compress(x: int, y: int) -> bytes:
    """The 48 bytes of a point."""
    return (x | 1 << 383 | (1 << 381 if y > P // 2 else 0)).to_bytes(48, "big")


@cache
def _base(slot: int) -> tuple[int, int]:
    point = decompress(bytes.fromhex(BASES[slot]), infinity=False)
    assert point is not None  # infinity is refused above
    return point


def commit_one(slot: int, value: int) -> bytes:
    """The commitment to a branch of which one slot is occupied, compressed; the value is not zero."""
    base = _base(slot)
    total = (*base, 1)
    for bit in bin(value)[3:]:
        total = _double(total)
        if bit == "1":
            total = _add(total, (*base, 1))
    return compress(*_affine(total))


def _in_subgroup(x: int, y: int) -> bool:
    twice = _multiply_z(_multiply_z((x, y, 1)))
    zz = twice[2] * twice[2] % P
    # beta x, y against -(z^2 P): same x, opposite y.
    return twice[2] != 0 and _BETA * x % P * zz % P == twice[0] and (y * zz % P * twice[2] + twice[1]) % P == 0


def _multiply_z(point: _Jacobian) -> _Jacobian:
    total = point
    for bit in bin(Z)[3:]:
        total = _double(total)
        if bit == "1":
            total = _add(total, point)
    return total


def _double(point: _Jacobian) -> _Jacobian:
    x, y, z = point
    b = y * y % P
    c = b * b % P
    d = 2 * ((x + b) ** 2 - x * x - c) % P
    e = 3 * x * x % P
    nx = (e * e - 2 * d) % P
    return nx, (e * (d - nx) - 8 * c) % P, 2 * y * z % P


def _add(left: _Jacobian, right: _Jacobian) -> _Jacobian:
    x1, y1, z1 = left
    x2, y2, z2 = right
    if z1 == 0:
        return right
    if z2 == 0:
        return left
    zz1, zz2 = z1 * z1 % P, z2 * z2 % P
    u1, u2 = x1 * zz2 % P, x2 * zz1 % P
    s1, s2 = y1 * z2 % P * zz2 % P, y2 * z1 % P * zz1 % P
    if u1 == u2:
        return _double(left) if s1 == s2 else _NOWHERE
    h, r = (u2 - u1) % P, (s2 - s1) % P
    hh = h * h % P
    hhh, v = h * hh % P, u1 * hh % P
    nx = (r * r - hhh - 2 * v) % P
    return nx, (r * (v - nx) - s1 * hhh) % P, z1 * z2 % P * h % P


def weighted_sum(points: Sequence[Point], weights: Sequence[int]) -> Point:
    """Sum of weight times point."""
    terms = [((*point, 1), weight % R) for point, weight in zip(points, weights, strict=True) if point is not None]
    width = 4 if len(terms) < 32 else 6 if len(terms) < 256 else 8
    total = _NOWHERE
    for shift in range((255 // width) * width, -1, -width):
        for _ in range(width):
            total = _double(total)
        buckets = [_NOWHERE] * (1 << width)
        for point, weight in terms:
            place = weight >> shift & (1 << width) - 1
            if place:
                buckets[place] = _add(buckets[place], point)
        running = window = _NOWHERE
        for bucket in reversed(buckets[1:]):
            running = _add(running, bucket)
            window = _add(window, running)
        total = _add(total, window)
    return None if total[2] == 0 else _affine(total)


def _affine(point: _Jacobian) -> tuple[int, int]:
    inverse = pow(point[2], -1, P)
    square = inverse * inverse % P
    return point[0] * square % P, point[1] * square % P * inverse % P
