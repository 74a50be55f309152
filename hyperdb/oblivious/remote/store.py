"""Apps of a remote store, and readers of them at the levels that are asked for.

Theory: the server names an app's newest epoch; the client takes it only if its frame is signed by what was pinned and contains
the newest frame that it ever saw there, so that a store that forked its history or went back in it is refused. When epochs are
looked for depends on time alone. Invariant: a reader is of one epoch, and an epoch is taken before anything is asked of it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hyperdb.commitment.native import verify
from hyperdb.commitment.verify import Frame, Root, Row, Seen, Trusted, VerificationError
from hyperdb.errors import NotFoundError, RemoteError
from hyperdb.oblivious.definitions import read_definitions
from hyperdb.oblivious.levels import Level
from hyperdb.oblivious.manifest import Manifest, read_manifest
from hyperdb.oblivious.reader import Random, Reader, open_reader
from hyperdb.oblivious.remote.service import HttpService, Progress, nothing_shown
from hyperdb.oblivious.remote.state import State
from hyperdb.oblivious.remote.transport import Transport

T = TypeVar("T")

_REFRESH = 60.0
_GONE = 404


class RemoteStore:
    """A server, and what is pinned of it. Thread-safe."""

    def __init__(
        self,
        transport: Transport,
        trusted: Trusted,
        state: State,
        *,
        refresh: float = _REFRESH,
        progress: Progress = nothing_shown,
        random: Random = os.urandom,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`refresh`: seconds after which a newer epoch is looked for, before the next read."""
        self.transport = transport
        self.trusted = trusted
        self.state = state
        self.refresh = refresh
        self.progress = progress
        self.random = random
        self.clock = clock
        self._lock = threading.Lock()
        self._apps: dict[str, RemoteApp] = {}

    def app(self, name: str) -> RemoteApp:
        """An app of the store."""
        with self._lock:
            return self._apps.setdefault(name, RemoteApp(self, name))

    def describe(self) -> dict[str, Any]:
        """What the server says of itself (`GET /v1/apps`); nothing of it is trusted."""
        found = self.transport.json("/v1/apps")
        if not isinstance(found, dict) or not isinstance(found.get("apps"), dict):
            raise RemoteError("the server does not say what it publishes")
        return found

    def names(self) -> tuple[str, ...]:
        """Names of the published apps."""
        return tuple(self.describe()["apps"])

    def close(self) -> None:
        """Closes connections."""
        self.transport.close()


@dataclass
class _Current:
    """An epoch that was taken, and its readers."""

    service: HttpService
    frame: Frame
    readers: dict[Level, Reader] = field(default_factory=dict)


class RemoteApp:
    """An app of a remote store. Thread-safe: one read at a time."""

    def __init__(self, store: RemoteStore, name: str) -> None:
        self.store = store
        self.name = name
        self._lock = threading.RLock()
        self._current: _Current | None = None
        self._looked = 0.0

    @property
    def frame(self) -> Frame:
        """The frame of the epoch that is read now."""
        with self._lock:
            return self._epoch().frame

    @property
    def manifest(self) -> Manifest:
        """The manifest of the epoch that is read now."""
        with self._lock:
            return read_manifest(self._epoch().service.manifest()[0])

    def definitions(self) -> list[Row]:
        """Elements of the system's app that define this one, verified under the epoch's frame."""
        with self._lock:
            current = self._epoch()
            return read_definitions(current.service.definitions(), Root(current.frame.root))

    def get(self, name: bytes, level: Level) -> bytes | None:
        """The value of a vertex, or None. Raises as `Reader.get`."""
        return self.read(level, lambda reader: reader.get(name))

    def read(self, level: Level, operation: Callable[[Reader], T]) -> T:
        """Runs an operation on a reader of the newest epoch; from its start on a newer one, if the server has let go of this one.

        Raises:
            PrivacyError: the level cannot be kept, or the operation not at it.
            VerificationError: what the server sent does not hold.
            RemoteError: it could not be reached, or refused.
        """
        with self._lock:
            try:
                return operation(self.reader(level))
            except RemoteError as error:
                if error.status != _GONE:
                    raise
            self._current = None
            return operation(self.reader(level))

    def reader(self, level: Level) -> Reader:
        """A reader of the newest epoch at a level."""
        with self._lock:
            current = self._epoch()
            found = current.readers.get(level)
            if found is None:
                store = self.store
                secret = store.state.secret(store.random)
                found = open_reader(current.service, level, store.trusted, secret=secret, random=store.random)
                current.readers[level] = found
            return found

    def _epoch(self) -> _Current:
        now = self.store.clock()
        if self._current is None or now - self._looked >= self.store.refresh:
            self._looked = now
            self._current = self._newest()
        return self._current

    def _newest(self) -> _Current:
        store = self.store
        described = store.describe()
        made = described["apps"].get(self.name)
        if self.name not in described["apps"]:
            raise NotFoundError(f"the server does not publish '{self.name}'")
        if not isinstance(made, dict) or not isinstance(made.get("epoch"), str):
            raise RemoteError(f"the server has no epoch of '{self.name}' yet")
        if self._current is not None and self._current.service.epoch == made["epoch"]:
            return self._current
        store.transport.pay(int(described.get("work_bits", 0)))
        service = HttpService(store.transport, made["epoch"], store.state, store.progress)
        manifest = read_manifest(service.manifest()[0])
        if manifest.app != self.name.encode():
            raise VerificationError("pin", "the epoch is of another app")
        self._check_history(service, manifest.frame)
        return _Current(service, manifest.frame)

    def _check_history(self, service: HttpService, frame: Frame) -> None:
        """The epoch's frame is the newest that was seen, or contains it."""
        seen = self.store.state.seen(self.name)
        if seen is not None and frame.number < seen.number:
            raise VerificationError("rollback", f"the server went back to frame {frame.number}, and frame {seen.number} was seen")
        if seen is not None and frame.number == seen.number and frame.root != seen.root:
            raise VerificationError("rollback", f"the server shows another frame {frame.number} than the one that was seen")
        if seen is None or frame.number > seen.number:
            if seen is not None:
                verify(service.history(seen.number), trusted=Root(frame.root), seen=seen)
            self.store.state.see(self.name, Seen(frame.number, frame.root))
