"""BATCH, as a message of the protocol and as text: changes in one transaction.

Theory: all of a batch's changes are one commit here, whatever its kind; LOGGED, UNLOGGED and COUNTER say what may be in it. With
conditions all of them must hold. Invariant: changes without a time of their own have the batch's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hyperdb.frontends.cql.bind.calls import Expressions
from hyperdb.frontends.cql.bind.frame import Frame, Value
from hyperdb.frontends.cql.bind.markers import Markers, Receiver
from hyperdb.frontends.cql.bind.modify import ModifyPlan, time_of
from hyperdb.frontends.cql.bind.terms import Expression
from hyperdb.frontends.cql.codes import BatchKind
from hyperdb.frontends.cql.contract import Context
from hyperdb.frontends.cql.demands import check_consistency
from hyperdb.frontends.cql.execute import write
from hyperdb.frontends.cql.parse import statements as st
from hyperdb.frontends.cql.parse.lift import Parsed
from hyperdb.frontends.cql.parse.terms import Marker
from hyperdb.frontends.cql.parse.walk import walk
from hyperdb.frontends.cql.prepared import Ready, bind
from hyperdb.frontends.cql.privacy import check_payload
from hyperdb.frontends.cql.protocol import requests
from hyperdb.frontends.cql.protocol.responses import Column, Reply, Result, Void
from hyperdb.frontends.cql.schema.model import Schema
from hyperdb.frontends.cql.transacting import READ, SERIAL, WRITE, Kind
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import BIGINT
from hyperdb.frontends.cql.types.names import no_types
from hyperdb.graph.catalog.tables import TableTransaction

if TYPE_CHECKING:
    from hyperdb.frontends.cql.session import Asked, CqlSession

_CHANGES = (st.Insert, st.InsertJson, st.Update, st.Delete)
_KINDS = {
    st.BatchKind.LOGGED: BatchKind.LOGGED,
    st.BatchKind.UNLOGGED: BatchKind.UNLOGGED,
    st.BatchKind.COUNTER: BatchKind.COUNTER,
}
_LARGE = 5 << 10
"""Bytes."""
Made = tuple[Ready, Sequence[Value]]
Said = tuple[st.Insert | st.InsertJson | st.Update | st.Delete, str | None]
"""A change, and the keyspace in which its names are looked up: a prepared statement's is that in which it was prepared."""


class Batches:
    """Runs the batches of one session."""

    def __init__(self, session: CqlSession) -> None:
        self._session = session

    def run(self, batch: requests.Batch, context: Context) -> Reply:
        """A message."""
        check_payload(context)
        session = self._session
        keyspace = batch.parameters.keyspace or session.keyspace
        items: list[tuple[Callable[[Schema], Ready], Sequence[Value]]] = []
        statements: list[Said] = []
        learned: dict[object, Callable[[Schema], None]] = {}
        limit = session.limit(WRITE, batch.parameters, context)
        for item in batch.items:
            if limit is not None:
                limit.check()
            if isinstance(item.statement, bytes):
                prepared = session.find(item.statement)
                parsed, within = prepared.parsed, prepared.keyspace
                items.append((lambda schema, prepared=prepared: session.current(prepared, schema), item.values))  # type: ignore[misc]
                learned[prepared.id] = lambda schema, prepared=prepared: session.teach(prepared, schema)  # type: ignore[misc]
            else:
                text = item.statement
                parsed, within = session.backend.statements.parse(text), keyspace
                items.append(
                    (lambda schema, parsed=parsed: session.backend.plans.ready(parsed, schema, keyspace), item.values)  # type: ignore[misc]
                )
                learned[parsed.shape] = lambda schema, parsed=parsed, text=text: session.teach_text(  # type: ignore[misc]
                    parsed, schema, text, keyspace
                )
            if not isinstance(parsed.shape.statement, _CHANGES):
                raise invalid("Invalid statement in batch: only UPDATE, INSERT and DELETE statements are allowed.")
            statements.append((parsed.shape.statement, within))

        seen: list[Schema] = []

        def made(schema: Schema) -> list[Made]:
            seen.append(schema)
            return [(ready(schema), values) for ready, values in items]

        reply = self._run(batch.kind, statements, made, batch.parameters, None, context)
        for teach in learned.values():
            teach(seen[-1])
        return reply

    def run_text(self, batch: st.Batch, parsed: Parsed, asked: Asked) -> Reply:
        """A text."""
        if batch.using.timestamp is not None and batch.kind is st.BatchKind.COUNTER:
            raise invalid("Cannot provide custom timestamp for counter BATCH")
        values = asked.parameters.values
        if asked.parameters.names is not None:
            values = _by_name(parsed, asked.parameters)
        if len(values) != len(parsed.shape.markers):
            raise invalid("Invalid amount of bind variables")
        places = {marker.position: at for at, marker in enumerate(parsed.shape.markers)}

        def made(schema: Schema) -> list[Made]:
            found: list[Made] = []
            for change in batch.changes:
                markers = _markers(change)
                plan = bind(change, markers, schema, asked.keyspace)
                found.append((Ready(plan, ()), [values[places[marker.position]] for marker in markers]))
            return found

        timestamp = self._timestamp(batch, values, places)
        statements = [(change, asked.keyspace) for change in batch.changes]
        return self._run(_KINDS[batch.kind], statements, made, asked.parameters, timestamp, asked.context)

    def _timestamp(self, batch: st.Batch, values: Sequence[Value], places: dict[int, int]) -> Callable[[Frame], int] | None:
        """The time that the text gives to all of its changes."""
        term = batch.using.timestamp
        if term is None:
            return None

        def of(frame: Frame) -> int:
            if isinstance(term, Marker):
                value = values[places[term.position]]
                return time_of(Expression(BIGINT, lambda _frame, _row: value), frame)
            bound = Expressions(Markers(()), "", "", no_types).bind(term, Receiver("[timestamp]", BIGINT))
            return time_of(bound, frame)

        return of

    def markers(self, parsed: Parsed, keyspace: str | None) -> list[Column]:
        """What the markers of a text stand for."""
        batch = parsed.shape.statement
        assert isinstance(batch, st.Batch)
        whole = parsed.statement()
        assert isinstance(whole, st.Batch)

        def body(_transaction: TableTransaction, schema: Schema) -> list[Column]:
            found: dict[int, Column] = {}
            for change in whole.changes:
                markers = _markers(change)
                plan = bind(change, markers, schema, keyspace)
                found |= {marker.position: column for marker, column in zip(markers, plan.markers, strict=True)}
            for marker in parsed.shape.markers:
                found.setdefault(marker.position, Column("", "", marker.name or "[timestamp]", BIGINT))
            return [found[marker.position] for marker in parsed.shape.markers]

        return self._session.transacting.run(READ, body)

    def _run(
        self,
        kind: BatchKind,
        statements: Sequence[Said],
        made: Callable[[Schema], list[Made]],
        parameters: requests.Parameters,
        timestamp: Callable[[Frame], int] | None,
        context: Context,
    ) -> Reply:
        session = self._session
        is_conditional = any(session.kind_of(statement) is SERIAL for statement, _ in statements)
        time = session.write_time(parameters, is_conditional=is_conditional)
        warnings: list[str] = []
        if timestamp is not None and is_conditional:
            raise invalid("Cannot provide custom timestamp for conditional BATCH")
        if parameters.names is not None and not statements:
            raise invalid("Batch statements do not support named values")

        how: Kind = SERIAL if is_conditional else WRITE
        limit = session.limit(how, parameters, context)

        def check() -> None:
            # What a client sends in one message may take minutes to be read.
            if limit is not None:
                limit.check()

        def body(transaction: TableTransaction, schema: Schema) -> Result:
            changes = []
            for statement, keyspace in statements:
                session.authorize(statement, schema, keyspace)
            for ready, values in made(schema):
                plan = ready.plan
                assert isinstance(plan, ModifyPlan)
                check()
                check_consistency(parameters, is_conditional=is_conditional)
                if len(values) != len(plan.markers):
                    raise invalid("Invalid amount of bind variables")
                frame = session.frame(ready, _with_values(parameters, values), time, schema)
                if timestamp is not None:
                    if plan.timestamp is not None:
                        raise invalid("Timestamp must be set either on BATCH or individual statements")
                    frame.timestamp = timestamp(frame)
                changes.append(write.Change(plan, frame))
            write.check_batch(changes, counters=kind is BatchKind.COUNTER, unlogged=kind is BatchKind.UNLOGGED)
            warnings[:] = _warnings(changes)
            if is_conditional:
                return write.decide(changes, transaction, is_batch=True)
            for change in changes:
                check()
                write.apply(change, transaction)
            return Void()

        return Reply(session.transacting.run(how, body, limit), warnings)


def _warnings(changes: Sequence[write.Change]) -> list[str]:
    """What Cassandra says of a large batch, which would be better sent in parts here too: it is one commit."""
    size = sum(map(write.weight, changes))
    if size <= _LARGE:
        return []
    tables = sorted({f"{change.plan.served.keyspace}.{change.plan.served.name}" for change in changes})
    shown, limit, beyond = (f"{each / 1024:.3f}KiB" for each in (size, _LARGE, size - _LARGE))
    return [f"Batch for [{', '.join(tables)}] is of size {shown}, exceeding specified threshold of {limit} by {beyond}."]


def _markers(change: object) -> list[Marker]:
    return sorted((node for node in walk(change) if isinstance(node, Marker)), key=lambda marker: marker.position)


def _by_name(parsed: Parsed, parameters: requests.Parameters) -> tuple[Value, ...]:
    given = dict(zip(parameters.names or (), parameters.values, strict=True))
    found = []
    for marker in parsed.shape.markers:
        if marker.name is None or marker.name not in given:
            raise invalid(f"Missing value for bind variable {marker.name or '?'}")
        found.append(given[marker.name])
    return tuple(found)


def _with_values(parameters: requests.Parameters, values: Sequence[Value]) -> requests.Parameters:
    return replace(parameters, values=tuple(values), names=None)
