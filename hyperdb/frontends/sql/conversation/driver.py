"""Drives one conversation: bytes to events to turns, and out again.

Theory: the whole conversation is one generator. The driver feeds it until it asks for something that is not there: more bytes, a
pause for the output, encryption, or the end of a wait. Between two messages the client may be lent to its session's lane. Before
a read is cut into events, a pipeline of one known statement is looked for in it (`shortcut`). Invariant: while `waiting` is set
nothing is answered, so that answers keep their order; after `ended` nothing is read.
"""

from __future__ import annotations

from collections.abc import Callable

from hyperdb.errors import HyperDBError, WireError
from hyperdb.frontends.sql.contract import IdleLimit, Lane, Session, Status, WouldWait
from hyperdb.frontends.sql.conversation import authentication, shortcut
from hyperdb.frontends.sql.conversation.commands import Commands
from hyperdb.frontends.sql.conversation.portals import Refused
from hyperdb.frontends.sql.conversation.steps import FLUSHED, NEXT, TLS, Ask, Ending, Shared, Turn
from hyperdb.frontends.sql.conversation.terms import Terms
from hyperdb.frontends.sql.protocol import encode, messages
from hyperdb.frontends.sql.protocol.decode import Decoder, Phase


class Conversation:
    """One client. Whoever owns it gives it bytes, takes its output, does its waiting, and closes it."""

    def __init__(self, terms: Terms) -> None:
        self._shared = Shared(terms)
        self._commands = Commands(self._shared)
        self._decoder = Decoder(terms.bounds.messages, terms.merge_copied)
        self._turns = self._all()
        self._asked: Ask | WouldWait | None = next(self._turns)
        self._closed = False

    # What the owner asks.

    @property
    def waiting(self) -> WouldWait | None:
        """What has to be waited for before anything goes on; `resolved` or `refused` then tells how it went."""
        return self._asked if isinstance(self._asked, WouldWait) else None

    @property
    def is_paused(self) -> bool:
        """Whether the output should be sent before `go_on` is called."""
        return self._asked is FLUSHED

    @property
    def wants_tls(self) -> bool:
        """Whether the output should be sent, the connection encrypted, and `go_on` called."""
        return self._asked is TLS

    @property
    def is_listening(self) -> bool:
        """Whether only bytes of the client are missing."""
        return self._asked is NEXT

    @property
    def ended(self) -> bool:
        """Whether the connection should be closed once the output has been sent."""
        return self._asked is None

    @property
    def session(self) -> Session | None:
        """The session, once there is one."""
        return self._shared.session

    @property
    def idle_limit(self) -> IdleLimit | None:
        """How long the client may be silent from now on, if it is its turn to begin something."""
        session = self._shared.session
        return session.idle_limit() if session is not None and self._is_between else None

    @property
    def held_input(self) -> int:
        """Bytes that have come and were not answered yet."""
        return self._decoder.held

    def take_output(self) -> bytes:
        """What is to be sent, which is then forgotten here."""
        shared = self._shared
        if not shared.out:
            return b""
        data = b"".join(shared.out)
        shared.out.clear()
        shared.size = 0
        return data

    def take_defect(self) -> BaseException | None:
        """An exception that should not have been, for the log."""
        defect, self._shared.defect = self._shared.defect, None
        return defect

    # What the owner tells.

    def receive(self, data: bytes) -> None:
        """Bytes came."""
        is_short = data and self._is_between and self._shared.charset.is_unicode
        found = shortcut.find(self._shared, self._commands.held, data) if is_short else None
        if found is None:
            self._decoder.receive(data)
        else:
            at, whole = found
            if at < len(data):
                self._decoder.receive(data[at:])
            self._send(whole)
        self._read()

    def lend(self) -> Lane | None:
        """Who answers from now on, until `reclaim`, if the client is between two messages and its session lends it."""
        session = self._shared.session
        if session is None or not self._is_between or self._commands.held.has_portals or self._closed:
            return None
        return session.lend()

    def reclaim(self) -> None:
        """The session answers again."""
        session = self._shared.session
        if session is not None:
            session.reclaim()

    def refuse(self, error: HyperDBError) -> None:
        """The lane has failed with what came last: the client is told, and its block has failed."""
        self._send(Refused(self._shared.opened.refusal(error)))
        self._read()

    @property
    def _is_between(self) -> bool:
        """Whether the next byte begins a pipeline or a query."""
        return self._commands.at_rest and self._asked is NEXT and not self._decoder.held

    def go_on(self) -> None:
        """What `is_paused` or `wants_tls` asked for has been done."""
        if self._asked in (FLUSHED, TLS):
            self._send(None)
            self._read()

    def resolved(self, result: object) -> None:
        """The wait is over, with this result."""
        self._send(result)
        self._read()

    def refused(self, error: Exception) -> None:
        """The wait is over, with this error, which may be a further `WouldWait`."""
        if isinstance(error, WouldWait):
            self._asked = error
            return
        self._advance(lambda: self._turns.throw(error))
        self._read()

    def notify(self) -> None:
        """Notifications may be there: they are put out if the client is between transactions."""
        session = self._shared.session
        if self._commands.at_rest and self._asked is NEXT and session is not None and session.status is Status.IDLE:
            self._shared.notify()

    def finish(self, sqlstate: str, message: str) -> None:
        """The server ends the conversation: says why, and ends. Not while something is waited for."""
        if self._asked is not None:
            self._shared.out.append(encode.error_response(encode.Diagnostic("FATAL", sqlstate, message)))
            self._asked = None
        self.close()

    def close(self) -> None:
        """Frees everything. Called once the conversation has ended or the client is gone, not while something is waited for."""
        if self._closed:
            return
        self._closed = True
        self._asked = None
        self._turns.close()
        session = self._shared.session
        if session is not None:
            self._commands.held.close_portals()
            session.close()

    def abandon(self, result: object) -> None:
        """The wait is over and the client is gone: frees what the call has made, if anything. `close` follows."""
        for name in ("close", "abort"):
            free = getattr(result, name, None)
            if free is not None:
                free()
                return

    # How it runs.

    def _all(self) -> Turn[None]:
        try:
            yield from authentication.begin(self._shared)
            self._decoder.phase = Phase.SESSION
            yield from self._commands.serve()
        except Ending:
            pass

    def _read(self) -> None:
        """Answers events as long as there are any and nothing else is asked for."""
        while self._asked is NEXT:
            try:
                self._decoder.charset = self._shared.charset
                event = self._decoder.next_event()
            except WireError as error:
                self._shared.report(error)
                self._asked = None
                return
            if event is None:
                return
            self._send(event)

    def _send(self, value: messages.Event | object) -> None:
        self._advance(lambda: self._turns.send(value))

    def _advance(self, step: Callable[[], Ask | WouldWait]) -> None:
        try:
            self._asked = step()
        except StopIteration:
            self._asked = None
        except Exception as error:  # a defect ends this conversation, never the server
            self._shared.out.append(encode.error_response(self._shared.diagnostic(error, "FATAL")))
            self._asked = None
