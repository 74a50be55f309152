"""What the views of an app stand on: what reads one moment of it, what writes it, transactions, and the store of them all.

Theory: the native store, a native transaction and the portable graph give the same answers in the same shape, so the views are
written once. Walks come in pages of rows (two byte strings and a number), because a crossing into native code costs more than
finding the next record; what a row means: members are (order key, id or value, kind), memberships (hyperedge, order key,
kind), elements and changes (id, nothing, version).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from hyperdb.graph.members import Kind, RawMember

Row = tuple[bytes, bytes, int]
Isolation: TypeAlias = Literal["read committed", "repeatable read", "serializable"]
LockMode: TypeAlias = Literal["key share", "share", "no key update", "update"]
Wait: TypeAlias = Literal["block", "nowait", "skip"]

# Seconds; a program that waits for its own lock in another handle should hear of it.
LOCK_TIMEOUT = 10.0


@dataclass(frozen=True)
class TransactionOptions:
    """How a transaction is begun. `lock_timeout` in seconds, for one lock; None waits for ever."""

    isolation: Isolation = "serializable"
    read_only: bool = False
    lock_timeout: float | None = LOCK_TIMEOUT


class Moment(Protocol):
    """The reading side."""

    def element(self, element: bytes, /) -> tuple[Kind, bytes, int, int] | None:
        """Kind, value of a vertex, and of a hyperedge how many members of how many bytes; None if it is not there."""

    def version(self, element: bytes, /) -> int | None:
        """The commit that last added or removed the element; 0 if the transaction that reads did."""

    def member(self, element: bytes, order_key: bytes, /) -> tuple[int, bytes] | None:
        """Kind and id or value of one member."""

    def members(self, element: bytes, start: bytes | None, stop: bytes | None, reverse: bool, /) -> Iterator[list[Row]]:
        """Members between two order keys, `start` included, `stop` excluded."""

    def incident(self, element: bytes, /) -> Iterator[list[Row]]:
        """Memberships of an element, there or not, by hyperedge and order key."""

    def within(self, inner: bytes, outer: bytes, /) -> bool:
        """Whether `inner` is a member of `outer` or of a hyperedge within it."""

    def elements(self, vertices: bool, /) -> Iterator[list[Row]]:
        """Vertices, or hyperedges of every kind, in hash order."""

    def changes(self, vertices: bool, adds: bool, /) -> Iterator[list[Row]]:
        """One of the four versioned sets, in hash order."""

    def counts(self) -> Sequence[tuple[Kind, int, int]]:
        """Elements and bytes of each kind."""

    def expiring(self) -> int:
        """How many elements have an expiry."""


class GraphWriter(Protocol):
    """The writing side; a call happens whole or not at all."""

    def add_vertex(self, element: bytes, value: bytes, /) -> bool:
        """False if it is there like that."""

    def remove_vertex(self, element: bytes, detach: bool, /) -> bool:
        """Whether it was there."""

    def add_hyperedge(self, element: bytes, members: Sequence[RawMember], /) -> bool:
        """False if it is there with these members."""

    def remove_hyperedge(self, element: bytes, detach: bool, /) -> bool:
        """Whether it was there."""

    def add_members(self, element: bytes, members: Sequence[RawMember], /) -> int:
        """How many were not there like that."""

    def remove_members(self, element: bytes, order_keys: Sequence[bytes], /) -> int:
        """How many were there."""


class AppTransaction(Moment, GraphWriter, Protocol):
    """An app inside a transaction."""

    def put_vertex(self, element: bytes, value: bytes, expires_at: int | None, /) -> None:
        """Adds a vertex, replacing whatever the id named."""

    def remove_element(self, element: bytes, /) -> bool:
        """Removes an element with its members; memberships of it stay."""

    def lock_element(self, element: bytes, mode: LockMode, wait: Wait, /) -> bool:
        """Locks an element until the end; False if another one has it and `wait` says to skip it."""

    def expires_at(self, element: bytes, /) -> int | None:
        """When it expires, Unix milliseconds."""

    def ids(self) -> Iterator[bytes]:
        """Ids of all elements, in hash order, lazily."""


class StoreTransaction(Protocol):
    """A transaction of a store."""

    def app(self, name: bytes, /) -> AppTransaction:
        """An app inside it, made if it is new and the transaction writes."""

    def savepoint(self) -> int:
        """Marks a state to come back to; its number."""

    def rollback_to(self, savepoint: int, /) -> None:
        """Takes back what came after the savepoint, which stays."""

    def release(self, savepoint: int, /) -> None:
        """Forgets the savepoint."""

    def commit(self) -> int:
        """Makes it one durable commit; its number."""

    def rollback(self) -> None:
        """Ends it without a trace."""

    def cancel(self) -> None:
        """Ends a wait for a lock, from another thread."""


class AppStore(GraphWriter, Protocol):
    """An app of a store, each write a commit of its own."""

    def reader(self, snapshot: Any, horizon: int, past: bool, /) -> Moment:
        """The app at a snapshot of the store's own kind; of the past, expired elements are shown."""


class StoreSnapshot(Protocol):
    """A pinned commit of a store."""

    def commit(self) -> int:
        """Which one."""

    def close(self) -> None:
        """Lets it go; moments read at it go on."""


class Moments(Protocol):
    """The commits of a store, and its upkeep. What they mean: `hyperdb.Database`."""

    def snapshot(self, at: int | None = None) -> StoreSnapshot:
        """A snapshot, which `AppStore.reader` takes."""

    def horizon(self) -> int:
        """Removes after this commit are known."""

    def durable(self) -> int:
        """The newest commit that everybody may see."""

    def retain(self) -> int:
        """Keeps the present."""

    def release(self, commit: int, /) -> None:
        """Ends retentions below it."""

    def checkpoint(self, dest: Path, /) -> int:
        """Writes a copy."""

    def check(self, progress: Callable[[int, int], object], /) -> list[str]:
        """Verifies; what was found."""

    def stats(self) -> Iterable[tuple[str, int]]:
        """Counters and gauges."""

    def sync(self) -> None:
        """Makes all durable."""

    def flush(self) -> None:
        """Writes memory out."""


class GraphStore(Protocol):
    """A store of apps."""

    @property
    def moments(self) -> Moments:
        """Its commits."""

    def app(self, name: bytes, /) -> AppStore:
        """An app."""

    def begin(self, options: TransactionOptions, at_ms: int, /) -> StoreTransaction:
        """Begins a transaction; `at_ms` in Unix milliseconds is what expiry goes by."""

    def close(self) -> None:
        """Makes all durable and closes."""
