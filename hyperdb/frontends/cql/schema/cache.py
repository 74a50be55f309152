"""The schema of the newest version, made once for all sessions.

Invariant: what a transaction has changed itself is its own schema, and is nobody else's.
"""

from __future__ import annotations

import threading

from hyperdb.frontends.cql.parse.parser import Grammar
from hyperdb.frontends.cql.schema.model import Builtin, Schema
from hyperdb.frontends.cql.schema.read import read, relations_of
from hyperdb.graph.catalog.tables import TableTransaction


class Schemas:
    """See the module's head."""

    def __init__(self, builtin: Builtin, grammar: Grammar) -> None:
        self._builtin = builtin
        self._relations = relations_of(grammar)
        self._lock = threading.Lock()
        self._newest: Schema | None = None

    def of(self, transaction: TableTransaction, version: int | None) -> Schema:
        """The schema of an open statement; `version` is what opening it gave, None if the transaction has changed the catalog."""
        known = self._newest
        if known is not None and version is not None and known.version == version:
            return known
        made = read(transaction.image(), self._builtin, self._relations, known)
        if version is not None:
            with self._lock:
                if self._newest is None or self._newest.version < made.version:
                    self._newest = made
        return made
