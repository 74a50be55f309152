"""Texts that were read before, and shapes of them.

Theory: applications send few texts, or few shapes with many literals. A known text costs one look into a dictionary, a known
shape one pass of an expression; only a new shape is parsed. What is kept is bounded by number and by weight, and no text beyond a
length is kept, so that what clients send takes no more memory than that. Invariant: with and without the cache a text gives equal
trees and equal errors.
"""

from __future__ import annotations

from typing import TypeVar

from hyperdb.frontends.cql.parse.bounded import Bounded
from hyperdb.frontends.cql.parse.lift import Lift, Lifted, Lifter, Parsed, Shape, literals, shape_of
from hyperdb.frontends.cql.parse.parser import Grammar

MOST_KEPT = 2_000
LONGEST_KEPT = 8_192
LONGEST_LIFTED = 65_536
MOST_WEIGHT = 32 << 20
"""Bytes, of texts and of shapes."""
_LITERAL = 160
"""About the bytes of a literal."""

Kept = TypeVar("Kept")


class Statements:
    """Parses texts; for many threads."""

    def __init__(self, grammar: Grammar, lift: Lift | None = None) -> None:
        """`lift` finds literals, where it can, faster than is done here; its marks are its own."""
        self._grammar = grammar
        self._lift = lift
        self._texts: Bounded[str, Parsed] = Bounded(MOST_KEPT, MOST_WEIGHT)
        self._shapes: Bounded[str, Shape] = Bounded(MOST_KEPT, MOST_WEIGHT)
        self._shapeless: Bounded[str, bool] = Bounded(MOST_KEPT, MOST_WEIGHT)
        self._lifter: Lifter | None = None

    def parse(self, text: str) -> Parsed:
        """The statement that a text is.

        Raises:
            CqlError: syntax, as `Grammar.parse` raises it.
        """
        known = self._texts.get(text)
        return known if known is not None else self._read(text)

    def _read(self, text: str) -> Parsed:
        if len(text) > LONGEST_LIFTED or "\0" in text:
            statement = self._grammar.parse(text)
            return Parsed(_whole(statement))
        key, found = (self._lift is not None and self._lift(text)) or self._lifted(text)
        shape = self._shapes.get(key)
        if shape is None:
            statement = self._grammar.parse(text)
            shape = None if key in self._shapeless else shape_of(statement, found)
            if shape is None:
                _keep(self._shapeless, key, True, 0)
                parsed = Parsed(_whole(statement))
                _keep(self._texts, text, parsed, parsed.shape.weight)
                return parsed
            _keep(self._shapes, key, shape, shape.weight)
        parsed = Parsed(shape, literals(found))
        _keep(self._texts, text, parsed, shape.weight + _LITERAL * len(found))
        return parsed

    def _lifted(self, text: str) -> tuple[str, list[Lifted]]:
        lifter = self._lifter
        if lifter is None:
            lifter = self._lifter = Lifter(self._grammar.machine.lexer)
        return lifter.lift(text)


def _keep(kept: Bounded[str, Kept], key: str, value: Kept, weight: int) -> None:
    if len(key) <= LONGEST_KEPT:
        kept.keep(key, value, weight + len(key))


def _whole(statement: object) -> Shape:
    found = shape_of(statement, [])  # type: ignore[arg-type]
    assert found is not None
    return found
