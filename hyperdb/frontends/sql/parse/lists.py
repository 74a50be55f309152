"""Long lists of literals, read without the grammar.

Theory: the grammar takes about half a millisecond a literal, so a megabyte of `IN (1, 2, ...)` or `VALUES (...), (...)` takes
minutes. A list that holds nothing but literals and parameters, these with a cast or without, is taken out of the text, one
literal that stands nowhere else in it goes in its place, and the nodes of the list are put into the tree. Invariant: the tree is
the one that the grammar would have made, but for positions within and behind the list.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.parse.split import pieces

_LONG = 4_000
"""Characters of a text from which it is looked through for lists."""
_FEWEST = 200
"""Literals of a list that is worth it."""
MOST_PARAMETERS = 65_535
_TYPE = r"[a-zA-Z]\w*(?: [a-zA-Z]+)*(?:\(\d+(?:, ?\d+)?\))?(?:\[\])?"
_PARAMETER = rf"\$\d{{1,10}}(?:\s*::\s*{_TYPE})?"
_LITERAL = rf"(?:[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|'(?:[^'\\]|'')*'|(?i:null|true|false)|{_PARAMETER})"
_ITEM = re.compile(_LITERAL)
_ROW = rf"\(\s*{_LITERAL}(?:\s*,\s*{_LITERAL})*\s*\)"
_ONE_ROW = re.compile(_ROW)
_ARRAY = re.compile(rf"\[\s*{_LITERAL}(?:\s*,\s*{_LITERAL})*\s*\]")
_START = re.compile(r"\b(?:(in|values)\s*(?=\()|(array)\s*(?=\[))", re.IGNORECASE)
_ROWS = re.compile(rf"{_ROW}(?:\s*,\s*{_ROW})*")
_NAMED: dict[str, Callable[[], exp.Expr]] = {
    "null": exp.Null,
    "true": lambda: exp.Boolean(this=True),
    "false": lambda: exp.Boolean(this=False),
}


_SHAPES = {"in": _ONE_ROW, "values": _ROWS, "array": _ARRAY}


class Lists:
    """The lists of one text. `text` is what the grammar is to read."""

    def __init__(self, text: str, read_type: Callable[[str], exp.Expr]) -> None:
        """`read_type` is the grammar's for the name of a type."""
        self.text = text
        self._type = read_type
        self._types: dict[str, exp.Expr] = {}
        self._found: dict[str, str] = {}
        if len(text) >= _LONG:
            self._take_out(text)

    def _take_out(self, text: str) -> None:
        found: list[tuple[int, int]] = []
        words: set[int] | None = None
        at = 0
        while start := _START.search(text, at):
            at = start.end()
            end = self._end(text, at, start[0].strip().lower())
            if end is None:
                continue
            words = {begin for kind, begin, _ in pieces(text) if kind == "word"} if words is None else words
            if start.start() in words:
                found.append((at, end))
                at = end
        mark = "list"
        while mark in text:
            mark += "_"
        out, last = [], 0
        for number, (begin, end) in enumerate(found):
            name = f"{mark}{number}"
            self._found[name] = text[begin:end]
            around = "['{}']" if text[begin] == "[" else "('{}')"
            out += [text[last:begin], around.format(name)]
            last = end
        self.text = "".join([*out, text[last:]])

    def _end(self, text: str, at: int, word: str) -> int | None:
        """Where a long list of literals ends that begins here."""
        match = _SHAPES[word].match(text, at)
        if match is None or match.group().count(",") < _FEWEST:
            return None
        return match.end()

    def put_back(self, tree: exp.Expr) -> None:
        """Puts the lists' nodes into the tree."""
        if not self._found:
            return
        for node in list(tree.find_all(exp.Literal)):
            text = self._found.get(str(node.this)) if node.args.get("is_string") else None
            if text is None:
                continue
            parent = node.parent
            if isinstance(parent, exp.In | exp.Array):
                parent.set("expressions", self._items(text))
            else:
                rows = parent
                while not isinstance(rows, exp.Values) and rows is not None and rows.parent is not None:
                    rows = rows.parent
                assert rows is not None
                rows.set("expressions", [exp.Tuple(expressions=self._items(row)) for row in _ONE_ROW.findall(text)])

    def _items(self, text: str) -> list[exp.Expr]:
        return [_node(item) if item[0] != "$" else self._parameter(item) for item in _ITEM.findall(text)]

    def _parameter(self, item: str) -> exp.Expr:
        number, _, kind = (part.strip() for part in item.partition("::"))
        if int(number[1:]) > MOST_PARAMETERS:
            raise SqlError("42P02", f"there is no parameter {number}")
        made = exp.Parameter(this=exp.Literal(this=number[1:], is_string=False))
        if not kind:
            return made
        if kind not in self._types:
            self._types[kind] = self._type(kind)
        return exp.Cast(this=made, to=self._types[kind].copy())


def _node(item: str) -> exp.Expr:
    if item[0] == "'":
        return exp.Literal(this=item[1:-1].replace("''", "'"), is_string=True)
    named = _NAMED.get(item.lower())
    if named is not None:
        return named()
    if item[0] == "-":
        return exp.Neg(this=exp.Literal(this=item[1:], is_string=False))
    return exp.Literal(this=item.lstrip("+"), is_string=False)
