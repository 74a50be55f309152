"""Memory and opening time beside Redis.

Questions: how much memory does a server with a million 64-byte strings take, and how long until a server on a gigabyte
answers, after a clean stop and after a kill? Method: the same load through the same client into both; RSS from /proc;
opening is timed from the start of the process to its first answer, and by the engine alone in an open process.
Run: `python bench/memory.py [--keys 1000000] [--gigabytes 1.0]`.
"""

from __future__ import annotations

import argparse
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "compat-tests"))
import servers

BATCH = 1000
AOF_EVERYSEC = ("--appendonly", "yes", "--appendfsync", "everysec")


def rss_mib(pid: int) -> float:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(pid)


def fill(port: int, keys: int, size: int) -> None:
    """`SET key:<n>` with incompressible values of `size` bytes, pipelined."""
    import random

    rng = random.Random(7)
    with socket.create_connection(("127.0.0.1", port)) as conn:
        reader = conn.makefile("rb")
        for start in range(0, keys, BATCH):
            count = min(BATCH, keys - start)
            out = bytearray()
            for number in range(start, start + count):
                key = b"key:%012d" % number
                out += b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n" % (len(key), key, size)
                out += rng.randbytes(size) + b"\r\n"
            conn.sendall(out)
            for _ in range(count):
                reply = reader.readline()
                if reply != b"+OK\r\n":
                    raise RuntimeError(f"SET failed: {reply!r}")


def memory(keys: int) -> None:
    """Prints RSS of both servers, empty and with `keys` strings."""
    print(f"| {keys:,} strings of 64 B | empty MiB | loaded MiB | bytes a key | ratio |")
    print("|---|---|---|---|---|")
    loaded: dict[str, float] = {}
    for start in (lambda: servers.redis(*AOF_EVERYSEC), lambda: servers.hyperdb("--sync", "everysec")):
        with start() as server:
            empty = rss_mib(server.process.pid)
            fill(server.port, keys, 64)
            time.sleep(3)
            loaded[server.name] = rss_mib(server.process.pid)
            each = (loaded[server.name] - empty) * 2**20 / keys
            ratio = loaded[server.name] / loaded["redis"]
            print(f"| {server.name} | {empty:.0f} | {loaded[server.name]:.0f} | {each:.0f} | **{ratio:.2f}** |", flush=True)
    print()


def opening(gigabytes: float) -> None:
    """Prints how long HyperDB takes to answer on a large directory."""
    with tempfile.TemporaryDirectory(prefix="hyperdb-opening-") as scratch:
        data = Path(scratch) / "data"
        options = ("--sync", "everysec")
        with servers.hyperdb(*options, directory=data) as server:
            began = time.perf_counter()
            fill(server.port, int(gigabytes * 1e9 / 1024), 1000)
            print(f"filled {gigabytes} GB in {time.perf_counter() - began:.1f} s")
        print("| opened | process start to first answer, s |")
        print("|---|---|")
        with tempfile.TemporaryDirectory(prefix="hyperdb-empty-") as empty:
            began = time.perf_counter()
            with servers.hyperdb(*options, directory=Path(empty) / "data"):
                print(f"| empty directory | {time.perf_counter() - began:.2f} |")
        for label, end in (("after a clean stop", signal.SIGKILL), ("after a kill", signal.SIGKILL)):
            began = time.perf_counter()
            with servers.hyperdb(*options, directory=data) as server:
                print(f"| {label} | {time.perf_counter() - began:.2f} |", flush=True)
                fill(server.port, 100_000, 1000)
                server.process.send_signal(end)
                server.process.wait()


def main() -> int:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    options = parser.parse_args()
    memory(options.keys)
    opening(options.gigabytes)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
