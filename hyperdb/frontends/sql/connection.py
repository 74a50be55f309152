"""One client's socket: bytes to its conversation and back, its waits to whoever can wait.

Theory: the event loop calls this with what came; the conversation answers at once or says what it waits for. A wait is run on a
worker thread, or announced by the session itself, and its end comes back through the loop, so that one session is never on two
threads. Backpressure goes both ways: a client that does not read pauses its conversation, and one whose conversation waits is not
read beyond a bound. Invariant: a conversation is closed exactly once, never while something of it runs elsewhere.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from concurrent.futures import Executor, Future
from typing import Protocol, cast

from hyperdb.errors import CancelledError, HyperDBError
from hyperdb.frontends.listening import Member
from hyperdb.frontends.sql.contract import IdleLimit, Lane, WouldWait
from hyperdb.frontends.sql.conversation import Conversation

LOG = logging.getLogger("hyperdb.sql")
# Input in bytes that is taken of a client whose conversation waits.
_MOST_HELD = 1 << 20

ADMIN_SHUTDOWN = ("57P01", "terminating connection due to administrator command")


class Owner(Protocol):
    """The server, as a connection sees it."""

    loop: asyncio.AbstractEventLoop
    tls: ssl.SSLContext | None

    @property
    def workers(self) -> Executor:
        """What runs waits that block."""

    def lost(self, connection: Connection) -> None:
        """The connection is gone and its conversation closed."""


class Connection(Member):
    """See the module. Every method runs on the loop's thread, but for those that say otherwise."""

    def __init__(self, owner: Owner, number: int, conversation: Conversation, seconds_to_log_in: float) -> None:
        self.number = number
        """What clients call its process id."""
        self._owner = owner
        self._conversation = conversation
        self._transport: asyncio.Transport | None = None
        self._can_write = True
        self._reading = True
        self._is_busy = False
        self._is_lost = False
        self._stopping = False
        self._closed = False
        self._lane: Lane | None = None
        """Who answers while the client is lent."""
        self._rest: bytes | None = None
        """What came while the lane waits; None: it does not."""
        self._waits = 0
        self._silence: asyncio.TimerHandle | None = None
        """Ends the connection of a client that is silent for too long."""
        self._deadline = owner.loop.call_later(seconds_to_log_in, self._too_late)

    # What the loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is there."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        self._heard()
        lane = self._lane
        if lane is None:
            self._conversation.receive(data)
            self._pump()
        elif self._rest is not None:
            self._rest += data
            self._set_reading()
        else:
            answer = lane.answer(data)
            if isinstance(answer, bytes):
                self._transport.write(answer)  # type: ignore[union-attr]
            else:
                self._leave_lane(lane, data, *answer)

    def pause_writing(self) -> None:
        """The client does not read as fast as we write."""
        self._can_write = False
        self._set_reading()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._can_write = True
        self._set_reading()
        if self._conversation.is_paused and not self._is_busy:
            self._go_on()

    def connection_lost(self, _error: Exception | None) -> None:
        """The socket is gone. What runs for it is cancelled and closed when it has come back."""
        self._is_lost = True
        self._deadline.cancel()
        self._take_back()
        if self._is_busy:
            self.cancel()
        else:
            self._close()

    # What the server tells.

    def logged_in(self) -> None:
        """The client has proved who it is."""
        self._deadline.cancel()

    def cancel(self) -> None:
        """Cancels what the session does."""
        if self._lane is not None:
            self._lane.cancel()
            return
        session = self._conversation.session
        if session is not None and not self._conversation.is_listening:
            session.cancel()

    def wake(self) -> None:
        """From any thread: notifications may wait."""
        self._owner.loop.call_soon_threadsafe(self._notify)

    def terminate(self) -> None:
        """From any thread: another session wants this client to go."""
        self._owner.loop.call_soon_threadsafe(self.stop)

    def stop(self) -> None:
        """The server stops: the client is told, at once or when what it waits for has been cancelled."""
        self._stopping = True
        if self._is_busy or self._rest is not None:
            self.cancel()
        else:
            self._finish()

    def abort(self) -> None:
        """Closes the socket without a word."""
        if self._transport is not None:
            self._transport.abort()

    def forget(self) -> None:
        """When nothing runs any more: closes what waits for an end that nobody has announced."""
        self._is_lost = True
        self._close()

    # How it goes on.

    def _pump(self) -> None:
        """Sends what there is to send, and does what the conversation asks for."""
        conversation, transport = self._conversation, self._transport
        out = conversation.take_output()
        if out and transport is not None:
            transport.write(out)
        defect = conversation.take_defect()
        if defect is not None:
            LOG.error("an internal error in a SQL session", exc_info=defect)
        if conversation.ended:
            self._close()
        elif self._is_busy:
            pass
        elif conversation.is_paused:
            if self._can_write:
                # Through the loop, so that one long answer leaves room for the others.
                self._is_busy = True
                self._owner.loop.call_soon(self._go_on)
        elif conversation.wants_tls:
            self._is_busy = True
            self._upgrading = self._owner.loop.create_task(self._start_tls())
        elif conversation.waiting is not None:
            self._wait(conversation.waiting)
        elif self._lane is None and not self._stopping:
            self._lane = conversation.lend()
            if self._lane is None:
                self._watch_silence()
        self._set_reading()

    # The lane.

    def _leave_lane(self, lane: Lane, data: bytes, taken: int, why: str, out: bytes) -> None:
        """What the lane has not answered."""
        if out and self._transport is not None:
            self._transport.write(out)
        rest = data[taken:]
        if why == "stray":
            self._take_back()
            self._conversation.receive(rest)
            self._pump()
            return
        if why == "failed":
            try:
                lane.check()
            except HyperDBError as error:
                self._refuse(error, rest)
            return
        self._rest = rest
        self._waits += 1
        number = self._waits
        if why == "full":
            self._owner.loop.call_soon(self._resume, number)
        else:
            lane.notify(lambda: self._wake(number))

    def _wake(self, number: int) -> None:
        """From any thread: what the lane waits for has come."""
        self._owner.loop.call_soon_threadsafe(self._resume, number)

    def _resume(self, number: int) -> None:
        """The lane waits no more."""
        lane, rest = self._lane, self._rest
        if lane is None or rest is None or number != self._waits:
            return
        self._rest = None
        try:
            out = lane.resume()
        except HyperDBError as error:
            self._refuse(error, rest)
            return
        if out and self._transport is not None:
            self._transport.write(out)
        if rest:
            self.data_received(rest)
        elif self._stopping:
            self._finish()
        self._set_reading()

    def _refuse(self, error: HyperDBError, rest: bytes) -> None:
        self._take_back()
        self._conversation.refuse(error)
        if rest:
            self._conversation.receive(rest)
        self._pump()

    def _take_back(self) -> None:
        """The conversation answers again."""
        if self._lane is not None:
            self._lane = self._rest = None
            self._conversation.reclaim()

    def _set_reading(self) -> None:
        """Takes no more of a client that does not read, nor beyond a bound of one whose conversation waits."""
        conversation, transport = self._conversation, self._transport
        held = conversation.held_input if self._rest is None else len(self._rest)
        wanted = self._can_write and ((conversation.is_listening and self._rest is None) or held < _MOST_HELD)
        if wanted == self._reading or transport is None or transport.is_closing():
            return
        self._reading = wanted
        if self._reading:
            transport.resume_reading()
        else:
            transport.pause_reading()

    def _go_on(self) -> None:
        self._is_busy = False
        if self._came_back():
            return
        if self._can_write:
            self._conversation.go_on()
        self._pump()

    def _wait(self, wait: WouldWait) -> None:
        self._is_busy = True
        loop = self._owner.loop
        if wait.notify is not None:
            wait.notify(lambda: self._announce(wait))
            return
        running = self._owner.workers.submit(wait.resume)
        running.add_done_callback(lambda done: loop.call_soon_threadsafe(self._resolved, done))

    def _announce(self, wait: WouldWait) -> None:
        """From any thread: what the session waited for has come."""
        self._owner.loop.call_soon_threadsafe(self._announced, wait)

    def _announced(self, wait: WouldWait) -> None:
        """The rest of a call that waited, which waits no more."""
        done: Future[object] = Future()
        try:
            done.set_result(wait.resume())
        except Exception as error:
            done.set_exception(error)
        self._resolved(done)

    def _resolved(self, done: Future[object]) -> None:
        self._is_busy = False
        error = done.exception()
        if self._is_lost:
            self._conversation.abandon(None if error is not None else done.result())
            self._close()
            return
        if error is None:
            self._conversation.resolved(done.result())
        elif self._stopping and (isinstance(error, CancelledError) or getattr(error, "sqlstate", "") == "57014"):
            # It was cancelled so that the connection can end: the client is told that, and not the cancel.
            self._finish()
            return
        elif isinstance(error, Exception):
            self._conversation.refused(error)
        else:
            raise error
        if not self._came_back():
            self._pump()

    async def _start_tls(self) -> None:
        transport, tls = self._transport, self._owner.tls
        assert transport is not None
        assert tls is not None
        try:
            self._transport = await self._owner.loop.start_tls(transport, self, tls, server_side=True)
        except (OSError, ssl.SSLError) as error:
            LOG.info("a client could not begin TLS: %s", error)
            self.abort()
        self._go_on()

    def _came_back(self) -> bool:
        """Whether, now that nothing runs elsewhere, the connection ends because the client is gone or the server stops."""
        if self._is_lost:
            self._close()
        elif self._stopping and self._conversation.waiting is None:
            self._finish()
        else:
            return False
        return True

    def _finish(self) -> None:
        self._take_back()
        self._conversation.finish(*ADMIN_SHUTDOWN)
        self._pump()

    def _too_late(self) -> None:
        self._conversation.finish("57P05", "canceling authentication due to timeout")
        self._pump()

    def _watch_silence(self) -> None:
        limit = self._conversation.idle_limit
        if limit is not None and self._silence is None:
            self._silence = self._owner.loop.call_later(limit.seconds, self._silent, limit)

    def _heard(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _silent(self, limit: IdleLimit) -> None:
        self._conversation.finish(limit.sqlstate, limit.message)
        self._pump()

    def _notify(self) -> None:
        if not self._closed and not self._is_busy and self._rest is None:
            self._take_back()
            self._conversation.notify()
            self._pump()

    def _close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._deadline.cancel()
        self._heard()
        self._take_back()
        try:
            self._conversation.close()
        except Exception:
            LOG.exception("an internal error at the end of a SQL session")
        if self._transport is not None:
            self._transport.close()
        self._owner.lost(self)
