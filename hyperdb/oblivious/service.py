"""What a client may ask a store for at the levels above `none`, as an interface, and the store of this process behind it.

Theory: every request has a shape that follows from the manifest and the level alone; what is asked is in its bytes, encrypted or
not. A recorder between client and store keeps what the store sees, so that tests compare traces. Invariant: the client reaches
the store through `Service` and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hyperdb.commitment.verify import Query
from hyperdb.oblivious.delta import Deltas
from hyperdb.oblivious.epochs import Epoch, Source


class Service(Protocol):
    """A store that serves one epoch of an app."""

    def manifest(self) -> tuple[bytes, bytes]:
        """The manifest, and an owner's attestation of it or nothing."""

    def hint(self, number: int) -> bytes:
        """The hint of a matrix."""

    def answer(self, number: int, query: bytes) -> bytes:
        """A matrix's answer to a query."""

    def column(self, number: int, column: int) -> bytes:
        """A column in the clear."""

    def columns(self, number: int) -> Sequence[bytes]:
        """All columns of a matrix."""

    def prove(self, queries: Sequence[Query]) -> bytes:
        """A bundle at the epoch's frame, in the clear."""

    def delta(self) -> bytes | None:
        """What changed since the epoch, no bytes if nothing did; None if that is what was given last."""


@dataclass
class LocalService:
    """The store of this process."""

    source: Source
    epoch: Epoch
    _deltas: Deltas | None = None
    _given: int = 0

    def manifest(self) -> tuple[bytes, bytes]:
        """See `Service`."""
        return bytes(self.epoch.manifest), self.epoch.attestation

    def hint(self, number: int) -> bytes:
        """See `Service`."""
        return self.epoch.matrix(number).hint_bytes()

    def answer(self, number: int, query: bytes) -> bytes:
        """See `Service`."""
        return self.epoch.matrix(number).answer([query])[0]

    def column(self, number: int, column: int) -> bytes:
        """See `Service`."""
        return self.epoch.matrix(number).column(column)

    def columns(self, number: int) -> Sequence[bytes]:
        """See `Service`."""
        matrix = self.epoch.matrix(number)
        return [matrix.column(column) for column in range(matrix.columns)]

    def prove(self, queries: Sequence[Query]) -> bytes:
        """See `Service`."""
        manifest = self.epoch.manifest
        return self.source.frames.prove(manifest.app, *queries, frame=manifest.frame.number)

    def delta(self) -> bytes | None:
        """See `Service`."""
        newest = self.source.frames.newest()
        number = 0 if newest is None else newest.number
        if number == self._given:
            return None
        self._deltas = self._deltas or Deltas(self.source, self.epoch)
        made, self._given = self._deltas.until(number), number
        return b"" if made is None else bytes(made)


@dataclass(frozen=True)
class Event:
    """What a store saw of one request: what for, what was in it, and how long its answer was."""

    request: str
    sent: object
    received: int

    @property
    def shape(self) -> tuple[str, int | None, int]:
        """The event without contents: what for, bytes sent if they are bytes, bytes received."""
        matrix, query = self.sent if isinstance(self.sent, tuple) else (None, self.sent)
        name = self.request if matrix is None else f"{self.request} {matrix}"
        return name, len(query) if isinstance(query, bytes) else None, self.received


@dataclass
class Recorder:
    """A service that notes what another one sees."""

    inner: Service
    trace: list[Event] = field(default_factory=list)

    def _note(self, request: str, sent: object, answer: bytes) -> bytes:
        self.trace.append(Event(request, sent, len(answer)))
        return answer

    def manifest(self) -> tuple[bytes, bytes]:
        """See `Service`."""
        manifest, attestation = self.inner.manifest()
        self._note("manifest", None, manifest + attestation)
        return manifest, attestation

    def hint(self, number: int) -> bytes:
        """See `Service`."""
        return self._note("hint", number, self.inner.hint(number))

    def answer(self, number: int, query: bytes) -> bytes:
        """See `Service`."""
        return self._note("answer", (number, query), self.inner.answer(number, query))

    def column(self, number: int, column: int) -> bytes:
        """See `Service`."""
        return self._note("column", (number, column), self.inner.column(number, column))

    def columns(self, number: int) -> Sequence[bytes]:
        """See `Service`."""
        columns = self.inner.columns(number)
        self._note("columns", number, b"".join(columns))
        return columns

    def prove(self, queries: Sequence[Query]) -> bytes:
        """See `Service`."""
        return self._note("prove", tuple(queries), self.inner.prove(queries))

    def delta(self) -> bytes | None:
        """See `Service`."""
        found = self.inner.delta()
        self._note("delta", None, found or b"")
        return found
