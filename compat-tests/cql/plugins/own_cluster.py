"""Plugin of pytest for the Python driver's suite: tests that it runs on its own cluster only are run too.

Theory: with USE_CASS_EXTERNAL the suite skips what is marked `local`, since the cluster may be anybody's; here it is ours. What
starts or stops nodes then fails and has its reason. Invariant: it is loaded before any of the suite's tests.
"""

from __future__ import annotations

from typing import TypeVar

from tests import integration  # type: ignore[import-not-found]

Test = TypeVar("Test")


def _run(test: Test) -> Test:
    return test


integration.local = _run
