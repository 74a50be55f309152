"""What is wrong with a text, before it is known how to say it.

Theory: lexer and builders know a place and a reason, `syntax.py` alone knows the text and Cassandra's wording of lines and
columns. Invariant: a `Fault` never leaves this folder.
"""

from __future__ import annotations


class Fault(Exception):
    """A place in the text (characters from 0) and what is wrong there; `{}` in the reason stands for the lexeme at the place."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(reason)
        self.position = position
        self.reason = reason


NO_VIABLE = "no viable alternative at input {}"
