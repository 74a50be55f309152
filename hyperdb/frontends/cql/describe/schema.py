"""A keyspace as CQL shows it: tables, types, indexes, views with their options.

Theory: options that Cassandra has and this store does not need are kept as they were said, so that a schema that is written out
and read again, here or there, is the same schema. Invariant: the order of `TableOptions`' fields is the order in which
Cassandra 5.0 writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from uuid import UUID

from hyperdb.frontends.cql.parse.statements import Relation
from hyperdb.frontends.cql.types.model import Type, Udt

Option = str | bool | int | float | Mapping[str, str] | Mapping[str, bytes]


class Role(Enum):
    """What a column is in its table."""

    PARTITION = "partition_key"
    CLUSTERING = "clustering"
    STATIC = "static"
    REGULAR = "regular"


@dataclass(frozen=True, slots=True)
class Mask:
    """What a masked column shows: a function of the system's, and its arguments besides the column, as CQL and as they are."""

    function: str
    arguments: tuple[str, ...] = ()
    types: tuple[Type, ...] = ()
    values: tuple[bytes | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table or view."""

    name: str
    type: Type
    role: Role = Role.REGULAR
    position: int = -1
    """Within the partition's key or the clustering, from 0."""
    descending: bool = False
    mask: Mask | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """A column that was dropped, and the time (microseconds since 1970) up to which its values are."""

    column: Column
    timestamp: int


def _map(**entries: str) -> Mapping[str, str]:
    return dict(entries)


def _compaction() -> Mapping[str, str]:
    kind = "org.apache.cassandra.db.compaction.SizeTieredCompactionStrategy"
    return {"class": kind, "max_threshold": "32", "min_threshold": "4"}


def _compression() -> Mapping[str, str]:
    return {"chunk_length_in_kb": "16", "class": "org.apache.cassandra.io.compress.LZ4Compressor"}


@dataclass(frozen=True)
class TableOptions:
    """Options of a table or view, with Cassandra 5.0's defaults."""

    additional_write_policy: str = "99p"
    allow_auto_snapshot: bool = True
    bloom_filter_fp_chance: float = 0.01
    caching: Mapping[str, str] = field(default_factory=lambda: _map(keys="ALL", rows_per_partition="NONE"))
    cdc: bool = False
    comment: str = ""
    compaction: Mapping[str, str] = field(default_factory=_compaction)
    compression: Mapping[str, str] = field(default_factory=_compression)
    memtable: str = "default"
    crc_check_chance: float = 1.0
    default_time_to_live: int = 0
    """Seconds; views have none."""
    extensions: Mapping[str, bytes] = field(default_factory=dict)
    gc_grace_seconds: int = 864_000
    incremental_backups: bool = True
    max_index_interval: int = 2048
    memtable_flush_period_in_ms: int = 0
    min_index_interval: int = 128
    read_repair: str = "BLOCKING"
    speculative_retry: str = "99p"


@dataclass(frozen=True)
class Table:
    """A table. `own` has the options that only this database has."""

    keyspace: str
    name: str
    columns: tuple[Column, ...]
    options: TableOptions = field(default_factory=TableOptions)
    own: Mapping[str, Option] = field(default_factory=dict)
    id: UUID | None = None
    dropped: tuple[Dropped, ...] = ()


@dataclass(frozen=True)
class View:
    """A materialized view: its columns with their roles in it, the base table, and which rows it shows."""

    keyspace: str
    name: str
    base: str
    columns: tuple[Column, ...]
    where: tuple[Relation, ...]
    all_columns: bool = False
    options: TableOptions = field(default_factory=TableOptions)
    id: UUID | None = None


@dataclass(frozen=True)
class Index:
    """An index. `target` is CQL: a column, `keys(m)`; `using` the class of a custom one, as it was said."""

    keyspace: str
    name: str
    table: str
    target: str
    using: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Keyspace:
    """A keyspace and all in it."""

    name: str
    replication: Mapping[str, str]
    durable_writes: bool = True
    types: tuple[Udt, ...] = ()
    tables: tuple[Table, ...] = ()
    indexes: tuple[Index, ...] = ()
    views: tuple[View, ...] = ()
