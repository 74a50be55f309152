"""Arrays, vectors and records as text and as binary.

Theory: PostgreSQL's documentation, "Array Input and Output Syntax" and "Composite Type Input and Output Syntax". An array is a
nested list whose sublists of one depth have one length; lower bounds other than 1 make it a `Bounded`. Invariant: writer and
reader are inverse; nesting is six deep at most.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.types.faults import short_binary
from hyperdb.frontends.sql.types.model import Style, Type

MOST_DIMENSIONS = 6
_MOST_ELEMENTS = (1 << 27) - 1
_BOUNDS = re.compile(r"\s*\[\s*([+-]?[0-9]{1,10})(?:\s*:\s*([+-]?[0-9]{1,10}))?\s*\]")
_SPACE = " \t\n\v\f\r"
_HEAD, _DIMENSION = struct.Struct(">iiI"), struct.Struct(">ii")


class Bounded(list[Any]):
    """An array of which a dimension does not begin at 1; `lowers` has where each begins."""

    def __init__(self, items: Sequence[Any], lowers: tuple[int, ...]) -> None:
        super().__init__(items)
        self.lowers = lowers


def lengths(value: Sequence[Any]) -> tuple[int, ...]:
    """The length of each dimension; none for an empty array."""
    found: list[int] = []
    inner: Any = value
    while isinstance(inner, list) and inner:
        found.append(len(inner))
        inner = inner[0]
    return tuple(found)


def lowers(value: Sequence[Any], dimensions: int) -> tuple[int, ...]:
    """Where each dimension begins."""
    return value.lowers if isinstance(value, Bounded) else (1,) * dimensions


def flat(value: Sequence[Any]) -> Iterator[Any]:
    """The elements in order."""
    for item in value:
        if isinstance(item, list):
            yield from flat(item)
        else:
            yield item


def shaped(items: Sequence[Any], sizes: Sequence[int], begins: Sequence[int]) -> list[Any]:
    """Elements in their dimensions."""
    nested: list[Any] = list(items)
    for size in reversed(sizes[1:]):
        nested = [nested[at : at + size] for at in range(0, len(nested), size)]
    return nested if all(lower == 1 for lower in begins) else Bounded(nested, tuple(begins))


# Text.


class _Text:
    """One array literal."""

    def __init__(self, text: str, delimiter: str) -> None:
        self._text = text
        self._at = 0
        self._word = re.compile(rf"(?:[^\\\"{{}}{re.escape(delimiter)}]|\\.)+", re.DOTALL)
        self._delimiter = delimiter

    def bad(self, detail: str | None = None) -> SqlError:
        return SqlError("22P02", f'malformed array literal: "{self._text}"', detail=detail)

    def parse(self) -> tuple[list[Any], list[tuple[int, int]] | None]:
        """Nested lists of texts, and the bounds that were written in front."""
        bounds = self._bounds()
        self._skip()
        if not self._text.startswith("{", self._at):
            raise self.bad('Array value must start with "{" or dimension information.')
        nested = self._list(1)
        self._skip()
        if self._at != len(self._text):
            raise self.bad("Junk after closing right brace.")
        return nested, bounds

    def _skip(self) -> None:
        while self._at < len(self._text) and self._text[self._at] in _SPACE:
            self._at += 1

    def _bounds(self) -> list[tuple[int, int]] | None:
        bounds: list[tuple[int, int]] = []
        while found := _BOUNDS.match(self._text, self._at):
            first, last = (found[1], found[2]) if found[2] is not None else ("1", found[1])
            if int(last) < int(first):
                raise SqlError("2202E", "upper bound cannot be less than lower bound")
            bounds.append((int(first), int(last)))
            self._at = found.end()
        if len(bounds) > MOST_DIMENSIONS:
            raise _too_deep(len(bounds))
        if not bounds:
            return None
        self._skip()
        if not self._text.startswith("=", self._at):
            raise self.bad('Missing "=" after array dimensions.')
        self._at += 1
        return bounds

    def _list(self, depth: int) -> list[Any]:
        if depth > MOST_DIMENSIONS:
            raise _too_deep(depth)
        self._at += 1
        items: list[Any] = []
        self._skip()
        if self._peek() == "}":
            if depth > 1:
                raise self.bad('Unexpected "}" character.')
            self._at += 1
            return items
        while True:
            self._skip()
            items.append(self._list(depth + 1) if self._peek() == "{" else self._element())
            self._skip()
            mark = self._peek()
            self._at += 1
            if mark == "}":
                return items
            if mark != self._delimiter:
                raise self.bad(f'Unexpected "{mark}" character.' if mark else "Unexpected end of input.")

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _element(self) -> str | None:
        if self._peek() == '"':
            return self._quoted()
        found = self._word.match(self._text, self._at)
        if found is None:
            mark = self._peek()
            raise self.bad(f'Unexpected "{mark}" character.' if mark else "Unexpected end of input.")
        self._at = found.end()
        raw = found[0]
        kept = raw.rstrip(_SPACE)
        if "\\" in raw:
            # A blank that is escaped stays.
            if kept.endswith("\\") and (len(kept) - len(kept.rstrip("\\"))) % 2 == 1:
                kept = raw[: len(kept) + 1]
            return re.sub(r"\\(.)", r"\1", kept, flags=re.DOTALL)
        return None if kept.upper() == "NULL" else kept

    def _quoted(self) -> str:
        found = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL).match(self._text, self._at)
        if found is None:
            raise self.bad("Unexpected end of input.")
        self._at = found.end()
        return re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL)


def _too_deep(number: int) -> SqlError:
    return SqlError("54000", f"number of array dimensions ({number}) exceeds the maximum allowed ({MOST_DIMENSIONS})")


def reader(element: Callable[[], Type]) -> Callable[[str, Style], list[Any]]:
    """The text reader of the arrays of a type."""

    def read(text: str, style: Style) -> list[Any]:
        kind = element()
        source = _Text(text, kind.delimiter)
        nested, bounds = source.parse()
        sizes = lengths(nested)
        items: list[Any] = []
        if not nested:
            return []
        _gather(nested, sizes, 0, items, source)
        if bounds is not None and [last - first + 1 for first, last in bounds] != list(sizes):
            raise source.bad("Specified array dimensions do not match array contents.")
        values = [None if item is None else kind.read_text(item, style) for item in items]
        return shaped(values, sizes, [first for first, _ in bounds] if bounds else [1] * len(sizes))

    return read


def _gather(nested: Any, sizes: Sequence[int], depth: int, items: list[Any], source: _Text) -> None:
    is_list = isinstance(nested, list)
    if is_list != (depth < len(sizes)):
        raise source.bad("Multidimensional arrays must have sub-arrays with matching dimensions.")
    if not is_list:
        items.append(nested)
        return
    if len(nested) != sizes[depth]:
        raise source.bad("Multidimensional arrays must have sub-arrays with matching dimensions.")
    for inner in nested:
        _gather(inner, sizes, depth + 1, items, source)


def writer(element: Callable[[], Type]) -> Callable[[list[Any], Style], str]:
    """The text writer of the arrays of a type."""

    def write(value: list[Any], style: Style) -> str:
        kind = element()
        special = re.compile(rf'[\s"\\{{}}{re.escape(kind.delimiter)}]')

        def shown(item: Any) -> str:
            if isinstance(item, list):
                return "{" + kind.delimiter.join([shown(inner) for inner in item]) + "}"
            if item is None:
                return "NULL"
            text = kind.write_text(item, style)
            if not text or text.upper() == "NULL" or special.search(text):
                return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
            return text

        prefix = ""
        if isinstance(value, Bounded) and any(lower != 1 for lower in value.lowers):
            sizes = zip(value.lowers, lengths(value), strict=True)
            prefix = "".join(f"[{lower}:{lower + size - 1}]" for lower, size in sizes) + "="
        return prefix + shown(value)

    return write


# Binary.


def sender(element: Callable[[], Type]) -> Callable[[list[Any]], bytes]:
    """The binary writer of the arrays of a type."""

    def send(value: list[Any]) -> bytes:
        kind = element()
        sizes = lengths(value)
        items = list(flat(value))
        parts = [_HEAD.pack(len(sizes), int(any(item is None for item in items)), kind.oid)]
        parts += [_DIMENSION.pack(size, lower) for size, lower in zip(sizes, lowers(value, len(sizes)), strict=True)]
        for item in items:
            raw = None if item is None else kind.write_binary(item)
            parts.append(b"\xff\xff\xff\xff" if raw is None else len(raw).to_bytes(4, "big") + raw)
        return b"".join(parts)

    return send


def receiver(element: Callable[[], Type]) -> Callable[[bytes], list[Any]]:
    """The binary reader of the arrays of a type."""

    def receive(data: bytes) -> list[Any]:
        kind = element()
        if len(data) < _HEAD.size:
            raise short_binary()
        dimensions, flags, oid = _HEAD.unpack_from(data)
        if not 0 <= dimensions <= MOST_DIMENSIONS:
            raise _too_deep(dimensions) if dimensions > 0 else SqlError("22P03", f"invalid number of dimensions: {dimensions}")
        if flags not in (0, 1):
            raise SqlError("22P03", "invalid array flags")
        if oid != kind.oid:
            shown = f"binary data has array element type {oid} instead of expected {kind.oid} ({kind.name})"
            raise SqlError("42804", shown)
        at = _HEAD.size + dimensions * _DIMENSION.size
        if len(data) < at:
            raise short_binary()
        pairs = [_DIMENSION.unpack_from(data, _HEAD.size + place * _DIMENSION.size) for place in range(dimensions)]
        number = 1
        for size, _ in pairs:
            number *= size
            if size < 0 or number > _MOST_ELEMENTS:
                raise SqlError("54000", f"array size exceeds the maximum allowed ({_MOST_ELEMENTS})")
        items = _items(data, at, number if dimensions else 0, kind)
        return shaped(items, [size for size, _ in pairs], [lower for _, lower in pairs]) if items else []

    return receive


def _items(data: bytes, at: int, number: int, kind: Type) -> list[Any]:
    items: list[Any] = []
    for _ in range(number):
        if len(data) < at + 4:
            raise short_binary()
        length = int.from_bytes(data[at : at + 4], "big", signed=True)
        at += 4
        if length < -1 or len(data) < at + max(length, 0):
            raise short_binary()
        items.append(None if length == -1 else kind.read_binary(data[at : at + length]))
        at += max(length, 0)
    if at != len(data):
        raise SqlError("22P03", "improper binary format in array")
    return items


# Vectors: one dimension that begins at 0, without NULL, written with blanks.


def vector_reader(element: Callable[[], Type]) -> Callable[[str, Style], list[Any]]:
    """The text reader of oidvector and int2vector."""

    def read(text: str, style: Style) -> list[Any]:
        kind = element()
        return [kind.read_text(word, style) for word in text.split()]

    return read


def vector_writer(element: Callable[[], Type]) -> Callable[[list[Any], Style], str]:
    """Their text writer."""
    return lambda value, style: " ".join(element().write_text(item, style) for item in value)


def vector_sender(element: Callable[[], Type]) -> Callable[[list[Any]], bytes]:
    """Their binary writer."""
    send = sender(element)

    def send_vector(value: list[Any]) -> bytes:
        return send(Bounded(value, (0,))) if value else _HEAD.pack(1, 0, element().oid) + _DIMENSION.pack(0, 0)

    return send_vector


def vector_receiver(element: Callable[[], Type]) -> Callable[[bytes], list[Any]]:
    """Their binary reader."""
    receive = receiver(element)

    def read(data: bytes) -> list[Any]:
        value = receive(data)
        if (value and lowers(value, 1) != (0,)) or len(lengths(value)) > 1 or any(item is None for item in value):
            raise SqlError("22P03", "invalid vector data")
        return list(value)

    return read
