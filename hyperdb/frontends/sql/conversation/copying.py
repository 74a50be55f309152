"""COPY as a part of the conversation: rows from the client, rows to the client.

Theory: PostgreSQL's documentation, "COPY Operations". While rows come in, Flush and Sync mean nothing and any other message is an
error. Invariant: unless CopyDone came and every row was taken, `abort` is called: nothing is half loaded, whatever happens to the
client.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql import copy
from hyperdb.frontends.sql.contract import Column, CopyIn, CopyOptions, CopyOut, Session
from hyperdb.frontends.sql.conversation.portals import find_type
from hyperdb.frontends.sql.conversation.rows import BINARY, binary_reader, fields, put, writers
from hyperdb.frontends.sql.conversation.steps import NEXT, Shared, Turn, call
from hyperdb.frontends.sql.copy import binary
from hyperdb.frontends.sql.copy.record import Reader
from hyperdb.frontends.sql.protocol import encode, messages
from hyperdb.frontends.sql.types import Style, Type, oids
from hyperdb.frontends.sql.types.charsets import UTF8, Charset


def _texts(fields: Sequence[str | None]) -> Sequence[object]:
    return fields


def _integers(fields: Sequence[str | None]) -> Sequence[object] | None:
    """Short runs of digits, as nearly all integers are; None where one is something else."""
    try:
        joined = "".join(fields)  # type: ignore[arg-type]
    except TypeError:
        return None
    if not (joined.isascii() and joined.isdigit()) or min(map(len, fields)) == 0 or max(map(len, fields)) > _SHORT:  # type: ignore[arg-type]
        return None
    return list(map(int, fields))  # type: ignore[arg-type]


# Digits that fit every integer type but int2.
_SHORT = 9
# Whole columns of the commonest types at once.
_COLUMNS: dict[int, Callable[[Sequence[str | None]], Sequence[object] | None]] = {
    oids.INT4: _integers,
    oids.INT8: _integers,
    oids.TEXT: _texts,
    oids.VARCHAR: _texts,
    oids.BPCHAR: _texts,
}
_IS_BINARY = "binary"


class Rows:
    """Pieces of input to rows of values."""

    def __init__(self, session: Session, columns: Sequence[Column], options: CopyOptions) -> None:
        types = [find_type(session, column.type) for column in columns]
        style = session.style
        self._source: copy.Reader | copy.BinaryReader
        self._read: list[Callable[[Any], object]]
        self._read_all = [_COLUMNS.get(column.type) for column in columns]
        if options.format == _IS_BINARY:
            self._source = copy.BinaryReader(len(types))
            self._read = [binary_reader(session, kind) for kind in types]
        else:
            self._source = copy.reader(options, [column.name for column in columns])
            self._read = [_with_style(kind, style) for kind in types]

    @property
    def line(self) -> int:
        """The number of the first line of the last rows."""
        return self._source.line

    def feed(self, data: bytes) -> Sequence[Sequence[object]]:
        """The rows that are whole with this piece."""
        return self._values(self._source.feed(data))

    def resume(self, line: int) -> None:
        """Earlier records were read elsewhere: what is fed now begins on this line."""
        if isinstance(self._source, Reader):
            self._source.resume(line)

    def finish(self) -> Sequence[Sequence[object]]:
        """The rows of what was left of the pieces."""
        return self._values(self._source.finish())

    def _values(self, rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[object]]:
        try:
            columns = [self._column(place, column) for place, column in enumerate(zip(*rows, strict=True))]
        except SqlError:
            # Column by column is faster; the error to tell is the first one row by row.
            read = self._read
            return [[None if f is None else turn(f) for f, turn in zip(row, read, strict=True)] for row in rows]
        return list(zip(*columns, strict=True)) if columns else [()] * len(rows)

    def _column(self, place: int, fields: Sequence[Any]) -> Sequence[object]:
        """The values of one column."""
        read_all = self._read_all[place]
        if read_all is not None and not isinstance(self._source, copy.BinaryReader):
            read = read_all(fields)
            if read is not None:
                return read
        turn = self._read[place]
        return [None if field is None else turn(field) for field in fields]


class Recoder:
    """Pieces of a client's bytes to pieces of UTF-8; a character cut in two waits for its rest."""

    def __init__(self, charset: Charset) -> None:
        self._charset = charset
        self._decoder = codecs.getincrementaldecoder(charset.codec)()

    def feed(self, data: bytes) -> bytes:
        """The characters that are whole with this piece."""
        return self._decoded(data, final=False)

    def finish(self) -> None:
        """Nothing may be left.

        Raises:
            SqlError: 22021.
        """
        self._decoded(b"", final=True)

    def _decoded(self, data: bytes, *, final: bool) -> bytes:
        try:
            return self._decoder.decode(data, final).encode()
        except UnicodeDecodeError as error:
            raise SqlError(*self._charset.fault(error)) from None


def turned(line: bytes, charset: Charset) -> bytes:
    """A line of UTF-8 as the client's."""
    return line if charset.is_unicode else charset.encoded(line.decode())


class _Loader:
    """Pieces of input to the session: as they are if it takes bytes, else as rows of values."""

    def __init__(self, session: Session, running: CopyIn) -> None:
        self._running = running
        self._rows = Rows(session, running.columns, running.options)
        charset = running.options.charset or session.style.charset
        is_plain = charset.is_unicode or running.options.format == _IS_BINARY
        self._recoder = None if is_plain else Recoder(charset)

    def feed(self, data: bytes) -> Turn[None]:
        """Takes one piece."""
        if self._recoder is not None:
            data = self._recoder.feed(data)
        if self._running.takes_bytes:
            yield from call(self._running.load, data)
        else:
            yield from self._add(self._rows.feed(data))

    def finish(self) -> Turn[str]:
        """Takes what was left of the pieces; the command tag."""
        if self._recoder is not None:
            self._recoder.finish()
        if not self._running.takes_bytes:
            yield from self._add(self._rows.finish())
        return (yield from call(self._running.finish))

    def _add(self, rows: Sequence[Sequence[object]]) -> Turn[None]:
        if rows:
            yield from call(self._running.add, rows, self._rows.line)


def _with_style(kind: Type, style: Style) -> Callable[[Any], object]:
    read = kind.read_text
    return lambda text: read(text, style)


def receive(shared: Shared, running: CopyIn) -> Turn[str]:
    """Rows from the client; the command tag."""
    code = BINARY if running.options.format == _IS_BINARY else 0
    shared.out.append(encode.copy_in([code] * len(running.columns)))
    whole = False
    try:
        loader = _Loader(shared.opened, running)
        while True:
            event = yield NEXT
            match event:
                case messages.CopyData():
                    yield from loader.feed(event.data)
                case messages.CopyDone():
                    break
                case messages.CopyFail():
                    raise SqlError("57014", f"COPY from stdin failed: {event.reason}")
                case messages.Flush() | messages.Sync():
                    pass
                case messages.Malformed():
                    raise event.error
                case _:
                    raise SqlError("08P01", f"unexpected message {type(event).__name__} during COPY from stdin")
        tag = yield from loader.finish()
        whole = True
        return tag
    finally:
        if not whole:
            running.abort()


def send(shared: Shared, running: CopyOut) -> Turn[str]:
    """Rows to the client, each in a message of its own; the command tag."""
    try:
        yield from _send(shared, running)
        return running.tag
    finally:
        running.close()


def _send(shared: Shared, running: CopyOut) -> Turn[None]:
    columns, options, session = running.columns or (), running.options, shared.opened
    is_binary = options.format == _IS_BINARY
    shared.out.append(encode.copy_out([BINARY if is_binary else 0] * len(columns)))
    charset = options.charset or session.style.charset
    # Lines are made of texts, and are turned as a whole.
    style = replace(session.style, charset=charset if is_binary else UTF8)
    write = writers(session, columns, (BINARY if is_binary else 0,), style)
    lines = copy.writer(options)
    # Clients look for the binary header in front of the first row, in the same message.
    head = binary.HEADER if is_binary else b""
    if options.header and not is_binary:
        yield from put(shared, encode.copy_data(turned(lines.header([column.name for column in columns]), charset)))
    more = True
    while more:
        encoded = None if head or not charset.is_unicode else (yield from call(running.encoded, 0, options))
        if encoded is not None:
            data, _, more = encoded
            yield from put(shared, data)
            continue
        rows, more = yield from call(running.rows, shared.terms.bounds.rows_at_once)
        for row in rows:
            raw = fields(row, write)
            line = binary.row(raw) if is_binary else turned(lines.line([None if f is None else f.decode() for f in raw]), charset)
            yield from put(shared, encode.copy_data(head + line))
            head = b""
    if is_binary:
        yield from put(shared, encode.copy_data(head + binary.TRAILER))
    shared.out.append(encode.COPY_DONE)
