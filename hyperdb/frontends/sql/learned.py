"""Who learns what of a query: what EXPLAIN (PRIVACY) says.

Invariant: what is counted is what would be sent; what cannot be known beforehand is said to be so, and not guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class Explanation(Protocol):
    """Who learns what of one app's part (`hyperdb.oblivious.explain`)."""

    def lines(self) -> list[str]:
        """For people."""

    def tree(self) -> Mapping[str, Any]:
        """For programs."""


@dataclass(frozen=True)
class Learned:
    """What is read of which tables, and who learns what of it."""

    reads: Sequence[str]
    """A sentence for each table."""
    explanations: Sequence[Explanation]
    """One for each app."""

    def lines(self) -> list[str]:
        """For people."""
        return [*self.reads, *(line for each in self.explanations for line in each.lines())]

    def tree(self) -> dict[str, Any]:
        """For programs."""
        return {"Reads": list(self.reads), "Privacy": [dict(each.tree()) for each in self.explanations]}


HERE = Learned(
    (
        "level none",
        "  the server that answers this learns the statement, its parameters and the answer",
        "  no other level can be kept here: whoever asked has told it. `hyperdb serve --remote` asks for you",
    ),
    (),
)
"""A store's own port."""
