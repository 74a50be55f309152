"""What one execution of a plan has of its own: values, constants that were lifted out of its text, the time.

Invariant: a frame belongs to one request; plans are shared by all.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import UUID

from hyperdb.frontends.cql.functions.moments import timeuuid
from hyperdb.frontends.cql.parse.terms import Literal
from hyperdb.frontends.cql.protocol.reader import Unset

Value: TypeAlias = bytes | Unset | None
Row: TypeAlias = Sequence[Any]
"""Bytes or None for values; numbers, or lists of them, for times."""
_EPOCH = 0x01B21DD213814000
_MULTICAST = 1 << 40


def micros() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def no_root(_number: int | None) -> bytes | None:
    """Where no frames are sealed."""
    return None


class Clock:
    """Times of writes, each later than the one before, and what identifies by time or by chance. For many threads."""

    def __init__(self, now: Callable[[], int] = micros) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._last = 0
        self._last_ticks = 0
        # A random node is marked as such (RFC 4122, 4.5).
        self._rest = 1 << 63 | secrets.randbits(14) << 48 | _MULTICAST | secrets.randbits(40)

    def now(self) -> int:
        """Microseconds since 1970."""
        return self._now()

    def write_time(self) -> int:
        """Now, but later than any that was given before."""
        with self._lock:
            self._last = max(self._now(), self._last + 1)
            return self._last

    def timeuuid(self) -> UUID:
        """A new one."""
        with self._lock:
            self._last_ticks = max(self._now() * 10 + _EPOCH, self._last_ticks + 1)
            return timeuuid(self._last_ticks, self._rest)


@dataclass(slots=True)
class Frame:
    """See the module. It is the `Environment` of functions too."""

    clock: Clock
    begun: int
    """When the request began, microseconds since 1970."""
    now: int
    """What counts as now for what ends, seconds since 1970."""
    values: Sequence[Value] = ()
    literals: tuple[Literal, ...] = ()
    timestamp: int = 0
    """Of writes without one of their own."""
    sees_masked: bool = True
    """Whether masked columns are shown as they are."""
    warnings: list[str] = field(default_factory=list)
    root: Callable[[int | None], bytes | None] = no_root
    """See `Environment`."""
    kept: dict[int, object] = field(default_factory=dict)
    """What parts of a plan have made once for the request, by their own keys."""

    def millis(self) -> int:
        """When the statement began, milliseconds since 1970."""
        return self.begun // 1000

    def timeuuid(self) -> UUID:
        """A new one, later than all before it."""
        return self.clock.timeuuid()

    def uuid(self) -> UUID:
        """A new random one (version 4)."""
        return UUID(bytes=secrets.token_bytes(16), version=4)
