"""Fetching into the overlay what commands need, at the level of whoever asked.

Theory: rows of one app in the overlay are of one moment, an epoch and what changed since; when there is a newer one, all that was
fetched of the app is forgotten first, or, where all of it is here (`full`), what moved is written over it. Invariant: what is at
hand when a command runs is what one moment says of all that the command reads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from itertools import chain

from hyperdb.commitment.verify import Bounds, Row
from hyperdb.errors import PrivacyError
from hyperdb.oblivious.delta import Changes
from hyperdb.oblivious.explain import Asked, Explanation, explain
from hyperdb.oblivious.levels import Full, Level
from hyperdb.oblivious.ranges import Part
from hyperdb.oblivious.reader import Reader
from hyperdb.oblivious.remote.store import RemoteStore
from hyperdb.remote.needs import Need, Reading
from hyperdb.remote.overlay import Overlay

Wanted = Callable[[Reader], Iterable[Row]]
Moment = tuple[bytes, int]
"""An epoch, by its manifest's digest, and the frame up to which changes are known."""
ALL = (Bounds(), Bounds(companion=True))
"""All members of a collection, in both orders of a sorted set, with the groups of a stream."""


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
        self._moments: dict[str, Moment] = {}
        self._whole: dict[str, Changes] = {}
        """Apps of which all is in the overlay, and the changes since the epoch that were known then."""

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
        self._read(app, level, partial(_of_keys, reading))

    def explain(self, app: str, asked: Asked, level: Level) -> Explanation:
        """Who learns what of a read, and what it costs, before anything of it is sent."""
        return explain(self.store.app(app).manifest, level, self.store.trusted, asked)

    def steady(self) -> AbstractContextManager[object]:
        """While it is held, nothing that is read goes on to a newer moment, unless the server lets go of an epoch."""
        return self.store.moving

    def part(self, app: str, collection: bytes, bounds: Bounds, level: Level) -> tuple[Sequence[Row], Moment]:
        """The rows of one range of a collection, past the overlay, and of which moment they are. Raises as `fetch`."""

        def take(reader: Reader) -> tuple[Part, Moment]:
            return reader.part(collection, [bounds]), _moment(reader)

        part, moment = self.store.app(app).read(level, take)
        return part.rows, moment

    def rows(self, app: str, wanted: Sequence[tuple[bytes, Sequence[Bounds]]], level: Level) -> None:
        """Makes ready some ranges of collections. Raises as `fetch`."""
        self._read(app, level, _everything if isinstance(level, Full) else partial(_of_parts, wanted))

    def _read(self, app: str, level: Level, wanted: Wanted) -> None:
        is_whole = wanted is _everything
        with self._lock:

            def take(reader: Reader) -> None:
                moment, known = _moment(reader), self._moments.get(app)
                whole = self._whole.get(app) if is_whole else None
                if whole is not None and known is not None and known[0] == moment[0]:
                    # Of the same epoch all is here: what moved since is written, and nothing else.
                    if known != moment:
                        self.overlay.move(app, reader.since(whole))
                        self.generation += 1
                    self._moments[app], self._whole[app] = moment, reader.pinned.changes
                    return
                rows = list(wanted(reader))
                if known not in (None, moment):
                    self.overlay.forget(app)
                    self._whole.pop(app, None)
                    self.generation += 1
                self._moments[app] = moment
                self.overlay.put(app, rows)
                if is_whole:
                    self.overlay.count(app, rows)
                    self._whole[app] = reader.pinned.changes

            self.store.app(app).read(level, take)


def _moment(reader: Reader) -> Moment:
    return reader.pinned.manifest.digest(), reader.frame.number


def _everything(reader: Reader) -> Iterable[Row]:
    return reader.everything()


def _of_keys(reading: Reading, reader: Reader) -> Iterable[Row]:
    return chain.from_iterable([_of_key(reading, key, reader) for key in reading.keys])


def _of_key(reading: Reading, key: bytes, reader: Reader) -> Iterable[Row]:
    if reading.need is Need.WHOLE:
        return _of_part(key, ALL, reader)
    if reading.need is Need.MEMBERS:
        header, members = reader.members(key, reading.members)
        return [row for row in (header, *members) if row is not None]
    row = reader.element(key)
    return [] if row is None else [row]


def _of_parts(wanted: Sequence[tuple[bytes, Sequence[Bounds]]], reader: Reader) -> Iterable[Row]:
    return chain.from_iterable([_of_part(collection, ranges, reader) for collection, ranges in wanted])


def _of_part(collection: bytes, ranges: Sequence[Bounds], reader: Reader) -> Iterable[Row]:
    part = reader.part(collection, ranges)
    return [*part.rows, *([] if part.header is None else [part.header])]
