"""Waiting for something to become what it should be."""

from __future__ import annotations

import time
from collections.abc import Callable

LONGEST_SECONDS = 60.0


def until(look: Callable[[], object], wanted: object) -> None:
    """Looks again and again, and says what it saw when that did not come."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while (seen := look()) != wanted:
        assert time.monotonic() < deadline, f"{seen} instead of {wanted}"
        time.sleep(0.02)
