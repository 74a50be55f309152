"""What the catalog describes: the records of native/graph/src/catalog/objects.rs, field by field.

Theory: docs/file-format.md (Catalog) says what fields mean. Words are numbers; their names are the constants here. Invariant:
tags are those of the document.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from hyperdb.errors import CorruptError
from hyperdb.graph.catalog.codec import BYTES, FLAG, I64, NUM, TEXT, TYPE, Record, field, many, record

Unknown: TypeAlias = tuple[tuple[int, bytes], ...]

NULLS_NEVER, NULLS_FIRST, NULLS_LAST = 0, 1, 2
BY_DEFAULT, STORED, IDENTITY_BY_DEFAULT, IDENTITY_ALWAYS = 0, 1, 2, 3
PRIMARY, UNIQUE, CHECK, FOREIGN = 0, 1, 2, 3
NO_ACTION, RESTRICT, CASCADE, SET_NULL, SET_DEFAULT = 0, 1, 2, 3, 4
ENUM, DOMAIN, COMPOSITE = 0, 1, 2


@dataclass(frozen=True)
class Setting(Record):
    """A word and its value."""

    name: str = field(1, TEXT)
    value: str = field(2, TEXT)
    unknown: Unknown = ()


MASK = "mask"
"""The name of a table's settings that hide a column's values from who has no permission to see them."""


@dataclass(frozen=True)
class Use(Record):
    """What an expression names: an object, and columns of it."""

    object: int = field(1, NUM)
    columns: tuple[int, ...] = field(2, many(NUM))
    unknown: Unknown = ()


@dataclass(frozen=True)
class Expression(Record):
    """An expression or query as text; without text there is none."""

    text: str = field(1, TEXT)
    language: int = field(2, NUM)
    path: tuple[str, ...] = field(3, many(TEXT))
    uses: tuple[Use, ...] = field(4, many(record(Use)))
    columns: tuple[int, ...] = field(5, many(NUM))
    unknown: Unknown = ()


@dataclass(frozen=True)
class App(Record):
    """A namespace: a schema."""

    number: int = field(1, NUM)
    name: str = field(2, TEXT)
    owner: str = field(3, TEXT)
    options: tuple[Setting, ...] = field(4, many(record(Setting)))
    comment: str = field(5, TEXT)
    unknown: Unknown = ()


@dataclass(frozen=True)
class KeyColumn(Record):
    """A column of a key."""

    column: int = field(1, NUM)
    expression: Expression = field(2, record(Expression))
    descending: bool = field(3, FLAG)
    nulls: int = field(4, NUM)
    part: int = field(5, NUM)
    collation: str = field(6, TEXT)
    unknown: Unknown = ()


@dataclass(frozen=True)
class Column(Record):
    """A column of a table, a view or a type. `kind` is a type's bytes."""

    id: int = field(1, NUM)
    name: str = field(2, TEXT)
    kind: bytes = field(3, TYPE)
    not_null: bool = field(4, FLAG)
    default: Expression = field(5, record(Expression))
    generation: int = field(6, NUM)
    sequence: int = field(7, NUM)
    is_static: bool = field(8, FLAG)
    dropped: bool = field(9, FLAG)
    place: int = field(10, NUM)
    collation: str = field(11, TEXT)
    missing: bytes | None = field(12, BYTES)
    hidden: bool = field(13, FLAG)
    dropped_at: int = field(14, I64)
    comment: str = field(15, TEXT)
    unknown: Unknown = ()


@dataclass(frozen=True)
class Constraint(Record):
    """A constraint of a table or a domain."""

    number: int = field(1, NUM)
    name: str = field(2, TEXT)
    kind: int = field(3, NUM)
    columns: tuple[int, ...] = field(4, many(NUM))
    check: Expression = field(5, record(Expression))
    index: int = field(6, NUM)
    parent: int = field(7, NUM)
    parent_columns: tuple[int, ...] = field(8, many(NUM))
    on_delete: int = field(9, NUM)
    on_update: int = field(10, NUM)
    set_columns: tuple[int, ...] = field(11, many(NUM))
    deferrable: bool = field(12, FLAG)
    deferred: bool = field(13, FLAG)
    nulls_equal: bool = field(14, FLAG)
    match_full: bool = field(15, FLAG)
    unvalidated: bool = field(16, FLAG)
    comment: str = field(17, TEXT)
    unknown: Unknown = ()


@dataclass(frozen=True)
class Source(Record):
    """What a materialized view is filled from."""

    query: Expression = field(1, record(Expression))
    base: int = field(2, NUM)
    all_columns: bool = field(3, FLAG)
    filter: Expression = field(4, record(Expression))
    unfilled: bool = field(5, FLAG)
    unknown: Unknown = ()


@dataclass(frozen=True)
class Table(Record):
    """A table."""

    app: int = field(1, NUM)
    name: str = field(2, TEXT)
    order: int = field(3, NUM)
    columns: tuple[Column, ...] = field(4, many(record(Column)))
    next_column: int = field(5, NUM)
    partition: tuple[int, ...] = field(6, many(NUM))
    key: tuple[KeyColumn, ...] = field(7, many(record(KeyColumn)))
    constraints: tuple[Constraint, ...] = field(8, many(record(Constraint)))
    options: tuple[Setting, ...] = field(9, many(record(Setting)))
    resp_prefix: str = field(10, TEXT)
    owner: str = field(11, TEXT)
    comment: str = field(12, TEXT)
    language: int = field(13, NUM)
    temporary: bool = field(14, FLAG)
    source: Source = field(15, record(Source))
    unknown: Unknown = ()


@dataclass(frozen=True)
class Index(Record):
    """An index. `clustered`: the table's rows are its entries."""

    app: int = field(1, NUM)
    name: str = field(2, TEXT)
    table: int = field(3, NUM)
    columns: tuple[KeyColumn, ...] = field(4, many(record(KeyColumn)))
    included: tuple[int, ...] = field(5, many(NUM))
    unique: bool = field(6, FLAG)
    predicate: Expression = field(7, record(Expression))
    nulls_equal: bool = field(8, FLAG)
    building: bool = field(9, FLAG)
    method: str = field(10, TEXT)
    clustered: bool = field(11, FLAG)
    options: tuple[Setting, ...] = field(12, many(record(Setting)))
    comment: str = field(13, TEXT)
    unknown: Unknown = ()


@dataclass(frozen=True)
class View(Record):
    """A view."""

    app: int = field(1, NUM)
    name: str = field(2, TEXT)
    query: Expression = field(3, record(Expression))
    columns: tuple[Column, ...] = field(4, many(record(Column)))
    check: int = field(5, NUM)
    options: tuple[Setting, ...] = field(6, many(record(Setting)))
    owner: str = field(7, TEXT)
    comment: str = field(8, TEXT)
    unknown: Unknown = ()


@dataclass(frozen=True)
class Sequence(Record):
    """A sequence."""

    app: int = field(1, NUM)
    name: str = field(2, TEXT)
    kind: bytes = field(3, TYPE)
    start: int = field(4, I64)
    increment: int = field(5, I64)
    min: int = field(6, I64)
    max: int = field(7, I64)
    cache: int = field(8, NUM)
    cycle: bool = field(9, FLAG)
    table: int = field(10, NUM)
    column: int = field(11, NUM)
    owner: str = field(12, TEXT)
    comment: str = field(13, TEXT)
    unknown: Unknown = ()


@dataclass(frozen=True)
class Label(Record):
    """A label of an enum."""

    number: int = field(1, NUM)
    name: str = field(2, TEXT)
    position: int = field(3, NUM)
    unknown: Unknown = ()


@dataclass(frozen=True)
class UserType(Record):
    """An enum, a domain or a composite type."""

    app: int = field(1, NUM)
    name: str = field(2, TEXT)
    form: int = field(3, NUM)
    labels: tuple[Label, ...] = field(4, many(record(Label)))
    next_label: int = field(5, NUM)
    base: bytes = field(6, TYPE)
    not_null: bool = field(7, FLAG)
    default: Expression = field(8, record(Expression))
    collation: str = field(9, TEXT)
    constraints: tuple[Constraint, ...] = field(10, many(record(Constraint)))
    fields: tuple[Column, ...] = field(11, many(record(Column)))
    next_field: int = field(12, NUM)
    owner: str = field(13, TEXT)
    comment: str = field(14, TEXT)
    unknown: Unknown = ()


Object: TypeAlias = App | Table | Index | View | Sequence | UserType

_KINDS: dict[int, type[Object]] = {1: App, 2: Table, 3: Index, 4: View, 5: Sequence, 6: UserType}
_CODES = {kind: code for code, kind in _KINDS.items()}


def encode(found: Object) -> bytes:
    """An object's record with its kind's code."""
    return bytes([_CODES[type(found)]]) + found.encode()


def decode(data: bytes) -> Object:
    """Back from `encode`.

    Raises:
        CorruptError: when it is no record that this version knows.
    """
    kind = _KINDS.get(data[0]) if data else None
    if kind is None:
        raise CorruptError("an object of the catalog of a kind that this version does not know")
    return kind.decode(data[1:])
