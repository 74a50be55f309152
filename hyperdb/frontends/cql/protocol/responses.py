"""What clients are answered, as frozen dataclasses (specification, section 4.2).

Invariant: values are the bytes that go out; None is null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.types.model import Type


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a result, or a marker of a statement."""

    keyspace: str
    table: str
    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Encoded:
    """Rows that are bytes already: of each row its [bytes], one after the other."""

    count: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Error:
    """ERROR."""

    error: CqlError


@dataclass(frozen=True, slots=True)
class Ready:
    """READY."""


@dataclass(frozen=True, slots=True)
class Authenticate:
    """AUTHENTICATE: the client is to prove who it is, by what the Java class `authenticator` takes."""

    authenticator: str


@dataclass(frozen=True, slots=True)
class AuthChallenge:
    """AUTH_CHALLENGE: a step of SASL."""

    token: bytes | None


@dataclass(frozen=True, slots=True)
class AuthSuccess:
    """AUTH_SUCCESS."""

    token: bytes | None = None


@dataclass(frozen=True, slots=True)
class Supported:
    """SUPPORTED: what STARTUP may ask for."""

    options: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Void:
    """RESULT without anything."""


@dataclass(frozen=True, slots=True)
class Rows:
    """RESULT with rows."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[bytes | None]] | Encoded
    paging_state: bytes | None = None
    """With which the next page is asked for; None: there is none."""
    skip_metadata: bool = False
    """The client knows the columns, and they are as it believes."""
    new_metadata_id: bytes | None = None
    """The columns are not as the client believes: the id of what they are (version 5). Columns are told then in any case."""


@dataclass(frozen=True, slots=True)
class SetKeyspace:
    """RESULT of USE."""

    keyspace: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """RESULT of PREPARE."""

    id: bytes
    result_metadata_id: bytes
    """Told from version 5 on."""
    markers: Sequence[Column]
    partition_key: Sequence[int] = ()
    """Which markers are the partition key's columns, in its order; none unless all are there."""
    columns: Sequence[Column] | None = None
    """Of the rows that come back; None: none do."""


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """What a definition changed: RESULT of it, and an EVENT for those who asked."""

    change: str
    """CREATED, UPDATED or DROPPED."""
    target: str
    """KEYSPACE, TABLE, TYPE, FUNCTION or AGGREGATE."""
    keyspace: str
    name: str | None = None
    """None for a keyspace."""
    arguments: Sequence[str] = ()
    """Types as text, of a function or an aggregate."""


@dataclass(frozen=True, slots=True)
class StatusChange:
    """An EVENT: a node went UP or DOWN."""

    change: str
    address: tuple[str, int]


@dataclass(frozen=True, slots=True)
class TopologyChange:
    """An EVENT: NEW_NODE or REMOVED_NODE."""

    change: str
    address: tuple[str, int]


Event: TypeAlias = SchemaChange | StatusChange | TopologyChange
Result: TypeAlias = Void | Rows | SetKeyspace | Prepared | SchemaChange
Response: TypeAlias = Error | Ready | Authenticate | AuthChallenge | AuthSuccess | Supported | Result


@dataclass(frozen=True, slots=True)
class Reply:
    """A response, with what its envelope tells besides."""

    response: Response
    warnings: Sequence[str] = ()
    payload: Mapping[str, bytes | None] = field(default_factory=dict)
    """The custom payload."""
    tracing: UUID | None = None
    """The session under which the request was traced."""
