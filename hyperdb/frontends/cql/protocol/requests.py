"""What clients ask, as frozen dataclasses (specification, section 4.1).

Invariant: values are the bytes that came; None is null, `UNSET` is not given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.codes import BatchKind, Consistency, EventKind
from hyperdb.frontends.cql.protocol.reader import Unset

Value: TypeAlias = bytes | Unset | None


@dataclass(frozen=True, slots=True)
class Parameters:
    """How a statement is to be executed, and with which values."""

    consistency: Consistency = Consistency.ONE
    values: tuple[Value, ...] = ()
    names: tuple[str, ...] | None = None
    """Of the values, in their order; None: they are by place."""
    skip_metadata: bool = False
    page_size: int | None = None
    """Rows; None or a number below 1: all of them."""
    paging_state: bytes | None = None
    serial_consistency: Consistency | None = None
    timestamp: int | None = None
    """Microseconds since 1970, of what has no timestamp of its own."""
    keyspace: str | None = None
    """In which names without one are looked up; None: the connection's."""
    now_in_seconds: int | None = None
    """What is taken for the present time; None: the clock's."""


@dataclass(frozen=True, slots=True)
class Startup:
    """STARTUP: how the connection is to be."""

    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Options:
    """OPTIONS: what can be asked for in STARTUP."""


@dataclass(frozen=True, slots=True)
class AuthResponse:
    """AUTH_RESPONSE: a step of SASL."""

    token: bytes | None


@dataclass(frozen=True, slots=True)
class Register:
    """REGISTER: which events are to be told."""

    events: frozenset[EventKind]


@dataclass(frozen=True, slots=True)
class Query:
    """QUERY: a statement as text."""

    text: str
    parameters: Parameters


@dataclass(frozen=True, slots=True)
class Prepare:
    """PREPARE: a statement to be executed later."""

    text: str
    keyspace: str | None = None


@dataclass(frozen=True, slots=True)
class Execute:
    """EXECUTE: a statement that was prepared."""

    id: bytes
    result_metadata_id: bytes | None
    """What the client believes the rows to look like (version 5)."""
    parameters: Parameters


@dataclass(frozen=True, slots=True)
class BatchItem:
    """A statement of a batch: its text, or the id of a prepared one."""

    statement: str | bytes
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """BATCH: statements that are executed together. Values and paging of `parameters` are unused."""

    kind: BatchKind
    items: tuple[BatchItem, ...]
    parameters: Parameters


Body: TypeAlias = Startup | Options | AuthResponse | Register | Query | Prepare | Execute | Batch


@dataclass(frozen=True, slots=True)
class Request:
    """One request, with what its header said."""

    stream: int
    body: Body
    version: int
    tracing: bool = False
    payload: Mapping[str, bytes | None] = field(default_factory=dict)
    """The custom payload."""
    size: int = 0
    """Bytes of the body as it came."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that came is not a request: `error` is to be answered on `stream`, and the connection ends if it is `fatal`."""

    stream: int
    error: CqlError
    fatal: bool = False
