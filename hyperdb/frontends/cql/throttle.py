"""Guessing passwords, slowed down.

Theory: after a few failures every further attempt from an address has to wait for its turn, and the turns lie further apart
with each failure. Turns are given out, so that many sockets of one address guess no faster than one. Each role has turns of its
own, further failures apart, against guessing from many addresses. Invariant: at most `MOST_KNOWN` names are remembered, and
each is forgotten when it was quiet for long enough; whoever guesses right waits no longer than his address or role has earned.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MOST_KNOWN = 10_000
FREE_BY_ADDRESS, FREE_BY_ROLE = 3, 20
FIRST_SECONDS, MOST_SECONDS = 0.25, 8.0
FORGOTTEN_AFTER_SECONDS = 300.0


@dataclass(slots=True)
class _Record:
    failures: int = 0
    next_turn: float = 0.0
    last: float = 0.0


class Throttle:
    """When an attempt to log in may be looked at. `clock` gives seconds and never goes back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._records: OrderedDict[tuple[str, str], _Record] = OrderedDict()

    def turn(self, address: str, role: str) -> float:
        """Takes the next turn of both: in how many seconds it comes."""
        now = self._clock()
        start = now
        taken = []
        for key, free in _keys(address, role):
            record = self._records.get(key)
            if record is None:
                continue
            if now - record.last > FORGOTTEN_AFTER_SECONDS:
                del self._records[key]
                continue
            if record.failures >= free:
                start = max(start, record.next_turn)
                taken.append((record, min(MOST_SECONDS, FIRST_SECONDS * 2 ** min(record.failures - free, 10))))
        for record, seconds in taken:
            record.next_turn = start + seconds
        return start - now

    def failed(self, address: str, role: str) -> None:
        """A wrong password."""
        now = self._clock()
        for key, _ in _keys(address, role):
            record = self._records.setdefault(key, _Record())
            record.failures += 1
            record.last = now
            self._records.move_to_end(key)
        while len(self._records) > MOST_KNOWN:
            self._records.popitem(last=False)

    def succeeded(self, address: str, role: str) -> None:
        """The right password: its address and role are in good standing again."""
        for key, _ in _keys(address, role):
            self._records.pop(key, None)


def _keys(address: str, role: str) -> tuple[tuple[tuple[str, str], int], ...]:
    return (("address", address), FREE_BY_ADDRESS), (("role", role), FREE_BY_ROLE)
