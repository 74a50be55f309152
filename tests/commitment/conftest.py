"""One sealed sample for all tests of this folder: building it costs a second or two of pure Python."""

from __future__ import annotations

import pytest

from .sample import World


@pytest.fixture(scope="session")
def world() -> World:
    return World()
