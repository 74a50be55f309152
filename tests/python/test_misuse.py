"""What a caller gets who passes what an argument does not take: an error of the one tree that says so, and nothing changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import hyperdb
from hyperdb.errors import HyperDBError, InvalidError, WrongTypeError


@pytest.mark.parametrize("engine", ["native", "memory", "lmdb"])
@pytest.mark.parametrize("wrong", [5, None, 1.5, ["a"], object()], ids=["int", "none", "float", "list", "object"])
def test_ids_and_values_are_bytes_or_text(tmp_path: Path, engine: Any, wrong: Any) -> None:
    with hyperdb.open(tmp_path / "db", engine=engine) as database:
        app = database.app("redis/0")
        for call in (
            lambda: app.add_vertex(wrong, "value"),
            lambda: app.add_vertex("id", wrong),
            lambda: app.put("id", wrong),
            lambda: app.get(wrong),
            lambda: app.remove(wrong),
            lambda: app.hyperedge(wrong),
            lambda: hyperdb.Vertex(wrong),
            lambda: database.app(wrong),
            lambda: database.snapshot().app(wrong),
        ):
            with pytest.raises(HyperDBError) as refused:
                call()
            assert isinstance(refused.value, WrongTypeError | InvalidError)
        assert list(app.vertices()) == []


def test_buffers_are_bytes() -> None:
    assert hyperdb.Vertex(bytearray(b"ada")) == hyperdb.Vertex(memoryview(b"ada")) == hyperdb.Vertex("ada")  # type: ignore[arg-type]


def test_text_that_is_no_utf_8_is_refused() -> None:
    with pytest.raises(InvalidError, match="UTF-8"):
        hyperdb.Vertex("\ud800")


@pytest.mark.parametrize(
    "arguments",
    [{"engine": "rocks"}, {"memory": -1}, {"memory": "much"}, {"sync": "never"}, {"frames": 0}, {"frames_count": -1}],
    ids=lambda arguments: next(iter(arguments)),
)
def test_options_that_there_are_not_are_refused(tmp_path: Path, arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidError):
        hyperdb.open(tmp_path / "db", **arguments)
    assert not (tmp_path / "db").exists()


def test_a_database_needs_a_path() -> None:
    with pytest.raises(InvalidError, match="path"):
        hyperdb.open("")
