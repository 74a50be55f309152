"""Ed448 keys of small order: a signature of zeros would hold under one of order four for every fourth message."""

from __future__ import annotations

import pytest

from hyperdb.commitment.verify import ed448

_P = 2**448 - 2**224 - 1
SMALL = {
    "the neutral point": (1).to_bytes(57, "little"),
    "order two": (_P - 1).to_bytes(57, "little"),
    "order four": bytes(57),
    "order four, the other": bytes(56) + b"\x80",
}


@pytest.mark.parametrize("key", SMALL)
def test_nothing_is_signed_under_a_key_of_small_order(key: str) -> None:
    public = SMALL[key]
    for nonce in SMALL.values():
        for number in range(8):
            assert not ed448.verify(public, bytes([number]), nonce + bytes(57), b"")
