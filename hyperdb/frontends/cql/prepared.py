"""Statements made ready: plans by text, keyspace and schema, and the statements that clients have prepared.

Theory: a text is parsed once (`parse.cache`) and bound once a schema; texts that differ in constants only share a plan, unless a
constant decides what the statement means. A prepared statement's id is the MD5 of its keyspace and text, so that preparing it
again, here or after a restart, gives the same. Invariant: a plan is run only under the schema that it was bound with; what is
kept is bounded by number and by weight.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.bind.markers import Markers
from hyperdb.frontends.cql.bind.modify import ModifyPlan, bind_modify
from hyperdb.frontends.cql.bind.select import SelectPlan, bind_select
from hyperdb.frontends.cql.bind.terms import NeedsTextError
from hyperdb.frontends.cql.parse.bounded import Bounded
from hyperdb.frontends.cql.parse.lift import Parsed
from hyperdb.frontends.cql.parse.parser import Statement
from hyperdb.frontends.cql.parse.statements import Delete, Insert, InsertJson, Select, Update
from hyperdb.frontends.cql.parse.terms import Literal, Marker
from hyperdb.frontends.cql.protocol.responses import Column
from hyperdb.frontends.cql.schema.model import Schema
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.names import show

Plan: TypeAlias = SelectPlan | ModifyPlan
_PLANS, _PREPARED = 4096, 10_000
_PLANS_WEIGHT, _PREPARED_WEIGHT = 64 << 20, 256 << 20
"""Bytes. A statement with as many markers as the protocol counts is an eighth of the latter."""
_SHOWN = 200
"""Characters of a text in a message."""
DATA = (Select, Insert, InsertJson, Update, Delete)


@dataclass(frozen=True)
class Ready:
    """A plan, and the constants that go into it."""

    plan: Plan
    literals: tuple[Literal, ...]

    @cached_property
    def metadata_id(self) -> bytes:
        """Of the columns of its result."""
        return metadata_id(self.plan.columns if isinstance(self.plan, SelectPlan) else None)

    @cached_property
    def shape_id(self) -> bytes:
        """What tells its markers and columns from others."""
        return metadata_id(self.plan.markers) + self.metadata_id


@dataclass
class Prepared:
    """A statement that a client has prepared."""

    id: bytes
    text: str
    keyspace: str | None
    parsed: Parsed
    metadata_id: bytes = b""
    """Of the columns that its client knows."""
    shape_id: bytes = b""
    """Of markers and columns as its clients know them."""
    version: int = -1
    """Of the schema that `ready` belongs to."""
    ready: Ready | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


def id_of(text: str, keyspace: str | None) -> bytes:
    """A statement's id, as Cassandra makes it."""
    return hashlib.md5(((keyspace or "") + text).encode(), usedforsecurity=False).digest()


def metadata_id(columns: Sequence[Column] | None) -> bytes:
    """What tells a result's columns from others."""
    found = hashlib.md5(usedforsecurity=False)
    for column in columns or ():
        for part in (column.keyspace, column.table, column.name, show(column.type)):
            found.update(part.encode() + b"\0")
    return found.digest()


def bind(statement: Statement, markers: Sequence[Marker], schema: Schema, keyspace: str | None) -> Plan:
    """A plan.

    Raises:
        CqlError: whatever is wrong with the statement.
    """
    assert isinstance(statement, DATA)
    in_use = statement.table.keyspace or keyspace
    served = schema.table(in_use, statement.table.name)
    find = schema.find_type(served.keyspace)
    gathered = Markers(markers)
    if isinstance(statement, Select):
        return bind_select(statement, served, gathered, find)
    return bind_modify(statement, served, gathered, find)


class Plans:
    """Plans by shape; for many threads."""

    def __init__(self) -> None:
        self._plans: Bounded[tuple[int, str | None], tuple[Parsed, int, Plan | None]] = Bounded(_PLANS, _PLANS_WEIGHT)

    def ready(self, parsed: Parsed, schema: Schema, keyspace: str | None) -> Ready:
        """What a parsed text means under a schema.

        Raises:
            CqlError: whatever is wrong with it.
        """
        key = id(parsed.shape), keyspace
        known = self._plans.get(key)
        if known is not None and known[0].shape is parsed.shape and known[1] == schema.version:
            plan = known[2]
            return Ready(plan, parsed.literals) if plan is not None else self.whole(parsed, schema, keyspace)
        plan = None
        try:
            plan = bind(parsed.shape.statement, parsed.shape.markers, schema, keyspace)
        except (NeedsTextError, CqlError):
            # An error shows the constants.
            made = self.whole(parsed, schema, keyspace)
        else:
            made = Ready(plan, parsed.literals)
        # The shape is kept with its plan, so that its id stays its own.
        self._plans.keep(key, (parsed, schema.version, plan), parsed.shape.weight)
        return made

    @staticmethod
    def whole(parsed: Parsed, schema: Schema, keyspace: str | None) -> Ready:
        """A plan that is nobody else's.

        Raises:
            CqlError: whatever is wrong with the text.
        """
        return Ready(bind(parsed.statement(), parsed.shape.markers, schema, keyspace), ())


class Registry:
    """Prepared statements of all clients, by id."""

    def __init__(self) -> None:
        self._known: Bounded[bytes, Prepared] = Bounded(_PREPARED, _PREPARED_WEIGHT)

    def find(self, number: bytes) -> Prepared | None:
        """A prepared statement."""
        return self._known.renew(number)

    def keep(self, prepared: Prepared) -> None:
        """Keeps a statement as it was prepared last; forgets what was not used for longest.

        Raises:
            CqlError: invalid: it is too large.
        """
        weight = len(prepared.text) + prepared.parsed.shape.weight
        if not self._known.keep(prepared.id, prepared, weight):
            shown = f"{prepared.text[:_SHOWN]}..."
            raise invalid(f"Prepared statement of size {weight} bytes is larger than allowed maximum: {shown}")

    def forget(self, number: bytes) -> None:
        """A statement that cannot be bound any more: whoever executes it is to prepare it again."""
        self._known.forget(number)

    def __len__(self) -> int:
        return len(self._known)
