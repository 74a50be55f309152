"""Sessions over a remote store: what a SELECT reads is fetched obliviously into this process's store, on which it then runs.

Theory: partitions lie by token, so what a SELECT names are ranges of member keys (`execute.proof`), known from its plan and
values alone. They are fetched before its transaction begins. Invariant: a statement runs on whole ranges of one epoch, fetched
at the level that was asked for, or not at all; nothing is written.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from hyperdb.commitment.verify import Bounds, VerificationError
from hyperdb.errors import CqlError, HyperDBError, NotFoundError
from hyperdb.frontends.cql.bind.select import SelectPlan
from hyperdb.frontends.cql.codes import ErrorCode
from hyperdb.frontends.cql.contract import Context, Opening
from hyperdb.frontends.cql.demands import PROVE
from hyperdb.frontends.cql.execute import proof
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

        def wanted(_transaction: TableTransaction, schema: Schema) -> tuple[Served, Sequence[Bounds]]:
            self.authorize(statement, schema, asked.keyspace)
            made = ready(schema)
            plan = made.plan
            assert isinstance(plan, SelectPlan)
            if plan.served.number == 0:
                return plan.served, ()
            if plan.where.lookup is not None or plan.nearest is not None:
                raise invalid(f"{PRIVACY}: indexes of a remote store are not read: name partitions")
            execution = self.frame(made, asked.parameters, 0, schema, is_prepared=known is not None)
            return plan.served, proof.ranges(plan, execution)

        served, ranges = self.transacting.run(READ, wanted)
        with self._fetching.running:
            if ranges:
                self._fetch(served, ranges, asked.context)
            return super().run_data(statement, ready, asked, known)

    def _fetch(self, served: Served, ranges: Sequence[Bounds], context: Context) -> None:
        if served.source is not None:
            raise invalid(f"{PRIVACY}: {served.keyspace}.{served.name} was made in SQL, and is read there")
        said = context.payload.get(_SAID) or served.privacy
        level = self._fetching.level if not said else level_of(said)
        try:
            # Whoever opens the table looks for the headers of its indexes.
            headers = [(_collection(index.number), ()) for index in served.indexes]
            self._fetching.rows(served.keyspace, [(_collection(served.number), ranges), *headers], level)
        except (VerificationError, NotFoundError) as error:
            raise CqlError(ErrorCode.SERVER, f"{PRIVACY}: {error}") from error
        except HyperDBError as error:
            raise invalid(f"{PRIVACY}: {error}") from error


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
