"""Typed views for asyncio; what each call does: the class of the same name in `hyperdb.graph.collections`.

Python's operators cannot be awaited, so they have names: `length`, `has`, `item` (raises when there is none), `put`, `remove`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Generic, TypeVar

from hyperdb.aio.calls import Run, lazily
from hyperdb.graph import collections as plain
from hyperdb.graph.members import Text

V = TypeVar("V", plain.HashView, plain.SetView, plain.ListView, plain.SortedSetView)


class _View(Generic[V]):
    """A collection by its name."""

    def __init__(self, run: Run, view: V) -> None:
        self._run = run
        self.plain: V = view
        self.name = view.name

    async def length(self) -> int:
        """How many entries it has."""
        return await self._run(self.plain.__len__)

    async def clear(self) -> None:
        """Removes the collection."""
        await self._run(self.plain.clear)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return lazily(self._run, self.plain.__iter__)


class HashView(_View[plain.HashView]):
    """Fields and their values."""

    async def item(self, field: Text) -> bytes:
        """The field's value; NotFoundError if there is none."""
        return await self._run(self.plain.__getitem__, field)

    async def get(self, field: Text) -> bytes | None:
        """The field's value, or None."""
        return await self._run(self.plain.get, field)

    async def put(self, field: Text, value: bytes | str | float) -> None:
        """Sets a field."""
        await self._run(self.plain.__setitem__, field, value)

    async def update(self, fields: Mapping[Text, bytes | str | int | float]) -> None:
        """Sets many fields as one commit."""
        await self._run(self.plain.update, fields)

    async def remove(self, field: Text) -> None:
        """Removes a field; NotFoundError if there is none."""
        await self._run(self.plain.__delitem__, field)

    async def has(self, field: Text) -> bool:
        """Whether the field is there."""
        return await self._run(self.plain.__contains__, field)

    def items(self) -> AsyncIterator[tuple[bytes, bytes]]:
        """Fields and values, lazily."""
        return lazily(self._run, self.plain.items)

    async def to_dict(self) -> dict[bytes, bytes]:
        """All of it at one moment."""
        return await self._run(self.plain.to_dict)


class SetView(_View[plain.SetView]):
    """Members without order."""

    async def add(self, *members: Text) -> int:
        """Adds members; how many were new."""
        return await self._run(self.plain.add, *members)

    async def discard(self, *members: Text) -> int:
        """Removes members; how many were there."""
        return await self._run(self.plain.discard, *members)

    async def has(self, member: Text) -> bool:
        """Whether the member is there."""
        return await self._run(self.plain.__contains__, member)


class ListView(_View[plain.ListView]):
    """Values in order, by position."""

    async def append(self, *values: Text) -> int:
        """Adds at the end; the new length."""
        return await self._run(self.plain.append, *values)

    async def append_left(self, *values: Text) -> int:
        """Adds at the front, one after another; the new length."""
        return await self._run(self.plain.append_left, *values)

    async def pop(self) -> bytes | None:
        """Takes the last value, or None if there is none."""
        return await self._run(self.plain.pop)

    async def pop_left(self) -> bytes | None:
        """Takes the first value, or None if there is none."""
        return await self._run(self.plain.pop_left)

    async def item(self, index: int) -> bytes:
        """The value at a position; IndexError if there is none."""
        return await self._run(self.plain.__getitem__, index)

    async def range(self, first: int, last: int) -> list[bytes]:
        """Values from position `first` to `last`, both included; negative ones count from the end."""
        return await self._run(self.plain.range, first, last)


class SortedSetView(_View[plain.SortedSetView]):
    """Members by score, then by bytes."""

    async def add(self, members: Mapping[Text, float]) -> int:
        """Adds members or changes their scores, as one commit; how many were new."""
        return await self._run(self.plain.add, members)

    async def score(self, member: Text) -> float | None:
        """The member's score, or None."""
        return await self._run(self.plain.score, member)

    async def rank(self, member: Text) -> int | None:
        """The member's place from the lowest score, from 0, or None."""
        return await self._run(self.plain.rank, member)

    async def discard(self, *members: Text) -> int:
        """Removes members; how many were there."""
        return await self._run(self.plain.discard, *members)

    async def has(self, member: Text) -> bool:
        """Whether the member is there."""
        return await self._run(self.plain.__contains__, member)

    async def range(self, first: int = 0, last: int = -1, *, reverse: bool = False) -> list[tuple[bytes, float]]:
        """Members and scores by place, both ends included."""
        return await self._run(self.plain.range, first, last, reverse=reverse)

    async def by_score(self, lowest: float, highest: float) -> list[tuple[bytes, float]]:
        """Members whose scores lie between, both included."""
        return await self._run(self.plain.by_score, lowest, highest)
