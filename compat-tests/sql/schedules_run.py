"""Schedules of transactions beside PostgreSQL 15: python compat-tests/sql/schedules_run.py [--write]

Purpose: what tests/golden/sql/schedules.txt says is played at each level by a real server. With --write its
outcomes become tests/golden/sql/schedules.json, to which tests/sql/test_schedules.py holds ours; without, they are compared.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from cluster import cluster

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "sql"))

from schedules import GOLDEN, Session, by_locks, play, schedules

OUTCOMES = GOLDEN / "schedules.json"


def _last_one_loses(number: int, session: Session) -> None:
    """Who looks for deadlocks first is who is refused: here whoever closes the circle, which is never the first session."""
    session.send(f"SET deadlock_timeout = '{'100s' if number == 1 else '10ms'}'").result()


def main() -> None:
    found: dict[str, Any] = {}
    with cluster() as (home, _):
        known = f"host={home} user=postgres dbname=postgres"
        waits = by_locks(known)
        for name, schedule in schedules().items():
            for level in schedule.levels:
                found[f"{name}: {level}"] = play(known, schedule.played(level), waits, _last_one_loses)
    if "--write" in sys.argv:
        lines = (f"{json.dumps(name)}: {json.dumps(outcome)}" for name, outcome in found.items())
        OUTCOMES.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        return
    kept = json.loads(OUTCOMES.read_text())
    different = [name for name in {*kept, *found} if kept.get(name) != found.get(name)]
    print("\n".join(sorted(different)) or f"{len(found)} outcomes are those of the golden file")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
