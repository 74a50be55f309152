"""pgx and lib/pq on HyperDB and on PostgreSQL: python compat-tests/sql/go_drivers.py

Purpose: the two drivers of Go's world; go/pgx_test.go and go/pq_test.go must pass on both servers. Go fetches them by go/go.mod.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from suites import Peer, arguments, hyperdb_server, postgresql

TESTS = Path(__file__).with_name("go")


def outcomes(go: str, peer: Peer, asked: list[str]) -> dict[str, bool]:
    """The tests, and whether each passed; what a failing one says is printed."""
    known = {**os.environ, **peer.environment}
    only = ["-run", "|".join(asked)] if asked else []
    done = subprocess.run(
        [go, "test", "-count=1", "-timeout=300s", "-json", *only, "."],
        cwd=TESTS, env=known, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found: dict[str, bool] = {}
    said: dict[str, str] = {}
    for line in done.stdout.splitlines():
        event = json.loads(line)
        test = event.get("Test")
        if test is None:
            continue
        if event["Action"] == "output":
            said[test] = said.get(test, "") + event["Output"]
        elif event["Action"] in ("pass", "fail"):
            found[test] = event["Action"] == "pass"
    for test, good in found.items():
        if not good:
            print(f"{peer.name}: {test}\n{said.get(test, '')}")
    if not found:
        sys.exit(f"{peer.name}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return found


def main() -> None:
    chosen = arguments(__doc__ or "")
    go = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if go is None:
        sys.exit("go is not here: install Go 1.25 or newer.")
    with postgresql() as peer:
        theirs = outcomes(go, peer, chosen.rest)
    with hyperdb_server() as peer:
        ours = outcomes(go, peer, chosen.rest)
    wanted, got = sum(theirs.values()), sum(ours.values())
    print(f"pgx and lib/pq: PostgreSQL passes {wanted} of {len(theirs)}, HyperDB {got} of {len(ours)}")
    sys.exit(0 if wanted == len(theirs) == got == len(ours) else 1)


if __name__ == "__main__":
    main()
