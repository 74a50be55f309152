"""The table of cql.lark, made by lark.

    python -m hyperdb.frontends.cql.parse.making    writes cql.table, after cql.lark was changed

Invariant: nothing but this imports lark, and a program whose table is up to date does not import this.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lark import Lark
from lark.lexer import Lexer, PatternStr

from hyperdb.frontends.cql.parse.lexer import CqlLexer
from hyperdb.frontends.cql.parse.table import Kept, Rule, Table, Terminal, written

if TYPE_CHECKING:
    from lark.common import LexerConf
    from lark.lexer import LexerState

FOLDER = resources.files("hyperdb.frontends.cql.grammar")


class _LarkLexer(Lexer):
    """Our lexemes for lark's own loop, which tests compare ours with."""

    __future_interface__ = 2

    def __init__(self, conf: LexerConf) -> None:
        self._lexer = CqlLexer(_terminals(conf.terminals, conf.ignore))

    def lex(self, lexer_state: LexerState, parser_state: Any) -> Iterator[Any]:
        """Yields lexemes."""
        table = parser_state.parse_conf.states

        def comes(kind: str) -> bool:
            states = list(parser_state.state_stack)
            while kind in table[states[-1]]:
                target = table[states[-1]][kind][1]
                if isinstance(target, int):
                    return True
                del states[len(states) - len(target.expansion) :]
                states.append(table[states[-1]][target.origin.name][1])
            return False

        yield from self._lexer.lexemes(lexer_state.text.text, comes)


def lark(grammar: str, builder: object | None = None) -> Lark:
    """lark's parser of a grammar."""
    return Lark(grammar, parser="lalr", lexer=_LarkLexer, transformer=builder)


def made(grammar: str) -> Table:
    """The table of a grammar, always the same one: lark numbers states as it comes to them, here they are in the order in which
    they are reached."""
    parser = lark(grammar)
    inner: Any = parser.parser
    found = inner.parser._parse_table
    # Rules that differ in the lexemes that they drop only are one.
    rules = sorted({_rule(rule) for rule in parser.rules}, key=repr)
    ends = {rule: ~number for number, rule in enumerate(rules)}
    first, last = found.start_states["start"], found.end_states["start"]
    numbers = {first: 0}
    reached = [first]
    for state in reached:
        for _, (_, target) in sorted(found.states[state].items()):
            if isinstance(target, int) and target not in numbers:
                numbers[target] = len(numbers)
                reached.append(target)

    def row(state: Any) -> dict[str, int]:
        targets = ((str(symbol), target) for symbol, (_, target) in sorted(found.states[state].items()))
        return {symbol: numbers[target] if isinstance(target, int) else ends[_rule(target)] for symbol, target in targets}

    terminals = _terminals(sorted(parser.terminals, key=lambda terminal: str(terminal.name)), parser.ignore_tokens)
    return Table(terminals, tuple(rules), numbers[first], numbers[last], [row(state) for state in reached])


def _terminals(terminals: Collection[Any], ignored: Collection[str]) -> tuple[Terminal, ...]:
    return tuple(
        Terminal(
            str(each.name),
            str(each.pattern.value if isinstance(each.pattern, PatternStr) else each.pattern.to_regexp()),
            isinstance(each.pattern, PatternStr),
            each.priority,
            each.name in ignored,
        )
        for each in terminals
    )


def _rule(rule: Any) -> Rule:
    """What lark would do with a rule's values (its parse_tree_builder), as data."""
    options, expansion = rule.options, rule.expansion
    missing = "".join(str(int(empty)) for empty in options.empty_indices or [False] * len(expansion)).split("0")
    kept, before = [], 0
    for index, symbol in enumerate(expansion):
        before += len(missing[index])
        if options.keep_all_tokens or not (symbol.is_term and symbol.filter_out):
            kept.append(Kept(index, not symbol.is_term and symbol.name.startswith("_"), before))
            before = 0
    behind = before + len(missing[len(expansion)])
    is_all = len(kept) == len(expansion) and not behind and not any(each.is_spread or each.before for each in kept)
    is_single = options.expand1 and rule.alias is None
    return Rule(
        str(rule.origin.name),
        len(expansion),
        str(rule.alias or rule.origin.name),
        is_single and is_all and len(expansion) == 1,
        is_single,
        None if is_all else tuple(kept),
        behind,
    )


def main() -> None:
    """Writes the table beside the grammar."""
    text = FOLDER.joinpath("cql.lark").read_text(encoding="utf-8")
    Path(str(FOLDER.joinpath("cql.table"))).write_text(written(made(text), text), encoding="utf-8")


if __name__ == "__main__":
    main()
