"""Queries that come together are answered by one pass, each gets its own answer, and puzzles are worth what they cost."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from hyperdb.oblivious.http.batches import MOST_WAITING, Batcher, BusyError
from hyperdb.oblivious.http.work import CHALLENGE_BYTES, UNITS, Tickets, UnpaidError, is_solved, solve


def test_queries_that_wait_share_a_pass() -> None:
    sizes: list[int] = []
    entered, go = threading.Event(), threading.Event()

    def answer(queries: Sequence[bytes]) -> list[bytes]:
        sizes.append(len(queries))
        entered.set()
        go.wait(10)
        return [query[::-1] for query in queries]

    async def use() -> None:
        with ThreadPoolExecutor(1) as executor:
            batcher = Batcher(answer, executor, time.perf_counter)
            first = asyncio.ensure_future(batcher.ask(b"first"))
            await asyncio.to_thread(entered.wait, 10)
            others = [asyncio.ensure_future(batcher.ask(b"query %d" % number)) for number in range(130)]
            gone = asyncio.ensure_future(batcher.ask(b"gone"))
            await asyncio.sleep(0)
            gone.cancel()
            go.set()
            assert await first == b"tsrif"
            assert await asyncio.gather(*others) == [(b"query %d" % number)[::-1] for number in range(130)]

    asyncio.run(use())
    assert sizes == [1, 128, 2]


def test_a_failure_is_told_to_each_and_ends_nothing() -> None:
    def answer(queries: Sequence[bytes]) -> list[bytes]:
        if b"bad" in queries:
            raise ValueError("bad")
        return list(queries)

    async def use() -> None:
        with ThreadPoolExecutor(1) as executor:
            batcher = Batcher(answer, executor, time.perf_counter, window=0.01)
            found = await asyncio.gather(batcher.ask(b"bad"), batcher.ask(b"good"), return_exceptions=True)
            assert [type(each) for each in found] == [ValueError, ValueError]
            assert await batcher.ask(b"good") == b"good"

    asyncio.run(use())


def test_no_more_wait_than_may() -> None:
    go = threading.Event()

    def answer(queries: Sequence[bytes]) -> list[bytes]:
        go.wait(10)
        return list(queries)

    async def use() -> None:
        with ThreadPoolExecutor(1) as executor:
            batcher = Batcher(answer, executor, time.perf_counter)
            waiting = [asyncio.ensure_future(batcher.ask(b"x")) for _ in range(MOST_WAITING)]
            await asyncio.sleep(0)
            refused = 0
            for _ in range(200):
                try:
                    waiting.append(asyncio.ensure_future(batcher.ask(b"x")))
                    await asyncio.sleep(0)
                    if waiting[-1].done() and isinstance(waiting[-1].exception(), BusyError):
                        waiting.pop()
                        refused += 1
                except BusyError:
                    refused += 1
            assert refused >= 200 - 128
            go.set()
            await asyncio.gather(*waiting)

    asyncio.run(use())


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def _tickets(clock: Clock, bits: int = 6) -> Tickets:
    return Tickets(bits, b"s" * 32, random.Random(1).randbytes, clock)


def test_a_ticket_is_worth_its_units_and_ends() -> None:
    clock = Clock()
    tickets = _tickets(clock)
    challenge = tickets.challenge()
    ticket = tickets.redeem(challenge, solve(challenge, 6))
    tickets.spend(ticket, UNITS - 1)
    tickets.spend(ticket, 1)
    for wrong in (ticket, None, bytes(16)):
        with pytest.raises(UnpaidError):
            tickets.spend(wrong, 1)
    challenge = tickets.challenge()
    ticket = tickets.redeem(challenge, solve(challenge, 6))
    clock.now += 3601
    with pytest.raises(UnpaidError):
        tickets.spend(ticket, 1)


def test_what_does_not_pay() -> None:
    clock = Clock()
    tickets, other = _tickets(clock), Tickets(6, b"o" * 32, random.Random(2).randbytes, clock)
    challenge = tickets.challenge()
    solution = solve(challenge, 6)
    wrong = next(
        number.to_bytes(8, "little") for number in range(999) if not is_solved(challenge, number.to_bytes(8, "little"), 6)
    )
    foreign = other.challenge()
    easier = challenge[:24] + b"\x00" + challenge[25:]
    cases = ((challenge, wrong), (foreign, solve(foreign, 6)), (easier, solution), (challenge[:-1], solution), (challenge, b""))
    assert len(challenge) == CHALLENGE_BYTES
    for given, found in cases:
        with pytest.raises(UnpaidError):
            tickets.redeem(given, found)
    tickets.redeem(challenge, solution)
    with pytest.raises(UnpaidError, match="before"):
        tickets.redeem(challenge, solution)
    late = tickets.challenge()
    clock.now += 121
    with pytest.raises(UnpaidError, match="old"):
        tickets.redeem(late, solve(late, 6))


def test_nothing_is_asked_where_nothing_is_to_be_paid() -> None:
    _tickets(Clock(), bits=0).spend(None, 1000)
