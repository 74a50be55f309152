"""Keyspace `system_traces`: what traced requests did.

Invariant: the tables are Cassandra's, so that drivers and cqlsh read them as there.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from hyperdb.frontends.cql.schema.rows import Facts, Trace
from hyperdb.frontends.cql.system.computed import Definition, Values
from hyperdb.frontends.cql.system.local import address


def _found(facts: Facts, first: object) -> Iterable[Trace]:
    return (trace for trace in facts.traces if not isinstance(first, UUID) or trace.id == first)


def _sessions(facts: Facts, first: object) -> Iterable[Values]:
    for trace in _found(facts, first):
        yield {
            "session_id": trace.id,
            "client": address(trace.client or "127.0.0.1"),
            "command": trace.command,
            "coordinator": address(facts.node.address),
            "coordinator_port": facts.node.port,
            "duration": trace.duration,
            "parameters": dict(trace.parameters),
            "request": trace.request,
            "started_at": trace.started_at,
        }


def _events(facts: Facts, first: object) -> Iterable[Values]:
    for trace in _found(facts, first):
        for event in trace.events:
            yield {
                "session_id": trace.id,
                "event_id": event.id,
                "activity": event.activity,
                "source": address(facts.node.address),
                "source_port": facts.node.port,
                "source_elapsed": event.elapsed,
                "thread": event.thread,
            }


TABLES = (
    Definition(
        "sessions",
        "session_id uuid",
        "",
        "client inet, command text, coordinator inet, coordinator_port int, duration int, parameters map<text, text>, "
        "request text, started_at timestamp",
        _sessions,
        "tracing sessions",
    ),
    Definition(
        "events",
        "session_id uuid",
        "event_id timeuuid",
        "activity text, source inet, source_port int, source_elapsed int, thread text",
        _events,
        "tracing events",
    ),
)
