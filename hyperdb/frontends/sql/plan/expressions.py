"""Typed expressions.

Theory: an expression is evaluated over one row; `Slot` names its columns by place. What a subquery takes from the query
around it is listed in its `captures`, which are evaluated there, and inside is an `Outer` of that place: so a plan never
refers to more than one level up, and a subquery without captures is evaluated once. Invariant: every expression knows its
type; casts are explicit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from hyperdb.frontends.sql.catalog.kinds import BOOL, Kind
from hyperdb.frontends.sql.descent import descends
from hyperdb.frontends.sql.functions.casts import Cast
from hyperdb.frontends.sql.functions.model import Aggregate, Function

if TYPE_CHECKING:
    from hyperdb.frontends.sql.plan.nodes import Plan

TRUTH = Kind(BOOL)


@dataclass(frozen=True, slots=True)
class Expr:
    """The base; `kind` is the type of the value."""

    kind: Kind


@dataclass(frozen=True, slots=True)
class Const(Expr):
    """A value."""

    value: Any

    def __eq__(self, other: object) -> bool:
        # As it is written: NaN is itself, and 1.0 is not 1.00.
        return isinstance(other, Const) and self.kind == other.kind and repr(self.value) == repr(other.value)

    def __hash__(self) -> int:
        return hash((self.kind, repr(self.value)))


@dataclass(frozen=True, slots=True)
class Parameter(Expr):
    """$1 is place 0."""

    place: int


@dataclass(frozen=True, slots=True)
class Slot(Expr):
    """A column of the row."""

    place: int


@dataclass(frozen=True, slots=True)
class Outer(Expr):
    """A captured value of the query around."""

    place: int


@dataclass(frozen=True, slots=True)
class Call(Expr):
    """A function or operator."""

    function: Function
    arguments: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Convert(Expr):
    """A cast; `explicit` decides what happens to texts that are too long."""

    cast: Cast
    argument: Expr
    explicit: bool = False


@dataclass(frozen=True, slots=True)
class Constrain(Expr):
    """A value as one of a domain: what it must not be and must be; checks are over a row of the value alone."""

    argument: Expr
    name: str
    not_null: bool
    checks: tuple[tuple[str, Expr], ...]


@dataclass(frozen=True, slots=True)
class Compare(Expr):
    """A comparison of two values of one type `by`: `=`, `<>`, `<`, `<=`, `>`, `>=`, `distinct`, `same`."""

    sign: str
    left: Expr
    right: Expr
    by: int


@dataclass(frozen=True, slots=True)
class And(Expr):
    """Three-valued."""

    arguments: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Or(Expr):
    """Three-valued."""

    arguments: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Not(Expr):
    """Three-valued."""

    argument: Expr


@dataclass(frozen=True, slots=True)
class Is(Expr):
    """IS NULL, IS TRUE, IS FALSE: `value` None, True, False."""

    argument: Expr
    value: bool | None
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Case(Expr):
    """CASE, searched."""

    whens: tuple[tuple[Expr, Expr], ...]
    otherwise: Expr


@dataclass(frozen=True, slots=True)
class Coalesce(Expr):
    """The first that is not null."""

    arguments: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Extreme(Expr):
    """GREATEST and LEAST, nulls passed over."""

    arguments: tuple[Expr, ...]
    greatest: bool


@dataclass(frozen=True, slots=True)
class InList(Expr):
    """x IN (a, b, ...) of one type."""

    argument: Expr
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class AnyOf(Expr):
    """x op ANY/ALL (array): `test` is over a row of two, x and the element."""

    argument: Expr
    array: Expr
    test: Expr
    every: bool


@dataclass(frozen=True, slots=True)
class MakeArray(Expr):
    """ARRAY[...]."""

    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class MakeRow(Expr):
    """ROW(...); `names` are those of a table's columns, where it is its whole row."""

    items: tuple[Expr, ...]
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Item(Expr):
    """array[place]."""

    array: Expr
    place: Expr


@dataclass(frozen=True, slots=True)
class Subquery(Expr):
    """What a plan gives: `form` is scalar, exists, array, row; or any/all, with `test` over a row of x and the plan's columns."""

    form: str
    plan: Plan
    captures: tuple[Expr, ...] = ()
    argument: Expr | None = None
    test: Expr | None = None


@dataclass(frozen=True, slots=True)
class AggregateCall(Expr):
    """An aggregate, before its place in the grouped row is known."""

    aggregate: Aggregate
    arguments: tuple[Expr, ...]
    distinct: bool = False
    where: Expr | None = None
    order: tuple[tuple[Expr, bool, bool], ...] = ()
    """Expression, descending, nulls first."""


@dataclass(frozen=True, slots=True)
class Edge:
    """Where a window's frame begins or ends: `side` is preceding, current or following; without `offset` at the partition's end.

    In a frame by RANGE, `limit` is the value of the edge for a row and `value` what is compared with it, both of type `by`.
    """

    side: str
    offset: Expr | None = None
    limit: Expr | None = None
    value: Expr | None = None
    by: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """A window's frame; `kind` is rows, range or groups; `excluded` is empty, `current row`, `group` or `ties`."""

    kind: str
    start: Edge
    end: Edge
    excluded: str = ""


@dataclass(frozen=True, slots=True)
class WindowCall(Expr):
    """A window function, before its place in the row is known."""

    name: str
    function: Aggregate | None
    arguments: tuple[Expr, ...]
    partition: tuple[Expr, ...]
    order: tuple[tuple[Expr, bool, bool], ...]
    frame: Frame | None = None
    where: Expr | None = None


Held = TypeVar("Held", bound="Expr | Frame | Edge")


@descends
def rewrite(expr: Expr, change: Callable[[Expr], Expr | None]) -> Expr:
    """The tree with each node replaced by what `change` gives for it; where that is None, its parts are asked."""
    found = change(expr)
    return _with_parts(expr, change) if found is None else found


_OF_OTHER_ROWS = frozenset({"test", "checks"})
"""Parts that are over a row of their own, whose slots are none of the expression's."""


def _names_of_parts(holder: Expr | Frame | Edge) -> Iterator[str]:
    """The fields that may hold parts over the same row."""
    return (name for name in holder.__dataclass_fields__ if name not in _OF_OTHER_ROWS)


def _with_parts(holder: Held, change: Callable[[Expr], Expr | None]) -> Held:
    changed = {}
    for name in _names_of_parts(holder):
        value = getattr(holder, name)
        after = _rewritten(value, change)
        if after is not value:
            changed[name] = after
    return replace(holder, **changed) if changed else holder


def _rewritten(value: Any, change: Callable[[Expr], Expr | None]) -> Any:
    if isinstance(value, Expr):
        return rewrite(value, change)
    if isinstance(value, Frame | Edge):
        return _with_parts(value, change)
    if isinstance(value, tuple):
        items = tuple(_rewritten(item, change) for item in value)
        return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
    return value


def parts(expr: Expr) -> Iterator[Expr]:
    """The expression and all below it that is over the same row; plans of subqueries are left out."""
    waiting: list[Any] = [expr]
    while waiting:
        each = waiting.pop()
        if isinstance(each, tuple):
            waiting += reversed(each)
            continue
        if isinstance(each, Expr):
            yield each
        elif not isinstance(each, Frame | Edge):
            continue
        waiting += [getattr(each, name) for name in reversed(tuple(_names_of_parts(each)))]


def slots(expr: Expr) -> set[int]:
    """The places of the row that it needs."""
    return {part.place for part in parts(expr) if isinstance(part, Slot)}


def moved(expr: Expr, places: Callable[[int], int]) -> Expr:
    """The same over a row whose columns lie elsewhere."""
    return rewrite(expr, lambda part: Slot(part.kind, places(part.place)) if isinstance(part, Slot) else None)


def is_constant(expr: Expr) -> bool:
    """Whether it is the same for every row of one execution."""
    return not any(isinstance(part, Slot | AggregateCall | WindowCall) or is_volatile(part) for part in parts(expr))


def is_volatile(expr: Expr) -> bool:
    """Whether it may differ from call to call."""
    return isinstance(expr, Call) and expr.function.volatile


def conjuncts(expr: Expr | None) -> list[Expr]:
    """What an AND joins."""
    found, waiting = [], [] if expr is None else [expr]
    while waiting:
        each = waiting.pop()
        if isinstance(each, And):
            waiting += reversed(each.arguments)
        else:
            found.append(each)
    return found


def conjunction(found: list[Expr]) -> Expr | None:
    """Back from `conjuncts`."""
    return None if not found else found[0] if len(found) == 1 else And(TRUTH, tuple(found))
