"""A store's files read without the engine, written from the section *Files* of docs/file-format.md alone.

Theory: whoever has the document and the bytes has the data. Checks are part of reading: a checksum that does not hold is a
`ValueError`, so the reader below cannot agree by accident.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ADD, REMOVE, ADOPT = 1, 2, 3
SALTS = [0x47B6137B, 0x44974D91, 0x8824AD5B, 0xA2B7289D, 0x705495C7, 0x2DF1424B, 0x9EFC4947, 0x5C6BFB31]
"""Of the Apache Parquet format's split-block Bloom filter."""
MASK = (1 << 64) - 1


@dataclass(frozen=True)
class Entry:
    family: int
    key: bytes
    version: int
    op: int
    value: bytes


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC_TABLE = _crc_table()


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def ensure(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(what)


class Cursor:
    """Takes the parts of a record off its front."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def take(self, n: int) -> bytes:
        ensure(self.at + n <= len(self.data), "it ends early")
        self.at += n
        return self.data[self.at - n : self.at]

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "little")

    def leb(self) -> int:
        value = shift = 0
        while True:
            byte = self.number(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def done(self) -> bool:
        return self.at == len(self.data)


def unlz4(data: bytes, size: int) -> bytes:
    """An LZ4 block: literals and copies of what came before."""
    source, out = Cursor(data), bytearray()

    def length(nibble: int) -> int:
        total = nibble
        while nibble == 15:
            byte = source.number(1)
            total += byte
            if byte < 255:
                break
        return total

    while True:
        token = source.number(1)
        out += source.take(length(token >> 4))
        if source.done():
            break
        back = source.number(2)
        ensure(0 < back <= len(out), "a copy from before the beginning")
        for _ in range(length(token & 15) + 4):
            out.append(out[-back])
    ensure(len(out) == size, "another length than promised")
    return bytes(out)


def opened(envelope: bytes) -> bytes:
    body, crc = envelope[:-4], int.from_bytes(envelope[-4:], "little")
    ensure(crc32c(body) == crc, "checksum of an envelope")
    stored, codec, size = body[:-5], body[-5], int.from_bytes(body[-4:], "little")
    ensure(codec in (0, 1), "codec")
    return stored if codec == 0 else unlz4(stored, size)


def key_hash(key: bytes) -> int:
    def fold(a: int, b: int) -> int:
        product = a * b
        return (product ^ product >> 64) & MASK

    final, whole = 0xA5A3564E27F88627, len(key) // 8 * 8
    state = (len(key) ^ final) * 0x9E3779B97F4A7C15 & MASK
    for at in range(0, whole, 8):
        state = fold(state ^ int.from_bytes(key[at : at + 8], "little"), 0xD6E8FEB86659FD93)
    rest = int.from_bytes(key[whole:], "little")
    return fold(state ^ rest, final) ^ (state << 29 | state >> 35) & MASK


def may_hold(bloom: bytes, hashed: int) -> bool:
    block = (hashed >> 32) * (len(bloom) // 32) >> 32
    words = struct.unpack_from("<8I", bloom, 32 * block)
    low = hashed & 0xFFFFFFFF
    return all(word >> ((low * salt & 0xFFFFFFFF) >> 27) & 1 for word, salt in zip(words, SALTS, strict=True))


def block_entries(family: int, block: bytes, adopted: int) -> Iterator[Entry]:
    base, count, prefix_length, wide, zero = struct.unpack_from("<QIHBB", block)
    ensure(count > 0 and wide < 2 and zero == 0, "head of a block")
    cursor = Cursor(block, 16)
    prefix, prints = cursor.take(prefix_length), cursor.take(count)
    offsets = [cursor.number(4 if wide else 2) for _ in range(count)]
    start = cursor.at
    for offset, fingerprint in zip(offsets, prints, strict=True):
        ensure(cursor.at == start + offset, "offset of an entry")
        suffix, value, version = cursor.leb(), cursor.leb(), cursor.leb()
        key = prefix + cursor.take(suffix)
        ensure(key_hash(key) >> 56 == fingerprint, "fingerprint")
        yield Entry(family, key, adopted + base + version, REMOVE if value & 1 else ADD, cursor.take(value >> 1))
    ensure(cursor.done(), "bytes behind the last entry")


PROPERTIES = (
    """table family entries removes superseded settles raw_bytes oldest newest bloom_offset bloom_bytes index_bytes""".split()
)


def table_entries(path: Path, number: int, family: int, adopted: int = 0) -> list[Entry]:
    data = path.read_bytes()
    footer = data[-28:]
    offset, size, version, crc, magic = struct.unpack("<QIII8s", footer)
    ensure(magic == b"HyperSST" and version == 1 and crc == crc32c(footer[:16]), "footer")
    cursor = Cursor(opened(data[offset : offset + size]))
    found = {name: cursor.leb() for name in PROPERTIES}
    smallest, largest = cursor.take(cursor.leb()), cursor.take(cursor.leb())
    ensure(cursor.done() and found["table"] == number and found["family"] == family, "properties")
    bloom_end = found["bloom_offset"] + found["bloom_bytes"]
    bloom = opened(data[found["bloom_offset"] : bloom_end])
    index = Cursor(opened(data[bloom_end : bloom_end + found["index_bytes"]]))
    ensure(bloom_end + found["index_bytes"] == offset and offset + size + 28 == len(data), "parts tile the file")
    entries: list[Entry] = []
    at, before = 0, b""
    for _ in range(index.leb()):
        separator, size = index.take(index.leb()), index.leb()
        block = list(block_entries(family, opened(data[at : at + size]), adopted))
        ensure(all(before <= entry.key <= separator for entry in block), "separators")
        entries += block
        at, before = at + size, separator
    ensure(index.done() and at == found["bloom_offset"], "index")
    order = [(entry.key, -entry.version) for entry in entries]
    ensure(order == sorted(set(order)), "order of entries")
    ensure(all(may_hold(bloom, key_hash(entry.key)) for entry in entries), "filter")
    ensure(len(entries) == found["entries"], "count of entries")
    ensure(sum(entry.op == REMOVE for entry in entries) == found["removes"], "count of removes")
    ensure((entries[0].key, entries[-1].key) == (smallest, largest), "bounds")
    return entries


def log_entries(path: Path, flushed: int, named: int) -> Iterator[tuple[int, list[Entry]]]:
    """Commits above `flushed` in one segment, each with its changes; `named`: the newest whose tables the manifest names."""
    data, number = path.read_bytes(), int(path.stem).to_bytes(8, "little")
    ensure(data[:16] == b"HDBWAL\x00\x01" + number, "head of a segment")
    ensure(struct.unpack_from("<II", data, 24) == (crc32c(number + data[:24]), 0), "checksum of a segment")
    at = 32
    while at + 24 <= len(data):
        length, crc, commit, _synced = struct.unpack_from("<IIQQ", data, at)
        end = at + 24 + (length + 7) // 8 * 8
        if commit == 0 or end > len(data) or crc != crc32c(number + data[at : at + 4] + data[at + 8 : end]):
            return
        changes, cursor = [], Cursor(data[at + 24 : at + 24 + length])
        while not cursor.done():
            head, key, value = cursor.number(1), cursor.leb(), cursor.leb()
            ensure(head & 3 != 0 and not head & 8, "kind of a change")
            raw_key, raw_value = cursor.take(key), cursor.take(value)
            if head & 3 != ADOPT:
                changes.append(Entry(head >> 4, raw_key, commit, head & 3, raw_value))
            elif commit > max(flushed, named):
                table = Cursor(raw_key).leb()
                found = path.parent / f"{table:012}.sst"
                ensure(found.stat().st_size == Cursor(raw_value).leb(), "length of an adopted table")
                changes += table_entries(found, table, head >> 4, commit)
        if commit > flushed:
            yield commit, changes
        at = end


@dataclass(frozen=True)
class StoreFiles:
    kept: list[int]
    newest: int
    entries: list[Entry]
    """Of all tables and the log; of one key and version the last counts."""

    def at(self, commit: int) -> dict[tuple[int, bytes], bytes]:
        """What is there at `commit`, by family and key."""
        newest: dict[tuple[int, bytes], Entry] = {}
        for entry in self.entries:
            place = (entry.family, entry.key)
            if entry.version <= commit and (place not in newest or newest[place].version <= entry.version):
                newest[place] = entry
        return {place: entry.value for place, entry in newest.items() if entry.op == ADD}


def read_store(directory: Path) -> StoreFiles:
    data = (directory / "MANIFEST").read_bytes()
    magic, length, crc = struct.unpack_from("<8sII", data)
    ensure(magic == b"HDBMAN\x00\x01" and length == len(data) - 16, "head of the manifest")
    ensure(crc == crc32c(data[:12] + data[16:]), "checksum of the manifest")
    body = Cursor(data[16:])
    body.leb()
    body.take(16)
    flushed, promised, _next_table = body.leb(), body.leb(), body.leb()
    kept = [body.leb() for _ in range(body.leb())]
    tables = [(body.leb(), body.number(1), body.number(1), body.leb()) for _ in range(body.leb())]
    named, adopted = 0, dict[int, int]()
    if not body.done():
        ensure([body.leb() for _ in range(body.leb())] != [] or not body.done(), "no commits for frames are not written")
    if not body.done():
        named = body.leb()
        adopted = {body.leb(): body.leb() for _ in range(body.leb())}
    ensure(body.done(), "bytes behind the manifest")
    entries: list[Entry] = []
    for number, family, _level, size in tables:
        path = directory / f"{number:012}.sst"
        ensure(path.stat().st_size == size, "length of a table")
        entries += table_entries(path, number, family, adopted.get(number, 0))
    newest = flushed
    for path in sorted(directory.glob("*.wal")):
        for commit, changes in log_entries(path, flushed, named):
            ensure(commit == newest + 1, "a gap in the log")
            newest = commit
            entries += changes
    ensure(newest >= promised, "the log ends before what was promised")
    return StoreFiles(kept, newest, entries)
