"""Segments: the outer frames of version 5 (specification, section 2.2).

Theory: a header of 3 bytes (5 where LZ4 was agreed on) with its CRC24, a payload of 131,071 bytes at the most with its CRC32. A
self-contained segment holds whole envelopes, others hold a piece of one. Lengths are little-endian. Invariant: a payload that
comes out is what the peer put in; after the first mismatch nothing comes out any more, because nobody knows where the next
segment begins.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.protocol.compression import pack_block, unpack_block
from hyperdb.frontends.cql.protocol.reader import broken

MOST = (1 << 17) - 1
"""Bytes of a payload."""
_LENGTH_BITS = 17
_HEADER, _COMPRESSED_HEADER = 3, 5
_CRC24_BYTES, _CRC32_BYTES = 3, 4
_CRC24_INITIAL, _CRC24_POLYNOMIAL = 0x875060, 0x1974F0B
_CRC32_INITIAL = zlib.crc32(b"\xfa\x2d\x55\xca")
# Payloads shorter than this are not worth compressing.
_LEAST_COMPRESSED = 64


def _crc24_of_byte(byte: int) -> int:
    crc = byte << 16
    for _ in range(8):
        crc <<= 1
        if crc & 0x1000000:
            crc ^= _CRC24_POLYNOMIAL
    return crc


_CRC24 = tuple(_crc24_of_byte(byte) for byte in range(256))


def crc24(data: bytes) -> int:
    """Koopman's polynomial 0x8BA585 for messages of 8 bytes at the most, as Cassandra computes it."""
    crc = _CRC24_INITIAL
    for byte in data:
        crc = ((crc << 8) & 0xFFFFFF) ^ _CRC24[(crc >> 16) ^ byte]
    return crc


def crc32(data: bytes) -> int:
    """The usual one, over four bytes of Cassandra's and then the data."""
    return zlib.crc32(data, _CRC32_INITIAL)


def _segment(payload: bytes, *, self_contained: bool, compressed: bool) -> bytes:
    number, size, plain = len(payload), _HEADER, 0
    flag = _LENGTH_BITS
    if compressed:
        size, flag = _COMPRESSED_HEADER, 2 * _LENGTH_BITS
        packed = pack_block(payload) if len(payload) >= _LEAST_COMPRESSED else payload
        if len(packed) < len(payload):
            # An uncompressed length of 0 says that the payload is as it is.
            payload, number, plain = packed, len(packed), len(payload)
        number |= plain << _LENGTH_BITS
    header = (number | int(self_contained) << flag).to_bytes(size, "little")
    checks = crc24(header).to_bytes(_CRC24_BYTES, "little"), crc32(payload).to_bytes(_CRC32_BYTES, "little")
    return b"".join((header, checks[0], payload, checks[1]))


def encode(envelopes: Sequence[bytes], *, compressed: bool) -> bytes:
    """Envelopes as segments: as many in each as go in, those that are too long in segments of their own."""
    out: list[bytes] = []
    waiting: list[bytes] = []
    size = 0
    for envelope in envelopes:
        if waiting and size + len(envelope) > MOST:
            out.append(_segment(b"".join(waiting), self_contained=True, compressed=compressed))
            waiting, size = [], 0
        if len(envelope) > MOST:
            pieces = (envelope[at : at + MOST] for at in range(0, len(envelope), MOST))
            out += [_segment(piece, self_contained=False, compressed=compressed) for piece in pieces]
        else:
            waiting.append(envelope)
            size += len(envelope)
    if waiting:
        out.append(_segment(b"".join(waiting), self_contained=True, compressed=compressed))
    return b"".join(out)


class SegmentDecoder:
    """Feed it with `receive`, drain it with `next` until that gives None."""

    def __init__(self, *, compressed: bool) -> None:
        self._compressed = compressed
        self._header_bytes = (_COMPRESSED_HEADER if compressed else _HEADER) + _CRC24_BYTES
        self._buffer = bytearray()
        self._failed: CqlError | None = None

    def receive(self, data: bytes) -> None:
        """Bytes that came; they are dropped once a segment was broken."""
        if self._failed is None:
            self._buffer += data

    @property
    def held(self) -> int:
        """Bytes that came and are no payload yet."""
        return len(self._buffer)

    def next(self) -> tuple[bytes, bool] | None:
        """The next payload, and whether it is self-contained; None: more bytes are needed.

        Raises:
            CqlError: protocol, when a segment was broken, and then again each time.
        """
        if self._failed is not None:
            raise self._failed
        try:
            return self._next()
        except CqlError as error:
            self._failed = error
            self._buffer.clear()
            raise

    def _next(self) -> tuple[bytes, bool] | None:
        buffer, start = self._buffer, self._header_bytes
        if len(buffer) < start:
            return None
        header = bytes(buffer[: start - _CRC24_BYTES])
        told, computed = int.from_bytes(buffer[start - _CRC24_BYTES : start], "little"), crc24(header)
        if told != computed:
            raise _mismatch("header", told, computed)
        number = int.from_bytes(header, "little")
        length, plain = number & MOST, 0
        number >>= _LENGTH_BITS
        if self._compressed:
            plain = number & MOST
            number >>= _LENGTH_BITS
        end = start + length
        if len(buffer) < end + _CRC32_BYTES:
            return None
        payload = bytes(buffer[start:end])
        told, computed = int.from_bytes(buffer[end : end + _CRC32_BYTES], "little"), crc32(payload)
        if told != computed:
            raise _mismatch("body", told, computed)
        del buffer[: end + _CRC32_BYTES]
        return (unpack_block(payload, plain) if plain else payload), bool(number & 1)


def _mismatch(part: str, told: int, computed: int) -> CqlError:
    return broken(f"Invalid segment, unrecoverable CRC mismatch detected in its {part}. Read {told}, Computed {computed}")
