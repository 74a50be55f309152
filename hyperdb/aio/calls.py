"""Awaiting calls of the plain API, one by one or as a lazy walk.

Theory: native calls release the interpreter's lock, so a thread is all that asynchrony needs. A walk is read a page at a time,
and closed when it is left, so that what it holds goes at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from itertools import islice
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
PAGE = 256


class Run(Protocol):
    """Runs a call in a thread."""

    async def __call__(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Its result."""


async def lazily(run: Run, begin: Callable[[], Iterator[T]]) -> AsyncIterator[T]:
    """The rows of a plain walk."""
    walk = await run(begin)
    try:
        while page := await run(lambda: list(islice(walk, PAGE))):
            for row in page:
                yield row
    finally:
        close = getattr(walk, "close", None)
        if close is not None:
            close()
