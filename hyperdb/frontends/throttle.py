"""Guessing passwords, slowed down, over all protocols that show an address.

Theory: after a few failures every further attempt from an address has to wait for its turn, and the turns lie further apart
with each failure (`GROWING`). Redis slows nobody down, and its applications open many connections at once, so over RESP (`EVEN`)
much more is free, and turns are short and equally far apart: a right password hardly ever waits. Failures count for both. Turns
are given out, so that many sockets of one address guess no faster than one. Each role has turns of its own, further failures
apart, against guessing from many addresses; an address from where the role has logged in before does not stand in that line,
since a stranger could make it as long as he likes. A turn that lies too far away is refused instead.
Invariant: at most `MOST_KNOWN` names are remembered, and each is forgotten when it was quiet for long enough; no line is longer
than `MOST_WAIT_SECONDS` and one turn.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from hyperdb.roles import ALIASES, BOOTSTRAP_ROLE

MOST_KNOWN = 10_000
MOST_WAIT_SECONDS = 20.0
"""Well below what clients and the servers allow for logging in."""
FORGOTTEN_AFTER_SECONDS = 300.0
_MOST_NAME = 64
"""Characters by which names are told apart: they come from strangers."""
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Pace:
    """How many failures are free, and how far apart turns lie after them."""

    free_by_address: int
    free_by_role: int
    first_seconds: float
    most_seconds: float

    def apart(self, beyond: int) -> float:
        """Seconds between turns after so many failures beyond the free ones."""
        return min(self.most_seconds, self.first_seconds * float(1 << min(beyond, 10)))


GROWING = Pace(free_by_address=3, free_by_role=20, first_seconds=0.25, most_seconds=8.0)
EVEN = Pace(free_by_address=200, free_by_role=1000, first_seconds=0.05, most_seconds=0.05)


@dataclass(slots=True)
class _Record:
    failures: int = 0
    next_turn: float = 0.0
    last: float = 0.0


class Throttle:
    """When an attempt to log in may be looked at. `clock` gives seconds and never goes back. Thread-safe."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._records: OrderedDict[Key, _Record] = OrderedDict()
        self._known: OrderedDict[Key, None] = OrderedDict()
        """Addresses from where a role has logged in."""

    def turn(self, address: str, role: str, pace: Pace = GROWING) -> float | None:
        """Takes the next turn of both: in how many seconds it comes; None: the attempt is refused, for too many wait."""
        with self._lock:
            now = self._clock()
            start = now
            taken = []
            for key, free in self._lines(address, role, pace):
                record = self._records.get(key)
                if record is None:
                    continue
                if now - record.last > FORGOTTEN_AFTER_SECONDS:
                    del self._records[key]
                    continue
                if record.failures >= free:
                    start = max(start, record.next_turn)
                    taken.append((record, pace.apart(record.failures - free)))
            if start - now > MOST_WAIT_SECONDS:
                return None
            for record, seconds in taken:
                record.next_turn = start + seconds
            return start - now

    def failed(self, address: str, role: str) -> None:
        """A wrong password."""
        with self._lock:
            now = self._clock()
            for key, _ in self._lines(address, role):
                record = self._records.setdefault(key, _Record())
                record.failures += 1
                record.last = now
                self._records.move_to_end(key)
            while len(self._records) > MOST_KNOWN:
                self._records.popitem(last=False)

    def succeeded(self, address: str, role: str) -> None:
        """The right password: its address and role are in good standing again."""
        with self._lock:
            for key, _ in self._lines(address, role):
                self._records.pop(key, None)
            pair = address, _named(role)
            self._known[pair] = None
            self._known.move_to_end(pair)
            if len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)

    def _lines(self, address: str, role: str, pace: Pace = GROWING) -> tuple[tuple[Key, int], ...]:
        """The lines in which an attempt stands, and how many failures each has free."""
        by_address = ("address", address), pace.free_by_address
        name = _named(role)
        return (by_address,) if (address, name) in self._known else (by_address, (("role", name), pace.free_by_role))


def _named(role: str) -> str:
    return BOOTSTRAP_ROLE if role in ALIASES else role[:_MOST_NAME]
