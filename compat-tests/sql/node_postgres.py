"""node-postgres on HyperDB and on PostgreSQL: python compat-tests/sql/node_postgres.py [--source FOLDER WITH node_modules]

Purpose: the driver of Node's world, which speaks the protocol in text: node/check.test.js must pass on both servers.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from suites import Peer, arguments, hyperdb_server, postgresql, scratch

TESTS = Path(__file__).with_name("node")


def passed(folder: Path, peer: Peer) -> tuple[int, int]:
    """Tests that passed, and those that failed."""
    known = {**os.environ, **peer.environment}
    done = subprocess.run(
        ["node", "--test", "--test-reporter=tap"], cwd=folder, env=known, capture_output=True, text=True, check=False
    )
    good, bad = (int(re.findall(rf"^# {word} (\d+)", done.stdout, re.M)[0]) for word in ("pass", "fail"))
    if bad:
        print(f"{peer.name}:\n{done.stdout[-4000:]}")
    return good, bad


def main() -> None:
    chosen = arguments(__doc__ or "")
    if shutil.which("npm") is None:
        sys.exit("npm is not here: install Node 20 or newer.")
    with scratch("node", chosen.home) as home:
        folder = home / "node"
        shutil.copytree(TESTS, folder, dirs_exist_ok=True)
        if chosen.source and not (folder / "node_modules").exists():
            (folder / "node_modules").symlink_to(chosen.source / "node_modules")
        elif not chosen.source:
            subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"], cwd=folder, check=True)
        with postgresql() as peer:
            theirs = passed(folder, peer)
        with hyperdb_server() as peer:
            ours = passed(folder, peer)
    print(f"node-postgres: PostgreSQL passes {theirs[0]} of {sum(theirs)}, HyperDB {ours[0]} of {sum(ours)}")
    sys.exit(1 if ours[1] or theirs[1] or not ours[0] else 0)


if __name__ == "__main__":
    main()
