"""A Redisson application (Java): two clients of one server, whose locks, maps, queues and services are its scripts.

Locks of every kind, semaphores, latches, rate limiters, maps and sets whose entries end, near caches, multimaps, time series,
delayed and bounded queues, topics, reliable topics, streams, executors with schedules, remote calls, map and reduce, live
objects, batches, transactions, functions: over RESP2 and RESP3, then what is left after a restart of the server, and the same
as a cluster's client on one node. Run: `python compat-tests/apps/redisson.py [--peer]` (Java 17, Maven).
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import maven
import redis
import servers

FOLDER = Path(__file__).resolve().parent / "redisson_app"
LONGEST = 1200.0
LAST_SLOT = 16383
CLUSTER = ("--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1")


@contextlib.contextmanager
def serving(name: str, directory: Path, port: int, *, cluster: bool) -> Iterator[None]:
    """One of the peers on its directory, telling of keys; as a cluster of one node where it matters."""
    if name == "hyperdb":
        peer = servers.hyperdb("--sync", "everysec", directory=directory, port=port)
    else:
        clustered = (*CLUSTER, "--cluster-port", str(servers.free_port())) if cluster else ()
        words = ("--dir", str(directory), "--appendonly", "yes", *clustered)
        peer = servers.redis(*words, port=port)
    with peer, redis.Redis(port=port) as connection:
        connection.config_set("notify-keyspace-events", "KEA")
        if name == "redis" and cluster:
            connection.execute_command("CLUSTER ADDSLOTSRANGE", 0, LAST_SLOT)
        yield


def ran(target: Path, phase: str, port: int, protocol: str) -> bool:
    """Whether all steps of a phase passed; prints them."""
    print(f"-- {phase}, {protocol}", flush=True)
    words = [maven.program("java"), "-cp", f"{target / 'app.jar'}:{target / 'lib'}/*", "app.App", phase, str(port), protocol]
    return subprocess.run(words, timeout=LONGEST).returncode == 0


def passed(name: str, target: Path) -> bool:
    """Whether one of the peers passed everything."""
    good = True
    for protocol in ("RESP3", "RESP2"):
        with tempfile.TemporaryDirectory(prefix="redisson-") as scratch:
            port = servers.free_port()
            for phase in ("fresh", "restarted"):
                with serving(name, Path(scratch), port, cluster=False):
                    good = ran(target, phase, port, protocol) and good
    with tempfile.TemporaryDirectory(prefix="redisson-") as scratch:
        port = servers.free_port()
        with serving(name, Path(scratch), port, cluster=True):
            good = ran(target, "cluster", port, "RESP3") and good
    return good


def main() -> int:
    """0 when every step passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", action="store_true", help="run against redis-server instead")
    name = "redis" if parser.parse_args().peer else "hyperdb"
    good = passed(name, maven.packaged(FOLDER, "redisson"))
    print(
        "redisson: "
        + ("every step right, over RESP3 and RESP2, after a restart and as a cluster's client" if good else "steps fail")
    )
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(servers.status(main))
