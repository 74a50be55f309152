"""Tables of the engine's own that hold what a table of ours holds, as long as that does not change.

Theory: a scan tells the version of its table; equal versions have equal rows. A query over a copy has the engine's own
statistics, zone maps and threads, where one over a scan has one reader of batches. A copy costs about as much as the first query,
so it is made when a version is asked for the second time, of the columns asked for so far, and when those turn out to be too
few, of all that the engine can hold; a table that changes all the time is only scanned. Invariant: a copy is used for its version
alone, and dropped when nobody reads it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from hyperdb.errors import HyperDBError, NotColumnarError

if TYPE_CHECKING:
    from hyperdb.frontends.sql.columnar.engine import Relation

Version: TypeAlias = tuple[int, int]
Ids: TypeAlias = frozenset[int]

_VALUE_BYTES = 12
"""What a value is expected to take, before it is known."""


@dataclass(eq=False, slots=True)
class Copy:
    """A table of the engine: `name`, its columns are called by `column`."""

    name: str
    version: Version
    columns: Ids
    bytes: int = 0
    readers: int = 0
    stale: bool = False


def column(number: int) -> str:
    """The name of a column in a copy, by its id."""
    return f"c{number}"


@dataclass(slots=True)
class _Known:
    """What is known of a table: the version seen last, the columns asked for of it, and its copy."""

    version: Version | None = None
    wanted: Ids = frozenset()
    seen: int = 0
    refused: bool = False
    narrow: bool = False
    """Not all of its columns can be copied together."""
    copy: Copy | None = None


@dataclass(slots=True)
class Copies:
    """The copies of one engine, at most `budget` bytes.

    `make(copy, relation)` fills a copy and gives its bytes, `drop(copy)` removes it; both may be called by any thread.
    """

    budget: int
    make: Callable[[Copy, Relation], int]
    drop: Callable[[Copy], None]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _making: threading.Lock = field(default_factory=threading.Lock)
    _tables: OrderedDict[int, _Known] = field(default_factory=OrderedDict)
    _made: int = 0

    def find(self, relation: Relation, version: Version, rows: int) -> Copy | None:
        """A copy of the relation at a version, for one reader, who calls `release`; None: scan it."""
        ids = frozenset(number for number, _ in relation.columns)
        assert relation.identity is not None
        with self._lock:
            known = self._tables.setdefault(relation.identity, _Known())
            self._tables.move_to_end(relation.identity)
            if known.version != version:
                known.version, known.seen, known.refused, known.narrow = version, 0, False, False
            known.seen += 1
            known.wanted |= ids
            found = known.copy
            if found is not None and found.version == version and ids <= found.columns:
                found.readers += 1
                return found
            choices = [known.wanted]
            if found is not None and found.version == version and not known.narrow:
                choices.insert(0, known.wanted | relation.every)
            choices = [each for each in choices if len(each) * rows * _VALUE_BYTES <= self.budget]
            if known.seen < 2 or known.refused or not choices:
                return None
        if not self._making.acquire(blocking=False):
            return None
        try:
            made = (self._make(relation, version, each) for each in choices)
            return next((copy for copy in made if copy is not None), None)
        finally:
            self._making.release()

    def release(self, copy: Copy) -> None:
        """A reader has done with it."""
        with self._lock:
            copy.readers -= 1
            gone = copy.stale and not copy.readers
        if gone:
            self.drop(copy)

    def _make(self, relation: Relation, version: Version, wanted: Ids) -> Copy | None:
        with self._lock:
            self._made += 1
            copy = Copy(f"copy{self._made}", version, wanted)
        try:
            copy.bytes = self.make(copy, relation)
        except (HyperDBError, NotColumnarError):
            # Whoever reads it by a scan learns why.
            with self._lock:
                known = self._known(relation)
                known.narrow, known.refused = True, wanted <= known.wanted
            return None
        with self._lock:
            known = self._known(relation)
            gone = self._retire(known.copy)
            known.copy = copy
            copy.readers += 1
            gone += self._room(known)
        for old in gone:
            self.drop(old)
        return copy

    def _known(self, relation: Relation) -> _Known:
        assert relation.identity is not None
        return self._tables.setdefault(relation.identity, _Known())

    def _retire(self, copy: Copy | None) -> list[Copy]:
        """Nobody is given the copy any more; it, if nobody reads it either."""
        if copy is None:
            return []
        copy.stale = True
        return [] if copy.readers else [copy]

    def _room(self, kept: _Known) -> list[Copy]:
        """Retires copies that were longest not used until the rest fits."""
        gone: list[Copy] = []
        total = sum(known.copy.bytes for known in self._tables.values() if known.copy)
        for known in self._tables.values():
            if total <= self.budget:
                break
            if known.copy is not None and known is not kept:
                total -= known.copy.bytes
                gone += self._retire(known.copy)
                known.copy = None
        return gone
