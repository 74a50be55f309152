"""One CQL client: its keyspace, its requests.

Theory: each request is one transaction, which is run again when another one changed first what it stands on. Calls that come on
the server's loop are finished by its workers, several of one client at a time. Invariant: a request is whole or not at all; only
`CqlError` and `WouldWait` come out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from hyperdb.errors import CqlError
from hyperdb.frontends.cql import access
from hyperdb.frontends.cql.backend import CqlBackend
from hyperdb.frontends.cql.batches import Batches
from hyperdb.frontends.cql.bind.frame import Frame
from hyperdb.frontends.cql.bind.markers import arranged
from hyperdb.frontends.cql.bind.select import SelectPlan
from hyperdb.frontends.cql.codes import ErrorCode, EventKind
from hyperdb.frontends.cql.contract import Context, Opening, WouldWait
from hyperdb.frontends.cql.demands import PROVE, check_consistency, check_read_consistency, unprepared
from hyperdb.frontends.cql.execute import paging, select, write
from hyperdb.frontends.cql.execute.stream import Access, Place
from hyperdb.frontends.cql.explaining import HERE, check_select, explained, is_asked
from hyperdb.frontends.cql.failing import failing
from hyperdb.frontends.cql.lane import CqlLane
from hyperdb.frontends.cql.parse import permissions as pm
from hyperdb.frontends.cql.parse import statements as st
from hyperdb.frontends.cql.parse.lift import Parsed
from hyperdb.frontends.cql.parse.parser import Statement
from hyperdb.frontends.cql.parse.permissions import PermissionStatement
from hyperdb.frontends.cql.patience import Limit, Patience
from hyperdb.frontends.cql.prepared import DATA, Prepared, Ready, id_of, metadata_id
from hyperdb.frontends.cql.privacy import check_payload, check_table
from hyperdb.frontends.cql.protocol import requests, responses
from hyperdb.frontends.cql.protocol.errors import warned
from hyperdb.frontends.cql.protocol.responses import Event, Reply, Rows, SchemaChange, SetKeyspace, Void
from hyperdb.frontends.cql.protocol.versions import V5
from hyperdb.frontends.cql.schema.faults import unauthorized
from hyperdb.frontends.cql.schema.model import Schema
from hyperdb.frontends.cql.schema.rows import Client, Facts
from hyperdb.frontends.cql.system.describe import answer
from hyperdb.frontends.cql.teaching import Teaching
from hyperdb.frontends.cql.tracing import Tracer, shown
from hyperdb.frontends.cql.transacting import READ, SERIAL, WRITE, Kind, Transacting
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.graph.catalog.tables import TableTransaction
from hyperdb.roles import ALIASES

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked:
    """A statement with what came with it."""

    text: str
    keyspace: str | None
    parameters: requests.Parameters
    context: Context
    tracer: Tracer | None = None

    def note(self, activity: str) -> None:
        """Notes what was done, if the client wants to know."""
        if self.tracer is not None:
            self.tracer.note(activity)


class CqlSession:
    """See `contract.Session`."""

    def __init__(self, backend: CqlBackend, opening: Opening) -> None:
        self.backend = backend
        self.opening = opening
        self.role = opening.role
        self.keyspace: str | None = None
        self.transacting = Transacting(backend)
        self._batches = Batches(self)
        self._teaching: Teaching | None = None
        self._requests = 0
        self._lock = threading.Lock()

    # What the connection calls.

    def query(self, query: requests.Query, context: Context) -> Reply:
        """See `contract.Session`."""
        return self._begin(lambda tracer: self._query(query, context, tracer), context, query.text)

    def prepare(self, prepare: requests.Prepare, context: Context) -> Reply:
        """See `contract.Session`."""
        return self._begin(lambda _tracer: self._prepare(prepare, context), context, prepare.text)

    def execute(self, execute: requests.Execute, context: Context) -> Reply:
        """See `contract.Session`."""
        return self._begin(lambda tracer: self._execute(execute, context, tracer), context, execute)

    def batch(self, batch: requests.Batch, context: Context) -> Reply:
        """See `contract.Session`."""
        return self._begin(lambda _tracer: self._batches.run(batch, context), context, "BATCH")

    def lane(self, version: int) -> CqlLane:
        """See `contract.Session`."""
        self._teaching = Teaching(self.backend.lanes, self.role, self.backend.clock.now, version)
        return self._teaching.lane

    def register(self, events: frozenset[EventKind], push: Callable[[Event], None]) -> None:
        """See `contract.Session`."""
        self.backend.listen(self, events, push)

    def cancel(self) -> None:
        """See `contract.Session`."""
        self.transacting.cancel()

    def close(self) -> None:
        """See `contract.Session`."""
        self.backend.closed(self)

    def client(self) -> Client:
        """This client, for others to see."""
        opening = self.opening
        return Client(
            opening.address,
            opening.port,
            self.role,
            self.keyspace,
            opening.version,
            opening.options.get("DRIVER_NAME", ""),
            opening.options.get("DRIVER_VERSION", ""),
            opening.is_encrypted,
            self._requests,
            tuple(opening.options.items()),
        )

    def _begin(self, call: Callable[[Tracer | None], Reply], context: Context, request: str | requests.Execute) -> Reply:
        with self._lock:
            self._requests += 1

        def run() -> Reply:
            with failing():
                return self._traced(call, request) if context.tracing else call(None)

        if not self.opening.may_wait:
            raise WouldWait(run)
        return run()

    def _traced(self, call: Callable[[Tracer | None], Reply], request: str | requests.Execute) -> Reply:
        clock = self.backend.clock
        tracer = Tracer(clock.now, clock.timeuuid)
        if isinstance(request, str):
            text = request
        else:
            prepared = self.backend.prepared.find(request.id)
            text = request.id.hex() if prepared is None else prepared.text
        try:
            reply = call(tracer)
        finally:
            tracer.note("Request complete")
            self.backend.traces.keep(tracer.finished("Execute CQL3 query", self.opening.address, {"query": shown(text)}))
        return replace(reply, tracing=tracer.id)

    # Requests.

    def _query(self, query: requests.Query, context: Context, tracer: Tracer | None) -> Reply:
        check_payload(context)
        text = explained(query.text)
        asked = Asked(text or query.text, query.parameters.keyspace or self.keyspace, query.parameters, context, tracer)
        if tracer is not None:
            asked.note(f"Parsing {shown(query.text)}")
        parsed = self.backend.statements.parse(asked.text)
        if text is not None or is_asked(context):
            select = check_select(parsed.shape.statement)
            return self.explain(select, lambda schema: self.backend.plans.ready(parsed, schema, asked.keyspace), asked)
        return self.run(parsed, asked)

    def explain(self, statement: st.Select, ready: Callable[[Schema], Ready], asked: Asked, known: bytes | None = None) -> Reply:  # noqa: ARG002
        """EXPLAIN PRIVACY: who learns what of a SELECT. Arguments are those of `run_data`."""

        def body(_transaction: TableTransaction, schema: Schema) -> Ready:
            self.authorize(statement, schema, asked.keyspace)
            return ready(schema)

        self.transacting.run(READ, body)
        return HERE.reply()

    def run(self, parsed: Parsed, asked: Asked) -> Reply:
        """Runs a parsed statement that is not prepared."""
        statement = parsed.shape.statement
        if PROVE in asked.context.payload:
            return self._prove(parsed, asked)
        if isinstance(statement, DATA):
            return self._run_text(statement, parsed, asked)
        if isinstance(statement, st.Batch):
            whole = parsed.statement()
            assert isinstance(whole, st.Batch)
            return self._batches.run_text(whole, parsed, asked)
        if asked.parameters.values:
            raise invalid(f"Invalid amount of bind variables: expected 0, got {len(asked.parameters.values)}")
        return self._other(parsed.statement(), asked)

    def _run_text(self, statement: Statement, parsed: Parsed, asked: Asked) -> Reply:
        seen: list[Schema] = []

        def ready(schema: Schema) -> Ready:
            seen.append(schema)
            return self.backend.plans.ready(parsed, schema, asked.keyspace)

        reply = self.run_data(statement, ready, asked)
        self.teach_text(parsed, seen[-1], asked.text, asked.keyspace)
        return reply

    def teach(self, prepared: Prepared, schema: Schema) -> None:
        """Shows the lane a prepared statement that was executed under a schema."""
        if self._teaching is not None:
            self._teaching.prepared(prepared, schema)

    def teach_text(self, parsed: Parsed, schema: Schema, text: str, keyspace: str | None) -> None:
        """Shows the lane a text that was run under a schema, its tables' names being looked for in `keyspace`."""
        if self._teaching is not None:
            self._teaching.text(parsed, lambda: self.backend.plans.ready(parsed, schema, keyspace).plan, schema, text, keyspace)

    def _other(self, statement: Statement, asked: Asked) -> Reply:
        warnings: list[str] = []
        if isinstance(statement, st.Use):
            return Reply(self._use(statement))
        if isinstance(statement, pm.Describe):
            return self._describe(statement, asked)
        if isinstance(statement, PermissionStatement):
            return self._permit(statement, asked)

        # Definitions are rare: what they need is loaded with the first.
        from hyperdb.frontends.cql.define.context import Context as DefineContext
        from hyperdb.frontends.cql.define.run import run as define

        def body(transaction: TableTransaction, schema: Schema) -> responses.Result:
            self.authorize(statement, schema, asked.keyspace)
            context = DefineContext(transaction, schema, asked.keyspace, self.role, self.backend.clock.now(), warnings)
            return define(context, statement) or Void()  # type: ignore[arg-type]

        result = self.transacting.run(WRITE, body)
        if isinstance(result, SchemaChange):
            self.backend.tables.defined()
        return Reply(result, warnings)

    def _describe(self, statement: pm.Describe, asked: Asked) -> Reply:
        """DESCRIBE; its pages go by the number of the row."""
        parameters = asked.parameters
        of = paging.digest(asked.text, asked.keyspace, ())
        given, key = parameters.paging_state, self.backend.paging_key
        begin = 0 if given is None else paging.read(given, of, key).place.partition
        found = self.transacting.run(
            READ, lambda transaction, schema: answer(self.facts(transaction, schema), asked.keyspace, statement)
        )
        rows = list(found.rows)  # type: ignore[arg-type]
        size = parameters.page_size if parameters.page_size is not None and parameters.page_size > 0 else len(rows)
        end = begin + size
        state = paging.write(paging.State(Place(end)), of, key) if end < len(rows) else None
        return Reply(replace(found, rows=rows[begin:end], paging_state=state))

    def _permit(self, statement: PermissionStatement, asked: Asked) -> Reply:
        """A statement on roles or permissions."""
        made: list[access.Context] = []

        def body(transaction: TableTransaction, schema: Schema) -> responses.Result:
            self.authorize(statement, schema, asked.keyspace)
            context = access.Context(transaction, schema, asked.keyspace, self.role)
            made.append(context)
            return access.run(context, statement) or Void()

        result = self.transacting.run(WRITE, body)
        if made[-1].has_changed:
            self.backend.role_changes.tell()
        return Reply(result, made[-1].warnings)

    def authorize(self, statement: Statement, schema: Schema, keyspace: str | None) -> None:
        """Refuses what the client's role may not do.

        Raises:
            CqlError: unauthorized.
        """
        if self.role not in ALIASES:
            access.authorize(self.backend.roles.image(), self.role, statement, schema, keyspace)

    def _use(self, statement: st.Use) -> SetKeyspace:
        def body(_transaction: TableTransaction, schema: Schema) -> SetKeyspace:
            if not schema.has_keyspace(statement.keyspace):
                raise invalid(f"Keyspace '{statement.keyspace}' does not exist")
            return SetKeyspace(statement.keyspace)

        found = self.transacting.run(READ, body)
        self.keyspace = statement.keyspace
        if self._teaching is not None:
            self._teaching.use_keyspace(statement.keyspace)
        return found

    # Data.

    def run_data(self, statement: Statement, ready: Callable[[Schema], Ready], asked: Asked, known: bytes | None = None) -> Reply:
        """Runs a statement on rows.

        Args:
            ready: gives its plan.
            known: the id of the columns that a prepared statement's client knows.
        """
        kind = self.kind_of(statement)
        frames: list[Frame] = []
        write_time = self.write_time(asked.parameters, is_conditional=kind is SERIAL)

        def body(transaction: TableTransaction, schema: Schema) -> responses.Result:
            asked.note("Preparing statement")
            self.authorize(statement, schema, asked.keyspace)
            made = ready(schema)
            frame = self.frame(made, asked.parameters, write_time, schema, is_prepared=known is not None)
            frames.append(frame)
            if isinstance(made.plan, SelectPlan):
                return self._select(made, transaction, schema, frame, asked, known)
            check_consistency(asked.parameters, is_conditional=made.plan.condition is not None)
            asked.note(f"Changing {made.plan.served.keyspace}.{made.plan.served.name}")
            if made.plan.condition is None:
                write.apply(write.Change(made.plan, frame), transaction)
                return Void()
            found = write.decide([write.Change(made.plan, frame)], transaction)
            return found if known is None else replace(found, new_metadata_id=metadata_id(found.columns))

        try:
            result = self.transacting.run(kind, body, self.limit(kind, asked.parameters, asked.context))
        except CqlError as error:
            raise warned(error, frames[-1].warnings if frames else ()) from None
        return Reply(result, frames[-1].warnings)

    def _prove(self, parsed: Parsed, asked: Asked) -> Reply:
        """A SELECT on the newest frame, with its proof in the payload."""
        # The verifier's classes are loaded by those who ask for proofs.
        from hyperdb.frontends.cql.execute import proof

        statement = parsed.shape.statement
        if not isinstance(statement, st.Select):
            raise invalid("hyperdb.prove: only SELECT is proved")
        self.transacting.run(READ, lambda _transaction, schema: self.authorize(statement, schema, asked.keyspace))
        frames = self.backend.tables.frames
        frame = proof.newest(frames)

        def body(transaction: TableTransaction, schema: Schema) -> Reply:
            made = self.backend.plans.whole(parsed, schema, asked.keyspace)
            plan = made.plan
            assert isinstance(plan, SelectPlan)
            execution = self.frame(made, asked.parameters, 0, schema)
            if not execution.sees_masked:
                raise unauthorized("hyperdb.prove: a proof has masked columns as they are, which needs UNMASK")
            bundle = proof.prove(plan, execution, frames, frame)
            rows = self._select(made, transaction, schema, execution, asked, None)
            payload = {proof.PROOF: bundle, proof.NUMBER: str(frame.number).encode()}
            return Reply(rows, execution.warnings, payload)

        return self.transacting.run_at(frame.commit, body)

    @staticmethod
    def kind_of(statement: Statement) -> Kind:
        """Which transaction a statement is run in."""
        if isinstance(statement, st.Select):
            return READ
        if isinstance(statement, st.Insert | st.InsertJson):
            return SERIAL if statement.if_not_exists else WRITE
        assert isinstance(statement, st.Update | st.Delete)
        return WRITE if statement.conditions == st.UNCONDITIONAL else SERIAL

    def patience(self, parameters: requests.Parameters, context: Context) -> Patience | None:
        """What a request is given; None: all the time that it takes."""
        timeouts = self.opening.timeouts
        return None if timeouts is None else Patience(timeouts, context.began, parameters.consistency, time.monotonic)

    def limit(self, kind: Kind, parameters: requests.Parameters, context: Context) -> Limit | None:
        """Until when a change may run; reads have theirs when it is known what they read."""
        patience = None if kind is READ else self.patience(parameters, context)
        return None if patience is None else patience.writing(kind.write_type)

    def write_time(self, parameters: requests.Parameters, *, is_conditional: bool) -> int:
        """When the request's writes count as made, microseconds since 1970, where they do not say it.

        Conditional ones are made when they are decided, whatever the client's clock says.
        """
        given = parameters.timestamp
        if given == -(1 << 63):
            raise CqlError(ErrorCode.PROTOCOL, f"Out of bound timestamp, must be in [{-(1 << 63) + 1}, {(1 << 63) - 1}]")
        return self.backend.clock.write_time() if given is None or is_conditional else given

    def frame(
        self, made: Ready, parameters: requests.Parameters, write_time: int, schema: Schema, *, is_prepared: bool = False
    ) -> Frame:
        """What a plan is run with."""
        now = self.backend.clock.now()
        seconds = parameters.now_in_seconds if parameters.now_in_seconds is not None else now // 1_000_000
        values = arranged(parameters.names, parameters.values, made.plan.markers, is_prepared=is_prepared)
        served = made.plan.served
        sees = not served.is_masked or access.sees_masked(self.backend.roles.image(), self.role, served, schema)
        root = self.backend.tables.frames.root
        return Frame(self.backend.clock, now, seconds, values, made.literals, write_time, sees_masked=sees, root=root)

    def _select(
        self, made: Ready, transaction: TableTransaction, schema: Schema, frame: Frame, asked: Asked, known: bytes | None
    ) -> Rows:
        plan = made.plan
        assert isinstance(plan, SelectPlan)
        parameters = asked.parameters
        check_read_consistency(parameters.consistency)
        check_table(asked.context, plan.served)
        size = parameters.page_size if parameters.page_size is not None and parameters.page_size > 0 else None
        of, key = partial(paging.digest, asked.text, asked.keyspace, frame.values), self.backend.paging_key
        state = None if parameters.paging_state is None else paging.read(parameters.paging_state, of(), key)
        check = self._checks(plan, asked)
        check()
        access = Access(transaction, frame, lambda: self.facts(transaction, schema), check)
        asked.note(f"Reading {plan.served.keyspace}.{plan.served.name}")
        page = select.run(plan, access, size, state)
        asked.note(f"Read {len(page.rows)} rows")
        behind = None if page.state is None else paging.write(page.state, of(), key)
        if known is None:
            return Rows(plan.columns, page.rows, behind)
        mine = made.metadata_id
        is_known = mine == known
        return Rows(
            plan.columns,
            page.rows,
            behind,
            skip_metadata=parameters.skip_metadata and is_known,
            new_metadata_id=None if is_known or asked.context.version < V5 else mine,
        )

    def _checks(self, plan: SelectPlan, asked: Asked) -> Callable[[], None]:
        """What a read asks now and then: whether anybody still waits for it, and whether it has time."""
        patience = self.patience(asked.parameters, asked.context)
        if patience is None:
            return self.transacting.check
        limit = patience.reading(is_range=plan.where.keys is None or plan.where.lookup is not None)

        def check() -> None:
            self.transacting.check()
            limit.check()

        return check

    def facts(self, transaction: TableTransaction, schema: Schema) -> Facts:
        """What the rows of system tables are made of."""
        backend = self.backend
        return Facts(
            transaction,
            schema,
            backend.node,
            self.role,
            backend.clock.now(),
            backend.clients(),
            backend.traces.all(),
            backend.tables.frames,
            backend.tables.gauges,
        )

    # Prepared statements.

    def _prepare(self, prepare: requests.Prepare, context: Context) -> Reply:
        check_payload(context)
        keyspace = prepare.keyspace or self.keyspace
        parsed = self.backend.statements.parse(prepare.text)
        prepared = Prepared(id_of(prepare.text, keyspace), prepare.text, keyspace, parsed)
        markers: Sequence[responses.Column] = ()
        partition: Sequence[int] = ()
        columns: Sequence[responses.Column] | None = None
        if isinstance(parsed.shape.statement, DATA):

            def body(_transaction: TableTransaction, schema: Schema) -> Ready:
                self.authorize(parsed.shape.statement, schema, keyspace)
                return self.ready(prepared, schema)

            made = self.transacting.run(READ, body)
            plan = made.plan
            markers, partition = plan.markers, plan.partition_markers
            columns = plan.columns if isinstance(plan, SelectPlan) else None
            prepared.shape_id = made.shape_id
        elif isinstance(parsed.shape.statement, st.Batch):
            markers = self._batches.markers(parsed, keyspace)
        elif parsed.shape.markers:
            raise invalid("Bind variables cannot be used in this statement")
        prepared.metadata_id = metadata_id(columns)
        self.backend.prepared.keep(prepared)
        return Reply(responses.Prepared(prepared.id, prepared.metadata_id, markers, partition, columns))

    def ready(self, prepared: Prepared, schema: Schema) -> Ready:
        """A prepared statement's plan under a schema.

        Raises:
            CqlError: whatever is wrong with it now.
        """
        with prepared.lock:
            if prepared.ready is None or prepared.version != schema.version:
                prepared.ready = self.backend.plans.ready(prepared.parsed, schema, prepared.keyspace)
                prepared.version = schema.version
            return prepared.ready

    def find(self, number: bytes) -> Prepared:
        """A prepared statement.

        Raises:
            CqlError: unprepared.
        """
        found = self.backend.prepared.find(number)
        if found is None:
            raise unprepared(number)
        return found

    def current(self, prepared: Prepared, schema: Schema) -> Ready:
        """A prepared statement's plan.

        One that cannot be bound any more, or means other columns now, is forgotten: its client prepares it again, and hears why.
        """
        try:
            found = self.ready(prepared, schema)
        except CqlError:
            found = None
        if found is None or found.shape_id != prepared.shape_id:
            self.backend.prepared.forget(prepared.id)
            raise unprepared(prepared.id)
        return found

    def _execute(self, execute: requests.Execute, context: Context, tracer: Tracer | None) -> Reply:
        check_payload(context)
        prepared = self.find(execute.id)
        asked = Asked(prepared.text, prepared.keyspace, execute.parameters, context, tracer)
        statement = prepared.parsed.shape.statement
        if is_asked(context):
            return self.explain(check_select(statement), partial(self.current, prepared), asked, b"")
        if not isinstance(statement, DATA) or PROVE in context.payload:
            return self.run(prepared.parsed, asked)
        known = execute.result_metadata_id if context.version >= V5 else prepared.metadata_id
        seen: list[Schema] = []

        def ready(schema: Schema) -> Ready:
            seen.append(schema)
            return self.current(prepared, schema)

        reply = self.run_data(statement, ready, asked, known or b"")
        self.teach(prepared, seen[-1])
        return reply
