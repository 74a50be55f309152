"""Transactions for engines that have snapshots and batches: read one moment, buffer the writes, validate at commit.

Theory: Kung and Robinson, "On optimistic methods for concurrency control" (TODS 1981), backward validation. What was read, keys
and ranges alike, is asked at commit whether anything in it is newer than the snapshot; if not, the transaction may be thought to
happen at its commit number, so commits are serializable in their order. Nobody waits, and who commits first wins.
Invariant: the engine validates and writes in one step. A transaction that wrote nothing needs no validation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from sortedcontainers import SortedDict

from hyperdb.errors import SerializationError, TransactionStateError
from hyperdb.storage.engine import Change, Entry, Snapshot

Range = tuple[bytes | None, bytes | None]


class Validating(Protocol):
    """What such a transaction needs of its engine."""

    def snapshot(self, at: int | None = None) -> Snapshot:
        """See `engine.Engine`."""

    def write_unless_changed(self, changes: Sequence[Change], since: int, ranges: Sequence[Range]) -> int | None:
        """Writes changes as one commit, as `Engine.write` does; its number.

        None, and nothing is written, if a key in one of the ranges (start included, end excluded) was written or removed after
        commit `since`.
        """


class OptimisticTransaction:
    """See `engine.Transaction`."""

    def __init__(self, engine: Validating, *, read_only: bool) -> None:
        self._engine = engine
        self._read_only = read_only
        self._snapshot: Snapshot | None = engine.snapshot()
        self._writes: SortedDict[bytes, bytes | None] = SortedDict()
        self._keys: set[bytes] = set()
        self._ranges: list[Range] = []
        # What each write replaced, newest last: None for no write of the key before.
        self._undo: list[tuple[bytes, tuple[bytes | None] | None]] = []
        self._savepoints: list[tuple[int, int]] = []
        self._next_savepoint = 0

    def _open(self) -> Snapshot:
        if self._snapshot is None:
            raise TransactionStateError("the transaction has ended")
        return self._snapshot

    def get(self, key: bytes) -> bytes | None:
        """See `engine.Transaction`."""
        return self.multi_get([key])[0]

    def multi_get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """See `engine.Transaction`."""
        snapshot = self._open()
        below = [key for key in keys if key not in self._writes]
        self._keys.update(below)
        found = dict(zip(below, snapshot.multi_get(below), strict=True))
        return [self._writes[key] if key in self._writes else found[key] for key in keys]

    def version(self, key: bytes) -> int | None:
        """The commit that last wrote or removed the key; 0 if this transaction did."""
        snapshot = self._open()
        if key in self._writes:
            return 0
        self._keys.add(key)
        return snapshot.version(key)

    def scan(self, start: bytes | None = None, end: bytes | None = None, *, reverse: bool = False) -> Iterator[Entry]:
        """See `engine.Transaction`. The whole range counts as read."""
        snapshot = self._open()
        self._ranges.append((start, end))
        own = dict.fromkeys(self._writes.irange(start, end, (True, False)))
        return self._merge(snapshot.scan(start, end, reverse=reverse), sorted(own, reverse=reverse), reverse)

    def _merge(self, below: Iterator[Entry], own: list[bytes], reverse: bool) -> Iterator[Entry]:
        """Both sorted the same way; an own write hides what lies below it."""
        at = 0
        for key, value in below:
            while at < len(own) and (own[at] > key if reverse else own[at] < key):
                yield from self._written(own[at])
                at += 1
            self._open()
            if key not in self._writes:
                yield key, value
        for key in own[at:]:
            yield from self._written(key)

    def _written(self, key: bytes) -> Iterator[Entry]:
        self._open()
        value = self._writes.get(key)
        if value is not None:
            yield key, value

    def put(self, key: bytes, value: bytes) -> None:
        """See `engine.Transaction`."""
        self._change(key, value)

    def remove(self, key: bytes) -> None:
        """See `engine.Transaction`."""
        self._change(key, None)

    def _change(self, key: bytes, value: bytes | None) -> None:
        self._open()
        if self._read_only:
            raise TransactionStateError("cannot write in a read-only transaction")
        self._undo.append((key, (self._writes[key],) if key in self._writes else None))
        self._writes[key] = value

    def savepoint(self) -> int:
        """See `engine.Transaction`."""
        self._open()
        self._next_savepoint += 1
        self._savepoints.append((self._next_savepoint, len(self._undo)))
        return self._next_savepoint

    def _back_to(self, savepoint: int) -> int:
        self._open()
        for place, (number, _) in enumerate(self._savepoints):
            if number == savepoint:
                return place
        raise TransactionStateError("there is no such savepoint")

    def rollback_to(self, savepoint: int) -> None:
        """See `engine.Transaction`. What was read stays read."""
        place = self._back_to(savepoint)
        del self._savepoints[place + 1 :]
        keep = self._savepoints[place][1]
        while len(self._undo) > keep:
            key, before = self._undo.pop()
            if before is None:
                del self._writes[key]
            else:
                self._writes[key] = before[0]

    def release(self, savepoint: int) -> None:
        """See `engine.Transaction`."""
        del self._savepoints[self._back_to(savepoint) :]

    def commit(self) -> int:
        """See `engine.Transaction`."""
        snapshot = self._open()
        try:
            if not self._writes:
                return snapshot.commit
            ranges: list[Range] = [*self._ranges, *((key, key + b"\x00") for key in self._keys)]
            commit = self._engine.write_unless_changed(list(self._writes.items()), snapshot.commit, ranges)
            if commit is None:
                raise SerializationError("could not serialize access: another transaction changed what it read")
            return commit
        finally:
            self.rollback()

    def rollback(self) -> None:
        """See `engine.Transaction`."""
        if self._snapshot is not None:
            self._snapshot.close()
            self._snapshot = None
