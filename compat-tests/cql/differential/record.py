"""Writes what a Cassandra answers to the statements of files into them (tests/golden/cql/answers/*.txt).

    python compat-tests/cql/differential/record.py [--cassandra PORT] [--here] [FILE ...]

The form is that of tests/cql/cql_answers.py; statements without an answer get one, and all others are asked again. Each file is
run in an empty keyspace `golden`. With --here the lines are written that tell where this server answers otherwise (`~`).
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import hyperdb

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests" / "cql"))
from cql_answers import ANSWERS, begin, read, run, shown, write
from cql_peer import Peer


def record(path: Path, theirs: Peer | None, ours: Peer | None) -> str:
    """Asks a file's statements; how many answers are new."""
    entries = asked = read(path.read_text())
    if theirs is not None:
        begin(theirs)
        asked = [replace(entry, answer=shown(run(theirs, entry.step))) for entry in entries]
    if ours is not None:
        begin(ours)
        found = [shown(run(ours, entry.step)) for entry in asked]
        pairs = zip(asked, found, strict=True)
        asked = [replace(entry, here=here if here != entry.answer else ()) for entry, here in pairs]
    path.write_text(write(asked))
    changed = sum(before != after for before, after in zip(entries, asked, strict=True))
    return f"{path.name}: {len(asked)} statements, {changed} changed, {sum(bool(each.here) for each in asked)} differ"


def main() -> int:
    """Records the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cassandra", type=int)
    parser.add_argument("--here", action="store_true")
    parser.add_argument("files", type=Path, nargs="*", default=sorted(ANSWERS.glob("*.txt")))
    given = parser.parse_args()
    theirs = Peer("127.0.0.1", given.cassandra) if given.cassandra else None
    with hyperdb.open(":memory:", frames=None) as database, database.serve(cql="127.0.0.1:0", control=False) as serving:
        assert serving.cql_address is not None
        ours = Peer(*serving.cql_address) if given.here else None
        for path in given.files:
            print(record(path, theirs, ours))
    return 0


if __name__ == "__main__":
    sys.exit(main())
