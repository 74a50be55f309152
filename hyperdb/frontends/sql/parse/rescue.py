"""Statements of definition that the grammar does not know, put in words that it does.

Theory: the grammar knows ADD CONSTRAINT name CHECK but not ADD CHECK, COMMENT ... IS 'text' but not IS NULL, and so on. Each
entry is a pattern and what to write instead; places of errors then count in what was written. Invariant: both mean the same.
"""

from __future__ import annotations

import re

UNNAMED = "_unnamed_"
_REWRITES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"^(alter\s+table\s+.*?\badd\s+)(check\s*\()", re.IGNORECASE | re.DOTALL), rf"\1CONSTRAINT {UNNAMED} \2"),
    (re.compile(r"^(alter\s+table\s+)only\s+", re.IGNORECASE), r"\1"),
    (re.compile(r"^(comment\s+on\s+.*\bis\s+)null$", re.IGNORECASE | re.DOTALL), r"\1''"),
)


def rewritten(text: str) -> str | None:
    """The same statement in other words; None where there are none."""
    after = text
    for pattern, words in _REWRITES:
        after = pattern.sub(words, after)
    return None if after == text else after
