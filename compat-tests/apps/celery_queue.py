"""A real Celery job queue with HyperDB as its broker and its result backend.

A worker process runs tasks: plain ones, retries, a chord (results joined by the backend), a countdown, and a queue
that survives a restart of the server. Run: `python compat-tests/apps/celery_queue.py [--peer]`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import servers

WORK = servers.ROOT / "build" / "compat" / "celery"
PACKAGES = ("celery[redis]==5.6.*", "packaging")
FOLDER = Path(__file__).resolve().parent / "celery_app"


def prepare() -> Path:
    """A virtual environment with Celery."""
    python = WORK / "venv" / "bin" / "python"
    if not python.exists():
        venv.create(WORK / "venv", with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    return python


@contextlib.contextmanager
def worker(python: Path, url: str) -> Iterator[None]:
    """A worker with two processes, ended by pid."""
    command = [str(python), "-m", "celery", "-A", "tasks", "worker", "-c", "2", "--loglevel", "WARNING"]
    log = (WORK / "worker.log").open("ab")
    process = subprocess.Popen(command, cwd=FOLDER, env={**os.environ, "QUEUE_URL": url}, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)
        log.close()


def produce(python: Path, url: str, step: str) -> None:
    """Runs one step of the producer, which asserts its results."""
    env = {**os.environ, "QUEUE_URL": url}
    subprocess.run([str(python), "producer.py", step], cwd=FOLDER, env=env, check=True, timeout=120)


def main() -> int:
    """0 when every job gave its right result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", action="store_true", help="run against redis-server instead")
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    python = prepare()
    if options.peer:
        with servers.redis() as server, worker(python, server.url):
            produce(python, server.url, "run")
        return 0
    with tempfile.TemporaryDirectory(prefix="hyperdb-celery-") as scratch:
        data = Path(scratch) / "data"
        with servers.hyperdb(directory=data) as server:
            with worker(python, server.url):
                produce(python, server.url, "run")
            produce(python, server.url, "enqueue")
        with servers.hyperdb(directory=data) as server, worker(python, server.url):
            produce(python, server.url, "collect")
    print("celery: plain, retried, chained, joined and delayed jobs right; queue kept over a restart")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
