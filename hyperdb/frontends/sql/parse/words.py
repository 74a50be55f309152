"""A statement's words, taken from the front: for statements that the grammar of queries does not know.

Invariant: what is not taken is refused by `end`, with its place.
"""

from __future__ import annotations

import re

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.parse.escapes import plain
from hyperdb.frontends.sql.parse.split import words
from hyperdb.frontends.sql.statement import Statement

_FIRST = re.compile(r"(?:\s|--[^\n]*(?:\n|$))*(\w*)")


def first_word(text: str) -> str:
    """The first word in lower case, without looking at the rest; empty where a comment or a sign comes first."""
    found = _FIRST.match(text)
    if found and not found.group(1) and text[found.end() : found.end() + 2] == "/*":
        return Words(Statement.at(text, 0)).peek()
    return found.group(1).lower() if found else ""


class Words:
    """The words of a statement, taken from the front."""

    def __init__(self, text: Statement) -> None:
        self.said = text
        """As it came."""
        self.text = Statement.at(plain(text, text.offset), text.offset)
        self._tokens = words(self.text)
        self._at = 0

    def peek(self, ahead: int = 0) -> str:
        """A word in lower case; empty at the end."""
        at = self._at + ahead
        return self._tokens[at][1].lower() if at < len(self._tokens) else ""

    def take(self, *wanted: str) -> bool:
        """Takes these words if they come next."""
        if all(self.peek(place) == word for place, word in enumerate(wanted)):
            self._at += len(wanted)
            return True
        return False

    def expect(self, *wanted: str) -> None:
        """Takes these words.

        Raises:
            SqlError: 42601 if others come.
        """
        if not self.take(*wanted):
            raise self.error()

    def name(self) -> str:
        """Takes an identifier."""
        if self._at >= len(self._tokens):
            raise self.error()
        kind, text, _ = self._tokens[self._at]
        if kind not in ("word", "name"):
            raise self.error()
        self._at += 1
        return text[1:-1].replace('""', '"') if kind == "name" else text.lower()

    def value(self) -> str:
        """Takes a literal, number or word as text."""
        if self._at >= len(self._tokens):
            raise self.error()
        kind, text, _ = self._tokens[self._at]
        self._at += 1
        if kind == "quoted":
            return text[1:-1].replace("''", "'")
        if kind == "dollar":
            mark = text.index("$", 1) + 1
            return text[mark:-mark]
        if kind == "name":
            return text
        if text in "+-" and self._at < len(self._tokens):
            return ("-" if text == "-" else "") + self.value()
        number = text
        # Numbers come as digits and points one by one.
        while kind == "other" and self._at < len(self._tokens):
            following, more, place = self._tokens[self._at]
            if (
                following not in ("other", "word")
                or place != self._tokens[self._at - 1][2] + len(self._tokens[self._at - 1][1])
                or more in ",;()="
            ):
                break
            number += more
            self._at += 1
        return number

    def rest(self) -> Statement:
        """What has not been taken, with its place."""
        if self._at >= len(self._tokens):
            return Statement.at("", self.text.offset)
        begin = self._tokens[self._at][2]
        self._at = len(self._tokens)
        return Statement.at(self.text[begin:], self.text.offset + begin)

    def inside(self) -> list[Statement]:
        """What stands between parentheses, cut at commas outside of inner ones."""
        self.expect("(")
        found, depth = [], 0
        start = self._tokens[self._at][2] if self._at < len(self._tokens) else 0
        while self._at < len(self._tokens):
            _, text, place = self._tokens[self._at]
            self._at += 1
            if text in "([":
                depth += 1
            elif text in ")]" and depth:
                depth -= 1
            elif text == ")" or (text == "," and not depth):
                if self.text[start:place].strip():
                    found.append(Statement.at(self.text[start:place].strip(), self.text.offset + start))
                start = place + 1
                if text == ")":
                    return found
        raise self.error()

    def end(self) -> None:
        """Nothing may follow.

        Raises:
            SqlError: 42601 if something does.
        """
        if self._at < len(self._tokens):
            raise self.error()

    def error(self) -> SqlError:
        """42601 at the next word."""
        if self._at >= len(self._tokens):
            return SqlError("42601", "syntax error at end of input", position=self.text.offset + len(self.text) + 1)
        _, text, place = self._tokens[self._at]
        return SqlError("42601", f'syntax error at or near "{text}"', position=self.text.offset + place + 1)
