"""Cuts the power of a file system under load: what was acknowledged before the cut must be there after.

A small ext4 image is mounted in a mount namespace of our own; the cut is ext4's shutdown ioctl with NOLOGFLUSH, after which
nothing more reaches the image and its journal is not flushed. Only acknowledgements read before the ioctl count.
Needs root. Run: `python tests/torture/power_cut.py [--cycles 1000] [--seed 1]`.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import random
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "compat-tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
import servers
import workload

EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2
IMAGE_MIB = 768
IN_NAMESPACE = "HYPERDB_POWER_CUT_NAMESPACE"


def cut(mount: Path) -> None:
    """The power goes."""
    fd = os.open(mount, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
    finally:
        os.close(fd)


def cycle(image: Path, mount: Path, ledgers: list[workload.Ledger], rng: random.Random) -> int:
    """Mount, check what the last cut left, load, cut, unmount. Returns the writes checked."""
    subprocess.run(["mount", "-o", "loop", str(image), str(mount)], check=True)
    try:
        with servers.hyperdb("--sync", "always", directory=mount / "data") as server:
            checked = workload.verify(server.port, ledgers)
            stop = threading.Event()
            clients = [workload.Client(server.port, ledger, stop, rng.getrandbits(32)) for ledger in ledgers]
            for client in clients:
                client.start()
            time.sleep(rng.uniform(0.05, 0.8))
            stop.set()  # first: an acknowledgement read after this is not counted
            cut(mount)
            server.process.kill()
            for client in clients:
                client.join()
    finally:
        subprocess.run(["umount", str(mount)], check=True)
    return checked


def main() -> int:
    """Prints a line every ten cycles; fails at the first loss, with the seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if IN_NAMESPACE not in os.environ:
        own = ["unshare", "-m", sys.executable, __file__, *sys.argv[1:]]
        return subprocess.run(own, env={**os.environ, IN_NAMESPACE: "1"}).returncode
    rng = random.Random(options.seed)
    ledgers = [workload.Ledger(number) for number in range(options.clients)]
    with tempfile.TemporaryDirectory(prefix="hyperdb-power-") as scratch:
        image, mount = Path(scratch) / "disk.img", Path(scratch) / "mnt"
        mount.mkdir()
        with image.open("wb") as file:
            file.truncate(IMAGE_MIB << 20)
        subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
        checked = 0
        for number in range(1, options.cycles + 1):
            checked += cycle(image, mount, ledgers, rng)
            if number % 10 == 0:
                print(f"{number} cuts, {checked} acknowledged writes there after the power came back", flush=True)
    print(f"{options.cycles} power cuts, no loss, {checked} checks")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
