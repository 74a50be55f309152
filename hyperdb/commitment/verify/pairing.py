"""The pairing of BLS12-381, by py_ecc.

Theory: one equation of two pairings settles a bundle. Invariant: the setup is the ceremony's. Loading py_ecc raises the
interpreter's recursion limit far beyond what its stack bears, which would let a stranger's nested input end the process: the
limit is put back.
"""

from __future__ import annotations

import sys
from typing import Any

_RECURSION_LIMIT = sys.getrecursionlimit()

from py_ecc.bls.point_compression import decompress_G2  # noqa: E402
from py_ecc.bls.typing import G2Compressed  # noqa: E402
from py_ecc.fields import optimized_bls12_381_FQ as FQ  # noqa: E402
from py_ecc.fields import optimized_bls12_381_FQ12 as FQ12  # noqa: E402
from py_ecc.optimized_bls12_381.optimized_curve import G2 as _G2  # noqa: E402
from py_ecc.optimized_bls12_381.optimized_pairing import final_exponentiate, pairing  # noqa: E402

sys.setrecursionlimit(_RECURSION_LIMIT)

from .curve import P, Point  # noqa: E402

_TAU_G2 = decompress_G2(
    G2Compressed(
        (
            0xB5BFD7DD8CDEB128843BC287230AF38926187075CBFBEFA81009A2CE615AC53D2914E5870CB452D2AFAAAB24F3499F72,
            0x185CBFEE53492714734429B7B38608E23926C911CCECEAC9A36851477BA4C60B087041DE621000EDC98EDADA20C1DEF2,
        )
    )
)
"""tau G2 of the EIP-4844 ceremony: whoever made it up could forge everything, so no other is taken."""


def equal(left: Point, right: Point) -> bool:
    """If e(left, G2) = e(right, tau G2)."""
    first = _miller(_G2, left)
    second = _miller(_TAU_G2, None if right is None else (right[0], P - right[1]))
    return bool(final_exponentiate(first * second) == FQ12.one())


def _miller(q: Any, point: Point) -> Any:
    return FQ12.one() if point is None else pairing(q, (FQ(point[0]), FQ(point[1]), FQ(1)), final_exponentiate=False)
