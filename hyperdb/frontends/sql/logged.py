"""What operators may have written down: connections, statements, how long they took.

Theory: PostgreSQL's settings log_connections, log_disconnections, log_statement and log_min_duration_statement, to the logger
`hyperdb.sql.log` at level INFO. A statement's time ends with its last row and, where it is a transaction of its own, with its
commit: when the next one begins, or the client's text or pipeline is at its end. Invariant: no value of a parameter is written,
and no text of a statement that holds a password or comes from a session that reads privately.
"""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING

from hyperdb.frontends.sql.parse.words import first_word
from hyperdb.frontends.sql.settings import PRIVACY
from hyperdb.frontends.sql.statement import Query, SqlPrepared

if TYPE_CHECKING:
    from hyperdb.frontends.sql.contract import Opening
    from hyperdb.frontends.sql.session import SqlSession

LOG = logging.getLogger("hyperdb.sql.log")
_DEFINING = frozenset({"create", "alter", "drop", "grant", "revoke", "comment", "refresh", "import", "security", "reassign"})
_CHANGING = frozenset({"insert", "update", "delete", "merge", "truncate", "copy"})
_LEVELS = ("none", "ddl", "mod", "all")
_SECRET = re.compile(r"\bpassword\b", re.IGNORECASE)


def _level_of(prepared: SqlPrepared) -> int:
    """The least level of log_statement that has such a statement, as a place among the levels."""
    first = first_word(prepared.text)
    if first in _DEFINING:
        return 1
    is_change = isinstance(prepared.body, Query) and not prepared.body.tag.startswith("SELECT")
    return 2 if first in _CHANGING or is_change else 3


class Logged:
    """What is written of one session."""

    def __init__(self, session: SqlSession, opening: Opening) -> None:
        self._session = session
        self._who = f"[{opening.process_id}] {opening.role}@{opening.database}"
        self._host = opening.address
        self._is_remote = opening.terminate is not None
        self._opened = time.monotonic()
        self._text: str | None = None
        """Of the statement whose time is taken."""
        self._began = 0.0

    def connected(self) -> None:
        """The client has been let in."""
        settings = self._session.settings
        if self._is_remote and settings.value("log_connections") == "on":
            name = settings.value("application_name")
            LOG.info("%s connection authorized: host=%s application_name=%r", self._who, self._host, name)

    def disconnected(self) -> None:
        """The client is gone."""
        self.ended()
        if self._is_remote and self._session.settings.value("log_disconnections") == "on":
            minutes, seconds = divmod(time.monotonic() - self._opened, 60)
            spent = f"{int(minutes // 60)}:{int(minutes % 60):02d}:{seconds:06.3f}"
            LOG.info("%s disconnection: session time: %s host=%s", self._who, spent, self._host)

    def begin(self, prepared: SqlPrepared) -> None:
        """A statement begins."""
        if self._text is not None:
            self.ended()
        settings = self._session.settings
        wanted, least = settings.value("log_statement"), settings.value("log_min_duration_statement")
        if wanted == "none" and least == "-1":
            return
        text = self._shown(prepared.text)
        if wanted != "none" and _level_of(prepared) <= _LEVELS.index(wanted):
            LOG.info("%s statement: %s", self._who, text)
        if least != "-1":
            self._text, self._began = text, time.perf_counter()

    def ended(self) -> None:
        """The statement whose time is taken, if there is one, is at its end."""
        text, self._text = self._text, None
        if text is None:
            return
        spent = (time.perf_counter() - self._began) * 1000
        least = int(self._session.settings.value("log_min_duration_statement"))
        if 0 <= least <= spent:
            LOG.info("%s duration: %.3f ms  statement: %s", self._who, spent, text)

    def failed(self) -> None:
        """It failed: its time says nothing."""
        self._text = None

    def _shown(self, text: str) -> str:
        if self._session.settings.value(PRIVACY) != "none":
            return "(of a session that reads privately)"
        if _SECRET.search(text):
            return f"{' '.join(text.split()[:2])} (with a password)"
        return text.replace("\n", "\n\t")
