"""Tables whose rows are not in the store: what gives them, and what it may ask.

Theory: a system table is a definition like any other and a function that gives its rows as the wire's bytes, so that filtering,
paging and ordering are written once, for all tables. Invariant: rows come in the order of their keys, values in the order of the
table's columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

if TYPE_CHECKING:
    from hyperdb.commitment.frames import Frames
    from hyperdb.frontends.cql.schema.model import Schema
    from hyperdb.graph.catalog.tables import TableTransaction

Row = Sequence[bytes | None]


@dataclass(frozen=True)
class Node:
    """This server, as clients see a node of a cluster."""

    host_id: UUID
    address: str = "127.0.0.1"
    port: int = 9042
    cluster_name: str = "HyperDB"
    data_center: str = "datacenter1"
    rack: str = "rack1"
    started: int = 0
    """When, in microseconds since 1970."""


@dataclass(frozen=True)
class Client:
    """One connection."""

    address: str
    port: int
    role: str
    keyspace: str | None
    version: int
    """Of the protocol."""
    driver_name: str = ""
    driver_version: str = ""
    is_encrypted: bool = False
    requests: int = 0
    options: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class TraceEvent:
    """Something that a traced request did."""

    id: UUID
    activity: str
    elapsed: int
    """Microseconds since the request began."""
    thread: str


@dataclass(frozen=True)
class Trace:
    """A request that was traced."""

    id: UUID
    client: str
    """Its address."""
    command: str
    duration: int
    """Microseconds."""
    parameters: Mapping[str, str]
    request: str
    started_at: int
    """Milliseconds since 1970."""
    events: Sequence[TraceEvent]


def _no_gauges() -> Mapping[str, int]:
    return {}


@dataclass(frozen=True)
class Facts:
    """What rows may be made of besides the catalog."""

    transaction: TableTransaction
    """With a statement that is open."""
    schema: Schema
    node: Node
    role: str
    now: int
    """Microseconds since 1970."""
    sessions: Sequence[Client] = ()
    traces: Sequence[Trace] = ()
    frames: Frames | None = None
    """What was sealed."""
    gauges: Callable[[], Mapping[str, int]] = _no_gauges
    """Counters and gauges of the store, by name."""


class RowSource(Protocol):
    """What gives a table's rows."""

    def rows(self, facts: Facts, partition: Sequence[bytes] | None, behind: Sequence[bytes] | None = None) -> Iterator[Row]:
        """All rows, or those of one partition, in the order of their keys, from behind the row that has the key `behind`."""
