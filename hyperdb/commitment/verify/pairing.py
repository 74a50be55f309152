"""The pairing of BLS12-381, on the fields of py_ecc.

Theory: one equation of two pairings settles a bundle. Both points of G2 never change, so the lines of Miller's loop are computed
once, and both pairings share its squarings (Costello, Stebila, "Fixed argument pairings", 2010). The final power is tripled, and
so is one for the same values: 3 (p^4 - p^2 + 1) / r = (z - 1)^2 (z + p) (z^2 + p^2 - 1) + 3 (Hayashida, Hayasaka, Teruya,
ePrint 2020/875). Elements of FQ12 are polynomials in w with w^6 = 1 + i: a + b i at w^k is (a - b) w^k + b w^(k + 6).

Invariant: the setup is the ceremony's. Loading py_ecc raises the interpreter's recursion limit far beyond what its stack bears,
which would let a stranger's nested input end the process: the limit is put back. Its pairing is not loaded: that takes a second.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

_RECURSION_LIMIT = sys.getrecursionlimit()

from py_ecc.fields import optimized_bls12_381_FQ2 as FQ2  # noqa: E402
from py_ecc.fields import optimized_bls12_381_FQ12 as FQ12  # noqa: E402

sys.setrecursionlimit(_RECURSION_LIMIT)

from .curve import P, Point, Z  # noqa: E402

_Line = tuple[Any, Any]
_Twisted = tuple[tuple[int, int], tuple[int, int]]

G2: _Twisted = (
    (
        0x24AA2B2F08F0A91260805272DC51051C6E47AD4FA403B02B4510B647AE3D1770BAC0326A805BBEFD48056C8C121BDB8,
        0x13E02B6052719F607DACD3A088274F65596BD0D09920B61AB5DA61BBDC7F5049334CF11213945D57E5AC7D055D042B7E,
    ),
    (
        0xCE5D527727D6E118CC9CDC6DA2E351AADFD9BAA8CBDD3A76D429A695160D12C923AC9CC3BACA289E193548608B82801,
        0x606C4A02EA734CC32ACD2B02BC28B99CB3E287E85A763AF267492AB572E99AB3F370D275CEC1DA1AAA9075FF05F79BE,
    ),
)
"""The generator: x and y, each a + b i."""
TAU_G2: _Twisted = (
    (
        0x185CBFEE53492714734429B7B38608E23926C911CCECEAC9A36851477BA4C60B087041DE621000EDC98EDADA20C1DEF2,
        0x15BFD7DD8CDEB128843BC287230AF38926187075CBFBEFA81009A2CE615AC53D2914E5870CB452D2AFAAAB24F3499F72,
    ),
    (
        0x14353BDB96B626DD7D5EE8599D1FCA2131569490E28DE18E82451A496A9C9794CE26D105941F383EE689BFBBB832A99,
        0x1666C54B0A32529503432FCAE0181B4BEF79DE09FC63671FDA5ED1BA9BFA07899495346F3D7AC9CD23048EF30D0A154F,
    ),
)
"""tau G2 of the EIP-4844 ceremony: whoever made it up could forge everything, so no other is taken."""

_SIXTH_ROOT = pow(2, (P - 1) // 6, P)
"""w^(p^2 - 1)."""


def equal(left: Point, right: Point) -> bool:
    """If e(left, G2) = e(right, tau G2)."""
    return vanishes(miller([(G2, left), (TAU_G2, None if right is None else (right[0], P - right[1]))]))


def miller(pairs: Sequence[tuple[_Twisted, Point]]) -> Any:
    """The product of the pairings of these, before the final power and but for factors that it makes one."""
    known = [(_lines(twisted), point) for twisted, point in pairs if point is not None]
    result, at = FQ12.one(), 0
    for line_count in _steps():
        result *= result
        for _ in range(line_count):
            for lines, point in known:
                result *= _evaluate(lines[at], point)
            at += 1
    return result


def _steps() -> Iterator[int]:
    """Lines of each step of Miller's loop: a tangent, and a chord where the curve's parameter has a bit."""
    return (2 if bit == "1" else 1 for bit in bin(Z)[3:])


@cache
def _lines(point: _Twisted) -> tuple[_Line, ...]:
    """Slope, and slope * x - y, of each line through multiples of a point of the twist."""
    x, y = base = FQ2(point[0]), FQ2(point[1])
    lines: list[_Line] = []
    for line_count in _steps():
        slope = x * x * 3 / (y * 2)
        for chord in range(line_count):
            if chord:
                slope = (y - base[1]) / (x - base[0])
            lines.append((slope, slope * x - y))
            other = base[0] if chord else x
            nx = slope * slope - x - other
            x, y = nx, slope * (x - nx) - y
    return tuple(lines)


def _evaluate(line: _Line, point: tuple[int, int]) -> Any:
    """y w^3 - slope x w^2 + (slope x' - y'): the line at a point, but for a factor that the final power makes one."""
    (slope, slope_i), (offset, offset_i) = line[0].coeffs, line[1].coeffs
    x, y = point
    return FQ12([offset - offset_i, 0, -(slope - slope_i) * x, y, 0, 0, offset_i, 0, -slope_i * x, 0, 0, 0])


def vanishes(value: Any) -> bool:
    """If the final power of a value, to (p^12 - 1) / r, is one."""
    value = _conjugate(value) / value
    value = _twice_frobenius(value) * value
    # From here on the inverse is the conjugate. z is -Z.
    part = _power_z(value) * _conjugate(value)
    part = _power_z(part) * _conjugate(part)
    part = _power_z(part) * _frobenius(part)
    part = _power_z(_power_z(part)) * _twice_frobenius(part) * _conjugate(part)
    return bool(part * value * value * value == FQ12.one())


def _power_z(value: Any) -> Any:
    return _conjugate(value**Z)


def _conjugate(value: Any) -> Any:
    """To the power of p^6."""
    return FQ12([-c if k & 1 else c for k, c in enumerate(value.coeffs)])


def _twice_frobenius(value: Any) -> Any:
    """To the power of p^2."""
    return FQ12([c * pow(_SIXTH_ROOT, k, P) for k, c in enumerate(value.coeffs)])


def _frobenius(value: Any) -> Any:
    """To the power of p."""
    low, high = [0] * 6, [0] * 6
    for k, turn in enumerate(_turns()):
        imaginary = value.coeffs[k + 6]
        a, b = (FQ2([value.coeffs[k] + imaginary, -imaginary]) * turn).coeffs
        low[k], high[k] = a - b, b
    return FQ12(low + high)


@cache
def _turns() -> tuple[Any, ...]:
    """w^(k (p - 1)), k below 6."""
    turn = FQ2([1, 1]) ** ((P - 1) // 6)
    return tuple(turn**k for k in range(6))
