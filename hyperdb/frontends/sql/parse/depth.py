"""How deep a statement nests, measured on its words before it is parsed.

Theory: the grammar, the binder and the compiler descend into a statement, about 25 frames of the interpreter for a pair of
parentheses. Each level costs a unit (parentheses, CASE, operators in front), a subquery three, and each operator of a chain one,
until a comma, AND, OR or a word of a clause ends the chain; AND, OR and set operations are flat however long. Invariant: a
statement within `MOST` is never refused for the interpreter's stack: `descent.afresh` makes room for it.
"""

from __future__ import annotations

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.parse.split import pieces

MOST = 200
"""Units."""
_SHALLOW = 24
"""Units that fit into the interpreter's own limit of 1,000 frames beside those of who asks."""
_SUBQUERY = 3
_OPERATORS = frozenset("+-*/%^<>=~!@#&|?:")
_PREFIXES = frozenset({"not", "any", "some", "join"})
_ENDING = frozenset(
    """and or select from where group having order limit offset fetch when then else union intersect except values set returning
    window on using as by in between is like ilike similar""".split()
)


def units(text: str) -> int:
    """How deep it nests, at most `MOST` + 1."""
    levels: list[list[int]] = [[0, 0]]
    """Of each level: what it weighs itself, and its chain so far."""
    deepest = total = 0
    cases: list[int] = []
    for kind, at, end in pieces(text):
        if kind == "word":
            word = text[at:end].lower()
            if word == "case":
                cases.append(len(levels))
                levels.append([1, 0])
                total += 1
            elif word == "end" and cases and cases[-1] < len(levels):
                while len(levels) > cases[-1]:
                    total -= sum(levels.pop())
                cases.pop()
            elif word == "select" and len(levels) > 1:
                levels[-1][0] += _SUBQUERY
                total += _SUBQUERY
            elif word in _PREFIXES:
                levels[-1][1] += 1
                total += 1
            elif word in _ENDING:
                total -= levels[-1][1]
                levels[-1][1] = 0
        elif kind == "other":
            mark = text[at:end]
            if mark in "([":
                levels.append([1, 0])
                total += 1
            elif mark in ")]":
                if len(levels) > 1:
                    total -= sum(levels.pop())
            elif mark == ",":
                total -= levels[-1][1]
                levels[-1][1] = 0
            elif (mark in _OPERATORS and text[at - 1 : at] not in _OPERATORS) or (mark in "+-" and text[at - 1 : at] in "+-"):
                levels[-1][1] += 1
                total += 1
        if total > deepest:
            deepest = total
            if deepest > MOST:
                break
    return deepest


def check(text: str) -> bool:
    """Whether a statement needs a stack of its own.

    Raises:
        SqlError: 54001 where it nests too deep.
    """
    marks = sum(text.count(mark) for mark in "([+-*/%^<>=~!@#&|?:")
    lowered = text.lower()
    words = sum(lowered.count(word) for word in ("case", "not", "join", "any", "some"))
    if marks + words < _SHALLOW // _SUBQUERY:
        return False
    deep = units(text)
    if deep > MOST:
        raise SqlError("54001", "stack depth limit exceeded", hint=f"The statement nests deeper than {MOST} levels.")
    return deep > _SHALLOW
