"""Moving from Redis and back, beside Redis itself.

Question: how many keys a second are imported from a file of RDB and from a running Redis, and exported, and how long does Redis
take to load and to save the same? Method: a Redis is filled with strings of 16 + 38 bytes and with hashes of ten fields, half
as many; its DEBUG RELOAD NOSAVE and SAVE are the peer's times, in turns with ours. Import: verified, written durably
(`always`), compared with the file.
Run: `python bench/moving.py [--keys 1000000] [--rounds 3]`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import redis

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "compat-tests"))
import servers

import hyperdb
from hyperdb.transfer.files import export_file, import_file
from hyperdb.transfer.live import import_server

PIPELINE = 5000


def fill(client: redis.Redis, shape: str, count: int) -> int:
    """Makes keys; how many."""
    keys = count if shape == "strings" else count // 10
    pipe = client.pipeline(transaction=False)
    for number in range(keys):
        if shape == "strings":
            pipe.set(f"key:{number:012d}", f"value-{number * 7919:032d}")
        else:
            pipe.hset(f"hash:{number:09d}", mapping={f"field{place}": f"value-{number}-{place}" for place in range(10)})
        if number % PIPELINE == PIPELINE - 1:
            pipe.execute()
    pipe.execute()
    return keys


class Clock:
    """When phases began and ended, from the progress."""

    def __init__(self) -> None:
        self.spans: dict[str, tuple[float, float]] = {}

    def __call__(self, _done: int, _total: int, phase: str) -> None:
        now = time.perf_counter()
        self.spans[phase] = (self.spans.get(phase, (now, now))[0], now)


def timed(run: Any, *given: Any) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    run(*given)
    return time.perf_counter() - start


def round_of(source: servers.Server, file: Path) -> dict[str, float]:
    """Seconds of each thing, once."""
    client = redis.Redis(port=source.port, socket_timeout=600)
    found = {
        "Redis SAVE": timed(client.save),
        "Redis loads the file": timed(client.execute_command, "DEBUG", "RELOAD", "NOSAVE"),
    }
    for sync in ("always", "everysec"):
        with tempfile.TemporaryDirectory() as scratch, hyperdb.open(Path(scratch) / "db", sync=sync, frames=None) as db:  # type: ignore[arg-type]
            clock = Clock()
            found[f"import a file, {sync}, verified and compared"] = timed(import_file, db, {"path": str(file)}, clock)
            if sync == "always":
                for phase, (start, end) in clock.spans.items():
                    found[f"  of it: {phase}"] = end - start
                out = str(Path(scratch) / "out.rdb")
                found["export a file"] = timed(export_file, db, {"path": out}, clock)
    with tempfile.TemporaryDirectory() as scratch, hyperdb.open(Path(scratch) / "db", frames=None) as db:
        found["import from the running Redis, always"] = timed(import_server, db, {"url": source.url}, Clock())
    return found


def main() -> None:
    """Prints a table for each shape."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}")
    for shape in ("strings", "hashes of ten fields"):
        with servers.redis("--enable-debug-command", "yes") as source:
            keys = fill(redis.Redis(port=source.port, socket_timeout=600), shape, options.keys)
            seconds = defaultdict(list)
            for _ in range(options.rounds):
                for name, took in round_of(source, source.directory / "dump.rdb").items():
                    seconds[name].append(took)
            size = (source.directory / "dump.rdb").stat().st_size / 1e6
            print(f"\n{keys:,} {shape}, {size:.0f} MB\n\n| | seconds | keys/s |\n|---|---|---|")
            for name, all_of in seconds.items():
                print(f"| {name} | {statistics.median(all_of):.2f} | {keys / statistics.median(all_of):,.0f} |")
    print(f"\nload {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
