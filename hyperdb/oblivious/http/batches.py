"""Queries of many clients, answered by one pass over a matrix.

Theory: a pass costs reading the whole matrix, whoever asked. While one runs, queries wait for the next, which takes them all:
under load batches grow by themselves, and alone nobody waits. A window of some milliseconds makes them larger, and blurs who
asked when. Invariant: every query gets the answer to itself or an error, and no more wait than were said to.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

MOST_AT_ONCE = 128
"""What the fastest kernel takes in one pass (native/pir)."""
MOST_WAITING = 1024


class BusyError(Exception):
    """More queries wait than may."""


@dataclass
class Sums:
    """What a batcher did."""

    passes: int = 0
    queries: int = 0
    seconds: float = 0.0


@dataclass
class Batcher:
    """Answers of one matrix. Belongs to one event loop."""

    answer: Callable[[Sequence[bytes]], list[bytes]]
    executor: Executor
    clock: Callable[[], float]
    window: float = 0.0
    """Seconds that the first query of a batch waits for others."""
    sums: Sums = field(default_factory=Sums)
    _waiting: deque[tuple[bytes, asyncio.Future[bytes]]] = field(default_factory=deque)
    _task: asyncio.Task[None] | None = None

    async def ask(self, query: bytes) -> bytes:
        """The answer to a query.

        Raises:
            BusyError: too many wait.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise BusyError
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bytes] = loop.create_future()
        self._waiting.append((query, future))
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._work())
        return await future

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            if self.window:
                await asyncio.sleep(self.window)
            taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_AT_ONCE))]
            # Who went away meanwhile is not answered.
            asked = [(query, future) for query, future in taken if not future.done()]
            if not asked:
                continue
            began = self.clock()
            try:
                answers = await loop.run_in_executor(self.executor, self.answer, [query for query, _ in asked])
            except Exception as error:
                for _, future in asked:
                    if not future.done():
                        future.set_exception(error)
                continue
            self.sums.passes += 1
            self.sums.queries += len(asked)
            self.sums.seconds += self.clock() - began
            for (_, future), found in zip(asked, answers, strict=True):
                if not future.done():
                    future.set_result(found)
