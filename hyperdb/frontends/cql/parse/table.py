"""The LALR(1) table of cql.lark as data, which lies beside the grammar in `cql.table`.

    digest of the grammar's text, SHA-256 in hex
    JSON, one value a line: terminals, rules, first and last state, symbols, then for each state [symbol, target, ...]
    (a target from 0 on is the state that follows, ~n is the end of rule n)

Theory: lark takes a second and a half to make the table, and imports take their time too; a server is to answer sooner, so what
lark made is kept with the program (`python -m hyperdb.frontends.cql.parse.making` writes it). Invariant: a table is only used for
the grammar that it was made of, which its digest tells.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple


class Terminal(NamedTuple):
    """A kind of lexeme."""

    name: str
    pattern: str
    is_text: bool
    """Whether the pattern is the text itself, not an expression."""
    priority: int
    is_ignored: bool


class Kept(NamedTuple):
    """One of a rule's values that its builder gets."""

    place: int
    is_spread: bool
    """It is a list of values that are handed on one by one."""
    before: int
    """So many parts of the rule that may be missing are missing before it: None each."""


class Rule(NamedTuple):
    """A rule's end."""

    origin: str
    size: int
    """Values that it takes."""
    name: str
    """The builder's method."""
    hands_on: bool
    """It has no builder: its only value stays as it is."""
    is_single: bool
    """If only one value is kept, that is handed on."""
    kept: tuple[Kept, ...] | None
    """None: all."""
    behind: int
    """Parts that may be missing behind the last one."""


class Table(NamedTuple):
    """See the module."""

    terminals: tuple[Terminal, ...]
    rules: tuple[Rule, ...]
    first: int
    last: int
    states: Sequence[dict[str, int]]
    """By number: what follows each symbol."""


def digest(grammar: str) -> str:
    """What tells a grammar from others."""
    return hashlib.sha256(grammar.encode()).hexdigest()


def written(table: Table, grammar: str) -> str:
    """The file's text."""
    symbols = sorted({symbol for row in table.states for symbol in row})
    numbers = {symbol: number for number, symbol in enumerate(symbols)}
    rows = [[part for symbol in sorted(row) for part in (numbers[symbol], row[symbol])] for row in table.states]
    values = [table.terminals, table.rules, [table.first, table.last], symbols, *rows]
    lines = ",\n".join(json.dumps(value, separators=(",", ":")) for value in values)
    return f"{digest(grammar)}\n[{lines}]\n"


def read(text: str, grammar: str) -> Table | None:
    """Back from `written`; None if it was made of another grammar."""
    head, _, rest = text.partition("\n")
    if head != digest(grammar):
        return None
    terminals, rules, (first, last), symbols, *rows = json.loads(rest)
    return Table(
        tuple(Terminal(*terminal) for terminal in terminals),
        tuple(_rule(*rule) for rule in rules),
        first,
        last,
        [dict(zip(map(symbols.__getitem__, row[::2]), row[1::2], strict=True)) for row in rows],
    )


def _rule(origin: str, size: int, name: str, hands_on: bool, is_single: bool, kept: list[list[int]] | None, behind: int) -> Rule:
    parts = None if kept is None else tuple(Kept(place, bool(is_spread), before) for place, is_spread, before in kept)
    return Rule(origin, size, name, hands_on, is_single, parts, behind)
