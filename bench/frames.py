"""What sealed frames cost Redis clients: SET and GET with a frame every second against none.

Question: does SET keep 70% of its rate, and GET 90%, while every second a frame is sealed of all that changed? Method: two
servers of the same build run at once, one with `--frames off`; `redis-benchmark` (50 clients, P16, 100,000 keys, 64 bytes) asks
them in turn, rounds are interleaved, the ratio is the median of the rounds' ratios. GET is asked while nothing is to be sealed,
and again while another client writes 20,000 keys a second. How far sealing was behind is read from the server after each round.
Processor time of the loop that serves, and of the sealing thread, tell more than rates where other work runs on the machine.
Run: `python bench/frames.py [--rounds 5] [--sync everysec always] [--seconds 1]`.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "compat-tests"))
import servers

KEYS, VALUE = 100_000, 64
COMMAND = ("redis-benchmark", "-c", "50", "-r", str(KEYS), "-d", str(VALUE))
WRITES_BESIDE = 20_000


@dataclass(frozen=True)
class Lag:
    """What was not sealed when a round ended."""

    frames: int
    milliseconds: int
    dirty: int
    failures: int


@dataclass(frozen=True)
class Run:
    """Operations per second, and processor microseconds per operation of the loop that serves and of the sealing thread."""

    rate: float
    loop: float
    sealing: float


def thread_seconds(server: servers.Server, name: str) -> float:
    """Processor time of a thread so far."""
    for task in Path(f"/proc/{server.process.pid}/task").iterdir():
        if (task / "comm").read_text().strip() == name:
            return int((task / "schedstat").read_text().split()[0]) / 1e9
    return 0.0


def measure(server: servers.Server, test: str, requests: int) -> Run:
    """One run of one test."""
    threads = ("hyperdb-resp", "hyperdb-seal")
    before = [thread_seconds(server, name) for name in threads]
    command = [*COMMAND, "-p", str(server.port), "-P", "16", "-n", str(requests), "-t", test, "--csv"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rate = float(output.strip().splitlines()[-1].split('","')[1])
    used = [thread_seconds(server, name) - then for name, then in zip(threads, before, strict=True)]
    return Run(rate, used[0] / requests * 1e6, used[1] / requests * 1e6)


def ask(server: servers.Server, *words: str) -> str:
    """One command's raw reply, of at most a megabyte."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as conn:
        conn.sendall(f"*{len(words)}\r\n".encode() + b"".join(f"${len(w)}\r\n{w}\r\n".encode() for w in words))
        reply = conn.recv(1 << 20)
        while reply.startswith(b"$") and len(reply) < int(reply[1 : reply.index(b"\r\n")]):
            reply += conn.recv(1 << 20)
    return reply.decode()


def lag(server: servers.Server) -> Lag:
    """The server's gauges of sealing."""
    info = dict(re.findall(r"^(frame\w*):(\d+)", ask(server, "INFO", "frames"), re.MULTILINE))
    names = ("frames_sealed", "frame_lag_ms", "frame_dirty_bytes", "frame_failures")
    return Lag(*(int(info[name]) for name in names))


@contextlib.contextmanager
def writer(server: servers.Server) -> Iterator[None]:
    """A client that sets random keys at a steady pace."""
    program = (
        "import random, socket, sys, time\n"
        "conn = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
        "pace, keys, value = int(sys.argv[2]), int(sys.argv[3]), 'x' * int(sys.argv[4])\n"
        "began, sent = time.monotonic(), 0\n"
        "while True:\n"
        "    batch = ''.join(f'SET key:{random.randrange(keys):012} {value}\\r\\n' for _ in range(100))\n"
        "    conn.sendall(batch.encode())\n"
        "    left = 500\n"
        "    while left > 0:\n"
        "        left -= len(conn.recv(left))\n"
        "    sent += 100\n"
        "    time.sleep(max(0, sent / pace - (time.monotonic() - began)))\n"
    )
    command = [sys.executable, "-c", program, str(server.port), str(WRITES_BESIDE), str(KEYS), str(VALUE)]
    process = subprocess.Popen(command)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def settled(server: servers.Server) -> None:
    """Waits until everything is sealed."""
    while lag(server).milliseconds:
        time.sleep(0.1)


def compare(without: servers.Server, framed: servers.Server, options: argparse.Namespace) -> None:
    """Prints a row a question."""
    print(
        "| P16 | without /s | with /s | ratio (min..max) | loop us without | with | sealing us | frames | s behind | dirty MiB |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, test, beside, requests in (
        ("SET", "set", False, options.sets),
        ("GET, nothing to seal", "get", False, options.gets),
        (f"GET beside {WRITES_BESIDE:,} SET/s", "get", True, options.gets),
    ):
        pairs, ends = [], []
        for turn in range(options.rounds):
            runs = {}
            for server in (without, framed) if turn % 2 == 0 else (framed, without):
                if server is framed and not beside and test == "get":
                    settled(framed)
                before = lag(server).frames
                with writer(server) if beside else contextlib.nullcontext():
                    runs[server.port] = measure(server, test, requests)
                if server is framed:
                    end = lag(server)
                    ends.append((end.frames - before, end.milliseconds / 1000, end.dirty / 2**20))
            pairs.append((runs[without.port], runs[framed.port]))
        ratios = [mine.rate / peer.rate for peer, mine in pairs]
        frames, behind, dirty = (statistics.median(column) for column in zip(*ends, strict=True))
        row = [
            name,
            f"{statistics.median(peer.rate for peer, _ in pairs):,.0f}",
            f"{statistics.median(mine.rate for _, mine in pairs):,.0f}",
            f"**{statistics.median(ratios):.2f}** ({min(ratios):.2f}..{max(ratios):.2f})",
            f"{statistics.median(peer.loop for peer, _ in pairs):.2f}",
            f"{statistics.median(mine.loop for _, mine in pairs):.2f}",
            f"{statistics.median(mine.sealing for _, mine in pairs):.2f}",
            f"{frames:.0f}",
            f"{behind:.1f}",
            f"{dirty:.1f}",
        ]
        print("| " + " | ".join(row) + " |", flush=True)
    print()
    if lag(framed).failures:
        raise SystemExit("sealing failed")


def main() -> int:
    """Prints a table for each way to sync."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sync", nargs="*", default=["everysec", "always"], choices=["everysec", "always"])
    parser.add_argument("--seconds", default="1")
    parser.add_argument("--sets", type=int, default=2_000_000)
    parser.add_argument("--gets", type=int, default=2_000_000)
    options = parser.parse_args()
    for sync in options.sync:
        print(f"### sync={sync}, a frame every {options.seconds} s\n")
        with (
            servers.hyperdb("--sync", sync, "--frames", "off") as without,
            servers.hyperdb("--sync", sync, "--frames", options.seconds) as framed,
        ):
            compare(without, framed, options)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
