"""Tables whose rows are computed: how they are defined, and their rows as bytes in the order of their keys.

Theory: rows come from a function of the statement's facts; it is told the first column of the partition's key where only one
partition is asked for, so that it need not make the others. Keyspaces that hold only such tables order partitions by their keys,
the others by token, as Cassandra's do. Invariant: a value that a row leaves out is null.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any
from uuid import UUID, uuid5

from hyperdb.frontends.cql.describe.create import select_order
from hyperdb.frontends.cql.describe.schema import Column, Keyspace, Role, Table, TableOptions
from hyperdb.frontends.cql.schema.model import Served
from hyperdb.frontends.cql.schema.rows import Facts, Row
from hyperdb.frontends.cql.schema.token import token
from hyperdb.frontends.cql.types.codec import codec, decode
from hyperdb.frontends.cql.types.names import parse
from hyperdb.frontends.cql.types.ordering import order_key

Values = Mapping[str, Any]
Make = Callable[[Facts, Any], Iterable[Values]]
"""Rows by names of columns; the second argument is the first value of the partition asked for, None for all."""
_SPACE = UUID("0d0c1b0a-77f4-5a52-8f43-52f0a1b0c7de")


def nothing(_facts: Facts, _first: object) -> Iterable[Values]:
    """The rows of a table that has none here."""
    return ()


@dataclass(frozen=True, eq=False)
class Computed:
    """See the module's head."""

    columns: tuple[Column, ...]
    make: Make
    by_token: bool

    @cached_property
    def _partition(self) -> list[int]:
        return [place for place, column in enumerate(self.columns) if column.role is Role.PARTITION]

    def rows(self, facts: Facts, partition: Sequence[bytes] | None, behind: Sequence[bytes] | None = None) -> Iterator[Row]:
        """The rows; `RowSource.rows`."""
        first = None if partition is None else decode(self.columns[0].type, partition[0])
        codecs = [(column.name, codec(column.type).encode) for column in self.columns]
        found: list[Row] = []
        for values in self.make(facts, first):
            row = [None if (value := values.get(name)) is None else encode(value) for name, encode in codecs]
            if partition is None or [row[place] for place in self._partition] == list(partition):
                found.append(row)
        order = self._order()
        found.sort(key=order)
        return iter(found if behind is None else found[bisect_right(found, order(behind), key=order) :])

    @cached_property
    def _keys(self) -> list[Callable[[bytes], Any]]:
        return [order_key(column.type) for column in self.columns if column.role in (Role.PARTITION, Role.CLUSTERING)]

    def _order(self) -> Callable[[Row], tuple[object, ...]]:
        """What rows are ordered by. Tokens are computed once a partition."""
        tokens = cache(lambda *partition: token(partition))
        width = len(self._partition)

        def order(row: Row) -> tuple[object, ...]:
            forms = tuple(key(value or b"") for key, value in zip(self._keys, row, strict=False))
            return (tokens(*(value or b"" for value in row[:width])), *forms) if self.by_token else forms

        return order


def _columns(text: str, role: Role) -> list[Column]:
    """Columns as `name type, name type ...`; commas inside of angle brackets are the type's."""
    found: list[str] = []
    for piece in text.split(","):
        if found and found[-1].count("<") > found[-1].count(">"):
            found[-1] += "," + piece
        elif piece.strip():
            found.append(piece)
    made = []
    for place, each in enumerate(found):
        name, _, kind = each.strip().partition(" ")
        keyed = role in (Role.PARTITION, Role.CLUSTERING)
        made.append(Column(name, parse(kind), role, place if keyed else -1))
    return made


@dataclass(frozen=True)
class Definition:
    """A table: columns of its partition's key, of its clustering, others, as text."""

    name: str
    partition: str
    clustering: str
    others: str
    make: Make = nothing
    comment: str = ""


def served(keyspace: str, definition: Definition, *, virtual: bool) -> Served:
    """The table of a definition."""
    columns = _columns(definition.partition, Role.PARTITION)
    columns += _columns(definition.clustering, Role.CLUSTERING)
    columns = select_order([*columns, *_columns(definition.others, Role.REGULAR)])
    options = TableOptions(comment=definition.comment, gc_grace_seconds=0)
    table = Table(keyspace, definition.name, tuple(columns), options, id=uuid5(_SPACE, f"{keyspace}.{definition.name}"))
    source = Computed(tuple(columns), definition.make, not virtual)
    return Served(table, source=source, is_virtual=virtual)


def keyspace(name: str, tables: Iterable[Served], *, replication: Mapping[str, str]) -> Keyspace:
    """The keyspace of some tables."""
    shown = tuple(each.table for each in tables if isinstance(each.table, Table))
    return Keyspace(name, replication, tables=shown)
