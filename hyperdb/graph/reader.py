"""Reading the hypergraph of an app: vertices, hyperedges, what lies in what, and how much there is.

Theory: every call reads one moment, a native snapshot: the newest commit for an app, a fixed one for the app of a
`Snapshot`. Walks are lazy and hold their moment: what others write meanwhile does not show in them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import chain, islice

from hyperdb.errors import WrongTypeError
from hyperdb.graph.members import Element, Kind, Member, Membership, Text, as_member, encoded
from hyperdb.graph.store import Moment, Row


class AppReader(ABC):
    """The reading half of an app."""

    name: str

    @abstractmethod
    def _reader(self) -> Moment:
        """The moment that a call reads."""

    def get(self, id: Text) -> bytes | None:  # noqa: A002
        """The value of vertex `id`, or None.

        Raises:
            WrongTypeError: when the id names a hyperedge.
        """
        found = self._reader().element(encoded(id))
        if found is None:
            return None
        kind, value, _, _ = found
        if kind != "vertex":
            raise WrongTypeError(f"{id!r} names a hyperedge of kind {kind}")
        return value

    def kind(self, id: Text) -> Kind | None:  # noqa: A002
        """What the id names, or None."""
        found = self._reader().element(encoded(id))
        return None if found is None else found[0]

    def version(self, id: Text) -> int | None:  # noqa: A002
        """The commit that last added, changed or removed the element; None if nothing is known of it.

        In a transaction, what it changed itself has no commit yet: 0.
        """
        return self._reader().version(encoded(id))

    def hyperedge(self, id: Text) -> HyperedgeReader:  # noqa: A002
        """The hyperedge `id`, there or not."""
        return HyperedgeReader(self, id)

    def vertices(self) -> Iterator[bytes]:
        """Ids of all vertices, lazily, in hash order."""
        return (row[0] for row in chain.from_iterable(self._reader().elements(True)))

    def hyperedges(self) -> Iterator[bytes]:
        """Ids of all hyperedges of every kind, lazily, in hash order."""
        return (row[0] for row in chain.from_iterable(self._reader().elements(False)))

    def incident(self, id: Text) -> Iterator[Membership]:  # noqa: A002
        """Where element `id` is a member, lazily, by hyperedge and order key; also of an id that is not there any more."""
        rows = chain.from_iterable(self._reader().incident(encoded(id)))
        return (Membership(hyperedge, order_key) for hyperedge, order_key, _ in rows)

    def within(self, inner: Text, outer: Text) -> bool:
        """Whether `inner` is a member of hyperedge `outer`, or of a hyperedge within it.

        Raises:
            NestingError: when more memberships lie above `inner` than one search looks at.
        """
        return self._reader().within(encoded(inner), encoded(outer))

    def count(self, kind: Kind | None = None) -> int:
        """How many elements there are, of one kind or of all; what has expired counts until it is removed."""
        return sum(count for name, count, _ in self._reader().counts() if kind in (None, name))

    def size(self, kind: Kind | None = None) -> int:
        """Bytes of ids, values, member keys and members, of one kind or of all; without what storing them takes."""
        return sum(size for name, _, size in self._reader().counts() if kind in (None, name))

    def expiring(self) -> int:
        """How many elements have an expiry; what has expired counts until it is removed."""
        return self._reader().expiring()

    def vertex_adds(self) -> Iterator[Element]:
        """Vertices that are stored, with the commits that added them."""
        return _elements(self._reader().changes(True, True))

    def vertex_removes(self) -> Iterator[Element]:
        """Vertices that went since the horizon and were not added again, with the commits that removed them."""
        return _elements(self._reader().changes(True, False))

    def hyperedge_adds(self) -> Iterator[Element]:
        """Hyperedges that are stored, with the commits that changed them last."""
        return _elements(self._reader().changes(False, True))

    def hyperedge_removes(self) -> Iterator[Element]:
        """Hyperedges that went since the horizon and were not added again, with the commits that removed them."""
        return _elements(self._reader().changes(False, False))


def _elements(pages: Iterator[list[Row]]) -> Iterator[Element]:
    return (Element(id, version) for id, _, version in chain.from_iterable(pages))  # noqa: A001


class HyperedgeReader:
    """A hyperedge by its id: an ordered collection of members. Holds no data, so all views of one agree."""

    def __init__(self, app: AppReader, id: Text) -> None:  # noqa: A002
        self._app = app
        self.id = encoded(id)

    def _found(self) -> tuple[int, int]:
        found = self._app._reader().element(self.id)
        if found is None:
            return 0, 0
        kind, _, count, size = found
        if kind == "vertex":
            raise WrongTypeError(f"{self.id!r} names a vertex")
        return count, size

    def exists(self) -> bool:
        """Whether it is there; an empty hyperedge is."""
        return self._app.kind(self.id) not in (None, "vertex")

    def __len__(self) -> int:
        return self._found()[0]

    def __bool__(self) -> bool:
        return self.exists()

    def size(self) -> int:
        """Bytes of its order keys and members."""
        return self._found()[1]

    def get(self, order_key: Text) -> Member | None:
        """The member under an order key, or None."""
        found = self._app._reader().member(self.id, encoded(order_key))
        return None if found is None else as_member(*found)

    def __contains__(self, order_key: Text) -> bool:
        return self.get(order_key) is not None

    def members(
        self, start: Text | None = None, stop: Text | None = None, *, reverse: bool = False, limit: int | None = None
    ) -> Iterator[tuple[bytes, Member]]:
        """Order keys from `start` (included) to `stop` (excluded) with their members, lazily, at most `limit`.

        A reference whose element was deleted by other means (DEL, expiry) is shown as it is: `app.kind(member.id)` tells.
        """
        low, high = (None if bound is None else encoded(bound) for bound in (start, stop))
        rows = chain.from_iterable(self._app._reader().members(self.id, low, high, reverse))
        return islice(((order_key, as_member(kind, content)) for order_key, content, kind in rows), limit)
