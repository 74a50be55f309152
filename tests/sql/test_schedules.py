"""Isolation step by step: schedules of transactions have the outcomes that PostgreSQL 15 gave them, at each level.

compat-tests/sql/schedules_run.py recorded them. A step that waited there must not be answered here before the step that ended its
wait is sent; one that did not must be answered as it is. What is otherwise here is in a file of its own: above READ COMMITTED the
newest state of a key counts as soon as it is met, and at SERIALIZABLE what was read is validated at the commit, so that some
are refused (40001) that PostgreSQL lets pass, or refused for another reason; nothing is let pass that is refused there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future

import pytest
from schedules import GOLDEN, SECONDS, Outcome, Session, play, schedules

import hyperdb

OUTCOMES: dict[str, list[Outcome]] = json.loads((GOLDEN / "schedules.json").read_text())
HERE: dict[str, list[Outcome]] = json.loads((GOLDEN / "schedules_here.json").read_text())
"""Outcomes that are not PostgreSQL's."""
SCHEDULES = schedules()


@pytest.fixture(scope="module")
def known() -> Iterator[str]:
    opened = hyperdb.open(":memory:", memory="64m", frames=None)
    with opened as database, database.serve(sql="127.0.0.1:0", control=False) as serving:
        assert serving.sql_address is not None
        host, port = serving.sql_address
        yield f"host={host} port={port} user=postgres dbname=hyperdb sslmode=disable"


def test_all_schedules_have_outcomes() -> None:
    assert set(OUTCOMES) == {f"{name}: {level}" for name, schedule in SCHEDULES.items() for level in schedule.levels}


def test_what_is_otherwise_here_refuses_no_less() -> None:
    for what, here in HERE.items():
        failed = [step["state"] for step in here if "state" in step]
        assert here != OUTCOMES[what]
        assert len(failed) >= max(sum("state" in step for step in OUTCOMES[what]), 1)
        assert not what.endswith("READ COMMITTED")


@pytest.mark.parametrize("what", OUTCOMES)
def test_the_outcome_is_that_of_postgresql(known: str, what: str) -> None:
    name, _, level = what.partition(": ")
    wanted = HERE.get(what, OUTCOMES[what])
    steps = SCHEDULES[name].played(level)
    sent = 0

    def waits(number: int, _session: Session, step: Future[Outcome]) -> bool:
        nonlocal sent
        sent = max(sent, number)
        until = wanted[number].get("until", number)
        if until > sent:
            assert not step.done(), f"{steps[number]} does not wait: {step.result()}"
            return True
        step.result(SECONDS)
        return False

    found = play(known, steps, waits)
    if name.startswith("deadlock") and found != wanted:
        # Who closes the circle need not be the victim; somebody is, and only one.
        one, other = (sorted(str(step.get("state", "")) for step in outcome) for outcome in (found, wanted))
        assert one == other
        assert found[-1]["blocks"] == wanted[-1]["blocks"]
        return
    assert found == wanted
