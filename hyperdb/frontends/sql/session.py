"""One client's session: transactions, statements, settings.

Theory: every statement runs in a transaction; where none is open one is begun for it and ended at `sync`. A statement is opened
natively, so all its steps see one snapshot, and is begun again when a row that it met was changed meanwhile (at READ COMMITTED).
An error takes the statement back, and fails the block that it is in. Invariant: `status` is what PostgreSQL would say.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from hyperdb.errors import HyperDBError, RowChangedError, SqlError
from hyperdb.frontends.sql import contract, types
from hyperdb.frontends.sql.access.session_rights import Rights
from hyperdb.frontends.sql.activity import Activity
from hyperdb.frontends.sql.advisory import Advisory
from hyperdb.frontends.sql.bind.binder import Binder
from hyperdb.frontends.sql.catalog.relations import Catalog, Relation
from hyperdb.frontends.sql.contract import Column, Notice, Notification, Opening, Status, WouldWait
from hyperdb.frontends.sql.copy_in import CopyRows
from hyperdb.frontends.sql.copying import copy_out
from hyperdb.frontends.sql.cursors import Cursors
from hyperdb.frontends.sql.deferral import Deferral
from hyperdb.frontends.sql.execute.environment import Environment, settle
from hyperdb.frontends.sql.failing import Failing, as_sql
from hyperdb.frontends.sql.functional import Facade
from hyperdb.frontends.sql.lane.session import Names, SessionLane
from hyperdb.frontends.sql.logged import Logged
from hyperdb.frontends.sql.notify import News
from hyperdb.frontends.sql.parse.split import split
from hyperdb.frontends.sql.prepare import Preparer
from hyperdb.frontends.sql.proof.session import Proofs
from hyperdb.frontends.sql.running import Patience, Running
from hyperdb.frontends.sql.settings import Settings
from hyperdb.frontends.sql.statement import Query, SqlOutcome, SqlPrepared, Statement, only
from hyperdb.frontends.sql.streams import Streams
from hyperdb.frontends.sql.temporaries import Temporaries
from hyperdb.graph.catalog.lanes import Handle
from hyperdb.graph.catalog.tables import TableTransaction
from hyperdb.graph.store import TransactionOptions

if TYPE_CHECKING:
    from hyperdb.frontends.sql.backend import SqlBackend

T = TypeVar("T")
_MOST_RESTARTS = 10_000
_LONG_STATEMENT, _LONG_SCRIPT = 600, 50_000
"""Characters from which a text is read on a worker."""
_SEVERITIES = ("debug5", "debug4", "debug3", "debug2", "debug1", "log", "notice", "warning", "error")


class SqlSession:
    """See `contract.Session`."""

    def __init__(self, backend: SqlBackend, opening: Opening) -> None:
        self.backend = backend
        self.login_role = opening.role
        self.database = opening.database
        self.process_id = opening.process_id
        self.status = Status.IDLE
        self.names = Names(backend.now)
        self.prepared: dict[str, contract.Prepared] = self.names
        self.rights = Rights(self)
        self.settings = Settings(
            opening.settings,
            opening.role,
            self.rights.becoming,
            lambda: self.rights.is_super,
            defaults=opening.defaults,
            starts_super=lambda: self.rights.roles.is_super(opening.role),
        )
        self.style = self._style()
        self.transaction: TableTransaction | None = None
        self.transaction_time = self.statement_time = 0
        self.transaction_number = 0
        self.savepoints: list[tuple[str, int]] = []
        self.catalog_changed = False
        self.last_version: int | None = None
        """Of the catalog that a statement saw last."""
        self.has_looked = False
        """Whether a statement of the transaction has read or written."""
        self.facade = Facade(self)
        self.has_written = False
        """Whether one has, or may have, changed rows or definitions."""
        self.has_defined = False
        """Whether one may have changed definitions."""
        self.streams = Streams(self)
        self.cursors = Cursors(self, opening.portals)
        self.deferral = Deferral(self)
        self.temporaries = Temporaries(self)
        self.proofs = Proofs(self)
        self.news = News(self, backend.hub, opening.wake)
        self.advisory = Advisory(self, backend.advisory)
        self._preparer = Preparer(self)
        self.may_wait = opening.may_wait
        self._environment: Environment | None = None
        self._notices: list[Notice] = []
        self.running = Running(self)
        self.patience = Patience(self)
        self.log = Logged(self, opening)
        self.activity = Activity(opening, backend.now())
        self.lane = SessionLane(self)

    # What the conversation calls.

    def statements(self, text: str) -> Sequence[str]:
        """See `contract.Session`."""
        if len(text) > _LONG_SCRIPT and not self.may_wait:
            raise WouldWait(lambda: [Statement.at(part, offset) for part, offset in split(text)])
        return [Statement.at(part, offset) for part, offset in split(text)]

    def prepare(self, text: str, parameters: Sequence[int]) -> SqlPrepared:
        """See `contract.Session`. Parsing takes a millisecond for every few words, in which no one else would be heard."""
        if len(text) > _LONG_STATEMENT and not self.may_wait:
            raise WouldWait(lambda: self.prepare_now(text, parameters))
        return self.prepare_now(text, parameters)

    def prepare_now(self, text: str, parameters: Sequence[int]) -> SqlPrepared:
        """As `prepare`, for a statement inside of another one, which has done the waiting."""
        with self.failing():
            return self._preparer.prepare(text if isinstance(text, Statement) else only(text), tuple(parameters))

    def prepare_under(self, text: Statement, parameters: tuple[int, ...], catalog: Catalog) -> SqlPrepared:
        """A query bound under a catalog; its errors do not fail a block."""
        return self._preparer.under(text, parameters, catalog)

    def prepare_keyed(self, text: Statement, parameters: tuple[int, ...]) -> SqlPrepared:
        """A cursor's query (`Preparer.keyed`)."""
        return self._preparer.keyed(text, parameters)

    def execute(self, prepared: contract.Prepared, values: Sequence[object]) -> SqlOutcome:
        """See `contract.Session`."""
        assert isinstance(prepared, SqlPrepared)
        if self.may_wait:
            return self.run(prepared, values)
        outcome = self.streams.brief(prepared, values)
        if outcome is None:
            raise WouldWait(lambda: self.run(prepared, values))
        return outcome

    def copy_in(self, prepared: contract.Prepared) -> contract.CopyIn:
        """See `contract.Session`."""
        assert isinstance(prepared, SqlPrepared)
        self.note_begin(prepared)
        with self.failing():
            self.check_usable()
            return CopyRows(self, prepared)

    def copy_out(self, prepared: contract.Prepared) -> contract.CopyOut:
        """See `contract.Session`."""
        assert isinstance(prepared, SqlPrepared)
        if not self.may_wait:
            raise WouldWait(lambda: copy_out(self, prepared))
        return copy_out(self, prepared)

    def sync(self, failed: bool) -> None:
        """See `contract.Session`."""
        if self.status is not Status.IDLE or self.transaction is None:
            self.log.ended()
        if self.status is not Status.IDLE:
            return
        if self.transaction is None:
            if self.settings.end(committed=not failed):
                self.style = self._style()
            return
        if not failed and not self.may_wait and not self._ends_at_once():
            raise WouldWait(lambda: self.end(commit=True))
        self.end(commit=not failed)

    def _ends_at_once(self) -> bool:
        """Whether committing waits for nobody: nothing was changed, and nothing but the transaction ends."""
        ending = (self.deferral, self.temporaries, self.rights, self.news)
        is_read = not self.has_written and not self.has_defined and not any(each.is_pending for each in ending)
        return is_read and not any(True for _ in self.cursors)

    def fail(self) -> None:
        """See `contract.Session`."""
        self.log.failed()
        if self.status is Status.ACTIVE:
            self.status = Status.FAILED

    def lend(self) -> contract.Lane | None:
        """See `contract.Session`."""
        return self.lane.lend()

    def reclaim(self) -> None:
        """See `contract.Session`."""
        self.lane.reclaim()

    def refusal(self, error: HyperDBError) -> SqlError:
        """See `contract.Session`."""
        return as_sql(error)

    def cursor(self, name: str) -> Sequence[Column] | None:
        """See `contract.Session`."""
        return self.cursors.columns(name)

    def close_cursor(self, name: str) -> None:
        """See `contract.Session`."""
        self.cursors.close_if_there(name)

    def type(self, oid: int) -> types.Type:
        """See `contract.Session`."""
        return self.facade.type(oid)

    def idle_limit(self) -> contract.IdleLimit | None:
        """See `contract.Session`."""
        return self.settings.idle_limit(in_block=self.status is not Status.IDLE)

    def changed_settings(self) -> Mapping[str, str]:
        """See `contract.Session`."""
        return self.settings.changed()

    def notices(self) -> Sequence[Notice]:
        """See `contract.Session`."""
        found, self._notices = self._notices, []
        return found

    def notifications(self) -> Sequence[Notification]:
        """See `contract.Session`."""
        return self.news.take()

    def cancel(self) -> None:
        """See `contract.Session`."""
        self.running.cancel()

    def close(self) -> None:
        """See `contract.Session`."""
        self.end(commit=False)
        self.log.disconnected()
        self.temporaries.drop()
        self.news.close()
        self.backend.closed(self)
        self.advisory.give_all_back()

    # Transactions.

    def begin(
        self,
        *,
        isolation: str | None = None,
        read_only: bool | None = None,
        deferrable: bool | None = None,
        handle: Handle | None = None,
    ) -> TableTransaction:
        """The open transaction; a new one if there is none, over `handle` if that has begun already."""
        if self.transaction is None:
            level = isolation or self.settings.value("default_transaction_isolation")
            reads = self.settings.value("default_transaction_read_only") == "on" if read_only is None else read_only
            timeout = self.patience.begin()
            self.settings.transaction = {"transaction_isolation": level, "transaction_read_only": "on" if reads else "off"}
            default = self.settings.value("default_transaction_deferrable") == "on"
            defers = default if deferrable is None else deferrable
            if default or defers:
                # What it asks for, that reading neither waits nor fails, is so in every transaction that only reads.
                self.settings.transaction["transaction_deferrable"] = "on" if defers else "off"
            # As in PostgreSQL the level is called as it was asked for, and nothing uncommitted is read.
            native = "read committed" if level == "read uncommitted" else level
            options = TransactionOptions(native, reads, timeout)  # type: ignore[arg-type]
            self.transaction = self.backend.tables.begin(options) if handle is None else TableTransaction(handle)
            self.transaction_time = self.statement_time = self.backend.now()
            self.transaction_number = self.backend.next_transaction()
            self.savepoints = []
            self.catalog_changed = False
            self.has_looked = self.has_written = self.has_defined = False
        return self.transaction

    @property
    def role(self) -> str:
        """Whose rights count: SET ROLE's, or those of who has logged in."""
        name = self.settings.value("role")
        return self.login_role if name == "none" else name

    @property
    def reads_newest(self) -> bool:
        """Whether another transaction would see the same now."""
        return not self.has_written and self.settings.value("transaction_isolation") == "read committed"

    def end(self, *, commit: bool) -> None:
        """Ends the transaction, if one is open.

        Raises:
            SqlError: 40001 and whatever else a commit may fail with; it is rolled back then.
        """
        if commit and self.transaction is not None:
            try:
                with self.failing():
                    self.deferral.settle()
                    self.temporaries.commit()
                    self.cursors.hold()
            except BaseException:
                self._end(commit=False)
                raise
        self._end(commit=commit)

    def _end(self, *, commit: bool) -> None:
        self.streams.abandon()
        transaction, self.transaction = self.transaction, None
        self.status = Status.IDLE
        self.savepoints = []
        done = False
        try:
            if transaction is not None:
                if commit:
                    transaction.commit()
                    done = True
                else:
                    transaction.rollback()
        except HyperDBError as error:
            raise as_sql(error) from error
        finally:
            self._settle(committed=done)
            self.log.ended()

    def _settle(self, *, committed: bool) -> None:
        """Ends what ends with a transaction."""
        if committed and self.has_defined:
            self.backend.tables.defined()
        if self.settings.end(committed=committed):
            self.style = self._style()
        self.facade.forget()
        self.deferral.forget()
        self.cursors.end(committed=committed)
        self.news.end(committed=committed)
        self.rights.end(committed=committed)
        self.advisory.end()

    def take_block(self, began: int | None, handle: Handle | None) -> None:
        """The lane gives the client back: when its block began (None: there is none), the transaction if it has one."""
        before = self.transaction
        if before is not None and handle is not before.handle:
            # It ended there, which it may only where nothing else has to end with it.
            self.transaction, self.status = None, Status.IDLE
            self._settle(committed=True)
        if began is not None:
            self.begin(handle=handle)
            self.transaction_time = began
            self.has_looked = self.has_written = handle is not None
            self.status = Status.ACTIVE

    def notice(self, notice: Notice) -> None:
        """Tells the client something, if it wants to hear of it."""
        wanted = _SEVERITIES.index(self.settings.value("client_min_messages"))
        if notice.severity == "INFO" or _SEVERITIES.index(notice.severity.lower()) >= wanted:
            self._notices.append(notice)

    # Statements.

    def run(self, prepared: SqlPrepared, values: Sequence[object]) -> SqlOutcome:
        """Runs a statement to its end."""
        self.note_begin(prepared)
        body = prepared.body
        if body is None or isinstance(body, Query) or not body.steers:
            self.check_usable()
        with self.failing():
            if len(values) < len(prepared.parameters):
                raise SqlError("42P02", f"there is no parameter ${len(values) + 1}")
            if isinstance(body, Query):
                if self.proofs.wants(body):
                    return self.proofs.run(prepared, values)
                if body.reads:
                    return self.streams.run(prepared, values)
                return self.statement(lambda env: self._query(prepared, env), values)
            assert body is not None
            if body.catalog:
                self.cursors.settle()
                return self.statement(lambda _env: body.run(self, values), values)
            return body.run(self, values)

    def note_begin(self, prepared: SqlPrepared) -> None:
        """A statement begins, for those who watch the session."""
        self.activity.begin(str(prepared.text), self.backend.now)
        if not self.running.now:
            self.log.begin(prepared)

    def check_usable(self) -> None:
        """Raises 25P02 in a failed block."""
        if self.status is Status.FAILED:
            raise SqlError("25P02", "current transaction is aborted, commands ignored until end of transaction block")

    @property
    def may_be_brief(self) -> bool:
        """Whether nothing of the session stands in the way of answering a query at once, without a worker."""
        is_loaded = self.transaction is not None and self.transaction.has_loaded()
        return self.status is not Status.FAILED and not is_loaded and self.lane.has_plain_settings()

    def is_bound_under(self, prepared: SqlPrepared, env: Environment) -> bool:
        """Whether a statement was bound under the catalog and the path that are now."""
        is_same = prepared.version == env.catalog.version and not self.catalog_changed
        return is_same and prepared.path == tuple(self.schemas_in_path())

    def current(self, prepared: SqlPrepared, env: Environment) -> SqlPrepared:
        """The statement under the catalog and the path that are now."""
        if not self.is_bound_under(prepared, env):
            prepared = self._preparer.anew(prepared, env.catalog)
        if isinstance(prepared.body, Query):
            self.rights.check(env.catalog, prepared.body.bound.needs)
        return prepared

    def _query(self, prepared: SqlPrepared, env: Environment) -> SqlOutcome:
        body = self.current(prepared, env).body
        assert isinstance(body, Query)
        env.touched = set() if body.beside else None
        holding = env.hold()
        rows = list(holding.all(body.rows(env)))
        for change in reversed(body.beside):
            # Changes are made whoever reads their rows; those that nobody has read now (execMain.c, ExecPostprocessPlan).
            deque(change(env), maxlen=0)
        settle(env)
        if prepared.columns is None:
            return SqlOutcome(None, (), f"{body.tag} {rows[0][0]}")
        return SqlOutcome(prepared.columns, rows, f"{body.tag} {len(rows)}", holding=holding)

    def statement(self, body: Callable[[Environment], T], values: Sequence[object] = ()) -> T:
        """Runs `body` as one statement: whole or not at all, again if a row changed under it."""
        transaction = self.begin_statement()
        self.has_written = True
        for _ in range(_MOST_RESTARTS):
            version = transaction.open()
            kept = False
            try:
                env = self._environment = self.environment(transaction, version, values)
                # The native side has forgotten a cancel that came before it was opened.
                env.check_cancelled()
                found = body(env)
                kept = True
                return found
            except RowChangedError:
                continue
            finally:
                self.close_statement(transaction, kept=kept)
        raise SqlError("40001", "could not serialize access: the row changes all the time")

    def begin_statement(self) -> TableTransaction:
        """The transaction, ready for its next statement."""
        self.streams.detach()
        transaction = self.begin()
        self.patience.heed()
        self.statement_time = self.backend.now()
        self.has_looked = True
        return transaction

    def close_statement(self, transaction: TableTransaction, *, kept: bool) -> None:
        """Ends the statement, if the transaction is still the one."""
        if self.transaction is transaction:
            transaction.close(kept)

    def environment(self, transaction: TableTransaction, version: int | None, values: Sequence[object] = ()) -> Environment:
        """What a statement that is open runs with."""
        self.catalog_changed = version is None
        catalog = self.backend.catalog(transaction, version)
        self.last_version = catalog.version
        self.facade.catalog = catalog
        return Environment(
            self.facade,
            catalog,
            transaction,
            values,
            self.style,
            self.transaction_time,
            self.statement_time,
            self.backend.now,
            lambda relation: self._preparer.writes(relation, catalog),
            self.running.is_cancelled,
            self.backend.pool,
        )

    def binder(self, catalog: Catalog) -> Binder:
        """Binds what a statement that is open needs besides."""
        return Binder(catalog, self.schemas_in_path(), [], past=self.backend.past_catalog)

    def open_load(self) -> Environment:
        """A statement that stays open while rows come; `close_statement` ends it."""
        transaction = self.begin_statement()
        self.has_written = True
        env = self._environment = self.environment(transaction, transaction.open(True))
        env.check_cancelled()
        return env

    def whole_statement(self, body: Callable[[Environment], T]) -> T:
        """Runs a statement that is made of rows from outside, with what is checked at its end."""

        def run(env: Environment) -> T:
            found = body(env)
            settle(env)
            return found

        with self.failing():
            return self.statement(run)

    def open_environment(self) -> Environment:
        """The environment of the statement that runs."""
        assert self._environment is not None
        return self._environment

    def layout_of(self, relation: Relation, catalog: Catalog) -> Any:
        """How the rows of a relation lie."""
        return self._preparer.layout(relation, catalog)

    def schemas_in_path(self) -> list[str]:
        """The schemas in which names are looked up, there or not: that of temporary objects, then those of search_path."""
        path = self.settings.path(self.role)
        own = self.temporaries.schema
        return path if own is None else [own, *path]

    def set(self, name: str, value: str | None, *, local: bool = False) -> str:
        """Changes a setting."""
        found = self.settings.set(name, value, local=local)
        self.style = self._style()
        self.patience.heed()
        return found

    def restore_settings(self, savepoint: int) -> None:
        """Settings are as they were at the savepoint of that place."""
        self.settings.roll_back(savepoint)
        self.style = self._style()
        self.patience.heed()

    def _style(self) -> types.Style:
        base = types.Style(
            now=lambda: self.transaction_time or self.backend.now(),
            relation_name=lambda kind, oid: self.facade.relation_name(kind, oid),
            relation_oid=lambda kind, name: self.facade.relation_oid(kind, name),
        )
        return self.settings.style(base)

    def failing(self) -> Failing:
        """Around whatever may fail."""
        return Failing(self)

    def look(self, body: Callable[[Catalog], T]) -> T:
        """Reads the catalog, in the open transaction or in one of its own."""
        if self.streams.catalog is not None:
            return body(self.streams.catalog)
        if self.transaction is not None:
            version = self.transaction.open()
            try:
                return body(self.environment(self.transaction, version).catalog)
            finally:
                self.transaction.close(True)
        transaction = self.backend.tables.begin(TransactionOptions("read committed", True))
        try:
            catalog = self.backend.catalog(transaction, transaction.open())
            self.facade.catalog = catalog
            self.catalog_changed = False
            return body(catalog)
        finally:
            transaction.rollback()
