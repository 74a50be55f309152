"""What differs between two answers, as words; nothing if a client cannot tell them apart.

Theory: ids that a server makes (of tables, of prepared statements, paging states) are its own, everything else is compared: the
kind, columns with table, name and type, rows in their order, the error's code and words, warnings. That is what `shown` writes.
"""

from __future__ import annotations

from dataclasses import replace

from cql_answers import shown
from cql_peer import Answer


def difference(ours: Answer, theirs: Answer) -> str | None:
    """Both answers, if they differ."""
    here, there = shown(ours), shown(theirs)
    if here == there:
        return None
    return "\n".join(["  Cassandra", *(f"    {line}" for line in there), "  HyperDB", *(f"    {line}" for line in here)])


def meaning(ours: Answer, theirs: Answer) -> str | None:
    """The same, but for the words of errors and warnings."""
    if ours.kind == theirs.kind == "error":
        return difference(ours, theirs) if ours.code != theirs.code else None
    return difference(replace(ours, warnings=()), replace(theirs, warnings=()))
