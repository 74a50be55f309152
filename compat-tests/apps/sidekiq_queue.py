"""Real workers of Sidekiq (Ruby) with HyperDB as their Redis.

Jobs one by one and in bulk, weighted queues, schedules, retries, jobs that are given up, a worker that is stopped with a job in
its hands, and what Sidekiq's own page shows of all that.
Run: `python compat-tests/apps/sidekiq_queue.py [--peer]` (Ruby, Sidekiq).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import servers

FOLDER = Path(__file__).resolve().parent / "sidekiq_app"
LONGEST = 400.0


def main() -> int:
    """0 when every job was done as often as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", action="store_true", help="run against redis-server instead")
    options = parser.parse_args()
    for program in ("ruby", "sidekiq"):
        if shutil.which(program) is None:
            raise servers.ServerFailed(f"{program} is not installed (Debian: ruby-sidekiq)")
    serve = servers.redis() if options.peer else servers.hyperdb()
    with tempfile.TemporaryDirectory(prefix="hyperdb-sidekiq-") as scratch, serve as server:
        log = Path(scratch) / "worker.log"
        env = {**os.environ, "QUEUE_URL": f"{server.url}/1", "WORKER_LOG": str(log)}
        done = subprocess.run(["ruby", "producer.rb"], cwd=FOLDER, env=env, timeout=LONGEST, check=False)
        if done.returncode and log.exists():
            print(log.read_text()[-2000:])
        return 1 if done.returncode else 0


if __name__ == "__main__":
    raise SystemExit(servers.status(main))
