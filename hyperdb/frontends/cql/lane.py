"""Plans of the short way: statements that are answered natively, from a client's bytes (native/cql).

Theory: nearly all that a busy server gets are statements that read or write one row, or read a slice of one partition. Which
are of these forms the binder knows; here is what it says of them. Invariant: what is answered there is what the
session would answer; whatever else a request asks for (a page's rest, a trace, an error) comes to the session.
"""

from __future__ import annotations

from dataclasses import dataclass

from hyperdb.graph.catalog.lanes import CqlLane, CqlLanes, CqlPlan
from hyperdb.graph.catalog.tables import Wide

__all__ = ["CqlLane", "CqlLanes", "CqlPlan", "End", "LaneSelect", "LaneWrite", "Source", "native"]

Source = int | bytes | None
"""Where a value comes from: the place of a marker, a value on the wire, null."""
End = tuple[tuple[Source, ...], bool] | None
"""Of a slice: values of the first clustering columns, and whether rows with just these belong to it; None: there is no end."""


@dataclass(frozen=True, slots=True)
class LaneSelect:
    """A read of one slice of a partition: no static columns, functions, filters, or limits per partition."""

    table: Wide
    version: int
    """Of the catalog that it was bound under."""
    markers: int
    partition: tuple[Source, ...]
    low: End
    """As rows lie: of a descending column the greater value. One row: both ends are all of its key."""
    high: End
    reverse: bool
    limit: Source
    """None: no limit."""
    columns: tuple[tuple[int, int], ...]
    """Ids of columns, and 0 for the value, 1 for WRITETIME, 2 for TTL (of columns of one cell)."""
    metadata: bytes
    """What stands in a result of rows behind flags and count: keyspace and table, then name and type of each column."""
    metadata_id: bytes


@dataclass(frozen=True, slots=True)
class LaneWrite:
    """INSERT, UPDATE or DELETE of one row without conditions."""

    table: Wide
    version: int
    markers: int
    partition: tuple[Source, ...]
    clustering: tuple[Source, ...]
    """Empty: the static row, or the row of a table without clustering columns."""
    inserts: bool
    removes: bool
    """All of the row."""
    changes: tuple[tuple[int, str, Source], ...]
    """Ids of columns, `set`, `add` or `subtract` (counters), and what."""
    ttl: Source
    """USING TTL; None: there is none."""
    timestamp: Source
    default_ttl: int
    """The table's, in seconds."""
    grace: int
    weight: int
    """About how many bytes it adds to a batch, besides the values of its markers and of literals that were lifted."""


def native(lanes: CqlLanes, plan: LaneSelect | LaneWrite) -> CqlPlan:
    """What lanes learn."""
    if isinstance(plan, LaneSelect):
        return lanes.select(
            plan.table,
            plan.version,
            plan.markers,
            plan.partition,
            plan.low,
            plan.high,
            plan.reverse,
            plan.limit,
            plan.columns,
            plan.metadata,
            plan.metadata_id,
        )
    return lanes.write(
        plan.table,
        plan.version,
        plan.markers,
        plan.partition,
        plan.clustering,
        plan.inserts,
        plan.removes,
        plan.changes,
        plan.ttl,
        plan.timestamp,
        plan.default_ttl,
        plan.grace,
        plan.weight,
    )
