"""LMDB behind the engine protocol: small, read-mostly files that other tools can read too.

Theory: a record is `escaped key, 0x00 0x00, ~version big endian` with its value after one byte of op; the newest version of a
key comes first. Zero bytes in keys are written 0x00 0xFF, so byte order is key order and the separator is found. LMDB's own
snapshots are read transactions, which bind threads and pin pages; versions in keys do without.
Invariant: what no retained commit and no snapshot can see is removed when its key is written.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import lmdb

from hyperdb.errors import BehindHorizonError, ClosedError, InvalidError, LockedError, NoSpaceError, NotFoundError, StorageError
from hyperdb.storage.engine import Change, Entry
from hyperdb.storage.optimistic import OptimisticTransaction, Range
from hyperdb.values import OpenOptions

_MAP_BYTES = 64 << 30
_END = b"\x00\x00"
_VERSIONS = (1 << 64) - 1
_ADD, _REMOVE = b"\x01", b"\x02"
# The system's own records; user records begin with 0x01.
_COMMIT, _RETAINED, _USER = b"\x00commit", b"\x00retained", b"\x01"
# LMDB's own limit on keys is 511 bytes.
LONGEST_KEY = 240
_PAGE = 256
_LOCK_NAME = "hyperdb.lock"


def _prefix(key: bytes) -> bytes:
    return _USER + key.replace(b"\x00", b"\x00\xff") + _END


def _key_of(record: bytes) -> bytes:
    return record[1:-10].replace(b"\x00\xff", b"\x00")


def _version_of(record: bytes) -> int:
    return _VERSIONS - int.from_bytes(record[-8:], "big")


def _record(key: bytes, version: int) -> bytes:
    return _prefix(key) + (_VERSIONS - version).to_bytes(8, "big")


def _bounds(start: bytes, end: bytes | None) -> tuple[bytes, bytes]:
    """Between which records the keys `start <= key < end` lie."""
    high = b"\x02" if end is None else _USER + end.replace(b"\x00", b"\x00\xff")
    return _USER + start.replace(b"\x00", b"\x00\xff"), high


class LmdbSnapshot:
    """See `engine.Snapshot`."""

    def __init__(self, engine: LmdbEngine, commit: int) -> None:
        self._engine: LmdbEngine | None = engine
        self.commit = commit
        self._unpin = weakref.finalize(self, engine._unpin, commit)

    def _open(self) -> LmdbEngine:
        if self._engine is None:
            raise ClosedError("the snapshot is closed")
        return self._engine

    def get(self, key: bytes) -> bytes | None:
        """See `engine.Snapshot`."""
        return self.multi_get([key])[0]

    def multi_get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """See `engine.Snapshot`."""
        return self._open()._read(keys, self.commit)

    def version(self, key: bytes) -> int | None:
        """See `engine.Snapshot`."""
        return self._open()._version(key, self.commit)

    def scan(self, start: bytes | None = None, end: bytes | None = None, *, reverse: bool = False) -> Iterator[Entry]:
        """See `engine.Snapshot`."""
        engine = self._open()
        return engine._walk(start, end, reverse, engine.snapshot(self.commit))

    def close(self) -> None:
        """See `engine.Snapshot`."""
        self._unpin()
        self._engine = None


class LmdbEngine:
    """See `engine.Engine`."""

    def __init__(self, path: Path, options: OpenOptions) -> None:
        if not options.create and not path.is_dir():
            raise NotFoundError(f"there is no database in {path}")
        path.mkdir(exist_ok=True)
        # LMDB would let two processes in, but the newest commit is known here.
        self._owner = os.open(path / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._owner)
            raise LockedError(f"another process owns {path}") from error
        try:
            self._env = lmdb.open(str(path), map_size=_MAP_BYTES, sync=options.sync == "always", create=options.create)
        except lmdb.Error as error:
            os.close(self._owner)
            raise StorageError(f"{path}: {error}") from error
        self.path = path
        self._lock = threading.RLock()
        self._pins: Counter[int] = Counter()
        self._closed = False
        with self._env.begin() as reader:
            self._commit = int(reader.get(_COMMIT, b"0"))
            self._retained = {int(part) for part in bytes(reader.get(_RETAINED, b"")).split()}

    def get(self, key: bytes) -> bytes | None:
        """See `engine.Engine`."""
        return self.multi_get([key])[0]

    def multi_get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """See `engine.Engine`."""
        return self._read(keys, _VERSIONS)

    def scan(self, start: bytes | None = None, end: bytes | None = None, *, reverse: bool = False) -> Iterator[Entry]:
        """See `engine.Engine`."""
        return self._walk(start, end, reverse, self.snapshot())

    def write(self, changes: Iterable[Change]) -> int:
        """See `engine.Engine`."""
        self._check()
        batch = dict(changes)
        if any(len(key) > LONGEST_KEY for key in batch):
            raise InvalidError(f"a key is longer than {LONGEST_KEY} bytes, the most that LMDB takes here")
        with self._lock:
            if not batch:
                return self._commit
            commit = self._commit + 1
            seen = sorted(self._retained | {kept for kept, count in self._pins.items() if count} | {self._commit})
            try:
                with self._env.begin(write=True) as writer:
                    for key, value in batch.items():
                        self._forget(writer, key, seen)
                        writer.put(_record(key, commit), _REMOVE if value is None else _ADD + value)
                    writer.put(_COMMIT, str(commit).encode())
            except lmdb.MapFullError as error:
                raise NoSpaceError(f"{self.path}: {error}") from error
            self._commit = commit
            return commit

    def _forget(self, writer: lmdb.Transaction, key: bytes, seen: list[int]) -> None:
        """Removes versions of `key` that none of the commits in `seen` reads."""
        prefix = _prefix(key)
        cursor = writer.cursor()
        newer: int | None = None
        found = cursor.set_range(prefix)
        while found and (record := bytes(cursor.key())).startswith(prefix):
            version = _version_of(record)
            if not any(version <= commit and (newer is None or commit < newer) for commit in seen):
                # Deleting moves to the next record.
                found = cursor.delete() and bool(cursor.key())
            else:
                newer = version
                found = cursor.next()

    def snapshot(self, at: int | None = None) -> LmdbSnapshot:
        """See `engine.Engine`."""
        self._check()
        with self._lock:
            commit = self._commit if at is None else at
            if commit > self._commit:
                raise InvalidError(f"commit {commit} is not there yet; the newest is {self._commit}")
            if commit != self._commit and commit not in self._retained and not self._pins[commit]:
                raise BehindHorizonError(f"commit {commit} is no longer kept")
            self._pins[commit] += 1
            return LmdbSnapshot(self, commit)

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
        # The newest version of a key, removes included, is always kept.
        self._check()
        low, high = _bounds(start, end)
        with self._env.begin() as reader:
            cursor = reader.cursor()
            found = cursor.set_range(low)
            while found and (record := bytes(cursor.key())) < high:
                if _version_of(record) > commit:
                    return True
                found = cursor.next()
        return False

    def retain(self) -> int:
        """See `engine.Engine`."""
        self._check()
        with self._lock:
            self._keep(self._retained | {self._commit})
            return self._commit

    def release(self, commit: int) -> None:
        """See `engine.Engine`."""
        self._check()
        with self._lock:
            self._keep({kept for kept in self._retained if kept >= commit})

    def _keep(self, retained: set[int]) -> None:
        with self._env.begin(write=True) as writer:
            writer.put(_RETAINED, " ".join(map(str, sorted(retained))).encode())
        self._retained = retained

    def checkpoint(self, dest: Path) -> int:
        """See `engine.Engine`."""
        self._check()
        dest.mkdir()
        try:
            with self._lock:
                self._env.copy(str(dest))
                return self._commit
        except lmdb.Error as error:
            shutil.rmtree(dest)
            raise StorageError(f"{dest}: {error}") from error

    def sync(self) -> None:
        """See `engine.Engine`."""
        self._check()
        self._env.sync(True)

    def stats(self) -> Mapping[str, int]:
        """See `engine.Engine`."""
        self._check()
        told = self._env.stat()
        return {"records": told["entries"], "commit": self._commit, "retained": len(self._retained)}

    def close(self) -> None:
        """See `engine.Engine`."""
        if not self._closed:
            self._closed = True
            self._env.sync(True)
            self._env.close()
            os.close(self._owner)

    def _check(self) -> None:
        if self._closed:
            raise ClosedError("the database is closed")

    def _read(self, keys: Sequence[bytes], commit: int) -> list[bytes | None]:
        self._check()
        with self._env.begin() as reader:
            cursor = reader.cursor()
            return [self._find(cursor, key, commit) for key in keys]

    def _version(self, key: bytes, commit: int) -> int | None:
        self._check()
        with self._env.begin() as reader:
            cursor = reader.cursor()
            if not cursor.set_range(_record(key, commit)):
                return None
            record = bytes(cursor.key())
            return _version_of(record) if record.startswith(_prefix(key)) else None

    @staticmethod
    def _find(cursor: lmdb.Cursor, key: bytes, commit: int) -> bytes | None:
        if not cursor.set_range(_record(key, commit)) or not bytes(cursor.key()).startswith(_prefix(key)):
            return None
        value = bytes(cursor.value())
        return value[1:] if value[:1] == _ADD else None

    def _walk(self, start: bytes | None, end: bytes | None, reverse: bool, snapshot: LmdbSnapshot) -> Iterator[Entry]:
        # A page at a time: a read transaction left open by a slow reader would pin every freed page.
        while True:
            page, more = self._page(start, end, reverse, snapshot.commit)
            yield from ((key, value) for key, value in page if value is not None)
            if not more:
                return
            last = page[-1][0]
            start, end = (start, last) if reverse else (last + b"\x00", end)

    def _page(
        self, start: bytes | None, end: bytes | None, reverse: bool, commit: int
    ) -> tuple[list[tuple[bytes, bytes | None]], bool]:
        self._check()
        low, high = _bounds(start or b"", end)
        page: list[tuple[bytes, bytes | None]] = []
        with self._env.begin() as reader:
            cursor, finder = reader.cursor(), reader.cursor()
            found = cursor.set_range(high) if reverse else cursor.set_range(low)
            if reverse:
                found = cursor.prev() if found else cursor.last()
            while found:
                record = bytes(cursor.key())
                if not low <= record < high:
                    break
                key = _key_of(record)
                if not page or page[-1][0] != key:
                    if len(page) == _PAGE:
                        return page, True
                    page.append((key, self._find(finder, key, commit)))
                found = cursor.prev() if reverse else cursor.next()
        return page, False

    def _unpin(self, commit: int) -> None:
        with self._lock:
            self._pins[commit] -= 1
