"""What the readers of lines have in common: gathering pieces, counting lines, the header, the end marker.

Invariant: a piece is decoded once it holds a whole line, so a character cut in two is never taken for a broken one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.contract import CopyOptions

Fields = list[str | None]


class Writer(Protocol):
    """One row to one line."""

    def line(self, fields: Sequence[str | None]) -> bytes:
        """The line of a row, its end included."""

    def header(self, names: Sequence[str]) -> bytes:
        """The line of the columns' names."""


def broken(message: str) -> SqlError:
    """Input that is not of the format."""
    return SqlError("22P04", message)


def decoded(raw: bytes) -> str:
    """Text of UTF-8 without NUL.

    Raises:
        SqlError: 22021.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        bad = " ".join(f"0x{byte:02x}" for byte in raw[error.start : max(error.end, error.start + 1)])
        raise SqlError("22021", f'invalid byte sequence for encoding "UTF8": {bad}') from None
    if "\0" in text:
        raise SqlError("22021", 'invalid byte sequence for encoding "UTF8": 0x00')
    return text


class Reader:
    """Feed it with pieces; `finish` gives what has no line end. `line` is the number of the first line of the last answer."""

    end_marker = "\\."

    def __init__(self, options: CopyOptions, names: Sequence[str]) -> None:
        self.options = options
        self.line = 1
        self._names = names
        self._held: list[bytes] = []
        self._next = 1
        self._carriage: bool | None = None
        self._wants_header = options.header or options.match_header
        self._over = False
        self._special: tuple[str, ...] = ()
        """Without one of these in it, a text has no quote, no escape and no end."""

    def resume(self, line: int) -> None:
        """Plain lines, which ended without a carriage return, came before: the next one has this number."""
        self._next = line
        self._carriage = False
        self._wants_header = False

    @property
    def _is_open(self) -> bool:
        """Whether a record has begun in an earlier line."""
        raise NotImplementedError

    def feed(self, piece: bytes) -> list[Fields]:
        """The rows that are whole with this piece; what comes behind the end marker is dropped."""
        if self._over:
            return []
        cut = piece.rfind(b"\n") + 1
        if not cut:
            self._held.append(piece)
            return []
        whole = decoded(b"".join([*self._held, piece[:cut]]))
        self._held = [piece[cut:]] if cut < len(piece) else []
        plain = self._plain(whole)
        return self._rows(whole[:-1].split("\n"), is_last=False) if plain is None else plain

    def _plain(self, text: str) -> list[Fields] | None:
        """The rows of lines in which every character means itself, as most do; None where they must be read one by one."""
        if self._wants_header or self._is_open or "\r" in text or self._carriage or any(one in text for one in self._special):
            return None
        delimiter, null, number = self.options.delimiter, self.options.null, len(self._names)
        split = [line.split(delimiter) for line in text[:-1].split("\n")]
        if any(len(row) != number for row in split):
            return None
        rows: list[Fields] = [self._with_nulls(row) if null in row else row for row in split]  # type: ignore[misc]
        self._carriage = False
        self.line = self._next
        self._next += len(rows)
        return rows

    def finish(self) -> list[Fields]:
        """The rows of a last line without an end."""
        rest = b"".join(self._held)
        self._held = []
        if self._over:
            return []
        return self._rows([decoded(rest)] if rest else [], is_last=True)

    def _with_nulls(self, row: list[str]) -> Fields:
        null, kept = self.options.null, self.options.force_not_null
        return [None if field == null and place not in kept else field for place, field in enumerate(row)]

    def _rows(self, lines: list[str], *, is_last: bool) -> list[Fields]:
        self.line = self._next
        rows: list[Fields] = []
        for record in self._records(lines, is_last=is_last):
            fields = self._split(record)
            if self._wants_header:
                self._header(fields)
                self.line = self._next
                continue
            if len(fields) != len(self._names):
                self._miscounted(fields)
            rows.append(fields)
        return rows

    def _header(self, fields: Fields) -> None:
        self._wants_header = False
        if not self.options.match_header:
            return
        for place, name in enumerate(self._names):
            got = fields[place] if place < len(fields) else None
            if got != name:
                shown = f'column name mismatch in header line field {place + 1}: got "{got}", expected "{name}"'
                raise broken(shown)
        if len(fields) != len(self._names):
            raise broken(f"wrong number of fields in header line: got {len(fields)}, expected {len(self._names)}")

    def _miscounted(self, fields: Fields) -> None:
        if len(fields) > len(self._names):
            raise broken("extra data after last expected column")
        raise broken(f'missing data for column "{self._names[len(fields)]}"')

    def _ended(self, line: str, *, is_last: bool) -> str:
        """The line without a carriage return, of which either every line has one or none."""
        has = line.endswith("\r")
        if self._carriage is None:
            self._carriage = has
        if has and self._carriage:
            return line[:-1]
        if self._carriage and not is_last:
            raise broken("literal newline found in data")
        return line

    def _records(self, lines: list[str], *, is_last: bool) -> list[str]:
        """Whole records out of lines; advances `_next` by the lines taken, sets `_over` at the end marker."""
        raise NotImplementedError

    def _split(self, record: str) -> Fields:
        raise NotImplementedError
