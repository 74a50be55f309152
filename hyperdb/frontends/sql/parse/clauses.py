"""Clauses that the grammar does not know, taken out of a statement's text.

Theory: what they say becomes an argument of the statement's node, named as here; blanks take their place, so that positions of
errors stay what they are. Invariant: a clause is only taken out where its statement may have it, and never out of a literal.
"""

from __future__ import annotations

from hyperdb.frontends.sql.parse.split import words

OVERRIDING = "overriding"
"""Of INSERT: system or user."""
TEMPORARY = "is_temporary"
"""Of CREATE."""
ON_COMMIT = "on_commit"
"""Of CREATE TABLE: drop, delete or preserve."""
MATERIALIZED = "is_materialized"
"""Of CREATE TABLE, which then was CREATE MATERIALIZED VIEW; of DROP VIEW."""
_FIRST = frozenset({"create", "insert", "with"})
_ENDINGS = {"drop": 1, "delete": 2, "preserve": 2}

Tokens = list[tuple[str, str, int]]


def taken_out(text: str) -> tuple[str, dict[str, str | bool]]:
    """The text without these clauses, and what they said."""
    first = text.lstrip()[:6].lower().split(None, 1)
    if not first or first[0][:6] not in _FIRST:
        return text, {}
    lowered = text.lower()
    found: dict[str, str | bool] = {}
    if first[0] == "create":
        if not any(word in lowered for word in ("temp", "materialized", "on commit")):
            return text, {}
        return _created(text, words(text), found), found
    return (_overridden(text, words(text), found), found) if "overriding" in lowered else (text, found)


def _blank(text: str, start: int, end: int) -> str:
    return text[:start] + " " * (end - start) + text[end:]


def _end(token: tuple[str, str, int]) -> int:
    return token[2] + len(token[1])


def _overridden(text: str, tokens: Tokens, found: dict[str, str | bool]) -> str:
    for place in range(len(tokens) - 2):
        kind, word, at = tokens[place]
        said = tokens[place + 1][1].lower()
        if kind == "word" and word.lower() == "overriding" and said in ("system", "user"):
            if tokens[place + 2][1].lower() != "value":
                continue
            found[OVERRIDING] = said
            return _blank(text, at, _end(tokens[place + 2]))
    return text


def _created(text: str, tokens: Tokens, found: dict[str, str | bool]) -> str:
    spoken = [word.lower() for kind, word, _ in tokens]
    at = 1
    if spoken[1:2] and spoken[1] in ("local", "global") and spoken[2:3] and spoken[2] in ("temp", "temporary"):
        text, at = _blank(text, tokens[1][2], _end(tokens[1])), 2
    if spoken[at : at + 1] and spoken[at] in ("temp", "temporary"):
        text = _blank(text, tokens[at][2], _end(tokens[at]))
        found[TEMPORARY] = True
        at += 1
    if spoken[at : at + 2] == ["materialized", "view"]:
        found[MATERIALIZED] = True
        start, end = tokens[at][2], _end(tokens[at + 1])
        text = text[:start] + "table".ljust(end - start) + text[end:]
    if spoken[at : at + 1] == ["table"]:
        for place in range(at + 1, len(tokens) - 2):
            size = _ENDINGS.get(spoken[place + 2])
            if spoken[place : place + 2] == ["on", "commit"] and size is not None and tokens[place][0] == "word":
                found[ON_COMMIT] = spoken[place + 2]
                last = tokens[min(place + 1 + size, len(tokens) - 1)]
                text = _blank(text, tokens[place][2], _end(last))
                break
    return text
