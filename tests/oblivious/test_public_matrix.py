"""The public matrix is what docs/pir-parameters.md says, computed from that page alone: clients of any language can expand it."""

from __future__ import annotations

import hashlib
import re
import struct
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "native" / "pir" / "src" / "public.rs"
APP, MATRIX, COLUMN, DIMENSION = bytes([7] * 32), 0, 1000, 1280


def _times_two(byte: int) -> int:
    return (byte << 1 ^ (0x11B if byte & 0x80 else 0)) & 0xFF


def _times(a: int, b: int) -> int:
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a, b = _times_two(a), b >> 1
    return product


def _substitution() -> list[int]:
    """FIPS 197, section 5.1.1: the inverse in GF(2^8), then an affine map."""
    table = []
    for byte in range(256):
        inverse = next((other for other in range(256) if _times(byte, other) == 1), 0)
        bits = inverse
        for shift in range(1, 5):
            bits ^= (inverse << shift | inverse >> (8 - shift)) & 0xFF
        table.append(bits ^ 0x63)
    return table


_S = _substitution()


def _round_keys(key: bytes) -> list[bytes]:
    words = [key[at : at + 4] for at in range(0, 16, 4)]
    constant = 1
    for at in range(4, 44):
        word = words[-1]
        if at % 4 == 0:
            word = bytes(_S[byte] for byte in word[1:] + word[:1])
            word = bytes([word[0] ^ constant]) + word[1:]
            constant = _times_two(constant)
        words.append(bytes(a ^ b for a, b in zip(words[-4], word, strict=True)))
    return [b"".join(words[at : at + 4]) for at in range(0, 44, 4)]


def _mixed(column: bytes) -> bytes:
    a, b, c, d = column
    total = a ^ b ^ c ^ d
    pairs = ((a, b), (b, c), (c, d), (d, a))
    return bytes(first ^ total ^ _times_two(first ^ second) for first, second in pairs)


def _aes(keys: list[bytes], block: bytes) -> bytes:
    state = bytes(a ^ b for a, b in zip(block, keys[0], strict=True))
    for number, key in enumerate(keys[1:], 1):
        state = bytes(_S[byte] for byte in state)
        state = bytes(state[(at + 4 * (at % 4)) % 16] for at in range(16))
        if number < 10:
            state = b"".join(_mixed(state[at : at + 4]) for at in range(0, 16, 4))
        state = bytes(a ^ b for a, b in zip(state, key, strict=True))
    return state


def test_the_cipher_is_that_of_the_standard() -> None:
    keys = _round_keys(bytes(range(16)))
    assert _aes(keys, bytes.fromhex("00112233445566778899aabbccddeeff")).hex() == "69c4e0d86a7b0430d8cdb78070b4c55a"


def test_a_row_computed_from_the_page_is_the_one_that_native_code_expands() -> None:
    framed = b"".join(struct.pack("<I", len(part)) + part for part in (b"hyperdb/pir-matrix", APP, bytes([MATRIX])))
    keys = _round_keys(hashlib.sha512(framed).digest()[:16])
    blocks = [_aes(keys, struct.pack("<QQ", COLUMN, block)) for block in (0, DIMENSION // 4 - 1)]
    first, last = (struct.unpack("<4I", block) for block in blocks)
    pinned = [int(number) for number in re.findall(r"\b\d[\d_]{6,}\b", SOURCE.read_text())]
    assert pinned == [*first, last[-1]]
