"""Fills the disk under a running server: writes are refused with an error, reads go on, room brings it back.

A small ext4 image in a mount namespace of our own, with a ballast file that takes the room and gives it back. Needs root.
Run: `python tests/torture/disk_full.py [--rounds 5]`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "compat-tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
import servers
import workload

IMAGE_MIB = 1024
IN_NAMESPACE = "HYPERDB_DISK_FULL_NAMESPACE"
VALUE = 8000


def write_until_refused(connection: workload.Connection, start: int) -> tuple[int, str]:
    """SETs until one is refused; the number of the refused one, and the error."""
    number = start
    while True:
        digits = b"%d" % number
        try:
            connection.call(b"SET", b"k" + digits, digits + b" " + os.urandom(VALUE))
        except AssertionError as error:
            return number, str(error)
        number += 1


def check_readable(connection: workload.Connection, count: int) -> None:
    """Every acknowledged value is there and whole."""
    for number in range(count):
        digits = b"%d" % number
        value = connection.call(b"GET", b"k" + digits)
        assert isinstance(value, bytes), f"k{number} is gone"
        assert value.startswith(digits + b" ") and len(value) == len(digits) + 1 + VALUE, f"k{number} is damaged"


def wait_until_writable(connection: workload.Connection) -> float:
    """Seconds until a write is accepted again."""
    began = time.monotonic()
    while time.monotonic() - began < 30:
        try:
            connection.call(b"SET", b"probe", b"1")
            return time.monotonic() - began
        except AssertionError:
            time.sleep(0.1)
    raise AssertionError("writes are still refused half a minute after there was room")


def main() -> int:
    """Fills, checks, frees, checks, restarts, checks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if IN_NAMESPACE not in os.environ:
        own = ["unshare", "-m", sys.executable, __file__, *sys.argv[1:]]
        return subprocess.run(own, env={**os.environ, IN_NAMESPACE: "1"}).returncode
    with tempfile.TemporaryDirectory(prefix="hyperdb-full-") as scratch:
        image, mount = Path(scratch) / "disk.img", Path(scratch) / "mnt"
        mount.mkdir()
        with image.open("wb") as file:
            file.truncate(IMAGE_MIB << 20)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=True)
        subprocess.run(["mount", "-o", "loop", str(image), str(mount)], check=True)
        try:
            written = 0
            for turn in range(options.rounds):
                with servers.hyperdb("--sync", "always", directory=mount / "data") as server:
                    connection = workload.Connection(server.port)
                    check_readable(connection, written)
                    ballast = mount / "ballast"
                    room = os.statvfs(mount)
                    size = max(0, room.f_bavail * room.f_frsize - (96 << 20))
                    with ballast.open("wb") as file:
                        os.posix_fallocate(file.fileno(), 0, size)
                    written, error = write_until_refused(connection, written)
                    print(f"round {turn}: refused at {written}: {error}")
                    check_readable(connection, written)
                    assert connection.call(b"PING") == b"PONG"
                    ballast.unlink()
                    print(f"round {turn}: writable {wait_until_writable(connection):.1f} s after there was room", flush=True)
                    connection.close()
        finally:
            subprocess.run(["umount", str(mount)], check=True)
    print(f"{options.rounds} times full: refused, readable, back; {written} values whole")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
