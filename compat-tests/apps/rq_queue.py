"""A real RQ job queue with HyperDB as its Redis.

Workers run plain jobs, jobs that fail and are tried again, chains of dependent jobs, scheduled jobs, and a queue that
survives a restart of the server. RQ 1.11 is the last release that keeps results without streams, which are not served yet.
Run: `python compat-tests/apps/rq_queue.py [--peer]`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import servers

WORK = servers.ROOT / "build" / "compat" / "rq"
PACKAGES = ("rq==1.11.1", "redis==4.6.0", "setuptools<81")
FOLDER = Path(__file__).resolve().parent / "rq_app"


def prepare() -> Path:
    """A virtual environment with RQ."""
    python = WORK / "venv" / "bin" / "python"
    if not python.exists():
        venv.create(WORK / "venv", with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    return python


def step(python: Path, url: str, name: str, note: Path) -> None:
    """Runs one step of the producer, which starts its own worker and asserts its results."""
    env = {**os.environ, "QUEUE_URL": url, "QUEUE_NOTE": str(note)}
    subprocess.run([str(python), "producer.py", name], cwd=FOLDER, env=env, check=True, timeout=180)


def main() -> int:
    """0 when every job gave its right result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", action="store_true", help="run against redis-server instead")
    options = parser.parse_args()
    python = prepare()
    with tempfile.TemporaryDirectory(prefix="hyperdb-rq-") as scratch:
        data, note = Path(scratch) / "data", Path(scratch) / "note"
        if options.peer:
            with servers.redis() as server:
                step(python, server.url, "run", note)
            return 0
        with servers.hyperdb(directory=data) as server:
            step(python, server.url, "run", note)
            step(python, server.url, "enqueue", note)
        with servers.hyperdb(directory=data) as server:
            step(python, server.url, "collect", note)
    print("rq: plain, failing, retried, dependent and scheduled jobs right; queue kept over a restart")
    return 0


if __name__ == "__main__":
    raise SystemExit(servers.status(main))
