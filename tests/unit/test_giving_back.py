"""When the server's process gives freed memory back: while it rests, and only if there is any."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from hyperdb.cli import giving_back
from hyperdb.cli.giving_back import GivingBack

MIB = 1 << 20


@dataclass
class Process:
    """What the process would be told of itself; a purge gives back what lies above `needed`."""

    now: float = 0.0
    worked: float = 0.0
    resident: int = 50 * MIB
    needed: int = 50 * MIB
    purges: int = 0

    def purge(self) -> bool:
        self.purges += 1
        self.resident = self.needed
        return True

    def rest(self) -> None:
        self.now += 2.0

    def work(self) -> None:
        self.now += 2.0
        self.worked += 1.0


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Process:
    made = Process()
    monkeypatch.setattr(giving_back.time, "monotonic", lambda: made.now)
    monkeypatch.setattr(giving_back.time, "process_time", lambda: made.worked)
    monkeypatch.setattr(giving_back.memory, "resident", lambda: made.resident)
    monkeypatch.setattr(giving_back.memory, "purge", made.purge)
    return made


def test_what_was_freed_goes_back_once_the_process_rests(process: Process) -> None:
    looks = GivingBack()
    process.resident = 500 * MIB
    process.work()
    assert not looks.look(), "it works and needs the memory again"
    process.rest()
    assert looks.look()
    assert process.resident == 50 * MIB


def test_looks_between_the_seconds_cost_nothing(process: Process) -> None:
    looks = GivingBack()
    process.resident = 500 * MIB
    process.now += 0.2
    assert not looks.look()


def test_what_is_needed_is_not_asked_for_again_and_again(process: Process) -> None:
    looks = GivingBack()
    process.resident = process.needed = 500 * MIB
    for _ in range(10):
        process.rest()
        looks.look()
    assert process.purges == 1, "nothing came of it, and nothing has grown since"
    process.resident += 100 * MIB
    process.rest()
    assert looks.look()


def test_growth_counts_from_the_least_that_there_was(process: Process) -> None:
    looks = GivingBack()
    process.resident = 20 * MIB
    process.rest()
    assert not looks.look()
    process.resident = 55 * MIB
    process.rest()
    assert looks.look()
