"""Sessions over a remote store: queries read rows of tables obliviously, at the session's level; nothing is written.

Theory: a query asks a transaction for ranges of rows by a table's key, and by nothing else where it is planned so
(`proof.run`); here each range is fetched, verified as complete under the epoch's frame, and answered from. The definitions were
downloaded whole, so binding asks nobody. Invariant: a range is fetched at the level that the session has, or refused; rows come
from verified ranges alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from hyperdb.commitment.verify import Bounds, Row, VerificationError
from hyperdb.errors import HyperDBError, NotFoundError, PrivacyError, RemoteError, SqlError
from hyperdb.frontends.sql.contract import Lane, Opening
from hyperdb.frontends.sql.functional import Facade
from hyperdb.frontends.sql.learned import Learned
from hyperdb.frontends.sql.plan.nodes import Scan
from hyperdb.frontends.sql.plan.walk import plans
from hyperdb.frontends.sql.proof import run
from hyperdb.frontends.sql.proof.names import rows_id
from hyperdb.frontends.sql.proof.ranges import End, Page, Proved, Range, Span, holds, span_of
from hyperdb.frontends.sql.proof.session import Proofs
from hyperdb.frontends.sql.session import SqlSession
from hyperdb.frontends.sql.settings import PRIVACY
from hyperdb.frontends.sql.statement import Query, SqlOutcome, SqlPrepared
from hyperdb.graph.catalog import records
from hyperdb.oblivious.explain import Asked, Explanation
from hyperdb.oblivious.levels import Level, parse_level

if TYPE_CHECKING:
    from hyperdb.frontends.sql.backend import SqlBackend
    from hyperdb.frontends.sql.catalog.relations import Catalog, Relation
    from hyperdb.frontends.sql.contract import CopyOut, Prepared
    from hyperdb.graph.catalog.lanes import Handle
    from hyperdb.graph.catalog.tables import TableTransaction


class Fetching(Protocol):
    """What fetches ranges of collections of a remote store."""

    level: Level

    def part(self, app: str, collection: bytes, bounds: Bounds, level: Level) -> tuple[Sequence[Row], object]:
        """All rows of a range, verified, and of which moment of the app they are."""

    def explain(self, app: str, asked: Asked, level: Level) -> Explanation:
        """Who learns what of a read."""

    def steady(self) -> AbstractContextManager[object]:
        """Keeps all apps at their moments while it is held."""


_STATES: tuple[tuple[type[HyperDBError], str], ...] = (
    (PrivacyError, "0A000"),
    (VerificationError, "XX001"),
    (NotFoundError, "42P01"),
    (RemoteError, "08006"),
)


class _Fetched(Proved):
    """Ranges that are fetched when they are first asked for."""

    def __init__(self, fetch: Callable[[int, Span], Sequence[Row]], number_of: Callable[[Any], int]) -> None:
        self._had: dict[int, list[Range]] = {}
        super().__init__(self._had, number_of)
        self._fetch = fetch

    def page(self, layout: Any, index: int | None, low: End, high: End, reverse: bool, *rest: Any) -> Page:
        """See the native `SqlTransaction`. All rows come in one page."""
        span = span_of(layout, low, high)
        if span is not None:
            number = self._number_of(layout)
            had = self._had.setdefault(number, [])
            if not any(holds(each.span, span) for each in had):
                had.append(Range(span, self._fetch(number, span)))
        return super().page(layout, index, low, high, reverse, *rest)


class _NoProofs(Proofs):
    """What is read is verified as it comes, and handed on without proofs."""

    def __init__(self, session: RemoteSession) -> None:
        super().__init__(session)
        self._remote = session

    @property
    def are_on(self) -> bool:
        """Never."""
        return False

    def refuse(self, what: str) -> None:
        """Refuses what gives rows in another way than a plain query (0A000)."""
        _refuse(what)

    def learned(self, query: SqlPrepared, values: Sequence[object]) -> Learned:
        """Who learns what of a query."""
        return self._remote.learned(query, values)


class _Counted(Proved):
    """A store without rows that notes which ranges are asked for."""

    def __init__(self, number_of: Callable[[Any], int]) -> None:
        super().__init__({}, number_of)
        self.spans: dict[int, list[Span]] = {}

    def page(self, layout: Any, index: int | None, low: End, high: End, reverse: bool, *rest: Any) -> Page:  # noqa: ARG002
        """See the native `SqlTransaction`."""
        span = span_of(layout, low, high)
        had = self.spans.setdefault(self._number_of(layout), [])
        if span is not None and not any(holds(each, span) for each in had):
            had.append(span)
        return [], None


def _refuse(what: str) -> NoReturn:
    raise SqlError("0A000", f"{what} is not read from a remote store: use a plain query")


def _read_only(what: str) -> SqlError:
    return SqlError("25006", f"cannot execute {what} on a remote store: it is read only")


def _said(spans: Sequence[Span] | None) -> str:
    if spans is None:
        return "a range for each row of what it is joined with, so the store learns how many: counted is one"
    if any(span == (b"", b"") for span in spans):
        return "all of it"
    return f"{len(spans)} ranges of its key" if len(spans) != 1 else "one range of its key"


class _NoSequences(Facade):
    """Sequences are the store's: what this process has of them counts for nobody."""

    def next_value(self, oid: int, *, granted: bool = False) -> int:  # noqa: ARG002
        """Refused."""
        raise _read_only("nextval()")

    def set_value(self, oid: int, value: int, called: bool) -> int:  # noqa: ARG002
        """Refused."""
        raise _read_only("setval()")


class RemoteSession(SqlSession):
    """See the module's head."""

    def __init__(self, backend: SqlBackend, opening: Opening, fetching: Fetching) -> None:
        super().__init__(backend, opening)
        self._fetching = fetching
        self.settings.keep_levels(str(fetching.level))
        self.proofs = _NoProofs(self)
        self.facade = _NoSequences(self)

    @property
    def may_be_brief(self) -> bool:
        """Never: rows have to be fetched."""
        return False

    def lend(self) -> Lane | None:
        """Never: the short way reads what is in this process."""
        return None

    def begin(
        self,
        *,
        isolation: str | None = None,
        read_only: bool | None = None,  # noqa: ARG002 - all of them read only
        deferrable: bool | None = None,
        handle: Handle | None = None,
    ) -> TableTransaction:
        """See `SqlSession`; it only reads."""
        return super().begin(isolation=isolation, read_only=True, deferrable=deferrable, handle=handle)

    def copy_out(self, prepared: Prepared) -> CopyOut:  # noqa: ARG002
        """Refused."""
        _refuse("COPY")

    def run(self, prepared: SqlPrepared, values: Sequence[object]) -> SqlOutcome:
        """Runs a statement to its end; a query on tables by what it fetches."""
        body = prepared.body
        if not isinstance(body, Query) or not run.reads_rows(body.bound.plan):
            return super().run(prepared, values)
        self.note_begin(prepared)
        self.check_usable()
        with self.failing():
            if len(values) < len(prepared.parameters):
                raise SqlError("42P02", f"there is no parameter ${len(values) + 1}")
            if body.tag != "SELECT":
                raise _read_only(body.tag)
            self.begin()
            with self._fetching.steady():
                return self.look(lambda catalog: self._fetched(prepared, values, catalog))

    def learned(self, query: SqlPrepared, values: Sequence[object]) -> Learned:
        """Who learns what of a query: it is run on nothing, and what it asks for first is counted."""
        body = query.body
        if not isinstance(body, Query) or not run.reads_rows(body.bound.plan):
            return Learned(("nothing of the remote store is read",), ())
        level = parse_level(self.settings.value(PRIVACY))
        return self.look(lambda catalog: self._counted(query, values, catalog, level))

    def _counted(self, query: SqlPrepared, values: Sequence[object], catalog: Catalog, level: Level) -> Learned:
        ready = run.prepare(str(query.text), query.parameters, catalog, self.schemas_in_path(), 0)
        self.rights.check(catalog, ready.bound.needs)
        known: dict[int, int] = {}

        def layout_of(relation: Relation) -> Any:
            layout = self.layout_of(relation, catalog)
            known[id(layout)] = relation.oid
            return layout

        counted = _Counted(lambda layout: known[id(layout)])
        moment = run.Moment(self.backend.now(), self.style, self.running.is_cancelled)
        run.run(ready, run.Session((counted, catalog), layout_of), values, moment)
        ranges: dict[str, int] = {}
        reads = []
        for scan in {each.relation.oid: each for each in plans(ready.plan) if isinstance(each, Scan)}.values():
            relation = scan.relation
            record = catalog.objects[relation.oid]
            assert isinstance(record, records.Table)
            spans = counted.spans.get(relation.oid)
            app = catalog.apps[record.app]
            ranges[app] = ranges.get(app, 0) + (1 if spans is None else len(spans))
            reads.append(f"{relation.schema}.{relation.name}: {_said(spans)}")
        explained = [
            self._fetching.explain(app, Asked("SELECT", count, 0, count), level) for app, count in sorted(ranges.items())
        ]
        return Learned(reads, explained)

    def _fetched(self, prepared: SqlPrepared, values: Sequence[object], catalog: Catalog) -> SqlOutcome:
        ready = run.prepare(str(prepared.text), prepared.parameters, catalog, self.schemas_in_path(), 0)
        self.rights.check(catalog, ready.bound.needs)
        level = parse_level(self.settings.value(PRIVACY))
        known: dict[int, tuple[int, Any]] = {}
        moments: dict[str, object] = {}

        def layout_of(relation: Relation) -> Any:
            layout = self.layout_of(relation, catalog)
            known[id(layout)] = (relation.oid, layout)
            return layout

        def fetch(number: int, span: Span) -> Sequence[Row]:
            record = catalog.objects[number]
            assert isinstance(record, records.Table)
            app = catalog.apps[record.app]
            try:
                found, moment = self._fetching.part(app, rows_id(number), Bounds(*span), level)
            except (HyperDBError, VerificationError) as error:
                state = next((state for kind, state in _STATES if isinstance(error, kind)), "XX000")
                raise SqlError(state, str(error)) from error
            if moments.setdefault(app, moment) != moment:
                raise SqlError("40001", "the server let go of the epoch while the statement read it: run it again")
            return found

        fetched = _Fetched(fetch, lambda layout: known[id(layout)][0])
        moment = run.Moment(self.backend.now(), self.style, self.running.is_cancelled)
        rows = run.run(ready, run.Session((fetched, catalog), layout_of), values, moment)
        return SqlOutcome(prepared.columns, rows, f"SELECT {len(rows)}")
