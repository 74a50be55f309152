"""Kills the server without warning under load, again and again; every acknowledged write must be there after.

Run: `python tests/torture/kill9.py [--cycles 200] [--seed 1] [--frames 0.05]`. The server runs at `--sync always` in a directory
that lives through all cycles, so recoveries recover what recoveries left. Frames are sealed without a pause and with so little
memory that they go in pieces, so kills come in the middle of them; every ten cycles the newest frame is audited.
"""

from __future__ import annotations

import argparse
import random
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


def cycle(directory: Path, ledgers: list[workload.Ledger], rng: random.Random, frames: str) -> int:
    """One life of the server: check what the last one left, load, kill. Returns the writes checked."""
    with servers.hyperdb("--sync", "always", "--frames", frames, "--memory", "16m", directory=directory) as server:
        checked = workload.verify(server.port, ledgers)
        stop = threading.Event()
        clients = [workload.Client(server.port, ledger, stop, rng.getrandbits(32)) for ledger in ledgers]
        for client in clients:
            client.start()
        time.sleep(rng.uniform(0.02, 0.6))
        server.process.kill()
        for client in clients:
            client.join()
            if client.failure is not None:
                raise client.failure
    return checked


def main() -> int:
    """Prints a line every ten cycles; 1 at the first loss, with the seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--frames", default="0.05", help="seconds from frame to frame")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    ledgers = [workload.Ledger(number) for number in range(options.clients)]
    with tempfile.TemporaryDirectory(prefix="hyperdb-kill9-") as scratch:
        directory = Path(scratch) / "data"
        checked = 0
        for number in range(1, options.cycles + 1):
            checked += cycle(directory, ledgers, rng, options.frames)
            if number % 10 == 0:
                subprocess.run([servers.binary(), "check", str(directory)], check=True, stdout=subprocess.DEVNULL)
                print(f"{number} cycles, {checked} acknowledged writes there after a kill", flush=True)
        with servers.hyperdb("--sync", "always", directory=directory) as server:
            checked += workload.verify(server.port, ledgers)
        subprocess.run([servers.binary(), "check", str(directory)], check=True)
    print(f"{options.cycles} kill cycles, no loss, {checked} checks")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
