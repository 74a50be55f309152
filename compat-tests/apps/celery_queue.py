"""A real Celery application with HyperDB as its broker and its result store.

A worker of several processes runs plain tasks, groups, chains, chords, tasks that fail and tasks that are tried again, and
answers remote control over pub/sub. Run: `python compat-tests/apps/celery_queue.py [--peer]`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import servers

WORK = servers.ROOT / "build" / "compat" / "celery"
PACKAGES = ("celery==5.4.0", "kombu==5.4.2", "redis==5.2.1")
FOLDER = Path(__file__).resolve().parent / "celery_app"


def prepare() -> Path:
    """A virtual environment with Celery."""
    python = WORK / "venv" / "bin" / "python"
    if not python.exists():
        venv.create(WORK / "venv", with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    return python


def run(python: Path, url: str, log: Path) -> None:
    """Starts a worker, runs the producer, ends the worker.

    Raises:
        subprocess.CalledProcessError: when a result was wrong.
    """
    env = {**os.environ, "QUEUE_URL": url}
    worker = [str(python), "-m", "celery", "-A", "tasks", "worker", "--concurrency", "2", "--loglevel", "INFO"]
    with log.open("wb") as out:
        process = subprocess.Popen(worker, cwd=FOLDER, env=env, stdout=out, stderr=subprocess.STDOUT)
    try:
        subprocess.run([str(python), "producer.py"], cwd=FOLDER, env=env, check=True, timeout=300)
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=30)
        if process.poll() is None:
            process.kill()


def main() -> int:
    """0 when every task gave its right result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", action="store_true", help="run against redis-server instead")
    options = parser.parse_args()
    python = prepare()
    serve = servers.redis() if options.peer else servers.hyperdb()
    with tempfile.TemporaryDirectory(prefix="hyperdb-celery-") as scratch, serve as server:
        run(python, server.url, Path(scratch) / "worker.log")
    print("celery: tasks, groups, chains, chords, failures, retries and remote control right")
    return 0


if __name__ == "__main__":
    raise SystemExit(servers.status(main))
