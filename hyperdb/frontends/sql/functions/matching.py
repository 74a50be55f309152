"""Matching that ends: regular expressions within a bound of time, LIKE in one pass.

Theory: a matcher that goes back takes time exponential in the text for some patterns (`(a|aa)+$`), and Python's own keeps every
other thread waiting meanwhile. So expressions are matched by the `regex` module, which lets others run and stops after a time.
LIKE needs no going back: of the pieces between two `%` the leftmost place of each is as good as any. Invariant: matching one
text takes no longer than `SECONDS` of processor, or is 2201B.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import regex

from hyperdb.errors import SqlError

SECONDS = 2.0
LONGEST: int = regex.POSIX
"""A flag: of the matches at one place the longest."""
Match = regex.Match[str]


def _too_long() -> SqlError:
    hint = "Alternatives that begin alike inside of a repetition take a time that grows with each character."
    return SqlError("2201B", f"regular expression failed: one text took {SECONDS:g} s", hint=hint)


class Pattern:
    """A compiled expression."""

    __slots__ = ("_compiled", "groups")

    def __init__(self, source: str, flags: int) -> None:
        """`source` is written for Python.

        Raises:
            SqlError: 2201B.
        """
        try:
            self._compiled = regex.compile(source, flags | regex.VERSION0)
        except (regex.error, OverflowError, RecursionError, ValueError) as error:
            raise SqlError("2201B", f"invalid regular expression: {error}") from None
        self.groups: int = self._compiled.groups

    def search(self, text: str) -> Match | None:
        """The first match."""
        try:
            return self._compiled.search(text, timeout=SECONDS)
        except TimeoutError:
            raise _too_long() from None

    def fullmatch(self, text: str) -> Match | None:
        """The match that is the whole text."""
        try:
            return self._compiled.fullmatch(text, timeout=SECONDS)
        except TimeoutError:
            raise _too_long() from None

    def finditer(self, text: str, start: int = 0) -> Iterator[Match]:
        """The matches from a place on."""
        try:
            yield from self._compiled.finditer(text, start, timeout=SECONDS)
        except TimeoutError:
            raise _too_long() from None


class Like:
    """LIKE's pattern: texts between `%`, in which `_` is any character."""

    __slots__ = ("_first", "_last", "_last_size", "_middle", "_only")

    def __init__(self, pieces: list[list[str]], *, ignore_case: bool) -> None:
        """`pieces` are expressions for one character each."""
        flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
        made = [re.compile("".join(piece), flags) for piece in pieces]
        self._only = made[0] if len(made) == 1 else None
        self._first, self._middle, self._last = made[0], made[1:-1], made[-1]
        self._last_size = len(pieces[-1])

    def matches(self, text: str) -> bool:
        """Whether all of a text is like that."""
        if self._only is not None:
            return self._only.fullmatch(text) is not None
        found = self._first.match(text)
        if found is None:
            return False
        at, end = found.end(), len(text) - self._last_size
        for piece in self._middle:
            found = piece.search(text, at, max(end, 0))
            if found is None:
                return False
            at = found.end()
        return at <= end and self._last.match(text, end) is not None


@lru_cache(1024)
def _like(pattern: str, escape: str, ignore_case: bool) -> Like:
    if len(escape) > 1:
        raise SqlError("22025", "invalid escape string", hint="Escape string must be empty or one character.")
    pieces: list[list[str]] = [[]]
    at = 0
    while at < len(pattern):
        mark = pattern[at]
        if escape and mark == escape:
            at += 1
            if at == len(pattern):
                raise SqlError("22025", "LIKE pattern must not end with escape character")
            pieces[-1].append(re.escape(pattern[at]))
        elif mark == "%":
            pieces.append([])
        else:
            pieces[-1].append("." if mark == "_" else re.escape(mark))
        at += 1
    kept = [pieces[0], *[piece for piece in pieces[1:-1] if piece], *pieces[1:][-1:]]
    return Like(kept, ignore_case=ignore_case)


def like(text: str, pattern: str, escape: str = "\\", *, ignore_case: bool = False) -> bool:
    """Whether a text is LIKE a pattern.

    Raises:
        SqlError: 22025.
    """
    return _like(pattern, escape, ignore_case).matches(text)
