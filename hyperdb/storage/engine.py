"""What a storage engine must do.

Theory: a key has versions, numbered by the commits that wrote them; a reader fixed at a commit sees the newest version at or
below it. A commit is there whole or not at all. The past stays readable while a snapshot of it lives or it is retained.
Invariant: the same calls give the same answers on every engine; `tests/contract` runs one suite through all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

Entry: TypeAlias = tuple[bytes, bytes]
# A key with its new value, or with None to remove it.
Change: TypeAlias = tuple[bytes, bytes | None]


class Snapshot(Protocol):
    """A fixed view. Close it, or drop it, so that the past may be forgotten."""

    @property
    def commit(self) -> int:
        """The commit it sees."""

    def get(self, key: bytes) -> bytes | None:
        """The key's value, or None."""

    def multi_get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Values in the order asked."""

    def version(self, key: bytes) -> int | None:
        """The commit that last wrote or removed the key; None if it never was there, or its remove is forgotten."""

    def scan(self, start: bytes | None = None, end: bytes | None = None, *, reverse: bool = False) -> Iterator[Entry]:
        """Entries with `start <= key < end` in key order, lazily; the iterator keeps the snapshot alive."""

    def close(self) -> None:
        """Lets go of the view; iterators that it made go on."""


class Transaction(Protocol):
    """Reads of one moment and writes on top of them that happen at once, at the commit, or not at all.

    Serializable: what it read would read the same at its commit. It may lose to another one, and never waits for one that
    has only read. A transaction that was dropped is rolled back.
    """

    def get(self, key: bytes) -> bytes | None:
        """The key's value, own writes first."""

    def multi_get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Values in the order asked."""

    def version(self, key: bytes) -> int | None:
        """As `Snapshot.version`; 0 if this transaction wrote or removed the key."""

    def scan(self, start: bytes | None = None, end: bytes | None = None, *, reverse: bool = False) -> Iterator[Entry]:
        """As `Snapshot.scan`, own writes included; those made while it goes on may show or not."""

    def put(self, key: bytes, value: bytes) -> None:
        """Adds or replaces a key."""

    def remove(self, key: bytes) -> None:
        """Removes a key, there or not."""

    def savepoint(self) -> int:
        """Marks a state to come back to; its number. Savepoints nest."""

    def rollback_to(self, savepoint: int) -> None:
        """Takes back the writes since the savepoint, which stays."""

    def release(self, savepoint: int) -> None:
        """Forgets the savepoint and those after it, keeping the writes."""

    def commit(self) -> int:
        """Makes the writes one commit; its number once it may be acknowledged. It ends the transaction either way.

        Raises:
            SerializationError: something that it read has changed.
        """

    def rollback(self) -> None:
        """Ends it without a trace. A second call does nothing."""


class Engine(Protocol):
    """An open store."""

    def get(self, key: bytes) -> bytes | None:
        """The key's newest visible value, or None."""

    def multi_get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Values in the order asked, all of one moment."""

    def scan(self, start: bytes | None = None, end: bytes | None = None, *, reverse: bool = False) -> Iterator[Entry]:
        """As `Snapshot.scan`, of the present."""

    def write(self, changes: Iterable[Change]) -> int:
        """Applies changes as one commit, the last of equal keys winning; returns its number once it may be acknowledged.

        An empty batch makes no commit and returns the newest one.
        """

    def snapshot(self, at: int | None = None) -> Snapshot:
        """A view of the present, or of a past commit that is still kept.

        Raises:
            BehindHorizonError: when that commit is no longer kept.
            InvalidError: when that commit is not there yet.
        """

    def begin(self, *, read_only: bool = False) -> Transaction:
        """Begins a transaction; one that only reads never fails."""

    def retain(self) -> int:
        """Keeps the present readable until `release`; returns its commit."""

    def release(self, commit: int) -> None:
        """Ends the retention of every commit below `commit`."""

    def checkpoint(self, dest: Path) -> int:
        """Writes a consistent copy to the new directory `dest`; returns its commit.

        Raises:
            NotBuiltError: by an engine without files.
        """

    def sync(self) -> None:
        """Waits until everything written is on the disk, where there is one."""

    def stats(self) -> Mapping[str, int]:
        """Counters and gauges; bytes, counts and microseconds as the name says."""

    def close(self) -> None:
        """Makes everything durable and closes. Using it afterwards raises ClosedError; a second close does nothing."""
