"""A server and what is pinned of it, kept up with from epoch to epoch.

Theory: whoever comes back to a store that was seen before wants its future and not another past, so the newest frame is kept and
each newer one must prove to contain it. Invariant: an operation is of one moment of an app, and of one moment of all of them
while somebody holds `moving`.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from hyperdb.commitment.verify import Trusted
from hyperdb.errors import RemoteError
from hyperdb.oblivious.reader import Random
from hyperdb.oblivious.remote.app import RemoteApp
from hyperdb.oblivious.remote.follower import Follower
from hyperdb.oblivious.remote.service import Progress, nothing_shown
from hyperdb.oblivious.remote.state import State
from hyperdb.oblivious.remote.transport import Transport

__all__ = ["RemoteApp", "RemoteStore"]

_REFRESH = 60.0
_FOLLOW = 1.0


def _is_name(text: str) -> bool:
    """Whether an app can be called so: lone surrogates are of no UTF-8, and what does not print has no place on a terminal."""
    return text.isprintable() and text != ""


class RemoteStore:
    """See the module. Thread-safe."""

    def __init__(
        self,
        transport: Transport,
        trusted: Trusted,
        state: State,
        *,
        refresh: float = _REFRESH,
        follow: float | None = _FOLLOW,
        epochs: Mapping[str, str] = MappingProxyType({}),
        progress: Progress = nothing_shown,
        random: Random = os.urandom,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Seconds: `refresh`, after which a newer epoch is looked for; `follow`, after which what changed since is downloaded,
        never if None. `epochs`: of these apps this one alone is read, by its manifest's digest in hexadecimal digits."""
        self.transport = transport
        self.trusted = trusted
        self.state = state
        self.every = follow
        self.epochs = {app: epoch.lower() for app, epoch in epochs.items()}
        self.progress = progress
        self.random = random
        self.clock = clock
        self.moving = threading.RLock()
        """While it is held no app goes on to a newer moment."""
        self._refresh = refresh
        self._lock = threading.Lock()
        self._apps: dict[str, RemoteApp] = {}
        self._follower: Follower | None = None
        self._closed = False

    def app(self, name: str) -> RemoteApp:
        """An app of the store."""
        with self._lock:
            return self._apps.setdefault(name, RemoteApp(self, name))

    def describe(self) -> dict[str, Any]:
        """What the server says of itself (`GET /v1/apps`); nothing of it is trusted."""
        found = self.transport.json("/v1/apps")
        if not isinstance(found, dict) or not isinstance(found.get("apps"), dict):
            raise RemoteError("the server does not say what it publishes")
        if not all(_is_name(name) for name in found["apps"]):
            raise RemoteError("the server publishes what has no name")
        return found

    def names(self) -> tuple[str, ...]:
        """Names of the published apps."""
        return tuple(self.describe()["apps"])

    def renew(self) -> None:
        """Goes on with the newest epochs of all apps that were read, and what changed since, now.

        Raises:
            VerificationError, RemoteError, NotFoundError: of the first app that fails; it stays where it was.
        """
        for app in self._all():
            app.renew()

    def opened(self) -> None:
        """Somebody reads an app for the first time: from now on the store is followed."""
        with self._lock:
            if self._follower is None and not self._closed:
                self._follower = Follower(min(self.every or self._refresh, self._refresh), self._refresh, self._look)

    def close(self) -> None:
        """Ends the follower and closes connections."""
        with self._lock:
            self._closed, follower = True, self._follower
        if follower is not None:
            follower.stop()
        self.transport.close()

    def _look(self, epochs: bool) -> None:
        for app in self._all():
            app.look(epochs=epochs)

    def _all(self) -> list[RemoteApp]:
        with self._lock:
            return [app for app in self._apps.values() if app.is_open]
