"""The native LSM behind the engine protocol.

Theory: one crossing into native code per call, and one per chunk of a scan; the interpreter's lock is free meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from hyperdb import _native
from hyperdb.storage.engine import Change, Entry
from hyperdb.storage.optimistic import OptimisticTransaction, Range
from hyperdb.values import OpenOptions

# Column family of user data.
_DATA = 0


class NativeSnapshot:
    """See `engine.Snapshot`."""

    def __init__(self, inner: _native.Snapshot) -> None:
        self._inner = inner
        self.commit = inner.commit()

    def get(self, key: bytes) -> bytes | None:
        """See `engine.Snapshot`."""
        return self._inner.get(key, _DATA)

    def multi_get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """See `engine.Snapshot`."""
        return self._inner.multi_get(keys, _DATA)

    def version(self, key: bytes) -> int | None:
        """See `engine.Snapshot`."""
        return self._inner.version(key, _DATA)

    def scan(self, start: bytes | None = None, end: bytes | None = None, *, reverse: bool = False) -> Iterator[Entry]:
        """See `engine.Snapshot`."""
        return chain.from_iterable(self._inner.scan(start, end, reverse, _DATA))

    def close(self) -> None:
        """See `engine.Snapshot`."""
        self._inner.close()


class NativeEngine:
    """See `engine.Engine`."""

    def __init__(self, path: Path, options: OpenOptions) -> None:
        self._inner = _native.Engine(path, sync=options.sync, memory=options.memory, create=options.create)

    def get(self, key: bytes) -> bytes | None:
        """See `engine.Engine`."""
        return self._inner.get(key, _DATA)

    def multi_get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """See `engine.Engine`."""
        return self._inner.multi_get(keys, _DATA)

    def scan(self, start: bytes | None = None, end: bytes | None = None, *, reverse: bool = False) -> Iterator[Entry]:
        """See `engine.Engine`."""
        return chain.from_iterable(self._inner.snapshot().scan(start, end, reverse, _DATA))

    def write(self, changes: Iterable[Change]) -> int:
        """See `engine.Engine`."""
        return self._inner.write(changes, _DATA)

    def snapshot(self, at: int | None = None) -> NativeSnapshot:
        """See `engine.Engine`."""
        return NativeSnapshot(self._inner.snapshot(at))

    def begin(self, *, read_only: bool = False) -> OptimisticTransaction:
        """See `engine.Engine`. The graph's transactions have row locks and more levels: `hyperdb.Database.transaction`."""
        return OptimisticTransaction(self, read_only=read_only)

    def write_unless_changed(self, changes: Sequence[Change], since: int, ranges: Sequence[Range]) -> int | None:
        """See `optimistic.Validating`."""
        return _native.write_unless_changed(self._inner, changes, since, ranges, _DATA)

    def retain(self) -> int:
        """See `engine.Engine`."""
        return self._inner.retain()

    def release(self, commit: int) -> None:
        """See `engine.Engine`."""
        self._inner.release(commit)

    def checkpoint(self, dest: Path) -> int:
        """See `engine.Engine`."""
        return self._inner.checkpoint(dest)

    def flush(self) -> None:
        """Writes the memtables out as sorted tables."""
        self._inner.flush()

    def compact(self) -> None:
        """Flushes, and waits until nothing is left to merge."""
        self._inner.compact()

    def sync(self) -> None:
        """See `engine.Engine`."""
        self._inner.sync()

    def stats(self) -> Mapping[str, int]:
        """See `engine.Engine`."""
        return dict(self._inner.stats())

    def close(self) -> None:
        """See `engine.Engine`."""
        self._inner.close()
