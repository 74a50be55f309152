"""Ranges of tokens.

Theory: a token is a signed number of 64 bits; the least one is no partition's, and as an upper bound means that there is none
(Cassandra's ring begins and ends there). Invariant: `above` is not in the range, `up_to` is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hyperdb.frontends.cql.bind.frame import Frame
from hyperdb.frontends.cql.bind.relations import HIGHS, LOWS, Bound
from hyperdb.frontends.cql.parse.statements import Comparison

_LEAST = -(1 << 63)
_INCLUDED = frozenset({Comparison.GREATER_EQUAL, Comparison.LESS_EQUAL, Comparison.BETWEEN})


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens above one and up to another; None: no bound."""

    above: int | None = None
    up_to: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there can be none."""
        if self.up_to is not None and self.up_to < _LEAST:
            return True
        return self.above is not None and self.up_to is not None and self.above >= self.up_to

    def __contains__(self, token: int) -> bool:
        return (self.above is None or token > self.above) and (self.up_to is None or token <= self.up_to)


def tokens(bounds: Sequence[Bound]) -> Callable[[Frame], Tokens]:
    """What restrictions of the token say together."""

    def of(frame: Frame) -> Tokens:
        above = up_to = None
        for bound in bounds:
            values = [int.from_bytes(row[0], "big", signed=True) for row in bound.options(frame)]
            if bound.comparison is Comparison.EQUAL:
                return Tokens(values[0] - 1 if values[0] > _LEAST else None, values[0])
            included = bound.comparison in _INCLUDED
            if bound.comparison in LOWS and (not included or values[0] > _LEAST):
                above = values[0] - 1 if included else values[0]
            if bound.comparison in HIGHS and values[-1] > _LEAST:
                up_to = values[-1] if included else values[-1] - 1
        return Tokens(above, up_to)

    return of
