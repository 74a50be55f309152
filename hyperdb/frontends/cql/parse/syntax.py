"""Errors of syntax in Cassandra's words: line and column, the lexeme, what stood before it.

    line 1:9 no viable alternative at input 'FORM' (SELECT * [FORM]...)

Theory: clients' suites look for these words and for the place; which of the three wordings Cassandra's parser would take
depends on its own look-ahead, so here it follows from what could have come: nothing more, one lexeme, several. Lines count from
1, columns from 0. Invariant: making a message costs at most one more pass of the lexer over the text before the place.
"""

from __future__ import annotations

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.codes import ErrorCode
from hyperdb.frontends.cql.parse.faults import NO_VIABLE, Fault
from hyperdb.frontends.cql.parse.lexer import CqlLexer
from hyperdb.frontends.cql.parse.machine import END, Unexpected

_SHOWN_BEFORE = 10
_LONGEST_SHOWN = 60
_LONGEST_BEFORE = 1000


def told(lexer: CqlLexer, text: str, fault: Fault) -> CqlError:
    """The error of a fault."""
    return _error(lexer, text, fault.position, fault.reason)


def unexpected(lexer: CqlLexer, text: str, error: Unexpected) -> CqlError:
    """The error of a lexeme that cannot come where it stands."""
    position = len(text) if error.lexeme is None else error.lexeme.position
    if END in error.expected:
        reason = "missing EOF at {}"
    elif len(error.expected) == 1:
        reason = f"mismatched input {{}} expecting {_shown(lexer, error.expected[0])}"
    else:
        reason = NO_VIABLE
    return _error(lexer, text, position, reason)


def _shown(lexer: CqlLexer, terminal: str) -> str:
    """A terminal as Cassandra's messages name it: K_FROM for a keyword, the sign between quotes."""
    if terminal.lower() in lexer.words:
        return f"K_{terminal}"
    return next((f"'{sign}'" for sign, name in lexer.signs.items() if name == terminal), terminal)


def _error(lexer: CqlLexer, text: str, position: int, reason: str) -> CqlError:
    before = text[:position]
    line = before.count("\n") + 1
    column = position - (before.rfind("\n") + 1)
    pieces = _pieces(lexer, text, position)
    lexeme = pieces[-1] if pieces else "<EOF>"
    message = f"line {line}:{column} {reason.replace('{}', _quoted(lexeme))}"
    begin = _snippet(lexer, before)
    shown = "".join(before[begin:].splitlines())
    dots = "..." if begin else ""
    is_end = bool(pieces) and text.endswith(lexeme) and len(text) == position + len(lexeme)
    return CqlError(ErrorCode.SYNTAX, f"{message} ({dots}{shown}[{lexeme}]{'' if is_end else '...'})")


def _quoted(lexeme: str) -> str:
    return f"'{lexeme}'"


def _pieces(lexer: CqlLexer, text: str, position: int) -> list[str]:
    """The lexeme at a place, if one is there."""
    found = lexer.scanner.match(text, position)
    return [_short(found.group())] if found else []


def _snippet(lexer: CqlLexer, before: str) -> int:
    """Where the last lexemes before a place begin, spaces among them; a long text is looked at from near its end."""
    start = max(0, len(before) - _LONGEST_BEFORE)
    found = [match.start() for match in lexer.scanner.finditer(before, start)]
    return found[-_SHOWN_BEFORE] if len(found) >= _SHOWN_BEFORE else start


def _short(piece: str) -> str:
    return piece if len(piece) <= _LONGEST_SHOWN else piece[:_LONGEST_SHOWN] + "..."
