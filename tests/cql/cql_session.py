"""A client of CQL without sockets: statements with Python's values, rows with Python's values."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from hyperdb.database import Database
from hyperdb.errors import CqlError
from hyperdb.frontends.cql.backend import CqlBackend
from hyperdb.frontends.cql.bind.frame import Clock
from hyperdb.frontends.cql.codes import BatchKind
from hyperdb.frontends.cql.contract import Context, Opening
from hyperdb.frontends.cql.parse.parser import Grammar
from hyperdb.frontends.cql.protocol import requests, responses
from hyperdb.frontends.cql.types import codec
from hyperdb.graph.catalog.tables import Tables

HOST = UUID("3f5d8a52-0a52-4f0e-9f43-1d3a5a3f1c11")


class Time:
    """A clock that stands until it is told, ahead of the machine's, by which the store works off what has ended."""

    def __init__(self, micros: int = 2_000_000_000_000_000) -> None:
        self.micros = micros

    def __call__(self) -> int:
        return self.micros

    def pass_seconds(self, seconds: float) -> None:
        self.micros += int(seconds * 1_000_000)


def backend(database: Database, grammar: Grammar, time: Time | None = None) -> CqlBackend:
    """A backend whose time stands still."""
    return CqlBackend(Tables(database.native), HOST, Clock(time or Time()), grammar, database.role_changes)


def wire(value: Any) -> Any:
    """A value as bytes where it is easily said; bytes as they are."""
    match value:
        case bool():
            return b"\1" if value else b"\0"
        case int():
            return struct.pack(">i", value)
        case str():
            return value.encode()
        case _:
            return value


class Client:
    """See the module."""

    def __init__(self, backend: CqlBackend, version: int = 5, role: str = "hyperdb") -> None:
        self.backend = backend
        self.session = backend.open(Opening(role, version=version))
        self.context = Context(version)
        self.state: bytes | None = None
        self.warnings: Sequence[str] = ()

    def reply(self, text: str, *values: Any, **parameters: Any) -> responses.Response:
        """Runs a statement; what it answers."""
        given = requests.Parameters(values=tuple(map(wire, values)), **parameters)
        found = self.session.query(requests.Query(text, given), self.context)
        self.warnings = found.warnings
        return found.response

    def run(self, text: str, *values: Any, **parameters: Any) -> list[tuple[Any, ...]]:
        """Runs a statement; its rows, decoded."""
        return self._decoded(self.reply(text, *values, **parameters))

    def names(self, text: str, *values: Any) -> list[str]:
        """What a result's columns are called."""
        found = self.reply(text, *values)
        assert isinstance(found, responses.Rows)
        return [column.name for column in found.columns]

    def _decoded(self, found: responses.Response) -> list[tuple[Any, ...]]:
        if not isinstance(found, responses.Rows):
            return []
        assert not isinstance(found.rows, responses.Encoded)
        self.state = found.paging_state
        kinds = [column.type for column in found.columns]
        return [tuple(codec.decode(kind, value) for kind, value in zip(kinds, row, strict=True)) for row in found.rows]

    def pages(self, text: str, size: int, *values: Any) -> list[list[tuple[Any, ...]]]:
        """All pages of a result."""
        found = [self.run(text, *values, page_size=size)]
        while self.state is not None:
            found.append(self.run(text, *values, page_size=size, paging_state=self.state))
        return found

    def refusal(self, text: str, *values: Any, **parameters: Any) -> str:
        """The words with which a statement is refused."""
        try:
            self.reply(text, *values, **parameters)
        except CqlError as error:
            return error.message
        raise AssertionError(f"{text} was not refused")

    def prepare(self, text: str, keyspace: str | None = None) -> responses.Prepared:
        """Prepares a statement."""
        found = self.session.prepare(requests.Prepare(text, keyspace), self.context).response
        assert isinstance(found, responses.Prepared)
        return found

    def execute(self, prepared: responses.Prepared, *values: Any, **parameters: Any) -> list[tuple[Any, ...]]:
        """Runs a prepared statement; its rows, decoded."""
        return self._decoded(self.executed(prepared, *values, **parameters))

    def executed(self, prepared: responses.Prepared, *values: Any, **parameters: Any) -> responses.Response:
        """Runs a prepared statement."""
        given = requests.Parameters(values=tuple(map(wire, values)), **parameters)
        request = requests.Execute(prepared.id, prepared.result_metadata_id, given)
        return self.session.execute(request, self.context).response

    def batch(self, *items: tuple[Any, ...], kind: BatchKind = BatchKind.LOGGED, **parameters: Any) -> list[tuple[Any, ...]]:
        """Runs a batch of texts, or ids of prepared statements, each with its values."""
        made = tuple(requests.BatchItem(text, tuple(map(wire, values))) for text, *values in items)
        request = requests.Batch(kind, made, requests.Parameters(**parameters))
        return self._decoded(self.session.batch(request, self.context).response)
