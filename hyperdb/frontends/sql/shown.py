"""The texts of the catalog's expressions as functions such as pg_get_expr show them.

Invariant: what cannot be bound or written in PostgreSQL's way is shown as it was written; nothing fails because it is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.bind.binder import Binder
from hyperdb.frontends.sql.bind.deparse import Deparser
from hyperdb.frontends.sql.bind.scope import Level, Named, Scope, Source
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.describe import Describe
from hyperdb.frontends.sql.catalog.kinds import Kind
from hyperdb.frontends.sql.catalog.relations import Catalog
from hyperdb.frontends.sql.functions.texts import quote_ident
from hyperdb.graph.catalog import records

# Words that stand for calls, which PostgreSQL keeps as words.
_TEXT = re.compile(r"'(?:[^']|'')*'")
_WORDS = ("CURRENT_", "LOCALTIME", "SESSION_USER")


class Shown:
    """Those of one catalog, seen along a search path."""

    def __init__(self, catalog: Catalog, path: Sequence[str]) -> None:
        self._catalog = catalog
        self._path = tuple(path)

    def __call__(self, expression: records.Expression, owner: int, kind: Kind | None = None, *, pretty: bool = False) -> str:
        """An expression of the table or domain `owner`; of a default, which is assigned, with its column's type."""
        text = expression.text
        if text.upper().startswith(_WORDS):
            return text
        known: dict[tuple[object, ...], str] = self._catalog.cache.setdefault(("shown", owner), {})
        key = (text, expression.path, kind, self._path, pretty)
        if key not in known:
            written = text if pretty or kind is not None else f"({text})"
            known[key] = self._made(expression, owner, kind, pretty=pretty) or written
        return known[key]

    def _made(self, expression: records.Expression, owner: int, kind: Kind | None, *, pretty: bool) -> str | None:
        binder = Binder(self._catalog, self._path, [])
        record = self._catalog.objects[owner]
        if isinstance(record, records.UserType):
            base = kinds.of_record(record.base)
            scope, columns = Scope(Level(), [Source("", (Named("value", base, 0),))], width=1), {0: "VALUE"}
        else:
            relation = self._catalog.relation(owner)
            named = tuple(Named(column.name, column.kind, column.slot) for column in relation.columns)
            scope = Scope(Level(), [Source(relation.name, named, relation.schema)], width=relation.width)
            columns = {column.slot: quote_ident(column.name) for column in relation.columns}
        describe = Describe(self._catalog, self._path, lambda: "")
        text = expression.text
        if kind is not None:
            # A default is shown before it is fitted to the column; only a literal without a type has the column's.
            kind = Kind(kind.oid) if _TEXT.fullmatch(text) else None
        try:
            bound = binder.alone(text, scope, kind, expression.path)
        except SqlError:
            return None
        return Deparser(columns, describe.format_type, describe.name, pretty=pretty).text(bound)
