"""Plans: trees of operators over rows, and what statements do beside.

Theory: each operator gives rows of a known width, tuples of plain values. The tree says what is computed and in which way (index,
hash), not in which language it runs: the row executor reads it, others may. Invariant: `Slot`s of an operator's expressions
are places in the row of its child; of a join, in the left row followed by the right one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hyperdb.frontends.sql.plan.expressions import AggregateCall, Expr, WindowCall

if TYPE_CHECKING:
    from hyperdb.frontends.sql.catalog.relations import Relation

Order = tuple[tuple[Expr, bool, bool], ...]
"""Expressions, whether descending, whether nulls come first."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The base."""

    width: int


@dataclass(frozen=True, slots=True, eq=False)
class Values(Plan):
    """Rows of expressions over no row. One row of no columns is what a query without FROM begins with."""

    rows: tuple[tuple[Expr, ...], ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of a range of an index: values of its first columns, and whether they belong to it."""

    values: tuple[Expr, ...]
    included: bool


@dataclass(frozen=True, slots=True, eq=False)
class Scan(Plan):
    """Rows of a table by its key or an index, in its order. Of a range with a null end there is nothing."""

    relation: Relation
    index: int | None = None
    low: Bound | None = None
    high: Bound | None = None
    reverse: bool = False
    frame: int | None = None
    """Of a sealed frame and not of now."""


@dataclass(frozen=True, slots=True, eq=False)
class Virtual(Plan):
    """Rows of a relation that is made when it is asked for. `given`: columns that it takes, signs, and values without nulls."""

    relation: Relation
    given: tuple[tuple[str, str, tuple[Expr, ...]], ...] = ()
    frame: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class KeptCount(Plan):
    """One row: how many rows `of` has by the counts that are kept; where those do not tell, what `otherwise` computes."""

    of: Virtual
    otherwise: Plan


@dataclass(frozen=True, slots=True, eq=False)
class FunctionScan(Plan):
    """Rows of set-returning functions side by side; with `ordinality` a number behind them. `widths`: columns of each call."""

    calls: tuple[Expr, ...]
    widths: tuple[int, ...]
    ordinality: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Filter(Plan):
    """Rows for which the condition is true."""

    child: Plan
    condition: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Project(Plan):
    """Other columns. With `sets`, the places of those that are calls of set-returning functions: a row for each of theirs."""

    child: Plan
    columns: tuple[Expr, ...]
    sets: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Lookup:
    """How a join may find the rows of its right side one left row at a time: by the key or an index of `scan`, whose first
    columns are equal to the join's keys at these places; `condition` is what the right side asks of its rows."""

    scan: Scan
    places: tuple[int, ...]
    condition: Expr | None
    unique: bool
    """There is at most one row for each left row."""


@dataclass(frozen=True, slots=True, eq=False)
class Join(Plan):
    """`form` is inner, left, right, full, semi or anti. `keys` are pairs that must be equal; then comes `condition`."""

    form: str
    left: Plan
    right: Plan
    keys: tuple[tuple[Expr, Expr], ...] = ()
    condition: Expr | None = None
    lookup: Lookup | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Lateral(Plan):
    """The right side again for each left row, which it sees by `captures`; inner or left."""

    form: str
    left: Plan
    right: Plan
    captures: tuple[Expr, ...]
    condition: Expr | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Aggregate(Plan):
    """One row a group: the group's expressions, then the aggregates. `sets` are the places of the grouping sets' expressions;
    with more than one, a last column tells the number of the set."""

    child: Plan
    groups: tuple[Expr, ...]
    calls: tuple[AggregateCall, ...]
    sets: tuple[tuple[int, ...], ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Window(Plan):
    """The child's row, then the window functions."""

    child: Plan
    calls: tuple[WindowCall, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Sort(Plan):
    """In order; equal rows stay as they came."""

    child: Plan
    order: Order


@dataclass(frozen=True, slots=True, eq=False)
class Limit(Plan):
    """From `offset`, up to `count`; with `ties` also those equal to the last by `order`."""

    child: Plan
    count: Expr | None
    offset: Expr | None
    ties: Order | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Distinct(Plan):
    """The first row of those whose `on` (all columns, if None) are the same."""

    child: Plan
    kinds: tuple[int, ...]
    on: tuple[Expr, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SetOperation(Plan):
    """union, intersect or except of two plans with the same types."""

    form: str
    every: bool
    left: Plan
    right: Plan
    kinds: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Shared(Plan):
    """A common table expression: run once an execution and read as often as it is named. `name` is unique in the statement."""

    name: int
    child: Plan


@dataclass(frozen=True, slots=True, eq=False)
class Recursive(Plan):
    """WITH RECURSIVE: `step` reads what the last round gave as `Working(name)`."""

    name: int
    start: Plan
    step: Plan
    every: bool
    kinds: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Working(Plan):
    """The last round's rows of `Recursive`."""

    name: int


@dataclass(frozen=True, slots=True, eq=False)
class Lock(Plan):
    """FOR UPDATE and its like: locks the rows of `relation`, whose columns are at `places` of the child's row."""

    child: Plan
    relation: Relation
    places: tuple[int, ...]
    mode: str
    wait: str


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """A condition over the row that is to be written."""

    name: str
    condition: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Writes:
    """What every change of a relation's rows has to see to, compiled once. Expressions are over the row in its slots."""

    relation: Relation
    extras: tuple[Expr, ...]
    checks: tuple[Check, ...]
    generated: tuple[tuple[int, Expr], ...]
    """Slots and what they hold, in order."""


@dataclass(frozen=True, slots=True, eq=False)
class Conflict:
    """ON CONFLICT: `index` None is any; `sets` are over the row that is there, then the row proposed."""

    index: int | None
    anything: bool
    sets: tuple[tuple[int, Expr], ...] | None
    where: Expr | None


@dataclass(frozen=True, slots=True, eq=False)
class Insert(Plan):
    """Adds the child's rows, which have one value a slot. `returning` is over the row."""

    child: Plan
    writes: Writes
    conflict: Conflict | None
    returning: tuple[Expr, ...] | None


@dataclass(frozen=True, slots=True, eq=False)
class Update(Plan):
    """The child gives the old row's slots, then whatever else was joined.

    `sets` and `returning` are over that, the latter with the new row in place of the old.
    """

    child: Plan
    writes: Writes
    sets: tuple[tuple[int, Expr], ...]
    returning: tuple[Expr, ...] | None


@dataclass(frozen=True, slots=True, eq=False)
class Delete(Plan):
    """As `Update`."""

    child: Plan
    writes: Writes
    returning: tuple[Expr, ...] | None


@dataclass(frozen=True, slots=True, eq=False)
class When:
    """A clause of MERGE: `action` is update (`sets`), insert (`values`, one a slot), delete or nothing."""

    matched: bool
    condition: Expr | None
    action: str
    sets: tuple[tuple[int, Expr], ...]
    values: tuple[Expr, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Merge(Plan):
    """The child gives the target's row, null where none is met, then the source's."""

    child: Plan
    writes: Writes
    whens: tuple[When, ...]


MODIFYING = (Insert, Update, Delete, Merge)
