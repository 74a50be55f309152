"""Random tables.

Theory: what a statement means depends on what its columns are, so every kind of column is likely in every place it may be in,
and tables stay small, so that statements meet. Invariant: every table that is made is one that Cassandra takes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from hyperdb.frontends.cql.types import names
from hyperdb.frontends.cql.types.model import Field, List, Map, Native, Set, Tuple, Type, Udt, Vector, frozen

KEY_TYPES = [
    "ascii", "bigint", "blob", "boolean", "date", "decimal", "double", "float", "inet", "int", "smallint", "text", "time",
    "timestamp", "timeuuid", "tinyint", "uuid", "varint",
]  # fmt: skip
CELL_TYPES = [*KEY_TYPES, "duration"]


@dataclass(frozen=True)
class Column:
    """A column of a random table."""

    name: str
    type: Type
    role: str
    """partition, clustering, static or regular."""
    descends: bool = False

    @property
    def is_key(self) -> bool:
        return self.role in ("partition", "clustering")

    @property
    def is_multi(self) -> bool:
        """Whether it has cells of its elements."""
        return isinstance(self.type, List | Set | Map | Udt) and not self.type.frozen


@dataclass(frozen=True)
class Table:
    """A random table with what hangs on it."""

    keyspace: str
    name: str
    columns: tuple[Column, ...]
    types: tuple[Udt, ...] = ()
    indexes: tuple[str, ...] = ()
    """Statements."""
    views: tuple[tuple[str, str], ...] = ()
    """Names and statements."""

    def of(self, *roles: str) -> tuple[Column, ...]:
        """Columns of some roles."""
        return tuple(column for column in self.columns if column.role in roles)

    @property
    def full(self) -> str:
        """The name with its keyspace."""
        return f"{self.keyspace}.{self.name}"

    @property
    def is_counter(self) -> bool:
        """Whether its cells are counters."""
        return any(column.type == Native("counter") for column in self.columns)

    def create(self) -> Iterator[str]:
        """The statements that make it."""
        for kind in self.types:
            fields = ", ".join(f"{field.name} {names.show(field.type)}" for field in kind.fields)
            yield f"CREATE TYPE {self.keyspace}.{kind.name} ({fields})"
        parts = [f"{c.name} {names.show(c.type)}{' static' if c.role == 'static' else ''}" for c in self.columns]
        clustering = self.of("clustering")
        key = f"({', '.join(c.name for c in self.of('partition'))})"
        parts.append(f"PRIMARY KEY ({', '.join([key, *(c.name for c in clustering)])})")
        orders = ", ".join(f"{c.name} {'DESC' if c.descends else 'ASC'}" for c in clustering)
        options = [f"CLUSTERING ORDER BY ({orders})"] if orders else []
        text = f"CREATE TABLE {self.full} ({', '.join(parts)})"
        yield text + (f" WITH {' AND '.join(options)}" if options else "")
        yield from self.indexes
        yield from (text for _, text in self.views)


class Maker:
    """Random tables of one keyspace, by a seed."""

    def __init__(self, keyspace: str, chance: random.Random) -> None:
        self._keyspace = keyspace
        self._chance = chance
        self._types: list[Udt] = []

    def table(self, name: str) -> Table:
        """A table."""
        chance = self._chance
        self._types = []
        self._prefix = name
        made = [Column(f"p{n}", self._key(), "partition") for n in range(chance.choice([1, 1, 1, 2]))]
        clustering = chance.choice([0, 1, 1, 2, 2, 3])
        made += [Column(f"c{n}", self._key(), "clustering", chance.random() < 0.4) for n in range(clustering)]
        if chance.random() < 0.1:
            made += [Column(f"v{n}", Native("counter"), "regular") for n in range(chance.randint(1, 2))]
            if clustering and chance.random() < 0.4:
                made.append(Column("s0", Native("counter"), "static"))
        else:
            if clustering:
                made += [Column(f"s{n}", self._cell(), "static") for n in range(chance.choice([0, 0, 1, 2]))]
            made += [Column(f"v{n}", self._cell(), "regular") for n in range(chance.choice([0, 1, 2, 3, 4]))]
        table = Table(self._keyspace, name, tuple(made), tuple(self._types))
        return self._with_views(self._with_indexes(table))

    def _key(self) -> Type:
        chance = self._chance
        if chance.random() < 0.6:
            return Native(chance.choice(["int", "text", "int", "timeuuid", "bigint"]))
        if chance.random() < 0.8:
            return Native(chance.choice(KEY_TYPES))
        return frozen(self._nested(KEY_TYPES))

    def _cell(self) -> Type:
        chance = self._chance
        if chance.random() < 0.45:
            return Native(chance.choice(["int", "text", *CELL_TYPES]))
        kind = self._nested(CELL_TYPES)
        return kind if chance.random() < 0.65 else frozen(kind)

    def _nested(self, natives: list[str], depth: int = 0) -> Type:
        """A type made of others; only the outermost may have cells of its own."""
        chance = self._chance

        def inner(choices: list[str] = natives) -> Type:
            if depth < 2 and chance.random() < 0.2:
                return frozen(self._nested(choices, depth + 1))
            return Native(chance.choice(choices if chance.random() < 0.5 else ["int", "text"]))

        match chance.choice(["list", "set", "map", "map", "tuple", "udt", "vector"]):
            case "list":
                return List(inner())
            case "set":
                return Set(inner(KEY_TYPES))
            case "map":
                return Map(inner(KEY_TYPES), inner())
            case "tuple":
                return Tuple(tuple(inner() for _ in range(chance.randint(1, 3))))
            case "vector":
                return Vector(Native("float"), chance.randint(1, 3))
        fields = tuple(Field(f"f{n}", inner()) for n in range(chance.randint(1, 3)))
        made = Udt(self._keyspace, f"{self._prefix}_u{len(self._types)}", fields)
        self._types.append(made)
        return made

    def _with_indexes(self, table: Table) -> Table:
        chance = self._chance
        made = []
        for column in table.columns:
            if table.is_counter or chance.random() > 0.2:
                continue
            if column.role == "partition" and len(table.of("partition")) == 1:
                continue
            target = _target(column, chance)
            sai = chance.random() < 0.5
            if target is not None and not (sai and not _sai_takes(column, target)):
                using = " USING 'sai'" if sai else ""
                made.append(f"CREATE INDEX {table.name}_{column.name}_idx ON {table.full} ({target}){using}")
        return Table(table.keyspace, table.name, table.columns, table.types, tuple(made), table.views)

    def _with_views(self, table: Table) -> Table:
        chance = self._chance
        regular = [c for c in table.of("regular") if isinstance(c.type, Native) and c.type.name not in ("counter", "duration")]
        if table.is_counter or table.of("static") or table.indexes or chance.random() > 0.3:
            return table
        keys = [*table.of("partition"), *table.of("clustering")]
        added = [chance.choice(regular)] if regular and chance.random() < 0.7 else []
        everything = [*keys, *added]
        chance.shuffle(everything)
        selected = "*" if chance.random() < 0.5 else ", ".join(c.name for c in [*keys, *added])
        where = " AND ".join(f"{c.name} IS NOT NULL" for c in everything)
        name = f"{table.name}_view"
        key = ", ".join(c.name for c in everything)
        text = f"CREATE MATERIALIZED VIEW {table.keyspace}.{name} AS SELECT {selected} FROM {table.full} WHERE {where}"
        views = ((f"{table.keyspace}.{name}", f"{text} PRIMARY KEY ({key})"),)
        return Table(table.keyspace, table.name, table.columns, table.types, table.indexes, views)


def _target(column: Column, chance: random.Random) -> str | None:
    """What of a column is indexed."""
    kind = column.type
    if kind in (Native("duration"), Native("blob")) or isinstance(kind, Vector):
        return None
    if isinstance(kind, List | Set | Map):
        if kind.frozen:
            return f"full({column.name})"
        choices = ["values", "keys", "entries"] if isinstance(kind, Map) else ["values"]
        return f"{chance.choice(choices)}({column.name})"
    if isinstance(kind, Udt) and not kind.frozen:
        return None
    return column.name


def _sai_takes(column: Column, target: str) -> bool:
    kind = column.type
    return (isinstance(kind, Native) and kind.name != "blob") or not target.startswith("full")
