"""Which restriction an index answers.

Theory: an index of a value answers equality; a storage-attached one slices too; those of a collection's parts answer the
questions after these parts. Invariant: what an index is asked gives all rows that meet the restriction.
"""

from __future__ import annotations

from hyperdb.frontends.cql.bind.relations import SLICES, Bound, Form
from hyperdb.frontends.cql.parse.definitions import TargetKind
from hyperdb.frontends.cql.parse.statements import Comparison
from hyperdb.frontends.cql.schema.model import ServedIndex
from hyperdb.frontends.cql.types.model import is_multi_cell

_STORAGE_ATTACHED = frozenset({"sai", "storageattachedindex", "org.apache.cassandra.index.sai.storageattachedindex"})


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
            return bound.comparison in SLICES and index.kind is TargetKind.SIMPLE and is_storage_attached(index)
