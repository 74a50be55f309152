"""A real BullMQ queue (Node) with HyperDB as its Redis.

Plain jobs, bulks, failures, retries with backoff, delays, priorities, unique jobs, pauses, flows of parents and children and
schedulers: each step is a Lua script of BullMQ's. Run: `python compat-tests/apps/bullmq_queue.py [--peer]` (Node, npm).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import servers
from environments import node_modules

FOLDER = Path(__file__).resolve().parent / "bullmq_app"


def main() -> int:
    """0 when every job gave its right result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", action="store_true", help="run against redis-server instead")
    options = parser.parse_args()
    folder = node_modules("bullmq", FOLDER)
    with servers.redis() if options.peer else servers.hyperdb() as server:
        env = {**os.environ, "QUEUE_PORT": str(server.port)}
        subprocess.run(["node", "app.mjs"], cwd=folder, env=env, check=True, timeout=300)
    print("bullmq: jobs, bulks, retries, delays, priorities, flows and schedulers right")
    return 0


if __name__ == "__main__":
    raise SystemExit(servers.status(main))
