"""What hyperedges are made of: references to vertices and hyperedges, and bare values, under order keys.

Invariant: ids and order keys are bytes here; text that comes in is UTF-8.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from hyperdb.errors import InvalidError, WrongTypeError

Text: TypeAlias = bytes | str
Kind: TypeAlias = Literal["vertex", "hyperedge", "hash", "set", "list", "sorted_set", "stream", "table", "index", "partition"]


def encoded(text: Text) -> bytes:
    """Bytes as they are, text as UTF-8.

    Raises:
        WrongTypeError: when it is neither.
        InvalidError: when it is text that UTF-8 cannot hold, as half of a surrogate pair.
    """
    if isinstance(text, bytes):
        return text
    try:
        return text.encode() if isinstance(text, str) else bytes(memoryview(text))
    except UnicodeEncodeError as error:
        raise InvalidError(f"{text!r} is no text that UTF-8 can hold") from error
    except TypeError as error:
        raise WrongTypeError(f"ids, order keys and values are bytes or text, not {type(text).__name__}") from error


def word(argument: Text | float) -> bytes:
    """An argument of a command: numbers besides, in their shortest spelling that reads back as the same.

    Raises:
        WrongTypeError: when it is neither, as None and True are.
    """
    if isinstance(argument, int | float) and not isinstance(argument, bool):
        return repr(argument).encode()
    return encoded(argument)  # type: ignore[arg-type]


@dataclass(frozen=True, init=False)
class _Reference:
    """An element, by its id."""

    id: bytes

    def __init__(self, id: Text) -> None:  # noqa: A002
        object.__setattr__(self, "id", encoded(id))


class Vertex(_Reference):
    """A member that refers to the vertex of this id."""


class Hyperedge(_Reference):
    """A member that refers to the hyperedge of this id, of whatever kind: a Redis hash is one."""


Member: TypeAlias = Vertex | Hyperedge | bytes
Members: TypeAlias = "Mapping[Text, Member | str] | Mapping[bytes, Member] | Mapping[str, Member] | Iterable[Member | str]"
RawMember: TypeAlias = tuple[bytes, int, bytes]

_VERTEX, _HYPEREDGE, _VALUE = 1, 2, 3
_POSITION_BYTES = 4


class Element(NamedTuple):
    """An element of a versioned set: its id, and the commit that added or removed it."""

    id: bytes
    version: int


class Membership(NamedTuple):
    """One place where an element is a member."""

    hyperedge: bytes
    order_key: bytes


def raw_member(order_key: Text, member: Member | str) -> RawMember:
    """A member as the native store takes it."""
    if isinstance(member, Vertex):
        return encoded(order_key), _VERTEX, member.id
    if isinstance(member, Hyperedge):
        return encoded(order_key), _HYPEREDGE, member.id
    return encoded(order_key), _VALUE, encoded(member)


def raw_members(members: Members) -> list[RawMember]:
    """Members by their order keys; of those that come without, the key is the position (4 bytes, big endian)."""
    if isinstance(members, Mapping):
        return [raw_member(order_key, member) for order_key, member in members.items()]
    return [raw_member(place.to_bytes(_POSITION_BYTES, "big"), member) for place, member in enumerate(members)]


def as_member(kind: int, content: bytes) -> Member:
    """Back from what the native store gives."""
    if kind == _VERTEX:
        return Vertex(content)
    return Hyperedge(content) if kind == _HYPEREDGE else content
