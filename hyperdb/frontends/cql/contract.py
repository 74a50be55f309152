"""What the wire asks of whoever runs a client's statements.

Theory: the wire knows envelopes and streams, and nothing of CQL; a session knows CQL and nothing of envelopes. Requests and
replies cross here as the protocol's dataclasses, values in them as the protocol's bytes.

Waiting: calls are made on the server's event loop, in the order in which requests came. A call that would have to wait (a lock,
a sync, a long query, a cold read) raises `WouldWait`, having changed nothing that a client can see, and is finished elsewhere,
while calls for other requests of the same client go on: what `resume` touches of a session must bear that. Embedded use opens
with `may_wait=True` and never sees it.

Invariants: only `CqlError` and `WouldWait` come out of a call; anything else is a defect, which a client sees as a server
error. After `close` nothing of the session is called.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from hyperdb.values import CqlTimeouts

if TYPE_CHECKING:
    from hyperdb.frontends.cql.codes import EventKind
    from hyperdb.frontends.cql.protocol.requests import Batch, Execute, Prepare, Query
    from hyperdb.frontends.cql.protocol.responses import Event, Reply
    from hyperdb.roles import Verifier


class WouldWait(Exception):
    """The call was begun and has to wait. `resume` finishes it, with the reply or the error that the call would have had.

    `resume` may block and is called on a worker thread. Where `notify` is given nothing blocks: `notify(ready)` makes the session
    call `ready()` once, from any thread, when `resume` can finish without waiting; `resume` is then called on the loop.
    `resume` may raise `WouldWait` again only if it was called on the loop.
    """

    def __init__(self, resume: Callable[[], object], notify: Callable[[Callable[[], None]], None] | None = None) -> None:
        super().__init__("the call has to wait")
        self.resume = resume
        self.notify = notify


@dataclass(frozen=True, slots=True)
class Context:
    """What came with a request besides its body."""

    version: int
    """Of the protocol; types and codes that it does not have are left out by the wire."""
    tracing: bool = False
    """The client wants a trace: `Reply.tracing` is to name its session."""
    payload: Mapping[str, bytes | None] = field(default_factory=dict)
    """The custom payload; `hyperdb.privacy` and `hyperdb.prove` are in there."""
    began: float = field(default_factory=time.monotonic, compare=False)
    """When it was taken, in seconds of the monotonic clock."""


class Lane(Protocol):
    """The short way of one connection. Each call gives bytes for the client, bytes of the requests that it leaves (whole
    ones, in their order), and whether it waits for something; called on the loop's thread."""

    def answer(self, data: bytes) -> tuple[bytes, bytes, bool]:
        """Takes what came."""

    def notify(self, callback: Callable[[], object]) -> None:
        """Calls `callback` once, from any thread, when `resume` has something to go on with."""

    def resume(self) -> tuple[bytes, bytes, bool]:
        """Goes on. Raises if nothing ever will be durable any more: the connection is of no use then."""


class Session(Protocol):
    """One client's state: its keyspace, its role, what it listens to."""

    def query(self, query: Query, context: Context) -> Reply:
        """Runs one statement."""

    def prepare(self, prepare: Prepare, context: Context) -> Reply:
        """Parses and binds one statement: a `Prepared`, the same id for the same text and keyspace."""

    def execute(self, execute: Execute, context: Context) -> Reply:
        """Runs a prepared statement.

        Raises:
            CqlError: unprepared, with the `id`, where it is not known; drivers prepare it again then.
        """

    def batch(self, batch: Batch, context: Context) -> Reply:
        """Runs statements that belong together."""

    def lane(self, version: int) -> Lane | None:
        """What answers requests of a client in this version (4 or 5, without compression) before they come here, from the bytes
        behind STARTUP on; asked for once. None: nothing does."""

    def register(self, events: frozenset[EventKind], push: Callable[[Event], None]) -> None:
        """From now on `push`, which may be called from any thread, is told of `events`, until `close`."""

    def cancel(self) -> None:
        """From any thread: what runs may give up with an error; nothing happens if nothing runs."""

    def close(self) -> None:
        """The client is gone. Called once, never while another call runs."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a session is opened with."""

    role: str
    address: str = ""
    """Of the client; empty for one in this process."""
    port: int = 0
    version: int = 5
    options: Mapping[str, str] = field(default_factory=dict)
    """STARTUP's: DRIVER_NAME, DRIVER_VERSION, APPLICATION_NAME ..."""
    is_encrypted: bool = False
    may_wait: bool = True
    timeouts: CqlTimeouts | None = None
    """None: requests may take as long as they do."""


class Backend(Protocol):
    """Whoever opens sessions."""

    def open(self, opening: Opening) -> Session:
        """A new session; may raise `WouldWait`.

        Raises:
            CqlError: unauthorized, where the role may not log in.
        """


@dataclass(frozen=True, slots=True)
class Role:
    """Who may log in, under the name that aliases stand for, and what proves it."""

    name: str
    verifier: Verifier | None
    """None: no password; it is let in from this machine only."""
