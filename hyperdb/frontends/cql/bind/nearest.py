"""ORDER BY v ANN OF ...: the rows whose vectors are most similar to one.

Theory: the index says which similarity is meant; all rows that the statement's restrictions leave are compared, so the answer is
exact, where Cassandra's graph gives one that is nearly so. Invariant: as there, the vector is indexed, what else is restricted
names partitions or is indexed, and a limit of at most a thousand rows is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hyperdb.frontends.cql.bind.lookups import is_storage_attached
from hyperdb.frontends.cql.bind.markers import Receiver
from hyperdb.frontends.cql.bind.selection import Selecting
from hyperdb.frontends.cql.bind.terms import Expression
from hyperdb.frontends.cql.bind.where import Restrictions
from hyperdb.frontends.cql.describe.schema import Role
from hyperdb.frontends.cql.functions.similarities import SIMILARITIES, Similarity
from hyperdb.frontends.cql.parse.statements import Direction, Ordering
from hyperdb.frontends.cql.schema.model import Served
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import FLOAT, Vector

MOST_ROWS = 1000
_FILTERED = "ANN ordering by vector requires all restricted column(s) to be indexed"


@dataclass(frozen=True, slots=True)
class Nearest:
    """The column, where in a row it is, which vector it is to be near to, and how near two are: the greater the nearer."""

    name: str
    place: int
    wanted: Expression
    similarity: Similarity


def nearest(selecting: Selecting, orderings: Sequence[Ordering], found: Restrictions) -> Nearest | None:
    """What ANN OF asks for; None where a statement has none.

    Raises:
        CqlError: invalid.
    """
    served = selecting.served
    asked = [each for each in orderings if each.direction is Direction.NEAREST]
    if not asked:
        return None
    if len(orderings) > 1:
        raise invalid("Cannot combine clustering column ordering with non-clustering column ordering")
    (ordering,) = asked
    column = selecting.column(ordering.column)
    kind = column.type
    if not isinstance(kind, Vector) or kind.element != FLOAT:
        raise invalid("ANN ordering is only supported on float vector indexes")
    index = next((each for each in served.indexes if each.column == column.name and is_storage_attached(each)), None)
    if index is None:
        raise invalid("ANN ordering by vector requires the column to be indexed")
    _check_filters(served, found)
    assert ordering.value is not None
    wanted = selecting.bind(ordering.value, Receiver(column.name, kind))
    name = index.index.options.get("similarity_function", "COSINE").upper()
    return Nearest(column.name, selecting.place(column.name), wanted, SIMILARITIES[name])


def _check_filters(served: Served, found: Restrictions) -> None:
    attached = {each.column for each in served.indexes if is_storage_attached(each)}
    names = {column.name for column in found.clustering_columns} | set(found.others)
    if found.partition_needs_filtering():
        names |= set(found.partition)
    # Slices of whole partitions need no index.
    if not found.unrestricted and not found.partition_needs_filtering():
        names -= {column.name for column in served.clustering if column.role is Role.CLUSTERING}
    if names - attached:
        raise invalid(_FILTERED)
