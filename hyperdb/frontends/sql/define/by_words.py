"""Definitions that are read from their words, as the grammar of queries does not know them.

Invariant: what is not recognised here is left as it was for that grammar.
"""

from __future__ import annotations

from collections.abc import Callable

from hyperdb.frontends.sql.define import domains, drop, enums, materialized, remarks, sequences, validate
from hyperdb.frontends.sql.parse.words import Words
from hyperdb.frontends.sql.statement import Utility

_MAKERS: dict[tuple[str, str], Callable[[Words], Utility | None]] = {
    ("create", "domain"): domains.domain,
    ("create", "sequence"): sequences.create,
    ("alter", "sequence"): sequences.alter,
    ("alter", "table"): validate.validate,
    ("alter", "type"): enums.alter,
    ("drop", "domain"): drop.types,
    ("drop", "type"): drop.types,
    ("comment", "on"): remarks.on_constraint,
    ("refresh", "materialized"): materialized.refresh,
}

FIRST_WORDS = frozenset(first for first, _ in _MAKERS)
"""Statements that begin otherwise are none of these."""


def by_words(found: Words) -> Utility | None:
    """The statement, if it is one of these."""
    first, second = found.peek(), found.peek(1)
    if first == "create" and second in ("temp", "temporary") and found.peek(2) == "sequence":
        second = "sequence"
    maker = _MAKERS.get((first, second))
    return None if maker is None else maker(Words(found.text))
