"""Every suite and application that speaks to Redis, one after the other beside a real Redis, and at the end what became of each.

Purpose: one command that says at this commit whether an application can tell. A suite runs itself on both servers and compares;
an application runs on HyperDB, then on Redis. What a program says goes to its own file (`build/compat/said`); the end of it is
shown when it was not content. Invariant: one that fails, hangs or lacks something does not keep the others from running, and the
status is 0 only if all that was asked for ran and was content.
Run: `python compat-tests/resp/run_all.py [NAME ...]`, such as `ioredis celery_queue`; without names all (hours). The peer is
`$REDIS_SERVER`, else what servers.py finds; HyperDB is `$HYPERDB`, else what `make build` leaves.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import servers

HERE = Path(__file__).resolve().parent
APPLICATIONS = HERE.parent / "apps"
SAID = servers.ROOT / "build" / "compat" / "said"
LONGEST = 3 * 3600.0
"""Seconds after which a program is taken to hang: each ends its own parts long before."""
SHOWN = 25
"""Lines of a program that was not content."""


@dataclass(frozen=True)
class Program:
    """One row: a file of this folder, or of the applications'."""

    name: str
    folder: Path = HERE
    alone: bool = False
    """There is no peer in it: a Redis does not come through, or its answers are on record."""
    pytest: bool = False

    @property
    def command(self) -> list[str]:
        """What runs it."""
        if self.pytest:
            return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(self.folder / self.name)]
        return [sys.executable, str(self.folder / f"{self.name}.py")]

    @property
    def runs(self) -> tuple[tuple[str, list[str]], ...]:
        """What is run, by server: a suite has both in one."""
        if self.folder == APPLICATIONS:
            return (("on hyperdb", self.command), ("on redis", [*self.command, "--peer"]))
        return (("on hyperdb" if self.alone else "beside redis", self.command),)


PROGRAMS = (
    Program("redis_cli", alone=True),
    Program("script_attacks", alone=True),
    Program("resp_compatibility"),
    Program("differential", pytest=True),
    Program("bad_input"),
    Program("random_sequences"),
    Program("resource_attacks", alone=True),
    Program("moving"),
    Program("ioredis"),
    Program("node_redis"),
    Program("redis_py"),
    Program("fakeredis"),
    Program("go_redis"),
    Program("jedis"),
    Program("lettuce"),
    Program("redis_tcl"),
    Program("rq_queue", APPLICATIONS),
    Program("celery_queue", APPLICATIONS),
    Program("bullmq_queue", APPLICATIONS),
    Program("rate_limiter", APPLICATIONS),
    Program("django_cache", APPLICATIONS),
    Program("chat", APPLICATIONS),
    Program("stream_workers", APPLICATIONS),
    Program("python_libraries", APPLICATIONS),
    Program("node_libraries", APPLICATIONS),
    Program("redisson", APPLICATIONS),
    Program("spring", APPLICATIONS),
    Program("sidekiq_queue", APPLICATIONS),
    Program("asynq_queue", APPLICATIONS),
)
OUTCOMES = {0: "content", 2: "NOT RUN"}


def ended(command: list[str], log: Path) -> int:
    """The status of a program that says what it has to say into a file; 1 if it had to be ended."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
    try:
        return process.wait(LONGEST)
    except subprocess.TimeoutExpired:
        with log.open("a") as out:
            out.write(f"\nended after {LONGEST:.0f} s\n")
        return 1
    finally:
        # What it started is of its session; nothing is there any more if it ended well.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)


def run(program: Program) -> bool:
    """Runs a program on what it is run on, and tells a line about each; whether it was content."""
    content = True
    for where, command in program.runs:
        log = SAID / f"{program.name}.{where.replace(' ', '-')}.log"
        began = time.monotonic()
        status = ended(command, log)
        said = log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
        seconds = time.monotonic() - began
        print(f"{OUTCOMES.get(status, 'FAILED'):8} {program.name:20} {where:12} {seconds:6.0f} s  {said[-1]}", flush=True)
        if status != 0:
            content = False
            if status != 2:
                print("\n".join(f"         | {line}" for line in said[-SHOWN:-1]), flush=True)
    return content


def main() -> int:
    """0 when all that was asked for ran, and was content; 2 when there is nothing to compare with, or to test."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *(program.name for program in PROGRAMS)])
    names = parser.parse_args().names or [program.name for program in PROGRAMS]
    try:
        print(f"beside Redis {servers.peer_version()} ({servers.peer()})", flush=True)
    except servers.ServerFailed as missing:
        print(missing, file=sys.stderr)
        return 2
    if shutil.which(servers.binary()) is None:
        print(f"{servers.binary()} is not there: make build, or name the command by HYPERDB", file=sys.stderr)
        return 2
    SAID.mkdir(parents=True, exist_ok=True)
    chosen = [program for program in PROGRAMS if program.name in names]
    good = [run(program) for program in chosen]
    print(f"{sum(good)} of {len(good)} content; what they said is in {SAID}")
    return 0 if all(good) else 1


if __name__ == "__main__":
    raise SystemExit(main())
