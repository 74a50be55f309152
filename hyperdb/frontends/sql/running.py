"""The statement that a session runs at the moment: cancelling it, and how long it may take.

Theory: a cancel comes from another thread. It counts for the statement that runs, or for a result that is read piece by piece,
and reaches whatever that waits for: a row lock, an advisory lock, the analytic engine, a sleep. `statement_timeout` is a cancel
by a timer, told apart by `has_run_out`. Invariant: a cancel that comes when nothing runs is forgotten when the next statement
begins.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hyperdb.frontends.sql.columnar import Query as Cancellable
    from hyperdb.frontends.sql.session import SqlSession


class Patience:
    """How long the open transaction of a session waits for a lock: `lock_timeout`, also where that is set meanwhile."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session
        self._seconds: float | None = None

    def begin(self) -> float | None:
        """A transaction begins: its time in seconds; None: for ever."""
        self._seconds = self._session.settings.patience
        return self._seconds

    def heed(self) -> None:
        """The setting may have changed."""
        self._be(self._session.settings.patience)

    def lose(self) -> None:
        """Until `heed` the transaction waits for no lock."""
        self._be(0.0)

    def _be(self, seconds: float | None) -> None:
        transaction = self._session.transaction
        if transaction is not None and seconds != self._seconds:
            transaction.set_lock_timeout(seconds)
            self._seconds = seconds


class Running:
    """One session's."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session
        self._cancelled = threading.Event()
        self._watched: Cancellable | None = None
        self._timer: threading.Timer | None = None
        self.now = False
        """Whether a statement runs at this moment."""
        self.has_run_out = False
        """Whether the statement has run for as long as `statement_timeout` says."""

    def start(self) -> None:
        """From now on a cancel counts, and so does the time."""
        self._session.activity.running = True
        self._cancelled.clear()
        self.now = True
        self.has_run_out = False
        limit = int(self._session.settings.value("statement_timeout"))
        if limit:
            self._timer = threading.Timer(limit / 1000, self._run_out)
            self._timer.daemon = True
            self._timer.start()

    def stop(self) -> None:
        """Until here."""
        self.now = self._session.activity.running = False
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _run_out(self) -> None:
        self.has_run_out = True
        self.cancel()

    def cancel(self) -> None:
        """Cancels what runs, if anything does; from any thread."""
        session = self._session
        if self.now or session.streams.is_open:
            self._cancelled.set()
            query = self._watched
            if query is not None:
                query.cancel()
            transaction = session.transaction
            if transaction is not None:
                transaction.cancel()
            session.backend.advisory.wake()

    def watch(self, query: Cancellable | None) -> None:
        """A query in the analytic engine that a cancel ends, until the next call."""
        self._watched = query
        if query is not None and self._cancelled.is_set():
            query.cancel()

    def is_cancelled(self) -> bool:
        """Whether the statement was."""
        return self._cancelled.is_set()

    def wait(self, seconds: float) -> bool:
        """Waits; whether the statement was cancelled meanwhile."""
        return self._cancelled.wait(seconds)
