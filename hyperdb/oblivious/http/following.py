"""What changed since a published epoch, as it is now: made when somebody asks, and no more often than it is cheap.

Theory: a delta is the same for everybody, so one is made for all who ask, up to the newest frame, and kept until there is a newer
one. Making it costs proofs of all that changed, so the next one waits for ten times the processor's time that the last one took:
a tenth of one core at most goes to deltas, whoever asks how often. Invariant: what is given is whole and of one frame; when more
changed than a delta holds, the last one stays, and the next epoch is due.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from hyperdb.errors import BehindHorizonError, NotProvableError
from hyperdb.oblivious.delta import Deltas
from hyperdb.oblivious.epochs import Epoch, Source

_LEAST_SECONDS = 0.05
_SHARE = 10.0


@dataclass(frozen=True)
class Changed:
    """A delta's bytes, none if nothing changed, and up to which frame it goes."""

    frame: int
    data: bytes = b""


class Following:
    """See the module. Thread-safe."""

    def __init__(self, source: Source, epoch: Epoch, clock: Callable[[], float]) -> None:
        """Keeps the epoch's frame readable until `close`; `clock` is monotonic.

        Raises:
            BehindHorizonError: the frame was let go already.
        """
        self._source = source
        self._deltas = Deltas(source, epoch, hold=True)
        self._clock = clock
        self._lock = threading.Lock()
        self._last = Changed(epoch.manifest.frame.number)
        self._not_before = clock()
        self.is_overdue = False
        """More changed than a delta holds, or than may be kept for it."""
        self._counted = epoch.manifest.frame.number
        self._retained = 0
        self._held = True

    def newest(self) -> Changed:
        """What changed up to now, or up to not long ago."""
        with self._lock:
            newest = self._source.frames.newest()
            if newest is None or newest.number <= self._last.frame or self._clock() < self._not_before:
                return self._last
            began = time.thread_time()
            try:
                made = self._deltas.until(newest.number)
            except (NotProvableError, BehindHorizonError):
                self.is_overdue = True
            else:
                self._last = Changed(newest.number, b"" if made is None else bytes(made))
            self._not_before = self._clock() + max(_LEAST_SECONDS, _SHARE * (time.thread_time() - began))
            return self._last

    def due(self) -> float:
        """Seconds until `newest` gives something newer than it would now; 0 if there is nothing to wait for."""
        newest = self._source.frames.newest()
        if newest is None or newest.number <= self._last.frame:
            return 0.0
        return max(self._not_before - self._clock(), 0.0)

    def retained(self) -> int:
        """Bytes that frames since superseded, and that are kept for as long as the epoch's frame is; 0 once it went."""
        with self._lock:
            frames = self._source.frames
            newest = frames.newest()
            if not self._held or newest is None:
                return 0
            self._retained += sum(frames.cost(number).superseded for number in range(self._counted + 1, newest.number + 1))
            self._counted = newest.number
            return self._retained

    def close(self) -> None:
        """Lets the epoch's frame go: its pages and the last delta stay. A second call does nothing."""
        with self._lock:
            self._deltas.close()
            self._held = False
            self._not_before = float("inf")
