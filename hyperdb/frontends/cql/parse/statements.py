"""Nodes of statements that read and change rows, and the ones that hold any statement.

Invariant: equality is of what was written; a value in a place that takes values holds no column.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hyperdb.frontends.cql.parse.terms import Name, Term


@dataclass(frozen=True, slots=True)
class Selector:
    """What is selected, and under which name."""

    value: Term
    alias: str | None = None


class Comparison(Enum):
    """How a relation compares. IN has its values in a tuple, or one marker; BETWEEN a tuple of two; IS NOT NULL nothing."""

    EQUAL = "="
    LESS = "<"
    GREATER = ">"
    LESS_EQUAL = "<="
    GREATER_EQUAL = ">="
    NOT_EQUAL = "!="
    IN = "IN"
    LIKE = "LIKE"
    CONTAINS = "CONTAINS"
    CONTAINS_KEY = "CONTAINS KEY"
    NOT_NULL = "IS NOT NULL"
    BETWEEN = "BETWEEN"


@dataclass(frozen=True, slots=True)
class Relation:
    """A condition: a column, an element or field of one, several columns, or their token, compared with values."""

    subject: Term
    comparison: Comparison
    value: Term | None = None


class Direction(Enum):
    """How rows are ordered by a column."""

    ASCENDING = "ASC"
    DESCENDING = "DESC"
    NEAREST = "ANN OF"


@dataclass(frozen=True, slots=True)
class Ordering:
    """A column to order by; with NEAREST the vector to be near to."""

    column: str
    direction: Direction = Direction.ASCENDING
    value: Term | None = None


@dataclass(frozen=True, slots=True)
class Select:
    """SELECT. `selectors` is None for `*`."""

    table: Name
    selectors: tuple[Selector, ...] | None = None
    where: tuple[Relation, ...] = ()
    group_by: tuple[Term, ...] = ()
    order_by: tuple[Ordering, ...] = ()
    per_partition_limit: Term | None = None
    limit: Term | None = None
    allow_filtering: bool = False
    json: bool = False
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class Using:
    """Time to live in seconds, timestamp in microseconds since 1970."""

    ttl: Term | None = None
    timestamp: Term | None = None


NOTHING = Using()


@dataclass(frozen=True, slots=True)
class Insert:
    """INSERT of columns' values."""

    table: Name
    columns: tuple[str, ...]
    values: tuple[Term, ...]
    if_not_exists: bool = False
    using: Using = NOTHING


@dataclass(frozen=True, slots=True)
class InsertJson:
    """INSERT of one JSON text; columns that it leaves out become null, or stay as they are if `default_unset`."""

    table: Name
    value: Term
    default_unset: bool = False
    if_not_exists: bool = False
    using: Using = NOTHING


class Change(Enum):
    """What an assignment does to its column."""

    SET = "="
    ADD = "+"
    SUBTRACT = "-"
    PREPEND = "+ column"


@dataclass(frozen=True, slots=True)
class Assignment:
    """A change of a column, or (SET only) of an element or a field of one."""

    target: Term
    change: Change
    value: Term


@dataclass(frozen=True, slots=True)
class Conditions:
    """IF: `exists`, or relations on the row's present values."""

    exists: bool = False
    relations: tuple[Relation, ...] = ()


UNCONDITIONAL = Conditions()


@dataclass(frozen=True, slots=True)
class Update:
    """UPDATE of the rows that `where` names."""

    table: Name
    assignments: tuple[Assignment, ...]
    where: tuple[Relation, ...]
    conditions: Conditions = UNCONDITIONAL
    using: Using = NOTHING


@dataclass(frozen=True, slots=True)
class Delete:
    """DELETE of rows, or of columns, elements and fields of them."""

    table: Name
    deleted: tuple[Term, ...]
    where: tuple[Relation, ...]
    conditions: Conditions = UNCONDITIONAL
    using: Using = NOTHING


class BatchKind(Enum):
    """How far the changes of a batch belong together."""

    LOGGED = "LOGGED"
    UNLOGGED = "UNLOGGED"
    COUNTER = "COUNTER"


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes sent together."""

    changes: tuple[Insert | InsertJson | Update | Delete, ...]
    kind: BatchKind = BatchKind.LOGGED
    using: Using = NOTHING


@dataclass(frozen=True, slots=True)
class Truncate:
    """TRUNCATE of a table."""

    table: Name


@dataclass(frozen=True, slots=True)
class Use:
    """USE of a keyspace."""

    keyspace: str


DataStatement = Select | Insert | InsertJson | Update | Delete | Batch | Truncate | Use
