"""Every suite and application that speaks to Redis, one after the other, and at the end what became of each.

One that fails does not keep the others from running; one whose sources or tools are not there says where they are got.
Run: `python compat-tests/resp/run_all.py [NAME ...]`, such as `ioredis celery_queue`; without names all (hours).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
APPLICATIONS = HERE.parent / "apps"
COMMANDS = (
    HERE / "redis_cli.py",
    HERE / "resp_compatibility.py",
    HERE / "bad_input.py",
    HERE / "moving.py",
    HERE / "ioredis.py",
    HERE / "node_redis.py",
    HERE / "redis_py.py",
    HERE / "go_redis.py",
    HERE / "jedis.py",
    HERE / "redis_tcl.py",
    APPLICATIONS / "rq_queue.py",
    APPLICATIONS / "celery_queue.py",
    APPLICATIONS / "bullmq_queue.py",
    APPLICATIONS / "rate_limiter.py",
    APPLICATIONS / "django_cache.py",
    APPLICATIONS / "chat.py",
    APPLICATIONS / "stream_workers.py",
    APPLICATIONS / "python_libraries.py",
)
OUTCOMES = {0: "as Redis, or for a reason", 2: "not run: something that it needs is missing"}


def main() -> int:
    """0 when all that ran did as they do with Redis, and all ran."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *(path.stem for path in COMMANDS)])
    chosen = parser.parse_args().names or [path.stem for path in COMMANDS]
    ended: dict[str, tuple[int, float]] = {}
    for path in COMMANDS:
        if path.stem in chosen:
            print(f"== {path.stem}", flush=True)
            began = time.monotonic()
            ended[path.stem] = subprocess.run([sys.executable, str(path)]).returncode, time.monotonic() - began
    for name, (status, seconds) in ended.items():
        print(f"{name:20} {seconds:7.0f} s  {OUTCOMES.get(status, 'differs')}")
    return 1 if any(status for status, _ in ended.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
