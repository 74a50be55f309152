"""Which apps are published, the epochs of each that can be asked now, and the thread that makes new ones.

Theory: an epoch is a snapshot, so a new one is made beside the old one and takes its place in one step; the old one stays for a
while, since clients are in the middle of it, and so does the newest that an owner attested. How often depends on time and on how
much was written, never on who reads. What changed since an epoch is published beside it (`following`). For proofs and deltas an
epoch's frame is kept readable, and so all that was superseded since: that has a bound, beyond which frames of older epochs go and
the next epoch is due; private reads need pages alone, and go on. Invariant: an app that was not named is not published, and the
system's own (names, roles) never.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property

from hyperdb.errors import HyperDBError, InvalidError, NotFoundError, NotProvableError
from hyperdb.oblivious.definitions import prove_definitions
from hyperdb.oblivious.epochs import Epoch, Source, build, rebuild
from hyperdb.oblivious.http.following import Following
from hyperdb.oblivious.refresh import changes
from hyperdb.oblivious.service import LocalService

KEPT = 2
"""Epochs of an app that can be asked: the newest and the one before."""
_AGAIN = 5.0
"""Seconds until an app of which no epoch could be made is tried again."""
_NICE = 5
"""Of the thread that makes epochs, and of those that help it: about a quarter of a processor that others want, too."""
_SHARE = 4.0
"""When more changed than a delta holds, the next epoch waits for so many times as long as the last one took."""


@dataclass(frozen=True, eq=False)
class Published:
    """An epoch, under the name that clients ask for it by."""

    app: str
    epoch: Epoch
    service: LocalService
    definitions: bytes
    """What the system's app says of it (`hyperdb.oblivious.definitions`)."""
    before: str | None
    """The epoch that it was made from, if it was made from one."""
    following: Following
    """What changed since."""
    changes: tuple[bytes, bytes]
    """Columns of both matrices that changed since `before` (`refresh`); nothing where that is more than a hint."""
    _attestation: list[bytes] = field(default_factory=list)

    @cached_property
    def id(self) -> str:
        """The manifest's digest in hexadecimal digits: whoever has the manifest can tell that it is of this name."""
        return self.epoch.manifest.digest().hex()

    @cached_property
    def manifest(self) -> bytes:
        """The manifest's bytes."""
        return bytes(self.epoch.manifest)

    @property
    def attestation(self) -> bytes:
        """The owner's attestation of the manifest, as soon as the store was given it; else nothing."""
        if not self._attestation:
            frame, source = self.epoch.manifest.frame.number, self.service.source
            record = source.frames.attestation(self.app, frame)
            try:
                found = b"" if record is None else self.epoch.attested(record).attestation
            except InvalidError:
                # It is of the app's root alone.
                found = b""
            if not found:
                return self.epoch.attestation
            self._attestation.append(found)
        return self._attestation[0]

    @cached_property
    def hints(self) -> tuple[bytes, bytes]:
        """Hints of both matrices."""
        return self.epoch.pages.hint_bytes(), self.epoch.overflow.hint_bytes()


class Publisher:
    """See the module. Thread-safe."""

    def __init__(
        self,
        source: Source,
        apps: Sequence[str],
        *,
        clock: Callable[[], float],
        every: float = 3600.0,
        threads: int = 1,
        retained: int = 256 << 20,
    ) -> None:
        """Epochs are made when `start` is called and then each `every` seconds, by `clock` (monotonic); their frames keep at
        most `retained` superseded bytes, or twice that while the next epoch is made."""
        if not apps or not all(apps):
            raise InvalidError("name the apps that are to be published")
        self.source = source
        self.apps = tuple(dict.fromkeys(apps))
        self.every = every
        self.failures: dict[str, str] = {}
        """Why the last try to make an epoch of an app failed."""
        self._clock = clock
        self._threads = threads
        self._retained = retained
        self._lock = threading.Lock()
        self._making = threading.Lock()
        self._kept: dict[str, tuple[Published, ...]] = {}
        self._made_at: dict[str, float] = {}
        self._took: dict[str, float] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins to make epochs, on a thread."""
        self._thread = threading.Thread(target=self._run, name="hyperdb-epochs", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread, after what it is at."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            kept = [each for all_kept in self._kept.values() for each in all_kept]
        for each in kept:
            each.following.close()

    def newest(self, app: str) -> Published | None:
        """The newest epoch of an app; None if there is none yet, or it is not published."""
        with self._lock:
            kept = self._kept.get(app, ())
        return kept[-1] if kept else None

    def newest_attested(self, app: str) -> Published | None:
        """The newest epoch of an app that its owner attested."""
        with self._lock:
            kept = self._kept.get(app, ())
        return next((each for each in reversed(kept) if each.attestation), None)

    def find(self, epoch: str) -> Published | None:
        """An epoch by its name."""
        with self._lock:
            return next((each for kept in self._kept.values() for each in kept if each.id == epoch), None)

    def renew(self, app: str) -> Published:
        """Seals a frame, makes an epoch of it and puts it in its place.

        Raises:
            NotFoundError: the app is not published, or there is no such app.
            NotProvableError: a value is too large for an epoch.
        """
        if app not in self.apps:
            raise NotFoundError(f"'{app}' is not published")
        with self._making:
            last = self.newest(app)
            began = self._clock()
            frame = self.source.frames.seal().number
            held = self.source.frames.hold(frame)
            try:
                made = self._made(app, last, frame)
            finally:
                held.release()
            # What is asked of every epoch is made before anybody can ask.
            _ = made.id, made.manifest, made.hints
            attested = self.newest_attested(app)
            with self._lock:
                all_kept = (*self._kept.get(app, ()), made)
                kept = tuple(each for each in all_kept if each in all_kept[-KEPT:] or each is attested)
                self._kept[app] = kept
                self._made_at[app] = self._clock()
                self._took[app] = self._made_at[app] - began
            for each in all_kept:
                if each not in kept:
                    each.following.close()
            self.failures.pop(app, None)
            return made

    def bound(self) -> None:
        """Lets frames of epochs go that keep too much, and says when the next epoch is due for it."""
        with self._lock:
            all_kept = list(self._kept.values())
        for kept in all_kept:
            for each in kept:
                retained = each.following.retained()
                if retained <= self._retained:
                    continue
                each.following.is_overdue = True
                if each is not kept[-1] or retained > 2 * self._retained:
                    each.following.close()

    def _made(self, app: str, last: Published | None, frame: int) -> Published:
        epoch = None
        if last is not None:
            try:
                epoch = rebuild(self.source, last.epoch, frame=frame, threads=self._threads)
            except NotProvableError:
                # Proofs outgrew the room that the last one left them: from nothing, as if it were the first.
                last = None
        if epoch is None:
            epoch = build(self.source, app, frame=frame, threads=self._threads)
        definitions = prove_definitions(self.source, app, frame)
        following = Following(self.source, epoch, self._clock)
        before = None if last is None else last.id
        pages = overflow = b""
        if last is not None:
            pages = changes(epoch.pages, last.epoch.pages, epoch.changed)
            overflow = changes(epoch.overflow, last.epoch.overflow, epoch.overflow_changed)
        service = LocalService(self.source, epoch)
        return Published(app, epoch, service, definitions, before, following, (pages, overflow))

    def _run(self) -> None:
        _give_way()
        while not self._stopping.is_set():
            self.bound()
            for app in self.apps:
                if self._is_due(app) and not self._stopping.is_set():
                    try:
                        self.renew(app)
                    except HyperDBError as error:
                        self.failures[app] = str(error)
                        with self._lock:
                            self._made_at[app] = self._clock() - max(self.every - _AGAIN, 0)
            self._stopping.wait(min(self.every, 1.0))

    def _is_due(self, app: str) -> bool:
        with self._lock:
            made_at, took = self._made_at.get(app), self._took.get(app, 0.0)
            kept = self._kept.get(app, ())
        if made_at is None:
            return True
        every = min(self.every, max(_AGAIN, _SHARE * took)) if kept and kept[-1].following.is_overdue else self.every
        return self._clock() - made_at >= every


def _give_way() -> None:
    """Lowers the priority of this thread and of those that it starts: an epoch takes minutes, and readers of the store do not."""
    # On Linux the number of a thread serves as that of a process here. A refusal costs no more than priority.
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
