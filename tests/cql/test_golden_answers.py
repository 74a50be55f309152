"""Statements are answered as Cassandra 5.0 answered them: rows, types, codes, words, warnings, times of writes.

The answers are in tests/golden/cql/answers; compat-tests/cql/differential/record.py asks a Cassandra for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cql_answers import ANSWERS, begin, read, run, shown
from cql_peer import Peer

import hyperdb

FILES = sorted(ANSWERS.glob("*.txt"))


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with hyperdb.open(":memory:", frames=None) as database, database.serve(cql="127.0.0.1:0", control=False) as serving:
        assert serving.cql_address is not None
        made = Peer(*serving.cql_address)
        yield made
        made.close()


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_answers_are_those_of_cassandra(peer: Peer, path: Path) -> None:
    begin(peer)
    wrong = []
    for entry in read(path.read_text()):
        found = shown(run(peer, entry.step))
        if found != (entry.here or entry.answer):
            wrong.append("\n".join([str(entry.step), "Cassandra:", *entry.answer, "here:", *found]))
    assert not wrong, f"{len(wrong)} answers differ\n\n" + "\n\n".join(wrong)


def test_there_are_answers() -> None:
    assert FILES
