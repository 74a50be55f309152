"""Every forgery of the table is refused, by the check that is there for it; whatever else comes in is refused too, and soon."""

from __future__ import annotations

import random

import pytest

from hyperdb.commitment.verify import Element, Root, Rows, VerificationError, verify

from .forgeries import forgeries
from .sample import World


def test_forgeries_are_refused_by_their_check(world: World) -> None:
    names = set()
    for forged in forgeries(world):
        assert forged.name not in names
        names.add(forged.name)
        with pytest.raises(VerificationError) as refused:
            verify(forged.bundle, trusted=forged.trusted, seen=forged.seen, app=forged.app)
        assert refused.value.check == forged.check, (forged.name, str(refused.value))
    assert len(names) > 60


def test_any_damage_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut, flipped, spliced: always `VerificationError`. The curve is left out, since damage that only it sees is above."""
    from hyperdb.commitment.verify import opening

    monkeypatch.setattr(opening, "pairing_equal", lambda left, right: False)
    monkeypatch.setattr(opening, "decompress", lambda data, infinity: None)
    monkeypatch.setattr(opening, "weighted_sum", lambda points, weights: None)
    dice = random.Random(3)
    seeds = [world.bundle(Element(b"key:3"), signed=True, history=2), world.bundle(Rows(b"user:1")), world.bundle(Rows(b"table"))]
    monkeypatch.setattr("hyperdb.commitment.verify.ed448.verify", lambda *_: True)
    for _ in range(1500):
        data = bytearray(dice.choice(seeds))
        for _ in range(dice.randrange(1, 4)):
            at = dice.randrange(212, len(data))
            match dice.randrange(4):
                case 0:
                    data[at] ^= 1 << dice.randrange(8)
                case 1:
                    data[at] = dice.choice([0, 1, 247, 248, 255])
                case 2:
                    del data[at : at + dice.randrange(1, 50)]
                case 3:
                    data[at:at] = dice.randbytes(dice.randrange(1, 9))
        with pytest.raises(VerificationError):
            verify(bytes(data), trusted=Root(world.root))
