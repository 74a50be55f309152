"""What a session says of itself to others: pg_stat_activity, pg_cancel_backend, pg_terminate_backend.

Invariant: another session reads what stands here, and changes nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hyperdb.frontends.sql.contract import Opening
    from hyperdb.frontends.sql.session import SqlSession


class Activity:
    """One session's. Times are microseconds since 1970."""

    def __init__(self, opening: Opening, now: int) -> None:
        self.address = opening.address
        """Of the client; empty for one in this process."""
        self.terminate = opening.terminate
        self.is_remote = opening.terminate is not None
        """Whether it is of a client of the server."""
        self.began = self.changed = now
        self.query = ""
        """The statement that runs, or the last one that ran."""
        self.query_began: int | None = None
        self.running = False

    def begin(self, query: str, now: Callable[[], int]) -> None:
        """A statement begins."""
        self.query = query
        self.query_began = self.changed = now()

    def transaction(self, session: SqlSession) -> int | None:
        """When the open transaction began."""
        return session.transaction_time if session.transaction is not None else None
