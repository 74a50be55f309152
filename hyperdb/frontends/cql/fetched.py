"""Sessions over a remote store: what a SELECT reads is fetched obliviously into this process's store, on which it then runs.

Theory: partitions lie by token, so what a SELECT names are ranges of member keys (`execute.proof`), known from its plan and
values alone. They are fetched before its transaction begins. Invariant: a statement runs on whole ranges of one epoch, fetched
at the level that was asked for, or not at all; nothing is written.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from hyperdb.commitment.verify import Bounds, VerificationError
from hyperdb.errors import CqlError, HyperDBError, NotFoundError
from hyperdb.frontends.cql.bind.select import SelectPlan
from hyperdb.frontends.cql.codes import ErrorCode
from hyperdb.frontends.cql.contract import Context, Opening
from hyperdb.frontends.cql.demands import PROVE
from hyperdb.frontends.cql.execute import proof
from hyperdb.frontends.cql.explaining import Learned
from hyperdb.frontends.cql.parse import permissions as pm
from hyperdb.frontends.cql.parse import statements as st
from hyperdb.frontends.cql.parse.lift import Parsed
from hyperdb.frontends.cql.parse.parser import Statement
from hyperdb.frontends.cql.prepared import Ready
from hyperdb.frontends.cql.privacy import level_of
from hyperdb.frontends.cql.protocol import requests
from hyperdb.frontends.cql.protocol.responses import Reply
from hyperdb.frontends.cql.schema.model import Schema, Served
from hyperdb.frontends.cql.schema.options import PRIVACY
from hyperdb.frontends.cql.session import Asked, CqlSession
from hyperdb.frontends.cql.teaching import Teaching
from hyperdb.frontends.cql.tracing import Tracer
from hyperdb.frontends.cql.transacting import READ
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.graph.catalog.tables import TableTransaction
from hyperdb.oblivious.explain import Asked as Read
from hyperdb.oblivious.explain import Explanation
from hyperdb.oblivious.levels import Level

if TYPE_CHECKING:
    from hyperdb.frontends.cql.backend import CqlBackend
    from hyperdb.frontends.cql.lane import CqlLane

_SAID = "hyperdb.privacy.said"
"""Where a request's level is kept while the session beneath is told that there is none to keep."""


class Fetching(Protocol):
    """What fetches ranges of collections into this process's store."""

    level: Level
    running: threading.RLock
    """Held from fetching to the end of reading: else a newer epoch could come between."""

    def rows(self, app: str, wanted: Sequence[tuple[bytes, Sequence[Bounds]]], level: Level) -> None:
        """Makes ready all rows of some ranges of collections, of one moment."""

    def explain(self, app: str, asked: Read, level: Level) -> Explanation:
        """Who learns what of a read."""


@dataclass(frozen=True)
class _Wanted:
    """What a SELECT reads."""

    served: Served
    ranges: Sequence[Bounds] = ()
    """Of the table's rows."""
    beside: tuple[int, ...] = ()
    """Its indexes and views: whoever opens the table looks for their headers."""


class RemoteSession(CqlSession):
    """See the module's head."""

    def __init__(self, backend: CqlBackend, opening: Opening, fetching: Fetching) -> None:
        super().__init__(backend, opening)
        self._fetching = fetching

    def lane(self, version: int) -> CqlLane:
        """A lane that is never taught anything: it would read what is in this process."""
        return Teaching(self.backend.lanes, self.role, self.backend.clock.now, version).lane

    def batch(self, batch: requests.Batch, context: Context) -> Reply:  # noqa: ARG002
        """Refused."""
        raise _read_only()

    def _query(self, query: requests.Query, context: Context, tracer: Tracer | None) -> Reply:
        return super()._query(query, _kept(context), tracer)

    def _execute(self, execute: requests.Execute, context: Context, tracer: Tracer | None) -> Reply:
        return super()._execute(execute, _kept(context), tracer)

    def run(self, parsed: Parsed, asked: Asked) -> Reply:
        """Runs a parsed statement that is not prepared."""
        if PROVE in asked.context.payload:
            raise invalid("hyperdb.prove: what is read of a remote store is verified as it comes, and handed on without proofs")
        if isinstance(parsed.shape.statement, st.Batch):
            raise _read_only()
        return super().run(parsed, asked)

    def _other(self, statement: Statement, asked: Asked) -> Reply:
        if not isinstance(statement, st.Use | pm.Describe):
            raise _read_only()
        return super()._other(statement, asked)

    def run_data(self, statement: Statement, ready: Callable[[Schema], Ready], asked: Asked, known: bytes | None = None) -> Reply:
        """Runs a SELECT, once what it reads is here."""
        if not isinstance(statement, st.Select):
            raise _read_only()
        wanted = self._wanted(statement, ready, asked, is_prepared=known is not None)
        with self._fetching.running:
            if wanted.ranges:
                self._fetch(wanted, asked)
            return super().run_data(statement, ready, asked, known)

    def explain(self, statement: st.Select, ready: Callable[[Schema], Ready], asked: Asked, known: bytes | None = None) -> Reply:
        """EXPLAIN PRIVACY: what a SELECT would fetch is counted, and nothing of it is sent."""
        wanted = self._wanted(statement, ready, asked, is_prepared=known is not None)
        served, ranges = wanted.served, wanted.ranges
        if not ranges:
            return Learned(("nothing of the remote store is read",)).reply()
        level, found = self._explained(wanted, asked.context)
        part = "one range of tokens" if len(ranges) == 1 else f"{len(ranges)} ranges of tokens"
        read = f"{served.keyspace}.{served.name}: {'all of it' if Bounds() in ranges else part}"
        return Learned((read, *found.lines()), {"reads": [read], "level": str(level), **found.tree()}).reply()

    def _wanted(self, statement: st.Select, ready: Callable[[Schema], Ready], asked: Asked, *, is_prepared: bool) -> _Wanted:
        """The table that a SELECT reads, and the ranges of it; none of a table of this process."""

        def wanted(_transaction: TableTransaction, schema: Schema) -> _Wanted:
            self.authorize(statement, schema, asked.keyspace)
            made = ready(schema)
            plan = made.plan
            assert isinstance(plan, SelectPlan)
            if plan.served.number == 0:
                return _Wanted(plan.served)
            if plan.where.lookup is not None or plan.nearest is not None:
                raise invalid(f"{PRIVACY}: indexes of a remote store are not read: name partitions")
            if plan.served.source is not None:
                raise invalid(f"{PRIVACY}: {plan.served.keyspace}.{plan.served.name} was made in SQL, and is read there")
            execution = self.frame(made, asked.parameters, 0, schema, is_prepared=is_prepared)
            views = (schema.find(plan.served.keyspace, name) for name in plan.served.views)
            beside = [*(index.number for index in plan.served.indexes), *(view.number for view in views if view is not None)]
            return _Wanted(plan.served, proof.ranges(plan, execution), tuple(beside))

        return self.transacting.run(READ, wanted)

    def _explained(self, wanted: _Wanted, context: Context) -> tuple[Level, Explanation]:
        """At which level a read is made, and who learns what of it."""
        level = self._level(wanted.served, context)
        try:
            read = Read("SELECT", 1 + len(wanted.beside), 0, len(wanted.ranges))
            return level, self._fetching.explain(wanted.served.keyspace, read, level)
        except (VerificationError, HyperDBError) as error:
            raise _failed(error) from error

    def _level(self, served: Served, context: Context) -> Level:
        said = context.payload.get(_SAID) or served.privacy
        return self._fetching.level if not said else level_of(said)

    def _fetch(self, wanted: _Wanted, asked: Asked) -> None:
        served, ranges = wanted.served, wanted.ranges
        level = self._level(served, asked.context)
        if asked.tracer is not None:
            _, explained = self._explained(wanted, asked.context)
            asked.note(f"Fetching {len(ranges)} ranges of {served.keyspace}.{served.name} at {level}")
            for learned in explained.store_learns:
                asked.note(f"The store learns {learned}")
        try:
            headers: list[tuple[bytes, Sequence[Bounds]]] = [(_collection(number), ()) for number in wanted.beside]
            self._fetching.rows(served.keyspace, [(_collection(served.number), ranges), *headers], level)
        except (VerificationError, HyperDBError) as error:
            raise _failed(error) from error


def _failed(error: Exception) -> CqlError:
    if isinstance(error, VerificationError | NotFoundError):
        return CqlError(ErrorCode.SERVER, f"{PRIVACY}: {error}")
    return invalid(f"{PRIVACY}: {error}")


def _collection(number: int) -> bytes:
    """The element that holds the rows of a table, or the entries of an index."""
    return b"\x00" + number.to_bytes(8, "big")


def _kept(context: Context) -> Context:
    """A context whose level is this session's affair."""
    said = context.payload.get(PRIVACY)
    if said is not None:
        level_of(said)
    return replace(context, payload={**context.payload, PRIVACY: b"none", _SAID: said})


def _read_only() -> CqlError:
    return invalid("a remote store is read here, and nothing is written to it")
