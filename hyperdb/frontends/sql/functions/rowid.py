"""Keys for rows of tables without a primary key.

Theory: rows of such a table are ordered by a hidden column, so the value grows with time: the microsecond (or one more than
the last), then 64 random bits, so that two processes never give the same. Invariant: within a process values ascend.
"""

from __future__ import annotations

import secrets
import threading
import time
from uuid import UUID

from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.functions.model import Function


class RowKeys:
    """Gives out keys; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> UUID:
        """The next key."""
        with self._lock:
            self._last = max(self._last + 1, time.time_ns() // 1000)
            return UUID(int=self._last << 64 | secrets.randbits(64))


NEXT_ROW = Function("next_row", (), kinds.UUID, RowKeys().next, volatile=True)
