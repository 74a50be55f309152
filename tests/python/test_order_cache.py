"""Ranges of a large sorted set are copied from memory: what comes is what is there, and what it takes is told."""

from __future__ import annotations

from pathlib import Path

import hyperdb

MEMBERS = 1500


def _gauge(db: hyperdb.Database) -> int:
    return db.stats()["order_cache_bytes"]


def _read(app: hyperdb.App) -> None:
    """Ranges all over the set, until its order is held in memory; each is what the whole set says."""
    board = app.sorted_set("board")
    for turn in range(60):
        low = (turn * 607) % MEMBERS
        assert [score for _, score in board.by_score(low, low + 99)] == [float(at) for at in range(low, min(low + 100, MEMBERS))]


def test_ranges_take_memory_that_is_told_and_given_back(tmp_path: Path) -> None:
    with hyperdb.open(tmp_path / "data") as db:
        app = db.app("games")
        app.sorted_set("board").add({f"member:{at:06d}": at for at in range(MEMBERS)})
        assert _gauge(db) == 0
        _read(app)
        assert MEMBERS * len("member:000000") < _gauge(db) < db.stats()["memory_budget_bytes"] // 16
        app.execute("DEL", "board")
        assert _gauge(db) == 0


def test_a_database_that_is_flushed_takes_its_memory_along(tmp_path: Path) -> None:
    with hyperdb.open(tmp_path / "data") as db:
        app = db.app("redis/0")
        app.sorted_set("board").add({f"member:{at:06d}": at for at in range(MEMBERS)})
        _read(app)
        assert _gauge(db) > 0
        app.execute("FLUSHDB")
        assert _gauge(db) == 0
