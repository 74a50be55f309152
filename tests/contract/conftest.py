"""An engine of each kind, in a fresh place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest

from hyperdb.storage import Engine, open_engine
from hyperdb.values import EngineName, OpenOptions


@pytest.fixture(params=get_args(EngineName))
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Engine]:
    """Opens the same store again each time it is called."""
    name: EngineName = request.param
    options = OpenOptions(engine=name, sync="everysec", memory=16 << 20)
    return lambda: open_engine(name, tmp_path / "store", options)


@pytest.fixture
def engine(reopen: Callable[[], Engine]) -> Iterator[Engine]:
    opened = reopen()
    yield opened
    opened.close()
