"""One client's socket: bytes to its wire, requests to its session, replies back by stream.

Theory: the event loop calls this with what came; requests are begun in their order, and answered when they are done, which may
be in another. What waits runs on worker threads or is announced by the session; its end comes back through the loop.
Backpressure: beyond a number of requests in flight, and while the client does not read what it was sent, none are begun and its
socket is read no more; what has come goes to the lane in pieces, each of which few answers can be made of.
Invariant: a session is closed exactly once, when nothing of it runs any more; every request that was taken is answered once,
unless the client is gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from enum import Enum
from typing import Protocol, cast

from hyperdb.errors import CancelledError, CqlError, HyperDBError
from hyperdb.frontends.cql import authentication
from hyperdb.frontends.cql.authentication import Credentials
from hyperdb.frontends.cql.codes import ErrorCode
from hyperdb.frontends.cql.contract import Backend, Context, Lane, Opening, Role, Session, WouldWait
from hyperdb.frontends.cql.protocol import requests, startup, versions
from hyperdb.frontends.cql.protocol.errors import warnings_of
from hyperdb.frontends.cql.protocol.limits import Bounds
from hyperdb.frontends.cql.protocol.requests import Fault, Request
from hyperdb.frontends.cql.protocol.responses import Authenticate, AuthSuccess, Error, Event, Ready, Reply
from hyperdb.frontends.cql.protocol.wire import Wire
from hyperdb.frontends.listening import Member
from hyperdb.frontends.throttle import Throttle
from hyperdb.values import CqlTimeouts

LOG = logging.getLogger("hyperdb.cql")
# Requests begun in one turn of the loop, so that one client leaves room for the others.
_AT_ONCE = 64
# Bytes that the lane is given in one go: a hundred requests at most, each of which may be answered with some megabytes.
_PIECE = 4096
Then = Callable[[Future[object]], None]
_MOST_FAILED_LOGINS = 3


class Stage(Enum):
    """How far the connection is."""

    START = "STARTUP or OPTIONS"
    AUTHENTICATION = "SASL_RESPONSE"
    READY = "a request"


class Owner(Protocol):
    """The server, as a connection sees it."""

    loop: asyncio.AbstractEventLoop
    backend: Backend
    throttle: Throttle

    @property
    def workers(self) -> Executor:
        """What runs calls that block."""

    @property
    def timeouts(self) -> CqlTimeouts:
        """How long requests may take."""

    def engage(self, connection: Connection, at_work: int) -> bool:
        """Whether a client that has so many workers gets one more; if not, it is told (`employ`) when one is back."""

    def disengage(self) -> None:
        """A worker is back."""

    @property
    def checkers(self) -> Executor:
        """What checks passwords: few threads, so that guessing takes no more than those."""

    def find_role(self, name: str) -> Role | None:
        """The role of this name or alias, if it may log in."""

    def anonymous(self, *, is_local: bool) -> str | None:
        """The role of those who need not say who they are; None: a password is asked for."""

    def trusts(self, *, is_local: bool) -> bool:
        """Whether a role without a password is let in without one."""

    def admit(self, connection: Connection) -> bool:
        """Counts a client in; False: there are too many."""

    def lost(self, connection: Connection) -> None:
        """The socket is gone and its session closed."""


class Connection(Member):
    """See the module. Every method runs on the loop's thread, but for those that say otherwise."""

    def __init__(self, owner: Owner, bounds: Bounds, *, is_local: bool) -> None:
        self._owner = owner
        self._wire = Wire(bounds.bodies)
        self._bounds = bounds
        self._is_local = is_local
        self._transport: asyncio.Transport | None = None
        self._session: Session | None = None
        self._stage = Stage.START
        self._options: dict[str, str] = {}
        self._waiting: deque[Request | Fault] = deque()
        self._replies: list[tuple[Reply, int]] = []
        self._lane: Lane | None = None
        self._unread = b""
        """What the lane is given when the client has read more."""
        self._is_lane_due = False
        """The session is to be asked for a lane."""
        self._is_lane_waiting = False
        self._in_flight = 0
        self._bytes_in_flight = 0
        self._calls: deque[tuple[WouldWait, Then]] = deque()
        """What waits for a worker."""
        self._at_work = 0
        self._failed_logins = 0
        self._is_exclusive = False
        """Whether a step of logging in runs, behind which nothing is begun."""
        self._can_write = True
        self._is_reading = True
        self._is_ending = False
        """No request is begun any more; the socket closes when none is in flight."""
        self._is_lost = False
        self._is_closed = False
        self._deadline = owner.loop.call_later(bounds.seconds_to_log_in, self._too_late)

    # What the loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is there."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._is_ending:
            return
        if self._is_lane_due and self._wire.is_plain and self._session is not None:
            self._is_lane_due = False
            self._lane = self._session.lane(self._wire.version)
        if self._lane is None:
            self._waiting.extend(self._wire.receive(data))
            self._go_on()
        else:
            self._unread += data
            self._feed()

    def _feed(self) -> None:
        """Gives the lane what has come, piece by piece, as long as the client reads the answers."""
        while self._unread and self._can_write and not self._is_ending and self._lane is not None:
            piece, self._unread = self._unread[:_PIECE], self._unread[_PIECE:]
            self._take(self._lane.answer(piece))

    def _take(self, turn: tuple[bytes, bytes, bool]) -> None:
        """What the lane answered, what it left, and whether it waits."""
        answers, left, waits = turn
        if answers and self._transport is not None and not self._is_lost:
            self._transport.write(answers)
        if waits and not self._is_lane_waiting and self._lane is not None:
            self._is_lane_waiting = True
            self._lane.notify(lambda: self._owner.loop.call_soon_threadsafe(self._resume_lane))
        if left:
            self._waiting.extend(self._wire.receive(left))
        if left or self._is_ending:
            self._go_on()

    def _resume_lane(self) -> None:
        """What the lane waited for has come."""
        self._is_lane_waiting = False
        if self._lane is None or self._is_closed:
            return
        try:
            turn = self._lane.resume()
        except HyperDBError:
            LOG.exception("what a CQL client wrote will never be durable")
            self.abort()
            return
        self._take(turn)

    def pause_writing(self) -> None:
        """The client does not read as fast as we write."""
        self._can_write = False
        self._set_reading()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._can_write = True
        self.employ()
        self._feed()
        self._go_on()

    def connection_lost(self, _error: Exception | None) -> None:
        """The socket is gone. What runs for it is cancelled, and the session closed when it has come back."""
        self._is_lost = True
        self._waiting.clear()
        self._unread = b""
        if self._is_closed:
            self._owner.lost(self)
            return
        self._drop_calls()
        self._end()
        if self._in_flight and self._session is not None:
            self._session.cancel()

    # What the server tells.

    def stop(self) -> None:
        """The server stops: what runs is cancelled and still answered."""
        self._waiting.clear()
        self._drop_calls()
        if self._in_flight and self._session is not None:
            self._session.cancel()
        self._end()

    def abort(self) -> None:
        """Closes the socket without a word."""
        if self._transport is not None:
            self._transport.abort()

    def forget(self) -> None:
        """When nothing runs any more: closes what waits for an end that nobody has announced."""
        self._is_lost = True
        self._close()

    # How it goes on.

    def _go_on(self) -> None:
        """Begins what came, sends what is done."""
        begun = 0
        while self._may_begin and (self._waiting or self._read_on()):
            if begun == _AT_ONCE:
                self._owner.loop.call_soon(self._go_on)
                break
            begun += 1
            found = self._waiting.popleft()
            if isinstance(found, Fault):
                self._refuse(found)
            else:
                self._begin(found)
        self._flush()
        self._set_reading()

    def _read_on(self) -> bool:
        """Whether there is more behind a STARTUP, which the wire reads only once that is answered."""
        if not self._wire.held:
            return False
        self._flush()
        self._waiting.extend(self._wire.receive(b""))
        return bool(self._waiting) and self._may_begin

    @property
    def _may_begin(self) -> bool:
        return self._can_write and not self._is_exclusive and not self._is_ending and self._has_room

    @property
    def _has_room(self) -> bool:
        return self._in_flight < self._bounds.requests and self._bytes_in_flight < self._bounds.bytes

    def _flush(self) -> None:
        if self._replies and self._transport is not None and not self._is_lost:
            replies, self._replies = self._replies, []
            self._transport.write(self._wire.send_all(replies))
        if self._is_ending and not self._in_flight and not self._is_lane_waiting:
            self._close()

    def _set_reading(self) -> None:
        wanted = self._can_write and not self._waiting and not self._is_exclusive and self._has_room
        if wanted == self._is_reading or self._transport is None or self._transport.is_closing():
            return
        self._is_reading = wanted
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _refuse(self, fault: Fault) -> None:
        self._replies.append((Reply(Error(fault.error)), fault.stream))
        if fault.fatal:
            self._end()

    def _begin(self, request: Request) -> None:
        body = request.body
        expected = _STAGES.get(type(body), Stage.READY)
        if isinstance(body, requests.Options):
            self._replies.append((Reply(startup.supported()), request.stream))
        elif expected is not self._stage:
            self._unexpected(request)
        elif isinstance(body, requests.Startup):
            self._start(request, body)
        elif isinstance(body, requests.AuthResponse):
            self._authenticate(request, body)
        else:
            self._in_flight += 1
            self._bytes_in_flight += request.size
            self._run(request, lambda: self._call(request))

    def _unexpected(self, request: Request) -> None:
        name = type(request.body).__name__.upper()
        if self._stage is Stage.READY:
            shown = f"Unexpected message {name}, the connection is already initialized"
        else:
            shown = f"Unexpected message {name}, expecting {self._stage.value}"
        self._replies.append((Reply(Error(CqlError(ErrorCode.PROTOCOL, shown))), request.stream))

    # Requests.

    def _call(self, request: Request) -> Reply:
        session, body = self._session, request.body
        assert session is not None
        context = Context(request.version, request.tracing, request.payload)
        match body:
            case requests.Execute():
                return session.execute(body, context)
            case requests.Query():
                return session.query(body, context)
            case requests.Prepare():
                return session.prepare(body, context)
            case requests.Batch():
                return session.batch(body, context)
            case requests.Register():
                session.register(body.events, self._push)
                return Reply(Ready())
            case _:
                raise AssertionError("answered before")

    def _run(self, request: Request, call: Callable[[], object]) -> None:
        """Makes a call of which one is in flight more; its reply is sent when it has ended."""
        try:
            done = call()
        except WouldWait as wait:
            self._wait(wait, lambda future: self._resolved(request, future))
            return
        except Exception as error:
            self._answer(request, _refusal(error))
            return
        self._answer(request, cast("Reply", done))

    def _answer(self, request: Request, reply: Reply) -> None:
        self._in_flight -= 1
        self._bytes_in_flight -= request.size
        self._replies.append((reply, request.stream))

    def _resolved(self, request: Request, future: Future[object]) -> None:
        self._run(request, future.result)

    def _wait(self, wait: WouldWait, then: Then) -> None:
        if wait.notify is not None:
            wait.notify(lambda: self._announce(wait, then))
            return
        self._calls.append((wait, then))
        self.employ()

    def employ(self) -> None:
        """Gives workers what waits for them, as far as the client reads and others have room."""
        loop = self._owner.loop
        while self._calls and self._can_write and self._owner.engage(self, self._at_work):
            wait, then = self._calls.popleft()
            self._at_work += 1
            running = self._owner.workers.submit(wait.resume)
            running.add_done_callback(lambda future, then=then: loop.call_soon_threadsafe(self._worked, then, future))  # type: ignore[misc]

    def _worked(self, then: Then, future: Future[object]) -> None:
        self._at_work -= 1
        self._owner.disengage()
        self.employ()
        self._came_back(then, future)

    def _drop_calls(self) -> None:
        """What no worker has begun ends as if it was cancelled."""
        calls, self._calls = self._calls, deque()
        for _, then in calls:
            future: Future[object] = Future()
            future.set_exception(CancelledError("the client is gone, or the server stops"))
            then(future)

    def _came_back(self, then: Then, future: Future[object]) -> None:
        then(future)
        self._go_on()

    def _announce(self, wait: WouldWait, then: Then) -> None:
        """From any thread: what the session waited for has come."""
        self._owner.loop.call_soon_threadsafe(self._announced, wait, then)

    def _announced(self, wait: WouldWait, then: Then) -> None:
        """The rest of a call that waited, which waits no more, unless it says so again."""
        future: Future[object] = Future()
        try:
            future.set_result(wait.resume())
        except Exception as error:
            future.set_exception(error)
        self._came_back(then, future)

    def _push(self, event: Event) -> None:
        """From any thread."""
        self._owner.loop.call_soon_threadsafe(self._tell, event)

    def _tell(self, event: Event) -> None:
        if not self._is_lost and not self._is_closed and self._transport is not None:
            self._transport.write(self._wire.event(event))

    # Logging in.

    def _start(self, request: Request, body: requests.Startup) -> None:
        if not self._owner.admit(self):
            self._replies.append((Reply(Error(CqlError(ErrorCode.OVERLOADED, "Too many clients"))), request.stream))
            self._end()
            return
        self._options = dict(body.options)
        role = self._owner.anonymous(is_local=self._is_local)
        if role is None:
            self._stage = Stage.AUTHENTICATION
            self._replies.append((Reply(Authenticate(authentication.AUTHENTICATOR)), request.stream))
        else:
            self._enter(role, request, Ready())

    def _authenticate(self, request: Request, body: requests.AuthResponse) -> None:
        try:
            given = authentication.credentials(body.token)
        except CqlError as error:
            self._login_failed(request.stream, error)
            return
        seconds = self._owner.throttle.turn(self._address[0], given.name)
        if seconds is None:
            self._login_failed(request.stream, CqlError(ErrorCode.BAD_CREDENTIALS, "Too many failed logins, try again later"))
            return
        self._is_exclusive = True
        self._in_flight += 1
        self._owner.loop.call_later(seconds, self._check, request, given)

    def _check(self, request: Request, given: Credentials) -> None:
        if self._is_ending:
            # It took too long, or the client is gone: nobody is told any more whether the password was right.
            self._in_flight -= 1
            self._flush()
            return
        owner, is_local = self._owner, self._is_local

        def check() -> str:
            return authentication.check(given, owner.find_role(given.name), is_trusted=owner.trusts(is_local=is_local))

        checking = owner.checkers.submit(check)
        checking.add_done_callback(lambda future: owner.loop.call_soon_threadsafe(self._checked, request, given, future))

    def _checked(self, request: Request, given: Credentials, future: Future[str]) -> None:
        self._in_flight -= 1
        self._is_exclusive = False
        throttle, address = self._owner.throttle, self._address[0]
        try:
            role = future.result()
        except CqlError as error:
            throttle.failed(address, given.name)
            self._login_failed(request.stream, error)
        except Exception as error:
            self._replies.append((_refusal(error), request.stream))
            self._end()
        else:
            throttle.succeeded(address, given.name)
            self._enter(role, request, AuthSuccess())
        self._go_on()

    def _login_failed(self, stream: int, error: CqlError) -> None:
        self._replies.append((Reply(Error(error)), stream))
        self._failed_logins += 1
        if self._failed_logins >= _MOST_FAILED_LOGINS:
            self._end()

    def _enter(self, role: str, request: Request, welcome: Ready | AuthSuccess) -> None:
        """Opens the session of a client who may have one."""
        host, port = self._address
        encrypted = self._transport is not None and self._transport.get_extra_info("sslcontext") is not None
        opening = Opening(
            role, host, port, request.version, self._options, encrypted, may_wait=False, timeouts=self._owner.timeouts
        )
        self._is_exclusive = True
        self._in_flight += 1
        future: Future[object] = Future()
        try:
            future.set_result(self._owner.backend.open(opening))
        except WouldWait as wait:
            self._wait(wait, lambda future: self._entered(request.stream, welcome, future))
            return
        except Exception as error:
            future.set_exception(error)
        self._entered(request.stream, welcome, future)

    def _entered(self, stream: int, welcome: Ready | AuthSuccess, future: Future[object]) -> None:
        self._in_flight -= 1
        self._is_exclusive = False
        try:
            self._session = cast("Session", future.result())
        except WouldWait as wait:
            self._is_exclusive = True
            self._in_flight += 1
            self._wait(wait, lambda future: self._entered(stream, welcome, future))
            return
        except Exception as error:
            self._replies.append((_refusal(error), stream))
        else:
            self._deadline.cancel()
            self._stage = Stage.READY
            self._wire.logged_in = True
            self._is_lane_due = versions.V4 <= self._wire.version <= versions.V5
            self._replies.append((Reply(welcome), stream))

    @property
    def _address(self) -> tuple[str, int]:
        found = self._transport.get_extra_info("peername") if self._transport is not None else None
        return (str(found[0]), int(found[1])) if found else ("", 0)

    def _too_late(self) -> None:
        if self._session is None:
            self._end()

    # The end.

    def _end(self) -> None:
        self._is_ending = True
        self._deadline.cancel()
        self._flush()

    def _close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        if self._session is not None:
            try:
                self._session.close()
            except Exception:
                LOG.exception("an internal error at the end of a CQL session")
        if self._is_lost or self._transport is None:
            self._owner.lost(self)
        else:
            # `connection_lost` follows, after what was written has gone out.
            self._transport.close()


_STAGES: dict[type[requests.Body], Stage] = {requests.Startup: Stage.START, requests.AuthResponse: Stage.AUTHENTICATION}


def _refusal(error: Exception) -> Reply:
    """What a client is told of an error."""
    if isinstance(error, CqlError):
        return Reply(Error(error), warnings_of(error))
    if not isinstance(error, HyperDBError):
        LOG.error("an internal error in a CQL session", exc_info=error)
    return Reply(Error(CqlError(ErrorCode.SERVER, f"{type(error).__name__}: {error}")))
