"""Random changes beside PostgreSQL 15: python compat-tests/sql/random_statements.py [--seed N] [--schemas N] [--statements N]

Purpose: what INSERT, UPDATE, DELETE, MERGE and transactions give and leave must be the same. What tests/sql/random_changes.py
makes of a seed is told to both; tags, rows in any order, SQLSTATEs and the state of the block are compared, then all rows of all
tables. Queries in between are asked in both tiers, row operators and columns. Statements of the short way come often enough to
take it. Which of two broken rules is told, and whether one is met before a key moves on, SQL leaves open: counted as
`undecided`, and the schema begins anew where one side did what the other refused. Findings become lines of the scripts in
tests/golden/sql/scripts.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from pathlib import Path

from cluster import cluster
from peers import Answer, Peer, hyperdb_server
from random_queries import verdict

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "sql"))

from random_changes import Changes


class Run:
    """One seed's schema on both servers."""

    def __init__(self, mine: Peer, columns: Peer, theirs: Peer, show: int) -> None:
        self._mine, self._columns, self._theirs = mine, columns, theirs
        self._left = show
        self.counts: Counter[str] = Counter()
        self._recent: list[str] = []

    def schema(self, seed: int, statements: int) -> None:
        """The seed's statements."""
        maker = Changes(random.Random(seed).randrange)
        for text in ("ROLLBACK", "DROP SCHEMA IF EXISTS s CASCADE", "CREATE SCHEMA s", "SET search_path TO s"):
            one, other = self._both(text)
            if one.state != other.state:
                self._found("schema", seed, text, one, other)
        for table in maker.schema():
            for text in table.statements():
                one, other = self._both(text)
                if one.state != other.state:
                    self._found("schema", seed, text, one, other)
        self._recent = []
        for _ in range(statements):
            form = maker.below(10)
            if form < 3:
                self._asked(seed, maker.query())
            elif not self._changed(seed, maker.short() if form < 5 else maker.statement(), maker):
                return

    def _both(self, text: str) -> tuple[Answer, Answer]:
        return self._mine.ask(text), self._theirs.ask(text)

    def _asked(self, seed: int, query: str) -> None:
        theirs = self._theirs.ask(query)
        for name, peer in (("rows", self._mine), ("columns", self._columns)):
            if name == "columns" and theirs.block:
                return
            mine = peer.ask(query)
            if "slow" in (mine.state, theirs.state):
                found = "undecided" if theirs.state == "slow" else "slow"
            elif mine.state == "25P02" and theirs.state == "25P02":
                found = "same"
            else:
                found = verdict(mine, theirs)
            if mine.block != theirs.block:
                found = "undecided" if found == "undecided" else "block"
            self.counts[f"query {found}"] += 1
            if found not in ("same", "undecided", "refused"):
                self._shown(f"{found} in {name}", seed, query, mine, theirs)
            if mine.block != theirs.block:
                self._both("ROLLBACK")

    def _changed(self, seed: int, text: str, maker: Changes) -> bool:
        """Whether both went the same way."""
        mine, theirs = self._both(text)
        self._recent.append(text)
        if mine.state == theirs.state and mine.block == theirs.block:
            same = mine.failed or (mine.tag == theirs.tag and sorted(mine.rows, key=repr) == sorted(theirs.rows, key=repr))
            self.counts[f"change {'failed' if mine.failed else 'same'}" if same else "change rows"] += 1
            if not same:
                self._shown("tag or rows", seed, text, mine, theirs)
                return False
            return mine.block == 3 or mine.failed or self._rows(seed, text, maker)
        undecided = all(state[:2] in ("", "22", "21", "23") for state in (mine.state, theirs.state))
        if theirs.state[:2] == "22" and mine.state == "42P10":
            # PostgreSQL computes constants before it looks for ON CONFLICT's index.
            undecided = True
        if "0A000" in (mine.state, theirs.state):
            found = "refused"
        elif mine.failed and theirs.failed:
            found = "undecided" if undecided else "state"
        elif "23505" in (mine.state, theirs.state):
            found = "unique"
        else:
            found = "undecided" if {mine.state[:2], theirs.state[:2]} <= {"", "22"} else "state"
        self._found(found, seed, text, mine, theirs)
        return mine.failed and theirs.failed and mine.block == theirs.block

    def _rows(self, seed: int, text: str, maker: Changes) -> bool:
        if text.startswith("SELECT"):
            return True
        for table in maker.made:
            mine, theirs = self._both(f"SELECT * FROM {table.name}")
            if mine.state != theirs.state or sorted(mine.rows, key=repr) != sorted(theirs.rows, key=repr):
                self.counts["change left"] += 1
                self._shown(f"rows of {table.name}", seed, text, mine, theirs)
                return False
        return True

    def _found(self, found: str, seed: int, text: str, mine: Answer, theirs: Answer) -> None:
        self.counts[f"change {found}"] += 1
        if found not in ("undecided", "refused"):
            self._shown(found, seed, text, mine, theirs)

    def _shown(self, found: str, seed: int, text: str, mine: Answer, theirs: Answer) -> None:
        if self._left:
            self._left -= 1
            print(f"seed {seed} [{found}] {text}")
            for who, answer, other in (("ours  ", mine, theirs), ("theirs", theirs, mine)):
                kinds, rows = [kind for _, kind in answer.columns], [row for row in answer.rows if row not in other.rows]
                said = f"{answer.state} {answer.message}" if answer.failed else f"{answer.tag} {rows[:3]} {kinds}"
                print(f"  {who} {said} block {answer.block}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--schemas", type=int, default=20)
    parser.add_argument("--statements", type=int, default=80, help="of each schema")
    parser.add_argument("--show", type=int, default=20, help="how many differences are printed")
    options = parser.parse_args()
    with cluster() as (home, _), hyperdb_server() as known:
        mine, columns = Peer(known, seconds=5), Peer(known, seconds=5)
        theirs = Peer(f"host={home} user=postgres dbname=postgres", seconds=5)
        theirs.ask("SET timezone TO 'UTC'")
        columns.ask("SET search_path TO s")
        columns.ask("SET hyperdb.tier TO columns")
        run = Run(mine, columns, theirs, options.show)
        for seed in range(options.seed, options.seed + options.schemas):
            run.schema(seed, options.statements)
        for peer in (mine, columns, theirs):
            peer.close()
    print("  ".join(f"{name} {count}" for name, count in run.counts.most_common()))
    bad = [name for name in run.counts if name.split(" ")[1] not in ("same", "failed", "undecided", "refused", "unique")]
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
