"""The lexer: one regular expression for lexemes, a table for words, a bound on nesting.

Theory: all that cql.lark calls a terminal is either a word of letters, found in a table after folding its case, or an
alternative of one expression. A reserved word is always a keyword; another word is one only where the parser's state could go
on with it, else an identifier: that is what lark's contextual lexer does with one expression for each state. Brackets are
counted here, before the parser sees them, since trees deeper than Python's stack cannot be walked. Invariant: what follows a
lexeme never changes its kind, so two texts that differ inside literals only are read alike (lift.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from hyperdb.frontends.cql.parse.faults import Fault
from hyperdb.frontends.cql.parse.table import Terminal

FLAGS = re.DOTALL | re.ASCII

MOST_NESTING = 50
MOST_OPERATORS = 100
"""Signs that may hang on one another without a comma or AND between: `1 + 1 + 1 ...` is a tree as deep as it is long."""
MOST_LEXEMES = 300_000
"""A map of 65,535 constants, as many as the protocol counted, has 262,140."""

# Cassandra 5.0, appendix A of its documentation of CQL and reserved_keywords.txt.
RESERVED = frozenset(
    """add allow alter and apply asc authorize batch begin by columnfamily create delete desc describe drop entries execute from
    full grant if in index infinity insert into is keyspace limit materialized modify nan norecursive not null of on or order
    primary rename revoke schema select set table to token truncate unlogged update use using view where with""".split()
)
_CONSTANTS = frozenset(["true", "false"])
_BEGINS_CLAUSE = frozenset("AND WHERE IF SET FROM VALUES INSERT UPDATE DELETE USING".split())
_OPENING = {"(": ")", "[": "]", "{": "}"}
_CLOSING = frozenset(_OPENING.values())
_ENDS_TERM = _CLOSING | {"?"}


class Lexeme:
    """A piece of the text. `value` is what it means: words in lower case, strings and quoted names without quotes."""

    __slots__ = ("position", "type", "value")
    # What lark reads of a token besides its type.
    line = column = end_line = end_column = start_pos = end_pos = None

    def __init__(self, kind: str, value: str, position: int) -> None:
        self.type = kind
        self.value = value
        self.position = position


class _Open(NamedTuple):
    closing: str
    operators: int


def unquoted(text: str) -> str:
    """What a string between quotes or double dollars says."""
    if text.startswith("$"):
        return text[2:-2]
    return text[1:-1].replace("''", "'")


class CqlLexer:
    """Lexemes of a text, one when the parser asks for one."""

    def __init__(self, terminals: Sequence[Terminal]) -> None:
        self.words: dict[str, tuple[str, bool]] = {}
        signs: dict[str, str] = {}
        patterns: list[tuple[int, str, str]] = []
        ignored = {terminal.name for terminal in terminals if terminal.is_ignored}
        for terminal in terminals:
            if not terminal.is_text:
                patterns.append((terminal.priority, terminal.name, terminal.pattern))
            elif terminal.pattern.replace("_", "").isalpha():
                word = terminal.pattern.lower()
                self.words[word] = terminal.name, word in RESERVED or word in _CONSTANTS
            else:
                signs[terminal.pattern] = terminal.name
        patterns.sort(reverse=True)
        self.patterns = {name: text for _, name, text in patterns}
        ordered = [f"(?P<{name}>{text})" for _, name, text in patterns if name not in ignored]
        skipped = [text for _, name, text in patterns if name in ignored]
        symbols = "|".join(re.escape(sign) for sign in sorted(signs, key=len, reverse=True))
        self.signs = signs
        self.scanner = re.compile(
            "|".join([f"(?P<SKIPPED>(?:{'|'.join(skipped)})+)", *ordered, f"(?P<SIGN>{symbols})", "(?P<OTHER>.)"]), FLAGS
        )

    def lexemes(self, text: str, comes: Callable[[str], bool]) -> Iterator[Lexeme]:
        """Yields lexemes; `comes` says whether one of a kind could come where the parser is when it is asked for.

        Raises:
            Fault: a character that begins no lexeme, nesting or length beyond the limits.
        """
        words, signs = self.words, self.signs
        nesting = _Nesting()
        count = 0
        for found in self.scanner.finditer(text):
            kind = found.lastgroup
            if kind == "SKIPPED":
                continue
            value, position = found.group(), found.start()
            if kind == "IDENTIFIER":
                value = value.lower()
                word = words.get(value)
                if word is not None and (word[1] or comes(word[0])):
                    kind = word[0]
                    if kind in _BEGINS_CLAUSE:
                        nesting.clause()
            elif kind == "SIGN":
                kind = nesting.sign(value, signs[value], position)
            elif kind == "STRING":
                value = unquoted(value)
            elif kind == "QUOTED_NAME":
                value = value[1:-1].replace('""', '"')
            elif kind == "OTHER":
                raise _stray(value, position)
            count += 1
            if count > MOST_LEXEMES:
                raise Fault(position, f"more than {MOST_LEXEMES} lexemes in one statement")
            nesting.last = value if found.lastgroup == "SIGN" else ""
            yield Lexeme(kind or "", value, position)


class _Nesting:
    """How deep a tree can be that the lexemes so far begin."""

    __slots__ = ("angles", "last", "open", "operators")

    def __init__(self) -> None:
        self.open: list[_Open] = []
        self.operators = 0
        self.angles = 0
        self.last = ""

    def clause(self) -> None:
        """A keyword ends the expression before it."""
        self.operators = self.open[-1].operators if self.open else 0
        self.angles = 0

    def sign(self, value: str, kind: str, position: int) -> str:
        """Counts a sign; its kind as a terminal."""
        if value in _OPENING:
            self.open.append(_Open(_OPENING[value], self.operators))
            if len(self.open) > MOST_NESTING:
                raise Fault(position, f"more than {MOST_NESTING} levels of nesting at input {{}}")
        elif value in _CLOSING:
            # What was closed may be a part of a chain: a cast, a call.
            self.operators = (self.open.pop().operators if self.open else 0) + 1
        elif value == ",":
            self.operators = self.open[-1].operators if self.open else 0
        elif value == ":":
            within = bool(self.open) and self.open[-1].closing == "}"
            if not within or (self.last and self.last not in _ENDS_TERM):
                return "BIND"
            self.operators = self.open[-1].operators
        elif value == ";":
            self.clause()
        elif value == "<":
            self.angles += 1
        elif value == ">":
            self.angles -= 1
        else:
            self.operators += 1
        if self.operators > MOST_OPERATORS or self.angles > MOST_NESTING:
            raise Fault(position, "more operators hang on one another than are read at input {}")
        return kind


def _stray(value: str, position: int) -> Fault:
    if value in ("'", '"'):
        return Fault(position, f"mismatched character '<EOF>' expecting '{value}'")
    return Fault(position, f"no viable alternative at character '{value}'")
