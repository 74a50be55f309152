"""Python libraries that live on Redis, run for real: job queues, caches, locks, rate limits, models, channels.

Each scenario of `libraries_app` asserts what the library promises, on a server of its own database.
Run: `python compat-tests/apps/python_libraries.py [--peer] [SCENARIO ...]`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import scenarios_judged
import servers
from environments import environment

PACKAGES = (
    "redis==5.2.1", "hiredis==3.5.0", "dramatiq==2.2.1", "huey==3.5.4", "arq==0.28.0", "Flask==3.1.3", "Flask-Caching==2.5.1",
    "aiocache==0.12.3", "python-redis-lock==4.0.1", "redlock-py==1.0.8", "pottery==3.0.1", "limits==5.8.0", "walrus==0.9.8",
    "channels_redis==4.3.0", "rq==3.0.0", "setuptools==80.9.0", "rq-scheduler==0.14.0",
    "celery==5.4.0", "kombu==5.4.2", "celery-redbeat==2.4.2", "Flask-Session==0.8.0", "msgspec==0.19.0",
)  # fmt: skip
FOLDER = Path(__file__).resolve().parent / "libraries_app"


def main() -> int:
    """0 when every scenario ended well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", action="store_true", help="run against redis-server instead")
    parser.add_argument("scenarios", nargs="*")
    options = parser.parse_args()
    python = environment("python-libraries", *PACKAGES)
    listed = subprocess.run([str(python), "scenarios.py"], cwd=FOLDER, check=True, capture_output=True, text=True)
    with servers.redis() if options.peer else servers.hyperdb() as server:

        def run(name: str) -> subprocess.CompletedProcess[str]:
            command = [str(python), "scenarios.py", name, f"{server.url}/0"]
            done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=300)
            subprocess.run([str(python), "-c", f"import redis; redis.Redis(port={server.port}).flushall()"], check=True)
            return done

        return scenarios_judged.judge(options.scenarios or listed.stdout.split(), run)


if __name__ == "__main__":
    raise SystemExit(servers.status(main))
