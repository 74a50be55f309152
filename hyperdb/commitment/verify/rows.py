"""Claimed rows: an entry whole, some of its columns, or its digest only.

Theory: a leaf commits to a salted digest of the value; of a packed row to a small hash tree by column (the shape of RFC 6962),
so that some columns can be shown and the others stay hidden. docs/commitment.md, Leaf. Invariant: a row's digest is computed
here, never read, but for form 3, which shows no value.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

from .errors import VerificationError
from .hashing import column_salt, digest
from .places import MEMBER, parse
from .tree import Leaf
from .wire import Limits, Reader

PLAIN, PACKED, COLUMNS, DIGEST = range(4)
_HAS_VALUE, _HAS_STAMP = 1, 2
_WIDTHS = (1, 2, 4, 8, 16)
_VARIABLE = 5


@dataclass(frozen=True)
class Stamp:
    """When a cell or a row was written (microseconds), and until when it holds (seconds)."""

    timestamp: int
    ttl: int | None = None
    expires: int | None = None


@dataclass(frozen=True)
class Column:
    """One column's stored value; None is null."""

    value: bytes | None
    stamp: Stamp | None = None


@dataclass(frozen=True)
class Claimed:
    """A row as the bundle claims it: true once its leaf's opening was checked."""

    key: bytes
    version: int
    size: int
    value_digest: bytes
    form: int
    value: bytes | None
    columns: dict[int, Column] | None
    """Column id to what is stored; with id 0 the row's own stamp."""

    def leaf(self, row: int, adds: bool) -> Leaf:
        """The leaf that it claims to be, in an adds or a removes tree."""
        parsed = parse(self.key)
        packed = adds and parsed.space == MEMBER and (parsed.cid or 0) % 4 == 2
        if self.form != DIGEST and packed != (self.form in (PACKED, COLUMNS)):
            raise VerificationError("row", "the row's form is not that of its place")
        return Leaf(self.key, self.value_digest, self.version, self.size, row)


def read_row(reader: Reader) -> Claimed:
    """Reads one row."""
    reader.spend("rows")
    size, form = divmod(reader.number(), 4)
    key, version = reader.take(size), reader.number()
    if form == PLAIN:
        value, salt = reader.blob(), reader.take(16)
        return Claimed(key, version, len(key) + len(value), digest("hyperdb/value", salt, value), form, value, None)
    if form == PACKED:
        value, salt = reader.blob(), reader.take(16)
        contents = packed_contents(value, reader)
        leaves = [_column_digest(at, column_salt(salt, at), content) for at, content in contents.items()]
        whole = _row_digest(len(leaves), dict(enumerate(leaves)), _nothing_hidden)
        columns = {at: _read_content(at, content) for at, content in contents.items()}
        return Claimed(key, version, len(key) + len(value), whole, form, value, columns)
    if form == COLUMNS:
        return _read_columns(reader, key, version)
    size, value_digest = reader.number(), reader.take(32)
    if size < len(key):
        raise VerificationError("row", "a leaf of less bytes than its key has")
    return Claimed(key, version, size, value_digest, form, None, None)


def _read_columns(reader: Reader, key: bytes, version: int) -> Claimed:
    size, count, shown = reader.number(), reader.varint(), reader.varint()
    reader.spend("columns", shown)
    if not 1 <= shown <= count < 1 << 32:
        raise VerificationError("format", f"{shown} of {count} columns")
    leaves: dict[int, bytes] = {}
    columns: dict[int, Column] = {}
    index = last = -1
    for _ in range(shown):
        index += 1 + reader.varint()
        column, salt, content = reader.varint(), reader.take(16), reader.blob()
        if index >= count or not last < column < 1 << 32 or (index == 0) != (column == 0):
            raise VerificationError("format", "columns do not ascend")
        leaves[index] = _column_digest(column, salt, content)
        columns[column] = _read_content(column, content)
        last = column
    whole = _row_digest(count, leaves, lambda: reader.take(32))
    return Claimed(key, version, size, whole, COLUMNS, None, columns)


def _nothing_hidden() -> bytes:
    raise VerificationError("row", "a packed row without columns")


def _column_digest(column: int, salt: bytes, content: bytes) -> bytes:
    return digest("hyperdb/column", column.to_bytes(4, "little"), salt, content)


def _row_digest(count: int, shown: dict[int, bytes], hidden: Callable[[], bytes]) -> bytes:
    """From the leaves shown and the digests of the subtrees that are not, depth first from the left."""
    places = sorted(shown)

    def build(first: int, width: int) -> bytes:
        at = bisect_left(places, first)
        if at == len(places) or places[at] >= first + width:
            return hidden()
        if width == 1:
            return shown[first]
        left = 1 << (width - 1).bit_length() - 1
        return digest("hyperdb/fields", build(first, left), build(first + left, width - left))

    return digest("hyperdb/row", count.to_bytes(4, "little"), build(0, count))


def _read_content(column: int, content: bytes) -> Column:
    """What a column's leaf commits to: head byte, stamp, stored value."""
    head = content[0] if content else 0xFF
    stamp = None
    at = 1
    if head > 3 or (column == 0 and head & _HAS_VALUE):
        raise VerificationError("row", f"column {column} has an unknown head")
    if head & _HAS_STAMP:
        stamp, at = _read_stamp(content, 1)
    if not head & _HAS_VALUE and at != len(content):
        raise VerificationError("row", f"column {column} is null and has a value")
    return Column(content[at:] if head & _HAS_VALUE else None, stamp)


def _read_stamp(data: bytes, at: int) -> tuple[Stamp, int]:
    kind = data[at] if at < len(data) else 0xFF
    end = at + (9 if kind == 0 else 21)
    if kind > 1 or end > len(data):
        raise VerificationError("row", "a malformed stamp")
    timestamp = int.from_bytes(data[at + 1 : at + 9], "little", signed=True)
    if kind == 0:
        return Stamp(timestamp), end
    return Stamp(
        timestamp, int.from_bytes(data[at + 9 : at + 13], "little"), int.from_bytes(data[at + 13 : end], "little", signed=True)
    ), end


def packed_contents(value: bytes, outer: Reader) -> dict[int, bytes]:
    """The contents of a packed row's column leaves by id (docs/file-format.md, Packed rows); id 0 is the row itself."""
    row = Reader(value, Limits.FORMAT)
    flags, count = row.u8(), row.varint()
    outer.spend("columns", count + 1)
    if flags > 1:
        raise VerificationError("row", "a packed row with unknown flags")
    ids: list[int] = []
    widths: list[int] = []
    for _ in range(count):
        step, width = divmod(row.varint(), 8)
        ids.append((ids[-1] if ids else 0) + step)
        widths.append(width)
        if step == 0 or width > _VARIABLE or ids[-1] >= 1 << 32:
            raise VerificationError("row", "a packed row's columns do not ascend, or have an unknown width")
    bitmap = int.from_bytes(row.take(-(-count // 8)), "little")
    if bitmap >> count:
        raise VerificationError("row", "nulls behind the last column")
    values: dict[int, bytes] = {}
    present = [at for at in range(count) if not bitmap >> at & 1]
    for at in present:
        if widths[at] != _VARIABLE:
            values[at] = row.take(_WIDTHS[widths[at]])
    variable = [at for at in present if widths[at] == _VARIABLE]
    lengths = [row.varint() for _ in variable]
    values.update({at: row.take(length) for at, length in zip(variable, lengths, strict=True)})
    stamps = _packed_stamps(row, count) if flags else {}
    row.end()
    contents = {0: bytes([_HAS_STAMP if 0 in stamps else 0]) + stamps.get(0, b"")}
    for at, column in enumerate(ids):
        head = (_HAS_VALUE if at in values else 0) | (_HAS_STAMP if at + 1 in stamps else 0)
        contents[column] = bytes([head]) + stamps.get(at + 1, b"") + values.get(at, b"")
    return contents


def _packed_stamps(row: Reader, columns: int) -> dict[int, bytes]:
    """Stamps by place, as bytes without the place."""
    stamps: dict[int, bytes] = {}
    last = -1
    for _ in range(row.varint()):
        place = row.varint()
        if not last < place <= columns:
            raise VerificationError("row", "a packed row's stamps do not ascend")
        _, end = _read_stamp(row.data, row.at)
        stamps[place] = row.take(end - row.at)
        last = place
    if not stamps:
        raise VerificationError("row", "a packed row that is flagged for stamps has none")
    return stamps
