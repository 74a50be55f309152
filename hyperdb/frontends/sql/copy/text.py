"""COPY's text format: one line a row, delimiters between fields, backslashes before what would be taken for either.

Theory: PostgreSQL's documentation of COPY, Text Format. A line without a backslash is split and done; the others are unescaped
field by field, as bytes, since escapes may spell the bytes of a character. Invariant: writer and reader are inverse.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from hyperdb.frontends.sql.contract import CopyOptions
from hyperdb.frontends.sql.copy.record import Fields, Reader, broken, decoded

_ESCAPE = re.compile(rb"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_PAIR = re.compile(r"\\.", re.DOTALL)
_NAMED = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_WRITTEN = {"\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


def _unescaped(match: re.Match[bytes]) -> bytes:
    spelled = match[1]
    if len(spelled) > 1 and spelled[:1] == b"x":
        return bytes([int(spelled[1:], 16)])
    if spelled[0] in b"01234567":
        return bytes([int(spelled, 8) & 0xFF])
    return _NAMED.get(spelled, spelled)


def _is_continued(line: str) -> bool:
    """Whether the line's end is escaped: an odd number of backslashes before it."""
    return line.endswith("\\") and (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _marker(line: str) -> int | None:
    """Where the end marker stands, if its backslash is not itself escaped."""
    return next((found.start() for found in _PAIR.finditer(line) if found[0] == Reader.end_marker), None)


class TextReader(Reader):
    """Lines to fields."""

    def __init__(self, options: CopyOptions, names: Sequence[str]) -> None:
        super().__init__(options, names)
        self._open: list[str] = []
        self._special = ("\\",)
        delimiter = re.escape(options.delimiter)
        self._field = re.compile(rf"(?:[^\\{delimiter}]|\\.)*\\?", re.DOTALL)

    @property
    def _is_open(self) -> bool:
        return bool(self._open)

    def _records(self, lines: list[str], *, is_last: bool) -> list[str]:
        records: list[str] = []
        for raw in lines:
            self._next += 1
            line = self._ended(raw, is_last=is_last)
            if self.end_marker in line and (end := _marker(line)) is not None:
                # What stands before the marker in its line is a row.
                if is_last or end + len(self.end_marker) < len(line):
                    raise broken("end-of-copy marker corrupt")
                self._over = True
                return [*records, "\n".join([*self._open, line[:end]])] if end or self._open else records
            if "\r" in line and "\\\r" not in line:
                raise broken("literal carriage return found in data")
            self._open.append(line)
            if _is_continued(line):
                continue
            records.append("\n".join(self._open))
            self._open = []
        if is_last and self._open:
            # An escaped line end before the end is one; a backslash alone there is nothing.
            records.append("\n".join(self._open)[:-1] if lines else "\n".join([*self._open, ""]))
            self._open = []
        return records

    def _split(self, record: str) -> Fields:
        options = self.options
        if "\\" not in record:
            return [None if field == options.null else field for field in record.split(options.delimiter)]
        fields: Fields = []
        at = 0
        while True:
            found = self._field.match(record, at)
            assert found is not None
            raw = found[0]
            fields.append(None if raw == options.null else self._read(raw))
            at = found.end() + 1
            if at > len(record):
                return fields

    @staticmethod
    def _read(raw: str) -> str:
        if "\\" not in raw:
            return raw
        return decoded(_ESCAPE.sub(_unescaped, raw.encode()))


class TextWriter:
    """Fields to lines."""

    def __init__(self, options: CopyOptions) -> None:
        self._options = options
        written = _WRITTEN | {options.delimiter: _WRITTEN.get(options.delimiter, "\\" + options.delimiter)}
        self._table = str.maketrans(written)

    def line(self, fields: Sequence[str | None]) -> bytes:
        """The line of a row, its end included."""
        options, table = self._options, self._table
        shown = [options.null if field is None else field.translate(table) for field in fields]
        return (options.delimiter.join(shown) + "\n").encode()

    def header(self, names: Sequence[str]) -> bytes:
        """The line of the columns' names."""
        return self.line(names)
