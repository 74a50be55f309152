"""WITH (resp_prefix = 'user:'): rows that answer Redis's clients as hashes.

Invariant: no key of Redis can be a row of two tables, and none that is there already is hidden by a table.
"""

from __future__ import annotations

from collections.abc import Sequence

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.define.constraints import Wanted
from hyperdb.frontends.sql.define.context import Context
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.records import Column

OPTION = "resp_prefix"
_LONGEST = 255
_KEYS = frozenset({kinds.INT2, kinds.INT4, kinds.INT8, kinds.TEXT, kinds.VARCHAR, kinds.UUID})
"""Types of which every value has one spelling that says it."""


def checked(context: Context, prefix: str, *, temporary: bool) -> str:
    """A prefix that a table may have.

    Raises:
        SqlError: 42501, 22023, 42710, 55000.
    """
    if not context.session.rights.is_super:
        raise SqlError("42501", "must be superuser to let a table answer Redis's clients")
    if temporary:
        raise SqlError("0A000", "temporary tables do not answer Redis's clients")
    if len(prefix.encode()) > _LONGEST:
        raise SqlError("22023", f"resp_prefix has {_LONGEST} bytes at most")
    for found in context.catalog.objects.values():
        other = found.resp_prefix if isinstance(found, records.Table) else ""
        if other and (other.startswith(prefix) or prefix.startswith(other)):
            raise SqlError("42710", f'resp_prefix "{prefix}" and "{other}" of table "{found.name}" begin alike')
    begin = prefix.encode()
    for key, *_ in context.transaction.keyspace(0).each_key():
        if key.startswith(begin):
            raise SqlError("55000", f'Redis\'s clients have keys that begin with "{prefix}", which the table would hide')
    return prefix


def check_key(columns: Sequence[Column], primary: Wanted | None) -> None:
    """A row's key of Redis is its primary key, so that is one column whose values have one spelling.

    Raises:
        SqlError: 42P16.
    """
    kind = None
    if primary is not None and len(primary.columns) == 1:
        kind = next((kinds.of_record(each.kind).oid for each in columns if each.name == primary.columns[0]), None)
    if kind not in _KEYS:
        names = "smallint, integer, bigint, text, varchar or uuid"
        raise SqlError("42P16", f"a table with resp_prefix has a primary key of one column of type {names}")
