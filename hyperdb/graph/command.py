"""RESP3 replies as Python values.

Theory: a recursive descent over one whole reply that our own encoder wrote; the length prefixes tell where to cut, so
nothing is scanned twice. Strings stay bytes: the database does not know their encoding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

from hyperdb.errors import CommandError, InvalidError, WrongTypeError

Value: TypeAlias = "bool | int | float | bytes | list[Value] | dict[Value, Value] | set[Value] | None"


class Command(Protocol):
    """Runs one RESP data command on an app."""

    def __call__(self, *args: bytes | str | float) -> Value:
        """Its reply."""


def decode(reply: bytes) -> Value:
    """The value of one reply.

    Raises:
        WrongTypeError: for Redis's WRONGTYPE.
        CommandError: for every other error reply.
    """
    value, end = _value(reply, 0)
    if end != len(reply):
        raise InvalidError("bytes after the reply")
    return value


def _value(raw: bytes, at: int) -> tuple[Value, int]:
    line_end = raw.index(b"\r\n", at)
    kind, line, after = raw[at : at + 1], raw[at + 1 : line_end], line_end + 2
    if kind == b"-":
        text = line.decode("utf-8", "replace")
        raise (WrongTypeError if text.startswith("WRONGTYPE") else CommandError)(text)
    scalar = _SCALARS.get(kind)
    if scalar is not None:
        return scalar(line), after
    length = int(line)
    if length < 0:
        return None, after
    if kind in b"$=":
        text_start = after + (4 if kind == b"=" else 0)
        return raw[text_start : after + length], after + length + 2
    items: list[Value] = []
    for _ in range(length * (2 if kind == b"%" else 1)):
        item, after = _value(raw, after)
        items.append(item)
    if kind == b"%":
        return dict(zip(items[::2], items[1::2], strict=True)), after
    return (set(items) if kind == b"~" else items), after


_SCALARS: Mapping[bytes, Callable[[bytes], Value]] = {
    b"+": lambda line: line,
    b":": int,
    b",": float,
    b"#": lambda line: line == b"t",
    b"_": lambda _: None,
}
