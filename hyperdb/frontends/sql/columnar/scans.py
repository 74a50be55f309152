"""Relations as Arrow's readers take them.

Theory: a native scan speaks Arrow's C interface, so nothing is copied on the way to pyarrow. Invariant: a scan is read once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from hyperdb.frontends.sql.columnar.engine import Relation


class _SchemaCapsule:
    def __init__(self, capsule: object) -> None:
        self._capsule = capsule

    def __arrow_c_schema__(self) -> object:
        return self._capsule


def arrow_schema(relation: Relation) -> pa.Schema:
    """The schema of a relation's columns.

    Raises:
        NotColumnarError: when a type has no form in Arrow.
    """
    return pa.schema(_SchemaCapsule(relation.layout.schema(list(relation.columns))))


def arrow_table(relation: Relation) -> pa.Table:
    """All rows of a relation, and where it is bounded perhaps rows beside.

    Raises:
        NotColumnarError: when a type or a value has no form in Arrow.
    """
    scan = relation.transaction.columns(relation.layout, list(relation.columns), relation.low, relation.high)
    try:
        return pa.RecordBatchReader.from_stream(scan).read_all()
    except pa.ArrowException:
        scan.check()
        raise
