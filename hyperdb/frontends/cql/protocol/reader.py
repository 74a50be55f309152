"""Reading the fields of one body (specification, section 3).

Theory: every field is an integer in network order or counted bytes. Counts are of things that take two bytes at least, so they
are compared with what is left before anything is made for them. Invariant: reading past the end, a count that cannot be and
text that is not UTF-8 are each a `CqlError` (protocol); no other exception comes out.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import Final

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.codes import Consistency, ErrorCode

_CONSISTENCY = {int(level): level for level in Consistency}


class Unset:
    """The value of a marker for which the client gave none: the column stays as it is."""

    _only: Unset | None = None

    def __new__(cls) -> Unset:
        """There is one."""
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset()


def broken(message: str) -> CqlError:
    """A violation of the protocol."""
    return CqlError(ErrorCode.PROTOCOL, message)


class Reader:
    """A position in a body."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self._data) - self._at

    def take(self, length: int) -> bytes:
        """The next `length` bytes."""
        at = self._at
        end = at + length
        if length < 0 or end > len(self._data):
            raise self._short_of(length)
        self._at = end
        return self._data[at:end]

    def _short_of(self, length: int) -> CqlError:
        return broken(f"Not enough bytes in the body: {length} wanted, {self.left} left")

    # Each of these is on the way of every request, so they read in place.

    def byte(self) -> int:
        """[byte]: unsigned."""
        at = self._at
        if at >= len(self._data):
            raise self._short_of(1)
        self._at = at + 1
        return self._data[at]

    def short(self) -> int:
        """[short]: unsigned, 16 bits."""
        at, data = self._at, self._data
        if at + 2 > len(data):
            raise self._short_of(2)
        self._at = at + 2
        return data[at] << 8 | data[at + 1]

    def _number(self, layout: struct.Struct) -> int:
        at = self._at
        end = at + layout.size
        if end > len(self._data):
            raise self._short_of(layout.size)
        self._at = end
        number: int = layout.unpack_from(self._data, at)[0]
        return number

    def int32(self) -> int:
        """[int]: signed, 32 bits."""
        return self._number(_INT)

    def uint32(self) -> int:
        """A set of flags of 32 bits."""
        return self._number(_UNSIGNED_INT)

    def int64(self) -> int:
        """[long]: signed, 64 bits."""
        return self._number(_LONG)

    def count(self, smallest: int) -> int:
        """[short]: how many things follow, each of which takes `smallest` bytes at least."""
        number = self.short()
        if number * smallest > self.left:
            raise broken(f"{number} items cannot be in the {self.left} bytes that are left")
        return number

    def text(self) -> str:
        """[string]."""
        return _text(self.take(self.short()))

    def long_text(self) -> str:
        """[long string]."""
        return _text(self.take(self.int32()))

    def short_bytes(self) -> bytes:
        """[short bytes]."""
        return self.take(self.short())

    def blob(self) -> bytes | None:
        """[bytes]: any negative length is null."""
        length = self.int32()
        return None if length < 0 else self.take(length)

    def value(self) -> bytes | Unset | None:
        """[value]: -1 is null, -2 unset."""
        length = self._number(_INT)
        if length >= 0:
            return self.take(length)
        if length == -1:
            return None
        if length == -2:
            return UNSET
        raise broken(f"Invalid ByteBuf length {length}")

    def texts(self) -> tuple[str, ...]:
        """[string list]."""
        return tuple([self.text() for _ in range(self.count(2))])

    def text_map(self) -> dict[str, str]:
        """[string map]."""
        return {self.text(): self.text() for _ in range(self.count(4))}

    def bytes_map(self) -> dict[str, bytes | None]:
        """[bytes map]."""
        return {self.text(): self.blob() for _ in range(self.count(6))}

    def consistency(self) -> Consistency:
        """[consistency]."""
        number = self.short()
        found = _CONSISTENCY.get(number)
        if found is None:
            raise broken(f"Unknown code {number} for a consistency level")
        return found

    def address(self) -> tuple[str, int]:
        """[inet]: an address and a port."""
        size = self.byte()
        if size not in (4, 16):
            raise broken(f"Invalid size of an address: {size}")
        host = str(ipaddress.ip_address(self.take(size)))
        return host, self.int32()


_INT, _UNSIGNED_INT, _LONG = struct.Struct(">i"), struct.Struct(">I"), struct.Struct(">q")


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise broken("Cannot decode string as UTF8") from None
