"""Results that are computed while they are read.

Theory: a query that only reads may stop after each row. Its statement stays open natively meanwhile, so that all its rows are
of one snapshot. A transaction has one open statement: before the session's next one begins, what is left of a result is read
into memory. Short results are computed at once. Invariant: at most one stream has the transaction's statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.brief import MOST_ROWS
from hyperdb.frontends.sql.contract import Column, CopyOptions, Form, WouldWait
from hyperdb.frontends.sql.execute.environment import Environment, Row
from hyperdb.frontends.sql.execute.memory import Holding
from hyperdb.frontends.sql.execute.pages import WRITTEN_ROWS, Pages
from hyperdb.frontends.sql.statement import Query, SqlOutcome, SqlPrepared
from hyperdb.graph.catalog.messages import RowForm

if TYPE_CHECKING:
    from hyperdb.frontends.sql.catalog.relations import Catalog
    from hyperdb.frontends.sql.session import SqlSession

T = TypeVar("T")

_FIRST = 1000
"""Rows that are computed before the first one is handed over; a result that has no more needs no stream."""


class Stream:
    """Rows of one execution. `finish(keep)` is called once, when nothing more is to be computed."""

    def __init__(self, rows: Iterator[Row] | Pages, finish: Callable[[bool], None], holding: Holding) -> None:
        self._holding = holding
        self._pages: Pages | None = None
        self._rows: Iterator[Row] = iter(())
        if isinstance(rows, Iterator):
            self._rows = rows
        else:
            self._pages = rows
        self._held: list[Row] = []
        self._finish: Callable[[bool], None] | None = finish

    def take(self, limit: int) -> tuple[list[Row], bool]:
        """At most `limit` rows, and whether more follow; of rows in pages, whether more may."""
        if self._pages is not None:
            pages = self._pages
            return self._taken(lambda: pages.take(limit), pages)
        try:
            found = self._held + list(islice(self._rows, limit + 1 - len(self._held)))
        except BaseException:
            self.end(keep=False)
            raise
        self._held = found[limit:]
        if not self._held:
            self.abandon()
        return found[:limit], bool(self._held)

    def write(
        self, form: RowForm, columns: Sequence[Column], limit: int, *, in_utc: bool
    ) -> tuple[tuple[bytes, int] | None, bool]:
        """Messages of at most `limit` rows and how many; None: they are to be taken. And whether more may follow."""
        pages = self._pages
        if pages is None:
            return None, True
        return self._taken(lambda: pages.write(form, columns, limit, in_utc=in_utc), pages)

    def _taken(self, take: Callable[[], T], pages: Pages) -> tuple[T, bool]:
        try:
            found = take()
        except BaseException:
            self.end(keep=False)
            raise
        if pages.is_over:
            self.abandon()
        return found, not pages.is_over

    def detach(self) -> None:
        """Computes what is left, so that nothing open is needed any more."""
        try:
            self._rows = iter(list(self._holding.all(self._rows if self._pages is None else self._pages)))
        except BaseException:
            self.end(keep=False)
            raise
        self.end()

    def end(self, *, keep: bool = True) -> None:
        """Nothing more is computed. A second call does nothing."""
        finish, self._finish = self._finish, None
        pages, self._pages = self._pages, None
        if pages is not None:
            pages.close()
        if finish is not None:
            finish(keep)

    def abandon(self) -> None:
        """Nobody wants more: its client, or the transaction, is about to end, and with it everything that is open."""
        self._rows, self._held = iter(()), []
        self._holding.free()
        self.end()


class StreamOutcome(SqlOutcome):
    """See `contract.Outcome`: a long result."""

    def __init__(self, session: SqlSession, columns: Sequence[Column] | None, first: list[Row], stream: Stream, tag: str) -> None:
        super().__init__(columns, first, tag)
        self._session = session
        self._stream = stream
        self._more = True
        self._form: tuple[Form, RowForm | None] | None = None

    def rows(self, limit: int) -> tuple[Sequence[Row], bool]:
        """See `contract.Outcome`."""
        if self.at < len(self.found):
            part, _ = super().rows(limit)
            return part, self.at < len(self.found) or self._more
        if not self._more:
            return (), False
        wanted = limit if limit > 0 else _FIRST
        return self._apart(lambda: self._compute(wanted))

    def encoded(self, limit: int, form: Form) -> tuple[bytes, int, bool] | None:
        """See `contract.Outcome`."""
        session = self._session
        if self.at < len(self.found) or not self._more or not session.style.is_common:
            return None
        if self._form is None or self._form[0] != form:
            self._form = form, native_form(form, len(self.columns or ()))
        native = self._form[1]
        if native is None:
            return None
        in_utc = session.style.time_zone_name == "UTC"
        wanted = min(limit, WRITTEN_ROWS) if limit > 0 else WRITTEN_ROWS
        return self._apart(lambda: self._write(native, wanted, in_utc=in_utc))

    def _apart(self, run: Callable[[], T]) -> T:
        if not self._session.may_wait and not self._session.running.now:
            raise WouldWait(run)
        return run()

    def _write(self, form: RowForm, wanted: int, *, in_utc: bool) -> tuple[bytes, int, bool] | None:
        with self._reading():
            written, more = self._stream.write(form, self.columns or (), wanted, in_utc=in_utc)
        if written is None:
            return None
        data, rows = written
        self._more = more
        self._count(rows)
        return data, rows, more

    def _compute(self, wanted: int) -> tuple[Sequence[Row], bool]:
        with self._reading():
            rows, self._more = self._stream.take(wanted)
        self._count(len(rows))
        return rows, self._more

    @contextmanager
    def _reading(self) -> Iterator[None]:
        # Between two parts of a result a cancel waits for the next one.
        is_cancelled = self._session.running.is_cancelled()
        with self._session.failing():
            if is_cancelled:
                raise SqlError("57014", "canceling statement due to user request")
            yield

    def _count(self, rows: int) -> None:
        self.count += rows
        self.tag = f"SELECT {self.count}"

    def close(self) -> None:
        """See `contract.Outcome`."""
        super().close()
        self._more = False
        self._stream.abandon()


def native_form(form: Form, width: int) -> RowForm | None:
    """How native code writes rows of so many columns; None: it does not."""
    if not isinstance(form, CopyOptions):
        return RowForm.rows([code == 1 for code in form])
    if form.format == "binary":
        return RowForm.binary()
    marks = (form.delimiter, form.quote, form.escape)
    if not all(len(mark) == 1 and mark.isascii() for mark in marks):
        return None
    delimiter, quote, escape = map(ord, marks)
    null = form.null.encode()
    if form.format == "text":
        return RowForm.text(delimiter, null)
    return RowForm.csv(delimiter, quote, escape, null, [place in form.force_quote for place in range(width)])


class Streams:
    """The results of one session that are not computed to their end."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session
        self._open: Stream | None = None
        self.catalog: Catalog | None = None
        """Of the statement that is open for a stream."""

    @property
    def is_open(self) -> bool:
        """Whether a result is not computed to its end."""
        return self._open is not None

    def run(self, prepared: SqlPrepared, values: Sequence[Any]) -> SqlOutcome:
        """Runs a query that only reads."""
        session = self._session
        transaction = session.begin_statement()

        def finish(keep: bool) -> None:
            self._open = self.catalog = None
            session.close_statement(transaction, kept=keep)

        try:
            env = session.environment(transaction, transaction.open(), values)
            prepared = session.current(prepared, env)
            stream = self._open = Stream(started(prepared, env), finish, env.hold())
            self.catalog = None if session.catalog_changed else env.catalog
        except BaseException:
            finish(False)
            raise
        first, more = stream.take(_FIRST)
        tag = f"SELECT {len(first)}"
        return StreamOutcome(session, prepared.columns, first, stream, tag) if more else SqlOutcome(prepared.columns, first, tag)

    def brief(self, prepared: SqlPrepared, values: Sequence[Any]) -> SqlOutcome | None:
        """Runs a query that is known to be over soon; None: nothing was done, and a worker is to run it."""
        session, body = self._session, prepared.body
        if not isinstance(body, Query) or body.brief is None or self._open is not None or not session.may_be_brief:
            return None
        if len(values) < len(prepared.parameters):
            return None
        session.activity.begin(str(prepared.text), session.backend.now)
        with session.failing():
            transaction = session.begin_statement()
            kept = False
            try:
                env = session.environment(transaction, transaction.open(), values)
                if not session.is_bound_under(prepared, env) or body.brief.rows(env, MOST_ROWS) >= MOST_ROWS:
                    return None
                session.rights.check(env.catalog, body.bound.needs)
                holding = env.hold()
                rows = list(holding.all(body.rows(env)))
                kept = True
                return SqlOutcome(prepared.columns, rows, f"SELECT {len(rows)}", holding=holding)
            finally:
                session.close_statement(transaction, kept=kept)

    def detach(self) -> None:
        """Another statement is about to begin."""
        if self._open is not None:
            self._open.detach()

    def abandon(self) -> None:
        """The transaction is about to end."""
        if self._open is not None:
            self._open.abandon()


def started(prepared: SqlPrepared, env: Environment) -> Iterator[Row] | Pages:
    """The rows of a query in execution."""
    body = prepared.body
    assert isinstance(body, Query)
    found = None if body.analytic is None else env.session.in_columns(body.analytic, env)
    if found is not None:
        pages: Pages = found
        return pages
    return iter(body.rows(env)) if body.pages is None else body.pages(env)
