"""What a function is: its name, the types it takes and gives, its code.

Theory: a few functions take exact types, most of the others any type of a kind, with a result that follows from it. Both are
entries of one table: a signature that says yes or no to types and then gives the function for them. Invariant: a function whose
argument is null gives null unless `nulls` says that it looks itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from hyperdb.frontends.cql.types.compatible import assignable
from hyperdb.frontends.cql.types.model import Type

Value = Any
Types = Sequence[Type | None]
"""Types of arguments; None for a null or a marker, whose type is to be found."""


class Environment(Protocol):
    """What a statement's functions may ask for besides their arguments."""

    def millis(self) -> int:
        """When the statement began, milliseconds since 1970."""

    def timeuuid(self) -> UUID:
        """A new one, later than all before it."""

    def uuid(self) -> UUID:
        """A new random one (version 4)."""

    def root(self, number: int | None) -> bytes | None:
        """The root of a frame, of the newest one if None; None if there is none."""


Run = Callable[[Environment, Sequence[Value]], Value]


@dataclass(frozen=True, slots=True)
class Function:
    """A function for exact types."""

    name: str
    arguments: tuple[Type, ...]
    returns: Type
    run: Run
    nulls: bool = False
    pure: bool = True
    """The same arguments give the same result, whenever it is called."""

    def __call__(self, environment: Environment, values: Sequence[Value]) -> Value:
        """The result of values of the arguments' classes; null is None.

        Raises:
            CqlError: invalid, for values that the function refuses.
        """
        if not self.nulls and None in values:
            return None
        return self.run(environment, values)


@dataclass(frozen=True, slots=True)
class Signature:
    """How a name may be called: `shown` as errors list it, `make` gives the function for types, None if they do not fit."""

    shown: str
    make: Callable[[Types], Function | None]
    arguments: tuple[Type, ...] | None = None
    """What it takes exactly; None: that follows from what is given."""
    takes: str | None = None
    """What its arguments must be, in words."""


def exact(
    name: str, arguments: tuple[Type, ...], returns: Type, run: Run, *, pure: bool = True, nulls: bool = False
) -> Signature:
    """A signature of exact types; an argument of unknown type fits."""
    function = Function(name, arguments, returns, run, nulls, pure)

    def make(types: Types) -> Function | None:
        if len(types) != len(arguments):
            return None
        # Bytes are taken of whatever they are a value.
        fits = all(given is None or assignable(given, wanted) for given, wanted in zip(types, arguments, strict=True))
        return function if fits else None

    shown = ", ".join(getattr(kind, "name", str(kind)) for kind in arguments)
    return Signature(f"{name} : ({shown}) -> {getattr(returns, 'name', returns)}", make, arguments)
