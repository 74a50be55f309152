"""A simple query's statements: where each begins and ends.

Theory: only quotes, comments and dollar quotes can hide a semicolon (PostgreSQL's scan.l). Invariant: each statement keeps its
place in the text, so that positions of errors count from the text's begin.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hyperdb.errors import SqlError

_TOKEN = re.compile(
    r"""
      (?P<space>\s+|--[^\n]*)
    | (?P<comment>/\*)
    | (?P<escaped>[eE]'(?:[^'\\]|\\.|'')*')
    | (?P<quoted>'(?:[^']|'')*')
    | (?P<name>"(?:[^"]|"")*")
    | (?P<dollar>\$(?:[A-Za-z_\x80-\U0010ffff][\w]*)?\$)
    | (?P<word>[^\W\d][\w$]*|\$\d+)
    | (?P<end>;)
    | (?P<other>\d+|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(r"/\*|\*/")


def _after_comment(text: str, at: int) -> int:
    depth = 0
    for mark in _COMMENT.finditer(text, at):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end()
    raise SqlError("42601", "unterminated /* comment", position=at + 1)


def pieces(text: str) -> Iterator[tuple[str, int, int]]:
    """Kinds and places of tokens; comments come as space."""
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        kind = found.lastgroup if found else None
        if found is None or kind is None:
            raise SqlError("42601", f'syntax error at or near "{text[at]}"', position=at + 1)
        end = found.end()
        if kind == "comment":
            kind, end = "space", _after_comment(text, at)
        elif kind == "dollar":
            close = text.find(found.group(), end)
            if close < 0:
                raise SqlError("42601", "unterminated dollar-quoted string", position=at + 1)
            end = close + len(found.group())
        elif kind == "other" and found.group() in "'\"":
            what = "quoted string" if found.group() == "'" else "quoted identifier"
            raise SqlError("42601", f"unterminated {what}", position=at + 1)
        yield kind, at, end
        at = end


def split(text: str) -> list[tuple[str, int]]:
    """The statements of a text, each with where it begins (characters from 0); empty ones are left out.

    Raises:
        SqlError: 42601 for a quote or comment without end.
    """
    if "\0" in text:
        raise SqlError("22021", 'invalid byte sequence for encoding "UTF8": 0x00')
    found: list[tuple[str, int]] = []
    start: int | None = None
    last = 0
    for kind, at, end in pieces(text):
        if kind == "end":
            if start is not None:
                found.append((text[start:last], start))
            start = None
        elif kind != "space":
            start = at if start is None else start
            last = end
    if start is not None:
        found.append((text[start:last], start))
    return found


def words(text: str) -> list[tuple[str, str, int]]:
    """Tokens without space: kind, text, place."""
    return [(kind, text[at:end], at) for kind, at, end in pieces(text) if kind != "space"]
