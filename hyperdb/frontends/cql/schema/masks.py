"""Masks of columns as the catalog keeps them: settings of their table.

Theory: a setting says which column (by its number, so that it goes with a renamed one), which function, and the wire's values of
its other arguments. Their types follow from the function and the column's. Invariant: `read(write(x))` masks as `x` does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from hyperdb.frontends.cql.describe.schema import Mask
from hyperdb.frontends.cql.functions import registry
from hyperdb.frontends.cql.types import literals
from hyperdb.frontends.cql.types.model import Type
from hyperdb.graph.catalog.records import MASK, Setting


def shown(kind: Type, value: bytes | None) -> str:
    """An argument as CQL."""
    return "null" if value is None else literals.literal(kind, value)


def made(function: str, kind: Type, values: tuple[bytes | None, ...]) -> Mask:
    """The mask of a column of a type.

    Raises:
        CqlError: invalid: there is no such function.
    """
    types = registry.resolve(function, (kind, *[None] * len(values))).arguments[1:]
    return Mask(function, tuple(map(shown, types, values)), types, values)


def write(column: int, mask: Mask) -> Setting:
    """A mask's setting."""
    values = [None if value is None else value.hex() for value in mask.values]
    return Setting(name=MASK, value=json.dumps([column, mask.function, values]))


def column_of(setting: Setting) -> int | None:
    """The number of the column that a setting masks; None: it masks none."""
    return int(json.loads(setting.value)[0]) if setting.name == MASK else None


def read(settings: Iterable[Setting], kinds: Mapping[int, Type]) -> dict[int, Mask]:
    """The masks of a table by their columns' numbers; `kinds` has the types of those that are there."""
    found = {}
    for setting in settings:
        if setting.name != MASK:
            continue
        column, function, values = json.loads(setting.value)
        if column in kinds:
            given = tuple(None if value is None else bytes.fromhex(value) for value in values)
            found[column] = made(function, kinds[column], given)
    return found
