"""Random queries beside PostgreSQL 15: python compat-tests/sql/random_queries.py [--seed N] [--schemas N] [--queries N]

Purpose: rows and SQLSTATEs must be the same. What tests/sql/random_sql.py makes of a seed is asked of both; rows are compared in
any order. Which of a query's errors comes, and whether a part that fails is computed at all, SQL leaves open: where both fail
with an error of data (class 22), or one of them answers, nothing is said; counted as `undecided`. `refused` is what we do not
support (0A000). Findings become lines of the scripts in tests/golden/sql/scripts.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from pathlib import Path

from cluster import cluster
from peers import Answer, Peer, hyperdb_server

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "sql"))

from random_sql import Maker

_DATA_ERRORS = ("22", "21")
_FINE = ("same", "undecided", "refused")


def verdict(mine: Answer, theirs: Answer) -> str:
    """same, undecided, or what differs."""
    if mine.failed or theirs.failed:
        if mine.state == theirs.state:
            return "same"
        if "0A000" in (mine.state, theirs.state):
            return "refused"
        states = [answer.state for answer in (mine, theirs) if answer.failed]
        return "undecided" if all(state[:2] in _DATA_ERRORS for state in states) else "state"
    if [kind for _, kind in mine.columns] != [kind for _, kind in theirs.columns]:
        return "types"
    return "same" if sorted(mine.rows, key=repr) == sorted(theirs.rows, key=repr) else "rows"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--schemas", type=int, default=10)
    parser.add_argument("--queries", type=int, default=100, help="of each schema")
    parser.add_argument("--show", type=int, default=20, help="how many differences are printed")
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    with cluster() as (home, _), hyperdb_server() as known:
        mine, theirs = Peer(known, seconds=5), Peer(f"host={home} user=postgres dbname=postgres", seconds=5)
        for seed in range(options.seed, options.seed + options.schemas):
            maker = Maker(random.Random(seed).randrange)
            tables = maker.schema()
            names = ", ".join(table.name for table in tables)
            made = [text for table in tables for text in table.statements()]
            for text in (f"DROP TABLE IF EXISTS {names}, t0, t1, t2", *made):
                answers = (mine.ask(text), theirs.ask(text))
                if answers[0].state != answers[1].state:
                    counts["schema"] += 1
                    print(f"seed {seed}: {text[:300]}\n  {answers[0].state} {answers[0].message} / {answers[1].state}")
            for _ in range(options.queries):
                query = maker.query()
                one, other = mine.ask(query), theirs.ask(query)
                found = verdict(one, other)
                counts[found] += 1
                if (
                    found not in ("same", "undecided")
                    and sum(counts.values()) - counts["same"] - counts["undecided"] <= options.show
                ):
                    print(
                        f"seed {seed} [{found}] {query}\n  ours   {_shown(one, other)}\n  theirs {_shown(other, one)}", flush=True
                    )
        mine.close()
        theirs.close()
    print("  ".join(f"{name} {count}" for name, count in counts.most_common()))
    sys.exit(1 if set(counts) - set(_FINE) else 0)


def _shown(answer: Answer, other: Answer) -> str:
    if answer.failed:
        return f"{answer.state} {answer.message}"
    return f"{[kind for _, kind in answer.columns]} {[row for row in answer.rows if row not in other.rows][:3]}"


if __name__ == "__main__":
    main()
