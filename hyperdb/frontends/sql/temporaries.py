"""Temporary tables: a schema that belongs to one session.

Theory: PostgreSQL's pg_temp_N. The schema is made with the first object in it, is looked in before all others, and goes with
its session; what a crash left behind goes when the store is opened again. Invariant: no two sessions of a store have the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hyperdb.frontends.sql.catalog.relations import TEMPORARY_PREFIX
from hyperdb.frontends.sql.contract import Status
from hyperdb.frontends.sql.define.context import Context
from hyperdb.frontends.sql.define.drop import remove
from hyperdb.frontends.sql.execute.environment import Environment
from hyperdb.graph.catalog import records

if TYPE_CHECKING:
    from hyperdb.frontends.sql.session import SqlSession


class Temporaries:
    """The temporary objects of one session."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session
        self._schema: str | None = None
        self._at_commit: dict[int, str] = {}

    @property
    def schema(self) -> str | None:
        """Its schema, once one was asked for."""
        return self._schema

    @property
    def is_pending(self) -> bool:
        """Whether something is done to one when the transaction commits."""
        return bool(self._at_commit)

    def ask(self) -> str:
        """Its schema, whether it is there or not."""
        if self._schema is None:
            self._schema = f"{TEMPORARY_PREFIX}{self._session.backend.next_number()}"
        return self._schema

    def at_commit(self, table: int, action: str) -> None:
        """What becomes of a table when a transaction commits: drop or delete."""
        self._at_commit[table] = action

    def commit(self) -> None:
        """A transaction is about to commit."""
        if self._at_commit:
            self._session.statement(self._empty)

    def _empty(self, env: Environment) -> None:
        context = Context(self._session, env, self._session.schemas_in_path(), 0)
        for number, action in list(self._at_commit.items()):
            if not isinstance(env.catalog.objects.get(number), records.Table):
                del self._at_commit[number]
            elif action == "drop":
                remove(context, number, cascade=True)
                context.refresh()
            else:
                env.transaction.truncate(number)

    def drop(self) -> None:
        """Drops them all, in a transaction of its own where none is open."""
        if self._schema is None:
            return
        drop_schemas(self._session, lambda name: name == self._schema)
        self._at_commit = {}


def drop_schemas(session: SqlSession, chosen: Callable[[str], bool]) -> None:
    """Drops temporary schemas with everything in them."""

    def body(env: Environment) -> None:
        context = Context(session, env, (), 0)
        for name, number in list(env.catalog.schemas.items()):
            if name.startswith(TEMPORARY_PREFIX) and chosen(name):
                remove(context, number, cascade=True)
                context.refresh()

    session.whole_statement(body)
    if session.status is Status.IDLE:
        # Not `sync`: who closes a session waits for it.
        session.end(commit=True)
