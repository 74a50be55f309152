"""An app at a frame in the order of its keys, cut into intervals that fit into pages.

Theory: the logical keys of an app (docs/commitment.md) are in the order of its trees: elements by hash, then the members of each
collection. A *fence* is the shortest key that separates two neighbours; page i holds all keys from fence i up to fence i + 1, and
proves that it does: a range of elements, and a range of each collection that reaches into the interval, empty or not. How much
fits is guessed from the rows and then measured, since the proof is made anyway. Invariant: the intervals of a packing lie side by
side and cover every key of elements and members.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, TypeVar

from hyperdb.commitment.verify import Bounds, Elements, Query, Rows
from hyperdb.commitment.verify.places import ELEMENT, MEMBER, member_key

P = TypeVar("P")

LAST = bytes([MEMBER + 1])
"""Behind all keys of members."""
_ELEMENTS = bytes([ELEMENT])
_MEMBERS = bytes([MEMBER])
_PLACE_BYTES = 9
"""Of an element's key, as far as ranges of elements can be told apart: the space and hash64."""


@dataclass(frozen=True)
class Item:
    """A live entry: its logical key, and about how many bytes its row has."""

    key: bytes
    size: int


@dataclass(frozen=True)
class Run:
    """Keys that one query ranges over: those of a collection."""

    prefix: bytes
    collection: bytes
    companion: bool


@dataclass(frozen=True)
class Contents:
    """An app's entries, and its collections, both by key."""

    items: Sequence[Item]
    runs: Sequence[Run]

    @cached_property
    def _prefixes(self) -> Sequence[bytes]:
        return [run.prefix for run in self.runs]

    def within(self, low: bytes, high: bytes) -> Sequence[Item]:
        """Items from a fence up to another."""
        return self.items[bisect_left(self.items, low, key=_key) : bisect_left(self.items, high, key=_key)]

    def queries(self, low: bytes, high: bytes) -> tuple[Query, ...]:
        """What a page proves to show all keys from a fence up to another; none if nothing can lie there."""
        queries: list[Query] = []
        if low < _MEMBERS:
            below = high[1:] if high < _MEMBERS else b""
            queries.append(Elements(Bounds(low[1:], below)))
        first = max(bisect_right(self._prefixes, low) - 1, 0)
        for run in self.runs[first : bisect_left(self._prefixes, high)]:
            if run.prefix < low and not low.startswith(run.prefix):
                continue
            start = low[len(run.prefix) :] if low.startswith(run.prefix) else b""
            end = high[len(run.prefix) :] if high.startswith(run.prefix) else b""
            queries.append(Rows(run.collection, Bounds(start, end, run.companion)))
        return tuple(queries)


def _key(item: Item) -> bytes:
    return item.key


def run_of(collection: bytes, cid: int, companion: bool) -> Run:
    """The keys of a collection, or of its companion."""
    return Run(member_key(cid + companion, b""), collection, companion)


def separator(before: bytes, after: bytes) -> bytes | None:
    """The shortest key above `before` that is not above `after`; None if no range can tell them apart."""
    same = next((place for place, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), len(before))
    found = after[: same + 1]
    return None if found[:1] == _ELEMENTS and len(found) > _PLACE_BYTES else found


@dataclass
class Packer(Generic[P]):
    """Cuts contents into pieces. `make` proves an interval and gives what became of it, or None if it does not fit."""

    contents: Contents
    budget: int
    """Bytes of a page."""
    make: Callable[[bytes, tuple[Query, ...], bool], P | None]
    """Gets the fence, the queries, and whether it has to fit, since it cannot be cut."""
    keep: bool = False
    """Whether an interval is to stay one piece if it can."""
    _share: float = field(default=0.8, init=False)
    """How much of a page rows may take, by what was seen so far."""

    def pack(self, low: bytes, high: bytes) -> Iterator[P]:
        """Pieces from a fence up to another."""
        items = self.contents.within(low, high)
        start = 0
        while True:
            end = len(items) if self.keep and start == 0 else self._guess(items, start)
            fence, made = self._largest(items, start, end, low, high)
            if made is not None:
                yield made
            if fence == high:
                return
            start, low = bisect_left(items, fence, key=_key), fence

    def _guess(self, items: Sequence[Item], start: int) -> int:
        room, end = self.budget * self._share, start
        while end < len(items) and room > 0:
            room -= items[end].size
            end += 1
        return max(end - (room < 0), start + 1)

    def _largest(self, items: Sequence[Item], start: int, end: int, low: bytes, high: bytes) -> tuple[bytes, P | None]:
        """The piece from `start` on that fits, of at most `end`, and the fence behind it."""
        while True:
            end, fence = _cut(items, end, high)
            queries = self.contents.queries(low, fence)
            if not queries:
                return fence, None
            whole = _cut(items, start + 1, high)[0] >= end
            made = self.make(low, queries, whole)
            if made is not None:
                self._share = min(self._share * 1.02, 0.95)
                return fence, made
            self._share = max(self._share * 0.95, 0.05)
            end = _shorter(items, start, end, high)


def _shorter(items: Sequence[Item], start: int, end: int, high: bytes) -> int:
    """A place in front of `end` where a fence can stand, about a tenth nearer to `start`; there is one."""
    target = start + max((end - start) * 9 // 10, 1)
    while _cut(items, target, high)[0] >= end:
        target -= 1
    return target


def _cut(items: Sequence[Item], end: int, high: bytes) -> tuple[int, bytes]:
    """A place at or behind `end` where a fence can stand, and the fence."""
    while end < len(items):
        fence = separator(items[end - 1].key, items[end].key)
        if fence is not None:
            return end, fence
        end += 1
    return len(items), high
