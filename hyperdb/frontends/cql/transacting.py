"""A request's transaction: begun, run again where it lost a race, kept or undone.

Theory: at read committed a change locks the rows that it touches, and begins again when one of them is newer than what it saw;
conditional changes are serializable, and begin again when anything that they read has changed. Invariant: a body's effects are
committed once, or nothing of it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from hyperdb.errors import CancelledError, CqlError, DeadlockError, RowChangedError, SerializationError
from hyperdb.frontends.cql.codes import Consistency, ErrorCode
from hyperdb.frontends.cql.patience import Limit
from hyperdb.frontends.cql.schema.model import Schema
from hyperdb.graph.catalog.tables import TableTransaction
from hyperdb.graph.store import TransactionOptions

if TYPE_CHECKING:
    from hyperdb.frontends.cql.backend import CqlBackend

T = TypeVar("T")
_MOST_TRIES = 1000
_SECONDS_FOR_LOCKS = 10.0


@dataclass(frozen=True, slots=True)
class Kind:
    """How a transaction is begun, and what a write that lost all its races is told as."""

    options: TransactionOptions
    write_type: str = "SIMPLE"


READ = Kind(TransactionOptions("read committed", read_only=True))
WRITE = Kind(TransactionOptions("read committed", lock_timeout=_SECONDS_FOR_LOCKS))
SERIAL = Kind(TransactionOptions("serializable", lock_timeout=_SECONDS_FOR_LOCKS), "CAS")


class Transacting:
    """Runs the transactions of one session, several at a time."""

    def __init__(self, backend: CqlBackend) -> None:
        self._backend = backend
        self._lock = threading.Lock()
        self._open: set[TableTransaction] = set()
        self._is_cancelled = False

    def check(self) -> None:
        """For whoever runs long.

        Raises:
            CancelledError: nobody waits for it any more.
        """
        if self._is_cancelled:
            raise CancelledError("the client is gone, or the server stops")

    def cancel(self) -> None:
        """What waits or runs in one of them gives up: the session is at its end."""
        self._is_cancelled = True
        with self._lock:
            found = list(self._open)
        for transaction in found:
            transaction.cancel()

    def run(self, kind: Kind, body: Callable[[TableTransaction, Schema], T], limit: Limit | None = None) -> T:
        """Runs `body` in a transaction of its own; it waits for locks, and begins again, within `limit`.

        Raises:
            CqlError: what `body` raises; the limit's, or write timeout, where others always came first.
        """
        for _ in range(_MOST_TRIES):
            options = kind.options if limit is None else limit.within(kind.options)
            transaction = self._backend.tables.begin(options)
            with self._lock:
                self._open.add(transaction)
            done = False
            try:
                found = self._run(transaction, body)
                if not kind.options.read_only:
                    transaction.commit()
                    done = True
                return found
            except (SerializationError, DeadlockError):
                continue
            finally:
                with self._lock:
                    self._open.discard(transaction)
                if not done:
                    transaction.rollback()
        extra = {"consistency": Consistency.SERIAL, "received": 0, "block_for": 1, "write_type": kind.write_type}
        raise CqlError(ErrorCode.WRITE_TIMEOUT, "Operation timed out: others changed the row all the time", extra)

    def run_at(self, commit: int, body: Callable[[TableTransaction, Schema], T]) -> T:
        """Runs `body`, which only reads, on what there was at a past commit, with the schema of that time.

        Raises:
            BehindHorizonError: it is no longer kept.
        """
        transaction = self._backend.tables.begin_at(commit)
        try:
            transaction.open()
            return body(transaction, self._backend.schemas.of(transaction, None))
        finally:
            transaction.rollback()

    def _run(self, transaction: TableTransaction, body: Callable[[TableTransaction, Schema], T]) -> T:
        for _ in range(_MOST_TRIES):
            version = transaction.open()
            kept = False
            try:
                schema = self._backend.schemas.of(transaction, version)
                if version is not None:
                    self._backend.watcher.look(schema)
                found = body(transaction, schema)
                kept = True
                return found
            except RowChangedError:
                # The row stays locked, so that the next try sees it as it is.
                continue
            finally:
                transaction.close(kept)
        raise SerializationError("the row changes all the time")
