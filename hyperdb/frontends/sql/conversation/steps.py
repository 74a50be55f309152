"""What the parts of a conversation may ask of its driver, and the state that they share.

Theory: a part is a generator. It yields NEXT and is sent the next event; it yields FLUSHED and goes on when the output so far has
been handed on; it yields a `WouldWait` and is sent the result, or has the error thrown in. Invariant: nothing else is yielded.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from hyperdb.errors import SqlError, WireError
from hyperdb.frontends.sql.contract import Notice, Portals, Session, Status, WouldWait
from hyperdb.frontends.sql.protocol import encode
from hyperdb.frontends.sql.types.charsets import UTF8, Charset

if TYPE_CHECKING:
    from hyperdb.frontends.sql.conversation.terms import Terms

T = TypeVar("T")


class Ask(Enum):
    """What a part waits for, beside a `WouldWait`."""

    NEXT = "the next event"
    FLUSHED = "the output was handed on"
    TLS = "the connection goes on encrypted"


NEXT, FLUSHED, TLS = Ask.NEXT, Ask.FLUSHED, Ask.TLS
Turn: TypeAlias = Generator["Ask | WouldWait", Any, T]
"""A part of the conversation that ends with a T."""

READY = {
    Status.IDLE: encode.ready_for_query(encode.TransactionStatus.IDLE),
    Status.ACTIVE: encode.ready_for_query(encode.TransactionStatus.OPEN),
    Status.FAILED: encode.ready_for_query(encode.TransactionStatus.FAILED),
}


class Ending(Exception):
    """The conversation is over; what is to be sent has been put out."""


class Shared:
    """What every part of one conversation reads and writes."""

    __slots__ = ("defect", "out", "portals", "session", "size", "terms")

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.out: list[bytes] = []
        self.size = 0
        """Bytes of rows in `out`."""
        self.session: Session | None = None
        self.portals: Portals | None = None
        """What the client has bound, for the session's FETCH and MOVE."""
        self.defect: BaseException | None = None
        """The last exception that should not have been; the server logs it."""

    @property
    def opened(self) -> Session:
        """The session, which is there once the client has been let in."""
        assert self.session is not None
        return self.session

    @property
    def charset(self) -> Charset:
        """What the client's bytes of texts are."""
        return UTF8 if self.session is None else self.session.style.charset

    def report(self, error: Exception) -> None:
        """ErrorResponse for an error that leaves the connection usable."""
        self.out.append(encode.error_response(self.diagnostic(error), self.charset))

    def diagnostic(self, error: Exception, severity: str = "ERROR") -> encode.Diagnostic:
        """The fields of ErrorResponse. What is no error of the client's or the session's is XX000, without its text."""
        if isinstance(error, SqlError):
            return encode.Diagnostic(
                severity,
                error.sqlstate,
                error.message,
                detail=error.detail,
                hint=error.hint,
                position=error.position,
                schema=error.schema,
                table=error.table,
                column=error.column,
                data_type=error.data_type,
                constraint=error.constraint,
                routine=error.routine,
            )
        if isinstance(error, WireError):
            return encode.Diagnostic("FATAL" if error.fatal else severity, error.sqlstate, error.message)
        self.defect = error
        return encode.Diagnostic(severity, "XX000", f"internal error: {type(error).__name__}")

    def end(self, sqlstate: str, message: str) -> Ending:
        """To be raised: says FATAL and ends the conversation."""
        self.out.append(encode.error_response(encode.Diagnostic("FATAL", sqlstate, message)))
        return Ending()

    def remark(self, notice: Notice) -> None:
        """NoticeResponse."""
        shown = encode.Diagnostic(
            notice.severity, notice.sqlstate, notice.message, detail=notice.detail, hint=notice.hint, position=notice.position
        )
        self.out.append(encode.notice_response(shown, self.charset))

    def remarks(self) -> None:
        """The notices since the last call, which go before the answer that they belong to."""
        for notice in self.opened.notices():
            self.remark(notice)

    def ready(self) -> None:
        """Changed settings, notifications where no transaction is open, then ReadyForQuery."""
        session = self.opened
        for name, value in session.changed_settings().items():
            self.out.append(encode.parameter_status(name, value, self.charset))
        if session.status is Status.IDLE:
            self.notify()
        self.out.append(READY[session.status])

    def notify(self) -> None:
        """NotificationResponse for each notification that waits."""
        for note in self.opened.notifications():
            self.out.append(encode.notification(note.process_id, note.channel, note.payload, self.charset))


def call(function: Callable[..., T], *arguments: object) -> Turn[T]:
    """A call of the session, which may have to wait."""
    try:
        return function(*arguments)
    except WouldWait as wait:
        result: T = yield wait
        return result
