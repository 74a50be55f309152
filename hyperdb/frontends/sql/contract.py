"""What the conversation with a client asks of whoever runs its statements.

Theory: the wire knows messages, formats and portals, and nothing of SQL; a session knows SQL and nothing of messages. Values
cross here as Python objects (`types` says which class goes with which type), never as text. Most messages need no session:
between two of them it may lend its client to a `Lane`, which answers bytes with bytes, and takes it back for the first message
that is none of the lane's.

Waiting: sessions of a server are opened with `may_wait=False`, and their calls are made on the server's event loop. A call that
would have to wait (a lock, a sync, a long query, a cold read) then raises `WouldWait`, having changed nothing that a client can
see, and is finished elsewhere. A session opened with `may_wait=True` (embedded use) never raises it.

Invariants: one session is never called by two threads at once (`cancel` apart). After any error `status` says what PostgreSQL
would say. Only `SqlError` and `WouldWait` come out of a call; anything else is a defect, which a client sees as XX000.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from hyperdb.errors import HyperDBError, SqlError
    from hyperdb.frontends.sql.types import Style, Type
    from hyperdb.frontends.sql.types.charsets import Charset

RawValues: TypeAlias = Sequence[bytes | None]
"""Parameters as the client sent them; None is NULL."""
Formats: TypeAlias = Sequence[int]
"""Format codes as the client sent them, 0 text and 1 binary: none of them (all text), one for all, or one each."""


class WouldWait(Exception):
    """The call was begun and has to wait. `resume` finishes it, with the result or the error that the call would have had.

    `resume` may block and is called on a worker thread. Where `notify` is given nothing blocks: `notify(ready)` makes the session
    call `ready()` once, from any thread, when `resume` can finish without waiting; `resume` is then called on the loop.
    `resume` may raise `WouldWait` again only if it was called on the loop.
    """

    def __init__(self, resume: Callable[[], object], notify: Callable[[Callable[[], None]], None] | None = None) -> None:
        super().__init__("the call has to wait")
        self.resume = resume
        self.notify = notify


class Status(Enum):
    """The byte of ReadyForQuery."""

    IDLE = b"I"
    ACTIVE = b"T"
    FAILED = b"E"


@dataclass(frozen=True, slots=True)
class IdleLimit:
    """How long a client may be silent, and what it is told then."""

    seconds: float
    sqlstate: str
    message: str


class Action(Enum):
    """How a statement is executed."""

    RUN = "run"
    """`Session.execute`, with or without rows."""
    EMPTY = "empty"
    """Not at all: there was only white space and comment."""
    COPY_IN = "copy in"
    """`Session.copy_in`: the client sends rows."""
    COPY_OUT = "copy out"
    """`Session.copy_out`: the rows go to the client in COPY's formats."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a result, as RowDescription tells it."""

    name: str
    type: int  # oid
    modifier: int = -1
    table: int = 0  # oid of the relation that it comes from
    number: int = 0  # its attribute number there


@dataclass(frozen=True, slots=True)
class Notice:
    """A remark for the client. `severity` is NOTICE, WARNING, INFO, LOG or DEBUG."""

    message: str
    sqlstate: str = "00000"
    severity: str = "NOTICE"
    detail: str | None = None
    hint: str | None = None
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Notification:
    """What `NOTIFY channel, 'payload'` of the session `process_id` tells listeners."""

    process_id: int
    channel: str
    payload: str


@dataclass(frozen=True, slots=True)
class CopyOptions:
    """The options of COPY, their defaults filled in. `format` is text, csv or binary; the columns are places in `columns`."""

    format: str = "text"
    delimiter: str = "\t"
    null: str = "\\N"
    header: bool = False
    match_header: bool = False
    quote: str = '"'
    escape: str = '"'
    force_quote: frozenset[int] = frozenset()
    force_not_null: frozenset[int] = frozenset()
    force_null: frozenset[int] = frozenset()
    charset: Charset | None = None
    """Of the lines; None: the session's."""


Form: TypeAlias = "Formats | CopyOptions"
"""How rows go out: as DataRow in these formats, or as lines of COPY, each in a CopyData."""


class Prepared(Protocol):
    """A statement that was parsed and bound. When the catalog has changed since, `execute` binds it anew inside."""

    action: Action
    parameters: Sequence[int]
    """Oids, inferred where the client gave 0."""
    columns: Sequence[Column] | None
    """Of the rows that come back; of the rows copied out. None: no rows."""


class Outcome(Protocol):
    """A statement in execution. Rows are pulled, so that a portal may stop and go on."""

    @property
    def columns(self) -> Sequence[Column] | None:
        """None: no rows come back. RowDescription is made of these, not of the statement's."""

    @property
    def binary(self) -> bool:
        """Whether rows go out in binary over the simple protocol, as those of a binary cursor do."""

    def rows(self, limit: int) -> tuple[Sequence[Sequence[object]], bool]:
        """At most `limit` rows (0: as many as are convenient, one at least unless it is over), and whether more may follow.

        May raise `WouldWait`. A statement without rows runs in `execute` and gives `([], False)` here.
        """

    def encoded(self, limit: int, form: Form) -> tuple[bytes, int, bool] | None:
        """As `rows`, natively: whole messages, how many, whether more may follow. None: use `rows` for the next ones."""

    @property
    def tag(self) -> str:
        """The command tag once the rows are exhausted: `SELECT 3`, `INSERT 0 1`, `BEGIN`."""

    def close(self) -> None:
        """Frees what the statement holds; called exactly once, exhausted or not."""


class CopyIn(Protocol):
    """COPY ... FROM STDIN in execution: any number of `add` or `load`, then `finish` or `abort`."""

    columns: Sequence[Column]
    options: CopyOptions
    takes_bytes: bool
    """Whether `load` is to be called instead of `add`: the session reads the format itself, natively."""

    def add(self, rows: Sequence[Sequence[object]], first_line: int) -> None:
        """Rows of values; `first_line` is the number of the first one's line, from 1, for the context of an error."""

    def load(self, data: bytes) -> None:
        """Bytes of the format, cut anywhere. What was cut is kept for the next call or for `finish`."""

    def finish(self) -> str:
        """All rows were given: the command tag, `COPY 3`."""

    def abort(self) -> None:
        """The client gave up, or is gone: nothing of it stays."""


class CopyOut(Outcome, Protocol):
    """COPY ... TO STDOUT in execution. Lines may come by `encoded`; the wire writes all others, headers and trailers."""

    @property
    def options(self) -> CopyOptions:
        """How the values are written."""


class Lane(Protocol):
    """Answers a client's messages from their bytes, as long as they are of forms that it knows (`Session.lend`)."""

    def answer(self, data: bytes) -> bytes | tuple[int, str, bytes]:
        """The answer to all of `data`; or how many bytes were taken, why not more, and the answer so far.

        `stray`: what follows is not for the lane. `full`: the rest may be given again. `wait`: as `notify` says. `failed`: the
        last thing that was taken failed, and `check` raises why.
        """

    def notify(self, callback: Callable[[], None]) -> None:
        """After `wait`: `callback` is called once, from any thread, perhaps in vain; then come `resume` and the rest again."""

    def resume(self) -> bytes:
        """What the answer was held back for has come: what was held back.

        Raises:
            HyperDBError: it never will come.
        """

    def check(self) -> None:
        """Raises what the lane failed with."""

    def cancel(self) -> None:
        """What waits fails with 57014."""


class Session(Protocol):
    """One client's state: its transaction, settings, prepared statements made by PREPARE, cursors."""

    status: Status
    prepared: dict[str, Prepared]
    """Statements by name, those of PREPARE and those of Parse alike ("" is the unnamed one); session and wire put and remove."""
    style: Style
    """How values are read and written as text (DateStyle, TimeZone ...); replaced, never changed, when a setting changes."""

    def statements(self, text: str) -> Sequence[str]:
        """The statements of a simple query, each with the position where it began kept for errors inside the session.

        Raises:
            SqlError: 42601, before any of them has run.
        """

    def prepare(self, text: str, parameters: Sequence[int]) -> Prepared:
        """Parses and binds one statement. `parameters` are the client's oids, 0 for those it leaves open."""

    def execute(self, prepared: Prepared, values: Sequence[object]) -> Outcome:
        """Begins a statement, in an implicit transaction where none is open; `sync` ends that one."""

    def copy_in(self, prepared: Prepared) -> CopyIn:
        """Begins COPY ... FROM STDIN, as `execute` does."""

    def copy_out(self, prepared: Prepared) -> CopyOut:
        """Begins COPY ... TO STDOUT, as `execute` does."""

    def sync(self, failed: bool) -> None:
        """The end of a pipeline or a simple query: an implicit transaction commits, or is taken back where `failed`.

        A block that BEGIN opened stays open. An error of the commit is raised here. The wire calls it before it sends the last
        command tag of a simple query.
        """

    def fail(self) -> None:
        """The wire itself found an error (a value that cannot be read, an unknown portal): an open block has failed."""

    def lend(self) -> Lane | None:
        """Between two messages: who answers from now on, until `reclaim`; None: the session itself does."""

    def reclaim(self) -> None:
        """The session answers again. Nothing happens if it does already."""

    def refusal(self, error: HyperDBError) -> SqlError:
        """What a lane failed with, as a client is told."""

    def cursor(self, name: str) -> Sequence[Column] | None:
        """The columns of a cursor that DECLARE made, for a Describe of a portal of this name. None: there is no such cursor."""

    def close_cursor(self, name: str) -> None:
        """Closes a cursor that DECLARE made. Nothing happens if there is none of this name."""

    def type(self, oid: int) -> Type:
        """A type that the catalog made (enum, domain, composite, their arrays). Asked where `types.BUILT_IN` does not have it.

        Raises:
            SqlError: 42704, when there is none.
        """

    def idle_limit(self) -> IdleLimit | None:
        """How long the client may be silent before its next message, as it is now; None: as long as it likes."""

    def changed_settings(self) -> Mapping[str, str]:
        """The settings that clients follow and that changed since the last call; all of them at the first call."""

    def notices(self) -> Sequence[Notice]:
        """Those since the last call."""

    def notifications(self) -> Sequence[Notification]:
        """Those since the last call. Asked when no transaction is open."""

    def cancel(self) -> None:
        """From any thread: what runs fails with 57014; nothing happens if nothing runs."""

    def close(self) -> None:
        """The client is gone: an open transaction is taken back. Called once, never while another call runs."""


class BoundPortal(Protocol):
    """A portal of the extended protocol as FETCH, MOVE and CLOSE see it: a cursor that only goes forward."""

    passed: int
    """Rows that were handed out."""

    @property
    def columns(self) -> Sequence[Column]:
        """Of its rows."""

    def rows(self, run: Callable[[Prepared, Sequence[object]], Outcome]) -> Iterator[Sequence[object]]:
        """The rows that are left, one by one; `run` begins the statement if nobody has yet."""


class Portals(Protocol):
    """The portals of one client."""

    depth: Callable[[], int]
    """How many savepoints stand: the session says it to whoever holds the portals."""

    def bound(self, name: str) -> BoundPortal | None:
        """The portal of this name, if there is one that gives rows."""

    def close_portal(self, name: str) -> None:
        """Forgets a portal; none of this name is no error."""

    def close_portals(self) -> None:
        """Forgets all of them."""

    def roll_back(self, place: int) -> None:
        """ROLLBACK TO the savepoint of that place, counted from 0: portals made after it are gone."""

    def release(self, place: int) -> None:
        """RELEASE of the savepoint of that place: portals made after it belong to what is around."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a session is opened with."""

    role: str
    database: str
    settings: Mapping[str, str] = field(default_factory=dict)
    """From the startup packet (`application_name`, `client_encoding`, `DateStyle`, ...) and its `options`; not yet checked."""
    process_id: int = 0
    address: str = ""
    """Of the client, for pg_stat_activity; empty for one in this process."""
    may_wait: bool = True
    wake: Callable[[], None] = lambda: None
    """Thread-safe: tells the wire that `notifications` of an idle session are not empty."""
    terminate: Callable[[], None] | None = None
    """Thread-safe: the client is told to go, with 57P01. None: the session is of this process."""
    portals: Portals | None = None
    """What the client has bound; None: there is no wire."""
    defaults: Mapping[str, str] = field(default_factory=dict)
    """Settings of the operator, which those of the client go before."""


class Backend(Protocol):
    """Whoever opens sessions."""

    def open(self, opening: Opening) -> Session:
        """A new session.

        Raises:
            SqlError: 3D000 for an unknown database, 22023 for a setting that cannot be.
        """
