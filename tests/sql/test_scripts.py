"""Our answers to scripts of SQL beside those that PostgreSQL 15 gave (compat-tests/sql/scripts.py recorded them)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from script_answers import SCRIPTS, ours, statements

import hyperdb
from hyperdb.frontends.sql.backend import SqlBackend
from hyperdb.frontends.sql.contract import Opening
from hyperdb.frontends.sql.session import SqlSession
from hyperdb.graph.catalog.tables import Tables


@pytest.fixture(params=("rows", "columns"))
def session(request: pytest.FixtureRequest) -> Iterator[SqlSession]:
    """In each tier: where a plan allows it, all runs in columns, however few the rows."""
    with hyperdb.open(":memory:", memory="32m") as database:
        opened = SqlBackend(Tables(database.native)).open(Opening("postgres", "hyperdb"))
        opened.set("hyperdb.tier", request.param)
        yield opened
        opened.close()


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.sql")), ids=lambda path: path.stem)
def test_answers_are_those_of_postgresql(script: Path, session: SqlSession) -> None:
    golden = json.loads(script.with_suffix(".json").read_text())
    assert [answer["sql"] for answer in golden] == statements(script)
    wrong = []
    for wanted in golden:
        found = ours(session, wanted["sql"])
        expected = {name: value for name, value in wanted.items() if name not in ("sql", "message")}
        if {name: value for name, value in found.items() if name != "message"} != expected:
            wrong.append((wanted["sql"], expected, found))
    assert not wrong, f"{len(wrong)} of {len(golden)} differ, first: {wrong[0]}"
