"""Aggregates: count, min, max, sum, avg.

Theory: values come one by one, nulls are passed over. Sums and means have their argument's type, as in Cassandra: integers are
cut to its width, means towards 0; floats are added with what their rounding lost (Neumaier). Invariant: of no values count and
sum and avg are 0, min and max null.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from hyperdb.frontends.cql.functions.arithmetic import BITS, NUMBERS, add_decimals, divided, single, wrapped
from hyperdb.frontends.cql.types import codec, ordering
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import BIGINT, DECIMAL, DOUBLE, FLOAT, Native, Type
from hyperdb.frontends.cql.types.names import show


class Accumulator(Protocol):
    """What an aggregate keeps of a group."""

    def add(self, value: Any) -> None:
        """One more value; null is None."""

    def result(self) -> Any:
        """Of all that were added."""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregate for an exact type; None for the rows themselves."""

    name: str
    argument: Type | None
    returns: Type
    new: Callable[[], Accumulator]


class _Count:
    def __init__(self, *, rows: bool) -> None:
        self._rows = rows
        self._count = 0

    def add(self, value: Any) -> None:
        self._count += self._rows or value is not None

    def result(self) -> int:
        return self._count


class _Extreme:
    def __init__(self, kind: Type, *, greatest: bool) -> None:
        self._key, self._encode, self._greatest = ordering.order_key(kind), codec.codec(kind).encode, greatest
        self._found: tuple[Any, Any] | None = None

    def add(self, value: Any) -> None:
        if value is None:
            return
        key = self._key(self._encode(value))
        if self._found is None or (key > self._found[0] if self._greatest else key < self._found[0]):
            self._found = key, value

    def result(self) -> Any:
        return None if self._found is None else self._found[1]


class _Sum:
    """A sum or a mean; integers of any width add exactly, and are cut at the end, which gives what cutting each sum would."""

    def __init__(self, kind: Native, *, mean: bool) -> None:
        self._kind, self._mean = kind, mean
        self._count = 0
        self._sum: Any = Decimal(0) if kind is DECIMAL else 0.0 if kind in (FLOAT, DOUBLE) else 0
        self._lost = 0.0

    def add(self, value: Any) -> None:
        if value is None:
            return
        self._count += 1
        if self._kind is DECIMAL:
            self._sum = add_decimals(self._sum, value)
        elif self._kind in (FLOAT, DOUBLE):
            added = self._sum + value
            greater, lesser = (self._sum, value) if abs(self._sum) >= abs(value) else (value, self._sum)
            self._lost += (greater - added) + lesser
            self._sum = added
        else:
            self._sum += value

    def result(self) -> Any:
        if self._kind in (FLOAT, DOUBLE):
            exact = self._sum + self._lost
            # The lost part of infinities is no number.
            found = exact if exact == exact else self._sum
            found = found / self._count if self._mean and self._count else found
            return found if self._kind is DOUBLE else single(found)
        if self._mean and self._count:
            return divided(self._kind, self._sum, self._count)
        return wrapped(self._sum, BITS[self._kind]) if self._kind in BITS else self._sum


COUNT_ROWS = Aggregate("count", None, BIGINT, lambda: _Count(rows=True))


def aggregate(name: str, argument: Type) -> Aggregate | None:
    """The aggregate of a name for a type; None if no aggregate has the name.

    Raises:
        CqlError: invalid, when it does not take the type.
    """
    match name:
        case "count":
            return Aggregate(name, argument, BIGINT, lambda: _Count(rows=False))
        case "min" | "max":
            return Aggregate(name, argument, argument, lambda: _Extreme(argument, greatest=name == "max"))
        case "sum" | "avg":
            if not isinstance(argument, Native) or argument not in NUMBERS:
                known = ", ".join(f"system.{name} : ({show(kind)}) -> {show(kind)}" for kind in sorted(NUMBERS, key=show))
                raise invalid(
                    f"Invalid call to function {name}, none of its type signatures match (known type signatures: {known})"
                )
            return Aggregate(name, argument, argument, lambda: _Sum(argument, mean=name == "avg"))
        case _:
            return None
