"""Lending a session's client to its lane, and taking it back.

Theory: session and lane work on one transaction, in turns. Between two messages a session whose settings are the common ones
lends its client; the first message that the lane does not answer brings it back, with its block as it is then. What the lane
did not know it has noted, and when the client is lent again it is told: a prepared statement by its name, a text without its
literals when it comes for the second time. Invariant: of session and lane exactly one owns the transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.access.privileges import UPDATE, USAGE
from hyperdb.frontends.sql.contract import Column, Prepared, Status
from hyperdb.frontends.sql.conversation.portals import described
from hyperdb.frontends.sql.lane.compile import LaneCompiler
from hyperdb.frontends.sql.plan.optimize import Optimizer
from hyperdb.frontends.sql.statement import Query, SqlPrepared, Statement, Utility
from hyperdb.graph.catalog.lanes import Lane, LaneStatement

if TYPE_CHECKING:
    from hyperdb.frontends.sql.catalog.relations import Catalog
    from hyperdb.frontends.sql.session import SqlSession
    from hyperdb.frontends.sql.types import Style

# The settings that a lane knows nothing of must be as they are from the start.
_PLAIN = {
    "lock_timeout": "0",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "hyperdb.prove": "off",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
}


class Names(dict[str, Prepared]):
    """Prepared statements by name; counts its changes, and knows when each was prepared."""

    def __init__(self, now: Callable[[], int]) -> None:
        super().__init__()
        self._now = now
        self.changes = 0
        self.times: dict[str, int] = {}
        self.said: dict[str, str] = {}
        """The PREPARE of those that one has made."""

    def __setitem__(self, name: str, prepared: Prepared) -> None:
        self.changes += 1
        self.times[name] = self._now()
        self.said.pop(name, None)
        super().__setitem__(name, prepared)

    def __delitem__(self, name: str) -> None:
        self.changes += 1
        super().__delitem__(name)

    def pop(self, name: str, default: Prepared | None = None) -> Prepared | None:  # type: ignore[override]
        """The statement of this name, which is gone then."""
        if name not in self:
            return default
        self.changes += 1
        return super().pop(name)

    def clear(self) -> None:
        """All are gone."""
        self.changes += 1
        super().clear()


class SessionLane:
    """The lane of one session."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session
        self._lane = Lane(session.backend.lanes)
        self._is_lent = False
        self._names = -1
        self._tried: dict[str, int] = {}
        """Versions of the catalog under which statements were last looked at, by name."""
        self._style: Style | None = None
        self._is_plain = False
        self._is_utc = True
        self._scope = -1

    def lend(self) -> Lane | None:
        """The lane, which owns the client from now on; None: the session keeps it."""
        session = self._session
        transaction = session.transaction
        if (transaction is None) is not (session.status is Status.IDLE) or session.status is Status.FAILED:
            return None
        if not self.has_plain_settings() or self._is_busy():
            return None
        if transaction is not None and not self._has_common_transaction():
            return None
        # What a lane knows was bound, and its rights were looked at, in one scope.
        scope = session.backend.scope(tuple(session.schemas_in_path()), session.role, self._is_utc)
        if session.names.changes != self._names or scope != self._scope:
            self._lane.forget()
            self._tried.clear()
            self._names, self._scope = session.names.changes, scope
        missed = self._lane.missed()
        if missed is not None:
            self._learn(*missed)
        handle = None if transaction is None else transaction.handle
        self._lane.lend(handle, session.transaction_time, self._may_steer(), self._scope)
        self._is_lent = True
        return self._lane

    def reclaim(self) -> None:
        """The session owns the client again. Nothing happens if it does already."""
        if not self._is_lent:
            return
        self._is_lent = False
        session = self._session
        began, handle, queried = self._lane.reclaim()
        session.facade.note_values(self._lane.numbers())
        if queried:
            # A simple query ends the unnamed statement.
            session.prepared.pop("")
        session.take_block(began, handle)

    def spare(self, sequence: int) -> int | None:
        """A value that was taken for a statement which the session runs now."""
        return self._lane.spare(sequence)

    # Whether it may.

    def has_common_settings(self) -> bool:
        """Whether values are read and written as from the start, and nothing else asks for the ordinary way."""
        return self.has_plain_settings() and self._is_utc

    def has_plain_settings(self) -> bool:
        """As `has_common_settings`, but for the time zone."""
        session = self._session
        if self._style is not session.style:
            self._style = style = session.style
            self._is_utc = style.time_zone_name == "UTC"
            self._is_plain = (
                style.is_common
                and all(session.settings.value(name) == value for name, value in _PLAIN.items())
                and not session.settings.has_own
            )
        return self._is_plain

    def _is_busy(self) -> bool:
        """Whether something goes on between two messages: a result that is read piece by piece, a cursor, listening."""
        session = self._session
        is_changing = session.rights.is_pending
        return is_changing or session.streams.is_open or bool(session.news.channels) or any(True for _ in session.cursors)

    def _may_steer(self) -> bool:
        """Whether nothing but the transaction ends with a block."""
        session = self._session
        ending = (session.deferral, session.settings, session.news, session.temporaries, session.rights, session.advisory)
        return not session.savepoints and not any(each.is_pending for each in ending)

    def _has_common_transaction(self) -> bool:
        session = self._session
        settings = session.settings.transaction
        is_common = settings == {"transaction_isolation": "read committed", "transaction_read_only": "off"}
        transaction = session.transaction
        # A lane reads what is in the transaction, not what joins at its commit.
        is_loaded = transaction is not None and transaction.has_loaded()
        return is_common and not session.catalog_changed and not is_loaded

    # What it learns.

    def _learn(self, what: bytes, literals: list[int] | None = None) -> None:
        if literals is None:
            self._learn_name(what.decode())
        else:
            self._learn_text(what.decode(), literals)

    def _learn_name(self, name: str) -> None:
        prepared = self._session.prepared.get(name)
        if not name or not isinstance(prepared, SqlPrepared):
            return
        if isinstance(prepared.body, Utility):
            found = LaneStatement.steering(prepared.text.encode())
            if found is not None:
                self._lane.learn(name.encode(), found)
            return
        if self._tried.get(name) == self._session.last_version:
            # A newer catalog is met by the statement itself, which takes the ordinary way once more.
            return

        def look(catalog: Catalog) -> None:
            if self._tried.get(name) == catalog.version:
                return
            self._tried[name] = catalog.version
            current = self._current(prepared, catalog)
            found = None if current is None else self._compiled(current, catalog)
            if found is not None:
                self._lane.learn(name.encode(), found)

        self._session.look(look)

    def _current(self, prepared: SqlPrepared, catalog: Catalog) -> SqlPrepared | None:
        """A statement as it is under that catalog; None: the ordinary way finds out what became of it."""
        if prepared.version == catalog.version and prepared.path == tuple(self._session.schemas_in_path()):
            return prepared
        try:
            made = self._session.prepare_under(prepared.text, tuple(prepared.parameters), catalog)
        except SqlError:
            return None
        before, after = ([(each.name, each.type) for each in found.columns or ()] for found in (prepared, made))
        return made if before == after else None

    def _learn_text(self, text: str, literals: list[int]) -> None:
        backend, key = self._session.backend, (self._scope, text, tuple(literals))

        def look(catalog: Catalog) -> None:
            if not backend.note_tried(key, catalog.version):
                return
            try:
                prepared = self._session.prepare_under(Statement.at(text, 0), tuple(literals), catalog)
                found = self._compiled(prepared, catalog) if len(prepared.parameters) == len(literals) else None
            except SqlError:
                # With its literals in place it may mean something; the ordinary way finds out.
                found = None
            backend.lanes.learn_text(self._scope, text.encode(), literals, found, catalog.version)

        self._session.look(look)

    def _compiled(self, prepared: SqlPrepared, catalog: Catalog) -> LaneStatement | None:
        """The statement of the lane."""
        session, body = self._session, prepared.body
        if not isinstance(body, Query) or body.beside or prepared.version != catalog.version:
            return None
        if prepared.path != tuple(session.schemas_in_path()):
            # It is bound anew each time that it runs.
            return None
        try:
            # The lane asks nobody's rights: who has them, has them as long as catalog and scope are the same.
            session.rights.check(catalog, body.bound.needs)
        except SqlError:
            return None
        columns = cast("tuple[Column, ...] | None", prepared.columns)
        description = None if columns is None else described(session, columns, ())
        compiler = LaneCompiler(
            session.backend.lanes,
            catalog,
            prepared.parameters,
            lambda relation: session.layout_of(relation, catalog),
            may_use=lambda number: session.rights.may(catalog, number, USAGE) or session.rights.may(catalog, number, UPDATE),
            is_utc=self._is_utc,
        )
        return compiler.compile(Optimizer().plan(body.bound.plan), description)
