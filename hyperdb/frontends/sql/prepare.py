"""From a statement's text to something that runs: parse, bind, optimize, compile; kept by text, types of parameters, path,
version.

Invariant: a plan that is found in the cache was made from the very same catalog.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.analytic.tier import analytic
from hyperdb.frontends.sql.bind.binder import Binder
from hyperdb.frontends.sql.brief import brief
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.relations import Catalog, Relation
from hyperdb.frontends.sql.contract import Action, Column
from hyperdb.frontends.sql.copying import copy
from hyperdb.frontends.sql.cursor_statements import declare
from hyperdb.frontends.sql.define import definition
from hyperdb.frontends.sql.define.by_words import FIRST_WORDS, by_words
from hyperdb.frontends.sql.descent import afresh
from hyperdb.frontends.sql.execute.pages import stored
from hyperdb.frontends.sql.execute.rows import Executor
from hyperdb.frontends.sql.explain_statement import explaining
from hyperdb.frontends.sql.parse.depth import check
from hyperdb.frontends.sql.parse.dialect import parse
from hyperdb.frontends.sql.parse.words import Words, first_word
from hyperdb.frontends.sql.plan.nodes import Writes
from hyperdb.frontends.sql.plan.optimize import Optimizer
from hyperdb.frontends.sql.plan.walk import only_reads, with_key
from hyperdb.frontends.sql.statement import Query, SqlPrepared, Statement, Utility
from hyperdb.frontends.sql.utility import utility

if TYPE_CHECKING:
    from hyperdb.frontends.sql.session import SqlSession

_QUERIES = (exp.Query, exp.Values, exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Table)
_TAGS: list[tuple[type[exp.Expr], str]] = [
    (exp.Insert, "INSERT 0"),
    (exp.Update, "UPDATE"),
    (exp.Delete, "DELETE"),
    (exp.Merge, "MERGE"),
]


class Preparer:
    """Prepares the statements of one session; what it makes is shared by all."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def prepare(self, text: Statement, given: tuple[int, ...]) -> SqlPrepared:
        """A statement made ready.

        Raises:
            SqlError: for whatever is wrong with it.
        """
        if not text.strip():
            return SqlPrepared(text, Action.EMPTY, (), None, None)
        own = utility(text, given)
        if own is not None:
            if isinstance(own.body, Utility) and own.body.cursor is not None:
                own.columns = self._session.cursors.columns(own.body.cursor)
            if isinstance(own.body, Utility) and own.body.executed in self._session.prepared:
                own.columns = self._session.prepared[own.body.executed].columns
            return own
        self._session.check_usable()
        first = first_word(text)
        if first == "declare":
            return declare(self._session, text, given)
        if first == "explain":
            return explaining(self._session, text, given)
        if first == "copy":
            return copy(self._session, text, given)
        special = by_words(Words(text)) if first in FIRST_WORDS else None
        if special is not None:
            return SqlPrepared(text, Action.RUN, (), None, special, given)
        return self._session.look(lambda catalog: self._bound(text, given, catalog))

    def keyed(self, text: Statement, given: tuple[int, ...]) -> SqlPrepared:
        """A cursor's query: where it reads one table, that one's key stands behind the columns of its rows."""
        return self._session.look(lambda catalog: self._bound(text, given, catalog, keyed=True))

    def under(self, text: Statement, given: tuple[int, ...], catalog: Catalog) -> SqlPrepared:
        """A query, or a change of rows or definitions, bound under that catalog.

        Raises:
            SqlError: for whatever is wrong with it.
        """
        return self._bound(text, given, catalog)

    def anew(self, prepared: SqlPrepared, catalog: Catalog) -> SqlPrepared:
        """The same statement bound under another catalog or path.

        Raises:
            SqlError: 0A000 if its result is another one now.
        """
        made = self._bound(prepared.text, tuple(prepared.parameters), catalog, keyed="key" in prepared.extra)
        before, after = ([(column.name, column.type) for column in each.columns or ()] for each in (prepared, made))
        if before != after:
            # Drivers prepare anew when the error comes from that routine of PostgreSQL.
            raise SqlError("0A000", "cached plan must not change result type", routine="RevalidateCachedQuery")
        return made

    def _bound(self, text: Statement, given: tuple[int, ...], catalog: Catalog, *, keyed: bool = False) -> SqlPrepared:
        path = tuple(self._session.schemas_in_path())
        key = (f"DECLARE {text}" if keyed else str(text), text.offset, given, path, catalog.version)
        found = None if self._session.catalog_changed else self._session.backend.plan(key)
        if found is None:
            found = self._make(text, given, catalog, path, keyed=keyed)
            if not self._session.catalog_changed:
                self._session.backend.keep(key, found)
        return found

    def _make(
        self, text: Statement, given: tuple[int, ...], catalog: Catalog, path: tuple[str, ...], *, keyed: bool = False
    ) -> SqlPrepared:
        if check(text):
            return afresh(lambda: self._made(text, given, catalog, path, keyed=keyed))
        return self._made(text, given, catalog, path, keyed=keyed)

    def _made(
        self, text: Statement, given: tuple[int, ...], catalog: Catalog, path: tuple[str, ...], *, keyed: bool
    ) -> SqlPrepared:
        node = parse(text, text.offset)
        session = self._session
        past, cancelled = session.backend.past_catalog, session.running.is_cancelled
        binder = Binder(catalog, path, list(given), text.offset, past=past, cancelled=cancelled)
        if not isinstance(node, _QUERIES):
            return SqlPrepared(text, Action.RUN, (), None, definition(node, text, path), given, None, path)
        bound = binder.statement(node)
        extra: dict[str, Any] = {}
        if keyed:
            plan, relation, places = with_key(bound.plan) or (bound.plan, None, ())
            bound = replace(bound, plan=plan)
            extra["key"] = (None if relation is None else relation.oid, places)
        tag = next((tag for kind, tag in _TAGS if isinstance(node, kind)), "SELECT")
        optimizer = Optimizer()
        executor = Executor(catalog.labels)
        plan = optimizer.plan(bound.plan)
        rows = executor.compile(plan)
        beside = tuple(executor.compile(optimizer.plan(each)) for each in bound.beside)
        columns = None
        if bound.columns is not None:
            # As in PostgreSQL (printtup.c) clients are told what a domain is over, which they know how to read.
            columns = tuple(
                Column(name, base.oid, base.modifier, *origin)
                for (name, kind), origin in zip(bound.columns, bound.origins, strict=True)
                for base in (catalog.base(kind),)
            )
        reads = not beside and only_reads(bound.plan)
        known = (stored(plan), analytic(plan), brief(plan, executor.expressions)) if reads else ()
        query = Query(bound, rows, beside, tag, reads, *known)
        parameters = tuple(binder.coercer.parameters)
        return SqlPrepared(text, Action.RUN, parameters, columns, query, given, catalog.version, path, extra)

    def writes(self, relation: Relation, catalog: Catalog) -> Writes:
        """How rows of a relation are written."""
        found = catalog.cache.get(("writes", relation.oid))
        if found is None:
            found = Binder(catalog, ("pg_catalog",), []).writes.writes(relation)
            catalog.cache["writes", relation.oid] = found
        assert isinstance(found, Writes)
        return found

    def layout(self, relation: Relation, catalog: Catalog) -> Any:
        """How rows of a relation lie."""
        found = catalog.cache.get(("layout", relation.oid))
        if found is None:
            extras = self.writes(relation, catalog).extras
            found = catalog.layout(relation, [kinds.to_record(each.kind, catalog.domains) for each in extras])
            catalog.cache["layout", relation.oid] = found
        return found
