"""A verifier of proofs and chunks in pure Python, written from docs/encryption.md alone.

Theory: the oracle of the native verifier: it shares no code with it, nor with the curve below it. About a second for a proof.
Invariant: True or False, never an exception, whatever the bytes are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

P = 2**448 - 2**224 - 1
L = 2**446 - 13818066809895115352007386748515426880336692474882178609894547503885
D = -39081 % P
SHARES, SHOWN = 132, 64
HIDDEN = SHARES - SHOWN
Point = tuple[int, int, int]
NEUTRAL: Point = (0, 1, 1)
BASE: Point = (
    0x4F1970C66BED0DED221D15A622BF36DA9E146570470F1767EA6DE324A3D3A46412AE1AF72AB66511433B80E18B00938E2626A82BC70CC05E,
    0x693F46716EB6BC248876203756C9C7624BEA73736CA3984087789C1E05A0C2D73AD3FF1CE67C39C4FDBD132C4ED7C8AD9808795BF230FA14,
    1,
)
SECOND = bytes.fromhex(
    "c488c05887a1ea34dd74a98bdc987279f9125ace8a93d39abc98a31464ba90bb3d82d10862f6d5c9cf3a16cffa0b302fdedb16b5352c644c00"
)


def add(p: Point, q: Point) -> Point:
    """RFC 8032, 5.2.4."""
    (x1, y1, z1), (x2, y2, z2) = p, q
    a = z1 * z2 % P
    b = a * a % P
    c, d = x1 * x2 % P, y1 * y2 % P
    e = D * c * d % P
    f, g = b - e, b + e
    return a * f * ((x1 + y1) * (x2 + y2) - c - d) % P, a * g * (d - c) % P, f * g % P


def times(n: int, point: Point) -> Point:
    """By doubling."""
    out = NEUTRAL
    for bit in bin(n)[2:]:
        out = add(out, out)
        if bit == "1":
            out = add(out, point)
    return out


class Table:
    """Multiples of one point: 16^place times 0 to 15."""

    def __init__(self, point: Point) -> None:
        self._rows = []
        for _ in range(112):
            row = [NEUTRAL]
            for _ in range(15):
                row.append(add(row[-1], point))
            self._rows.append(row)
            point = add(row[-1], point)

    def times(self, n: int) -> Point:
        """A multiple."""
        out = NEUTRAL
        for place, row in enumerate(self._rows):
            out = add(out, row[n >> 4 * place & 15])
        return out


def same(p: Point, q: Point) -> bool:
    """Whether both are one point."""
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def encode(point: Point) -> bytes:
    """57 bytes."""
    inverse = pow(point[2], -1, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return y.to_bytes(56, "little") + bytes([(x & 1) << 7])


def decode(data: bytes) -> Point | None:
    """A point of the curve in its one form."""
    y, odd = int.from_bytes(data[:56], "little"), data[56] >> 7
    if y >= P or data[56] & 0x7F:
        return None
    u, v = (y * y - 1) % P, (D * y * y - 1) % P
    x = pow(u * pow(v, -1, P), (P + 1) // 4, P)
    if (x * x * v - u) % P or (x == 0 and odd):
        return None
    return (x if x & 1 == odd else P - x, y, 1)


def prime(data: bytes) -> Point | None:
    """A point of the group of prime order, not the neutral one."""
    point = decode(data)
    return None if point is None or same(point, NEUTRAL) or not same(times(L, point), NEUTRAL) else point


def number(data: bytes) -> int | None:
    """Below L."""
    found = int.from_bytes(data, "little")
    return found if found < L else None


def stream(tag: str, parts: Sequence[bytes], count: int) -> bytes:
    """SHAKE256 of the framed parts."""
    framed = b"".join(len(part).to_bytes(4, "little") + part for part in (tag.encode(), *parts))
    return hashlib.shake_256(framed).digest(count)


def scalars(tag: str, parts: Sequence[bytes], count: int) -> list[int]:
    """Numbers mod L."""
    data = stream(tag, parts, 114 * count)
    return [int.from_bytes(data[at : at + 114], "little") % L for at in range(0, len(data), 114)]


def shown(digest: bytes, challenge: bytes) -> list[int]:
    """The numbers of the shares that are shown, from 1."""
    chosen: list[int] = []
    for byte in stream("hyperdb/verenc/shown", (digest, challenge), 4096):
        if len(chosen) < SHOWN and byte < SHARES and byte + 1 not in chosen:
            chosen.append(byte + 1)
    return sorted(chosen)


def verify(recipient: bytes, statement: bytes, context: bytes, proof: bytes, secrets: int = 1) -> bool:
    """docs/encryption.md, Proof."""
    values = 56 * secrets
    sizes = [57] * SHOWN + [64] + [57 + values] * HIDDEN + [values + 32] * SHOWN
    if len(proof) != sum(sizes) or len(recipient) != 57 or len(statement) != 57:
        return False
    parts, at = [], 0
    for size in sizes:
        parts.append(proof[at : at + size])
        at += size
    committed, challenge, hidden, opened = parts[:SHOWN], parts[SHOWN], parts[SHOWN + 1 : -SHOWN], parts[-SHOWN:]
    key, point = prime(recipient), prime(statement)
    commitments = [decode(part) for part in committed]
    numbers = [[number(part[57 + i : 113 + i]) for i in range(0, values, 56)] for part in hidden]
    shares = [[number(part[i : i + 56]) for i in range(0, values, 56)] for part in opened]
    if key is None or point is None or any(decode(part[:57]) is None for part in hidden):
        return False
    if None in commitments or any(None in row for row in (*numbers, *shares)):
        return False
    digest = stream("hyperdb/verenc/statement", (bytes([secrets, SHARES, SHOWN]), recipient, statement, context), 64)
    chosen = shown(digest, challenge)
    sealed = _sealed(digest, key, chosen, opened, shares, iter(hidden))
    if stream("hyperdb/verenc/challenge", (digest, b"".join(committed), sealed), 64) != challenge:
        return False
    coefficients = [point, *(each for each in commitments if each is not None)]
    factors = stream("hyperdb/verenc/factors", (digest, challenge, b"".join(opened)), 32 * SHOWN)
    left = right = NEUTRAL
    bases = [BASE, decode(SECOND)]
    for base, column in zip(bases, zip(*shares, strict=True), strict=False):
        total = sum(int.from_bytes(factors[32 * i : 32 * i + 32], "little") * (value or 0) for i, value in enumerate(column))
        left = add(left, times(total % L, base or NEUTRAL))
    for power, coefficient in enumerate(coefficients):
        weights = (int.from_bytes(factors[32 * i : 32 * i + 32], "little") * pow(n, power, L) for i, n in enumerate(chosen))
        right = add(right, times(sum(weights) % L, coefficient))
    return same(times(4, left), times(4, right))


def _sealed(digest: bytes, key: Point, chosen: list[int], opened, shares, hidden) -> bytes:
    """All ciphertexts in order, those of shares shown computed again."""
    base, agreed = Table(BASE), Table(key)
    by_number = dict(zip(chosen, zip(opened, shares, strict=True), strict=True))
    out = []
    for n in range(1, SHARES + 1):
        if n not in by_number:
            out.append(next(hidden))
            continue
        part, row = by_number[n]
        (nonce,) = scalars("hyperdb/verenc/nonce", (digest, bytes([n]), part[-32:]), 1)
        point, shared = encode(base.times(nonce)), encode(agreed.times(nonce))
        masks = scalars("hyperdb/verenc/mask", (digest, bytes([n]), point, shared), len(row))
        out.append(point + b"".join(((v + m) % L).to_bytes(56, "little") for v, m in zip(row, masks, strict=True)))
    return b"".join(out)


def check_chunk(recipient: bytes, context: bytes, chunk: bytes) -> bool:
    """docs/encryption.md, Chunk."""
    if len(chunk) != 57 + 113 + 24_420 or decode(chunk[57:114]) is None or number(chunk[114:170]) is None:
        return False
    bound = stream("hyperdb/verenc/chunk/context", (context, chunk[57:170]), 64)
    return verify(recipient, chunk[:57], bound, chunk[170:], 2)
