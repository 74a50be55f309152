"""COPY's binary format: a header, counted fields, a trailer.

Theory: PostgreSQL's documentation of COPY, Binary Format. Invariant: a reader that has seen the trailer takes nothing more, and
one that has not is not finished.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from hyperdb.frontends.sql.copy.record import broken

SIGNATURE = b"PGCOPY\n\xff\r\n\0"
HEADER = SIGNATURE + b"\0\0\0\0\0\0\0\0"
TRAILER = b"\xff\xff"
_COUNT = struct.Struct(">h")
_LENGTH = struct.Struct(">i")
_OIDS_FLAG = 1 << 16
# Flags above these bits change what can be read; those below may be ignored.
_CRITICAL = 0xFFFF_0000
_NULL = b"\xff\xff\xff\xff"


def row(fields: Sequence[bytes | None]) -> bytes:
    """One row."""
    parts = [_COUNT.pack(len(fields))]
    for field in fields:
        parts += (_NULL,) if field is None else (_LENGTH.pack(len(field)), field)
    return b"".join(parts)


class BinaryReader:
    """Feed it with pieces. `line` counts rows."""

    def __init__(self, number: int, most_bytes: int = 1 << 30) -> None:
        """`number` columns; `most_bytes` of one field."""
        self.line = 1
        self._number = number
        self._most = most_bytes
        self._buffer = bytearray()
        self._begun = False
        self._over = False
        self._next = 1

    def feed(self, piece: bytes) -> list[list[bytes | None]]:
        """The rows that are whole with this piece."""
        self._buffer += piece
        if not self._begun and not self._header():
            return []
        self.line = self._next
        rows: list[list[bytes | None]] = []
        at = 0
        while not self._over:
            found = self._row(at)
            if found is None:
                break
            fields, at = found
            if fields is None:
                self._over = True
                break
            rows.append(fields)
        del self._buffer[:at]
        self._next += len(rows)
        if self._over and self._buffer:
            raise broken("received copy data after EOF marker")
        return rows

    def finish(self) -> list[list[bytes | None]]:
        """Nothing may be left over."""
        if not self._begun:
            raise broken("COPY file signature not recognized")
        if self._buffer:
            raise broken("unexpected EOF in COPY data")
        return []

    def _header(self) -> bool:
        start = len(SIGNATURE)
        if not SIGNATURE.startswith(bytes(self._buffer[:start])):
            raise broken("COPY file signature not recognized")
        if len(self._buffer) < start + 8:
            return False
        flags, extension = struct.unpack_from(">Ii", self._buffer, start)
        if flags & _OIDS_FLAG:
            raise broken("invalid COPY file header (WITH OIDS)")
        if flags & _CRITICAL:
            raise broken("unrecognized critical flags in COPY file header")
        if not 0 <= extension <= self._most:
            raise broken("invalid COPY file header (wrong length)")
        if len(self._buffer) < start + 8 + extension:
            return False
        del self._buffer[: start + 8 + extension]
        self._begun = True
        return True

    def _row(self, at: int) -> tuple[list[bytes | None] | None, int] | None:
        """The row at `at` and where it ends; no row for the trailer; None where it is not whole yet."""
        buffer = self._buffer
        if len(buffer) < at + 2:
            return None
        number: int = _COUNT.unpack_from(buffer, at)[0]
        at += 2
        if number == -1:
            return None, at
        if number != self._number:
            raise broken(f"row field count is {number}, expected {self._number}")
        fields: list[bytes | None] = []
        for _ in range(number):
            if len(buffer) < at + 4:
                return None
            length: int = _LENGTH.unpack_from(buffer, at)[0]
            at += 4
            if length == -1:
                fields.append(None)
                continue
            if not 0 <= length <= self._most:
                raise broken("invalid field size")
            if len(buffer) < at + length:
                return None
            fields.append(bytes(buffer[at : at + length]))
            at += length
        return fields, at
