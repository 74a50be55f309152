"""Advisory locks: numbers that sessions lock, with a meaning that only they know.

Theory: PostgreSQL's documentation, "Advisory Locks". A lock is held for a session, until it is given back as often as it was
taken, or for a transaction, until that one ends or is rolled back to before it. One monitor guards all of them; who must wait
stands in line, so that those who share do not keep out for ever who does not. A circle of waits is found by whoever closes it
(40P01); one that also goes through locks of rows or tables is not seen here, and ends by `lock_timeout` or a cancel.
Invariant: an exclusive lock has one holder and no sharers beside it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.contract import Notice

if TYPE_CHECKING:
    from hyperdb.frontends.sql.session import SqlSession

Key = tuple[int, ...]
"""One number of 64 bits, or two of 32, which are never the same lock."""


@dataclass(eq=False, slots=True)
class _Wait:
    """Somebody in line for a lock."""

    holder: Advisory
    exclusive: bool


@dataclass(slots=True)
class _Lock:
    """One lock: who has it how often, exclusively and shared, and who waits."""

    exclusive: Counter[Advisory] = field(default_factory=Counter)
    shared: Counter[Advisory] = field(default_factory=Counter)
    line: list[_Wait] = field(default_factory=list)

    def in_the_way(self, wanted: _Wait) -> set[Advisory]:
        """Whom somebody waits for: holders, and those who stand before it."""
        found = set(self.exclusive) | (set(self.shared) if wanted.exclusive else set())
        mine = wanted.holder in self.exclusive or wanted.holder in self.shared
        if not mine:
            # Who has a part of it already need not stand behind those who wait for that part.
            before = self.line[: self.line.index(wanted)] if wanted in self.line else self.line
            found |= {each.holder for each in before if wanted.exclusive or each.exclusive}
        found.discard(wanted.holder)
        return found

    @property
    def is_free(self) -> bool:
        """Whether nobody has it or waits for it."""
        return not (self.exclusive or self.shared or self.line)


class AdvisoryLocks:
    """Those of a database."""

    def __init__(self) -> None:
        self.monitor = threading.Condition()
        self._locks: dict[Key, _Lock] = {}
        self._waiting: dict[Advisory, tuple[_Lock, _Wait]] = {}

    def take(
        self, holder: Advisory, key: Key, *, exclusive: bool, wait: bool, cancelled: Callable[[], bool], until: float
    ) -> bool:
        """Takes a lock; false if it is not free and nobody wants to wait. `until` is a time of `time.monotonic`.

        Raises:
            SqlError: 57014 when cancelled, 55P03 after `until`, 40P01 where waiting would never end.
        """
        with self.monitor:
            lock = self._locks.setdefault(key, _Lock())
            wanted = _Wait(holder, exclusive)
            try:
                if lock.in_the_way(wanted):
                    if not wait:
                        return False
                    self._stand(lock, wanted, cancelled, until)
                (lock.exclusive if exclusive else lock.shared)[holder] += 1
                return True
            finally:
                self._tidy(key, lock)

    def _stand(self, lock: _Lock, wanted: _Wait, cancelled: Callable[[], bool], until: float) -> None:
        lock.line.append(wanted)
        self._waiting[wanted.holder] = (lock, wanted)
        try:
            while lock.in_the_way(wanted):
                if self._is_circle(wanted.holder):
                    raise SqlError("40P01", "deadlock detected", hint="See server log for query details.")
                if cancelled():
                    raise SqlError("57014", "canceling statement due to user request")
                left = until - time.monotonic()
                if left <= 0:
                    raise SqlError("55P03", "canceling statement due to lock timeout")
                self.monitor.wait(min(left, threading.TIMEOUT_MAX))
        finally:
            lock.line.remove(wanted)
            del self._waiting[wanted.holder]
            self.monitor.notify_all()

    def _is_circle(self, start: Advisory) -> bool:
        seen: set[Advisory] = set()
        left = [start]
        while left:
            waiting = self._waiting.get(left.pop())
            if waiting is None:
                continue
            for each in waiting[0].in_the_way(waiting[1]):
                if each is start:
                    return True
                if each not in seen:
                    seen.add(each)
                    left.append(each)
        return False

    def give_back(self, holder: Advisory, key: Key, *, exclusive: bool, count: int = 1) -> None:
        """Gives a lock back so many times."""
        with self.monitor:
            lock = self._locks[key]
            held = lock.exclusive if exclusive else lock.shared
            held[holder] -= count
            if held[holder] <= 0:
                del held[holder]
            self._tidy(key, lock)
            self.monitor.notify_all()

    def _tidy(self, key: Key, lock: _Lock) -> None:
        if lock.is_free:
            self._locks.pop(key, None)

    def wake(self) -> None:
        """Whoever waits looks whether it was cancelled."""
        with self.monitor:
            self.monitor.notify_all()


class Advisory:
    """The advisory locks of one session."""

    def __init__(self, session: SqlSession, locks: AdvisoryLocks) -> None:
        self._session = session
        self._locks = locks
        self._kept: Counter[tuple[Key, bool]] = Counter()
        """Of the session, by number and whether exclusive."""
        self._passing: list[tuple[int, Key, bool]] = []
        """Of the transaction, with the savepoints that stood then."""

    def take(self, key: Key, *, exclusive: bool, passing: bool, wait: bool) -> bool:
        """Takes a lock, for the transaction if `passing`.

        Raises:
            SqlError: see `AdvisoryLocks.take`.
        """
        session = self._session
        limit = int(session.settings.value("lock_timeout"))
        until = time.monotonic() + (limit / 1000 if limit else threading.TIMEOUT_MAX / 2)
        taken = self._locks.take(self, key, exclusive=exclusive, wait=wait, cancelled=session.running.is_cancelled, until=until)
        if taken and passing:
            self._passing.append((len(session.savepoints), key, exclusive))
        elif taken:
            self._kept[key, exclusive] += 1
        return taken

    def give_back(self, key: Key, *, exclusive: bool) -> bool:
        """Gives a lock of the session back once; false if it has none."""
        if not self._kept[key, exclusive]:
            kind = "ExclusiveLock" if exclusive else "ShareLock"
            self._session.notice(Notice(f"you don't own a lock of type {kind}", "01000", "WARNING"))
            return False
        self._kept[key, exclusive] -= 1
        self._locks.give_back(self, key, exclusive=exclusive)
        return True

    def give_all_back(self) -> None:
        """Those of the session."""
        kept, self._kept = self._kept, Counter()
        for (key, exclusive), count in kept.items():
            if count:
                self._locks.give_back(self, key, exclusive=exclusive, count=count)

    @property
    def is_pending(self) -> bool:
        """Whether the transaction's end gives any back."""
        return bool(self._passing)

    def roll_back(self, place: int) -> None:
        """ROLLBACK TO the savepoint of that place."""
        while self._passing and self._passing[-1][0] > place:
            _, key, exclusive = self._passing.pop()
            self._locks.give_back(self, key, exclusive=exclusive)

    def release(self, place: int) -> None:
        """RELEASE of the savepoint of that place."""
        self._passing = [(min(depth, place), key, exclusive) for depth, key, exclusive in self._passing]

    def end(self) -> None:
        """The transaction has ended."""
        self.roll_back(-1)
