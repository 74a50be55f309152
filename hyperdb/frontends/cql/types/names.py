"""Types as CQL's text, both ways, and what may lie within what.

Theory: `frozen` is written wherever a value is one cell, as Cassandra shows types in its schema tables; where a text says it
once, all that lies inside is frozen too. User types are looked up by whoever knows the catalog. A name between single quotes is
a class of Java (`java`).
Invariant: `parse(show(x)) == x`; reading bears any text, in time that grows with its length, and types nest `MOST_NESTED` deep
at most.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from hyperdb.frontends.cql.types import java
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import (
    COUNTER,
    DURATION,
    MOST_DIMENSIONS,
    MOST_NESTED,
    MOST_PARTS,
    NATIVE,
    Custom,
    List,
    Map,
    Native,
    Set,
    Tuple,
    Type,
    Udt,
    Vector,
    count,
    depth,
    frozen,
    is_collection,
    is_multi_cell,
    parts,
)
from hyperdb.frontends.cql.words import quoted

FindType = Callable[[str | None, str], Udt]
"""The user type of a keyspace (None: the present one) and a name; raises invalid where there is none."""

_ALIASES = {"varchar": "text"}
_TOKEN = re.compile(r"""\s*(?:([A-Za-z][A-Za-z0-9_]*)|"((?:[^"]|"")+)"|'((?:[^']|'')*)'|([0-9]+)|([<>,.]))""")
_MOST_LENGTH = 1 << 16


def show(kind: Type) -> str:
    """The text of a type."""
    match kind:
        case Native(name):
            return name
        case List(element):
            shown = f"list<{show(element)}>"
        case Set(element):
            shown = f"set<{show(element)}>"
        case Map(key, value):
            shown = f"map<{show(key)}, {show(value)}>"
        case Udt(name=name):
            shown = quoted(name)
        case Tuple(elements):
            return f"frozen<tuple<{', '.join(map(show, elements))}>>"
        case Vector(element, dimension):
            return f"vector<{show(element)}, {dimension}>"
        case Custom(class_name):
            return "'" + class_name.replace("'", "''") + "'"
    return f"frozen<{shown}>" if kind.frozen else shown


def no_types(keyspace: str | None, name: str) -> Udt:
    """For texts that name no user types."""
    raise invalid(f"Unknown type {'' if keyspace is None else keyspace + '.'}{name}")


def parse(text: str, find: FindType = no_types) -> Type:
    """The type of a text.

    Raises:
        CqlError: invalid, when it names none, or one that may not be.
    """
    if len(text) > _MOST_LENGTH:
        raise invalid("The name of a type is too long")
    parser = _Parser(text, find)
    kind = parser.type(1)
    parser.end()
    return checked(kind)


def make(name: str, arguments: Sequence[Type | int], keyspace: str | None = None, find: FindType = no_types) -> Type:
    """A type by its name and what stands between the angle brackets; `checked` is to be called on the whole.

    Raises:
        CqlError: invalid, when there is no such type, or it takes other things.
    """
    kinds = [each for each in arguments if not isinstance(each, int)]
    check_size(kinds)
    lowered = name.lower()
    if keyspace is None and lowered == "vector" and len(arguments) == 2 and len(kinds) == 1 and isinstance(arguments[1], int):
        return Vector(frozen(kinds[0]), arguments[1])
    if keyspace is None and len(kinds) == len(arguments):
        match lowered, kinds:
            case "list", [element]:
                return List(element)
            case "set", [element]:
                return Set(element)
            case "map", [key, value]:
                return Map(key, value)
            case "tuple", [_, *_]:
                return frozen(Tuple(tuple(kinds)))
            case "frozen", [element]:
                if not isinstance(element, List | Set | Map | Tuple | Udt | Vector):
                    allowed = "collections, tuples, and user-defined types"
                    raise invalid(f"frozen<> is only allowed on {allowed} (got {show(element)})")
                return frozen(element)
    if arguments:
        raise invalid(f"Unknown type {quoted(name)} with {len(arguments)} arguments")
    native = NATIVE.get(_ALIASES.get(lowered, lowered)) if keyspace is None else None
    return native if native is not None else find(keyspace, name)


def checked(kind: Type) -> Type:
    """The type, if all that lies in it may lie there.

    Raises:
        CqlError: invalid.
    """
    check_size([kind])
    if depth(kind) > MOST_NESTED:
        raise invalid(f"Types may nest {MOST_NESTED} deep at most")
    _check(kind)
    return kind


def check_size(kinds: Sequence[Type]) -> None:
    """Refuses types that together hold more others than anybody walks through.

    Raises:
        CqlError: invalid.
    """
    found = 0
    for kind in kinds:
        found += count(kind)
        if found > MOST_PARTS:
            raise invalid(f"Types may have {MOST_PARTS} parts at most")


def _check(kind: Type) -> None:
    for part in parts(kind):
        if part == COUNTER:
            where = "collections" if is_collection(kind) else "user types" if isinstance(kind, Udt) else "tuples and vectors"
            raise invalid(f"Counters are not allowed inside {where}: {show(kind)}")
        if is_multi_cell(part) and not isinstance(kind, Udt):
            what = "UDTs" if isinstance(part, Udt) else "collections"
            raise invalid(f"Non-frozen {what} are not allowed inside collections: {show(kind)}")
        if isinstance(kind, Udt) and is_multi_cell(part) and isinstance(part, Udt):
            raise invalid(f"A user type cannot contain non-frozen UDTs: {show(kind)}")
        _check(part)
    match kind:
        case Map(key=key) if _has_duration(key):
            raise invalid(f"Durations are not allowed as map keys: {show(kind)}")
        case Set(element) if _has_duration(element):
            raise invalid(f"Durations are not allowed inside sets: {show(kind)}")
        case Vector(dimension=dimension) if not 1 <= dimension <= MOST_DIMENSIONS:
            raise invalid(f"vectors may only have 1 to {MOST_DIMENSIONS} dimensions; given {dimension}")
        case _:
            pass


def _has_duration(kind: Type) -> bool:
    return kind == DURATION or any(map(_has_duration, parts(kind)))


class _Parser:
    """Recursive descent over one text; as deep as types may nest."""

    def __init__(self, text: str, find: FindType) -> None:
        self._text = text
        self._find = find
        self._at = 0

    def end(self) -> None:
        """Nothing but blanks may be left."""
        if self._text[self._at :].strip():
            raise self._broken()

    def type(self, level: int) -> Type:
        """One type."""
        # A text may say `frozen` once for each level of the type.
        if level > 2 * MOST_NESTED:
            raise invalid(f"Types may nest {MOST_NESTED} deep at most")
        word, quoted_name, class_name = self._next((1, 2, 3))
        if class_name is not None:
            return java.read(class_name.replace("''", "'"), self._find)
        name = word.lower() if word is not None else (quoted_name or "").replace('""', '"')
        keyspace = None
        if self._takes("."):
            keyspace = name
            word, quoted_name, _ = self._next((1, 2))
            name = word.lower() if word is not None else (quoted_name or "").replace('""', '"')
        elif word is None:
            # Between quotes it is the name of a user type, whatever it is.
            return self._find(None, name)
        arguments: list[Type | int] = []
        if self._takes("<"):
            arguments.append(self.type(level + 1))
            while self._takes(","):
                number = self._number()
                arguments.append(self.type(level + 1) if number is None else number)
            if not self._takes(">"):
                raise self._broken()
        return make(name, arguments, keyspace, self._find)

    def _next(self, groups: tuple[int, ...]) -> tuple[str | None, str | None, str | None]:
        found = _TOKEN.match(self._text, self._at)
        if found is None or found.lastindex not in groups:
            raise self._broken()
        self._at = found.end()
        return found[1], found[2], found[3]

    def _takes(self, sign: str) -> bool:
        found = _TOKEN.match(self._text, self._at)
        if found is None or found[5] != sign:
            return False
        self._at = found.end()
        return True

    def _number(self) -> int | None:
        found = _TOKEN.match(self._text, self._at)
        if found is None or found[4] is None:
            return None
        if len(found[4]) > 9:
            raise self._broken()
        self._at = found.end()
        return int(found[4])

    def _broken(self) -> Exception:
        return invalid(f"'{self._text}' is not a type: it cannot be read from character {self._at} on")
