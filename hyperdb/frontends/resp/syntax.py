"""From a syntax line to the argument tree of COMMAND DOCS.

Theory: a syntax line is a sequence of lower-case names, upper-case tokens, `[optional]`, `<one | of>` and repetitions
`x [x ...]`. A token takes the names that follow it in its group as its own. The tree is what redis-cli shows hints from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

_LEXEME = re.compile(r"\.\.\.|[\[\]<>|]|[^\s\[\]<>|]+")
_INTEGERS = frozenset(
    "count cursor db seconds milliseconds start stop end offset index increment decrement numkeys bit rank maxlen len "
    "min-match-len limit timeout-ms client-id numreplicas numlocal destination-db index1 index2 length size".split()
)
_DOUBLES = frozenset("timeout longitude latitude radius width height weight score".split())
_EMPTY = '""'
"""A word that stands for itself: MIGRATE's key when KEYS follow."""
_KEYS = frozenset("key key1 key2 source destination destkey newkey numkey".split())


@dataclass(frozen=True)
class Argument:
    """One argument of a command: its kind is `string`, `integer`, `double`, `key`, `pattern`, `unix-time`,
    `pure-token`, `oneof` or `block`; the last two have parts."""

    name: str
    kind: str
    token: str | None = None
    optional: bool = False
    multiple: bool = False
    parts: tuple[Argument, ...] = ()


def _kind(name: str) -> str:
    if name in _KEYS:
        return "key"
    if name == "pattern":
        return "pattern"
    if name.startswith("unix-time"):
        return "unix-time"
    if name in _DOUBLES:
        return "double"
    return "integer" if name in _INTEGERS else "string"


def _is_token(word: str) -> bool:
    return word == _EMPTY or (any(char.isalpha() for char in word) and word == word.upper())


class _Reader:
    """Reads lexemes once, forwards."""

    def __init__(self, line: str) -> None:
        self.lexemes = _LEXEME.findall(line)
        self.at = 0

    def peek(self) -> str | None:
        return self.lexemes[self.at] if self.at < len(self.lexemes) else None

    def take(self) -> str:
        self.at += 1
        return str(self.lexemes[self.at - 1])


def _single(parts: list[Argument], name: str) -> Argument:
    """One argument for a group of them."""
    return parts[0] if len(parts) == 1 else Argument(name, "block", parts=tuple(parts))


def _alternatives(reader: _Reader, close: str) -> Argument:
    """What stands between brackets, the closing one included."""
    choices = [_sequence(reader)]
    while reader.peek() == "|":
        reader.take()
        choices.append(_sequence(reader))
    if reader.peek() == close:
        reader.take()
    if len(choices) == 1:
        return _single(choices[0], choices[0][0].name if choices[0] else "block")
    parts = tuple(_single(choice, choice[0].name) for choice in choices if choice)
    return Argument(parts[0].name, "oneof", parts=parts)


def _repeats(reader: _Reader) -> bool:
    """Whether a `[... ...]` group that repeats what was just read follows; takes it if so."""
    if reader.peek() != "[":
        return False
    depth, at = 0, reader.at
    while at < len(reader.lexemes):
        lexeme = reader.lexemes[at]
        depth += {"[": 1, "]": -1}.get(lexeme, 0)
        if lexeme == "..." and depth == 1:
            reader.at = at + 2
            return True
        if depth == 0:
            return False
        at += 1
    return False


def _items(reader: _Reader) -> Iterator[Argument]:
    while (lexeme := reader.peek()) not in (None, "]", ">", "|", "..."):
        reader.take()
        if lexeme == "[":
            yield replace(_alternatives(reader, "]"), optional=True)
        elif lexeme == "<":
            yield _alternatives(reader, ">")
        elif lexeme is not None and _is_token(lexeme):
            following = reader.peek()
            if following is not None and following not in "[]<>|..." and not _is_token(following):
                name = reader.take()
                yield Argument(name, _kind(name), token=lexeme)
            else:
                yield Argument("empty-string" if lexeme == _EMPTY else lexeme.lower(), "pure-token", token=lexeme)
        elif lexeme is not None:
            yield Argument(lexeme, _kind(lexeme))


def _sequence(reader: _Reader) -> list[Argument]:
    found: list[Argument] = []
    for argument in _items(reader):
        found.append(argument)
        if _repeats(reader):
            # `field value [field value ...]` repeats as many names as stand in the bracket before the dots
            width = _repeated_width(reader)
            group = found[-width:] if width <= len(found) else found
            del found[-len(group) :]
            found.append(replace(_single(group, "data"), multiple=True))
    return found


def _repeated_width(reader: _Reader) -> int:
    """How many arguments the group that `_repeats` took holds."""
    end = reader.at - 2
    start, depth = end, 0
    while start >= 0:
        lexeme = reader.lexemes[start]
        if lexeme == "[" and depth == 0:
            break
        depth += {"]": 1, "[": -1}.get(lexeme, 0)
        start -= 1
    inner = _Reader("")
    inner.lexemes = reader.lexemes[start + 1 : end]
    return max(1, len(list(_items(inner))))


def arguments(syntax: str, name: str) -> tuple[Argument, ...]:
    """The arguments of command `name` (`client|id` has two words of its own in front)."""
    reader = _Reader(syntax)
    reader.at = name.count("|") + 1
    return tuple(_sequence(reader))
