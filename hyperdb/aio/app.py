"""Apps, snapshots' apps and hyperedges for asyncio; what each call does: the class of the same name in `hyperdb.graph`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Generic, TypeVar

from hyperdb.aio.calls import Run, lazily
from hyperdb.graph import reader as plain_reader
from hyperdb.graph import writer as plain_writer
from hyperdb.graph.hyperedge import HyperedgeView as PlainHyperedge
from hyperdb.graph.members import Element, Kind, Member, Members, Membership, Text

R = TypeVar("R", bound=plain_reader.AppReader)
W = TypeVar("W", bound=plain_writer.AppWriter)
E = TypeVar("E", bound=plain_reader.HyperedgeReader)


class AppReader(Generic[R]):
    """The reading half of an app."""

    def __init__(self, run: Run, plain: R) -> None:
        self._run = run
        self.plain = plain
        """The app as the plain API knows it."""
        self.name = plain.name

    def hyperedge(self, id: Text) -> HyperedgeReader[Any]:  # noqa: A002
        """The hyperedge `id`, there or not."""
        return HyperedgeReader(self._run, self.plain.hyperedge(id))

    async def get(self, id: Text) -> bytes | None:  # noqa: A002
        """The value of vertex `id`, or None."""
        return await self._run(self.plain.get, id)

    async def kind(self, id: Text) -> Kind | None:  # noqa: A002
        """What the id names, or None."""
        return await self._run(self.plain.kind, id)

    async def version(self, id: Text) -> int | None:  # noqa: A002
        """The commit that last added, changed or removed the element."""
        return await self._run(self.plain.version, id)

    def vertices(self) -> AsyncIterator[bytes]:
        """Ids of all vertices, lazily."""
        return lazily(self._run, self.plain.vertices)

    def hyperedges(self) -> AsyncIterator[bytes]:
        """Ids of all hyperedges of every kind, lazily."""
        return lazily(self._run, self.plain.hyperedges)

    def incident(self, id: Text) -> AsyncIterator[Membership]:  # noqa: A002
        """Where element `id` is a member, lazily."""
        return lazily(self._run, lambda: self.plain.incident(id))

    async def within(self, inner: Text, outer: Text) -> bool:
        """Whether `inner` is a member of `outer`, or of a hyperedge within it."""
        return await self._run(self.plain.within, inner, outer)

    async def count(self, kind: Kind | None = None) -> int:
        """How many elements there are."""
        return await self._run(self.plain.count, kind)

    async def size(self, kind: Kind | None = None) -> int:
        """Bytes of ids, values and members."""
        return await self._run(self.plain.size, kind)

    async def expiring(self) -> int:
        """How many elements have an expiry."""
        return await self._run(self.plain.expiring)

    def vertex_adds(self) -> AsyncIterator[Element]:
        """Vertices that are stored, with the commits that added them."""
        return lazily(self._run, self.plain.vertex_adds)

    def vertex_removes(self) -> AsyncIterator[Element]:
        """Vertices that went since the horizon, with the commits that removed them."""
        return lazily(self._run, self.plain.vertex_removes)

    def hyperedge_adds(self) -> AsyncIterator[Element]:
        """Hyperedges that are stored, with the commits that changed them last."""
        return lazily(self._run, self.plain.hyperedge_adds)

    def hyperedge_removes(self) -> AsyncIterator[Element]:
        """Hyperedges that went since the horizon, with the commits that removed them."""
        return lazily(self._run, self.plain.hyperedge_removes)


class AppWriter(AppReader[W]):
    """The reading and the writing half of an app."""

    def hyperedge(self, id: Text) -> HyperedgeView:  # noqa: A002
        """The hyperedge `id`, there or not."""
        return HyperedgeView(self._run, self.plain.hyperedge(id))

    async def add_vertex(self, id: Text, value: Text) -> bool:  # noqa: A002
        """Adds vertex `id`; False if it is there like that."""
        return await self._run(self.plain.add_vertex, id, value)

    async def remove_vertex(self, id: Text, *, detach: bool = False) -> bool:  # noqa: A002
        """Removes vertex `id`, and with `detach` all its memberships; whether it was there."""
        return await self._run(self.plain.remove_vertex, id, detach=detach)

    async def add_hyperedge(self, id: Text, members: Members = ()) -> HyperedgeView:  # noqa: A002
        """Adds hyperedge `id` with these members, or these members to it."""
        return HyperedgeView(self._run, await self._run(self.plain.add_hyperedge, id, members))

    async def remove_hyperedge(self, id: Text, *, detach: bool = False) -> bool:  # noqa: A002
        """Removes hyperedge `id`, and with `detach` all its memberships; whether it was there."""
        return await self._run(self.plain.remove_hyperedge, id, detach=detach)


class HyperedgeReader(Generic[E]):
    """A hyperedge by its id."""

    def __init__(self, run: Run, plain: E) -> None:
        self._run = run
        self.plain = plain
        """The hyperedge as the plain API knows it."""
        self.id = plain.id

    async def exists(self) -> bool:
        """Whether it is there; an empty hyperedge is."""
        return await self._run(self.plain.exists)

    async def length(self) -> int:
        """How many members it has."""
        return await self._run(self.plain.__len__)

    async def size(self) -> int:
        """Bytes of its order keys and members."""
        return await self._run(self.plain.size)

    async def get(self, order_key: Text) -> Member | None:
        """The member under an order key, or None."""
        return await self._run(self.plain.get, order_key)

    async def has(self, order_key: Text) -> bool:
        """Whether there is a member under an order key."""
        return await self._run(self.plain.__contains__, order_key)

    def members(
        self, start: Text | None = None, stop: Text | None = None, *, reverse: bool = False, limit: int | None = None
    ) -> AsyncIterator[tuple[bytes, Member]]:
        """Order keys from `start` (included) to `stop` (excluded) with their members, lazily."""
        return lazily(self._run, lambda: self.plain.members(start, stop, reverse=reverse, limit=limit))


class HyperedgeView(HyperedgeReader[PlainHyperedge]):
    """A hyperedge that can be written."""

    async def add(self, order_key: Text, member: Member | str) -> bool:
        """Adds a member, replacing what is under its order key; False if it is there already."""
        return await self._run(self.plain.add, order_key, member)

    async def update(self, members: Members) -> int:
        """Adds many members at once, or none of them; how many were not there already."""
        return await self._run(self.plain.update, members)

    async def remove(self, *order_keys: Text) -> int:
        """Removes members; how many were there."""
        return await self._run(self.plain.remove, *order_keys)
