"""Trigonometry in degrees, exact where the result is.

Theory: float.c. An angle is brought into the first quadrant, and each half of it is computed from the function that is exact at
its ends, divided by what that function gives there: so sind(30) is 0.5 and tand(45) is 1. Invariant: no zero has a sign.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.kinds import FLOAT8
from hyperdb.frontends.sql.functions.model import Function

_SINE_30 = math.sin(math.radians(30.0))
_REST_60 = 1.0 - math.cos(math.radians(60.0))
_ASIN_HALF, _ACOS_HALF, _ATAN_1 = math.asin(0.5), math.acos(0.5), math.atan(1.0)


def _out_of_range() -> SqlError:
    return SqlError("22003", "input is out of range")


def _sine_to_30(angle: float) -> float:
    return math.sin(math.radians(angle)) / _SINE_30 / 2.0


def _cosine_to_60(angle: float) -> float:
    return 1.0 - (1.0 - math.cos(math.radians(angle))) / _REST_60 / 2.0


def _sine(angle: float) -> float:
    """Of an angle of the first quadrant."""
    return _sine_to_30(angle) if angle <= 30.0 else _cosine_to_60(90.0 - angle)


def _cosine(angle: float) -> float:
    return _cosine_to_60(angle) if angle <= 60.0 else _sine_to_30(90.0 - angle)


_TAN_45, _COT_45 = _sine(45.0) / _cosine(45.0), _cosine(45.0) / _sine(45.0)


def _reduced(run: Callable[[float], float], turned: Callable[[int], int]) -> Callable[[float], float]:
    """A function of any angle from one of the first quadrant; `turned` gives its sign in each quadrant."""

    def call(angle: float) -> float:
        if angle != angle:
            return angle
        if math.isinf(angle):
            raise _out_of_range()
        rest = math.fmod(angle, 360.0)
        negative, rest = rest < 0, abs(rest)
        # As float.c folds them, 90 is of the first quadrant, 180 of the second, 270 of the last.
        quadrant = 0 if rest <= 90.0 else 1 if rest <= 180.0 else 2 if rest < 270.0 else 3
        inside = (rest, 180.0 - rest, rest - 180.0, 360.0 - rest)[quadrant]
        # A negative angle lies in the mirrored quadrant.
        found = turned(3 - quadrant if negative else quadrant) * run(inside)
        return found + 0.0 if found else 0.0

    return call


def _ratio(above: Callable[[float], float], below: Callable[[float], float], at_45: float) -> Callable[[float], float]:
    def call(angle: float) -> float:
        one, other = above(angle), below(angle)
        return one / other / at_45 if other else math.inf

    return call


def _arc_sine(value: float) -> float:
    if value <= 0.5:
        return math.asin(value) / _ASIN_HALF * 30.0
    return 90.0 - math.acos(value) / _ACOS_HALF * 60.0


def _arc_cosine(value: float) -> float:
    if value <= 0.5:
        return 90.0 - math.asin(value) / _ASIN_HALF * 30.0
    return math.acos(value) / _ACOS_HALF * 60.0


def _checked(run: Callable[[float], float]) -> Callable[[float], float]:
    def call(value: float) -> float:
        if value != value:
            return value
        if not -1.0 <= value <= 1.0:
            raise _out_of_range()
        return run(value)

    return call


def functions() -> Iterator[Function]:
    """The table."""
    sine, cosine = (1, 1, -1, -1), (1, -1, -1, 1)
    one: dict[str, Callable[[float], float]] = {
        "sind": _reduced(_sine, sine.__getitem__),
        "cosd": _reduced(_cosine, cosine.__getitem__),
        "tand": _reduced(_ratio(_sine, _cosine, _TAN_45), lambda quadrant: sine[quadrant] * cosine[quadrant]),
        "cotd": _reduced(_ratio(_cosine, _sine, _COT_45), lambda quadrant: sine[quadrant] * cosine[quadrant]),
        "asind": _checked(lambda value: _arc_sine(value) if value >= 0 else -_arc_sine(-value)),
        "acosd": _checked(lambda value: _arc_cosine(value) if value >= 0 else 90.0 + _arc_sine(-value)),
        "atand": lambda value: math.atan(value) / _ATAN_1 * 45.0,
    }
    for name, run in one.items():
        yield Function(name, (FLOAT8,), FLOAT8, run)
    yield Function("atan2d", (FLOAT8, FLOAT8), FLOAT8, lambda y, x: math.atan2(y, x) / _ATAN_1 * 45.0)
