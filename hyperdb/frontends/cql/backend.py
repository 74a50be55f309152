"""What all CQL sessions of a database share: tables, the schema by version, plans, prepared statements, who listens.

Invariant: what is shared here does not change once it is in.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from hyperdb.frontends.cql import paging_key
from hyperdb.frontends.cql.access import RoleCache
from hyperdb.frontends.cql.bind.frame import Clock
from hyperdb.frontends.cql.codes import EventKind
from hyperdb.frontends.cql.contract import Opening
from hyperdb.frontends.cql.lane import CqlLane
from hyperdb.frontends.cql.parse.cache import Statements
from hyperdb.frontends.cql.parse.parser import Grammar
from hyperdb.frontends.cql.prepared import Plans, Registry
from hyperdb.frontends.cql.protocol.responses import Event, SchemaChange
from hyperdb.frontends.cql.schema.cache import Schemas
from hyperdb.frontends.cql.schema.rows import Client, Node
from hyperdb.frontends.cql.schema.watch import Watcher
from hyperdb.frontends.cql.system.registry import BUILTIN
from hyperdb.frontends.cql.tracing import Traces
from hyperdb.graph.catalog.tables import Tables
from hyperdb.graph.store import TransactionOptions
from hyperdb.roles import RoleChanges

if TYPE_CHECKING:
    from hyperdb.frontends.cql.session import CqlSession


class CqlBackend:
    """See the module's head."""

    def __init__(
        self,
        tables: Tables,
        host_id: UUID,
        clock: Clock | None = None,
        grammar: Grammar | None = None,
        role_changes: RoleChanges | None = None,
        directory: Path | None = None,
    ) -> None:
        self.tables = tables
        self.lanes = tables.cql_lanes(None if clock is None else clock.write_time)
        self.clock = clock or Clock()
        self.grammar = grammar or Grammar()
        self.statements = Statements(self.grammar, CqlLane.lift)
        self.schemas = Schemas(BUILTIN, self.grammar)
        self.plans = Plans()
        self.prepared = Registry()
        self.node = Node(host_id, started=self.clock.now())
        self.traces = Traces()
        self.paging_key = paging_key.kept(directory)
        self.role_changes = role_changes or RoleChanges()
        self.role_changes.listen(self, self.lanes.recall)
        self.roles = RoleCache(tables, self.role_changes)
        self.opens: Callable[[CqlBackend, Opening], CqlSession] | None = None
        """Makes sessions of another kind, where rows are somewhere else."""
        self.watcher = Watcher(self._tell)
        tables.listen(self._defined)
        self._lock = threading.Lock()
        self._sessions: dict[int, CqlSession] = {}
        self._listeners: dict[int, tuple[frozenset[EventKind], Callable[[Event], None]]] = {}

    def listens_at(self, host: str, port: int) -> None:
        """Where clients connect, as they are told. What the first statement needs is made ready meanwhile."""
        threading.Thread(target=lambda: self.grammar.machine, name="hyperdb-cql-grammar", daemon=True).start()
        self.node = replace(self.node, address="127.0.0.1" if host in ("0.0.0.0", "::") else host, port=port)  # noqa: S104

    def open(self, opening: Opening) -> CqlSession:
        """A new session."""
        from hyperdb.frontends.cql.session import CqlSession

        made = CqlSession(self, opening) if self.opens is None else self.opens(self, opening)
        with self._lock:
            self._sessions[id(made)] = made
        return made

    def closed(self, session: CqlSession) -> None:
        """A session is over."""
        with self._lock:
            self._sessions.pop(id(session), None)
            self._listeners.pop(id(session), None)

    def clients(self) -> Sequence[Client]:
        """Who is connected."""
        with self._lock:
            sessions = list(self._sessions.values())
        return [session.client() for session in sessions]

    # Events.

    def listen(self, session: CqlSession, events: frozenset[EventKind], push: Callable[[Event], None]) -> None:
        """From now on `push` is told of `events`."""
        if EventKind.SCHEMA in events:
            # What was before is no news.
            self._look()
        with self._lock:
            self._listeners[id(session)] = events, push

    def _defined(self) -> None:
        """Somebody has changed the catalog, in whichever language: those who listen are told."""
        with self._lock:
            is_heard = bool(self._listeners)
        if is_heard:
            self._look()

    def _look(self) -> None:
        transaction = self.tables.begin(TransactionOptions("read committed", True))
        try:
            version = transaction.open()
            self.watcher.look(self.schemas.of(transaction, version))
        finally:
            transaction.rollback()

    def _tell(self, event: SchemaChange) -> None:
        """Tells those who listen of a change of the schema."""
        with self._lock:
            pushes = [push for kinds, push in self._listeners.values() if EventKind.SCHEMA in kinds]
        for push in pushes:
            push(event)
