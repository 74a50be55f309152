"""Shells of other processes: a session for each connection of the control socket that asks for one.

Theory: `sql_open` gives a number, `sql` begins a text and gives its first pages, `sql_more` the next ones (none: it is over), and
`sql_cancel` comes by another connection, with the number. Invariant: a session ends with its connection.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hyperdb.errors import InvalidError
from hyperdb.frontends.sql.embedded.texts import TextSession, as_json

if TYPE_CHECKING:
    from hyperdb.frontends.sql.backend import SqlBackend

# Pages in one message, whose size is bounded.
_PAGES = 4


class Shells:
    """Those of one server, by number."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[int, TextSession] = {}
        self._last = 0

    def add(self, session: TextSession) -> int:
        """A number for a session."""
        with self._lock:
            self._last += 1
            self._open[self._last] = session
            return self._last

    def remove(self, number: int) -> None:
        """The session ends."""
        with self._lock:
            del self._open[number]

    def cancel(self, number: int) -> bool:
        """Cancels what a session runs; false if there is none of this number."""
        with self._lock:
            found = self._open.get(number)
        if found is not None:
            found.cancel()
        return found is not None


class RemoteShell:
    """One connection's share."""

    def __init__(self, shells: Shells) -> None:
        self._shells = shells
        self._session: TextSession | None = None
        self._number = 0

    @property
    def is_open(self) -> bool:
        """Whether a session is open, so that its person may think for a while."""
        return self._session is not None

    def answer(self, operation: str, request: Mapping[str, Any], backend: SqlBackend) -> Any:
        """Does what is asked for.

        Raises:
            InvalidError: no session is open.
        """
        if operation == "sql_cancel":
            return self._shells.cancel(int(request["number"]))
        if operation == "sql_open":
            self.close()
            self._session = TextSession(backend)
            self._number = self._shells.add(self._session)
            return self._number
        if self._session is None:
            raise InvalidError("no session is open: sql_open comes first")
        if operation == "sql":
            self._session.run(str(request["text"]))
        return [as_json(page) for page in self._session.next_pages(_PAGES)]

    def close(self) -> None:
        """The connection is gone."""
        session, self._session = self._session, None
        if session is not None:
            self._shells.remove(self._number)
            session.close()
