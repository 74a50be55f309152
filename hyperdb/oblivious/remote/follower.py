"""The thread that looks for newer epochs and for what changed, at times that depend on nothing but the clock.

Invariant: what it asks for does not depend on what is read, nor on whether anything is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class Follower:
    """Calls `look` each so many seconds until it is stopped; each so many times with True, to look for epochs too."""

    def __init__(self, every: float, epochs_every: float, look: Callable[[bool], object]) -> None:
        self._every = every
        self._ratio = max(round(epochs_every / every), 1)
        self._look = look
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hyperdb-follow", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends it, after what it is at. A second call does nothing."""
        self._stopping.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        count = 0
        while not self._stopping.wait(self._every):
            count += 1
            self._look(count % self._ratio == 0)
