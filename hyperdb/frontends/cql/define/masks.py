"""Masks of columns that are made or changed.

Theory: the checks are those of Cassandra's ColumnMask. Invariant: a mask gives values of its column's type, and its arguments are
constants.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hyperdb.frontends.cql.bind.calls import Expressions
from hyperdb.frontends.cql.bind.frame import Clock, Frame
from hyperdb.frontends.cql.bind.markers import Markers, Receiver
from hyperdb.frontends.cql.describe.schema import Mask
from hyperdb.frontends.cql.functions import masks as functions
from hyperdb.frontends.cql.functions import registry
from hyperdb.frontends.cql.parse import definitions as df
from hyperdb.frontends.cql.parse.text import listed
from hyperdb.frontends.cql.schema import masks
from hyperdb.frontends.cql.schema.model import Schema
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import Type
from hyperdb.frontends.cql.types.names import show
from hyperdb.graph.catalog import records

_DEFAULT = "mask_default"


def mask_of(schema: Schema, keyspace: str, table: str, column: str, kind: Type, wanted: df.Mask) -> Mask:
    """The mask that was written for a column.

    Raises:
        CqlError: invalid.
    """
    called = wanted.function
    name = _DEFAULT if called is None else called.name
    said = f"{'system' if called is None else called.keyspace or 'system'}.{name}({listed(wanted.arguments)})"
    if called is not None and called.keyspace not in (None, "system"):
        raise invalid(f"Unable to find masking function for {column}, no declared function matches the signature {said}")
    if name in registry.AGGREGATES:
        raise invalid(f"Aggregate function {said} cannot be used for masking table columns")
    if name not in registry.SIGNATURES:
        raise invalid(f"Unable to find masking function for {column}, no declared function matches the signature {said}")
    if name not in functions.SIGNATURES:
        raise invalid(f"Not-masking function {said} cannot be used for masking table columns")
    terms = Expressions(Markers(()), keyspace, table, schema.find_type(keyspace))
    function = registry.resolve(name, (kind, *[None] * len(wanted.arguments)))
    if function.returns != kind:
        raise invalid(
            f"Masking function {said} return type is {show(function.returns)}. This is different to the type of the masked "
            f"column {column} of type {show(kind)}. Masking functions can only be attached to table columns if they return the "
            "same data type as the masked column."
        )
    values: list[bytes | None] = []
    for term, of in zip(wanted.arguments, function.arguments[1:], strict=True):
        found = terms.bind(term, Receiver(f"({name})", of))
        if not found.is_constant:
            raise invalid(f"Arguments of masking functions have to be constants: {said}")
        value = found.run(Frame(Clock(), 0, 0), ())
        assert value is None or isinstance(value, bytes)
        values.append(value)
    return masks.made(name, kind, tuple(values))


def with_mask(record: records.Table, column: int, mask: Mask | None) -> records.Table:
    """A table's record with another mask of a column."""
    others = tuple(each for each in record.options if masks.column_of(each) != column)
    return replace(record, options=others if mask is None else (*others, masks.write(column, mask)))


def with_masks(record: records.Table, found: Iterable[tuple[int, Mask | None]]) -> records.Table:
    """A table's record with masks of new columns."""
    for column, mask in found:
        if mask is not None:
            record = with_mask(record, column, mask)
    return record
