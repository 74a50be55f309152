"""Transactions: many reads and writes that happen at once or not at all.

Theory: a transaction reads one snapshot (at read committed: one a call), locks the rows that it writes, and commits as one
number. Each call is a statement: whole or not at all. Others' reads never wait; a Redis command that would write a locked row
waits until the transaction ends. What an app holds is counted by additions that commute, so adding elements to one app never
conflicts. The levels are PostgreSQL's, and each keeps what it says: lost updates happen at none, write skew and phantoms at
no serializable one, which is the default. The rules of the hypergraph (a member names what is there, nothing lies within itself)
hold at each level: where locks cannot see to it, the commit does.
Invariant: locks go when the transaction ends, however it ends.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import NoReturn, Self

from hyperdb.errors import InvalidError, NotBuiltError
from hyperdb.graph.members import Text, encoded
from hyperdb.graph.store import (
    LOCK_TIMEOUT,
    AppTransaction,
    Isolation,
    LockMode,
    Moment,
    StoreTransaction,
    TransactionOptions,
    Wait,
)
from hyperdb.graph.writer import AppWriter

__all__ = [
    "LOCK_TIMEOUT",
    "Isolation",
    "LockMode",
    "Transaction",
    "TransactionApp",
    "TransactionOptions",
    "Wait",
    "now_ms",
    "pause",
]

Id = Text

# Seconds between two attempts, at most.
_LONGEST_PAUSE = 0.05


def now_ms() -> int:
    """The machine's time, Unix milliseconds."""
    return time.time_ns() // 1_000_000


def pause(attempt: int) -> float:
    """Seconds to wait before attempt number `attempt`: random, so that those who met do not meet again."""
    return random.uniform(0, min(0.001 * 2.0**attempt, _LONGEST_PAUSE))  # noqa: S311


class Transaction:
    """See `hyperdb.Database.transaction`. As a context manager it commits at the end, and rolls back on an exception."""

    def __init__(
        self, inner: StoreTransaction, options: TransactionOptions, check_open: Callable[[str], object] = lambda _name: None
    ) -> None:
        self.options = options
        self._check_open = check_open
        self._inner = inner
        self._apps: dict[str, TransactionApp] = {}
        self._lock = threading.Lock()
        self._ended = False

    def app(self, name: str) -> TransactionApp:
        """The app `name` inside this transaction, made at once if it is new. It cannot be flushed until the end."""
        if not name:
            raise InvalidError("an app needs a name")
        self._check_open(name)
        with self._lock:
            app = self._apps.get(name)
        if app is None:
            app = TransactionApp(self._inner.app(encoded(name)), name)
            with self._lock:
                self._apps[name] = app
        return app

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part that is taken back when an exception leaves it, without ending the transaction.

        It also heals a transaction in which a lock was refused by a deadlock or a lost race inside the part.
        """
        number = self._inner.savepoint()
        try:
            yield
        except BaseException:
            self._inner.rollback_to(number)
            self._inner.release(number)
            raise
        self._inner.release(number)

    def commit(self) -> int:
        """Makes all of it visible as one commit, durable as the database is; its number.

        Raises:
            SerializationError: another transaction was first; nothing of this one happened.
        """
        self._ended = True
        return self._inner.commit()

    def rollback(self) -> None:
        """Ends it without a trace. A second call does nothing."""
        self._ended = True
        self._inner.rollback()

    def cancel(self) -> None:
        """Ends the present or the next wait for a lock with CancelledError; for another thread."""
        self._inner.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None:
            self.rollback()
        elif not self._ended:
            self.commit()


class TransactionApp(AppWriter):
    """An app inside a transaction. Reads see the own writes; each call, and each page of a walk, is a statement."""

    def __init__(self, inner: AppTransaction, name: str) -> None:
        self._inner = inner
        self.name = name
        self.writer = inner

    def _reader(self) -> Moment:
        return self._inner

    def get_for_update(self, id: Id, *, wait: Wait = "block") -> bytes | None:  # noqa: A002
        """Locks vertex `id` and then reads it: nobody changes it until the end.

        Raises:
            RowLockedError: with `nowait`, or with `skip`, when another transaction has it.
        """
        self.lock(id, wait="nowait" if wait == "skip" else wait)
        return self.get(id)

    def put(self, id: Id, value: bytes | str, *, expires_at: int | None = None) -> None:  # noqa: A002
        """Adds vertex `id`, replacing whatever the id named; `expires_at` in Unix milliseconds."""
        self._inner.put_vertex(encoded(id), encoded(value), expires_at)

    def remove(self, id: Id) -> bool:  # noqa: A002
        """Removes the element with all its members; whether it was there."""
        return self._inner.remove_element(encoded(id))

    def lock(self, id: Id, mode: LockMode = "update", *, wait: Wait = "block") -> bool:  # noqa: A002
        """Locks element `id`, there or not, until the end; False if `wait` is `skip` and another transaction has it.

        Raises:
            RowLockedError: with `nowait`.
            LockTimeoutError, DeadlockError, SerializationError: when waiting ended so.
        """
        return self._inner.lock_element(encoded(id), mode, wait)

    def expires_at(self, id: Id) -> int | None:  # noqa: A002
        """When element `id` expires, Unix milliseconds; None if never or if it is not there."""
        return self._inner.expires_at(encoded(id))

    def __contains__(self, id: Id) -> bool:  # noqa: A002
        return self.kind(id) is not None

    def __len__(self) -> int:
        return self.count()

    def ids(self) -> Iterator[bytes]:
        """Ids of all elements, in hash order, lazily."""
        return self._inner.ids()

    def hash(self, id: Id) -> NoReturn:  # noqa: A002
        """Refused, as the other typed views are.

        Raises:
            NotBuiltError: their rules are those of Redis's commands, which run on a commit of their own.
        """
        raise NotBuiltError(
            f"{id!r}: typed views (hash, set, list, sorted set) are not there inside a transaction: MULTI/EXEC of a Redis client"
            " makes their commands happen at once, and a transaction can hold such data as vertices and hyperedges"
        )

    set = list = sorted_set = hash  # noqa: A003
