"""Reading the fields of one message's body.

Theory: every field is an integer in network order, a text that ends in NUL, or counted bytes. Invariant: reading past the end,
text that is not of the client's character set and bytes left over are each a `WireError` that leaves the connection usable.
"""

from __future__ import annotations

import struct

from hyperdb.errors import WireError
from hyperdb.frontends.sql.types.charsets import UTF8, Charset

_INT32 = struct.Struct(">i")


def broken(message: str, sqlstate: str = "08P01") -> WireError:
    """A protocol violation after which the connection can go on."""
    return WireError(sqlstate, message)


class Body:
    """A position in the body of a message."""

    __slots__ = ("_at", "_charset", "_data")

    def __init__(self, data: bytes, charset: Charset = UTF8) -> None:
        self._data = data
        self._charset = charset
        self._at = 0

    def take(self, length: int) -> bytes:
        """The next `length` bytes."""
        end = self._at + length
        if length < 0 or end > len(self._data):
            raise broken("insufficient data left in message")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def byte(self) -> int:
        """An unsigned byte."""
        return self.take(1)[0]

    def int32(self) -> int:
        """A signed 32-bit integer."""
        value: int = _INT32.unpack(self.take(4))[0]
        return value

    def count(self) -> int:
        """An unsigned 16-bit number of things that follow."""
        return int.from_bytes(self.take(2), "big")

    def counts(self, number: int) -> tuple[int, ...]:
        """`number` signed 16-bit integers."""
        return struct.unpack(f">{number}h", self.take(2 * number))

    def oids(self, number: int) -> tuple[int, ...]:
        """`number` unsigned 32-bit integers."""
        return struct.unpack(f">{number}I", self.take(4 * number))

    def text(self) -> str:
        """A text that ends in NUL."""
        end = self._data.find(b"\0", self._at)
        if end < 0:
            raise broken("invalid string in message")
        taken = self._data[self._at : end]
        self._at = end + 1
        try:
            return taken.decode(self._charset.codec)
        except UnicodeDecodeError as error:
            sqlstate, message = self._charset.fault(error)
            raise broken(message, sqlstate) from None

    def value(self) -> bytes | None:
        """Counted bytes; the count -1 is NULL."""
        length = self.int32()
        return None if length == -1 else self.take(length)

    def rest(self) -> bytes:
        """Whatever is left."""
        return self.take(len(self._data) - self._at)

    def end(self) -> None:
        """Nothing may be left."""
        if self._at != len(self._data):
            raise broken("invalid message format")
