"""The one way in which anything is opened: a KZG multiproof of any number of slots.

Theory: with weights r^i drawn from everything that is claimed, sum r^i (f_i(X) - y_i) / (X - z_i) = g(X) is a polynomial
exactly if every f_i(z_i) = y_i; D commits to g, and pi opens E - D at a point t drawn after D (docs/commitment.md, Opening).
Invariant: r binds scheme, root and every (C, z, y); t binds D.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .curve import DOMAIN, GENERATOR, Point, decompress, weighted_sum
from .errors import VerificationError
from .hashing import R, digest, scalar, scalar_bytes, u64
from .tree import Opening


def pairing_equal(left: Point, right: Point) -> bool:
    """If e(left, G2) = e(right, tau G2)."""
    # The pairing takes a tenth of a second to load, which who verifies natively need not wait for.
    from .pairing import equal

    return equal(left, right)


@dataclass(frozen=True)
class MultiProof:
    """Slots shown under one root, and what proves them."""

    context: bytes
    openings: Sequence[Opening]
    d: bytes
    pi: bytes


def context(scheme: int, root: bytes) -> bytes:
    """What a proof is about."""
    return digest("hyperdb/context", bytes([scheme]), root)


def check(proof: MultiProof) -> None:
    """Passes if every slot holds what is claimed."""
    r, t = _transcript(proof)
    by_commitment, claimed = _weights(proof.openings, r, t)
    points = [decompress(commitment, infinity=False) for commitment in by_commitment]
    d, pi = decompress(proof.d, infinity=True), decompress(proof.pi, infinity=True)
    weights = [*by_commitment.values(), R - 1, R - claimed, t]
    if not pairing_equal(weighted_sum([*points, d, GENERATOR, pi], weights), pi):
        raise VerificationError("opening", "the slots shown are not those that the commitments hold")


def _transcript(proof: MultiProof) -> tuple[int, int]:
    parts = [proof.context, u64(len(proof.openings))]
    for opening in proof.openings:
        parts += [opening.commitment, bytes([opening.slot]), scalar_bytes(opening.value)]
    r = scalar("hyperdb/opening", *parts)
    t = scalar("hyperdb/opening-point", scalar_bytes(r), proof.d)
    if pow(t, 64, R) == 1:
        raise VerificationError("opening", "the point of the opening is one of the domain")
    return r, t


def _weights(openings: Sequence[Opening], r: int, t: int) -> tuple[dict[bytes, int], int]:
    """Per commitment the sum of r^i / (t - z_i), and the claimed value of h - g at t."""
    inverses = [pow(t - place, -1, R) for place in DOMAIN]
    totals: dict[bytes, int] = {}
    claimed, power = 0, 1
    for opening in openings:
        weight = power * inverses[opening.slot] % R
        totals[opening.commitment] = (totals.get(opening.commitment, 0) + weight) % R
        claimed = (claimed + weight * opening.value) % R
        power = power * r % R
    return totals, claimed
