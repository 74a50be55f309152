"""What all SQL sessions of a database share: its tables, the catalog by version, plans.

Theory: the catalog is read once a version and plans are made once a text, so a statement that was seen before costs a look
into two dictionaries. A session that has changed the catalog in its transaction has one of its own, and its plans are nobody
else's. Invariant: what is shared here does not change once it is in.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.access.rights import Roles
from hyperdb.frontends.sql.advisory import AdvisoryLocks
from hyperdb.frontends.sql.analytic.calls import MACROS
from hyperdb.frontends.sql.analytic.tier import Analytics
from hyperdb.frontends.sql.catalog.builtin import built_in_relations
from hyperdb.frontends.sql.catalog.relations import TEMPORARY_PREFIX, Catalog
from hyperdb.frontends.sql.columnar import Engine
from hyperdb.frontends.sql.contract import Opening
from hyperdb.frontends.sql.execute.memory import Pool
from hyperdb.frontends.sql.notify import Hub
from hyperdb.frontends.sql.proof.past import readable
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.records import App
from hyperdb.graph.catalog.tables import Tables, TableTransaction
from hyperdb.graph.roles import committed_roles
from hyperdb.graph.store import TransactionOptions
from hyperdb.roles import ALIASES, SUPERUSER, RoleChanges

if TYPE_CHECKING:
    from hyperdb.frontends.sql.session import SqlSession
    from hyperdb.frontends.sql.statement import SqlPrepared

DATABASES = ("hyperdb", "postgres")
PUBLIC = "public"
_PLANS = 2048
_TRIED = 8192
_FRAMES = 8
MEMORY = 512 << 20
"""The database's budget in bytes unless somebody says otherwise."""
_ENGINE, _LEAST_ENGINE, _KEPT = 4, 24 << 20, 16
"""The analytic engine may use a quarter of the budget (but not less than it can run with), kept columns a sixteenth; the block
cache gives them up when the engine is started."""
_OF_ROWS, _LEAST_ROWS = 2, 32 << 20
"""What statements keep of rows in Python may be half of the budget while they run."""
_THREAD = 12 << 20
"""What a thread of the engine needs at least: with less for each, sorts and groups fail that would fit on fewer."""
SPILL = "spill"
"""The directory below the store's for what the engine cannot hold."""
PlanKey = tuple[str, int, tuple[int, ...], tuple[str, ...], int]


def clock() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


class SqlBackend:
    """See the module's head. `native` is the database's native store."""

    def __init__(
        self,
        tables: Tables,
        now: Callable[[], int] = clock,
        memory: int = MEMORY,
        directory: Path | None = None,
        role_changes: RoleChanges | None = None,
    ) -> None:
        self.tables = tables
        self.now = now
        self._memory = memory
        self._spill = None if directory is None else directory / SPILL
        self.analytics = Analytics(self._engine)
        tables.keep_columns(memory // _KEPT)
        self._lock = threading.Lock()
        self._catalog: Catalog | None = None
        self._plans: OrderedDict[PlanKey, SqlPrepared] = OrderedDict()
        self._past: OrderedDict[int, Catalog] = OrderedDict()
        self._sessions: dict[int, SqlSession] = {}
        self._transactions = 0
        self._numbers = 0
        self.opens: Callable[[SqlBackend, Opening], SqlSession] | None = None
        """Makes sessions of another kind, where rows are somewhere else."""
        self.hub = Hub()
        self.advisory = AdvisoryLocks()
        self._scopes: dict[tuple[tuple[str, ...], str, bool, int], int] = {}
        self.lanes = tables.lanes(None if now is clock else now, secrets.token_bytes(16))
        self._tried: OrderedDict[tuple[int, str, tuple[int, ...]], int] = OrderedDict()
        """Versions of the catalog under which texts without literals were last looked at, by scope, text and types."""
        self.pool = Pool(max(memory // _OF_ROWS, _LEAST_ROWS))
        """What rows may hold that statements keep."""
        self._roles: tuple[int, Roles] | None = None
        """With the count of changes before they were read."""
        self._role_changes = role_changes or RoleChanges()
        self._role_changes.listen(self, self.lanes.recall)
        self._make_public()
        self._drop_temporaries()

    def open(self, opening: Opening) -> SqlSession:
        """A new session.

        Raises:
            SqlError: 3D000 for an unknown database, 22023 for a setting that cannot be, 53300 beyond the role's limit.
        """
        from hyperdb.frontends.sql.session import SqlSession

        if opening.database not in DATABASES:
            raise SqlError("3D000", f'database "{opening.database}" does not exist')
        limit = self._limit(opening)
        made = SqlSession(self, opening) if self.opens is None else self.opens(self, opening)
        with self._lock:
            others = sum(each.login_role == opening.role and each.activity.is_remote for each in self._sessions.values())
            is_one_too_many = limit is not None and others >= limit
            if not is_one_too_many:
                self._sessions[id(made)] = made
        if is_one_too_many:
            made.close()
            raise SqlError("53300", f'too many connections for role "{opening.role}"')
        made.log.connected()
        return made

    def _limit(self, opening: Opening) -> int | None:
        """How many clients of the role there may be, this one with them; None: as many as there are."""
        record = self.roles().records.get(opening.role)
        if opening.terminate is None or record is None or record.connection_limit < 0 or record.attributes & SUPERUSER:
            return None
        return record.connection_limit

    def closed(self, session: SqlSession) -> None:
        """A session is over."""
        with self._lock:
            self._sessions.pop(id(session), None)

    def sessions(self) -> list[SqlSession]:
        """Those that are open."""
        with self._lock:
            return list(self._sessions.values())

    def _engine(self) -> Engine:
        """The analytic engine, within the budget."""
        from hyperdb.frontends.sql.columnar.duck import DuckEngine

        memory = max(self._memory // _ENGINE, _LEAST_ENGINE)
        self.tables.reserve(memory + self._memory // _KEPT)
        threads = max(1, min(os.cpu_count() or 1, memory // _THREAD))
        return DuckEngine(memory=memory, threads=threads, macros=MACROS, spill=self._spill)

    def close(self) -> None:
        """Ends the analytic engine. Sessions are closed before."""
        self.analytics.close()

    def _drop_temporaries(self) -> None:
        """What sessions left that did not end by themselves."""
        from hyperdb.frontends.sql.session import SqlSession
        from hyperdb.frontends.sql.temporaries import drop_schemas

        session = SqlSession(self, Opening("", DATABASES[0]))
        if any(name.startswith(TEMPORARY_PREFIX) for name in session.look(lambda catalog: catalog.schemas)):
            drop_schemas(session, lambda _name: True)
        session.close()

    def roles(self) -> Roles:
        """The roles as they were committed."""
        count, kept = self._role_changes.count, self._roles
        if kept is not None and kept[0] == count:
            return kept[1]
        found = Roles(committed_roles(self.tables))
        self._roles = count, found
        return found

    def forget_roles(self) -> None:
        """A role was changed: whatever the language, nobody goes on with what was kept of it."""
        self._role_changes.tell()

    def next_number(self) -> int:
        """A number that no other session of this backend has."""
        with self._lock:
            self._numbers += 1
            return self._numbers

    def _make_public(self) -> None:
        """The schema that everybody has."""
        transaction = self.tables.begin(TransactionOptions("read committed"))
        transaction.open()
        catalog = Catalog(transaction.image(), lambda _catalog: {})
        if PUBLIC not in catalog.schemas:
            number = transaction.app(PUBLIC.encode())
            assert number is not None
            transaction.create(transaction.reserve(), records.encode(App(number=number, name=PUBLIC)))
            transaction.close(True)
            transaction.commit()
        else:
            transaction.rollback()

    def catalog(self, transaction: TableTransaction, version: int | None) -> Catalog:
        """The catalog of an open statement; `version` None: as the transaction has changed it."""
        with self._lock:
            known = self._catalog
        if known is not None and version is not None and known.version == version:
            return known
        made = Catalog(transaction.image(), built_in_relations, known)
        if version is not None:
            with self._lock:
                is_new = self._catalog is None or self._catalog.version < made.version
                if is_new:
                    self._catalog = made
            if is_new:
                self.lanes.forget_refused(made.version)
        return made

    def past_catalog(self, number: int) -> Catalog:
        """The catalog at a frame.

        Raises:
            SqlError: 22023, 72000 where the frame cannot be read.
        """
        commit = readable(self.tables.frames, number).commit
        with self._lock:
            found = self._past.get(number)
        if found is None:
            transaction = self.tables.begin_at(commit)
            try:
                transaction.open()
                found = Catalog(transaction.image(), built_in_relations)
            finally:
                transaction.rollback()
            with self._lock:
                self._past[number] = found
                if len(self._past) > _FRAMES:
                    self._past.popitem(last=False)
        return found

    def plan(self, key: PlanKey) -> SqlPrepared | None:
        """A statement that was made before."""
        with self._lock:
            found = self._plans.get(key)
            if found is not None:
                self._plans.move_to_end(key)
            return found

    def keep(self, key: PlanKey, prepared: SqlPrepared) -> None:
        """Keeps a statement, and forgets the one that was not used for longest."""
        with self._lock:
            self._plans[key] = prepared
            if len(self._plans) > _PLANS:
                self._plans.popitem(last=False)

    def note_tried(self, key: tuple[int, str, tuple[int, ...]], version: int) -> bool:
        """Whether a text was not looked at yet under that version of the catalog; from now on it was."""
        with self._lock:
            if self._tried.get(key) == version:
                return False
            self._tried[key] = version
            if len(self._tried) > _TRIED:
                self._tried.popitem(last=False)
            return True

    def scope(self, path: tuple[str, ...], role: str, is_utc: bool) -> int:
        """A number for what the meaning of a text depends on beside the catalog."""
        with self._lock:
            changes = 0 if role in ALIASES else self._role_changes.count
            return self._scopes.setdefault((path, role, is_utc, changes), len(self._scopes))

    def next_transaction(self) -> int:
        """A number for a transaction."""
        with self._lock:
            self._transactions += 1
            return self._transactions
