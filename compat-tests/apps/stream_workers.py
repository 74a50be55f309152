"""Workers of a stream's consumer group: one is killed with entries in its hands, the server is killed too, others reclaim them.

Each task's effect and its acknowledgement are one transaction, so a task that was delivered twice is done once. What is pending,
whose it is and how often it was delivered is looked at after every step, and must be exact. What fails again and again goes to a
second stream. Run: `python compat-tests/apps/stream_workers.py [--peer]`.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import redis
import servers

TASKS, HELD, POISON, MOST_TRIES = 200, 7, 3, 3
STREAM, GROUP, DEAD = "tasks", "workers", "tasks:dead"


def connection(port: int) -> redis.Redis:
    return redis.Redis(port=port, decode_responses=True)


def finish(client: redis.Redis, identity: str, fields: dict[str, str]) -> bool:
    """Does a task and acknowledges it, at once; false if it cannot be done."""
    if "poison" in fields:
        return False
    while True:
        with client.pipeline() as step, contextlib.suppress(redis.WatchError):
            step.watch(f"done:{identity}")
            is_done = step.exists(f"done:{identity}")
            step.multi()
            if not is_done:
                step.incr(f"done:{identity}")
            step.xack(STREAM, GROUP, identity)
            step.execute()
            return True


def work(port: int, name: str) -> None:
    """Takes new tasks until there are none; what failed stays pending."""
    client = connection(port)
    while batch := client.xreadgroup(GROUP, name, {STREAM: ">"}, count=5, block=300):
        for _, entries in batch:
            for identity, fields in entries:
                finish(client, identity, fields)


def hold(port: int, name: str) -> None:
    """Takes tasks, says so, and does nothing with them."""
    client = connection(port)
    client.xreadgroup(GROUP, name, {STREAM: ">"}, count=HELD)
    client.rpush("holding", name)
    time.sleep(600)


def rescue(port: int, name: str) -> None:
    """Claims what others left, does it, and gives up on what was tried too often."""
    client = connection(port)
    for _ in range(MOST_TRIES + 1):
        cursor = "0-0"
        while True:
            cursor, entries, gone = client.xautoclaim(STREAM, GROUP, name, min_idle_time=50, start_id=cursor, count=3)
            assert gone == []
            for identity, fields in entries:
                if finish(client, identity, fields):
                    continue
                tries = client.xpending_range(STREAM, GROUP, identity, identity, 1)[0]["times_delivered"]
                if tries > MOST_TRIES:
                    with client.pipeline() as step:
                        step.xadd(DEAD, fields | {"tries": str(tries)})
                        step.xack(STREAM, GROUP, identity)
                        step.execute()
            if cursor == "0-0":
                break
        time.sleep(0.1)


ROLES = {"work": work, "hold": hold, "rescue": rescue}


@contextlib.contextmanager
def started(role: str, port: int, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process with a role."""
    process = subprocess.Popen([sys.executable, __file__, "--role", role, str(port), name])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def pending(client: redis.Redis) -> dict[str, int]:
    """How many entries each consumer holds, by XPENDING, which XINFO must confirm."""
    told = client.xpending(STREAM, GROUP)
    holders = {each["name"]: each["pending"] for each in told["consumers"]}
    shown = {each["name"]: each["pending"] for each in client.xinfo_consumers(STREAM, GROUP) if each["pending"]}
    assert holders == shown and told["pending"] == sum(holders.values()), (told, shown)
    listed = client.xpending_range(STREAM, GROUP, "-", "+", 1000)
    assert len(listed) == told["pending"] == client.xinfo_groups(STREAM)[0]["pending"]
    return holders


def crash(port: int) -> dict[str, int]:
    """A worker that is killed with tasks in its hands, while others go on."""
    client = connection(port)
    client.xgroup_create(STREAM, GROUP, "0", mkstream=True)
    for number in range(TASKS):
        client.xadd(STREAM, {"number": number} | ({"poison": 1} if number % (TASKS // POISON) == TASKS // 5 else {}))
    with started("hold", port, "crashed") as victim:
        assert client.blpop(["holding"], timeout=60)
        assert pending(client) == {"crashed": HELD}
        victim.kill()
        victim.wait()
    assert pending(client) == {"crashed": HELD}
    with started("work", port, "one") as one, started("work", port, "two") as two:
        assert one.wait(120) == 0 and two.wait(120) == 0
    holders = pending(client)
    assert holders.pop("crashed") == HELD
    assert sum(holders.values()) == POISON, holders
    group = client.xinfo_groups(STREAM)[0]
    assert (group["entries-read"], group["lag"]) == (TASKS, 0), group
    return holders | {"crashed": HELD}


def reclaim(port: int, before: dict[str, int]) -> None:
    """Others take what is left; nothing is done twice and nothing is lost."""
    client = connection(port)
    assert pending(client) == before, "a restart changed what is pending"
    listed = client.xpending_range(STREAM, GROUP, "-", "+", 100, consumername="crashed")
    assert [each["times_delivered"] for each in listed] == [1] * HELD
    time.sleep(0.1)
    with started("rescue", port, "rescuer") as one, started("rescue", port, "helper") as two:
        assert one.wait(120) == 0 and two.wait(120) == 0
    with started("rescue", port, "last") as last:
        assert last.wait(120) == 0
    assert pending(client) == {}
    done = [client.get(key) for key in client.scan_iter("done:*", count=100)]
    assert done == ["1"] * (TASKS - POISON), f"{len(done)} tasks done, some of them {max(done)} times"
    dead = [fields for _, fields in client.xrange(DEAD)]
    assert len(dead) == POISON and all(int(fields["tries"]) == MOST_TRIES + 1 for fields in dead), dead
    assert client.xgroup_delconsumer(STREAM, GROUP, "crashed") == 0


def main() -> int:
    """0 when every task was done once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", action="store_true", help="run against redis-server instead, which is not killed")
    parser.add_argument("--role", nargs=3, metavar=("ROLE", "PORT", "NAME"), help="a process of the application itself")
    options = parser.parse_args()
    if options.role:
        role, port, name = options.role
        ROLES[role](int(port), name)
        return 0
    if options.peer:
        with servers.redis() as server:
            reclaim(server.port, crash(server.port))
        return 0
    with tempfile.TemporaryDirectory(prefix="hyperdb-stream-") as scratch:
        data = Path(scratch) / "data"
        with servers.hyperdb(directory=data) as server:
            before = crash(server.port)
            server.process.kill()
            server.process.wait()
        with servers.hyperdb(directory=data) as server:
            reclaim(server.port, before)
    print("stream workers: a killed worker's tasks were reclaimed over a killed server, each done once; pending counts exact")
    return 0


if __name__ == "__main__":
    raise SystemExit(servers.status(main))
