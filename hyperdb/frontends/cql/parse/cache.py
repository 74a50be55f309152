"""Texts that were read before, and shapes of them.

Theory: applications send few texts, or few shapes with many literals. A known text costs one look into a dictionary, a known
shape one pass of an expression; only a new shape is parsed. Both dictionaries forget what came first, and hold no text beyond a
length, so what strangers send is bounded. Invariant: with and without the cache a text gives equal trees and equal errors.
"""

from __future__ import annotations

import threading
from itertools import islice
from typing import TypeVar

from hyperdb.frontends.cql.parse.lift import Lift, Lifted, Lifter, Parsed, Shape, literals, shape_of
from hyperdb.frontends.cql.parse.parser import Grammar

MOST_KEPT = 2_000
LONGEST_KEPT = 8_192
LONGEST_LIFTED = 65_536

Kept = TypeVar("Kept")


class Statements:
    """Parses texts; for many threads."""

    def __init__(self, grammar: Grammar, lift: Lift | None = None) -> None:
        """`lift` finds literals, where it can, faster than is done here; its marks are its own."""
        self._grammar = grammar
        self._lift = lift
        self._texts: dict[str, Parsed] = {}
        self._shapes: dict[str, Shape] = {}
        self._shapeless: dict[str, bool] = {}
        self._changing = threading.Lock()
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
                self._keep(self._shapeless, key, True)
                parsed = Parsed(_whole(statement))
                self._keep(self._texts, text, parsed)
                return parsed
            self._keep(self._shapes, key, shape)
        parsed = Parsed(shape, literals(found))
        self._keep(self._texts, text, parsed)
        return parsed

    def _lifted(self, text: str) -> tuple[str, list[Lifted]]:
        lifter = self._lifter
        if lifter is None:
            lifter = self._lifter = Lifter(self._grammar.machine.lexer)
        return lifter.lift(text)

    def _keep(self, kept: dict[str, Kept], key: str, value: Kept) -> None:
        if len(key) > LONGEST_KEPT:
            return
        with self._changing:
            kept[key] = value
            if len(kept) > MOST_KEPT:
                # An eighth at once: a dictionary's first key is the slower to find the more were deleted before it.
                for old in list(islice(kept, max(MOST_KEPT // 8, 1))):
                    del kept[old]


def _whole(statement: object) -> Shape:
    found = shape_of(statement, [])  # type: ignore[arg-type]
    assert found is not None
    return found
