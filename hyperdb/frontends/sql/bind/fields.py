"""Fields of records: those of information_schema._pg_expandarray, which clients read keys by.

Invariant: a field that is not known is refused; nothing is guessed from a record's length.
"""

from __future__ import annotations

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.bind.names import fold
from hyperdb.frontends.sql.catalog.kinds import RECORD, Kind
from hyperdb.frontends.sql.functions.registry import FUNCTIONS
from hyperdb.frontends.sql.plan.expressions import Call, Expr


def field_of(record: Expr, field: exp.Expr) -> Expr:
    """The field of a name.

    Raises:
        SqlError: 0A000.
    """
    is_named = record.kind.oid == RECORD and isinstance(field, exp.Identifier)
    found = FUNCTIONS.get(f"record.{fold(field)}") if is_named else None
    if found is None:
        raise SqlError("0A000", "fields of composite values are not supported")
    return Call(Kind(found[0].result), found[0], (record,))
