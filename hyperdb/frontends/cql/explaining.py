"""`EXPLAIN PRIVACY SELECT ...`: who learns what of a SELECT, and what it costs, before anything of it is sent.

Theory: Cassandra has no EXPLAIN, so the word is free, and cqlsh and drivers hand on what they do not know. Whoever has a prepared
statement says `hyperdb.explain` = `privacy` in the request's payload. The rows are for people, the reply's payload holds the same
as JSON. Invariant: a statement that is explained is not run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.contract import Context
from hyperdb.frontends.cql.parse import statements as st
from hyperdb.frontends.cql.parse.parser import Statement
from hyperdb.frontends.cql.protocol.responses import Column, Reply, Rows
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import TEXT

EXPLAIN = "hyperdb.explain"
"""The payload's word."""
_WHAT = b"privacy"
_WORDS = re.compile(r"\s*explain\s*(?:\s+privacy\s|\(\s*privacy\s*\))", re.IGNORECASE)
_COLUMNS = [Column("hyperdb", "explain", "privacy", TEXT)]


@dataclass(frozen=True)
class Learned:
    """What is read, and who learns what of it."""

    lines: Sequence[str]
    tree: Mapping[str, Any] = field(default_factory=dict)

    def reply(self) -> Reply:
        """As rows and, in the payload, as JSON."""
        rows = [[line.encode()] for line in self.lines]
        return Reply(Rows(_COLUMNS, rows), (), {EXPLAIN: json.dumps(self.tree).encode()})


HERE = Learned(
    (
        "level none",
        "  the server that answers this learns the statement, its values and the answer",
        "  no other level can be kept here: whoever asked has told it. `hyperdb serve --remote` asks for you",
    ),
    {"level": "none", "store_learns": ["the statement, its values and the answer"]},
)
"""A store's own port."""


def explained(text: str) -> str | None:
    """The statement that is to be explained; None if the text is one that is to be run."""
    found = _WORDS.match(text)
    return text[found.end() :] if found else None


def is_asked(context: Context) -> bool:
    """Whether a request's payload wants an explanation.

    Raises:
        CqlError: invalid: of something else.
    """
    said = context.payload.get(EXPLAIN)
    if said is not None and said.lower() != _WHAT:
        raise invalid(f"{EXPLAIN}: only 'privacy' is explained")
    return said is not None


def check_select(statement: Statement) -> st.Select:
    """Refuses what reads nothing.

    Raises:
        CqlError: invalid.
    """
    if not isinstance(statement, st.Select):
        raise _only_select()
    return statement


def _only_select() -> CqlError:
    return invalid("EXPLAIN PRIVACY takes a SELECT: no level hides changes")
