"""Records of tagged fields, as docs/file-format.md has them (Catalog).

Theory: a record is described by the fields of its dataclass: tag, and how the value is stored. Fields that have their default
are not stored; tags that are not known are kept as they came. Invariant: `decode(encode(x)) == x`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Self, TypeVar

from hyperdb.errors import CorruptError

_SHORT = 247


def varint(value: int) -> bytes:
    """An ordered varint."""
    if value <= _SHORT:
        return bytes([value])
    body = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes([_SHORT + len(body)]) + body


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The varint at `at`, and where it ends."""
    first = data[at]
    if first <= _SHORT:
        return first, at + 1
    end = at + 1 + first - _SHORT
    return int.from_bytes(data[at + 1 : end], "big"), end


@dataclass(frozen=True)
class Stored:
    """How a kind of value is stored."""

    default: Any
    write: Callable[[Any], bytes]
    read: Callable[[bytes], Any]


def blob(value: bytes) -> bytes:
    """A length and that many bytes."""
    return varint(len(value)) + value


NUM = Stored(0, varint, lambda data: read_varint(data, 0)[0])
I64 = Stored(0, lambda value: value.to_bytes(8, "little", signed=True), lambda data: int.from_bytes(data, "little", signed=True))
TEXT = Stored("", str.encode, bytes.decode)
FLAG = Stored(False, lambda _value: b"", lambda _data: True)
BYTES = Stored(None, bytes, bytes)
TYPE = Stored(b"", bytes, bytes)


def many(item: Stored) -> Stored:
    """A list of them; a tuple in Python."""

    def write(values: tuple[Any, ...]) -> bytes:
        return varint(len(values)) + b"".join(blob(item.write(value)) for value in values)

    def read(data: bytes) -> tuple[Any, ...]:
        count, at = read_varint(data, 0)
        values = []
        for _ in range(count):
            size, at = read_varint(data, at)
            values.append(item.read(data[at : at + size]))
            at += size
        return tuple(values)

    return Stored((), write, read)


def field(tag: int, stored: Stored) -> Any:
    """A field of a record."""
    return dataclasses.field(default=stored.default, metadata={"tag": tag, "stored": stored})


R = TypeVar("R", bound="Record")


@cache
def _fields(kind: type[Record]) -> dict[int, tuple[str, Stored]]:
    """Names of fields and how they are stored, by tag."""
    tagged = (each for each in dataclasses.fields(kind) if "tag" in each.metadata)  # type: ignore[arg-type]
    return {each.metadata["tag"]: (each.name, each.metadata["stored"]) for each in tagged}


class Record:
    """A base of the records: dataclasses whose fields are made by `field`."""

    def encode(self) -> bytes:
        """The record's bytes."""
        fields: dict[int, bytes] = dict(getattr(self, "unknown", ()))
        for each in dataclasses.fields(self):  # type: ignore[arg-type]
            if "tag" in each.metadata:
                stored: Stored = each.metadata["stored"]
                value = getattr(self, each.name)
                if value != stored.default:
                    fields[each.metadata["tag"]] = stored.write(value)
        return b"".join(varint(tag) + blob(fields[tag]) for tag in sorted(fields))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Back from `encode`."""
        known = _fields(cls)  # type: ignore[arg-type]
        values: dict[str, Any] = {}
        unknown: list[tuple[int, bytes]] = []
        at = 0
        while at < len(data):
            tag, at = read_varint(data, at)
            size, at = read_varint(data, at)
            value = data[at : at + size]
            at += size
            if tag in known:
                name, stored = known[tag]
                values[name] = stored.read(value)
            else:
                unknown.append((tag, value))
        if at != len(data):
            raise CorruptError(f"a record of {cls.__name__} that ends early")
        values["unknown"] = tuple(unknown)
        return cls(**values)

    def __bool__(self) -> bool:
        """Whether any field is set: a record without fields is not stored."""
        return self != type(self)()


def record(kind: type[R]) -> Stored:
    """A record inside another one."""
    return Stored(kind(), lambda value: value.encode(), kind.decode)
