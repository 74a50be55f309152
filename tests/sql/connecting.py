"""What tests with stock drivers share beside the fixtures of conftest.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg

Connect = Callable[..., psycopg.Connection[Any]]
"""Opens a connection of psycopg; options are libpq's."""


def one(connection: psycopg.Connection[Any], text: str) -> Any:
    """The first value of the first row."""
    row = connection.execute(text).fetchone()
    assert row is not None
    return row[0]
