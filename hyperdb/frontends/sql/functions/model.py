"""One entry of the tables of functions.

Theory: as in PostgreSQL an operator is a function with a sign for a name; overloads differ by the oids of their arguments.
Invariant: a strict function is never called with None; all are called with values of the classes that `types` names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Function:
    """A function, operator or cast. `run` gets the values, after the environment if `env`."""

    name: str
    arguments: tuple[int, ...]
    result: int
    run: Callable[..., Any]
    strict: bool = True
    env: bool = False
    variadic: bool = False
    """The last argument stands for any number of its kind, which come one by one."""
    optional: int = 0
    """How many of the last arguments may be left out."""
    volatile: bool = False
    rows: bool = False
    """Gives a list of rows (or of values, if one column): a set-returning function."""
    columns: tuple[tuple[str, int], ...] = ()
    """Names and types of the columns in FROM, where they are not one named as the function."""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregate: `start` makes a state, `step(state, *values)` gives the next one, `end` the result."""

    name: str
    arguments: tuple[int, ...]
    result: int
    start: Callable[[], Any]
    step: Callable[..., Any]
    end: Callable[[Any], Any]
    strict: bool = True
    """Rows with a null among the arguments are passed over."""


Table = dict[str, list[Function]]


def table(functions: Iterable[Function]) -> Table:
    """By name."""
    found: Table = {}
    for each in functions:
        found.setdefault(each.name, []).append(each)
    return found
