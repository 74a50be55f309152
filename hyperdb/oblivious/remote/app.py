"""An app of a remote store: the epoch that is read, what changed since, and readers of both.

Theory: newer epochs and what changed are looked for at fixed times, by a thread that knows nothing of reads (`follower`), and
taken between two reads: so a read sees one moment, and what is asked besides reads tells the time and nothing else. Each newer
moment must prove to contain the last one, also that of a process before this. Invariant: readers go on under the app's lock, and
where no read is in the way under the store's, which is taken first; nobody waits for either while holding `_renewing`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from hyperdb.commitment.native import verify
from hyperdb.commitment.verify import Frame, OwnerKey, Root, Row, Seen, VerificationError
from hyperdb.errors import HyperDBError, NotFoundError, RemoteError
from hyperdb.oblivious.definitions import read_definitions
from hyperdb.oblivious.delta import NOTHING, Changes, read_delta
from hyperdb.oblivious.levels import Level
from hyperdb.oblivious.manifest import Manifest, read_manifest
from hyperdb.oblivious.reader import Reader, open_reader
from hyperdb.oblivious.remote.service import HttpService
from hyperdb.oblivious.remote.state import Kept

if TYPE_CHECKING:
    from hyperdb.oblivious.remote.store import RemoteStore

T = TypeVar("T")

_GONE = frozenset({404, 410})
"""There is no such epoch any more, or its frame cannot be read any more."""
_TRIES = 3
"""Epochs that may go while one is read."""
_PATIENCE = 30.0
"""Seconds for which reads go on where the store could not be asked for what changed, and at least ten tries."""


@dataclass
class _Current:
    """An epoch that was taken, what is known to have changed since, and its readers."""

    service: HttpService
    manifest: Manifest
    changes: Changes = NOTHING
    readers: dict[Level, Reader] = field(default_factory=dict)

    @property
    def frame(self) -> Frame:
        """As of which frame it is read."""
        return self.changes.frame or self.manifest.frame


class RemoteApp:
    """See the module. Thread-safe: one read at a time."""

    def __init__(self, store: RemoteStore, name: str) -> None:
        self.store = store
        self.name = name
        self._lock = threading.RLock()
        self._renewing = threading.RLock()
        """Held by whoever asks for an epoch or for changes."""
        self._current: _Current | None = None
        self._next: _Current | None = None
        self._failure: HyperDBError | VerificationError | None = None
        self._good_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it was read before."""
        return self._current is not None

    @property
    def frame(self) -> Frame:
        """As of which frame is read now."""
        with self._lock:
            return self._opened().frame

    @property
    def manifest(self) -> Manifest:
        """The manifest of the epoch that is read now."""
        with self._lock:
            return self._opened().manifest

    @property
    def epoch(self) -> str:
        """The epoch that is read now, by its manifest's digest: what auditors print, and what two clients compare."""
        return self.manifest.digest().hex()

    @property
    def standing(self) -> str:
        """Who vouches for the epoch's fences and hints, in words."""
        if isinstance(self.store.trusted, OwnerKey):
            return "signed by the owner"
        with self._lock:
            attestation = self._opened().service.manifest()[1]
        if attestation:
            return f"self-signed: the server shows a signature by the key {attestation[:8].hex()}..., which is not pinned"
        return "self-signed: fences and hints are the store's own word"

    def definitions(self) -> list[Row]:
        """Elements of the system's app that define this one, verified under the epoch's frame."""
        with self._lock:
            current = self._opened()
            return read_definitions(current.service.definitions(), Root(current.manifest.frame.root))

    def get(self, name: bytes, level: Level) -> bytes | None:
        """The value of a vertex, or None. Raises as `Reader.get`."""
        return self.read(level, lambda reader: reader.get(name))

    def read(self, level: Level, operation: Callable[[Reader], T]) -> T:
        """Runs an operation on a reader; from its start on a newer epoch, if the server has let go of this one.

        Raises:
            PrivacyError: the level cannot be kept, or the operation not at it.
            VerificationError: what the server sent does not hold.
            RemoteError: it could not be reached, or refused.
        """
        with self._lock:
            self._check()
            for _ in range(_TRIES):
                try:
                    return operation(self.reader(level))
                except RemoteError as error:
                    gone, failure = self._current, error
                    if error.status not in _GONE:
                        raise
                self._ask_newest()
                self._settle()
                if self._current is gone:
                    # It still is the newest: asking again would be for nothing.
                    raise failure
            return operation(self.reader(level))

    def reader(self, level: Level) -> Reader:
        """A reader of what is current, at a level."""
        with self._lock:
            current = self._opened()
            found = current.readers.get(level)
            if found is None:
                found = current.readers[level] = self._made(current, level)
            return found

    def renew(self) -> None:
        """Looks for a newer epoch, and goes on with it and with what changed since.

        Raises:
            VerificationError, RemoteError, NotFoundError: what is read stays as it was.
        """
        self._ask_newest()
        with self.store.moving, self._lock:
            self._settle()

    def follow(self) -> None:
        """Goes on with what changed since the epoch. Raises as `renew`."""
        with self._renewing:
            known = self._next or self._current
            if known is not None:
                self._changed(known)
        with self.store.moving, self._lock:
            self._settle()

    def look(self, *, epochs: bool) -> None:
        """What the follower does: `follow` or `renew`, without raising; reads do, when it failed for good."""
        try:
            try:
                self.renew() if epochs else self.follow()
            except RemoteError as error:
                if epochs or error.status not in _GONE:
                    raise
                self.renew()
        except RemoteError as error:
            least = _PATIENCE if self.store.every is None else max(_PATIENCE, 10 * self.store.every)
            if self.store.clock() - self._good_at > least:
                self._failure = error
        except (HyperDBError, VerificationError) as error:
            self._failure = error
        except Exception as error:
            # A defect. Who follows nothing any more, and is not told, would take what is old for what is there.
            self._failure = RemoteError(f"what changed could not be followed: {type(error).__name__}: {error}")

    def _check(self) -> None:
        failure = self._failure
        if failure is not None:
            raise failure

    def _opened(self) -> _Current:
        if self._current is None:
            self._ask_newest()
            self._settle()
            self.store.opened()
        assert self._current is not None
        return self._current

    def _settle(self) -> None:
        """Lets reads go on with what was verified last."""
        self._current = current = self._next or self._current
        self._next = None
        if current is not None:
            for reader in current.readers.values():
                if reader.frame.number < current.frame.number:
                    reader.follow(current.changes)
        self._good_at = self.store.clock()
        self._failure = None

    def _made(self, current: _Current, level: Level) -> Reader:
        store = self.store
        secret, ledger = store.state.secret(store.random), store.state.ledger(current.service.epoch)
        made = open_reader(current.service, level, store.trusted, secret=secret, random=store.random, ledger=ledger, ahead=True)
        made.follow(current.changes)
        return made

    # What is asked of the server.

    def _ask_newest(self) -> None:
        """Makes ready the newest epoch, with readers at the levels that are in use."""
        with self._renewing:
            known = self._next or self._current
            made = self._newest(known)
            if made is not known:
                for level in list(known.readers) if known is not None else ():
                    made.readers[level] = self._made(made, level)
                self._next = made

    def _newest(self, known: _Current | None) -> _Current:
        store = self.store
        seen = store.state.seen(self.name, Kept.EPOCH)
        described = store.describe()
        made = described["apps"].get(self.name)
        if self.name not in described["apps"]:
            raise NotFoundError(f"the server does not publish '{self.name}'")
        if not isinstance(made, dict) or not isinstance(made.get("epoch"), str):
            raise RemoteError(f"the server has no epoch of '{self.name}' yet")
        epoch = made["epoch"]
        pinned = store.epochs.get(self.name)
        if pinned is not None:
            # Under its name comes this epoch or none: the manifest's digest is compared.
            epoch = pinned
        elif isinstance(store.trusted, OwnerKey):
            epoch = made.get("attested_epoch")
            if not isinstance(epoch, str):
                raise VerificationError("attestation", f"no epoch of '{self.name}' is signed by its owner: all are self-signed")
        if known is not None and known.service.epoch == epoch:
            self._changed(known)
            return known
        bits = described.get("work_bits", 0)
        if not isinstance(bits, int) or bits < 0:
            raise RemoteError("the server asks for work, and not for a number of hashes")
        store.transport.pay(bits)
        before = made.get("before") if epoch == made["epoch"] else None
        service = HttpService(store.transport, epoch, store.state, store.progress, before if isinstance(before, str) else None)
        manifest = read_manifest(service.manifest()[0])
        if manifest.app != self.name.encode():
            raise VerificationError("pin", "the epoch is of another app")
        self._check_later(service, manifest.frame, seen, Kept.EPOCH)
        found = _Current(service, manifest)
        self._changed(found, store.state.seen(self.name, Kept.FOLLOWED) if known is None else _seen(known.frame))
        return found

    def _changed(self, current: _Current, seen: Seen | None = None) -> None:
        """Fetches what changed since an epoch, if that is followed; `seen`: the newest frame of which anything was seen."""
        if self.store.every is None or isinstance(self.store.trusted, OwnerKey):
            # An owner signs epochs, and not what comes after.
            return
        data = current.service.delta()
        if data is None:
            return
        changes = read_delta(data).check(current.manifest, self.store.trusted) if data else NOTHING
        frame = changes.frame or current.manifest.frame
        if seen is None and current.changes.frame is not None:
            seen = _seen(current.changes.frame)
        self._check_later(current.service, frame, seen, Kept.FOLLOWED)
        current.changes = changes
        current.service.has_taken(frame.number)

    def _check_later(self, service: HttpService, frame: Frame, seen: Seen | None, kept: Kept) -> None:
        """A frame is the newest that was seen, or contains it."""
        if seen is not None and frame.number < seen.number:
            raise VerificationError("rollback", f"the server went back to frame {frame.number}, and frame {seen.number} was seen")
        if seen is not None and frame.number == seen.number and frame.root != seen.root:
            raise VerificationError("rollback", f"the server shows another frame {frame.number} than the one that was seen")
        if seen is not None and frame.number > seen.number:
            verify(service.history(seen.number, frame.number), trusted=Root(frame.root), seen=seen)
        self.store.state.see(self.name, _seen(frame), kept)


def _seen(frame: Frame) -> Seen:
    return Seen(frame.number, frame.root)
