"""Ed448 signatures, verified only: RFC 8032, section 5.2, pure and with a context.

Theory: edwards448, x^2 + y^2 = 1 - 39081 x^2 y^2 over 2^448 - 2^224 - 1, in projective coordinates. The equation is checked
without the cofactor. Nothing here is secret, so nothing runs in constant time.
"""

from __future__ import annotations

import hashlib

_P = 2**448 - 2**224 - 1
_L = 2**446 - 13818066809895115352007386748515426880336692474882178609894547503885
_D = -39081 % _P
_BASE_X = 0x4F1970C66BED0DED221D15A622BF36DA9E146570470F1767EA6DE324A3D3A46412AE1AF72AB66511433B80E18B00938E2626A82BC70CC05E
_BASE_Y = 0x693F46716EB6BC248876203756C9C7624BEA73736CA3984087789C1E05A0C2D73AD3FF1CE67C39C4FDBD132C4ED7C8AD9808795BF230FA14
_Projective = tuple[int, int, int]
_BASE: _Projective = (_BASE_X, _BASE_Y, 1)
_NEUTRAL: _Projective = (0, 1, 1)


def verify(public: bytes, message: bytes, signature: bytes, context: bytes) -> bool:
    """If `signature` (114 bytes) is that of `message` under the key `public` (57 bytes) and `context`."""
    if len(public) != 57 or len(signature) != 114:
        return False
    key, nonce = _decode(public), _decode(signature[:57])
    s = int.from_bytes(signature[57:], "little")
    if key is None or nonce is None or s >= _L or 0 in key[:2]:
        # Points on the axes are those of small order: under them anybody signs anything, or every fourth message.
        return False
    dom = b"SigEd448" + bytes([0, len(context)]) + context
    challenge = int.from_bytes(hashlib.shake_256(dom + signature[:57] + public + message).digest(114), "little") % _L
    left = _both(s, _BASE, _L - challenge, key)
    return (left[0] * nonce[2] - nonce[0] * left[2]) % _P == 0 and (left[1] * nonce[2] - nonce[1] * left[2]) % _P == 0


def _decode(data: bytes) -> _Projective | None:
    """A point from y and the parity of x (5.2.3); None if there is none, or y is not canonical."""
    if data[56] & 0x7F:
        return None
    y = int.from_bytes(data[:56], "little")
    if y >= _P:
        return None
    u, v = (y * y - 1) % _P, (_D * y % _P * y - 1) % _P
    x = pow(u, 3, _P) * v % _P * pow(pow(u, 5, _P) * pow(v, 3, _P), (_P - 3) // 4, _P) % _P
    if (v * x * x - u) % _P:
        return None
    sign = data[56] >> 7
    if x == 0 and sign:
        return None
    return (_P - x if x & 1 != sign else x), y, 1


def _add(left: _Projective, right: _Projective) -> _Projective:
    x1, y1, z1 = left
    x2, y2, z2 = right
    a = z1 * z2 % _P
    b = a * a % _P
    c, d = x1 * x2 % _P, y1 * y2 % _P
    e = _D * c % _P * d % _P
    f, g = b - e, b + e
    h = (x1 + y1) * (x2 + y2) - c - d
    return a * f % _P * h % _P, a * g % _P * (d - c) % _P, f * g % _P


def _double(point: _Projective) -> _Projective:
    x, y, z = point
    b = (x + y) ** 2 % _P
    c, d = x * x % _P, y * y % _P
    e = c + d
    j = e - 2 * z * z
    return (b - e) * j % _P, e * (c - d) % _P, e * j % _P


def _both(m: int, p: _Projective, n: int, q: _Projective) -> _Projective:
    """m p + n q, by one run of doublings."""
    table = (None, p, q, _add(p, q))
    total = _NEUTRAL
    for bit in range(max(m.bit_length(), n.bit_length()) - 1, -1, -1):
        total = _double(total)
        term = table[(m >> bit & 1) | (n >> bit & 1) << 1]
        if term is not None:
            total = _add(total, term)
    return total
