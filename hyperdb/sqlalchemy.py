"""A dialect for SQLAlchemy 2 over a database in this process: `create_engine("hyperdb:///app.hdb")`.

Theory: the language and the catalogs are PostgreSQL's, so this is SQLAlchemy's own dialect of PostgreSQL over `hyperdb.connect`.
It keeps that name, so that what a model says for PostgreSQL (`postgresql_where`, `with_variant`) holds here. `hyperdb://` without
a path is a database in memory that goes with the engine. Invariant: the engine's connections share one open database.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from sqlalchemy import util
from sqlalchemy.dialects.postgresql import json as pg_json
from sqlalchemy.dialects.postgresql._psycopg_common import _PGDialect_common_psycopg
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine import URL
from sqlalchemy.types import JSON

import hyperdb
from hyperdb import dbapi
from hyperdb.database import MEMORY

_OPTIONS: dict[str, Callable[[str], Any]] = {
    "frames": lambda text: None if text == "none" else float(text),
    "frames_count": int,
    "create": lambda text: text == "true",
}
"""How an option of `hyperdb.open` is read from a URL; others are text there too."""


class _Parsed:
    """JSON comes back parsed."""

    render_bind_cast = True

    def result_processor(self, dialect: Any, coltype: Any) -> None:
        """Nothing is left to do."""
        del dialect, coltype


class _Json(_Parsed, pg_json.JSON):
    pass


class _Jsonb(_Parsed, pg_json.JSONB):
    pass


class HyperDBDialect(_PGDialect_common_psycopg):
    """See the module's head."""

    driver = "hyperdb"
    supports_statement_cache = True
    supports_server_side_cursors = False
    supports_sane_multi_rowcount = True
    default_paramstyle = dbapi.paramstyle
    dbapi_exception_translation_map = {"SqlError": "DatabaseError"}  # noqa: RUF012 - SQLAlchemy's way
    colspecs = util.update_copy(PGDialect_psycopg.colspecs, {JSON: _Json, pg_json.JSON: _Json, pg_json.JSONB: _Jsonb})

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._memory: hyperdb.Database | None = None

    @classmethod
    def import_dbapi(cls) -> ModuleType:
        """The module of PEP 249."""
        return dbapi

    def create_connect_args(self, url: URL) -> tuple[list[Any], dict[str, Any]]:
        """The path of the URL, and `hyperdb.open`'s options from its query: `hyperdb:///app.hdb?memory=512m&frames=none`."""
        options = {name: _OPTIONS.get(name, str)(str(value)) for name, value in url.query.items()}
        if url.host or url.username:
            raise hyperdb.InterfaceError("hyperdb:// is for this process: a server is reached by postgresql+psycopg://")
        if url.database in (None, "", MEMORY):
            if self._memory is None:
                self._memory = hyperdb.open(MEMORY, **options)
            return [self._memory], {}
        return [url.database], options

    def get_isolation_level_values(self, dbapi_connection: Any) -> tuple[str, ...]:
        """The levels of PostgreSQL, and each statement for itself."""
        return ("AUTOCOMMIT", *super().get_isolation_level_values(dbapi_connection))

    def get_isolation_level(self, dbapi_connection: Any) -> str:
        """The session's; asking begins no transaction."""
        was_in_transaction = dbapi_connection.in_transaction
        found = str(super().get_isolation_level(dbapi_connection))
        if not was_in_transaction:
            dbapi_connection.rollback()
        return found

    def set_isolation_level(self, dbapi_connection: Any, level: str) -> None:
        """AUTOCOMMIT is the connection's, others are the session's."""
        dbapi_connection.autocommit = level == "AUTOCOMMIT"
        if level != "AUTOCOMMIT":
            super().set_isolation_level(dbapi_connection, level)

    def detect_autocommit_setting(self, dbapi_connection: Any) -> bool:
        """Whether each statement is for itself."""
        return bool(dbapi_connection.autocommit)

    def is_disconnect(self, error: Any, connection: Any, cursor: Any) -> bool:
        """A connection is gone once it is closed, and never else: there is no wire."""
        del error, cursor
        return connection is not None and bool(getattr(connection, "closed", False))
