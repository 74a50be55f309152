"""The fields of a body as bytes (specification, section 3).

Theory: each function gives the bytes of one field; whoever writes a body joins them. Invariant: what `reader` reads comes back.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable, Mapping, Sequence

INT = struct.Struct(">i").pack
UNSIGNED_INT = struct.Struct(">I").pack
SHORT = struct.Struct(">H").pack
LONG = struct.Struct(">q").pack
NULL = INT(-1)
_MOST = 0xFFFF


def byte(number: int) -> bytes:
    """[byte]."""
    return bytes((number,))


def text(value: str) -> bytes:
    """[string]; one that is longer than a string can be is cut, since messages of errors quote what clients sent."""
    data = value.encode()
    if len(data) > _MOST:
        data = data[:_MOST].decode(errors="ignore").encode()
    return SHORT(len(data)) + data


def short_bytes(value: bytes) -> bytes:
    """[short bytes]."""
    return SHORT(len(value)) + value


def counted(value: bytes | None) -> bytes:
    """[bytes]."""
    return NULL if value is None else INT(len(value)) + value


def texts(values: Sequence[str]) -> bytes:
    """[string list]."""
    return SHORT(len(values)) + b"".join(map(text, values))


def text_multimap(values: Mapping[str, Sequence[str]]) -> bytes:
    """[string multimap]."""
    return SHORT(len(values)) + b"".join(text(key) + texts(items) for key, items in values.items())


def bytes_map(values: Mapping[str, bytes | None]) -> bytes:
    """[bytes map]."""
    return SHORT(len(values)) + b"".join(text(key) + counted(item) for key, item in values.items())


def host(address: str) -> bytes:
    """[inetaddr]."""
    packed = ipaddress.ip_address(address).packed
    return byte(len(packed)) + packed


def address(value: tuple[str, int]) -> bytes:
    """[inet]: an address and a port."""
    return host(value[0]) + INT(value[1])


def reasons(failures: Mapping[str, int]) -> bytes:
    """<reasonmap>: what went wrong at each address."""
    return INT(len(failures)) + b"".join(host(node) + SHORT(why) for node, why in failures.items())


def row(cells: Iterable[bytes | None]) -> bytes:
    """The [bytes] of a row, one after the other."""
    return b"".join([NULL if cell is None else INT(len(cell)) + cell for cell in cells])
