"""Random tables and sequences of statements, against this server and a Cassandra; what differs is shrunk and told.

    python compat-tests/cql/differential/run.py --cassandra PORT [--seed 1] [--tables 20] [--examples 50] [--findings FILE]

Cassandra is started by ../cassandra/node.py. A finding is a table and the shortest sequence that was found to show a difference:
its last statement is answered otherwise. What is mended is kept with Cassandra's answers under tests/golden/cql (record.py).

Theory: tables are drawn by the seed, sequences by Hypothesis, which shrinks them; all timestamps and the time itself are told
with the statements, so that both servers see the same. Invariant: a seed gives the same tables and the same sequences.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis.internal.conjecture.engine as engine
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

import hyperdb

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests" / "cql"))
from compare import difference, meaning
from cql_answers import Entry, Step, run, shown, write
from cql_peer import Answer, Peer, Settings
from questions import Question, everything
from schemas import Maker, Table
from sentences import START

KEYSPACE = "differential"
_FAULTS = (0x0000, 0x1300, 0x1500)
"""What a Cassandra says that has failed itself."""


def has_failed(answer: Answer) -> bool:
    """Whether a Cassandra has stumbled, which is nothing to be like."""
    is_page = answer.code == 0x000A and "paging state" in answer.message
    return answer.kind == "error" and (answer.code in _FAULTS or is_page)


class Differ(AssertionError):
    """A statement that is answered otherwise."""

    def __init__(self, entries: list[Entry], what: str) -> None:
        super().__init__(what)
        self.entries = entries
        """With Cassandra's answers."""
        self.what = what


@dataclass
class Pair:
    """Both servers."""

    ours: Peer
    theirs: Peer
    ignored: list[re.Pattern[str]] = field(default_factory=list)
    only_meaning: bool = False
    """Words of errors and warnings may differ."""
    statements: int = 0
    ignored_count: int = 0

    def ask(self, step: Step) -> tuple[Answer, str | None]:
        """What Cassandra answers, and what is otherwise here."""
        self.statements += 1
        theirs = run(self.theirs, step)
        ours = run(self.ours, step)
        if has_failed(theirs):
            return theirs, None
        return theirs, meaning(ours, theirs) if self.only_meaning else difference(ours, theirs)

    def make(self, statements: Iterable[str]) -> list[str]:
        """Definitions; what differs."""
        found = []
        for text in statements:
            theirs, what = self.ask(Step(text))
            if what or theirs.kind == "error":
                found.append(f"{text}\n    {what or theirs.message}")
        return found

    def truncate(self, table: Table) -> None:
        """Empties it."""
        for peer in (self.ours, self.theirs):
            peer.query(f"TRUNCATE {table.full}")

    def is_ignored(self, step: Step, what: str) -> bool:
        """Whether it is known."""
        found = any(pattern.search(f"{step} {what}") for pattern in self.ignored)
        self.ignored_count += found
        return found


def sequence(pair: Pair, table: Table, draw: Any, most: int) -> None:
    """One sequence.

    Raises:
        Differ: a statement is answered otherwise.
    """
    pair.truncate(table)
    entries: list[Entry] = []
    now = START

    def check(step: Step) -> bool:
        """Whether to go on."""
        theirs, what = pair.ask(step)
        entries.append(Entry(step, shown(theirs)))
        if has_failed(theirs):
            return False
        if what is not None:
            if pair.is_ignored(step, what):
                return False
            raise Differ(entries, what)
        return True

    for _ in range(draw(st.integers(1, most))):
        if draw(st.integers(0, 9)) == 9:
            now += draw(st.sampled_from([1, 9, 10, 25]))
        asks = draw(st.integers(0, 2)) == 2
        at = draw(st.sampled_from([3, 1, 2, 4, 5, 6]))
        paging = draw(st.sampled_from([None, None, 1, 2, 3])) if asks else None
        how = Settings(now=now, timestamp=None if asks or table.is_counter else at, page_size=paging, serial=8)
        made = Question(draw, table, now, how)
        change = "" if asks else made.batch() if made.chance(0.12) else made.change()
        if not check(made.step(made.select() if asks else change)):
            return
    for text in everything(table):
        if not check(Step(text, (), Settings(now=now))):
            return


def explore(pair: Pair, table: Table, number: int, examples: int, most: int) -> Differ | None:
    """Sequences on one table; the first that shows a difference, shrunk."""

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def one(data: Any) -> None:
        sequence(pair, table, data.draw, most)

    try:
        one()
    except Differ as found:
        return shortened(pair, table, found)
    return None


def shortened(pair: Pair, table: Table, found: Differ) -> Differ:
    """The finding without the statements that it does not need."""
    steps = [entry.step for entry in found.entries]
    for place in reversed(range(len(steps) - 1)):
        fewer = steps[:place] + steps[place + 1 :]
        again = replayed(pair, table, fewer)
        if again is not None:
            found, steps = again, [entry.step for entry in again.entries]
    return found


def replayed(pair: Pair, table: Table, steps: list[Step]) -> Differ | None:
    """What differs when the steps are asked again; nothing: None."""
    pair.truncate(table)
    entries = []
    for step in steps:
        theirs, what = pair.ask(step)
        entries.append(Entry(step, shown(theirs)))
        if what is not None:
            return Differ(entries, what) if not pair.is_ignored(step, what) else None
    return None


def told(table: Table, found: Differ) -> str:
    """A finding as text."""
    made = [Entry(Step(text), ("= schema",)) for text in table.create()]
    return f"{write([*made, *found.entries])}  ----\n{found.what}\n"


def main() -> int:
    """Runs it; 0 if nothing differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cassandra", type=int, required=True, help="its port on 127.0.0.1")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tables", type=int, default=20)
    parser.add_argument("--examples", type=int, default=50, help="sequences of a table")
    parser.add_argument("--steps", type=int, default=20, help="statements of a sequence, at most")
    parser.add_argument("--shrink", type=float, default=5, help="seconds for a finding")
    parser.add_argument("--ignore", action="append", default=[], help="an expression for findings that are known")
    parser.add_argument("--meaning", action="store_true", help="leave the words of errors and warnings alone")
    parser.add_argument("--findings", type=Path)
    given_ = parser.parse_args()
    engine.MAX_SHRINKING_SECONDS = given_.shrink
    began, findings = time.monotonic(), 0
    with hyperdb.open(":memory:", frames=None) as database, database.serve(cql="127.0.0.1:0", control=False) as serving:
        assert serving.cql_address is not None
        ignored = [re.compile(each) for each in given_.ignore]
        pair = Pair(Peer(*serving.cql_address), Peer("127.0.0.1", given_.cassandra), ignored, given_.meaning)
        keyspace = f"{KEYSPACE}_{given_.seed}"
        replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
        for peer in (pair.ours, pair.theirs):
            peer.query(f"DROP KEYSPACE IF EXISTS {keyspace}")
            peer.query(f"CREATE KEYSPACE {keyspace} WITH replication = {replication} AND durable_writes = false")
            peer.query(f"USE {keyspace}")
        for number in range(given_.tables):
            table = Maker(keyspace, random.Random(f"{given_.seed}/{number}")).table(f"t{number}")
            wrong = pair.make(table.create())
            for text in wrong:
                print(f"definition: {text}", flush=True)
            differ = explore(pair, table, given_.seed * 1000 + number, given_.examples, given_.steps) if not wrong else None
            pair.make([f"DROP MATERIALIZED VIEW {name}" for name, _ in table.views])
            pair.make([f"DROP TABLE {table.full}"])
            if differ is not None or wrong:
                findings += 1
                text = f"# seed {given_.seed} table {number}\n{told(table, differ) if differ else ''.join(wrong)}"
                print(text, flush=True)
                if given_.findings:
                    with given_.findings.open("a") as out:
                        out.write(text + "\n")
        pair.theirs.query(f"DROP KEYSPACE {keyspace}")
    taken = time.monotonic() - began
    print(
        f"{given_.tables} tables, {pair.statements} statements, {findings} findings, {pair.ignored_count} ignored, {taken:.0f} s"
    )
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
