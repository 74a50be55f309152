"""The memory engine: a sorted map of keys to their versions. The model that the others are tested against.

Theory: every version is kept in a list per key, so a read at a commit is a binary search; that is slow to forget and simple
to be sure of. Invariant: versions that neither a snapshot nor a retained commit can see may stay, but are never readable.
"""

from __future__ import annotations

import threading
import weakref
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from sortedcontainers import SortedDict

from hyperdb.errors import BehindHorizonError, ClosedError, InvalidError, NotBuiltError
from hyperdb.storage.engine import Change, Entry
from hyperdb.storage.optimistic import OptimisticTransaction, Range


class _Versions:
    """All versions of one key, ascending."""

    __slots__ = ("commits", "values")

    def __init__(self) -> None:
        self.commits: list[int] = []
        self.values: list[bytes | None] = []

    def at(self, commit: int) -> bytes | None:
        place = bisect_right(self.commits, commit)
        return self.values[place - 1] if place else None

    def version(self, commit: int) -> int | None:
        place = bisect_right(self.commits, commit)
        return self.commits[place - 1] if place else None

    def put(self, commit: int, value: bytes | None) -> None:
        if self.commits and self.commits[-1] == commit:
            self.values[-1] = value
        else:
            self.commits.append(commit)
            self.values.append(value)


class MemorySnapshot:
    """See `engine.Snapshot`."""

    def __init__(self, engine: MemoryEngine, commit: int) -> None:
        self._engine: MemoryEngine | None = engine
        self.commit = commit
        self._unpin = weakref.finalize(self, engine._unpin, commit)

    def _open(self) -> MemoryEngine:
        if self._engine is None:
            raise ClosedError("the snapshot is closed")
        return self._engine

    def get(self, key: bytes) -> bytes | None:
        """See `engine.Snapshot`."""
        return self._open()._at(key, self.commit)

    def multi_get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """See `engine.Snapshot`."""
        engine = self._open()
        return [engine._at(key, self.commit) for key in keys]

    def version(self, key: bytes) -> int | None:
        """See `engine.Snapshot`."""
        versions = self._open()._keys.get(key)
        return None if versions is None else versions.version(self.commit)

    def scan(self, start: bytes | None = None, end: bytes | None = None, *, reverse: bool = False) -> Iterator[Entry]:
        """See `engine.Snapshot`."""
        engine = self._open()
        return engine._walk(start, end, reverse, engine.snapshot(self.commit))

    def close(self) -> None:
        """See `engine.Snapshot`."""
        self._unpin()
        self._engine = None


class MemoryEngine:
    """See `engine.Engine`."""

    def __init__(self) -> None:
        self._keys: SortedDict[bytes, _Versions] = SortedDict()
        self._commit = 0
        self._retained: set[int] = set()
        self._pins: Counter[int] = Counter()
        self._lock = threading.RLock()
        self._closed = False

    def get(self, key: bytes) -> bytes | None:
        """See `engine.Engine`."""
        self._check()
        return self._at(key, self._commit)

    def multi_get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """See `engine.Engine`."""
        self._check()
        with self._lock:
            return [self._at(key, self._commit) for key in keys]

    def scan(self, start: bytes | None = None, end: bytes | None = None, *, reverse: bool = False) -> Iterator[Entry]:
        """See `engine.Engine`."""
        self._check()
        return self._walk(start, end, reverse, self.snapshot())

    def write(self, changes: Iterable[Change]) -> int:
        """See `engine.Engine`."""
        self._check()
        batch = dict(changes)
        with self._lock:
            if batch:
                commit = self._commit + 1
                for key, value in batch.items():
                    self._keys.setdefault(key, _Versions()).put(commit, value)
                self._commit = commit
            return self._commit

    def snapshot(self, at: int | None = None) -> MemorySnapshot:
        """See `engine.Engine`."""
        self._check()
        with self._lock:
            commit = self._commit if at is None else at
            if commit > self._commit:
                raise InvalidError(f"commit {commit} is not there yet; the newest is {self._commit}")
            if commit != self._commit and commit not in self._retained and not self._pins[commit]:
                raise BehindHorizonError(f"commit {commit} is no longer kept")
            self._pins[commit] += 1
            return MemorySnapshot(self, commit)

    def begin(self, *, read_only: bool = False) -> OptimisticTransaction:
        """See `engine.Engine`."""
        self._check()
        return OptimisticTransaction(self, read_only=read_only)

    def write_unless_changed(self, changes: Sequence[Change], since: int, ranges: Sequence[Range]) -> int | None:
        """See `optimistic.Validating`."""
        with self._lock:
            if any(self._changed_since(since, start or b"", end) for start, end in ranges):
                return None
            return self.write(changes)

    def _changed_since(self, commit: int, start: bytes, end: bytes | None) -> bool:
        self._check()
        with self._lock:
            return any(self._keys[key].commits[-1] > commit for key in self._keys.irange(start, end, (True, False)))

    def retain(self) -> int:
        """See `engine.Engine`."""
        self._check()
        with self._lock:
            self._retained.add(self._commit)
            return self._commit

    def release(self, commit: int) -> None:
        """See `engine.Engine`."""
        self._check()
        with self._lock:
            self._retained = {kept for kept in self._retained if kept >= commit}

    def checkpoint(self, dest: Path) -> int:
        """Refused: there are no files."""
        raise NotBuiltError(f"the memory engine has no files to copy to {dest}")

    def sync(self) -> None:
        """There is no disk."""
        self._check()

    def stats(self) -> Mapping[str, int]:
        """See `engine.Engine`."""
        self._check()
        return {"keys": len(self._keys), "commit": self._commit, "retained": len(self._retained)}

    def close(self) -> None:
        """See `engine.Engine`."""
        self._closed = True

    def _check(self) -> None:
        if self._closed:
            raise ClosedError("the database is closed")

    def _at(self, key: bytes, commit: int) -> bytes | None:
        versions = self._keys.get(key)
        return versions.at(commit) if versions is not None else None

    def _walk(self, start: bytes | None, end: bytes | None, reverse: bool, snapshot: MemorySnapshot) -> Iterator[Entry]:
        # Keys are only ever added, so places move but what was passed stays passed: walk by key, not by place.
        last: bytes | None = None
        while True:
            with self._lock:
                low, high = (start, last if last is not None else end) if reverse else (last if last is not None else start, end)
                inclusive = (True, False) if reverse or last is None else (False, False)
                page = []
                for key in self._keys.irange(low, high, inclusive, reverse):
                    page.append((key, self._keys[key].at(snapshot.commit)))
                    if len(page) == 64:
                        break
            if not page:
                return
            for key, value in page:
                if value is not None:
                    yield key, value
            last = page[-1][0]

    def _unpin(self, commit: int) -> None:
        with self._lock:
            self._pins[commit] -= 1
