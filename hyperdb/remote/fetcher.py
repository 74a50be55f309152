"""Fetching into the overlay what commands need, at the level of whoever asked.

Theory: rows of one app in the overlay are of one epoch; when the server has a newer one, all that was fetched of the app is
forgotten first. Invariant: what is at hand when a command runs is what the epoch says of all that the command reads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from hyperdb.commitment.verify import Bounds, Row
from hyperdb.errors import PrivacyError
from hyperdb.oblivious.levels import Full, Level
from hyperdb.oblivious.ranges import Part
from hyperdb.oblivious.reader import Reader
from hyperdb.oblivious.remote.store import RemoteStore
from hyperdb.remote.needs import Need, Reading
from hyperdb.remote.overlay import Overlay

Wanted = Callable[[Reader], Iterable[Row]]
ALL = (Bounds(), Bounds(companion=True))
"""All members of a collection, in both orders of a sorted set."""


class Fetcher:
    """See the module. Thread-safe."""

    def __init__(self, store: RemoteStore, overlay: Overlay, level: Level) -> None:
        self.store = store
        self.overlay = overlay
        self.level = level
        """Unless somebody chooses another one."""
        self.running = threading.RLock()
        """Held by whoever fetches for the overlay and then reads it."""
        self.generation = 0
        """Counts the times that something was forgotten."""
        self._lock = threading.Lock()
        self._epochs: dict[str, bytes] = {}
        self._whole: set[str] = set()

    def fetch(self, app: str, reading: Reading, level: Level) -> None:
        """Makes ready what a command reads.

        Raises:
            PrivacyError: it cannot be read at the level.
            VerificationError: what the server sent does not hold.
            RemoteError, NotFoundError: the server refused, or does not publish the app.
        """
        if reading.need is Need.APP and not isinstance(level, Full):
            raise PrivacyError(f"a list of all keys is read at 'full', not at '{level}'")
        if isinstance(level, Full):
            self._read(app, level, _everything)
            return
        for key in reading.keys:
            self._read(app, level, partial(_of_key, reading, key))

    def part(self, app: str, collection: bytes, bounds: Bounds, level: Level) -> Sequence[Row]:
        """The rows of one range of a collection, past the overlay. Raises as `fetch`."""
        part: Part = self.store.app(app).read(level, lambda reader: reader.part(collection, [bounds]))
        return part.rows

    def rows(self, app: str, collection: bytes, ranges: Sequence[Bounds], level: Level) -> None:
        """Makes ready some ranges of a collection. Raises as `fetch`."""
        if isinstance(level, Full):
            self._read(app, level, _everything)
        else:
            self._read(app, level, partial(_of_part, collection, ranges))

    def _read(self, app: str, level: Level, wanted: Wanted) -> None:
        is_whole = wanted is _everything
        with self._lock:

            def take(reader: Reader) -> None:
                epoch = reader.pinned.manifest.digest()
                if self._epochs.get(app) == epoch and is_whole and app in self._whole:
                    return
                rows = list(wanted(reader))
                if self._epochs.get(app) not in (None, epoch):
                    self.overlay.forget(app)
                    self._whole.discard(app)
                    self.generation += 1
                self._epochs[app] = epoch
                self.overlay.put(app, rows)
                if is_whole:
                    self.overlay.count(app, rows)
                    self._whole.add(app)

            self.store.app(app).read(level, take)


def _everything(reader: Reader) -> Iterable[Row]:
    return reader.everything()


def _of_key(reading: Reading, key: bytes, reader: Reader) -> Iterable[Row]:
    if reading.need is Need.WHOLE:
        return _of_part(key, ALL, reader)
    if reading.need is Need.MEMBERS:
        header, members = reader.members(key, reading.members)
        return [row for row in (header, *members) if row is not None]
    row = reader.element(key)
    return [] if row is None else [row]


def _of_part(collection: bytes, ranges: Sequence[Bounds], reader: Reader) -> Iterable[Row]:
    part = reader.part(collection, ranges)
    return [*part.rows, *([] if part.header is None else [part.header])]
