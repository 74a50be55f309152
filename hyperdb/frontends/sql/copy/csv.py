"""COPY's CSV format: quotes around what would be taken for something else, NULL as an unquoted word.

Theory: PostgreSQL's documentation of COPY, CSV Format. A quote may begin and end anywhere in a field; a record may hold line ends
inside quotes, so lines are joined until their quotes are closed. Invariant: writer and reader are inverse.
"""

from __future__ import annotations

from collections.abc import Sequence

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.contract import CopyOptions
from hyperdb.frontends.sql.copy.record import Fields, Reader, broken


def _carriage_return() -> SqlError:
    return broken("unquoted carriage return found in data")


class CsvReader(Reader):
    """Lines to fields."""

    def __init__(self, options: CopyOptions, names: Sequence[str]) -> None:
        super().__init__(options, names)
        self._open: list[str] = []
        self._special = (options.quote, self.end_marker)
        self._quoted = False

    @property
    def _is_open(self) -> bool:
        return bool(self._open)

    def _records(self, lines: list[str], *, is_last: bool) -> list[str]:
        records: list[str] = []
        quote = self.options.quote
        for raw in lines:
            self._next += 1
            if not self._open and raw.rstrip("\r") == self.end_marker:
                if is_last:
                    raise broken("end-of-copy marker corrupt")
                self._over = True
                return records
            if quote in raw or self._quoted:
                self._quoted = self._left_open(raw)
            if self._quoted:
                self._open.append(raw)
                continue
            self._open.append(self._ended(raw, is_last=is_last))
            records.append("\n".join(self._open))
            self._open = []
        if is_last and self._quoted:
            raise broken("unterminated CSV quoted field")
        return records

    def _left_open(self, line: str) -> bool:
        """Whether a quote is open at the end of the line, given whether one was at its start."""
        quote, escape = self.options.quote, self.options.escape
        if quote == escape:
            # A doubled quote inside quotes closes and opens again: for this question they may be counted.
            return self._quoted ^ (line.count(quote) % 2 == 1)
        quoted, at = self._quoted, 0
        while at < len(line):
            if quoted and line[at] == escape and line[at + 1 : at + 2] in (quote, escape) and at + 1 < len(line):
                at += 1
            elif line[at] == quote:
                quoted = not quoted
            at += 1
        return quoted

    def _split(self, record: str) -> Fields:
        options = self.options
        if options.quote not in record:
            if "\r" in record:
                raise _carriage_return()
            return [self._value(place, field, False) for place, field in enumerate(record.split(options.delimiter))]
        fields: Fields = []
        at = 0
        while at <= len(record):
            text, quoted, at = self._field(record, at)
            fields.append(self._value(len(fields), text, quoted))
        return fields

    def _field(self, record: str, at: int) -> tuple[str, bool, int]:
        """One field from `at`: its text, whether any of it was quoted, and where the next one begins."""
        delimiter, quote, escape = self.options.delimiter, self.options.quote, self.options.escape
        parts: list[str] = []
        was_quoted = inside = False
        start = at
        while at < len(record):
            one = record[at]
            if inside and one == escape and record[at + 1 : at + 2] in (quote, escape) and at + 1 < len(record):
                parts.append(record[start:at])
                start = at + 1
                at += 2
                continue
            if one == quote:
                parts.append(record[start:at])
                start = at + 1
                inside = not inside
                was_quoted = True
            elif one == delimiter and not inside:
                break
            elif one == "\r" and not inside:
                raise _carriage_return()
            at += 1
        parts.append(record[start:at])
        return "".join(parts), was_quoted, at + 1

    def _value(self, place: int, text: str, quoted: bool) -> str | None:
        if text != self.options.null:
            return text
        if quoted:
            return None if place in self.options.force_null else text
        return text if place in self.options.force_not_null else None


class CsvWriter:
    """Fields to lines."""

    def __init__(self, options: CopyOptions) -> None:
        self._options = options
        self._special = (options.delimiter, options.quote, "\n", "\r")

    def line(self, fields: Sequence[str | None]) -> bytes:
        """The line of a row, its end included."""
        options = self._options
        shown = [self._shown(place, field, len(fields) == 1) for place, field in enumerate(fields)]
        return (options.delimiter.join(shown) + "\n").encode()

    def header(self, names: Sequence[str]) -> bytes:
        """The line of the columns' names, which FORCE QUOTE does not reach."""
        shown = [self._quoted(name) if self._must_quote(name, False) else name for name in names]
        return (self._options.delimiter.join(shown) + "\n").encode()

    def _shown(self, place: int, field: str | None, alone: bool) -> str:
        if field is None:
            return self._options.null
        if place in self._options.force_quote or field == self._options.null or self._must_quote(field, alone):
            return self._quoted(field)
        return field

    def _must_quote(self, field: str, alone: bool) -> bool:
        # Alone on its line this would be the end marker.
        return any(one in field for one in self._special) or (alone and field == Reader.end_marker)

    def _quoted(self, field: str) -> str:
        quote, escape = self._options.quote, self._options.escape
        if escape != quote:
            field = field.replace(escape, escape + escape)
        return quote + field.replace(quote, escape + quote) + quote
