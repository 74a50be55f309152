"""Reading bytes that a stranger sent, and how much of them.

Theory: every length is checked against what is left before anything is taken, every number has one encoding, and the totals
that cost work are counted while reading. Invariant: nothing but `VerificationError` comes out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from .errors import VerificationError

MAX_STEPS = 225


@dataclass(frozen=True)
class Limits:
    """How much a bundle may hold; work grows in step with these."""

    size: int = 1 << 20
    """Bytes of the bundle."""
    points: int = 256
    """Curve points, each about a millisecond here."""
    slots: int = 1 << 14
    """Slots shown."""
    visits: int = 1 << 16
    """Slots that all queries together look at."""
    queries: int = 1 << 12
    rows: int = 1 << 14
    columns: int = 1 << 14
    """Columns hashed."""

    DEFAULT: ClassVar[Limits]
    FORMAT: ClassVar[Limits]
    """What the format allows at all."""


Limits.DEFAULT = Limits()
Limits.FORMAT = Limits(size=4 << 20, points=1 << 13, slots=1 << 18, visits=1 << 19, rows=1 << 16, columns=1 << 17)


@dataclass
class Reader:
    """Takes a bundle apart from its start; `used` counts what has a limit."""

    data: bytes
    limits: Limits
    at: int = 0
    used: dict[str, int] = field(default_factory=dict)

    def spend(self, what: str, amount: int = 1) -> None:
        """Counts work, and refuses more than the limit."""
        total = self.used[what] = self.used.get(what, 0) + amount
        if total > getattr(self.limits, what):
            raise VerificationError("size", f"more than {getattr(self.limits, what)} {what}")

    def take(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self.data):
            raise VerificationError("format", f"ends at byte {len(self.data)}, {end - len(self.data)} bytes short")
        part = self.data[self.at : end]
        self.at = end
        return part

    def u8(self) -> int:
        return self.take(1)[0]

    def u64(self) -> int:
        return int.from_bytes(self.take(8), "little")

    def varint(self) -> int:
        """The ordered varint of the file format: 0..247, or 247 + n and n bytes BE without leading zeros."""
        first = self.u8()
        if first <= 247:
            return first
        body = self.take(first - 247)
        value = int.from_bytes(body, "big")
        if value <= 247 or body[0] == 0:
            raise VerificationError("format", f"a number at byte {self.at} is not in its shortest form")
        return value

    def number(self) -> int:
        """LEB128: groups of 7 bits, the lowest first, 128 added to all but the last, which is not zero unless it is alone."""
        value = shift = 0
        while True:
            byte = self.u8()
            value |= (byte & 127) << shift
            if value >> 64 or (byte == 0 and shift):
                raise VerificationError("format", f"a number at byte {self.at} is not in its shortest form, or too large")
            if byte < 128:
                return value
            shift += 7

    def blob(self) -> bytes:
        return self.take(self.varint())

    def point(self) -> bytes:
        self.spend("points")
        return self.take(48)

    def end(self) -> None:
        if self.at != len(self.data):
            raise VerificationError("format", f"{len(self.data) - self.at} bytes behind the end")
