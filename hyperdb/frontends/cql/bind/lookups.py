"""Which restriction an index answers.

Theory: an index of a value answers equality; a storage-attached one slices too; those of a collection's parts answer the
questions after these parts. Invariant: what an index is asked gives all rows that meet the restriction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hyperdb.frontends.cql.bind.clustering import End, Slice, ends
from hyperdb.frontends.cql.bind.frame import Frame
from hyperdb.frontends.cql.bind.relations import SLICES, Bound, Form
from hyperdb.frontends.cql.describe.schema import Column
from hyperdb.frontends.cql.parse.definitions import TargetKind
from hyperdb.frontends.cql.parse.statements import Comparison
from hyperdb.frontends.cql.schema.model import ServedIndex
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import ASCII, BOOLEAN, TEXT, UUID, is_multi_cell

_STORAGE_ATTACHED = frozenset({"sai", "storageattachedindex", "org.apache.cassandra.index.sai.storageattachedindex"})

_UNORDERED = frozenset({ASCII, BOOLEAN, TEXT, UUID})
"""Of which such an index answers equality alone."""


def is_storage_attached(index: ServedIndex) -> bool:
    """Whether it was made as one of Cassandra's newer kind."""
    return (index.index.using or "").lower() in _STORAGE_ATTACHED


def answers(index: ServedIndex, bound: Bound) -> bool:
    """Whether an index gives the rows that meet a restriction."""
    if len(bound.columns) != 1 or index.column != bound.first.name or bound.form is Form.TOKEN:
        return False
    match bound.comparison:
        case _ if bound.form is Form.ENTRY:
            return index.kind is TargetKind.ENTRIES
        case Comparison.CONTAINS:
            return index.kind is TargetKind.VALUES or (index.kind is TargetKind.SIMPLE and is_multi_cell(bound.first.type))
        case Comparison.CONTAINS_KEY:
            return index.kind is TargetKind.KEYS
        case Comparison.EQUAL:
            return index.kind in (TargetKind.SIMPLE, TargetKind.FULL)
        case _:
            is_ordered = bound.first.type not in _UNORDERED
            return bound.comparison in SLICES and index.kind is TargetKind.SIMPLE and is_storage_attached(index) and is_ordered


@dataclass(frozen=True, slots=True)
class Lookup:
    """An index, and between which of its entries the rows are."""

    index: ServedIndex
    column: Column
    interval: Callable[[Frame], Slice]


def lookup_of(index: ServedIndex, answered: Sequence[Bound]) -> Lookup:
    """The lookup for one restriction, or for slices of the same column."""
    first = answered[0]
    if first.is_slice:
        of_ends = ends(answered)

        def between(frame: Frame) -> Slice:
            found = of_ends(frame)
            low, high = (None if end is None else (list(end[0]), end[1]) for end in (found.low, found.high))
            return low, high

        return Lookup(index, first.first, between)

    def at(frame: Frame) -> Slice:
        values = list(first.options(frame)[0])
        if first.key is not None:
            key = first.key.run(frame, ())
            if not isinstance(key, bytes):
                raise invalid(f"Invalid {'null' if key is None else 'unset'} value for map key of column {first.first.name}")
            values = [key, *values]
        end: End = (values, True)
        return end, end

    return Lookup(index, first.first, at)
