"""Files of RDB made by hand, from the format's description alone: every encoding that Redis up to 7.2 writes, older ones too.

Theory: a writer that shares no code with the reader under test, so that both are checked. Values are written in the encoding
that is asked for, whether Redis would choose it or not.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence

_POLYNOMIAL = 0x95AC9329AC4BC9B5
"""Jones's, bits reflected."""


def _row(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_ROWS = [_row(byte) for byte in range(256)]


def crc64(data: bytes) -> int:
    """The sum at a file's end."""
    crc = 0
    for byte in data:
        crc = _ROWS[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc


def length(number: int) -> bytes:
    """A number as a length."""
    if number < 1 << 6:
        return bytes([number])
    if number < 1 << 14:
        return bytes([0x40 | number >> 8, number & 0xFF])
    return b"\x80" + struct.pack(">I", number) if number < 1 << 32 else b"\x81" + struct.pack(">Q", number)


def text(data: bytes) -> bytes:
    """A string as it is."""
    return length(len(data)) + data


def integer(number: int) -> bytes:
    """A string that is a small number."""
    for code, form in ((0xC0, "<b"), (0xC1, "<h"), (0xC2, "<i")):
        try:
            return bytes([code]) + struct.pack(form, number)
        except struct.error:
            continue
    raise ValueError(number)


def lzf(data: bytes) -> bytes:
    """A compressed string: literals, and one reference for each run of a byte."""
    block, at = bytearray(), 0
    while at < len(data):
        run = 1
        while at + run < len(data) and data[at + run] == data[at] and run < 260:
            run += 1
        if run >= 10:
            back = run - 1
            block += bytes([0, data[at]]) + bytes([0xE0, back - 2 - 7, 0])
            at += run
            continue
        piece = data[at : at + min(run, 32)]
        block += bytes([len(piece) - 1]) + piece
        at += len(piece)
    return b"\xc3" + length(len(block)) + length(len(data)) + bytes(block)


def _back_length(size: int) -> bytes:
    # Redis takes a digit more than it needs for the greatest number of two, three or four digits.
    count = next(count for count, most in enumerate((128, 16383, 2097151, 268435455, 1 << 32), 1) if size < most)
    digits = [size >> 7 * place & 0x7F for place in range(count)]
    return bytes(digit | (0x80 if place < len(digits) - 1 else 0) for place, digit in enumerate(digits))[::-1]


def _packed_integer(number: int) -> bytes:
    if 0 <= number < 128:
        return bytes([number])
    if -4096 <= number < 4096:
        return bytes([0xC0 | (number >> 8 & 0x1F), number & 0xFF])
    for code, size in ((0xF1, 2), (0xF2, 3), (0xF3, 4), (0xF4, 8)):
        if -(1 << 8 * size - 1) <= number < 1 << 8 * size - 1:
            return bytes([code]) + number.to_bytes(size, "little", signed=True)
    raise ValueError(number)


def _packed(item: bytes | int) -> bytes:
    if isinstance(item, int):
        return _packed_integer(item)
    size = len(item)
    if size < 64:
        return bytes([0x80 | size]) + item
    if size < 4096:
        return bytes([0xE0 | size >> 8, size & 0xFF]) + item
    return b"\xf0" + struct.pack("<I", size) + item


def listpack(items: Sequence[bytes | int]) -> bytes:
    """Items in a listpack."""
    body = b"".join((form := _packed(item)) + _back_length(len(form)) for item in items)
    return struct.pack("<IH", len(body) + 7, min(len(items), 0xFFFF)) + body + b"\xff"


def _zipped(item: bytes | int) -> bytes:
    if isinstance(item, int):
        if 0 <= item <= 12:
            return bytes([0xF1 + item])
        for code, size in ((0xFE, 1), (0xC0, 2), (0xF0, 3), (0xD0, 4), (0xE0, 8)):
            if -(1 << 8 * size - 1) <= item < 1 << 8 * size - 1:
                return bytes([code]) + item.to_bytes(size, "little", signed=True)
        raise ValueError(item)
    size = len(item)
    if size < 64:
        return bytes([size]) + item
    if size < 1 << 14:
        return bytes([0x40 | size >> 8, size & 0xFF]) + item
    return b"\x80" + struct.pack(">I", size) + item


def ziplist(items: Sequence[bytes | int]) -> bytes:
    """Items in a ziplist."""
    body, before, last = b"", 0, 10
    for item in items:
        last = 10 + len(body)
        entry = (bytes([before]) if before < 254 else b"\xfe" + struct.pack("<I", before)) + _zipped(item)
        body += entry
        before = len(entry)
    return struct.pack("<IIH", len(body) + 11, last, len(items)) + body + b"\xff"


def zipmap(fields: Mapping[bytes, bytes]) -> bytes:
    """Fields in a zipmap (before Redis 2.6)."""
    body = b"".join(bytes([len(field)]) + field + bytes([len(value), 0]) + value for field, value in fields.items())
    return bytes([len(fields)]) + body + b"\xff"


def intset(numbers: Iterable[int], width: int) -> bytes:
    """Numbers in a set of integers of so many bytes each."""
    members = sorted(numbers)
    return struct.pack("<II", width, len(members)) + b"".join(each.to_bytes(width, "little", signed=True) for each in members)


def stream(version: int, entries: Sequence[tuple[tuple[int, int], Sequence[bytes]]], groups: bytes = b"\0") -> bytes:
    """A stream's value in one of the three versions; entries are ids with fields and values in turn."""
    out = b""
    if entries:
        (first_ms, first_seq), words = entries[0]
        names = words[::2]
        pack: list[bytes | int] = [len(entries), 0, len(names), *names, 0]
        for (ms, seq), each in entries:
            same = each[::2] == names
            pack += [2 if same else 0, ms - first_ms, seq - first_seq]
            pack += [*each[1::2], 3 + len(names)] if same else [len(each) // 2, *each, 4 + len(each)]
        out += length(1) + text(struct.pack(">QQ", first_ms, first_seq)) + text(listpack(pack))
    else:
        out += length(0)
    last = entries[-1][0] if entries else (0, 0)
    out += length(len(entries)) + length(last[0]) + length(last[1])
    if version > 1:
        first = entries[0][0] if entries else (0, 0)
        out += length(first[0]) + length(first[1]) + length(0) + length(0) + length(len(entries))
    return out + groups


def group(version: int, name: bytes, last: tuple[int, int], consumer: bytes, held: Sequence[tuple[int, int]]) -> bytes:
    """One group with one consumer, to which entries were delivered once at second 1."""
    out = length(1) + text(name) + length(last[0]) + length(last[1])
    if version > 1:
        out += length(len(held))
    out += length(len(held)) + b"".join(struct.pack(">QQ", *each) + struct.pack("<q", 1000) + length(1) for each in held)
    out += length(1) + text(consumer) + struct.pack("<q", 2000)
    if version > 2:
        out += struct.pack("<q", 1500)
    return out + length(len(held)) + b"".join(struct.pack(">QQ", *each) for each in held)


def entry(kind: int, key: bytes, value: bytes, before: bytes = b"") -> bytes:
    """A key; `before` is what is said of it in front."""
    return before + bytes([kind]) + text(key) + value


def expires_ms(at: int) -> bytes:
    """When the next key expires."""
    return b"\xfc" + struct.pack("<q", at)


def expires_s(at: int) -> bytes:
    """As before Redis 2.6."""
    return b"\xfd" + struct.pack("<i", at)


def database(number: int) -> bytes:
    """The keys that follow are of this database."""
    return b"\xfe" + length(number)


def sizes(keys: int, expiring: int) -> bytes:
    """How many they are."""
    return b"\xfb" + length(keys) + length(expiring)


def fact(name: bytes, value: bytes) -> bytes:
    """Something about who wrote the file."""
    return b"\xfa" + text(name) + text(value)


def library(code: bytes) -> bytes:
    """A library of functions."""
    return b"\xf5" + text(code)


def module_id(name: str, version: int) -> int:
    """The number of a module's type."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    number = 0
    for letter in name:
        number = number << 6 | letters.index(letter)
    return number << 10 | version


def file(*parts: bytes, version: int = 11, sum_of: bytes | None = None) -> bytes:
    """A whole file; `sum_of` is another sum than the right one."""
    whole = b"REDIS%04d" % version + b"".join(parts) + b"\xff"
    if version < 5:
        return whole
    return whole + (struct.pack("<Q", crc64(whole)) if sum_of is None else sum_of)
