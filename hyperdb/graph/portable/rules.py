"""The rules of the hypergraph over a space of byte keys: a snapshot to read, a transaction to write too.

Theory: as documented for `hyperdb.App`. A member's record and its membership are written and removed together; every change of
a hyperedge's members writes its element again, so that its version is the commit of the change. Nesting is searched upward.
Invariant: adding what is there, and removing what is not, writes nothing. After a refusal the writes before it have to be
taken back by who holds the space.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Protocol

from hyperdb.errors import CycleError, InvalidError, NestingError, NotFoundError, ReferencedError, WrongTypeError
from hyperdb.graph.members import Kind, RawMember
from hyperdb.graph.portable.layout import (
    HYPEREDGE,
    VALUE,
    VERTEX,
    Layout,
    Stored,
    behind,
    decode_membership,
    encode_member,
    encode_membership,
)
from hyperdb.graph.store import Row

MOST_VISITED = 100_000
_MOST_NAMED = 8
_NAMES: dict[int, Kind] = {VERTEX: "vertex", HYPEREDGE: "hyperedge"}


class View(Protocol):
    """What reading needs: a snapshot or a transaction of an engine."""

    def get(self, key: bytes, /) -> bytes | None:
        """A value."""

    def version(self, key: bytes, /) -> int | None:
        """The commit that wrote the key last; 0 if the transaction did."""

    def scan(
        self, start: bytes | None = None, end: bytes | None = None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Entries in order, lazily."""


class Space(View, Protocol):
    """What writing needs besides."""

    def put(self, key: bytes, value: bytes, /) -> None:
        """Adds or replaces."""

    def remove(self, key: bytes, /) -> None:
        """Removes."""


class Reading:
    """See `store.Moment`."""

    def __init__(self, view: View, layout: Layout) -> None:
        self._view = view
        self._layout = layout

    def find(self, element: bytes) -> Stored | None:
        """The element, if it is there."""
        raw = self._view.get(self._layout.element(element))
        stored = None if raw is None else Stored.decode(raw)
        return None if stored is None or stored.gone else stored

    def _under(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        return self._view.scan(prefix, behind(prefix))

    def element(self, element: bytes, /) -> tuple[Kind, bytes, int, int] | None:
        """See `store.Moment`."""
        stored = self.find(element)
        if stored is None:
            return None
        count, size = (0, 0) if stored.kind == VERTEX else self._extent(element)
        return _NAMES[stored.kind], stored.value, count, size

    def _extent(self, hyperedge: bytes) -> tuple[int, int]:
        """How many members, of how many bytes."""
        prefix = self._layout.members(hyperedge)
        sizes = [len(key) - len(prefix) + len(value) for key, value in self._under(prefix)]
        return len(sizes), sum(sizes)

    def version(self, element: bytes, /) -> int | None:
        """See `store.Moment`."""
        return self._view.version(self._layout.element(element))

    def member(self, element: bytes, order_key: bytes, /) -> tuple[int, bytes] | None:
        """See `store.Moment`."""
        if not self._is_hyperedge(element):
            return None
        return self.raw_member(element, order_key)

    def raw_member(self, hyperedge: bytes, order_key: bytes) -> tuple[int, bytes] | None:
        """Kind and content of a member of a hyperedge that is there."""
        raw = self._view.get(self._layout.members(hyperedge) + order_key)
        return None if raw is None else (raw[0], raw[1:])

    def _is_hyperedge(self, element: bytes) -> bool:
        stored = self.find(element)
        if stored is not None and stored.kind == VERTEX:
            raise WrongTypeError(f"{element!r} names a vertex")
        return stored is not None

    def members(self, element: bytes, start: bytes | None, stop: bytes | None, reverse: bool, /) -> Iterator[list[Row]]:
        """See `store.Moment`."""
        if not self._is_hyperedge(element):
            return iter(())
        prefix = self._layout.members(element)
        high = behind(prefix) if stop is None else prefix + stop
        found = self._view.scan(prefix + (start or b""), high, reverse=reverse)
        return ([(key[len(prefix) :], raw[1:], raw[0])] for key, raw in found)

    def memberships(self, element: bytes) -> list[tuple[bytes, bytes, int]]:
        """Hyperedge, order key and kind of each, in order."""
        found = (decode_membership(raw) for _, raw in self._under(self._layout.incidence(element)))
        return sorted((hyperedge, order_key, kind) for kind, hyperedge, order_key in found)

    def incident(self, element: bytes, /) -> Iterator[list[Row]]:
        """See `store.Moment`."""
        return ([row] for row in self.memberships(element))

    def within(self, inner: bytes, outer: bytes, /) -> bool:
        """See `store.Moment`."""
        stored = self.find(inner)
        return stored is not None and self.lies_in(inner, stored.kind, outer)

    def lies_in(self, inner: bytes, kind: int, outer: bytes) -> bool:
        """Whether `outer` is found going up from `inner`, which is referred to as `kind`."""
        known: set[bytes] = set()
        to_visit = deque([(inner, kind)])
        visited = 0
        while to_visit:
            element, as_kind = to_visit.popleft()
            for hyperedge, _, found in self.memberships(element):
                visited += 1
                if visited > MOST_VISITED:
                    raise NestingError(f"more than {MOST_VISITED} memberships lie above {inner!r}: the search was given up")
                if found != as_kind:
                    continue
                if hyperedge == outer:
                    return True
                if hyperedge not in known:
                    known.add(hyperedge)
                    to_visit.append((hyperedge, HYPEREDGE))
        return False

    def _records(self) -> Iterator[tuple[Stored, bytes]]:
        return ((Stored.decode(raw), key) for key, raw in self._under(self._layout.elements))

    def elements(self, vertices: bool, /) -> Iterator[list[Row]]:
        """See `store.Moment`."""
        return self.changes(vertices, True)

    def changes(self, vertices: bool, adds: bool, /) -> Iterator[list[Row]]:
        """See `store.Moment`. Removes are never forgotten."""
        for stored, key in self._records():
            if (stored.kind == VERTEX) == vertices and stored.gone != adds:
                yield [(stored.id, b"", self._view.version(key) or 0)]

    def counts(self) -> Sequence[tuple[Kind, int, int]]:
        """See `store.Moment`."""
        counts, sizes = dict.fromkeys(_NAMES, 0), dict.fromkeys(_NAMES, 0)
        for stored, _ in self._records():
            if not stored.gone:
                counts[stored.kind] += 1
                sizes[stored.kind] += len(stored.id) + len(stored.value)
                sizes[stored.kind] += self._extent(stored.id)[1] if stored.kind == HYPEREDGE else 0
        return [(name, counts[kind], sizes[kind]) for kind, name in _NAMES.items()]

    def expiring(self) -> int:
        """None: expiry is not there."""
        return 0

    def ids(self) -> Iterator[bytes]:
        """Ids of all elements."""
        return (stored.id for stored, _ in self._records() if not stored.gone)


class Writing(Reading):
    """See `store.GraphWriter`."""

    def __init__(self, space: Space, layout: Layout) -> None:
        super().__init__(space, layout)
        self._space = space

    def _store(self, stored: Stored) -> None:
        self._space.put(self._layout.element(stored.id), stored.encode())

    def add_vertex(self, element: bytes, value: bytes, /) -> bool:
        """See `store.GraphWriter`."""
        found = self.find(element)
        if found is not None and found.kind != VERTEX:
            raise WrongTypeError(f"{element!r} names a hyperedge")
        if found is not None and found.value == value:
            return False
        self._store(Stored(VERTEX, element, value))
        return True

    def put_vertex(self, element: bytes, value: bytes, /) -> None:
        """Adds a vertex, replacing whatever the id named."""
        self.remove_element(element)
        self._store(Stored(VERTEX, element, value))

    def add_hyperedge(self, element: bytes, members: Sequence[RawMember], /) -> bool:
        """See `store.GraphWriter`."""
        new = not self._is_hyperedge(element)
        if new:
            self._store(Stored(HYPEREDGE, element))
        return self.add_members(element, members) > 0 or new

    def add_members(self, element: bytes, members: Sequence[RawMember], /) -> int:
        """See `store.GraphWriter`."""
        if not self._is_hyperedge(element):
            raise NotFoundError(f"there is no element {element!r}")
        changed = 0
        for order_key, kind, content in members:
            old = self.raw_member(element, order_key)
            if old == (kind, content):
                continue
            self._check(element, kind, content)
            if old is not None:
                self._unlink(element, order_key, *old)
            self._space.put(self._layout.members(element) + order_key, encode_member(kind, content))
            if kind != VALUE:
                key = self._layout.membership(content, element, order_key)
                self._space.put(key, encode_membership(kind, element, order_key))
            changed += 1
        if changed:
            self._store(Stored(HYPEREDGE, element))
        return changed

    def _check(self, outer: bytes, kind: int, content: bytes) -> None:
        """A reference is taken only to what is there, of its kind, and not so that a cycle arises."""
        if kind == VALUE:
            return
        if kind not in _NAMES:
            raise InvalidError(f"no member has kind {kind}")
        found = self.find(content)
        if found is None:
            raise NotFoundError(f"there is no element {content!r}")
        if found.kind != kind:
            raise WrongTypeError(f"{content!r} names a {_NAMES[found.kind]}")
        if kind == HYPEREDGE and (content == outer or self.lies_in(outer, HYPEREDGE, content)):
            raise CycleError(f"{content!r} cannot be a member of {outer!r}: that lies within it already")

    def _unlink(self, hyperedge: bytes, order_key: bytes, kind: int, content: bytes) -> None:
        if kind != VALUE:
            self._space.remove(self._layout.membership(content, hyperedge, order_key))

    def remove_members(self, element: bytes, order_keys: Sequence[bytes], /) -> int:
        """See `store.GraphWriter`."""
        if not self._is_hyperedge(element):
            return 0
        removed = 0
        for order_key in order_keys:
            old = self.raw_member(element, order_key)
            if old is not None:
                self._space.remove(self._layout.members(element) + order_key)
                self._unlink(element, order_key, *old)
                removed += 1
        if removed:
            self._store(Stored(HYPEREDGE, element))
        return removed

    def remove_vertex(self, element: bytes, detach: bool, /) -> bool:
        """See `store.GraphWriter`."""
        return self._remove(element, VERTEX, detach)

    def remove_hyperedge(self, element: bytes, detach: bool, /) -> bool:
        """See `store.GraphWriter`."""
        return self._remove(element, HYPEREDGE, detach)

    def _remove(self, element: bytes, kind: int, detach: bool) -> bool:
        found = self.find(element)
        if found is None:
            return False
        if found.kind != kind:
            raise WrongTypeError(f"{element!r} names a {_NAMES[found.kind]}")
        memberships = self.memberships(element)
        if memberships and not detach:
            names = sorted({hyperedge for hyperedge, _, _ in memberships})[:_MOST_NAMED]
            raise ReferencedError(f"{element!r} is a member of {', '.join(map(repr, names))}: detach it")
        for hyperedge, order_key, _ in memberships:
            self.remove_members(hyperedge, [order_key])
        return self.remove_element(element)

    def remove_element(self, element: bytes, /) -> bool:
        """Removes an element and its members; memberships of it stay and dangle. Whether it was there."""
        found = self.find(element)
        if found is None:
            return False
        if found.kind == HYPEREDGE:
            prefix = self._layout.members(element)
            for key, raw in list(self._under(prefix)):
                self._space.remove(key)
                self._unlink(element, key[len(prefix) :], raw[0], raw[1:])
        self._store(Stored(found.kind, element, gone=True))
        return True
