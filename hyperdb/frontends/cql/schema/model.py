"""What statements look up: keyspaces, and tables with what reading and writing them takes.

Invariant: nothing here changes once it is made; native layouts are made when they are first asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from hyperdb.frontends.cql.describe.schema import Column, Index, Keyspace, Role, Table, TableOptions, View
from hyperdb.frontends.cql.parse.definitions import TargetKind
from hyperdb.frontends.cql.schema.faults import unauthorized
from hyperdb.frontends.cql.schema.options import PRIVACY
from hyperdb.frontends.cql.schema.rows import RowSource
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import COUNTER, Udt
from hyperdb.frontends.cql.types.names import FindType
from hyperdb.graph.catalog.records import Object
from hyperdb.graph.catalog.tables import Image, Wide

NO_KEYSPACE = "No keyspace has been specified. USE a keyspace, or explicitly specify keyspace.tablename"


@dataclass(frozen=True)
class ServedIndex:
    """An index with its number; SIMPLE is of a value that is no collection, FULL of a frozen one."""

    index: Index
    number: int
    column: str
    kind: TargetKind


@dataclass(frozen=True, eq=False)
class Served:
    """A table or view with what reading and writing it takes."""

    table: Table | View
    number: int = 0
    """Of its object in the catalog; 0: a system table."""
    ids: Mapping[str, int] = field(default_factory=dict)
    """Columns' numbers by name."""
    indexes: tuple[ServedIndex, ...] = ()
    views: tuple[str, ...] = ()
    image: Image | None = None
    source: RowSource | None = None
    """What gives its rows, where they are not in the store by token."""
    is_virtual: bool = False

    @property
    def keyspace(self) -> str:
        """Its keyspace's name."""
        return self.table.keyspace

    @property
    def name(self) -> str:
        """Its own name."""
        return self.table.name

    @property
    def options(self) -> TableOptions:
        """Its options."""
        return self.table.options

    @property
    def base(self) -> str | None:
        """The table that it is a view of."""
        return self.table.base if isinstance(self.table, View) else None

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        """Its columns by name, in the order of `SELECT *`."""
        return {column.name: column for column in self.table.columns}

    def _of(self, role: Role) -> tuple[Column, ...]:
        return tuple(column for column in self.table.columns if column.role is role)

    @cached_property
    def partition(self) -> tuple[Column, ...]:
        """The partition key's columns, in its order."""
        return self._of(Role.PARTITION)

    @cached_property
    def clustering(self) -> tuple[Column, ...]:
        """The clustering columns, in their order."""
        return self._of(Role.CLUSTERING)

    @cached_property
    def statics(self) -> tuple[Column, ...]:
        """Columns that a partition has once."""
        return self._of(Role.STATIC)

    @cached_property
    def regulars(self) -> tuple[Column, ...]:
        """Columns of rows outside the key."""
        return self._of(Role.REGULAR)

    @cached_property
    def is_counter(self) -> bool:
        """Whether its values are counters."""
        return any(column.type == COUNTER for column in self.table.columns)

    @cached_property
    def is_masked(self) -> bool:
        """Whether any column has a mask."""
        return any(column.mask is not None for column in self.table.columns)

    @property
    def privacy(self) -> bytes | None:
        """The privacy level that SELECTs have which say none themselves."""
        return self.options.extensions.get(PRIVACY)

    @cached_property
    def dropped(self) -> Mapping[str, int]:
        """Columns that were dropped and are not there again, with the times (microseconds) up to which their values are."""
        if isinstance(self.table, View):
            return {}
        return {each.column.name: each.timestamp for each in self.table.dropped if each.column.name not in self.columns}

    @cached_property
    def wide(self) -> Wide:
        """The native layout of a table whose rows are in the store by token."""
        assert self.image is not None
        return Wide(self.image, self.number)

    def refuse_tokens(self) -> None:
        """For statements that use tokens.

        Raises:
            CqlError: invalid: the rows lie by their key.
        """
        if self.number and self.source is not None:
            raise invalid(f"{self.keyspace}.{self.name} was made in SQL: its rows lie by their key, and have no token")

    def refuse_writes(self) -> None:
        """For statements that change rows.

        Raises:
            CqlError: the rows are not to be written by clients.
        """
        if self.base is not None:
            raise invalid("Cannot directly modify a materialized view")
        if self.is_virtual:
            raise invalid(f"Modification is not supported by table {self.keyspace}.{self.name}")
        if self.number == 0:
            raise unauthorized(f"{self.keyspace} keyspace is not user-modifiable.")
        if self.source is not None:
            raise invalid(f"Rows of {self.keyspace}.{self.name}, which was made in SQL, are written in SQL")


@dataclass(frozen=True, eq=False)
class Builtin:
    """The keyspaces that every server has."""

    keyspaces: Mapping[str, Keyspace] = field(default_factory=dict)
    virtual: Mapping[str, Keyspace] = field(default_factory=dict)
    tables: Mapping[tuple[str, str], Served] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Known:
    """An object's record as bytes and as it was read; of a table also what it was served as, and from which records."""

    data: bytes
    record: Object
    made_of: object = None
    served: Served | None = None


@dataclass(frozen=True, eq=False)
class Schema:
    """The catalog of one version. `keyspaces` are users' and the system's; `virtual` hold nothing but what is computed."""

    version: int
    keyspaces: Mapping[str, Keyspace]
    virtual: Mapping[str, Keyspace]
    tables: Mapping[tuple[str, str], Served]
    types: Mapping[tuple[str, str], Udt]
    numbers: Mapping[str, int] = field(default_factory=dict)
    """Objects of users' keyspaces, by name."""
    apps: Mapping[str, int] = field(default_factory=dict)
    """Apps of users' keyspaces."""
    type_numbers: Mapping[tuple[str, str], int] = field(default_factory=dict)
    unseen: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """What is there and cannot be said in CQL, with the reason."""
    owners: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Who made a table, or with an empty name a keyspace; those of the bootstrap role are not there."""
    known: Mapping[int, Known] = field(default_factory=dict)
    """What was read, by object."""
    taken: frozenset[tuple[str, str]] = frozenset()
    """Names of all relations that are there, whatever they are."""
    image: Image | None = None
    """What it was read from."""

    def has_keyspace(self, name: str) -> bool:
        """Whether there is such a keyspace."""
        return name in self.keyspaces or name in self.virtual

    def keyspace(self, name: str) -> Keyspace:
        """A keyspace.

        Raises:
            CqlError: invalid: there is none.
        """
        found = self.keyspaces.get(name) or self.virtual.get(name)
        if found is None:
            raise invalid(f"Keyspace '{name}' does not exist")
        return found

    def find(self, keyspace: str, name: str) -> Served | None:
        """A table or view, if it is there."""
        return self.tables.get((keyspace, name))

    def table(self, keyspace: str | None, name: str) -> Served:
        """A table or view.

        Raises:
            CqlError: invalid: there is none, or CQL cannot say what it is.
        """
        if keyspace is None:
            raise invalid(NO_KEYSPACE)
        found = self.tables.get((keyspace, name))
        if found is not None:
            return found
        reason = self.unseen.get((keyspace, name))
        if reason is not None:
            raise invalid(f"Table {keyspace}.{name} cannot be used in CQL: {reason}")
        if not self.has_keyspace(keyspace):
            raise invalid(f"keyspace {keyspace} does not exist")
        raise invalid(f"table {name} does not exist")

    def type(self, keyspace: str, name: str) -> Udt:
        """A user type, not frozen.

        Raises:
            CqlError: invalid: there is none.
        """
        found = self.types.get((keyspace, name))
        if found is None:
            raise invalid(f"Unknown type {keyspace}.{name}")
        return found

    def find_type(self, keyspace: str | None) -> FindType:
        """How types' names are looked up where `keyspace` is in use."""

        def find(other: str | None, name: str) -> Udt:
            chosen = keyspace if other is None else other
            if chosen is None:
                raise invalid(f"Unknown type {name}")
            return self.type(chosen, name)

        return find
