"""A published epoch of a server, as readers ask for it.

Invariant: each method is one request of a size that the manifest fixes; hints alone are fetched in pieces and may be resumed,
since everybody fetches all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hyperdb.commitment.claim import encode_queries
from hyperdb.commitment.verify import Limits, Query, VerificationError
from hyperdb.commitment.verify.hashing import digest
from hyperdb.errors import RemoteError
from hyperdb.oblivious.definitions import MOST_BYTES as MOST_DEFINITIONS
from hyperdb.oblivious.delta import MOST_BYTES as MOST_DELTA
from hyperdb.oblivious.manifest import MOST_BYTES, Manifest, Shape, read_manifest
from hyperdb.oblivious.pir import DIMENSION, NUMBER_BYTES, Place
from hyperdb.oblivious.refresh import most_bytes, refreshed, stable_rows
from hyperdb.oblivious.remote.patience import announced
from hyperdb.oblivious.remote.state import KnownEpoch, State
from hyperdb.oblivious.remote.transport import Transport

Progress = Callable[[str, int, int], object]
"""What is fetched, bytes so far, bytes in all."""
_ATTESTATION_BYTES = 1024
_CHUNK = 1 << 18
_TRIES = 5
_PART = 206
_MATRICES = (0, 1)
_MOST_WHOLE = 4 << 30
"""Bytes of a matrix that are held in memory, whatever a manifest says."""


def nothing_shown(_what: str, _done: int, _total: int) -> None:
    """Progress that nobody looks at."""


@dataclass
class HttpService:
    """See the module; `hyperdb.oblivious.service.Service`."""

    transport: Transport
    epoch: str
    """The digest of its manifest, in hexadecimal digits."""
    state: State
    progress: Progress = nothing_shown
    before: str | None = None
    """The epoch that the server says this one was made from."""
    _known: tuple[Manifest, bytes, bytes] | None = None
    _had: set[int] = field(default_factory=set)
    _taken: int | None = None
    """Up to which frame the changes go that were taken last."""

    @property
    def _path(self) -> str:
        return f"/v1/epochs/{self.epoch}"

    def manifest(self) -> tuple[bytes, bytes]:
        """See `Service`."""
        if self._known is None:
            data = self._download("manifest", f"{self._path}/manifest")
            read = read_manifest(data)
            if read.digest().hex() != self.epoch:
                raise VerificationError("pin", "the manifest is not the one that was asked for")
            self._known = read, data, self.transport.get(f"{self._path}/attestation", _ATTESTATION_BYTES)
        return self._known[1], self._known[2]

    def shape(self, number: int) -> Shape:
        """What a matrix is."""
        self.manifest()
        assert self._known is not None
        return (self._known[0].pages, self._known[0].overflow)[number]

    def hint(self, number: int) -> bytes:
        """See `Service`: from the disk if it is there."""
        shape = self.shape(number)
        found = self.state.hint(shape.hint)
        if found is None:
            found = self._refreshed_hint(number, shape) or self._fetch_hint(number, shape)
            self.state.keep_hint(shape.hint, found)
        self._note_hint(number)
        return found

    def answer(self, number: int, query: bytes) -> bytes:
        """See `Service`."""
        size = NUMBER_BYTES * self.shape(number).rows
        return _sized(self.transport.post(f"{self._path}/answers/{number}", query, size), size)

    def column(self, number: int, column: int) -> bytes:
        """See `Service`."""
        rows = self.shape(number).rows
        return self.transport.part(f"{self._path}/columns/{number}", column * rows, (column + 1) * rows)

    def columns(self, number: int) -> Sequence[bytes]:
        """All columns of a matrix, in one download."""
        shape = self.shape(number)
        if not shape.columns:
            return ()
        if shape.rows * shape.columns > _MOST_WHOLE:
            raise RemoteError(
                f"everything is {shape.rows * shape.columns} bytes, and {_MOST_WHOLE} are fetched at most: read at pir"
            )
        data = self._download(
            "pages" if number == 0 else "overflow", f"{self._path}/columns/{number}", shape.rows * shape.columns
        )
        return [data[at : at + shape.rows] for at in range(0, len(data), shape.rows)]

    def prove(self, queries: Sequence[Query]) -> bytes:
        """See `Service`: the head is not fetched, since the manifest has it."""
        _, attestation = self.manifest()
        assert self._known is not None
        body = self.transport.post(f"{self._path}/proofs?part=body", encode_queries(queries), Limits.DEFAULT.size)
        return self._known[0].head.bundle(body, attestation)

    def definitions(self) -> bytes:
        """What the system's app says of this one, proved."""
        return self.transport.get(f"{self._path}/definitions", MOST_DEFINITIONS)

    def delta(self) -> bytes | None:
        """See `Service`; what was not taken (`has_taken`) is given again."""
        # Made of what was verified: a tag of the server's own choice would mark whoever comes back with it.
        tag = "" if self._taken is None else f'"{self.epoch}-l{self._taken}"'
        return self.transport.newer(f"{self._path}/delta", tag, MOST_DELTA)

    def has_taken(self, frame: int) -> None:
        """The changes up to a frame hold: they need not be given again."""
        self._taken = frame

    def history(self, earlier: int, later: int) -> bytes:
        """A bundle that shows that a frame, the epoch's or a later one, contains an earlier one."""
        return self.transport.get(f"{self._path}/history?seen={earlier}&at={later}", Limits.DEFAULT.size)

    def _refreshed_hint(self, number: int, shape: Shape) -> bytes | None:
        """A hint from that of the epoch before and the columns that changed, if it is here and they are few."""
        assert self._known is not None
        manifest = self._known[0]
        known = self.state.epoch(manifest.app.decode()) if self.before is not None else None
        before = self.state.hint(known.hints[number]) if known is not None and known.name == self.before else None
        if before is None or len(before) != NUMBER_BYTES * DIMENSION * shape.rows:
            return None
        try:
            data = self._download("changed pages", f"{self._path}/changes/{number}", most_bytes(shape.rows))
            stable = NUMBER_BYTES * DIMENSION * stable_rows(data, shape.rows)
            lower = self._download("hint", f"{self._path}/hints/{number}", len(before), stable) if stable < len(before) else b""
            found = refreshed(Place(manifest.address, number), before, data, shape.columns, lower)
        except (RemoteError, VerificationError):
            # There are none, or they are not what they should be: the hint is fetched as if nothing had been here.
            return None
        return found if digest("hyperdb/epoch-hint", found) == shape.hint else None

    def _note_hint(self, number: int) -> None:
        """Once both hints are here, the next epoch's can follow from them."""
        assert self._known is not None
        manifest = self._known[0]
        self._had.add(number)
        if len(self._had) == len(_MATRICES if manifest.parts else _MATRICES[:1]):
            known = KnownEpoch(self.epoch, (manifest.pages.hint, manifest.overflow.hint))
            self.state.keep_epoch(manifest.app.decode(), known)

    def _fetch_hint(self, number: int, shape: Shape) -> bytes:
        size = NUMBER_BYTES * DIMENSION * shape.rows
        part = self.state.fetched(shape.hint)
        for tried in range(_TRIES):
            have = part.stat().st_size if part.exists() else 0
            if have < size:
                try:
                    with part.open("ab") as file, self.transport.stream(f"{self._path}/hints/{number}", have) as response:
                        if have and response.status != 206:
                            file.truncate(0)
                        while (chunk := response.read(_CHUNK)) and file.tell() <= size:
                            file.write(chunk)
                            self.progress("hint", file.tell(), size)
                except RemoteError as error:
                    if error.status is not None or tried == _TRIES - 1:
                        raise
            elif have == size:
                break
            else:
                part.unlink()
        data = part.read_bytes()
        if digest("hyperdb/epoch-hint", data) != shape.hint:
            part.unlink()
            raise VerificationError("attestation", "a hint that is not the manifest's")
        return data

    def _download(self, what: str, path: str, most: int = MOST_BYTES, start: int = 0) -> bytes:
        parts: list[bytes] = []
        have = 0
        with self.transport.stream(path, start) as response:
            if start and response.status != _PART:
                raise RemoteError(f"{path}: the server sends no part of it")
            total = announced(response)
            while chunk := response.read(_CHUNK):
                have += len(chunk)
                if have > most:
                    raise RemoteError(f"{path}: more than {most} bytes")
                parts.append(chunk)
                self.progress(what, have, total)
        if have != total:
            raise RemoteError(f"{path}: {have} bytes of {total}")
        return b"".join(parts)


def _sized(data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise RemoteError(f"{len(data)} bytes where {size} are expected")
    return data
