"""What a masked column shows to who may not see it.

Theory: masks are applied where a column is selected, before anything is computed of it; restrictions, groups and orders see what
is stored, and who may ask for them is decided by permissions (`access`). Invariant: a role that may not see a table's masked
columns gets nothing out of a statement that was computed from their values, lengths of results and orders apart.
"""

from __future__ import annotations

from collections.abc import Callable

from hyperdb.frontends.cql.bind.frame import Frame, Value
from hyperdb.frontends.cql.describe.schema import Column, Mask
from hyperdb.frontends.cql.functions import registry
from hyperdb.frontends.cql.types import codec
from hyperdb.frontends.cql.types.model import Type

Masking = Callable[[Frame, Value], Value]


def masking(column: Column) -> Masking:
    """How a column's values are shown; those of one without a mask as they are."""
    return _plain if column.mask is None else _masked(column.type, column.mask)


def _plain(_frame: Frame, value: Value) -> Value:
    return value


def _masked(kind: Type, mask: Mask) -> Masking:
    function = registry.resolve(mask.function, (kind, *mask.types))
    decode, encode = codec.codec(kind).decode, codec.codec(function.returns).encode
    others = [
        None if value is None else codec.decode(of, value) for of, value in zip(function.arguments[1:], mask.values, strict=True)
    ]

    def shown(frame: Frame, value: Value) -> Value:
        if frame.sees_masked:
            return value
        found = function(frame, [decode(value) if isinstance(value, bytes) else None, *others])
        return None if found is None else encode(found)

    return shown
