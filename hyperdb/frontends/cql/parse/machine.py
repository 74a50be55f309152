"""The loop that runs the LALR(1) table that lark made.

Theory: lark's own loop costs three times what this one does, because it hashes a rule for each reduction and walks a literal up
seven one-armed rules. Here actions are plain numbers and tuples, and a run of
reductions that change no value is remembered by where it began: (state below, state, lexeme) -> state. Invariant: what is
accepted, and what the builders are called with, is what lark's loop would do (tests/cql/test_parse_machine.py).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

from hyperdb.frontends.cql.parse.lexer import CqlLexer, Lexeme
from hyperdb.frontends.cql.parse.table import Rule, Table

END = "$END"


class Reduction(NamedTuple):
    """A rule's end: how many values it takes, what it makes of them (None: nothing, it hands its one value on), its name."""

    size: int
    make: Callable[[list[Any]], Any] | None
    origin: str


class Unexpected(Exception):
    """A lexeme that cannot come where it stands, None for the text's end, and what could come."""

    def __init__(self, lexeme: Lexeme | None, expected: list[str]) -> None:
        super().__init__(expected)
        self.lexeme = lexeme
        self.expected = expected


class Machine:
    """A table ready to run; it keeps nothing between texts but remembered runs of reductions."""

    def __init__(self, table: Table, builder: object) -> None:
        self._first, self._last = table.first, table.last
        self.lexer = CqlLexer(table.terminals)
        terminals = {terminal.name for terminal in table.terminals} | {END, "BIND"}
        rules = [Reduction(rule.size, _maker(rule, builder), rule.origin) for rule in table.rules]
        self.actions: list[dict[str, int | Reduction]] = []
        self._gotos: list[dict[str, int]] = []
        for row in table.states:
            # The end of a rule, or the state behind a lexeme, follows a lexeme; behind what a rule gave there is a state.
            self.actions.append({kind: to if to >= 0 else rules[~to] for kind, to in row.items() if kind in terminals})
            self._gotos.append({origin: to for origin, to in row.items() if origin not in terminals})
        self._runs: dict[tuple[int, int, str], int] = {}

    def run(self, text: str) -> Any:
        """What the builders make of a text.

        Raises:
            Unexpected: a lexeme, or the text's end, where it cannot come.
            Fault: from the lexer or a builder.
        """
        states: list[int] = [self._first]
        values: list[Any] = []
        actions = self.actions

        def comes(kind: str) -> bool:
            return kind in actions[states[-1]] and self._shifts(kind, list(states))

        for lexeme in self.lexer.lexemes(text, comes):
            action = self._reduced(lexeme.type, states, values)
            if action is None:
                raise Unexpected(lexeme, self._acceptable(states))
            states.append(action)
            values.append(lexeme)
        if self._reduced(END, states, values) is None:
            raise Unexpected(None, self._acceptable(states))
        return values[-1]

    def _reduced(self, kind: str, states: list[int], values: list[Any]) -> int | None:
        """Ends all rules that end before a lexeme of a kind; the state after it, None if it cannot come."""
        actions, gotos, runs = self.actions, self._gotos, self._runs
        while True:
            state = states[-1]
            action = actions[state].get(kind)
            if action is None or isinstance(action, int):
                return action
            size, make, origin = action
            if make is None:
                below = states[-2]
                known = runs.get((below, state, kind))
                if known is None:
                    known = runs[below, state, kind] = self._run_of(below, state, kind)
                states[-1] = known
                if known == self._last:
                    return known
                continue
            if size:
                parts = values[-size:]
                del states[-size:]
                del values[-size:]
            else:
                parts = []
            values.append(make(parts))
            state = gotos[states[-1]][origin]
            states.append(state)
            if state == self._last:
                return state

    def _run_of(self, below: int, state: int, kind: str) -> int:
        """The state after all reductions that only hand a value on."""
        while True:
            action = self.actions[state].get(kind)
            if action is None or isinstance(action, int) or action.make is not None:
                return state
            state = self._gotos[below][action.origin]
            if state == self._last:
                return state

    def _acceptable(self, states: list[int]) -> list[str]:
        """The kinds of lexemes that could come, found by trying each on the states alone."""
        return [kind for kind in self.actions[states[-1]] if self._shifts(kind, list(states))]

    def _shifts(self, kind: str, states: list[int]) -> bool:
        while True:
            action = self.actions[states[-1]].get(kind)
            if action is None or isinstance(action, int):
                return action is not None
            if action.size:
                del states[-action.size :]
            states.append(self._gotos[states[-1]][action.origin])
            if states[-1] == self._last:
                return True


class _Group:
    """Values of a rule without a builder of its own, which the rule around it takes one by one."""

    __slots__ = ("children",)

    def __init__(self, children: list[Any]) -> None:
        self.children = children


def _maker(rule: Rule, builder: object) -> Callable[[list[Any]], Any] | None:
    """What a rule makes of its values; None if it hands its only one on."""
    if rule.hands_on:
        return None
    make: Callable[[list[Any]], Any] = getattr(builder, rule.name, _Group)
    kept, behind, is_single = rule.kept, rule.behind, rule.is_single
    if kept is None:
        return make
    if len(kept) == 1 and kept[0] == (kept[0].place, False, 0) and not behind:
        index = kept[0].place
        return operator.itemgetter(index) if is_single else lambda values: make([values[index]])

    def made(values: list[Any]) -> Any:
        found: list[Any] = []
        for index, is_spread, before in kept:
            if before:
                found += [None] * before
            if not is_spread:
                found.append(values[index])
            elif found:
                found += values[index].children
            else:
                # A list that grows from the left is not copied each time.
                found = values[index].children
        if behind:
            found += [None] * behind
        return found[0] if is_single and len(found) == 1 else make(found)

    return made
