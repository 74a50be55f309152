"""A real queue of asynq (Go) with HyperDB as its Redis.

Tasks, delays, unique ones, retries, results, cancellation over pub/sub, pauses, groups and schedules, with asynq's own inspector.
Run: `python compat-tests/apps/asynq_queue.py [--peer]` (Go 1.24).
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
from environments import HOME

FOLDER = Path(__file__).resolve().parent / "asynq_app"
LONGEST = 400.0


def built() -> Path:
    """The application as a program; go builds anew what has changed.

    Raises:
        servers.ServerFailed: when Go is not installed.
    """
    if shutil.which("go") is None:
        raise servers.ServerFailed("go is not installed (https://go.dev/dl, 1.24 or newer)")
    program = HOME / "asynq" / "asynq_app"
    program.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["go", "build", "-o", str(program), "."], cwd=FOLDER, check=True)
    return program


def main() -> int:
    """0 when every task did what it should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", action="store_true", help="run against redis-server instead")
    options = parser.parse_args()
    program = built()
    with servers.redis() if options.peer else servers.hyperdb() as server:
        env = {**os.environ, "QUEUE_ADDRESS": f"127.0.0.1:{server.port}"}
        return subprocess.run([str(program)], env=env, timeout=LONGEST, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(servers.status(main))
