"""What a frontend can say, as frozen events.

Theory: an event holds the fields of one message and nothing derived from them. Names of statements and portals are text, ""
being the unnamed one; parameter values stay bytes, because their type is not known here. Invariant: an event is well formed.
"""

from __future__ import annotations

from dataclasses import dataclass

from hyperdb.errors import WireError


@dataclass(frozen=True, slots=True)
class SslRequest:
    """May the connection go on under TLS? One byte answers: S or N."""


@dataclass(frozen=True, slots=True)
class GssEncRequest:
    """May the connection go on under GSSAPI encryption? One byte answers: G or N."""


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """Cancel what the session with this key is doing; the connection then closes without an answer."""

    process_id: int
    secret: bytes


@dataclass(frozen=True, slots=True)
class Startup:
    """A session begins. `minor` is the version asked for, 3.`minor`; `options` are those whose names begin with `_pq_.`."""

    minor: int
    parameters: dict[str, str]
    options: dict[str, str]


@dataclass(frozen=True, slots=True)
class Password:
    """The body of a password message, which SASL uses too: the phase says what it is."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Query:
    """Run a text of any number of statements: the simple protocol."""

    text: str


@dataclass(frozen=True, slots=True)
class Parse:
    """Prepare one statement under a name; oid 0 leaves a parameter's type open."""

    statement: str
    text: str
    parameter_oids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Bind:
    """`formats` has no, one or as many codes (0 text, 1 binary) as there are `values`; `result_formats` is not checked here."""

    portal: str
    statement: str
    formats: tuple[int, ...]
    values: tuple[bytes | None, ...]
    result_formats: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Describe:
    """`is_portal` or else a statement."""

    is_portal: bool
    name: str


@dataclass(frozen=True, slots=True)
class Execute:
    """`most_rows` 0 is without a limit."""

    portal: str
    most_rows: int


@dataclass(frozen=True, slots=True)
class Close:
    """Forget a portal or else a statement; one that does not exist is no error."""

    is_portal: bool
    name: str


@dataclass(frozen=True, slots=True)
class Flush:
    """Send what has been answered so far."""


@dataclass(frozen=True, slots=True)
class Sync:
    """The end of a pipeline: errors are forgiven, ReadyForQuery answers."""


@dataclass(frozen=True, slots=True)
class CopyData:
    """A piece of COPY's input, cut anywhere."""

    data: bytes


@dataclass(frozen=True, slots=True)
class CopyDone:
    """COPY's input is whole."""


@dataclass(frozen=True, slots=True)
class CopyFail:
    """The client gives COPY up."""

    reason: str


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """The fast path, which is not served: its body is not read."""


@dataclass(frozen=True, slots=True)
class Terminate:
    """The client leaves."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message whose frame is right and whose body is not: the session can answer `error` and go on."""

    kind: str
    error: WireError


Event = (
    SslRequest
    | GssEncRequest
    | CancelRequest
    | Startup
    | Password
    | Query
    | Parse
    | Bind
    | Describe
    | Execute
    | Close
    | Flush
    | Sync
    | CopyData
    | CopyDone
    | CopyFail
    | FunctionCall
    | Terminate
    | Malformed
)
