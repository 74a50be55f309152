"""Shapes of statements: a text without its literals, and a tree with slots where they were.

    SELECT v FROM t WHERE k = 5      ->  "SELECT v FROM t WHERE k = <integer>",  (5,)

Theory: the parser sees of a literal only its kind, and the lexer reads each lexeme by itself, so two texts that differ inside
literals of the same kinds only have one tree but for them. One expression, made of the lexer's own patterns, finds the
literals; the first text of a shape is parsed in full, and its tree becomes the shape's only if each literal that was found is a
value in it, at the same place. What a literal decides besides its value (`count(1)`, a vector's length, the name of a selected
column) thereby keeps its statement from being a shape. Invariant: a tree filled with literals equals what the parser makes of
the text (tests/cql/test_parse_lift.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hyperdb.frontends.cql.parse.lexer import FLAGS, CqlLexer, unquoted
from hyperdb.frontends.cql.parse.parser import Statement
from hyperdb.frontends.cql.parse.statements import Batch, Delete, Insert, InsertJson, Select, Update
from hyperdb.frontends.cql.parse.terms import Kind, Literal, Marker, Slot
from hyperdb.frontends.cql.parse.walk import rewrite, walk

_KINDS = {kind.name: kind for kind in (Kind.STRING, Kind.UUID, Kind.DURATION, Kind.HEX, Kind.FLOAT, Kind.INTEGER)}
_MARKS = {name: f"\0{number}" for number, name in enumerate(_KINDS)}
_LIFTED = (Select, Insert, InsertJson, Update, Delete, Batch)

_NODE = 400
"""Bytes of a node and of what is bound of it, as measured on lists of constants."""

_set_kind, _set_text, _set_position = (vars(Literal)[name].__set__ for name in ("kind", "text", "position"))

Lifted = tuple[str, str, int]
"""Of a literal its terminal, what it says (a string without its quotes, else the text as written), its position."""

Lift = Callable[[str], tuple[str, list[Lifted]] | None]
"""Gives a text with marks in place of its literals, and these; None where it may not find all."""


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """What texts that differ in literals have in common. Equal only to itself, so that plans can be kept by it."""

    statement: Statement
    markers: tuple[Marker, ...]
    """In the order of the text, which numbers them."""
    slots: int
    weight: int = 0
    """About how many bytes the tree takes, and a plan that is made of it."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A text's shape, and the literals for its slots."""

    shape: Shape
    literals: tuple[Literal, ...] = ()

    def statement(self) -> Statement:
        """The tree with its literals."""
        return filled(self.shape, self.literals) if self.literals else self.shape.statement


class Lifter:
    """Finds literals in texts."""

    def __init__(self, lexer: CqlLexer) -> None:
        patterns = lexer.patterns
        # A comment without end hides the rest, so that it is looked for once.
        hidden = [patterns["COMMENT"], r"/\*(?s:.*)", patterns["QUOTED_NAME"]]
        numbers = "|".join(f"(?P<{name}>{patterns[name]})" for name in patterns if name in _KINDS and name != "STRING")
        strings = f"(?P<STRING>{patterns['STRING']})"
        # A number within a name is none: names need no alternative of their own. The look at the first character halves the time.
        found = "|".join([strings, f"(?<![a-zA-Z0-9_])(?:{numbers})", *hidden])
        self._find = re.compile(f"(?=['\"$/0-9a-fA-FP-])(?:{found})", FLAGS)

    def lift(self, text: str) -> tuple[str, list[Lifted]]:
        """The text with a mark for each literal, and the literals."""
        found: list[Lifted] = []

        def mark(match: re.Match[str]) -> str:
            kind = match.lastgroup
            if kind is None:
                return match.group()
            text = match.group()
            found.append((kind, unquoted(text) if kind == "STRING" else text, match.start()))
            return _MARKS[kind]

        return self._find.sub(mark, text), found


def literals(found: list[Lifted]) -> tuple[Literal, ...]:
    """Literals as the parser would make them, but for a minus before them."""
    made = []
    for name, text, position in found:
        # The class's own constructor goes by names and costs twice as much: most of what a text of a known shape costs.
        literal = Literal.__new__(Literal)
        _set_kind(literal, _KINDS[name])
        _set_text(literal, text)
        _set_position(literal, position)
        made.append(literal)
    return tuple(made)


def shape_of(statement: Statement, found: list[Lifted]) -> Shape | None:
    """The shape of a statement whose text held these literals; None if it has no shape."""
    if not found or not isinstance(statement, _LIFTED):
        return _made(statement, 0) if not found else None
    places = {position: number for number, (_, _, position) in enumerate(found)}
    fixed: Any = (statement.selectors, statement.group_by) if isinstance(statement, Select) else ()
    if any(isinstance(node, Literal) and node.position in places for node in walk(fixed)):
        return None
    met: set[int] = set()

    def slot(node: object) -> object:
        number = places.get(node.position) if isinstance(node, Literal) else None
        if number is None or not isinstance(node, Literal) or node.kind.name != found[number][0]:
            return node
        met.add(number)
        return Slot(number, node.kind is not Kind.STRING and node.text.startswith("-"), node.kind)

    tree = rewrite(statement, slot)
    if len(met) < len(found):
        return None
    return _made(tree, len(found))


def filled(shape: Shape, values: tuple[Literal, ...]) -> Statement:
    """The shape's tree with literals in its slots."""
    return rewrite(shape.statement, lambda node: value_of(node, values) if isinstance(node, Slot) else node)


def value_of(slot: Slot, values: tuple[Literal, ...]) -> Literal:
    """The literal of a slot, with the minus that stands before it."""
    found = values[slot.index]
    return Literal(found.kind, "-" + found.text, found.position) if slot.negative else found


def _made(statement: Statement, slots: int) -> Shape:
    markers, weight = [], 0
    for node in walk(statement):
        weight += _NODE
        if isinstance(node, Marker):
            markers.append(node)
        elif isinstance(node, Literal):
            weight += len(node.text)
    return Shape(statement, tuple(sorted(markers, key=lambda marker: marker.position)), slots, weight)
