"""What a request did and when, for clients that ask: rows of system_traces.

Theory: a trace is a session and its events, kept in memory, the newest ones only; the reply names the session, and drivers then
read both tables. Everybody who is logged in may read them, as in Cassandra. Invariant: a trace is in the tables before its reply
goes out, with all of its events; it has no password, and no more of a text than `MOST_SHOWN` characters.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from hyperdb.frontends.cql.schema.rows import Trace, TraceEvent

_MOST = 1000
MOST_SHOWN = 8_192
_ANNOUNCED = "password"


class Traces:
    """Finished traces; for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[Trace] = deque(maxlen=_MOST)

    def keep(self, trace: Trace) -> None:
        """Keeps a trace, and forgets the oldest one where there are many."""
        with self._lock:
            self._kept.append(trace)

    def all(self) -> Sequence[Trace]:
        """Those that are kept, the oldest first."""
        with self._lock:
            return tuple(self._kept)


def shown(text: str) -> str:
    """A statement's text as traces have it: without what stands behind a word that announces a password."""
    at = text.lower().find(_ANNOUNCED)
    if at >= 0:
        text = f"{text[: at + len(_ANNOUNCED)]} *******"
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


class Tracer:
    """Gathers one trace. `now` gives microseconds since 1970, `identify` new timeuuids."""

    def __init__(self, now: Callable[[], int], identify: Callable[[], UUID]) -> None:
        self._now, self._identify = now, identify
        self.id = identify()
        self._began = now()
        self._events: list[TraceEvent] = []

    def note(self, activity: str) -> None:
        """Something was done just now."""
        thread = threading.current_thread().name
        self._events.append(TraceEvent(self._identify(), activity, self._now() - self._began, thread))

    def finished(self, request: str, client: str, parameters: Mapping[str, str]) -> Trace:
        """The whole trace."""
        duration = self._now() - self._began
        return Trace(self.id, client, "QUERY", duration, parameters, request, self._began // 1000, tuple(self._events))
