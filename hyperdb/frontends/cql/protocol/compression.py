"""LZ4 and snappy, with a bound on what a few bytes may become.

Theory: both say beforehand how long the unpacked bytes are, and neither can grow beyond a known factor: an LZ4 block 255 times,
snappy 64 bytes out of 3. A length that is larger than the limit, or than the packed bytes can give, is refused before memory is
taken.
Invariant: bytes that are not what a peer packed are a `CqlError` (protocol), whatever they are.
"""

from __future__ import annotations

from typing import Protocol

import cramjam

from hyperdb.frontends.cql.protocol.reader import broken

_MOST_GROWTH_LZ4 = 255
_MOST_GROWTH_SNAPPY = 22
_SLACK = 64
"""What the factors leave out: the first literals."""
_LENGTH_BYTES = 4


class Compression(Protocol):
    """How bodies of versions 3 and 4 are packed."""

    name: str

    def pack(self, data: bytes) -> bytes:
        """The packed form."""

    def unpack(self, data: bytes, most: int) -> bytes:
        """Back, if it is `most` bytes at the most.

        Raises:
            CqlError: protocol, when it is more, or was not packed so.
        """


def pack_block(data: bytes) -> bytes:
    """An LZ4 block without its length."""
    return bytes(cramjam.lz4.compress_block(data, store_size=False))


def unpack_block(data: bytes, length: int) -> bytes:
    """An LZ4 block of which it is known how long it becomes.

    Raises:
        CqlError: protocol, when it does not become so long.
    """
    if length > len(data) * _MOST_GROWTH_LZ4 + _SLACK:
        raise broken(f"Compressed bytes cannot become {length} bytes")
    # Into a buffer: the function that returns one fills up what is missing.
    out = bytearray(length)
    try:
        written = cramjam.lz4.decompress_block_into(data, out, output_len=length)
    except cramjam.DecompressionError:
        written = -1
    if written != length:
        raise broken("Compressed bytes cannot be read")
    return bytes(out)


class Lz4:
    """The length, 4 bytes in network order, and a block."""

    name = "lz4"

    def pack(self, data: bytes) -> bytes:
        """See `Compression`."""
        return len(data).to_bytes(_LENGTH_BYTES, "big") + pack_block(data)

    def unpack(self, data: bytes, most: int) -> bytes:
        """See `Compression`."""
        if len(data) < _LENGTH_BYTES:
            raise broken("Compressed bytes cannot be read")
        length = int.from_bytes(data[:_LENGTH_BYTES], "big")
        if length > most:
            raise broken(f"Compressed bytes become {length} bytes, {most} are allowed")
        return unpack_block(data[_LENGTH_BYTES:], length) if length else b""


class Snappy:
    """Snappy's raw format."""

    name = "snappy"

    def pack(self, data: bytes) -> bytes:
        """See `Compression`."""
        return bytes(cramjam.snappy.compress_raw(data))

    def unpack(self, data: bytes, most: int) -> bytes:
        """See `Compression`."""
        try:
            length = cramjam.snappy.decompress_raw_len(data)
            if length > most:
                raise broken(f"Compressed bytes become {length} bytes, {most} are allowed")
            if length > len(data) * _MOST_GROWTH_SNAPPY + _SLACK:
                raise broken(f"Compressed bytes cannot become {length} bytes")
            return bytes(cramjam.snappy.decompress_raw(data))
        except cramjam.DecompressionError:
            raise broken("Compressed bytes cannot be read") from None


COMPRESSIONS: dict[str, Compression] = {each.name: each for each in (Snappy(), Lz4())}
"""By the names that STARTUP and SUPPORTED have."""
