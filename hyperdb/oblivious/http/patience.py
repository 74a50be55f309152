"""Connections that strangers cannot keep for themselves: requests come within their time, and who is idle makes room.

Theory: a connection costs a stranger nothing and a server one of its slots. uvicorn ends connections that are idle behind an
answer; not those on which nothing ever came, a head that comes a byte at a time, or an answer that nobody takes. So a head has a
deadline, a body as long as its bytes take on a slow line, and an answer has to be taken now and then. When slots run out the
connection goes that has been idle longest: whoever owned it opens another one, as it would after a restart.
Invariant: connections are never more than their number; one on which a request is answered is not closed for another's sake.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 30.0
"""From the first byte of a head to its last, and from connecting to the first head."""
STALLED_SECONDS = 60.0
"""For which nobody takes anything of an answer."""
SLOWEST = 8192
"""Bytes of a body that come in a second."""
_LOG = logging.getLogger(__name__)
_LOG.setLevel(logging.ERROR)
"""Not uvicorn's: what strangers send makes no lines here, and a host program's own uvicorn keeps its."""
_MOST_BODY = 4 << 20
"""No body that is read is larger: one that announces more is refused, and gets no more time."""


class PatientProtocol(H11Protocol):
    """See the module."""

    def __init__(self, *rest: Any, **named: Any) -> None:
        super().__init__(*rest, **named)
        self.logger = _LOG
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._heard = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there; room is made for it."""
        super().connection_made(transport)
        self._heard = self.loop.time()
        self._wait(HEAD_SECONDS)
        if self.limit_concurrency is not None and len(self.connections) >= self.limit_concurrency:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        """Some bytes of requests came."""
        before = self.conn.their_state
        self._heard = self.loop.time()
        super().data_received(data)
        now = self.conn.their_state
        if now is h11.SEND_BODY and before is not h11.SEND_BODY:
            self._wait(HEAD_SECONDS + min(self._announced(), _MOST_BODY) / SLOWEST)
        elif now is h11.IDLE and self._deadline is None and self.timeout_keep_alive_task is None:
            self._wait(HEAD_SECONDS)
        elif now not in (h11.IDLE, h11.SEND_BODY):
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._stop_waiting()
        self.resume_writing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Nobody takes what was written."""
        super().pause_writing()
        self._stalled = self._stalled or self.loop.call_later(STALLED_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Somebody does."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is asked here now."""
        return self.cycle is None or self.cycle.response_complete

    def _announced(self) -> int:
        text = dict(self.headers).get(b"content-length", b"")
        return int(text) if text.isdigit() and len(text) < 19 else _MOST_BODY

    def _make_room(self) -> None:
        others = [each for each in self.connections if isinstance(each, PatientProtocol) and each is not self and each.is_idle]
        if others:
            idlest = min(others, key=lambda each: each._heard)
            self.connections.discard(idlest)
            idlest.transport.abort()

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(seconds, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
