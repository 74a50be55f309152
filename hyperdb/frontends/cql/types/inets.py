"""Addresses as Java writes and reads them, which is what Cassandra shows and takes.

Theory: an address of version 6 is written as eight groups without zeros before them and none left out; a mapped one
(::ffff:a.b.c.d) is the address of version 4 that it stands for. One of version 4 may be written with fewer than four numbers, of
which the last fills what is left. Names of hosts are not looked up. Invariant: `read(text(address)) == address` but for mapped
ones.
"""

from __future__ import annotations

import ipaddress
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
_PARTS = 4


def text(address: Address) -> str:
    """The address as text."""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    packed = address.packed
    return ":".join(f"{int.from_bytes(packed[at : at + 2], 'big'):x}" for at in range(0, len(packed), 2))


def read(shown: str) -> Address | None:
    """The address that a text is; None: it is none."""
    if ":" not in shown:
        return _version4(shown)
    inner = shown[1:-1] if shown.startswith("[") and shown.endswith("]") else shown
    try:
        found = ipaddress.IPv6Address(inner.partition("%")[0])
    except ValueError:
        return None
    return found.ipv4_mapped or found


def _version4(shown: str) -> Address | None:
    parts = shown.split(".")
    if len(parts) > _PARTS or not all(part.isascii() and part.isdigit() and len(part) <= 10 for part in parts):
        return None
    *heads, last = map(int, parts)
    if any(head > 0xFF for head in heads) or last >= 1 << 8 * (_PARTS - len(heads)):
        return None
    number = last
    for at, head in enumerate(heads):
        number |= head << 8 * (_PARTS - 1 - at)
    return ipaddress.IPv4Address(number)
