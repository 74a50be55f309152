"""Versions of the protocol, and what differs between them.

Theory: the first byte of an envelope is the version, its top bit set in replies. Invariant: nobody else compares with numbers.
"""

from __future__ import annotations

V3, V4, V5, BETA = 3, 4, 5, 6
SUPPORTED = (V3, V4, V5)
"""`BETA` is served too, to clients that say with each envelope that they know what it is; it is V5 so far."""
NEWEST = V5
NAMES = ("3/v3", "4/v4", "5/v5", "6/v6-beta")
"""What SUPPORTED tells as PROTOCOL_VERSIONS."""

DIRECTION = 0x80
"""The bit of the first byte that replies have."""
_ANCIENT = (1, 2)
"""Their headers are a byte shorter: the stream is one byte."""
_VENDOR = 0x40
"""Set in the versions of another vendor (0x41, 0x42), which drivers try first."""


def is_ancient(version: int) -> bool:
    """Whether the header is that of versions 1 and 2."""
    return version in _ANCIENT


def readable_by(version: int) -> int:
    """In which version a client that came with an unknown one is answered.

    Old ones in their own, as Cassandra does; a vendor's in version 4, which all drivers that know those can read; others in the
    newest.
    """
    if is_ancient(version):
        return version
    return V4 if version & _VENDOR else NEWEST


def refusal(version: int) -> str:
    """Drivers look for `unsupported protocol version`, some for the list behind it."""
    if version == BETA:
        return f"Beta version of the protocol used ({NAMES[-1]}), but USE_BETA flag is unset"
    return f"Invalid or unsupported protocol version ({version}); supported versions are ({', '.join(NAMES)})"
