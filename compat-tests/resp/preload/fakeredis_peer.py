"""A plugin of pytest: fakeredis's machines compare HyperDB with a real Redis ($PEER_PORT) instead of with a fake.

Errors are compared by their words, and each machine runs $EXAMPLES histories, the same ones in every run.
"""

from __future__ import annotations

import os
from typing import Any

import hypothesis
import pytest
import redis

PEER = int(os.environ["PEER_PORT"])
EXAMPLES = int(os.environ["EXAMPLES"])


def _emptied(**options: Any) -> redis.Redis:
    """A client of Redis in the place of a fake, which would begin empty and outside of a transaction."""
    client = redis.Redis("localhost", port=PEER, db=options["db"], single_connection_client=True)
    client.flushall()
    return client


def pytest_collection_finish(session: pytest.Session) -> None:
    """Puts Redis in the fake's place once the tests were imported."""
    from test.test_hypothesis import base

    base.fakeredis.FakeStrictRedis = _emptied
    base.WrappedException.__eq__ = lambda self, other: (
        type(self.wrapped) is type(other.wrapped) and (self.wrapped.args == other.wrapped.args)
    )
    base.CommonMachine.TestCase.settings = hypothesis.settings(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, stateful_step_count=40
    )
    base.hypothesis.stateful.run_state_machine_as_test = _run


def _run(machine: Any) -> None:
    """The machine as a test with the number of histories asked for."""
    settings = hypothesis.settings(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    _RUN(machine, settings=settings)


import hypothesis.stateful  # noqa: E402

_RUN = hypothesis.stateful.run_state_machine_as_test
