"""A real BullMQ queue (Node) with HyperDB as its Redis.

Plain jobs, bulks, failures, retries with backoff, delays, priorities, unique jobs, pauses, flows of parents and children and
schedulers: each step is a Lua script of BullMQ's. Run: `python compat-tests/apps/bullmq_queue.py [--peer]` (Node, npm).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import servers

WORK = servers.ROOT / "build" / "compat" / "bullmq"
FOLDER = Path(__file__).resolve().parent / "bullmq_app"


def prepare() -> None:
    """A copy of the application with its packages."""
    WORK.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "app.mjs"):
        shutil.copy(FOLDER / name, WORK / name)
    if not (WORK / "node_modules" / "bullmq").exists():
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"], cwd=WORK, check=True)


def main() -> int:
    """0 when every job gave its right result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", action="store_true", help="run against redis-server instead")
    options = parser.parse_args()
    prepare()
    with servers.redis() if options.peer else servers.hyperdb() as server:
        env = {**os.environ, "QUEUE_PORT": str(server.port)}
        subprocess.run(["node", "app.mjs"], cwd=WORK, env=env, check=True, timeout=300)
    print("bullmq: jobs, bulks, retries, delays, priorities, flows and schedulers right")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
